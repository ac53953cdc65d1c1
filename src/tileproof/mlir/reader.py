"""From an xDSL module to the plain `Design`: names resolved, values numbered, and everything unknown refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NoReturn

from xdsl.dialects.builtin import (
    ArrayAttr,
    BFloat16Type,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, OpResult, SSAValue
from xdsl.ir import Operation as XdslOperation

from tileproof.device_model import Device, device_named
from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.mlir.design import (
    Allocate,
    Buffer,
    Core,
    Design,
    Fifo,
    Function,
    Link,
    MemRef,
    Operation,
    Place,
    Sequence,
    Tile,
    Transfer,
    Wait,
)
from tileproof.mlir.dialects import (
    AllocateOp,
    BufferOp,
    CoreOp,
    DeviceOp,
    EndOp,
    FifoOp,
    FifoType,
    LinkOp,
    MemcpyOp,
    SequenceOp,
    SubviewType,
    TileOp,
    WaitOp,
)
from tileproof.mlir.parse import parse_module, place_of


def read_design(text: str, name: str) -> Design:
    """The one device in `text`; `name` is what messages call the text. Raises `Problem`, never anything else."""
    module = parse_module(text, name)
    devices = [op for op in module.ops if isinstance(op, DeviceOp)]
    for op in module.ops:
        if not isinstance(op, DeviceOp):
            _refuse(op, f"{op.name} cannot stand beside aie.device", "put it inside the device")
    if len(devices) != 1:
        raise Problem(
            f"{name} has {len(devices)} devices, and a design is one",
            where=str(place_of(devices[1])) if devices else name,
            fix="put one `aie.device(npu1) { ... }` into the module",
        )
    return _Reader(devices[0]).read()


def _refuse(op: XdslOperation, what: str, fix: str, why: str | None = None) -> NoReturn:
    raise Problem(what, where=str(place_of(op)), why=why, fix=fix)


def _attributes(op: XdslOperation, known: Iterable[str]) -> dict[str, Attribute]:
    """The attributes of `op`; one that this reader does not know would be silently lost, so it is refused."""
    known = tuple(known)
    for key in op.attributes:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            _refuse(
                op,
                f"{op.name} has an attribute {key!r} that tileproof does not know",
                f"did you mean {near[0]!r}?" if near else "remove it, or correct its name",
                "mlir-aie would ignore a misspelt attribute without a word; known here: " + ", ".join(known),
            )
    return dict(op.attributes)


_FIFO_LATER = ("plio", "aie_stream", "aie_stream_port", "padDimensions", "padValue", "packet")
_FIFO_ATTRIBUTES = (
    *("sym_name", "depth", "dimensions", "type", "init_values", "via_DMA", "disable_synchronization"),
    *("repeat_count", "iter_count", "prod_dma_channel", "cons_dma_channels"),
    *_FIFO_LATER,
)


@dataclass
class _Reader:
    """Reads one device. Fills its tables in the order of the text, so later operations find earlier names."""

    op: DeviceOp
    tiles: dict[SSAValue, Tile] = field(default_factory=dict)
    buffers: dict[SSAValue, Buffer] = field(default_factory=dict)
    symbols: dict[str, Place] = field(default_factory=dict)
    fifos: list[Fifo] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    allocates: list[Allocate] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    cores: list[Core] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)
    device: Device = field(init=False)

    def read(self) -> Design:
        self.device = device_named(_string(self.op, "device"), where=str(place_of(self.op)))
        for op in _operations(self.op.bodies[0].blocks):
            self._read_one(op)
        return Design(
            name=_string(self.op, "sym_name"),
            device=self.device,
            tiles=tuple(self.tiles.values()),
            fifos=tuple(self.fifos),
            links=tuple(self.links),
            allocates=tuple(self.allocates),
            buffers=tuple(self.buffers.values()),
            functions=tuple(self.functions),
            cores=tuple(self.cores),
            sequences=tuple(self.sequences),
            place=place_of(self.op),
        )

    def _read_one(self, op: XdslOperation) -> None:
        match op:
            case TileOp():
                self._tile(op)
            case FifoOp():
                self.fifos.append(self._fifo(op))
            case LinkOp():
                self.links.append(self._link(op))
            case AllocateOp():
                self.allocates.append(self._allocate(op))
            case BufferOp():
                self._buffer(op)
            case FuncOp():
                self.functions.append(self._function(op))
            case CoreOp():
                self.cores.append(self._core(op))
            case SequenceOp():
                self.sequences.append(self._sequence(op))
            case EndOp():
                pass
            case _:
                _refuse(op, f"{op.name} cannot stand directly in a device", "move it into a core, or remove it")

    def _symbol(self, op: XdslOperation, name: str) -> str:
        if name in self.symbols:
            _refuse(
                op,
                f"the name @{name} is taken",
                "give one of the two another name",
                f"first at {self.symbols[name]}",
            )
        self.symbols[name] = place_of(op)
        return name

    def _tile(self, op: TileOp) -> None:
        attributes = _attributes(op, ("col", "row", "allocation_scheme"))
        if "allocation_scheme" in attributes:
            _refuse(op, "allocation_scheme is not read by this version of tileproof", "remove it")
        column, row = _integer(op, "col"), _integer(op, "row")
        kind = self.device.kind(column, row)
        if kind is None:
            _refuse(
                op,
                f"there is no tile ({column}, {row})",
                "use row 0 for the shim, 1 for the mem tile, 2 to 5 for cores",
                f"{self.device.name} has columns 0 to {self.device.columns - 1} and rows 0 to 5",
            )
        if self.cores:
            _refuse(
                op,
                "a tile is declared after a core",
                "move all aie.tile operations above the first aie.core",
                "mlir-aie puts buffers and locks behind the last tile, where the core above does not see them",
            )
        self._only_once(op, [tile for tile in self.tiles.values() if tile.at == (column, row)], "aie.tile")
        self.tiles[op.outs[0]] = Tile(column=column, row=row, kind=kind, place=place_of(op))

    def _only_once(self, op: XdslOperation, earlier: list[Tile], what: str) -> None:
        if earlier:
            _refuse(op, f"there are two {what} at {earlier[0].at}", "keep one of them", f"first at {earlier[0].place}")

    def _tile_of(self, op: XdslOperation, value: SSAValue) -> Tile:
        if value not in self.tiles:
            _refuse(op, f"{op.name} wants a tile here", "name the result of an aie.tile operation")
        return self.tiles[value]

    def _fifo(self, op: FifoOp) -> Fifo:
        attributes = _attributes(op, _FIFO_ATTRIBUTES)
        type_ = attributes["type"]
        if not isinstance(type_, FifoType):
            _refuse(op, f"the type of a fifo is not {type_}", "write `!aie.objectfifo<memref<...>>`")
        for key in _FIFO_LATER:
            if key in attributes:
                _refuse(op, f"{key} is not read by this version of tileproof", "remove it")
        producer, *consumers = (self._tile_of(op, value) for value in op.ins)
        depths = _integers(attributes["depth"])
        if len(depths) not in (1, 1 + len(consumers)) or min(depths) < 1:
            _refuse(
                op,
                "the depths do not fit the ends of the fifo",
                "write one depth for all ends, or one per end with the producer's first, each at least 1",
                f"{len(consumers) + 1} ends, depths {list(depths)}",
            )
        element = _memref(op, type_.element)
        to_stream, *from_stream = (_pairs(dimensions) for dimensions in _array(attributes["dimensions"]))
        return Fifo(
            name=self._symbol(op, _string(op, "sym_name")),
            producer=producer,
            consumers=tuple(consumers),
            depths=depths,
            element=element,
            place=place_of(op),
            to_stream=to_stream,
            from_stream=tuple(from_stream),
            init=_init_values(op, attributes.get("init_values"), element, depths[0]),
            via_dma=_flag(op, "via_DMA"),
            synchronized=not _flag(op, "disable_synchronization"),
            repeat_count=_count(op, "repeat_count", 256) or 1,
            iter_count=_count(op, "iter_count", 256),
            producer_channel=_integer(op, "prod_dma_channel") if "prod_dma_channel" in attributes else -1,
            consumer_channels=_dense(op, attributes.get("cons_dma_channels")),
        )

    def _link(self, op: LinkOp) -> Link:
        attributes = _attributes(op, ("inputs", "outputs", "input_offsets", "output_offsets"))
        names = {key: tuple(_known_text(e) for e in _array(attributes[key])) for key in ("inputs", "outputs")}
        if not names["inputs"] or not names["outputs"]:
            _refuse(op, "the link has fifos on one side only", "write `aie.objectfifo.link [@from] -> [@to] ([] [])`")
        for name in (*names["inputs"], *names["outputs"]):
            if name not in (fifo.name for fifo in self.fifos):
                _refuse(op, f"there is no fifo @{name}", "declare it above the link")
        return Link(
            inputs=names["inputs"],
            outputs=names["outputs"],
            input_offsets=_integers(attributes["input_offsets"]),
            output_offsets=_integers(attributes["output_offsets"]),
            place=place_of(op),
        )

    def _allocate(self, op: AllocateOp) -> Allocate:
        attributes = _attributes(op, ("fifo",))
        name = _known_text(attributes["fifo"])
        if name not in (fifo.name for fifo in self.fifos):
            _refuse(op, f"there is no fifo @{name}", "declare it above")
        return Allocate(fifo=name, tile=self._tile_of(op, op.ins[0]), place=place_of(op))

    def _buffer(self, op: BufferOp) -> None:
        attributes = _attributes(op, ("sym_name", "address", "mem_bank", "initial_value"))
        name = _string(op, "sym_name") if "sym_name" in attributes else f"buffer_{len(self.buffers)}"
        self.buffers[op.outs[0]] = Buffer(
            name=self._symbol(op, name),
            tile=self._tile_of(op, op.ins[0]),
            type=_memref(op, op.outs[0].type),
            address=_integer(op, "address") if "address" in attributes else None,
            bank=_integer(op, "mem_bank") if "mem_bank" in attributes else None,
            place=place_of(op),
            initial=_dense_values(attributes.get("initial_value"), _memref(op, op.outs[0].type)),
        )

    def _function(self, op: FuncOp) -> Function:
        attributes = _attributes(op, ("link_with", "sym_name", "function_type", "sym_visibility"))
        if op.body.blocks:
            _refuse(op, f"function @{op.sym_name.data} has a body", "declare it, and write it in the tile code")
        if op.function_type.outputs.data:
            _refuse(op, f"function @{op.sym_name.data} returns a value", "let it write its result into a buffer")
        link_with = attributes.get("link_with")
        return Function(
            name=self._symbol(op, op.sym_name.data),
            parameters=tuple(_type(op, type_) for type_ in op.function_type.inputs),
            link_with=link_with.data if isinstance(link_with, StringAttr) else None,
            place=place_of(op),
        )

    def _core(self, op: CoreOp) -> Core:
        attributes = _attributes(op, ("stack_size", "link_with"))
        tile = self._tile_of(op, op.ins[0])
        if tile.kind != "core":
            _refuse(op, f"there is no core on {tile}", "put the core on a row from 2 to 5")
        self._only_once(op, [core.tile for core in self.cores if core.tile.at == tile.at], "aie.core")
        link_with = attributes.get("link_with")
        body = _Body({value: buffer.name for value, buffer in self.buffers.items()})
        return Core(
            tile=tile,
            stack_size=_integer(op, "stack_size") if "stack_size" in attributes else None,
            link_with=link_with.data if isinstance(link_with, StringAttr) else None,
            body=body.operations(op.bodies[0].blocks),
            buffers=body.buffers,
            place=place_of(op),
        )

    def _sequence(self, op: SequenceOp) -> Sequence:
        _attributes(op, ("sym_name",))
        arguments = op.bodies[0].block.args
        numbers: dict[SSAValue, int] = {value: index for index, value in enumerate(arguments)}
        return Sequence(
            name=self._symbol(op, _string(op, "sym_name")),
            arguments=tuple(_memref(op, argument.type) for argument in arguments),
            operations=tuple(self._sequence_operation(child, numbers) for child in _operations(op.bodies[0].blocks)),
            place=place_of(op),
        )

    def _sequence_operation(self, op: XdslOperation, arguments: dict[SSAValue, int]) -> Transfer | Wait:
        match op:
            case MemcpyOp():
                return self._transfer(op, arguments)
            case WaitOp():
                attributes = _attributes(op, ("symbol",))
                return Wait(fifo=self._fifo_named(op, attributes.get("symbol"), "symbol"), place=place_of(op))
        _refuse(op, f"{op.name} cannot stand in a runtime sequence", "a sequence holds dma_memcpy_nd and dma_wait")

    def _transfer(self, op: MemcpyOp, arguments: dict[SSAValue, int]) -> Transfer:
        known = ("offsets", "sizes", "strides", "id", "metadata", "issue_token", "burst_length")
        attributes = _attributes(op, known)
        if op.ins[0] not in arguments:
            _refuse(op, "dma_memcpy_nd moves something that is no argument of the sequence", "name an argument")
        token = attributes.get("issue_token")
        if token is not None and not isinstance(token, IntegerAttr):
            _refuse(op, "issue_token is true or false", "write `issue_token = true`", f"it is {token}")
        return Transfer(
            argument=arguments[op.ins[0]],
            offsets=_integers(attributes["offsets"]),
            sizes=_integers(attributes["sizes"]),
            strides=_integers(attributes["strides"]),
            fifo=self._fifo_named(op, attributes.get("metadata"), "metadata"),
            bd_id=_integer(op, "id"),
            issue_token=isinstance(token, IntegerAttr) and bool(token.value.data),
            burst_length=_integer(op, "burst_length") if "burst_length" in attributes else 0,
            place=place_of(op),
        )

    def _fifo_named(self, op: XdslOperation, symbol: Attribute | None, key: str) -> str:
        names = [fifo.name for fifo in self.fifos]
        if not isinstance(symbol, SymbolRefAttr):
            _refuse(op, f"{op.name} needs `{key} = @fifo`", f"fifos here: {', '.join(names) or 'none'}")
        name = symbol.root_reference.data
        if name not in names:
            near = get_close_matches(name, names, n=1)
            _refuse(
                op,
                f"there is no fifo @{name}",
                f"did you mean @{near[0]}?" if near else f"fifos here: {', '.join(names)}",
            )
        return name


_DEVICE_LEVEL = (TileOp, FifoOp, BufferOp, FuncOp, CoreOp, SequenceOp, DeviceOp, MemcpyOp, WaitOp)


class _Body:
    """Numbers the values of one core's body."""

    def __init__(self, buffers: dict[SSAValue, str]) -> None:
        self._known = buffers
        self._numbers: dict[SSAValue, int] = {}
        self.buffers: dict[int, str] = {}

    def operations(self, blocks: Iterable[Block]) -> tuple[Operation, ...]:
        return tuple(self._operation(op) for op in _operations(blocks))

    def _number(self, value: SSAValue) -> int:
        if value not in self._numbers:
            self._numbers[value] = len(self._numbers)
            if value in self._known:
                self.buffers[self._numbers[value]] = self._known[value]
        return self._numbers[value]

    def _operation(self, op: XdslOperation) -> Operation:
        if isinstance(op, _DEVICE_LEVEL):
            _refuse(op, f"{op.name} cannot stand in a core", "move it out, directly into the device")
        arguments = tuple(
            tuple(self._number(argument) for block in region.blocks for argument in block.args) for region in op.regions
        )
        return Operation(
            name=op.name,
            operands=tuple(self._operand(op, value) for value in op.operands),
            results=tuple(self._number(result) for result in op.results),
            types=tuple(_type(op, result.type) for result in op.results),
            operand_types=tuple(_type(op, operand.type) for operand in op.operands),
            attributes={key: _plain(op, value) for key, value in {**op.attributes, **op.properties}.items()},
            regions=tuple(self.operations(region.blocks) for region in op.regions),
            arguments=arguments,
            place=place_of(op),
        )

    def _operand(self, op: XdslOperation, value: SSAValue) -> int:
        foreign = isinstance(value, OpResult) and isinstance(value.op, TileOp)
        if foreign:
            _refuse(op, f"{op.name} cannot use a tile", "use a buffer of that tile")
        return self._number(value)


