"""DMA programs, streams and shim allocations of the aie dialect for xDSL.

Syntax: AIEOps.td of mlir-aie from November 2025 to August 2026, every spelling of that time.
"""

from __future__ import annotations

from math import prod

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, MemRefType, StringAttr, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator

from tileproof.mlir.syntax import (
    HANDLE,
    OLD_SPELLING,
    LooseOp,
    any_scalar,
    attributes,
    data,
    dimensions,
    handle,
    integer,
    listed,
    merge,
    named_integer,
    number,
    numbers,
    numbers_of_pairs,
    packet_info,
    pads,
    pads_text,
    port,
    port_text,
    print_packet_info,
    print_rest,
    print_tile_with_region,
    print_values,
    refuse_text,
    scalar,
    tile_with_region,
    version_of,
    word,
)

DIRECTIONS = ("S2MM", "MM2S")


# DMA programs


class _ProgramOp(LooseOp):
    """The DMA channels of one tile, as blocks: a start names its first BD and the block with the next start."""

    @classmethod
    def parse(cls, parser: Parser) -> _ProgramOp:
        return cls.make(*tile_with_region(parser))

    def print(self, printer: Printer) -> None:
        print_tile_with_region(printer, self)


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
class BdChainOp(LooseOp):
    """`aie.bd_chain @name(%a: memref<...>) { ... }`: BDs for whatever a sequence starts them with."""

    name = "aie.bd_chain"

    @classmethod
    def parse(cls, parser: Parser) -> BdChainOp:
        own: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        arguments = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_argument)
        region = parser.parse_region(arguments)
        return cls.make(attributes=merge(parser, own), regions=[region])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(data(self.attributes["sym_name"]))
        printer.print_string("(")
        printer.print_list(self.bodies[0].blocks[0].args, printer.print_block_argument)
        printer.print_string(") ")
        printer.print_region(self.bodies[0], print_entry_block_args=False)
        print_rest(printer, self, "sym_name")


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
class DmaOp(LooseOp):
    """`aie.dma(S2MM, 0) [{ ... }, { ... }]`: a channel whose BDs are regions, each followed by the next."""

    name = "aie.dma"
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> DmaOp:
        with parser.in_parens():
            own: dict[str, Attribute] = {"direction": word(parser, DIRECTIONS)}
            parser.parse_punctuation(",")
            own["channel"] = integer(parser)
        attrs = merge(parser, own)
        regions = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_region)
        return cls.make(results=[HANDLE], attributes=attrs, regions=regions)

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        printer.print_string(f"({data(attrs['direction'])}, {number(attrs['channel'])})")
        print_rest(printer, self, "direction", "channel")
        printer.print_string(" ")
        with printer.in_square_brackets():
            printer.print_list(self.bodies, printer.print_region)


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
        if version_of(printer).numbers_are_values:
            _print_named_bd(printer, self.attributes)
        else:
            _print_positional_bd(printer, self.attributes, self.ins[0].type)
        printer.print_string(")")
        print_rest(printer, self, *BD_LAYOUT)


BD_LAYOUT = ("offset", "len", "sizes", "strides", "pad")


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
        own["pad"] = pads(parser)
    return own


def _named_bd(parser: Parser) -> dict[str, Attribute]:
    """Since July 2026: `offset = 0 len = 1024 sizes = [4, 256] strides = [256, 1]`."""
    own: dict[str, Attribute] = {}
    start = parser.pos
    while key := parser.parse_optional_keyword_in(BD_LAYOUT):
        if key == "pad":
            own[key] = pads(parser)
            continue
        parser.parse_punctuation("=")
        value = scalar(parser) if key in ("offset", "len") else listed(parser, lambda: any_scalar(parser))
        if key in own:
            refuse_text(parser, start, f"{key} is written twice")
        own[key] = value
        start = parser.pos
    return own


def _print_named_bd(printer: Printer, attrs: dict[str, Attribute]) -> None:
    for key in BD_LAYOUT:
        if key == "pad" and key in attrs:
            printer.print_string(f" pad {pads_text(attrs[key])}")
        elif key in attrs:
            value = attrs[key]
            text = str(list(numbers(value))) if isinstance(value, ArrayAttr) else str(number(value))
            printer.print_string(f" {key} = {text}")


def _print_positional_bd(printer: Printer, attrs: dict[str, Attribute], buffer: Attribute) -> None:
    if not any(key in attrs for key in BD_LAYOUT):
        return
    printer.print_string(f", {number(attrs['offset']) if 'offset' in attrs else 0}")
    if "len" in attrs:
        printer.print_string(f", {number(attrs['len'])}")
    elif "sizes" in attrs and isinstance(buffer, MemRefType):
        printer.print_string(f", {prod(buffer.get_shape())}")  # a length stands in front of them
    if "sizes" in attrs and "strides" in attrs:
        pairs = zip(numbers(attrs["sizes"]), numbers(attrs["strides"]), strict=False)
        text = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in pairs)
        printer.print_string(f", [{text}]")
        if "pad" in attrs:
            printer.print_string(f", {pads_text(attrs['pad'])}")


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


CASCADE_INPUTS, CASCADE_OUTPUTS = ("North", "West"), ("South", "East")


@irdl_op_definition
class ConfigureCascadeOp(LooseOp):
    """Operands: the tile. What mlir-aie makes of cascade flows: the sides from which and to which a core's wires go."""

    name = "aie.configure_cascade"

    @classmethod
    def parse(cls, parser: Parser) -> ConfigureCascadeOp:
        with parser.in_parens():
            tile = handle(parser)
            parser.parse_punctuation(",")
            own: dict[str, Attribute] = {"inputDir": word(parser, CASCADE_INPUTS)}
            parser.parse_punctuation(",")
            own["outputDir"] = word(parser, CASCADE_OUTPUTS)
        return cls.make([tile], attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        printer.print_string("(")
        print_values(printer, self.ins)
        printer.print_string(f", {data(self.attributes['inputDir'])}, {data(self.attributes['outputDir'])})")
        print_rest(printer, self, "inputDir", "outputDir")


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
            if parser.parse_optional_punctuation(","):
                own["packet"] = packet_info(parser)
        return cls.make(tiles, attributes=merge(parser, own))

    def print(self, printer: Printer) -> None:
        attrs = self.attributes
        end = f"{data(attrs['direction'])}, {number(attrs['channel'])}"
        printer.print_string(" ")
        printer.print_symbol_name(data(attrs["sym_name"]))
        printer.print_string("(")
        if version_of(printer).allocates_by_tile and self.ins:
            printer.print_ssa_value(self.ins[0])
            printer.print_string(f", {end}")
        else:
            printer.print_string(f"{end}, {self.column()}")
        if "packet" in attrs:
            printer.print_string(", ")
            print_packet_info(printer, attrs["packet"])
        printer.print_string(")")
        print_rest(printer, self, "sym_name", "direction", "channel", "col", "packet")

    def column(self) -> int | None:
        """None where it names no tile, or one without a place."""
        tile = self.ins[0].owner if self.ins else self
        column = tile.attributes.get("col") if isinstance(tile, LooseOp) else None
        return None if column is None else number(column)
