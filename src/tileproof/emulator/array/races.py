"""Who may touch the same memory at the same time: vector clocks over tasks, for buffers that no lock of a fifo guards.

A race is found in whatever order things happen to be run. What orders two accesses: a lock, a token, data on a
stream or the cascade, a task pushed onto a queue. A lock that counts is taken as if each release were for each
acquire, so that what is reported is a race, and not every race is reported.

Two accesses are judged byte by byte, and by whether they read or write: who shares a buffer by halves shares nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.engine import Clocks, Engine
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import RegisterWrite, RtpWrite, UpdateFromScratchpad

_Ticks = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Some elements of a buffer, which have `width` bytes each: as a slice, as indices, or as a mask of all."""

    elements: slice | npt.NDArray[np.int64] | npt.NDArray[np.bool_]
    width: int = 1


WHOLE = Part(slice(None))


@dataclass(slots=True)
class _Touched:
    """By task, the tick of its last read and of its last write of each byte; 0 is never."""

    reads: dict[str, _Ticks] = field(default_factory=dict)
    writes: dict[str, _Ticks] = field(default_factory=dict)


class Races:
    """Follows the running task of an engine. `watched` are names of buffers, with their bytes; without any it does
    nothing."""

    def __init__(self, engine: Engine, watched: Mapping[str, int], report: Callable[[Diagnostic], None]) -> None:
        self._engine = engine
        self._clocks = engine.clocks = Clocks() if watched else None
        self._report = report
        self.watched = watched
        self._touched: dict[str, _Touched] = defaultdict(_Touched)

    def reads(self, buffer: str, where: Place, part: Part = WHOLE) -> None:
        if self._clocks is not None and buffer in self.watched:
            touched = self._touched[buffer]
            self._compare(touched.writes, part, f"{buffer} is written by {{}} and read by {{}}", where)
            self._note(touched.reads, part, buffer, self._clocks.tick)

    def writes(self, buffer: str, where: Place, part: Part = WHOLE) -> None:
        if self._clocks is not None and buffer in self.watched:
            touched = self._touched[buffer]
            self._compare(touched.writes, part, f"{buffer} is written by {{}} and by {{}}", where)
            self._compare(touched.reads, part, f"{buffer} is read by {{}} and written by {{}}", where)
            self._note(touched.writes, part, buffer, self._clocks.tick_of_write)

    def _note(self, ticks: dict[str, _Ticks], part: Part, buffer: str, tick: Callable[[str], int]) -> None:
        assert self._engine.running is not None
        name = self._engine.running.name
        mine = ticks.setdefault(name, np.zeros(self.watched[buffer], dtype=np.int64))
        mine.reshape(-1, part.width)[part.elements] = tick(name)

    def _compare(self, others: dict[str, _Ticks], part: Part, what: str, where: Place) -> None:
        assert self._engine.running is not None
        assert self._clocks is not None
        name = self._engine.running.name
        for other, ticks in others.items():
            if other == name:
                continue
            unordered = ticks.reshape(-1, part.width) > self._clocks.knows(name, other)
            if unordered[part.elements].any():
                self._report(_race(what.format(other, name), _bytes_of(unordered, part), where))


def _bytes_of(unordered: npt.NDArray[np.bool_], part: Part) -> npt.NDArray[np.int64]:
    """The bytes of the buffer that both are at."""
    both = np.zeros_like(unordered)
    both[part.elements] = unordered[part.elements]
    return np.flatnonzero(both)


def _race(what: str, both: npt.NDArray[np.int64], where: Place) -> Diagnostic:
    return Diagnostic(
        id="race",
        what=f"{what}, and nothing decides who comes first",
        place=where,
        why=f"both are at {len(both):,} of its bytes, from byte {both[0]:,} on, with no lock, token or stream between "
        "them, so the device may do them in either order, or both at once",
        fix="let a fifo with synchronisation or a lock hand the buffer on, or let each have a part of its own",
    )


def _written(design: LoweredDesign, operation: object) -> Iterator[str]:
    """The buffers that an operation of a sequence writes."""
    if isinstance(operation, RtpWrite | RegisterWrite | UpdateFromScratchpad) and operation.buffer is not None:
        yield operation.buffer
    elif isinstance(operation, RegisterWrite | UpdateFromScratchpad) and operation.tile is not None:
        end = operation.address + 4 * (len(operation.words) if isinstance(operation, RegisterWrite) else 2)
        for buffer in design.buffers:
            begin = buffer.address
            if buffer.tile.at == operation.tile and begin < end and operation.address < begin + buffer.nbytes:
                yield buffer.name


def unguarded(design: LoweredDesign) -> dict[str, int]:
    """The buffers that several tasks use, and that are no objects of a fifo with locks, with their bytes."""
    users: dict[str, set[str]] = defaultdict(set)
    guarded: set[str] = set()
    for chain in design.chains:
        for bd in chain.bds:
            # Of a fifo, DMAs that all wait for locks count as one user.
            by_lock = chain.fifo is not None and bd.acquire and bd.release
            users[bd.buffer].add("the DMA" if by_lock else f"{chain.direction} {chain.channel} of {chain.tile}")
    for core in design.cores:
        for end in core.ends.values():
            if end.acquire_lock is not None:
                guarded |= set(end.buffers)
            for name in end.buffers:
                users[name].add(str(core.core.tile))
        for name in core.core.buffers.values():
            users[name].add(str(core.core.tile))
    for sequence in design.sequences:
        for operation in sequence.operations:
            for name in _written(design, operation):
                users[name].add("the sequence")
    shared = {name for name, who in users.items() if len(who) > 1} - guarded
    return {buffer.name: buffer.nbytes for buffer in design.buffers if buffer.name in shared}
