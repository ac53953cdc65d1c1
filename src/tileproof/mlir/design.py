"""A design as plain data: what the reader hands on. Nothing here knows MLIR's syntax, and all of it can be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tileproof.device_model import Device
from tileproof.diagnostic import Diagnostic, Place
from tileproof.mlir.program import Body
from tileproof.mlir.values import MemRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A tile of the array. `kind` is shim, mem or core; `scheme` the allocation scheme that it asks for itself,
    `controller_id` the packet id of its tile controller, where the design gives it one."""

    column: int
    row: int
    kind: str
    place: Place
    scheme: str | None = None
    controller_id: int | None = None

    @property
    def at(self) -> tuple[int, int]:
        return (self.column, self.row)

    def __str__(self) -> str:
        return f"{self.kind} ({self.column}, {self.row})"


Direction = Literal["S2MM", "MM2S"]

# Layout of a stream: (size, stride) in elements, outermost first; empty for the order of memory.
Dimensions = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fifo:
    """An ObjectFIFO. `depths` holds one number for all ends, or one per end, the producer's first.

    `to_stream` is how the producer sends an object, `from_stream` how each consumer stores it. `init` are the objects
    it starts with, as flat values. `pads` is what the producer sends around each dimension of `to_stream`, (before,
    after) in elements: words of `pad_value`. `producer_channel` and `consumer_channels` pin DMA channels; -1 is
    automatic.

    `banks` and `addresses` say where its objects lie in the memory of their tile, one number per object, or one bank
    for all; empty where the allocator decides. mlir-aie has no such attributes on a fifo (docs/kernel.md, [banks]).

    `consumer_element` is what consumers have where it is another than the producer's `element`.

    `plio` says that the shim end is a stream of programmable logic, which no NPU has.

    `repeat_count` is how often an object is sent; `says_repeat` is whether the design says it, be it 1, which is enough
    to make a fifo between neighbours go by DMA.

    `stream` says which ends are a core's stream port and no memory: 0 the producer, 1 the consumers, 2 all of them.
    """

    name: str
    producer: Tile
    consumers: tuple[Tile, ...]
    depths: tuple[int, ...]
    element: MemRef
    place: Place
    to_stream: Dimensions = ()
    from_stream: tuple[Dimensions, ...] = ()
    pads: Dimensions = ()
    pad_value: int = 0
    init: tuple[tuple[int | float, ...], ...] = ()
    via_dma: bool = False
    synchronized: bool = True
    repeat_count: int = 1
    says_repeat: bool = False
    iter_count: int | None = None
    producer_channel: int = -1
    consumer_channels: tuple[int, ...] = ()
    banks: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()
    consumer_element: MemRef | None = None
    plio: bool = False
    stream: int | None = None
    stream_port: int = 0

    def is_stream(self, end: int) -> bool:
        """Whether an end (0 the producer, 1 and up the consumers) is a stream port."""
        return self.stream == 2 or self.stream == min(end, 1)

    def element_at(self, end: int) -> MemRef:
        """The objects of an end: 0 is the producer, 1 and up the consumers."""
        return self.element if end == 0 else self.consumer_element or self.element

    def element_of(self, port: str) -> MemRef:
        """The objects that a core has at its port, Produce or Consume."""
        return self.element_at(0 if port == "Produce" else 1)


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

    `initial` are its values at the start, flat; empty for none. One that is not `aligned` may lie at any byte.
    """

    name: str
    tile: Tile
    type: MemRef
    address: int | None
    bank: int | None
    place: Place
    initial: tuple[int | float, ...] = ()
    aligned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """An `aie.lock`. `id` is None where the design leaves it to mlir-aie; `init` is its value at the start."""

    name: str
    tile: Tile
    id: int | None
    init: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The header in front of what a DMA sends on a packet-switched stream: 5 bits of id, 3 of type."""

    id: int
    type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bd:
    """An `aie.dma_bd` as it is written: `offset`, `length`, `sizes` and `strides` in elements, outermost first.

    `buffer` is the name of a buffer, or the number of an argument of the sequence the BD stands in. `acquire` and
    `release` are (lock, value). `next` is the position of the BD that follows in the chain, None at its end.
    `bd_id` is None where the design leaves it to mlir-aie. `pads` are around each dimension, (before, after) in
    elements, which count in `length`. `exactly` is whether it waits for a lock to be equal to the
    value, and not at least that. It begins as many elements further on as entry `offset_entry` of the scratchpad says.
    """

    buffer: str | int
    type: MemRef
    offset: int
    length: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    acquire: tuple[str, int] | None
    release: tuple[str, int] | None
    next: int | None
    bd_id: int | None
    packet: Packet | None
    burst_length: int
    place: Place
    exactly: bool = False
    pads: Dimensions = ()
    offset_entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DmaProgram:
    """What one DMA channel runs from the start, written out in `aie.mem` or `aie.memtile_dma`. Its BDs pad with words
    of `pad_value`."""

    tile: Tile
    direction: Direction
    channel: int
    bds: tuple[Bd, ...]
    repeat_count: int
    place: Place
    pad_value: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """Where a stream leaves or enters a tile: `bundle` is DMA, Core, Trace and so on."""

    tile: Tile
    bundle: str
    channel: int

    def __str__(self) -> str:
        return f"{self.tile} {self.bundle}:{self.channel}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """An `aie.flow`: a circuit from one port to another."""

    source: Port
    destination: Port
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketFlow:
    """An `aie.packet_flow`: the packets with `id` go from every source to every destination. `keep_header` is whether
    they come there with their header; None where that is left to the kind of port."""

    id: int
    sources: tuple[Port, ...]
    destinations: tuple[Port, ...]
    keep_header: bool | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeFlow:
    """An `aie.cascade_flow` from one core tile to its south or east neighbour."""

    source: Tile
    destination: Tile
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ShimAllocation:
    """An `aie.shim_dma_allocation`: the name of a shim channel in the runtime sequence."""

    name: str
    tile: Tile
    direction: Direction
    channel: int
    place: Place
    packet: Packet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredBuffers:
    """An `objectfifo.register_external_buffers`: host buffers of a design without a runtime sequence. `names` are
    theirs; without any they are not known."""

    fifo: str
    tile: Tile
    types: tuple[MemRef, ...]
    place: Place
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalBuffer:
    """An `aie.external_buffer`: memory of a host that is not passed to a runtime sequence."""

    name: str
    type: MemRef
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A declared tile function. Parameters are memrefs or the name of a scalar type ("i32", "index"), its result is
    the latter, None where it returns nothing."""

    name: str
    parameters: tuple[MemRef | str, ...]
    result: str | None = None
    link_with: str | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The program of one core tile. `stack_size` in bytes, None where the design is silent.

    `buffers` maps the values that stand for an `aie.buffer` to its name, `locks` those for an `aie.lock`.
    `elf_file` is a program that is already linked; the body is then empty.
    """

    tile: Tile
    stack_size: int | None
    link_with: str | None
    body: Body
    buffers: Mapping[int, str]
    place: Place
    locks: Mapping[int, str] = field(default_factory=dict)
    elf_file: str | None = None


# What the event units of the array are told to trace.

TraceUnit = Literal["core", "mem", "shimtile", "memtile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventName:
    """An event by its name, and the enum that it is written in, if any: CoreEventAIE2 of CoreEventAIE2::LOCK_STALL."""

    name: str
    enum: str | None = None

    def __str__(self) -> str:
        return self.name if self.enum is None else f"{self.enum}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceMode:
    """An `aie.trace.mode`; `number` is 0 for Event-Time, 1 for Event-PC, 2 for Execution."""

    number: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """An `aie.trace.event`."""

    event: EventName
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePacket:
    """An `aie.trace.packet`; `id` is None where the design leaves it to mlir-aie."""

    id: int | None
    unit: TraceUnit
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePort:
    """An `aie.trace.port`: the stream that PORT_RUNNING_<slot> and its like look at."""

    slot: int
    bundle: str
    channel: int
    direction: Direction
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSwitch:
    """An `aie.trace.start` or `aie.trace.stop`, by an event or by the event of a broadcast channel."""

    at: Literal["start", "stop"]
    broadcast: int | None
    event: EventName | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceCombo:
    """An `aie.trace.combo_event`: COMBO_EVENT_<slot> from two others."""

    slot: int
    first: EventName
    logic: Literal["AND", "AND_NOT", "OR", "OR_NOT"]
    second: EventName
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEdge:
    """An `aie.trace.edge_event`: EDGE_DETECTION_EVENT_<slot> where another begins, or ends, or both."""

    slot: int
    event: EventName
    rising: bool
    falling: bool
    place: Place


TraceLine = TraceMode | TraceEvent | TracePacket | TracePort | TraceSwitch | TraceCombo | TraceEdge


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """An `aie.trace`: what one trace unit of a tile writes down, line by line."""

    name: str
    tile: Tile
    lines: tuple[TraceLine, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An `aiex.scratchpad_parameter`, by its place the entry of the firmware's table: a number that the host gives
    each run. `is_offset` says that a BD begins so many elements further on; a core reads it otherwise."""

    name: str
    type: str
    is_offset: bool
    place: Place


