"""Fifos: cores that wait for each other in a circle.

The cores' acquires and releases are played through with hosts that always give and take. Each core does the same
whatever the others' speed, so that where they end up does not depend on who goes first (a Kahn network): if they all
stand still then, they do on every device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.check.loops import constants, trip_count, uses_fifos
from tileproof.device_model import CORE
from tileproof.diagnostic import Diagnostic
from tileproof.lowering.model import LoweredCore, LoweredDesign
from tileproof.mlir.design import Core, Design, Fifo
from tileproof.mlir.program import Body, FifoUse, Release, walk

STEPS = 20_000  # enough to come back to where a loop began; whoever moves for so long is not stuck
SLACK_WORDS = 64  # more than the stream and the DMAs hold between two pools (AM020; xdna-emu's measurements)

_At = tuple[int, int]


@dataclass(eq=False)
class _Count:
    """Objects of one fifo: handed on by its producer, given back by each consumer; None where nobody is modelled."""

    fifo: Fifo
    capacity: int
    produced: int | None
    consumed: dict[_At, int]

    def ready(self, operation: FifoUse, at: _At) -> bool:
        if operation.port == "Consume":
            return self.produced is None or self.produced - self.consumed.get(at, 0) >= operation.count
        after = (self.produced or 0) + operation.count
        return all(after - consumed <= self.capacity for consumed in self.consumed.values())

    def release(self, operation: FifoUse, at: _At) -> None:
        if operation.port == "Consume":
            self.consumed[at] = self.consumed.get(at, 0) + operation.count
        elif self.produced is not None:
            self.produced += operation.count

    def waits_for(self, operation: FifoUse) -> list[_At]:
        if operation.port == "Consume":
            return [self.fifo.producer.at]
        after = (self.produced or 0) + operation.count
        return [at for at, consumed in self.consumed.items() if after - consumed > self.capacity]


@dataclass
class _Program:
    """One core's fifo operations in their order, and the one that it stands at."""

    core: Core
    operations: Iterator[FifoUse]
    at: FifoUse | None = field(default=None)

    def __post_init__(self) -> None:
        self.at = next(self.operations, None)

    def run(self, counts: Mapping[str, _Count], steps: int) -> int:
        """Go on until it has to wait, ends, or has used up `steps`; the steps taken."""
        taken = 0
        while self.at is not None and taken < steps:
            count = counts[self.at.fifo]
            if isinstance(self.at, Release):
                count.release(self.at, self.core.tile.at)
            elif not count.ready(self.at, self.core.tile.at):
                break
            taken += 1
            self.at = next(self.operations, None)
        return taken


def wait_cycle(checked: Checked) -> Iterator[Diagnostic]:
    if checked.lowered is None or not _modelled(checked):
        return
    counts = _counts(checked.lowered)
    programs = {
        core.tile.at: _Program(core, _played(_score(core.body, constants(core.body)))) for core in checked.design.cores
    }
    left = STEPS
    while left > 0:
        # A share for each, so that one endless core does not use up the steps of all.
        taken = sum(program.run(counts, 100) for program in programs.values())
        if taken == 0:
            break
        left -= taken
    else:
        return
    circle = _circle(programs, counts)
    if circle:
        first = programs[circle[0]]
        assert first.at is not None
        yield finding(
            "TP410",
            f"{', '.join(str(programs[at].core.tile) for at in circle)} wait for each other for ever",
            first.at.place,
            "; ".join(_waiting(programs[at]) for at in circle),
        )


def _modelled(checked: Checked) -> bool:
    """Whether the cores' order of operations is known, and no link or repeat makes other objects of them."""
    design = checked.design
    if len(_forwards(design)) < len(design.links) or any(
        fifo.repeat_count != 1 or not fifo.synchronized or fifo.consumer_element is not None or fifo.stream is not None
        for fifo in design.fifos
    ):
        return False
    names = {fifo.name for fifo in design.fifos}
    for core in design.cores:
        known = constants(core.body)
        for operation in walk(core.body):
            if isinstance(operation, FifoUse) and operation.fifo not in names:
                return False
            if uses_fifos(operation) and trip_count(operation, known) is None:
                return False
    return True


