"""BDs and channels of every kind of tile as registers: where they lie, and which bits are which.

Sources: aie-rt's register header, and mlir-aie's WriteBdToBlockWritePattern (AIEDmaToNpu.cpp) with the words of its
tests for each kind of tile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tileproof.device_model import CORE, MEM, SHIM, TILE_KINDS
from tileproof.insts.model import Direction

WORD_BYTES = 4
# Word, lowest bit, bits.
Field = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DmaRegisters:
    """`bds` is where the first BD lies, each `BD_STRIDE` behind the one before; `words` are what one has. `channels`
    are the control registers of the first channels, 8 bytes for each: behind the control lies the queue."""

    bds: int
    words: int
    channels: Mapping[Direction, int]
    fields: Mapping[str, Field]


# Bit 1 resets a core, or a channel in its control register; bit 0 of a core's enables it.
CORE_CONTROL, RESET_BIT, ENABLE_BIT = 0x32000, 2, 1

BD_STRIDE, CHANNEL_STRIDE, QUEUE_AFTER_CONTROL = 0x20, 8, 4

DMA_REGISTERS: Mapping[str, DmaRegisters] = {
    SHIM: DmaRegisters(
        bds=0x1D000,
        words=8,
        channels={"S2MM": 0x1D200, "MM2S": 0x1D210},
        fields={
            "buffer_length": (0, 0, 32),
            "buffer_offset": (1, 0, 32),
            "enable_packet": (2, 30, 1),
            "out_of_order_id": (2, 24, 6),
            "packet_id": (2, 19, 5),
            "packet_type": (2, 16, 3),
            "d0_size": (3, 20, 10),
            "d0_stride": (3, 0, 20),
            "burst": (4, 30, 2),
            "d1_size": (4, 20, 10),
            "d1_stride": (4, 0, 20),
            "axcache": (5, 24, 4),
            "d2_stride": (5, 0, 20),
            "iteration_current": (6, 26, 6),
            "iteration_size": (6, 20, 6),
            "iteration_stride": (6, 0, 20),
            "next_bd": (7, 27, 4),
            "use_next_bd": (7, 26, 1),
            "valid_bd": (7, 25, 1),
            "lock_rel_val": (7, 18, 7),
            "lock_rel_id": (7, 13, 4),
            "lock_acq_enable": (7, 12, 1),
            "lock_acq_val": (7, 5, 7),
            "lock_acq_id": (7, 0, 4),
        },
    ),
    MEM: DmaRegisters(
        bds=0xA0000,
        words=8,
        channels={"S2MM": 0xA0600, "MM2S": 0xA0630},
        fields={
            "enable_packet": (0, 31, 1),
            "packet_type": (0, 28, 3),
            "packet_id": (0, 23, 5),
            "out_of_order_id": (0, 17, 6),
            "buffer_length": (0, 0, 17),
            "d0_zero_before": (1, 26, 6),
            "next_bd": (1, 20, 6),
            "use_next_bd": (1, 19, 1),
            "buffer_offset": (1, 0, 19),
            "d0_size": (2, 17, 10),
            "d0_stride": (2, 0, 17),
            "d1_zero_before": (3, 27, 5),
            "d1_size": (3, 17, 10),
            "d1_stride": (3, 0, 17),
            "d2_zero_before": (4, 27, 4),
            "d2_stride": (4, 0, 17),
            "d2_zero_after": (5, 28, 4),
            "d1_zero_after": (5, 23, 5),
            "d0_zero_after": (5, 17, 6),
            "iteration_current": (6, 23, 6),
            "iteration_size": (6, 17, 6),
            "iteration_stride": (6, 0, 17),
            "valid_bd": (7, 31, 1),
            "lock_rel_val": (7, 24, 7),
            "lock_rel_id": (7, 16, 8),
            "lock_acq_enable": (7, 15, 1),
            "lock_acq_val": (7, 8, 7),
            "lock_acq_id": (7, 0, 8),
        },
    ),
    CORE: DmaRegisters(
        bds=0x1D000,
        words=6,
        channels={"S2MM": 0x1DE00, "MM2S": 0x1DE10},
        fields={
            "buffer_offset": (0, 14, 14),
            "buffer_length": (0, 0, 14),
            "enable_packet": (1, 30, 1),
            "out_of_order_id": (1, 24, 6),
            "packet_id": (1, 19, 5),
            "packet_type": (1, 16, 3),
            "d1_stride": (2, 13, 13),
            "d0_stride": (2, 0, 13),
            "d1_size": (3, 21, 8),
            "d0_size": (3, 13, 8),
            "d2_stride": (3, 0, 13),
            "iteration_current": (4, 19, 6),
            "iteration_size": (4, 13, 6),
            "iteration_stride": (4, 0, 13),
            "next_bd": (5, 27, 4),
            "use_next_bd": (5, 26, 1),
            "valid_bd": (5, 25, 1),
            "lock_rel_val": (5, 18, 7),
            "lock_rel_id": (5, 13, 4),
            "lock_acq_enable": (5, 12, 1),
            "lock_acq_val": (5, 5, 7),
            "lock_acq_id": (5, 0, 4),
        },
    ),
}
_SIGNED = ("lock_rel_val", "lock_acq_val")


def bd_offset(kind: str, bd_id: int) -> int:
    """Where a BD lies in its tile."""
    return DMA_REGISTERS[kind].bds + BD_STRIDE * bd_id


def control_offset(kind: str, direction: Direction, channel: int) -> int:
    return DMA_REGISTERS[kind].channels[direction] + CHANNEL_STRIDE * channel


def queue_offset(kind: str, direction: Direction, channel: int) -> int:
    return control_offset(kind, direction, channel) + QUEUE_AFTER_CONTROL


def misfit(kind: str, values: Mapping[str, int]) -> tuple[str, int, int] | None:
    """The first value that its field cannot hold: its name, the value, and the field's bits."""
    for name, (_, _, bits) in DMA_REGISTERS[kind].fields.items():
        value = values.get(name, 0)
        lowest = -(1 << bits - 1) if name in _SIGNED else 0
        if not lowest <= value < 1 << bits:
            return name, value, bits
    return None


