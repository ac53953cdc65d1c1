"""Dialects of MLIR with what xDSL has for scalars only, or without its syntax: casts, comparisons, selections, copies.

Syntax: `arith.extsi %x : vector<16xi8> to vector<16xi32>` (ArithOps.td, MemRefOps.td, VectorOps.td of MLIR).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, ClassVar

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    ContainerType,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    VectorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Dialect
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from tileproof.mlir.syntax import LooseOp, attributes, merge, number, print_rest, print_values, word


class CastOp(LooseOp):
    """Operands: the value. `RULE` says from which element type to which it may go."""

    RULE: ClassVar[Callable[[Attribute, Attribute], bool]]

    @classmethod
    def parse(cls, parser: Parser) -> CastOp:
        value = parser.parse_unresolved_operand()
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        operand = parser.resolve_operand(value, parser.parse_type())
        parser.parse_keyword("to")
        return cls.make([operand], [parser.parse_type()], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(" to ")
        printer.print_attribute(self.outs[0].type)

    def verify_(self) -> None:
        before, after = self.ins[0].type, self.outs[0].type
        fits = type(self).RULE(_element(before), _element(after)) and _fit(_shape(before), _shape(after))
        if not fits:
            raise VerifyException(f"{self.name} does not go from {before} to {after}")


def _element(type_: Attribute) -> Attribute:
    return type_.get_element_type() if isinstance(type_, ContainerType) else type_


def _fit(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> bool:
    """Equal, but where one of them is open (`?`)."""
    if before is None or after is None or len(before) != len(after):
        return before == after
    return all(DYNAMIC_INDEX in (one, other) or one == other for one, other in zip(before, after, strict=True))


def _shape(type_: Attribute) -> tuple[int, ...] | None:
    return tuple(type_.get_shape()) if isinstance(type_, VectorType | MemRefType) else None


def _bits(type_: Attribute) -> int:
    if isinstance(type_, IntegerType | AnyFloat):
        return int(type_.bitwidth)
    return 0


def _both(kind: Any) -> Callable[[Attribute, Attribute, int], bool]:
    def fits(before: Attribute, after: Attribute, sign: int) -> bool:
        return isinstance(before, kind) and isinstance(after, kind) and sign * (_bits(after) - _bits(before)) > 0

    return fits


_INTEGERS, _FLOATS = _both(IntegerType), _both(AnyFloat)
_INDEX_AND_INTEGER = (IndexType, IntegerType)
_RULES: dict[str, Callable[[Attribute, Attribute], bool]] = {
    **dict.fromkeys(("arith.extsi", "arith.extui"), lambda a, b: _INTEGERS(a, b, 1)),
    "arith.trunci": lambda a, b: _INTEGERS(a, b, -1),
    "arith.extf": lambda a, b: _FLOATS(a, b, 1),
    "arith.truncf": lambda a, b: _FLOATS(a, b, -1),
    **dict.fromkeys(
        ("arith.sitofp", "arith.uitofp"), lambda a, b: isinstance(a, IntegerType) and isinstance(b, AnyFloat)
    ),
    **dict.fromkeys(
        ("arith.fptosi", "arith.fptoui"), lambda a, b: isinstance(a, AnyFloat) and isinstance(b, IntegerType)
    ),
    **dict.fromkeys(
        ("arith.index_cast", "arith.index_castui", "index.casts", "index.castu"),
        lambda a, b: (type(a), type(b)) in (_INDEX_AND_INTEGER, _INDEX_AND_INTEGER[::-1]),
    ),
    "arith.bitcast": lambda a, b: _bits(a) == _bits(b) > 0,
    **dict.fromkeys(("memref.cast", "memref.memory_space_cast"), lambda a, b: a == b),
}
_CASTS: list[type[CastOp]] = [
    irdl_op_definition(type(name.replace(".", "_"), (CastOp,), {"name": name, "RULE": staticmethod(rule)}))
    for name, rule in _RULES.items()
]
CASTS_OF_INDEX = [operation for operation in _CASTS if operation.name.startswith("index.")]


@irdl_op_definition
class ShapeCastOp(CastOp):
    name = "vector.shape_cast"

    def verify_(self) -> None:
        before, after = self.ins[0].type, self.outs[0].type
        if _element(before) != _element(after) or prod(_shape(before) or ()) != prod(_shape(after) or ()):
            raise VerifyException(f"{self.name} does not go from {before} to {after}")


class CompareOp(LooseOp):
    """`arith.cmpi slt, %a, %b : vector<16xi32>`; the predicate is a number, in MLIR's order."""

    PREDICATES: ClassVar[Sequence[str]]

    @classmethod
    def parse(cls, parser: Parser) -> CompareOp:
        predicate = cls.PREDICATES.index(word(parser, cls.PREDICATES).data)
        parser.parse_punctuation(",")
        left = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        right = parser.parse_unresolved_operand()
        own: dict[str, Attribute] = {"predicate": IntegerAttr(predicate, i64)}
        if parser.parse_optional_keyword("fastmath"):
            own["fastmath"] = arith.FastMathFlagsAttr(arith.FastMathFlagsAttr.parse_parameter(parser))
        attrs = merge(parser, own)
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        operands = parser.resolve_operands([left, right], [type_, type_], parser.pos)
        result = VectorType(i1, type_.get_shape()) if isinstance(type_, VectorType) else i1
        return cls.make(operands, [result], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.PREDICATES[number(self.attributes['predicate'])]}, ")
        print_values(printer, self.ins)
        if "fastmath" in self.attributes:
            printer.print_string(" fastmath")
            self.attributes["fastmath"].print_parameter(printer)  # type: ignore[attr-defined]
        print_rest(printer, self, "predicate", "fastmath")
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)


