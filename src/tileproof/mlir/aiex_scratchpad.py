"""The operations of aiex on the scratchpad that a host and the firmware share: numbers that change from run to run.

Syntax: AIEX.td of mlir-aie, June to August 2026.
"""

from __future__ import annotations

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from tileproof.mlir.design import ScratchpadFunction
from tileproof.mlir.syntax import AttributesOp, LooseOp, data, merge, print_rest, word

# What an update makes of the number and its argument, in the order of their codes (StateTableFunc, AIEXAttrs.td).
FUNCTIONS: tuple[ScratchpadFunction, ...] = ("mul", "incr", "decr")


@irdl_op_definition
class ScratchpadParameterOp(LooseOp):
    """`aiex.scratchpad_parameter @scale : bf16`, beside the devices of a file."""

    name = "aiex.scratchpad_parameter"

    @classmethod
    def parse(cls, parser: Parser) -> ScratchpadParameterOp:
        own: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        parser.parse_punctuation(":")
        own["type"] = parser.parse_type()
        return cls.make(attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["sym_name"]))
        printer.print_string(" : ")
        printer.print_attribute(self.attributes["type"])
        print_rest(printer, self, "sym_name", "type")


@irdl_op_definition
class ReadParameterOp(LooseOp):
    """`%scale = aiex.read_scratchpad_parameter @scale : bf16`, in a core."""

    name = "aiex.read_scratchpad_parameter"

    @classmethod
    def parse(cls, parser: Parser) -> ReadParameterOp:
        own: dict[str, Attribute] = {"parameter": SymbolRefAttr(parser.parse_symbol_name())}
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        return cls.make(results=[type_], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.attributes["parameter"])
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)
        print_rest(printer, self, "parameter")


@irdl_op_definition
class SyncParametersOp(AttributesOp):
    """Where a sequence gives the cores the parameters."""

    name = "aiex.sync_scratchpad_parameters_from_host"


@irdl_op_definition
class CreateScratchpadOp(AttributesOp):
    """`aiex.npu.create_scratchpad {size = 4 : ui32}`, in bytes."""

    name = "aiex.npu.create_scratchpad"


@irdl_op_definition
class UpdateFromScratchpadOp(LooseOp):
    """`aiex.npu.update_from_scratchpad<mul> {state_table_idx = 0 : ui8, func_arg = 4 : ui32, address = 0 : ui32}`."""

    name = "aiex.npu.update_from_scratchpad"

    @classmethod
    def parse(cls, parser: Parser) -> UpdateFromScratchpadOp:
        own: dict[str, Attribute] = {}
        if parser.parse_optional_punctuation("<"):
            own["func"] = word(parser, FUNCTIONS)
            parser.parse_punctuation(">")
        return cls.make(attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        function = self.attributes.get("func")
        if isinstance(function, StringAttr):
            printer.print_string(f"<{function.data}>")
        print_rest(printer, self, "func")
