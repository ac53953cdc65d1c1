"""What a call of a tile function left in its fault records, in words."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import replace

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.faults import nothing_new
from tileproof.emulator.array.memory import TileMemories
from tileproof.emulator.array.records import ApiFault, BadAccess
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Function

# tileproof_access_kind of tileproof_checks.hpp.
_READ, _WRITE, _UNWRITTEN, _STALE = 1, 2, 3, 4


def bad_access(
    function: Function, buffers: Sequence[PlacedBuffer], memories: TileMemories, bad: BadAccess, who: Place
) -> Diagnostic:
    """The first access of the call that was out of bounds, or that read what it should not."""
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
        what=f"{function.name} {'reads' if bad.kind == _READ else 'writes'} outside its buffers: {place}",
        place=at_buffer,
        why="on the device it would silently touch whatever lies there",
        fix="check the loop bounds and the sizes that the function assumes against its memref parameters",
    )


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


# By tileproof_fault_kind of aie_api/core_state.hpp.
API_FAULTS = {1: _misaligned, 2: _shift, 3: _index}


def _distance(memories: TileMemories, buffer: PlacedBuffer, address: int) -> int:
    start = memories.address_of(buffer)
    return max(start - address, address - (start + buffer.nbytes) + 1)
