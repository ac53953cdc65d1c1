"""What tile code costs a core, as data: from its listings once, then from the counts of its blocks for each call."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tileproof.diagnostic import Place
from tileproof.emulator.cost.flow import Flow, Loop, Region, flow_of
from tileproof.emulator.cost.listing import Function, read_listing
from tileproof.emulator.cost.machine import BRANCH_CYCLES, CALL_CYCLES, LOOP_CYCLES, SCALAR_TURN_CYCLES, Slot
from tileproof.emulator.cost.operations import Operations, Program, operations_of
from tileproof.emulator.cost.schedule import length_of, recurrence_bound, resource_bound, slots_taken, units_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCost:
    """A stretch of code that runs as a whole. `cycles` is one run of it, where it is no pipelined loop."""

    function: str
    counter: int
    place: Place
    cycles: int
    slots: Mapping[Slot, int]
    lines: Mapping[int, Mapping[Slot, int]]  # by line of `place.file`
    macs: int = 0
    nbytes: int = 0  # loaded and stored


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopCost:
    """A loop whose turns overlap, entered as often as `entries` together ran; a run of one turn takes `length`. Where
    sums of it lie in memory, `with_registers` is the interval that it had if they did not."""

    region: RegionCost
    entries: tuple[int, ...]
    length: int
    resource: int
    recurrence: int
    with_registers: int | None = None
    overlap: int = 0  # cycles of its filling and draining in which what stands around it runs

    @property
    def interval(self) -> int:
        """Cycles from one turn to the next (II)."""
        return max(self.resource, self.recurrence, 1)

    @property
    def once(self) -> int:
        """Cycles of one entry with one turn, as far as nothing else runs in them."""
        return self.length + LOOP_CYCLES - self.overlap

    @property
    def binding(self) -> str:
        """What the interval comes from."""
        if self.recurrence > self.resource:
            return "recurrence"
        if self.resource > resource_bound(dict(self.region.slots)):
            return Slot.LD  # that only one of its units can do
        return max(
            self.region.slots, key=lambda slot: resource_bound({slot: self.region.slots[slot]}), default=Slot.SCALAR
        )


@dataclass(frozen=True, slots=True)
class CodeCost:
    """Of all tile code of one library. Regions have a counter each; those of `loops` are not among `regions`. A load or
    store moves up to `port_bytes`."""

    regions: tuple[RegionCost, ...] = ()
    loops: tuple[LoopCost, ...] = ()
    counters: int = 0
    port_bytes: int = 32


def cost_of(listings: Mapping[str, str], port_bytes: int) -> CodeCost:
    """Of the listings of files of tile code by their names, in the order in which they are linked. Nothing on machines
    whose assembly is not read (docs/decisions/0019-cycles.md)."""
    if platform.machine() != "x86_64":
        return CodeCost()
    functions: list[Function] = []
    aliases: dict[str, str] = {}
    counters = 0
    for name, listing in listings.items():
        found, others, counters = read_listing(listing, name, counters)
        functions += found
        aliases |= others
    program = Program(functions, aliases, port_bytes)
    regions: list[RegionCost] = []
    loops: list[LoopCost] = []
    for function in functions:
        if not function.is_own:
            for cost in _of_flow(flow_of(function), program):
                if isinstance(cost, LoopCost):
                    loops.append(cost)
                else:
                    regions.append(cost)
    return CodeCost(tuple(regions), tuple(loops), counters, port_bytes)


def _of_flow(flow: Flow, program: Program) -> Iterator[RegionCost | LoopCost]:
    repeating = {loop.head: loop for loop in flow.loops if len(loop.body) == 1}
    counters = _counters(flow)
    costs: dict[int, RegionCost] = {}
    loops: dict[int, Operations] = {}
    for region in flow.regions:
        counter = counters[region.index]
        if counter is None:
            continue
        loop = repeating.get(region.index)
        found = operations_of(region, program, turns=2 if loop else 1)
        costs[region.index] = _region(flow, region, counter, found, is_loop=loop is not None)
        if loop is not None and _is_pipelined(found):
            loops[region.index] = found
    yield from (cost for index, cost in costs.items() if index not in loops)
    for index, found in loops.items():
        cost = _loop(flow, repeating[index], costs, found, counters)
        if found.sums_in_memory:
            without = operations_of(flow.regions[index], program, turns=2, has_registers_for_all=True)
            cost = replace(cost, with_registers=max(_resource(without), recurrence_bound(without.all), 1))
        yield cost


def _is_pipelined(found: Operations) -> bool:
    """Compilers overlap the turns of loops that call nothing, and of those that work on vectors: scalar loops are as
    slow as their chain (mlir-aie's programming guide 4c)."""
    is_vector = any(one.instruction.slot in (Slot.VEC, Slot.MV) or one.nbytes >= 16 for one in found.all)
    return is_vector and not found.calls and not found.libraries


def _counters(flow: Flow) -> list[int | None]:
    """What counts each region. One that the compiler split off after it had marked the blocks has that of the region
    before it, if there is but one; the first that of the region after it."""
    counters = [region.counter for region in flow.regions]
    for region in flow.regions:
        if region.counter is None and len(region.before) == 1:
            counters[region.index] = counters[region.before[0]]
    if counters[0] is None:
        counters[0] = next((counters[to] for to in flow.regions[0].to if flow.regions[to].before == [0]), None)
    return counters


def _region(flow: Flow, region: Region, counter: int, found: Operations, *, is_loop: bool) -> RegionCost:
    cycles = length_of(found.all) + found.calls * CALL_CYCLES + sum(library.cycles for library, _ in found.libraries)
    if is_loop:
        cycles += SCALAR_TURN_CYCLES
    elif region.lines and region.lines[-1].mnemonic.startswith("j"):
        cycles = max(cycles, BRANCH_CYCLES)
    places = [line.place for line in region.lines if line.place.line] or [Place("")]
    lines: dict[int, Counter[Slot]] = {}
    for operation in found.all:
        if operation.instruction.slot is not None and operation.place.line is not None:
            lines.setdefault(operation.place.line, Counter())[operation.instruction.slot] += operation.count
    return RegionCost(
        function=flow.name,
        counter=counter,
        place=min(places, key=lambda place: place.line or 0),
        cycles=cycles,
        slots=slots_taken(found.all),
        lines=lines,
        macs=sum(operation.macs for operation in found.all),
        nbytes=sum(operation.nbytes for operation in found.all),
    )


def _loop(
    flow: Flow, loop: Loop, costs: Mapping[int, RegionCost], found: Operations, counters: Sequence[int | None]
) -> LoopCost:
    region = flow.regions[loop.head]
    before = [other for other in region.before if other not in loop.body]
    after = [other for other in region.to if other not in loop.body]
    entries = (counters[other] for other in before)
    length, resource, recurrence = length_of(found.all), _resource(found), recurrence_bound(found.all)
    return LoopCost(
        region=costs[loop.head],
        entries=tuple(counter for counter in entries if counter is not None),
        length=length,
        resource=resource,
        recurrence=recurrence,
        overlap=min(max(length - max(resource, recurrence, 1), 0), _around(flow, before, after, costs)),
    )


def _resource(found: Operations) -> int:
    return max(resource_bound(slots_taken(found.all)), units_bound(found.all))


def _around(flow: Flow, before: Sequence[int], after: Sequence[int], costs: Mapping[int, RegionCost]) -> int:
    """Cycles of what a compiler schedules into the filling and the draining of a loop: what runs right before it and
    right after it, and then only."""
    goes_in = [index for index in before if len(before) == 1 and len(flow.regions[index].to) == 1]
    comes_out = [index for index in after if len(flow.regions[index].before) == 1]
    return sum(costs[index].cycles for index in (*goes_in, *comes_out) if index in costs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCycles:
    """What counted runs took: instructions by slot, and the cycles that a compiler's schedule is expected to take."""

    slots: Mapping[Slot, int]
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeWork:
    """What counted runs did: products, and bytes loaded and stored."""

    macs: int
    nbytes: int


def entries_of(loop: LoopCost, counts: Sequence[int]) -> int:
    """How often a loop was entered. What runs before it may skip it, and a count may be missing: never more than turns,
    and once if it turned at all."""
    return min(counts[loop.region.counter], sum(counts[counter] for counter in loop.entries) or 1)


class Meter:
    """Reads counts of blocks as cycles: all of it is linear but how often a loop was entered."""

    def __init__(self, cost: CodeCost) -> None:
        self._slots = np.zeros((cost.counters, len(Slot)), np.int64)
        self._cycles = np.zeros(cost.counters, np.int64)
        self._work = np.zeros((cost.counters, 2), np.int64)
        for region in (*cost.regions, *(loop.region for loop in cost.loops)):
            for number, slot in enumerate(Slot):
                self._slots[region.counter, number] += region.slots.get(slot, 0)
            self._work[region.counter] += (region.macs, region.nbytes)
        for region in cost.regions:
            self._cycles[region.counter] += region.cycles
        for loop in cost.loops:
            self._cycles[loop.region.counter] += loop.interval
        self._heads = np.array([loop.region.counter for loop in cost.loops], np.intp)
        self._once = np.array([loop.once - loop.interval for loop in cost.loops], np.int64)
        self._entered = np.zeros((len(cost.loops), cost.counters), np.int64)
        for number, loop in enumerate(cost.loops):
            for counter in loop.entries:
                self._entered[number, counter] += 1

    def cycles(self, counts: NDArray[np.int64]) -> CodeCycles:
        """Of one call, or of several; `counts` by counter."""
        slots: list[int] = (counts @ self._slots).tolist()
        entries = np.minimum(counts[self._heads], np.maximum(self._entered @ counts, 1))
        expected = int(counts @ self._cycles) + int(entries @ self._once)
        return CodeCycles(slots={slot: n for slot, n in zip(Slot, slots, strict=True) if n}, expected=expected)

    def work(self, counts: NDArray[np.int64]) -> CodeWork:
        """Of all the runs that were counted."""
        macs, nbytes = (counts @ self._work).tolist()
        return CodeWork(macs=macs, nbytes=nbytes)
