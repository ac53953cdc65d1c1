"""DMA channels as tasks: chains of BDs on core and mem tiles, task queues on shim tiles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from math import prod

import numpy as np
import numpy.typing as npt

from tileproof.device_model import TASK_QUEUE_DEPTH, TASKS_OUTSTANDING
from tileproof.diagnostic import NOWHERE, Diagnostic, Place
from tileproof.emulator.array.engine import (
    STREAM_SLACK_BYTES,
    Blocked,
    Broadcast,
    Engine,
    LockState,
    Spend,
    StreamEnd,
    Task,
    Tokens,
    Work,
)
from tileproof.emulator.array.left_over import LeftOver
from tileproof.emulator.array.memory import EVER, FRESH, Bytes, TileMemories
from tileproof.emulator.array.races import Part, Races
from tileproof.emulator.cost.cycles import HOP_CYCLES, STREAM_BYTES_PER_CYCLE
from tileproof.errors import Problem
from tileproof.insts.packets import header_of, id_of, is_header
from tileproof.insts.shim import WORD_BYTES
from tileproof.lowering.model import MM2S, Bd, DmaChain, PlacedBuffer
from tileproof.mlir.design import Packet

# What a BD moves of a buffer: elements in a row, or picked one by one.
Elements = slice | npt.NDArray[np.int64]
# The same of host memory, in 32-bit words.
Words = slice | npt.NDArray[np.int64]


@dataclass(eq=False)
class Outlet:
    """Where the stream of one MM2S channel leads: to the ends of its circuits, and of the packets with an id."""

    name: str
    tile: tuple[int, int] = (0, 0)  # as the headers of its packets have it
    circuits: list[StreamEnd] = field(default_factory=list)
    packets: dict[int, list[StreamEnd]] = field(default_factory=dict)
    sent: int = 0  # bytes since the context began, without the headers of packets
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{self.name} leads nowhere"

    def __bool__(self) -> bool:
        return bool(self.circuits or self.packets)

    def every(self) -> list[StreamEnd]:
        """Every end that it reaches in one way or another."""
        return [*self.circuits, *(end for ends in self.packets.values() for end in ends)]

    @property
    def moved(self) -> int:
        """How many of them have been taken, as the slowest receiver has them; others may send to it as well."""
        return max(0, self.sent - max((end.sent - end.moved for end in self.every()), default=0))

    def addressed(self, packet: Packet | None, data: Bytes) -> Parcel:
        """What `data`, which is sent now, becomes here. Without a header of its own, its first word is one where only
        packets leave."""
        parcel = self._parcel(packet, data)
        self.sent += len(parcel.data) if parcel.ends else 0
        return parcel

    def _parcel(self, packet: Packet | None, data: Bytes) -> Parcel:
        if packet is not None:
            header = header_of(packet.id, packet.type, *self.tile)
            return Parcel(self.packets.get(packet.id, ()), data, header)
        if self.circuits or not self.packets or len(data) < WORD_BYTES:
            return Parcel(self.circuits, data)
        first = int.from_bytes(data[:WORD_BYTES].tobytes(), "little")
        ends = self.packets.get(id_of(first), ()) if is_header(first) else ()
        return Parcel(ends, data[WORD_BYTES:], first)

    def lost(self, packet: Packet | None, parcel: Parcel, where: Place) -> Diagnostic:
        """The fault of data that no switch leads anywhere."""
        known = ", ".join(map(str, sorted(self.packets))) or "none"
        header = f"a packet header with id {packet.id}" if packet is not None else "no packet header"
        circuit = "there is a circuit" if self.circuits else "there is no circuit"
        told = ""
        if packet is None and parcel.header is not None:
            kind = f"one with id {id_of(parcel.header)}" if is_header(parcel.header) else "none"
            told = f"; the switches take its first word for a header, and 0x{parcel.header:08x} is {kind}"
        return Diagnostic(
            id="no-route",
            what=f"{self.name} sends data with {header}, and it leads nowhere",
            place=where,
            why=f"{circuit} from that channel, and the packet flows from it have the ids: {known}{told}",
            fix="give the BD the header of an aie.packet_flow that begins at this channel",
        )


@dataclass(frozen=True, slots=True)
class Parcel:
    """What leaves a channel at once, and the ends that it reaches; `header` is in front of it if it is a packet."""

    ends: Sequence[StreamEnd]
    data: Bytes
    header: int | None = None


def send(engine: Engine, parcel: Parcel, label: str, place: Place = NOWHERE, inside: str = "") -> Work:
    """Put data on a stream and wait until all but its slack has reached every receiver. `place` and `inside` (which
    tile function) are where it is said, for who asks while it lasts."""
    ends, data = parcel.ends, parcel.data
    cycles = -(-len(data) // min((end.rate for end in ends), default=STREAM_BYTES_PER_CYCLE))
    # A transfer cannot be over sooner, however ready its receivers are.
    earliest = engine.now + cycles
    broadcast = Broadcast(tuple(ends), [0] * len(ends)) if len(ends) > 1 else None
    marks = []
    for index, end in enumerate(ends):
        if parcel.header is not None and end.keeps_header:
            end.put(memoryview(parcel.header.to_bytes(WORD_BYTES, "little")), engine.now + HOP_CYCLES)
        mark = end.put(data.data, engine.now + HOP_CYCLES, broadcast, index) - STREAM_SLACK_BYTES
        marks.append((end, mark))
        engine.wake(end)
    for end, mark in marks:
        while end.moved < mark:
            yield Blocked(end, partial(_not_taken, end, mark, inside), place, label=label, cycles=cycles)
    yield Spend(max(0, earliest - engine.now), label, cycles)


def _not_taken(end: StreamEnd, mark: int, inside: str) -> str:
    missing = mark + STREAM_SLACK_BYTES - end.moved
    return f"waits {inside}to send {missing:,} more bytes on {end.name}: nobody takes them"


def receive(
    engine: Engine, end: StreamEnd, target: memoryview, label: str, place: Place = NOWHERE, inside: str = ""
) -> Work:
    """Fill `target` from a stream; `place` and `inside` as of `send`."""
    filled = 0
    while filled < len(target):
        if end.wanted != len(target) - filled:  # others may have waited for this end to have room; once is enough
            end.wanted = len(target) - filled
            for partner in end.partners:
                engine.wake(partner)
        taken, ready = end.take(target[filled:], engine.now)
        filled += taken
        end.wanted = len(target) - filled
        if taken:
            engine.passed(end)
            if end.of_host:
                engine.progress()
            yield Spend(max(0, ready - engine.now), label, -(-taken // end.rate))
            engine.wake(end)
            for partner in end.partners:
                engine.wake(partner)
        else:
            yield Blocked(end, partial(_not_sent, end, len(target), filled, inside), place)


def _not_sent(end: StreamEnd, size: int, filled: int, inside: str) -> str:
    why = "another receiver of it takes none" if end.chunks else "nobody sends them"
    return f"waits {inside}for {size - filled:,} of {size:,} bytes on {end.name}: {why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TileTask:
    """What a sequence pushes onto the queue of a core or mem tile's channel."""

    chain: DmaChain
    issue_token: bool
    place: Place


