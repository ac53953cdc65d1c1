"""The event loop: tasks are generators that yield what they wait for or how long they are busy.

One task runs at a time, in an order that the cycle model (or a seed) decides, so equal input gives an equal run.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

from tileproof.device_model import MAX_LOCK_VALUE
from tileproof.diagnostic import NOWHERE, Place
from tileproof.emulator.cost.cycles import STREAM_BYTES_PER_CYCLE
from tileproof.errors import Problem

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
    """A task's `yield`: the condition, and the wait in words for whoever asks while it lasts.

    `label` and `cycles` are of a sender, which is not idle while others take what it has put: so much of the wait is
    its transfer.
    """

    condition: Condition
    told: str | Callable[[], str]
    place: Place = NOWHERE
    label: str = ""
    cycles: int = 0

    @property
    def text(self) -> str:
        return self.told if isinstance(self.told, str) else self.told()

    @property
    def wanted(self) -> str:
        """What is waited for, without how it stands: a wait that ends is no finding, and is not worded like one."""
        return self.text.partition(": ")[0]


@dataclass(frozen=True, slots=True)
class Spend:
    """A task's `yield`: it is at `label` for so many cycles. `busy` of them it works; else it waits for its partner."""

    cycles: int
    label: str
    busy: int


Work = Generator[Blocked | Spend, None, None]


@dataclass(eq=False, slots=True)
class Task:
    """A core, a DMA channel or the instruction stream. `busy` counts cycles, `priority` is an adversary's."""

    name: str
    work: Work
    blocked: Blocked | None = None
    finished: bool = False
    busy: int = 0
    since: int = 0  # when it was blocked
    told: str = ""  # what it waited for then, for the timeline
    woken_by: str = ""  # the task that has brought about what it waits for
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the timeline: a task at something from a cycle on, for so many cycles. One that waits has been woken
    by another."""

    task: str
    label: str
    start: int
    cycles: int
    waits: bool = False
    by: str = ""


class Adversary:
    """Chooses among what may happen next, whatever the cycle model says: another legal order for each seed.

    Every task has a random priority, now and then a new one: what is rarely slow under a fair order is slow here.
    """

    _CHANGES = 1 / 8
    _STOPS = 1 / 2  # between two locks, where it matters most

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def stops_here(self) -> bool:
        return self._random.random() < self._STOPS

    def place(self, task: Task) -> float:
        if not task.priority or self._random.random() < self._CHANGES:
            task.priority = self._random.random()
        return task.priority


# Steps of tasks that bring nothing about, after which a run is given up; what is left when it is over has fewer.
_STEPS_WITHOUT_PROGRESS = 500_000
_STEPS_AFTER_THE_END = 50_000
_STEPS_OF_A_LOOK = 20  # of a core that looks for what has not come, and so makes no progress for sure
_LOOK = 100
_CYCLES_OF_A_STEP = 100

_Clock = dict[str, int]


# The tick of what a task writes before it meets another.
_FIRST_WRITES = 1


class Clocks:
    """Vector clocks of tasks: who has learnt how far each other task has come, through what they hand on."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Clock] = defaultdict(dict)
        self._things: dict[int, _Clock] = defaultdict(dict)
        self._met: set[str] = set()  # who has taken or given anything

    def gives(self, task: str, thing: Condition) -> None:
        self._met.add(task)
        clock = self._tasks[task]
        clock[task] = self.tick(task)
        _join(self._things[id(thing)], clock)

    def takes(self, task: str, thing: Condition) -> None:
        self._met.add(task)
        if id(thing) in self._things:
            _join(self._tasks[task], self._things[id(thing)])

    def come_late(self, task: str, others: Iterable[str]) -> None:
        """The task begins so long after the others that all they write before they meet anybody is written."""
        for other in others:
            _join(self._tasks[task], {other: _FIRST_WRITES})

    def tick(self, task: str) -> int:
        """What others must know of the task to come after what it does now."""
        return self._tasks[task].get(task, _FIRST_WRITES) + 1

    def tick_of_write(self, task: str) -> int:
        """The same for what it writes."""
        return self.tick(task) if task in self._met else _FIRST_WRITES

    def knows(self, task: str, other: str) -> int:
        """How far the task knows the other to have come."""
        return self._tasks[task].get(other, 0)


def _join(clock: _Clock, other: _Clock) -> None:
    for name, tick in other.items():
        if clock.get(name, 0) < tick:
            clock[name] = tick


