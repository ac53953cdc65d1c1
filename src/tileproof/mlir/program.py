"""What a core executes, as typed data: one class for each thing that an operation does, whatever dialect says it.

Values are numbers, unique in their core. Where a region has several blocks, each begins with a `Label`, and a jump
names the position of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tileproof.diagnostic import Place
from tileproof.mlir.values import MemRef, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What all have: `name` as MLIR spells it, for sentences, and where they stand."""

    name: str
    place: Place

    @property
    def regions(self) -> tuple[Body, ...]:
        return ()


Body = tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Operation):
    """An operation as it is written: one that nothing here knows a meaning of.

    `types` are those of the results, `operand_types` of the operands. `blocks` are the values that each region's one
    block receives, `successors` the positions of the labels it may go on at.
    """

    operands: tuple[int, ...]
    results: tuple[int, ...]
    types: tuple[Type, ...]
    operand_types: tuple[Type, ...]
    attributes: Mapping[str, Any]
    bodies: tuple[Body, ...]
    blocks: tuple[tuple[int, ...], ...]
    successors: tuple[int, ...]

    @property
    def regions(self) -> tuple[Body, ...]:
        return self.bodies


# Fifos, locks, the cascade

FifoPort = Literal["Produce", "Consume"]
LockAction = Literal["Acquire", "AcquireGreaterEqual", "Release"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoUse(Operation):
    """An acquire or a release of `count` objects at one end of a fifo."""

    fifo: str
    port: FifoPort
    count: int

    @property
    def end(self) -> tuple[str, str]:
        return self.fifo, self.port


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquire(FifoUse):
    """`view` stands for the objects, which are of `type`."""

    view: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(FifoUse):
    """The oldest objects that are held go to the other end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Operation):
    """Object `index` of what an acquire gave."""

    view: int
    index: int
    result: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UseLock(Operation):
    """`Acquire` waits until the lock is equal to `value`, `AcquireGreaterEqual` until it is at least that."""

    lock: int
    action: LockAction
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCascade(Operation):
    value: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCascade(Operation):
    result: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class PutStream(Operation):
    """A word onto the core's stream."""

    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GetStream(Operation):
    result: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Operation):
    """A user event, for the trace unit."""

    number: int


# Control. What a region's last operation hands on becomes the results, or what the next turn begins with.


@dataclass(frozen=True, slots=True, kw_only=True)
class For(Operation):
    """A turn for `index` from `lower` in steps of `step` as long as it is below `upper`.

    The first turn begins with `initial`; each has what it begins with in `carried`.
    """

    lower: int
    upper: int
    step: int
    initial: tuple[int, ...]
    index: int
    carried: tuple[int, ...]
    body: Body
    results: tuple[int, ...]

    @property
    def regions(self) -> tuple[Body, ...]:
        return (self.body,)


@dataclass(frozen=True, slots=True, kw_only=True)
class While(Operation):
    """`before` decides, with what it receives in `tested`, whether `after` follows, which has it in `carried`."""

    initial: tuple[int, ...]
    tested: tuple[int, ...]
    before: Body
    carried: tuple[int, ...]
    after: Body
    results: tuple[int, ...]

    @property
    def regions(self) -> tuple[Body, ...]:
        return (self.before, self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class If(Operation):
    condition: int
    then: Body
    otherwise: Body
    results: tuple[int, ...]

    @property
    def regions(self) -> tuple[Body, ...]:
        return (self.then, self.otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSwitch(Operation):
    """The body of the case that `value` is equal to, or `default`."""

    value: int
    cases: tuple[int, ...]
    bodies: tuple[Body, ...]
    default: Body
    results: tuple[int, ...]

    @property
    def regions(self) -> tuple[Body, ...]:
        return (self.default, *self.bodies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminator(Operation):
    """The end of a region; `values` are handed to what the region is of."""

    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield(Terminator):
    """Of a loop's turn, or a branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Terminator):
    """Of what a `While` does before; the first value says whether it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Terminator):
    """Of a core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label(Operation):
    """Where a block begins, which receives `values`; no text has it."""

    values: tuple[int, ...]
    types: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Jump:
    """To the label at position `target` of the same region, with `values` for it."""

    target: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Operation):
    to: Jump


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchIf(Operation):
    condition: int
    then: Jump
    otherwise: Jump


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Operation):
    """A tile function, on arguments of `types`; `result` is None where it returns nothing."""

    callee: str
    arguments: tuple[int, ...]
    types: tuple[Type, ...]
    result: int | None = None


# Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Operation):
    buffer: int
    indices: tuple[int, ...]
    result: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Operation):
    value: int
    buffer: int
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadVector(Load):
    """As many elements from the indices on as the vector `type` has."""

    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreVector(Store):
    """From the indices on; `type` is the vector's."""

    type: Type


# By the dimensions of a vector, that of a buffer which each goes along, and None where it goes along none: all lanes
# have one element then.
Along = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Operation):
    """Between a buffer, from the indices on, and a vector of `type`, in any order of dimensions.

    Where `in_bounds` is true of a dimension, all its lanes are there; elsewhere those that are not are left out, as
    are those for which `mask` is false.
    """

    buffer: int
    indices: tuple[int, ...]
    mask: int | None
    along: Along
    in_bounds: tuple[bool, ...]
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRead(Transfer):
    """`padding` is in the lanes that are left out."""

    padding: int
    result: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferWrite(Transfer):
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Operation):
    """The whole of one buffer into another."""

    source: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocate(Operation):
    """A buffer on the core's stack."""

    result: int
    type: MemRef


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGlobal(Operation):
    """A buffer of the core's own, which its program brings along: `values` are those that it begins with, if any."""

    symbol: str
    values: tuple[int | float, ...]
    result: int
    type: MemRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent(Operation):
    """How far a buffer reaches in the dimension of that number."""

    buffer: int
    dimension: int
    result: int


