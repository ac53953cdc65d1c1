"""How long operations take: the least that slots allow, one after the other, and turn after turn of a loop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from tileproof.emulator.cost.machine import WIDTH, Slot
from tileproof.emulator.cost.operations import Operation


def slots_taken(operations: Sequence[Operation]) -> dict[Slot, int]:
    """Instructions by slot."""
    taken: Counter[Slot] = Counter()
    for operation in operations:
        if operation.instruction.slot is not None:
            taken[operation.instruction.slot] += operation.count
    return {slot: taken[slot] for slot in Slot if taken[slot]}


def resource_bound(taken: dict[Slot, int]) -> int:
    """Cycles that the fullest slot needs."""
    return max((-(-count // WIDTH[slot]) for slot, count in taken.items()), default=0)


def units_bound(operations: Sequence[Operation]) -> int:
    """Cycles that the loads need which only one of the two units can do."""
    taken: Counter[str] = Counter()
    for operation in operations:
        if operation.unit:
            taken[operation.unit] += operation.count
    return max(taken.values(), default=0)


def length_of(operations: Sequence[Operation]) -> int:
    """Bundles of one run: each operation as early as its operands and a free slot allow, in the order of the text."""
    issued = zip(_issued(operations), operations, strict=True)
    return max((at + operation.result_after for at, operation in issued), default=-1) + 1


def _issued(operations: Sequence[Operation]) -> list[int]:
    room: defaultdict[str, _Room] = defaultdict(_Room)
    at: list[int] = []
    for operation in operations:
        earliest = max(
            (at[wait.on] + wait.cycles for wait in operation.waits if not wait.turns and wait.on < len(at)), default=0
        )
        widths = _widths(operation)
        for _ in range(operation.count if widths else 0):
            while (free := max(room[name].free_from(earliest) for name in widths)) != earliest:
                earliest = free
            for name, width in widths.items():
                room[name].take(earliest, width)
        at.append(earliest - operation.result_after)
    return at


class _Room:
    """What is left of a slot or a unit, cycle by cycle: the code of a kernel may be long, and its early cycles full."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._behind: dict[int, int] = {}  # of a cycle that is full: a later one that may not be

    def free_from(self, cycle: int) -> int:
        """The first cycle from there on that has room."""
        free = cycle
        while free in self._behind:
            free = self._behind[free]
        while cycle != free:
            self._behind[cycle], cycle = free, self._behind[cycle]
        return free

    def take(self, cycle: int, width: int) -> None:
        self._taken[cycle] += 1
        if self._taken[cycle] >= width:
            self._behind[cycle] = cycle + 1


def _widths(operation: Operation) -> dict[str, int]:
    """What an instruction of it takes one of, and how many of these a cycle has."""
    slot = operation.instruction.slot
    widths: dict[str, int] = {slot: WIDTH[slot]} if slot is not None else {}
    return {**widths, operation.unit: 1} if operation.unit else widths


def recurrence_bound(operations: Sequence[Operation]) -> int:
    """Cycles between two turns that a value needs which goes from one to the next, the longest way round."""
    users: list[list[tuple[int, int]]] = [[] for _ in operations]
    back: list[tuple[int, int, int]] = []
    for number, operation in enumerate(operations):
        for wait in operation.waits:
            if wait.turns:
                back.append((wait.on, number, wait.cycles))
            elif wait.on < number:
                users[wait.on].append((number, wait.cycles))
    ways: dict[int, list[int | None]] = {}
    for _, to, _ in back:
        if to not in ways:
            ways[to] = _longest_from(to, users)
    return max((way + cycles for on, to, cycles in back if (way := ways[to][on]) is not None), default=0)


def _longest_from(begin: int, users: Sequence[Sequence[tuple[int, int]]]) -> list[int | None]:
    longest: list[int | None] = [None] * len(users)
    longest[begin] = 0
    for number in range(begin, len(users)):
        here = longest[number]
        if here is None:
            continue
        for user, cycles in users[number]:
            longest[user] = max(longest[user] or 0, here + cycles)
    return longest
