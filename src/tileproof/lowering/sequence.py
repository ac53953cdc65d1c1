"""A runtime sequence to the NPU's instruction words."""

from __future__ import annotations

from math import prod

from tileproof.device_model import SHIM, TILE_KINDS
from tileproof.errors import Problem
from tileproof.insts import (
    Generation,
    InstructionStream,
    Operation,
    ShimTransfer,
    encode,
    stream_for,
    transfer_operations,
    wait_operation,
)
from tileproof.lowering.model import LoweredDesign, ShimAllocation
from tileproof.mlir.design import Place, Sequence, Transfer

_WORD = 1 << 32


def sequence_words(design: LoweredDesign, sequence: Sequence) -> bytes:
    """The bytes of insts.bin, word for word what mlir-aie of 2026-08 writes; a `Problem` where it would refuse."""
    operations: list[Operation] = []
    for operation in sequence.operations:
        shim = _allocation(design, operation.fifo, operation.place)
        if isinstance(operation, Transfer):
            operations += _transfer_operations(design, sequence, operation, shim)
        else:
            operations.append(wait_operation(shim.tile.column, shim.channel, shim.direction))
    return encode(_stream(design, tuple(operations)))


def main_sequence(design: LoweredDesign) -> Sequence:
    """The first runtime sequence, which is the one a host runs; a `Problem` if there is none."""
    if not design.sequences:
        raise Problem(
            "the design has no runtime sequence",
            where=str(design.place),
            why="nothing would move data between the host and the array",
            fix="add an aie.runtime_sequence",
        )
    return design.sequences[0]


def _transfer_operations(
    design: LoweredDesign, sequence: Sequence, transfer: Transfer, shim: ShimAllocation
) -> tuple[Operation, ...]:
    _check_transfer(transfer)
    type_ = sequence.arguments[transfer.argument]
    elements = sum(offset * stride for offset, stride in zip(transfer.offsets, transfer.strides, strict=True))
    request = ShimTransfer(
        column=shim.tile.column,
        direction=shim.direction,
        channel=shim.channel,
        bd_id=transfer.bd_id,
        argument=transfer.argument,
        byte_offset=elements * type_.dtype.nbytes,
        sizes=_four(transfer.sizes),
        strides=_four(transfer.strides),
        element_bytes=type_.dtype.nbytes,
        # An S2MM channel always issues its token (AIEDmaToNpu.cpp).
        issue_token=transfer.issue_token or shim.direction == "S2MM",
        burst_length=transfer.burst_length,
    )
    try:
        return transfer_operations(request, generation=_generation(design))
    except Problem as problem:
        problem.where = f"{transfer.place}, {problem.where}" if problem.where else str(transfer.place)
        raise


def _check_transfer(transfer: Transfer) -> None:
    """What mlir-aie passes without a word, and what no field of the instruction words can hold."""
    bds = TILE_KINDS[SHIM].bds
    if not 0 <= transfer.bd_id < bds:
        raise Problem(
            f"there is no BD {transfer.bd_id} on a shim tile",
            where=str(transfer.place),
            why=f"it has BDs 0 to {bds - 1}; mlir-aie lets this pass, and the write lands on the channels' registers",
            fix="give the transfer an id that no transfer under way has",
        )
    for name in ("offsets", "sizes", "strides"):
        values = getattr(transfer, name)
        if not all(0 <= value < _WORD for value in values) or prod(transfer.sizes) >= _WORD:
            raise Problem(
                f"the {name} of the transfer cannot be written",
                where=str(transfer.place),
                why=f"{name} {list(values)}, sizes {list(transfer.sizes)}: each, and their product, is below 2^32",
                fix="split the transfer, or correct the numbers",
            )


def _allocation(design: LoweredDesign, fifo: str, place: Place) -> ShimAllocation:
    for allocation in design.shim_allocations:
        if allocation.fifo == fifo:
            return allocation
    raise Problem(
        f"@{fifo} does not end at a shim tile",
        where=str(place),
        why="a runtime sequence moves data between host memory and the shim end of a fifo",
        fix="name a fifo with one end on row 0",
    )


def _stream(design: LoweredDesign, operations: tuple[Operation, ...]) -> InstructionStream:
    return stream_for(_generation(design), operations, columns=design.device.columns)


def _generation(design: LoweredDesign) -> Generation:
    return "npu1" if design.device.generation == "npu1" else "npu2"


def _four(values: tuple[int, ...]) -> tuple[int, int, int, int]:
    d3, d2, d1, d0 = values
    return (d3, d2, d1, d0)
