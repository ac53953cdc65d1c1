"""DMA: the order of a runtime sequence, with what is under way at each step.

A wait takes one token of its channel, and with it every task up to the one that issued it. A wait for an output is
taken as the end of all inputs started before it, which is what sequences rely on: what it computes needed them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.device_model import SHIM, TASK_QUEUE_DEPTH, TASKS_OUTSTANDING, TILE_KINDS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.lowering.traces import TRACE_BD
from tileproof.mlir.design import (
    AddressPatch,
    Channel,
    ConfigureTask,
    Design,
    PushQueue,
    Sequence,
    SyncWait,
    Tile,
    Transfer,
    UseTask,
    Wait,
)


@dataclass(frozen=True, slots=True)
class _End:
    """A shim channel as a sequence names it."""

    label: str
    tile: Tile | None
    output: bool


@dataclass(frozen=True, slots=True)
class _Started:
    """A transfer, or a task, that a channel has been given."""

    end: _End
    token: bool
    bd_ids: tuple[int, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class _Step:
    """One start, wait or writing of BDs, what is under way before it, and the channel's tokens that nobody took."""

    action: str  # "start", "wait", "write"
    end: _End
    bd_ids: tuple[int, ...]
    place: Place
    under_way: tuple[_Started, ...]
    tokens: int


def queue_overrun(checked: Checked) -> Iterator[Diagnostic]:
    for step in _all_steps(checked):
        queued = [started for started in step.under_way if started.end == step.end]
        if step.action == "start" and len(queued) >= TASKS_OUTSTANDING:
            yield finding(
                "TP308",
                f"task {len(queued) + 1} of {step.end.label} is started with no wait before it",
                step.place,
                f"a channel runs one task and queues {TASK_QUEUE_DEPTH}; the first under way is at {queued[0].place}",
            )


def wait_without_token(checked: Checked) -> Iterator[Diagnostic]:
    for step in _all_steps(checked):
        if step.action == "wait" and step.tokens == 0:
            yield finding(
                "TP309",
                f"the wait for {step.end.label} never ends",
                step.place,
                "no transfer before it issues a token that no wait has taken"
                + ("" if step.end.output else "; an input issues one only with issue_token = true"),
            )


def bd_in_flight(checked: Checked) -> Iterator[Diagnostic]:
    for step in _all_steps(checked):
        if step.action != "write":
            continue
        for other in step.under_way:
            same = sorted(set(other.bd_ids) & set(step.bd_ids))
            if same and other.end.tile and step.end.tile and other.end.tile.at == step.end.tile.at:
                yield finding(
                    "TP310",
                    f"BD {same[0]} of {step.end.tile} is written again for {step.end.label}",
                    step.place,
                    f"its transfer of {other.end.label} at {other.place} was not waited for",
                )


def bd_of_traces(checked: Checked) -> Iterator[Diagnostic]:
    """mlir-aie gives traces a BD of their shim tile, and looks at nobody else's."""
    if checked.lowered is None or not checked.design.traces:
        return
    flows = [flow for flow in checked.lowered.design.packet_flows if flow.sources[0].bundle == "Trace"]
    shims = {flow.destinations[0].tile.at for flow in flows}
    for step in _all_steps(checked):
        if step.action == "write" and step.end.tile and step.end.tile.at in shims and TRACE_BD in step.bd_ids:
            yield finding(
                "TP310",
                f"BD {TRACE_BD} of {step.end.tile} is written for {step.end.label}, and traces have it",
                step.place,
                f"mlir-aie writes BD {TRACE_BD} for the traces that leave the array there, whoever else uses it",
            )


def output_not_awaited(checked: Checked) -> Iterator[Diagnostic]:
    for sequence in _plain(checked.design):
        started: dict[_End, list[Place]] = {}
        waits: Counter[_End] = Counter()
        for step in _steps(checked.design, sequence):
            if step.action == "start" and step.end.output and (step.end.tile is None or step.end.tile.kind == SHIM):
                started.setdefault(step.end, []).append(step.place)
            elif step.action == "wait":
                waits[step.end] += 1
        for end, places in started.items():
            if len(places) > waits[end]:
                yield finding(
                    "TP311",
                    f"the sequence ends without waiting for {end.label}",
                    places[-1],
                    f"{len(places)} transfers to the host, {waits[end]} waits for them",
                )


