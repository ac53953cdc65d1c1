"""Calls native functions, on a stack whose locals are watched or on one that lies in a tile.

A call that waits keeps its stack and hands over; it goes on there when it is let (runtime/tileproof_checks.cc). There
is no thread: nothing runs that the engine has not chosen, and what is given up is forgotten.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Generator, Sequence
from typing import Any

from tileproof.emulator.array.host_stack import HostStack, give_back, map_shadow, take_stack
from tileproof.emulator.array.records import FrameNotes, StackWindow, WaitRecord
from tileproof.errors import Problem

# Registers for arguments: more whole numbers go on the stack, more floats do not exist here.
_INTEGER_REGISTERS, _FLOAT_REGISTERS = 8, 8

# The values of a call's arguments, asked for when it begins.
Values = Callable[[], Sequence[int | float]]


class NativeCalls:
    """Calls of the functions of one library that was built with the checks of runtime/tileproof_checks.hpp.

    Each call is a generator of what it waits for: who asks for more has written the answer into the record.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._window = StackWindow.in_dll(library, "tileproof_stack")
        self._notes = FrameNotes.in_dll(library, "tileproof_frames")
        self._waits_for = ctypes.c_void_p.in_dll(library, "tileproof_waits_for")
        # They leave what the function returns where that put it: in a register for whole numbers, or in one for floats.
        self._switches = {kind: _switches(library, kind) for kind in (None, ctypes.c_uint64, ctypes.c_float)}
        self.returned: int | float | None = None  # by the latest call, as the function's restype has it
        self._deepest: dict[str, int] = {}  # of each function, below the top, so that frames are noted once
        self._watched: HostStack | None = None
        with _Stack() as stack:
            self._watch(stack, 0)

    def call(
        self, name: str, function: Callable[..., None], values: Values
    ) -> Generator[WaitRecord, None, tuple[str, ...]]:
        """Call it; what the compiler says of its frames, from the deepest up, where it never was as deep before."""
        with _Stack() as stack:
            before = self._deepest.get(name, 0)
            self._watch(stack, before)
            yield from self._run(function, values(), stack.top)
            stack.forget_written(self._window.lowest)
            depth = stack.top - self._window.deepest
        if depth == before:
            return ()
        self._deepest[name] = depth
        noted = self._notes.descriptions[: min(self._notes.count, len(self._notes.descriptions))]
        return tuple(description.decode(errors="replace") for description in noted)

    def sounded(self, function: Callable[..., None], values: Values) -> Generator[WaitRecord, None, int]:
        """The same; gives the bytes of this machine's stack that it took, as far as HostStack sounds."""
        with _Stack() as stack:
            self._watch(stack, 0)
            stack.fill()
            yield from self._run(function, values(), stack.top)
            stack.forget_written(self._window.lowest)
            return stack.depth()

    def in_tile(
        self, function: Callable[..., None], values: Values, low: int, top: int
    ) -> Generator[WaitRecord, None, None]:
        """Call it with its locals between two addresses of a tile's memory, growing down from the higher one."""
        map_shadow(low, top - low)
        yield from self._run(function, values(), top)

    def _watch(self, stack: HostStack, deepest: int) -> None:
        """Tell the checks which stack a call is on, and how deep it has been before."""
        window = self._window
        if stack is not self._watched:  # most calls have the same
            self._watched = stack
            window.low, window.size, window.written = stack.low, stack.nbytes, stack.written
        window.lowest, window.deepest = stack.top, stack.top - deepest

    def _run(self, function: Any, values: Sequence[int | float], top: int) -> Generator[WaitRecord, None, None]:
        begin, go_on = self._switches[function.restype]
        returned = self._begin(begin, function, values, top)
        while waits_for := self._waits_for.value:
            yield WaitRecord.from_address(waits_for)
            returned = go_on()
        self.returned = returned

    def _begin(self, begin: Any, function: Any, values: Sequence[int | float], top: int) -> int | float | None:
        declared = list(zip(function.argtypes, values, strict=True))
        whole = [int(value) for kind, value in declared if kind is not ctypes.c_float]
        single = [float(value) for kind, value in declared if kind is ctypes.c_float]
        if len(single) > _FLOAT_REGISTERS:
            raise Problem(
                "a tile function takes more floats than can be passed to it here",
                id="not-passed",
                why=f"it takes {len(single)}, and {_FLOAT_REGISTERS} are passed in registers",
                fix="pass the floats through a buffer",
            )
        integers = (ctypes.c_uint64 * max(len(whole), _INTEGER_REGISTERS))(*(value & (2**64 - 1) for value in whole))
        # A single-precision argument is the low half of its register.
        floats = (ctypes.c_uint64 * _FLOAT_REGISTERS)(
            *(int.from_bytes(struct.pack("<f", value), "little") for value in single)
        )
        address = ctypes.cast(function, ctypes.c_void_p)
        return begin(address, ctypes.addressof(integers), len(whole), ctypes.addressof(floats), top)  # type: ignore[no-any-return]


def _switches(library: ctypes.CDLL, returns: Any) -> tuple[Any, Any]:
    """What begins a call of a function with that result, and what lets it go on."""
    begin, go_on = library["tileproof_call_on_stack"], library["tileproof_go_on"]
    begin.restype = go_on.restype = returns
    begin.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
    go_on.argtypes = ()
    return begin, go_on


class _Stack:
    """A stack for a call, to its end or until it is given up."""

    def __enter__(self) -> HostStack:
        self._stack = take_stack()
        return self._stack

    def __exit__(self, given_up: type[BaseException] | None, *_: object) -> None:
        if given_up is not None:
            self._stack.forget_call()
        give_back(self._stack)
