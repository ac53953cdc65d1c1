"""From an xDSL module to the plain `Design`: names resolved, values numbered, and everything unknown refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ArrayAttr, DenseIntOrFPElementsAttr, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.ir import Operation as XdslOperation

from tileproof.device_model import CORE, SHIM, TILE_SCHEMES, Device, device_named
from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import Problem
from tileproof.kernel.banks import FIFO_ADDRESSES, FIFO_BANKS
from tileproof.mlir import spelling
from tileproof.mlir.aie import (
    BufferOp,
    CoreOp,
    DeviceOp,
    EndOp,
    ExternalBufferOp,
    LockOp,
    LogicalTileOp,
    OldSequenceOp,
    SequenceOp,
    TileOp,
)
from tileproof.mlir.aie_dma import (
    BdChainOp,
    CascadeFlowOp,
    ConfigureCascadeOp,
    FlowOp,
    MemOp,
    MemTileDmaOp,
    PacketDestOp,
    PacketFlowOp,
    PacketSourceOp,
    ShimAllocationOp,
    ShimDmaOp,
)
from tileproof.mlir.aie_fifos import AcquireOp, AllocateOp, FifoOp, FifoType, LinkOp, RegisterBuffersOp
from tileproof.mlir.aie_trace import TraceOp
from tileproof.mlir.attributes import (
    array,
    count,
    dense_values,
    flag,
    integer,
    integers,
    memref,
    optional_integer,
    optional_string,
    packet,
    refuse,
    string,
    strings,
    texts,
    type_of,
    unknown_attributes,
)
from tileproof.mlir.body import BodyReader, is_constant
from tileproof.mlir.budget import OBJECTS
from tileproof.mlir.design import (
    Allocate,
    Buffer,
    CascadeFlow,
    Core,
    Design,
    DmaProgram,
    ExternalBuffer,
    Fifo,
    Flow,
    Function,
    Link,
    Lock,
    Note,
    PacketFlow,
    Parameter,
    Port,
    RegisteredBuffers,
    Sequence,
    ShimAllocation,
    Tile,
    Trace,
)
from tileproof.mlir.dma import DmaReader, direction_of
from tileproof.mlir.layout import layout_text
from tileproof.mlir.logical import KINDS, place_logical_tiles
from tileproof.mlir.memref import GlobalOp
from tileproof.mlir.parse import parse_module, place_of
from tileproof.mlir.scratchpad import PREAMBLE, lower_parameters
from tileproof.mlir.sequences import SequenceReader
from tileproof.mlir.syntax import UNROLLED, PadLayout, pairs
from tileproof.mlir.trace_lines import trace_line
from tileproof.mlir.values import MemRef

_NOTHING_GIVEN: Mapping[int, int] = {}


def read_design(
    text: str, name: str, device_name: str | None = None, run_time: Mapping[int, int] = _NOTHING_GIVEN
) -> Design:
    """The device in `text` that is called `device_name`; without that, the one there is, or of several @main, or the
    first. `name` is what messages call the text, `run_time` the values of scalar arguments of its sequences, by number.
    Raises `Problem`, never anything else."""
    module = parse_module(text, name, run_time)
    parameters = lower_parameters(module)
    devices = [op for op in module.ops if isinstance(op, DeviceOp)]
    for op in module.ops:
        if not isinstance(op, DeviceOp):
            refuse(op, f"{op.name} cannot stand beside aie.device", "put it inside the device")
    if not devices:
        raise Problem(
            f"{name} has no device",
            id="TP001",
            where=Place.of_file(name),
            fix="put one `aie.device(npu1) { ... }` into the module",
        )
    chosen = _chosen(devices, device_name, name)
    reader = _Reader(
        chosen,
        others={string(op, "sym_name"): op for op in devices if op is not chosen},
        numbers={string(op, "sym_name"): number for number, op in enumerate(devices, 1)},
        parameters=parameters,
    )
    if len(devices) > 1 and device_name is None:
        names = [string(op, "sym_name") for op in devices]
        reader.notes.append(spelling.one_of_several(chosen, string(chosen, "sym_name"), names))
    return reader.read()


def _chosen(devices: list[DeviceOp], device_name: str | None, name: str) -> DeviceOp:
    called: dict[str, DeviceOp] = {}
    for op in devices:
        other = called.setdefault(string(op, "sym_name"), op)
        if other is not op:
            what = f"there are two devices @{string(op, 'sym_name')}"
            refuse(op, what, "give one of the two another name", f"first at {place_of(other)}", id="TP604")
    if device_name is None:
        return called.get("main", devices[0])
    if device_name not in called:
        raise Problem(
            f"{name} has no device @{device_name}",
            id="unknown-device-name",
            where=f"--device-name {device_name}",
            fix="devices here: " + ", ".join(f"@{one}" for one in called),
        )
    return called[device_name]


def read_layout(text: str, name: str) -> Design:
    """As far as tiles, buffers, locks, DMA programs and flows go, the device that mlir-aie prints when it has lowered
    it; the rest is passed over. Raises `Problem`, never anything else."""
    return read_design(layout_text(text), name)


_FIFO_ATTRIBUTES = (
    *("sym_name", "depth", "dimensions", "type", "consumer_type", "init_values", "via_DMA", "disable_synchronization"),
    *("repeat_count", "iter_count", "prod_dma_channel", "cons_dma_channels", "padDimensions", "padValue"),
    *("aie_stream", "aie_stream_port", "plio"),
)
_FIFO_LATER = ("packet", "via_shared_mem")
# What a core's function brings back in a register.
_RESULTS = frozenset({"i8", "i16", "i32", "i64", "bf16", "f32"})
_CORE_ATTRIBUTES = (
    *("stack_size", "link_with", "link_files", "link_merge_files", "elf_file", "dynamic_objfifo_lowering", PREAMBLE),
)


@dataclass
class _Reader:
    """Reads one device. Fills its tables in the order of the text, so later operations find earlier names."""

    op: DeviceOp
    others: dict[str, DeviceOp] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    tiles: dict[SSAValue, Tile] = field(default_factory=dict)
    buffers: dict[SSAValue, Buffer] = field(default_factory=dict)
    locks: dict[SSAValue, Lock] = field(default_factory=dict)
    external: dict[SSAValue, ExternalBuffer] = field(default_factory=dict)
    symbols: dict[str, Place] = field(default_factory=dict)
    fifos: list[Fifo] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    allocates: list[Allocate] = field(default_factory=list)
    registered: list[RegisteredBuffers] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    cores: list[Core] = field(default_factory=list)
    programs: list[DmaProgram] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    packet_flows: list[PacketFlow] = field(default_factory=list)
    cascade_flows: list[CascadeFlow] = field(default_factory=list)
    cascades: dict[tuple[int, int], XdslOperation] = field(default_factory=dict)
    allocations: list[ShimAllocation] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    globals: dict[str, tuple[int, ...]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    chains: dict[str, XdslOperation] = field(default_factory=dict)
    bodies: dict[str, FuncOp] = field(init=False)
    global_operations: dict[str, XdslOperation] = field(init=False)
    device: Device = field(init=False)
    logical: dict[SSAValue, tuple[int, int]] = field(init=False)
    written: set[str] = field(init=False)

    def read(self) -> Design:
        self.device = device_named(string(self.op, "device"), where=place_of(self.op))
        operations = list(_operations(self.op))
        self.logical = place_logical_tiles(self.device, operations)
        self.written = {
            text.data for op in self.op.walk() if isinstance(text := op.attributes.get("sym_name"), StringAttr)
        }
        self.bodies = {op.sym_name.data: op for op in operations if isinstance(op, FuncOp) and op.body.blocks}
        self.global_operations = {string(op, "sym_name"): op for op in operations if isinstance(op, GlobalOp)}
        for op in operations:
            read = _READ.get(type(op))
            if is_constant(op):
                continue  # it stands in the cores that use it
            if read is None:
                refuse(op, f"{op.name} cannot stand directly in a device", "move it into a core, or remove it")
            read(self, op)
        self._configured_cascades()
        # Fifos may stand behind the sequence that names them.
        for op in operations:
            if isinstance(op, SequenceOp | OldSequenceOp):
                self._sequence(op)
        return Design(
            name=string(self.op, "sym_name"),
            device=self.device,
            tiles=tuple(dict.fromkeys(self.tiles.values())),
            fifos=tuple(self.fifos),
            links=tuple(self.links),
            allocates=tuple(self.allocates),
            buffers=tuple(self.buffers.values()),
            functions=tuple(self.functions),
            cores=tuple(self.cores),
            sequences=tuple(self.sequences),
            place=place_of(self.op),
            locks=tuple(self.locks.values()),
            programs=tuple(self.programs),
            flows=tuple(self.flows),
            packet_flows=tuple(self.packet_flows),
            cascade_flows=tuple(self.cascade_flows),
            shim_allocations=tuple(self.allocations),
            registered=tuple(self.registered),
            externals=tuple(self.external.values()),
            traces=tuple(self.traces),
            parameters=self.parameters,
            notes=tuple(sorted(self.notes, key=lambda note: (note.place.line, note.place.column))),
        )

    def _known(self, op: XdslOperation, *keys: str) -> None:
        self.notes += unknown_attributes(op, keys)

    def _symbol(self, op: XdslOperation, name: str) -> str:
        if name in self.symbols:
            refuse(
                op,
                f"the name @{name} is taken",
                "give one of the two another name",
                f"first at {self.symbols[name]}",
                id="TP604",
            )
        self.symbols[name] = place_of(op)
        return name

    def _symbol_or_next(self, op: XdslOperation, kind: str, number: int) -> str:
        """The name of a buffer or lock, or one that the design gives to nothing."""
        written = optional_string(op, "sym_name")
        if written is not None:
            return self._symbol(op, written)
        names = (f"{kind}_{found}" for found in itertools.count(number))
        return self._symbol(op, next(name for name in names if name not in self.symbols and name not in self.written))

    # Tiles and what lies in them

    def _tile(self, op: XdslOperation) -> None:
        self._known(op, "col", "row", "allocation_scheme", "tile_type", "controller_id")
        column, row = (
            self.logical[op.results[0]]
            if op.results[0] in self.logical
            else (
                integer(op, "col"),
                integer(op, "row"),
            )
        )
        earlier = [tile for tile in self.tiles.values() if tile.at == (column, row)]
        if earlier and isinstance(op, LogicalTileOp):
            # aie-place-tiles makes one tile of those that it puts in one place.
            self.tiles[op.results[0]] = earlier[0]
            return
        kind = self.device.kind(column, row)
        if kind is None:
            refuse(
                op,
                f"there is no tile ({column}, {row})",
                "use row 0 for the shim, 1 for the mem tile, 2 to 5 for cores",
                f"{self.device.name} has columns 0 to {self.device.columns - 1} and rows 0 to 5",
                id="TP602",
            )
        scheme = optional_string(op, "allocation_scheme")
        if isinstance(op, LogicalTileOp) and KINDS[string(op, "tile_type")] != kind:
            refuse(op, f"there is no {string(op, 'tile_type')} at ({column}, {row})", f"that is a {kind} tile")
        if scheme is not None and kind == SHIM:
            refuse(op, "a shim tile has no allocation scheme", "remove it", "it has no memory")
        if scheme not in (None, *TILE_SCHEMES):
            refuse(op, f"there is no allocation scheme {scheme!r}", f"write one of {', '.join(TILE_SCHEMES)}")
        header = packet(op, "controller_id")
        controller_id = None if header is None else header.id
        if earlier and (earlier[0].scheme, earlier[0].controller_id) == (scheme, controller_id):
            self.tiles[op.results[0]] = earlier[0]  # canonicalisation makes one of two operations that say the same
            return
        if self.cores:
            refuse(
                op,
                "a tile is declared after a core",
                "move all aie.tile operations above the first aie.core",
                "mlir-aie puts buffers and locks behind the last tile, where the core above does not see them",
                id="TP603",
            )
        if isinstance(op, LogicalTileOp):
            self.notes.append(spelling.without_a_place(op, column, row))
        self._only_once(op, earlier, "aie.tile")
        self.tiles[op.results[0]] = Tile(
            column=column,
            row=row,
            kind=kind,
            place=place_of(op),
            scheme=scheme,
            controller_id=controller_id,
        )

    def _only_once(self, op: XdslOperation, earlier: list[Tile], what: str) -> None:
        if earlier:
            refuse(
                op,
                f"there are two {what} at {earlier[0].at}",
                "keep one of them",
                f"first at {earlier[0].place}",
                id="TP604",
            )

    def _tile_of(self, op: XdslOperation, value: SSAValue) -> Tile:
        if value not in self.tiles:
            refuse(op, f"{op.name} wants a tile here", "name the result of an aie.tile operation")
        return self.tiles[value]

    def _buffer(self, op: XdslOperation) -> None:
        self._known(op, "sym_name", "address", "mem_bank", "initial_value", "aligned")
        type_ = memref(op, op.results[0].type)
        self.buffers[op.results[0]] = Buffer(
            name=self._symbol_or_next(op, "buffer", len(self.buffers)),
            tile=self._tile_of(op, op.operands[0]),
            type=type_,
            address=optional_integer(op, "address"),
            bank=optional_integer(op, "mem_bank"),
            place=place_of(op),
            initial=dense_values(op.attributes.get("initial_value"), type_),
            aligned="aligned" not in op.attributes or flag(op, "aligned"),
        )

    def _lock(self, op: XdslOperation) -> None:
        self._known(op, "lockID", "init", "sym_name")
        self.locks[op.results[0]] = Lock(
            name=self._symbol_or_next(op, "lock", len(self.locks)),
            tile=self._tile_of(op, op.operands[0]),
            id=optional_integer(op, "lockID"),
            init=optional_integer(op, "init") or 0,
            place=place_of(op),
        )

    def _external_buffer(self, op: XdslOperation) -> None:
        self._known(op, "sym_name", "address")
        self.external[op.results[0]] = ExternalBuffer(
            name=self._symbol_or_next(op, "external_buffer", len(self.external)),
            type=memref(op, op.results[0].type),
            place=place_of(op),
        )

    def _global(self, op: XdslOperation) -> None:
        values = op.attributes.get("initial_value")
        name = self._symbol(op, string(op, "sym_name"))
        if isinstance(values, DenseIntOrFPElementsAttr):
            self.globals[name] = tuple(int(value) for value in dense_values(values, memref(op, op.attributes["type"])))

    # Fifos

    def _fifo(self, op: XdslOperation) -> None:
        self._known(op, *_FIFO_ATTRIBUTES, *_FIFO_LATER, FIFO_BANKS, FIFO_ADDRESSES)
        for key in _FIFO_LATER:
            if key in op.attributes:
                refuse(op, f"{key} is not read by this version of tileproof", "remove it")
        element = _element(op, op.attributes["type"])
        consumer_type = op.attributes.get("consumer_type")
        consumer_element = None if consumer_type is None else _element(op, consumer_type)
        producer, *consumers = (self._tile_of(op, value) for value in op.operands)
        depths = integers(op, "depth")
        if not consumers:
            refuse(op, "the fifo has no consumer", "name the tile that reads from it: `{%tile}`")
        deepest = max(depths, default=0)
        OBJECTS.check(deepest, f"a fifo of {deepest:,} objects", place_of(op), "lower its depth")
        if len(depths) not in (1, 1 + len(consumers)) or min(depths) < 1:
            refuse(
                op,
                "the depths do not fit the ends of the fifo",
                "write one depth for all ends, or one per end with the producer's first, each at least 1",
                f"{len(consumers) + 1} ends, depths {list(depths)}",
            )
        to_stream, *from_stream = (pairs(layout) for layout in array(op.attributes["dimensions"]))
        fifo = Fifo(
            name=self._symbol(op, string(op, "sym_name")),
            producer=producer,
            consumers=tuple(consumers),
            depths=depths,
            element=element,
            place=place_of(op),
            to_stream=to_stream,
            from_stream=tuple(from_stream),
            pads=_pads(op),
            pad_value=_pad_value(op),
            init=_init_values(op, element, depths[0]),
            via_dma=flag(op, "via_DMA"),
            synchronized=not flag(op, "disable_synchronization"),
            repeat_count=count(op, "repeat_count", 256) or 1,
            says_repeat="repeat_count" in op.attributes,
            iter_count=count(op, "iter_count", 256),
            producer_channel=integer(op, "prod_dma_channel") if "prod_dma_channel" in op.attributes else -1,
            consumer_channels=integers(op, "cons_dma_channels"),
            banks=integers(op, FIFO_BANKS),
            addresses=integers(op, FIFO_ADDRESSES),
            consumer_element=None if consumer_element == element else consumer_element,
            plio=flag(op, "plio"),
            stream=optional_integer(op, "aie_stream"),
            stream_port=optional_integer(op, "aie_stream_port") or 0,
        )
        _check_stream(op, fifo)
        self.fifos.append(fifo)

    def _fifo_named(self, op: XdslOperation, name: str) -> str:
        if name not in (fifo.name for fifo in self.fifos):
            refuse(op, f"there is no fifo @{name}", "declare it above")
        return name

    def _link(self, op: XdslOperation) -> None:
        self._known(op, "inputs", "outputs", "input_offsets", "output_offsets")
        inputs, outputs = (
            tuple(self._fifo_named(op, name) for name in texts(op.attributes[key])) for key in ("inputs", "outputs")
        )
        if not inputs or not outputs:
            refuse(op, "the link has fifos on one side only", "write `aie.objectfifo.link [@from] -> [@to] ([] [])`")
        self.links.append(
            Link(
                inputs=inputs,
                outputs=outputs,
                input_offsets=integers(op, "input_offsets"),
                output_offsets=integers(op, "output_offsets"),
                place=place_of(op),
            )
        )

    def _allocate(self, op: XdslOperation) -> None:
        self._known(op, "fifo")
        name = self._fifo_named(op, string(op, "fifo"))
        self.allocates.append(Allocate(fifo=name, tile=self._tile_of(op, op.operands[0]), place=place_of(op)))

    def _register_buffers(self, op: XdslOperation) -> None:
        self._known(op, "fifo")
        tile, *buffers = op.operands
        for value in buffers:
            if value not in self.external:
                refuse(op, "only external buffers can be registered", "name the result of aie.external_buffer")
        self.registered.append(
            RegisteredBuffers(
                fifo=self._fifo_named(op, string(op, "fifo")),
                tile=self._tile_of(op, tile),
                types=tuple(self.external[value].type for value in buffers),
                names=tuple(self.external[value].name for value in buffers),
                place=place_of(op),
            )
        )

    # Programs

    def _function(self, op: XdslOperation) -> None:
        assert isinstance(op, FuncOp)
        self._known(op, "link_with", "link_with_mode", "sym_name", "function_type", "sym_visibility")
        name = op.sym_name.data
        if op.body.blocks:
            self._symbol(op, name)
            return  # its body stands where a core calls it
        results = [str(type_of(op, type_)) for type_ in op.function_type.outputs]
        if len(results) > 1 or not _RESULTS.issuperset(results):
            mend = f"return one of {', '.join(sorted(_RESULTS))}, or write it into a buffer"
            refuse(op, f"function @{name} returns {' and '.join(results)}", mend)
        self.functions.append(
            Function(
                name=self._symbol(op, name),
                parameters=tuple(type_of(op, type_) for type_ in op.function_type.inputs),
                result=next(iter(results), None),
                link_with=optional_string(op, "link_with"),
                place=place_of(op),
            )
        )

    def _core(self, op: XdslOperation) -> None:
        self._known(op, *_CORE_ATTRIBUTES)
        tile = self._tile_of(op, op.operands[0])
        if tile.kind != "core":
            refuse(op, f"there is no core on {tile}", "put the core on a row from 2 to 5", id="TP605")
        self._only_once(op, [core.tile for core in self.cores if core.tile.at == tile.at], "aie.core")
        body = BodyReader(self.buffers, self.locks, self.bodies, self.global_operations)
        if any(isinstance(inner, AcquireOp) and inner.gives_objects() for inner in op.walk()):
            self.notes.append(spelling.objects_by_themselves(op))
        linked, elf = optional_string(op, "link_with"), optional_string(op, "elf_file")
        files = (*strings(op, "link_files"), *strings(op, "link_merge_files"))
        if linked is not None and files:
            refuse(op, "a core has link_with or link_files, not both", "write all of them as link_files")
        if elf is not None and any(not isinstance(inner, EndOp) for inner in op.walk() if inner is not op):
            refuse(op, "a core that is built already has a body", "remove elf_file, or let aie.end be the whole body")
        self.cores.append(
            Core(
                tile=tile,
                stack_size=optional_integer(op, "stack_size"),
                link_with=linked or (", ".join(files) or None),
                body=body.program(op),
                buffers=body.buffers,
                locks=body.locks,
                place=place_of(op),
                elf_file=elf,
            )
        )

    def _program(self, op: XdslOperation) -> None:
        self._known(op)
        tile = self._tile_of(op, op.operands[0])
        kind = "mem" if isinstance(op, MemTileDmaOp) else SHIM if isinstance(op, ShimDmaOp) else CORE
        if tile.kind != kind:
            refuse(op, f"{op.name} cannot be on {tile}", f"it is the DMA of a {kind} tile", id="TP605")
        self._declared_inside(op)
        movable = self.external if kind == SHIM else self.buffers
        reader = DmaReader({value: buffer.name for value, buffer in movable.items()}, self.locks)
        self.programs += reader.programs(op, tile)
        self.notes += reader.notes

    def _bd_chain(self, op: XdslOperation) -> None:
        self._known(op, "sym_name")
        self.chains[self._symbol(op, string(op, "sym_name"))] = op

    def _declared_inside(self, op: XdslOperation) -> None:
        """Buffers and locks that stand in a DMA program are the device's, like those beside it."""
        for inner in op.walk():
            if isinstance(inner, BufferOp):
                self._buffer(inner)
            elif isinstance(inner, LockOp):
                self._lock(inner)

    def _sequence(self, op: XdslOperation) -> None:
        if isinstance(op, OldSequenceOp):
            self.notes.append(spelling.old_sequence(op))
        if UNROLLED in op.attributes:
            self.notes.append(spelling.loops(op))
        reader = SequenceReader(
            shims=[*(fifo.name for fifo in self.fifos), *(allocation.name for allocation in self.allocations)],
            fifos=[fifo.name for fifo in self.fifos],
            chains=self.chains,
            tiles=self.tiles,
            buffers=self.buffers,
            locks=self.locks,
            globals=self.globals,
            device=string(self.op, "sym_name"),
            numbers=self.numbers,
            other=self._other,
        )
        self.sequences.append(reader.read(op, self._symbol(op, string(op, "sym_name"))))
        self.notes += reader.notes

    def _other(self, op: XdslOperation, name: str) -> Design:
        """Another device of the file, for a sequence that sets the array up with it. It may not do so in turn."""
        if name not in self.others:
            listed = ", ".join(f"@{other}" for other in self.others) or "none"
            refuse(op, f"there is no other device @{name}", f"other devices here: {listed}")
        return _Reader(self.others[name], numbers=self.numbers).read()

    # Streams

    def _port(self, op: XdslOperation, value: SSAValue, prefix: str) -> Port:
        return Port(
            tile=self._tile_of(op, value),
            bundle=string(op, f"{prefix}_bundle"),
            channel=integer(op, f"{prefix}_channel"),
        )

    def _flow(self, op: XdslOperation) -> None:
        self._known(op, "source_bundle", "source_channel", "dest_bundle", "dest_channel")
        source, destination = op.operands
        self.flows.append(
            Flow(
                source=self._port(op, source, "source"),
                destination=self._port(op, destination, "dest"),
                place=place_of(op),
            )
        )

    def _packet_flow(self, op: XdslOperation) -> None:
        self._known(op, "ID", "keep_pkt_header", "priority_route", "ctrl_pkt_flow")
        ends = [end for block in op.regions[0].blocks for end in block.ops if not isinstance(end, EndOp)]
        for end in ends:
            if not isinstance(end, PacketSourceOp | PacketDestOp):
                refuse(end, f"{end.name} cannot stand in a packet flow", "it has packet_source and packet_dest")
            self._known(end, "port_bundle", "port_channel")
        id_ = integer(op, "ID")
        if not 0 <= id_ < 32:
            refuse(op, f"there is no packet id {id_}", "use 0 to 31")
        for kind, name in ((PacketSourceOp, "source"), (PacketDestOp, "destination")):
            if not any(isinstance(end, kind) for end in ends):
                refuse(op, f"a packet flow without a {name}", f"write {kind.name}<%tile, DMA : 0>")
        self.packet_flows.append(
            PacketFlow(
                id=id_,
                sources=tuple(self._port(e, e.operands[0], "port") for e in ends if isinstance(e, PacketSourceOp)),
                destinations=tuple(self._port(e, e.operands[0], "port") for e in ends if isinstance(e, PacketDestOp)),
                keep_header=flag(op, "keep_pkt_header") if "keep_pkt_header" in op.attributes else None,
                place=place_of(op),
            )
        )

    def _cascade_flow(self, op: XdslOperation) -> None:
        self._known(op)
        source, destination = (self._tile_of(op, value) for value in op.operands)
        step = (destination.column - source.column, destination.row - source.row)
        if source.kind != "core" or destination.kind != "core" or step not in ((1, 0), (0, -1)):
            refuse(
                op,
                f"there is no cascade from {source} to {destination}",
                "let it go from a core to its south or east neighbour",
                "the cascade wires run from north to south and from west to east",
                id="TP606",
            )
        self.cascade_flows.append(CascadeFlow(source=source, destination=destination, place=place_of(op)))

    def _configure_cascade(self, op: XdslOperation) -> None:
        self._known(op, "inputDir", "outputDir")
        self.cascades[self._tile_of(op, op.operands[0]).at] = op

    def _configured_cascades(self) -> None:
        """The flows behind aie.configure_cascade: from a core to the one that takes what comes from its side."""
        for at, op in self.cascades.items():
            step, side = {"South": ((0, -1), "North"), "East": ((1, 0), "West")}[string(op, "outputDir")]
            there = self.cascades.get((at[0] + step[0], at[1] + step[1]))
            if there is not None and string(there, "inputDir") == side:
                ends = (self._tile_of(end, end.operands[0]) for end in (op, there))
                self.cascade_flows.append(CascadeFlow(source=next(ends), destination=next(ends), place=place_of(op)))

    def _allocation(self, op: XdslOperation) -> None:
        assert isinstance(op, ShimAllocationOp)
        self._known(op, "sym_name", "direction", "channel", "col", "plio", "packet")
        column = integer(op, "col") if not op.ins else self._tile_of(op, op.ins[0]).column
        if self.device.kind(column, 0) is None:
            refuse(op, f"there is no shim tile in column {column}", f"{self.device.name} has {self.device.columns}")
        if not op.ins:
            self.notes.append(spelling.old_allocation(op))
        known = next((tile for tile in self.tiles.values() if tile.at == (column, 0)), None)
        if op.ins and self._tile_of(op, op.ins[0]).kind != "shim":
            refuse(op, f"{self._tile_of(op, op.ins[0])} is no shim tile", "name a tile of row 0", id="TP605")
        self.allocations.append(
            ShimAllocation(
                name=self._symbol(op, string(op, "sym_name")),
                tile=known or Tile(column=column, row=0, kind="shim", place=place_of(op)),
                direction=direction_of(op),
                channel=integer(op, "channel"),
                place=place_of(op),
                packet=packet(op),
            )
        )

    # Traces

    def _trace(self, op: XdslOperation) -> None:
        self._known(op, "sym_name", "buffer_size")
        name, tile = self._symbol(op, string(op, "sym_name")), self._tile_of(op, op.operands[0])
        if "buffer_size" in op.attributes:
            self.notes.append(spelling.trace_with_buffer(op))
        lines = [line for block in op.regions[0].blocks for line in block.ops if not isinstance(line, EndOp)]
        self.traces.append(
            Trace(name=name, tile=tile, lines=tuple(trace_line(line) for line in lines), place=place_of(op))
        )
        self.notes.append(_trace_note(op, name, tile))

    def _nothing(self, op: XdslOperation) -> None:
        pass


