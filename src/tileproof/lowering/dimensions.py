"""What the BDs of a tile can address: dimensions, wraps and steps by kind of tile."""

from __future__ import annotations

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.errors import Problem
from tileproof.mlir.design import Dimensions, Fifo, Tile

# A core tile's wrap field has 8 bits, the others' 10 (aie-rt reginit); the outermost possible dimension has none.
# mlir-aie checks one limit of its own for every kind, 512, so that exactly 256 slips through on a core tile, as 0.
_CORE_WRAP = 255
_LARGEST_SIZE = 512


def check_dimensions(fifo: Fifo, tile: Tile, dimensions: Dimensions, pool: Fifo) -> None:
    """Refuse dimensions that the BDs of `tile` cannot hold, or that leave the object of `pool`."""
    if not dimensions:
        return
    kind = TILE_KINDS[tile.kind]
    if len(dimensions) > kind.dimensions:
        _refuse(fifo, tile, f"{len(dimensions)} dimensions", f"a BD there has {kind.dimensions}")
    nbytes = fifo.element.dtype.nbytes
    for number, (size, stride) in enumerate(reversed(dimensions)):
        wrapped = _words(size, number, nbytes) if number < kind.dimensions - 1 else 1
        if tile.kind == CORE and wrapped > _CORE_WRAP:
            raise _too_long(fifo, tile, number, size, wrapped)
        if size < 1 or stride < 1 or wrapped > _LARGEST_SIZE:
            allowed = f"sizes are 1 to {_LARGEST_SIZE} words, strides from 1 up"
            _refuse(fifo, tile, f"size {size}, stride {stride}", allowed)
        if (number or stride != 1) and stride * nbytes % 4:
            _refuse(fifo, tile, f"stride {stride} of {nbytes}-byte elements", "steps are multiples of 4 bytes")
    last = sum((size - 1) * stride for size, stride in dimensions)
    if last >= pool.element.count:
        _refuse(fifo, tile, f"an element at index {last}", f"an object has {pool.element.count} elements")


def _words(size: int, dimension: int, nbytes: int) -> int:
    """The innermost dimension counts words, the others steps."""
    return -(-size * nbytes // 4) if dimension == 0 else size


def _too_long(fifo: Fifo, tile: Tile, number: int, size: int, words: int) -> Problem:
    return Problem(
        f"dimension {number} of @{fifo.name} is too long for {tile}",
        where=str(fifo.place),
        why=f"size {size:,} is {words:,} in the field, which holds {_CORE_WRAP}; "
        "mlir-aie lets 256 pass, and it becomes 0",
        fix=f"keep each size but the outermost of three at most {_CORE_WRAP} words, "
        "or let the mem tile's end have the dimensions",
    )


def _refuse(fifo: Fifo, tile: Tile, asked: str, limit: str) -> None:
    raise Problem(
        f"the dimensions of @{fifo.name} do not fit a BD of {tile}",
        where=str(fifo.place),
        why=f"{asked}; {limit}",
        fix="give sizes and strides in elements, outermost first, inside the object",
    )
