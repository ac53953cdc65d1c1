"""The whole lowering: fifos, placement, cores. What comes out is what the emulator is set up with."""

from __future__ import annotations

from tileproof.device_model import CORE, DEFAULT_STACK_BYTES, SHIM, TILE_KINDS, Scheme
from tileproof.errors import Problem
from tileproof.lowering.control_packets import lower_control_packets
from tileproof.lowering.fifos import lower_fifos, reached_by
from tileproof.lowering.locks import number_locks
from tileproof.lowering.model import LoweredCore, LoweredDesign, PlacedBuffer
from tileproof.lowering.placement import check_bd_addresses, check_overlaps, place_buffers
from tileproof.lowering.programs import (
    claim_channels,
    lower_allocations,
    lower_flows,
    lower_programs,
)
from tileproof.lowering.resources import Resources
from tileproof.lowering.traces import check_trace_channel, lower_traces
from tileproof.mlir.design import Buffer, Core, Design, Reconfigure, Tile
from tileproof.mlir_aie_versions import NEWEST, Version


def lower_design(
    design: Design,
    *,
    version: Version | None = None,
    scheme: Scheme = "default",
    as_silent: bool = False,
) -> LoweredDesign:
    """Everything the array is set up with; a `Problem` where the design cannot be.

    Without a `version`, as the newest mlir-aie would, and whatever the spelling. `as_silent` lets pass what that
    mlir-aie lets pass although it is wrong; nothing runs such a design.
    """
    if version is not None:
        _check_spelling(design, version)
    _lower_others(design, version, scheme, as_silent=as_silent)
    version = version or NEWEST
    design = lower_control_packets(lower_traces(design, version))
    resources = Resources()
    claim_channels(design, resources)
    programs = lower_programs(design, resources, as_silent=as_silent)
    fifos = lower_fifos(design, resources, version=version, as_silent=as_silent)
    if not as_silent:
        check_trace_channel(design, fifos.shim_allocations)
    locks = number_locks(design, fifos.locks, resources, version)
    for core in design.cores:
        _check_reach(design, core)
    stacks = {core.tile.at: _stack_size(core) for core in design.cores}
    early = [buffer for buffer in design.buffers if design.is_above_last_tile(buffer.place)]
    late = [buffer for buffer in design.buffers if not design.is_above_last_tile(buffer.place)]
    placed = _place(design, [*early, *fifos.buffers, *late], stacks, version, scheme)
    if not as_silent:
        check_overlaps(placed, design.buffers, stacks)
    chains = (*programs, *fifos.chains)
    check_bd_addresses((chain for chain in chains if chain.tile.kind != SHIM), placed)
    return LoweredDesign(
        name=design.name,
        device=design.device,
        buffers=placed,
        locks=locks,
        chains=chains,
        flows=(*lower_flows(design), *fifos.flows),
        shim_allocations=(*lower_allocations(design), *fifos.shim_allocations),
        cores=tuple(
            LoweredCore(core=core, stack_size=stacks[core.tile.at], ends=dict(fifos.ends[core.tile.at]))
            for core in design.cores
        ),
        sequences=design.sequences,
        design=design,
        version=version,
    )


def _lower_others(design: Design, version: Version | None, scheme: Scheme, *, as_silent: bool) -> None:
    """What is wrong with the devices that a sequence sets the array up with is wrong with the design."""
    for sequence in design.sequences:
        for operation in sequence.operations:
            if isinstance(operation, Reconfigure) and operation.design is not None:
                lower_design(operation.design, version=version, scheme=scheme, as_silent=as_silent)


def _check_spelling(design: Design, version: Version) -> None:
    for note in design.notes:
        if note.versions is not None and version.name not in note.versions:
            raise Problem(
                f"mlir-aie of {version.name} does not read this",
                where=note.place,
                why=f"{note.said.what}; {note.said.why}",
                fix=note.said.fix,
                id="TP004",
            )


def refuse_externals(lowered: LoweredDesign) -> None:
    """External buffers, and streams of programmable logic: lowered as mlir-aie does, and a `Problem` for an NPU."""
    plio = next((fifo for fifo in lowered.design.fifos if fifo.plio), None)
    if plio is not None:
        raise Problem(
            f"@{plio.name} is a stream of programmable logic",
            id="TP002",
            where=plio.place,
            why="an NPU has none; plio is for other devices",
            fix="leave plio away, and move the data with aiex.npu.dma_memcpy_nd",
        )
    chain = next((chain for chain in lowered.chains if chain.tile.kind == SHIM), None)
    if chain is None:
        return
    named = {buffer.name: buffer for buffer in lowered.design.externals}
    buffer = named[chain.bds[0].buffer]
    raise Problem(
        f"external buffer {buffer.name} has no place in a runtime sequence",
        id="TP002",
        where=buffer.place,
        why="an NPU's host buffers are arguments of its runtime sequence; external buffers are for other devices",
        fix="move the data with aiex.npu.dma_memcpy_nd",
    )


def _place(
    design: Design, buffers: list[Buffer], stacks: dict[tuple[int, int], int], version: Version, scheme: Scheme
) -> tuple[PlacedBuffer, ...]:
    placed: list[PlacedBuffer] = []
    # A mem tile that only took what another could not hold is not in the design's text.
    tiles = {tile.at: tile for tile in (*design.tiles, *(buffer.tile for buffer in buffers))}
    for tile in tiles.values():
        mine = [buffer for buffer in buffers if buffer.tile.at == tile.at]
        if mine:
            placed += place_buffers(_known(tile), mine, stacks.get(tile.at, 0), scheme=scheme, version=version)
    return tuple(placed)


def _check_reach(design: Design, core: Core) -> None:
    """A core reaches its own memory and that of its west, north and south neighbours (isLegalMemAffinity)."""
    for buffer in design.buffers:
        if buffer.name in core.buffers.values() and (
            buffer.tile.at not in reached_by(core.tile) or buffer.tile.kind != CORE
        ):
            raise Problem(
                f"the core on {core.tile} cannot reach buffer {buffer.name} on {buffer.tile}",
                where=core.place,
                why="a core reaches its own memory and that of its west, north and south neighbours",
                fix="put the buffer on one of those tiles, or move the data through a fifo",
                id="TP606",
            )
    for lock in design.locks:
        reached = lock.tile.at in reached_by(core.tile) and lock.tile.kind == CORE
        if lock.name in core.locks.values() and not reached:
            raise Problem(
                f"the core on {core.tile} cannot reach lock {lock.name} on {lock.tile}",
                where=core.place,
                why="a core reaches its own locks and those of its west, north and south neighbours",
                fix="put the lock on one of those tiles",
                id="TP606",
            )


def _known(tile: Tile) -> Tile:
    if TILE_KINDS[tile.kind].memory_bytes == 0:
        raise Problem(
            f"{tile} has no memory for buffers",
            where=tile.place,
            why="a shim tile holds no data; its DMA moves host memory",
            fix="put the buffer on a mem tile or a core tile",
            id="TP605",
        )
    return tile


def _stack_size(core: Core) -> int:
    size = DEFAULT_STACK_BYTES if core.stack_size is None else core.stack_size
    memory = TILE_KINDS[CORE].memory_bytes
    if not 0 < size <= memory:
        raise Problem(
            f"the stack of the core on {core.tile} cannot be {size:,} bytes",
            where=core.place,
            why=f"the tile's memory has {memory:,}",
            fix="give stack_size a number of bytes that the tile function's frames need, for instance 1024",
            id="TP201",
        )
    return size
