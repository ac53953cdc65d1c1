"""The registers of an event unit that traces write, with their fields, and the numbers of a stream switch's ports.

Facts: mlir-aie's lib/Dialect/AIE/Util/aie_registers_aie2.json, which it asks for npu2 as well, and
AIE2TargetModel::getStreamSwitchPortIndex (AIETargetModel.cpp). Names of registers and fields are those of the former.
"""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.device_model import CORE as CORE_TILE
from tileproof.device_model import MEM as MEM_KIND
from tileproof.device_model import SHIM as SHIM_TILE
from tileproof.lowering.trace_events import CORE, MEM_TILE, MEMORY, SHIM


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """Its byte offset in the tile, and of each field the lowest bit and how many bits it has."""

    offset: int
    fields: dict[str, tuple[int, int]]


# Where the event unit of a module begins, and the selection of the stream switch's ports that it listens to.
_UNITS = {CORE: 0x34000, MEMORY: 0x14000, MEM_TILE: 0x94000, SHIM: 0x34000}
_PORT_SELECTION = {CORE: 0x3FF00, MEM_TILE: 0xB0F00, SHIM: 0x3FF00}
_EVENT_BITS = {CORE: 7, MEMORY: 7, MEM_TILE: 8, SHIM: 7}

_TIMER_CONTROL, _EVENT_GENERATE, _BROADCAST = 0x000, 0x008, 0x010
_TRACE_CONTROL_0, _TRACE_CONTROL_1, _TRACE_EVENT_0, _TRACE_EVENT_1 = 0x0D0, 0x0D4, 0x0E0, 0x0E4
_COMBO_INPUTS, _COMBO_CONTROL, _EDGE_DETECTION = 0x400, 0x404, 0x408
BROADCASTS = 16


def _registers(module: str) -> dict[str, Register]:
    unit, bits = _UNITS[module], _EVENT_BITS[module]
    control = {"Trace_Stop_Event": (24, bits), "Trace_Start_Event": (16, bits)}
    registers = {
        "Timer_Control": Register(offset=unit + _TIMER_CONTROL, fields={"Reset_Event": (8, bits)}),
        "Event_Generate": Register(offset=unit + _EVENT_GENERATE, fields={"Event": (0, bits)}),
        "Trace_Control0": Register(
            offset=unit + _TRACE_CONTROL_0, fields=control | ({"Mode": (0, 2)} if module == CORE else {})
        ),
        "Trace_Control1": Register(offset=unit + _TRACE_CONTROL_1, fields={"Packet_Type": (12, 3), "ID": (0, 5)}),
        "Combo_event_inputs": Register(
            offset=unit + _COMBO_INPUTS,
            fields={f"event{letter}": (8 * number, bits) for number, letter in enumerate("ABCD")},
        ),
        "Combo_event_control": Register(
            offset=unit + _COMBO_CONTROL, fields={f"combo{number}": (8 * number, 2) for number in range(3)}
        ),
        "Edge_Detection_event_control": Register(
            offset=unit + _EDGE_DETECTION,
            fields={name: at for slot in range(2) for name, at in _edge_fields(slot, bits).items()},
        ),
    }
    for half, offset in enumerate((_TRACE_EVENT_0, _TRACE_EVENT_1)):
        fields = {f"Trace_Event{4 * half + n}": (8 * n, bits) for n in range(4)}
        registers[f"Trace_Event{half}"] = Register(offset=unit + offset, fields=fields)
        if module in _PORT_SELECTION:
            registers[f"Stream_Switch_Event_Port_Selection_{half}"] = Register(
                offset=_PORT_SELECTION[module] + 4 * half,
                fields={name: at for n in range(4) for name, at in _port_fields(4 * half + n, 8 * n).items()},
            )
    return registers


def _edge_fields(slot: int, bits: int) -> dict[str, tuple[int, int]]:
    return {
        f"Edge_Detection_Event_{slot}": (16 * slot, bits),
        f"Edge_Detection_{slot}_Trigger_Rising": (16 * slot + 9, 1),
        f"Edge_Detection_{slot}_Trigger_Falling": (16 * slot + 10, 1),
    }


def _port_fields(slot: int, low: int) -> dict[str, tuple[int, int]]:
    return {f"Port_{slot}_ID": (low, 5), f"Port_{slot}_Master_Slave": (low + 5, 1)}


REGISTERS = {module: _registers(module) for module in _UNITS}


def broadcast_register(module: str, number: int) -> int:
    """The byte offset of the register that says which event is broadcast on that channel."""
    return _UNITS[module] + _BROADCAST + 4 * number


# (first number, how many) of each bundle, by tile and whether the stream enters the tile's memory there (a master
# port, S2MM) or leaves it (a slave port, MM2S).
_PORTS: dict[tuple[str, str], dict[str, tuple[int, int]]] = {
    (CORE_TILE, "S2MM"): {
        "Core": (0, 1),
        "DMA": (1, 2),
        "TileControl": (3, 1),
        "FIFO": (4, 1),
        "South": (5, 4),
        "West": (9, 4),
        "North": (13, 6),
        "East": (19, 4),
    },
    (CORE_TILE, "MM2S"): {
        "Core": (0, 1),
        "DMA": (1, 2),
        "TileControl": (3, 1),
        "FIFO": (4, 1),
        "South": (5, 6),
        "West": (11, 4),
        "North": (15, 4),
        "East": (19, 4),
        "Trace": (23, 2),
    },
    (MEM_KIND, "S2MM"): {"DMA": (0, 6), "TileControl": (6, 1), "South": (7, 4), "North": (11, 6)},
    (MEM_KIND, "MM2S"): {"DMA": (0, 6), "TileControl": (6, 1), "South": (7, 6), "North": (13, 4), "Trace": (17, 1)},
    (SHIM_TILE, "S2MM"): {
        "TileControl": (0, 1),
        "FIFO": (1, 1),
        "South": (2, 6),
        "West": (8, 4),
        "North": (12, 6),
        "East": (18, 4),
    },
    (SHIM_TILE, "MM2S"): {
        "TileControl": (0, 1),
        "FIFO": (1, 1),
        "South": (2, 8),
        "West": (10, 4),
        "North": (14, 4),
        "East": (18, 4),
        "Trace": (22, 2),
    },
}


def stream_port(kind: str, direction: str, bundle: str, channel: int) -> int | None:
    """The number of a port of a tile's stream switch; None where there is none."""
    first, count = _PORTS[kind, direction].get(bundle, (0, 0))
    return first + channel if 0 <= channel < count else None


def trace_ports(kind: str) -> int:
    """How many trace units send on the streams of such a tile: a core tile's second is that of its memory."""
    return _PORTS[kind, "MM2S"]["Trace"][1]


_MODULES = {CORE_TILE: (CORE, MEMORY), MEM_KIND: (MEM_TILE,), SHIM_TILE: (SHIM,)}
_WRITTEN = {
    kind: frozenset(
        offset
        for module in modules
        for offset in (
            *(register.offset for register in REGISTERS[module].values()),
            *(broadcast_register(module, number) for number in range(BROADCASTS)),
        )
    )
    for kind, modules in _MODULES.items()
}


def is_of_event_unit(kind: str, offset: int) -> bool:
    """Whether that register of such a tile only says what is traced, and when."""
    return offset in _WRITTEN[kind]