_READ: dict[type[XdslOperation], Callable[[_Reader, XdslOperation], None]] = {
    TileOp: _Reader._tile,
    LogicalTileOp: _Reader._tile,
    BufferOp: _Reader._buffer,
    ExternalBufferOp: _Reader._external_buffer,
    GlobalOp: _Reader._global,
    LockOp: _Reader._lock,
    FifoOp: _Reader._fifo,
    LinkOp: _Reader._link,
    AllocateOp: _Reader._allocate,
    RegisterBuffersOp: _Reader._register_buffers,
    FuncOp: _Reader._function,
    CoreOp: _Reader._core,
    MemOp: _Reader._program,
    MemTileDmaOp: _Reader._program,
    BdChainOp: _Reader._bd_chain,
    ShimDmaOp: _Reader._program,
    FlowOp: _Reader._flow,
    PacketFlowOp: _Reader._packet_flow,
    CascadeFlowOp: _Reader._cascade_flow,
    ConfigureCascadeOp: _Reader._configure_cascade,
    ShimAllocationOp: _Reader._allocation,
    TraceOp: _Reader._trace,
    SequenceOp: _Reader._nothing,
    OldSequenceOp: _Reader._nothing,
    EndOp: _Reader._nothing,
}


def _operations(op: DeviceOp) -> Iterator[XdslOperation]:
    blocks: tuple[Block, ...] = tuple(op.bodies[0].blocks)
    if len(blocks) > 1:
        first = next(iter(blocks[1].ops), None) or op
        refuse(first, "a device has no blocks", "remove the label")
    for block in blocks:
        yield from block.ops


