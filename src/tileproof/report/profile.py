"""Where the cycles of a run go, as text and as JSON: resources, critical path, lines, loops, and what would help."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from tileproof.emulator.array.critical_path import shares
from tileproof.emulator.array.timeline import Timeline, launch_advice
from tileproof.emulator.cost.advice import Advice, advice_of
from tileproof.emulator.cost.machine import WIDTH, Slot
from tileproof.emulator.cost.peano import Listed, PeanoListing
from tileproof.emulator.cost.profile import CodeUse, LineUse, LoopUse
from tileproof.emulator.design.what_if import WhatIf
from tileproof.printable import printable

_LINES, _LOOPS, _LEGS = 12, 10, 12


_NOT_ASKED = WhatIf()
_NO_LISTING = "not run (nobody asked)"


def as_text(
    name: str,
    timeline: Timeline,
    sources: Mapping[str, Sequence[str]],
    asked: WhatIf = _NOT_ASKED,
    listing: PeanoListing | str = _NO_LISTING,
) -> str:
    """`sources` are the lines of the tile code, by file name, to show what stands there; `asked` is what changes of the
    design would save, and `listing` what Peano made of the tile code, or why that is not known."""
    parts = [
        [f"{name}: {timeline}", "  modelled: expected cycles, from schedules that a compiler may beat or miss"],
        _resources(timeline),
        _path(timeline),
        _regions(timeline),
        [*_advice(_of_run(timeline, asked), timeline.cycles + timeline.dispatch), *_asked(asked)],
        *(part for use in timeline.code if use.calls for part in _code(use, sources, listing)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def _of_run(timeline: Timeline, asked: WhatIf) -> list[Advice]:
    return sorted((*launch_advice(timeline), *asked.advice), key=lambda one: -one.gain)


def _asked(asked: WhatIf) -> list[str]:
    if not asked.tried:
        return []
    changes = "1 change" if asked.tried == 1 else f"{asked.tried} changes"
    left = f"; there was no time for {asked.left} more" if asked.left else ""
    return [f"  (the design was run again with {changes}, one at a time{left})"]


def as_json(
    name: str, timeline: Timeline, asked: WhatIf = _NOT_ASKED, listing: PeanoListing | str = _NO_LISTING
) -> str:
    """One object: the figures of a verdict's `cycles`, and of each core its lines, loops and advice, and what Peano's
    listing says of it, null where that is not known."""
    cores = [
        {
            **asdict(use),
            "binding": use.binding,
            "listing": None if isinstance(listing, str) else asdict(listing.of(use)),
            "advice": [asdict(one) for one in advice_of(use)],
        }
        for use in timeline.code
    ]
    advice = [asdict(one) for one in _of_run(timeline, asked)]
    tried = {"tried": asked.tried, "left": asked.left}
    told = {"profiled": name, "cycles": timeline.figures(), "advice": advice, "asked_again": tried, "cores": cores}
    return json.dumps(told, indent=1)


def _resources(timeline: Timeline) -> list[str]:
    rows = [("resource", "busy", "of the run", "MACs a cycle", "bytes a cycle", "of peak")]
    for busy in sorted(timeline.busy, key=lambda busy: -busy.cycles):
        macs, nbytes = (
            _rate(busy.macs_per_cycle, busy.work.peak_macs),
            _rate(busy.bytes_per_cycle, busy.work.peak_bytes),
        )
        peak = f"{100 * busy.of_peak:.1f} %" if busy.work.peak_bytes else ""
        rows.append((busy.name, f"{busy.cycles:,}", _percent(busy.cycles, timeline.cycles), macs, nbytes, peak))
    return ["Resources; rates while they work", *_columns(rows)]


def _rate(rate: float, peak: int) -> str:
    return f"{rate:,.1f} of {peak}" if rate else ""


def _path(timeline: Timeline) -> list[str]:
    """What made the run as long as it is. The shares add up to the whole."""
    legs = shares(timeline.path)
    shown, rest = legs[:_LEGS], legs[_LEGS:]
    rows = [("share", "cycles", "critical path")]
    rows += [(_percent(n, timeline.cycles), f"{n:,}", f"{task}: {printable(label)}") for task, label, n in shown]
    if rest:
        left = sum(n for _, _, n in rest)
        rows.append((_percent(left, timeline.cycles), f"{left:,}", f"{len(rest)} others"))
    stages = ", ".join(f"{stage} {_percent(n, timeline.cycles)}" for stage, n in timeline.stages.items())
    return ["Critical path: what the run could not end without", *_columns(rows), f"  by stage: {stages}"]


def _regions(timeline: Timeline) -> list[str]:
    rows = [("times", "least", "median", "most", "region")]
    for use in timeline.regions:
        name = f"{use.core}, {printable(use.name)}"
        rows.append((f"{use.calls:,}", f"{use.least:,}", f"{use.median:,}", f"{use.most:,}", name))
    return ["Regions, in cycles", *_columns(rows)] if len(rows) > 1 else []


def _code(use: CodeUse, sources: Mapping[str, Sequence[str]], listing: PeanoListing | str) -> Iterator[list[str]]:
    listed = listing if isinstance(listing, str) else listing.of(use)
    told = listed if isinstance(listed, str) else f"{listed.cycles:,}"
    bound = ", ".join(f"{name} {-(-count // WIDTH[Slot(name)]):,}" for name, count in _most(use.slots))
    yield [
        f"{use.core}: {use.calls:,} {'call' if use.calls == 1 else 'calls'} of tile functions",
        f"  slot bound {use.slot_bound:,} ({use.binding}), expected {use.expected:,}, from Peano's listing: {told}",
        f"  cycles by slot: {bound}" + (f"; {use.conflicts:,} conflicts of banks" if use.conflicts else ""),
    ]
    yield _lines(use, sources)
    yield _loops(use)
    if not isinstance(listed, str):
        yield _listed(listed)
    yield _advice(advice_of(use), use.expected) or ["What would help: nothing that the model knows"]


def _lines(use: CodeUse, sources: Mapping[str, Sequence[str]]) -> list[str]:
    rows = [("line", "cycles", "share", "slots", "")]
    for line in use.lines[:_LINES]:
        slots = " ".join(f"{name} {count:,}" for name, count in _most(line.slots))
        shown = (f"{line.file}:{line.line}", f"{line.cycles:,}", _percent(line.cycles, use.expected), slots)
        rows.append((*shown, _source(line, sources)))
    return ["Lines that take most", *_columns(rows)]


def _source(line: LineUse, sources: Mapping[str, Sequence[str]]) -> str:
    text = sources.get(line.file, ())
    shown = text[line.line - 1].strip() if 0 < line.line <= len(text) else ""
    return printable(shown[:60])


def _loops(use: CodeUse) -> list[str]:
    if not use.loops:
        return []
    head = ("loop", "cycles", "turns", "entries", "a turn", "slots need", "chain needs", "bound by")
    return ["Loops whose turns overlap", *_columns([head, *(_loop(loop) for loop in use.loops[:_LOOPS])])]


def _listed(listed: Listed) -> list[str]:
    """What the NPU's own compiler made of it."""
    frames = ", ".join(f"{name} {nbytes:,} B" for name, nbytes in listed.stack_bytes.items())
    rows = [("inner loop", "bundles", "turns of the text in one", "function")]
    rows += [(f"{one.file}:{one.line}", f"{one.interval:,}", f"{one.turns}", one.function) for one in listed.loops]
    return ["In Peano's listing, matched by lines", *(_columns(rows) if listed.loops else []), f"  stack: {frames}"]


def _loop(loop: LoopUse) -> tuple[str, ...]:
    figures = (loop.cycles, loop.turns, loop.entries, loop.interval, loop.resource, loop.recurrence)
    return (f"{loop.file}:{loop.line}", *(f"{figure:,}" for figure in figures), loop.binding)


def _advice(found: Sequence[Advice], whole: int) -> list[str]:
    if not found:
        return []
    told = ["What would help, by the model"]
    for one in found:
        told.append(f"  -{one.gain:,} cycles ({_percent(one.gain, whole)})  {one.where}: {one.what}")
        told.append(f"      {one.why}")
    return told


def _most(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.1f} %"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Figures to the right, words to the left."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    is_figure = [all(not row[at] or row[at][0].isdigit() for row in rows[1:]) for at in range(len(rows[0]))]
    return [
        "  "
        + "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, is_figure, strict=True)
        ).rstrip()
        for row in rows
    ]
