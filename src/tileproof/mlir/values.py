"""What all that a design says is made of: a place in its text, and the types of values."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from tileproof.dtypes import DType


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a design: file name, line and column, counted from 1; 0 for a file as a whole."""

    file: str
    line: int
    column: int

    @classmethod
    def of_file(cls, file: str) -> Place:
        """A file that has no lines, such as an xclbin."""
        return cls(file, 0, 0)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


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
