"""Sequences that an `aiex.run` runs: their operations on the arguments of the sequence around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType
from xdsl.dialects.memref import ReinterpretCastOp, SubviewOp
from xdsl.ir import Operation as XdslOperation
from xdsl.ir import SSAValue

from tileproof.mlir.attributes import refuse
from tileproof.mlir.design import AddressPatch, Bd, ConfigureTask, SequenceOperation, Transfer, UseTask


@dataclass(frozen=True, slots=True)
class Part:
    """What begins `offset` elements behind the begin of an argument."""

    argument: int
    offset: int


def part_of(value: SSAValue, arguments: Mapping[SSAValue, int]) -> Part | None:
    """An argument, or what memref.subview and reinterpret_cast make of one (traceSubviewToBlockArgument)."""
    offset = 0
    while value not in arguments:
        owner = value.owner
        if isinstance(owner, SubviewOp):
            offset += _first(owner, owner.source.type)
        elif isinstance(owner, ReinterpretCastOp):
            offset += _known(owner, owner.static_offsets.get_values())[0]
        else:
            return None
        value = owner.source
    return Part(arguments[value], offset)


def _known(op: XdslOperation, numbers: Sequence[int]) -> Sequence[int]:
    if DYNAMIC_INDEX in numbers:
        refuse(op, f"{op.name} begins where only the run time knows", "write its offsets as numbers")
    return numbers


def _first(op: SubviewOp, source: object) -> int:
    """How many elements behind the source's begin it begins."""
    assert isinstance(source, MemRefType)
    offsets, stride, found = _known(op, op.static_offsets.get_values()), 1, 0
    for offset, extent in zip(reversed(offsets), reversed(source.get_shape()), strict=True):
        found += offset * stride
        stride *= extent
    return found


def on_parts(
    call: XdslOperation, operations: Sequence[SequenceOperation], parts: Sequence[Part], first_task: int
) -> tuple[SequenceOperation, ...]:
    """The operations with `parts` in the place of their arguments; tasks are numbered from `first_task` on."""
    return tuple(_on_parts(call, operation, parts, first_task) for operation in operations)


def _on_parts(
    call: XdslOperation, operation: SequenceOperation, parts: Sequence[Part], first_task: int
) -> SequenceOperation:
    match operation:
        case Transfer():
            part = parts[operation.argument]
            if part.offset and operation.strides[-1] != 1:
                refuse(call, "a transfer of it steps over elements", "pass the whole argument, and give it offsets")
            offsets = (*operation.offsets[:-1], operation.offsets[-1] + part.offset)
            return replace(operation, argument=part.argument, offsets=offsets)
        case ConfigureTask():
            bds = tuple(_bd(bd, parts) for bd in operation.bds)
            return replace(operation, task=operation.task + first_task, bds=bds)
        case UseTask():
            return replace(operation, task=operation.task + first_task)
        case AddressPatch():
            part = parts[operation.argument]
            if part.offset:
                refuse(call, "a sequence that patches addresses itself runs on a part", "pass the whole argument")
            return replace(operation, argument=part.argument)
    return operation


def _bd(bd: Bd, parts: Sequence[Part]) -> Bd:
    if not isinstance(bd.buffer, int):
        return bd
    part = parts[bd.buffer]
    return replace(bd, buffer=part.argument, offset=bd.offset + part.offset)
