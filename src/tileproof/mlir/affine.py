"""MLIR's affine dialect: what xDSL lacks of it, and what its operations are in arith, scf and memref.

mlir-aie begins with lower-affine (aie_syntax.md), so that nothing behind it knows the dialect; so it is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from xdsl.dialects import affine
from xdsl.dialects.builtin import AffineMapAttr, AffineSetAttr, IndexType
from xdsl.ir import Attribute, Dialect, Region, SSAValue
from xdsl.ir import Operation as XdslOperation
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineConstraintExpr,
    AffineConstraintKind,
    AffineDimExpr,
    AffineExpr,
    AffineMap,
    AffineSymExpr,
)
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from tileproof.mlir.fitting import fits
from tileproof.mlir.program import (
    Binary,
    Compare,
    Constant,
    For,
    If,
    Kept,
    Load,
    LoadVector,
    Operation,
    Store,
    StoreVector,
    WholeFunction,
    WholePredicate,
)
from tileproof.mlir.syntax import LooseOp, merge, print_rest
from tileproof.mlir.values import extents_of

_INDEX = IndexType()
_Said = TypeVar("_Said", bound=AffineMapAttr | AffineSetAttr)


def _applied(parser: Parser, kind: type[_Said], expected: str) -> tuple[_Said, list[SSAValue]]:
    """`#map(%i)[%n]`, as many values as it takes; `expected` is told where it is of another kind."""
    start = parser.pos
    said = parser.parse_attribute()
    if not isinstance(said, kind):
        parser.raise_error(expected, start, parser.pos)
    dimensions = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: parser.parse_operand(_INDEX))
    symbols = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, lambda: parser.parse_operand(_INDEX))
    wanted = (said.data.num_dims, said.data.num_symbols)
    if wanted != (len(dimensions), len(symbols or ())):
        parser.raise_error(f"it takes {wanted[0]} dimensions and {wanted[1]} symbols", start, parser.pos)
    return said, [*dimensions, *(symbols or ())]


def bound(parser: Parser, word: Literal["max", "min"]) -> tuple[AffineMap, list[SSAValue]]:
    """Of a loop: a number, a value, or a map of values, of whose results it is the greatest or the least."""
    start = parser.pos
    parser.parse_optional_keyword(word)
    value = parser.parse_optional_operand(_INDEX)
    if value is not None:
        return AffineMap(0, 1, (AffineExpr.symbol(0),)), [value]
    number = parser.parse_optional_integer(allow_boolean=False)
    if number is not None:
        return AffineMap.constant_map(number), []
    said, operands = _applied(parser, AffineMapAttr, "a bound is a number, a value, or an affine map of values")
    if not said.data.results:
        parser.raise_error("the map of a bound gives a number at least", start, parser.pos)
    return said.data, operands


@irdl_op_definition
class MaxOp(LooseOp):
    """`affine.max affine_map<(d0) -> (d0, 8)>(%i)`."""

    name = "affine.max"

    @classmethod
    def parse(cls, parser: Parser) -> MaxOp:
        said, operands = _applied(parser, AffineMapAttr, "an affine map expected")
        return cls.make(operands, [_INDEX], merge(parser, {"map": said}))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        _print_applied(printer, self.attributes["map"], self.ins)
        print_rest(printer, self, "map")


@irdl_op_definition
class IfOp(LooseOp):
    """`affine.if #set(%i)[%n] -> i32 {...} else {...}`; the second region may be empty."""

    name = "affine.if"

    @classmethod
    def parse(cls, parser: Parser) -> IfOp:
        said, operands = _applied(parser, AffineSetAttr, "an affine set expected")
        results: list[Attribute] = []
        if parser.parse_optional_punctuation("->"):
            listed = parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
            results = [parser.parse_type()] if listed is None else [*listed]
        regions = [_ended(parser.parse_region(()))]
        regions.append(_ended(parser.parse_region(())) if parser.parse_optional_keyword("else") else Region())
        return cls.make(operands, results, merge(parser, {"condition": said}), regions)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        _print_applied(printer, self.attributes["condition"], self.ins)
        if self.outs:
            printer.print_string(" -> ")
            with printer.in_parens():
                printer.print_list(self.outs, lambda value: printer.print_attribute(value.type))
        printer.print_string(" ")
        printer.print_region(self.bodies[0], print_block_terminators=bool(self.outs))
        if self.bodies[1].blocks:
            printer.print_string(" else ")
            printer.print_region(self.bodies[1], print_block_terminators=bool(self.outs))
        print_rest(printer, self, "condition")


def _ended(region: Region) -> Region:
    """With the yield at its end that need not be written."""
    if not isinstance(region.block.last_op, affine.YieldOp):
        region.block.add_op(affine.YieldOp.get())
    return region


def _print_applied(printer: Printer, said: Attribute, values: Sequence[SSAValue]) -> None:
    assert isinstance(said, AffineMapAttr | AffineSetAttr)
    printer.print_attribute(said)
    with printer.in_parens():
        printer.print_list(values[: said.data.num_dims], printer.print_ssa_value)
    if said.data.num_symbols:
        with printer.in_square_brackets():
            printer.print_list(values[said.data.num_dims :], printer.print_ssa_value)


_THEIRS = [op for op in affine.Affine.operations if op is not affine.IfOp]
Affine = Dialect("affine", [*_THEIRS, IfOp, MaxOp], list(affine.Affine.attributes))


# What they are in other dialects


@dataclass
class Lowered:
    """Collects the operations that one affine operation is; `fresh` gives numbers that no value has."""

    written: Kept
    fresh: Callable[[], int]
    made: list[Operation] = field(default_factory=list)

    def constant(self, value: int, result: int) -> int:
        self.made.append(
            Constant(
                name=self.written.name,
                place=self.written.place,
                dialect="arith",
                value=value,
                result=result,
                type="index",
            )
        )
        return result

    def _binary(self, function: WholeFunction, left: int, right: int, result: int, type_: str = "index") -> int:
        self.made.append(
            Binary(
                name=self.written.name,
                place=self.written.place,
                operands=(left, right),
                of=type_,
                result=result,
                type=type_,
                function=function,
            )
        )
        return result

    def _compared(self, predicate: WholePredicate, value: int) -> int:
        """With zero."""
        zero, result = self.constant(0, self.fresh()), self.fresh()
        self.made.append(
            Compare(
                name=self.written.name,
                place=self.written.place,
                operands=(value, zero),
                of="index",
                result=result,
                type="i1",
                predicate=predicate,
            )
        )
        return result

    def value(self, expression: AffineExpr, operands: Sequence[int], dimensions: int, result: int | None = None) -> int:
        """The number of the value that an expression of numbered values has; `result` where it must be that one."""
        match expression:
            case AffineConstantExpr():
                return self.constant(expression.value, self.fresh() if result is None else result)
            case AffineDimExpr() | AffineSymExpr():
                at = expression.position + (dimensions if isinstance(expression, AffineSymExpr) else 0)
                if result is None:
                    return operands[at]
                return self._binary("add", operands[at], self.constant(0, self.fresh()), result)
            case AffineBinaryOpExpr():
                left, right = (self.value(one, operands, dimensions) for one in (expression.lhs, expression.rhs))
                return self._of_two(expression.kind, left, right, self.fresh() if result is None else result)
        raise AssertionError(expression)

    def _of_two(self, kind: AffineBinaryOpKind, left: int, right: int, result: int) -> int:
        if kind != AffineBinaryOpKind.Mod:
            return self._binary(_FUNCTIONS[kind], left, right, result)
        # Never negative: what floordiv leaves.
        quotient = self._binary("floordivs", left, right, self.fresh())
        return self._binary("sub", left, self._binary("mul", quotient, right, self.fresh()), result)

    def values(self, map_: AffineMap, operands: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.value(one, operands, map_.num_dims) for one in map_.results)

    def extreme(
        self, function: Literal["mins", "maxs"], map_: AffineMap, operands: Sequence[int], result: int | None = None
    ) -> int:
        """The least or the greatest of a map's results."""
        if len(map_.results) == 1:
            return self.value(map_.results[0], operands, map_.num_dims, result)
        found, *others = self.values(map_, operands)
        for number, other in enumerate(others, start=1):
            is_last = number == len(others)
            found = self._binary(function, found, other, self.fresh() if result is None or not is_last else result)
        return found

    def all_hold(self, constraints: Sequence[AffineConstraintExpr], operands: Sequence[int], dimensions: int) -> int:
        holding = [
            self._compared(_PREDICATES[one.kind], self.value(one.lhs - one.rhs, operands, dimensions))
            for one in constraints
        ]
        found, *others = holding
        for other in others:
            found = self._binary("and", found, other, self.fresh(), "i1")
        return found


