"""The marks that tile code has reached, event0 and event1: where, and after how many cycles of its stretch."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tileproof.diagnostic import Place
from tileproof.emulator.array.records import EventNotes, WaitRecord
from tileproof.emulator.cost.code import Meter
from tileproof.emulator.cost.cycles import CallCycles

# Rows until a call stops to let them be taken; of a few hundred blocks each is a few KiB.
_ROOM = 512


class Mark(NamedTuple):
    """event0 or event1, by number, after `at` cycles of a stretch of a call."""

    which: int
    line: Place
    at: int


class Marks:
    """Those of one library. `line_of` tells the line of the tile code at an address."""

    def __init__(self, library: ctypes.CDLL, counters: int, meter: Meter, line_of: Callable[[int], Place]) -> None:
        self._notes = EventNotes.in_dll(library, "tileproof_events")
        self._meter, self._line_of = meter, line_of
        self._taken: list[Mark] = []
        # What no tile code marks needs no room.
        has_marks = counters > 0 and hasattr(library, "tileproof_event")
        self._rows: NDArray[np.uint64] = np.empty((_ROOM if has_marks else 0, 2 + counters), np.uint64)
        if has_marks:
            self._notes.rows, self._notes.room = self._rows.ctypes.data, _ROOM

    def must_be_read(self, record: WaitRecord | None) -> bool:
        """Whether a call has stopped for nothing else; then they have been read, and it goes on."""
        if record is None or ctypes.addressof(record) != ctypes.addressof(self._notes):
            return False
        self._read()
        return True

    def take(self) -> list[Mark]:
        """All of the stretch that is over."""
        self._read()
        taken, self._taken = self._taken, []
        return taken

    def _read(self) -> None:
        if not len(self._rows):
            return
        for row in self._rows[: self._notes.count]:
            counted = self._meter.cycles(row[2:].astype(np.int64))
            at = CallCycles(slots=counted.slots, schedule=counted.expected).within
            self._taken.append(Mark(int(row[0]), self._line_of(int(row[1])), at))
        self._notes.count = 0
