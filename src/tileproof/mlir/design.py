"""A design as plain data: what the reader hands on. Nothing here knows MLIR's syntax, and all of it pickles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from tileproof.device_model import Device
from tileproof.dtypes import DType


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a design: file name, line and column, counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class MemRef:
    """A memref type: `shape` in elements, outermost first."""

    shape: tuple[int, ...]
    dtype: DType

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.nbytes

    def __str__(self) -> str:
        return "memref<" + "".join(f"{extent}x" for extent in self.shape) + self.dtype.name + ">"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile of the array. `kind` is shim, mem or core."""

    column: int
    row: int
    kind: str
    place: Place

    @property
    def at(self) -> tuple[int, int]:
        return (self.column, self.row)

    def __str__(self) -> str:
        return f"{self.kind} ({self.column}, {self.row})"


# Layout of a stream: (size, stride) in elements, outermost first; empty for the order of memory.
Dimensions = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo:
    """An ObjectFIFO. `depths` holds one number for all ends, or one per end, the producer's first.

    `to_stream` is how the producer sends an object, `from_stream` how each consumer stores it. `init` are the objects
    it starts with, as flat values. `producer_channel` and `consumer_channels` pin DMA channels; -1 is automatic.
    """

    name: str
    producer: Tile
    consumers: tuple[Tile, ...]
    depths: tuple[int, ...]
    element: MemRef
    place: Place
    to_stream: Dimensions = ()
    from_stream: tuple[Dimensions, ...] = ()
    init: tuple[tuple[int | float, ...], ...] = ()
    via_dma: bool = False
    synchronized: bool = True
    repeat_count: int = 1
    iter_count: int | None = None
    producer_channel: int = -1
    consumer_channels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An `objectfifo.link` on one tile: forward, distribute (offsets in the input) or join (offsets in the output)."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocate:
    """An `objectfifo.allocate`: the objects of a shared fifo lie on `tile`."""

    fifo: str
    tile: Tile
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """An `aie.buffer`; `address` in bytes and `bank` only where the design asks for them.

    `initial` are its values at the start, flat; empty for none.
    """

    name: str
    tile: Tile
    type: MemRef
    address: int | None
    bank: int | None
    place: Place
    initial: tuple[int | float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A declared tile function. Parameters are memrefs or the name of a scalar type ("i32", "index")."""

    name: str
    parameters: tuple[MemRef | str, ...]
    link_with: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of a core's body. Values are numbers, unique in the core; a region is a list of operations.

    `types` are those of the results, `operand_types` of the operands: a memref, or a scalar type's name.
    `arguments` are the values a region's block receives, region by region.
    """

    name: str
    operands: tuple[int, ...]
    results: tuple[int, ...]
    types: tuple[MemRef | str, ...]
    operand_types: tuple[MemRef | str, ...]
    attributes: Mapping[str, object]
    regions: tuple[tuple[Operation, ...], ...]
    arguments: tuple[tuple[int, ...], ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The program of one core tile. `stack_size` in bytes, None where the design is silent.

    `buffers` maps the values that stand for an `aie.buffer` to its name.
    """

    tile: Tile
    stack_size: int | None
    link_with: str | None
    body: tuple[Operation, ...]
    buffers: Mapping[int, str]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An `aiex.npu.dma_memcpy_nd`: four offsets, sizes and strides, outermost first, in elements."""

    argument: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    fifo: str
    bd_id: int
    issue_token: bool
    burst_length: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An `aiex.npu.dma_wait` for the channel of a fifo's shim end."""

    fifo: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A runtime sequence; argument k is the kernel's argument 3 + k."""

    name: str
    arguments: tuple[MemRef, ...]
    operations: tuple[Transfer | Wait, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One `aie.device` with everything in it."""

    name: str
    device: Device
    tiles: tuple[Tile, ...]
    fifos: tuple[Fifo, ...]
    links: tuple[Link, ...]
    allocates: tuple[Allocate, ...]
    buffers: tuple[Buffer, ...]
    functions: tuple[Function, ...]
    cores: tuple[Core, ...]
    sequences: tuple[Sequence, ...]
    place: Place

    def fifo(self, name: str) -> Fifo | None:
        return next((fifo for fifo in self.fifos if fifo.name == name), None)
