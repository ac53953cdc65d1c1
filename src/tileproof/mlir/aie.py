"""The aie dialect for xDSL: how each operation is written. What the operations mean is the reader's business.

Syntax: AIEOps.td and AIETraceOps.td of mlir-aie from November 2025 to August 2026, every spelling of that time.
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import ArrayAttr, DenseIntOrFPElementsAttr, IntegerAttr, StringAttr, i32
from xdsl.ir import Attribute, Dialect, Operation, ParametrizedAttribute, Region, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition, irdl_op_definition, param_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator, SymbolTable

from tileproof.mlir.syntax import (
    HANDLE,
    OLD_SPELLING,
    HandleType,
    LooseOp,
    PacketInfo,
    attributes,
    data,
    dimensions,
    handle,
    integer,
    listed,
    merge,
    named_integer,
    newer_than,
    number,
    numbers,
    port,
    port_text,
    print_dimensions,
    print_rest,
    print_values,
    scalar,
    word,
)

DIRECTIONS = ("S2MM", "MM2S")


@irdl_attr_definition
class FifoType(ParametrizedAttribute, TypeAttribute):
    """`!aie.objectfifo<memref<...>>`."""

    name = "aie.objectfifo"
    element: Attribute = param_def()


@irdl_attr_definition
class SubviewType(ParametrizedAttribute, TypeAttribute):
    """`!aie.objectfifosubview<memref<...>>`."""

    name = "aie.objectfifosubview"
    element: Attribute = param_def()


# The device and its tiles


@irdl_op_definition
class DeviceOp(LooseOp):
    name = "aie.device"
    traits = traits_def(SymbolTable(), NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> DeviceOp:
        with parser.in_parens():
            device = parser.parse_identifier("a device such as npu1")
        symbol = parser.parse_optional_symbol_name() or StringAttr("main")
        region = parser.parse_region()
        return cls.make(attributes=merge(parser, {"device": StringAttr(device), "sym_name": symbol}), regions=[region])

    def print(self, printer: Printer) -> None:
        # The name of the device itself came in after v1.1; a design's only device is called main without it.
        printer.print_string(f"({data(self.attributes['device'])}) ")
        if newer_than(printer, "2025-11") and self.attributes["sym_name"] != StringAttr("main"):
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
            _print_dense(printer, self.attributes["initial_value"], with_type=False)


def _print_dense(printer: Printer, attribute: Attribute, *, with_type: bool) -> None:
    assert isinstance(attribute, DenseIntOrFPElementsAttr)
    (attribute.print_builtin if with_type else attribute.print_without_type)(printer)


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


# ObjectFIFOs


@irdl_op_definition
class FifoOp(LooseOp):
    """Operands: the producer's tile, then the consumers'."""

    name = "aie.objectfifo"

    @classmethod
    def parse(cls, parser: Parser) -> FifoOp:
        symbol = parser.parse_symbol_name()
        with parser.in_parens():
            tiles = [handle(parser)]
            layouts = [_layout(parser, "dimensionsToStream")]
            parser.parse_punctuation(",")
            consumers = parser.parse_comma_separated_list(parser.Delimiter.BRACES, lambda: _consumer(parser))
            parser.parse_punctuation(",")
            depth = _depth(parser)
        own: dict[str, Attribute] = {"sym_name": symbol, "depth": depth}
        own |= {"dimensions": ArrayAttr([*layouts, *(layout for _, layout in consumers)])}
        attrs = merge(parser, own)
        parser.parse_punctuation(":")
        attrs["type"] = parser.parse_type()
        if parser.parse_optional_punctuation("="):
            attrs["init_values"] = parser.parse_attribute()
        return cls.make([*tiles, *(tile for tile, _ in consumers)], attributes=attrs)

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        layouts = attrs["dimensions"]
        assert isinstance(layouts, ArrayAttr)
        printer.print_string(" ")
        printer.print_symbol_name(data(attrs["sym_name"]))
        printer.print_string("(")
        _print_end(printer, self.ins[0], layouts.data[0], "dimensionsToStream")
        printer.print_string(", {")
        ends = zip(self.ins[1:], layouts.data[1:], strict=True)
        printer.print_list(ends, lambda end: _print_end(printer, *end, "dimensionsFromStream"))
        depths = numbers(attrs["depth"])
        printer.print_string("}, " + (f"{depths[0]} : i32" if len(depths) == 1 else str(list(depths))) + ")")
        print_rest(printer, self, "sym_name", "depth", "dimensions", "type", "init_values")
        printer.print_string(" : ")
        printer.print_attribute(attrs["type"])
        if "init_values" in attrs:
            _print_initial(printer, attrs["init_values"])


def _consumer(parser: Parser) -> tuple[SSAValue, ArrayAttr[ArrayAttr[IntegerAttr]]]:
    return handle(parser), _layout(parser, "dimensionsFromStream")


def _layout(parser: Parser, keyword: str) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """`dimensionsToStream [...]`; empty where it is not written."""
    return ArrayAttr([]) if parser.parse_optional_keyword(keyword) is None else dimensions(parser)


def _depth(parser: Parser) -> ArrayAttr[IntegerAttr]:
    """`2 : i32`, or one per end: `[2, 2, 3]`."""
    several = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, lambda: integer(parser))
    if several is not None:
        return ArrayAttr(several)
    depth = integer(parser)
    parser.parse_punctuation(":", " after the depth: write `2 : i32`")
    if parser.parse_type() != i32:
        parser.raise_error("a depth has type i32")
    return ArrayAttr([depth])


def _print_end(printer: Printer, tile: SSAValue, layout: Attribute, keyword: str) -> None:
    printer.print_ssa_value(tile)
    if numbers_of_pairs(layout):
        printer.print_string(f" {keyword} ")
        print_dimensions(printer, layout)


def numbers_of_pairs(attribute: Attribute) -> tuple[tuple[int, ...], ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(numbers(pair) for pair in attribute)


def _print_initial(printer: Printer, attribute: Attribute) -> None:
    printer.print_string(" = ")
    if not isinstance(attribute, ArrayAttr):
        printer.print_attribute(attribute)
        return
    with printer.in_square_brackets():
        printer.print_list(attribute, lambda entry: _print_dense(printer, entry, with_type=True))


@irdl_op_definition
class LinkOp(LooseOp):
    name = "aie.objectfifo.link"

    @classmethod
    def parse(cls, parser: Parser) -> LinkOp:
        inputs = listed(parser, parser.parse_symbol_name)
        parser.parse_punctuation("->")
        outputs = listed(parser, parser.parse_symbol_name)
        with parser.in_parens():
            into, out = (listed(parser, lambda: integer(parser)) for _ in range(2))
        own: dict[str, Attribute] = {"inputs": inputs, "outputs": outputs, "input_offsets": into, "output_offsets": out}
        return cls.make(attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        inputs, outputs = (_symbols_text(attrs[key]) for key in ("inputs", "outputs"))
        offsets = " ".join(str(list(numbers(attrs[key]))) for key in ("input_offsets", "output_offsets"))
        printer.print_string(f" {inputs} -> {outputs}({offsets})")
        print_rest(printer, self, "inputs", "outputs", "input_offsets", "output_offsets")


def _symbols_text(attribute: Attribute) -> str:
    assert isinstance(attribute, ArrayAttr)
    return "[" + ", ".join(f"@{data(symbol)}" for symbol in attribute) + "]"


@irdl_op_definition
class AllocateOp(LooseOp):
    """Operands: the tile."""

    name = "aie.objectfifo.allocate"

    @classmethod
    def parse(cls, parser: Parser) -> AllocateOp:
        symbol = parser.parse_symbol_name()
        with parser.in_parens():
            tile = handle(parser)
        return cls.make([tile], attributes=merge(parser, {"fifo": symbol}))

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["fifo"]))
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(")")
        print_rest(printer, self, "fifo")


@irdl_op_definition
class RegisterBuffersOp(LooseOp):
    """Operands: the tile, then the external buffers."""

    name = "aie.objectfifo.register_external_buffers"

    @classmethod
    def parse(cls, parser: Parser) -> RegisterBuffersOp:
        attrs = attributes(parser)
        attrs["fifo"] = parser.parse_symbol_name()
        with parser.in_parens():
            tile = handle(parser)
            parser.parse_punctuation(",")
            buffers = parser.parse_comma_separated_list(parser.Delimiter.BRACES, parser.parse_unresolved_operand)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        operands = parser.resolve_operands(buffers, types, parser.pos)
        return cls.make([tile, *operands], attributes=attrs)

    def print(self, printer: Printer) -> None:
        print_rest(printer, self, "fifo")
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["fifo"]))
        printer.print_string(" (")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(", {")
        print_values(printer, self.ins[1:])
        printer.print_string("}) : (")
        printer.print_list([value.type for value in self.ins[1:]], printer.print_attribute)
        printer.print_string(")")


PORTS = ("Produce", "Consume")


@irdl_op_definition
class AcquireOp(LooseOp):
    name = "aie.objectfifo.acquire"

    @classmethod
    def parse(cls, parser: Parser) -> AcquireOp:
        attrs = _access_port(parser)
        parser.parse_punctuation(":")
        return cls.make(results=[parser.parse_type()], attributes=attrs)

    def print(self, printer: Printer) -> None:
        _print_access_port(printer, self)
        printer.print_string(" : ")
        printer.print_attribute(self.outs[0].type)


@irdl_op_definition
class ReleaseOp(LooseOp):
    name = "aie.objectfifo.release"

    @classmethod
    def parse(cls, parser: Parser) -> ReleaseOp:
        return cls.make(attributes=_access_port(parser))

    def print(self, printer: Printer) -> None:
        _print_access_port(printer, self)


def _access_port(parser: Parser) -> dict[str, Attribute]:
    """`@fifo (Consume, 1)`; attributes stand before or behind."""
    attrs = attributes(parser)
    attrs["fifo"] = parser.parse_symbol_name()
    with parser.in_parens():
        attrs["port"] = StringAttr(parser.parse_keyword_in(PORTS))
        parser.parse_punctuation(",")
        attrs["count"] = integer(parser)
    return merge(parser, attrs)


def _print_access_port(printer: Printer, operation: LooseOp) -> None:
    attrs = operation.attributes
    print_rest(printer, operation, "fifo", "port", "count")
    printer.print_string(" ")
    printer.print_symbol_name(data(attrs["fifo"]))
    printer.print_string(f"({data(attrs['port'])}, {number(attrs['count'])})")


@irdl_op_definition
class AccessOp(LooseOp):
    name = "aie.objectfifo.subview.access"

    @classmethod
    def parse(cls, parser: Parser) -> AccessOp:
        view = parser.parse_unresolved_operand()
        with parser.in_square_brackets():
            index = integer(parser)
        attrs = merge(parser, {"index": index})
        parser.parse_punctuation(":")
        view_type = parser.parse_type()
        parser.parse_punctuation("->")
        return cls.make([parser.resolve_operand(view, view_type)], [parser.parse_type()], attrs)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f"[{number(self.attributes['index'])}]")
        print_rest(printer, self, "index")
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        printer.print_string(" -> ")
        printer.print_attribute(self.outs[0].type)


# Cores


@irdl_op_definition
class CoreOp(LooseOp):
    name = "aie.core"

    @classmethod
    def parse(cls, parser: Parser) -> CoreOp:
        return cls.make(*_tile_with_region(parser))

    def print(self, printer: Printer) -> None:
        _print_tile_with_region(printer, self)


def _tile_with_region(parser: Parser) -> tuple[list[SSAValue], list[Attribute], dict[str, Attribute], list[Region]]:
    with parser.in_parens():
        tile = handle(parser)
    region = parser.parse_region()
    return [tile], [HANDLE], attributes(parser), [region]


def _print_tile_with_region(printer: Printer, operation: LooseOp) -> None:
    printer.print_string("(")
    printer.print_ssa_value(operation.ins[0])
    printer.print_string(") ")
    printer.print_region(operation.bodies[0])
    print_rest(printer, operation)


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
    """Operands: the lock, and where a state of mlir-aie wants it so, the value."""

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


# DMA programs


class _ProgramOp(LooseOp):
    """The DMA channels of one tile, as blocks: a start names its first BD and the block with the next start."""

    @classmethod
    def parse(cls, parser: Parser) -> _ProgramOp:
        return cls.make(*_tile_with_region(parser))

    def print(self, printer: Printer) -> None:
        _print_tile_with_region(printer, self)


@irdl_op_definition
class MemOp(_ProgramOp):
    name = "aie.mem"


@irdl_op_definition
class MemTileDmaOp(_ProgramOp):
    name = "aie.memtile_dma"


@irdl_op_definition
class ShimDmaOp(_ProgramOp):
    name = "aie.shim_dma"


@irdl_op_definition
class DmaStartOp(LooseOp):
    """Successors: the first BD, and where to go on."""

    name = "aie.dma_start"
    traits = traits_def(IsTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> DmaStartOp:
        with parser.in_parens():
            own: dict[str, Attribute] = {"direction": word(parser, DIRECTIONS)}
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
            parser.parse_punctuation(",")
            first = parser.parse_successor()
            parser.parse_punctuation(",")
            behind = parser.parse_successor()
            if parser.parse_optional_punctuation(","):
                own["repeat_count"] = named_integer(parser, "repeat_count")
        return cls.make(results=[HANDLE], attributes=merge(parser, own), successors=[first, behind])

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        printer.print_string(f"({data(attrs['direction'])}, {number(attrs['channel'])}, ")
        printer.print_list(self.nexts, lambda block: printer.print_block_name(block))
        repeat = number(attrs["repeat_count"]) if "repeat_count" in attrs else 0
        printer.print_string(f", repeat_count = {repeat})" if repeat else ")")
        print_rest(printer, self, "direction", "channel", "repeat_count")


@irdl_op_definition
class NextBdOp(LooseOp):
    name = "aie.next_bd"
    traits = traits_def(IsTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> NextBdOp:
        following = parser.parse_successor()
        return cls.make(attributes=attributes(parser), successors=[following])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_block_name(self.nexts[0])
        print_rest(printer, self)


@irdl_op_definition
class DmaBdOp(LooseOp):
    """Operands: the buffer. `offset`, `len`, `sizes` and `strides` in elements, as far as they are written."""

    name = "aie.dma_bd"

    @classmethod
    def parse(cls, parser: Parser) -> DmaBdOp:
        with parser.in_parens():
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            buffer = parser.resolve_operand(value, parser.parse_type())
            old = parser.parse_optional_punctuation(",") is not None
            own = _positional_bd(parser) if old else _named_bd(parser)
        return cls.make([buffer], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(" : ")
        printer.print_attribute(self.ins[0].type)
        (_print_named_bd if newer_than(printer, "2026-03") else _print_positional_bd)(printer, self.attributes)
        printer.print_string(")")
        print_rest(printer, self, *BD_LAYOUT, OLD_SPELLING)


BD_LAYOUT = ("offset", "len", "sizes", "strides")


def _positional_bd(parser: Parser) -> dict[str, Attribute]:
    """Until July 2026: `, 0, 1024, [<size = 4, stride = 256>, ...]`."""
    own: dict[str, Attribute] = {OLD_SPELLING: StringAttr("before July 2026"), "offset": integer(parser)}
    if parser.parse_optional_punctuation(","):
        own["len"] = integer(parser)
    if parser.parse_optional_punctuation(","):
        pairs = numbers_of_pairs(dimensions(parser))
        for key, values in zip(("sizes", "strides"), zip(*pairs, strict=True), strict=False):
            own[key] = ArrayAttr([IntegerAttr(value, i32) for value in values])
    if parser.parse_optional_punctuation(","):
        parser.raise_error("padding of a BD is not read by this version of tileproof")
    return own


def _named_bd(parser: Parser) -> dict[str, Attribute]:
    """Since July 2026: `offset = 0 len = 1024 sizes = [4, 256] strides = [256, 1]`."""
    own: dict[str, Attribute] = {}
    while key := parser.parse_optional_keyword_in(BD_LAYOUT):
        if key in own:
            parser.raise_error(f"{key} is written twice")
        parser.parse_punctuation("=")
        own[key] = scalar(parser) if key in ("offset", "len") else listed(parser, lambda: scalar(parser))
    return own


def _print_named_bd(printer: Printer, attrs: dict[str, Attribute]) -> None:
    for key in BD_LAYOUT:
        if key in attrs:
            value = attrs[key]
            text = str(list(numbers(value))) if isinstance(value, ArrayAttr) else str(number(value))
            printer.print_string(f" {key} = {text}")


def _print_positional_bd(printer: Printer, attrs: dict[str, Attribute]) -> None:
    if not any(key in attrs for key in BD_LAYOUT):
        return
    printer.print_string(f", {number(attrs['offset']) if 'offset' in attrs else 0}")
    if "len" in attrs:
        printer.print_string(f", {number(attrs['len'])}")
    if "sizes" in attrs and "strides" in attrs:
        pairs = zip(numbers(attrs["sizes"]), numbers(attrs["strides"]), strict=False)
        text = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in pairs)
        printer.print_string(f", [{text}]")


# Streams


@irdl_op_definition
class FlowOp(LooseOp):
    """Operands: the tile it leaves, the tile it goes to."""

    name = "aie.flow"

    @classmethod
    def parse(cls, parser: Parser) -> FlowOp:
        with parser.in_parens():
            source = handle(parser)
            parser.parse_punctuation(",")
            own = port(parser, "source")
            parser.parse_punctuation(",")
            destination = handle(parser)
            parser.parse_punctuation(",")
            own |= port(parser, "dest")
        return cls.make([source, destination], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {port_text(self, 'source')}, ")
        printer.print_ssa_value(self.ins[1])
        printer.print_string(f", {port_text(self, 'dest')})")
        print_rest(printer, self, *_port_keys("source"), *_port_keys("dest"))


def _port_keys(prefix: str) -> tuple[str, str]:
    return f"{prefix}_bundle", f"{prefix}_channel"


@irdl_op_definition
class PacketFlowOp(LooseOp):
    name = "aie.packet_flow"
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> PacketFlowOp:
        with parser.in_parens():
            own: dict[str, Attribute] = {"ID": integer(parser)}
        region = parser.parse_region()
        return cls.make(attributes=merge(parser, own), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(f"({number(self.attributes['ID'])}) ")
        printer.print_region(self.bodies[0])
        print_rest(printer, self, "ID")


class _PacketEndOp(LooseOp):
    @classmethod
    def parse(cls, parser: Parser) -> _PacketEndOp:
        with parser.in_angle_brackets():
            tile = handle(parser)
            parser.parse_punctuation(",")
            own = port(parser, "port")
        return cls.make([tile], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("<")
        printer.print_ssa_value(self.ins[0])
        printer.print_string(f", {port_text(self, 'port')}>")
        print_rest(printer, self, *_port_keys("port"))


@irdl_op_definition
class PacketSourceOp(_PacketEndOp):
    name = "aie.packet_source"


@irdl_op_definition
class PacketDestOp(_PacketEndOp):
    name = "aie.packet_dest"


@irdl_op_definition
class CascadeFlowOp(LooseOp):
    """Operands: the tile it leaves, the tile it goes to."""

    name = "aie.cascade_flow"

    @classmethod
    def parse(cls, parser: Parser) -> CascadeFlowOp:
        with parser.in_parens():
            source = handle(parser)
            parser.parse_punctuation(",")
            destination = handle(parser)
        return cls.make([source, destination], attributes=attributes(parser))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(")")
        print_rest(printer, self)


@irdl_op_definition
class ShimAllocationOp(LooseOp):
    """Operands: the tile, but for designs from before December 2025, which name a column."""

    name = "aie.shim_dma_allocation"

    @classmethod
    def parse(cls, parser: Parser) -> ShimAllocationOp:
        own: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        tiles: list[SSAValue] = []
        with parser.in_parens():
            tile = parser.parse_optional_unresolved_operand()
            if tile is not None:
                tiles = [parser.resolve_operand(tile, HANDLE)]
                parser.parse_punctuation(",")
            own["direction"] = word(parser, DIRECTIONS)
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
            if not tiles:
                parser.parse_punctuation(",")
                own["col"] = integer(parser)
        return cls.make(tiles, attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        end = f"{data(attrs['direction'])}, {number(attrs['channel'])}"
        printer.print_string(" ")
        printer.print_symbol_name(data(attrs["sym_name"]))
        printer.print_string("(")
        if newer_than(printer, "2025-11") and self.ins:
            printer.print_ssa_value(self.ins[0])
            printer.print_string(f", {end})")
        else:
            printer.print_string(f"{end}, {self.column()})")
        print_rest(printer, self, "sym_name", "direction", "channel", "col")

    def column(self) -> int:
        tile = self.ins[0].owner if self.ins else self
        assert isinstance(tile, LooseOp)
        return number(tile.attributes["col"])


# The runtime sequence


class _SequenceOp(LooseOp):
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> _SequenceOp:
        symbol = parser.parse_optional_symbol_name() or StringAttr("sequence")
        arguments = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_argument)
        region = parser.parse_region(arguments)
        return cls.make(attributes=merge(parser, {"sym_name": symbol}), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["sym_name"]))
        printer.print_string("(")
        printer.print_list(self.bodies[0].block.args, printer.print_block_argument)
        printer.print_string(") ")
        printer.print_region(self.bodies[0], print_entry_block_args=False, print_empty_block=False)
        print_rest(printer, self, "sym_name")


@irdl_op_definition
class SequenceOp(_SequenceOp):
    name = "aie.runtime_sequence"


@irdl_op_definition
class OldSequenceOp(_SequenceOp):
    """As it was called until November 2025."""

    name = "aiex.runtime_sequence"


# Traces: kept as they are written, and without effect here


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


def rest_of_line(parser: Parser) -> str:
    """The text up to the end of the line, which is where one of these operations ends."""
    text = parser.lexer.input.content
    start = parser._current_token.span.start
    while start and text[start - 1] in " \t":
        start -= 1
    if text[start - 1 : start] == "\n":
        return ""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    brace = text.find("}", start, end)
    if brace >= 0 and "{" not in text[start:brace]:
        end = brace  # `{ aie.trace.start_config @t }` on one line
    parser._resume_from(end)
    return text[start:end].split("//")[0].rstrip()


_TRACE_LINES = ("mode", "event", "packet", "port", "start", "stop", "combo_event", "edge_event", "reg")
_TRACE_LINES_OF_SEQUENCES = ("host_config", "start_config")


def _trace_lines(names: Iterable[str]) -> list[type[LooseOp]]:
    return [irdl_op_definition(type(f"Trace_{name}", (TraceLineOp,), {"name": f"aie.trace.{name}"})) for name in names]


TRACE_LINES = _trace_lines((*_TRACE_LINES, *_TRACE_LINES_OF_SEQUENCES))

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
    MemOp,
    MemTileDmaOp,
    ShimDmaOp,
    DmaStartOp,
    NextBdOp,
    DmaBdOp,
    FlowOp,
    PacketFlowOp,
    PacketSourceOp,
    PacketDestOp,
    CascadeFlowOp,
    ShimAllocationOp,
    SequenceOp,
    TraceOp,
    *TRACE_LINES,
]

Aie = Dialect("aie", _OPERATIONS, [FifoType, SubviewType, HandleType, PacketInfo])
