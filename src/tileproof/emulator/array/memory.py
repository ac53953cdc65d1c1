"""Tile memories as one block of this process, each at its own place with guard pages around it.

A byte of `known` says of the byte of memory at the same offset whether the running tile function may touch it, and
whether anybody has written it; the code that the compiler puts around every load and store of a checked build reads
and writes it.

Behind the memories there is room for all of them once more. Where two buffers of a call touch, one of them is there
while the tile function runs: running over the end that they share would be seen by nobody.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.emulator.array.pages import NO_ACCESS, PAGE, protect
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Tile

# No likely result, and not what the host fills its buffers with, so that a report can tell the two apart.
TILE_POISON = 0xC3

# tileproof_byte of tileproof_checks.hpp: the running function may touch it; written since its object was last handed
# out; written since the context began; written, and read, by a tile function since somebody last looked; written, and
# in a core's memory, before the array was set up anew.
OPEN, FRESH, EVER, DIRTY, SEEN, LEFT = 1, 2, 4, 8, 16, 32

# A host function's frame that does not fit where the device has its stack goes on below the tile's memory.
BELOW_STACK = 256 * 1024

# Between two buffers that lie apart; a multiple of the widest alignment.
_GAP = 64

Bytes = npt.NDArray[np.uint8]
_Key = tuple[tuple[int, int], str]  # a buffer by its tile and its name


@dataclass(frozen=True, slots=True)
class Window:
    """Where one tile's memory lies in this process."""

    tile: Tile
    address: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class _Moves:
    """What a call's buffers that touch are moved by, so that none does; where they lie, and where they are then.
    `spans` is where each buffer of the design is then, by its id(): this is asked twenty times a call."""

    by: Mapping[_Key, int] = field(default_factory=dict)
    buffers: tuple[PlacedBuffer, ...] = ()
    home: tuple[slice, ...] = ()
    away: tuple[slice, ...] = ()
    spans: Mapping[int, slice] = field(default_factory=dict)


