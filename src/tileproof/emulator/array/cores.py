"""Core programs: the operations of a core's body, run as a task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.emulator.array.arithmetic import OPERATIONS, Unsupported, Vector, compute, vector_type
from tileproof.emulator.array.cascade import CASCADE_BYTES, CascadeEnds
from tileproof.emulator.array.engine import Blocked, Engine, LockState, Spend, Work
from tileproof.emulator.array.faults import Fault, nothing_new
from tileproof.emulator.array.memory import EVER, FRESH, Bytes, TileMemories
from tileproof.emulator.array.races import Races
from tileproof.emulator.array.tile_code import TileCode
from tileproof.emulator.cost.cycles import LOCK_CYCLES, SCALAR_ACCESS_CYCLES, TURN_CYCLES
from tileproof.errors import Problem
from tileproof.lowering.model import FifoEnd, LoweredCore, PlacedBuffer
from tileproof.mlir.design import MemRef, Operation, walk

# What a value of a core's body can be: a number, a vector of them, a buffer, or the objects of an acquire.
Value = int | float | Vector | PlacedBuffer | tuple[PlacedBuffer, ...]

# More steps than any core makes between two objects; a loop without a release makes them for ever.
_MAX_CALLS_WITHOUT_PROGRESS = 100_000
_MAX_STEPS_WITHOUT_PROGRESS = 10_000_000
# Cycles of a core's own operations after which others have their turn at the latest.
_LONGEST_STRETCH = 10_000


@dataclass(slots=True)
class HeldObjects:
    """What a core holds of one fifo end: `position` counts the objects it has handed on."""

    end: FifoEnd
    held: int = 0
    position: int = 0

    def view(self, count: int) -> tuple[str, ...]:
        return tuple(self.end.buffers[(self.position + k) % len(self.end.buffers)] for k in range(count))


@dataclass(eq=False)
class CoreProgram:
    """One core: its program, its fifo ends, and what it may touch."""

    lowered: LoweredCore
    engine: Engine
    locks: Mapping[str, LockState]
    buffers: Mapping[str, PlacedBuffer]
    memories: TileMemories
    code: TileCode | None
    cascade: CascadeEnds
    races: Races
    breadcrumb: Callable[[str], None]
    report: Callable[[Fault], None]
    calls: int = 0
    calls_since_progress: int = 0
    steps_since_progress: int = 0
    in_long_loop: bool = False
    held: set[str] = field(default_factory=set)  # objects of fifos
    of_fifos: frozenset[str] = frozenset()  # all there are
    own_cycles: int = 0  # of operations of the core itself, not yet spent
    spent: dict[str, int] = field(default_factory=dict)  # cycles of tile functions, by what they were spent on
    objects: dict[tuple[str, str], HeldObjects] = field(default_factory=dict)
    _values: dict[int, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"the core on {self.lowered.core.tile}"

    def work(self) -> Work:
        """The task: the whole program once."""
        self.objects = {key: HeldObjects(end) for key, end in self.lowered.ends.items()}
        self.of_fifos = frozenset(name for end in self.lowered.ends.values() for name in end.buffers)
        self.held = set()
        self._values = {number: self.buffers[name] for number, name in self.lowered.core.buffers.items()}
        yield from self._run(self.lowered.core.body)

    def _run(self, body: tuple[Operation, ...]) -> Generator[Blocked | Spend, None, list[Value]]:
        """Run a region; gives what it yields. A branch inside goes on at another operation of it."""
        at = 0
        while at < len(body):
            operation = body[at]
            at += 1
            if operation.name in OPERATIONS:
                self._compute(operation)
            elif operation.name in _SIMPLE:
                _SIMPLE[operation.name](self, operation)
            elif operation.name in _WAITING:
                yield from _WAITING[operation.name](self, operation)
            elif operation.name in _YIELDS:
                return [self._values[operand] for operand in operation.operands]
            elif operation.name in _BRANCHES:
                yield from self._step(operation)
                at = self._branch(operation, body)
            else:
                raise _not_executed(operation)
        return []

    def _compute(self, operation: Operation) -> None:
        values = [self._values[operand] for operand in operation.operands]
        try:
            self._values[operation.results[0]] = compute(operation, values)
        except ZeroDivisionError:
            problem = Problem(f"{self.name} divides by zero", where=str(operation.place), fix="guard the division")
            raise problem from None
        except Unsupported as type_:
            raise Problem(
                f"the emulator does not execute {operation.name} on {type_}",
                where=str(operation.place),
                why="cores compute on integers, f32 and bf16 here, and on vectors of them",
                fix="move it into the tile code",
            ) from None

    # Control

    def _for(self, operation: Operation) -> Work:
        lower, upper, step, *carried = (self._values[operand] for operand in operation.operands)
        index, *names = operation.arguments[0]
        assert isinstance(lower, int)
        assert isinstance(upper, int)
        assert isinstance(step, int)
        if step <= 0:
            raise Problem(
                "a loop never ends: its step is not positive",
                where=str(operation.place),
                why=f"the step is {step}",
                fix="give scf.for a positive step",
            )
        counter = lower
        while counter < upper:
            yield from self._step(operation)
            self._values[index] = counter
            self._values.update(zip(names, carried, strict=True))
            carried = yield from self._run(operation.regions[0])
            counter += step
        self._values.update(zip(operation.results, carried, strict=True))

    def _while(self, operation: Operation) -> Work:
        carried = [self._values[operand] for operand in operation.operands]
        before, after = operation.regions
        while True:
            yield from self._step(operation)
            self._values.update(zip(operation.arguments[0], carried, strict=True))
            goes_on, *carried = yield from self._run(before)
            if not goes_on:
                break
            self._values.update(zip(operation.arguments[1], carried, strict=True))
            carried = yield from self._run(after)
        self._values.update(zip(operation.results, carried, strict=True))

    def _if(self, operation: Operation) -> Work:
        taken = 0 if self._values[operation.operands[0]] else 1
        if taken < len(operation.regions):
            results = yield from self._run(operation.regions[taken])
            self._values.update(zip(operation.results, results, strict=True))

    def _switch(self, operation: Operation) -> Work:
        """The first region is the default; the others are the cases in order."""
        cases = operation.attributes["cases"]
        assert isinstance(cases, tuple)
        value = self._values[operation.operands[0]]
        taken = 1 + cases.index(value) if value in cases else 0
        results = yield from self._run(operation.regions[taken])
        self._values.update(zip(operation.results, results, strict=True))

    def _branch(self, operation: Operation, body: tuple[Operation, ...]) -> int:
        """Hand on the values of a branch; gives the position to go on from."""
        successor, values = 0, list(operation.operands)
        if operation.name == "cf.cond_br":
            condition, *values = operation.operands
            sizes = operation.attributes["operandSegmentSizes"]
            assert isinstance(sizes, tuple)
            successor = 0 if self._values[condition] else 1
            values = values[: sizes[1]] if successor == 0 else values[sizes[1] :]
        target = operation.successors[successor]
        given = [self._values[value] for value in values]
        self._values.update(zip(body[target].results, given, strict=True))
        return target + 1

    def _step(self, operation: Operation) -> Work:
        """Once a turn of every loop: time passes, so that an endless one does not stop all others."""
        self.steps_since_progress += 1
        self.own_cycles += TURN_CYCLES
        if self.own_cycles > _LONGEST_STRETCH:
            self.in_long_loop = True
            self.breadcrumb(f"a loop of {self.name}, {operation.place},")
            yield from self._spend()
        if self.steps_since_progress > _MAX_STEPS_WITHOUT_PROGRESS:
            raise Problem(
                f"{self.name} runs on without ever waiting",
                where=str(operation.place),
                why=f"{_MAX_STEPS_WITHOUT_PROGRESS:,} turns of a loop since it last took or gave an object",
                fix="give the loop an end, or let it wait for an object or a lock",
            )

    def _spend(self) -> Work:
        """Let the time pass that the core's own operations took."""
        cycles, self.own_cycles = self.own_cycles, 0
        if cycles:
            self.spent["its own loops"] = self.spent.get("its own loops", 0) + cycles
            yield Spend(cycles, "its own loops", cycles)

    def _progress(self) -> None:
        if self.in_long_loop:
            self.in_long_loop = False
            self.breadcrumb("")
        self.calls_since_progress = self.steps_since_progress = 0

    # Fifos

    def _acquire(self, operation: Operation) -> Work:
        yield from self._spend()
        objects, count = self._objects(operation)
        # Only what is not yet held is waited for (AcquireGreaterEqual of the difference).
        missing = max(0, count - objects.held)
        if objects.end.acquire_lock is not None:
            lock = self.locks[objects.end.acquire_lock]
            text = partial(self._wait_text, objects, count, lock)
            yield from self.engine.acquire(lock, missing * objects.end.amount, text, str(operation.place))
            yield Spend(LOCK_CYCLES, "", LOCK_CYCLES)
        view = [self.buffers[name] for name in objects.view(count)]
        self.held |= set(objects.view(count))
        if missing:
            self._progress()
            if objects.end.port == "Produce":
                for buffer in view[objects.held :]:
                    # Values that a fifo begins with are there to be sent as they are.
                    if not buffer.initial:
                        self.memories.hand_out(buffer)
            objects.held += missing
        self._values[operation.results[0]] = tuple(view)

    def _wait_text(self, objects: HeldObjects, count: int, lock: LockState) -> str:
        end = objects.end
        doing = "produce into" if end.port == "Produce" else "consume from"
        return (
            f"waits to {doing} @{end.fifo}: wants {count}, holds {objects.held}, {lock.value // end.amount} ready of "
            f"{len(end.buffers)} objects (lock {lock.name}); the other end is {end.peer}"
        )

    def _release(self, operation: Operation) -> Work:
        yield from self._spend()
        objects, count = self._objects(operation)
        if count > objects.held:
            raise Problem(
                f"{self.name} releases {count} of @{objects.end.fifo} and holds {objects.held}",
                where=str(operation.place),
                why="mlir-aie may pass this without a word; the fifo's count is wrong from then on",
                fix="release what was acquired, once",
            )
        self.held -= set(objects.view(count))
        objects.held -= count
        objects.position += count
        self._progress()
        if objects.end.release_lock is not None:
            lock = self.locks[objects.end.release_lock]
            lock.release(count * objects.end.amount, self.name, str(operation.place))
            self.engine.wake(lock)

    def _objects(self, operation: Operation) -> tuple[HeldObjects, int]:
        key = (str(operation.attributes["fifo"]), str(operation.attributes["port"]))
        count = operation.attributes["count"]
        assert isinstance(count, int)
        return self.objects[key], count

    def _access(self, operation: Operation) -> None:
        view, index = self._values[operation.operands[0]], operation.attributes["index"]
        assert isinstance(view, tuple)
        assert isinstance(index, int)
        self._values[operation.results[0]] = view[index]

    # Locks written out

    def _use_lock(self, operation: Operation) -> Work:
        yield from self._spend()
        lock = self.locks[self.lowered.core.locks[operation.operands[0]]]
        count = operation.attributes.get("value", 1)
        assert isinstance(count, int)
        self._progress()
        if operation.attributes["action"] == "Release":
            lock.release(count, self.name, str(operation.place))
            self.engine.wake(lock)
            yield Spend(LOCK_CYCLES, "", LOCK_CYCLES)
            return
        exactly = operation.attributes["action"] == "Acquire"

        def text() -> str:
            wanted = f"{'exactly' if exactly else 'at least'} {count}"
            return f"waits for lock {lock.name}: wants {wanted}, it is {lock.value}"

        yield from self.engine.acquire(lock, count, text, str(operation.place), exactly=exactly)

    # Functions and memory

    def _call(self, operation: Operation) -> Work:
        name = str(operation.attributes["callee"])
        if self.code is None or name not in self.code.functions:
            raise Problem(
                f"{self.name} calls {name}, and there is no such tile function",
                where=str(operation.place),
                why="no tile code was given" if self.code is None else "declared: " + ", ".join(self.code.functions),
                fix="declare it with func.func private, and define it in the tile code",
            )
        yield from self._spend()
        self.calls += 1
        self.calls_since_progress += 1
        if self.calls_since_progress > _MAX_CALLS_WITHOUT_PROGRESS:
            raise Problem(
                f"{self.name} runs on without ever waiting",
                where=str(operation.place),
                why=f"it has called {name} {_MAX_CALLS_WITHOUT_PROGRESS:,} times since it last took or gave an object",
                fix="release what is acquired: an acquire of what is still held waits for nothing",
            )
        who = f"{self.name}, call {self.calls} of {name}"
        self.breadcrumb(who)
        arguments = [self._values[operand] for operand in operation.operands]
        flat = [self._single(argument, operation) for argument in arguments]
        called = self.code.call(self.code.functions[name], flat, f"{who}, {operation.place}")
        self.breadcrumb("")
        for fault in called.faults:
            self.report(fault)
        for buffer in flat:
            if isinstance(buffer, PlacedBuffer):
                self._must_be_held(buffer, f"passes to {name}", str(operation.place))
        for buffer in flat:
            if isinstance(buffer, PlacedBuffer) and buffer.name in self.races.watched:
                self.races.reads(buffer.name, who)
                if self.memories.was_written(buffer):
                    self.races.writes(buffer.name, who)
        for term, cycles in called.cycles.terms.items():
            self.spent[term] = self.spent.get(term, 0) + cycles
        yield Spend(called.cycles.total, name, called.cycles.total)

    def _single(self, argument: Value, operation: Operation) -> PlacedBuffer | int | float:
        if isinstance(argument, PlacedBuffer | int | float):
            return argument
        what = "what an acquire returned" if isinstance(argument, tuple) else "a vector"
        raise Problem(
            f"{self.name} passes {what} to a function",
            where=str(operation.place),
            fix="pass one object of it: aie.objectfifo.subview.access"
            if isinstance(argument, tuple)
            else "pass it through a buffer",
        )

    def _elements(
        self, buffer: Value, indices: tuple[int, ...], count: int, place: str
    ) -> tuple[npt.NDArray[Any], Bytes, int]:
        """A buffer's elements, what is known of their bytes, and where the `count` that an access means begin."""
        assert isinstance(buffer, PlacedBuffer)
        flat, extent = 0, 1
        for value, extent in zip((self._values[index] for index in indices), buffer.type.shape, strict=True):
            assert isinstance(value, int)
            if not 0 <= value < extent:
                raise self._outside(buffer, f"index {value}, extent {extent} of {buffer.type}", place)
            flat = flat * extent + value
        if count > 1 and flat % extent + count > extent:
            raise self._outside(buffer, f"{count} elements from {flat % extent} on, extent {extent}", place)
        memory = self.memories.view(buffer).view(buffer.type.dtype.numpy)
        known = self.memories.known_of(buffer).reshape(-1, buffer.type.dtype.nbytes)
        return memory, known, flat

    def _must_be_held(self, buffer: PlacedBuffer, verb: str, place: str) -> None:
        if buffer.name in self.of_fifos and buffer.name not in self.held:
            self.report(
                Fault(
                    kind="not-held",
                    what=f"{self.name} {verb} {buffer.name}, which it does not hold",
                    where=place,
                    why="it has released the object, and on the device somebody else may be at it",
                    fix="release an object after its last use",
                )
            )

    def _outside(self, buffer: PlacedBuffer, why: str, place: str) -> Problem:
        return Problem(
            f"{self.name} accesses {buffer.name} outside its shape", where=place, why=why, fix="correct the loop bounds"
        )

    def _read(self, operation: Operation, buffer: int, indices: tuple[int, ...], count: int) -> npt.NDArray[Any]:
        self.own_cycles += SCALAR_ACCESS_CYCLES if count == 1 else 1
        placed = self._values[buffer]
        elements, known, flat = self._elements(placed, indices, count, str(operation.place))
        assert isinstance(placed, PlacedBuffer)
        self.races.reads(placed.name, str(operation.place))
        self._must_be_held(placed, "reads", str(operation.place))
        if not (known[flat : flat + count] & FRESH).any():
            ever = bool((known[flat : flat + count] & EVER).any())
            at = f"element {flat} of {placed.name}"
            self.report(nothing_new(self.name, at, str(operation.place), ever=ever))
        return elements[flat : flat + count]

    def _write(self, operation: Operation, value: Any, buffer: int, indices: tuple[int, ...], count: int) -> None:
        self.own_cycles += SCALAR_ACCESS_CYCLES if count == 1 else 1
        placed = self._values[buffer]
        elements, known, flat = self._elements(placed, indices, count, str(operation.place))
        assert isinstance(placed, PlacedBuffer)
        self.races.writes(placed.name, str(operation.place))
        self._must_be_held(placed, "writes", str(operation.place))
        elements[flat : flat + count] = value
        known[flat : flat + count] |= FRESH | EVER

    def _load(self, operation: Operation) -> None:
        buffer, *indices = operation.operands
        self._values[operation.results[0]] = self._read(operation, buffer, tuple(indices), 1)[0].item()

    def _store(self, operation: Operation) -> None:
        value, buffer, *indices = operation.operands
        self._write(operation, self._values[value], buffer, tuple(indices), 1)

    def _load_vector(self, operation: Operation) -> None:
        buffer, *indices = operation.operands
        shape, _ = self._vector(operation, operation.types[0])
        self._values[operation.results[0]] = self._read(operation, buffer, tuple(indices), shape[0]).copy()

    def _store_vector(self, operation: Operation) -> None:
        value, buffer, *indices = operation.operands
        shape, _ = self._vector(operation, operation.operand_types[0])
        self._write(operation, self._values[value], buffer, tuple(indices), shape[0])

    def _vector(self, operation: Operation, type_: MemRef | str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        try:
            shape, dtype = vector_type(type_)
        except Unsupported:
            raise _not_executed(operation) from None
        if len(shape) != 1:
            raise _not_executed(operation)
        return shape, dtype

    def _copy(self, operation: Operation) -> None:
        source, target = operation.operands
        buffer = self._values[source]
        assert isinstance(buffer, PlacedBuffer)
        into = self._values[target]
        assert isinstance(into, PlacedBuffer)
        self.own_cycles += 2 * SCALAR_ACCESS_CYCLES * -(-buffer.nbytes // 4)
        self.races.reads(buffer.name, str(operation.place))
        self.races.writes(into.name, str(operation.place))
        self.memories.view(into)[:] = self.memories.view(buffer)
        self.memories.known_of(into)[:] |= self.memories.known_of(buffer)

    # The cascade

    def _put_cascade(self, operation: Operation) -> Work:
        yield from self._spend()
        value = self._values[operation.operands[0]]
        if not isinstance(value, np.ndarray) or value.nbytes != CASCADE_BYTES:
            raise self._no_cascade_vector("puts", "onto", operation.operand_types[0], operation)
        self._progress()
        yield from self.cascade.put(value, str(operation.place))

    def _get_cascade(self, operation: Operation) -> Work:
        self._progress()
        value = yield from self.cascade.get(str(operation.place))
        shape, dtype = self._vector(operation, operation.types[0])
        if shape[0] * dtype.itemsize != CASCADE_BYTES:
            raise self._no_cascade_vector("gets", "from", operation.types[0], operation)
        self._values[operation.results[0]] = value.view(dtype).reshape(shape)

    def _no_cascade_vector(self, verb: str, way: str, type_: MemRef | str, operation: Operation) -> Problem:
        return Problem(
            f"{self.name} {verb} what is not {8 * CASCADE_BYTES} bits {way} the cascade",
            where=str(operation.place),
            why=f"it is {type_}",
            fix="use a vector of 512 bits, for instance vector<16xi32>",
        )

    def _nothing(self, operation: Operation) -> None:
        pass


def refuse_what_is_not_executed(body: tuple[Operation, ...]) -> None:
    """A core with an operation that is not executed here is refused by its name, before anything runs."""
    known = {*OPERATIONS, *_SIMPLE, *_WAITING, *_BRANCHES, *_YIELDS}
    for operation in walk(body):
        if operation.name not in known:
            raise _not_executed(operation)


def _not_executed(operation: Operation) -> Problem:
    return Problem(
        f"the emulator does not execute {operation.name}" + (f" on {operation.types[0]}" if operation.types else ""),
        where=str(operation.place),
        why="executed in a core: " + ", ".join(sorted([*OPERATIONS, *_SIMPLE, *_WAITING, *_BRANCHES])),
        fix="say it with those, or move it into the tile code",
    )


_YIELDS = frozenset({"scf.yield", "scf.condition", "aie.end"})
_BRANCHES = frozenset({"cf.br", "cf.cond_br"})
_SIMPLE: dict[str, Callable[[CoreProgram, Operation], None]] = {
    "aie.objectfifo.subview.access": CoreProgram._access,
    "memref.load": CoreProgram._load,
    "memref.store": CoreProgram._store,
    "memref.copy": CoreProgram._copy,
    "vector.load": CoreProgram._load_vector,
    "vector.store": CoreProgram._store_vector,
    "aie.event": CoreProgram._nothing,
    "block": CoreProgram._nothing,
}
_WAITING: dict[str, Callable[[CoreProgram, Operation], Work]] = {
    "scf.for": CoreProgram._for,
    "scf.while": CoreProgram._while,
    "scf.if": CoreProgram._if,
    "scf.index_switch": CoreProgram._switch,
    "func.call": CoreProgram._call,
    "aie.objectfifo.acquire": CoreProgram._acquire,
    "aie.objectfifo.release": CoreProgram._release,
    "aie.use_lock": CoreProgram._use_lock,
    "aie.put_cascade": CoreProgram._put_cascade,
    "aie.get_cascade": CoreProgram._get_cascade,
}
