"""The compiled tile functions: loaded into this process, called with pointers into the tile memories.

A call comes in stretches: up to where it waits for something, and so on to its end. Between two of them the memories
are everybody's.
"""

from __future__ import annotations

import _ctypes
import ctypes
import json
import os
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from tileproof.diagnostic import Diagnostic, Place
from tileproof.dtypes import DTYPES
from tileproof.emulator.array.call_faults import API_FAULTS, bad_access
from tileproof.emulator.array.host_stack import map_shadow_of_main_stack
from tileproof.emulator.array.locals import Local, kept_locals
from tileproof.emulator.array.marks import Mark, Marks
from tileproof.emulator.array.memory import BELOW_STACK, TileMemories
from tileproof.emulator.array.native_calls import NativeCalls, Values
from tileproof.emulator.array.records import (
    Accesses,
    ApiFault,
    BadAccess,
    BlockCounts,
    CoreState,
    StackWindow,
    Unconfirmed,
    WaitRecord,
    Window,
)
from tileproof.emulator.array.rounding import FLOOR
from tileproof.emulator.array.source_lines import source_line
from tileproof.emulator.array.stack import CoreStack
from tileproof.emulator.cost.code import Meter
from tileproof.emulator.cost.cycles import CallCycles
from tileproof.emulator.cost.profile import Uses
from tileproof.emulator.cost.stored import cost_read
from tileproof.emulator.library import Library
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Function
from tileproof.mlir.values import MemRef

_S = TypeVar("_S", bound=ctypes.Structure)

_SCALARS: dict[str, type[ctypes._SimpleCData[int]] | type[ctypes._SimpleCData[float]]] = {
    "i8": ctypes.c_int8,
    "i16": ctypes.c_int16,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "index": ctypes.c_int64,
    "f32": ctypes.c_float,
    # aie_api's is a struct of its bits, and both machines pass such a one in a register for whole numbers.
    "bf16": ctypes.c_uint16,
}


@dataclass(frozen=True, slots=True)
class TileFunction:
    """A declared function and its compiled code."""

    declared: Function
    call: Callable[..., None]


class Wait:
    """What the call `who` waits for at a line of the tile code: `kind`, `number` and `amount` are of
    aie_api/waiting.hpp, `word` are the bytes that it hands on. Where it only `looks`, it goes on with or without."""

    def __init__(self, record: WaitRecord, line: Place, who: Place) -> None:
        self.kind, self.number, self.amount = record.kind, record.number, record.amount
        self.looks, self.word = bool(record.looks), bytes(record.word)
        self._line, self._who, self._record = line, who, record

    @property
    def line(self) -> Place:
        """The line alone, where it is known."""
        return self._line or self._who

    @property
    def place(self) -> Place:
        """The line, and whose call it is."""
        return _at(self._line, self._who)

    def gets(self, word: bytes = b"") -> None:
        """It has what it waited for."""
        self._record.is_done = 1
        ctypes.memmove(self._record.word, word, len(word))


class Stretch(NamedTuple):
    """What came of a call up to where it waits, or to its end, and the marks on the way. `result` is None of a function
    that returns nothing."""

    result: int | float | None
    cycles: CallCycles
    faults: Sequence[Diagnostic]
    wait: Wait | None
    marks: Sequence[Mark]


# A call on a stack: what it waits for, and in the end what is wrong with its stack.
_OnStack = Generator[WaitRecord, None, list[Diagnostic]]


