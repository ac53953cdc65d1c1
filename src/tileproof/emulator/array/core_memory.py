"""What a core's own operations read and write, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.faults import nothing_new
from tileproof.emulator.array.memory import EVER, FRESH, TileMemories
from tileproof.emulator.array.races import Part, Races
from tileproof.emulator.array.views import BufferView, Flat, Inside, Outside
from tileproof.errors import Problem
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.program import Along

_WORD_BYTES = 4


class Reach(NamedTuple):
    """Some elements of a buffer, which are of `dtype`. One is made for each load and store."""

    buffer: PlacedBuffer
    dtype: np.dtype[Any]
    elements: slice | Flat

    @property
    def first(self) -> int:
        return int(self.elements.start if isinstance(self.elements, slice) else self.elements.flat[0])


@dataclass(eq=False)
class CoreMemory:
    """`held` are the objects of fifos that the core has by now, `of_fifos` all there are."""

    core: str
    memories: TileMemories
    races: Races
    report: Callable[[Diagnostic], None]
    held: set[str] = field(default_factory=set)
    of_fifos: frozenset[str] = frozenset()

    def at(self, view: PlacedBuffer | BufferView, indices: Sequence[int], count: int, place: Place) -> Reach:
        """`count` elements from the indices on, along the innermost dimension."""
        if isinstance(view, BufferView):
            return self._in_view(view, indices, count, place)
        flat, extent = 0, 1
        for index, extent in zip(indices, view.type.shape, strict=True):
            if not 0 <= index < extent:
                raise self._outside(view, f"index {index}, extent {extent} of {view.type}", place)
            flat = flat * extent + index
        if count > 1 and flat % extent + count > extent:
            raise self._outside(view, f"{count} elements from {flat % extent} on, extent {extent}", place)
        return Reach(view, view.type.dtype.numpy, slice(flat, flat + count))

    def _in_view(self, view: BufferView, indices: Sequence[int], count: int, place: Place) -> Reach:
        try:
            flat = view.flat(indices)
        except Outside as outside:
            raise self._outside(view.buffer, str(outside), place) from None
        if count > 1 and indices[-1] + count > view.shape[-1]:
            why = f"{count} elements from {indices[-1]} on, extent {view.shape[-1]} of {view}"
            raise self._outside(view.buffer, why, place)
        if count == 1 or view.strides[-1] == 1:
            return self._within(view, slice(flat, flat + count), flat, flat + count - 1, place)
        return self.lanes(view, flat + np.arange(count) * view.strides[-1], place)

    def lanes(self, view: BufferView, elements: Flat, place: Place) -> Reach:
        """Elements of a view's buffer by their numbers."""
        if not elements.size:
            return Reach(view.buffer, view.dtype.numpy, elements)
        return self._within(view, elements, int(elements.min()), int(elements.max()), place)

    def _within(self, view: BufferView, elements: slice | Flat, least: int, most: int, place: Place) -> Reach:
        """A view may say more than its buffer has: memref.reinterpret_cast believes what it is told."""
        count = view.buffer.nbytes // view.dtype.nbytes
        if least < 0 or most >= count:
            beyond = least if least < 0 else most
            raise self._outside(view.buffer, f"{view} has element {beyond} of the buffer's {count}", place)
        return Reach(view.buffer, view.dtype.numpy, elements)

    def _outside(self, buffer: PlacedBuffer, why: str, place: Place) -> Problem:
        return Problem(
            f"{self.core} accesses {buffer.name} outside its shape",
            id="outside-shape",
            where=place,
            why=why,
            fix="correct the loop bounds",
        )

    def no_view(self, buffer: PlacedBuffer, why: str, place: Place) -> Problem:
        return Problem(
            f"{self.core} takes a part of {buffer.name} that is not there",
            id="outside-shape",
            where=place,
            why=why,
            fix="correct the offsets and sizes",
        )

    def transfer(
        self,
        view: BufferView,
        indices: Sequence[int],
        shape: Sequence[int],
        along: Along,
        in_bounds: Sequence[bool],
        place: Place,
    ) -> tuple[Flat, Inside]:
        """Which elements the lanes of a vector are, and which of them are there."""
        elements, inside = view.lanes(indices, shape, along)
        may_end = {dimension for dimension, is_sure in zip(along, in_bounds, strict=True) if not is_sure}
        for dimension, there in enumerate(inside):
            if dimension not in may_end and not there.all():
                missing = f"{int((~there).sum())} of {there.size} lanes are not there"
                why = f"{missing}, from index {indices[dimension]} on, extent {view.shape[dimension]} of {view}"
                raise self._outside(view.buffer, why, place)
        return elements, np.logical_and.reduce(inside)

    def read(self, reach: Reach, place: Place) -> npt.NDArray[Any]:
        buffer, elements, width = reach.buffer, reach.elements, reach.dtype.itemsize
        self.races.reads(buffer.name, place, Part(elements, width))
        self.must_be_held(buffer, "reads", place)
        if buffer.address & min(width, _WORD_BYTES) - 1:
            self._misaligned(reach, "reads", place)
        content, of_bytes = self.memories.view_and_known(buffer)
        known = of_bytes.reshape(-1, width)[elements]
        if not (known & FRESH).any():
            ever = bool((known & EVER).any())
            self.report(nothing_new(self.core, f"element {reach.first} of {buffer.name}", place, ever=ever))
        values: npt.NDArray[Any] = content.view(reach.dtype)[elements]
        return values

    def write(self, reach: Reach, values: Any, place: Place) -> None:
        buffer, elements, width = reach.buffer, reach.elements, reach.dtype.itemsize
        self.races.writes(buffer.name, place, Part(elements, width))
        self.must_be_held(buffer, "writes", place)
        if buffer.address & min(width, _WORD_BYTES) - 1:
            self._misaligned(reach, "writes", place)
        content, of_bytes = self.memories.view_and_known(buffer)
        content.view(reach.dtype)[elements] = values
        of_bytes.reshape(-1, width)[elements] |= FRESH | EVER

    def copy(self, source: BufferView, target: BufferView, place: Place) -> int:
        """All elements, and what is known of them; gives how many bytes they have."""
        if (source.shape, source.dtype) != (target.shape, target.dtype):
            raise self._unequal(source, target, place)
        read, write = (self.lanes(one, one.elements(), place) for one in (source, target))
        width = read.dtype.itemsize
        self.races.reads(read.buffer.name, place, Part(read.elements, width))
        self.races.writes(write.buffer.name, place, Part(write.elements, width))
        values = self.memories.view(read.buffer).view(read.dtype)[read.elements].copy()
        self.memories.view(write.buffer).view(write.dtype)[write.elements] = values
        known = self.memories.known_of(read.buffer).reshape(-1, width)[read.elements].copy()
        self.memories.known_of(write.buffer).reshape(-1, width)[write.elements] |= known
        return int(values.nbytes)

    def _unequal(self, source: BufferView, target: BufferView, place: Place) -> Problem:
        return Problem(
            f"{self.core} copies {source.buffer.name} into what has another shape",
            id="outside-shape",
            where=place,
            why=f"from {source} into {target}",
            fix="copy as many elements as the target has",
        )

    def _misaligned(self, reach: Reach, verb: str, place: Place) -> None:
        width, address = reach.dtype.itemsize, reach.buffer.address
        self.report(
            Diagnostic(
                id="misaligned",
                what=f"{self.core} {verb} {width} bytes of {reach.buffer.name} at an address that is no multiple of "
                f"{min(width, _WORD_BYTES)}",
                place=place,
                why=f"the buffer lies at {address:,}; the device drops the low address bits and moves other bytes, "
                "without a word",
                fix="leave aligned = false away, or give the buffer an address for its elements",
            )
        )

    def must_be_held(self, buffer: PlacedBuffer, verb: str, place: Place) -> None:
        if buffer.name in self.of_fifos and buffer.name not in self.held:
            self.report(
                Diagnostic(
                    id="not-held",
                    what=f"{self.core} {verb} {buffer.name}, which it does not hold",
                    place=place,
                    why="it has released the object, and on the device somebody else may be at it",
                    fix="release an object after its last use",
                )
            )
