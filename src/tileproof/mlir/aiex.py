"""The aiex dialect for xDSL: what stands in a runtime sequence. What the operations mean is the reader's business.

Syntax: AIEX.td of mlir-aie from November 2025 to August 2026, every spelling of that time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.lexer import Span

from tileproof.mlir.aie import OldSequenceOp
from tileproof.mlir.aie_dma import DIRECTIONS
from tileproof.mlir.aiex_scratchpad import (
    CreateScratchpadOp,
    ReadParameterOp,
    ScratchpadParameterOp,
    SyncParametersOp,
    UpdateFromScratchpadOp,
)
from tileproof.mlir.refused import RefusedText
from tileproof.mlir.syntax import (
    HANDLE,
    OLD_SPELLING,
    AttributesOp,
    LooseOp,
    attributes,
    data,
    handle,
    integer,
    merge,
    number,
    numbers,
    packet_info,
    print_packet_info,
    print_rest,
    print_values,
    refuse_text,
    scalar,
    word,
)


@irdl_op_definition
class MemcpyOp(LooseOp):
    """Operands: the host buffer. Offsets, sizes and strides must be constants here."""

    name = "aiex.npu.dma_memcpy_nd"

    @classmethod
    def parse(cls, parser: Parser) -> MemcpyOp:
        own: dict[str, Attribute] = {}
        with parser.in_parens():
            _refuse_a_place(parser)
            buffer = parser.parse_unresolved_operand()
            for key in _MEMCPY_LISTS:
                own[key] = _four(parser, key)
            if parser.parse_optional_punctuation(","):
                parser.parse_keyword("packet")
                parser.parse_punctuation("=")
                own["packet"] = packet_info(parser)
        attrs = merge(parser, own)
        parser.parse_punctuation(":")
        return cls.make([parser.resolve_operand(buffer, parser.parse_type())], attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string("".join(str(list(numbers(self.attributes[key]))) for key in _MEMCPY_LISTS))
        if "packet" in self.attributes:
            printer.print_string(", packet = ")
            print_packet_info(printer, self.attributes["packet"])
        printer.print_string(")")
        print_rest(printer, self, *_MEMCPY_LISTS, "packet")
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)


_MEMCPY_LISTS = ("offsets", "sizes", "strides")


def _refuse_a_place(parser: Parser) -> None:
    """Designs of early 2024 have the column and the row there, and say nothing of tokens: what waits for them then is
    for whoever wrote them to say."""
    start = parser.pos
    if parser.parse_optional_integer() is not None:
        raise RefusedText(
            Span(start, parser.pos, parser.lexer.input),
            "a transfer names no column and row since 2024",
            why="its fifo says where it goes; and none sends a token that does not say so",
            fix="begin with the buffer, and write issue_token = true where something waits for the transfer",
            id="TP001",
        )


def _four(parser: Parser, key: str) -> ArrayAttr[IntegerAttr]:
    start = parser.pos
    values = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: scalar(parser, i64), f" {key}")
    if len(values) != 4:
        refuse_text(parser, start, f"dma_memcpy_nd takes four {key}, outermost first, and this has {len(values)}")
    return ArrayAttr(values)


@irdl_op_definition
class WaitOp(LooseOp):
    name = "aiex.npu.dma_wait"

    @classmethod
    def parse(cls, parser: Parser) -> WaitOp:
        return cls.make(attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)


# Tasks


@irdl_op_definition
class ConfigureTaskOp(LooseOp):
    """Operands: the tile."""

    name = "aiex.dma_configure_task"

    @classmethod
    def parse(cls, parser: Parser) -> ConfigureTaskOp:
        own: dict[str, Attribute] = {}
        with parser.in_parens():
            tile = handle(parser)
            parser.parse_punctuation(",")
            own["direction"] = word(parser, DIRECTIONS)
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
            if parser.parse_optional_punctuation(","):
                own["packet"] = packet_info(parser)
        own |= _repeat(parser)
        region = parser.parse_region()
        return cls.make([tile], [HANDLE], merge(parser, own), [region])

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {data(attrs['direction'])}, {number(attrs['channel'])}")
        if "packet" in attrs:
            printer.print_string(", ")
            print_packet_info(printer, attrs["packet"])
        printer.print_string(") ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "direction", "channel", "packet")


@irdl_op_definition
class ConfigureTaskForOp(LooseOp):
    name = "aiex.dma_configure_task_for"

    @classmethod
    def parse(cls, parser: Parser) -> ConfigureTaskForOp:
        own: dict[str, Attribute] = {"alloc": SymbolRefAttr(parser.parse_symbol_name()), **_repeat(parser)}
        region = parser.parse_region()
        return cls.make(results=[HANDLE], attributes=merge(parser, own), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.attributes["alloc"])
        printer.print_string(" ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "alloc")


def _repeat(parser: Parser) -> dict[str, Attribute]:
    """`repeat %r : i32`, since July 2026."""
    if parser.parse_optional_keyword("repeat") is None:
        return {}
    repeat = scalar(parser)
    parser.parse_punctuation(":")
    parser.parse_type()
    return {"repeat_count": repeat}


class _TaskOp(LooseOp):
    """Operands: the task."""

    @classmethod
    def parse(cls, parser: Parser) -> _TaskOp:
        with parser.in_parens():
            task = handle(parser)
        return cls.make([task], attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(")")
        print_rest(printer, self)


@irdl_op_definition
class StartTaskOp(_TaskOp):
    name = "aiex.dma_start_task"


@irdl_op_definition
class AwaitTaskOp(_TaskOp):
    name = "aiex.dma_await_task"


@irdl_op_definition
class FreeTaskOp(_TaskOp):
    name = "aiex.dma_free_task"


class _StartChainOp(LooseOp):
    """`@chain(%a) : (memref<...>)` and where it runs. Operands: what the chain moves, then the tile if it is named."""

    @classmethod
    def parse(cls, parser: Parser) -> _StartChainOp:
        own: dict[str, Attribute] = {"chain": SymbolRefAttr(parser.parse_symbol_name())}
        values = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_unresolved_operand)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        operands = list(parser.resolve_operands(values, types, parser.pos))
        operands += cls._end(parser, own)
        return cls.make(operands, [HANDLE], merge(parser, own))

    @classmethod
    def _end(cls, parser: Parser, own: dict[str, Attribute]) -> list[SSAValue]:
        raise NotImplementedError

    def _print_head(self, printer: Printer, moved: Sequence[SSAValue]) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.attributes["chain"])
        printer.print_string("(")
        print_values(printer, moved)
        printer.print_string(") : (")
        printer.print_list([value.type for value in moved], printer.print_attribute)
        printer.print_string(")")


@irdl_op_definition
class StartChainOp(_StartChainOp):
    name = "aiex.dma_start_bd_chain"

    @classmethod
    def _end(cls, parser: Parser, own: dict[str, Attribute]) -> list[SSAValue]:
        parser.parse_keyword("on")
        with parser.in_parens():
            tile = handle(parser)
            parser.parse_punctuation(",")
            own["direction"] = word(parser, DIRECTIONS)
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
        return [tile]

    def print(self, printer: Printer) -> None:
        self._print_head(printer, self.ins[:-1])
        printer.print_string(" on (")
        printer.print_ssa_value(self.ins[-1])
        printer.print_string(f", {data(self.attributes['direction'])}, {number(self.attributes['channel'])})")
        print_rest(printer, self, "chain", "direction", "channel")


@irdl_op_definition
class StartChainForOp(_StartChainOp):
    name = "aiex.dma_start_bd_chain_for"

    @classmethod
    def _end(cls, parser: Parser, own: dict[str, Attribute]) -> list[SSAValue]:
        parser.parse_keyword("for")
        own["alloc"] = SymbolRefAttr(parser.parse_symbol_name())
        return []

    def print(self, printer: Printer) -> None:
        self._print_head(printer, self.ins)
        printer.print_string(" for ")
        printer.print_attribute(self.attributes["alloc"])
        print_rest(printer, self, "chain", "alloc")


# Registers, locks and parameters


@irdl_op_definition
class SetLockOp(LooseOp):
    """Operands: the lock."""

    name = "aiex.set_lock"

    @classmethod
    def parse(cls, parser: Parser) -> SetLockOp:
        with parser.in_parens():
            lock = handle(parser)
            parser.parse_punctuation(",")
            value = scalar(parser)
        return cls.make([lock], attributes=merge(parser, {"value": value}))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {number(self.attributes['value'])})")
        print_rest(printer, self, "value")


class ScalarOp(LooseOp):
    """An operation on numbers: attributes until July 2026, then SSA values, which are its operands.

    `SCALARS` are their names, in the order of the operands; each has its value in an attribute of that name.
    """

    SCALARS: ClassVar[Sequence[str]] = ()
    # How many bits and which sign the attribute had in the old spelling.
    TYPES: ClassVar[Sequence[str]] = ()

    @classmethod
    def parse(cls, parser: Parser) -> ScalarOp:
        own: dict[str, Attribute] = {}
        if parser.parse_optional_punctuation("("):
            for position, key in enumerate(cls.SCALARS):
                if position:
                    parser.parse_punctuation(",")
                own[key] = scalar(parser)
            parser.parse_punctuation(")")
            attrs = merge(parser, own)
            parser.parse_punctuation(":")
            parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
            return cls.make(attributes=attrs)
        start = parser.pos
        attrs = attributes(parser)
        for key in cls.SCALARS:
            if not isinstance(attrs.get(key), IntegerAttr):
                refuse_text(parser, start, f"{cls.name} needs {key}: write `{{{key} = ...}}` or an SSA value")
        return cls.make(attributes={**attrs, OLD_SPELLING: StringAttr("before July 2026")})

    def print(self, printer: Printer) -> None:
        if self.ins:
            printer.print_string("(")
            print_values(printer, self.ins)
            printer.print_string(")")
            print_rest(printer, self, *self.SCALARS)
            printer.print_string(" : " + ", ".join(["i32"] * len(self.ins)))
            return
        written = [
            f"{key} = {_unsigned(number(self.attributes[key]), type_)} : {type_}"
            for key, type_ in zip(self.SCALARS, self.TYPES, strict=True)
        ]
        rest = {key: value for key, value in self.attributes.items() if key not in (*self.SCALARS, OLD_SPELLING)}
        printer.print_string(" {" + ", ".join(written))
        for key, value in rest.items():
            printer.print_string(f", {key} = ")
            printer.print_attribute(value)
        printer.print_string("}")


def _unsigned(value: int, type_: str) -> int:
    return value & 0xFFFFFFFF if type_ == "ui32" else value


@irdl_op_definition
class Write32Op(ScalarOp):
    name = "aiex.npu.write32"
    SCALARS: ClassVar[Sequence[str]] = ("address", "value")
    TYPES: ClassVar[Sequence[str]] = ("ui32", "ui32")


@irdl_op_definition
class MaskWrite32Op(ScalarOp):
    name = "aiex.npu.maskwrite32"
    SCALARS: ClassVar[Sequence[str]] = ("address", "value", "mask")
    TYPES: ClassVar[Sequence[str]] = ("ui32", "ui32", "ui32")


@irdl_op_definition
class SyncOp(ScalarOp):
    name = "aiex.npu.sync"
    SCALARS: ClassVar[Sequence[str]] = ("column", "row", "direction", "channel", "column_num", "row_num")
    TYPES: ClassVar[Sequence[str]] = ("i32",) * 6


@irdl_op_definition
class AddressPatchOp(LooseOp):
    """Operands: the offset, where a version of mlir-aie wants it so."""

    name = "aiex.npu.address_patch"

    @classmethod
    def parse(cls, parser: Parser) -> AddressPatchOp:
        own: dict[str, Attribute] = {}
        if parser.parse_optional_punctuation("("):
            own["arg_plus"] = scalar(parser)
            parser.parse_punctuation(":")
            parser.parse_type()
            parser.parse_punctuation(")")
        start = parser.pos
        attrs = merge(parser, own)
        if not own:
            attrs[OLD_SPELLING] = StringAttr("before July 2026")
        for key in ("addr", "arg_idx", "arg_plus"):
            if not isinstance(attrs.get(key), IntegerAttr):
                refuse_text(parser, start, f"{cls.name} needs {key}")
        return cls.make(attributes=attrs)

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        own = {key: number(attrs[key]) for key in ("addr", "arg_idx", "arg_plus")}
        head = f"addr = {_unsigned(own['addr'], 'ui32')} : ui32, arg_idx = {own['arg_idx']} : i32"
        if self.ins:
            printer.print_string("(")
            printer.print_ssa_value(self.ins[0])
            printer.print_string(f" : i32) {{{head}}}")
        else:
            printer.print_string(f" {{{head}, arg_plus = {own['arg_plus']} : i32}}")


@irdl_op_definition
class RtpWriteOp(LooseOp):
    """Operands: the value, where a version of mlir-aie wants it so."""

    name = "aiex.npu.rtp_write"

    @classmethod
    def parse(cls, parser: Parser) -> RtpWriteOp:
        with parser.in_parens():
            own: dict[str, Attribute] = {"buffer": SymbolRefAttr(parser.parse_symbol_name())}
            parser.parse_punctuation(",")
            own["index"] = integer(parser)
            parser.parse_punctuation(",")
            own["value"] = scalar(parser)
        attrs = merge(parser, own)
        if parser.parse_optional_punctuation(":"):
            parser.parse_type()
        else:
            attrs[OLD_SPELLING] = StringAttr("before July 2026")
        return cls.make(attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_attribute(self.attributes["buffer"])
        printer.print_string(f", {number(self.attributes['index'])}, ")
        if self.ins:
            printer.print_ssa_value(self.ins[0])
        else:
            printer.print_string(str(number(self.attributes["value"])))
        printer.print_string(")")
        print_rest(printer, self, "buffer", "index", "value")
        if self.ins:
            printer.print_string(" : i32")


@irdl_op_definition
class PushQueueOp(LooseOp):
    """Operands: BD id and repeat count, where a version of mlir-aie wants them so."""

    name = "aiex.npu.push_queue"

    @classmethod
    def parse(cls, parser: Parser) -> PushQueueOp:
        own: dict[str, Attribute] = {}
        with parser.in_parens():
            own["column"] = integer(parser)
            parser.parse_punctuation(",")
            own["row"] = integer(parser)
            parser.parse_punctuation(",")
            own["direction"] = word(parser, DIRECTIONS)
            parser.parse_punctuation(":")
            own["channel"] = integer(parser)
        new = parser.parse_optional_keyword("bd_id") is not None
        if new:
            own["bd_id"] = scalar(parser)
            parser.parse_keyword("repeat")
            own["repeat_count"] = scalar(parser)
        start = parser.pos
        attrs = merge(parser, own)
        if new:
            parser.parse_punctuation(":")
            parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        else:
            attrs[OLD_SPELLING] = StringAttr("before July 2026")
        for key in ("bd_id", "repeat_count"):
            if not isinstance(attrs.get(key), IntegerAttr):
                refuse_text(parser, start, f"{cls.name} needs {key}")
        return cls.make(attributes=attrs)

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        where = f"{number(attrs['column'])}, {number(attrs['row'])}"
        printer.print_string(f"({where}, {data(attrs['direction'])} : {number(attrs['channel'])})")
        own = ("column", "row", "direction", "channel")
        if self.ins:
            printer.print_string(" bd_id ")
            printer.print_ssa_value(self.ins[0])
            printer.print_string(" repeat ")
            printer.print_ssa_value(self.ins[1])
            print_rest(printer, self, *own, "bd_id", "repeat_count")
            printer.print_string(" : i32, i32")
        else:
            print_rest(printer, self, *own)


@irdl_op_definition
class BlockWriteOp(LooseOp):
    """Operands: the words, a `memref.get_global`."""

    name = "aiex.npu.blockwrite"

    @classmethod
    def parse(cls, parser: Parser) -> BlockWriteOp:
        with parser.in_parens():
            words = parser.parse_unresolved_operand()
        attrs = attributes(parser)
        parser.parse_punctuation(":")
        return cls.make([parser.resolve_operand(words, parser.parse_type())], attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(")")
        print_rest(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)


@irdl_op_definition
class WriteBdOp(LooseOp):
    """`aiex.npu.writebd {bd_id = 0 : i32, buffer_length = 64 : i32, ...}`: every field of a BD by itself."""

    name = "aiex.npu.writebd"

    @classmethod
    def parse(cls, parser: Parser) -> WriteBdOp:
        return cls.make(attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        print_rest(printer, self)


@irdl_op_definition
class CoreResetOp(LooseOp):
    """Operands: the tile."""

    name = "aiex.core_reset"

    @classmethod
    def parse(cls, parser: Parser) -> CoreResetOp:
        with parser.in_parens():
            tile = handle(parser)
        return cls.make([tile], attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(")")
        print_rest(printer, self)


@irdl_op_definition
class ChannelResetOp(LooseOp):
    """Operands: the tile."""

    name = "aiex.dma_channel_reset"

    @classmethod
    def parse(cls, parser: Parser) -> ChannelResetOp:
        with parser.in_parens():
            tile = handle(parser)
            parser.parse_punctuation(",")
            own: dict[str, Attribute] = {"direction": word(parser, DIRECTIONS)}
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
        return cls.make([tile], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(f", {data(self.attributes['direction'])}, {number(self.attributes['channel'])})")
        print_rest(printer, self, "direction", "channel")


@irdl_op_definition
class ResetForOp(LooseOp):
    name = "aiex.dma_channel_reset_for"

    @classmethod
    def parse(cls, parser: Parser) -> ResetForOp:
        with parser.in_parens():
            own: dict[str, Attribute] = {"fifo": SymbolRefAttr(parser.parse_symbol_name())}
        return cls.make(attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_attribute(self.attributes["fifo"])
        printer.print_string(")")
        print_rest(printer, self, "fifo")


# Reconfiguration: what the array is set up with while a sequence runs.


@irdl_op_definition
class LoadPdiOp(AttributesOp):
    """`aiex.npu.load_pdi {device_ref = @other}`."""

    name = "aiex.npu.load_pdi"


@irdl_op_definition
class ControlPacketOp(AttributesOp):
    """`aiex.control_packet {address = 126976 : ui32, data = array<i32: 1>, opcode = 0 : i32, stream_id = 0 : i32}`."""

    name = "aiex.control_packet"


@irdl_op_definition
class ConfigureOp(LooseOp):
    """`aiex.configure @other { ... }`: what stands in it runs on that device."""

    name = "aiex.configure"
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> ConfigureOp:
        own: dict[str, Attribute] = {"symbol": SymbolRefAttr(parser.parse_symbol_name())}
        region = parser.parse_region()
        return cls.make(attributes=merge(parser, own), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.attributes["symbol"])
        printer.print_string(" ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "symbol")


@irdl_op_definition
class RunOp(LooseOp):
    """`aiex.run @sequence(%argument) : (memref<...>)`. Operands: the arguments."""

    name = "aiex.run"

    @classmethod
    def parse(cls, parser: Parser) -> RunOp:
        own: dict[str, Attribute] = {"runtime_sequence": SymbolRefAttr(parser.parse_symbol_name())}
        values = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_unresolved_operand)
        attrs = merge(parser, own)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        return cls.make(parser.resolve_operands(values, types, parser.pos), attributes=attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_attribute(self.attributes["runtime_sequence"])
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(")")
        print_rest(printer, self, "runtime_sequence")
        printer.print_string(" : (")
        printer.print_list([value.type for value in self.ins], printer.print_attribute)
        printer.print_string(")")


# The scalars that are SSA values since July 2026, in the order of the operands.
SSA_SCALARS: dict[type[LooseOp], Sequence[str]] = {
    **{op: op.SCALARS for op in (Write32Op, MaskWrite32Op, SyncOp)},
    AddressPatchOp: ("arg_plus",),
    RtpWriteOp: ("value",),
    PushQueueOp: ("bd_id", "repeat_count"),
}

Aiex = Dialect(
    "aiex",
    [
        *(MemcpyOp, WaitOp, OldSequenceOp),
        *(ConfigureTaskOp, ConfigureTaskForOp, StartTaskOp, AwaitTaskOp, FreeTaskOp, StartChainOp, StartChainForOp),
        *(SetLockOp, Write32Op, MaskWrite32Op, SyncOp, AddressPatchOp, RtpWriteOp, PushQueueOp, BlockWriteOp),
        *(LoadPdiOp, ConfigureOp, RunOp, WriteBdOp, CoreResetOp, ChannelResetOp, ResetForOp, ControlPacketOp),
        *(ScratchpadParameterOp, ReadParameterOp, SyncParametersOp, CreateScratchpadOp, UpdateFromScratchpadOp),
    ],
    [],
)
