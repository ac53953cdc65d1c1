"""The lines of traces, which the dialect keeps as text, as plain data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NoReturn, cast

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation as XdslOperation

from tileproof.diagnostic import Place
from tileproof.mlir.aie_trace import HostConfigOp
from tileproof.mlir.attributes import refuse
from tileproof.mlir.design import (
    Direction,
    EventName,
    StartTrace,
    TraceCombo,
    TraceEdge,
    TraceEvent,
    TraceHostConfig,
    TraceLine,
    TraceMode,
    TracePacket,
    TracePort,
    TraceSwitch,
    TraceUnit,
)
from tileproof.mlir.parse import place_of


def trace_line(op: XdslOperation) -> TraceLine:
    """One line of an `aie.trace`; a `Problem` where it cannot be read."""
    if op.name not in _LINES:
        refuse(op, f"{op.name} cannot stand in a trace", f"a trace holds {', '.join(sorted(_LINES))}")
    pattern, read, example = _LINES[op.name]
    found = re.fullmatch(pattern, _text(op))
    if found is None:
        _unreadable(op, f"{op.name}{example}")
    return read(found, place_of(op))


def start_trace(op: XdslOperation) -> StartTrace:
    found = re.fullmatch(r'@"?(?P<name>[^"\s]+)"?', _text(op))
    if found is None:
        _unreadable(op, f"{op.name} @trace")
    return StartTrace(trace=found["name"], place=place_of(op))


def host_config(op: HostConfigOp) -> TraceHostConfig:
    found = op.values()
    if found is None:
        _unreadable(op, f"{op.name} {{buffer_size = 8192 : i32}}")
    if found.get("routing", "single") != "single":
        refuse(op, f"there is no routing of traces {found['routing']!r}", "leave routing away: it is single")
    nbytes, column = int(found["buffer_size"]), int(found.get("egress_shim_col", 0))
    if not 0 < nbytes < 1 << 31:
        refuse(op, f"a trace buffer cannot have {nbytes:,} bytes", "give buffer_size the bytes that traces may take")
    if column < 0:
        refuse(op, f"there is no shim tile in column {column}", "let egress_shim_col be the column of a shim tile")
    argument = int(found.get("arg_idx", 4)) if op.is_old() else None
    return TraceHostConfig(
        nbytes=nbytes,
        reuses_last=argument == -1 or found.get("reuse_output_buffer") == "true",
        column=column,
        place=place_of(op),
        argument=argument,
    )


def _text(op: XdslOperation) -> str:
    text = op.attributes["text"]
    assert isinstance(text, StringAttr)
    return text.data.strip()


def _unreadable(op: XdslOperation, example: str) -> NoReturn:
    refuse(op, f"{op.name} cannot be read", f"write for instance `{example}`", f"it says {_text(op) or 'nothing'}")


def _event(found: re.Match[str], name: str) -> EventName:
    enum, _, case = re.sub(r"\s", "", found[name]).rpartition("::")
    return EventName(name=case, enum=enum or None)


def _mode(found: re.Match[str], place: Place) -> TraceMode:
    return TraceMode(number=_MODES.index(found["mode"]), place=place)


def _listened(found: re.Match[str], place: Place) -> TraceEvent:
    return TraceEvent(event=_event(found, "event"), place=place)


def _packet(found: re.Match[str], place: Place) -> TracePacket:
    id_ = None if found["id"] is None else int(found["id"])
    return TracePacket(id=id_, unit=cast(TraceUnit, found["unit"]), place=place)


def _port(found: re.Match[str], place: Place) -> TracePort:
    return TracePort(
        slot=int(found["slot"]),
        bundle=found["bundle"],
        channel=int(found["channel"]),
        direction=cast(Direction, found["direction"]),
        place=place,
    )


def _switch(at: Literal["start", "stop"], found: re.Match[str], place: Place) -> TraceSwitch:
    return TraceSwitch(
        at=at,
        broadcast=None if found["broadcast"] is None else int(found["broadcast"]),
        event=None if found["event"] is None else _event(found, "event"),
        place=place,
    )


def _start(found: re.Match[str], place: Place) -> TraceSwitch:
    return _switch("start", found, place)


def _stop(found: re.Match[str], place: Place) -> TraceSwitch:
    return _switch("stop", found, place)


def _combo(found: re.Match[str], place: Place) -> TraceCombo:
    return TraceCombo(
        slot=int(found["slot"]),
        first=_event(found, "first"),
        logic=cast(Literal["AND", "AND_NOT", "OR", "OR_NOT"], found["logic"]),
        second=_event(found, "second"),
        place=place,
    )


def _edge(found: re.Match[str], place: Place) -> TraceEdge:
    return TraceEdge(
        slot=int(found["slot"]),
        event=_event(found, "event"),
        rising=found["trigger"] in ("RISING", "BOTH"),
        falling=found["trigger"] in ("FALLING", "BOTH"),
        place=place,
    )


_MODES = ("Event-Time", "Event-PC", "Execution")


def _in_brackets(name: str) -> str:
    """The pattern of an event: a name in quotes, or one of an enum."""
    return rf'<\s*"?(?P<{name}>\w+(?:\s*::\s*\w+)?)"?\s*>'


# No number of MLIR's is longer, and Python would not read one of thousands of digits.
_NUMBER = r"-?\d{1,18}"
_SLOT = rf"<\s*(?P<slot>{_NUMBER})(?:\s*:\s*i32)?\s*>\s*"
_I32 = r"(?:\s*:\s*i32)?"
_SWITCH = rf"(?:broadcast\s*=\s*(?P<broadcast>{_NUMBER}){_I32})?\s*(?:event\s*=\s*{_in_brackets('event')})?"
# Of each line its text behind the name, what reads it, and an example.
_LINES: dict[str, tuple[str, Callable[[re.Match[str], Place], TraceLine], str]] = {
    "aie.trace.mode": (rf'"?(?P<mode>{"|".join(_MODES)})"?', _mode, ' "Event-Time"'),
    "aie.trace.event": (
        _in_brackets("event") + r'(?:\s*label\s*=\s*"(?:[^"\\]|\\.)*")?',
        _listened,
        '<"INSTR_EVENT_0">',
    ),
    "aie.trace.packet": (
        rf'(?:id\s*=\s*(?P<id>{_NUMBER}){_I32}\s+)?type\s*=\s*"?(?P<unit>core|mem|shimtile|memtile)"?',
        _packet,
        " id = 1 type = core",
    ),
    "aie.trace.port": (
        rf"{_SLOT}port\s*=\s*(?P<bundle>\w+)\s+channel\s*=\s*(?P<channel>{_NUMBER}){_I32}\s+"
        r"direction\s*=\s*(?P<direction>S2MM|MM2S)",
        _port,
        "<0> port = DMA channel = 0 direction = S2MM",
    ),
    "aie.trace.start": (_SWITCH, _start, " broadcast = 15"),
    "aie.trace.stop": (_SWITCH, _stop, " broadcast = 14"),
    "aie.trace.combo_event": (
        rf"{_SLOT}{_in_brackets('first')}\s*(?P<logic>AND_NOT|AND|OR_NOT|OR)\s*{_in_brackets('second')}",
        _combo,
        '<0> <"LOCK_STALL"> AND <"INSTR_VECTOR">',
    ),
    "aie.trace.edge_event": (
        rf"{_SLOT}event\s*=\s*{_in_brackets('event')}\s*trigger\s*=\s*(?P<trigger>RISING|FALLING|BOTH)",
        _edge,
        '<0> event = <"LOCK_STALL"> trigger = RISING',
    ),
}
