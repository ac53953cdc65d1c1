"""Where a core's memref.alloca lie: on its stack, one behind the other, as in one frame of its main function.

A loop has the same memory each time: MLIR frees what a turn of scf.for allocates, and what a compiler leaves in a loop
it may move in front of it.
"""

from __future__ import annotations

from tileproof.emulator.array.stack import CoreStack
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.program import Allocate, Body, walk

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