@dataclass(eq=False)
class Engine:
    """Runs tasks until none can go on. `now` is the cycle; it means nothing under an adversary.

    `clocks` are kept only where somebody wants to know what is ordered.
    """

    adversary: Adversary | None = None
    clocks: Clocks | None = None
    running: Task | None = None
    tasks: list[Task] = field(default_factory=list)
    now: int = 0
    spans: list[Span] | None = None  # the timeline, where the cycle model orders events
    tells: bool = False  # whether somebody reads there what is waited for
    _queue: list[tuple[float, int, Task]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)
    _steps: int = 0
    _is_over: bool = False

    def start(self, name: str, work: Work) -> Task:
        task = Task(name, work)
        self.tasks.append(task)
        self._enqueue(task, self.now)
        return task

    def _enqueue(self, task: Task, time: int) -> None:
        key = time if self.adversary is None else self.adversary.place(task)
        heappush(self._queue, (key, next(self._order), task))

    def remove(self, task: Task) -> None:
        """Forget a task, wherever it waits."""
        self.tasks.remove(task)
        self._queue[:] = [entry for entry in self._queue if entry[2] is not task]  # which a run goes through
        heapify(self._queue)
        self._show_to_now(task, task.told)
        self._cut(task.name)
        if task.blocked is not None and task in task.blocked.condition.waiters:
            task.blocked.condition.waiters.remove(task)
        task.work.close()

    def run(self, over: Callable[[], bool] = lambda: False) -> bool:
        """Until every task is finished or waits for something that no running task will bring.

        False if they still moved when it was given up, so many steps after the last `progress`; fewer once `over`.
        """
        queue = self._queue
        self._steps = turns = 0
        self._is_over = False
        while queue:
            self._steps += 1
            turns += 1
            if turns % _LOOK == 0:
                self._is_over = over()
                if self._steps > (_STEPS_AFTER_THE_END if self._is_over else _STEPS_WITHOUT_PROGRESS):
                    return False
            time, _, task = heappop(queue)
            if self.adversary is None:
                self.now = int(time)
            if task.blocked is not None:
                self._waited(task, task.blocked)
            self.running = task
            try:
                wanted = next(task.work)
            except StopIteration:
                task.finished = True
                self.tasks.remove(task)
                continue
            if isinstance(wanted, Spend):
                self._spent(task, wanted)
            else:
                task.blocked, task.since = wanted, self.now
                task.told, task.woken_by = (wanted.wanted if self.tells else ""), ""
                wanted.condition.waiters.append(task)
        return True

    def show_waits(self, *, in_vain: bool) -> None:
        """Put those who still wait on the timeline, as far as it goes: the next run shows the rest. What is waited for
        `in_vain` is told with how it stands."""
        for task in self.tasks:
            if task.blocked is not None:
                self._show_to_now(task, task.blocked.text if in_vain and self.tells else task.told)

    def _show_to_now(self, task: Task, label: str) -> None:
        if self.spans is not None and task.blocked is not None and self.now > task.since:
            self.spans.append(Span(task.name, label, task.since, self.now - task.since, waits=True))
            task.since = self.now

    def _cut(self, name: str) -> None:
        """Who is reset does not go on with what it has begun."""
        spans = self.spans or []
        last = next((number for number in reversed(range(len(spans))) if spans[number].task == name), None)
        if last is not None:
            spans[last] = replace(spans[last], cycles=min(spans[last].cycles, self.now - spans[last].start))

    def progress(self) -> None:
        """Something has come about that a run is for: a transfer with the host, or an instruction."""
        self._steps = 0

    def looked_in_vain(self) -> None:
        """The running task has looked for something that has not come: that alone ends no run, and others go first."""
        self._steps += _STEPS_OF_A_LOOK
        if self.running is not None:
            self.running.priority = 1.0

    def after_a_lock(self) -> Spend:
        """A `yield` of the running task, which has taken a lock: an adversary lets the others go first, or not."""
        if self.running is not None and self.adversary is not None and self.adversary.stops_here():
            self.running.priority = 1.0
        return Spend(0, "", 0)

    def _waited(self, task: Task, blocked: Blocked) -> None:
        if self.spans is not None and self.now > task.since:
            work = min(blocked.cycles, self.now - task.since)
            wait = self.now - task.since - work
            if wait:
                self.spans.append(Span(task.name, task.told, task.since, wait, waits=True, by=task.woken_by))
            if work:
                self.spans.append(Span(task.name, blocked.label, task.since + wait, work))
        task.blocked = None

    def _spent(self, task: Task, spend: Spend) -> None:
        task.busy += spend.busy
        if self._is_over:  # what is long is not waited for
            self._steps += spend.cycles // _CYCLES_OF_A_STEP
        if self.spans is not None and spend.label and spend.cycles:
            self.spans.append(Span(task.name, spend.label, self.now, spend.cycles))
        self._enqueue(task, self.now + spend.cycles)

    def wake(self, condition: Condition) -> None:
        """Let everyone who waits for `condition` look again: the running task has changed it."""
        if self.clocks is not None and self.running is not None:
            self.clocks.gives(self.running.name, condition)
        if condition.waiters:
            waker = self.running.name if self.running is not None else ""
            for task in condition.waiters:
                task.woken_by = waker
                self._enqueue(task, self.now)
            condition.waiters = []

    def acquire(
        self, lock: LockState, count: int, text: Callable[[], str], place: Place = NOWHERE, *, exactly: bool = False
    ) -> Work:
        """Wait for a lock of at least `count`, or of exactly that, and take it."""
        while lock.value != count if exactly else lock.value < count:
            yield Blocked(lock, text, place)
        lock.value -= count
        self.passed(lock)
        # Who waits for an exact value may have been waiting for less.
        self.wake(lock)

    def passed(self, condition: Condition) -> None:
        """The running task has got what it waited for, or found it there."""
        if self.clocks is not None and self.running is not None:
            self.clocks.takes(self.running.name, condition)