def _operations(blocks: Iterable[Block]) -> Iterator[XdslOperation]:
    blocks = tuple(blocks)
    if len(blocks) > 1:
        first = next(iter(blocks[1].ops), None) or next(iter(blocks[0].ops))
        _refuse(
            first,
            "several blocks in one region are not read by this version of tileproof",
            "use scf.for and scf.if",
        )
    for block in blocks:
        yield from block.ops


def _string(op: XdslOperation, key: str) -> str:
    value = op.attributes.get(key)
    if not isinstance(value, StringAttr):
        _refuse(op, f"{op.name}: {key} must be a text", f'write `{key} = "..."`')
    return value.data


def _integer(op: XdslOperation, key: str) -> int:
    value = op.attributes.get(key)
    if not isinstance(value, IntegerAttr):
        _refuse(op, f"{op.name}: {key} must be a whole number", f"write `{key} = ...`")
    return int(value.value.data)


def _flag(op: XdslOperation, key: str) -> bool:
    value = op.attributes.get(key)
    if value is not None and not isinstance(value, IntegerAttr):
        _refuse(op, f"{key} is true or false", f"write `{key} = true`", f"it is {value}")
    return value is not None and bool(value.value.data)


def _count(op: XdslOperation, key: str, limit: int) -> int | None:
    """A number from 1 to `limit`, or None where it is not written."""
    if key not in op.attributes:
        return None
    value = _integer(op, key)
    if not 1 <= value <= limit:
        _refuse(op, f"{key} cannot be {value}", f"give it a number from 1 to {limit}")
    return value


