"""Runtime sequences as plain operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal

from xdsl.dialects.builtin import IndexType, IntegerType, SymbolRefAttr
from xdsl.dialects.memref import AssumeAlignmentOp, GetGlobalOp, ReinterpretCastOp, SubviewOp
from xdsl.ir import Attribute, SSAValue
from xdsl.ir import Operation as XdslOperation

from tileproof.errors import Problem
from tileproof.mlir import spelling
from tileproof.mlir.aie import EndOp
from tileproof.mlir.aie_trace import HostConfigOp, TraceLineOp
from tileproof.mlir.aiex import (
    AddressPatchOp,
    AwaitTaskOp,
    BlockWriteOp,
    ChannelResetOp,
    ConfigureOp,
    ConfigureTaskForOp,
    ConfigureTaskOp,
    ControlPacketOp,
    CoreResetOp,
    FreeTaskOp,
    LoadPdiOp,
    MaskWrite32Op,
    MemcpyOp,
    PushQueueOp,
    ResetForOp,
    RtpWriteOp,
    RunOp,
    SetLockOp,
    StartChainForOp,
    StartChainOp,
    StartTaskOp,
    SyncOp,
    WaitOp,
    Write32Op,
    WriteBdOp,
)
from tileproof.mlir.aiex_scratchpad import FUNCTIONS, CreateScratchpadOp, UpdateFromScratchpadOp
from tileproof.mlir.attributes import (
    flag,
    integer,
    integers,
    memref,
    optional_integer,
    optional_string,
    packet,
    refuse,
    symbol,
    type_of,
    unknown_attributes,
)
from tileproof.mlir.design import (
    AddressPatch,
    Bd,
    Buffer,
    Channel,
    ConfigureTask,
    ControlPacket,
    CreateScratchpad,
    Design,
    Lock,
    Note,
    PushQueue,
    Reconfigure,
    RegisterWrite,
    Reset,
    ResetFor,
    RtpWrite,
    Sequence,
    SequenceOperation,
    SetLock,
    SyncWait,
    Tile,
    Transfer,
    UpdateFromScratchpad,
    UseTask,
    Wait,
    WriteBd,
)
from tileproof.mlir.dma import NOT_READ, DmaReader, direction_of
from tileproof.mlir.parse import place_of
from tileproof.mlir.reconfigured import on_parts, part_of
from tileproof.mlir.scratchpad import ENTRY_BYTES, MOST_PARAMETERS, PREAMBLE
from tileproof.mlir.syntax import OPEN
from tileproof.mlir.trace_lines import host_config, start_trace

_WORD = 0xFFFF_FFFF
_TASKS_OF_A_RUN = 1 << 20  # more than a sequence can have: two runs of one sequence have tasks of their own


@dataclass
class SequenceReader:
    """Reads the sequences of one device. `shims` are the names that stand for a shim channel."""

    shims: list[str]
    fifos: list[str]
    chains: Mapping[str, XdslOperation]
    tiles: Mapping[SSAValue, Tile]
    buffers: Mapping[SSAValue, Buffer]
    locks: Mapping[SSAValue, Lock]
    globals: Mapping[str, tuple[int, ...]]
    device: str
    numbers: Mapping[str, int]  # of the devices of the file, from 1
    other: Callable[[XdslOperation, str], Design]  # the device of that name, read
    notes: list[Note] = field(default_factory=list)
    _arguments: dict[SSAValue, int] = field(default_factory=dict)
    _tasks: dict[SSAValue, int] = field(default_factory=dict)
    _runs: int = 0  # the number of the next run's first task

    def read(self, op: XdslOperation, name: str) -> Sequence:
        self.notes += unknown_attributes(op, ("sym_name", PREAMBLE))
        block = op.regions[0].blocks.first
        arguments = block.args if block is not None else ()
        self._arguments = {value: index for index, value in enumerate(arguments)}
        self._tasks = {}
        is_scalar = [isinstance(argument.type, IntegerType | IndexType) for argument in arguments]
        scalars = tuple(str(argument.type) for argument in arguments if is_scalar[argument.index])
        if is_scalar != sorted(is_scalar):
            refuse(op, "a number stands in front of a buffer", "let the numbers be the last arguments of the sequence")
        return Sequence(
            name=name,
            arguments=tuple(memref(op, argument.type) for argument in arguments[: len(arguments) - len(scalars)]),
            scalars=scalars,
            is_open=OPEN in op.attributes,
            operations=_whole(self._several(block.ops if block is not None else ())),
            place=place_of(op),
        )

    def _several(self, children: Iterable[XdslOperation]) -> Iterator[SequenceOperation]:
        for child in children:
            if isinstance(child, ConfigureOp) and symbol(child, "symbol") == self.device:
                number = self.numbers[self.device]
                yield Reconfigure(device=self.device, design=None, operations=(), place=place_of(child), number=number)
                yield from self._several(child.regions[0].block.ops)
                continue
            if isinstance(child, StartChainOp | StartChainForOp):
                yield from self._start_chain(child)
                continue
            operation = self._one(child)
            if operation is not None:
                yield operation

    # Other devices

    def _load_pdi(self, op: XdslOperation) -> Reconfigure:
        self._known(op, "device_ref", "id", "size", "address")
        name = symbol(op, "device_ref")
        if name is None:
            refuse(op, "a PDI is loaded that this file does not have", "name its device: `{device_ref = @main}`")
        return Reconfigure(
            device=name,
            design=None if name == self.device else self.other(op, name),
            operations=(),
            place=place_of(op),
            number=self.numbers[name],
            size=optional_integer(op, "size") or 0,
            address=optional_integer(op, "address") or 0,
        )

    def _configure_device(self, op: XdslOperation) -> Reconfigure:
        self._known(op, "symbol")
        name = symbol(op, "symbol")
        assert name is not None
        design = self.other(op, name)
        operations: list[SequenceOperation] = []
        for child in op.regions[0].block.ops:
            if isinstance(child, RunOp):
                operations += self._run(child, design)
            elif not isinstance(child, SubviewOp | ReinterpretCastOp | EndOp):
                refuse(child, f"{child.name} cannot stand beside what runs on @{name}", "write it into its sequence")
        return Reconfigure(
            device=name,
            design=design,
            operations=tuple(operations),
            place=place_of(op),
            number=self.numbers[name],
        )

    def _run(self, op: RunOp, design: Design) -> tuple[SequenceOperation, ...]:
        """The operations of a sequence of another device, on what it is given."""
        name = symbol(op, "runtime_sequence")
        found = next((sequence for sequence in design.sequences if sequence.name == name), None)
        if found is None:
            listed = ", ".join(f"@{sequence.name}" for sequence in design.sequences) or "none"
            refuse(op, f"@{design.name} has no sequence @{name}", f"sequences there: {listed}")
        given = [type_of(op, value.type) for value in op.operands]
        if given != list(found.arguments):
            why = f"it takes {', '.join(map(str, found.arguments))}, and is given {', '.join(map(str, given))}"
            refuse(op, f"@{name} takes other arguments", "give it what it takes, with memref.reinterpret_cast", why)
        if any(isinstance(operation, ControlPacket) for operation in found.operations):
            refuse(op, f"@{name} sends control packets", "let the sequence that is started send them")
        parts = [part_of(value, self._arguments) for value in op.operands]
        if None in parts:
            refuse(op, "a sequence runs on something that is no argument", "name an argument, or a subview of one")
        first, self._runs = self._runs, self._runs + _TASKS_OF_A_RUN
        return on_parts(op, found.operations, [part for part in parts if part is not None], first)

    def _one(self, op: XdslOperation) -> SequenceOperation | None:
        if isinstance(op, HostConfigOp):
            self.notes += [spelling.old_host_config(op)] if op.is_old() else []
            return host_config(op)
        if isinstance(op, TraceLineOp):
            return start_trace(op)
        if isinstance(op, _NOTHING_BY_ITSELF) or op.name.split(".")[0] in ("arith", "index") or op.name in _NUMBERS:
            return None  # what uses them has their values
        read = _READ.get(type(op))
        if read is None:
            known = ", ".join(sorted(kind.name for kind in _READ))
            refuse(op, f"{op.name} cannot stand in a runtime sequence", f"a sequence holds {known}")
        return read(self, op)

    def _known(self, op: XdslOperation, *keys: str) -> None:
        self.notes += unknown_attributes(op, keys)

    # Transfers and tasks

    def _transfer(self, op: XdslOperation) -> Transfer:
        self._known(op, *_TRANSFER_ATTRIBUTES, *_ZEROS, *NOT_READ)
        for key in NOT_READ:
            if key in op.attributes:
                refuse(op, f"{key} is not read by this version of tileproof", "it would change the words of the BD")
        if any(optional_integer(op, key) for key in _ZEROS):
            refuse(op, "padding of a transfer is not read by this version of tileproof", "pad the buffer")
        if op.operands[0] not in self._arguments:
            refuse(op, "dma_memcpy_nd moves something that is no argument of the sequence", "name an argument")
        return Transfer(
            argument=self._arguments[op.operands[0]],
            offsets=integers(op, "offsets"),
            sizes=integers(op, "sizes"),
            strides=integers(op, "strides"),
            shim=self._shim(op, op.attributes.get("metadata"), "metadata"),
            bd_id=integer(op, "id"),
            issue_token=flag(op, "issue_token"),
            burst_length=optional_integer(op, "burst_length") or 0,
            place=place_of(op),
            packet=packet(op),
            offset_entry=optional_integer(op, "offset_state_table_idx"),
        )

    def _wait(self, op: XdslOperation) -> Wait:
        self._known(op, "symbol")
        return Wait(shim=self._shim(op, op.attributes.get("symbol"), "symbol"), place=place_of(op))

    def _shim(self, op: XdslOperation, reference: Attribute | None, key: str) -> str:
        listed = ", ".join(self.shims) or "none"
        if not isinstance(reference, SymbolRefAttr):
            refuse(op, f"{op.name} needs `{key} = @fifo`", f"fifos here: {listed}")
        name = reference.root_reference.data
        if name not in self.shims:
            near = get_close_matches(name, self.shims, n=1)
            refuse(op, f"there is no fifo @{name}", f"did you mean @{near[0]}?" if near else f"fifos here: {listed}")
        return name

    def _configure(self, op: XdslOperation) -> ConfigureTask:
        self._known(op, "alloc", "direction", "channel", "issue_token", "repeat_count", "packet")
        channel: str | Channel
        if isinstance(op, ConfigureTaskForOp):
            channel = self._shim(op, op.attributes.get("alloc"), "alloc")
        else:
            if op.operands[0] not in self.tiles:
                refuse(op, f"{op.name} wants a tile here", "name the result of an aie.tile operation")
            tile = self.tiles[op.operands[0]]
            channel = Channel(tile=tile, direction=direction_of(op), channel=integer(op, "channel"))
        movable: dict[SSAValue, str | int] = {value: buffer.name for value, buffer in self.buffers.items()}
        reader = DmaReader({**movable, **self._arguments}, self.locks)
        task = self._tasks[op.results[0]] = len(self._tasks)
        bds = reader.chain(op, op.regions[0].blocks.first)
        self.notes += reader.notes
        return ConfigureTask(
            task=task,
            channel=channel,
            bds=bds,
            issue_token=flag(op, "issue_token"),
            repeat_count=optional_integer(op, "repeat_count") or 0,
            place=place_of(op),
            packet=packet(op),
        )

    def _start_chain(self, op: StartChainOp | StartChainForOp) -> Iterator[SequenceOperation]:
        """A task of the chain's BDs, with what it is given in the place of its arguments, and its start."""
        self._known(op, "chain", "alloc", "direction", "channel", "issue_token", "repeat_count")
        channel: str | Channel
        if isinstance(op, StartChainForOp):
            channel, given = self._shim(op, op.attributes.get("alloc"), "alloc"), list(op.operands)
        else:
            *given, end = op.operands
            tile = self._tile_of(op, end)
            channel = Channel(tile=tile, direction=direction_of(op), channel=integer(op, "channel"))
        bds = self._bds_of(op, given)
        task = self._tasks[op.results[0]] = len(self._tasks)
        yield ConfigureTask(
            task=task,
            channel=channel,
            bds=bds,
            issue_token=flag(op, "issue_token"),
            repeat_count=optional_integer(op, "repeat_count") or 0,
            place=place_of(op),
        )
        yield UseTask(action="start", task=task, place=place_of(op))

    def _bds_of(self, op: XdslOperation, given: list[SSAValue]) -> tuple[Bd, ...]:
        """The BDs of the chain that an operation names, on what is given for its arguments."""
        name = symbol(op, "chain")
        chain = self.chains.get(name or "")
        if chain is None:
            listed = ", ".join(f"@{one}" for one in self.chains) or "none"
            refuse(op, f"there is no chain of BDs @{name}", f"chains here: {listed}")
        block = chain.regions[0].blocks[0]
        if [value.type for value in given] != [argument.type for argument in block.args]:
            why = f"it is declared at {place_of(chain)}"
            refuse(op, f"@{name} moves other arguments", "give it what it takes", why)
        movable: dict[SSAValue, str | int] = {value: buffer.name for value, buffer in self.buffers.items()}
        movable.update(self._arguments)
        if not all(value in movable for value in given):
            refuse(op, "a chain moves a buffer, or an argument of the sequence", "name one")
        for argument, value in zip(block.args, given, strict=True):
            movable[argument] = movable[value]
        reader = DmaReader(movable, self.locks)
        bds = reader.chain(op, block)
        self.notes += reader.notes
        return bds

    def _tile_of(self, op: XdslOperation, value: SSAValue) -> Tile:
        if value not in self.tiles:
            refuse(op, f"{op.name} wants a tile here", "name the result of an aie.tile operation")
        return self.tiles[value]

    def _use_task(self, op: XdslOperation) -> UseTask:
        self._known(op)
        if op.operands[0] not in self._tasks:
            refuse(op, f"{op.name} wants a task here", "name the result of aiex.dma_configure_task_for")
        action = _ACTIONS[type(op)]
        return UseTask(action=action, task=self._tasks[op.operands[0]], place=place_of(op))

    # Registers, locks and parameters

    def _spelled(self, op: XdslOperation, new: str) -> None:
        self.notes += spelling.before_july(op, new)

    def _rtp_write(self, op: XdslOperation) -> RtpWrite:
        self._spelled(op, "aiex.npu.rtp_write(@buffer, 0, %value) : i32")
        self._known(op, "buffer", "index", "value")
        return RtpWrite(
            buffer=self._buffer_named(op), index=integer(op, "index"), value=integer(op, "value"), place=place_of(op)
        )

    def _buffer_named(self, op: XdslOperation) -> str:
        name = symbol(op, "buffer")
        names = [buffer.name for buffer in self.buffers.values()]
        if name is None or name not in names:
            refuse(op, f"there is no buffer @{name}", f"buffers here: {', '.join(names) or 'none'}")
        return name

    def _control_packet(self, op: XdslOperation) -> ControlPacket:
        self._known(op, "address", "data", "length", "opcode", "stream_id")
        return ControlPacket(
            address=integer(op, "address"),
            words=integers(op, "data"),
            length=optional_integer(op, "length") or 0,
            operation=integer(op, "opcode"),
            response=integer(op, "stream_id"),
            place=place_of(op),
        )

    def _set_lock(self, op: XdslOperation) -> SetLock:
        self._known(op, "value")
        lock = self.locks.get(op.operands[0])
        if lock is None:
            refuse(op, "aiex.set_lock wants a lock here", "name the result of an aie.lock operation")
        return SetLock(lock=lock.name, value=integer(op, "value"), place=place_of(op))

    def _write(self, op: XdslOperation) -> RegisterWrite:
        operands = ("%address", "%value", "%mask") if isinstance(op, MaskWrite32Op) else ("%address", "%value")
        self._spelled(op, f"{op.name}({', '.join(operands)}) : {', '.join(['i32'] * len(operands))}")
        self._known(op, "value", "mask", *_ADDRESS)
        mask = integer(op, "mask") & _WORD if isinstance(op, MaskWrite32Op) else None
        return self._register_write(op, (integer(op, "value") & _WORD,), mask, block=False)

    def _block_write(self, op: XdslOperation) -> RegisterWrite:
        self._known(op, *_ADDRESS)
        source = op.operands[0].owner
        name = source.name_.root_reference.data if isinstance(source, GetGlobalOp) else None
        if name is None or name not in self.globals:
            refuse(op, "aiex.npu.blockwrite writes a memref.global", "name the result of memref.get_global")
        return self._register_write(op, tuple(word & _WORD for word in self.globals[name]), None, block=True)

    def _register_write(
        self, op: XdslOperation, words: tuple[int, ...], mask: int | None, *, block: bool
    ) -> RegisterWrite:
        return RegisterWrite(
            address=integer(op, "address") & _WORD,
            words=words,
            mask=mask,
            buffer=self._buffer_named(op) if "buffer" in op.attributes else None,
            tile=self._tile_beside(op),
            block=block,
            place=place_of(op),
        )

    def _create_scratchpad(self, op: XdslOperation) -> CreateScratchpad:
        self._known(op, "size", "usage_type")
        if optional_integer(op, "usage_type"):
            refuse(op, f"there is no scratchpad of usage_type {integer(op, 'usage_type')}", "leave it out; it is 0")
        nbytes, most = integer(op, "size"), ENTRY_BYTES * MOST_PARAMETERS
        if not 0 < nbytes <= most or nbytes % ENTRY_BYTES:
            why = f"it is a table of 1 to {MOST_PARAMETERS} words"
            refuse(op, f"there is no scratchpad of {nbytes} bytes", f"give it a size of 4 to {most}, in words", why)
        self.notes.append(spelling.scratchpad(op))
        return CreateScratchpad(nbytes=nbytes, place=place_of(op))

    def _update(self, op: XdslOperation) -> UpdateFromScratchpad:
        self._known(op, "state_table_idx", "func", "func_arg", *_ADDRESS)
        named = optional_string(op, "func") or "incr"
        function = next((one for one in FUNCTIONS if one == named), None)
        if function is None:
            refuse(op, f"there is no function {named!r}", f"write one of {', '.join(FUNCTIONS)}")
        return UpdateFromScratchpad(
            entry=integer(op, "state_table_idx"),
            function=function,
            argument=(optional_integer(op, "func_arg") or 0) & _WORD,
            address=integer(op, "address") & _WORD,
            buffer=self._buffer_named(op) if "buffer" in op.attributes else None,
            tile=self._tile_beside(op),
            place=place_of(op),
        )

    def _tile_beside(self, op: XdslOperation) -> tuple[int, int] | None:
        """The tile that an address counts from; None where it is a whole one, or counts from a buffer."""
        column, row = optional_integer(op, "column"), optional_integer(op, "row")
        if (column is None) != (row is None):
            refuse(op, f"{op.name} has one of column and row", "write both, or none and a full address")
        return None if column is None or row is None else (column, row)

    def _sync(self, op: XdslOperation) -> SyncWait:
        self._spelled(op, "aiex.npu.sync(%column, %row, %direction, %channel, %columns, %rows) : i32, ...")
        self._known(op, *SyncOp.SCALARS)
        return SyncWait(
            column=integer(op, "column"),
            row=integer(op, "row"),
            direction="MM2S" if integer(op, "direction") else "S2MM",
            channel=integer(op, "channel"),
            columns=integer(op, "column_num"),
            rows=integer(op, "row_num"),
            place=place_of(op),
        )

    def _push(self, op: XdslOperation) -> PushQueue:
        self._spelled(op, "aiex.npu.push_queue(0, 0, MM2S : 0) bd_id %bd repeat %count : i32, i32")
        self._known(op, "column", "row", "direction", "channel", "bd_id", "repeat_count", "issue_token")
        return PushQueue(
            column=integer(op, "column"),
            row=integer(op, "row"),
            direction=direction_of(op),
            channel=integer(op, "channel"),
            bd_id=integer(op, "bd_id"),
            repeat_count=integer(op, "repeat_count"),
            issue_token=flag(op, "issue_token"),
            place=place_of(op),
        )

    def _write_bd(self, op: XdslOperation) -> WriteBd:
        self._known(op, *_BD_PLACE, *_BD_FIELDS, "burst_length", "ddr_id")
        return WriteBd(
            column=integer(op, "column"),
            row=integer(op, "row"),
            bd_id=integer(op, "bd_id"),
            fields={key: integer(op, key) for key in _BD_FIELDS},
            burst_length=optional_integer(op, "burst_length") or 0,
            place=place_of(op),
        )

    def _reset(self, op: XdslOperation) -> Reset:
        self._known(op, "direction", "channel")
        if op.operands[0] not in self.tiles:
            refuse(op, f"{op.name} wants a tile here", "name the result of an aie.tile operation")
        tile = self.tiles[op.operands[0]]
        channel = None
        if isinstance(op, ChannelResetOp):
            channel = Channel(tile=tile, direction=direction_of(op), channel=integer(op, "channel"))
        return Reset(tile=tile, channel=channel, place=place_of(op))

    def _reset_for(self, op: XdslOperation) -> ResetFor:
        self._known(op, "fifo")
        name = symbol(op, "fifo")
        if name is None or name not in self.fifos:
            refuse(op, f"there is no fifo @{name}", f"fifos here: {', '.join(self.fifos) or 'none'}")
        return ResetFor(fifo=name, place=place_of(op))

    def _patch(self, op: XdslOperation) -> AddressPatch:
        self._spelled(op, "aiex.npu.address_patch(%offset : i32) {addr = ..., arg_idx = ...}")
        self._known(op, "addr", "arg_idx", "arg_plus")
        return AddressPatch(
            address=integer(op, "addr") & _WORD,
            argument=integer(op, "arg_idx"),
            byte_offset=integer(op, "arg_plus"),
            place=place_of(op),
        )


