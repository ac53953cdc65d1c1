"""What a runtime sequence writes into tiles: words of their memories, and the values of their locks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tileproof.device_model import LOCK_REGISTERS, LOCK_STRIDE
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.engine import Engine, LockState
from tileproof.emulator.array.faults import nothing_new
from tileproof.emulator.array.memory import EVER, FRESH, LEFT, TileMemories, Window
from tileproof.emulator.array.races import Part, Races
from tileproof.emulator.array.tile_dma import TileDmas
from tileproof.errors import Problem
from tileproof.insts import SetRegisters, UpdateRegisters
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.trace_registers import is_of_event_unit
from tileproof.mlir.design import Tile

_WORD_BYTES = 4
_WORD = 0xFFFF_FFFF
# Of a pair of words that takes on a number (AIEX.td, npu.update_from_scratchpad): 48 bits without the lowest two.
ADDED_BITS = 0xFFFF_FFFF_FFFC


class TileRegisters:
    """The tiles of one design, as the sequence reaches them."""

    def __init__(
        self,
        engine: Engine,
        memories: TileMemories,
        design: LoweredDesign,
        locks: Mapping[str, LockState],
        races: Races,
        report: Callable[[Diagnostic], None],
    ) -> None:
        self._engine = engine
        self._memories = memories
        self._buffers = [buffer for buffer in design.buffers if buffer.name in races.watched]
        self._races = races
        self._report = report
        self._device = design.device
        self.dmas: TileDmas | None = None  # set when their channels are there
        self._locks = {
            (*lock.tile.at, LOCK_REGISTERS[lock.tile.kind] + LOCK_STRIDE * lock.id): locks[lock.name]
            for lock in design.locks
        }

    def reaches(self, tile: Tile, lock: LockState) -> bool:
        """Whether the lock is one of the tile's."""
        return any(known is lock and at[:2] == tile.at for at, known in self._locks.items())

    def sets(self, action: SetRegisters, lock: LockState) -> bool:
        """Whether the write is to that lock."""
        at = (action.column, action.row)
        places = (action.offset + _WORD_BYTES * index for index in range(len(action.words)))
        return any(self._locks.get((*at, offset)) is lock for offset in places)

    def write(self, action: SetRegisters, place: Place) -> None:
        """Write the words; a `Problem` where there is neither memory, a lock of the design nor what traces are set up
        with."""
        at = (action.column, action.row)
        window = self._memories.windows.get(at)
        if window is not None and action.offset + _WORD_BYTES * len(action.words) <= window.nbytes:
            self._write_memory(window, action, place)
            return
        if self.dmas is not None and self.dmas.write(action, place):
            return
        for index, word in enumerate(action.words):
            lock = self._locks.get((*at, action.offset + _WORD_BYTES * index))
            if lock is None and self._is_of_event_unit(at, action.offset + _WORD_BYTES * index):
                continue  # no trace is written, and nothing else hangs on it
            if lock is None or action.mask != _WORD:
                raise _unknown_register(action, place)
            lock.value = word
            self._engine.wake(lock)

    def add(self, action: UpdateRegisters, number: int, place: Place) -> None:
        """Let a pair of words of a tile's memory take on a number; a `Problem` elsewhere."""
        window = self._memories.windows.get((action.column, action.row))
        if window is None or action.offset + 2 * _WORD_BYTES > window.nbytes:
            raise _unknown_register(action, place)
        if self._is_known(window, action.offset, 1, EVER | LEFT):
            (low,) = self._words(window, action.offset, 1, place)
        else:
            low = 0  # a new context has zeros there (mlir-aie, npu-xrt/scratchpad_regwrite)
            self._tell_unknown(window, action.offset, place, "the firmware")
        # mlir-aie clears the first word only; of the second, where nobody knows it, nobody knows more afterwards.
        has_second = self._is_known(window, action.offset + _WORD_BYTES, 1, EVER | LEFT)
        high = self._words(window, action.offset + _WORD_BYTES, 1, place)[0] if has_second else 0
        result = ((high & 0xFFFF) << 32 | low & ADDED_BITS) + number & ADDED_BITS
        words = (result & _WORD, high & 0xFFFF_0000 | result >> 32)[: 1 + has_second]
        written = SetRegisters(
            word=action.word, column=action.column, row=action.row, offset=action.offset, words=words
        )
        self._write_memory(window, written, place)

    def read(self, tile: Tile, offset: int, count: int, place: Place) -> tuple[int, ...]:
        """So many words from there on: of the tile's memory, or the values of its locks."""
        window = self._memories.windows.get(tile.at)
        if window is not None and offset % _WORD_BYTES == 0 and offset + _WORD_BYTES * count <= window.nbytes:
            return self._read_memory(window, offset, count, place)
        offsets = range(offset, offset + _WORD_BYTES * count, _WORD_BYTES)
        locks = [self._locks.get((*tile.at, at)) for at in offsets]
        if None in locks:
            raise Problem(
                f"a control packet reads a register that the emulator does not have: 0x{offset:05x} of {tile}",
                id="no-such-register",
                where=place,
                why=f"it reads {count} {'word' if count == 1 else 'words'}, and here are the memories of the design's "
                "tiles and the values of its locks",
                fix="read those, or run the design on the device",
            )
        return tuple(lock.value for lock in locks if lock is not None)

    def _read_memory(self, window: Window, offset: int, count: int, place: Place) -> tuple[int, ...]:
        if not self._is_known(window, offset, count):
            self._tell_unknown(window, offset, place, "a control packet")
        return self._words(window, offset, count, place)

    def _words(self, window: Window, offset: int, count: int, place: Place) -> tuple[int, ...]:
        span = self._span(window, offset, count)
        for name, part in self._watched(span):
            self._races.reads(name, place, Part(part))
        return tuple(int(word) for word in self._memories.bytes[span].view("<u4"))

    def _tell_unknown(self, window: Window, offset: int, place: Place, who: str) -> None:
        self._report(nothing_new(who, f"0x{offset:05x} of {window.tile}", place, ever=False))

    def _span(self, window: Window, offset: int, count: int) -> slice:
        start = window.address - self._memories.base + offset
        return slice(start, start + _WORD_BYTES * count)

    def _is_known(self, window: Window, offset: int, count: int, by: int = EVER) -> bool:
        """Whether somebody has written all of these words."""
        return bool((self._memories.known[self._span(window, offset, count)] & by).all())

    def _watched(self, span: slice) -> Iterator[tuple[str, slice]]:
        """The buffers that are looked after for races and begin or end there, with what of them that is."""
        for buffer in self._buffers:
            first = self._memories.address_of(buffer) - self._memories.base
            if first < span.stop and span.start < first + buffer.nbytes:
                yield buffer.name, slice(max(0, span.start - first), span.stop - first)

    def _is_of_event_unit(self, at: tuple[int, int], offset: int) -> bool:
        kind = self._device.kind(*at)
        return kind is not None and is_of_event_unit(kind, offset)

    def _write_memory(self, window: Window, action: SetRegisters, place: Place) -> None:
        if action.offset % _WORD_BYTES:
            raise Problem(
                f"a write to {window.tile} is not aligned",
                id="no-such-register",
                where=place,
                why=f"offset 0x{action.offset:05x} is no multiple of {_WORD_BYTES}",
                fix="write whole words",
            )
        span = self._span(window, action.offset, len(action.words))
        words = self._memories.bytes[span].view(np.uint32)
        new = np.array(action.words, dtype=np.uint32)
        mask = np.uint32(action.mask)
        words[:] = words & ~mask | new & mask
        self._memories.known[span] |= FRESH | EVER
        for name, part in self._watched(span):
            self._races.writes(name, place, Part(part))


def _unknown_register(action: SetRegisters | UpdateRegisters, place: Place) -> Problem:
    return Problem(
        f"the sequence writes a register that the emulator does not have: 0x{action.offset:05x}"
        f" of tile ({action.column}, {action.row})",
        id="no-such-register",
        where=place,
        why="it has the memories, the locks and the DMAs of the tiles that the design uses",
        fix="leave other registers to the device, and check the design with `tileproof check`",
    )
