"""Arithmetic of a core's own operations (arith, index) on whole numbers, floats, and vectors of them.

Whole numbers are kept in two's complement of their type; `index` has 64 bits in core code. Floats round to their type
after each operation.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
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
_DENSE = re.compile(r"dense<(?P<value>[-+\w.]+)> : ")

MathText = MemRef | str


class Unsupported(Exception):  # noqa: N818  the caller knows the place, and makes a Problem of it
    """Names the type that an operation is not done on here."""


def compute(operation: Operation, values: list[Any]) -> Number:
    """The result of an operation of `OPERATIONS` on its operands. Raises ZeroDivisionError, and Unsupported."""
    return OPERATIONS[operation.name](operation, values)


def vector_type(type_: MathText) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and element type of a vector."""
    found = _VECTOR.fullmatch(str(type_))
    if found is None or found["element"] not in DTYPES:
        raise Unsupported(str(type_))
    return tuple(int(extent) for extent in found["shape"].split("x")[:-1]), DTYPES[found["element"]].numpy


def fitted(value: Number, type_: MathText) -> Number:
    """A result as its type holds it."""
    name = str(type_)
    if name in _WIDTHS:
        return _wrapped(int(value), name)
    if name in _FLOATS:
        return float(DTYPES[name].numpy.type(value))
    shape, dtype = vector_type(type_)
    return np.broadcast_to(np.asarray(value), shape).astype(dtype)


def _wrapped(value: int, type_: str) -> int:
    width = _WIDTHS[type_]
    value &= (1 << width) - 1
    return value - (1 << width) if width > 1 and value >> (width - 1) else value


def _unsigned(value: Any, type_: MathText) -> Any:
    if isinstance(value, np.ndarray):
        return value.view(value.dtype.str.replace("i", "u")).astype(object)
    return value & ((1 << _WIDTHS[str(type_)]) - 1)


def _constant(operation: Operation, _: list[Any]) -> Number:
    value = operation.attributes["value"]
    if isinstance(value, str):
        dense = _DENSE.match(value)
        if dense is None:
            raise Unsupported(value)
        text = dense["value"]
        value = {"true": 1, "false": 0}.get(text) if text in ("true", "false") else float(text)
    assert isinstance(value, int | float)
    return fitted(value, operation.types[0])


def _binary(function: Callable[[Any, Any], Any], *, unsigned: bool = False) -> Callable[..., Number]:
    def result(operation: Operation, values: list[Any]) -> Number:
        type_ = operation.types[0]
        a, b = (_unsigned(value, type_) for value in values) if unsigned else values
        if isinstance(a, np.ndarray) and a.dtype.kind in "iu":
            # Wide enough for every product; the result wraps.
            a, b = a.astype(object), b.astype(object)
            wrapped = np.frompyfunc(lambda x, y: int(function(x, y)) & (2**64 - 1), 2, 1)(a, b)
            return np.asarray(wrapped.astype(np.uint64).astype(vector_type(type_)[1]))
        return fitted(function(a, b), type_)

    return result


def _quotient(a: int, b: int) -> int:
    """Towards zero, as arith.divsi."""
    magnitude = abs(a) // abs(b)
    return magnitude if (a < 0) == (b < 0) else -magnitude


def _float_quotient(a: Any, b: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(np.float32(a), np.float32(b)) if not isinstance(a, np.ndarray) else a / b


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
    a, b = values
    if number >= _FIRST_UNSIGNED:
        a, b = (_unsigned(value, operation.operand_types[0]) for value in values)
    return _truth(_COMPARISONS[number](a, b))


def _compare_floats(operation: Operation, values: list[Any]) -> Number:
    predicate = operation.attributes["predicate"]
    assert isinstance(predicate, int)
    a, b = (np.asarray(value) for value in values)
    unordered = np.isnan(a) | np.isnan(b)
    everything = np.ones_like(unordered)
    ordered = [~everything, *(compare(a, b) & ~unordered for compare in _ORDERED), ~unordered]
    loose = [unordered, *(compare(a, b) | unordered for compare in _ORDERED)]
    # 8 is ueq, ... 13 is une, 14 is uno, 15 is true.
    table = [*ordered, *loose[1:], unordered, everything]
    return _truth(table[predicate] if table[predicate].ndim else bool(table[predicate]))


def _truth(value: Any) -> Number:
    return value.astype(np.uint8) if isinstance(value, np.ndarray) else int(value)


def _select(_: Operation, values: list[Any]) -> Number:
    condition, yes, no = values
    if isinstance(condition, np.ndarray):
        picked: Vector = np.where(condition.astype(bool), yes, no).astype(yes.dtype)
        return picked
    chosen: Number = yes if condition else no
    return chosen


def _cast(operation: Operation, values: list[Any]) -> Number:
    return fitted(values[0], operation.types[0])


def _extend(operation: Operation, values: list[Any]) -> Number:
    """extsi of an i1 is 0 or -1: its one bit is the sign."""
    return fitted(-values[0] if operation.operand_types[0] == "i1" else values[0], operation.types[0])


def _extend_unsigned(operation: Operation, values: list[Any]) -> Number:
    value = _unsigned(values[0], operation.operand_types[0])
    return fitted(value, operation.types[0])


def _bitcast(operation: Operation, values: list[Any]) -> Number:
    if isinstance(values[0], np.ndarray):
        shape, dtype = vector_type(operation.types[0])
        return values[0].view(dtype).reshape(shape)
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
    "addf": lambda a, b: np.float32(a) + np.float32(b) if isinstance(a, float) else a + b,
    "subf": lambda a, b: np.float32(a) - np.float32(b) if isinstance(a, float) else a - b,
    "mulf": lambda a, b: np.float32(a) * np.float32(b) if isinstance(a, float) else a * b,
    "divf": _float_quotient,
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
    "arith.extsi": _extend,
    **dict.fromkeys(("arith.extui", "arith.index_castui", "index.castu", "arith.uitofp"), _extend_unsigned),
    **dict.fromkeys(
        (
            *("arith.trunci", "arith.index_cast", "index.casts"),
            *("arith.sitofp", "arith.fptosi", "arith.fptoui", "arith.extf", "arith.truncf"),
            *("vector.broadcast", "vector.splat"),
        ),
        _cast,
    ),
    "arith.bitcast": _bitcast,
}