_TRANSFER_ATTRIBUTES = (
    *("offsets", "sizes", "strides", "packet", "id", "metadata", "issue_token", "burst_length"),
    "offset_state_table_idx",
)
_ADDRESS = ("address", "buffer", "column", "row")
_BD_PLACE = ("column", "row", "bd_id")
_BD_FIELDS = (
    *("buffer_length", "buffer_offset", "enable_packet", "out_of_order_id", "packet_id", "packet_type"),
    *(f"d{dimension}_{what}" for dimension in range(3) for what in ("size", "stride", "zero_before", "zero_after")),
    *("iteration_current", "iteration_size", "iteration_stride", "next_bd", "use_next_bd", "valid_bd"),
    *("lock_rel_val", "lock_rel_id", "lock_acq_enable", "lock_acq_val", "lock_acq_id"),
)
_ZEROS = tuple(f"d{dimension}_zero_{side}" for dimension in range(3) for side in ("before", "after"))
# What uses them has what they stand for.
_NOTHING_BY_ITSELF = (GetGlobalOp, EndOp, SubviewOp, ReinterpretCastOp, AssumeAlignmentOp)
_NUMBERS = ("affine.apply", "affine.min", "affine.max")
_ACTIONS: dict[type[XdslOperation], Literal["start", "await", "free"]] = {
    StartTaskOp: "start",
    AwaitTaskOp: "await",
    FreeTaskOp: "free",
}
_READ: dict[type[XdslOperation], Callable[[SequenceReader, XdslOperation], SequenceOperation]] = {
    MemcpyOp: SequenceReader._transfer,
    WaitOp: SequenceReader._wait,
    ConfigureTaskOp: SequenceReader._configure,
    ConfigureTaskForOp: SequenceReader._configure,
    **dict.fromkeys(_ACTIONS, SequenceReader._use_task),
    RtpWriteOp: SequenceReader._rtp_write,
    SetLockOp: SequenceReader._set_lock,
    ControlPacketOp: SequenceReader._control_packet,
    Write32Op: SequenceReader._write,
    MaskWrite32Op: SequenceReader._write,
    BlockWriteOp: SequenceReader._block_write,
    CreateScratchpadOp: SequenceReader._create_scratchpad,
    UpdateFromScratchpadOp: SequenceReader._update,
    SyncOp: SequenceReader._sync,
    PushQueueOp: SequenceReader._push,
    AddressPatchOp: SequenceReader._patch,
    WriteBdOp: SequenceReader._write_bd,
    CoreResetOp: SequenceReader._reset,
    ChannelResetOp: SequenceReader._reset,
    ResetForOp: SequenceReader._reset_for,
    LoadPdiOp: SequenceReader._load_pdi,
    ConfigureOp: SequenceReader._configure_device,
}


