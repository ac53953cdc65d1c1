"""Numbers where xDSL's own reading breaks: values that no memory holds, or their type, and floats written as bits."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from xdsl.dialects.builtin import (
    AnyFloat,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float80Type,
    Float128Type,
    FloatAttr,
    FloatTF32Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    ShapedType,
    f64,
    i64,
)
from xdsl.parser import AttrParser, Parser
from xdsl.utils.mlir_lexer import MLIRTokenKind

from tileproof.mlir.budget import ALL_ELEMENTS, ELEMENTS, shown
from tileproof.mlir.refused import RefusedText

# xDSL cannot write their numbers.
_UNKNOWN = (Float80Type, Float128Type, FloatTF32Type)
# The first number that is rounded to infinity: half a step above the largest, 2^(e+1) - 2^(e-p), p the bits of the
# fraction that are written.
_TOO_LARGE = {
    Float16Type: 2.0**16 - 2.0**4,
    BFloat16Type: 2.0**128 - 2.0**119,
    Float32Type: 2.0**128 - 2.0**103,
}


def fits(value: int | float, type_: Any) -> bool:
    """Whether a number that is written in digits is one of its type."""
    if isinstance(type_, AnyFloat):
        return abs(value) < _TOO_LARGE.get(type(type_), float("inf"))
    if isinstance(value, float):
        return False
    if isinstance(type_, IntegerType):
        bits: int = type_.width.data
        return bits > 0 and -(1 << (bits - 1)) <= value < 1 << bits
    return -(1 << 63) <= value < 1 << 64


def misfit(text: str, value: int | float, type_: Any) -> str:
    is_other = isinstance(value, float) and not isinstance(type_, AnyFloat)
    return f"{text} is {'no' if is_other else 'beyond'} {type_}"


@dataclass
class _Element(AttrParser._TensorLiteralElement):
    def to_type(self, parser: AttrParser, type: Any) -> Any:
        """MLIR writes infinities, and what has too many digits, as the bits of the float."""
        bits = self.span.text
        if not isinstance(type, AnyFloat) or not bits.startswith("0x"):
            if isinstance(self.value, int | float) and not fits(self.value, type):
                parser.raise_error(misfit(bits, self.value, type), self.span)
            return super().to_type(parser, type)
        if len(bits) != 2 + 2 * type.compile_time_size:
            parser.raise_error(f"{bits} has not as many bits as {type}", self.span)
        return type.unpack(bytes.fromhex(bits[2:])[::-1], 1)[0]


class DenseParser(Parser):
    """Reads `dense<...>`, and numbers with a type."""

    _values = 0  # that were written out

    def parse_dense_int_or_fp_elements_attr(self, type: Any) -> DenseIntOrFPElementsAttr:
        if type is not None:
            self._check_dense_type(type)
        return super().parse_dense_int_or_fp_elements_attr(type)

    def _parse_dense_literal_type(self) -> Any:
        type_ = super()._parse_dense_literal_type()
        self._check_dense_type(type_)
        return type_

    def _check_dense_type(self, type_: object) -> None:
        if (
            not isinstance(type_, ShapedType)
            or not isinstance(element := getattr(type_, "element_type", None), AnyFloat | IntegerType | IndexType)
            or isinstance(element, _UNKNOWN)
        ):
            self.raise_error(f"dense values are those of a memref of numbers, not of {type_}")
        shape = type_.get_shape()
        if not all(extent >= 1 for extent in shape) or prod(shape) > ELEMENTS.most:
            self.raise_error(f"dense values of {type_}: there are 1 to {ELEMENTS.most:,} in a tile's memory")
        self._values += prod(shape)
        if self._values > ALL_ELEMENTS.most:
            what = f"dense values of {type_}, and {shown(self._values)} in all"
            raise RefusedText.beyond(ALL_ELEMENTS, self._current_token.span, what, fix="let the host send them")

    def _parse_tensor_literal_element(self) -> AttrParser._TensorLiteralElement:
        element = super()._parse_tensor_literal_element()
        return _Element(element.is_negative, element.value, element.span)

    def parse_optional_builtin_int_or_float_attr(self) -> IntegerAttr | FloatAttr | None:
        """xDSL breaks on `1.0e300 : f32`, and points behind `300 : i8`."""
        boolean = self.try_parse_builtin_boolean_attr()
        if boolean is not None:
            return boolean
        start, is_bits = self.pos, self._current_token.text[:2] in ("0x", "0X")
        value = self.parse_optional_number()
        if value is None:
            return None
        number = self.lexer.input.content[start : self.pos].split("//")[0].rstrip()
        type_: Any = f64 if isinstance(value, float) else i64
        if self._current_token.kind == MLIRTokenKind.COLON:
            type_ = self._parse_attribute_type()
        if not isinstance(type_, AnyFloat | IntegerType | IndexType) or isinstance(type_, _UNKNOWN):
            self.raise_error(f"there are no numbers of type {type_} here", start, start + len(number))
        if isinstance(type_, AnyFloat) and is_bits:
            if int(value).bit_length() > 8 * type_.compile_time_size:
                self.raise_error(f"{number} has more bits than {type_}", start, start + len(number))
            return FloatAttr(next(type_.iter_unpack(int(value).to_bytes(type_.compile_time_size, "little"))), type_)
        if not fits(value, type_):
            self.raise_error(misfit(number, value, type_), start, start + len(number))
        return FloatAttr(float(value), type_) if isinstance(type_, AnyFloat) else IntegerAttr(int(value), type_)