@irdl_op_definition
class CompareIntegersOp(CompareOp):
    name = "arith.cmpi"
    PREDICATES: ClassVar[Sequence[str]] = tuple(arith.CMPI_COMPARISON_OPERATIONS)


@irdl_op_definition
class CompareFloatsOp(CompareOp):
    name = "arith.cmpf"
    PREDICATES: ClassVar[Sequence[str]] = tuple(arith.CMPF_COMPARISON_OPERATIONS)


@irdl_op_definition
class SelectOp(LooseOp):
    """`arith.select %c, %a, %b : i32`, or `: vector<16xi1>, vector<16xi32>` where the condition is a vector."""

    name = "arith.select"

    @classmethod
    def parse(cls, parser: Parser) -> SelectOp:
        values = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        condition = types[0] if len(types) > 1 else IntegerType(1)
        operands = parser.resolve_operands(values, [condition, types[-1], types[-1]], parser.pos)
        return cls.make(operands, [types[-1]], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)
        printer.print_string(" : ")
        if self.ins[0].type != IntegerType(1):
            printer.print_attribute(self.ins[0].type)
            printer.print_string(", ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class SplatOp(LooseOp):
    """`vector.splat %x : vector<16xi32>`: what vector.broadcast is called in older MLIR."""

    name = "vector.splat"

    @classmethod
    def parse(cls, parser: Parser) -> SplatOp:
        value = parser.parse_unresolved_operand()
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        return cls.make([parser.resolve_operand(value, _element(type_))], [type_], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class CopyOp(LooseOp):
    """`memref.copy %from, %to : memref<4xi32> to memref<4xi32>`."""

    name = "memref.copy"

    @classmethod
    def parse(cls, parser: Parser) -> CopyOp:
        source = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        target = parser.parse_unresolved_operand()
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        first = parser.resolve_operand(source, parser.parse_type())
        parser.parse_keyword("to")
        return cls.make([first, parser.resolve_operand(target, parser.parse_type())], attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(" to ")
        printer.print_attribute(self.ins[1].type)


_OURS: tuple[type[LooseOp], ...] = (*_CASTS, ShapeCastOp, CompareIntegersOp, CompareFloatsOp, SelectOp, SplatOp, CopyOp)


def completed(dialect: Dialect) -> Dialect:
    """The dialect, with these operations in the place of xDSL's."""
    ours = [operation for operation in _OURS if operation.name.startswith(f"{dialect.name}.")]
    names = {operation.name for operation in ours}
    others = [operation for operation in dialect.operations if operation.name not in names]
    return Dialect(dialect.name, [*others, *ours], list(dialect.attributes))
