"""What would make a run shorter, by asking the model again: the same design with one thing changed, run once more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tileproof.device_model import SHIM, TILE_KINDS
from tileproof.emulator.array.timeline import Timeline
from tileproof.emulator.cost.advice import Advice
from tileproof.emulator.library import Library, Manner
from tileproof.emulator.payload import Payload
from tileproof.emulator.process.messages import Run
from tileproof.emulator.process.parent import Child
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import MM2S, S2MM
from tileproof.lowering.reconfigured import parts_of
from tileproof.lowering.sequence import sequence_named, sequence_words
from tileproof.mlir.design import ConfigureTask, Design, Fifo, SequenceOperation, Tile, Transfer, UseTask
from tileproof.mlir.design import Sequence as RuntimeSequence
from tileproof.mlir.reader import read_design
from tileproof.xrt import COMPLETED

# Nobody waits longer for advice; a run takes a second or so.
_BUDGET_S, _TIMEOUT_S = 20.0, 10.0
# What saves less of a run than this is not worth a word.
_LEAST_SHARE = 0.01
# A fifo of more objects than this does not wait for want of one.
_DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What is worth it, the best first, of `tried` changes; `left` were not, for want of time. What cannot be built,
    or does not run right, is neither."""

    advice: tuple[Advice, ...] = ()
    tried: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One thing to do; its `design` and `manner` are what the model makes of it."""

    what: str
    where: str
    why: str
    design: Design
    manner: Manner


def what_if(
    design: Design,
    sequence: str,
    library: Library | None,
    buffers: Mapping[int, bytes],
    timeline: Timeline,
    budget_s: float = _BUDGET_S,
) -> WhatIf:
    """Changes of a design whose run is known by its timeline: deeper fifos, transfers in another order, wider streams.
    `buffers` are what it ran on, by argument of the sequence."""
    changes = list(_changes(design, sequence, timeline))
    ends = time.monotonic() + budget_s
    found: list[Advice] = []
    tried = left = 0
    for number, change in enumerate(changes):
        if time.monotonic() >= ends:
            left = len(changes) - number
            break
        cycles = _cycles(change, sequence, library, buffers)
        if cycles is None:
            continue
        tried += 1
        gain = timeline.cycles - cycles
        if gain >= _LEAST_SHARE * timeline.cycles:
            found.append(Advice(what=change.what, where=change.where, why=change.why, gain=gain))
    found.sort(key=lambda one: -one.gain)
    return WhatIf(advice=tuple(found), tried=tried, left=left)


def what_if_of(payload: Payload, inputs: Mapping[int, bytes], timeline: Timeline) -> WhatIf:
    """The same for what an xclbin brings for the emulator; outputs are given room."""
    design = read_design(payload.design, "design.mlir", payload.device_name or None)
    sequence = design.sequences[0]
    room = {number: bytes(type_.nbytes) for number, type_ in enumerate(sequence.arguments)}
    library = payload.library if payload.library.code else None
    return what_if(design, sequence.name, library, room | dict(inputs), timeline)


def _cycles(change: _Change, sequence: str, library: Library | None, buffers: Mapping[int, bytes]) -> int | None:
    """How long the run is then; None where it cannot be had, as where a tile's memory has no room for it."""
    child = Child()
    try:
        lowered = lower_design(change.design)
        parts = parts_of(lowered, sequence_named(lowered, sequence))
        if len(parts) != 1:
            return None  # what an array holds from before is not in `buffers`
        on, part = parts[0]
        child.set_up(on, library, change.manner)
        child.send(Run(sequence_words(on, part), dict(buffers)))
        finished = child.receive(_TIMEOUT_S)
    except Problem:
        return None
    finally:
        child.close()
    report = None if finished is None else finished.report
    if report is None or report.state != COMPLETED or report.faults or report.timeline is None:
        return None
    return report.timeline.cycles


# Changes


def _changes(design: Design, sequence: str, timeline: Timeline) -> Iterator[_Change]:
    yield from _started_late(design, sequence)
    busy = {one.name: one.cycles for one in timeline.busy}
    shallow = [fifo for fifo in design.fifos if fifo.stream is None and max(fifo.depths) < _DEEPEST and not fifo.init]
    for fifo in shallow:
        yield _deeper(design, [fifo], f"@{fifo.name} one object deeper", fifo)
    if len(shallow) > 1:
        yield _deeper(design, shallow, "all fifos one object deeper", shallow[0])
    free = _with_a_free_channel(design)
    for fifo in design.fifos:
        if SHIM in (tile.kind for tile in (fifo.producer, *fifo.consumers)) and free(fifo):
            yield _wider(design, fifo, busy)


