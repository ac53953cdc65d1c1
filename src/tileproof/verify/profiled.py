"""One case of a kernel run on the emulator for what the cycle model says of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tileproof.build.prepare import render_kernel
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.verify.expected import Expectations
from tileproof.verify.proof import Proof
from tileproof.verify.prove import chosen_cases
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import find_source

if TYPE_CHECKING:
    from tileproof.emulator.array.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Profiled:
    """The timeline of a run, what ran, and its tile code, by file name."""

    name: str
    timeline: Timeline
    sources: dict[str, str]


def profile_kernel(name: str, request: VerifyRequest, say: Callable[[str], None]) -> Profiled:
    """The first case that is asked for. A `Problem` for a kernel that fails it: wrong code has no speed."""
    rendered = render_kernel(name, request.build)
    case = chosen_cases(rendered.spec, request)[0]
    with closing(Expectations(rendered.spec, rendered.constants)) as expectations:
        source = find_source(rendered, request, say)
        with closing(Proof.begin(rendered, request, source, expectations)) as proof:
            verdict = proof.case(case, say)
            timelines = proof.take_timelines()
    if not verdict.passed or not timelines:
        raise Problem(
            f"{name} is not profiled: its case {case.name!r} does not pass",
            id="not-profiled",
            why=verdict.reason or "no model timed the run",
            fix=f"`tileproof verify {name} --case {case.name!r}` says what is wrong",
            exit_code=EXIT_KERNEL_WRONG,
        )
    return Profiled(f"{name}, {case.name}", timelines[0], dict(rendered.texts))
