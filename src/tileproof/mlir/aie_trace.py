"""Traces of the aie dialect for xDSL: the lines of one are kept as they are written.

Syntax: AIETraceOps.td of mlir-aie from March to August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator

from tileproof.mlir.lines import rest_of_line
from tileproof.mlir.syntax import LooseOp, data, handle, integer, merge, number, print_rest, version_of


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
        if "buffer_size" in self.attributes and not version_of(printer).routes_traces:
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


@irdl_op_definition
class HostConfigOp(TraceLineOp):
    """`{buffer_size = 8192 : i32, ...}`; until July 2026 `buffer_size = 8192 arg_idx = 4 ...`, where -1 was what
    reuse_output_buffer says."""

    name = "aie.trace.host_config"

    def is_old(self) -> bool:
        return not data(self.attributes["text"]).lstrip().startswith("{")

    def values(self) -> dict[str, str] | None:
        """What is written, each value as its text; None where that cannot be read."""
        text = data(self.attributes["text"]).strip()
        keys = _OLD_KEYS if self.is_old() else _KEYS
        inner = text if self.is_old() else text[1:-1].replace(",", " ")
        found = re.findall(_VALUE, inner)
        if re.sub(_VALUE, "", inner).strip() or (not self.is_old() and not text.endswith("}")):
            return None
        values = dict(found)
        numbers = [values[key] for key in _NUMBERS if key in values]
        readable = values.keys() <= {*keys} and all(re.fullmatch(r"-?\d{1,18}", number) for number in numbers)
        return values if readable and "buffer_size" in values else None

    def print(self, printer: Printer) -> None:
        values, version = self.values(), version_of(printer)
        if values is None or not version.routes_traces or self.is_old() is not version.appends_trace_buffer:
            printer.print_string(data(self.attributes["text"]))
        elif version.appends_trace_buffer:
            printer.print_string(f" {{{', '.join(self._new(values))}}}")
        else:
            printer.print_string(f" {' '.join(self._old(values))}")

    def _new(self, values: dict[str, str]) -> Iterable[str]:
        yield f"buffer_size = {values['buffer_size']} : i32"
        if values.get("arg_idx") == "-1":
            yield "reuse_output_buffer = true"
        if "egress_shim_col" in values:
            yield f"egress_shim_col = {values['egress_shim_col']} : i32"

    def _old(self, values: dict[str, str]) -> Iterable[str]:
        """What is appended now is the argument behind the last one."""
        block = self.parent_block()
        behind = len(block.args) if block is not None else 0
        yield f"buffer_size = {values['buffer_size']}"
        yield f"arg_idx = {-1 if values.get('reuse_output_buffer') == 'true' else behind}"
        if "egress_shim_col" in values:
            yield f"egress_shim_col = {values['egress_shim_col']}"


_NUMBERS = ("buffer_size", "arg_idx", "egress_shim_col")
_KEYS = ("buffer_size", "reuse_output_buffer", "routing", "egress_shim_col")
_OLD_KEYS = ("buffer_size", "arg_idx", "routing", "egress_shim_col")
_VALUE = r'(\w+)\s*=\s*"?(-?\w+)"?(?:\s*:\s*i32)?'

_TRACE_LINES = ("mode", "event", "packet", "port", "start", "stop", "combo_event", "edge_event", "reg")


def _trace_lines(names: Iterable[str]) -> list[type[LooseOp]]:
    return [irdl_op_definition(type(f"Trace_{name}", (TraceLineOp,), {"name": f"aie.trace.{name}"})) for name in names]


TRACE_LINES: list[type[LooseOp]] = [*_trace_lines((*_TRACE_LINES, "start_config")), HostConfigOp]
