"""Traces of the aie dialect for xDSL: kept as they are written, and without effect here.

Syntax: AIETraceOps.td of mlir-aie from November 2025 to August 2026.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator

from tileproof.mlir.lines import rest_of_line
from tileproof.mlir.syntax import LooseOp, data, handle, integer, merge, number, print_rest


@irdl_op_definition
class TraceOp(LooseOp):
    """Operands: the tile."""

    name = "aie.trace"
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> TraceOp:
        own: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        with parser.in_parens():
            tile = handle(parser)
        if parser.parse_optional_keyword("buffer_size"):
            parser.parse_punctuation("=")
            own["buffer_size"] = integer(parser)
        region = parser.parse_region()
        return cls.make([tile], attributes=merge(parser, own), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["sym_name"]))
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(") ")
        if "buffer_size" in self.attributes:
            printer.print_string(f"buffer_size = {number(self.attributes['buffer_size'])} ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "sym_name", "buffer_size")


class TraceLineOp(LooseOp):
    """One line about tracing, its text as it is written."""

    @classmethod
    def parse(cls, parser: Parser) -> TraceLineOp:
        return cls.make(attributes={"text": StringAttr(rest_of_line(parser))})

    def print(self, printer: Printer) -> None:
        printer.print_string(data(self.attributes["text"]))


_TRACE_LINES = ("mode", "event", "packet", "port", "start", "stop", "combo_event", "edge_event", "reg")
_TRACE_LINES_OF_SEQUENCES = ("host_config", "start_config")


def _trace_lines(names: Iterable[str]) -> list[type[LooseOp]]:
    return [irdl_op_definition(type(f"Trace_{name}", (TraceLineOp,), {"name": f"aie.trace.{name}"})) for name in names]


TRACE_LINES = _trace_lines((*_TRACE_LINES, *_TRACE_LINES_OF_SEQUENCES))
