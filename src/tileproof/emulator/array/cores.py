"""Core programs: the operations of a core's body, run as a task."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.allocations import of_globals, on_stack
from tileproof.emulator.array.arithmetic import COMPUTED, Unsupported, Vector, compute, constant, vector_type
from tileproof.emulator.array.cascade import CASCADE_BYTES
from tileproof.emulator.array.core_memory import CoreMemory, Reach
from tileproof.emulator.array.core_rules import OPEN, rules_of
from tileproof.emulator.array.engine import Blocked, Engine, LockState, Spend, Work
from tileproof.emulator.array.left_over import LeftOver
from tileproof.emulator.array.memory import EVER, FRESH, Bytes, TileMemories
from tileproof.emulator.array.races import Part, Races
from tileproof.emulator.array.regions import Regions
from tileproof.emulator.array.rounding import FLOOR
from tileproof.emulator.array.stack import CoreStack
from tileproof.emulator.array.tile_code import TileCode
from tileproof.emulator.array.vectors import OF_VECTORS, compute_vector
from tileproof.emulator.array.views import VIEWS, BufferView, Flat, Inside, Outside, viewed, whole
from tileproof.emulator.array.waiting import CoreWaits
from tileproof.emulator.cost.cycles import LOCK_CYCLES, SCALAR_ACCESS_CYCLES, TURN_CYCLES
from tileproof.errors import Problem
from tileproof.lowering.model import FifoEnd, LoweredCore, PlacedBuffer
from tileproof.mlir.operations import AFFINE, ON_THE_HEAP, spellings
from tileproof.mlir.program import (
    Access,
    Acquire,
    Allocate,
    Along,
    Arithmetic,
    Body,
    Branch,
    BranchIf,
    Call,
    Condition,
    Constant,
    Copy,
    End,
    Event,
    Extent,
    For,
    GetCascade,
    GetGlobal,
    GetStream,
    If,
    IndexSwitch,
    Kept,
    Label,
    Load,
    LoadVector,
    Operation,
    PutCascade,
    PutStream,
    Release,
    Store,
    StoreVector,
    Transfer,
    TransferRead,
    TransferWrite,
    UseLock,
    View,
    While,
    Yield,
    walk,
)
from tileproof.mlir.values import MemRef, Type

# What a value of a core's body can be: a number, a vector of them, a buffer, a view
# of one, or the objects of an acquire.
Value = int | float | Vector | PlacedBuffer | BufferView | tuple[PlacedBuffer, ...]
_VectorType = tuple[tuple[int, ...], np.dtype[Any]]  # shape and element type

# More steps than any core makes between two objects; a loop without a release makes them for ever.
_MAX_CALLS_WITHOUT_PROGRESS = 25_000
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
    stack: CoreStack
    code: TileCode | None
    waits: CoreWaits
    races: Races
    left_over: LeftOver
    breadcrumb: Callable[[str], None]
    report: Callable[[Diagnostic], None]
    keeps_spans: bool = True  # of the regions of its tile code
    calls: int = 0
    calls_since_progress: int = 0
    steps_since_progress: int = 0
    in_long_loop: bool = False
    own_cycles: int = 0  # of operations of the core itself, not yet spent
    spent: dict[str, int] = field(default_factory=dict)  # cycles of tile functions, by what they were spent on
    objects: dict[tuple[str, str], HeldObjects] = field(default_factory=dict)
    unconfirmed: set[int] = field(default_factory=set)  # rules of emulator/semantics.py that decided a value
    memory: CoreMemory = field(init=False)
    regions: Regions = field(init=False)
    allocated: Mapping[int, PlacedBuffer] = field(init=False)  # on the stack, by the numbers of their values
    globals: Mapping[str, PlacedBuffer] = field(init=False)
    _values: dict[int, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waits.progress = self._progress
        self.regions = Regions(self.name, keeps_spans=self.keeps_spans)
        self.memory = CoreMemory(self.name, self.memories, self.races, self.report)
        self.allocated = on_stack(self.lowered.core.body, self.stack)
        self.globals = of_globals(self.lowered.core.body, self.stack)
        self.memories.fill(self.globals.values())

    @property
    def name(self) -> str:
        return f"the core on {self.lowered.core.tile}"

    @property
    def _rounding(self) -> int:
        """The core's mode, as its tile code has left it."""
        return FLOOR if self.code is None else self.code.rounding

    def work(self) -> Work:
        """The task: the whole program once."""
        self.objects = {key: HeldObjects(end) for key, end in self.lowered.ends.items()}
        self.memory.of_fifos = frozenset(name for end in self.lowered.ends.values() for name in end.buffers)
        self.memory.held = set()
        self._values = {number: self.buffers[name] for number, name in self.lowered.core.buffers.items()}
        yield from self._run(self.lowered.core.body)

    def _run(self, body: Body) -> Generator[Blocked | Spend, None, list[Value]]:
        """Run a region; gives what it yields. A branch inside goes on at another operation of it."""
        at = 0
        while at < len(body):
            operation = body[at]
            kind = type(operation)
            at += 1
            if kind in _SIMPLE:
                _SIMPLE[kind](self, operation)
            elif kind in _WAITING:
                yield from _WAITING[kind](self, operation)
            elif isinstance(operation, Yield | Condition | End):
                return [self._values[value] for value in operation.values]
            elif isinstance(operation, Branch | BranchIf):
                yield from self._step(operation)
                at = self._jump(operation, body)
            else:
                raise _not_executed(operation)
        return []

    def _compute(self, operation: Arithmetic) -> None:
        values = [self._values[operand] for operand in operation.operands]
        try:
            self._values[operation.result] = compute(operation, values, self._rounding)
        except ZeroDivisionError:
            problem = Problem(
                f"{self.name} divides by zero", id="division-by-zero", where=operation.place, fix="guard the division"
            )
            raise problem from None
        except Unsupported as type_:
            raise _not_computed(operation, type_) from None

    def _compute_openly(self, operation: Arithmetic) -> None:
        """By a rule that no source confirms."""
        self.unconfirmed |= rules_of(operation)
        (self._compute_vector if type(operation) in OF_VECTORS else self._compute)(operation)

    def take_unconfirmed(self) -> set[int]:
        """The rules that decided a value since this was last asked."""
        taken, self.unconfirmed = self.unconfirmed, set()
        return taken

    def _compute_vector(self, operation: Arithmetic) -> None:
        values = [self._values[operand] for operand in operation.operands]
        try:
            self._values[operation.result] = compute_vector(operation, values, self._rounding)
        except IndexError as outside:
            raise self._no_lane(operation, str(outside)) from None
        except Unsupported as type_:
            raise _not_computed(operation, type_) from None

    def _no_lane(self, operation: Arithmetic, why: str) -> Problem:
        return Problem(
            f"{self.name} takes a lane that its vector does not have",
            id="outside-shape",
            where=operation.place,
            why=why,
            fix="correct the position",
        )

    def _constant(self, operation: Constant) -> None:
        try:
            self._values[operation.result] = constant(operation)
        except Unsupported as type_:
            raise _not_computed(operation, type_) from None

    # Control

    def _for(self, loop: For) -> Work:
        lower, upper, step = self._values[loop.lower], self._values[loop.upper], self._values[loop.step]
        assert isinstance(lower, int)
        assert isinstance(upper, int)
        assert isinstance(step, int)
        if step <= 0:
            raise Problem(
                "a loop never ends: its step is not positive",
                id="endless-loop",
                where=loop.place,
                why=f"the step is {step}",
                fix="give scf.for a positive step",
            )
        carried = [self._values[value] for value in loop.initial]
        for counter in range(lower, upper, step):
            yield from self._step(loop)
            self._values[loop.index] = counter
            self._values.update(zip(loop.carried, carried, strict=True))
            carried = yield from self._run(loop.body)
        self._values.update(zip(loop.results, carried, strict=True))

    def _while(self, loop: While) -> Work:
        carried = [self._values[value] for value in loop.initial]
        while True:
            yield from self._step(loop)
            self._values.update(zip(loop.tested, carried, strict=True))
            goes_on, *carried = yield from self._run(loop.before)
            if not goes_on:
                break
            self._values.update(zip(loop.carried, carried, strict=True))
            carried = yield from self._run(loop.after)
        self._values.update(zip(loop.results, carried, strict=True))

    def _if(self, operation: If) -> Work:
        taken = operation.then if self._values[operation.condition] else operation.otherwise
        results = yield from self._run(taken)
        self._values.update(zip(operation.results, results, strict=True))

    def _switch(self, switch: IndexSwitch) -> Work:
        value, taken = self._values[switch.value], switch.default
        if value in switch.cases:
            taken = switch.bodies[switch.cases.index(value)]
        results = yield from self._run(taken)
        self._values.update(zip(switch.results, results, strict=True))

    def _jump(self, operation: Branch | BranchIf, body: Body) -> int:
        """Hand on the values of a branch; gives the position to go on from."""
        if isinstance(operation, Branch):
            jump = operation.to
        else:
            jump = operation.then if self._values[operation.condition] else operation.otherwise
        label = body[jump.target]
        assert isinstance(label, Label)
        given = [self._values[value] for value in jump.values]
        self._values.update(zip(label.values, given, strict=True))
        return jump.target + 1

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
                id="endless-loop",
                where=operation.place,
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

    def _acquire(self, operation: Acquire) -> Work:
        yield from self._spend()
        objects, count = self.objects[operation.end], operation.count
        # Only what is not yet held is waited for (AcquireGreaterEqual of the difference).
        missing = max(0, count - objects.held)
        if objects.end.acquire_lock is not None:
            lock = self.locks[objects.end.acquire_lock]
            text = partial(self._wait_text, objects, count, lock)
            yield from self.engine.acquire(lock, missing * objects.end.amount, text, operation.place)
            yield Spend(LOCK_CYCLES, "", LOCK_CYCLES)
        view = [self.buffers[name] for name in objects.view(count)]
        self.memory.held |= set(objects.view(count))
        if missing:
            self._progress()
            if objects.end.port == "Produce":
                for buffer in view[objects.held :]:
                    # Values that a fifo begins with are there to be sent as they are.
                    if not buffer.initial:
                        self.memories.hand_out(buffer)
            else:
                for buffer in view[objects.held :]:
                    place = partial(replace, operation.place, tile=self.lowered.core.tile.at, buffer=buffer.name)
                    self.left_over.meets(buffer.name, f"@{objects.end.fifo}", f"{self.name} takes", place)
            objects.held += missing
        self._values[operation.view] = tuple(view)

    def _wait_text(self, objects: HeldObjects, count: int, lock: LockState) -> str:
        end = objects.end
        doing = "produce into" if end.port == "Produce" else "consume from"
        return (
            f"waits to {doing} @{end.fifo}: wants {count}, holds {objects.held}, {lock.value // end.amount} ready of "
            f"{len(end.buffers)} objects (lock {lock.name}); the other end is {end.peer}"
        )

    def _release(self, operation: Release) -> Work:
        yield from self._spend()
        objects, count = self.objects[operation.end], operation.count
        if count > objects.held:
            raise Problem(
                f"{self.name} releases {count} of @{objects.end.fifo} and holds {objects.held}",
                id="unheld-release",
                where=operation.place,
                why="mlir-aie may pass this without a word; the fifo's count is wrong from then on",
                fix="release what was acquired, once",
            )
        self.memory.held -= set(objects.view(count))
        if objects.end.port == "Produce":
            for name in objects.view(count):
                self.left_over.fills(name)
        objects.held -= count
        objects.position += count
        self._progress()
        if objects.end.release_lock is not None:
            lock = self.locks[objects.end.release_lock]
            lock.release(count * objects.end.amount, self.name, operation.place)
            self.engine.wake(lock)

    def _access(self, operation: Access) -> None:
        view = self._values[operation.view]
        assert isinstance(view, tuple)
        self._values[operation.result] = view[operation.index]

    # Locks written out

    def _use_lock(self, operation: UseLock) -> Work:
        yield from self._spend()
        lock, count = self.locks[self.lowered.core.locks[operation.lock]], operation.value
        if operation.action == "Release":
            yield from self.waits.release(lock, count, operation.place)
        else:
            exactly = operation.action == "Acquire"
            yield from self.waits.acquire(lock, count, operation.place, exactly=exactly)

    # Functions and memory

    def _call(self, operation: Call) -> Work:
        name = operation.callee
        if self.code is None or name not in self.code.functions:
            raise Problem(
                f"{self.name} calls {name}, and there is no such tile function",
                id="no-tile-function",
                where=operation.place,
                why="no tile code was given" if self.code is None else "declared: " + ", ".join(self.code.functions),
                fix="declare it with func.func private, and define it in the tile code",
            )
        yield from self._spend()
        self.calls += 1
        self.calls_since_progress += 1
        if self.calls_since_progress > _MAX_CALLS_WITHOUT_PROGRESS:
            raise Problem(
                f"{self.name} runs on without ever waiting",
                id="endless-loop",
                where=operation.place,
                why=f"it has called {name} {_MAX_CALLS_WITHOUT_PROGRESS:,} times since it last took or gave an object",
                fix="release what is acquired: an acquire of what is still held waits for nothing",
            )
        who = f"{self.name}, call {self.calls} of {name}"
        line, tile = operation.place, self.lowered.core.tile.at
        at = Place(line.file, line.line, line.column, tile=tile, text=f"{who}, {line}")
        arguments = zip(operation.arguments, operation.types, strict=True)
        flat = [self._single(self._values[argument], type_, operation) for argument, type_ in arguments]
        yield from self._stretches(operation, flat, who, at)

    def _stretches(self, call: Call, arguments: Sequence[PlacedBuffer | int | float], who: str, at: Place) -> Work:
        """A call from one wait to the next, and to its end."""
        assert self.code is not None
        name, buffers = call.callee, [argument for argument in arguments if isinstance(argument, PlacedBuffer)]
        watched = [buffer for buffer in buffers if buffer.name in self.races.watched]
        self.breadcrumb(who)
        self.regions.begin_call()
        before = [self.memories.view(buffer).copy() for buffer in watched]
        for stretch in self.code.call(self.code.functions[name], arguments, at):
            self.breadcrumb("")
            if call.result is not None and stretch.result is not None:
                self._values[call.result] = stretch.result
            for fault in stretch.faults:
                self.report(fault)
            for buffer in buffers:
                self.memory.must_be_held(buffer, f"passes to {name}", call.place)
            self._touched(watched, before, Place.told(who, at))
            for term, cycles in stretch.cycles.terms.items():
                self.spent[term] = self.spent.get(term, 0) + cycles
            cycles = stretch.cycles.total if stretch.wait is None else stretch.cycles.within
            self.regions.add(stretch.marks, name, self.calls, self.engine.now, stretch.cycles.within)
            if cycles:
                yield Spend(cycles, name, cycles)
            if stretch.wait is not None:
                yield from self.waits.brings(stretch.wait, f"call {self.calls} of {name}")
                before = [self.memories.view(buffer).copy() for buffer in watched]
                self.breadcrumb(who)

    def _touched(self, watched: Sequence[PlacedBuffer], before: Sequence[Bytes], at: Place) -> None:
        """Tell who looks for races what a tile function read and wrote of buffers that held `before`."""
        for buffer, content in zip(watched, before, strict=True):
            read, written = self.memories.take_read(buffer), self.memories.take_written(buffer)
            written |= self.memories.view(buffer) != content  # `x += 1` is told as a read
            if read.any():
                self.races.reads(buffer.name, at, Part(read))
            if written.any():
                self.races.writes(buffer.name, at, Part(written))

    def _single(self, argument: Value, type_: Type, operation: Call) -> PlacedBuffer | int | float:
        if isinstance(argument, PlacedBuffer | int | float):
            return argument
        if isinstance(argument, BufferView):
            return self._passed(argument, type_, operation)
        what = "what an acquire returned" if isinstance(argument, tuple) else "a vector"
        raise Problem(
            f"{self.name} passes {what} to a function",
            id="not-passed",
            where=operation.place,
            fix="pass one object of it: aie.objectfifo.subview.access"
            if isinstance(argument, tuple)
            else "pass it through a buffer",
        )

    def _passed(self, view: BufferView, type_: Type, operation: Call) -> PlacedBuffer:
        """A function has the address of the buffer, and never where in it a view begins: mlir-aie calls with bare
        pointers (aie_syntax.md, convert-func-to-llvm), and refuses a layout that is known at run time only."""
        if isinstance(type_, MemRef) and view.is_whole:
            return view.buffer
        raise Problem(
            f"{self.name} passes a part of {view.buffer.name} to {operation.callee}",
            id="not-passed",
            where=operation.place,
            why=f"it is {type_}, and the function would get the address of the whole buffer: mlir-aie hands on neither "
            "where a part begins nor its strides, and refuses those that are known at run time only",
            fix="pass the buffer and the index of its first element, or copy the part into a buffer of its own",
        )

    # Memory

    def _buffer(self, value: int) -> PlacedBuffer | BufferView:
        found: Any = self._values[value]
        return found  # type: ignore[no-any-return]  # a check takes as long as the load itself

    def _whole_view(self, value: int) -> BufferView:
        found = self._buffer(value)
        return whole(found) if isinstance(found, PlacedBuffer) else found

    def _numbers(self, values: Sequence[int]) -> list[int]:
        numbers: list[int] = [self._values[value] for value in values]  # type: ignore[misc]
        return numbers

    def _spot(self, operation: Load | Store, count: int) -> Reach:
        self.own_cycles += SCALAR_ACCESS_CYCLES if count == 1 else 1
        indices = [self._values[index] for index in operation.indices]
        return self.memory.at(self._buffer(operation.buffer), indices, count, operation.place)  # type: ignore[arg-type]

    def _load(self, operation: Load) -> None:
        self._values[operation.result] = self.memory.read(self._spot(operation, 1), operation.place)[0].item()

    def _store(self, operation: Store) -> None:
        self.memory.write(self._spot(operation, 1), self._values[operation.value], operation.place)

    def _load_vector(self, operation: LoadVector) -> None:
        shape, _ = self._vector(operation, operation.type, operation.type)
        self._values[operation.result] = self.memory.read(self._vector_at(operation, shape), operation.place).copy()

    def _store_vector(self, operation: StoreVector) -> None:
        shape, _ = self._vector(operation, operation.type)
        self.memory.write(self._vector_at(operation, shape), self._values[operation.value], operation.place)

    def _vector_at(self, operation: LoadVector | StoreVector, shape: tuple[int, ...]) -> Reach:
        """A vector of several dimensions lies along as many of the buffer's, the innermost ones."""
        if len(shape) == 1:
            return self._spot(operation, shape[0])
        view = self._whole_view(operation.buffer)
        along = tuple(range(len(view.shape)))[-len(shape) :]
        elements, _ = self._lanes(operation, view, along, (True,) * len(shape))
        return self.memory.lanes(view, elements, operation.place)

    def _lanes(
        self, operation: LoadVector | StoreVector | Transfer, view: BufferView, along: Along, in_bounds: Sequence[bool]
    ) -> tuple[Flat, Inside]:
        """A row whose elements lie one behind the other is moved at once, any other lane by itself."""
        shape, indices = self._vector(operation, operation.type)[0], self._numbers(operation.indices)
        is_row = along[-1] == len(view.shape) - 1 and view.strides[-1] == 1
        self.own_cycles += prod(shape[:-1]) if is_row else SCALAR_ACCESS_CYCLES * prod(shape)
        return self.memory.transfer(view, indices, shape, along, in_bounds, operation.place)

    def _transferred(self, operation: Transfer, view: BufferView) -> tuple[Flat, Inside]:
        elements, there = self._lanes(operation, view, operation.along, operation.in_bounds)
        if operation.mask is not None:
            there = there & (self._values[operation.mask] != 0)
        return elements, there

    def _transfer_read(self, operation: TransferRead) -> None:
        shape, dtype = self._vector(operation, operation.type, operation.type)
        view, place = self._whole_view(operation.buffer), operation.place
        elements, there = self._transferred(operation, view)
        values = np.full(shape, self._values[operation.padding], dtype=dtype)
        if there.any():
            values[there] = self.memory.read(self.memory.lanes(view, elements[there], place), place)
        self._values[operation.result] = values

    def _transfer_write(self, operation: TransferWrite) -> None:
        view, place = self._whole_view(operation.buffer), operation.place
        elements, there = self._transferred(operation, view)
        values = np.asarray(self._values[operation.value])
        if there.any():
            self.memory.write(self.memory.lanes(view, elements[there], place), values[there], place)

    def _allocate(self, operation: Allocate) -> None:
        """What lies there is an earlier allocation's; what does not fit lies on the buffers above the stack."""
        buffer = self.allocated[operation.result]
        fault = self.stack.beyond(buffer, [one.nbytes for one in self.allocated.values()], operation.place)
        if fault is not None and buffer.address + buffer.nbytes > TILE_KINDS[CORE].memory_bytes:
            raise Problem.of(fault)
        if fault is not None:
            self.report(fault)
        self.memories.known_of(buffer)[:] &= ~np.uint8(FRESH | EVER)
        self._values[operation.result] = buffer

    def _get_global(self, operation: GetGlobal) -> None:
        self._values[operation.result] = self.globals[operation.symbol]

    def _view(self, operation: View) -> None:
        source = self._whole_view(operation.source)
        try:
            self._values[operation.result] = viewed(operation, source, self._numbers(operation.operands))
        except Outside as outside:
            raise self.memory.no_view(source.buffer, str(outside), operation.place) from None

    def _extent(self, operation: Extent) -> None:
        (dimension,), view = self._numbers([operation.dimension]), self._whole_view(operation.buffer)
        if not 0 <= dimension < len(view.shape):
            raise self.memory.no_view(view.buffer, f"dimension {dimension} of {view}", operation.place)
        self._values[operation.result] = view.shape[dimension]

    def _vector(self, operation: Operation, type_: Type, gives: Type | None = None) -> _VectorType:
        """Shape and element type of a vector; `gives` is the type of the operation's result."""
        try:
            return vector_type(type_)
        except Unsupported:
            raise _not_executed(operation, gives) from None

    def _copy(self, operation: Copy) -> None:
        source, target = self._whole_view(operation.source), self._whole_view(operation.target)
        nbytes = self.memory.copy(source, target, operation.place)
        self.own_cycles += 2 * SCALAR_ACCESS_CYCLES * -(-nbytes // 4)

    # The cascade

    def _put_cascade(self, operation: PutCascade) -> Work:
        yield from self._spend()
        value = self._values[operation.value]
        if not isinstance(value, np.ndarray) or value.nbytes != CASCADE_BYTES:
            raise self._no_cascade_vector("puts", "onto", operation)
        self._progress()
        yield from self.waits.cascade.put(value, operation.place)

    def _get_cascade(self, operation: GetCascade) -> Work:
        self._progress()
        value = yield from self.waits.cascade.get(operation.place)
        shape, dtype = self._vector(operation, operation.type, operation.type)
        if prod(shape) * dtype.itemsize != CASCADE_BYTES:
            raise self._no_cascade_vector("gets", "from", operation)
        self._values[operation.result] = value.view(dtype).reshape(shape)

    # The stream

    def _put_stream(self, operation: PutStream) -> Work:
        yield from self._spend()
        (value,) = self._numbers([operation.value])
        yield from self.waits.put_word(value, operation.place)

    def _get_stream(self, operation: GetStream) -> Work:
        yield from self._spend()
        self._values[operation.result] = yield from self.waits.get_word(operation.place)

    def _no_cascade_vector(self, verb: str, way: str, operation: PutCascade | GetCascade) -> Problem:
        return Problem(
            f"{self.name} {verb} what is not {8 * CASCADE_BYTES} bits {way} the cascade",
            id="cascade-width",
            where=operation.place,
            why=f"it is {operation.type}",
            fix="use a vector of 512 bits, for instance vector<16xi32>",
        )

    def _nothing(self, operation: Operation) -> None:
        pass


def refuse_what_is_not_executed(body: Body) -> None:
    """A core with an operation that is not executed here is refused by its name, before anything runs."""
    for operation in walk(body):
        if type(operation) not in _EXECUTED:
            gives = operation.types[0] if isinstance(operation, Kept) and operation.types else None
            raise _not_executed(operation, gives)


def _not_executed(operation: Operation, gives: Type | None = None) -> Problem:
    what = f"the emulator does not execute {operation.name}" + (f" on {gives}" if gives is not None else "")
    if isinstance(operation, Kept) and operation.name in (*spellings(_EXECUTED), *AFFINE):
        why = f"its operands, types and attributes are not those of {operation.name}, or not those that are executed"
        return Problem(
            what, id="not-executed", where=operation.place, why=why, fix="compare them with MLIR's page of it"
        )
    why, fix = (
        _NO_HEAP
        if operation.name in ON_THE_HEAP
        else (
            _executed_of(operation.name.split(".")[0]),
            "say it with those, or move it into the tile code",
        )
    )
    return Problem(what, id="not-executed", where=operation.place, why=why, fix=fix)


_NO_HEAP = (
    "MLIR makes a call of malloc or free of it, and a core has no heap: there is no such function to link with",
    "keep it in an aie.buffer, or write memref.alloca, which lies on the core's stack",
)


def _executed_of(dialect: str) -> str:
    """What is executed of a dialect; of one that is not executed at all, which others are."""
    names = sorted([*spellings(_EXECUTED - _ENDS), *AFFINE])
    same = [name for name in names if name.startswith(f"{dialect}.")]
    dialects = dict.fromkeys(name.split(".")[0] for name in names if "." in name)
    return "executed in a core: " + ", ".join(same or (f"{one}.*" for one in dialects))


def _not_computed(operation: Operation, type_: Unsupported) -> Problem:
    return Problem(
        f"the emulator does not execute {operation.name} on {type_}",
        id="not-executed",
        where=operation.place,
        why="cores compute on integers, f32 and bf16 here, and on vectors of them",
        fix="move it into the tile code",
    )


_SIMPLE: dict[type[Operation], Callable[[CoreProgram, Any], None]] = {
    **dict.fromkeys(COMPUTED, CoreProgram._compute),
    **dict.fromkeys(OF_VECTORS, CoreProgram._compute_vector),
    **dict.fromkeys(OPEN, CoreProgram._compute_openly),
    TransferRead: CoreProgram._transfer_read,
    TransferWrite: CoreProgram._transfer_write,
    Constant: CoreProgram._constant,
    Access: CoreProgram._access,
    Load: CoreProgram._load,
    Store: CoreProgram._store,
    Copy: CoreProgram._copy,
    Allocate: CoreProgram._allocate,
    GetGlobal: CoreProgram._get_global,
    Extent: CoreProgram._extent,
    **dict.fromkeys(VIEWS, CoreProgram._view),
    LoadVector: CoreProgram._load_vector,
    StoreVector: CoreProgram._store_vector,
    Event: CoreProgram._nothing,
    Label: CoreProgram._nothing,
}
_WAITING: dict[type[Operation], Callable[[CoreProgram, Any], Work]] = {
    For: CoreProgram._for,
    While: CoreProgram._while,
    If: CoreProgram._if,
    IndexSwitch: CoreProgram._switch,
    Call: CoreProgram._call,
    Acquire: CoreProgram._acquire,
    Release: CoreProgram._release,
    UseLock: CoreProgram._use_lock,
    PutCascade: CoreProgram._put_cascade,
    GetCascade: CoreProgram._get_cascade,
    PutStream: CoreProgram._put_stream,
    GetStream: CoreProgram._get_stream,
}
_ENDS = frozenset({Yield, Condition, End})
_EXECUTED = frozenset({*_SIMPLE, *_WAITING, *_ENDS, Branch, BranchIf})
