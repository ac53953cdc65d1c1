"""Fifos: objects produced against consumed, by the cores and by the runtime sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.check.loops import endless_loops, per_iteration, unheld_releases
from tileproof.device_model import CORE, SHIM
from tileproof.diagnostic import Diagnostic, Place
from tileproof.mlir.design import (
    Channel,
    ConfigureTask,
    Core,
    Design,
    Fifo,
    PushQueue,
    Sequence,
    SequenceOperation,
    Tile,
    Transfer,
    UseTask,
    Wait,
)
from tileproof.mlir.program import Acquire, FifoUse, Release, walk
from tileproof.mlir.values import MemRef


def part_of_an_object(checked: Checked) -> Iterator[Diagnostic]:
    for sequence in checked.design.sequences:
        for name, nbytes in _moved(sequence).items():
            fifo = checked.design.fifo(name)
            if fifo is not None and nbytes % (each := _host_element(fifo).nbytes):
                yield finding(
                    "TP401",
                    f"the sequence moves part of an object of @{name}",
                    next(move.place for move in host_moves(sequence) if move.shim == name),
                    f"{nbytes:,} bytes are {nbytes // each} objects of {each:,} and {nbytes % each:,} bytes more",
                )


def _host_element(fifo: Fifo) -> MemRef:
    """What a transfer moves objects of: those of the end that is not the host's."""
    return fifo.element_at(1 if fifo.producer.kind == SHIM else 0)


def unbalanced(checked: Checked) -> Iterator[Diagnostic]:
    """Only cores whose body is one endless loop of which every pass takes and gives the same."""
    for sequence in checked.design.sequences:
        moved = _through_links(checked.design, _moved(sequence))
        for core in checked.design.cores:
            iterations = _iterations(checked.design, core, moved)
            if len(set(iterations.values())) > 1:
                yield finding(
                    "TP402",
                    f"the objects that the sequence moves do not fit the loop of {core.tile}",
                    sequence.place,
                    "; ".join(f"@{name} moves for {count} iterations" for name, count in iterations.items()),
                )


def beyond_depth(checked: Checked) -> Iterator[Diagnostic]:
    for core, operation, fifo in _acquires(checked.design):
        depth = _depth(fifo, core, operation)
        if len(fifo.depths) == 1 and operation.count > depth and _behind_dma(checked, fifo):
            yield finding(
                "TP403",
                f"{core.tile} acquires more objects of @{fifo.name} than its depth",
                operation.place,
                f"it acquires {operation.count}, and the depth is {depth}; "
                f"the pool becomes {operation.count + 1} objects of {fifo.element_of(operation.port).nbytes:,} bytes",
            )


def never_enough(checked: Checked) -> Iterator[Diagnostic]:
    for core, operation, fifo in _acquires(checked.design):
        depth = _depth(fifo, core, operation)
        fixed = len(fifo.depths) > 1 or not _behind_dma(checked, fifo)
        if fixed and operation.count > depth:
            yield finding(
                "TP404",
                f"{core.tile} waits for more objects of @{fifo.name} than there are",
                operation.place,
                f"it acquires {operation.count}, and its end holds {depth}",
            )


def release_unheld(checked: Checked) -> Iterator[Diagnostic]:
    for core in checked.design.cores:
        for operation, held in unheld_releases(core.body):
            yield finding(
                "TP405",
                f"{core.tile} releases objects of @{operation.fifo} that it does not hold",
                operation.place,
                f"it releases {operation.count} and holds {held}",
            )


def never_released(checked: Checked) -> Iterator[Diagnostic]:
    for core in checked.design.cores:
        for loop in endless_loops(core.body):
            inside = list(walk(loop.body))
            released = {op.end for op in inside if isinstance(op, Release)}
            acquired = {op.end: op for op in inside if isinstance(op, Acquire)}
            for (name, port), operation in acquired.items():
                if (name, port) not in released:
                    yield finding(
                        "TP406",
                        f"the endless loop of {core.tile} keeps what it acquires of @{name}",
                        operation.place,
                        f"{operation.count} acquired in each pass, none released; "
                        "an acquire of what is held waits for nothing",
                    )


