"""Timelines in the trace format of Chrome, which Perfetto reads: a row for each task, and one for the runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from tileproof.emulator.array.regions import OF_REGIONS
from tileproof.emulator.array.timeline import Timeline

_Event = dict[str, object]
# Perfetto keeps process 0 and thread 0 for the idle task of a kernel.
_PROCESS, _RUNS = 1, 1
_ARGUMENT = re.compile(r"\bargument (\d+)\b")


def trace_json(timelines: Sequence[Timeline], design: str, names: Mapping[int, str] | None = None) -> str:
    """The runs one after the other; a microsecond there is a cycle. `names` are of arguments, by number."""
    tasks = _tasks(timelines)
    rows = {task: number for number, task in enumerate(tasks, _RUNS + 1)}
    events = [_named("process_name", _RUNS, name=f"{design} (modelled; 1 us is 1 cycle)")]
    for task, row in {"runs": _RUNS, **rows}.items():
        events += [_named("thread_name", row, name=task), _named("thread_sort_index", row, sort_index=row)]
    after = 0
    for number, timeline in enumerate(timelines, 1):
        # Each context begins at cycle 0, and runs of several follow each other here.
        shift = max(0, after - timeline.begin)
        mine = list(_run(timeline, number, rows, names or {}, shift))
        after = max([after, *(end for end, _ in mine)])
        events += [event for _, event in mine]
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ns"})


def _tasks(timelines: Sequence[Timeline]) -> list[str]:
    """In the order in which they first did something; regions behind their core."""
    tasks = dict.fromkeys(span.task for timeline in timelines for span in timeline.spans)
    place = {task: number for number, task in enumerate(tasks)}
    return sorted(tasks, key=lambda task: (place.get(task.removesuffix(OF_REGIONS), place[task]), place[task]))


def _run(
    timeline: Timeline, number: int, rows: Mapping[str, int], names: Mapping[int, str], shift: int
) -> Iterator[tuple[int, _Event]]:
    """Its slices, each with the cycle after it."""
    label = f"run {number}: {timeline.name}" if timeline.name else f"run {number}"
    yield _slice(label, "runs", _RUNS, timeline.begin + shift, timeline.dispatch + timeline.cycles)
    for span in timeline.spans:
        kind = "waits" if span.waits else "works"
        name = _ARGUMENT.sub(lambda found: _with_name(found, names), span.label)
        yield _slice(name, kind, rows[span.task], span.start + shift, span.cycles)


def _with_name(found: re.Match[str], names: Mapping[int, str]) -> str:
    name = names.get(int(found[1]))
    return f"{found[0]} ({name})" if name else found[0]


def _slice(name: str, kind: str, row: int, start: int, cycles: int) -> tuple[int, _Event]:
    where = {"pid": _PROCESS, "tid": row, "ts": start, "dur": cycles}
    return start + cycles, {"name": name, "cat": kind, "ph": "X", **where}


def _named(kind: str, row: int, **arguments: object) -> _Event:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": row, "args": arguments}
