"""Where a core's own data lie that are no buffers of the design: what it allocates, and its globals.

Allocations are on the stack, one behind the other, as in one frame of its main function. A loop has the same memory
each time: MLIR frees what a turn of scf.for allocates, and what a compiler leaves in a loop it may move in front of it.
Globals lie behind the last buffer, where the linker puts .data and .bss.
"""

from __future__ import annotations

from tileproof.device_model import TILE_KINDS
from tileproof.emulator.array.stack import CoreStack
from tileproof.errors import Problem
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.program import Allocate, Body, GetGlobal, walk

_ALIGNMENT = 32  # of a vector's load on every generation


def on_stack(body: Body, stack: CoreStack) -> dict[int, PlacedBuffer]:
    """By the number of its value, the buffer of each allocation; it may reach beyond the stack."""
    placed: dict[int, PlacedBuffer] = {}
    address = stack.generation.entry_frame
    for operation in walk(body):
        if isinstance(operation, Allocate):
            name = f"the {operation.name} of {operation.place.line}:{operation.place.column}"
            address = -(-address // _ALIGNMENT) * _ALIGNMENT
            found = PlacedBuffer(tile=stack.tile, name=name, type=operation.type, address=address, bank=None)
            placed[operation.result] = found
            address += found.nbytes
    return placed


def of_globals(body: Body, stack: CoreStack) -> dict[str, PlacedBuffer]:
    """By its symbol, the buffer of each global that a core uses."""
    placed: dict[str, PlacedBuffer] = {}
    address = max([stack.nbytes, *(buffer.address + buffer.nbytes for buffer in stack.buffers)])
    for operation in walk(body):
        if isinstance(operation, GetGlobal) and operation.symbol not in placed:
            address = -(-address // _ALIGNMENT) * _ALIGNMENT
            name, type_, values = f"@{operation.symbol}", operation.type, operation.values
            found = PlacedBuffer(tile=stack.tile, name=name, type=type_, address=address, bank=None, initial=values)
            placed[operation.symbol] = found
            address += found.nbytes
            if address > TILE_KINDS[stack.tile.kind].memory_bytes:
                raise _no_room(operation, found)
    return placed


def _no_room(operation: GetGlobal, found: PlacedBuffer) -> Problem:
    most = TILE_KINDS[found.tile.kind].memory_bytes
    return Problem(
        f"the globals of {found.tile} do not fit behind its buffers",
        where=operation.place,
        why=f"{found.name} would end at {found.address + found.nbytes:,}, and the tile has {most:,}; of that "
        "ld.lld says that a section will not fit in region 'data'",
        fix="make the buffers smaller, or give one of them the values",
        id="TP101",
    )
