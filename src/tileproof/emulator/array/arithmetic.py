"""Arithmetic of a core's own operations (arith, index) on whole numbers, floats, and vectors of them.

Whole numbers are kept in two's complement of their type; `index` has 64 bits in core code. Floats round to their type
after each operation.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import replace
from math import isfinite, isnan, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.dtypes import DTYPES
from tileproof.mlir.design import MemRef, Operation

Vector = npt.NDArray[Any]
Number = int | float | Vector

_WIDTHS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}
_FLOATS = {"f32", "bf16"}
_VECTOR = re.compile(r"vector<(?P<shape>(?:\d+x)+)(?P<element>\w+)>")

MathText = MemRef | str


class Unsupported(Exception):  # noqa: N818  the caller knows the place, and makes a Problem of it
    """Names the type that an operation is not done on here."""


def compute(operation: Operation, values: list[Any]) -> Number:
    """The result of an operation of `OPERATIONS` on its operands. Raises ZeroDivisionError, and Unsupported."""
    function = OPERATIONS[operation.name]
    if any(isinstance(value, np.ndarray) for value in values):
        return _lane_by_lane(function, operation, values)
    return function(operation, values)


def _lane_by_lane(
    function: Callable[[Operation, list[Any]], Number], operation: Operation, values: list[Any]
) -> Number:
    """A vector's result is that of each lane; a scalar among the operands, as a condition, is every lane's."""
    shape, dtype = vector_type(operation.types[0])
    one = replace(
        operation,
        types=(_element(operation.types[0]),),
        operand_types=tuple(_element(type_) for type_ in operation.operand_types),
    )
    count = prod(shape)
    lanes = zip(*(v.ravel().tolist() if isinstance(v, np.ndarray) else [v] * count for v in values), strict=True)
    return np.array([function(one, list(lane)) for lane in lanes], dtype=dtype).reshape(shape)


def vector_type(type_: MathText) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and element type of a vector."""
    found = _VECTOR.fullmatch(str(type_))
    if found is None or found["element"] not in (*DTYPES, "i1"):
        raise Unsupported(str(type_))
    shape = tuple(int(extent) for extent in found["shape"].split("x")[:-1])
    return shape, np.dtype(np.uint8) if found["element"] == "i1" else DTYPES[found["element"]].numpy


def _element(type_: MathText) -> str:
    """The type of a vector's lanes; any other type as it is."""
    found = _VECTOR.fullmatch(str(type_))
    return str(type_) if found is None else found["element"]


def fitted(value: Number, type_: MathText) -> Number:
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


def _unsigned(value: Any, type_: MathText) -> Any:
    return value & ((1 << _WIDTHS[str(type_)]) - 1)


def _constant(operation: Operation, _: list[Any]) -> Number:
    value = operation.attributes["value"]
    if isinstance(value, tuple):
        shape, dtype = vector_type(operation.types[0])
        return np.broadcast_to(np.array(value, dtype=dtype), (prod(shape),)).reshape(shape)
    if not isinstance(value, int | float):
        raise Unsupported(str(operation.types[0]))
    return fitted(value, operation.types[0])


def _binary(function: Callable[[Any, Any], Any], *, unsigned: bool = False) -> Callable[..., Number]:
    def result(operation: Operation, values: list[Any]) -> Number:
        type_ = operation.types[0]
        if type_ not in _WIDTHS and type_ not in _FLOATS:
            raise Unsupported(str(type_))
        a, b = (_unsigned(value, type_) for value in values) if unsigned else values
        return fitted(function(a, b), type_)

    return result


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


_COMPARISONS: tuple[Callable[[Any, Any], Any], ...] = (
    *(operator.eq, operator.ne),
    *(operator.lt, operator.le, operator.gt, operator.ge),
    *(operator.lt, operator.le, operator.gt, operator.ge),
)
_FIRST_UNSIGNED = 6
_INDEX_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
# arith.cmpf: false, then eq, gt, ge, lt, le, ne, ord; the same unordered; true.
_ORDERED: tuple[Callable[[Any, Any], Any], ...] = (
    *(operator.eq, operator.gt, operator.ge, operator.lt, operator.le, operator.ne),
)