def bd_words(kind: str, values: Mapping[str, int]) -> tuple[int, ...]:
    """The words of a BD with these values in its fields; 0 for those that are not named."""
    words = [0] * DMA_REGISTERS[kind].words
    for name, (word, low, bits) in DMA_REGISTERS[kind].fields.items():
        words[word] |= (values.get(name, 0) & (1 << bits) - 1) << low
    return tuple(words)


def bd_fields(kind: str, words: tuple[int, ...]) -> dict[str, int]:
    """The values of all fields; those of locks are signed."""
    values = {}
    for name, (word, low, bits) in DMA_REGISTERS[kind].fields.items():
        value = words[word] >> low & (1 << bits) - 1
        values[name] = value - (1 << bits) if name in _SIGNED and value >> bits - 1 else value
    return values


def bd_words_at(kind: str, offset: int, count: int) -> tuple[int, int] | None:
    """The BD that so many words from byte `offset` of a tile on are of, and which of its words is the first."""
    number, rest = divmod(offset - DMA_REGISTERS[kind].bds, BD_STRIDE)
    first, odd = divmod(rest, WORD_BYTES)
    fits = odd == 0 and first + count <= DMA_REGISTERS[kind].words
    return (number, first) if fits and 0 <= number < TILE_KINDS[kind].bds else None


def channel_of_queue(kind: str, offset: int) -> tuple[Direction, int] | None:
    """The channel whose task queue lies there."""
    for direction, first in DMA_REGISTERS[kind].channels.items():
        number, rest = divmod(offset - first - QUEUE_AFTER_CONTROL, CHANNEL_STRIDE)
        if rest == 0 and 0 <= number < TILE_KINDS[kind].channels:
            return direction, number
    return None
