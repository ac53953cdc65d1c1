"""Arithmetic of a core's own operations (arith, index) on whole numbers, floats, and vectors of them.

Whole numbers are kept in two's complement of their type; `index` has 64 bits in core code. Floats round to their type
after each operation: f32 to the nearest, as soft-float does (unconfirmed for npu2, which has instructions for some of
it), and bf16 from f32 by the core's rounding mode (found_later.md 2), a scalar, too, since the compiler has the vector
unit convert it (llvm-aie, AIELegalizerHelper).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import replace
from math import erf, isfinite, isnan, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.dtypes import DTYPES
from tileproof.emulator.array.rounding import FLOOR, narrowed
from tileproof.mlir.program import (
    Arithmetic,
    Binary,
    Bitcast,
    BitFunction,
    Cast,
    Compare,
    CompareFloats,
    Constant,
    Count,
    Elementary,
    Evaluate,
    FloatFunction,
    FloatPredicate,
    MultiplyAdd,
    Negate,
    Reading,
    Select,
    WholeFunction,
    WholePredicate,
)
from tileproof.mlir.values import Type, element_of

Vector = npt.NDArray[Any]
Number = int | float | Vector

_WIDTHS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}
_FLOATS = {"f32", "bf16"}
_LANES = {"i1": np.uint8, "index": np.int64}  # what only vectors have in memory
_VECTOR = re.compile(r"vector<(?P<shape>(?:\d+x)+)(?P<element>\w+)>")


class Unsupported(Exception):  # noqa: N818  the caller knows the place, and makes a Problem of it
    """Names the type that an operation is not done on here."""


def compute(operation: Arithmetic, values: list[Any], rounding: int = FLOOR) -> Number:
    """The result of an operation of `COMPUTED` on its operands, on a core in that rounding mode.

    Raises ZeroDivisionError, and Unsupported.
    """
    function = COMPUTED[type(operation)]
    is_vector = any(isinstance(value, np.ndarray) for value in values)
    if isinstance(operation, Binary | Cast | MultiplyAdd | Evaluate) and element_of(operation.type) == "bf16":
        wide = _before_narrowing(function, operation, values, is_vector=is_vector)
        result = narrowed(np.asarray(wide, np.float32), rounding)
        return result if is_vector else float(result)
    return _lane_by_lane(function, operation, values) if is_vector else function(operation, values)


def _before_narrowing(
    function: Callable[[Any, list[Any]], Number], operation: Arithmetic, values: list[Any], *, is_vector: bool
) -> Number:
    """A bf16, or a vector of them, in single precision."""
    if isinstance(operation, Cast) and element_of(operation.of) in _FLOATS:
        return np.asarray(values[0], np.float32)  # not as numbers of Python, which keep no NaN's payload
    wide = replace(operation, type=str(operation.type).replace("bf16", "f32"))
    return _lane_by_lane(function, wide, values) if is_vector else function(wide, values)


def _lane_by_lane(function: Callable[[Any, list[Any]], Number], operation: Arithmetic, values: list[Any]) -> Vector:
    """A vector's result is that of each lane; a scalar among the operands, as a condition, is every lane's."""
    shape, dtype = vector_type(operation.type)
    one = replace(operation, type=element_of(operation.type), of=element_of(operation.of))
    count = prod(shape)
    lanes = zip(*(v.ravel().tolist() if isinstance(v, np.ndarray) else [v] * count for v in values), strict=True)
    return np.array([function(one, list(lane)) for lane in lanes], dtype=dtype).reshape(shape)


def vector_type(type_: Type) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and element type of a vector."""
    found = _VECTOR.fullmatch(str(type_))
    if found is None or found["element"] not in (*DTYPES, *_LANES):
        raise Unsupported(str(type_))
    shape = tuple(int(extent) for extent in found["shape"].split("x")[:-1])
    element = found["element"]
    return shape, np.dtype(_LANES[element]) if element in _LANES else DTYPES[element].numpy


def fitted(value: Number, type_: Type) -> Number:
    """A result as its type holds it."""
    name = str(type_)
    if name in _WIDTHS:
        # A float that is no number is poison in MLIR as a whole number; 0 is one of the things it may be.
        return _wrapped(int(value) if isfinite(value) else 0, name)
    if name in _FLOATS:
        return float(DTYPES[name].numpy.type(value))
    shape, dtype = vector_type(type_)
    return np.broadcast_to(np.asarray(value), shape).astype(dtype)


