"""Calls a native function with its stack somewhere else."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

from tileproof.errors import Problem

# Registers for arguments: more whole numbers go on the stack, more floats do not exist here.
_INTEGER_REGISTERS, _FLOAT_REGISTERS = 8, 8


def call_on_stack(library: ctypes.CDLL, function: Any, values: Sequence[int | float], top: int) -> None:
    """Call `function` with a stack that grows down from the address `top`. Floats are single precision."""
    whole = [value for value in values if isinstance(value, int)]
    single = [value for value in values if isinstance(value, float)]
    if len(single) > _FLOAT_REGISTERS:
        raise Problem(
            "a function whose stack is too small takes more floats than can be passed to it here",
            id="not-passed",
            why=f"it takes {len(single)}, and {_FLOAT_REGISTERS} are passed in registers",
            fix="give the core a larger stack_size first, or pass the floats through a buffer",
        )
    padded = max(len(whole), _INTEGER_REGISTERS)
    integers = (ctypes.c_uint64 * padded)(*(value & (2**64 - 1) for value in whole))
    # A single-precision argument is the low half of its register.
    floats = (ctypes.c_uint64 * _FLOAT_REGISTERS)(
        *(int.from_bytes(struct.pack("<f", value), "little") for value in single)
    )
    switch = library["tileproof_call_on_stack"]
    switch.restype = None
    switch.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p)
    address = ctypes.cast(function, ctypes.c_void_p)
    switch(address, ctypes.addressof(integers), len(whole), ctypes.addressof(floats), top)
