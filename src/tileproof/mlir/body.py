"""The program of a core: its operations in order, with numbered values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeGuard

from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.dialects.memref import GetGlobalOp
from xdsl.ir import Block, OpResult, SSAValue
from xdsl.ir import Operation as XdslOperation

from tileproof.mlir.affine import LOWERED, lowered
from tileproof.mlir.aie import (
    Aie,
    EndOp,
    EventOp,
    GetCascadeOp,
    GetStreamOp,
    LogicalTileOp,
    PutCascadeOp,
    PutStreamOp,
    TileOp,
    UseLockOp,
)
from tileproof.mlir.aie_fifos import AccessOp, AcquireOp, ReleaseOp, SubviewType
from tileproof.mlir.aiex import Aiex
from tileproof.mlir.attributes import dense_values, integer, memref, plain, refuse, value_type
from tileproof.mlir.budget import OBJECTS
from tileproof.mlir.design import Buffer, Lock
from tileproof.mlir.operations import LABEL, meant
from tileproof.mlir.parse import place_of
from tileproof.mlir.program import Access, Body, Kept, Label, Operation
from tileproof.mlir.values import Type

_IN_CORES = (
    *(EndOp, UseLockOp, EventOp, GetCascadeOp, PutCascadeOp, GetStreamOp, PutStreamOp),
    *(AcquireOp, ReleaseOp, AccessOp),
)
_NOT_IN_FUNCTIONS = (EndOp, UseLockOp, AcquireOp, ReleaseOp, AccessOp)
_NOT_IN_CORES: tuple[type[XdslOperation], ...] = (
    *(op for op in Aie.operations if op not in _IN_CORES),
    *Aiex.operations,
    FuncOp,
)


def _gives_objects(op: XdslOperation) -> TypeGuard[AcquireOp]:
    return isinstance(op, AcquireOp) and op.gives_objects()


def _values_of(op: XdslOperation) -> Iterator[SSAValue]:
    for inner in op.walk():
        yield from inner.results
        yield from (argument for region in inner.regions for block in region.blocks for argument in block.args)


def is_constant(op: XdslOperation) -> bool:
    return op.name in ("arith.constant", "index.constant")


def _is_outside(core: XdslOperation, op: XdslOperation) -> bool:
    return op.parent_op() is core.parent_op()


class BodyReader:
    """Numbers the values of one core's body. `buffers` and `locks` say which of them stand for something outside.

    `functions` are those that the design itself has a body for; the body stands where one is called. `globals` are
    buffers that each core has for itself.
    """

    def __init__(
        self,
        buffers: dict[SSAValue, Buffer],
        locks: dict[SSAValue, Lock],
        functions: Mapping[str, FuncOp],
        globals: Mapping[str, XdslOperation],
    ) -> None:
        self._known_buffers = buffers
        self._known_locks = locks
        self._functions = functions
        self._globals = globals
        self._called: list[str] = []  # from the core inward
        self._numbers: dict[SSAValue, int] = {}
        self._next = 0
        self.buffers: dict[int, str] = {}
        self.locks: dict[int, str] = {}

    def program(self, core: XdslOperation) -> Body:
        """The core's body, with the constants of the device that it uses in front."""
        used = dict.fromkeys(
            operand.op
            for op in core.walk()
            for operand in op.operands
            if isinstance(operand, OpResult) and is_constant(operand.op) and _is_outside(core, operand.op)
        )
        if used and len(core.regions[0].blocks) > 1:
            refuse(next(iter(used)), "a core with labels uses a constant of the device", "write it into the core")
        constants = tuple(meant(self._operation(op, {})) for op in used)
        return (*constants, *self.operations(core.regions[0].blocks))

    def operations(self, blocks: Iterable[Block]) -> Body:
        blocks = tuple(blocks)
        if len(blocks) == 1:
            return tuple(written for op in blocks[0].ops for written in self._written(op, {}))
        return tuple(self._several(blocks))

    def _several(self, blocks: tuple[Block, ...]) -> Iterator[Operation]:
        starts: dict[Block, int] = {}
        position = 0
        for block in blocks:
            starts[block] = position
            position += 1 + sum(self._length(op) for op in block.ops)
        for block in blocks:
            first = next(iter(block.ops), None)
            if first is None:
                continue  # xDSL refuses a jump to a block without a terminator
            yield Label(
                name=LABEL,
                place=place_of(first),
                values=tuple(self._number(argument) for argument in block.args),
                types=tuple(value_type(first, argument.type) for argument in block.args),
            )
            for op in block.ops:
                yield from self._written(op, starts)

    def _length(self, op: XdslOperation) -> int:
        """How many operations it is written as: an acquire that gives n objects as n + 1, a call as what it calls."""
        if op.name in LOWERED:
            return len(tuple(self._written(op, {})))  # the numbers of values are those that it has the next time
        function = self._function_of(op)
        if function is None:
            return 1 + (len(op.outs) if _gives_objects(op) else 0)
        with self._inside(op, function):
            return sum(self._length(inner) for inner in function.body.block.ops if not isinstance(inner, ReturnOp))

    def _function_of(self, op: XdslOperation) -> FuncOp | None:
        """The function that a call is of, where the design has its body."""
        return self._functions.get(op.callee.root_reference.data) if isinstance(op, CallOp) else None

    @contextmanager
    def _inside(self, call: XdslOperation, function: FuncOp) -> Iterator[None]:
        name = function.sym_name.data
        if name in self._called:
            refuse(call, f"function @{name} calls itself", "write a loop", "its body stands where it is called")
        if len(function.body.blocks) != 1:
            refuse(function, f"the body of function @{name} has several blocks", "write scf.if and scf.for")
        self._called.append(name)
        yield
        self._called.pop()

    def _inlined(self, call: XdslOperation, function: FuncOp) -> Iterator[Operation]:
        """The body with the call's operands in the place of its arguments, and its values numbered anew."""
        with self._inside(call, function):
            block = function.body.block
            for argument, operand in zip(block.args, call.operands, strict=True):
                self._numbers[argument] = self._number(operand)
            for op in block.ops:
                if not isinstance(op, ReturnOp):
                    yield from self._written(op, {})
                    continue
                for result, returned in zip(call.results, op.operands, strict=True):
                    self._numbers[result] = self._number(returned)
        for value in _values_of(function):
            self._numbers.pop(value, None)

    def _number(self, value: SSAValue) -> int:
        if value not in self._numbers:
            number = self._numbers[value] = self._fresh()
            if value in self._known_buffers:
                self.buffers[number] = self._known_buffers[value].name
            if value in self._known_locks:
                self.locks[number] = self._known_locks[value].name
        return self._numbers[value]

    def _fresh(self) -> int:
        """The number of a value that the text has no name for."""
        number, self._next = self._next, self._next + 1
        return number

    def _written(self, op: XdslOperation, starts: dict[Block, int]) -> Iterator[Operation]:
        """The operation; an acquire that gives its objects by themselves as an acquire and an access for each."""
        function = self._function_of(op)
        if function is not None:
            yield from self._inlined(op, function)
            return
        whole = self._operation(op, starts)
        if op.name in LOWERED:
            yield from lowered(op, whole, self._fresh)
            return
        if isinstance(op, GetGlobalOp):
            whole = replace(whole, attributes={**whole.attributes, "values": self._values_of_global(op)})
        if not _gives_objects(op):
            yield meant(whole)
            return
        if whole.attributes["count"] != len(op.outs):
            refuse(op, f"{whole.attributes['count']} objects and {len(op.outs)} results", "name each object")
        view = self._fresh()
        yield meant(replace(whole, results=(view,)))
        for index, result in enumerate(whole.results):
            yield Access(name=AccessOp.name, place=whole.place, view=view, index=index, result=result)

    def _values_of_global(self, op: GetGlobalOp) -> tuple[int | float, ...]:
        name = op.name_.root_reference.data
        found = self._globals.get(name)
        if found is None:
            refuse(op, f"there is no global @{name}", f"globals here: {', '.join(self._globals) or 'none'}")
        type_ = memref(found, found.attributes["type"])
        if type_ != value_type(op, op.memref.type):
            refuse(op, f"@{name} is of another type", "write the type that it is declared with", f"it is {type_}")
        return dense_values(found.attributes.get("initial_value"), type_)

    def _operation(self, op: XdslOperation, starts: dict[Block, int]) -> Kept:
        if isinstance(op, _NOT_IN_CORES):
            refuse(op, f"{op.name} cannot stand in a core", "move it out, directly into the device")
        if self._called and isinstance(op, _NOT_IN_FUNCTIONS):
            # mlir-aie lowers fifos and locks in cores, and looks into no function.
            refuse(op, f"{op.name} cannot stand in a function", f"move it into the core that calls @{self._called[-1]}")
        if isinstance(op, AcquireOp | ReleaseOp):
            objects = integer(op, "count")
            verb = op.name.split(".")[-1]
            OBJECTS.check(
                objects, f"an {op.name} of {objects:,} objects", place_of(op), f"{verb} as many as the fifo has"
            )
        if isinstance(op, AccessOp):
            _check_access(op)
        blocks = tuple(
            tuple(self._number(argument) for block in region.blocks for argument in block.args)
            if len(region.blocks) == 1
            else ()
            for region in op.regions
        )
        return Kept(
            name=op.name,
            place=place_of(op),
            operands=tuple(self._operand(op, value) for value in op.operands),
            results=tuple(self._number(result) for result in op.results),
            types=tuple(value_type(op, result.type) for result in op.results),
            operand_types=tuple(self._type(op, operand) for operand in op.operands),
            attributes={key: plain(value) for key, value in {**op.attributes, **op.properties}.items()},
            bodies=tuple(self.operations(region.blocks) for region in op.regions),
            blocks=blocks,
            successors=tuple(starts[block] for block in op.successors if block in starts),
        )

    def _operand(self, op: XdslOperation, value: SSAValue) -> int:
        if isinstance(value, OpResult) and isinstance(value.op, TileOp | LogicalTileOp):
            refuse(op, f"{op.name} cannot use a tile", "use a buffer of that tile")
        return self._number(value)

    def _type(self, op: XdslOperation, value: SSAValue) -> Type:
        return "lock" if value in self._known_locks else value_type(op, value.type)


def _check_access(op: AccessOp) -> None:
    """mlir-aie puts the object itself in the place of what the access gives, which must be of its type."""
    view, given = op.ins[0].type, op.outs[0].type
    if isinstance(view, SubviewType) and view.element != given:
        refuse(
            op,
            f"an access gives {given}, and the objects are {view.element}",
            f"write -> {view.element}, or declare the fifo with the shape that is wanted",
            "mlir-aie puts the object in its place as it is, and refuses what is done with it then",
            id="TP002",
        )