@dataclass(eq=False)
class ChainProgram:
    """A channel of a core or mem tile: runs its BDs round and round, then those of the chains `behind` it, then the
    tasks that a sequence pushes."""

    chain: DmaChain
    behind: tuple[DmaChain, ...]
    engine: Engine
    locks: Mapping[str, LockState]
    buffers: Mapping[str, PlacedBuffer]
    memories: TileMemories
    outlet: Outlet  # of an MM2S channel
    inlet: StreamEnd | None  # of an S2MM channel
    races: Races
    left_over: LeftOver
    report: Callable[[Diagnostic], None]
    queue: deque[TileTask] = field(default_factory=deque)
    tokens: Tokens = field(init=False)
    task: Task | None = None  # of the engine, as long as there is something to do

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.name)

    @property
    def name(self) -> str:
        return f"{self.chain.direction} channel {self.chain.channel} of {self.chain.tile}"

    def start(self) -> None:
        """What the channel has been set up with."""
        self.task = self.engine.start(self.name, self.work())

    def push(self, task: TileTask) -> None:
        """One more in the queue; one that finds it full is dropped, as on the device."""
        if len(self.queue) >= TASK_QUEUE_DEPTH:
            self.report(_full(self.name, task.place))
            return
        self.queue.append(task)
        if self.task is None or self.task.finished:
            self.task = self.engine.start(self.name, self._tasks())

    def reset(self) -> None:
        """The queue is empty, and what was under way has ended."""
        self.queue.clear()
        if self.task is not None and self.task in self.engine.tasks:
            self.engine.remove(self.task)
        self.task = None

    def _tasks(self) -> Work:
        while self.queue:
            task = self.queue.popleft()
            self.chain = task.chain
            yield from self._run()
            if task.issue_token:
                self.tokens.tasks.append(1)
                self.engine.wake(self.tokens)

    def _at(self, bd: Bd, text: str) -> Place:
        return Place(tile=self.chain.tile.at, buffer=bd.buffer, text=text)

    def work(self) -> Work:
        if not self.outlet and self.inlet is None:
            return  # no stream is there, so nothing ever comes or goes
        for chain in (self.chain, *self.behind):
            self.chain = chain
            yield from self._run()
        yield from self._tasks()

    def _run(self) -> Work:
        empty = [bd for bd in self.chain.bds if bd.length < 1]
        if empty:
            raise Problem(
                f"{self.name} has a BD that moves nothing",
                id="empty-bd",
                where=self._at(empty[0], f"BD {empty[0].bd_id}, {empty[0].buffer}"),
                why="its length is 0",
                fix="give it a length, or leave it out of the chain",
            )
        by_id = {bd.bd_id: bd for bd in self.chain.bds}
        endless = self.chain.bds[-1].next is not None
        for _ in count() if endless else range(1 + (self.chain.repeat_count or 0)):
            bd: Bd | None = self.chain.bds[0]
            while bd is not None:
                yield from self._one(bd)
                bd = None if bd.next is None else by_id[bd.next]

    def _one(self, bd: Bd) -> Work:
        if bd.acquire is not None:
            yield from self._acquire(bd, *bd.acquire)
        buffer = self.buffers[bd.buffer]
        if self.chain.direction == MM2S:
            yield from self._send(bd, buffer)
        else:
            yield from self._receive(bd, buffer)
        if bd.release is not None:
            lock = self.locks[bd.release[0]]
            lock.release(bd.release[1], self.name, self._at(bd, f"BD {bd.bd_id}, {bd.buffer}"))
            self.engine.wake(lock)

    def _send(self, bd: Bd, buffer: PlacedBuffer) -> Work:
        width, elements = buffer.type.dtype.nbytes, _elements(bd)
        known = self.memories.known_of(buffer).reshape(-1, width)[elements]
        if not (known & FRESH).all():  # then by element
            fresh: npt.NDArray[np.bool_] = np.any(known & FRESH, axis=1)
            if not fresh.all() and not _is_filled_up(fresh, width):
                self.report(self._not_written(bd, known, fresh))
        # A copy: the words are on their way, whatever happens to the buffer afterwards.
        moved = self.memories.view(buffer).reshape(-1, width)[elements].copy()
        data = _padded(bd, moved, self.chain.pad_value) if bd.pads else moved.reshape(-1)
        parcel = self.outlet.addressed(bd.packet, data)
        if not parcel.ends:
            self.report(self.outlet.lost(bd.packet, parcel, self._at(bd, f"BD {bd.bd_id}, {bd.buffer}")))
            yield Blocked(self.outlet, f"waits for ever to send {bd.buffer}: its header leads nowhere")
        if bd.buffer in self.races.watched:
            self.races.reads(bd.buffer, self._at(bd, f"{self.name}, BD {bd.bd_id}"), Part(elements, width))
        yield from send(self.engine, parcel, bd.buffer)
        if bd.acquire is not None:  # now that somebody has taken it: it may have waited since an earlier run
            at = partial(self._at, bd, f"BD {bd.bd_id}, {bd.buffer}")
            self.left_over.meets(bd.buffer, self.chain.label, f"{self.name} sends", at)

    def _receive(self, bd: Bd, buffer: PlacedBuffer) -> Work:
        while self.inlet is None:
            yield Blocked(self.outlet, "waits for data for ever: no flow leads there")
        width, elements = buffer.type.dtype.nbytes, _elements(bd)
        arrived = np.empty(bd.length * width, dtype=np.uint8)
        yield from receive(self.engine, self.inlet, arrived.data, bd.buffer)
        if bd.buffer in self.races.watched:
            self.races.writes(bd.buffer, self._at(bd, f"{self.name}, BD {bd.bd_id}"), Part(elements, width))
        self.memories.view(buffer).reshape(-1, width)[elements] = arrived.reshape(-1, width)
        self.memories.known_of(buffer).reshape(-1, width)[elements] |= FRESH | EVER
        self.left_over.fills(bd.buffer)

    def _not_written(self, bd: Bd, known: Bytes, fresh: npt.NDArray[np.bool_]) -> Diagnostic:
        """An object of which not every element is fresh: `known` of its bytes, a row for each element that is sent."""
        if fresh.any():
            missing = np.flatnonzero(~fresh)
            return Diagnostic(
                id="half-written",
                what=f"an object of {self.chain.label} is handed on, and a part of it was not written",
                place=self._at(bd, f"{self.name}, BD {bd.bd_id}, {bd.buffer}"),
                why=f"{len(missing):,} of the {len(fresh):,} elements that are sent, the first of them element "
                f"{missing[0]:,} of the transfer: what arrives there is an earlier object's, or nobody's",
                fix="let the core write all of the object between acquire and release, or send less of it",
            )
        if (known & EVER).any():
            return Diagnostic(
                id="stale",
                what=f"an object of {self.chain.label} is handed on, and nobody has written it since it was acquired",
                place=self._at(bd, f"{self.name}, BD {bd.bd_id}, {bd.buffer}"),
                why="what arrives is an earlier object once more",
                fix="let the core write the object between acquire and release",
            )
        return Diagnostic(
            id="unwritten",
            what=f"an object of {self.chain.label} is handed on, and no byte of it was ever written",
            place=self._at(bd, f"{self.name}, BD {bd.bd_id}, {bd.buffer}"),
            why="what arrives is what the memory held before: on the device, anything",
            fix="let the core write the object between acquire and release",
        )

    def _acquire(self, bd: Bd, name: str, count: int) -> Work:
        lock = self.locks[name]
        what = "a filled object to send" if self.chain.direction == MM2S else "a free object to fill"

        def text() -> str:
            about = f"{what} of {self.chain.label} (BD {bd.bd_id}, {bd.buffer})"
            return f"waits for {about}: wants {count}, {lock.describe()}"

        yield from self.engine.acquire(lock, count, text, exactly=bd.exactly)


