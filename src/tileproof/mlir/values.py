"""The types of values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tileproof.dtypes import DType


@dataclass(frozen=True, slots=True)
class MemRef:
    """A memref type: `shape` in elements, outermost first."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.nbytes

    def __str__(self) -> str:
        return "memref<" + "".join(f"{extent}x" for extent in self.shape) + self.dtype.name + ">"


# A memref; any other type by its name ("i32", "index", "vector<16xi32>").
Type = MemRef | str
