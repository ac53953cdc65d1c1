"""Where buffers lie: mlir-aie's two allocators and its default, which tries the first and falls back to the second.

Facts: AIEAssignBuffers.cpp of 2026-08. Sizes go from large to small, equal sizes keep their order; a core's buffers
are aligned to 32 bytes and begin right above the stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tileproof.device_model import BUFFER_ALIGNMENT, TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Buffer, Tile


class _DoesNotFitError(Exception):
    """The bank-aware allocator gave up; what it had placed stays placed."""


def place_buffers(tile: Tile, buffers: Sequence[Buffer], stack_size: int) -> tuple[PlacedBuffer, ...]:
    """Addresses for the buffers of one tile under the default scheme; a `Problem` with the sum if they do not fit."""
    placed: list[PlacedBuffer] = []
    try:
        _bank_aware(tile, buffers, stack_size, placed)
    except _DoesNotFitError:
        _sequential(tile, buffers, stack_size, placed)
    order = {buffer.name: number for number, buffer in enumerate(buffers)}
    return tuple(sorted(placed, key=lambda buffer: order[buffer.name]))


def _bank_aware(tile: Tile, buffers: Sequence[Buffer], stack_size: int, placed: list[PlacedBuffer]) -> None:
    kind = TILE_KINDS[tile.kind]
    free = [max(bank * kind.bank_bytes, stack_size) for bank in range(kind.banks)]
    asked = [buffer for buffer in buffers if buffer.address is not None or buffer.bank is not None]
    for buffer in asked:
        _check_wish(tile, buffer, stack_size)
        if buffer.address is not None:
            _fix(tile, buffer, buffer.address, free, placed)
        elif not _take(tile, buffer, buffer.bank or 0, free, placed):
            raise _DoesNotFitError
    bank = 0
    for buffer in _by_size(buffer for buffer in buffers if buffer not in asked):
        for attempt in range(kind.banks):
            candidate = (bank + attempt) % kind.banks
            if _take(tile, buffer, candidate, free, placed):
                bank = (candidate + 1) % kind.banks
                break
        else:
            raise _DoesNotFitError


def _check_wish(tile: Tile, buffer: Buffer, stack_size: int) -> None:
    kind, where = TILE_KINDS[tile.kind], str(buffer.place)
    if buffer.bank is not None and not 0 <= buffer.bank < kind.banks:
        raise Problem(
            f"buffer {buffer.name} asks for bank {buffer.bank}",
            where=where,
            why=f"a {tile.kind} tile has banks 0 to {kind.banks - 1}",
            fix="ask for one of those, or for none",
        )
    if buffer.address is None:
        return
    end = buffer.address + buffer.type.nbytes
    if buffer.address < stack_size or end > kind.memory_bytes or buffer.address % BUFFER_ALIGNMENT[tile.kind]:
        raise Problem(
            f"buffer {buffer.name} cannot lie at address {buffer.address}",
            where=where,
            why=f"it would end at {end:,}; the stack takes the first {stack_size:,} of {kind.memory_bytes:,} bytes, "
            f"and addresses are multiples of {BUFFER_ALIGNMENT[tile.kind]}",
            fix="choose an address above the stack, or leave the choice to the allocator",
        )


def _fix(tile: Tile, buffer: Buffer, address: int, free: list[int], placed: list[PlacedBuffer]) -> None:
    """Place a buffer where it asks to be, and take it out of every bank it lies in."""
    end = address + buffer.type.nbytes
    for other in placed:
        if address < other.address + other.nbytes and other.address < end:
            raise Problem(
                f"buffers {other.name} and {buffer.name} lie on each other",
                where=str(buffer.place),
                why=f"{other.name} has {other.address} to {other.address + other.nbytes - 1}, "
                f"{buffer.name} asks for {address} to {end - 1}",
                fix="give them different addresses",
            )
    bank_bytes = TILE_KINDS[tile.kind].bank_bytes
    for bank in range(address // bank_bytes, (end - 1) // bank_bytes + 1):
        free[bank] = max(free[bank], end)
    placed.append(_placed(tile, buffer, address, address // bank_bytes))


def _take(tile: Tile, buffer: Buffer, bank: int, free: list[int], placed: list[PlacedBuffer]) -> bool:
    """Place `buffer` at the end of what `bank` already holds, if it still fits there."""
    address = _aligned(free[bank], tile)
    if address + buffer.type.nbytes > (bank + 1) * TILE_KINDS[tile.kind].bank_bytes:
        return False
    free[bank] = address + buffer.type.nbytes
    placed.append(_placed(tile, buffer, address, bank))
    return True


def _sequential(tile: Tile, buffers: Sequence[Buffer], stack_size: int, placed: list[PlacedBuffer]) -> None:
    fixed = sorted((buffer.address, buffer.address + buffer.nbytes) for buffer in placed)
    done = {buffer.name for buffer in placed}
    address = stack_size
    for buffer in _by_size(buffer for buffer in buffers if buffer.name not in done):
        address = _aligned(address, tile)
        for begin, end in fixed:
            if address < end and begin < address + buffer.type.nbytes:
                address = _aligned(end, tile)
        placed.append(_placed(tile, buffer, address, None))
        address += buffer.type.nbytes
    _check_total(tile, buffers, stack_size, address)


def _check_total(tile: Tile, buffers: Sequence[Buffer], stack_size: int, end: int) -> None:
    memory = TILE_KINDS[tile.kind].memory_bytes
    if end <= memory:
        return
    largest = _by_size(buffers)[0]
    parts = " + ".join(f"{buffer.name} {buffer.type.nbytes:,}" for buffer in _by_size(buffers))
    spill = "; mlir-aie would try a neighbouring mem tile, this version does not" if tile.kind == "mem" else ""
    raise Problem(
        f"the buffers of {tile} do not fit in its memory",
        where=str(largest.place),
        why=f"{parts} + stack {stack_size:,} need {end:,} bytes with alignment, and the tile has {memory:,}{spill}",
        fix=f"make the objects smaller ([sizes], --set), or lower the depth of what is behind {largest.name!r}",
    )


def _by_size(buffers: Iterable[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda buffer: -buffer.type.nbytes)


def _aligned(address: int, tile: Tile) -> int:
    return -(-address // BUFFER_ALIGNMENT[tile.kind]) * BUFFER_ALIGNMENT[tile.kind]


def _placed(tile: Tile, buffer: Buffer, address: int, bank: int | None) -> PlacedBuffer:
    return PlacedBuffer(
        tile=tile, name=buffer.name, type=buffer.type, address=address, bank=bank, initial=buffer.initial
    )
