"""npu1 and npu2: what the arrays have, each number with its source.

Sources: mlir-aie's target model (AIETargetModel.h/.cpp) and the AIE-ML manual AM020 for memories, channels, BDs and
locks; the amdxdna driver for columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tileproof.diagnostic import Place
from tileproof.errors import Problem

SHIM, MEM, CORE = "shim", "mem", "core"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileKind:
    """What one kind of tile has. Sizes in bytes; `channels` per direction.

    Of its BDs: `dimensions` without the iteration, the largest size, stride and length that their fields hold, in words
    of 4 bytes, and the most that is padded, from the innermost dimension on.
    """

    name: str
    memory_bytes: int
    banks: int
    channels: int
    bds: int
    locks: int
    dimensions: int
    largest_size: int
    largest_stride: int
    largest_length: int
    largest_pads: tuple[int, ...] = ()

    @property
    def bank_bytes(self) -> int:
        return self.memory_bytes // self.banks


# AIETargetModel.h (getNumBanks, getNumBDs, getNumLocks, getBDMaxDims), AM020 chapters 2 and 5; the fields of BDs from
# aie-rt's reginit.
TILE_KINDS = {
    one.name: one
    for one in (
        TileKind(
            name=SHIM,
            memory_bytes=0,
            banks=1,
            channels=2,
            bds=16,
            locks=16,
            dimensions=3,
            largest_size=1023,
            largest_stride=1 << 20,
            largest_length=(1 << 32) - 1,
        ),
        TileKind(
            name=MEM,
            memory_bytes=512 * 1024,
            banks=8,
            channels=6,
            bds=48,
            locks=64,
            dimensions=4,
            largest_size=1023,
            largest_stride=1 << 17,
            largest_length=(1 << 17) - 1,
            largest_pads=(63, 31, 15),
        ),
        TileKind(
            name=CORE,
            memory_bytes=64 * 1024,
            banks=4,
            channels=2,
            bds=16,
            locks=16,
            dimensions=3,
            largest_size=255,
            largest_stride=1 << 13,
            largest_length=(1 << 14) - 1,
        ),
    )
}

# AIETargetModel.h: getComputeTileLoadStoreBusWidth is 256 bit, mem tiles address 32-bit words.
BUFFER_ALIGNMENT = {CORE: 32, MEM: 4, SHIM: 4}

PROGRAM_MEMORY_BYTES = 16 * 1024  # of one core: AM020, aie-rt ProgMemSize
DEFAULT_STACK_BYTES = 1024  # AIETargetModel.h: 0x400 when a core says nothing
TASK_QUEUE_DEPTH = 4  # aie-rt StartQSizeMax, AM020
TASKS_OUTSTANDING = TASK_QUEUE_DEPTH + 1  # those in the queue, and the one that runs (found_later.md 4)
MAX_LOCK_VALUE = 63  # AIETargetModel.h getMaxLockValue: 6 bits
# aie-rt's LOCK0_VALUE of each kind of tile, and how far the next is.
LOCK_REGISTERS = {CORE: 0x1F000, MEM: 0xC0000, SHIM: 0x14000}
LOCK_STRIDE = 0x10
ROWS = 6  # row 0 shim, row 1 mem, rows 2 to 5 core


GenerationName = Literal["npu1", "npu2"]
# How a tile's buffers are placed; "default" is bank-aware, and basic-sequential where that finds no room (aiecc).
Scheme = Literal["default", "bank-aware", "basic-sequential"]
TILE_SCHEMES: tuple[Scheme, ...] = ("bank-aware", "basic-sequential")  # what a tile may ask for
SCHEMES: tuple[Scheme, ...] = ("default", *TILE_SCHEMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What differs between one NPU and the next. A third one is a row more here, and a column in the table of what
    aie_api has.

    `arch` is Peano's and mlir-aie's name for it, `macro` what tile compilers define `__AIE_ARCH__` to, `header` its
    number in insts.bin. `vector_bytes` is the widest load, which begins at a multiple of it; `entry_frame` what a
    core's run-time entry takes of the stack before any function does, in bytes; `register_bytes` what its vector
    registers and accumulators hold together; `pads_with_a_value` says that a mem tile's channel has a register for what
    it pads with. `called` are parts of the names that
    XRT has for such NPUs; the first is what the emulator says of itself.
    """

    name: GenerationName
    arch: str
    macro: int
    columns: int
    hw_contexts: int
    header: int
    burst_bytes: tuple[int, ...]
    vector_bytes: int
    entry_frame: int
    register_bytes: int
    pads_with_a_value: bool
    called: tuple[str, ...]


