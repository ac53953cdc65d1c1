"""What MLIR's vector dialect has and xDSL's lacks: slices, transposition, contraction (VectorOps.td)."""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects import vector
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, VectorType, i64
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from tileproof.mlir.completed import completed
from tileproof.mlir.syntax import LooseOp, attributes, listed, merge, numbers, print_rest, print_values


def _element(parser: Parser, type_: Attribute) -> Attribute:
    if not isinstance(type_, VectorType):
        parser.raise_error("a vector's type expected")
    element: Attribute = type_.get_element_type()
    return element


class SliceOp(LooseOp):
    """`%v {offsets = [8], sizes = [8], strides = [1]} : vector<16xi32> to vector<8xi32>`. Behind `WORD` is the type
    of the last of two operands, and of the result."""

    WORD: ClassVar[str]

    @classmethod
    def parse(cls, parser: Parser) -> SliceOp:
        values = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        types = [parser.parse_type()]
        parser.parse_keyword(cls.WORD)
        types.append(parser.parse_type())
        operands = parser.resolve_operands(values, types[: len(values)], parser.pos)
        return cls.make(operands, [types[-1]], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(f" {self.WORD} ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class ExtractSliceOp(SliceOp):
    name = "vector.extract_strided_slice"
    WORD: ClassVar[str] = "to"


@irdl_op_definition
class InsertSliceOp(SliceOp):
    name = "vector.insert_strided_slice"
    WORD: ClassVar[str] = "into"


@irdl_op_definition
class TransposeOp(LooseOp):
    """`vector.transpose %v, [1, 0] : vector<2x4xi32> to vector<4x2xi32>`."""

    name = "vector.transpose"

    @classmethod
    def parse(cls, parser: Parser) -> TransposeOp:
        value = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        order = listed(parser, lambda: IntegerAttr(parser.parse_integer(), i64))
        attrs = merge(parser, {"permutation": order})
        parser.parse_punctuation(":")
        operand = parser.resolve_operand(value, parser.parse_type())
        parser.parse_keyword("to")
        return cls.make([operand], [parser.parse_type()], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        print_values(printer, self.ins)
        printer.print_string(f", {list(numbers(self.attributes['permutation']))}")
        print_rest(printer, self, "permutation")
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(" to ")
        printer.print_attribute(self.outs[0].type)

    def verify_(self) -> None:
        order = numbers(self.attributes["permutation"])
        if not isinstance(self.ins[0].type, VectorType) or sorted(order) != list(range(len(self.ins[0].type.shape))):
            raise VerifyException(f"{list(order)} is no order of the dimensions of {self.ins[0].type}")


@irdl_op_definition
class MultiReductionOp(LooseOp):
    """`vector.multi_reduction <add>, %v, %acc [1] : vector<4x8xi32> to vector<4xi32>`."""

    name = "vector.multi_reduction"

    @classmethod
    def parse(cls, parser: Parser) -> MultiReductionOp:
        kind = vector.CombiningKindAttr(vector.CombiningKindAttr.parse_parameter(parser))
        parser.parse_punctuation(",")
        values = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
        dimensions = listed(parser, lambda: IntegerAttr(parser.parse_integer(), i64))
        attrs = merge(parser, {"kind": kind, "reduction_dims": dimensions})
        parser.parse_punctuation(":")
        of = parser.parse_type()
        parser.parse_keyword("to")
        gives = parser.parse_type()
        return cls.make(parser.resolve_operands(values, [of, gives], parser.pos), [gives], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        self.attributes["kind"].print_parameter(printer)  # type: ignore[attr-defined]
        printer.print_string(", ")
        print_values(printer, self.ins)
        printer.print_string(f" {list(numbers(self.attributes['reduction_dims']))}")
        print_rest(printer, self, "kind", "reduction_dims")
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(" to ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class ContractOp(LooseOp):
    """`vector.contract {indexing_maps = [...], iterator_types = [...], kind = #vector.kind<add>} %a, %b, %c
    : vector<4x8xi8>, vector<8x4xi8> into vector<4x4xi32>`; the attributes may be an alias."""

    name = "vector.contract"

    @classmethod
    def parse(cls, parser: Parser) -> ContractOp:
        said = parser.parse_optional_attribute()
        if not isinstance(said, DictionaryAttr):
            parser.raise_error("the maps of the contraction expected: {indexing_maps = [...], ...}")
        attrs = merge(parser, dict(said.data))
        values = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
        attrs |= attributes(parser)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        parser.parse_keyword("into")
        types.append(parser.parse_type())
        return cls.make(parser.resolve_operands(values, types, parser.pos), [types[-1]], attrs)

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)
        printer.print_string(" ")
        print_values(printer, self.ins)
        printer.print_string(" : ")
        printer.print_list(self.ins[:2], lambda value: printer.print_attribute(value.type))
        printer.print_string(" into ")
        printer.print_attribute(self.outs[0].type)

    def verify_(self) -> None:
        maps = self.attributes.get("indexing_maps")
        if not isinstance(maps, ArrayAttr) or len(maps) != len(self.ins) or len(self.ins) != 3:
            raise VerifyException("vector.contract has three operands, and a map for each")


class ElementOp(LooseOp):
    """`%v[%i : i32] : vector<16xi32>`, in front of which an insertion has the element: what vector.extract and
    vector.insert were called in MLIR before 2025."""

    @classmethod
    def parse(cls, parser: Parser) -> ElementOp:
        values = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_unresolved_operand)
        with parser.in_square_brackets():
            position = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            index = parser.resolve_operand(position, parser.parse_type())
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        types = [_element(parser, type_), type_][-len(values) :]
        operands: list[SSAValue] = [*parser.resolve_operands(values, types, parser.pos), index]
        return cls.make(operands, [type_ if len(values) > 1 else _element(parser, type_)], attrs)

    def print(self, printer: Printer) -> None:
        *values, index = self.ins
        printer.print_string(" ")
        print_values(printer, values)
        printer.print_string("[")
        printer.print_ssa_value(index)
        printer.print_string(" : ")
        printer.print_attribute(index.type)
        printer.print_string("]")
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(values[-1].type)


@irdl_op_definition
class ExtractElementOp(ElementOp):
    name = "vector.extractelement"


@irdl_op_definition
class InsertElementOp(ElementOp):
    name = "vector.insertelement"


_OURS = (ExtractSliceOp, InsertSliceOp, TransposeOp, MultiReductionOp, ContractOp, ExtractElementOp, InsertElementOp)
_THEIRS = completed(vector.Vector)
Vector = Dialect("vector", [*_THEIRS.operations, *_OURS], list(_THEIRS.attributes))