def _wrapped(value: int, type_: str) -> int:
    width = _WIDTHS[type_]
    value &= (1 << width) - 1
    return value - (1 << width) if width > 1 and value >> (width - 1) else value


def _unsigned(value: Any, type_: Type) -> Any:
    return value & ((1 << _WIDTHS[str(type_)]) - 1)


def constant(operation: Constant) -> Number:
    """The value of a constant; raises Unsupported."""
    value, type_ = operation.value, operation.type
    if isinstance(value, tuple):
        shape, dtype = vector_type(type_)
        return np.broadcast_to(np.array(value, dtype=dtype), (prod(shape),)).reshape(shape)
    if value is None:
        raise Unsupported(str(type_))
    return fitted(value, type_)


def _binary(operation: Binary, values: list[Any]) -> Number:
    type_, function = operation.type, operation.function
    if type_ not in _WIDTHS and type_ not in _FLOATS:
        raise Unsupported(str(type_))
    a, b = values
    if function in _UNSIGNED:
        return fitted(_UNSIGNED[function](_unsigned(a, type_), _unsigned(b, type_)), type_)
    return fitted(_BINARY[function](a, b), type_)


def _quotient(a: int, b: int) -> int:
    """Towards zero, as arith.divsi."""
    magnitude = abs(a) // abs(b)
    return magnitude if (a < 0) == (b < 0) else -magnitude


def _single(function: Callable[[Any, Any], Any]) -> Callable[[float, float], Any]:
    """In single precision, whatever comes out: infinities and NaNs are results too."""

    def result(a: float, b: float) -> Any:
        with np.errstate(all="ignore"):
            return function(np.float32(a), np.float32(b))

    return result


