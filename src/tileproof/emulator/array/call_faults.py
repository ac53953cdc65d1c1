"""What a call of a tile function left in its fault records, in words."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.faults import nothing_new
from tileproof.emulator.array.locals import nearest
from tileproof.emulator.array.memory import TileMemories
from tileproof.emulator.array.records import ApiFault, BadAccess
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Function

# tileproof_access_kind of tileproof_checks.hpp.
_OUTSIDE, _UNWRITTEN, _STALE, _LOCAL, _UNSET, _STATIC, _NOWHERE, _SCALAR_MISALIGNED = range(1, 9)


def bad_access(
    function: Function, buffers: Sequence[PlacedBuffer], memories: TileMemories, bad: BadAccess, who: Place
) -> Diagnostic:
    """The first access of the call that was out of bounds, or that read what it should not."""
    if bad.kind in _OF_THE_CALL:
        return _OF_THE_CALL[bad.kind](function, bad, who)
    return _of_tile(function, buffers, memories, bad, who)


def _of_tile(
    function: Function, buffers: Sequence[PlacedBuffer], memories: TileMemories, bad: BadAccess, who: Place
) -> Diagnostic:
    near = min(buffers, key=lambda buffer: _distance(memories, buffer, bad.address), default=None)
    where = f"{who}, {_address(memories, bad.address)}, in an access of {bad.nbytes} bytes"
    at_buffer = replace(who, text=where, buffer="" if near is None else near.name)
    if bad.kind in (_UNWRITTEN, _STALE):
        assert near is not None  # only bytes of a buffer are open
        at = f"byte {bad.address - memories.address_of(near):,} of {near.name}"
        return nothing_new(function.name, at, at_buffer, ever=bad.kind == _STALE)
    place = "tile memory that it was not given"
    if near is not None:
        start = memories.address_of(near)
        past, short = bad.address - (start + near.nbytes) + 1, start - bad.address
        side = f"byte {past:,} past the end" if past > 0 else f"byte {short:,} before the start"
        place = f"{side} of {near.name} ({near.nbytes:,} bytes)"
    return Diagnostic(
        id="out-of-bounds",
        what=f"{function.name} {_verb(bad)} outside its buffers: {place}",
        place=at_buffer,
        why="on the device it would silently touch whatever lies there",
        fix="check the loop bounds and the sizes that the function assumes against its memref parameters",
    )


def _past_local(function: Function, bad: BadAccess, who: Place) -> Diagnostic:
    local = nearest((bad.name or b"").decode(errors="replace"), bad.begin, bad.address)
    if local is None:
        of, nbytes, begin = "a local", 0, bad.address
    else:
        of, nbytes, begin = f"its local {local.name}", local.nbytes, bad.begin + local.offset
    return _past(function, bad, of, begin, nbytes, who)


def _past_static(function: Function, bad: BadAccess, who: Place) -> Diagnostic:
    return _past(function, bad, f"the static {(bad.name or b'?').decode()}", bad.begin, bad.size, who)


def _past(function: Function, bad: BadAccess, of: str, begin: int, nbytes: int, who: Place) -> Diagnostic:
    past, short = bad.address + bad.nbytes - (begin + nbytes), begin - bad.address
    side = f"byte {short:,} before the start" if short > 0 else f"byte {past:,} past the end"
    return Diagnostic(
        id="out-of-local",
        what=f"{function.name} {_verb(bad)} outside {of}: {side} ({nbytes:,} bytes)",
        place=Place.told(f"{who}, in an access of {bad.nbytes} bytes", who),
        why="on the device it would silently touch what the compiler put beside it, which is another thing than here",
        fix="check the index against the size of the array",
    )


def _unset(function: Function, bad: BadAccess, who: Place) -> Diagnostic:
    local = nearest((bad.name or b"").decode(errors="replace"), bad.begin, bad.address)
    at = "a local" if local is None else f"its local {local.name}, byte {bad.address - bad.begin - local.offset:,}"
    return Diagnostic(
        id="unset",
        what=f"{function.name} reads what it has not set: {at}",
        place=who,
        why="the device has there what an earlier call left, so that the answer changes from run to run",
        fix="give it a value first: `= {}` sets all of an array",
    )


def _nowhere(function: Function, bad: BadAccess, who: Place) -> Diagnostic:
    return Diagnostic(
        id="wild-access",
        what=f"{function.name} {_verb(bad)} {bad.nbytes} bytes that are neither in a buffer, nor a local, nor a static",
        place=who,
        why="the pointer was computed wrong, or never set; on the device it would touch whatever that address means",
        fix="check how the pointer is made: a tile function may only follow those that it was given, and its own",
    )


def _misaligned_scalar(function: Function, bad: BadAccess, who: Place) -> Diagnostic:
    return Diagnostic(
        id="misaligned",
        what=f"{function.name} makes a misaligned access of {bad.nbytes} bytes",
        place=who,
        why=f"a number of that size lies at a multiple of {bad.size}; the device drops the low address bits "
        "and moves other bytes, without a word",
        fix="align the data, or put the number together from its bytes",
    )


# By tileproof_access_kind: what does not depend on where the buffers lie.
_OF_THE_CALL = {
    _LOCAL: _past_local,
    _UNSET: _unset,
    _STATIC: _past_static,
    _NOWHERE: _nowhere,
    _SCALAR_MISALIGNED: _misaligned_scalar,
}


def _verb(bad: BadAccess) -> str:
    return "writes" if bad.is_store else "reads"


def _address(memories: TileMemories, address: int) -> str:
    located = memories.locate(address)
    return f"address 0x{located[1]:05x} of {located[0]}" if located else f"0x{address:x}"


def _misaligned(function: Function, who: Place, fault: ApiFault, memories: TileMemories) -> Diagnostic:
    return Diagnostic(
        id="misaligned",
        what=f"{function.name} makes a misaligned vector access of {fault.bytes} bytes",
        place=Place.told(f"{who}, {_address(memories, fault.address)}", who),
        why=f"load_v and store_v need {fault.needed}-byte alignment here; the device drops the low address bits "
        "and moves other bytes, without a word",
        fix="align the data, or use load_unaligned_v and store_unaligned_v",
    )


def _shift(function: Function, who: Place, fault: ApiFault, memories: TileMemories) -> Diagnostic:
    shift, limit = ctypes.c_int32(fault.bytes).value, ctypes.c_int32(fault.needed).value
    return Diagnostic(
        id="shift",
        what=f"{function.name} shifts an accumulator by {shift}",
        place=who,
        why=f"the hardware's range ends at {limit}",
        fix="keep the shift inside the range, or split it",
    )


def _index(function: Function, who: Place, fault: ApiFault, memories: TileMemories) -> Diagnostic:
    return Diagnostic(
        id="index",
        what=f"{function.name} uses an index or step of {fault.bytes}",
        place=who,
        why=f"only values below {fault.needed} make sense for that vector",
        fix="correct the index; on the device the result is undefined",
    )


def _unset_register(function: Function, who: Place, fault: ApiFault, memories: TileMemories) -> Diagnostic:
    return Diagnostic(
        id="unset",
        what=f"{function.name} uses a vector or an accumulator of {fault.bytes} bytes that nothing was put into",
        place=who,
        why="the device's register has there what was computed last, so that the answer changes from call to call",
        fix="give it a value first: aie::zeros, a load, or mul for the first product instead of mac",
    )


# By tileproof_fault_kind of aie_api/core_state.hpp.
API_FAULTS = {1: _misaligned, 2: _shift, 3: _index, 4: _unset_register}


def _distance(memories: TileMemories, buffer: PlacedBuffer, address: int) -> int:
    start = memories.address_of(buffer)
    return max(start - address, address - (start + buffer.nbytes) + 1)