# Columns, bursts and headers: AIETargetModel, AIETargetNPU.cpp; the driver's hidden column of npu1 is not usable.
# Contexts: amdxdna npu1_regs.c, npu4_regs.c (.hwctx_limit). Vectors: AM020; aie_api, vector_ldst_align. Entry: mlir-aie
# #3680. Registers: AM020; hardware facts 6. Names: mlir-aie's utils/env_setup.sh.
GENERATIONS: Mapping[str, Generation] = {
    one.name: one
    for one in (
        Generation(
            name="npu1",
            arch="aie2",
            macro=20,
            columns=4,
            hw_contexts=6,
            header=3,
            burst_bytes=(64, 128, 256),
            vector_bytes=32,
            entry_frame=32,
            register_bytes=12 * 64 + 9 * 128,
            pads_with_a_value=False,
            called=("RyzenAI-npu1", "NPU Phoenix"),
        ),
        Generation(
            name="npu2",
            arch="aie2p",
            macro=21,
            columns=8,
            hw_contexts=16,
            header=4,
            burst_bytes=(64, 128, 256, 512),
            vector_bytes=64,
            entry_frame=64,
            register_bytes=12 * 64 + 5 * 256,
            pads_with_a_value=True,
            called=("RyzenAI-npu4", "RyzenAI-npu5", "RyzenAI-npu6", "NPU Strix", "NPU Krackan"),
        ),
    )
}
TARGETS = tuple(GENERATIONS)


def generation_of(aie_arch: int) -> Generation:
    """The one that tile code is compiled for, by `__AIE_ARCH__`."""
    return next(one for one in GENERATIONS.values() if one.macro == aie_arch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as `aie.device` names it: a generation and a number of columns."""

    name: str
    generation: GenerationName
    columns: int

    @property
    def model(self) -> Generation:
        return GENERATIONS[self.generation]

    @property
    def aie_arch(self) -> int:
        """`__AIE_ARCH__` as the tile compilers define it."""
        return self.model.macro

    def kind(self, column: int, row: int) -> str | None:
        """`shim`, `mem` or `core`; None outside the array."""
        if not (0 <= column < self.columns and 0 <= row < ROWS):
            return None
        return SHIM if row == 0 else MEM if row == 1 else CORE


DEVICES = {
    device.name: device
    for one in GENERATIONS.values()
    for device in (
        Device(name=one.name, generation=one.name, columns=one.columns),
        *(Device(name=f"{one.name}_{n}col", generation=one.name, columns=n) for n in range(1, one.columns)),
    )
}
# Old user code says npu1_4col; mlir-aie's enum no longer has it (AIEAttrs.td).
DEVICES["npu1_4col"] = Device(name="npu1_4col", generation="npu1", columns=4)


def device_named(name: str, *, where: Place | str | None = None) -> Device:
    """The device that `aie.device(name)` means; a `Problem` that lists them all otherwise."""
    if name not in DEVICES:
        raise Problem(
            f"there is no device {name!r}",
            where=where,
            why="known devices: " + ", ".join(DEVICES),
            fix="use npu1 (Phoenix, Hawk Point) or npu2 (Strix, Strix Halo, Krackan)",
            id="TP607",
        )
    return DEVICES[name]
