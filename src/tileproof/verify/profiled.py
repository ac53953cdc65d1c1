"""One case of a kernel run on the emulator for what the cycle model says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tileproof.build.prepare import render_kernel
from tileproof.device_model import GENERATIONS
from tileproof.errors import EXIT_KERNEL_WRONG, Problem, bytes_of
from tileproof.verify.expected import Expectations
from tileproof.verify.proof import Proof
from tileproof.verify.prove import chosen_cases
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import find_source
from tileproof.xclbin import read_xclbin

if TYPE_CHECKING:
    from tileproof.code_options import CodeOptions
    from tileproof.emulator.array.timeline import Timeline
    from tileproof.emulator.cost.peano import PeanoListing
    from tileproof.emulator.design.what_if import WhatIf
    from tileproof.verify.sources import Source


@dataclass(frozen=True, slots=True)
class Profiled:
    """The timeline of a run, what ran, its tile code, by file name, what would have made it shorter, and what Peano
    made of the code, or why that is not known."""

    name: str
    timeline: Timeline
    sources: dict[str, str]
    what_if: WhatIf
    listing: PeanoListing | str


def profile_kernel(name: str, request: VerifyRequest, say: Callable[[str], None]) -> Profiled:
    """The first case that is asked for. A `Problem` for a kernel that fails it: wrong code has no speed."""
    rendered = render_kernel(name, request.build)
    case = chosen_cases(rendered.spec, request)[0]
    with closing(Expectations(rendered.spec, rendered.constants)) as expectations:
        source = find_source(rendered, request, say)
        with closing(Proof.begin(rendered, request, source, expectations)) as proof:
            verdict = proof.case(case, say)
            timelines = proof.take_timelines()
            inputs = proof.joined_inputs(case)
    if not verdict.passed or not timelines:
        raise Problem(
            f"{name} is not profiled: its case {case.name!r} does not pass",
            id="not-profiled",
            why=verdict.reason or "no model timed the run",
            fix=f"`tileproof verify {name} --case {case.name!r}` says what is wrong",
            exit_code=EXIT_KERNEL_WRONG,
        )
    say(f"{name}: what would help")
    found = _what_if(source, inputs, timelines[0])
    arch, options = GENERATIONS[rendered.target].arch, rendered.spec.core.options
    listing = listing_of({**rendered.headers, **rendered.tile_code}, arch, options)
    return Profiled(f"{name}, {case.name}", timelines[0], dict(rendered.texts), found, listing)


def listing_of(texts: Mapping[str, str], arch: str, options: CodeOptions) -> PeanoListing | str:
    """What Peano makes of files of tile code; why that is not known."""
    from tileproof.emulator.cost.peano import read_peano
    from tileproof.toolchain.peano import peano_listings

    found = peano_listings(texts, arch, options)
    return found if isinstance(found, str) else read_peano(found)


def _what_if(source: Source, inputs: Mapping[int, bytes], timeline: Timeline) -> WhatIf:
    """Of the design that the xclbin brings for the emulator, on the inputs of the run."""
    from tileproof.emulator.design.what_if import WhatIf, what_if_of
    from tileproof.emulator.payload import unpack_payload

    if source.pair is None:
        return WhatIf()
    path = source.pair.paths[0]
    sections = read_xclbin(bytes_of(path), path.name).sections
    payload = unpack_payload(next(one.data for one in sections if one.kind_name == "EMULATION_DATA"), path.name)
    return what_if_of(payload, inputs, timeline)
