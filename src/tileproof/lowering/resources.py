"""What tiles have and who has taken it: DMA channels, buffer descriptors, locks. First free wins, as in mlir-aie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tileproof.device_model import MEM, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.model import MM2S
from tileproof.mlir.design import Direction, Tile

# Channels of a mem tile that reach its neighbours' memory (getMaxChannelNumForAdjacentMemTile).
NEIGHBOUR_CHANNELS = 4

_At = tuple[int, int]


@dataclass
class Resources:
    """Numbers that are taken, by tile. Every method takes more, or raises a `Problem` at `place`."""

    _locks: dict[_At, set[int]] = field(default_factory=lambda: defaultdict(set))
    _bds: dict[_At, set[int]] = field(default_factory=lambda: defaultdict(set))
    _channels: dict[tuple[_At, Direction], set[int]] = field(default_factory=lambda: defaultdict(set))

    def lock(self, tile: Tile, place: Place) -> int:
        taken, total = self._locks[tile.at], TILE_KINDS[tile.kind].locks
        number = _first_free(taken)
        limit(number + 1, total, "locks", tile, place)
        taken.add(number)
        return number

    def this_lock(self, tile: Tile, number: int, place: Place) -> None:
        total = TILE_KINDS[tile.kind].locks
        self._take_number(self._locks[tile.at], number, total, "lock", tile, place)

    def bds(self, tile: Tile, channel: int, count: int, place: Place) -> Sequence[int]:
        """Ids in order; on a mem tile the even channels reach the lower half of them, the odd ones the upper."""
        taken, allowed = self._bds[tile.at], bds_of_channel(tile, channel)
        free = [number for number in allowed if number not in taken]
        used = len(allowed) - len(free)
        whose = _of_parity(tile, channel, allowed)
        limit(used + count, len(allowed), "buffer descriptors", tile, place, whose)
        taken.update(free[:count])
        return free[:count]

    def this_bd(self, tile: Tile, channel: int, number: int, place: Place) -> None:
        self._take_number(self._bds[tile.at], number, TILE_KINDS[tile.kind].bds, "buffer descriptor", tile, place)
        allowed = bds_of_channel(tile, channel)
        if number not in allowed:
            raise Problem(
                f"channel {channel} of {tile} does not reach buffer descriptor {number}",
                where=place,
                why=f"on a mem tile its channels of that parity have {allowed.start} to {allowed.stop - 1}",
                fix="leave bd_id out, or choose one of those",
                id="TP312",
            )

    def channel(self, tile: Tile, direction: Direction, pinned: int, place: Place, *, near: bool) -> int:
        """The first free channel, or the one asked for (-1 for none); `near` ones reach neighbour mem tiles."""
        taken = self._channels[tile.at, direction]
        total = min(NEIGHBOUR_CHANNELS, TILE_KINDS[tile.kind].channels) if near else TILE_KINDS[tile.kind].channels
        number = pinned if pinned >= 0 else _first_free(taken)
        what = "output DMA channels (MM2S)" if direction == MM2S else "input DMA channels (S2MM)"
        limit(number + 1, total, what, tile, place)
        if number in taken:
            raise Problem(
                f"{direction} channel {number} of {tile} is taken",
                where=place,
                why="an earlier fifo, a DMA program or a shim allocation has it",
                fix="pin another channel, or leave the choice to the compiler",
                id="TP312",
            )
        taken.add(number)
        return number

    def claim_channel(self, tile: Tile, direction: Direction, number: int) -> None:
        """A channel that the design names itself; it may do so in several places."""
        self._channels[tile.at, direction].add(number)

    def _take_number(self, taken: set[int], number: int, total: int, what: str, tile: Tile, place: Place) -> None:
        if not 0 <= number < total:
            raise Problem(
                f"there is no {what} {number} on {tile}",
                where=place,
                why=f"a {tile.kind} tile has {what}s 0 to {total - 1}",
                fix="choose one of those, or leave the number out",
                id="TP312",
            )
        if number in taken:
            raise Problem(
                f"{what} {number} of {tile} is taken",
                where=place,
                why="another one has the same number",
                fix="choose another number, or leave it out",
                id="TP312",
            )
        taken.add(number)


def bds_of_channel(tile: Tile, channel: int) -> range:
    total = TILE_KINDS[tile.kind].bds
    if tile.kind != MEM:
        return range(total)
    half = total // 2
    return range(half, total) if channel % 2 else range(half)


def _of_parity(tile: Tile, channel: int, allowed: range) -> str:
    """Which of the tile's buffer descriptors a channel has, where that is not all of them (found_later.md 4)."""
    if tile.kind != MEM:
        return ""
    parity = "odd" if channel % 2 else "even"
    return (
        f"has {TILE_KINDS[MEM].bds}, of which its {parity} channels use {len(allowed)}, "
        f"{allowed.start} to {allowed.stop - 1}"
    )


def limit(wanted: int, limit: int, what: str, tile: Tile, place: Place, has: str = "") -> None:
    if wanted > limit:
        raise Problem(
            f"tile {tile} needs more {what} than it has",
            where=place,
            why=f"with this one, {wanted} are needed, and a {tile.kind} tile {has or f'has {limit}'}",
            fix="join fifos, lower their depth, or move one to another tile",
            id="TP312",
        )


def _first_free(taken: set[int]) -> int:
    return next(number for number in range(len(taken) + 1) if number not in taken)
