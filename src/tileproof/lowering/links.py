"""Links between fifos: which pool of objects the ends at the shared tile use, and which part of an object is whose."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from tileproof.device_model import CORE, MEM
from tileproof.errors import Problem
from tileproof.lowering.fifo_rules import check_parts
from tileproof.mlir.design import Design, Fifo, Link, Tile

_Key = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """One end of a fifo at the tile of a link.

    `pool` is the end whose objects it uses, `owns` whether that is its own; `branch` the part of each object it moves
    (None for all of them); `branches` all parts as (offset, length) in elements; `outputs` the fifos that are fed.
    """

    pool: _Key
    owns: bool
    branch: int | None
    branches: tuple[tuple[int, int], ...]
    outputs: tuple[Fifo, ...]


def linked_fifos(design: Design) -> dict[_Key, Linked]:
    """Every linked end; a `Problem` for a link that mlir-aie would refuse."""
    found: dict[_Key, Linked] = {}
    fifos = {fifo.name: fifo for fifo in design.fifos}
    for link in design.links:
        for key, linked in _ends(link, [fifos[n] for n in link.inputs], [fifos[n] for n in link.outputs]):
            found[key] = linked
    return found


def _ends(link: Link, inputs: list[Fifo], outputs: list[Fifo]) -> list[tuple[_Key, Linked]]:
    tile = _shared_tile(link, inputs, outputs)
    _check_shape(link, tile)
    into = [(fifo.name, 1 + [c.at for c in fifo.consumers].index(tile.at)) for fifo in inputs]
    out = [(fifo.name, 0) for fifo in outputs]
    owner = _owner(link, inputs, outputs, into, out)
    size = next(f.element_at(owner[1]).count for f in (*inputs, *outputs) if f.name == owner[0])
    branches = _branches(link, size)
    check_parts(link, inputs, outputs, branches)
    many = len(branches) > 1

    def linked(key: _Key, branch: int | None) -> tuple[_Key, Linked]:
        fed = tuple(outputs)
        return key, Linked(pool=owner, owns=key == owner, branch=branch, branches=branches, outputs=fed)

    return [
        *(linked(key, number if many and len(inputs) > 1 else None) for number, key in enumerate(into)),
        *(linked(key, number if many and len(outputs) > 1 else None) for number, key in enumerate(out)),
    ]


def _shared_tile(link: Link, inputs: list[Fifo], outputs: list[Fifo]) -> Tile:
    """The tile at which every input ends and every output begins."""
    for tile in inputs[0].consumers:
        if all(tile.at in [c.at for c in f.consumers] for f in inputs) and all(
            f.producer.at == tile.at for f in outputs
        ):
            return tile
    raise Problem(
        "the linked fifos have no tile in common",
        id="TP002",
        where=link.place,
        why="; ".join(
            f"@{f.name} goes from {f.producer} to {', '.join(map(str, f.consumers))}" for f in (*inputs, *outputs)
        ),
        fix="let every input end and every output begin at one tile",
    )


def _check_shape(link: Link, tile: Tile) -> None:
    parts = max(len(link.inputs), len(link.outputs))
    if parts == 1:
        if tile.kind not in (MEM, CORE):
            raise Problem(f"a link cannot be on {tile}", id="TP002", where=link.place, fix="link on a mem tile")
        return
    offsets = link.output_offsets if len(link.outputs) > 1 else link.input_offsets
    if min(len(link.inputs), len(link.outputs)) > 1 or tile.kind != MEM:
        raise Problem(
            "a link joins or distributes on a mem tile",
            id="TP002",
            where=link.place,
            why=f"{len(link.inputs)} inputs, {len(link.outputs)} outputs, on {tile}",
            fix="link one fifo with several, on row 1",
        )
    if len(offsets) != parts or any(a >= b for a, b in pairwise(offsets)):
        raise Problem(
            "the offsets of the link do not fit its fifos",
            id="TP002",
            where=link.place,
            why=f"{parts} parts, offsets {list(offsets)}",
            fix="write one offset per part, in elements, rising",
        )


def _owner(link: Link, inputs: list[Fifo], outputs: list[Fifo], into: list[_Key], out: list[_Key]) -> _Key:
    """The larger fifo has the objects: a join's output, a distribute's input; of two equal ones the input.

    Of a forward, an output with initial values has them; one that is padded has not, whatever its size: the pads are
    only on the stream (found_later.md 4).
    """
    if len(inputs) > 1 or (len(outputs) == 1 and outputs[0].init):
        return out[0]
    if len(outputs) > 1 or outputs[0].pads or inputs[0].element_at(1).nbytes >= outputs[0].element.nbytes:
        return into[0]
    return out[0]


def _branches(link: Link, size: int) -> tuple[tuple[int, int], ...]:
    """The parts of an object: from each offset to the next, whatever the parts' own objects are."""
    offsets = link.output_offsets if len(link.outputs) > 1 else link.input_offsets if len(link.inputs) > 1 else (0,)
    if any(offset >= size for offset in offsets):
        raise Problem(
            "a part of the link begins behind the end of the object",
            id="TP002",
            where=link.place,
            why=f"offsets {list(offsets)}, and the object has {size:,} elements",
            fix="give offsets in elements of the larger object",
        )
    return tuple((offset, end - offset) for offset, end in zip(offsets, (*offsets[1:], size), strict=True))
