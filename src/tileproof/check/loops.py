"""What a core's body does with its fifos, as far as it can be read off: in order, and pass by pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tileproof.mlir.design import Operation, walk

ACQUIRE = "aie.objectfifo.acquire"
RELEASE = "aie.objectfifo.release"
ENDLESS = 1 << 30  # nobody means a loop of so many passes to end

_End = tuple[str, str]


def endless_loops(body: tuple[Operation, ...]) -> Iterator[Operation]:
    """Every loop of a body that is not meant to end."""
    known = constants(body)
    for operation in walk(body):
        trips = trip_count(operation, known)
        if trips is not None and trips >= ENDLESS:
            yield operation


def per_iteration(body: tuple[Operation, ...]) -> Mapping[str, int]:
    """Objects per pass of the body's one endless loop, by fifo; empty where passes may differ."""
    loops = [operation for operation in body if operation.name in ("scf.for", "scf.while")]
    endless = list(endless_loops(body))
    if len(loops) != 1 or endless != loops:
        return {}
    if any(is_fifo(operation) for operation in body):
        return {}
    acquired, released = (_total(loops[0].regions[0], name, constants(body)) for name in (ACQUIRE, RELEASE))
    if acquired is None or released is None or acquired != released:
        return {}
    return {name: count for (name, _), count in released.items()}


def _total(body: tuple[Operation, ...], name: str, known: Mapping[int, int]) -> Counter[_End] | None:
    """Objects that one pass of `body` acquires or releases; None where that depends on what is not known."""
    total: Counter[_End] = Counter()
    for operation in body:
        if operation.name == name:
            total[_end(operation)] += _count(operation)
        elif any(is_fifo(inner) for region in operation.regions for inner in walk(region)):
            trips = trip_count(operation, known)
            inside = _total(operation.regions[0], name, known) if trips is not None else None
            if inside is None or trips is None:
                return None
            for end, count in inside.items():
                total[end] += count * trips
    return total


def unheld_releases(body: tuple[Operation, ...]) -> Iterator[tuple[Operation, int]]:
    """Releases of more than is held, with what is held. Where paths differ, the one that holds more counts."""
    found: dict[int, tuple[Operation, int]] = {}
    _hold(body, Counter(), found)
    yield from found.values()


def _hold(body: tuple[Operation, ...], held: Counter[_End], found: dict[int, tuple[Operation, int]]) -> Counter[_End]:
    for operation in body:
        if operation.name == ACQUIRE:
            held[_end(operation)] = max(held[_end(operation)], _count(operation))
        elif operation.name == RELEASE:
            if _count(operation) > held[_end(operation)]:
                found.setdefault(id(operation), (operation, held[_end(operation)]))
            held[_end(operation)] = max(0, held[_end(operation)] - _count(operation))
        elif operation.regions:
            held = _through(operation, held, found)
    return held


def _through(operation: Operation, held: Counter[_End], found: dict[int, tuple[Operation, int]]) -> Counter[_End]:
    """What is held behind an operation with regions: the most that any way through it leaves."""
    ways = [held.copy()]
    for region in operation.regions:
        after = _hold(region, held.copy(), found)
        if operation.name != "scf.if":
            # Behind the first pass; a release is wrong only if it is also wrong with what later passes hold.
            after = _hold(region, after.copy(), found)
        ways.append(after)
    return Counter({end: max(way[end] for way in ways) for way in ways for end in way})


def constants(body: tuple[Operation, ...]) -> dict[int, int]:
    return {
        operation.results[0]: value
        for operation in walk(body)
        if operation.name == "arith.constant" and isinstance(value := operation.attributes.get("value"), int)
    }


def trip_count(operation: Operation, known: Mapping[int, int]) -> int | None:
    """How often a loop runs; None if it is none, or its bounds are not constants."""
    if operation.name == "scf.while":
        return None
    if operation.name != "scf.for" or not all(value in known for value in operation.operands[:3]):
        return None
    lower, upper, step = (known[value] for value in operation.operands[:3])
    return max(0, -(-(upper - lower) // step)) if step > 0 else None


def is_fifo(operation: Operation) -> bool:
    return operation.name in (ACQUIRE, RELEASE)


def _end(operation: Operation) -> _End:
    return str(operation.attributes["fifo"]), str(operation.attributes["port"])


def _count(operation: Operation) -> int:
    return int(str(operation.attributes["count"]))
