"""Where buffers lie: mlir-aie's two allocators and its default, which tries the first and falls back to the second.

Facts: AIEAssignBuffers.cpp of March and August 2026. Sizes go from large to small, equal sizes keep their order; a
core's buffers begin right above the stack. August aligns those of a core tile to 32 bytes, but for those that say
`aligned = false`; March aligns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tileproof.device_model import BUFFER_ALIGNMENT, TILE_KINDS, Scheme
from tileproof.errors import Problem
from tileproof.lowering.model import DmaChain, PlacedBuffer
from tileproof.mlir.design import Buffer, Tile
from tileproof.mlir_aie_versions import NEWEST, Version


class _DoesNotFitError(Exception):
    """The bank-aware allocator gave up: why. Wishes that it had met stay met, the rest is placed anew."""


def place_buffers(
    tile: Tile,
    buffers: Sequence[Buffer],
    stack_size: int,
    *,
    scheme: Scheme = "default",
    version: Version = NEWEST,
) -> tuple[PlacedBuffer, ...]:
    """Addresses for the buffers of one tile, whose own scheme comes first; a `Problem` with the sum if they do not
    fit."""
    placement = _Placement(tile, buffers, stack_size, version)
    chosen = tile.scheme or scheme
    if chosen == "basic-sequential":
        placement.sequential()
    else:
        try:
            placement.bank_aware()
        except _DoesNotFitError as why:
            if chosen == "bank-aware":
                raise _no_bank(tile, buffers, stack_size, str(why)) from None
            placement.sequential()
    return tuple(placement.placed[buffer.name] for buffer in buffers)


def check_bd_addresses(chains: Iterable[DmaChain], buffers: Iterable[PlacedBuffer]) -> None:
    """A DMA moves words, so each BD must begin at one; without alignment a buffer may lie between two."""
    by_name = {buffer.name: buffer for buffer in buffers}
    for chain in chains:
        for bd in chain.bds:
            buffer = by_name[bd.buffer]
            address = buffer.address + bd.offset * buffer.type.dtype.nbytes
            if address % 4:
                raise Problem(
                    f"BD {bd.bd_id} of {chain.tile} begins between two words",
                    where=chain.tile.place,
                    why=f"{buffer.name} lies at {buffer.address:,}, and the BD begins at {address:,}",
                    fix="make the sizes of the buffers before it multiples of 4 bytes",
                    id="TP102",
                )


def check_overlaps(
    buffers: Iterable[PlacedBuffer], asked: Iterable[Buffer], stacks: Mapping[tuple[int, int], int]
) -> None:
    """March places buffers on each other, or on the stack, and moves what asks for an address that is taken."""
    wishes = {buffer.name: buffer.address for buffer in asked if buffer.address is not None}
    _check_apart(buffers, stacks)
    _check_apart([replace(buffer, address=wishes[buffer.name]) for buffer in buffers if buffer.name in wishes], {})


def _check_apart(buffers: Iterable[PlacedBuffer], stacks: Mapping[tuple[int, int], int]) -> None:
    taken: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    for at, nbytes in stacks.items():
        taken.setdefault(at, []).append((0, nbytes, "the stack"))
    for buffer in buffers:
        end = buffer.address + buffer.nbytes
        mine = taken.setdefault(buffer.tile.at, [])
        for begin, other_end, other in mine:
            if buffer.address < other_end and begin < end:
                raise Problem(
                    f"{other} and buffer {buffer.name} lie on each other",
                    where=buffer.tile.place,
                    why=f"{other} has {begin:,} to {other_end - 1:,}, {buffer.name} {buffer.address:,} to {end - 1:,}",
                    fix="give them different addresses, or make room on the tile",
                    id="TP102",
                )
        mine.append((buffer.address, end, f"buffer {buffer.name}"))


@dataclass
class _Placement:
    """One tile being filled."""

    tile: Tile
    buffers: Sequence[Buffer]
    stack_size: int
    version: Version
    placed: dict[str, PlacedBuffer] = field(default_factory=dict)
    free: list[int] = field(init=False)

    def __post_init__(self) -> None:
        kind = TILE_KINDS[self.tile.kind]
        starts = [bank * kind.bank_bytes for bank in range(kind.banks)]
        # March looks at the stack in bank 0 only.
        above = [self.stack_size] + ([self.stack_size] * 8 if self.version.aligns_buffers else [0] * (kind.banks - 1))
        self.free = [max(start, stack) for start, stack in zip(starts, above, strict=False)]

    def bank_aware(self) -> None:
        kind = TILE_KINDS[self.tile.kind]
        asked = [buffer for buffer in self.buffers if buffer.address is not None or buffer.bank is not None]
        for buffer in asked:
            self._wish(buffer)
        others = [buffer for buffer in self.buffers if buffer not in asked]
        bank = 0
        for buffer in _by_size(others):
            for attempt in range(kind.banks):
                candidate = (bank + attempt) % kind.banks
                if self._take(buffer, candidate):
                    bank = (candidate + 1) % kind.banks
                    break
            else:
                for other in others:
                    self.placed.pop(other.name, None)
                raise _DoesNotFitError(f"no bank has {buffer.type.nbytes:,} bytes left for {buffer.name}")
        for number, end in enumerate(self.free):
            if end > (number + 1) * kind.bank_bytes and not self.version.keeps_addresses:
                # What is placed stays, and nothing is left for the other allocator to do.
                raise _DoesNotFitError(
                    f"bank {number} ends at {(number + 1) * kind.bank_bytes:,}, and is full to {end:,}"
                )

    def _wish(self, buffer: Buffer) -> None:
        _check_wish(self.tile, buffer, self.stack_size, self.version)
        bank = buffer.bank
        if buffer.address is not None and self.version.keeps_addresses:
            self._fix(buffer, buffer.address)
            return
        if buffer.address is not None:
            # March finds the bank of the address, and puts the buffer behind itself there.
            bank = buffer.address // TILE_KINDS[self.tile.kind].bank_bytes
            if buffer.address < self.free[bank]:
                raise _DoesNotFitError(f"{buffer.name} would lie on an earlier buffer")
            self.free[bank] = buffer.address + buffer.type.nbytes
        if not self._take(buffer, bank or 0):
            raise _DoesNotFitError(f"bank {bank} has no {buffer.type.nbytes:,} bytes left for {buffer.name}")

    def _fix(self, buffer: Buffer, address: int) -> None:
        """Place a buffer where it asks to be, and take it out of every bank it lies in."""
        end = address + buffer.type.nbytes
        for other in self.placed.values():
            if address < other.address + other.nbytes and other.address < end:
                raise _on_each_other(other, buffer, address)
        bank_bytes = TILE_KINDS[self.tile.kind].bank_bytes
        for bank in range(address // bank_bytes, (end - 1) // bank_bytes + 1):
            self.free[bank] = max(self.free[bank], end)
        self._put(buffer, address, address // bank_bytes)

    def _take(self, buffer: Buffer, bank: int) -> bool:
        """Place `buffer` at the end of what `bank` already holds, if it still fits there."""
        address = self._aligned(buffer, self.free[bank])
        if address + buffer.type.nbytes > (bank + 1) * TILE_KINDS[self.tile.kind].bank_bytes:
            return False
        self.free[bank] = address + buffer.type.nbytes
        self._put(buffer, address, bank)
        return True

    def sequential(self) -> None:
        for buffer in self.buffers:
            if buffer.address is not None and buffer.name not in self.placed:
                _check_wish(self.tile, buffer, self.stack_size, self.version)
                if self.version.keeps_addresses:
                    self._fix(buffer, buffer.address)
                self._put(buffer, buffer.address, None)
        fixed = sorted((buffer.address, buffer.address + buffer.nbytes) for buffer in self.placed.values())
        address = self.stack_size
        for buffer in _by_size(buffer for buffer in self.buffers if buffer.name not in self.placed):
            address = self._aligned(buffer, address)
            for begin, end in fixed:
                if address < end and begin < address + buffer.type.nbytes:
                    address = self._aligned(buffer, end)
            self._put(buffer, address, None)
            address += buffer.type.nbytes
        if address > TILE_KINDS[self.tile.kind].memory_bytes:
            raise _overflow(self.tile, self.buffers, self.stack_size, address)

    def _aligned(self, buffer: Buffer, address: int) -> int:
        alignment = _alignment(self.tile, buffer, self.version)
        return -(-address // alignment) * alignment

    def _put(self, buffer: Buffer, address: int, bank: int | None) -> None:
        self.placed[buffer.name] = PlacedBuffer(
            tile=self.tile,
            name=buffer.name,
            type=buffer.type,
            address=address,
            bank=bank,
            initial=buffer.initial,
            asked_bank=buffer.bank,
            asked_address=buffer.address,
        )


def _alignment(tile: Tile, buffer: Buffer, version: Version) -> int:
    return BUFFER_ALIGNMENT[tile.kind] if version.aligns_buffers and buffer.aligned else 1


def _check_wish(tile: Tile, buffer: Buffer, stack_size: int, version: Version) -> None:
    kind, where = TILE_KINDS[tile.kind], buffer.place
    if buffer.bank is not None and not 0 <= buffer.bank < kind.banks:
        raise Problem(
            f"buffer {buffer.name} asks for bank {buffer.bank}",
            where=where,
            why=f"a {tile.kind} tile has banks 0 to {kind.banks - 1}",
            fix="ask for one of those, or for none",
            id="TP102",
        )
    if buffer.address is None:
        return
    end = buffer.address + buffer.type.nbytes
    alignment = _alignment(tile, buffer, version)
    if buffer.address < stack_size or end > kind.memory_bytes or buffer.address % alignment:
        raise Problem(
            f"buffer {buffer.name} cannot lie at address {buffer.address}",
            where=where,
            why=f"it would end at {end:,}; the stack takes the first {stack_size:,} of {kind.memory_bytes:,} bytes"
            + (f", and addresses are multiples of {alignment}" if alignment > 1 else ""),
            fix="choose an address above the stack, or leave the choice to the allocator",
            id="TP102",
        )


def _on_each_other(other: PlacedBuffer, buffer: Buffer, address: int) -> Problem:
    lies, end = f"{other.address} to {other.address + other.nbytes - 1}", address + buffer.type.nbytes - 1
    if other.asked_address is None:
        why = f"{other.name} asks for bank {other.asked_bank} and has {lies}, {buffer.name} asks for {address} to {end}"
        fix = f"ask for an address for {other.name} as well: what asks is placed in the order of the design"
    else:
        why = f"{other.name} has {lies}, {buffer.name} asks for {address} to {end}"
        fix = "give them different addresses"
    what = f"buffers {other.name} and {buffer.name} lie on each other"
    return Problem(what, where=buffer.place, why=why, fix=fix, id="TP102")


def _no_bank(tile: Tile, buffers: Sequence[Buffer], stack_size: int, why: str) -> Problem:
    largest = _by_size(buffers)[0]
    return Problem(
        f"the buffers of {tile} do not fit its banks",
        where=largest.place,
        why=f"{why}; a bank has {TILE_KINDS[tile.kind].bank_bytes:,} bytes, and bank-aware lets no buffer cross one\n"
        f"on the tile: {_parts(buffers, stack_size)}",
        fix="ask for a bank for each object, or make them smaller"
        if any(buffer.bank is not None for buffer in buffers)
        else "make the objects smaller, or take the scheme basic-sequential",
        id="TP101",
    )


def _overflow(tile: Tile, buffers: Sequence[Buffer], stack_size: int, end: int) -> Problem:
    largest = _by_size(buffers)[0]
    return Problem(
        f"the buffers of {tile} do not fit in its memory",
        where=largest.place,
        why=f"{_parts(buffers, stack_size)} need {end:,} bytes with alignment, "
        f"and the tile has {TILE_KINDS[tile.kind].memory_bytes:,}",
        fix=f"make the objects smaller ([sizes], --set), or lower the depth of what is behind {largest.name!r}",
        id="TP101",
    )


def _parts(buffers: Sequence[Buffer], stack_size: int) -> str:
    """What takes room on a tile, in bytes."""
    parts = [f"{buffer.name} {buffer.type.nbytes:,}" for buffer in _by_size(buffers)]
    return " + ".join([*parts, *([f"stack {stack_size:,}"] if stack_size else [])])


def _by_size(buffers: Iterable[Buffer]) -> list[Buffer]:
    return sorted(buffers, key=lambda buffer: -buffer.type.nbytes)