# What stands in a runtime sequence. `shim` is the name of a fifo that ends at a shim tile, or of a shim allocation.


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An `aiex.npu.dma_memcpy_nd`: four offsets, sizes and strides, outermost first, in elements. It begins as many
    elements further on as entry `offset_entry` of the scratchpad says."""

    argument: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    shim: str
    bd_id: int
    issue_token: bool
    burst_length: int
    place: Place
    packet: Packet | None = None
    offset_entry: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """An `aiex.npu.dma_wait` for the channel of a shim end."""

    shim: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A DMA channel that a task names itself."""

    tile: Tile
    direction: Direction
    channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureTask:
    """An `aiex.dma_configure_task`, or `_for` a shim end. `task` is its number in the sequence, from 0.

    It runs its BDs `repeat_count` times more. `packet` is the header of those BDs that have none of their own.
    """

    task: int
    channel: str | Channel
    bds: tuple[Bd, ...]
    issue_token: bool
    repeat_count: int
    place: Place
    packet: Packet | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTask:
    """An `aiex.dma_start_task`, `dma_await_task` or `dma_free_task`."""

    action: Literal["start", "await", "free"]
    task: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpWrite:
    """An `aiex.npu.rtp_write`: 32-bit word `index` of a buffer takes `value`."""

    buffer: str
    index: int
    value: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLock:
    """An `aiex.set_lock`."""

    lock: str
    value: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterWrite:
    """An `aiex.npu.write32`, `maskwrite32` or `blockwrite`: `words` from `address` on, only the bits of `mask`.

    With a `buffer` the address counts its 32-bit words, with a `tile` (column, row) it is a byte offset in that tile.
    """

    address: int
    words: tuple[int, ...]
    mask: int | None
    buffer: str | None
    tile: tuple[int, int] | None
    block: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateScratchpad:
    """An `aiex.npu.create_scratchpad`: the firmware takes over what the host has written into it, `nbytes`."""

    nbytes: int
    place: Place


