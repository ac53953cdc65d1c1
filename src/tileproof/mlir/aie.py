"""The aie dialect for xDSL: how each operation is written. What the operations mean is the reader's business.

Syntax: AIEOps.td of mlir-aie from November 2025 to August 2026, every spelling of that time.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import StringAttr, UnitAttr
from xdsl.ir import Attribute, Block, Dialect, Operation, Region, SSAValue
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator, SymbolTable

from tileproof.mlir.aie_dma import (
    BdChainOp,
    CascadeFlowOp,
    ConfigureCascadeOp,
    DmaBdOp,
    DmaOp,
    DmaStartOp,
    FlowOp,
    MemOp,
    MemTileDmaOp,
    NextBdOp,
    PacketDestOp,
    PacketFlowOp,
    PacketSourceOp,
    ShimAllocationOp,
    ShimDmaOp,
)
from tileproof.mlir.aie_fifos import (
    AccessOp,
    AcquireOp,
    AllocateOp,
    FifoOp,
    FifoType,
    LinkOp,
    RegisterBuffersOp,
    ReleaseOp,
    SubviewType,
)
from tileproof.mlir.aie_trace import TRACE_LINES, TraceOp
from tileproof.mlir.loops import UnrollingParser
from tileproof.mlir.syntax import (
    HANDLE,
    OPEN,
    UNROLLED,
    HandleType,
    LooseOp,
    PacketInfo,
    PadLayout,
    attributes,
    data,
    handle,
    integer,
    merge,
    number,
    print_dense,
    print_rest,
    print_tile_with_region,
    scalar,
    tile_with_region,
    word,
)

# The device and its tiles


@irdl_op_definition
class DeviceOp(LooseOp):
    name = "aie.device"
    traits = traits_def(SymbolTable(), NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> DeviceOp:
        with parser.in_parens():
            device = parser.parse_identifier("a device such as npu1")
        symbol = parser.parse_optional_symbol_name()
        region = parser.parse_region()
        own: dict[str, Attribute] = {"device": StringAttr(device)}
        if symbol is not None:
            own["sym_name"] = symbol
        # Its name stands in front, in the attributes, or nowhere.
        attrs = {"sym_name": StringAttr("main"), **merge(parser, own)}
        return cls.make(attributes=attrs, regions=[region])

    def print(self, printer: Printer) -> None:
        # A device without a name is called main.
        printer.print_string(f"({data(self.attributes['device'])}) ")
        if self.attributes["sym_name"] != StringAttr("main"):
            printer.print_symbol_name(data(self.attributes["sym_name"]))
            printer.print_string(" ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "device", "sym_name")


@irdl_op_definition
class TileOp(LooseOp):
    name = "aie.tile"

    @classmethod
    def parse(cls, parser: Parser) -> TileOp:
        with parser.in_parens():
            column = integer(parser)
            parser.parse_punctuation(",")
            row = integer(parser)
        return cls.make(results=[HANDLE], attributes=merge(parser, {"col": column, "row": row}))

    def print(self, printer: Printer) -> None:
        printer.print_string(f"({number(self.attributes['col'])}, {number(self.attributes['row'])})")
        print_rest(printer, self, "col", "row")


TILE_TYPES = ("CoreTile", "MemTile", "ShimNOCTile", "ShimPLTile")


@irdl_op_definition
class LogicalTileOp(LooseOp):
    """A tile that the compiler places; each coordinate is a number or `?`."""

    name = "aie.logical_tile"

    @classmethod
    def parse(cls, parser: Parser) -> LogicalTileOp:
        with parser.in_angle_brackets():
            own: dict[str, Attribute] = {"tile_type": word(parser, TILE_TYPES)}
        with parser.in_parens():
            own |= _coordinate(parser, "col")
            parser.parse_punctuation(",")
            own |= _coordinate(parser, "row")
        return cls.make(results=[HANDLE], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        col, row = (str(number(self.attributes[key])) if key in self.attributes else "?" for key in ("col", "row"))
        printer.print_string(f"<{data(self.attributes['tile_type'])}>({col}, {row})")
        print_rest(printer, self, "tile_type", "col", "row")


def _coordinate(parser: Parser, key: str) -> dict[str, Attribute]:
    return {} if parser.parse_optional_punctuation("?") else {key: integer(parser)}


@irdl_op_definition
class BufferOp(LooseOp):
    name = "aie.buffer"

    @classmethod
    def parse(cls, parser: Parser) -> BufferOp:
        with parser.in_parens():
            tile = handle(parser)
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        if parser.parse_optional_punctuation("="):
            # The type is the buffer's; mlir-aie does not write it again.
            parser.parse_keyword("dense")
            attrs["initial_value"] = parser.parse_dense_int_or_fp_elements_attr(type_)  # type: ignore[arg-type]
        return cls.make([tile], [type_], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(")")
        print_rest(printer, self, "initial_value")
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)
        if "initial_value" in self.attributes:
            printer.print_string(" = ")
            print_dense(printer, self.attributes["initial_value"], with_type=False)


@irdl_op_definition
class ExternalBufferOp(LooseOp):
    name = "aie.external_buffer"

    @classmethod
    def parse(cls, parser: Parser) -> ExternalBufferOp:
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        return cls.make(results=[parser.parse_type()], attributes=attrs)

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class LockOp(LooseOp):
    name = "aie.lock"

    @classmethod
    def parse(cls, parser: Parser) -> LockOp:
        own: dict[str, Attribute] = {}
        with parser.in_parens():
            tile = handle(parser)
            if parser.parse_optional_punctuation(","):
                own["lockID"] = integer(parser)
        return cls.make([tile], [HANDLE], merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {number(self.attributes['lockID'])})" if "lockID" in self.attributes else ")")
        print_rest(printer, self, "lockID")


# Cores


@irdl_op_definition
class CoreOp(LooseOp):
    name = "aie.core"

    @classmethod
    def parse(cls, parser: Parser) -> CoreOp:
        return cls.make(*tile_with_region(parser))

    def print(self, printer: Printer) -> None:
        print_tile_with_region(printer, self)


@irdl_op_definition
class EndOp(LooseOp):
    name = "aie.end"
    traits = traits_def(IsTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> EndOp:
        return cls.make(attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)


@irdl_op_definition
class UseLockOp(LooseOp):
    """Operands: the lock, and where a version of mlir-aie wants it so, the value."""

    name = "aie.use_lock"

    @classmethod
    def parse(cls, parser: Parser) -> UseLockOp:
        with parser.in_parens():
            lock = handle(parser)
            parser.parse_punctuation(",")
            own: dict[str, Attribute] = {"action": word(parser, ("Acquire", "AcquireGreaterEqual", "Release"))}
            if parser.parse_optional_punctuation(","):
                own["value"] = scalar(parser)
        return cls.make([lock], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {data(self.attributes['action'])}")
        if len(self.ins) > 1:
            printer.print_string(", ")
            printer.print_ssa_value(self.ins[1])
        elif "value" in self.attributes:
            printer.print_string(f", {number(self.attributes['value'])}")
        printer.print_string(")")
        print_rest(printer, self, "action", "value")


@irdl_op_definition
class EventOp(LooseOp):
    name = "aie.event"

    @classmethod
    def parse(cls, parser: Parser) -> EventOp:
        with parser.in_parens():
            event = integer(parser)
        return cls.make(attributes=merge(parser, {"val": event}))

    def print(self, printer: Printer) -> None:
        printer.print_string(f"({number(self.attributes['val'])})")
        print_rest(printer, self, "val")


@irdl_op_definition
class GetCascadeOp(LooseOp):
    name = "aie.get_cascade"

    @classmethod
    def parse(cls, parser: Parser) -> GetCascadeOp:
        with parser.in_parens():
            pass
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        return cls.make(results=[parser.parse_type()], attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string("()")
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class PutCascadeOp(LooseOp):
    name = "aie.put_cascade"

    @classmethod
    def parse(cls, parser: Parser) -> PutCascadeOp:
        with parser.in_parens():
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            operand = parser.resolve_operand(value, parser.parse_type())
        return cls.make([operand], attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(")")
        print_rest(printer, self)


class _StreamOp(LooseOp):
    """Operands: a channel, which AIE2 has one of and does not ask for, and what is put. Each has its type behind."""

    RESULTS: ClassVar[bool]

    @classmethod
    def parse(cls, parser: Parser) -> _StreamOp:
        def typed() -> SSAValue:
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            return parser.resolve_operand(value, parser.parse_type())

        operands = parser.parse_comma_separated_list(parser.Delimiter.PAREN, typed)
        attrs, results = attributes(parser), []
        if cls.RESULTS:
            parser.parse_punctuation(":")
            results.append(parser.parse_type())
        if len(operands) + len(results) != 2:
            parser.raise_error(f"{cls.name} has a channel and a value")
        return cls.make(operands, results, attrs)

    def print(self, printer: Printer) -> None:
        def typed(value: SSAValue) -> None:
            printer.print_ssa_value(value)
            printer.print_string(" : ")
            printer.print_attribute(value.type)

        with printer.in_parens():
            printer.print_list(self.ins, typed)
        print_rest(printer, self)
        if self.outs:
            printer.print_string(" : ")
            printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class PutStreamOp(_StreamOp):
    """`aie.put_stream(%channel : i32, %value : i32)`."""

    name = "aie.put_stream"
    RESULTS: ClassVar[bool] = False


@irdl_op_definition
class GetStreamOp(_StreamOp):
    """`aie.get_stream(%channel : i32) : i32`."""

    name = "aie.get_stream"
    RESULTS: ClassVar[bool] = True


# The runtime sequence


class _SequenceOp(LooseOp):
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> _SequenceOp:
        symbol = parser.parse_optional_symbol_name()
        arguments = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_argument)
        assert isinstance(parser, UnrollingParser)
        # MLIR's word for attributes between the arguments and the region.
        stated = attributes(parser) if parser.parse_optional_keyword("attributes") else {}
        before = parser.unrolled
        region = parser.parse_sequence_region(arguments)
        is_open = region is None
        region = region or Region(Block(arg_types=[one.type for one in arguments]))
        # Its name stands in front, in the attributes, or nowhere.
        attrs = {"sym_name": StringAttr("sequence"), **stated, **merge(parser, {"sym_name": symbol} if symbol else {})}
        if is_open:
            attrs[OPEN] = UnitAttr()
        elif parser.unrolled > before:
            attrs[UNROLLED] = UnitAttr()
        return cls.make(attributes=attrs, regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["sym_name"]))
        printer.print_string("(")
        printer.print_list(self.bodies[0].block.args, printer.print_block_argument)
        printer.print_string(")")
        if set(self.attributes) - {"sym_name", OPEN, UNROLLED}:
            printer.print_string(" attributes")
            print_rest(printer, self, "sym_name")
        printer.print_string(" ")
        printer.print_region(self.bodies[0], print_entry_block_args=False, print_empty_block=False)


@irdl_op_definition
class SequenceOp(_SequenceOp):
    name = "aie.runtime_sequence"


@irdl_op_definition
class OldSequenceOp(_SequenceOp):
    """As it was called until November 2025."""

    name = "aiex.runtime_sequence"


_OPERATIONS: list[type[Operation]] = [
    DeviceOp,
    TileOp,
    LogicalTileOp,
    BufferOp,
    ExternalBufferOp,
    LockOp,
    FifoOp,
    LinkOp,
    AllocateOp,
    RegisterBuffersOp,
    AcquireOp,
    ReleaseOp,
    AccessOp,
    CoreOp,
    EndOp,
    UseLockOp,
    EventOp,
    GetCascadeOp,
    PutCascadeOp,
    PutStreamOp,
    GetStreamOp,
    MemOp,
    MemTileDmaOp,
    ShimDmaOp,
    BdChainOp,
    DmaStartOp,
    DmaOp,
    NextBdOp,
    DmaBdOp,
    FlowOp,
    PacketFlowOp,
    PacketSourceOp,
    PacketDestOp,
    CascadeFlowOp,
    ConfigureCascadeOp,
    ShimAllocationOp,
    SequenceOp,
    TraceOp,
    *TRACE_LINES,
]

Aie = Dialect("aie", _OPERATIONS, [FifoType, SubviewType, HandleType, PacketInfo, PadLayout])
