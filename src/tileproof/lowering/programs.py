"""What a design writes out itself: DMA programs, circuits and shim allocations, numbered as mlir-aie does."""

from __future__ import annotations

from collections import defaultdict

from tileproof.device_model import CORE, SHIM, TASK_QUEUE_DEPTH, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.dimensions import WrapsToZeroProblem, check_bd, check_pad_value
from tileproof.lowering.model import MM2S, S2MM, Bd, DmaChain, Flow, ShimAllocation
from tileproof.lowering.resources import NEIGHBOUR_CHANNELS, Resources
from tileproof.mlir.design import Bd as WrittenBd
from tileproof.mlir.design import Design, Direction, DmaProgram, Port, Tile
from tileproof.mlir.design import Flow as WrittenFlow

# A start queue's repeat count has 8 bits (aie-rt MaxRepeatCount), and runs once more than it says.
LARGEST_REPEAT = 255


def claim_channels(design: Design, resources: Resources) -> None:
    """Channels that a DMA program or a shim allocation has are not given to fifos (AIEDMAChannelAnalysis.cpp)."""
    for program in design.programs:
        resources.claim_channel(program.tile, program.direction, program.channel)
    for allocation in design.shim_allocations:
        resources.claim_channel(allocation.tile, allocation.direction, allocation.channel)


def lower_programs(design: Design, resources: Resources, *, as_silent: bool = False) -> list[DmaChain]:
    """The chains, with ids for every BD (AIEAssignBufferDescriptorIDs.cpp)."""
    started: dict[tuple[object, ...], list[DmaProgram]] = defaultdict(list)
    for program in design.programs:
        _check_program(design, program, as_silent)
        queue = started[program.tile.at, program.direction, program.channel]
        queue.append(program)
        _check_queue(queue)
        for bd in program.bds:
            if bd.bd_id is not None:
                resources.this_bd(program.tile, program.channel, bd.bd_id, bd.place)
    return [_chain(program, resources) for program in design.programs]


def _check_queue(queue: list[DmaProgram]) -> None:
    """The starts of one channel are tasks in its queue: one after the other, as long as each ends."""
    *before, last = queue
    endless = next((one for one in before if one.bds[-1].next is not None), None)
    if endless is not None:
        raise Problem(
            f"{last.direction} channel {last.channel} of {last.tile} is started again and never comes to it",
            where=last.place,
            why=f"what it is started with at {endless.place} runs for ever",
            fix="end that chain with aie.next_bd to a block that ends, put the BDs of both into one, or use another "
            "channel",
            id="TP312",
        )
    if len(queue) > TASK_QUEUE_DEPTH + 1:
        raise Problem(
            f"{last.direction} channel {last.channel} of {last.tile} is started {len(queue)} times",
            where=last.place,
            why=f"one task runs, its queue holds {TASK_QUEUE_DEPTH}, and nobody waits while the array is set up",
            fix="put the BDs of several into one chain",
            id="TP312",
        )


def _chain(program: DmaProgram, resources: Resources) -> DmaChain:
    wanted = sum(bd.bd_id is None for bd in program.bds)
    free = iter(resources.bds(program.tile, program.channel, wanted, program.place))
    ids = [next(free) if bd.bd_id is None else bd.bd_id for bd in program.bds]
    return DmaChain(
        tile=program.tile,
        direction=program.direction,
        channel=program.channel,
        bds=tuple(_bd(bd, ids, number) for number, bd in enumerate(program.bds)),
        fifo=None,
        repeat_count=program.repeat_count or None,
        pad_value=program.pad_value,
    )


def _bd(bd: WrittenBd, ids: list[int], number: int) -> Bd:
    return Bd(
        bd_id=ids[number],
        buffer=str(bd.buffer),
        offset=bd.offset,
        length=bd.length,
        acquire=bd.acquire,
        release=bd.release,
        next=None if bd.next is None else ids[bd.next],
        sizes=bd.sizes,
        strides=bd.strides,
        exactly=bd.exactly,
        packet=bd.packet,
        pads=bd.pads,
    )


