"""What a core's own operations do with vectors as a whole: lanes taken, put in, moved, summed (MLIR's vector dialect).

Floats are summed one after the other in single precision, and rounded to bf16 once, by the core's mode. In which order
a device adds them is its compiler's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.emulator.array.arithmetic import Number, Vector, fitted, vector_type
from tileproof.emulator.array.rounding import narrowed
from tileproof.mlir.program import (
    Arithmetic,
    Broadcast,
    Contract,
    Extract,
    ExtractSlice,
    FloatFunction,
    Insert,
    InsertSlice,
    Mask,
    Numbers,
    Rebit,
    Reduce,
    Reshape,
    Shuffle,
    Transpose,
    WholeFunction,
)
from tileproof.mlir.values import Type, element_of, extents_of


def compute_vector(operation: Arithmetic, values: list[Any], rounding: int) -> Number:
    """The result of an operation of `OF_VECTORS`. Raises IndexError for a lane that is not there, and Unsupported."""
    result: Number = OF_VECTORS[type(operation)](operation, values)
    if not isinstance(operation, Reduce | Contract):
        return result
    summed = np.asarray(result)
    if element_of(operation.type) == "bf16":
        summed = narrowed(np.asarray(summed, np.float32), rounding)
    return summed if extents_of(operation.type) else _lane(summed, operation.type)


def _lane(value: Any, type_: Type) -> Number:
    """A number of a vector as one of a register: an i1 as 0 or 1, whole numbers with their sign."""
    number: int | float = float(value) if element_of(type_) == "bf16" else value.item()
    return number


def _position(position: Numbers, operands: Sequence[int], vector: Vector) -> tuple[int, ...]:
    left = iter(operands)
    at = tuple(next(left) if number is None else number for number in position)
    for index, extent in zip(at, vector.shape, strict=False):
        if not 0 <= index < extent:
            raise IndexError(f"it is at {index}, and the extent is {extent}")
    return at


def _extract(operation: Extract, values: list[Any]) -> Number:
    vector, *operands = values
    taken: Vector = vector[_position(operation.position, operands, vector)]
    return taken.copy() if extents_of(operation.type) else _lane(taken, operation.type)


def _insert(operation: Insert, values: list[Any]) -> Vector:
    value, vector, *operands = values
    changed: Vector = vector.copy()
    changed[_position(operation.position, operands, vector)] = value
    return changed


def _extract_slice(operation: ExtractSlice, values: list[Any]) -> Vector:
    """Dimensions that the slice does not name are whole."""
    taken: Vector = values[0][_slices(operation.offsets, operation.sizes)].copy()
    return taken


def _insert_slice(operation: InsertSlice, values: list[Any]) -> Vector:
    value, vector = values
    changed: Vector = vector.copy()
    outer = (1,) * (vector.ndim - value.ndim)
    changed[_slices(operation.offsets, (*outer, *value.shape))] = value.reshape(outer + value.shape)
    return changed


def _slices(offsets: Sequence[int], sizes: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(offset, offset + size) for offset, size in zip(offsets, sizes, strict=True))


def _reshape(operation: Reshape, values: list[Any]) -> Vector:
    reshaped: Vector = values[0].reshape(extents_of(operation.type))
    return reshaped


def _rebit(operation: Rebit, values: list[Any]) -> Vector:
    shape, dtype = vector_type(operation.type)
    return np.ascontiguousarray(values[0]).view(dtype).reshape(shape)


def _transpose(operation: Transpose, values: list[Any]) -> Vector:
    return np.ascontiguousarray(np.transpose(values[0], operation.order))


def _shuffle(operation: Shuffle, values: list[Any]) -> Vector:
    both = np.concatenate([np.atleast_1d(value) for value in values])
    # A lane of -1 is poison in MLIR; the first lane is one of the things it may be.
    return both[[max(0, lane) for lane in operation.lanes]]


def _broadcast(operation: Broadcast, values: list[Any]) -> Number:
    return fitted(values[0], operation.type)


def _mask(operation: Mask, values: list[Any]) -> Vector:
    shape, dtype = vector_type(operation.type)
    mask = np.zeros(shape, dtype)
    mask[tuple(slice(max(0, size)) for size in values)] = 1
    return mask


# Reductions

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def _unsigned(function: Callable[..., Vector]) -> Callable[[Vector, Vector], Vector]:
    def result(a: Vector, b: Vector) -> Vector:
        plain = _UNSIGNED[a.dtype.itemsize]
        return function(a.view(plain), b.view(plain)).view(a.dtype)

    return result


# Whole numbers wrap, as numpy's arrays do.
_TWO: dict[WholeFunction | FloatFunction, Callable[[Vector, Vector], Vector]] = {
    **dict.fromkeys(("add", "addf"), np.add),
    **dict.fromkeys(("mul", "mulf"), np.multiply),
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "mins": np.minimum,
    "maxs": np.maximum,
    "minu": _unsigned(np.minimum),
    "maxu": _unsigned(np.maximum),
    "minimumf": np.minimum,
    "maximumf": np.maximum,
    "minnumf": np.fmin,
    "maxnumf": np.fmax,
}


def _folded(function: WholeFunction | FloatFunction, parts: Iterable[Vector]) -> Vector:
    with np.errstate(all="ignore"):
        return reduce(_TWO[function], parts)


def _summed_as(value: Any, type_: Type) -> npt.NDArray[Any]:
    """Lanes as they are summed: floats in single precision, whole numbers in the width of the result."""
    element = element_of(type_)
    dtype = np.dtype(np.float32) if element in ("bf16", "f32") else vector_type(f"vector<1x{element}>")[1]
    return np.asarray(value).astype(dtype)


def _reduced(operation: Reduce, values: list[Any]) -> Vector:
    """Of the outermost dimension the first comes first; what the result begins with is in front."""
    vector, *first = (_summed_as(value, operation.type) for value in values)
    kept = [axis for axis in range(vector.ndim) if axis not in operation.dimensions]
    lanes = np.transpose(vector, (*operation.dimensions, *kept)).reshape(-1, *(vector.shape[axis] for axis in kept))
    return _folded(operation.function, [*first, *lanes])


def _contracted(operation: Contract, values: list[Any]) -> Vector:
    left, right, total = (_summed_as(value, operation.type) for value in values)
    extents = {
        dimension: extent
        for map_, value in zip(operation.maps, (left, right, total), strict=True)
        for dimension, extent in zip(map_, value.shape, strict=True)
    }
    kept = operation.maps[2]
    inner = [dimension for dimension in extents if dimension not in kept]
    with np.errstate(all="ignore"):
        products = _spread(left, operation.maps[0], (*inner, *kept)) * _spread(
            right, operation.maps[1], (*inner, *kept)
        )
    whole = np.broadcast_to(products, [extents[one] for one in (*inner, *kept)])
    return _folded(operation.function, [total, *whole.reshape(-1, *total.shape)])


def _spread(value: Vector, map_: Sequence[int], dimensions: Sequence[int]) -> Vector:
    """The vector with its dimensions in the order of `dimensions`, and an extent of 1 where it has none of them."""
    order = sorted(range(value.ndim), key=lambda axis: dimensions.index(map_[axis]))
    shape = [value.shape[map_.index(one)] if one in map_ else 1 for one in dimensions]
    return np.transpose(value, order).reshape(shape)


OF_VECTORS: dict[type[Arithmetic], Callable[[Any, list[Any]], Any]] = {
    Extract: _extract,
    Insert: _insert,
    ExtractSlice: _extract_slice,
    InsertSlice: _insert_slice,
    Reshape: _reshape,
    Rebit: _rebit,
    Transpose: _transpose,
    Shuffle: _shuffle,
    Broadcast: _broadcast,
    Mask: _mask,
    Reduce: _reduced,
    Contract: _contracted,
}
