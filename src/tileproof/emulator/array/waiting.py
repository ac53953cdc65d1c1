"""What a core waits for, wherever it says so: in its program or inside a tile function. Locks, stream, cascade."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.emulator.array.cascade import CASCADE_BYTES, CascadeEnds
from tileproof.emulator.array.dma import Outlet, Parcel, receive, send
from tileproof.emulator.array.engine import Blocked, Engine, LockState, Spend, StreamEnd, Work
from tileproof.emulator.array.tile_code import Wait
from tileproof.emulator.cost.cycles import LOCK_CYCLES
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import Tile

# tileproof_wait_kind of aie_api/waiting.hpp.
_ACQUIRE, _RELEASE, _GET_STREAM, _PUT_STREAM, _GET_CASCADE, _PUT_CASCADE = range(1, 7)
_WORD_BYTES = 4
# Cycles that go by at most until a core looks again for what has not come.
_LONGEST_PAUSE = 256

# The memory modules that a core reaches, in the order of its lock numbers (hardware.md 3, getLockLocalBaseIndex); the
# last is its own.
_MODULES = (("south", (0, -1)), ("west", (-1, 0)), ("north", (0, 1)), ("own", (0, 0)))


def lock_numbers(design: LoweredDesign, tile: Tile) -> dict[int, str]:
    """The locks that tile code on this core can name, by the number that it has for them."""
    count = TILE_KINDS[CORE].locks
    first = {
        (tile.column + column, tile.row + row): number * count for number, (_, (column, row)) in enumerate(_MODULES)
    }
    return {
        first[lock.tile.at] + lock.id: lock.name
        for lock in design.locks
        if lock.tile.kind == CORE and lock.tile.at in first
    }


@dataclass(eq=False)
class CorePorts:
    """The two stream ports of a core."""

    inlet: StreamEnd | None = None
    outlet: Outlet = field(default_factory=lambda: Outlet("the stream of a core"))


@dataclass(eq=False)
class CoreWaits:
    """What one core can wait for, and what happens when it has it. `numbers` are of the locks, for its tile code."""

    core: str
    engine: Engine
    locks: Mapping[str, LockState]
    numbers: Mapping[int, str]
    cascade: CascadeEnds
    ports: CorePorts
    progress: Callable[[], None] = lambda: None  # the core's, which is told that it got on
    looks: str = ""  # for what, where it looks for it again and again
    _pause: int = 1

    def brings(self, wait: Wait, call: str) -> Work:
        """Bring what a call of a tile function waits for, and let it go on with it."""
        if wait.kind not in _BRINGS:
            raise Problem(
                f"{self.core} waits for what there is not",
                id="crash",
                where=wait.place,
                why=f"it says that it is number {wait.kind}: tile code has written where nothing is its own",
                fix="check the indices and pointers of it",
            )
        yield from _BRINGS[wait.kind](self, wait, f"in {call} ")

    # Locks

    def acquire(self, lock: LockState, amount: int, place: Place, *, exactly: bool, inside: str = "") -> Work:
        self.progress()

        def text() -> str:
            wanted = f"{'exactly' if exactly else 'at least'} {amount}"
            return f"waits {inside}for lock {lock.name}: wants {wanted}, it is {lock.value}"

        yield from self.engine.acquire(lock, amount, text, place, exactly=exactly)
        if self.engine.adversary is not None:  # another core may come between this and what follows, the next lock too
            yield self.engine.after_a_lock()

    def release(self, lock: LockState, amount: int, place: Place) -> Work:
        self.progress()
        lock.release(amount, self.core, place)
        self.engine.wake(lock)
        yield Spend(LOCK_CYCLES, "", LOCK_CYCLES)

    def _acquire(self, wait: Wait, inside: str) -> Work:
        lock, exactly = self._lock(wait, "acquires"), wait.amount >= 0
        yield from self.acquire(lock, abs(wait.amount), wait.line, exactly=exactly, inside=inside)

    def _release(self, wait: Wait, inside: str) -> Work:
        lock = self._lock(wait, "releases")
        if wait.amount < 0:
            raise Problem(
                f"{self.core} releases lock {lock.name} by {wait.amount}",
                id="lock-amount",
                where=wait.place,
                why="a release gives; what the device does with less than nothing is not known",
                fix="release as many as were taken: 1, mostly",
            )
        yield from self.release(lock, wait.amount, wait.place)

    def _lock(self, wait: Wait, verb: str) -> LockState:
        name = self.numbers.get(wait.number)
        if name is not None:
            return self.locks[name]
        known = ", ".join(f"{number} ({name})" for number, name in sorted(self.numbers.items())) or "none"
        raise Problem(
            f"{self.core} {verb} lock {wait.number}, and the design has no such lock there",
            id="no-lock",
            where=wait.place,
            why=f"{_module(wait.number)}; the locks that tile code of this core can name are {known}",
            fix="name one of them, with its id counted from where its tile's begin, or declare it with aie.lock",
        )

    # The stream

    def get_word(self, place: Place) -> Generator[Blocked | Spend, None, int]:
        """A word from the stream, as a signed number."""
        end, word = self._inlet(place), bytearray(_WORD_BYTES)
        self._got_on()
        yield from receive(self.engine, end, memoryview(word), "", place)
        return int.from_bytes(word, "little", signed=True)

    def put_word(self, value: int, place: Place) -> Work:
        ends = self._outlets(place)
        self._got_on()
        word = np.frombuffer(value.to_bytes(_WORD_BYTES, "little", signed=True), dtype=np.uint8)
        yield from send(self.engine, Parcel(ends, word), "", place)

    def _inlet(self, place: Place) -> StreamEnd:
        if self.ports.inlet is None:
            raise self._not_connected("gets from", "to", "aie.flow(..., %tile, Core : 0)", place)
        return self.ports.inlet

    def _outlets(self, place: Place) -> list[StreamEnd]:
        if not self.ports.outlet.circuits:
            raise self._not_connected("puts onto", "from", "aie.flow(%tile, Core : 0, ...)", place)
        return self.ports.outlet.circuits

    def _get_stream(self, wait: Wait, inside: str) -> Work:
        end = self._inlet(wait.place)
        # An adversary's order has no time: what is under way has come.
        if wait.looks and not end.has(_WORD_BYTES, self.engine.now if self.engine.adversary is None else None):
            yield self._in_vain(f"looks {inside}for a word on {end.name} [{wait.line}]")
            return
        self._got_on()
        word = bytearray(_WORD_BYTES)
        yield from receive(self.engine, end, memoryview(word), "", wait.line, inside)
        wait.gets(bytes(word))

    def _put_stream(self, wait: Wait, inside: str) -> Work:
        ends = self._outlets(wait.place)
        if wait.looks and not all(end.has_room(_WORD_BYTES) for end in ends):
            names = " and ".join(end.name for end in ends)
            yield self._in_vain(f"looks {inside}for room on {names} [{wait.line}]")
            return
        self._got_on()
        word = np.frombuffer(wait.word[:_WORD_BYTES], dtype=np.uint8)
        yield from send(self.engine, Parcel(ends, word), "", wait.line, inside)
        wait.gets()

    def _in_vain(self, told: str) -> Spend:
        """The time until it looks again: more and more, so that who looks all the time does not stop all others."""
        self.engine.looked_in_vain()
        self.looks, self._pause = told, min(2 * self._pause, _LONGEST_PAUSE)
        return Spend(self._pause, "", 1)

    def _got_on(self) -> None:
        self.looks, self._pause = "", 1
        self.progress()

    def _not_connected(self, verb: str, way: str, flow: str, place: Place) -> Problem:
        return Problem(
            f"{self.core} {verb} its stream, and no flow leads {way} it",
            id="no-stream",
            where=place,
            why="a core has one stream port each way, and it would wait there for ever",
            fix=f"write {flow}",
        )

    # The cascade

    def _get_cascade(self, wait: Wait, inside: str) -> Work:
        self.progress()
        value = yield from self.cascade.get(wait.line, inside, wait.place)
        wait.gets(value.tobytes())

    def _put_cascade(self, wait: Wait, inside: str) -> Work:
        self.progress()
        value = np.frombuffer(wait.word[:CASCADE_BYTES], dtype=np.uint8)
        yield from self.cascade.put(value, wait.line, inside, wait.place)


def _module(number: int) -> str:
    """Whose lock a number means."""
    module, own = divmod(number, TILE_KINDS[CORE].locks)
    if module >= len(_MODULES):
        return f"the numbers end at {len(_MODULES) * TILE_KINDS[CORE].locks - 1}"
    name, _ = _MODULES[module]
    whose = "this core's own memory" if name == "own" else f"its {name} neighbour"
    return f"that number is lock {own} of {whose}"


_BRINGS: Mapping[int, Callable[[CoreWaits, Wait, str], Work]] = {
    _ACQUIRE: CoreWaits._acquire,
    _RELEASE: CoreWaits._release,
    _GET_STREAM: CoreWaits._get_stream,
    _PUT_STREAM: CoreWaits._put_stream,
    _GET_CASCADE: CoreWaits._get_cascade,
    _PUT_CASCADE: CoreWaits._put_cascade,
}