def _trace_note(op: XdslOperation, name: str, tile: Tile) -> Note:
    said = Diagnostic(
        id="TP005",
        what=f"@{name} traces {tile}, and the emulator writes no trace",
        why="it is lowered as mlir-aie does, and tileproof does not model what the array's event units see",
        fix="read the trace of a run on the device; a trace buffer that is emulated stays as it is",
        place=place_of(op),
    )
    return Note(said=said)


def _element(op: XdslOperation, type_: Attribute) -> MemRef:
    if not isinstance(type_, FifoType):
        refuse(op, f"the type of a fifo is not {type_}", "write `!aie.objectfifo<memref<...>>`")
    return memref(op, type_.element)


# What only the DMA of the producer can do (ObjectFifoCreateOp::verify).
_OF_DMA = ("init_values", "repeat_count", "iter_count")


def _check_stream(op: XdslOperation, fifo: Fifo) -> None:
    """A stream port is a core's, and moves words as they come: nothing that needs a DMA or memory there."""
    if fifo.stream is None:
        if "aie_stream_port" in op.attributes:
            refuse(
                op, "the fifo names a stream port, and no end that has it", "write aie_stream, or no aie_stream_port"
            )
        return
    if fifo.stream not in (0, 1, 2):
        refuse(op, f"aie_stream cannot be {fifo.stream}", "write 0 for the producer, 1 for the consumers, 2 for both")
    for end, tile in enumerate((fifo.producer, *fifo.consumers)):
        if fifo.is_stream(end) and tile.kind != CORE:
            refuse(op, f"{tile} has no stream port of a core", "let that end of the fifo be a core", id="TP605")
    written = [key for key in _OF_DMA if fifo.is_stream(0) and key in op.attributes]
    written += ["dimensionsToStream"] if fifo.is_stream(0) and fifo.to_stream else []
    written += ["dimensionsFromStream"] if any(fifo.from_stream) else []
    if written:
        why = "the core's instructions move the words themselves"
        refuse(op, f"{written[0]} is of an end that is a stream port", "remove it, or let a DMA be at that end", why)
    if len(fifo.consumers) > 1:
        refuse(op, "a stream port has several receivers", "write a fifo with one consumer", "mlir-aie takes only one")
    if "aie_stream_port" not in op.attributes:
        refuse(op, "the fifo does not say which stream port it has", "write aie_stream_port = 0 : i32")