def nobody_there(checked: Checked) -> Iterator[Diagnostic]:
    """One end of a fifo at work and nobody at the other; a mem tile's end works by itself."""
    design = checked.design
    linked = {name for link in design.links for name in (*link.inputs, *link.outputs)}
    for fifo in design.fifos:
        ends = (fifo.producer, *fifo.consumers)
        if fifo.name in linked or not any(_works(design, fifo, tile) for tile in ends):
            continue
        for end, tile in enumerate(ends):
            # Without a sequence the design is a part of something, and the host's side is not known.
            unknown = (
                fifo.is_stream(end) or tile.kind not in (CORE, SHIM) or (tile.kind == SHIM and not design.sequences)
            )
            if unknown or _works(design, fifo, tile):
                continue
            does = "fills" if tile.at == fifo.producer.at else "takes"
            who = "no sequence moves it" if tile.kind == SHIM else f"the program of {tile} never acquires it"
            yield finding("TP407", f"nobody {does} the objects of @{fifo.name} at {tile}", fifo.place, who)


def link_sizes(checked: Checked) -> Iterator[Diagnostic]:
    for link in checked.design.links:
        inputs = [fifo for name in link.inputs if (fifo := checked.design.fifo(name))]
        outputs = [fifo for name in link.outputs if (fifo := checked.design.fifo(name))]
        if len(inputs) == len(outputs) == 1:
            pairs = [_forward(inputs[0], outputs[0])]
        elif len(inputs) == 1:
            pairs = _parts(inputs[0], outputs, link.output_offsets)
        elif len(outputs) == 1:
            pairs = _parts(outputs[0], inputs, link.input_offsets)
        else:
            pairs = []
        for why in filter(None, pairs):
            yield finding("TP409", "the parts of the link are not the objects of its fifos", link.place, why)


def _forward(source: Fifo, target: Fifo) -> str | None:
    if target.pads:  # each object is handed on with what is around it
        return None
    before, behind = source.element_at(1).nbytes, target.element.nbytes
    if max(before, behind) % min(before, behind) == 0:
        return None
    return f"@{source.name} has objects of {before:,} bytes, @{target.name} of {behind:,}"


def _parts(whole: Fifo, parts: list[Fifo], offsets: tuple[int, ...]) -> list[str | None]:
    """Each part reaches to the next offset (the pass takes differences, whatever the objects are)."""
    if len(offsets) != len(parts):
        return []
    ends = [*offsets[1:], whole.element.count]
    return [
        f"the part of @{part.name} has {end - begin} elements of @{whole.name} (from {begin} to {end}), "
        f"and its objects have {part.element.count}"
        for part, begin, end in zip(parts, offsets, ends, strict=True)
        if end - begin != part.element.count
    ]


@dataclass(frozen=True, slots=True)
class HostMove:
    """Bytes that a sequence moves through a shim end, in one transfer or one start of a task."""

    shim: str
    nbytes: int
    place: Place


def host_moves(sequence: Sequence) -> Iterator[HostMove]:
    """Everything that is moved through a named shim end; None of what writes the queues itself."""
    tasks = {op.task: op for op in sequence.operations if isinstance(op, ConfigureTask)}
    for operation in sequence.operations:
        if isinstance(operation, Transfer) and min(operation.sizes) > 0:
            nbytes = prod(operation.sizes) * sequence.arguments[operation.argument].dtype.nbytes
            yield HostMove(operation.shim, nbytes, operation.place)
        elif isinstance(operation, UseTask) and operation.action == "start":
            task = tasks[operation.task]
            if isinstance(task.channel, str):
                once = sum(bd.length * bd.type.dtype.nbytes for bd in task.bds)
                yield HostMove(task.channel, once * (task.repeat_count + 1), task.place)


def _moved(sequence: Sequence) -> Counter[str]:
    """Bytes that a sequence moves, by fifo."""
    moved: Counter[str] = Counter()
    for move in host_moves(sequence):
        moved[move.shim] += move.nbytes
    return moved