ScratchpadFunction = Literal["mul", "incr", "decr"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateFromScratchpad:
    """An `aiex.npu.update_from_scratchpad`: a pair of words takes on entry `entry`, times `argument` (mul), plus it
    (incr) or minus it (decr). `address` as in a RegisterWrite."""

    entry: int
    function: ScratchpadFunction
    argument: int
    address: int
    buffer: str | None
    tile: tuple[int, int] | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWait:
    """An `aiex.npu.sync`: a token from each of `columns` x `rows` tiles from (column, row) on."""

    column: int
    row: int
    direction: Direction
    channel: int
    columns: int
    rows: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PushQueue:
    """An `aiex.npu.push_queue`: BD `bd_id` enters a channel's task queue, and runs `repeat_count` times more."""

    column: int
    row: int
    direction: Direction
    channel: int
    bd_id: int
    repeat_count: int
    issue_token: bool
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBd:
    """An `aiex.npu.writebd`: BD `bd_id` of a tile takes these `fields`, as its registers hold them.

    `burst_length` is in bytes, 0 for the longest of a shim tile.
    """

    column: int
    row: int
    bd_id: int
    fields: Mapping[str, int]
    burst_length: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """An `aiex.core_reset` of a tile's core, or an `aiex.dma_channel_reset` of one of its channels."""

    tile: Tile
    channel: Channel | None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetFor:
    """An `aiex.dma_channel_reset_for`: the channels of a fifo at cores and mem tiles, and its locks, begin again."""

    fifo: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPatch:
    """An `aiex.npu.address_patch`: the register pair at `address` takes that of an argument, plus an offset."""

    address: int
    argument: int
    byte_offset: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPacket:
    """An `aiex.control_packet`: what the control port of a tile is told at `address` of the whole array. It writes
    `words`, or reads `length` of them, which come back with the packet id `response`."""

    address: int
    words: tuple[int, ...]
    length: int
    operation: int
    response: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceHostConfig:
    """An `aie.trace.host_config`: a trace buffer of `nbytes`, and the column of the shim tile that fills it.

    It is an argument that mlir-aie appends, or lies behind the data of the last one. Until July 2026 the design said
    which `argument` it is.
    """

    nbytes: int
    reuses_last: bool
    column: int
    place: Place
    argument: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTrace:
    """An `aie.trace.start_config`: the registers of a trace are written here."""

    trace: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigure:
    """An `aiex.configure`, or an `aiex.npu.load_pdi`: the array is set up anew, as `device` says.

    `design` is None where that is the device of the sequence itself, whose operations then follow. Otherwise
    `operations` run on it; they name what it has, and the arguments of the sequence around.

    `number` is the device's among those of the file, from 1, by which its PDI is known. `size` and `address` are of
    the PDI where a load_pdi says them.
    """

    device: str
    design: Design | None
    operations: tuple[SequenceOperation, ...]
    place: Place
    number: int
    size: int = 0
    address: int = 0


# The last three are gone when the design is lowered.
SequenceOperation: TypeAlias = (
    Transfer
    | Wait
    | ConfigureTask
    | UseTask
    | RtpWrite
    | SetLock
    | RegisterWrite
    | CreateScratchpad
    | UpdateFromScratchpad
    | SyncWait
    | PushQueue
    | AddressPatch
    | WriteBd
    | Reset
    | ResetFor
    | Reconfigure
    | ControlPacket
    | TraceHostConfig
    | StartTrace
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceBuffer:
    """Where the shim writes traces: `nbytes` of an argument from `byte_offset` on. `is_appended` says that the
    argument is not in the design's text."""

    argument: int
    byte_offset: int
    nbytes: int
    is_appended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A runtime sequence; argument k is the kernel's argument 3 + k. `trace` is set when traces are lowered.

    `scalars` are the types of the numbers behind its buffers, which the host writes into the words. Where they decide
    what the sequence does, and nobody said what they are, it `is_open`: its operations are not known.

    `control_words` are what the last argument is to hold, where control packets were lowered to it.
    """

    name: str
    arguments: tuple[MemRef, ...]
    operations: tuple[SequenceOperation, ...]
    place: Place
    trace: TraceBuffer | None = None
    scalars: tuple[str, ...] = ()
    is_open: bool = False
    control_words: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What the reader has to say: an attribute that mlir-aie ignores too, a trace, an old spelling.

    `versions` are the versions of mlir-aie that read the operation as it is spelled; None for all of them.
    """

    said: Diagnostic
    versions: tuple[str, ...] | None = None

    @property
    def place(self) -> Place:
        return self.said.place


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
    locks: tuple[Lock, ...] = ()
    programs: tuple[DmaProgram, ...] = ()
    flows: tuple[Flow, ...] = ()
    packet_flows: tuple[PacketFlow, ...] = ()
    cascade_flows: tuple[CascadeFlow, ...] = ()
    shim_allocations: tuple[ShimAllocation, ...] = ()
    registered: tuple[RegisteredBuffers, ...] = ()
    externals: tuple[ExternalBuffer, ...] = ()
    traces: tuple[Trace, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    notes: tuple[Note, ...] = ()

    def fifo(self, name: str) -> Fifo | None:
        return next((fifo for fifo in self.fifos if fifo.name == name), None)

    def is_above_last_tile(self, place: Place) -> bool:
        """Whether something stands in front of what mlir-aie makes of fifos, which is put right behind the last
        tile."""
        return place.line < max((tile.place.line for tile in self.tiles), default=0)
