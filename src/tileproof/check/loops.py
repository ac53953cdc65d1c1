"""What a core's body does with its fifos, as far as it can be read off: in order, and pass by pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tileproof.mlir.budget import Steps
from tileproof.mlir.program import Acquire, Body, Constant, FifoUse, For, If, Operation, Release, While, walk

ENDLESS = 1 << 30  # nobody means a loop of so many passes to end

_End = tuple[str, str]


def endless_loops(body: Body) -> Iterator[For]:
    """Every loop of a body that is not meant to end."""
    known = constants(body)
    for operation in walk(body):
        trips = trip_count(operation, known)
        if isinstance(operation, For) and trips is not None and trips >= ENDLESS:
            yield operation


def per_iteration(body: Body) -> Mapping[str, int]:
    """Objects per pass of the body's one endless loop, by fifo; empty where passes may differ."""
    loops = [operation for operation in body if isinstance(operation, For | While)]
    endless = list(endless_loops(body))
    if len(loops) != 1 or endless != loops:
        return {}
    if any(isinstance(operation, FifoUse) for operation in body):
        return {}
    acquired, released = (_total(endless[0].body, kind, constants(body)) for kind in (Acquire, Release))
    if acquired is None or released is None or acquired != released:
        return {}
    return {name: count for (name, _), count in released.items()}


def _total(body: Body, kind: type[FifoUse], known: Mapping[int, int]) -> Counter[_End] | None:
    """Objects that one pass of `body` acquires or releases; None where that depends on what is not known."""
    total: Counter[_End] = Counter()
    for operation in body:
        if isinstance(operation, kind):
            total[operation.end] += operation.count
        elif uses_fifos(operation):
            trips = trip_count(operation, known)
            inside = _total(operation.regions[0], kind, known) if trips is not None else None
            if inside is None or trips is None:
                return None
            for end, count in inside.items():
                total[end] += count * trips
    return total


def unheld_releases(body: Body) -> Iterator[tuple[Release, int]]:
    """Releases of more than is held, with what is held. Where paths differ, the one that holds more counts."""
    found: dict[int, tuple[Release, int]] = {}
    _hold(body, Counter(), found, Steps())
    yield from found.values()


def _hold(body: Body, held: Counter[_End], found: dict[int, tuple[Release, int]], steps: Steps) -> Counter[_End]:
    for operation in body:
        steps.take(operation.place)
        if isinstance(operation, Acquire):
            held[operation.end] = max(held[operation.end], operation.count)
        elif isinstance(operation, Release):
            if operation.count > held[operation.end]:
                found.setdefault(id(operation), (operation, held[operation.end]))
            held[operation.end] = max(0, held[operation.end] - operation.count)
        elif operation.regions:
            held = _through(operation, held, found, steps)
    return held


def _through(
    operation: Operation, held: Counter[_End], found: dict[int, tuple[Release, int]], steps: Steps
) -> Counter[_End]:
    """What is held behind an operation with regions: the most that any way through it leaves."""
    ways = [held.copy()]
    for region in operation.regions:
        after = _hold(region, held.copy(), found, steps)
        if not isinstance(operation, If) and after != held:
            # Behind the first pass; a release is wrong only if it is also wrong with what later passes hold.
            after = _hold(region, after.copy(), found, steps)
        ways.append(after)
    return Counter({end: max(way[end] for way in ways) for way in ways for end in way})


def constants(body: Body) -> dict[int, int]:
    return {
        operation.result: operation.value
        for operation in walk(body)
        if isinstance(operation, Constant) and operation.dialect == "arith" and isinstance(operation.value, int)
    }


def trip_count(operation: Operation, known: Mapping[int, int]) -> int | None:
    """How often a loop runs; None if it is none, or its bounds are not constants."""
    if not isinstance(operation, For):
        return None
    bounds = (operation.lower, operation.upper, operation.step)
    if not all(value in known for value in bounds):
        return None
    lower, upper, step = (known[value] for value in bounds)
    return max(0, -(-(upper - lower) // step)) if step > 0 else None


def uses_fifos(operation: Operation) -> bool:
    """Whether something in the operation's regions acquires or releases."""
    return any(isinstance(inner, FifoUse) for region in operation.regions for inner in walk(region))