def _full(channel: str, place: Place) -> Diagnostic:
    return Diagnostic(
        id="queue-overrun",
        what=f"a task is pushed onto the full queue of {channel}",
        place=place,
        why=f"one task runs, and the queue holds {TASK_QUEUE_DEPTH}; the device drops the task without a word",
        fix="wait for an earlier transfer of this channel before starting another",
    )


def _padded(bd: Bd, elements: Bytes, value: int) -> Bytes:
    """The elements of a BD, a row of bytes each, with words of `value` around each dimension."""
    width = elements.shape[-1]
    around = [before + size + after for size, (before, after) in zip(bd.sizes, bd.pads, strict=True)]
    word = np.frombuffer((value % (1 << 32)).to_bytes(4, "little"), dtype=np.uint8)
    # Pads are whole words, so that each begins with the first byte of one.
    padded = np.resize(word, prod(around) * width).reshape(*around, width)
    inside = tuple(slice(before, before + size) for size, (before, _) in zip(bd.sizes, bd.pads, strict=True))
    padded[inside] = elements.reshape(*bd.sizes, width)
    return padded.reshape(-1)[: bd.length * width]


def _is_filled_up(fresh: npt.NDArray[np.bool_], width: int) -> bool:
    """Whether all that was not written is the end of the last word: a DMA moves words of 4 bytes, so that an answer of
    one int8 takes an object of four."""
    in_last_word = 4 // width if width < 4 else 1
    return bool(len(fresh) >= in_last_word and fresh[:-in_last_word].all() and fresh[-in_last_word])


