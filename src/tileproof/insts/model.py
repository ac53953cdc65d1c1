"""The NPU instruction stream ("transaction") as values: register writes, address patches, waits for tokens.

An address is column << 25 | row << 20 | byte offset in the tile's register space.
Sources: XRT and mlir-aie lib/Targets/AIETargetNPU.cpp (the words); XAie transaction format (the op codes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tileproof.device_model import GENERATIONS, GenerationName

Direction = Literal["S2MM", "MM2S"]

# The two forms of a transaction's words, by the version in its header (mlir-aie#1676, #2152).
LONG, SHORT = (0, 1), (1, 0)

COLUMN_SHIFT, ROW_SHIFT = 25, 20
OFFSET_MASK = (1 << ROW_SHIFT) - 1


def tile_address(column: int, row: int, offset: int) -> int:
    return column << COLUMN_SHIFT | row << ROW_SHIFT | offset


def tile_of(address: int) -> tuple[int, int, int]:
    """Column, row, and byte offset in the tile."""
    return address >> COLUMN_SHIFT, address >> ROW_SHIFT & 0x1F, address & OFFSET_MASK


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One register takes `value`."""

    address: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWrite:
    """Registers that follow each other take `words`. `tile` is (column, row) where the stream names it beside the
    address, which holds it as well (appendBlockWrite in AIETargetNPU.cpp); (0, 0) where it does not."""

    address: int
    words: tuple[int, ...]
    tile: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskWrite:
    """The bits of `mask` take those of `value`; the others stay."""

    address: int
    value: int
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Waits for one token from each tile of a block of `columns` x `rows` whose first is (column, row)."""

    column: int
    row: int
    direction: Direction
    channel: int
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DdrPatch:
    """The 48-bit buffer address at `address` becomes that of the sequence's `argument` plus `byte_offset`.

    `byte_offset` is as written: see `shim.DDR_APERTURE` for what 2026-08 adds to it.
    """

    address: int
    argument: int
    byte_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateScratchpad:
    """The firmware takes over `nbytes` of what the host has written into the run's control scratchpad (XRT patches the
    address). `usage_type` is 0: a table of words (AIEX.td)."""

    nbytes: int
    usage_type: int = 0


# How an update makes one number of a word of the scratchpad and its argument, by the code of each (AIEXAttrs.td).
ScratchpadFunction = Literal["mul", "incr", "decr"]
SCRATCHPAD_FUNCTIONS: tuple[ScratchpadFunction, ...] = ("mul", "incr", "decr")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFromScratchpad:
    """The pair of words at `address` takes on a number made of word `entry` of the scratchpad and `argument`: 48 bits,
    whose lowest two become 0 (appendUpdateRegFromScratchpad in AIETargetNPU.cpp)."""

    address: int
    entry: int
    function: ScratchpadFunction
    argument: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """An operation we keep without interpreting it, all of its words included."""

    words: tuple[int, ...]

    @property
    def opcode(self) -> int:
        return self.words[0] & 0xFF

    @property
    def name(self) -> str:
        return opcode_name(self.opcode)


Operation = Write | BlockWrite | MaskWrite | Sync | DdrPatch | CreateScratchpad | UpdateFromScratchpad | Verbatim


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionStream:
    """The header's fields and the operations. `columns` and `rows` are the device's, not the design's. `version` is the
    form of its words: 0.1, or 1.0 as mlir-aie wrote it from August 2024 to March 2025."""

    operations: tuple[Operation, ...]
    generation: int
    columns: int
    rows: int = 6
    mem_tile_rows: int = 1
    version: tuple[int, int] = LONG

    @property
    def device(self) -> str:
        named = {one.header: one.name for one in GENERATIONS.values()}
        return named.get(self.generation, f"0x{self.generation:x}")


# Names of the op codes that mlir-aie or aiebu write; those that have a constant are interpreted.
WRITE, BLOCK_WRITE, MASK_WRITE, SYNC, DDR_PATCH = 0x00, 0x01, 0x03, 0x80, 0x81
CREATE_SCRATCHPAD, UPDATE_REGISTERS = 0x0A, 0x0C
OPCODES = {
    WRITE: "write",
    BLOCK_WRITE: "blockwrite",
    0x02: "blockset",
    MASK_WRITE: "maskwrite",
    0x04: "maskpoll",
    0x05: "noop",
    0x06: "preempt",
    0x07: "maskpoll_busy",
    0x08: "loadpdi",
    0x09: "load_pm_start",
    CREATE_SCRATCHPAD: "create_scratchpad",
    UPDATE_REGISTERS: "update_reg",
    SYNC: "sync",
    DDR_PATCH: "ddr_patch",
    0x82: "read_regs",
    0x83: "record_timer",
    0x84: "merge_sync",
}


def opcode_name(opcode: int) -> str:
    """An unknown op code is named by its number: `0x7f`."""
    return OPCODES.get(opcode, f"0x{opcode:02x}")


def stream_for(
    generation: GenerationName, operations: tuple[Operation, ...], *, columns: int | None = None
) -> InstructionStream:
    """The header that mlir-aie writes; `columns` for the partial devices (npu1_1col has 1)."""
    return InstructionStream(
        operations=operations,
        generation=GENERATIONS[generation].header,
        columns=GENERATIONS[generation].columns if columns is None else columns,
    )
