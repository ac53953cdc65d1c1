"""A lowered design as plain data. Addresses and sizes in bytes; offsets and lengths of a BD in elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tileproof.device_model import TILE_KINDS, Device
from tileproof.diagnostic import Place
from tileproof.mlir.design import Core, Design, Dimensions, Direction, Packet, Sequence, Tile
from tileproof.mlir.values import MemRef
from tileproof.mlir_aie_versions import Version

S2MM: Literal["S2MM"] = "S2MM"
MM2S: Literal["MM2S"] = "MM2S"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBuffer:
    """A buffer with its address in its tile's memory. `bank` is None where the allocator thinks in no banks.

    `asked_bank` and `asked_address` are what the design asks for, if anything.
    """

    tile: Tile
    name: str
    type: MemRef
    address: int
    bank: int | None
    initial: tuple[int | float, ...] = ()
    asked_bank: int | None = None
    asked_address: int | None = None

    @property
    def nbytes(self) -> int:
        return self.type.nbytes

    @property
    def begins_in(self) -> int:
        """The bank of its first byte."""
        return self.address // TILE_KINDS[self.tile.kind].bank_bytes

    @property
    def ends_in(self) -> int:
        """The bank of its last byte."""
        return (self.address + self.nbytes - 1) // TILE_KINDS[self.tile.kind].bank_bytes

    @property
    def is_where_asked(self) -> bool:
        """Whether it begins at the address, and lies in the bank, that the design asks for."""
        at_address = self.asked_address in (None, self.address)
        return at_address and (self.asked_bank is None or self.begins_in == self.ends_in == self.asked_bank)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLock:
    """A semaphore lock and its value at start."""

    tile: Tile
    id: int
    name: str
    init: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bd:
    """A buffer descriptor: waits for `acquire`, moves `length` elements of `buffer` from `offset`, then `release`s.

    `sizes` and `strides` in elements, outermost first; empty where the elements lie in a row.

    `acquire` and `release` are (lock name, value) or None; `next` is the id of the BD that follows in the chain.
    """

    bd_id: int
    buffer: str
    offset: int
    length: int
    acquire: tuple[str, int] | None
    release: tuple[str, int] | None
    next: int | None
    sizes: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    exactly: bool = False  # whether it waits for the lock to be equal, and not at least that
    packet: Packet | None = None
    pads: Dimensions = ()  # around each dimension, (before, after) in elements; they count in `length`


@dataclass(frozen=True, slots=True, kw_only=True)
class DmaChain:
    """What one DMA channel of a core or mem tile runs from the start. `fifo` is None for one that is written out.

    A chain without an end runs for ever; one with an end runs `repeat_count` times more. Its BDs pad with words of
    `pad_value`.
    """

    tile: Tile
    direction: Direction
    channel: int
    bds: tuple[Bd, ...]
    fifo: str | None
    repeat_count: int | None = None
    pad_value: int = 0

    @property
    def label(self) -> str:
        """What messages call it: its fifo, or the buffer that it begins with."""
        return self.bds[0].buffer if self.fifo is None else f"@{self.fifo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A circuit from one MM2S channel to one S2MM channel; the bundles are others than DMA only by hand."""

    source: Tile
    source_channel: int
    destination: Tile
    destination_channel: int
    fifo: str
    source_bundle: str = "DMA"
    destination_bundle: str = "DMA"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimAllocation:
    """The shim channel that stands for a fifo in the runtime sequence; `symbol` is mlir-aie's name for it."""

    fifo: str
    symbol: str
    tile: Tile
    direction: Direction
    channel: int
    packet: Packet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoEnd:
    """What a core sees of a fifo: its objects, the lock that says one is ready, and the one that says it is done with.

    An object counts `amount` times (its repeat count); without synchronisation there are no locks.

    `peer` tells the reader of a message who is at the other end.
    """

    fifo: str
    port: str  # "Produce" or "Consume"
    buffers: tuple[str, ...]
    acquire_lock: str | None
    release_lock: str | None
    peer: str
    amount: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredCore:
    """A core's program with the ends of the fifos it uses. `stack_size` in bytes, from address 0."""

    core: Core
    stack_size: int
    ends: Mapping[tuple[str, str], FifoEnd]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoweredDesign:
    """Everything the array is set up with before the first run, and the sequences that drive it."""

    name: str
    device: Device
    buffers: tuple[PlacedBuffer, ...]
    locks: tuple[PlacedLock, ...]
    chains: tuple[DmaChain, ...]
    flows: tuple[Flow, ...]
    shim_allocations: tuple[ShimAllocation, ...]
    cores: tuple[LoweredCore, ...]
    sequences: tuple[Sequence, ...]
    design: Design
    version: Version

    @property
    def place(self) -> Place:
        return self.design.place

    def declared_at(self, placed: PlacedBuffer) -> Place:
        """Where the buffer or its fifo is declared; buffers of a fifo are named after it."""
        for buffer in self.design.buffers:
            if buffer.name == placed.name:
                return buffer.place
        behind = [fifo for fifo in self.design.fifos if placed.name.startswith(fifo.name + "_")]
        return max(behind, key=lambda fifo: len(fifo.name)).place if behind else placed.tile.place
