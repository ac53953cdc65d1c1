"""Views of buffers: which elements of a buffer an index of a view means, as MLIR's memref dialect has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.dtypes import ELEMENTS, DType
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.program import Collapse, Expand, Numbers, Reinterpret, Retype, Subview, View, ViewBytes
from tileproof.mlir.values import element_of, extents_of

Flat = npt.NDArray[np.int64]
Inside = npt.NDArray[np.bool_]


class Outside(Exception):  # noqa: N818  the caller knows the place, and makes a Problem of it
    """Says what reaches beyond what."""


@dataclass(frozen=True, slots=True)
class BufferView:
    """`offset` and `strides` count elements of `dtype` from the buffer's first byte."""

    buffer: PlacedBuffer
    dtype: DType
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def is_whole(self) -> bool:
        """It begins where the buffer does, and has its elements one behind the other."""
        return self.offset == 0 and self.strides == row_major(self.shape)

    def __str__(self) -> str:
        extents = "x".join(map(str, self.shape))
        return f"a view of {extents} x {self.dtype.name}" if extents else f"a view of one {self.dtype.name}"

    def flat(self, indices: Sequence[int]) -> int:
        """Which element of the buffer stands at the indices. Raises Outside."""
        at = self.offset
        for index, extent, stride in zip(indices, self.shape, self.strides, strict=True):
            if not 0 <= index < extent:
                raise Outside(f"index {index}, extent {extent} of {self}")
            at += index * stride
        return at

    def lanes(
        self, indices: Sequence[int], shape: Sequence[int], along: Sequence[int | None]
    ) -> tuple[Flat, tuple[Inside, ...]]:
        """Where the lanes of a vector of `shape` lie whose dimensions go along those of the view, None along none; and
        for each dimension of the view which of them lie within its extent."""
        flat = np.full(tuple(shape), self.offset, dtype=np.int64)
        inside = []
        for number, (index, extent, stride) in enumerate(zip(indices, self.shape, self.strides, strict=True)):
            at = np.full(tuple(shape), index, dtype=np.int64)
            for axis, dimension in enumerate(along):
                if dimension == number:
                    steps = np.arange(shape[axis]).reshape([-1 if axis == one else 1 for one in range(len(shape))])
                    at = at + steps
            inside.append((at >= 0) & (at < extent))
            flat += at * stride
        return flat, tuple(inside)

    def elements(self) -> Flat:
        """All of them, in the order of their indices."""
        return self.lanes((0,) * len(self.shape), self.shape, tuple(range(len(self.shape))))[0]


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(prod(shape[number + 1 :]) for number in range(len(shape)))


def whole(buffer: PlacedBuffer) -> BufferView:
    shape = buffer.type.shape
    return BufferView(buffer, buffer.type.dtype, 0, shape, row_major(shape))


def viewed(operation: View, source: BufferView, operands: Sequence[int]) -> BufferView:
    """What an operation of `VIEWS` makes of its source. Raises Outside."""
    return _VIEWED[type(operation)](operation, source, iter(operands))


def _filled(numbers: Numbers, operands: Iterator[int]) -> tuple[int, ...]:
    return tuple(next(operands) if number is None else number for number in numbers)


def _subview(operation: Subview, source: BufferView, operands: Iterator[int]) -> BufferView:
    offsets, sizes, strides = (
        _filled(numbers, operands) for numbers in (operation.offsets, operation.sizes, operation.strides)
    )
    for offset, size, stride, extent in zip(offsets, sizes, strides, source.shape, strict=True):
        if offset < 0 or size < 0 or (size and not 0 <= offset + (size - 1) * stride < extent):
            reach = f"{size} from {offset} on" + (f" in steps of {stride}" if stride != 1 else "")
            raise Outside(f"the part has {reach}, extent {extent} of {source}")
    return replace(
        source,
        offset=source.offset + sum(o * s for o, s in zip(offsets, source.strides, strict=True)),
        shape=tuple(sizes[one] for one in operation.kept),
        strides=tuple(strides[one] * source.strides[one] for one in operation.kept),
    )


def _reinterpreted(operation: Reinterpret, source: BufferView, operands: Iterator[int]) -> BufferView:
    (offset,), sizes, strides = (
        _filled(numbers, operands) for numbers in (operation.offsets, operation.sizes, operation.strides)
    )
    return replace(source, offset=offset, shape=sizes, strides=strides)


def _collapsed(operation: Collapse, source: BufferView, _: Iterator[int]) -> BufferView:
    shape = tuple(prod(source.shape[one] for one in group) for group in operation.groups)
    strides = tuple(_innermost(source, group) for group in operation.groups)
    return replace(source, shape=shape, strides=strides)


def _innermost(source: BufferView, group: Sequence[int]) -> int:
    """The step from one element of a group of dimensions to the next; that of an extent of 1 says nothing."""
    wide = [one for one in group if source.shape[one] != 1]
    return source.strides[wide[-1]] if wide else source.strides[group[-1]]


def _expanded(operation: Expand, source: BufferView, operands: Iterator[int]) -> BufferView:
    shape = _filled(operation.sizes, operands)
    strides = [0] * len(shape)
    for group, stride in zip(operation.groups, source.strides, strict=True):
        for one, inner in zip(group, row_major([shape[one] for one in group]), strict=True):
            strides[one] = inner * stride
    return replace(source, shape=shape, strides=tuple(strides))


def _retyped(_: Retype, source: BufferView, __: Iterator[int]) -> BufferView:
    return source


def _of_bytes(operation: ViewBytes, source: BufferView, operands: Iterator[int]) -> BufferView:
    shift, dtype = next(operands), ELEMENTS[element_of(operation.type)]
    shape = _filled(extents_of(operation.type), operands)
    first, nbytes = source.offset + shift, source.buffer.nbytes
    if shift < 0 or first + prod(shape) * dtype.nbytes > nbytes:
        raise Outside(f"the view has {prod(shape) * dtype.nbytes} bytes from byte {first} on, of {nbytes}")
    if first % dtype.nbytes or nbytes % dtype.nbytes:
        raise Outside(f"an element of {dtype.nbytes} bytes would begin at byte {first} of {nbytes}")
    return BufferView(source.buffer, dtype, first // dtype.nbytes, shape, row_major(shape))


_VIEWED: dict[type[View], Callable[[Any, BufferView, Iterator[int]], BufferView]] = {
    Subview: _subview,
    Reinterpret: _reinterpreted,
    Collapse: _collapsed,
    Expand: _expanded,
    Retype: _retyped,
    ViewBytes: _of_bytes,
}
VIEWS = frozenset(_VIEWED)
