"""The event loop: tasks are generators that yield what they wait for, and run again when it may have come.

One task runs at a time, in a fixed order, so equal input gives an equal run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Protocol

# Words a stream holds between its ends: the FIFOs of DMA and switches (mlir-aie hides deadlocks behind more).
STREAM_SLACK_BYTES = 12 * 4


class Condition(Protocol):
    """Something a task can wait for."""

    waiters: list[Task]

    def describe(self) -> str:
        """The wait in words: what is held, what is wanted."""
        ...


@dataclass(frozen=True, slots=True)
class Blocked:
    """A task's `yield`: the condition, and the wait in words for the deadlock report."""

    condition: Condition
    text: str
    place: str = ""


Work = Generator[Blocked, None, None]


@dataclass(eq=False, slots=True)
class Task:
    """A core, a DMA channel or the instruction stream."""

    name: str
    work: Work
    blocked: Blocked | None = None
    finished: bool = False


@dataclass(eq=False)
class Engine:
    """Runs tasks until none can go on."""

    ready: deque[Task] = field(default_factory=deque)
    tasks: list[Task] = field(default_factory=list)

    def start(self, name: str, work: Work) -> Task:
        task = Task(name, work)
        self.tasks.append(task)
        self.ready.append(task)
        return task

    def remove(self, task: Task) -> None:
        """Forget a task, wherever it waits."""
        self.tasks.remove(task)
        if task in self.ready:
            self.ready.remove(task)
        if task.blocked is not None and task in task.blocked.condition.waiters:
            task.blocked.condition.waiters.remove(task)
        task.work.close()

    def run(self) -> None:
        """Until every task is finished or waits for something that no running task will bring."""
        while self.ready:
            task = self.ready.popleft()
            task.blocked = None
            try:
                task.blocked = next(task.work)
            except StopIteration:
                task.finished = True
                self.tasks.remove(task)
            else:
                task.blocked.condition.waiters.append(task)

    def wake(self, condition: Condition) -> None:
        """Let everyone who waits for `condition` look again."""
        if condition.waiters:
            self.ready.extend(condition.waiters)
            condition.waiters = []


@dataclass(eq=False)
class LockState:
    """A semaphore lock: acquire waits for a value of at least n and takes n, release gives n."""

    name: str
    value: int
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"lock {self.name} is {self.value}"


@dataclass(eq=False)
class StreamEnd:
    """What has left one MM2S channel and not yet reached one S2MM channel."""

    name: str
    chunks: deque[memoryview] = field(default_factory=deque)
    pending: int = 0  # bytes
    moved: int = 0  # bytes taken since the context began
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{self.pending} bytes are under way on {self.name}"

    def put(self, data: memoryview) -> None:
        self.chunks.append(data)
        self.pending += len(data)

    def take(self, target: memoryview) -> int:
        """Move as many bytes as there are, at most what `target` holds; returns how many."""
        taken = 0
        while taken < len(target) and self.chunks:
            chunk = self.chunks[0]
            size = min(len(chunk), len(target) - taken)
            target[taken : taken + size] = chunk[:size]
            taken += size
            if size == len(chunk):
                self.chunks.popleft()
            else:
                self.chunks[0] = chunk[size:]
        self.pending -= taken
        self.moved += taken
        return taken


@dataclass(eq=False)
class Tokens:
    """Task-complete tokens of one shim channel."""

    name: str
    count: int = 0
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{self.count} tokens from {self.name}"