@dataclass(eq=False)
class LockState:
    """A semaphore lock: acquire waits for a value of at least n and takes n, release gives n."""

    name: str
    value: int
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"lock {self.name} is {self.value}"

    def release(self, count: int, who: str, where: Place) -> None:
        if self.value + count > MAX_LOCK_VALUE:
            raise Problem(
                f"{who} releases lock {self.name} beyond {MAX_LOCK_VALUE}",
                id="lock-overflow",
                where=where,
                why=f"it is {self.value}, and {count} more do not fit its 6 bits; what the device does then is unknown",
                fix="acquire as often as you release",
            )
        self.value += count


@dataclass(eq=False, slots=True)
class Broadcast:
    """Bytes on the way to several ends, and how many of them each has taken: none may run ahead of the slowest."""

    ends: tuple[StreamEnd, ...]
    taken: list[int]

    def left(self, index: int) -> int:
        """How many more bytes an end may take now: the others have them, have room for them, or the slack has."""
        others = (
            taken + (end.wanted if end.chunks and end.chunks[0].broadcast is self else 0)
            for number, (end, taken) in enumerate(zip(self.ends, self.taken, strict=True))
            if number != index
        )
        return min(others) + STREAM_SLACK_BYTES - self.taken[index]


@dataclass(slots=True)
class _Chunk:
    """Bytes on a stream; the first of them can be taken at the cycle `since`, the others at the stream's rate.

    Of a broadcast, this is what is left for the end with that index.
    """

    data: memoryview
    since: int
    broadcast: Broadcast | None = None
    index: int = 0


@dataclass(eq=False)
class StreamEnd:
    """What has left one MM2S channel and not yet reached one S2MM channel."""

    name: str
    of_host: bool = False  # whether it begins or ends at a shim tile
    keeps_header: bool = False  # whether packets come with the header that led them here
    chunks: deque[_Chunk] = field(default_factory=deque)
    sent: int = 0  # bytes since the context began
    moved: int = 0  # bytes taken since then
    rate: int = STREAM_BYTES_PER_CYCLE
    wanted: int = 0  # bytes that its receiver has room for now
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{self.sent - self.moved} bytes are under way on {self.name}"

    def put(self, data: memoryview, since: int, broadcast: Broadcast | None = None, index: int = 0) -> int:
        """Send `data`; gives the count of bytes at which all of it will have been taken."""
        self.chunks.append(_Chunk(data, since, broadcast, index))
        self.sent += len(data)
        return self.sent

    def has(self, nbytes: int, now: int | None) -> bool:
        """Whether so many bytes can be taken at once; by the cycle `now`, or at any time."""
        chunk = self.chunks[0] if self.chunks else None
        if chunk is None or (now is not None and chunk.since > now):
            return False
        left = len(chunk.data) if chunk.broadcast is None else chunk.broadcast.left(chunk.index)
        return min(left, len(chunk.data)) >= nbytes

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes can be sent at once."""
        return self.sent - self.moved + nbytes <= STREAM_SLACK_BYTES

    @property
    def partners(self) -> tuple[StreamEnd, ...]:
        """The other ends of the broadcast that is at the head of this one."""
        broadcast = self.chunks[0].broadcast if self.chunks else None
        return tuple(end for end in broadcast.ends if end is not self) if broadcast is not None else ()

    def take(self, target: memoryview, now: int) -> tuple[int, int]:
        """Move as many bytes as there are, at most what `target` holds; returns how many, and the cycle of the last."""
        taken = 0
        while taken < len(target) and self.chunks:
            chunk = self.chunks[0]
            size = min(len(chunk.data), len(target) - taken)
            if chunk.broadcast is not None:
                size = min(size, chunk.broadcast.left(chunk.index))
                if size <= 0:
                    break
                chunk.broadcast.taken[chunk.index] += size
            target[taken : taken + size] = chunk.data[:size]
            taken += size
            cycles = -(-size // self.rate)
            now = max(now, chunk.since) + cycles
            if size == len(chunk.data):
                self.chunks.popleft()
            else:
                chunk.data, chunk.since = chunk.data[size:], chunk.since + cycles
        self.moved += taken
        return taken, now


@dataclass(eq=False)
class Tokens:
    """Task-complete tokens of one shim channel: the numbers of the tasks that issued them, in their order."""

    name: str
    tasks: deque[int] = field(default_factory=deque)
    waiters: list[Task] = field(default_factory=list)

    def describe(self) -> str:
        return f"{len(self.tasks)} tokens from {self.name}"