class TileCode:
    """One shared library with every tile function of a design, for one core."""

    def __init__(
        self,
        library: Library,
        functions: Sequence[Function],
        memories: TileMemories,
        stack: CoreStack,
        breadcrumb: Callable[[str], None],
        *,
        as_hardware: bool = False,
        keeps_seen: bool = False,
    ) -> None:
        """`keeps_seen`: whether somebody asks which bytes were read."""
        self._memories = memories
        self._needs, self._kept, self._unbounded = library.stacks, library.kept, library.unbounded
        self._locals: dict[str, tuple[Local, ...]] = {}  # of the deepest call of each function so far
        self._stack = stack
        self._breadcrumb = breadcrumb
        breadcrumb("the constructors of the tile code")
        map_shadow_of_main_stack()
        self._handle, self._library = _load(library.code)
        breadcrumb("")
        weakref.finalize(self, _unload, self._handle, self._library._handle)
        self._native = NativeCalls(self._library)
        self.functions = {function.name: self._function(function) for function in functions}
        self._bad_access = BadAccess.in_dll(self._library, "tileproof_bad_access")
        self._accesses = Accesses.in_dll(self._library, "tileproof_accesses")
        self._api_fault = ApiFault.in_dll(self._library, "tileproof_fault")
        self._cost = cost_read(library.cost)
        self._meter, self.uses = Meter(self._cost), Uses(self._cost)
        self._blocks = _counts_of(BlockCounts.in_dll(self._library, "tileproof_counts"), self._cost.counters)
        self._marks = Marks(self._library, self._cost.counters, self._meter, self._line)
        self._state = _of_the_api(self._library, "tileproof_core_state", CoreState)
        self._unconfirmed = _of_the_api(self._library, "tileproof_unconfirmed", Unconfirmed)
        self._as_hardware = as_hardware
        self._lines: dict[int, Place] = {}  # of what waits, by its address
        # Only what may wait has this function; for all others a call is one stretch.
        self.may_wait = hasattr(self._library, "tileproof_wait")
        ctypes.c_uint32.in_dll(self._library, "tileproof_keeps_seen").value = keeps_seen
        self._tell(memories, as_hardware)

    @property
    def rounding(self) -> int:
        """The rounding mode that the tile functions have left; code without the AIE API sets none."""
        return FLOOR if self._state is None else int(self._state.rounding)

    def take_unconfirmed(self) -> tuple[int, ...]:
        """The rules that no source confirms and that were used since this was last asked."""
        if self._unconfirmed is None:
            return ()
        used = tuple(rule for rule, is_used in enumerate(self._unconfirmed.used) if is_used)
        ctypes.memset(ctypes.addressof(self._unconfirmed), 0, ctypes.sizeof(self._unconfirmed))
        return used

    def _tell(self, memories: TileMemories, as_hardware: bool) -> None:
        """Set what the library must know of this process."""
        window = Window.in_dll(self._library, "tileproof_memory")
        window.base, window.size = memories.base, len(memories.bytes)
        window.bytes = memories.known.ctypes.data
        if self._state is not None and as_hardware:
            self._state.as_hardware = 1

    def _function(self, declared: Function) -> TileFunction:
        try:
            call = self._library[declared.name]
        except AttributeError:
            raise Problem(
                f"the tile code does not define {declared.name}",
                id="no-tile-function",
                where=declared.place,
                why='the design declares it, and no file of the tile code has an extern "C" function of that name',
                fix=f'define `extern "C" void {declared.name}(...)` in the tile code, or correct the name',
                exit_code=EXIT_KERNEL_WRONG,
            ) from None
        call.restype = None if declared.result is None else _register_of(declared.result)
        call.argtypes = [_ctype(declared, parameter) for parameter in declared.parameters]
        return TileFunction(declared, call)

    def call(
        self, function: TileFunction, arguments: Sequence[PlacedBuffer | int | float], who: Place
    ) -> Iterator[Stretch]:
        """Call a tile function; the buffers among its arguments are the only tile memory it may touch."""
        buffers = [argument for argument in arguments if isinstance(argument, PlacedBuffer)]
        need = self._needs.get(function.declared.name)
        overflows = need is not None and self._stack.overflows(need)
        # What runs over an end is to hit what it hits on the device: the locals that do not fit, and all --as-hardware.
        apart = () if overflows or self._as_hardware else buffers

        def values() -> list[int | float]:
            return [
                self._memories.address_of(argument) if isinstance(argument, PlacedBuffer) else _passed(argument, type_)
                for argument, type_ in zip(arguments, function.declared.parameters, strict=True)
            ]

        call = (self._on_tile if overflows else self._on_host)(function, values, who)
        while True:
            with self._memories.apart(apart):
                with self._memories.open_to(buffers), self._memories.noticing_writes(buffers):
                    waits, found = _next(call)
                    while self._marks.must_be_read(waits):
                        waits, found = _next(call)
                found += self._faults(function.declared, buffers, who)
            wait = Wait(waits, self._line(waits.pc), who) if waits is not None else None
            result = _result(function.declared, self._native.returned) if wait is None else None
            yield Stretch(result, self._cycles(ends=wait is None), found, wait, self._marks.take())
            if wait is None:
                return

    def _on_host(self, function: TileFunction, values: Values, who: Place) -> _OnStack:
        """Call a function with its locals on a stack of this machine; tell if the device's is too small for them."""
        name = function.declared.name
        if name in self._unbounded:  # nobody can say before what it takes
            depth = yield from self._native.sounded(function.call, values)
            why = self._unbounded[name]
            return [] if depth <= self._stack.nbytes else [self._stack.too_deep(function.declared, depth, why, who)]
        frames = yield from self._native.call(name, function.call, values)
        if frames:
            self._locals[name] = kept_locals(frames, self._kept, self._stack.generation.register_bytes)
        too_small = self._stack.too_small_for(function.declared, self._locals.get(name, ()), who)
        return [] if too_small is None else [too_small]

    def _on_tile(self, function: TileFunction, values: Values, who: Place) -> _OnStack:
        """Call a function whose locals do not fit: they lie where the device has them, and hit what they hit."""
        need = self._needs[function.declared.name]
        extent = self._stack.extent(need)
        top = self._memories.windows[self._stack.tile.at].address + extent
        call = self._native.in_tile(function.call, values, top - extent - BELOW_STACK, top)
        told = json.dumps(self._stack.before_the_call(function.declared, need, who).as_json())
        changed = np.zeros(extent, dtype=np.bool_)
        while True:
            with self._memories.as_stack(self._stack.tile, extent) as memory:
                before = memory.copy()
                self._breadcrumb(told)
                waits = next(call, None)
                changed |= before != memory
            if waits is None:
                return [self._stack.fault(function.declared, need, changed, who)]
            yield waits

    def _line(self, pc: int) -> Place:
        """The line that waits; the same ones do so time and again."""
        if pc not in self._lines:
            self._lines[pc] = source_line(self._handle, pc)
        return self._lines[pc]

    def _cycles(self, *, ends: bool) -> CallCycles:
        """What the call took of the core, by resource; the counters begin anew."""
        counts = self._blocks.astype(np.int64)
        counted = self._meter.cycles(counts)
        conflicts, self._accesses.conflicts = self._accesses.conflicts, 0
        self._blocks.fill(0)
        cycles = CallCycles(slots=counted.slots, schedule=counted.expected, conflicts=conflicts)
        self.uses.add(counts, cycles, ends=ends)
        return cycles

    def _faults(self, function: Function, buffers: Sequence[PlacedBuffer], who: Place) -> list[Diagnostic]:
        """What the call left in the fault records; both are cleared, so that the next call starts clean."""
        found: list[Diagnostic] = []
        bad, api = self._bad_access, self._api_fault
        if bad.kind:
            line = source_line(self._handle, bad.pc)
            found.append(bad_access(function, buffers, self._memories, bad, _at(line, who)))
            ctypes.memset(ctypes.byref(bad), 0, ctypes.sizeof(bad))
        if api.kind:
            line = source_line(self._handle, ctypes.c_size_t.in_dll(self._library, "tileproof_fault_pc").value)
            found.append(API_FAULTS[api.kind](function, _at(line, who), api, self._memories))
            ctypes.memset(ctypes.byref(api), 0, ctypes.sizeof(api))
        return found


