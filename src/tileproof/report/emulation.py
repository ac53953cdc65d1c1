"""How an emulation ended, as text and as JSON, and its arguments as files."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tileproof.emulator.array.timeline import Timeline
from tileproof.emulator.array.trace import trace_json
from tileproof.emulator.design.emulate import Argument, Array, Emulation
from tileproof.errors import Problem
from tileproof.files import write_output
from tileproof.xrt import COMPLETED, state_name


def save(emulation: Emulation, files: Mapping[int, Path]) -> dict[int, Path]:
    """Write arguments as .npy files: what numpy has no name for as its bits, bfloat16 as uint16 and blocks as bytes."""
    for number, path in files.items():
        where = f"--save {number}={path}"
        if number >= len(emulation.arguments):
            raise Problem(
                f"there is no argument {number}",
                id="unknown-argument",
                where=where,
                why=f"@{emulation.sequence} has {len(emulation.arguments)}",
                fix="save one of those",
            )
        array = emulation.arguments[number].after
        written = io.BytesIO()
        np.save(written, _named(array), allow_pickle=False)
        write_output(path, written.getvalue(), what="file", where=where)
    return dict(files)


def _named(array: Array) -> Array:
    if array.dtype.kind != "V":
        return array
    if array.itemsize == 2:
        return array.view(np.uint16)
    return array.view(np.uint8).reshape(*array.shape, array.itemsize)


def write_pictures(emulation: Emulation, name: str, *, trace: Path | None, dot: Path | None) -> None:
    """The timeline for Perfetto, and of a deadlock who waits for whom for Graphviz."""
    if trace is not None:
        timelines = [report.timeline for report in emulation.reports if report.timeline is not None]
        write_output(trace, trace_json(timelines, name).encode(), what="file", where=f"--trace {trace}")
    graphs = [report.graph for report in emulation.reports if report.graph]
    if dot is not None and graphs:
        write_output(dot, graphs[0].encode(), what="file", where=f"--dot {dot}")


def as_text(emulation: Emulation, name: str, saved: Mapping[int, Path]) -> str:
    calls = sum(report.calls for report in emulation.reports)
    runs = len(emulation.reports)
    ended = "ran to the end" if emulation.state == COMPLETED else f"ended in {state_name(emulation.state)}"
    last = [report.timeline for report in emulation.reports[-1:] if report.timeline is not None]
    times = f"{runs} runs, " if runs > 1 else ""
    lines = [
        *(f"fault: {fault.paragraph}" for fault in emulation.faults),
        *(warning.paragraph for warning in emulation.warnings),
        f"{name}: @{emulation.sequence} {ended} on the emulated {emulation.device}"
        f" ({times}{calls:,} {'call' if calls == 1 else 'calls'} of tile functions)",
        *(f"  {timeline}" for timeline in last),
        *(f"  region: {region}" for timeline in last for region in timeline.regions),
        *(f"  {orders}" for orders in [emulation.orders] if orders is not None),
        *(f"  unconfirmed: {rule}" for rule in emulation.unconfirmed),
        *(_line(argument, saved) for argument in emulation.arguments),
    ]
    return "\n".join(lines)


def _line(argument: Argument, saved: Mapping[int, Path]) -> str:
    changed = f"{argument.changed:,} of {argument.type.count:,} elements changed" if argument.changed else "unchanged"
    if argument.is_of_traces:
        changed = f"for traces, which are not emulated: {changed}"
    where = f", saved to {saved[argument.number]}" if argument.number in saved else ""
    return f"  argument {argument.number}  {argument.type!s:<20} {changed}{where}"


def _modelled(timeline: Timeline) -> dict[str, object]:
    return {
        "cycles": timeline.cycles,
        "dispatch": timeline.dispatch,
        "busy": [asdict(busy) for busy in sorted(timeline.busy, key=lambda busy: -busy.cycles)],
        "regions": [region.as_json() for region in timeline.regions],
    }


def as_json(emulation: Emulation, name: str, saved: Mapping[int, Path]) -> str:
    return json.dumps(
        {
            "design": name,
            "device": emulation.device,
            "sequence": emulation.sequence,
            "state": state_name(emulation.state),
            "runs": len(emulation.reports),
            "calls": sum(report.calls for report in emulation.reports),
            "faults": [fault.as_json() for fault in emulation.faults],
            "warnings": [warning.as_json() for warning in emulation.warnings],
            "unconfirmed": list(emulation.unconfirmed),
            "orders": None if emulation.orders is None else emulation.orders.as_json(),
            "modelled": [_modelled(report.timeline) for report in emulation.reports if report.timeline is not None],
            "arguments": [
                {
                    "number": argument.number,
                    "type": str(argument.type),
                    "changed": argument.changed,
                    "of_traces": argument.is_of_traces,
                    "sha256": hashlib.sha256(argument.after.tobytes()).hexdigest(),
                    "saved": str(saved[argument.number]) if argument.number in saved else None,
                }
                for argument in emulation.arguments
            ],
        },
        indent=1,
    )
