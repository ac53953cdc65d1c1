"""Where the cycles of tile code go: by line, by loop, and over all, from the counts of its blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tileproof.emulator.cost.code import CodeCost, LoopCost, Meter, RegionCost, entries_of
from tileproof.emulator.cost.cycles import CallCycles
from tileproof.emulator.cost.machine import PEAK_MACS, WIDTH, Slot, peak_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a resource did: products, and bytes moved, which of a core are those that it loads and stores. `peak_macs`
    (of int8) and `peak_bytes` are the most that it can do in a cycle, 0 for what does none."""

    macs: int = 0
    nbytes: int = 0
    peak_macs: int = 0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUse:
    """`cycles` are its share of those of the stretches that it is in, by what it issues there; `runs` is how often the
    one of them ran that ran most."""

    file: str
    line: int
    cycles: int
    slots: dict[str, int]
    runs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopUse:
    """A pipelined loop: `interval` is the cycles between two turns, of which slots need `resource` and the longest
    chain from turn to turn `recurrence`; `length` is a run of one turn, start to end. `with_registers` is the interval
    that it had if none of its sums lay in memory; None where none does. `lines` are those of its text."""

    function: str
    file: str
    line: int
    turns: int
    entries: int
    interval: int
    resource: int
    recurrence: int
    length: int
    binding: str
    cycles: int
    slots: dict[str, int]
    with_registers: int | None = None
    lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUse:
    """What the tile functions of one core took: the least that its fullest slot allows, and what a compiler's schedule
    is expected to take, calls and conflicts of banks included."""

    core: str
    calls: int
    slot_bound: int
    expected: int
    conflicts: int
    slots: dict[str, int]
    lines: tuple[LineUse, ...] = ()
    loops: tuple[LoopUse, ...] = ()
    work: Work = field(default_factory=Work)

    @property
    def binding(self) -> str:
        """The fullest slot."""
        return max(self.slots, key=lambda name: -(-self.slots[name] // WIDTH[Slot(name)]), default="")


class Uses:
    """Adds up the calls of one core's tile functions. `counts` are those of the calls, by counter."""

    def __init__(self, cost: CodeCost) -> None:
        self._cost, self._meter = cost, Meter(cost)
        self.begin()

    def begin(self) -> None:
        """From here on: what was before is forgotten."""
        self._counts = np.zeros(self._cost.counters, np.int64)
        self._calls = self._slot_bound = self._expected = self._conflicts = 0

    def add(self, counts: NDArray[np.int64], cycles: CallCycles, *, ends: bool) -> None:
        """A stretch of a call, the last one if it `ends`."""
        self._counts += counts
        self._calls += ends
        self._slot_bound += cycles.slot_bound
        self._expected += cycles.total if ends else cycles.within
        self._conflicts += cycles.stalls

    def of(self, core: str, *, by_line: bool) -> CodeUse:
        """All that was added since the begin; lines and loops only if they are asked for, as they take a while."""
        counts: list[int] = self._counts.tolist() if by_line else []
        did, port_bytes = self._meter.work(self._counts), self._cost.port_bytes
        return CodeUse(
            core=core,
            calls=self._calls,
            slot_bound=self._slot_bound,
            expected=self._expected,
            conflicts=self._conflicts,
            slots={slot.value: count for slot, count in self._meter.cycles(self._counts).slots.items()},
            lines=lines_of(self._cost, counts) if by_line else (),
            loops=loops_of(self._cost, counts) if by_line else (),
            work=Work(
                macs=did.macs,
                nbytes=did.nbytes,
                peak_macs=PEAK_MACS[port_bytes],
                peak_bytes=peak_bytes(port_bytes),
            ),
        )


def lines_of(cost: CodeCost, counts: Sequence[int]) -> tuple[LineUse, ...]:
    """The lines that ran, those that take most cycles first."""
    cycles: defaultdict[tuple[str, int], float] = defaultdict(float)
    slots: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    ran: Counter[tuple[str, int]] = Counter()
    for region, runs, spent in _spent(cost, counts):
        weights = {line: sum(of.values()) for line, of in region.lines.items()} or {region.place.line or 0: 1}
        whole = sum(weights.values()) or 1
        for line, weight in weights.items():
            at = (region.place.file, line)
            cycles[at] += spent * weight / whole
            ran[at] = max(ran[at], runs)
            slots[at].update({slot.value: runs * count for slot, count in region.lines.get(line, {}).items()})
    ordered = sorted(cycles, key=lambda at: -cycles[at])
    return tuple(
        LineUse(
            file=at[0],
            line=at[1],
            cycles=round(cycles[at]),
            slots={name: count for name, count in slots[at].items() if count},
            runs=ran[at],
        )
        for at in ordered
        if ran[at]
    )


def loops_of(cost: CodeCost, counts: Sequence[int]) -> tuple[LoopUse, ...]:
    """The pipelined loops that ran, those that take most first."""
    found = []
    for loop in cost.loops:
        turns, entries = counts[loop.region.counter], entries_of(loop, counts)
        if turns:
            found.append(_loop_use(loop, turns, entries))
    return tuple(sorted(found, key=lambda use: -use.cycles))


def _loop_use(loop: LoopCost, turns: int, entries: int) -> LoopUse:
    region = loop.region
    return LoopUse(
        function=region.function,
        file=region.place.file,
        line=region.place.line or 0,
        turns=turns,
        entries=entries,
        interval=loop.interval,
        resource=loop.resource,
        recurrence=loop.recurrence,
        length=loop.length,
        binding=str(loop.binding),
        cycles=entries * loop.once + (turns - entries) * loop.interval,
        slots={slot.value: count for slot, count in region.slots.items()},
        with_registers=loop.with_registers,
        lines=tuple(sorted(region.lines)),
    )


def _spent(cost: CodeCost, counts: Sequence[int]) -> list[tuple[RegionCost, int, int]]:
    """Each stretch with its runs and the cycles of all of them."""
    found = [(region, counts[region.counter], counts[region.counter] * region.cycles) for region in cost.regions]
    for loop in cost.loops:
        turns, entries = counts[loop.region.counter], entries_of(loop, counts)
        found.append((loop.region, turns, entries * loop.once + (turns - entries) * loop.interval))
    return found
