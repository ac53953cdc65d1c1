"""What the BDs of a tile can hold: dimensions, wraps, steps and lengths by kind of tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.device_model import CORE, GENERATIONS, MEM, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.mlir.design import Bd, Design, Dimensions, Direction, Fifo, Tile
from tileproof.mlir.values import MemRef

# The outermost possible dimension has no size field. mlir-aie checks one limit of its own for every kind of tile, so
# that exactly 256 slips through on a core tile, as 0.
_CORE_WRAP = TILE_KINDS[CORE].largest_size
_LARGEST_SIZE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """What one BD walks: (size, stride) in elements, outermost first, in an object of `count` elements."""

    what: str
    place: Place
    tile: Tile
    dimensions: Dimensions
    nbytes: int
    count: int
    offset: int = 0


def check_dimensions(fifo: Fifo, tile: Tile, dimensions: Dimensions, pool: MemRef) -> Iterator[Problem]:
    """What is wrong with the dimensions of one end of a fifo, whose objects are those of `pool`."""
    walk = _Walk(
        what=f"@{fifo.name}",
        place=fifo.place,
        tile=tile,
        dimensions=dimensions,
        nbytes=fifo.element.dtype.nbytes,
        count=pool.count,
    )
    return _problems(walk)


def check_bd(bd: Bd, tile: Tile) -> Iterator[Problem]:
    """What is wrong with a BD that is written out, as far as its fields go."""
    nbytes = bd.type.dtype.nbytes
    words = -(-bd.length * nbytes // 4)
    if bd.length < 0 or words > TILE_KINDS[tile.kind].largest_length:
        yield Problem(
            f"the BD of {bd.buffer} is too long for {tile}",
            where=bd.place,
            why=f"{bd.length:,} elements are {words:,} words, and its length field goes to "
            f"{TILE_KINDS[tile.kind].largest_length:,}",
            fix="move it in several BDs",
            id="TP320",
        )
    if bd.offset * nbytes % 4 or bd.length * nbytes % 4:
        yield Problem(
            f"the BD of {bd.buffer} is not made of whole words",
            where=bd.place,
            why=f"offset {bd.offset * nbytes:,} and length {bd.length * nbytes:,} bytes; a DMA moves words of 4",
            fix="let it begin and end at a multiple of 4 bytes",
            id="TP318",
        )
    if bd.offset < 0 or bd.offset + (0 if bd.sizes else bd.length) > bd.type.count:
        yield Problem(
            f"the BD of {bd.buffer} reaches beyond its buffer",
            where=bd.place,
            why=f"it moves {bd.length:,} elements from {bd.offset:,} on, and {bd.type} has {bd.type.count:,}",
            fix="correct offset and length",
            id="TP321",
        )
    walk = _Walk(
        what=str(bd.buffer),
        place=bd.place,
        tile=tile,
        dimensions=tuple(zip(bd.sizes, bd.strides, strict=True)),
        nbytes=nbytes,
        count=bd.type.count,
        offset=bd.offset,
    )
    yield from _problems(walk)
    if bd.pads:
        yield from _pad_problems(walk.what, bd.place, tile, walk.dimensions, bd.pads, nbytes, bd.length)


def check_pads(fifo: Fifo, tile: Tile, length: int) -> Iterator[Problem]:
    """What is wrong with the padding of what a fifo's producer sends, `length` elements an object."""
    if fifo.pads:
        yield from _pad_problems(
            f"@{fifo.name}", fifo.place, tile, fifo.to_stream, fifo.pads, fifo.element.dtype.nbytes, length
        )


def check_pad_value(design: Design, tile: Tile, direction: Direction, value: int, place: Place) -> None:
    """A channel pads with another word than 0 where it has the register for it (hardware.md, found_later.md 4)."""
    if tile.kind == MEM and direction == "MM2S" and design.device.model.pads_with_a_value:
        return
    with_it = [one.name for one in GENERATIONS.values() if one.pads_with_a_value]
    raise Problem(
        f"{direction} of {tile} cannot pad with {value}",
        id="TP002",
        where=place,
        why=f"what a mem tile sends is padded with a value of its own on {', '.join(with_it)} only, "
        f"and with 0 on {design.device.name}; nothing else is padded",
        fix=f"pad with 0, or build for {with_it[0]}",
    )


