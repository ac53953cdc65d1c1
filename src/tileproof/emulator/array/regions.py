"""Regions of tile code: from event0 to the event1 that comes next in the same call, and what they take."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tileproof.diagnostic import Place
from tileproof.emulator.array.engine import Span
from tileproof.emulator.array.marks import Mark

# The row of regions on the timeline, behind the name of their core. They begin and end within slices of its calls.
OF_REGIONS = ", regions"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionUse:
    """What one region of one core took, each time that it ran: expected cycles, without what the core waited there."""

    core: str
    name: str
    calls: int
    least: int
    median: int
    most: int

    def as_json(self) -> dict[str, object]:
        cycles = {"min": self.least, "median": self.median, "max": self.most}
        return {"core": self.core, "name": self.name, "calls": self.calls, "cycles": cycles}

    def __str__(self) -> str:
        times = "once" if self.calls == 1 else f"{self.calls:,} times"
        spread = "" if self.least == self.most else f" ({self.least:,} to {self.most:,})"
        return f"{self.core}, {self.name}: {times}, {self.median:,} cycles{spread}"


@dataclass(frozen=True, slots=True)
class _Begun:
    line: Place
    work: int  # cycles that its call has worked until then
    now: int  # of the timeline


@dataclass(eq=False)
class Regions:
    """Of one core. An event0 begins a region, anew if one has begun; an event1 ends it, and is nothing by itself.

    `keeps_spans`: whether somebody asks when each of them ran.
    """

    core: str
    keeps_spans: bool = True
    spans: list[Span] = field(default_factory=list)
    _cycles: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    _begun: _Begun | None = None
    _worked: int = 0  # of the call, before the present stretch

    def forget(self) -> None:
        """What was before the first instruction of a run."""
        self.spans, self._cycles = [], defaultdict(Counter)

    def begin_call(self) -> None:
        self._begun, self._worked = None, 0

    def add(self, marks: Iterable[Mark], name: str, call: int, now: int, worked: int) -> None:
        """A stretch of that call of the function `name`, which begins at `now` and works so many cycles."""
        for mark in marks:
            if mark.which == 0:
                self._begun = _Begun(mark.line, self._worked + mark.at, now + mark.at)
            elif self._begun is not None:
                begun, self._begun = self._begun, None
                self._cycles[_name(name, begun.line, mark.line)][self._worked + mark.at - begun.work] += 1
                if self.keeps_spans and now + mark.at > begun.now:
                    label = f"event0 to event1, call {call} of {name}"
                    self.spans.append(Span(self.core + OF_REGIONS, label, begun.now, now + mark.at - begun.now))
        self._worked += worked

    def uses(self) -> tuple[RegionUse, ...]:
        """By name, in the order in which they first ended."""
        return tuple(self._use(name, cycles) for name, cycles in self._cycles.items())

    def _use(self, name: str, cycles: Counter[int]) -> RegionUse:
        return RegionUse(
            core=self.core,
            name=name,
            calls=cycles.total(),
            least=min(cycles),
            median=_median(cycles),
            most=max(cycles),
        )


def _median(cycles: Counter[int]) -> int:
    """The lower of the two in the middle."""
    left = (cycles.total() + 1) // 2
    for value, times in sorted(cycles.items()):
        left -= times
        if left <= 0:
            return value
    raise ValueError("nothing has no median")


def _name(function: str, begin: Place, end: Place) -> str:
    """Two regions of one function differ in their lines."""
    lines = f", {begin.file} lines {begin.line} to {end.line}" if begin.line and end.line else ""
    return f"event0 to event1 of {function}{lines}"
