"""Decides pass or fail. A pass means that every element was compared, and that each was right.

Conditions ask whether something is right, never whether it is wrong, so that a NaN is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tileproof.device.times import RunTime
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.verify.compare import Comparison
from tileproof.xrt import COMPLETED, NO_STATE, state_name

PASS, FAIL, NOT_RUN = "pass", "fail", "not run"
KERNEL, DEVICE, UNKNOWN = "kernel", "device", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One case of one kernel, decided. `reason` says why it did not pass; `faults` are the device's findings."""

    kernel: str
    variant: str
    target: str
    toolchain: str
    device: str
    case: str
    seed: int
    outcome: str
    reason: str = ""
    outputs: tuple[Comparison, ...] = ()
    state: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)  # build, load, and the phases of the run that was judged
    faults: tuple[Diagnostic, ...] = ()
    warnings: tuple[str, ...] = ()  # of the checks that the build made
    unconfirmed: tuple[str, ...] = ()  # rules of the emulator's that decided results, and that no source confirms
    orders: str = ""  # of the emulator: the other legal orders that were tried
    cycles: Mapping[str, Any] | None = None  # as the emulator's model has them (Timeline.figures)
    modelled: str = ""
    runs: tuple[RunTime, ...] = ()  # of every run of the case
    blame: str = ""  # of a failure on an NPU, whose it is: KERNEL, DEVICE or UNKNOWN
    machine: Mapping[str, str] = field(default_factory=dict)  # of an NPU: its name, XRT, driver, firmware

    @property
    def passed(self) -> bool:
        return self.outcome == PASS


def judge(
    comparisons: Sequence[Comparison], state: int, state_name: str, faults: Sequence[Diagnostic]
) -> tuple[str, str]:
    """The outcome of a run and its reason. A state other than COMPLETED, or any fault, is never a pass."""
    reasons = []
    if faults:
        reasons.append((faults[0].what.splitlines() or ["the device found a fault"])[0])
    if state == NO_STATE:
        reasons.append("the run came to no end")
    elif state != COMPLETED:
        reasons.append(f"the run ended in {state_name}")
    elif not comparisons:
        reasons.append("nothing was compared")
    else:
        reasons += [f"{comparison.name}: {comparison.reason}" for comparison in comparisons if not comparison.passed]
    return (FAIL, "; ".join(reasons)) if reasons else (PASS, "")


def is_contradicted(verdict: Verdict) -> bool:
    """Whether a pass says otherwise itself: somebody has changed it, or another tileproof has judged otherwise."""
    is_right = bool(verdict.outputs) and all(
        output.compared > 0 and not output.mismatched and output.max_abs_error <= output.max_abs_allowed
        for output in verdict.outputs
    )
    is_clean = verdict.state == state_name(COMPLETED) and not verdict.faults and not verdict.reason
    return verdict.passed and not (is_right and is_clean)


def outcome_of(problem: Problem) -> str:
    """What a case is that met a problem instead of a run: wrong, or not run because something is not here."""
    return FAIL if problem.exit_code == EXIT_KERNEL_WRONG else NOT_RUN


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 only if every verdict is a pass; 1 if any is a fail; 3 if something was not run, or the device went wrong."""
    if any(verdict.outcome == FAIL and verdict.blame != DEVICE for verdict in verdicts):
        return EXIT_KERNEL_WRONG
    return 0 if {verdict.outcome for verdict in verdicts} == {PASS} else EXIT_NOT_HERE
