"""One trace as writes to the registers of its event unit, as AIETraceToConfig.cpp of mlir-aie makes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from tileproof.device_model import MEM
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.trace_events import CORE, EVENTS, MEM_TILE, MEMORY, SHIM
from tileproof.lowering.trace_registers import REGISTERS, stream_port
from tileproof.mlir.design import (
    EventName,
    Trace,
    TraceCombo,
    TraceEdge,
    TraceEvent,
    TraceMode,
    TracePacket,
    TracePort,
    TraceSwitch,
    TraceUnit,
)
from tileproof.mlir_aie_versions import Version

# The numbers of packet types (AIETraceAttrs.td): who reads a trace knows the unit by them.
UNITS: dict[TraceUnit, int] = {"core": 0, "mem": 1, "shimtile": 2, "memtile": 3}
_LOGIC = {"AND": 0, "AND_NOT": 1, "OR": 2, "OR_NOT": 3}
_COMBO_INPUTS = ("AB", "CD", "AB")


def packet_of(trace: Trace) -> TracePacket | None:
    """The line that says what its packets are; the first, if there are several."""
    return next((line for line in trace.lines if isinstance(line, TracePacket)), None)


def module_of(trace: Trace) -> str:
    """Whose event unit it is: a core tile has two."""
    packet = packet_of(trace)
    if trace.tile.kind == MEM:
        return MEM_TILE
    if trace.tile.kind == SHIM:
        return SHIM
    return MEMORY if packet is not None and packet.unit == "mem" else CORE


def event_number(module: str, event: EventName, place: Place) -> int:
    """Of an event by its name, whether it is written in capitals or not; a `Problem` if the module has none such."""
    known = EVENTS[module]
    name = event.name if event.enum is not None else event.name.upper()
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise Problem(
            f"there is no event {event} to trace",
            id="TP002",
            where=place,
            why=f"aie-rt names {len(known)} events of {_OF[module]}, and none of them so",
            fix=f"did you mean {near[0]}?" if near else "name one of those",
        )
    return known[name]


_OF = {CORE: "a core", MEMORY: "the memory of a core tile", MEM_TILE: "a mem tile", SHIM: "a shim tile"}


def broadcast_event(module: str, channel: int) -> EventName:
    """The event that a module sees when something is broadcast on that channel."""
    return EventName(name=f"BROADCAST_{'A_' if module == SHIM else ''}{channel}")


def register_writes(trace: Trace, version: Version) -> tuple[tuple[int, int], ...]:
    """(byte offset in the tile, value), in the order of writing."""
    module = module_of(trace)
    values: dict[str, int] = {}
    masks: dict[str, int] = {}
    for write in _field_writes(trace, module, version):
        low, bits = _field(module, write)
        mask = (1 << bits) - 1 << low
        if masks.get(write.register, 0) & mask:
            raise _written_twice(trace, write)
        masks[write.register] = masks.get(write.register, 0) | mask
        # What does not fit its field is cut off (encodeFieldValue).
        values[write.register] = values.get(write.register, 0) | write.value << low & mask
    return tuple((REGISTERS[module][name].offset, value) for name, value in values.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _FieldWrite:
    register: str
    field: str
    value: int
    place: Place


def _field(module: str, write: _FieldWrite) -> tuple[int, int]:
    register = REGISTERS[module].get(write.register)
    if register is None or write.field not in register.fields:
        raise Problem(
            f"the event unit of {_OF[module]} has no {write.field}",
            id="TP002",
            where=write.place,
            why="its registers have no such field"
            if register is not None
            else f"only the other units have {write.register}",
            fix="leave the line away",
        )
    return register.fields[write.field]


def _written_twice(trace: Trace, write: _FieldWrite) -> Problem:
    return Problem(
        f"@{trace.name} sets {write.field} of {write.register} twice",
        id="TP002",
        where=write.place,
        why="a field has one value; combo events 0 and 2 take their inputs from the same fields",
        fix="keep one of the lines",
    )


def _field_writes(trace: Trace, module: str, version: Version) -> Iterator[_FieldWrite]:
    """Combinations and edges first, then control in the order of the lines, ports, and events at last."""
    for line in trace.lines:
        if isinstance(line, TraceCombo):
            yield from _combo(line, module)
    for line in trace.lines:
        if isinstance(line, TraceEdge):
            yield from _edge(line, module)
    yield from _control(trace, module, version)
    for line in trace.lines:
        if isinstance(line, TracePort):
            yield from _port(trace, line)
    events = [line for line in trace.lines if isinstance(line, TraceEvent)]
    for number, line in enumerate(events):
        value = event_number(module, line.event, line.place)
        yield _FieldWrite(
            register=f"Trace_Event{number // 4}", field=f"Trace_Event{number}", value=value, place=line.place
        )


def _combo(line: TraceCombo, module: str) -> Iterator[_FieldWrite]:
    for letter, event in zip(_COMBO_INPUTS[line.slot], (line.first, line.second), strict=True):
        value = event_number(module, event, line.place)
        yield _FieldWrite(register="Combo_event_inputs", field=f"event{letter}", value=value, place=line.place)
    yield _FieldWrite(
        register="Combo_event_control", field=f"combo{line.slot}", value=_LOGIC[line.logic], place=line.place
    )


def _edge(line: TraceEdge, module: str) -> Iterator[_FieldWrite]:
    fields = {
        f"Edge_Detection_Event_{line.slot}": event_number(module, line.event, line.place),
        f"Edge_Detection_{line.slot}_Trigger_Rising": int(line.rising),
        f"Edge_Detection_{line.slot}_Trigger_Falling": int(line.falling),
    }
    for field, value in fields.items():
        yield _FieldWrite(register="Edge_Detection_event_control", field=field, value=value, place=line.place)


def _control(trace: Trace, module: str, version: Version) -> Iterator[_FieldWrite]:
    packet = packet_of(trace)
    unit = "core" if packet is None else packet.unit
    has_mode = unit == "core" if version.routes_traces else unit != "mem"
    for line in trace.lines:
        match line:
            case TraceSwitch():
                field = f"Trace_{line.at.capitalize()}_Event"
                value = _switch(line, module, version)
                yield _FieldWrite(register="Trace_Control0", field=field, value=value, place=line.place)
            case TraceMode() if has_mode:
                yield _FieldWrite(register="Trace_Control0", field="Mode", value=line.number, place=line.place)
            case TracePacket():
                fields = {"ID": line.id or 0, "Packet_Type": UNITS[line.unit]}
                for field, value in fields.items():
                    yield _FieldWrite(register="Trace_Control1", field=field, value=value, place=line.place)


def _switch(line: TraceSwitch, module: str, version: Version) -> int:
    if line.event is not None:
        return event_number(module, line.event, line.place)
    assert line.broadcast is not None
    if not version.routes_traces:
        return line.broadcast
    return event_number(module, broadcast_event(module, line.broadcast), line.place)


def _port(trace: Trace, line: TracePort) -> Iterator[_FieldWrite]:
    number = stream_port(trace.tile.kind, line.direction, line.bundle, line.channel)
    assert number is not None  # check_trace has looked
    register = f"Stream_Switch_Event_Port_Selection_{line.slot // 4}"
    fields = {f"Port_{line.slot}_ID": number, f"Port_{line.slot}_Master_Slave": int(line.direction == "S2MM")}
    for field, value in fields.items():
        yield _FieldWrite(register=register, field=field, value=value, place=line.place)
