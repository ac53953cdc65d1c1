"""The aie and aiex dialects for xDSL: how each operation is written. What the operations mean is the reader's business.

The operations are loose on purpose: operands, results and regions of any number, so that a design mlir-aie would refuse
still parses here and is then refused in words. Syntax: mlir-aie of 2026-03 and 2026-08, where they agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    ArrayAttr,
    IntegerAttr,
    StringAttr,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, Region, SSAValue, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    param_def,
    traits_def,
    var_operand_def,
    var_region_def,
    var_result_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.traits import IsTerminator, NoTerminator, SymbolTable


class _Loose(IRDLOperation):
    ins = var_operand_def()
    outs = var_result_def()
    bodies = var_region_def()

    @classmethod
    def make(
        cls,
        operands: Sequence[SSAValue] = (),
        results: Sequence[Attribute] = (),
        attributes: dict[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
    ) -> _Loose:
        return cls.create(operands=operands, result_types=results, attributes=attributes or {}, regions=regions)


@irdl_attr_definition
class HandleType(ParametrizedAttribute, TypeAttribute):
    """The type of a tile, a core or a lock: mlir-aie types them all as `index`; here they stay apart."""

    name = "aie.handle"


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


HANDLE = HandleType()


def _handle(parser: Parser) -> SSAValue:
    return parser.parse_operand(HANDLE)


def _integer(parser: AttrParser) -> IntegerAttr:
    return IntegerAttr(parser.parse_integer(allow_boolean=False), i32)


def _attributes(parser: Parser) -> dict[str, Attribute]:
    return dict(parser.parse_optional_attr_dict())


def _merge(parser: Parser, own: dict[str, Attribute]) -> dict[str, Attribute]:
    written = _attributes(parser)
    for key in written:
        if key in own:
            parser.raise_error(f"attribute {key!r} is part of the operation's syntax and cannot be written again")
    return {**own, **written}


@irdl_op_definition
class DeviceOp(_Loose):
    name = "aie.device"
    traits = traits_def(SymbolTable(), NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> DeviceOp:
        with parser.in_parens():
            device = parser.parse_identifier("a device such as npu1")
        symbol = parser.parse_optional_symbol_name() or StringAttr("main")
        region = parser.parse_region()
        return cls.make(attributes={"device": StringAttr(device), "sym_name": symbol}, regions=[region])  # type: ignore[return-value]


@irdl_op_definition
class TileOp(_Loose):
    name = "aie.tile"

    @classmethod
    def parse(cls, parser: Parser) -> TileOp:
        with parser.in_parens():
            column = _integer(parser)
            parser.parse_punctuation(",")
            row = _integer(parser)
        return cls.make(results=[HANDLE], attributes=_merge(parser, {"col": column, "row": row}))  # type: ignore[return-value]


@irdl_op_definition
class BufferOp(_Loose):
    name = "aie.buffer"

    @classmethod
    def parse(cls, parser: Parser) -> BufferOp:
        with parser.in_parens():
            tile = _handle(parser)
        attributes = _attributes(parser)
        parser.parse_punctuation(":")
        type_ = parser.parse_type()
        if parser.parse_optional_punctuation("="):
            # The type is the buffer's; mlir-aie does not write it again.
            parser.parse_keyword("dense")
            attributes["initial_value"] = parser.parse_dense_int_or_fp_elements_attr(type_)  # type: ignore[arg-type]
        return cls.make([tile], [type_], attributes)  # type: ignore[return-value]


@irdl_op_definition
class FifoOp(_Loose):
    """Operands: the producer's tile, then the consumers'."""

    name = "aie.objectfifo"

    @classmethod
    def parse(cls, parser: Parser) -> FifoOp:
        symbol = parser.parse_symbol_name()
        with parser.in_parens():
            tiles = [_handle(parser)]
            dimensions = [_dimensions(parser, "dimensionsToStream")]
            parser.parse_punctuation(",")
            consumers = parser.parse_comma_separated_list(parser.Delimiter.BRACES, lambda: _consumer(parser))
            parser.parse_punctuation(",")
            depth = _depth(parser)
        own: dict[str, Attribute] = {"sym_name": symbol, "depth": depth}
        own |= {"dimensions": ArrayAttr([*dimensions, *(d for _, d in consumers)])}
        attributes = _merge(parser, own)
        parser.parse_punctuation(":")
        attributes["type"] = parser.parse_type()
        if parser.parse_optional_punctuation("="):
            attributes["init_values"] = parser.parse_attribute()
        return cls.make([*tiles, *(tile for tile, _ in consumers)], attributes=attributes)  # type: ignore[return-value]


def _consumer(parser: Parser) -> tuple[SSAValue, ArrayAttr[ArrayAttr[IntegerAttr]]]:
    return _handle(parser), _dimensions(parser, "dimensionsFromStream")


def _dimensions(parser: Parser, keyword: str) -> ArrayAttr[ArrayAttr[IntegerAttr]]:
    """`dimensionsToStream [<size = 16, stride = 8>, ...]`, outermost first; empty where it is not written."""
    if parser.parse_optional_keyword(keyword) is None:
        return ArrayAttr([])
    return ArrayAttr(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _dimension(parser)))


def _dimension(parser: Parser) -> ArrayAttr[IntegerAttr]:
    with parser.in_angle_brackets():
        values = []
        for number, name in enumerate(("size", "stride")):
            if number:
                parser.parse_punctuation(",")
            parser.parse_keyword(name)
            parser.parse_punctuation("=")
            values.append(_integer(parser))
    return ArrayAttr(values)


@irdl_op_definition
class LinkOp(_Loose):
    name = "aie.objectfifo.link"

    @classmethod
    def parse(cls, parser: Parser) -> LinkOp:
        inputs = _symbols(parser)
        parser.parse_punctuation("->")
        outputs = _symbols(parser)
        with parser.in_parens():
            input_offsets, output_offsets = _offsets(parser), _offsets(parser)
        own: dict[str, Attribute] = {"inputs": inputs, "outputs": outputs}
        own |= {"input_offsets": input_offsets, "output_offsets": output_offsets}
        return cls.make(attributes=_merge(parser, own))  # type: ignore[return-value]


def _symbols(parser: Parser) -> ArrayAttr[StringAttr]:
    return ArrayAttr(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_symbol_name))


def _offsets(parser: Parser) -> ArrayAttr[IntegerAttr]:
    return ArrayAttr(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: _integer(parser)))


@irdl_op_definition
class AllocateOp(_Loose):
    """Operands: the tile."""

    name = "aie.objectfifo.allocate"

    @classmethod
    def parse(cls, parser: Parser) -> AllocateOp:
        symbol = parser.parse_symbol_name()
        with parser.in_parens():
            tile = _handle(parser)
        return cls.make([tile], attributes=_merge(parser, {"fifo": symbol}))  # type: ignore[return-value]


def _depth(parser: Parser) -> ArrayAttr[IntegerAttr]:
    """`2 : i32`, or one per end: `[2, 2, 3]`."""
    listed = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, lambda: _integer(parser))
    if listed is not None:
        return ArrayAttr(listed)
    depth = _integer(parser)
    parser.parse_punctuation(":", " after the depth: write `2 : i32`")
    if parser.parse_type() != i32:
        parser.raise_error("a depth has type i32")
    return ArrayAttr([depth])


@irdl_op_definition
class AcquireOp(_Loose):
    name = "aie.objectfifo.acquire"

    @classmethod
    def parse(cls, parser: Parser) -> AcquireOp:
        attributes = _port(parser)
        parser.parse_punctuation(":")
        return cls.make(results=[parser.parse_type()], attributes=attributes)  # type: ignore[return-value]


@irdl_op_definition
class ReleaseOp(_Loose):
    name = "aie.objectfifo.release"

    @classmethod
    def parse(cls, parser: Parser) -> ReleaseOp:
        return cls.make(attributes=_port(parser))  # type: ignore[return-value]


def _port(parser: Parser) -> dict[str, Attribute]:
    """`@fifo (Consume, 1)`."""
    symbol = parser.parse_symbol_name()
    with parser.in_parens():
        port = parser.parse_keyword_in(("Produce", "Consume"))
        parser.parse_punctuation(",")
        count = _integer(parser)
    return _merge(parser, {"fifo": symbol, "port": StringAttr(port), "count": count})


@irdl_op_definition
class AccessOp(_Loose):
    name = "aie.objectfifo.subview.access"

    @classmethod
    def parse(cls, parser: Parser) -> AccessOp:
        view = parser.parse_unresolved_operand()
        with parser.in_square_brackets():
            index = _integer(parser)
        attributes = _merge(parser, {"index": index})
        parser.parse_punctuation(":")
        view_type = parser.parse_type()
        parser.parse_punctuation("->")
        return cls.make([parser.resolve_operand(view, view_type)], [parser.parse_type()], attributes)  # type: ignore[return-value]


@irdl_op_definition
class CoreOp(_Loose):
    name = "aie.core"

    @classmethod
    def parse(cls, parser: Parser) -> CoreOp:
        with parser.in_parens():
            tile = _handle(parser)
        region = parser.parse_region()
        return cls.make([tile], [HANDLE], _attributes(parser), [region])  # type: ignore[return-value]


@irdl_op_definition
class EndOp(_Loose):
    name = "aie.end"
    traits = traits_def(IsTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> EndOp:
        return cls.make(attributes=_attributes(parser))  # type: ignore[return-value]


@irdl_op_definition
class SequenceOp(_Loose):
    name = "aie.runtime_sequence"
    traits = traits_def(NoTerminator())

    @classmethod
    def parse(cls, parser: Parser) -> SequenceOp:
        symbol = parser.parse_optional_symbol_name() or StringAttr("sequence")
        arguments = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_argument)
        region = parser.parse_region(arguments)
        return cls.make(attributes=_merge(parser, {"sym_name": symbol}), regions=[region])  # type: ignore[return-value]


@irdl_op_definition
class MemcpyOp(_Loose):
    """Operands: the host buffer. Offsets, sizes and strides must be constants here."""

    name = "aiex.npu.dma_memcpy_nd"

    @classmethod
    def parse(cls, parser: Parser) -> MemcpyOp:
        with parser.in_parens():
            buffer = parser.parse_unresolved_operand()
            lists = {key: _four(parser, key) for key in ("offsets", "sizes", "strides")}
            if parser.parse_optional_punctuation(",") is not None:
                parser.raise_error("a packet on dma_memcpy_nd is not read by this version of tileproof")
        attributes = _merge(parser, dict(lists))
        parser.parse_punctuation(":")
        return cls.make([parser.resolve_operand(buffer, parser.parse_type())], attributes=attributes)  # type: ignore[return-value]


def _four(parser: Parser, key: str) -> ArrayAttr[IntegerAttr]:
    values = parser.parse_comma_separated_list(
        parser.Delimiter.SQUARE,
        lambda: IntegerAttr(parser.parse_integer(allow_boolean=False), i64),
        f" {key}",
    )
    if len(values) != 4:
        parser.raise_error(f"dma_memcpy_nd takes four {key}, outermost first, and this has {len(values)}")
    return ArrayAttr(values)


@irdl_op_definition
class WaitOp(_Loose):
    name = "aiex.npu.dma_wait"

    @classmethod
    def parse(cls, parser: Parser) -> WaitOp:
        return cls.make(attributes=_attributes(parser))  # type: ignore[return-value]


Aie = Dialect(
    "aie",
    [DeviceOp, TileOp, BufferOp, FifoOp, LinkOp, AllocateOp, AcquireOp, ReleaseOp, AccessOp, CoreOp, EndOp, SequenceOp],
    [FifoType, SubviewType, HandleType],
)
Aiex = Dialect("aiex", [MemcpyOp, WaitOp], [])