_FUNCTIONS: dict[AffineBinaryOpKind, WholeFunction] = {
    AffineBinaryOpKind.Add: "add",
    AffineBinaryOpKind.Mul: "mul",
    AffineBinaryOpKind.FloorDiv: "floordivs",
    AffineBinaryOpKind.CeilDiv: "ceildivs",
}
_PREDICATES: dict[AffineConstraintKind, WholePredicate] = {
    AffineConstraintKind.ge: "sge",
    AffineConstraintKind.le: "sle",
    AffineConstraintKind.eq: "eq",
}


def lowered(op: XdslOperation, written: Kept, fresh: Callable[[], int]) -> Iterator[Operation]:
    """An operation of `LOWERED`, which is `written` with its values numbered, as lower-affine leaves it."""
    if not fits(written) or not _is_whole(op, written):
        yield written
        return
    into = Lowered(written, fresh)
    last = LOWERED[op.name](op, written, into)
    yield from into.made
    if last is not None:
        yield last


def _is_whole(op: XdslOperation, written: Kept) -> bool:
    """Each map gives something: an index for each dimension of a buffer; and a condition says something."""
    said = [
        one for one in {**op.attributes, **op.properties}.values() if isinstance(one, AffineMapAttr | AffineSetAttr)
    ]
    if not all(one.data.results if isinstance(one, AffineMapAttr) else one.data.constraints for one in said):
        return False
    buffer = _BUFFERS.get(op.name)
    return buffer is None or len(_map_of(op).results) == len(extents_of(written.operand_types[buffer]))