def _pads(op: XdslOperation) -> tuple[tuple[int, int], ...]:
    value = op.attributes.get("padDimensions")
    if value is None:
        return ()
    if not isinstance(value, PadLayout):
        refuse(
            op,
            "this is no padding of a fifo",
            "write `padDimensions = #aie<bd_pad_layout_array[<const_pad_before = 1, const_pad_after = 1>]>`",
        )
    return pairs(value.pads)


def _pad_value(op: XdslOperation) -> int:
    value = optional_integer(op, "padValue") or 0
    if value and "padDimensions" not in op.attributes:
        refuse(op, f"the fifo pads with {value}, and nowhere", "write padDimensions as well, or no padValue")
    return value


def _init_values(op: XdslOperation, element: MemRef, depth: int) -> tuple[tuple[int | float, ...], ...]:
    """One flat tuple per object."""
    attribute = op.attributes.get("init_values")
    if attribute is None:
        return ()
    entries = list(attribute) if isinstance(attribute, ArrayAttr) else []
    if len(entries) != depth or not all(_is_of(op, entry, element) for entry in entries):
        refuse(
            op,
            "the initial values do not fit the fifo",
            "write one dense<...> per object: `= [dense<0> : memref<...>, ...]`",
            f"it has depth {depth}, and objects of {element}" if len(entries) == depth else f"it has depth {depth}",
        )
    return tuple(dense_values(entry, element) for entry in entries)


def _is_of(op: XdslOperation, values: object, type_: MemRef) -> bool:
    return isinstance(values, DenseIntOrFPElementsAttr) and memref(op, values.type) == type_
