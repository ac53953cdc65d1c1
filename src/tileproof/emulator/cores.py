"""Core programs: scf, arith, func and ObjectFIFO operations of a core's body, run as a task."""

from __future__ import annotations

import operator
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.emulator.engine import Blocked, Engine, LockState, Work
from tileproof.emulator.faults import Fault
from tileproof.emulator.memory import TileMemories
from tileproof.emulator.tile_code import TileCode
from tileproof.errors import Problem
from tileproof.lowering.model import FifoEnd, LoweredCore, PlacedBuffer
from tileproof.mlir.design import MemRef, Operation

# What a value of a core's body can be: a number, a buffer, or the objects of an acquire.
Value = int | float | PlacedBuffer | tuple[PlacedBuffer, ...]

# More calls than any core makes between two objects; a loop without a release makes them for ever.
_MAX_CALLS_WITHOUT_PROGRESS = 10_000

_WIDTHS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}


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
    breadcrumb: Callable[[str], None]
    report: Callable[[Fault], None]
    calls: int = 0
    calls_since_progress: int = 0
    objects: dict[tuple[str, str], HeldObjects] = field(default_factory=dict)
    _values: dict[int, Value] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"the core on {self.lowered.core.tile}"

    def work(self) -> Work:
        """The task: the whole program once."""
        self.objects = {key: HeldObjects(end) for key, end in self.lowered.ends.items()}
        self._values = {number: self.buffers[name] for number, name in self.lowered.core.buffers.items()}
        yield from self._run(self.lowered.core.body)

    def _run(self, body: tuple[Operation, ...]) -> Generator[Blocked, None, list[Value]]:
        for operation in body:
            simple = _SIMPLE.get(operation.name)
            if simple is not None:
                simple(self, operation)
                continue
            if operation.name == "scf.yield":
                return [self._values[operand] for operand in operation.operands]
            waiting = _WAITING.get(operation.name)
            if waiting is None:
                raise Problem(
                    f"the emulator does not execute {operation.name}",
                    where=str(operation.place),
                    why="executed in a core: " + ", ".join(sorted([*_SIMPLE, *_WAITING])),
                    fix="say it with those, or move it into the tile code",
                )
            yield from waiting(self, operation)
        return []

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
            self._values[index] = counter
            self._values.update(zip(names, carried, strict=True))
            carried = yield from self._run(operation.regions[0])
            counter += step
        self._values.update(zip(operation.results, carried, strict=True))

    def _if(self, operation: Operation) -> Work:
        taken = 0 if self._values[operation.operands[0]] else 1
        if taken < len(operation.regions):
            results = yield from self._run(operation.regions[taken])
            self._values.update(zip(operation.results, results, strict=True))

    # Fifos

    def _acquire(self, operation: Operation) -> Work:
        objects, count = self._objects(operation)
        # Only what is not yet held is waited for (AcquireGreaterEqual of the difference).
        missing = max(0, count - objects.held)
        if objects.end.acquire_lock is not None:
            lock, wanted = self.locks[objects.end.acquire_lock], missing * objects.end.amount
            while lock.value < wanted:
                yield Blocked(lock, self._wait_text(objects, count, lock), str(operation.place))
            lock.value -= wanted
        if missing:
            objects.held += missing
            self.calls_since_progress = 0
        self._values[operation.results[0]] = tuple(self.buffers[name] for name in objects.view(count))

    def _wait_text(self, objects: HeldObjects, count: int, lock: LockState) -> str:
        end = objects.end
        doing = "produce into" if end.port == "Produce" else "consume from"
        return (
            f"waits to {doing} @{end.fifo}: wants {count}, holds {objects.held}, {lock.value // end.amount} ready of "
            f"{len(end.buffers)} objects (lock {lock.name}); the other end is {end.peer}"
        )

    def _release(self, operation: Operation) -> None:
        objects, count = self._objects(operation)
        if count > objects.held:
            raise Problem(
                f"{self.name} releases {count} of @{objects.end.fifo} and holds {objects.held}",
                where=str(operation.place),
                why="mlir-aie may pass this without a word; the fifo's count is wrong from then on",
                fix="release what was acquired, once",
            )
        objects.held -= count
        objects.position += count
        self.calls_since_progress = 0
        if objects.end.release_lock is not None:
            lock = self.locks[objects.end.release_lock]
            lock.value += count * objects.end.amount
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
        lock = self.locks[self.lowered.core.locks[operation.operands[0]]]
        count = operation.attributes.get("value", 1)
        assert isinstance(count, int)
        self.calls_since_progress = 0
        if operation.attributes["action"] == "Release":
            lock.value += count
            self.engine.wake(lock)
            return
        exactly = operation.attributes["action"] == "Acquire"
        while lock.value != count if exactly else lock.value < count:
            wanted = f"{'exactly' if exactly else 'at least'} {count}"
            yield Blocked(lock, f"waits for lock {lock.name}: wants {wanted}, it is {lock.value}", str(operation.place))
        lock.value -= count

    # Functions and memory

    def _call(self, operation: Operation) -> None:
        name = str(operation.attributes["callee"])
        if self.code is None or name not in self.code.functions:
            raise Problem(
                f"{self.name} calls {name}, and there is no such tile function",
                where=str(operation.place),
                why="no tile code was given" if self.code is None else "declared: " + ", ".join(self.code.functions),
                fix="declare it with func.func private, and define it in the tile code",
            )
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
        faults = self.code.call(self.code.functions[name], flat, f"{who}, {operation.place}")
        self.breadcrumb("")
        for fault in faults:
            self.report(fault)

    def _single(self, argument: Value, operation: Operation) -> PlacedBuffer | int | float:
        if isinstance(argument, tuple):
            raise Problem(
                f"{self.name} passes what an acquire returned to a function",
                where=str(operation.place),
                fix="pass one object of it: aie.objectfifo.subview.access",
            )
        return argument

    def _element(self, buffer: Value, indices: tuple[int, ...], place: str) -> tuple[npt.NDArray[Any], int]:
        assert isinstance(buffer, PlacedBuffer)
        values = [self._values[index] for index in indices]
        flat = 0
        for index, extent in zip(values, buffer.type.shape, strict=True):
            assert isinstance(index, int)
            if not 0 <= index < extent:
                raise Problem(
                    f"{self.name} accesses {buffer.name} outside its shape",
                    where=place,
                    why=f"index {index}, extent {extent} of {buffer.type}",
                    fix="correct the loop bounds",
                )
            flat = flat * extent + index
        return self.memories.view(buffer).view(buffer.type.dtype.numpy), flat

    def _load(self, operation: Operation) -> None:
        buffer, *indices = operation.operands
        elements, flat = self._element(self._values[buffer], tuple(indices), str(operation.place))
        self._values[operation.results[0]] = elements[flat].item()

    def _store(self, operation: Operation) -> None:
        value, buffer, *indices = operation.operands
        elements, flat = self._element(self._values[buffer], tuple(indices), str(operation.place))
        elements[flat] = self._values[value]

    # Arithmetic

    def _constant(self, operation: Operation) -> None:
        value = operation.attributes["value"]
        assert isinstance(value, int | float)
        self._values[operation.results[0]] = _wrapped(value, operation.types[0]) if isinstance(value, int) else value

    def _cast(self, operation: Operation) -> None:
        value = self._values[operation.operands[0]]
        assert isinstance(value, int)
        self._values[operation.results[0]] = _wrapped(value, operation.types[0])

    def _extend(self, operation: Operation) -> None:
        """extsi of an i1 is 0 or -1: its one bit is the sign."""
        value = self._values[operation.operands[0]]
        assert isinstance(value, int)
        self._values[operation.results[0]] = -value if operation.operand_types[0] == "i1" else value

    def _binary(self, operation: Operation) -> None:
        a, b = (self._values[operand] for operand in operation.operands)
        assert isinstance(a, int | float)
        assert isinstance(b, int | float)
        if operation.types[0] not in _WIDTHS and operation.types[0] != "f32":
            raise Problem(
                f"the emulator does not execute {operation.name} on {operation.types[0]}",
                where=str(operation.place),
                why="cores compute on integers and f32 here",
                fix="move it into the tile code",
            )
        if operation.name in _UNSIGNED:
            a, b = (_unsigned(int(value), operation.types[0]) for value in (a, b))
        if operation.name in _DIVISIONS and b == 0:
            raise Problem(f"{self.name} divides by zero", where=str(operation.place), fix="guard the division")
        result = _BINARY[operation.name](a, b)
        self._values[operation.results[0]] = _wrapped(result, operation.types[0]) if isinstance(result, int) else result

    def _compare(self, operation: Operation) -> None:
        a, b = (self._values[operand] for operand in operation.operands)
        predicate = operation.attributes["predicate"]
        assert isinstance(a, int)
        assert isinstance(b, int)
        assert isinstance(predicate, int)
        if predicate >= _FIRST_UNSIGNED_PREDICATE:
            a, b = (_unsigned(value, operation.operand_types[0]) for value in (a, b))
        self._values[operation.results[0]] = int(_PREDICATES[predicate](a, b))

    def _select(self, operation: Operation) -> None:
        condition, yes, no = (self._values[operand] for operand in operation.operands)
        self._values[operation.results[0]] = yes if condition else no

    def _nothing(self, operation: Operation) -> None:
        pass