def _compare(operation: Operation, values: list[Any]) -> Number:
    predicate = operation.attributes["predicate"]
    number = _INDEX_PREDICATES.index(predicate) if isinstance(predicate, str) else predicate
    assert isinstance(number, int)
    read = _unsigned if number >= _FIRST_UNSIGNED else _signed
    a, b = (read(value, operation.operand_types[0]) for value in values)
    return int(_COMPARISONS[number](a, b))


def _compare_floats(operation: Operation, values: list[Any]) -> Number:
    predicate = operation.attributes["predicate"]
    assert isinstance(predicate, int)
    a, b = values
    unordered = isnan(a) or isnan(b)
    table = [
        *(False, *(not unordered and rule(a, b) for rule in _ORDERED), not unordered),
        *(unordered or rule(a, b) for rule in _ORDERED),
        *(unordered, True),
    ]
    return int(table[predicate])


def _select(_: Operation, values: list[Any]) -> Number:
    condition, yes, no = values
    chosen: Number = yes if condition else no
    return chosen


def _cast(operation: Operation, values: list[Any]) -> Number:
    return fitted(values[0], operation.types[0])


def _signed_cast(operation: Operation, values: list[Any]) -> Number:
    return fitted(_signed(values[0], operation.operand_types[0]), operation.types[0])


def _signed(value: Any, type_: MathText) -> Any:
    """An i1 is kept as 0 or 1, and its one bit is its sign."""
    return -value if type_ == "i1" else value


def _extend_unsigned(operation: Operation, values: list[Any]) -> Number:
    value = _unsigned(values[0], operation.operand_types[0])
    return fitted(value, operation.types[0])


def _bitcast(operation: Operation, values: list[Any]) -> Number:
    before, after = (DTYPES.get(str(type_)) for type_ in (operation.operand_types[0], operation.types[0]))
    if before is None or after is None:
        raise Unsupported(str(operation.types[0]))
    value: Number = np.array([values[0]], before.numpy).view(after.numpy)[0].item()
    return value


def _negate(operation: Operation, values: list[Any]) -> Number:
    return fitted(-values[0], operation.types[0])


_SIGNED: dict[str, Callable[[int, int], int]] = {
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
}
_UNSIGNED: dict[str, Callable[[int, int], int]] = {
    "divu": lambda a, b: a // b,
    "ceildivu": lambda a, b: -(-a // b),
    "remu": lambda a, b: a % b,
    "maxu": max,
    "minu": min,
    "shru": _shift(lambda a, b: a >> b),
}
_FLOAT: dict[str, Callable[[Any, Any], Any]] = {
    "addf": _single(np.add),
    "subf": _single(np.subtract),
    "mulf": _single(np.multiply),
    "divf": _single(np.divide),
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
}


def _arith_name(name: str) -> str:
    """`divs` is arith.divsi, `and` arith.andi."""
    return f"arith.{name}i"


OPERATIONS: dict[str, Callable[[Operation, list[Any]], Number]] = {
    **{_arith_name(name): _binary(function) for name, function in _SIGNED.items()},
    **{_arith_name(name): _binary(function, unsigned=True) for name, function in _UNSIGNED.items()},
    **{f"index.{name}": _binary(function) for name, function in _SIGNED.items()},
    **{f"index.{name}": _binary(function, unsigned=True) for name, function in _UNSIGNED.items()},
    **{f"arith.{name}": _binary(function) for name, function in _FLOAT.items()},
    **dict.fromkeys(("arith.constant", "index.constant"), _constant),
    **dict.fromkeys(("arith.cmpi", "index.cmp"), _compare),
    "arith.cmpf": _compare_floats,
    "arith.select": _select,
    "arith.negf": _negate,
    **dict.fromkeys(("arith.extsi", "arith.index_cast", "index.casts", "arith.sitofp"), _signed_cast),
    **dict.fromkeys(("arith.extui", "arith.index_castui", "index.castu", "arith.uitofp"), _extend_unsigned),
    **dict.fromkeys(
        (
            "arith.trunci",
            *("arith.fptosi", "arith.fptoui", "arith.extf", "arith.truncf"),
            *("vector.broadcast", "vector.splat"),
        ),
        _cast,
    ),
    "arith.bitcast": _bitcast,
}
