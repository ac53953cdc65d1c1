"""The types of values."""

from __future__ import annotations

import re
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

_SHAPED = re.compile(r"(?:memref|vector)<(?P<extents>(?:(?:\d+|\?)x)*)(?P<element>[\w!.]+)")


def extents_of(type_: Type) -> tuple[int | None, ...]:
    """Those of a memref or a vector, whatever its layout; None for one that is open."""
    found = _SHAPED.match(str(type_))
    extents = found["extents"].split("x")[:-1] if found else ()
    return tuple(None if extent == "?" else int(extent) for extent in extents)


def element_of(type_: Type) -> str:
    """The type of the elements of a memref or a vector; any other type as it is."""
    found = _SHAPED.match(str(type_))
    return found["element"] if found else str(type_)
