"""Why a run took as long as it did: the chain of events that ends with it, told from its begin.

From the end of the run back: what a task worked at is a leg of the path; where it waited, the path goes on with the
task that ended the wait.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tileproof.emulator.array.engine import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """`task` was at `label` from the cycle `start` on, and what came next could not begin before. It is idle where it
    worked at nothing, and nobody was there to wait for."""

    task: str
    label: str
    start: int
    cycles: int
    is_idle: bool = False


def critical_path(spans: Sequence[Span], begin: int, end: int, last: str) -> tuple[Leg, ...]:
    """The legs from `begin` to `end`, without gaps; `last` is the task with which the run is over."""
    by_task: defaultdict[str, list[Span]] = defaultdict(list)
    for one in spans:
        by_task[one.task].append(one)
    ends = {task: [span.start + span.cycles for span in mine] for task, mine in by_task.items()}
    legs: list[Leg] = []
    task, now, asked = last, end, set[str]()
    while now > begin:
        at = bisect_left(ends.get(task, []), now)
        reached = by_task[task][at : at + 1]
        span = reached[0] if reached and reached[0].start < now else None
        if span is not None and span.waits and span.by and span.by not in asked:
            asked.add(task)
            task = span.by
            continue
        start = max(begin, span.start if span is not None else ends[task][at - 1] if at else begin)
        label = "idle" if span is None else span.label or "waits"
        is_idle = span is None or span.waits
        legs.append(Leg(task=task, label=label, start=start, cycles=now - start, is_idle=is_idle))
        now, asked = start, set()
    return tuple(reversed(legs))


def shares(legs: Sequence[Leg]) -> list[tuple[str, str, int]]:
    """Task, label and cycles, legs alike added up, the longest first."""
    total: defaultdict[tuple[str, str], int] = defaultdict(int)
    for leg in legs:
        total[leg.task, leg.label] += leg.cycles
    return sorted(((task, label, cycles) for (task, label), cycles in total.items()), key=lambda one: -one[2])