def _deeper(design: Design, fifos: Sequence[Fifo], what: str, first: Fifo) -> _Change:
    def deeper(fifo: Fifo) -> Fifo:
        return replace(fifo, depths=tuple(depth + 1 for depth in fifo.depths)) if fifo in fifos else fifo

    return _Change(
        what=f"make {what}",
        where=str(first.place),
        why="who fills a fifo waits less for who empties it",
        design=replace(design, fifos=tuple(map(deeper, design.fifos))),
        manner=Manner(),
    )


def _wider(design: Design, fifo: Fifo, busy: Mapping[str, int]) -> _Change:
    """As a stream that is twice as wide, and is started twice."""
    cycles = max((n for name, n in busy.items() if f"(@{fifo.name})" in name), default=0)
    return _Change(
        what=f"move half of @{fifo.name} over a second channel: two fifos of half its objects",
        where=str(fifo.place),
        why=f"its stream carries 4 bytes a cycle, and is busy for {cycles:,} cycles; the second is started by itself",
        design=design,
        manner=Manner(doubled=fifo.name),
    )


def _with_a_free_channel(design: Design) -> Callable[[Fifo], bool]:
    """Whether a fifo's tiles have each one more channel of the direction in which it leaves, or comes to them."""
    lowered = lower_design(design)
    ports: list[tuple[Tile, str, int]] = []
    for flow in lowered.flows:
        ports += [(flow.source, MM2S, flow.source_channel)] * (flow.source_bundle == "DMA")
        ports += [(flow.destination, S2MM, flow.destination_channel)] * (flow.destination_bundle == "DMA")
    for packets in design.packet_flows:
        ports += [(port.tile, MM2S, port.channel) for port in packets.sources if port.bundle == "DMA"]
        ports += [(port.tile, S2MM, port.channel) for port in packets.destinations if port.bundle == "DMA"]
    used = {(tile.at, direction, channel) for tile, direction, channel in ports}

    def has(tile: Tile, direction: str) -> bool:
        taken = sum((tile.at, direction, channel) in used for channel in range(TILE_KINDS[tile.kind].channels))
        return taken < TILE_KINDS[tile.kind].channels

    return lambda fifo: has(fifo.producer, MM2S) and all(has(tile, S2MM) for tile in fifo.consumers)


def _started_late(design: Design, name: str) -> Iterator[_Change]:
    """Where a sequence starts an output before an input, and waits for nothing between."""
    is_input = _way_of(design)
    for sequence in design.sequences:
        operations = inputs_first(sequence.operations, is_input) if sequence.name == name else sequence.operations
        if operations != sequence.operations:
            changed = replace(sequence, operations=operations)
            yield _Change(
                what="start what goes to the array before what comes back",
                where=str(sequence.place),
                why="starting a transfer takes the controller 2,500 cycles, in which no input is under way",
                design=replace(design, sequences=_with(design.sequences, sequence, changed)),
                manner=Manner(),
            )


def _with(
    sequences: Sequence[RuntimeSequence], old: RuntimeSequence, new: RuntimeSequence
) -> tuple[RuntimeSequence, ...]:
    return tuple(new if one is old else one for one in sequences)


def _way_of(design: Design) -> Callable[[str], bool]:
    """Whether a shim end brings data to the array."""
    to_array = {fifo.name for fifo in design.fifos if fifo.producer.kind == SHIM}
    to_array |= {one.name for one in design.shim_allocations if one.direction == "MM2S"}
    return lambda name: name in to_array


def inputs_first(
    operations: Sequence[SequenceOperation], is_input: Callable[[str], bool]
) -> tuple[SequenceOperation, ...]:
    """Starts of inputs in front of starts of outputs, as far as only starts stand between them."""
    channels = {one.task: one.channel for one in operations if isinstance(one, ConfigureTask)}

    def starts_output(operation: SequenceOperation) -> bool | None:
        """None for what starts nothing, and must stay where it is."""
        match operation:
            case Transfer():
                return not is_input(operation.shim)
            case UseTask(action="start") if isinstance(name := channels.get(operation.task), str):
                return not is_input(name)
        return None

    done: list[SequenceOperation] = []
    run: list[SequenceOperation] = []
    for operation in operations:
        if starts_output(operation) is None:
            done += sorted(run, key=lambda one: bool(starts_output(one)))
            run = []
            done.append(operation)
        else:
            run.append(operation)
    return (*done, *sorted(run, key=lambda one: bool(starts_output(one))))
