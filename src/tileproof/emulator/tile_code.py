"""The compiled tile functions: loaded into this process, called with pointers into the tile memories."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tileproof.emulator.faults import Fault
from tileproof.emulator.memory import TileMemories
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Function, MemRef

_S = TypeVar("_S", bound=ctypes.Structure)

_SCALARS: dict[str, type[ctypes._SimpleCData[int]] | type[ctypes._SimpleCData[float]]] = {
    "i8": ctypes.c_int8,
    "i16": ctypes.c_int16,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "index": ctypes.c_int64,
    "f32": ctypes.c_float,
}


class _Window(ctypes.Structure):
    """`tileproof_window` of tileproof_checks.hpp."""

    _fields_ = (("base", ctypes.c_size_t), ("size", ctypes.c_size_t), ("access", ctypes.c_void_p))


class _BadAccess(ctypes.Structure):
    """`tileproof_access_fault` of tileproof_checks.hpp."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("nbytes", ctypes.c_uint32),
        ("address", ctypes.c_size_t),
    )


class _ApiFault(ctypes.Structure):
    """`tileproof_fault` of aie_api/core_state.hpp."""

    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("needed", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("address", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class TileFunction:
    """A declared function and its compiled code."""

    declared: Function
    call: Callable[..., None]


class TileCode:
    """One shared library with every tile function of a design."""

    def __init__(self, library: bytes, functions: Sequence[Function], memories: TileMemories) -> None:
        self._memories = memories
        self._library = _load(library)
        self.functions = {function.name: self._function(function) for function in functions}
        self._bad_access = _symbol(self._library, "tileproof_bad_access", _BadAccess)
        self._api_fault = _symbol(self._library, "tileproof_fault", _ApiFault)
        window = _symbol(self._library, "tileproof_memory", _Window)
        if window is not None:
            window.base = memories.base
            window.size = len(memories.bytes)
            window.access = memories.access.ctypes.data

    def _function(self, declared: Function) -> TileFunction:
        try:
            call = self._library[declared.name]
        except AttributeError:
            raise Problem(
                f"the tile code does not define {declared.name}",
                where=str(declared.place),
                why='the design declares it, and no file of the tile code has an extern "C" function of that name',
                fix=f'define `extern "C" void {declared.name}(...)` in the tile code, or correct the name',
                exit_code=EXIT_KERNEL_WRONG,
            ) from None
        call.restype = None
        call.argtypes = [_ctype(declared, parameter) for parameter in declared.parameters]
        return TileFunction(declared, call)

    def call(self, function: TileFunction, arguments: Sequence[PlacedBuffer | int | float], who: str) -> list[Fault]:
        """Call a tile function; the buffers among its arguments are the only tile memory it may touch."""
        buffers = [argument for argument in arguments if isinstance(argument, PlacedBuffer)]
        values = [self._memories.address_of(a) if isinstance(a, PlacedBuffer) else a for a in arguments]
        self._memories.allow(buffers, True)
        function.call(*values)
        self._memories.allow(buffers, False)
        return self._faults(function.declared, buffers, who)

    def _faults(self, function: Function, buffers: Sequence[PlacedBuffer], who: str) -> list[Fault]:
        """What the call left in the fault records; both are cleared, so that the next call starts clean."""
        found: list[Fault] = []
        bad, api = self._bad_access, self._api_fault
        if bad is not None and bad.kind:
            found.append(self._out_of_bounds(function, buffers, who, bad))
            ctypes.memset(ctypes.byref(bad), 0, ctypes.sizeof(bad))
        if api is not None and api.kind:
            found.append(_API_FAULTS[api.kind](function, who, api, self._memories))
            ctypes.memset(ctypes.byref(api), 0, ctypes.sizeof(api))
        return found

    def _out_of_bounds(self, function: Function, buffers: Sequence[PlacedBuffer], who: str, bad: _BadAccess) -> Fault:
        verb = "reads" if bad.kind == 1 else "writes"
        near = min(buffers, key=lambda buffer: _distance(self._memories, buffer, bad.address), default=None)
        place = "tile memory that it was not given"
        if near is not None:
            start = self._memories.address_of(near)
            past, short = bad.address - (start + near.nbytes) + 1, start - bad.address
            side = f"byte {past:,} past the end" if past > 0 else f"byte {short:,} before the start"
            place = f"{side} of {near.name} ({near.nbytes:,} bytes)"
        located = self._memories.locate(bad.address)
        address = f"address 0x{located[1]:05x} of {located[0]}" if located else f"0x{bad.address:x}"
        return Fault(
            kind="out-of-bounds",
            what=f"{function.name} {verb} outside its buffers: {place}",
            where=f"{who}, {address}, in an access of {bad.nbytes} bytes",
            why="on the device it would silently touch whatever lies there",
            fix="check the loop bounds and the sizes that the function assumes against its memref parameters",
        )


def _misaligned(function: Function, who: str, fault: _ApiFault, memories: TileMemories) -> Fault:
    located = memories.locate(fault.address)
    address = f"address 0x{located[1]:05x} of {located[0]}" if located else f"0x{fault.address:x}"
    return Fault(
        kind="misaligned",
        what=f"{function.name} makes a misaligned vector access of {fault.bytes} bytes",
        where=f"{who}, {address}",
        why=f"load_v and store_v need {fault.needed}-byte alignment here; the device drops the low address bits "
        "and moves other bytes, without a word",
        fix="align the data, or use load_unaligned_v and store_unaligned_v",
    )


def _shift(function: Function, who: str, fault: _ApiFault, memories: TileMemories) -> Fault:
    shift, limit = ctypes.c_int32(fault.bytes).value, ctypes.c_int32(fault.needed).value
    return Fault(
        kind="shift",
        what=f"{function.name} shifts an accumulator by {shift}",
        where=who,
        why=f"the hardware's range ends at {limit}",
        fix="keep the shift inside the range, or split it",
    )


def _index(function: Function, who: str, fault: _ApiFault, memories: TileMemories) -> Fault:
    return Fault(
        kind="index",
        what=f"{function.name} uses an index or step of {fault.bytes}",
        where=who,
        why=f"only values below {fault.needed} make sense for that vector",
        fix="correct the index; on the device the result is undefined",
    )


# By tileproof_fault_kind of aie_api/core_state.hpp.
_API_FAULTS = {1: _misaligned, 2: _shift, 3: _index}


def _distance(memories: TileMemories, buffer: PlacedBuffer, address: int) -> int:
    start = memories.address_of(buffer)
    return max(start - address, address - (start + buffer.nbytes) + 1)


def _ctype(function: Function, parameter: MemRef | str) -> type:
    if isinstance(parameter, MemRef):
        return ctypes.c_void_p
    if parameter not in _SCALARS:
        raise Problem(
            f"{function.name} has a parameter of type {parameter}",
            where=str(function.place),
            why="tile functions take memrefs and " + ", ".join(_SCALARS),
            fix="pass the value through a buffer",
        )
    return _SCALARS[parameter]


def _symbol(library: ctypes.CDLL, name: str, kind: type[_S]) -> _S | None:
    try:
        return kind.in_dll(library, name)
    except ValueError:
        return None  # a library built without this part


def _load(library: bytes) -> ctypes.CDLL:
    """dlopen from memory: nothing is left behind, however the process ends."""
    handle = os.memfd_create("tileproof-tile-code")
    with open(handle, "wb", closefd=False) as file:
        file.write(library)
    try:
        return ctypes.CDLL(f"/proc/self/fd/{handle}")
    except OSError as error:
        raise Problem(
            "the compiled tile code cannot be loaded",
            where="EMULATION_DATA of the xclbin",
            why=str(error),
            fix="remove its folder below build/ and build it again, on this machine",
        ) from None
