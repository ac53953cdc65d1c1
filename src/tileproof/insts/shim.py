"""The shim tile's DMA: what one `aiex.npu.dma_memcpy_nd` and one `aiex.npu.dma_wait` become, and back.

Sources: mlir-aie lib/Dialect/AIEX/Transforms/AIEDmaToNpu.cpp and IR/DmaDecomposition.cpp (which words),
aie-rt's register header (the bits of DMA_BD0_0 to 7), and the words mlir-aie writes for known designs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod

from tileproof.device_model import GENERATIONS, SHIM, TILE_KINDS, GenerationName
from tileproof.errors import Problem
from tileproof.insts.model import (
    BlockWrite,
    DdrPatch,
    Direction,
    MaskWrite,
    Operation,
    Sync,
    UpdateFromScratchpad,
    Write,
    tile_address,
    tile_of,
)
from tileproof.mlir_aie_versions import NEWEST, Version

Pattern = tuple[int, int, int, int]

SHIM_ROW = 0
BD_COUNT, BD_WORDS = 16, 8
BD_BASE, BD_STRIDE = 0x1D000, 0x20
BD_END = BD_BASE + BD_COUNT * BD_STRIDE
# Per channel a control register and, behind it, the task queue.
CONTROL: dict[tuple[Direction, int], int] = {
    ("S2MM", 0): 0x1D200,
    ("S2MM", 1): 0x1D208,
    ("MM2S", 0): 0x1D210,
    ("MM2S", 1): 0x1D218,
}
CHANNEL_AT_CONTROL = {offset: channel for channel, offset in CONTROL.items()}
QUEUE_AFTER_CONTROL = 4
CHANNEL_AT_QUEUE = {offset + QUEUE_AFTER_CONTROL: channel for channel, offset in CONTROL.items()}
CONTROLLER_ID_MASK, CONTROLLER_ID_SHIFT = 0x1F00, 8
# What mlir-aie writes for traces: the field as its register database has it.
WHOLE_CONTROLLER_ID_MASK = 0xFF00
# The packet id of a shim's tile controller, to which tokens are sent, where its tile names none
# (AIETargetModel.cpp, getTileToControllerIdMap).
SHIM_CONTROLLER_ID = 15

WORD_BYTES = 4
WRAP_LIMIT, STEP_LIMIT = TILE_KINDS[SHIM].largest_size, TILE_KINDS[SHIM].largest_stride
ITERATION_LIMIT = 64
# Bits 24-27 of DMA_BD0_5: the AXI cache attribute that mlir-aie always sets.
AXCACHE = 2
# The firmware adds the DDR aperture to arguments 0 to 4 only; 2026-08 writes it into the patch of later ones.
DDR_APERTURE = 0x8000_0000
PATCHED_BY_FIRMWARE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The header that the shim puts in front of a transfer on a packet-switched stream."""

    id: int
    type: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimTransfer:
    """One `dma_memcpy_nd`: sizes and strides in elements, outermost first; an outermost stride of 0 repeats.

    `burst_length` is in bytes, 0 for the longest of the device. `next_bd` is for the BDs of a task, which may
    form a chain; a `dma_memcpy_nd` is alone. Its token goes to the tile controller with packet id `controller_id`. It
    begins as many elements further on as word `offset_entry` of the scratchpad says.
    """

    column: int
    direction: Direction
    channel: int
    bd_id: int
    argument: int
    byte_offset: int
    sizes: Pattern
    strides: Pattern
    element_bytes: int
    issue_token: bool = False
    burst_length: int = 0
    packet: Packet | None = None
    next_bd: int | None = None
    controller_id: int = SHIM_CONTROLLER_ID
    offset_entry: int | None = None

    @property
    def place(self) -> str:
        return f"shim tile ({self.column}, {SHIM_ROW}), {self.direction} channel {self.channel}, BD {self.bd_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimBd:
    """A shim buffer descriptor, decoded: lengths and strides in 32-bit words, not in the stored minus-1 form.

    A size of 0 means that the dimension has no end of its own. `iteration_size` runs walk `iteration_stride`
    words further each, then start over.
    """

    length: int
    byte_address: int
    d0_size: int
    d0_stride: int
    d1_size: int
    d1_stride: int
    d2_stride: int
    iteration_size: int
    iteration_stride: int
    iteration_current: int
    burst_bytes: int
    valid: bool
    next_bd: int | None
    packet: Packet | None
    lock_acquire: tuple[int, int] | None
    lock_release: tuple[int, int] | None

    @property
    def dimensions(self) -> tuple[tuple[int, int], ...]:
        """(count, stride) in words, outermost first, no iteration; its first `length` words move."""
        if not self.d0_size:
            return ((self.length, self.d0_stride),)
        if not self.d1_size:
            return ((-(-self.length // self.d0_size), self.d1_stride), (self.d0_size, self.d0_stride))
        outer = -(-self.length // (self.d0_size * self.d1_size))
        return ((outer, self.d2_stride), (self.d1_size, self.d1_stride), (self.d0_size, self.d0_stride))

    def iteration_offset(self, run: int) -> int:
        """How many words further the `run`-th run after the BD was written begins."""
        return (self.iteration_current + run) % self.iteration_size * self.iteration_stride


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePush:
    """One task for a channel: BD `bd_id`, `runs` times in a row, with a token after the last if asked for."""

    column: int
    direction: Direction
    channel: int
    bd_id: int
    runs: int
    issue_token: bool


# --- from a transfer to words -------------------------------------------------------------------------------


def transfer_operations(
    transfer: ShimTransfer, *, generation: GenerationName, mlir_aie_version: Version = NEWEST
) -> tuple[Operation, ...]:
    """The operations of one `dma_memcpy_nd`, the words exactly those of the given mlir-aie.

    What mlir-aie refuses is refused here. What it lets through wrongly (BD id 16, an outermost size of 65)
    is written as wrongly: that is what would run, and `check` says so.
    """
    # An output always reports, an input only if asked to: nobody could wait for an output otherwise.
    token = transfer.issue_token or transfer.direction == "S2MM"
    sizes, _, _ = _lowered_pattern(transfer, mlir_aie_version)
    return (
        *_set_bd(transfer, generation, mlir_aie_version, address_word=0),
        *push_operations(
            transfer.column,
            transfer.channel,
            transfer.direction,
            transfer.bd_id,
            runs=sizes[0],
            issue_token=token,
            controller_id=transfer.controller_id,
        ),
    )


def task_bd_operations(
    transfer: ShimTransfer, *, generation: GenerationName, mlir_aie_version: Version = NEWEST
) -> tuple[Operation, ...]:
    """The operations of one `aie.dma_bd` of a task: nothing starts before its `push_operations`.

    A task's BD has its byte offset in the BD and in the patch, a `dma_memcpy_nd` in the patch only.
    """
    return _set_bd(transfer, generation, mlir_aie_version, address_word=transfer.byte_offset)


def push_operations(
    column: int,
    channel: int,
    direction: Direction,
    bd_id: int,
    *,
    runs: int = 1,
    issue_token: bool = False,
    controller_id: int = SHIM_CONTROLLER_ID,
) -> tuple[Operation, ...]:
    """One `dma_start_task`: the BD, and what is chained to it, `runs` times; a token goes to the tile controller with
    that packet id."""
    control = CONTROL[direction, channel]
    route = MaskWrite(
        address=tile_address(column, SHIM_ROW, control),
        value=controller_id << CONTROLLER_ID_SHIFT,
        mask=CONTROLLER_ID_MASK,
    )
    task = bd_id & 0xF | (runs - 1 & 0xFF) << 16 | issue_token << 31
    push = Write(address=tile_address(column, SHIM_ROW, control + QUEUE_AFTER_CONTROL), value=task)
    return (route, push) if issue_token else (push,)


def wait_operation(column: int, channel: int, direction: Direction) -> Sync:
    """One `dma_wait`: a token of that channel."""
    return Sync(column=column, row=SHIM_ROW, direction=direction, channel=channel)


def aperture(argument: int, version: Version) -> int:
    """What stands in the patch of an argument beside its byte offset (appendAddressPatch in AIETargetNPU.cpp)."""
    return DDR_APERTURE if version.folds_aperture and argument >= PATCHED_BY_FIRMWARE else 0


def _set_bd(
    transfer: ShimTransfer, generation: GenerationName, version: Version, *, address_word: int
) -> tuple[Operation, ...]:
    bd = tile_address(transfer.column, SHIM_ROW, BD_BASE + BD_STRIDE * transfer.bd_id)
    offset = transfer.byte_offset + aperture(transfer.argument, version)
    written = BlockWrite(address=bd, words=_bd_words(transfer, generation, version, address_word))
    patched = DdrPatch(address=bd + WORD_BYTES, argument=transfer.argument, byte_offset=offset)
    if transfer.offset_entry is None:
        return (written, patched)
    # emitUpdateBdAddressFromOffsetParameter (AIEUtils.cpp): behind the patch, as it adds to what is there.
    moved = UpdateFromScratchpad(
        address=bd + WORD_BYTES, entry=transfer.offset_entry, function="mul", argument=transfer.element_bytes
    )
    return (written, patched, moved)


def _bd_words(
    transfer: ShimTransfer, generation: GenerationName, version: Version, address_word: int
) -> tuple[int, ...]:
    sizes, strides, linear = _lowered_pattern(transfer, version)
    repeat, _, rows, row = sizes
    steps = tuple(_step(size, stride, transfer) for size, stride in zip(sizes, strides, strict=True))
    length = prod(sizes[1:]) * transfer.element_bytes // WORD_BYTES
    d0 = 0 if linear else row * transfer.element_bytes // WORD_BYTES << 20 | _inner_step(strides[3], transfer)
    d1 = 0 if linear else rows << 20 | steps[2] & 0xFFFFF
    d2 = 0 if linear else steps[1] & 0xFFFFF
    # A repeat of the same words (stride 0) is left to the queue; the BD then does not move on.
    moves_on = repeat > 1 and strides[0] > 0
    iteration = (repeat - 1 & 0x3F) << 20 | steps[0] & 0xFFFFF if moves_on else 0
    packet = 1 << 30 | transfer.packet.id << 19 | transfer.packet.type << 16 if transfer.packet else 0
    burst = _burst_code(transfer, generation) << 30
    chain = 0 if transfer.next_bd is None else transfer.next_bd << 27 | 1 << 26
    valid = 1 << 25
    return (length, address_word, packet, d0, burst | d1, AXCACHE << 24 | d2, iteration, chain | valid)


def _step(size: int, stride: int, transfer: ShimTransfer) -> int:
    """A stride as stored: words minus 1, and 0 where it is never taken."""
    return stride * transfer.element_bytes // WORD_BYTES - 1 if size > 1 and stride > 0 else 0


def _inner_step(stride: int, transfer: ShimTransfer) -> int:
    """Innermost, stride 1 of any element type means words that lie side by side."""
    if stride * transfer.element_bytes < WORD_BYTES or transfer.element_bytes > WORD_BYTES:
        return 0
    return stride * transfer.element_bytes // WORD_BYTES - 1 & 0xFFFFF


def _burst_code(transfer: ShimTransfer, generation: GenerationName) -> int:
    lengths = GENERATIONS[generation].burst_bytes
    if transfer.burst_length == 0:
        return len(lengths) - 1
    if transfer.burst_length not in lengths:
        raise _refusal(
            transfer,
            f"a burst of {transfer.burst_length} bytes is none of {generation}'s {lengths}",
            "leave burst_length out, or take one of these",
            "TP313",
        )
    return lengths.index(transfer.burst_length)


# --- which pattern reaches the hardware ---------------------------------------------------------------------


def _lowered_pattern(transfer: ShimTransfer, version: Version) -> tuple[Pattern, Pattern, bool]:
    """Sizes, strides, and whether the transfer is written as one run without dimensions."""
    sizes, strides = transfer.sizes, transfer.strides
    _refuse_bytes(transfer)
    if not version.joins_rows:
        linear = sizes[1:3] == (1, 1) and strides[1:] == (0, 0, 1)
        _refuse_limits(transfer, sizes, strides, linear)
        return sizes, strides, linear
    is_broken = not _contiguous(sizes, strides) and _limit_broken(transfer, sizes, strides, linear=False)
    if is_broken and version.splits_transfers:
        split = _factored(transfer, sizes, strides)
        if split is not None:
            sizes, strides = split
    linear = _contiguous(sizes, strides)
    _refuse_limits(transfer, sizes, strides, linear)
    return sizes, strides, linear


def _contiguous(sizes: Pattern, strides: Pattern) -> bool:
    """The three inner dimensions walk through memory without a gap."""
    row, plane = sizes[3], sizes[3] * sizes[2]
    return strides[3] == 1 and (sizes[2] == 1 or strides[2] == row) and (sizes[1] == 1 or strides[1] == plane)


def _factored(transfer: ShimTransfer, sizes: Pattern, strides: Pattern) -> tuple[Pattern, Pattern] | None:
    """The same words in the same order, a dimension written as two as often as the limits ask.

    mlir-aie (aie-decompose-large-dma-bd) tries the innermost dimension first and its largest divisor first.
    """
    if not _limit_broken(transfer, sizes, strides, linear=False):
        return sizes, strides
    if sizes[0] != 1:
        return None
    for dimension in (3, 2):  # the third has no limit of its own, so that dividing it would mend nothing
        size, stride = sizes[dimension], strides[dimension]
        for inner in _divisors(size):
            if dimension == 3 and inner * transfer.element_bytes % WORD_BYTES:
                continue
            new_sizes = (*sizes[1:dimension], size // inner, inner, *sizes[dimension + 1 :])
            new_strides = (*strides[1:dimension], inner * stride, stride, *strides[dimension + 1 :])
            found = _factored(transfer, new_sizes, new_strides)  # type: ignore[arg-type]
            if found is not None:
                return found
    return None


@lru_cache(maxsize=4096)
def _divisors(number: int) -> tuple[int, ...]:
    """Those strictly between 1 and the number, largest first."""
    small = [d for d in range(2, int(number**0.5) + 1) if number % d == 0]
    return tuple(sorted({*small, *(number // d for d in small)}, reverse=True))


def _refuse_bytes(transfer: ShimTransfer) -> None:
    """What no lowering can mend: counts below 1, and pieces that are not whole words."""
    sizes, strides, nbytes = transfer.sizes, transfer.strides, transfer.element_bytes
    if min(sizes) < 1:
        why = f"sizes {list(sizes)}: each must be at least 1"
        raise _refusal(transfer, why, "write 1 for a dimension without use", "TP304")
    if any(size > 1 and stride < 1 for size, stride in zip(sizes[1:], strides[1:], strict=True)) or strides[0] < 0:
        why = f"strides {list(strides)}, sizes {list(sizes)}: only the outermost stride may be 0"
        raise _refusal(transfer, why, "give every dimension that is walked a positive stride", "TP304")
    if nbytes > WORD_BYTES and sizes[3] > 1 and strides[3] != 1:
        why = f"its innermost stride is {strides[3]}, and elements of {nbytes} bytes are several words side by side"
        raise _refusal(transfer, why, "let the core pick elements out", "TP314")
    pieces = {"innermost size": sizes[3] * nbytes, "offset": transfer.byte_offset}
    pieces |= {
        f"stride {3 - index}": stride * nbytes
        for index, stride in enumerate(strides)
        if not (index == 3 and stride == 1)
    }
    if transfer.byte_offset < 0:
        raise _refusal(transfer, f"its offset is {transfer.byte_offset:,} bytes", "begin inside the buffer", "TP313")
    for what, size in pieces.items():
        if size % WORD_BYTES:
            why = f"its {what} is {size:,} bytes, and the DMA moves words of {WORD_BYTES}"
            fix = f"make it a multiple of {WORD_BYTES} bytes, by padding rows if need be"
            raise _refusal(transfer, why, fix, "TP303")


def _refuse_limits(transfer: ShimTransfer, sizes: Pattern, strides: Pattern, linear: bool) -> None:
    broken = _limit_broken(transfer, sizes, strides, linear=linear)
    if broken:
        fix = "lay the data out so that rows follow each other without a gap, or write several transfers"
        raise _refusal(transfer, broken, fix, "TP305")


def _limit_broken(transfer: ShimTransfer, sizes: Pattern, strides: Pattern, *, linear: bool) -> str | None:
    """The first field that mlir-aie finds too small, in its words and with its off-by-ones."""
    row_words = sizes[3] * transfer.element_bytes // WORD_BYTES
    if not linear and row_words > WRAP_LIMIT:
        return f"the innermost size is {row_words:,} words, and the field holds {WRAP_LIMIT:,}"
    if not linear and sizes[2] > WRAP_LIMIT:
        return f"size 1 is {sizes[2]:,}, and the field holds {WRAP_LIMIT:,}"
    if sizes[0] - 1 > ITERATION_LIMIT:
        return f"the outermost size is {sizes[0]:,}, and the iteration count goes to {ITERATION_LIMIT}"
    steps = [_step(size, stride, transfer) for size, stride in zip(sizes, strides, strict=True)]
    if max(steps) > STEP_LIMIT:
        return f"a stride is {max(steps) + 1:,} words, and the field holds {STEP_LIMIT:,}"
    return None


def _refusal(transfer: ShimTransfer, why: str, fix: str, id: str) -> Problem:
    what = "a transfer between host and array cannot be written"
    return Problem(what, where=transfer.place, why=why, fix=fix, id=id)


# --- from words back ----------------------------------------------------------------------------------------


def bd_at(address: int) -> tuple[int, int] | None:
    """Column and BD id if a shim tile's BD begins at this address."""
    column, row, offset = tile_of(address)
    if row != SHIM_ROW or not BD_BASE <= offset < BD_END or offset % BD_STRIDE:
        return None
    return column, (offset - BD_BASE) // BD_STRIDE


def shim_bd(write: BlockWrite) -> ShimBd:
    """The BD that a write of its 8 words makes; `bd_at` says which one it is."""
    if len(write.words) != BD_WORDS:
        raise ValueError(f"a shim BD has {BD_WORDS} words, not {len(write.words)}")
    w = write.words
    return ShimBd(
        length=w[0],
        byte_address=(w[2] & 0xFFFF) << 32 | w[1],
        d0_size=_bits(w[3], 20, 10),
        d0_stride=_bits(w[3], 0, 20) + 1,
        d1_size=_bits(w[4], 20, 10),
        d1_stride=_bits(w[4], 0, 20) + 1,
        d2_stride=_bits(w[5], 0, 20) + 1,
        iteration_size=_bits(w[6], 20, 6) + 1,
        iteration_stride=_bits(w[6], 0, 20) + 1,
        iteration_current=_bits(w[6], 26, 6),
        burst_bytes=64 << _bits(w[4], 30, 2),
        valid=bool(_bits(w[7], 25, 1)),
        next_bd=_bits(w[7], 27, 4) if _bits(w[7], 26, 1) else None,
        packet=Packet(id=_bits(w[2], 19, 5), type=_bits(w[2], 16, 3)) if _bits(w[2], 30, 1) else None,
        lock_acquire=(_bits(w[7], 0, 4), _signed7(w[7] >> 5)) if _bits(w[7], 12, 1) else None,
        lock_release=(_bits(w[7], 13, 4), _signed7(w[7] >> 18)) if _bits(w[7], 18, 7) else None,
    )


def decode_queue_push(write: Write) -> QueuePush | None:
    """The task that a write to a shim channel's queue starts; None if it writes elsewhere."""
    column, row, offset = tile_of(write.address)
    if row != SHIM_ROW or offset not in CHANNEL_AT_QUEUE:
        return None
    direction, channel = CHANNEL_AT_QUEUE[offset]
    return QueuePush(
        column=column,
        direction=direction,
        channel=channel,
        bd_id=_bits(write.value, 0, 4),
        runs=_bits(write.value, 16, 8) + 1,
        issue_token=bool(_bits(write.value, 31, 1)),
    )


def _bits(word: int, low: int, count: int) -> int:
    return word >> low & (1 << count) - 1


def _signed7(value: int) -> int:
    value &= 0x7F
    return value - 0x80 if value & 0x40 else value
