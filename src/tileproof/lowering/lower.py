"""The whole lowering: fifos, placement, cores. What comes out is what the emulator is set up with."""

from __future__ import annotations

from tileproof.device_model import CORE, DEFAULT_STACK_BYTES, TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.fifos import lower_fifos, reached_by
from tileproof.lowering.model import LoweredCore, LoweredDesign, PlacedBuffer
from tileproof.lowering.placement import place_buffers
from tileproof.mlir.design import Buffer, Core, Design, Tile


def lower_design(design: Design) -> LoweredDesign:
    """Everything the array is set up with; a `Problem` where the design cannot be."""
    fifos = lower_fifos(design)
    for core in design.cores:
        _check_reach(design, core)
    stacks = {core.tile.at: _stack_size(core) for core in design.cores}
    last_tile = max((tile.place.line for tile in design.tiles), default=0)
    early = [buffer for buffer in design.buffers if buffer.place.line < last_tile]
    late = [buffer for buffer in design.buffers if buffer.place.line >= last_tile]
    return LoweredDesign(
        name=design.name,
        device=design.device,
        buffers=_place(design, [*early, *fifos.buffers, *late], stacks),
        locks=tuple(fifos.locks),
        chains=tuple(fifos.chains),
        flows=tuple(fifos.flows),
        shim_allocations=tuple(fifos.shim_allocations),
        cores=tuple(
            LoweredCore(core=core, stack_size=stacks[core.tile.at], ends=dict(fifos.ends[core.tile.at]))
            for core in design.cores
        ),
        sequences=design.sequences,
        design=design,
    )


def _place(design: Design, buffers: list[Buffer], stacks: dict[tuple[int, int], int]) -> tuple[PlacedBuffer, ...]:
    placed: list[PlacedBuffer] = []
    for tile in design.tiles:
        mine = [buffer for buffer in buffers if buffer.tile.at == tile.at]
        if mine:
            placed += place_buffers(_known(tile), mine, stacks.get(tile.at, 0))
    return tuple(placed)


def _check_reach(design: Design, core: Core) -> None:
    """A core reaches its own memory and that of its west, north and south neighbours (isLegalMemAffinity)."""
    for buffer in design.buffers:
        if buffer.name in core.buffers.values() and (
            buffer.tile.at not in reached_by(core.tile) or buffer.tile.kind != CORE
        ):
            raise Problem(
                f"the core on {core.tile} cannot reach buffer {buffer.name} on {buffer.tile}",
                where=str(core.place),
                why="a core reaches its own memory and that of its west, north and south neighbours",
                fix="put the buffer on one of those tiles, or move the data through a fifo",
            )


def _known(tile: Tile) -> Tile:
    if TILE_KINDS[tile.kind].memory_bytes == 0:
        raise Problem(
            f"{tile} has no memory for buffers",
            where=str(tile.place),
            why="a shim tile holds no data; its DMA moves host memory",
            fix="put the buffer on a mem tile or a core tile",
        )
    return tile


def _stack_size(core: Core) -> int:
    size = DEFAULT_STACK_BYTES if core.stack_size is None else core.stack_size
    memory = TILE_KINDS[CORE].memory_bytes
    if not 0 < size <= memory:
        raise Problem(
            f"the stack of the core on {core.tile} cannot be {size:,} bytes",
            where=str(core.place),
            why=f"the tile's memory has {memory:,}",
            fix="give stack_size a number of bytes that the tile function's frames need, for instance 1024",
        )
    return size
