"""What mlir-aie refuses of a fifo or a link whatever else the design has.

Facts: its verifier and its lit tests of 2026-08 (objectfifo_invalid_*, invalid_tile, duplicate_link_test,
allocate_errors_test, objectfifo_bad_link).
"""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.device_model import MEM, SHIM
from tileproof.errors import Problem
from tileproof.mlir.design import Allocate, Design, Dimensions, Fifo, Link


def check_fifos(design: Design) -> None:
    """A `Problem` for the first fifo, link or allocate that mlir-aie would not take."""
    for fifo in design.fifos:
        for problem in (*_at_a_shim_tile(fifo), *_without_a_mem_tile(fifo)):
            raise problem
    _check_linked_once(design)
    _check_allocated_once(design.allocates)
    for allocate in design.allocates:
        _check_needs_no_dma(allocate, next(fifo for fifo in design.fifos if fifo.name == allocate.fifo))


def wants_dma(fifo: Fifo) -> str:
    """What makes a fifo go by DMA, or a stream port, even between neighbours; empty for nothing (requiresDMAs)."""
    reasons = {
        "via_DMA": fifo.via_dma,
        "repeat_count": fifo.says_repeat or fifo.repeat_count > 1,
        "dimensionsToStream": bool(fifo.to_stream),
        "dimensionsFromStream": any(fifo.from_stream),
        "aie_stream": fifo.stream is not None,
        "consumers with objects of another type": fifo.consumer_element is not None,
    }
    return next((name for name, holds in reasons.items() if holds), "")


def _check_needs_no_dma(allocate: Allocate, fifo: Fifo) -> None:
    reason = wants_dma(fifo)
    if reason:
        raise Problem(
            f"the objects of @{fifo.name} cannot be allocated on {allocate.tile}",
            id="TP606",
            where=allocate.place,
            why=f"@{fifo.name}, declared at {fifo.place}, has {reason}, and so has objects at either end",
            fix="leave one of the two away",
        )


def _at_a_shim_tile(fifo: Fifo) -> Iterator[Problem]:
    """The shim's end of a fifo is a channel that the runtime sequence drives: it has no objects and no BDs."""

    def wrong(what: str, fix: str) -> Problem:
        why = "that end is a channel which the runtime sequence drives; no object of the fifo lies there"
        return Problem(f"@{fifo.name} has {what}", id="TP002", where=fifo.place, why=why, fix=fix)

    moved = "give the transfer of the runtime sequence these sizes and strides"
    for tile, dimensions in zip(fifo.consumers, fifo.from_stream, strict=False):
        if tile.kind == SHIM and dimensions:
            yield wrong(f"dimensionsFromStream at {tile}", moved)
    if fifo.producer.kind != SHIM:
        return
    if fifo.to_stream:
        yield wrong(f"dimensionsToStream at {fifo.producer}", moved)
    if fifo.init:
        yield wrong(f"initial values at {fifo.producer}", "let the host send them first")
    if fifo.says_repeat:
        yield wrong(f"a repeat_count at {fifo.producer}", "give the transfer an outermost size with stride 0")


def _without_a_mem_tile(fifo: Fifo) -> Iterator[Problem]:
    ends = (fifo.producer, *fifo.consumers)
    if fifo.iter_count is not None and all(tile.kind != MEM for tile in ends):
        yield Problem(
            f"@{fifo.name} has an iter_count, and no end on a mem tile",
            id="TP002",
            where=fifo.place,
            why=f"it goes from {fifo.producer} to {', '.join(map(str, fifo.consumers))}, "
            "and only the channels of a mem tile end after so many rounds",
            fix="link it through a mem tile, or leave iter_count away",
        )


def _check_linked_once(design: Design) -> None:
    first: dict[str, Link] = {}
    for link in design.links:
        for name in (*link.inputs, *link.outputs):
            if name in first:
                raise Problem(
                    f"@{name} is in two links",
                    id="TP002",
                    where=link.place,
                    why=f"the first is at {first[name].place}; mlir-aie takes a fifo in one link only, "
                    "be it at its other end",
                    fix="put a fifo of its own between the two links",
                )
            first[name] = link


def _check_allocated_once(allocates: tuple[Allocate, ...]) -> None:
    first: dict[str, Allocate] = {}
    for allocate in allocates:
        if allocate.fifo in first:
            raise Problem(
                f"the objects of @{allocate.fifo} are allocated twice",
                id="TP606",
                where=allocate.place,
                why=f"{first[allocate.fifo].place} puts them on {first[allocate.fifo].tile}, "
                f"and this on {allocate.tile}",
                fix="keep one of the two",
            )
        first[allocate.fifo] = allocate


def check_parts(link: Link, inputs: list[Fifo], outputs: list[Fifo], branches: tuple[tuple[int, int], ...]) -> None:
    """The dimensions of a whole walk each of its parts, so that they must lie within the smallest."""
    if len(branches) == 1:
        return
    shortest = min(length for _, length in branches)
    whole = inputs[0] if len(outputs) > 1 else outputs[0]
    dimensions = whole.to_stream if whole in outputs else _stored(whole, outputs[0])
    last = sum((size - 1) * stride for size, stride in dimensions)
    if last >= shortest:
        does = "joins" if whole in outputs else "distributes"
        raise Problem(
            f"the dimensions of @{whole.name} reach beyond the parts that the link {does}",
            id="TP002",
            where=link.place,
            why=f"they walk to element {last:,} of each part, and the shortest has {shortest:,}",
            fix="write dimensions of one part, or give them to the other fifos of the link",
        )
    if len({fifo.repeat_count for fifo in outputs}) > 1:
        counts = ", ".join(f"@{fifo.name} {fifo.repeat_count}" for fifo in outputs)
        raise Problem(
            "the parts of a link are sent differently often",
            id="TP002",
            where=link.place,
            why=f"repeat counts: {counts}; an object is free again when all its parts were sent as often",
            fix="give each the same repeat_count",
        )


def _stored(whole: Fifo, output: Fifo) -> Dimensions:
    """How the whole that is distributed is stored on the tile of the link."""
    ends = zip(whole.consumers, whole.from_stream, strict=False)
    return next((dimensions for tile, dimensions in ends if tile.at == output.producer.at), ())
