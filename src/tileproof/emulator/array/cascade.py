"""The cascade: 512 bits from a core to its south or east neighbour, two of them under way at most (AM020 chapter 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from tileproof.diagnostic import NOWHERE, Place
from tileproof.emulator.array.engine import Blocked, Engine, Spend, Task, Work
from tileproof.errors import Problem

_DEPTH = 2
CASCADE_BYTES = 64


@dataclass(eq=False)
class Cascade:
    """One cascade connection."""

    name: str
    engine: Engine
    words: deque[Any] = field(default_factory=deque)
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{len(self.words)} of {_DEPTH} vectors are on {self.name}"


@dataclass(eq=False)
class CascadeEnds:
    """What one core has of the cascade."""

    core: str
    incoming: Cascade | None = None
    outgoing: Cascade | None = None

    def put(self, value: Any, place: Place, inside: str = "", call: Place = NOWHERE) -> Work:
        """`inside` and `call` say in which call of a tile function."""
        to = self._connected(self.outgoing, "puts onto", "from", call or place)
        while len(to.words) >= _DEPTH:
            yield Blocked(to, f"waits {inside}to put onto {to.name}: nobody gets what is there", place)
        to.words.append(value)
        to.engine.wake(to)
        yield Spend(1, "", 1)

    def get(self, place: Place, inside: str = "", call: Place = NOWHERE) -> Generator[Blocked | Spend, None, Any]:
        of = self._connected(self.incoming, "gets from", "to", call or place)
        while not of.words:
            yield Blocked(of, f"waits {inside}to get from {of.name}: nobody puts anything", place)
        value = of.words.popleft()
        of.engine.passed(of)
        of.engine.wake(of)
        yield Spend(1, "", 1)
        return value

    def _connected(self, cascade: Cascade | None, verb: str, way: str, place: Place) -> Cascade:
        if cascade is None:
            raise Problem(
                f"{self.core} {verb} the cascade, and no cascade leads {way} it",
                id="no-cascade",
                where=place,
                fix="write an aie.cascade_flow between the two cores",
            )
        return cascade