def no_shim_end(checked: Checked) -> Iterator[Diagnostic]:
    for sequence in checked.design.sequences:
        for operation in sequence.operations:
            name = operation.shim if isinstance(operation, Transfer | Wait) else None
            if isinstance(operation, ConfigureTask) and isinstance(operation.channel, str):
                name = operation.channel
            fifo = checked.design.fifo(name) if name is not None else None
            if fifo is not None and _end(checked.design, fifo.name).tile is None:
                yield finding(
                    "TP608",
                    f"@{fifo.name} does not end at a shim tile",
                    operation.place,
                    f"it goes from {fifo.producer} to {', '.join(map(str, fifo.consumers))}",
                )


def _plain(design: Design) -> Iterator[Sequence]:
    """The sequences that leave the queues to transfers and tasks; what writes registers itself is not followed."""
    for sequence in design.sequences:
        if not any(isinstance(operation, PushQueue | SyncWait | AddressPatch) for operation in sequence.operations):
            yield sequence


def _all_steps(checked: Checked) -> Iterator[_Step]:
    for sequence in _plain(checked.design):
        yield from _steps(checked.design, sequence)


@dataclass
class _Following:
    """A sequence being followed."""

    design: Design
    under_way: list[_Started] = field(default_factory=list)
    tokens: Counter[_End] = field(default_factory=Counter)
    tasks: dict[int, tuple[ConfigureTask, _End, tuple[int, ...]]] = field(default_factory=dict)
    taken: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    def step(self, action: str, end: _End, bd_ids: tuple[int, ...], place: Place) -> _Step:
        return _Step(action, end, bd_ids, place, tuple(self.under_way), self.tokens[end])

    def start(self, end: _End, bd_ids: tuple[int, ...], place: Place, token: bool) -> Iterator[_Step]:
        yield self.step("start", end, bd_ids, place)
        self.under_way.append(_Started(end, token, bd_ids, place))
        self.tokens[end] += token

    def wait(self, end: _End, place: Place) -> Iterator[_Step]:
        yield self.step("wait", end, (), place)
        if self.tokens[end] > 0:
            self.tokens[end] -= 1
            self._finish(end)

    def _finish(self, end: _End) -> None:
        mine = [started for started in self.under_way if started.end == end]
        first = next((index for index, started in enumerate(mine) if started.token), len(mine) - 1)
        done = mine[: first + 1]
        if end.output:
            done += [started for started in self.under_way if not started.end.output]
        self.under_way = [started for started in self.under_way if started not in done]

    def configure(self, task: ConfigureTask) -> Iterator[_Step]:
        end = _end(self.design, task.channel)
        at = end.tile.at if end.tile else (0, 0)
        taken = self.taken.setdefault(at, set())
        free = (number for number in range(TILE_KINDS[SHIM].bds) if number not in taken)
        ids = tuple(next(free, 0) if bd.bd_id is None else bd.bd_id for bd in task.bds)
        taken.update(ids)
        self.tasks[task.task] = (task, end, ids)
        yield self.step("write", end, ids, task.place)

    def use(self, operation: UseTask) -> Iterator[_Step]:
        task, end, ids = self.tasks[operation.task]
        if operation.action == "start":
            yield from self.start(end, ids, operation.place, task.issue_token)
            return
        if operation.action == "await":
            yield from self.wait(end, operation.place)
        if end.tile:
            self.taken[end.tile.at] -= set(ids)


def _steps(design: Design, sequence: Sequence) -> Iterator[_Step]:
    following = _Following(design)
    for operation in sequence.operations:
        match operation:
            case Transfer():
                end, ids = _end(design, operation.shim), (operation.bd_id,)
                yield following.step("write", end, ids, operation.place)
                yield from following.start(end, ids, operation.place, operation.issue_token or end.output)
            case Wait():
                yield from following.wait(_end(design, operation.shim), operation.place)
            case ConfigureTask():
                yield from following.configure(operation)
            case UseTask():
                yield from following.use(operation)


def _end(design: Design, which: str | Channel) -> _End:
    """An output goes to the host: its channel always issues a token for a transfer (AIEDmaToNpu.cpp)."""
    if isinstance(which, Channel):
        return _End(f"{which.direction} channel {which.channel} of {which.tile}", which.tile, which.direction == "S2MM")
    for allocation in design.shim_allocations:
        if allocation.name == which:
            return _End(f"@{which}", allocation.tile, allocation.direction == "S2MM")
    fifo = design.fifo(which)
    ends = (fifo.producer, *fifo.consumers) if fifo else ()
    tile = next((tile for tile in ends if tile.kind == SHIM), None)
    return _End(f"@{which}", tile, fifo is not None and fifo.producer.kind != SHIM)


CHECKS = (queue_overrun, wait_without_token, bd_in_flight, bd_of_traces, output_not_awaited, no_shim_end)