def _map_of(op: XdslOperation, key: str = "map") -> AffineMap:
    said = {**op.attributes, **op.properties}[key]
    assert isinstance(said, AffineMapAttr)
    return said.data


def _apply(op: XdslOperation, written: Kept, into: Lowered) -> None:
    map_ = _map_of(op)
    into.value(map_.results[0], written.operands, map_.num_dims, written.results[0])


def _min(op: XdslOperation, written: Kept, into: Lowered) -> None:
    into.extreme("mins", _map_of(op), written.operands, written.results[0])


def _max(op: XdslOperation, written: Kept, into: Lowered) -> None:
    into.extreme("maxs", _map_of(op), written.operands, written.results[0])


def _load(op: XdslOperation, written: Kept, into: Lowered) -> Operation:
    buffer, *operands = written.operands
    indices, (result,) = into.values(_map_of(op), operands), written.results
    if op.name == "affine.load":
        return Load(name=op.name, place=written.place, buffer=buffer, indices=indices, result=result)
    type_ = written.types[0]
    return LoadVector(name=op.name, place=written.place, buffer=buffer, indices=indices, result=result, type=type_)


def _store(op: XdslOperation, written: Kept, into: Lowered) -> Operation:
    value, buffer, *operands = written.operands
    indices = into.values(_map_of(op), operands)
    if op.name == "affine.store":
        return Store(name=op.name, place=written.place, value=value, buffer=buffer, indices=indices)
    type_ = written.operand_types[0]
    return StoreVector(name=op.name, place=written.place, value=value, buffer=buffer, indices=indices, type=type_)


def _for(op: XdslOperation, written: Kept, into: Lowered) -> Operation:
    assert isinstance(op, affine.ForOp)
    lower_count, upper_count = len(op.lowerBoundOperands), len(op.upperBoundOperands)
    lower = into.extreme("maxs", op.lowerBoundMap.data, written.operands[:lower_count])
    upper = into.extreme("mins", op.upperBoundMap.data, written.operands[lower_count:][:upper_count])
    step = into.constant(int(op.step.value.data), into.fresh())
    (index, *carried), (body,) = written.blocks[0], written.bodies
    return For(
        name=op.name,
        place=written.place,
        lower=lower,
        upper=upper,
        step=step,
        initial=written.operands[lower_count + upper_count :],
        index=index,
        carried=tuple(carried),
        body=body,
        results=written.results,
    )


def _if(op: XdslOperation, written: Kept, into: Lowered) -> Operation:
    said = op.attributes["condition"]
    assert isinstance(said, AffineSetAttr)
    condition = into.all_hold(said.data.constraints, written.operands, said.data.num_dims)
    then, otherwise = written.bodies
    return If(
        name=op.name, place=written.place, condition=condition, then=then, otherwise=otherwise, results=written.results
    )


# Which operand it is.
_BUFFERS = {"affine.load": 0, "affine.vector_load": 0, "affine.store": 1, "affine.vector_store": 1}
LOWERED: dict[str, Callable[[XdslOperation, Kept, Lowered], Operation | None]] = {
    "affine.apply": _apply,
    "affine.min": _min,
    "affine.max": _max,
    "affine.load": _load,
    "affine.vector_load": _load,
    "affine.store": _store,
    "affine.vector_store": _store,
    "affine.for": _for,
    "affine.if": _if,
}
