"""Who may touch the same memory at the same time: vector clocks over tasks, for buffers that no lock of a fifo guards.

A race is found in whatever order things happen to be run. What orders two accesses: a lock, a token, data on a
stream or the cascade, a task pushed onto a queue. A lock that counts is taken as if each release were for each
acquire, so that what is reported is a race, and not every race is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.engine import Clocks, Engine
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import RegisterWrite, RtpWrite


@dataclass(slots=True)
class _Touched:
    """By task, the tick of its last read and of its last write."""

    reads: dict[str, int] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)


class Races:
    """Follows the running task of an engine. `watched` are names of buffers; without any it does nothing."""

    def __init__(self, engine: Engine, watched: frozenset[str], report: Callable[[Diagnostic], None]) -> None:
        self._engine = engine
        self._clocks = engine.clocks = Clocks() if watched else None
        self._report = report
        self.watched = watched
        self._touched: dict[str, _Touched] = defaultdict(_Touched)

    def reads(self, buffer: str, where: Place) -> None:
        if buffer in self.watched:
            touched = self._touched[buffer]
            self._compare(touched.writes, f"{buffer} is written by {{}} and read by {{}}", where)
            self._note(touched.reads)

    def writes(self, buffer: str, where: Place) -> None:
        if buffer in self.watched:
            touched = self._touched[buffer]
            self._compare(touched.writes, f"{buffer} is written by {{}} and by {{}}", where)
            self._compare(touched.reads, f"{buffer} is read by {{}} and written by {{}}", where)
            self._note(touched.writes)

    def _note(self, ticks: dict[str, int]) -> None:
        assert self._engine.running is not None
        assert self._clocks is not None
        ticks[self._engine.running.name] = self._clocks.tick(self._engine.running.name)

    def _compare(self, others: dict[str, int], what: str, where: Place) -> None:
        assert self._engine.running is not None
        assert self._clocks is not None
        name = self._engine.running.name
        for other, tick in others.items():
            if other != name and self._clocks.knows(name, other) < tick:
                self._report(
                    Diagnostic(
                        id="race",
                        what=f"{what.format(other, name)}, and nothing decides who comes first",
                        place=where,
                        why="no lock, token or stream is between the two, so the device may do them in either order, "
                        "or both at once",
                        fix="let a fifo with synchronisation or a lock hand the buffer on",
                    )
                )


def _written(design: LoweredDesign, operation: object) -> Iterator[str]:
    """The buffers that an operation of a sequence writes."""
    if isinstance(operation, RtpWrite | RegisterWrite) and operation.buffer is not None:
        yield operation.buffer
    elif isinstance(operation, RegisterWrite) and operation.tile is not None:
        end = operation.address + 4 * len(operation.words)
        for buffer in design.buffers:
            begin = buffer.address
            if buffer.tile.at == operation.tile and begin < end and operation.address < begin + buffer.nbytes:
                yield buffer.name


def unguarded(design: LoweredDesign) -> frozenset[str]:
    """The buffers that several tasks use, and that are no objects of a fifo with locks."""
    users: dict[str, set[str]] = defaultdict(set)
    guarded: set[str] = set()
    for chain in design.chains:
        for bd in chain.bds:
            users[bd.buffer].add("the DMA" if bd.acquire and bd.release else f"{chain.direction} {chain.channel}")
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
    # DMAs that all wait for locks count as one user: a mem tile's fifo, mostly.
    return frozenset(name for name, who in users.items() if len(who) > 1) - guarded