def _pad_problems(
    what: str, place: Place, tile: Tile, dimensions: Dimensions, pads: Dimensions, nbytes: int, length: int
) -> Iterator[Problem]:
    """The conditions of mlir-aie's DMABDOp::verify (AIEDialect.cpp), and the fields of aie-rt."""

    def wrong(why: str, fix: str) -> Problem:
        return Problem(f"the padding of {what} does not fit a BD of {tile}", id="TP002", where=place, why=why, fix=fix)

    if tile.kind != MEM:
        yield wrong("only the DMA of a mem tile pads, and only what it sends", "let a mem tile hand the objects on")
        return
    if len(pads) != len(dimensions):
        asked = f"{len(pads)} pads and {len(dimensions)} dimensions"
        yield wrong(asked, "write dimensionsToStream with as many dimensions as there are pads")
        return
    padded = 1
    for (before, after), (size, _) in zip(pads, dimensions, strict=True):
        padded *= before + size + after
    if padded > length:
        yield wrong(f"{padded:,} elements with their padding, and an object has {length:,}", "pad less")
    if any(pad * nbytes % 4 for pad in pads[-1]):
        yield wrong(f"the innermost pads are {pads[-1]} elements of {nbytes} bytes", "pad whole words of 4 bytes")
    limits = TILE_KINDS[MEM].largest_pads
    for number, pad in enumerate(reversed(pads)):
        words = max(pad) * nbytes // 4 if number == 0 else max(pad)
        limit = limits[number] if number < len(limits) else 0
        if min(pad) < 0 or words > limit:
            yield wrong(f"dimension {number} is padded by {pad}; its field goes from 0 to {limit}", "pad less")


def _problems(walk: _Walk) -> Iterator[Problem]:
    if not walk.dimensions:
        return
    kind = TILE_KINDS[walk.tile.kind]
    if len(walk.dimensions) > kind.dimensions:
        yield _misfit(walk, f"{len(walk.dimensions)} dimensions", f"a BD there has {kind.dimensions}")
    for number, (size, stride) in enumerate(reversed(walk.dimensions)):
        words = _words(size, number, walk.nbytes) if number < kind.dimensions - 1 else 1
        if walk.tile.kind == CORE and _CORE_WRAP < words <= _LARGEST_SIZE:
            yield _too_long(walk, number, size, words)
        if size < 1 or stride < 1 or size > _LARGEST_SIZE:
            allowed = f"sizes are 1 to {_LARGEST_SIZE}, strides from 1 up"
            yield _misfit(walk, f"size {size}, stride {stride}", allowed)
        if (number or stride != 1) and stride * walk.nbytes % 4:
            asked = f"stride {stride} of {walk.nbytes}-byte elements"
            yield _misfit(walk, asked, "steps are multiples of 4 bytes", "TP318")
        if not number and size > 1 and stride != 1 and walk.nbytes > 4:
            asked = f"an innermost stride of {stride} for {walk.nbytes}-byte elements"
            yield _misfit(walk, asked, "what has more than 4 bytes lies side by side there")
        if size > 1 and stride * walk.nbytes // 4 > TILE_KINDS[walk.tile.kind].largest_stride:
            yield _too_far(walk, number, stride)
    last = walk.offset + sum((size - 1) * stride for size, stride in walk.dimensions)
    if last >= walk.count:
        yield _misfit(walk, f"an element at index {last}", f"an object has {walk.count} elements", "TP321")


def _words(size: int, dimension: int, nbytes: int) -> int:
    """The innermost dimension counts words, the others steps."""
    return -(-size * nbytes // 4) if dimension == 0 else size


class WrapsToZeroProblem(Problem):
    """A core tile's dimension of exactly 256 words, which mlir-aie lets pass."""


def _too_long(walk: _Walk, number: int, size: int, words: int) -> Problem:
    kind = WrapsToZeroProblem if words == _CORE_WRAP + 1 else Problem
    return kind(
        f"dimension {number} of {walk.what} is too long for {walk.tile}",
        where=walk.place,
        why=f"size {size:,} is {words:,} in the field, which holds {_CORE_WRAP}; "
        "mlir-aie lets 256 pass, and it becomes 0",
        fix=f"keep each size but the outermost of three at most {_CORE_WRAP} words, "
        "or let the mem tile's end have the dimensions",
        id="TP316",
    )


def _too_far(walk: _Walk, number: int, stride: int) -> Problem:
    limit = TILE_KINDS[walk.tile.kind].largest_stride
    return Problem(
        f"a step of dimension {number} of {walk.what} is too long for {walk.tile}",
        where=walk.place,
        why=f"stride {stride:,} is {stride * walk.nbytes // 4:,} words, and the step field goes to {limit:,}; "
        "only aie-rt would say so, when the configuration is written",
        fix="lay the object out so that the steps are shorter, or let the mem tile's end have the dimensions",
        id="TP319",
    )


def _misfit(walk: _Walk, asked: str, limit: str, id: str = "TP002") -> Problem:
    return Problem(
        f"the dimensions of {walk.what} do not fit a BD of {walk.tile}",
        where=walk.place,
        why=f"{asked}; {limit}",
        fix="give sizes and strides in elements, outermost first, inside the object",
        id=id,
    )