def _whole(operations: Iterable[SequenceOperation]) -> tuple[SequenceOperation, ...]:
    """The sequence with one scratchpad: the one of a sequence that it runs is created in front of all (mlir-aie,
    AIEMaterializeRuntimeSequences.cpp). A `Problem` where it uses one that it has not created, or not with that many
    words."""
    given = list(operations)
    inner = [one for operation in given if isinstance(operation, Reconfigure) for one in _created(operation.operations)]
    created: CreateScratchpad | None = None
    gathered: list[SequenceOperation] = []
    for operation in (*inner[:1], *map(_without_scratchpad, given), *inner):
        if isinstance(operation, CreateScratchpad):
            if created is not None and created.nbytes != operation.nbytes:
                raise _two_scratchpads(operation, created)
            if created is not None:
                continue
            created = operation
        gathered.append(operation)
        for entry in _entries(operation):
            if created is None or not 0 <= ENTRY_BYTES * entry < created.nbytes:
                raise _no_entry(operation, entry, created)
    return tuple(gathered)


def _created(operations: Iterable[SequenceOperation]) -> list[CreateScratchpad]:
    return [operation for operation in operations if isinstance(operation, CreateScratchpad)]


def _without_scratchpad(operation: SequenceOperation) -> SequenceOperation:
    """What runs on another device uses the scratchpad of who runs it."""
    if not isinstance(operation, Reconfigure):
        return operation
    return replace(
        operation, operations=tuple(one for one in operation.operations if not isinstance(one, CreateScratchpad))
    )


def _entries(operation: SequenceOperation) -> Iterator[int]:
    """What an operation takes from the scratchpad."""
    match operation:
        case UpdateFromScratchpad():
            yield operation.entry
        case Transfer() if operation.offset_entry is not None:
            yield operation.offset_entry
        case ConfigureTask():
            yield from (bd.offset_entry for bd in operation.bds if bd.offset_entry is not None)


def _two_scratchpads(second: CreateScratchpad, first: CreateScratchpad) -> Problem:
    return Problem(
        f"the sequence creates a scratchpad of {second.nbytes} bytes, and one of {first.nbytes}",
        where=second.place,
        why=f"the firmware has one for a run; the other is at {first.place}",
        fix="create both as large as the larger",
        id="TP313",
    )


def _no_entry(operation: SequenceOperation, entry: int, created: CreateScratchpad | None) -> Problem:
    has = "nothing has created a scratchpad before it" if created is None else f"it has {created.nbytes} bytes"
    return Problem(
        f"there is no word {entry} in the scratchpad",
        where=operation.place,
        why=f"{has}, and the firmware would add what is there",
        fix="write aiex.npu.create_scratchpad {size = ...} in front, with four bytes for each word",
        id="TP313",
    )