def _array(attribute: Attribute) -> tuple[Attribute, ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(attribute)


def _pairs(attribute: Attribute) -> tuple[tuple[int, int], ...]:
    return tuple((size, stride) for size, stride in map(_integers, _array(attribute)))


def _known_text(attribute: Attribute) -> str:
    assert isinstance(attribute, StringAttr)
    return attribute.data


def _dense(op: XdslOperation, attribute: Attribute | None) -> tuple[int, ...]:
    if attribute is None:
        return ()
    if not isinstance(attribute, DenseArrayBase):
        _refuse(op, "cons_dma_channels is a list of numbers", "write `cons_dma_channels = array<i32: 0>`")
    return tuple(int(value) for value in attribute.get_values())


def _init_values(
    op: XdslOperation, attribute: Attribute | None, element: MemRef, depth: int
) -> tuple[tuple[int | float, ...], ...]:
    """One flat tuple per object."""
    if attribute is None:
        return ()
    entries = list(attribute) if isinstance(attribute, ArrayAttr) else []
    if len(entries) != depth or not all(isinstance(entry, DenseIntOrFPElementsAttr) for entry in entries):
        _refuse(
            op,
            "the initial values do not fit the fifo",
            "write one dense<...> per object: `= [dense<0> : memref<...>, ...]`",
            f"it has depth {depth}",
        )
    return tuple(_dense_values(entry, element) for entry in entries)


def _dense_values(attribute: Attribute | None, type_: MemRef) -> tuple[int | float, ...]:
    """The values of `dense<...>`, one per element; a single one stands for all."""
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return ()
    values = tuple(attribute.get_values())
    return values * type_.count if len(values) == 1 else values


def _integers(attribute: Attribute) -> tuple[int, ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(int(entry.value.data) for entry in attribute)


def _memref(op: XdslOperation, type_: Attribute) -> MemRef:
    result = _type(op, type_)
    if not isinstance(result, MemRef):
        _refuse(op, f"{op.name} wants a memref here, not {type_}", "write memref<...> with a fixed shape")
    return result


def _type(op: XdslOperation, type_: Attribute) -> MemRef | str:
    match type_:
        case MemRefType():
            if not isinstance(type_.layout, NoneAttr):
                _refuse(op, f"{type_} has a layout of its own", "use a plain memref; tileproof reads no others yet")
            shape = tuple(type_.get_shape())
            name = str(type_.get_element_type())
            known = "use a fixed shape of " + ", ".join(DTYPES)
            if any(extent < 1 for extent in shape):
                _refuse(op, f"{type_} has no fixed size", known)
            if name not in DTYPES:
                _refuse(op, f"{type_} has elements that tileproof does not know", known)
            return MemRef(shape, DTYPES[name])
        case SubviewType():
            return _type(op, type_.element)
        case IntegerType() | IndexType() | BFloat16Type() | Float16Type() | Float32Type() | Float64Type():
            return str(type_)
    _refuse(op, f"{op.name} uses the type {type_}", "use memrefs, integers, index and floats")


def _plain(op: XdslOperation, attribute: Attribute) -> object:
    match attribute:
        case IntegerAttr():
            return int(attribute.value.data)
        case FloatAttr():
            return float(attribute.value.data)
        case StringAttr():
            return attribute.data
        case SymbolRefAttr():
            return attribute.root_reference.data
        case ArrayAttr():
            return tuple(_plain(op, entry) for entry in attribute)
        case DenseArrayBase():
            return tuple(attribute.get_values())
        case NoneAttr():
            return None
    return str(attribute)