class TileMemories:
    """All memories of a design. `address_of` is what a tile function gets as a pointer."""

    def __init__(self, tiles: Iterable[Tile], buffers: Iterable[PlacedBuffer] = ()) -> None:
        sizes = [(tile, TILE_KINDS[tile.kind].memory_bytes) for tile in tiles if TILE_KINDS[tile.kind].memory_bytes]
        # Below a core's memory there is room for what a host's stack needs more; guard pages are around all of it.
        below = [BELOW_STACK if tile.kind == CORE else 0 for tile, _ in sizes]
        # Whole banks, so that what is apart is in the bank that it was in.
        self._apart = _rounded_up(
            PAGE + sum(size + PAGE for _, size in sizes) + sum(below), TILE_KINDS[CORE].bank_bytes
        )
        self._buffers = sorted(buffers, key=lambda buffer: (buffer.tile.at, buffer.address))
        self._gaps = {_key(buffer): _GAP * number for number, buffer in enumerate(self._buffers)}
        self._moves = _Moves()  # of the call that runs
        self._known_moves: dict[tuple[_Key, ...], _Moves] = {}
        end = _rounded_up(2 * self._apart + _GAP * (len(self._buffers) + 1), PAGE)
        self._map = mmap.mmap(-1, end + PAGE)
        self.bytes: Bytes = np.frombuffer(self._map, dtype=np.uint8)
        self.base = self.bytes.ctypes.data
        self.known: Bytes = np.zeros(len(self.bytes), dtype=np.uint8)
        self.windows: dict[tuple[int, int], Window] = {}
        offset = PAGE
        for guard in (0, end):
            protect(self.base + guard, PAGE, NO_ACCESS)
        for (tile, size), room in zip(sizes, below, strict=True):
            offset += room
            self.windows[tile.at] = Window(tile, self.base + offset, size)
            self.bytes[offset : offset + size] = TILE_POISON
            protect(self.base + offset + size, PAGE, NO_ACCESS)
            offset += size + PAGE
        self._moves = self._unmoved = _Moves(spans=self._spans({}))

    def view(self, buffer: PlacedBuffer) -> Bytes:
        """The bytes of a buffer; writing to it writes the tile's memory."""
        return self.bytes[self._slice(buffer)]

    def known_of(self, buffer: PlacedBuffer) -> Bytes:
        """What is known of the bytes of a buffer: OPEN, FRESH and EVER."""
        return self.known[self._slice(buffer)]

    def view_and_known(self, buffer: PlacedBuffer) -> tuple[Bytes, Bytes]:
        """Both at once, for who looks at each load and store."""
        span = self._slice(buffer)
        return self.bytes[span], self.known[span]

    def address_of(self, buffer: PlacedBuffer) -> int:
        return self.base + int(self._slice(buffer).start)

    def _slice(self, buffer: PlacedBuffer) -> slice:
        return self._moves.spans.get(id(buffer)) or self._span(buffer, self._moves.by)

    def _span(self, buffer: PlacedBuffer, by: Mapping[_Key, int]) -> slice:
        start = self.windows[buffer.tile.at].address - self.base + buffer.address
        start += by.get(_key(buffer), 0) if by else 0
        return slice(start, start + buffer.nbytes)

    def _spans(self, by: Mapping[_Key, int]) -> dict[int, slice]:
        return {id(buffer): self._span(buffer, by) for buffer in self._buffers if buffer.tile.at in self.windows}

    def keep(self, before: TileMemories) -> None:
        """What the tiles held before the array was set up anew: a PDI writes what it brings, and clears nothing (of
        mem tiles mlir-aie's npu-xrt/reconfigure_loadpdi_persistent_memtile, of cores npu-xrt/scratchpad_regwrite).

        What a core's memory holds then is another program's, and no value of a buffer of this one."""
        for at, window in self.windows.items():
            other = before.windows.get(at)
            if other is not None:
                start, from_ = window.address - self.base, other.address - before.base
                held = slice(from_, from_ + window.nbytes)
                self.bytes[start : start + window.nbytes] = before.bytes[held]
                known = before.known[held]
                if window.tile.kind == CORE:
                    self.known[start : start + window.nbytes] = np.where(known & (EVER | LEFT), LEFT, 0)
                else:
                    self.known[start : start + window.nbytes] = known & ~np.uint8(OPEN)

    def fill(self, buffers: Iterable[PlacedBuffer]) -> None:
        """The values that buffers have at the start."""
        for buffer in buffers:
            if buffer.initial:
                values = np.array(buffer.initial).astype(buffer.type.dtype.numpy)
                self.view(buffer)[:] = np.frombuffer(values.tobytes(), dtype=np.uint8)
                self.known_of(buffer)[:] |= FRESH | EVER

    @contextmanager
    def apart(self, buffers: Sequence[PlacedBuffer]) -> Iterator[None]:
        """No two of these buffers touch until this ends."""
        key = tuple(map(_key, buffers))
        moves = self._known_moves.get(key)
        if moves is None:
            moves = self._known_moves[key] = self._moves_of(buffers)
        self._moves = moves
        self._copy(moves.home, moves.away)
        try:
            yield
        finally:
            self._moves = self._unmoved
            self._copy(moves.away, moves.home)
            for span in moves.away:
                self.known[span] = 0

    def _moves_of(self, buffers: Sequence[PlacedBuffer]) -> _Moves:
        moved = _smaller_of_touching(buffers)
        # What a core allocates has no gap of its own.
        by = {_key(one): self._apart + self._gaps.get(_key(one), _GAP * len(self._gaps)) for one in moved}
        home = tuple(map(self._slice, moved))
        away = tuple(
            slice(span.start + by[_key(buffer)], span.stop + by[_key(buffer)])
            for span, buffer in zip(home, moved, strict=True)
        )
        return _Moves(by, moved, home, away, self._spans(by)) if moved else self._unmoved

    def _copy(self, sources: Sequence[slice], sinks: Sequence[slice]) -> None:
        for source, sink in zip(sources, sinks, strict=True):
            self.bytes[sink] = self.bytes[source]
            self.known[sink] = self.known[source]

    @contextmanager
    def open_to(self, buffers: Sequence[PlacedBuffer]) -> Iterator[None]:
        """Buffers are open while the tile function that was given them runs."""
        views = [self.known_of(buffer) for buffer in buffers]
        for view in views:
            view |= OPEN
        try:
            yield
        finally:
            for view in views:
                view &= ~np.uint8(OPEN)

    @contextmanager
    def noticing_writes(self, buffers: Sequence[PlacedBuffer]) -> Iterator[None]:
        """A compiler checks `x += 1` once, as a load: what has changed afterwards was written, too."""
        partly = [buffer for buffer in buffers if not (self.known_of(buffer) & FRESH).all()]
        before = [self.view(buffer).copy() for buffer in partly]
        yield
        for buffer, content in zip(partly, before, strict=True):
            self.known_of(buffer)[self.view(buffer) != content] |= FRESH | EVER

    def hand_out(self, buffer: PlacedBuffer) -> None:
        """From now on the buffer is to be written anew: what it holds is an earlier object's."""
        self.known_of(buffer)[:] &= ~np.uint8(FRESH)

    def take_read(self, buffer: PlacedBuffer) -> npt.NDArray[np.bool_]:
        """Which bytes of the buffer a tile function has read since this was last asked; kept where it is told to."""
        return self._take(buffer, SEEN)

    def take_written(self, buffer: PlacedBuffer) -> npt.NDArray[np.bool_]:
        """The same of writing, but for what the compiler checks once, as a load: `x += 1`."""
        return self._take(buffer, DIRTY)

    def _take(self, buffer: PlacedBuffer, mark: int) -> npt.NDArray[np.bool_]:
        known = self.known_of(buffer)
        marked: npt.NDArray[np.bool_] = (known & mark) != 0
        known[:] &= ~np.uint8(mark)
        return marked

    @contextmanager
    def as_stack(self, tile: Tile, nbytes: int) -> Iterator[Bytes]:
        """Let the running function keep its locals in the first `nbytes` of a tile; gives those bytes."""
        start = self.windows[tile.at].address - self.base
        region = self.known[start - BELOW_STACK : start + nbytes]
        before, content = region.copy(), self.bytes[start : start + nbytes].copy()
        region[:] = OPEN | FRESH | EVER
        try:
            yield self.bytes[start : start + nbytes]
        finally:
            region[:] = before
            region[BELOW_STACK:][self.bytes[start : start + nbytes] != content] |= FRESH | EVER

    def locate(self, address: int) -> tuple[Tile, int] | None:
        """The tile and the address in its memory that `address` of this process means; None outside all of them.

        Between buffers that lie apart it is what follows the end of the one before.
        """
        before = [buffer for buffer in self._moves.buffers if self.address_of(buffer) - _GAP <= address]
        if before:
            near = max(before, key=self.address_of)
            return near.tile, near.address + address - self.address_of(near)
        for window in self.windows.values():
            if window.address - PAGE <= address < window.address + window.nbytes + PAGE:
                return window.tile, address - window.address
        return None


def _key(buffer: PlacedBuffer) -> _Key:
    return buffer.tile.at, buffer.name


def _smaller_of_touching(buffers: Sequence[PlacedBuffer]) -> tuple[PlacedBuffer, ...]:
    """Of each two buffers that touch the smaller, so that little is copied; the others do not touch each other."""
    in_order = sorted({_key(buffer): buffer for buffer in buffers}.values(), key=lambda one: (one.tile.at, one.address))
    stays: list[PlacedBuffer] = []
    moved: list[PlacedBuffer] = []
    for buffer in in_order:
        if stays and _touch(stays[-1], buffer):
            smaller, larger = sorted((stays.pop(), buffer), key=lambda one: one.nbytes)
            moved.append(smaller)
            stays.append(larger)
        else:
            stays.append(buffer)
    return tuple(moved)


def _touch(before: PlacedBuffer, buffer: PlacedBuffer) -> bool:
    return before.tile.at == buffer.tile.at and before.address + before.nbytes == buffer.address


def _rounded_up(nbytes: int, unit: int) -> int:
    return -(-nbytes // unit) * unit
