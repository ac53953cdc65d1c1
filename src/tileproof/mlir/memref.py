"""MLIR's memref dialect, with the syntax of memref.global, which xDSL knows in generic form only (MemRefOps.td)."""

from __future__ import annotations

from xdsl.dialects import memref
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, StringAttr, UnitAttr
from xdsl.ir import Attribute, Dialect
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from tileproof.mlir.syntax import LooseOp, data, merge, print_dense, print_rest


@irdl_op_definition
class GlobalOp(LooseOp):
    """`memref.global "private" constant @words : memref<3xi32> = dense<[1, 2, 3]>`."""

    name = "memref.global"

    @classmethod
    def parse(cls, parser: Parser) -> GlobalOp:
        own: dict[str, Attribute] = {}
        visibility = parser.parse_optional_str_literal()
        if visibility is not None:
            own["sym_visibility"] = StringAttr(visibility)
        if parser.parse_optional_keyword("constant"):
            own["constant"] = UnitAttr()
        own["sym_name"] = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        own["type"] = type_ = parser.parse_type()
        if parser.parse_optional_punctuation("="):
            if parser.parse_optional_keyword("uninitialized"):
                own["initial_value"] = UnitAttr()
            else:
                parser.parse_keyword("dense")
                own["initial_value"] = parser.parse_dense_int_or_fp_elements_attr(type_)  # type: ignore[arg-type]
        return cls.make(attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        if "sym_visibility" in attrs:
            printer.print_string(f' "{data(attrs["sym_visibility"])}"')
        printer.print_string(" constant " if "constant" in attrs else " ")
        printer.print_symbol_name(data(attrs["sym_name"]))
        printer.print_string(" : ")
        printer.print_attribute(attrs["type"])
        value = attrs.get("initial_value")
        if isinstance(value, DenseIntOrFPElementsAttr):
            printer.print_string(" = ")
            print_dense(printer, value, with_type=False)
        elif value is not None:
            printer.print_string(" = uninitialized")
        print_rest(printer, self, "sym_visibility", "constant", "sym_name", "type", "initial_value")


MemRef = Dialect("memref", [GlobalOp, *(op for op in memref.MemRef.operations if op is not memref.GlobalOp)], [])
