"""Tasks of core and mem tiles: what their BDs hold, and how they enter a queue.

Sources: AIEDMATasksToNPU.cpp and its tests, AIETargetModel.cpp (getTileToControllerIdMap, getLockLocalBaseIndex).
"""

from __future__ import annotations

from math import prod

from tileproof.device_model import MEM
from tileproof.errors import Problem
from tileproof.insts import MaskWrite, Operation, Write, tile_address
from tileproof.insts.tile_bd import control_offset, queue_offset
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import Bd, Direction, Packet, Tile

_WORD_BYTES = 4
# The packet id of each row's tile controller, where a tile names none.
CONTROLLER_IDS = (15, 26, 27, 29, 30, 31)
# A mem tile's DMA counts the locks of its west neighbour first.
OWN_LOCKS = {MEM: 64}
_CONTROLLER_SHIFT, _CONTROLLER_MASK = 8, 0x1F00


def push_to_tile(
    tile: Tile, direction: Direction, channel: int, bd_id: int, runs: int, controller: int | None
) -> tuple[Operation, ...]:
    """BD `bd_id`, and what is chained to it, `runs` times; with a `controller`, a token goes there afterwards."""
    control, queue = (
        tile_address(tile.column, tile.row, offset(tile.kind, direction, channel))
        for offset in (control_offset, queue_offset)
    )
    value = bd_id | runs - 1 << 16 | (controller is not None) << 31
    push = Write(address=queue, value=value)
    if controller is None:
        return (push,)
    return (MaskWrite(address=control, value=controller << _CONTROLLER_SHIFT, mask=_CONTROLLER_MASK), push)


def tile_bd_values(design: LoweredDesign, bd: Bd, tile: Tile, packet: Packet | None) -> dict[str, int]:
    """The fields of a BD that moves a buffer of the tile."""
    buffer = next((one for one in design.buffers if one.name == bd.buffer and one.tile.at == tile.at), None)
    if buffer is None:
        raise _refusal(bd, f"{tile} moves what is not in its memory", "name a buffer of the tile whose DMA it is")
    if bd.pads:
        raise _refusal(bd, "padding in a task is not read by this version of tileproof", "pad in aie.memtile_dma")
    nbytes = bd.type.dtype.nbytes
    if bd.length * nbytes % _WORD_BYTES or bd.offset * nbytes % _WORD_BYTES:
        raise _refusal(bd, "the BD is not made of whole words", "let it begin and end at a multiple of 4 bytes")
    return {
        "buffer_length": bd.length * nbytes // _WORD_BYTES,
        "buffer_offset": (buffer.address + bd.offset * nbytes) // _WORD_BYTES,
        "valid_bd": 1,
        **_walk(bd, nbytes),
        **_locks(design, bd, tile),
        **({} if packet is None else {"enable_packet": 1, "packet_id": packet.id, "packet_type": packet.type}),
    }


def _walk(bd: Bd, nbytes: int) -> dict[str, int]:
    """Sizes and strides in words, strides less 1; none for elements that lie in a row."""
    pairs = [(size, stride) for size, stride in zip(bd.sizes, bd.strides, strict=True) if size > 1]
    if not pairs or pairs == [(bd.length, 1)]:
        return {}
    if (pairs[-1][1] != 1 and nbytes != _WORD_BYTES) or pairs[-1][0] * nbytes % _WORD_BYTES:
        raise _refusal(bd, "the innermost dimension of the BD is not made of whole words", "walk words of 4 bytes")
    if len(pairs) > 3 or prod(size for size, _ in pairs) != bd.length:
        raise _refusal(bd, "the dimensions of the BD do not fit a task", "write three that walk its length")
    values: dict[str, int] = {}
    for dimension, (size, stride) in enumerate(reversed(pairs)):
        words = size * nbytes // _WORD_BYTES if dimension == 0 else size
        step = stride if dimension == 0 else stride * nbytes // _WORD_BYTES
        if dimension and stride * nbytes % _WORD_BYTES:
            raise _refusal(bd, f"stride {stride} of the BD is not made of whole words", "walk words of 4 bytes")
        # The outermost of three has no size: it goes on as long as there is length.
        values |= {f"d{dimension}_stride": step - 1, **({f"d{dimension}_size": words} if dimension < 2 else {})}
    return values


def _locks(design: LoweredDesign, bd: Bd, tile: Tile) -> dict[str, int]:
    values: dict[str, int] = {}
    if bd.acquire is not None:
        value = bd.acquire[1] if bd.exactly else -bd.acquire[1]
        values |= {"lock_acq_enable": 1, "lock_acq_id": _lock(design, bd, tile, bd.acquire[0]), "lock_acq_val": value}
    if bd.release is not None:
        values |= {"lock_rel_id": _lock(design, bd, tile, bd.release[0]), "lock_rel_val": bd.release[1]}
    return values


def _lock(design: LoweredDesign, bd: Bd, tile: Tile, name: str) -> int:
    lock = next(lock for lock in design.locks if lock.name == name)
    if lock.tile.at != tile.at:
        raise _refusal(bd, f"{tile} uses a lock of {lock.tile}", "use one of its own")
    return OWN_LOCKS.get(tile.kind, 0) + lock.id


def _refusal(bd: Bd, what: str, fix: str) -> Problem:
    return Problem(what, where=bd.place, why=f"the BD of {bd.buffer} is one of a task", fix=fix, id="TP313")