@cache
def _elements(bd: Bd) -> Elements:
    """The elements that a BD moves, in order."""
    if not bd.sizes:
        return slice(bd.offset, bd.offset + bd.length)
    sizes = list(bd.sizes)
    inner = prod(sizes[1:])
    if not bd.pads:  # the outermost dimension has no field for its size: it goes on as long as there is length
        sizes[0] = max(sizes[0], -(-bd.length // inner))
    indices = np.zeros(1, dtype=np.int64)
    for size, stride in zip(sizes, bd.strides, strict=True):
        indices = (indices[:, None] + np.arange(size, dtype=np.int64) * stride).reshape(-1)
    indices = indices[: None if bd.pads else bd.length] + bd.offset
    if len(indices) and (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices


def word_count(words: Words) -> int:
    return words.stop - words.start if isinstance(words, slice) else len(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimTask:
    """One queued task: `runs` are the host words it moves, run by run, as word indices into `memory`. `label` names it
    on the timeline."""

    memory: Bytes
    runs: tuple[Words, ...]
    issue_token: bool
    text: str
    label: str
    place: Place
    bd_id: int
    number: int  # of the channel's tasks, from 1
    packet: Packet | None = None
    then: tuple[ShimTask, ...] = ()  # what the BDs move that are chained behind, in order

    @property
    def nbytes(self) -> int:
        return sum(4 * word_count(run) for run in self.runs) + sum(part.nbytes for part in self.then)

    @property
    def words(self) -> npt.NDArray[np.uint32]:
        """The memory as the DMA sees it; odd bytes at its end are out of its reach."""
        return self.memory[: len(self.memory) // 4 * 4].view(np.uint32)


@dataclass(eq=False)
class ShimChannel:
    """A shim channel: one task runs and at most four are queued, worked off one after the other. Those of traces are
    not taken: on the device they end when the buffer is full, and nobody waits for them."""

    name: str
    tile: tuple[int, int]
    direction: str
    engine: Engine
    outlet: Outlet
    inlet: StreamEnd | None
    report: Callable[[Diagnostic], None]
    tokens: Tokens
    of_traces: bool = False
    queue: deque[ShimTask] = field(default_factory=deque)
    pushed: int = 0  # tasks since the context began
    covered: int = 0  # up to which of them a token that was waited for says that they are done
    waiters: list[Task] = field(default_factory=list)
    running: ShimTask | None = None

    @property
    def place(self) -> Place:
        return Place(tile=self.tile, text=self.name)

    def describe(self) -> str:
        return f"{len(self.queue)} tasks are queued on {self.name}"

    def push(self, task: ShimTask, place: Place) -> None:
        """Queue a task; one that finds the queue full is dropped, as on the device."""
        if self.of_traces:
            return
        self.pushed += 1
        if len(self.unfinished()) >= TASKS_OUTSTANDING:
            self.report(_full(self.name, place))
            return
        self.queue.append(task)
        self.engine.wake(self)

    def unfinished(self) -> tuple[ShimTask, ...]:
        """What has been started and not finished."""
        return (*((self.running,) if self.running else ()), *self.queue)

    def work(self) -> Work:
        while True:
            while not self.queue:
                yield Blocked(self, "has no task")
            self.running = task = self.queue.popleft()
            self.engine.passed(self)
            for part in (task, *task.then):
                for run in part.runs:
                    yield from self._move(part, run)
            self.running = None
            self.engine.wake(self)  # who waits for room
            if task.issue_token:
                self.tokens.tasks.append(task.number)
                self.engine.wake(self.tokens)

    def _move(self, task: ShimTask, run: Words) -> Work:
        words = task.words
        if self.direction == MM2S:
            parcel = self.outlet.addressed(task.packet, words[run].copy().view(np.uint8))
            if not parcel.ends:
                self.report(self.outlet.lost(task.packet, parcel, task.place))
                yield Blocked(self.outlet, "waits for ever to send: its header leads nowhere")
            yield from send(self.engine, parcel, task.label)
            return
        arrived = np.empty(word_count(run), dtype=np.uint32)
        if self.inlet is not None:
            yield from receive(self.engine, self.inlet, arrived.view(np.uint8).data, task.label)
            words[run] = arrived
        else:
            while True:
                yield Blocked(self.outlet, "waits for data for ever: no flow leads there")
