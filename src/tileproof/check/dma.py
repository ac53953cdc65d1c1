"""DMA: each transfer of a runtime sequence by itself, and the dimensions of fifos."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.device_model import SHIM, TILE_KINDS
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.insts import ShimTransfer, transfer_operations
from tileproof.insts.shim import ITERATION_LIMIT, WORD_BYTES
from tileproof.lowering.programs import LARGEST_REPEAT
from tileproof.mlir.design import ConfigureTask, Design, Dimensions, Fifo, Tile, Transfer
from tileproof.mlir.values import MemRef
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, NEWEST, Version

_WORD = 1 << 32


def transfers(design: Design) -> Iterator[tuple[Transfer, MemRef]]:
    """Every transfer of every sequence, with the type of its argument."""
    for sequence in design.sequences:
        for operation in sequence.operations:
            if isinstance(operation, Transfer):
                yield operation, sequence.arguments[operation.argument]


def bd_id(checked: Checked) -> Iterator[Diagnostic]:
    last = TILE_KINDS[SHIM].bds - 1
    for transfer, _ in transfers(checked.design):
        if not 0 <= transfer.bd_id <= last:
            yield finding(
                "TP301",
                f"there is no BD {transfer.bd_id} on a shim tile",
                transfer.place,
                f"it has BDs 0 to {last}; mlir-aie lets this pass",
            )


def past_argument(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, type_ in transfers(checked.design):
        if min(transfer.sizes) < 1:
            continue
        first = _offset(transfer)
        last = first + sum((size - 1) * stride for size, stride in zip(transfer.sizes, transfer.strides, strict=True))
        if first >= 0 and last >= type_.count:  # one that begins before it cannot be written
            yield finding(
                "TP302",
                f"the transfer of @{transfer.shim} reaches beyond argument {transfer.argument}",
                transfer.place,
                f"it takes elements {first:,} to {last:,}, and {type_} has 0 to {type_.count - 1:,}",
            )


def task_past_argument(checked: Checked) -> Iterator[Diagnostic]:
    for sequence in checked.design.sequences:
        for task in (op for op in sequence.operations if isinstance(op, ConfigureTask)):
            for bd in task.bds:
                walked = zip(bd.sizes or (bd.length,), bd.strides or (1,), strict=True)
                last = bd.offset + sum((size - 1) * stride for size, stride in walked)
                if last >= bd.type.count:
                    # mlir-aie compares what dimensions walk with the type, and a plain length with nothing.
                    yield finding(
                        "TP321" if bd.sizes else "TP302",
                        f"a BD of the task reaches beyond argument {bd.buffer}",
                        bd.place,
                        f"it takes elements {bd.offset:,} to {last:,}, and {bd.type} has 0 to {bd.type.count - 1:,}",
                    )


def not_whole_words(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, type_ in transfers(checked.design):
        nbytes = type_.dtype.nbytes
        pieces = {"offset": _offset(transfer) * nbytes, "innermost size": transfer.sizes[-1] * nbytes}
        for dimension, stride in enumerate(reversed(transfer.strides)):
            if not (dimension == 0 and stride == 1):
                pieces[f"stride {dimension}"] = stride * nbytes
        uneven = [f"the {name} is {value:,} bytes" for name, value in pieces.items() if value % WORD_BYTES]
        if uneven:
            yield finding(
                "TP303",
                f"the transfer of @{transfer.shim} is not made of whole words",
                transfer.place,
                f"{', '.join(uneven)}; the DMA moves words of {WORD_BYTES}",
            )


def size_below_1(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, _ in transfers(checked.design):
        walked = zip(transfer.sizes[1:], transfer.strides[1:], strict=True)
        if min(transfer.sizes) < 1 or transfer.strides[0] < 0 or any(n > 1 and stride < 1 for n, stride in walked):
            yield finding(
                "TP304",
                f"the transfer of @{transfer.shim} stands still or moves nothing",
                transfer.place,
                f"sizes {list(transfer.sizes)}, strides {list(transfer.strides)}",
            )


def iteration_field(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, _ in transfers(checked.design):
        if _iterates_too_often(transfer):
            yield finding(
                "TP307",
                f"the outermost size of the transfer of @{transfer.shim} wraps",
                transfer.place,
                f"it is {transfer.sizes[0]:,} with stride {transfer.strides[0]:,}, and the iteration field holds "
                f"{ITERATION_LIMIT}",
            )


def repeat_field(checked: Checked) -> Iterator[Diagnostic]:
    """A queue's repeat count has 8 bits (aie-rt MaxRepeatCount); what is above is cut off."""
    tasks = [
        (f"task {op.task}", op.repeat_count, op.place)
        for sequence in checked.design.sequences
        for op in sequence.operations
        if isinstance(op, ConfigureTask)
    ]
    programs = [(f"{p.direction} {p.channel} of {p.tile}", p.repeat_count, p.place) for p in checked.design.programs]
    for what, count, place in (*tasks, *programs):
        if not 0 <= count <= LARGEST_REPEAT:
            yield finding(
                "TP322",
                f"{what} is repeated more often than its queue can count",
                place,
                f"repeat_count is {count:,}, and the field holds {LARGEST_REPEAT}",
            )