# Numbers that an operation has written out; None is that of its next operand.
Numbers = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View(Operation):
    """Elements of a buffer, or of another view of one, under new indices; `type` is that of the view.

    `operands` are the numbers that are known at run time, in the order in which they are missing.
    """

    source: int
    operands: tuple[int, ...]
    result: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Subview(View):
    """From the offsets on, in steps of the strides; `kept` are the dimensions that the view still has."""

    offsets: Numbers
    sizes: Numbers
    strides: Numbers
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinterpret(View):
    """Of the whole buffer, wherever in it the source begins: its offset is counted from the buffer's start."""

    offsets: Numbers
    sizes: Numbers
    strides: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse(View):
    """Each group of dimensions is one."""

    groups: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expand(View):
    """Each dimension is a group of them; `sizes` are those of the view."""

    groups: tuple[tuple[int, ...], ...]
    sizes: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Retype(View):
    """The same elements under the same indices, of a type that says more of their layout, or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewBytes(View):
    """Elements of any type in a buffer of bytes; the first operand is the byte at which they begin."""


# Arithmetic, with the words of MLIR's arith dialect

# fmt: off
WholeFunction = Literal[
    "add", "sub", "mul", "divs", "rems", "floordivs", "ceildivs", "divu", "remu", "ceildivu",
    "and", "or", "xor", "maxs", "mins", "maxu", "minu", "shl", "shrs", "shru",
]
FloatFunction = Literal["addf", "subf", "mulf", "divf", "maximumf", "minimumf", "maxnumf", "minnumf"]
# With the words of MLIR's math dialect.
Elementary = Literal[
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt", "cbrt", "powf",
    "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf",
    "absf", "copysign", "floor", "ceil", "round", "roundeven", "trunc",
]
BitFunction = Literal["absi", "ctlz", "ctpop", "cttz"]
# In the order of MLIR's numbers.
WholePredicate = Literal["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]
FloatPredicate = Literal[
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
]
# fmt: on
# How a cast reads its value.
Reading = Literal["signed", "unsigned", "number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Operation):
    """A number, or a vector's, one for each element; None is nothing that a core computes with."""

    dialect: Literal["arith", "index"]
    value: int | float | tuple[int | float, ...] | None
    result: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Operation):
    """`result` of `type` from operands of which the first is of type `of`. Vectors compute lane by lane."""

    operands: tuple[int, ...]
    of: Type
    result: int
    type: Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Arithmetic):
    function: WholeFunction | FloatFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Arithmetic):
    predicate: WholePredicate


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareFloats(Arithmetic):
    predicate: FloatPredicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Select(Arithmetic):
    """The second operand where the first is true, or else the third."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Negate(Arithmetic):
    """Of a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast(Arithmetic):
    """The value, as the new type holds it."""

    reads: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Bitcast(Arithmetic):
    """The same bits, as another type reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast(Arithmetic):
    """A vector with the operand in each lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplyAdd(Arithmetic):
    """The product of the first two operands and the third, rounded once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluate(Arithmetic):
    """A function of floats."""

    function: Elementary


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Arithmetic):
    """A function of the bits of a whole number."""

    function: BitFunction


# What takes vectors as they are, and not lane by lane. The first operand is the vector, or what is put into one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask(Arithmetic):
    """A vector of truths, true in so many lanes of each dimension as the operands say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract(Arithmetic):
    """The lane, or the vector of the inner dimensions, at a position; None is that of the next operand."""

    position: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert(Arithmetic):
    """The second operand with the first at a position of it."""

    position: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSlice(Arithmetic):
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InsertSlice(Arithmetic):
    """The second operand with the first from the offsets on."""

    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Arithmetic):
    """The same lanes in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebit(Arithmetic):
    """The same bits as lanes of another width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Arithmetic):
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shuffle(Arithmetic):
    """Lanes of both operands, those of the second behind those of the first."""

    lanes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Arithmetic):
    """One value of all lanes of the dimensions, beginning with the second operand where there is one."""

    function: WholeFunction | FloatFunction
    dimensions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(Arithmetic):
    """The third operand and all products of lanes of the first two whose indices agree by the maps, one for each
    operand; what is not in the last map is reduced."""

    function: WholeFunction | FloatFunction
    maps: tuple[tuple[int, ...], ...]


def walk(body: Body) -> Iterator[Operation]:
    """Every operation of a body, those inside regions after the one that holds them."""
    for operation in body:
        yield operation
        for region in operation.regions:
            yield from walk(region)


def callees(body: Body) -> list[str]:
    """The tile functions that a body calls, each once."""
    return list(dict.fromkeys(operation.callee for operation in walk(body) if isinstance(operation, Call)))
