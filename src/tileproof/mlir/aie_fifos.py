"""The ObjectFIFO operations of the aie dialect for xDSL.

Syntax: AIEOps.td of mlir-aie from November 2025 to August 2026.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, StringAttr, i32
from xdsl.ir import Attribute, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition, irdl_op_definition, param_def
from xdsl.parser import Parser
from xdsl.printer import Printer

from tileproof.mlir.syntax import (
    LooseOp,
    attributes,
    data,
    dimensions,
    handle,
    integer,
    listed,
    merge,
    number,
    numbers,
    numbers_of_pairs,
    print_dense,
    print_dimensions,
    print_rest,
    print_values,
    refuse_text,
)


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
        if parser.parse_optional_punctuation("->"):
            attrs["consumer_type"] = parser.parse_type()
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
        print_rest(printer, self, "sym_name", "depth", "dimensions", "type", "consumer_type", "init_values")
        printer.print_string(" : ")
        printer.print_attribute(attrs["type"])
        if "consumer_type" in attrs:
            printer.print_string(" -> ")
            printer.print_attribute(attrs["consumer_type"])
        if "init_values" in attrs:
            _print_initial(printer, attrs["init_values"])


def _consumer(parser: Parser) -> tuple[SSAValue, ArrayAttr[ArrayAttr[IntegerAttr]]]:
    return handle(parser), _layout(parser, "dimensionsFromStream")


def _layout(parser: Parser, keyword: str) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """`dimensionsToStream [...]`; empty where it is not written."""
    return ArrayAttr([]) if parser.parse_optional_keyword(keyword) is None else dimensions(parser)


def _depth(parser: Parser) -> ArrayAttr[IntegerAttr]:
    """`2 : i32`, or one per end: `[2, 2, 3]`, or as mlir-aie prints it, `[2 : i32, 2 : i32, 3 : i32]`."""
    several = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, lambda: _depth_of_end(parser))
    if several is not None:
        return ArrayAttr(several)
    depth = integer(parser)
    parser.parse_punctuation(":", " after the depth: write `2 : i32`")
    _i32(parser)
    return ArrayAttr([depth])


def _depth_of_end(parser: Parser) -> IntegerAttr:
    depth = integer(parser)
    if parser.parse_optional_punctuation(":"):
        _i32(parser)
    return depth


def _i32(parser: Parser) -> None:
    start = parser.pos
    if parser.parse_type() != i32:
        refuse_text(parser, start, "a depth has type i32")


def _print_end(printer: Printer, tile: SSAValue, layout: Attribute, keyword: str) -> None:
    printer.print_ssa_value(tile)
    if numbers_of_pairs(layout):
        printer.print_string(f" {keyword} ")
        print_dimensions(printer, layout)


def _print_initial(printer: Printer, attribute: Attribute) -> None:
    printer.print_string(" = ")
    if not isinstance(attribute, ArrayAttr):
        printer.print_attribute(attribute)
        return
    with printer.in_square_brackets():
        printer.print_list(attribute, lambda entry: print_dense(printer, entry, with_type=True))


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
        printer.print_string(" ")
        _print_symbols(printer, attrs["inputs"])
        printer.print_string(" -> ")
        _print_symbols(printer, attrs["outputs"])
        offsets = " ".join(str(list(numbers(attrs[key]))) for key in ("input_offsets", "output_offsets"))
        printer.print_string(f"({offsets})")
        print_rest(printer, self, "inputs", "outputs", "input_offsets", "output_offsets")


def _print_symbols(printer: Printer, attribute: Attribute) -> None:
    assert isinstance(attribute, ArrayAttr)
    with printer.in_square_brackets():
        printer.print_list(attribute, lambda symbol: printer.print_symbol_name(data(symbol)))


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
    """Results: a subview, or since autumn 2026 every object by itself."""

    name = "aie.objectfifo.acquire"

    @classmethod
    def parse(cls, parser: Parser) -> AcquireOp:
        attrs = _access_port(parser)
        parser.parse_punctuation(":")
        types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls.make(results=types, attributes=attrs)

    def print(self, printer: Printer) -> None:
        _print_access_port(printer, self)
        printer.print_string(" : ")
        printer.print_list([value.type for value in self.outs], printer.print_attribute)

    def gives_objects(self) -> bool:
        return not any(isinstance(value.type, SubviewType) for value in self.outs)


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
