"""Calls native functions, on a stack whose locals are watched or on one that lies in a tile."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

from tileproof.emulator.array.host_stack import host_stack, map_shadow
from tileproof.emulator.array.records import FrameNotes, StackWindow
from tileproof.errors import Problem

# Registers for arguments: more whole numbers go on the stack, more floats do not exist here.
_INTEGER_REGISTERS, _FLOAT_REGISTERS = 8, 8


class NativeCalls:
    """Calls of the functions of one library that was built with the checks of runtime/tileproof_checks.hpp."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._stack = host_stack()
        self._window = StackWindow.in_dll(library, "tileproof_stack")
        self._window.low, self._window.size = self._stack.low, self._stack.nbytes
        self._window.written = self._stack.written
        self._notes = FrameNotes.in_dll(library, "tileproof_frames")
        # It leaves what the function returns where that put it: in a register for whole numbers, or in one for floats.
        self._switches = {kind: _switch(library, kind) for kind in (None, ctypes.c_uint64, ctypes.c_float)}
        self.returned: int | float | None = None  # by the latest call, as the function's restype has it
        self._deepest: dict[str, int] = {}  # of each function, so that frames are noted once

    def call(self, name: str, function: Callable[..., None], values: Sequence[int | float]) -> tuple[str, ...]:
        """Call it; what the compiler says of its frames, from the deepest up, where it never was as deep before."""
        self._window.lowest = self._stack.top
        self._window.deepest = before = self._deepest.get(name, self._stack.top)
        self._call(function, values, self._stack.top)
        self._stack.forget_written(self._window.lowest)
        if self._window.deepest == before:
            return ()
        self._deepest[name] = self._window.deepest
        noted = self._notes.descriptions[: min(self._notes.count, len(self._notes.descriptions))]
        return tuple(description.decode(errors="replace") for description in noted)

    def sounded(self, call: Callable[[], Any]) -> int:
        """Make a call of these; the bytes of this machine's stack that it took, as far as HostStack sounds."""
        self._stack.fill()
        call()
        return self._stack.depth()

    def call_in_tile(self, function: Callable[..., None], values: Sequence[int | float], low: int, top: int) -> None:
        """Call it with its locals between two addresses of a tile's memory, growing down from the higher one."""
        map_shadow(low, top - low)
        self._call(function, values, top)

    def _call(self, function: Any, values: Sequence[int | float], top: int) -> None:
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
        switch = self._switches[function.restype]
        self.returned = switch(address, ctypes.addressof(integers), len(whole), ctypes.addressof(floats), top)


def _switch(library: ctypes.CDLL, returns: Any) -> Any:
    switch = library["tileproof_call_on_stack"]
    switch.restype = returns
    switch.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
    return switch
