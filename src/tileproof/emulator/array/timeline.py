"""What the cycle model says of a run: how long it took, what bound it, and who did what when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tileproof.emulator.array.engine import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """A resource that worked: what bound a run if it is the busiest. `kind` is compute, DMA or dispatch."""

    kind: str
    name: str
    cycles: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run by the cycle model. `cycles` are those after `dispatch`, which passes before anything begins."""

    cycles: int
    dispatch: int
    busy: tuple[Busy, ...]
    spans: tuple[Span, ...] = field(default=(), repr=False)

    @property
    def binding(self) -> Busy | None:
        return max(self.busy, key=lambda busy: busy.cycles, default=None)

    def __str__(self) -> str:
        bound = self.binding
        took = f"modelled: {self.cycles:,} cycles after {self.dispatch:,} of dispatch"
        if bound is None or not bound.cycles:
            return took
        detail = f", there {bound.detail}" if bound.detail else ""
        return f"{took}; {bound.kind}-bound: {bound.cycles:,} of {self.cycles:,} cycles on {bound.name}{detail}"


def trace_json(timelines: Sequence[Timeline], design: str) -> str:
    """The runs one after the other as Chrome's trace format, which Perfetto shows; a microsecond there is a cycle."""
    tasks = list(dict.fromkeys(span.task for timeline in timelines for span in timeline.spans))
    events: list[dict[str, object]] = [
        {"name": "process_name", "ph": "M", "pid": 0, "args": {"name": f"{design} (modelled; 1 us is 1 cycle)"}}
    ]
    for number, task in enumerate(tasks):
        events.append({"name": "thread_name", "ph": "M", "pid": 0, "tid": number, "args": {"name": task}})
        events.append({"name": "thread_sort_index", "ph": "M", "pid": 0, "tid": number, "args": {"sort_index": number}})
    rows = {task: number for number, task in enumerate(tasks)}
    for timeline in timelines:
        events += [
            {
                "name": span.label,
                "cat": "waits" if span.waits else "works",
                "ph": "X",
                "pid": 0,
                "tid": rows[span.task],
                "ts": span.start,
                "dur": span.cycles,
            }
            for span in timeline.spans
        ]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})
