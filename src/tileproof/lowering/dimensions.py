"""What the BDs of a tile can address: dimensions, wraps and steps by kind of tile."""

from __future__ import annotations

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.errors import Problem
from tileproof.mlir.design import Dimensions, Fifo, Tile

# Wrap fields of 8 and 10 bits (aie-rt reginit); the outermost possible dimension has none. mlir-aie's own limit is 512
# for every kind, and on a core tile exactly 256 slips through it as 0.
_LARGEST_SIZE = {CORE: 256}
_LARGEST_ELSEWHERE = 512


def check_dimensions(fifo: Fifo, tile: Tile, dimensions: Dimensions, pool: Fifo) -> None:
    """Refuse dimensions that the BDs of `tile` cannot hold, or that leave the object of `pool`."""
    if not dimensions:
        return
    kind = TILE_KINDS[tile.kind]
    if len(dimensions) > kind.dimensions:
        _refuse(fifo, tile, f"{len(dimensions)} dimensions", f"a BD there has {kind.dimensions}")
    nbytes = fifo.element.dtype.nbytes
    for number, (size, stride) in enumerate(reversed(dimensions)):
        largest = _LARGEST_SIZE.get(tile.kind, _LARGEST_ELSEWHERE)
        if size < 1 or stride < 1 or (number < kind.dimensions - 1 and _words(size, number, nbytes) > largest):
            _refuse(fifo, tile, f"size {size}, stride {stride}", f"sizes are 1 to {largest} words, strides from 1 up")
        if (number or stride != 1) and stride * nbytes % 4:
            _refuse(fifo, tile, f"stride {stride} of {nbytes}-byte elements", "steps are multiples of 4 bytes")
    last = sum((size - 1) * stride for size, stride in dimensions)
    if last >= pool.element.count:
        _refuse(fifo, tile, f"an element at index {last}", f"an object has {pool.element.count} elements")


def _words(size: int, dimension: int, nbytes: int) -> int:
    """The innermost dimension counts words, the others steps."""
    return -(-size * nbytes // 4) if dimension == 0 else size


def _refuse(fifo: Fifo, tile: Tile, asked: str, limit: str) -> None:
    raise Problem(
        f"the dimensions of @{fifo.name} do not fit a BD of {tile}",
        where=str(fifo.place),
        why=f"{asked}; {limit}",
        fix="give sizes and strides in elements, outermost first, inside the object",
    )