def _check_program(design: Design, program: DmaProgram, as_silent: bool) -> None:
    tile = program.tile
    channels = TILE_KINDS[tile.kind].channels
    if not 0 <= program.channel < channels:
        raise Problem(
            f"there is no {program.direction} channel {program.channel} on {tile}",
            where=program.place,
            why=f"a {tile.kind} tile has {program.direction} channels 0 to {channels - 1}",
            fix="use one of those",
            id="TP312",
        )
    if not 0 <= program.repeat_count <= LARGEST_REPEAT:
        raise repeated_too_often(program.repeat_count, program.place)
    if program.pad_value:
        check_pad_value(design, program.tile, program.direction, program.pad_value, program.place)
    if tile.kind == SHIM:
        return  # it moves memory of the host, which is nowhere in the array
    buffers = {buffer.name: buffer for buffer in design.buffers}
    locks = {lock.name: lock for lock in design.locks}
    for bd in program.bds:
        buffer = buffers[str(bd.buffer)]
        if not _reaches(program, buffer.tile):
            raise _out_of_reach(program, f"buffer {buffer.name} on {buffer.tile}", bd)
        for use in (bd.acquire, bd.release):
            if use is not None and not _reaches(program, locks[use[0]].tile):
                raise _out_of_reach(program, f"lock {use[0]} on {locks[use[0]].tile}", bd)
        for problem in check_bd(bd, tile):
            if not (as_silent and isinstance(problem, WrapsToZeroProblem)):
                raise problem


def repeated_too_often(count: int, place: Place) -> Problem:
    return Problem(
        f"a repeat count of {count} does not fit the queue",
        where=place,
        why=f"its field goes from 0 to {LARGEST_REPEAT}, and runs once more than it says",
        fix="repeat less often, or in two tasks",
        id="TP322",
    )


def _reaches(program: DmaProgram, other: Tile) -> bool:
    """A core tile's DMA has its own memory, the first channels of a mem tile's also that of the mem tiles beside it
    (AM020 chapter 5, getMaxChannelNumForAdjacentMemTile)."""
    dma = program.tile
    if dma.at == other.at:
        return True
    beside = dma.kind == other.kind == "mem" and abs(dma.column - other.column) == 1
    return beside and program.channel < NEIGHBOUR_CHANNELS


def _out_of_reach(program: DmaProgram, what: str, bd: WrittenBd) -> Problem:
    return Problem(
        f"{program.direction} channel {program.channel} of {program.tile} does not reach {what}",
        where=bd.place,
        why="a DMA has the memory and the locks of its own tile; channels 0 to 3 of a mem tile also its neighbours'",
        fix="put both on one tile",
        id="TP606",
    )


def lower_flows(design: Design) -> list[Flow]:
    names = {(a.tile.at, a.direction, a.channel): a.name for a in design.shim_allocations}
    flows = []
    for flow in design.flows:
        _check_port(flow, flow.source, MM2S)
        _check_port(flow, flow.destination, S2MM)
        name = names.get((flow.source.tile.at, MM2S, flow.source.channel)) or names.get(
            (flow.destination.tile.at, S2MM, flow.destination.channel)
        )
        flows.append(
            Flow(
                source=flow.source.tile,
                source_channel=flow.source.channel,
                destination=flow.destination.tile,
                destination_channel=flow.destination.channel,
                fifo=name or f"flow of line {flow.place.line}",
                source_bundle=flow.source.bundle,
                destination_bundle=flow.destination.bundle,
            )
        )
    return flows


def _check_port(flow: WrittenFlow, port: Port, direction: Direction) -> None:
    channels = TILE_KINDS[port.tile.kind].channels
    if port.bundle == "DMA" and not 0 <= port.channel < channels:
        raise Problem(
            f"there is no {direction} channel {port.channel} on {port.tile}",
            where=flow.place,
            why=f"a {port.tile.kind} tile has channels 0 to {channels - 1}, and a flow names this one",
            fix="use one of those",
            id="TP312",
        )
    if port.bundle == "Core" and (port.tile.kind != CORE or port.channel != 0):
        raise no_core_port(port.channel, port.tile, flow.place)


def no_core_port(channel: int, tile: Tile, place: Place) -> Problem:
    return Problem(
        f"there is no stream port Core : {channel} on {tile}",
        where=place,
        why="a core has one stream port each way, and other tiles have no core",
        fix="name Core : 0 of a core tile",
        id="TP312",
    )


def lower_allocations(design: Design) -> list[ShimAllocation]:
    limit = TILE_KINDS[SHIM].channels
    for allocation in design.shim_allocations:
        if not 0 <= allocation.channel < limit:
            raise Problem(
                f"there is no {allocation.direction} channel {allocation.channel} on {allocation.tile}",
                where=allocation.place,
                why=f"a shim tile has {allocation.direction} channels 0 to {limit - 1}",
                fix="use one of those",
                id="TP312",
            )
    return [
        ShimAllocation(
            fifo=a.name, symbol=a.name, tile=a.tile, direction=a.direction, channel=a.channel, packet=a.packet
        )
        for a in design.shim_allocations
    ]
