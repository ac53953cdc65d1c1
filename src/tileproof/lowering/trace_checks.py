"""What mlir-aie refuses of a trace as it is written (the verifiers in AIETraceOps.cpp)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.trace_config import module_of
from tileproof.lowering.trace_events import ENUMS, enums_of
from tileproof.lowering.trace_registers import BROADCASTS, stream_port
from tileproof.mlir.design import (
    EventName,
    Trace,
    TraceCombo,
    TraceEdge,
    TraceEvent,
    TracePacket,
    TracePort,
    TraceSwitch,
)

MOST_EVENTS = 8
PACKET_IDS = range(1, 32)
# Ports that resolvePortValue knows by name; of the others mlir-aie has numbers, and no name.
_NAMED_PORTS = ("North", "South", "East", "West", "DMA", "FIFO", "Core")
_SLOTS: dict[type, tuple[str, int]] = {
    TracePort: ("a stream port", 8),
    TraceCombo: ("a combo event", 3),
    TraceEdge: ("an edge detector", 2),
}


def check_trace(trace: Trace, generation: str) -> None:
    """A `Problem` for what no aie-opt would read."""
    events = [line for line in trace.lines if isinstance(line, TraceEvent)]
    if len(events) > MOST_EVENTS:
        raise Problem(
            f"@{trace.name} has {len(events)} events",
            id="TP002",
            where=events[MOST_EVENTS].place,
            why=f"a trace unit has room for {MOST_EVENTS}",
            fix="leave some away, or trace them in another run",
        )
    taken: dict[tuple[type, int], Place] = {}
    for line in trace.lines:
        if isinstance(line, TracePort | TraceCombo | TraceEdge):
            _check_slot(line, taken)
        check = _CHECKS.get(type(line))
        if check is not None:
            check(trace, line, generation)


def _check_slot(line: TracePort | TraceCombo | TraceEdge, taken: dict[tuple[type, int], Place]) -> None:
    what, count = _SLOTS[type(line)]
    if not 0 <= line.slot < count:
        raise Problem(
            f"there is no slot {line.slot} for {what}",
            id="TP002",
            where=line.place,
            why=f"a trace unit has slots 0 to {count - 1}",
            fix="use one of those",
        )
    first = taken.setdefault((type(line), line.slot), line.place)
    if first is not line.place:
        raise Problem(
            f"slot {line.slot} for {what} is taken",
            id="TP002",
            where=line.place,
            why=f"first at {first}",
            fix="use another slot",
        )


def _check_port(trace: Trace, line: TracePort, generation: str) -> None:
    number = stream_port(trace.tile.kind, line.direction, line.bundle, line.channel)
    if number is None or line.bundle not in _NAMED_PORTS:
        raise Problem(
            f"{trace.tile} has no {line.direction} port {line.bundle}:{line.channel} to trace",
            id="TP002",
            where=line.place,
            why="S2MM are the ports where a stream leaves the tile's switch, MM2S those where it enters",
            fix="name a port of that tile's stream switch",
        )


def _check_packet(trace: Trace, line: TracePacket, generation: str) -> None:
    if line.id is not None and line.id not in PACKET_IDS:
        raise Problem(
            f"there is no packet id {line.id} for a trace",
            id="TP002",
            where=line.place,
            why=f"traces have ids {PACKET_IDS.start} to {PACKET_IDS.stop - 1}",
            fix="use one of those, or leave id away",
        )


def _check_switch(trace: Trace, line: TraceSwitch, generation: str) -> None:
    if (line.broadcast is None) is (line.event is None):
        raise Problem(
            f"aie.trace.{line.at} names {'nothing' if line.event is None else 'a broadcast channel and an event'}",
            id="TP002",
            where=line.place,
            why=f"a trace {line.at}s by one of the two",
            fix=f"write `broadcast = 15`, or `event = <...>`: aie.trace.{line.at} broadcast = 15",
        )
    if line.broadcast is not None and not 0 <= line.broadcast < BROADCASTS:
        raise Problem(
            f"there is no broadcast channel {line.broadcast}",
            id="TP002",
            where=line.place,
            why=f"events are broadcast on channels 0 to {BROADCASTS - 1}",
            fix="use one of those",
        )
    if line.event is not None:
        _check_case(line.event, line.place)


def _check_case(event: EventName, place: Place) -> None:
    if event.enum is not None and event.name not in ENUMS.get(event.enum, ()):
        raise Problem(
            f"there is no event {event}",
            id="TP002",
            where=place,
            why=f"{event.enum} has no such name"
            if event.enum in ENUMS
            else f"there is no enum {event.enum}, only {', '.join(ENUMS)}",
            fix="correct the name, or write it in quotes without an enum",
        )


def _check_of_tile(trace: Trace, event: EventName, place: Place, generation: str) -> None:
    _check_case(event, place)
    enums = enums_of(module_of(trace), generation)
    if event.enum not in (None, *enums):
        raise Problem(
            f"{trace.tile} has no event {event}",
            id="TP002",
            where=place,
            why=f"on {generation} its events are in {' and '.join(enums)}",
            fix="take the enum of the tile and of the device",
        )


def _check_event(trace: Trace, line: TraceEvent, generation: str) -> None:
    _check_of_tile(trace, line.event, line.place, generation)


def _check_combo(trace: Trace, line: TraceCombo, generation: str) -> None:
    names = (line.first.name, line.second.name)
    for event in (line.first, line.second):
        _check_of_tile(trace, event, line.place, generation)
    if line.slot == 2:
        wrong = names != ("COMBO_EVENT_0", "COMBO_EVENT_1")
    else:
        wrong = any("COMBO_EVENT" in name for name in names)
    if wrong:
        raise Problem(
            f"combo event {line.slot} cannot be made of {names[0]} and {names[1]}",
            id="TP002",
            where=line.place,
            why="0 and 1 are made of other events than combinations, and 2 of COMBO_EVENT_0 and COMBO_EVENT_1",
            fix="combine others, or use another slot",
        )


def _check_edge(trace: Trace, line: TraceEdge, generation: str) -> None:
    _check_of_tile(trace, line.event, line.place, generation)
    if any(made in line.event.name for made in ("EDGE_DETECTION_EVENT", "COMBO_EVENT")):
        raise Problem(
            f"an edge detector cannot listen to {line.event.name}",
            id="TP002",
            where=line.place,
            why="it listens to events that are not made of others",
            fix="detect the edge of the event itself",
        )


_CHECKS: dict[type, Callable[[Trace, Any, str], None]] = {
    TracePacket: _check_packet,
    TracePort: _check_port,
    TraceSwitch: _check_switch,
    TraceEvent: _check_event,
    TraceCombo: _check_combo,
    TraceEdge: _check_edge,
}