def _shift(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    # By its width or more is poison in MLIR; 0 is one of the things it may be.
    return lambda a, b: function(a, b) if 0 <= b < 64 else 0


_SIGNED_COMPARISONS: dict[WholePredicate, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "slt": operator.lt,
    "sle": operator.le,
    "sgt": operator.gt,
    "sge": operator.ge,
}
_UNSIGNED_COMPARISONS: dict[WholePredicate, Callable[[Any, Any], Any]] = {
    "ult": operator.lt,
    "ule": operator.le,
    "ugt": operator.gt,
    "uge": operator.ge,
}


def _compare(operation: Compare, values: list[Any]) -> Number:
    a, b = values
    if operation.predicate in _UNSIGNED_COMPARISONS:
        rule = _UNSIGNED_COMPARISONS[operation.predicate]
        return int(rule(_unsigned(a, operation.of), _unsigned(b, operation.of)))
    return int(_SIGNED_COMPARISONS[operation.predicate](_signed(a, operation.of), _signed(b, operation.of)))


def _compare_floats(operation: CompareFloats, values: list[Any]) -> Number:
    a, b = values
    return int(_FLOAT_TRUTH[operation.predicate](a, b, isnan(a) or isnan(b)))


def _ordered(rule: Callable[[Any, Any], Any]) -> Callable[[Any, Any, bool], bool]:
    return lambda a, b, unordered: not unordered and rule(a, b)


def _unordered(rule: Callable[[Any, Any], Any]) -> Callable[[Any, Any, bool], bool]:
    return lambda a, b, unordered: unordered or rule(a, b)


# The last of the arguments is whether one of the others is no number.
_FLOAT_TRUTH: dict[FloatPredicate, Callable[[Any, Any, bool], bool]] = {
    "false": lambda a, b, unordered: False,
    "oeq": _ordered(operator.eq),
    "ogt": _ordered(operator.gt),
    "oge": _ordered(operator.ge),
    "olt": _ordered(operator.lt),
    "ole": _ordered(operator.le),
    "one": _ordered(operator.ne),
    "ord": lambda a, b, unordered: not unordered,
    "ueq": _unordered(operator.eq),
    "ugt": _unordered(operator.gt),
    "uge": _unordered(operator.ge),
    "ult": _unordered(operator.lt),
    "ule": _unordered(operator.le),
    "une": _unordered(operator.ne),
    "uno": lambda a, b, unordered: unordered,
    "true": lambda a, b, unordered: True,
}


def _select(_: Select, values: list[Any]) -> Number:
    condition, yes, no = values
    chosen: Number = yes if condition else no
    return chosen


def _signed(value: Any, type_: Type) -> Any:
    """An i1 is kept as 0 or 1, and its one bit is its sign."""
    return -value if type_ == "i1" else value


_READ: dict[Reading, Callable[[Any, Type], Any]] = {
    "signed": _signed,
    "unsigned": _unsigned,
    "number": lambda value, _: value,
}


def _cast(operation: Cast, values: list[Any]) -> Number:
    return fitted(_READ[operation.reads](values[0], operation.of), operation.type)


def _bitcast(operation: Bitcast, values: list[Any]) -> Number:
    before, after = (DTYPES.get(str(type_)) for type_ in (operation.of, operation.type))
    if before is None or after is None:
        raise Unsupported(str(operation.type))
    value: Number = np.array([values[0]], before.numpy).view(after.numpy)[0].item()
    return value


def _negate(operation: Negate, values: list[Any]) -> Number:
    return fitted(-values[0], operation.type)


def _multiply_add(operation: MultiplyAdd, values: list[Any]) -> Number:
    a, b, c = (float(value) for value in values)
    with np.errstate(all="ignore"):
        return fitted(np.float64(a) * b + c, operation.type)  # a product of two floats is exact in twice their bits


def _evaluate(operation: Evaluate, values: list[Any]) -> Number:
    if str(operation.type) not in _FLOATS:
        raise Unsupported(str(operation.type))
    with np.errstate(all="ignore"):
        return fitted(_ELEMENTARY[operation.function](*map(np.float64, values)), operation.type)


def _count(operation: Count, values: list[Any]) -> Number:
    if str(operation.type) not in _WIDTHS:
        raise Unsupported(str(operation.type))
    bits, width = _unsigned(values[0], operation.type), _WIDTHS[str(operation.type)]
    return fitted(_OF_BITS[operation.function](values[0], bits, width), operation.type)


def _erf(x: np.float64) -> float:
    return erf(float(x))


# In double precision, and rounded to the type once.
_ELEMENTARY: dict[Elementary, Callable[..., Any]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "copysign": np.copysign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "powf": np.power,
    "erf": _erf,
    "absf": np.abs,
    "round": lambda x: np.copysign(np.floor(np.abs(x) + 0.5), x),
    "roundeven": np.rint,
}
# Of a number, its bits and how many they are.
_OF_BITS: dict[BitFunction, Callable[[int, int, int], int]] = {
    "absi": lambda value, bits, width: abs(value),
    "ctlz": lambda value, bits, width: width - bits.bit_length(),
    "ctpop": lambda value, bits, width: bits.bit_count(),
    "cttz": lambda value, bits, width: (bits & -bits).bit_length() - 1 if bits else width,
}
_BINARY: dict[WholeFunction | FloatFunction, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "divs": _quotient,
    "rems": lambda a, b: a - b * _quotient(a, b),
    "floordivs": lambda a, b: a // b,
    "ceildivs": lambda a, b: -(-a // b),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "maxs": max,
    "mins": min,
    "shl": _shift(lambda a, b: a << b),
    "shrs": _shift(lambda a, b: a >> b),
    "addf": _single(np.add),
    "subf": _single(np.subtract),
    "mulf": _single(np.multiply),
    "divf": _single(np.divide),
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
}
# On operands that are read without a sign.
_UNSIGNED: dict[WholeFunction | FloatFunction, Callable[[int, int], int]] = {
    "divu": lambda a, b: a // b,
    "ceildivu": lambda a, b: -(-a // b),
    "remu": lambda a, b: a % b,
    "maxu": max,
    "minu": min,
    "shru": _shift(lambda a, b: a >> b),
}

COMPUTED: dict[type[Arithmetic], Callable[[Any, list[Any]], Number]] = {
    Binary: _binary,
    Compare: _compare,
    CompareFloats: _compare_floats,
    Select: _select,
    Negate: _negate,
    Cast: _cast,
    Bitcast: _bitcast,
    MultiplyAdd: _multiply_add,
    Evaluate: _evaluate,
    Count: _count,
}
