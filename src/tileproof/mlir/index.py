"""MLIR's index dialect, which xDSL does not have: arithmetic on `index` values (IndexOps.td)."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import IndexType, IntegerAttr, StringAttr, i1
from xdsl.ir import Dialect
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from tileproof.mlir.completed import CASTS_OF_INDEX
from tileproof.mlir.syntax import LooseOp, attributes, data, merge, number, print_rest, print_values, word

_INDEX = IndexType()


@irdl_op_definition
class ConstantOp(LooseOp):
    name = "index.constant"

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        value = IntegerAttr(parser.parse_integer(allow_boolean=False), _INDEX)
        return cls.make(results=[_INDEX], attributes=merge(parser, {"value": value}))

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {number(self.attributes['value'])}")
        print_rest(printer, self, "value")


class BinaryOp(LooseOp):
    """Two operands and a result, all of type index."""

    @classmethod
    def parse(cls, parser: Parser) -> BinaryOp:
        left = parser.parse_operand(_INDEX)
        parser.parse_punctuation(",")
        return cls.make([left, parser.parse_operand(_INDEX)], [_INDEX], attributes(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)


@irdl_op_definition
class CompareOp(LooseOp):
    name = "index.cmp"
    # In the order of arith.cmpi's numbers, which the reader hands on.
    PREDICATES: ClassVar[tuple[str, ...]] = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")

    @classmethod
    def parse(cls, parser: Parser) -> CompareOp:
        predicate = word(parser, cls.PREDICATES)
        with parser.in_parens():
            left = parser.parse_operand(_INDEX)
            parser.parse_punctuation(",")
            right = parser.parse_operand(_INDEX)
        return cls.make([left, right], [i1], merge(parser, {"predicate": StringAttr(predicate.data)}))

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {data(self.attributes['predicate'])}(")
        print_values(printer, self.ins)
        printer.print_string(")")
        print_rest(printer, self, "predicate")


_BINARY = (
    *("add", "sub", "mul", "divs", "divu", "ceildivs", "ceildivu", "floordivs", "rems", "remu"),
    *("maxs", "maxu", "mins", "minu", "shl", "shrs", "shru", "and", "or", "xor"),
)


def _named(base: type[LooseOp], name: str) -> type[LooseOp]:
    return irdl_op_definition(type(f"Index_{name}", (base,), {"name": f"index.{name}"}))


Index = Dialect(
    "index",
    [
        ConstantOp,
        CompareOp,
        *(_named(BinaryOp, name) for name in _BINARY),
        *CASTS_OF_INDEX,
    ],
    [],
)
