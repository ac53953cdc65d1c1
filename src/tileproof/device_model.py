"""npu1 and npu2: what the arrays have, each number with its source.

Sources: mlir-aie's target model (AIETargetModel.h/.cpp) and the AIE-ML manual AM020 for memories, channels, BDs and
locks; the amdxdna driver for columns.
"""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.errors import Problem

SHIM, MEM, CORE = "shim", "mem", "core"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileKind:
    """What one kind of tile has. Sizes in bytes; `channels` per direction."""

    name: str
    memory_bytes: int
    banks: int
    channels: int
    bds: int
    locks: int
    dimensions: int  # of a BD, without the iteration

    @property
    def bank_bytes(self) -> int:
        return self.memory_bytes // self.banks


# AIETargetModel.h (getNumBanks, getNumBDs, getNumLocks, getBDMaxDims), AM020 chapters 2 and 5.
TILE_KINDS = {
    SHIM: TileKind(name=SHIM, memory_bytes=0, banks=1, channels=2, bds=16, locks=16, dimensions=3),
    MEM: TileKind(name=MEM, memory_bytes=512 * 1024, banks=8, channels=6, bds=48, locks=64, dimensions=4),
    CORE: TileKind(name=CORE, memory_bytes=64 * 1024, banks=4, channels=2, bds=16, locks=16, dimensions=3),
}

# AIETargetModel.h: getComputeTileLoadStoreBusWidth is 256 bit, mem tiles address 32-bit words.
BUFFER_ALIGNMENT = {CORE: 32, MEM: 4, SHIM: 4}

PROGRAM_MEMORY_BYTES = 16 * 1024  # of one core: AM020, aie-rt ProgMemSize
DEFAULT_STACK_BYTES = 1024  # AIETargetModel.h: 0x400 when a core says nothing
TASK_QUEUE_DEPTH = 4  # aie-rt StartQSizeMax, AM020
MAX_LOCK_VALUE = 63  # AIETargetModel.h getMaxLockValue: 6 bits
# aie-rt's LOCK0_VALUE of each kind of tile, and how far the next is.
LOCK_REGISTERS = {CORE: 0x1F000, MEM: 0xC0000, SHIM: 0x14000}
LOCK_STRIDE = 0x10
ROWS = 6  # row 0 shim, row 1 mem, rows 2 to 5 core


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as `aie.device` names it: a generation and a number of columns."""

    name: str
    generation: str  # "npu1" (AIE2) or "npu2" (AIE2P)
    columns: int

    @property
    def aie_arch(self) -> int:
        """`__AIE_ARCH__` as the tile compilers define it: 20 for AIE2, 21 for AIE2P."""
        return 20 if self.generation == "npu1" else 21

    def kind(self, column: int, row: int) -> str | None:
        """`shim`, `mem` or `core`; None outside the array."""
        if not (0 <= column < self.columns and 0 <= row < ROWS):
            return None
        return SHIM if row == 0 else MEM if row == 1 else CORE


ARRAY_COLUMNS = {"npu1": 4, "npu2": 8}  # AIETargetModel; the driver's hidden column of npu1 is not usable
HW_CONTEXT_LIMIT = {"npu1": 6, "npu2": 16}  # amdxdna npu1_regs.c, npu4_regs.c: .hwctx_limit

DEVICES = {
    device.name: device
    for generation, columns in ARRAY_COLUMNS.items()
    for device in (
        Device(name=generation, generation=generation, columns=columns),
        *(Device(name=f"{generation}_{n}col", generation=generation, columns=n) for n in range(1, columns)),
    )
}
# Old user code says npu1_4col; mlir-aie's enum no longer has it (AIEAttrs.td).
DEVICES["npu1_4col"] = Device(name="npu1_4col", generation="npu1", columns=4)

TARGETS = tuple(ARRAY_COLUMNS)


def device_named(name: str, *, where: str | None = None) -> Device:
    """The device that `aie.device(name)` means; a `Problem` that lists them all otherwise."""
    if name not in DEVICES:
        raise Problem(
            f"there is no device {name!r}",
            where=where,
            why="known devices: " + ", ".join(DEVICES),
            fix="use npu1 (Phoenix, Hawk Point) or npu2 (Strix, Strix Halo, Krackan)",
            check="TP607",
        )
    return DEVICES[name]
