"""The canary: a kernel with nothing to go wrong. Whether an NPU answers it tells a dirty device from a wrong kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tileproof.build.prepare import Rendered, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.device import NPU
from tileproof.device.request import RunRequest
from tileproof.errors import EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.verify.expected import Expectations
from tileproof.verify.proof import Proof
from tileproof.verify.request import VerifyRequest
from tileproof.verify.sources import Source, find_source

if TYPE_CHECKING:
    from tileproof.device.runner import Counted

NAME = "canary"

# The driver ends a hung context after two seconds and resets it (amdxdna tdr_timeout_ms); what comes at once may be
# caught in that.
_SETTLE_S = 5.0

RESET = (
    "reload the driver (sudo modprobe -r amdxdna && sudo modprobe amdxdna) or restart the machine; "
    "`dmesg` has the driver's words"
)


@dataclass
class Canary:
    """`counted` is what ninstr counts on this NPU, as the canary has found out."""

    rendered: Rendered
    request: VerifyRequest
    source: Source
    counted: Counted | None = None

    @property
    def reset(self) -> str:
        """What mends a device that does not run it."""
        counted = self.request.run.counted
        return RESET if counted == "auto" else f"leave --ninstr {counted} out; or {RESET}"

    def wrong(self) -> str:
        """Empty if the NPU runs it and answers right; else what happened, in the driver's own words."""
        found = self._tried()
        if not found:
            return ""
        time.sleep(_SETTLE_S)
        return self._tried() and found

    def _tried(self) -> str:
        """Both meanings of ninstr, until one is known to work: a kernel that needs the other would look broken."""
        meanings: tuple[Counted, ...] = (self.counted,) if self.counted else ("words", "bytes")
        found: list[str] = []
        try:
            for meaning in meanings:
                if found:
                    time.sleep(_SETTLE_S)
                found.append(self._run(meaning))
                if not found[-1]:
                    self.counted = meaning
                    return ""
        except Problem as problem:
            if problem.exit_code == EXIT_REQUEST_WRONG:
                raise
            return ": ".join(filter(None, [problem.what, problem.why]))
        return found[0]

    def _run(self, counted: Counted) -> str:
        """What is wrong with its answer; a `Problem` if it cannot even be loaded."""
        with closing(Expectations(self.rendered.spec, self.rendered.constants)) as expectations:
            proof = Proof.begin(self.rendered, self.request, self.source, expectations, counted)
            try:
                verdict = proof.case(self.rendered.spec.cases[0], lambda _: None)
            finally:
                proof.close()
        return (
            ""
            if verdict.passed
            else "; ".join(dict.fromkeys([verdict.reason, *(fault.text for fault in verdict.faults)]))
        )


def find_canary(request: VerifyRequest, say: Callable[[str], None]) -> Canary | str:
    """The canary for the request's target, built with its tools; or why there is none."""
    xclbin, insts = request.run.canary or (None, None)
    build = BuildRequest(
        target=request.build.target,
        toolchain=request.build.toolchain,
        build_dir=request.build.build_dir,
        jobs=request.build.jobs,
        step_timeout_s=request.build.step_timeout_s,
    )
    run = RunRequest(
        device=NPU, xclbin=xclbin, insts=insts, timeout_s=request.run.timeout_s, counted=request.run.counted
    )
    mine = VerifyRequest(build=build, run=run)
    counted = None if request.run.counted == "auto" else request.run.counted
    try:
        rendered = render_kernel(NAME, mine.build)
        return Canary(rendered, mine, find_source(rendered, mine, say), counted)
    except Problem as problem:
        if request.run.canary is not None:
            raise
        return problem.what


def dirty(
    wrong: str, when: str, meaning: str = "what another kernel answers there proves nothing", fix: str = RESET
) -> Problem:
    """The device does not run the canary: nothing that runs on it proves anything."""
    return Problem(
        f"the NPU does not run a known-good kernel {when}",
        id="canary-wrong",
        where=f"the kernel {NAME!r}",
        why=f"it runs where the NPU, its driver and XRT are in order; here: {wrong}\n{meaning}",
        fix=fix,
        exit_code=EXIT_NOT_HERE,
    )