def _forwards(design: Design) -> list[tuple[Fifo, Fifo]]:
    """Links that hand each object on as it is, to one end: the two fifos are one, with more room between its ends."""
    pairs = []
    for link in design.links:
        source, target = design.fifo(link.inputs[0]), design.fifo(link.outputs[0])
        alone = len(link.inputs) == len(link.outputs) == 1
        if (
            alone
            and source
            and target
            and len(source.consumers) == 1
            and source.element.nbytes == target.element.nbytes
        ):
            pairs.append((source, target))
    return pairs


def _counts(lowered: LoweredDesign) -> dict[str, _Count]:
    counts = {fifo.name: _count(lowered, fifo) for fifo in lowered.design.fifos}
    for source, target in _forwards(lowered.design):
        before, behind = counts[source.name], counts[target.name]
        between = max(source.depths + target.depths)
        one = _Count(
            fifo=before.fifo,
            capacity=before.capacity + behind.capacity + between,
            produced=before.produced,
            consumed=behind.consumed,
        )
        counts = {name: one if count in (before, behind) else count for name, count in counts.items()}
    return counts


def _count(lowered: LoweredDesign, fifo: Fifo) -> _Count:
    by_core = {core.core.tile.at: core for core in lowered.cores}
    working = [tile.at for tile in fifo.consumers if tile.kind == CORE and _uses(by_core.get(tile.at), fifo)]
    pools = {
        end.buffers
        for at in (fifo.producer.at, *working)
        if at in by_core
        for end in by_core[at].ends.values()
        if end.fifo == fifo.name
    }
    slack = -(-SLACK_WORDS * 4 // fifo.element.nbytes) if len(pools) > 1 else 0
    return _Count(
        fifo=fifo,
        capacity=sum(map(len, pools)) + slack,
        produced=len(fifo.init) if _uses(by_core.get(fifo.producer.at), fifo) else None,
        consumed=dict.fromkeys(working, 0),
    )


def _uses(lowered: LoweredCore | None, fifo: Fifo) -> bool:
    return lowered is not None and any(
        isinstance(operation, FifoUse) and operation.fifo == fifo.name for operation in walk(lowered.core.body)
    )


@dataclass(frozen=True, slots=True)
class _Loop:
    """`passes` times what is in it; neither is nothing, so that whoever plays it comes to an operation."""

    passes: int
    score: tuple[FifoUse | _Loop, ...]


def _score(body: Body, known: Mapping[int, int]) -> tuple[FifoUse | _Loop, ...]:
    """The fifo operations of a body, and the loops that have some."""
    score: list[FifoUse | _Loop] = []
    for operation in body:
        if isinstance(operation, FifoUse):
            score.append(operation)
        elif uses_fifos(operation):
            loop = _Loop(trip_count(operation, known) or 0, _score(operation.regions[0], known))
            score += [loop] if loop.passes and loop.score else []
    return tuple(score)


def _played(score: tuple[FifoUse | _Loop, ...]) -> Iterator[FifoUse]:
    """The operations in their order, loop by loop."""
    for part in score:
        if isinstance(part, _Loop):
            for _ in range(part.passes):
                yield from _played(part.score)
        else:
            yield part


def _circle(programs: Mapping[_At, _Program], counts: Mapping[str, _Count]) -> list[_At]:
    """Cores that each wait for the next, the last for the first; empty if there are none."""
    for start in programs:
        path = [start]
        while True:
            operation = programs[path[-1]].at if path[-1] in programs else None
            if operation is None:  # it has ended, or is no core
                break
            following = counts[operation.fifo].waits_for(operation)
            if not following:
                break
            if following[0] in path:
                return path[path.index(following[0]) :]
            path.append(following[0])
    return []


def _waiting(program: _Program) -> str:
    at = program.at
    assert at is not None
    does = "fill" if at.port == "Produce" else "take"
    return f"{program.core.tile} waits at {at.place} to {does} {at.count} of @{at.fifo}"


CHECKS = (wait_cycle,)
