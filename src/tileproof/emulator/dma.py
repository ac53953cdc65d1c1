"""DMA channels as tasks: chains of BDs on core and mem tiles, task queues on shim tiles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count

import numpy as np
import numpy.typing as npt

from tileproof.device_model import TASK_QUEUE_DEPTH
from tileproof.emulator.engine import (
    STREAM_SLACK_BYTES,
    Blocked,
    Engine,
    LockState,
    StreamEnd,
    Task,
    Tokens,
    Work,
)
from tileproof.emulator.faults import Fault
from tileproof.emulator.memory import TILE_POISON, TileMemories
from tileproof.lowering.model import MM2S, Bd, DmaChain, PlacedBuffer

Bytes = npt.NDArray[np.uint8]


def send(engine: Engine, ends: Sequence[StreamEnd], data: Bytes) -> Work:
    """Put `data` on a circuit and wait until all but the stream's slack has reached every receiver."""
    for end in ends:
        end.put(data.data)
        engine.wake(end)
    for end in ends:
        while end.pending > STREAM_SLACK_BYTES:
            yield Blocked(end, f"waits to send {end.pending:,} more bytes on {end.name}: nobody takes them")


def receive(engine: Engine, end: StreamEnd, target: memoryview) -> Work:
    """Fill `target` from a circuit."""
    filled = 0
    while filled < len(target):
        taken = end.take(target[filled:])
        filled += taken
        if taken:
            engine.wake(end)
        else:
            yield Blocked(
                end,
                f"waits for {len(target) - filled:,} of {len(target):,} bytes on {end.name}: nobody sends them",
            )


@dataclass(eq=False)
class ChainProgram:
    """A channel of a core or mem tile: runs its BDs round and round."""

    chain: DmaChain
    engine: Engine
    locks: Mapping[str, LockState]
    buffers: Mapping[str, PlacedBuffer]
    memories: TileMemories
    ends: Sequence[StreamEnd]  # where an MM2S channel sends to, or the one end an S2MM channel takes from
    report: Callable[[Fault], None]

    @property
    def name(self) -> str:
        return f"{self.chain.direction} channel {self.chain.channel} of {self.chain.tile}"

    def work(self) -> Work:
        by_id = {bd.bd_id: bd for bd in self.chain.bds}
        if not self.ends:
            return  # no circuit is there, so nothing ever comes or goes
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
        memory = self.memories.view(buffer).reshape(-1, buffer.type.dtype.nbytes)
        elements = _elements(bd)
        if self.chain.direction == MM2S:
            # A copy: the words are on their way, whatever happens to the buffer afterwards.
            data = memory[elements].reshape(-1)
            if (data == TILE_POISON).all():
                self.report(self._unwritten(bd))
            yield from send(self.engine, self.ends, data)
        else:
            arrived = np.empty(bd.length * buffer.type.dtype.nbytes, dtype=np.uint8)
            yield from receive(self.engine, self.ends[0], arrived.data)
            memory[elements] = arrived.reshape(-1, buffer.type.dtype.nbytes)
        if bd.release is not None:
            lock = self.locks[bd.release[0]]
            lock.value += bd.release[1]
            self.engine.wake(lock)

    def _unwritten(self, bd: Bd) -> Fault:
        return Fault(
            kind="unwritten",
            what=f"an object of {self.chain.label} is handed on, and no byte of it was ever written",
            where=f"{self.name}, BD {bd.bd_id}, {bd.buffer}",
            why="what arrives is what the memory held before: on the device, anything",
            fix="let the core write the object between acquire and release",
        )

    def _acquire(self, bd: Bd, name: str, count: int) -> Work:
        lock = self.locks[name]
        while lock.value < count or (bd.exactly and lock.value != count):
            what = "a filled object to send" if self.chain.direction == MM2S else "a free object to fill"
            text = (
                f"waits for {what} of {self.chain.label} (BD {bd.bd_id}, {bd.buffer}): wants {count}, {lock.describe()}"
            )
            yield Blocked(lock, text)
        lock.value -= count


@cache
def _elements(bd: Bd) -> npt.NDArray[np.int64]:
    """The elements that a BD moves, in order."""
    indices = np.zeros(1, dtype=np.int64)
    for size, stride in zip(bd.sizes or (bd.length,), bd.strides or (1,), strict=True):
        indices = (indices[:, None] + np.arange(size, dtype=np.int64) * stride).reshape(-1)
    return indices[: bd.length] + bd.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimTask:
    """One queued task: `runs` are the host words it moves, run by run, as word indices into `memory`."""

    memory: Bytes
    runs: tuple[npt.NDArray[np.int64], ...]
    issue_token: bool
    text: str

    @property
    def nbytes(self) -> int:
        return sum(4 * len(run) for run in self.runs)

    @property
    def words(self) -> npt.NDArray[np.uint32]:
        """The memory as the DMA sees it; odd bytes at its end are out of its reach."""
        return self.memory[: len(self.memory) // 4 * 4].view(np.uint32)


@dataclass(eq=False)
class ShimChannel:
    """A shim channel: a queue of at most four tasks, worked off one after the other."""

    name: str
    direction: str
    engine: Engine
    ends: Sequence[StreamEnd]
    report: Callable[[Fault], None]
    tokens: Tokens
    queue: deque[ShimTask] = field(default_factory=deque)
    waiters: list[Task] = field(default_factory=list)
    running: ShimTask | None = None

    def describe(self) -> str:
        return f"{len(self.queue)} tasks are queued on {self.name}"

    def push(self, task: ShimTask, place: str) -> None:
        """Queue a task; one that finds the queue full is dropped, as on the device."""
        if len(self.queue) >= TASK_QUEUE_DEPTH:
            self.report(
                Fault(
                    kind="queue-overrun",
                    what=f"a task is pushed onto the full queue of {self.name}",
                    where=place,
                    why=f"the queue holds {TASK_QUEUE_DEPTH}; the device drops the task without a word",
                    fix="wait for an earlier transfer of this channel before starting another",
                )
            )
            return
        self.queue.append(task)
        self.engine.wake(self)

    def unfinished(self) -> tuple[ShimTask, ...]:
        """What has been started and not finished."""
        return (*((self.running,) if self.running else ()), *self.queue)

    def work(self) -> Work:
        while True:
            while not self.queue:
                yield Blocked(self, f"{self.name} has no task")
            self.running = task = self.queue.popleft()
            for run in task.runs:
                yield from self._move(task.words, run)
            self.running = None
            if task.issue_token:
                self.tokens.count += 1
                self.engine.wake(self.tokens)

    def _move(self, words: npt.NDArray[np.uint32], run: npt.NDArray[np.int64]) -> Work:
        if self.direction == MM2S:
            yield from send(self.engine, self.ends, words[run].view(np.uint8))
            return
        arrived = np.empty(len(run), dtype=np.uint32)
        for end in self.ends:
            yield from receive(self.engine, end, arrived.view(np.uint8).data)
        words[run] = arrived
