"""What a runtime sequence writes into tiles: words of their memories, and the values of their locks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tileproof.device_model import LOCK_REGISTERS, LOCK_STRIDE
from tileproof.diagnostic import Place
from tileproof.emulator.array.engine import Engine, LockState
from tileproof.emulator.array.memory import EVER, FRESH, TileMemories, Window
from tileproof.emulator.array.races import Part, Races
from tileproof.emulator.array.tile_dma import TileDmas
from tileproof.errors import Problem
from tileproof.insts import SetRegisters
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.trace_registers import is_of_event_unit

_WORD_BYTES = 4
_WORD = 0xFFFF_FFFF


class TileRegisters:
    """The tiles of one design, as the sequence reaches them."""

    def __init__(
        self,
        engine: Engine,
        memories: TileMemories,
        design: LoweredDesign,
        locks: Mapping[str, LockState],
        races: Races,
    ) -> None:
        self._engine = engine
        self._memories = memories
        self._buffers = [buffer for buffer in design.buffers if buffer.name in races.watched]
        self._races = races
        self._device = design.device
        self.dmas: TileDmas | None = None  # set when their channels are there
        self._locks = {
            (*lock.tile.at, LOCK_REGISTERS[lock.tile.kind] + LOCK_STRIDE * lock.id): locks[lock.name]
            for lock in design.locks
        }

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
        start = window.address - self._memories.base + action.offset
        span = slice(start, start + _WORD_BYTES * len(action.words))
        words = self._memories.bytes[span].view(np.uint32)
        new = np.array(action.words, dtype=np.uint32)
        mask = np.uint32(action.mask)
        words[:] = words & ~mask | new & mask
        self._memories.known[span] |= FRESH | EVER
        for buffer in self._buffers:
            first = self._memories.address_of(buffer) - self._memories.base
            if first < span.stop and span.start < first + buffer.nbytes:
                part = slice(max(0, span.start - first), span.stop - first)
                self._races.writes(buffer.name, place, Part(part))


def _unknown_register(action: SetRegisters, place: Place) -> Problem:
    return Problem(
        f"the sequence writes a register that the emulator does not have: 0x{action.offset:05x}"
        f" of tile ({action.column}, {action.row})",
        id="no-such-register",
        where=place,
        why="it has the memories, the locks and the DMAs of the tiles that the design uses",
        fix="leave other registers to the device, and check the design with `tileproof check`",
    )
