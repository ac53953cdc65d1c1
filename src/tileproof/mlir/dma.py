"""DMA programs: the blocks of `aie.mem`, `aie.memtile_dma` and of a task, as chains of BDs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from xdsl.ir import Block, SSAValue
from xdsl.ir import Operation as XdslOperation

from tileproof.errors import Problem
from tileproof.mlir import spelling
from tileproof.mlir.aie import EndOp, UseLockOp
from tileproof.mlir.aie_dma import DmaBdOp, DmaOp, DmaStartOp, NextBdOp
from tileproof.mlir.attributes import (
    flag,
    integer,
    integers,
    memref,
    optional_integer,
    packet,
    refuse,
    string,
    unknown_attributes,
)
from tileproof.mlir.design import Bd, Direction, DmaProgram, Lock, Note, Tile
from tileproof.mlir.parse import place_of
from tileproof.mlir.syntax import pairs

_BD_ATTRIBUTES = (
    "offset",
    "len",
    "sizes",
    "strides",
    "bd_id",
    "packet",
    "burst_length",
    "next_bd_id",
    "pad",
    "offset_state_table_idx",
)
# Of August 2026; both change the words of a BD.
NOT_READ = ("iteration", "axcache", "pad_dimensions")


def direction_of(op: XdslOperation) -> Direction:
    return "S2MM" if string(op, "direction") == "S2MM" else "MM2S"


class DmaReader:
    """Reads chains. `buffers` are what a BD may move: names of buffers, or numbers of a sequence's arguments."""

    def __init__(self, buffers: Mapping[SSAValue, str | int], locks: Mapping[SSAValue, Lock]) -> None:
        self._buffers = buffers
        self._locks = locks
        self.notes: list[Note] = []

    def programs(self, op: XdslOperation, tile: Tile) -> list[DmaProgram]:
        """Every channel that a DMA program starts."""
        block = op.regions[0].blocks.first
        found = [self._regions(channel, tile) for channel in (block.ops if block else ()) if isinstance(channel, DmaOp)]
        seen: set[Block] = set()
        while block is not None and block not in seen:
            seen.add(block)
            start = block.last_op
            if isinstance(start, EndOp):
                break
            if not isinstance(start, DmaStartOp):
                refuse(start or op, "a DMA program goes from one aie.dma_start to the next", "end it with aie.end")
            self.notes += unknown_attributes(start, ("direction", "channel", "repeat_count", "pad_value"))
            found.append(
                DmaProgram(
                    tile=tile,
                    direction=direction_of(start),
                    channel=integer(start, "channel"),
                    bds=self.chain(start, start.nexts[0]),
                    repeat_count=optional_integer(start, "repeat_count") or 0,
                    pad_value=optional_integer(start, "pad_value") or 0,
                    place=place_of(start),
                )
            )
            block = start.nexts[1]
        moved = next((bd for program in found for bd in program.bds if bd.offset_entry is not None), None)
        if moved is not None:
            raise _moved(moved)
        return found

    def _regions(self, op: DmaOp, tile: Tile) -> DmaProgram:
        """A channel whose BDs are regions; the last is followed by the first, but for `loop = false`."""
        self.notes += unknown_attributes(op, ("direction", "channel", "sym_name", "loop", "repeat_count", "pad_value"))
        bds: list[Bd] = []
        for number, region in enumerate(op.bodies):
            if len(region.blocks) != 1:
                refuse(op, "a BD of aie.dma is one block", "write one `{ ... }` without labels for each BD")
            following = (number + 1) % len(op.bodies)
            loops = "loop" not in op.attributes or flag(op, "loop")
            one = self._bd(op, region.block, [region.block])
            bds.append(replace(one, next=following if following or loops else None))
        if not bds:
            refuse(op, "there is no buffer descriptor to start with", "write an aie.dma_bd into its first region")
        return DmaProgram(
            tile=tile,
            direction=direction_of(op),
            channel=integer(op, "channel"),
            bds=tuple(bds),
            repeat_count=optional_integer(op, "repeat_count") or 0,
            pad_value=optional_integer(op, "pad_value") or 0,
            place=place_of(op),
        )

    def chain(self, op: XdslOperation, first: Block | None) -> tuple[Bd, ...]:
        """The BDs from `first` on, in the order in which they follow each other."""
        order: list[Block] = []
        block = first
        while block is not None and block not in order and not isinstance(block.first_op, EndOp):
            order.append(block)
            last = block.last_op
            block = last.nexts[0] if isinstance(last, NextBdOp) else None
        if not order:
            refuse(op, "there is no buffer descriptor to start with", "write an aie.dma_bd into its first block")
        return tuple(self._bd(op, block, order) for block in order)

    def _bd(self, op: XdslOperation, block: Block, order: list[Block]) -> Bd:
        bds = [found for found in block.ops if isinstance(found, DmaBdOp)]
        if len(bds) != 1:
            refuse(block.first_op or op, "a block of a DMA program has one aie.dma_bd", f"this one has {len(bds)}")
        bd, last = bds[0], block.last_op
        if not isinstance(last, NextBdOp | EndOp) and not isinstance(op, DmaOp):
            refuse(last or op, "a BD is followed by aie.next_bd or aie.end", "name the next BD with aie.next_bd")
        if bd.ins[0] not in self._buffers:
            refuse(bd, "a BD moves a buffer, or an argument of the sequence", "name one")
        self.notes += [
            *unknown_attributes(bd, (*_BD_ATTRIBUTES, *NOT_READ)),
            *spelling.before_july(
                bd, "aie.dma_bd(%buffer : memref<...> offset = 0 len = 64 sizes = [...] strides = [...])"
            ),
        ]
        for key in NOT_READ:
            if key in bd.attributes:
                refuse(bd, f"{key} is not read by this version of tileproof", "it would change the words of the BD")
        type_ = memref(bd, bd.ins[0].type)
        sizes, strides = integers(bd, "sizes"), integers(bd, "strides")
        if len(sizes) != len(strides):
            refuse(bd, f"{len(sizes)} sizes and {len(strides)} strides", "write as many of one as of the other")
        offset = optional_integer(bd, "offset") or 0
        length = optional_integer(bd, "len")
        following = last.nexts[0] if isinstance(last, NextBdOp) else None
        return Bd(
            buffer=self._buffers[bd.ins[0]],
            type=type_,
            offset=offset,
            length=type_.count if length is None else length,
            sizes=sizes,
            strides=strides,
            pads=pairs(bd.attributes["pad"]) if "pad" in bd.attributes else (),
            acquire=self._use(block, "acquire"),
            release=self._use(block, "release"),
            next=order.index(following) if following in order else None,
            bd_id=optional_integer(bd, "bd_id"),
            packet=packet(bd),
            burst_length=optional_integer(bd, "burst_length") or 0,
            place=place_of(bd),
            offset_entry=optional_integer(bd, "offset_state_table_idx"),
            exactly=any(isinstance(use, UseLockOp) and string(use, "action") == "Acquire" for use in block.ops),
        )

    def _use(self, block: Block, what: Literal["acquire", "release"]) -> tuple[str, int] | None:
        """The lock that a BD waits for, or the one it releases; the hardware has one of each."""
        uses = [op for op in block.ops if isinstance(op, UseLockOp)]
        mine = [op for op in uses if (string(op, "action") == "Release") == (what == "release")]
        if not mine:
            return None
        if len(mine) > 1:
            refuse(mine[1], f"a BD has one {what}", "keep one of them", f"first at {place_of(mine[0])}")
        lock = self._locks.get(mine[0].ins[0])
        if lock is None:
            refuse(mine[0], "aie.use_lock wants a lock here", "name the result of an aie.lock operation")
        value = optional_integer(mine[0], "value")
        return (lock.name, 1 if value is None else value)


def _moved(bd: Bd) -> Problem:
    return Problem(
        "a BD that no sequence writes begins where a parameter says",
        where=bd.place,
        why="it is written with the array, before the host gives any, and no update comes to it",
        fix="let a transfer of the runtime sequence begin there",
        id="TP001",
    )