def inner_stride(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, type_ in transfers(checked.design):
        if type_.dtype.nbytes != WORD_BYTES and transfer.sizes[-1] > 1 and transfer.strides[-1] != 1:
            yield finding(
                "TP314",
                f"the transfer of @{transfer.shim} cannot skip elements of {type_.dtype.nbytes} bytes",
                transfer.place,
                f"the innermost stride is {transfer.strides[-1]} elements of {type_.dtype.name}, "
                f"and the DMA moves words of {WORD_BYTES} bytes",
            )


def lost_offset(checked: Checked) -> Iterator[Diagnostic]:
    for transfer, _ in transfers(checked.design):
        if any(offset and not stride for offset, stride in zip(transfer.offsets, transfer.strides, strict=True)):
            yield finding(
                "TP315",
                f"an offset of the transfer of @{transfer.shim} has no effect",
                transfer.place,
                f"offsets {list(transfer.offsets)} count in strides {list(transfer.strides)}",
            )


def bd_field(checked: Checked) -> Iterator[Diagnostic]:
    """What the instruction words cannot say, as the writer of these words says it."""
    for transfer, type_ in transfers(checked.design):
        request = _request(checked.design, transfer, type_)
        if request is None or _iterates_too_often(transfer):
            continue
        broken = _refused(checked.design, request, NEWEST)
        if broken is not None:
            # TP303 and TP304 say theirs already, of every field at once.
            if broken.diagnostic.id in ("TP305", "TP313"):
                what = f"the transfer of @{transfer.shim} cannot be written"
                said = broken.diagnostic
                yield finding(said.id, what, transfer.place, said.why or said.what)
            continue
        old = _refused(checked.design, request, LOWERED_VERSIONS[0])
        if old is not None:
            first = next(version for version in LOWERED_VERSIONS if _refused(checked.design, request, version) is None)
            what = f"the transfer of @{transfer.shim} needs mlir-aie of {first.name} or later"
            yield finding("TP306", what, transfer.place, old.diagnostic.why or old.what)


def dimensions_product(checked: Checked) -> Iterator[Diagnostic]:
    # The dimensions of a whole that is joined or distributed walk its parts.
    wholes = {
        name
        for link in checked.design.links
        if len(link.inputs) != len(link.outputs)
        for name in (link.inputs if len(link.inputs) == 1 else link.outputs)
    }
    for program in checked.design.programs:
        for bd in program.bds:
            sizes = _padded(bd.sizes, bd.pads)
            if sizes and prod(sizes) != bd.length:
                yield finding(
                    "TP317",
                    f"the dimensions of the BD of {bd.buffer} do not walk what it moves",
                    bd.place,
                    f"{_counted(sizes, bd.pads)}, and it moves {bd.length:,}",
                )
    for fifo, end, _, dimensions in _layouts(checked.design):
        pads = () if end else fifo.pads
        sizes, element = _padded(tuple(size for size, _ in dimensions), pads), fifo.element_at(end)
        if fifo.name not in wholes and prod(sizes) != element.count:
            yield finding(
                "TP317",
                f"the dimensions of @{fifo.name} do not walk its object",
                fifo.place,
                f"{_counted(sizes, pads)}, and {element} has {element.count:,}",
            )


def _padded(sizes: tuple[int, ...], pads: Dimensions) -> tuple[int, ...]:
    """What is on the stream of each dimension: its pads count (found_later.md 4)."""
    if len(sizes) != len(pads):
        return sizes
    return tuple(before + size + after for size, (before, after) in zip(sizes, pads, strict=True))


def _counted(sizes: tuple[int, ...], pads: Dimensions) -> str:
    return f"sizes {list(sizes)}{' with their pads' if pads else ''} are {prod(sizes):,} elements"


def dimensions_not_whole_words(checked: Checked) -> Iterator[Diagnostic]:
    for fifo, _, tile, dimensions in _layouts(checked.design):
        nbytes = fifo.element.dtype.nbytes
        (inner_size, inner_step), outer = dimensions[-1], dimensions[:-1]
        pieces = {f"stride {n}": stride * nbytes for n, (_, stride) in enumerate(reversed(outer), 1)}
        # Below 32 bits, an innermost stride of 1 means words that lie side by side, and there is no other.
        if inner_size > 1 and inner_step != 1:
            pieces["what stride 0 skips to"] = nbytes
        else:
            pieces["innermost size"] = inner_size * nbytes
        uneven = [f"{name} is {value:,} bytes" for name, value in pieces.items() if value % WORD_BYTES]
        if uneven:
            yield finding(
                "TP318",
                f"the dimensions of @{fifo.name} at {tile} are not made of whole words",
                fifo.place,
                f"{', '.join(uneven)}; the DMA moves words of {WORD_BYTES}",
            )


def _layouts(design: Design) -> Iterator[tuple[Fifo, int, Tile, Dimensions]]:
    """Every end of a fifo that has dimensions: its number (0 the producer's), its tile and those."""
    for fifo in design.fifos:
        ends = zip((fifo.producer, *fifo.consumers), (fifo.to_stream, *fifo.from_stream), strict=False)
        yield from ((fifo, end, tile, dimensions) for end, (tile, dimensions) in enumerate(ends) if dimensions)


def _offset(transfer: Transfer) -> int:
    return sum(offset * stride for offset, stride in zip(transfer.offsets, transfer.strides, strict=True))


def _iterates_too_often(transfer: Transfer) -> bool:
    return transfer.strides[0] > 0 and transfer.sizes[0] > ITERATION_LIMIT


def _request(design: Design, transfer: Transfer, type_: MemRef) -> ShimTransfer | None:
    """The transfer as the writer of words takes it; None where it would be another check's finding."""
    numbers = (*transfer.sizes, *transfer.strides, *transfer.offsets)
    if not all(0 <= number < _WORD for number in numbers) or prod(transfer.sizes) >= _WORD:
        return None
    (d3, d2, d1, d0), (s3, s2, s1, s0) = transfer.sizes, transfer.strides
    return ShimTransfer(
        column=0,
        direction="MM2S",
        channel=0,
        bd_id=0,
        argument=transfer.argument,
        byte_offset=_offset(transfer) * type_.dtype.nbytes,
        sizes=(d3, d2, d1, d0),
        strides=(s3, s2, s1, s0),
        element_bytes=type_.dtype.nbytes,
        burst_length=transfer.burst_length,
    )


def _refused(design: Design, request: ShimTransfer, version: Version) -> Problem | None:
    try:
        transfer_operations(request, generation=design.device.generation, mlir_aie_version=version)
    except Problem as problem:
        return problem
    return None


CHECKS = (
    bd_id,
    past_argument,
    task_past_argument,
    not_whole_words,
    size_below_1,
    iteration_field,
    repeat_field,
    inner_stride,
    lost_offset,
    bd_field,
    dimensions_product,
    dimensions_not_whole_words,
)