def _wrapped(value: int, type_: MemRef | str) -> int:
    """Two's complement of the type's width; `index` is 64 bits wide in core code."""
    width = _WIDTHS.get(str(type_), 64)
    value &= (1 << width) - 1
    return value - (1 << width) if width > 1 and value >> (width - 1) else value


def _unsigned(value: int, type_: MemRef | str) -> int:
    return value & ((1 << _WIDTHS.get(str(type_), 64)) - 1)


def _quotient(a: int, b: int) -> int:
    """Towards zero, as arith.divsi."""
    magnitude = abs(a) // abs(b)
    return magnitude if (a < 0) == (b < 0) else -magnitude


_DIVISIONS = frozenset({"arith.divsi", "arith.remsi", "arith.divui", "arith.remui"})
_BINARY: dict[str, Callable[[Any, Any], int | float]] = {
    "arith.addi": lambda a, b: a + b,
    "arith.subi": lambda a, b: a - b,
    "arith.muli": lambda a, b: a * b,
    "arith.divsi": _quotient,
    "arith.remsi": lambda a, b: a - b * _quotient(a, b),
    "arith.divui": lambda a, b: a // b,
    "arith.remui": lambda a, b: a % b,
    "arith.andi": lambda a, b: a & b,
    "arith.ori": lambda a, b: a | b,
    "arith.xori": lambda a, b: a ^ b,
    "arith.maxsi": max,
    "arith.minsi": min,
    "arith.addf": lambda a, b: float(np.float32(a) + np.float32(b)),
    "arith.subf": lambda a, b: float(np.float32(a) - np.float32(b)),
    "arith.mulf": lambda a, b: float(np.float32(a) * np.float32(b)),
}
_UNSIGNED = frozenset({"arith.divui", "arith.remui"})
# arith.cmpi's predicates by number; the last four compare what `_unsigned` made of their operands.
_PREDICATES: tuple[Callable[[int, int], bool], ...] = (
    *(operator.eq, operator.ne),
    *(operator.lt, operator.le, operator.gt, operator.ge),
    *(operator.lt, operator.le, operator.gt, operator.ge),
)
_FIRST_UNSIGNED_PREDICATE = 6
_SIMPLE: dict[str, Callable[[CoreProgram, Operation], None]] = {
    "aie.objectfifo.release": CoreProgram._release,
    "aie.objectfifo.subview.access": CoreProgram._access,
    "func.call": CoreProgram._call,
    "memref.load": CoreProgram._load,
    "memref.store": CoreProgram._store,
    "arith.constant": CoreProgram._constant,
    "arith.index_cast": CoreProgram._cast,
    "arith.extsi": CoreProgram._extend,
    "arith.trunci": CoreProgram._cast,
    "arith.cmpi": CoreProgram._compare,
    "arith.select": CoreProgram._select,
    "aie.end": CoreProgram._nothing,
    "aie.event": CoreProgram._nothing,
    **dict.fromkeys(_BINARY, CoreProgram._binary),
}
_WAITING: dict[str, Callable[[CoreProgram, Operation], Work]] = {
    "scf.for": CoreProgram._for,
    "scf.if": CoreProgram._if,
    "aie.objectfifo.acquire": CoreProgram._acquire,
    "aie.use_lock": CoreProgram._use_lock,
}
