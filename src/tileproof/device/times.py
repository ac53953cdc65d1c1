"""How long runs took: the first of a loaded kernel, those after a pause, the steady ones; each phase as percentiles.

A first run loads the array, and after ten idle seconds a run takes a hundred milliseconds where it took a tenth of one
(mlir-aie#2944): a mean over all of them says nothing of any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

# What a host does in a run: fill and flush its buffers, set arguments and start, wait for the end, fetch the answer.
PHASES = ("sync", "launch", "wait", "read")
# Of each case, so that an answer that is one run late, or right by chance, is seen.
LEAST_RUNS = 3
When = Literal["first", "idle", "steady"]
WHENS: tuple[When, ...] = ("first", "idle", "steady")
_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class RunTime:
    """One run, in seconds by phase."""

    when: When
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def run_seconds(seconds: Mapping[str, float]) -> float | None:
    """From the start of a run to its end as the host sees it; None for seconds of no run."""
    return seconds["launch"] + seconds["wait"] if "wait" in seconds else None


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """By nearest rank, so that each was measured; `max` is the longest."""
    ranked = sorted(values)
    found = {name: ranked[math.ceil(share * len(ranked)) - 1] for name, share in _PERCENTILES.items()}
    return {**found, "max": ranked[-1]}


def spreads(runs: Sequence[RunTime]) -> dict[str, dict[str, object]]:
    """For each kind of run that there was: how many, and the percentiles of each phase and of their sum."""
    found: dict[str, dict[str, object]] = {}
    for when in WHENS:
        mine = [run for run in runs if run.when == when]
        if mine:
            phases = {name: percentiles([run.seconds[name] for run in mine]) for name in PHASES}
            found[when] = {"runs": len(mine), **phases, "total": percentiles([run.total for run in mine])}
    return found