def _counts_of(blocks: BlockCounts, counters: int) -> NDArray[np.uint64]:
    """The counters of its blocks; zeros where this machine's compiler counts none."""
    if blocks.count != counters or not counters:
        return np.zeros(counters, dtype=np.uint64)
    return np.ctypeslib.as_array((ctypes.c_uint64 * counters).from_address(blocks.first))


def _next(call: _OnStack) -> tuple[WaitRecord | None, list[Diagnostic]]:
    """What the call stops for next; nothing, and what is wrong with its stack, if it is over."""
    try:
        return next(call), []
    except StopIteration as end:
        found: list[Diagnostic] = end.value
        return None, found


def _at(line: Place, who: Place) -> Place:
    """The line of the tile code, where it is known, and whose call it was."""
    return replace(line, text=f"{line}, {who}", tile=who.tile) if line else who


def _ctype(function: Function, parameter: MemRef | str) -> type:
    if isinstance(parameter, MemRef):
        return ctypes.c_void_p
    if parameter not in _SCALARS:
        raise Problem(
            f"{function.name} has a parameter of type {parameter}",
            id="not-passed",
            where=function.place,
            why="tile functions take memrefs and " + ", ".join(_SCALARS),
            fix="pass the value through a buffer",
        )
    return _SCALARS[parameter]


def _register_of(result: str) -> type:
    """Which one a result comes back in."""
    return ctypes.c_float if result == "f32" else ctypes.c_uint64


def _passed(argument: int | float, type_: MemRef | str) -> int | float:
    """A number as it is passed: bf16 as its bits."""
    return int(np.asarray(argument, DTYPES["bf16"].numpy).view(np.uint16)) if type_ == "bf16" else argument


def _result(function: Function, returned: int | float | None) -> int | float | None:
    """What is in the register, which may hold anything above the bits of the type."""
    if function.result is None or returned is None or function.result == "f32":
        return returned
    dtype = DTYPES[function.result]
    low = int(returned) & ((1 << 8 * dtype.nbytes) - 1)
    return np.frombuffer(low.to_bytes(dtype.nbytes, "little"), dtype.numpy)[0].item()  # type: ignore[no-any-return]


def _of_the_api(library: ctypes.CDLL, name: str, kind: type[_S]) -> _S | None:
    """What is there where tile code includes the AIE API."""
    try:
        return kind.in_dll(library, name)
    except ValueError:
        return None


def _load(library: bytes) -> tuple[int, ctypes.CDLL]:
    """dlopen from memory: nothing is left behind, however the process ends. The file descriptor stays open."""
    handle = os.memfd_create("tileproof-tile-code")
    with open(handle, "wb", closefd=False) as file:
        file.write(library)
    try:
        loaded = ctypes.CDLL(f"/proc/self/fd/{handle}")
        StackWindow.in_dll(loaded, "tileproof_stack")  # the checks, without which nothing would be seen
        return handle, loaded
    except (OSError, ValueError) as error:
        raise Problem(
            "the compiled tile code cannot be loaded",
            id="other-emulator",
            where="EMULATION_DATA of the xclbin",
            why=str(error),
            fix="remove its folder below build/ and build it again, on this machine",
        ) from None


def _unload(handle: int, library: int) -> None:
    """Of an array that is gone: another may be set up in its place in this process."""
    os.close(handle)
    _ctypes.dlclose(library)