def _through_links(design: Design, moved: Counter[str]) -> Counter[str]:
    """`moved`, and the bytes that thereby pass each linked fifo: a forward hands all on, a part its share."""
    passed = Counter(moved)
    for link in design.links:
        inputs = [fifo for name in link.inputs if (fifo := design.fifo(name))]
        outputs = [fifo for name in link.outputs if (fifo := design.fifo(name))]
        if any(fifo.repeat_count != 1 for fifo in (*inputs, *outputs)):
            continue
        for whole, parts in ((inputs, outputs), (outputs, inputs)):
            if len(whole) == 1 and passed[whole[0].name] and _fit(whole[0], parts):
                total = sum(part.element.nbytes for part in parts)
                if any(fifo.pads for fifo in outputs):  # one object each, and of another size
                    total = whole[0].element.nbytes
                for part in parts:
                    share = Fraction(part.element.nbytes, total) * passed[whole[0].name]
                    if not passed[part.name] and share.denominator == 1:
                        passed[part.name] = int(share)
    return passed


def _fit(whole: Fifo, parts: list[Fifo]) -> bool:
    """Whether objects of one side are whole numbers of those of the other; TP409 says where not."""
    if len(parts) == 1:
        return _forward(whole, parts[0]) is None
    return sum(part.element.nbytes for part in parts) == whole.element.nbytes


def _iterations(design: Design, core: Core, moved: Counter[str]) -> dict[str, Fraction]:
    """For how many passes of the core's loop the objects last that the sequence moves, by fifo."""
    iterations = {}
    for name, count in per_iteration(core.body).items():
        fifo = design.fifo(name)
        if fifo is None or not moved[name] or fifo.repeat_count != 1:
            continue
        each = fifo.element_at(0 if fifo.producer.at == core.tile.at else 1).nbytes
        if moved[name] % each == 0:
            iterations[name] = Fraction(moved[name] // each, count)
    return iterations


def _acquires(design: Design) -> Iterator[tuple[Core, Acquire, Fifo]]:
    for core in design.cores:
        for operation in walk(core.body):
            if isinstance(operation, Acquire):
                fifo = design.fifo(operation.fifo)
                if fifo is not None:
                    yield core, operation, fifo


def _depth(fifo: Fifo, core: Core, operation: Acquire) -> int:
    """The declared depth at the core's end of the fifo."""
    if len(fifo.depths) == 1 or operation.port == "Produce":
        return fifo.depths[0]
    ends = [depth for depth, tile in zip(fifo.depths[1:], fifo.consumers, strict=False) if tile.at == core.tile.at]
    return ends[0] if ends else fifo.depths[0]


def _behind_dma(checked: Checked, fifo: Fifo) -> bool:
    """Whether the two ends have pools of their own; True where the lowering did not come that far."""
    return checked.lowered is None or any(flow.fifo == fifo.name for flow in checked.lowered.flows)


def _works(design: Design, fifo: Fifo, tile: Tile) -> bool:
    """Whether someone at `tile` moves objects of the fifo: a sequence, or the tile's core."""
    if tile.kind == SHIM:
        return any(
            sequence.is_open or any(_may_move(operation, fifo.name) for operation in sequence.operations)
            for sequence in design.sequences
        )
    return any(
        isinstance(operation, FifoUse) and operation.fifo == fifo.name
        for core in design.cores
        if core.tile.at == tile.at
        for operation in walk(core.body)
    )


def _may_move(operation: SequenceOperation, name: str) -> bool:
    """Whether an operation of a sequence moves objects of the fifo; one that names a channel itself may."""
    match operation:
        case Transfer() | Wait():
            return operation.shim == name
        case ConfigureTask():
            return operation.channel == name or isinstance(operation.channel, Channel)
        case PushQueue():
            return True
    return False


CHECKS = (
    part_of_an_object,
    unbalanced,
    beyond_depth,
    never_enough,
    release_unheld,
    never_released,
    nobody_there,
    link_sizes,
)
