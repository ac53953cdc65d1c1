"""`dense<...>` where xDSL's own reading breaks: values that no memory holds, and floats written as their bits."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, IndexType, IntegerType, ShapedType
from xdsl.parser import AttrParser, Parser

from tileproof.device_model import MEM, TILE_KINDS

# A mem tile holds no more elements than this, of one byte each. xDSL writes out even what is given once.
_MOST_ELEMENTS = TILE_KINDS[MEM].memory_bytes


@dataclass
class _Element(AttrParser._TensorLiteralElement):
    def to_type(self, parser: AttrParser, type: Any) -> Any:
        """MLIR writes infinities, and what has too many digits, as the bits of the float."""
        bits = self.span.text
        if not isinstance(type, AnyFloat) or not bits.startswith("0x"):
            return super().to_type(parser, type)
        if len(bits) != 2 + 2 * type.compile_time_size:
            parser.raise_error(f"{bits} has not as many bits as {type}", self.span)
        return type.unpack(bytes.fromhex(bits[2:])[::-1], 1)[0]


class DenseParser(Parser):
    """Reads `dense<...>`."""

    def parse_dense_int_or_fp_elements_attr(self, type: Any) -> DenseIntOrFPElementsAttr:
        if type is not None:
            self._check_dense_type(type)
        return super().parse_dense_int_or_fp_elements_attr(type)

    def _parse_dense_literal_type(self) -> Any:
        type_ = super()._parse_dense_literal_type()
        self._check_dense_type(type_)
        return type_

    def _check_dense_type(self, type_: object) -> None:
        if not isinstance(type_, ShapedType) or not isinstance(
            getattr(type_, "element_type", None), AnyFloat | IntegerType | IndexType
        ):
            self.raise_error(f"dense values are those of a memref of numbers, not of {type_}")
        shape = type_.get_shape()
        if not all(extent >= 1 for extent in shape) or prod(shape) > _MOST_ELEMENTS:
            self.raise_error(f"dense values of {type_}: there are 1 to {_MOST_ELEMENTS:,} in a tile's memory")

    def _parse_tensor_literal_element(self) -> AttrParser._TensorLiteralElement:
        element = super()._parse_tensor_literal_element()
        return _Element(element.is_negative, element.value, element.span)
