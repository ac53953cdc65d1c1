"""A runtime sequence to the NPU's instruction words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import prod

from tileproof import insts
from tileproof.device_model import CORE, GENERATIONS, LOCK_REGISTERS, LOCK_STRIDE, MAX_LOCK_VALUE, SHIM, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.insts import (
    BlockWrite,
    DdrPatch,
    InstructionStream,
    MaskWrite,
    Operation,
    Packet,
    ShimTransfer,
    Sync,
    Verbatim,
    Write,
    encode,
    operation_words,
    push_operations,
    stream_for,
    task_bd_operations,
    tile_address,
    transfer_operations,
    wait_operation,
)
from tileproof.insts.codec import LOAD_PDI
from tileproof.insts.shim import AXCACHE, aperture
from tileproof.insts.tile_bd import CORE_CONTROL, RESET_BIT, bd_offset, bd_words, control_offset, misfit
from tileproof.lowering.dimensions import check_bd
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign, PlacedBuffer, PlacedLock, ShimAllocation
from tileproof.lowering.programs import LARGEST_REPEAT, repeated_too_often
from tileproof.lowering.rearm import channels_and_locks
from tileproof.lowering.resources import bds_of_channel
from tileproof.lowering.tile_tasks import CONTROLLER_IDS, push_to_tile, tile_bd_values
from tileproof.mlir.design import (
    AddressPatch,
    Bd,
    Channel,
    ConfigureTask,
    CreateScratchpad,
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
from tileproof.mlir.design import Packet as PacketHeader
from tileproof.mlir_aie_versions import NEWEST

_WORD = 1 << 32
_WORD_BYTES = 4
_SHIM_BDS = TILE_KINDS[SHIM].bds


def sequence_words(design: LoweredDesign, sequence: Sequence, *, as_silent: bool = False) -> bytes:
    """The bytes of insts.bin, word for word what mlir-aie writes; a `Problem` where it would refuse.

    `as_silent` writes what it lets pass although it is wrong.
    """
    if sequence.is_open:
        raise _open(sequence)
    return encode(_stream(design, _Writer(design, sequence, as_silent).all()))


def main_sequence(design: LoweredDesign) -> Sequence:
    """The first runtime sequence, which is the one a host runs; a `Problem` if there is none."""
    if not design.sequences:
        raise Problem(
            "the design has no runtime sequence",
            id="TP002",
            where=design.place,
            why="nothing would move data between the host and the array",
            fix="add an aie.runtime_sequence",
        )
    return design.sequences[0]


def sequence_named(design: LoweredDesign, name: str | None) -> Sequence:
    """That of the name, or the main one; a `Problem` if there is none."""
    if name is None:
        return main_sequence(design)
    for sequence in design.sequences:
        if sequence.name == name:
            return sequence
    raise Problem(
        f"there is no runtime sequence @{name}",
        id="unknown-sequence",
        where=design.place,
        fix="sequences here: " + (", ".join(f"@{sequence.name}" for sequence in design.sequences) or "none"),
    )


@dataclass
class _Task:
    """A task that is configured: where it runs, and the BDs it has."""

    configured: ConfigureTask
    shim: ShimAllocation
    bd_ids: list[int]


@dataclass
class _Writer:
    design: LoweredDesign
    sequence: Sequence
    as_silent: bool
    _tasks: dict[int, _Task] = field(default_factory=dict)
    # Which task has which BD of which shim tile.
    _owners: dict[tuple[int, int], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def all(self) -> tuple[Operation, ...]:
        """The words of the whole sequence. Of two loads of one PDI that follow each other there is one."""
        operations = self.sequence.operations
        needed = [
            operation
            for number, operation in enumerate(operations)
            if not any(_loads_again(operation, following) for following in operations[number + 1 : number + 2])
        ]
        return tuple(operation for written in needed for operation in self.operations(written))

    def operations(self, operation: SequenceOperation) -> tuple[Operation, ...]:
        written: tuple[Operation, ...] = _WRITE[type(operation)](self, operation)
        if not all(0 <= word < _WORD for found in written for word in operation_words(found)):
            raise _no_word(operation.place)
        return written

    def _tile(self, column: int, row: int, place: Place) -> str:
        """The kind of a tile that the device has."""
        kind = self.design.device.kind(column, row)
        if kind is None:
            raise Problem(
                f"there is no tile ({column}, {row})",
                where=place,
                why=f"{self.design.device.name} has columns 0 to {self.design.device.columns - 1} and rows 0 to 5",
                fix="name a tile of the device",
                id="TP602",
            )
        return kind

    # Transfers

    def _transfer(self, transfer: Transfer) -> tuple[Operation, ...]:
        _check_bd_id(transfer.bd_id, transfer.place, as_silent=self.as_silent)
        _check_numbers(transfer)
        shim = _allocation(self.design, transfer.shim, transfer.place)
        type_ = self.sequence.arguments[transfer.argument]
        elements = sum(offset * stride for offset, stride in zip(transfer.offsets, transfer.strides, strict=True))
        request = ShimTransfer(
            column=shim.tile.column,
            direction=shim.direction,
            channel=shim.channel,
            bd_id=transfer.bd_id,
            argument=transfer.argument,
            byte_offset=elements * type_.dtype.nbytes,
            sizes=_four(transfer.sizes),
            strides=_four(transfer.strides),
            element_bytes=type_.dtype.nbytes,
            # An S2MM channel always issues its token (AIEDmaToNpu.cpp).
            issue_token=transfer.issue_token or shim.direction == "S2MM",
            burst_length=transfer.burst_length,
            packet=_packet(transfer.packet or shim.packet),
            controller_id=_controller_id(self.design, shim.tile.column),
            offset_entry=transfer.offset_entry,
        )
        return self._located(transfer.place, lambda: self._written(request, transfer_operations))

    def _written(self, request: ShimTransfer, write: Callable[..., tuple[Operation, ...]]) -> tuple[Operation, ...]:
        return write(request, generation=self.design.device.generation, mlir_aie_version=self.design.version)

    def _located(self, place: Place, write: Callable[[], tuple[Operation, ...]]) -> tuple[Operation, ...]:
        try:
            return write()
        except Problem as problem:
            said = problem.diagnostic
            problem.diagnostic = replace(
                said, place=Place.told(f"{place}, {said.place}", place) if said.place else place
            )
            raise

    def _wait(self, wait: Wait) -> tuple[Operation, ...]:
        shim = _allocation(self.design, wait.shim, wait.place)
        return (wait_operation(shim.tile.column, shim.channel, shim.direction),)

    # Tasks

    def _configure(self, task: ConfigureTask) -> tuple[Operation, ...]:
        shim = self._end_of(task)
        if not 0 <= task.repeat_count <= LARGEST_REPEAT:
            raise repeated_too_often(task.repeat_count, task.place)
        owners = self._owners[shim.tile.at]
        # Ids that the design gives itself are taken from the start.
        written = {bd.bd_id for other in self._configured(shim) for bd in other.bds if bd.bd_id is not None}
        chains = [chain for chain in self.design.chains if chain.tile.at == shim.tile.at]
        written |= {bd.bd_id for chain in chains for bd in chain.bds}
        ids: list[int] = []
        for bd in task.bds:
            free = (n for n in bds_of_channel(shim.tile, shim.channel) if n not in owners and n not in written)
            number = next(free, None) if bd.bd_id is None else bd.bd_id
            if number is None:
                raise _no_bd_left(task, shim)
            self._check_own_bd(bd, number, owners, shim)
            owners[number] = task.task
            ids.append(number)
        self._tasks[task.task] = _Task(task, shim, ids)
        if shim.tile.kind != SHIM:
            return tuple(found for number in range(len(ids)) for found in self._tile_bd(task, shim, ids, number))
        requests = [self._request(task, shim, ids, number) for number in range(len(task.bds))]
        return tuple(
            operation
            for bd, request in zip(task.bds, requests, strict=True)
            for operation in self._located(bd.place, lambda r=request: self._written(r, task_bd_operations))  # type: ignore[misc]
        )

    def _configured(self, shim: ShimAllocation) -> Iterator[ConfigureTask]:
        """The tasks of the same shim tile."""
        for operation in self.sequence.operations:
            if isinstance(operation, ConfigureTask) and self._end_of(operation).tile.at == shim.tile.at:
                yield operation

    def _tile_bd(self, task: ConfigureTask, end: ShimAllocation, ids: list[int], number: int) -> tuple[Operation, ...]:
        """A BD of a core or mem tile, whose buffer has its address."""
        bd, tile = task.bds[number], end.tile
        if bd.offset_entry is not None:
            raise _moved_on_tile(bd, tile)
        for problem in check_bd(bd, tile):
            raise problem
        values = tile_bd_values(self.design, bd, tile, bd.packet or task.packet)
        if bd.next is not None:
            values |= {"next_bd": ids[bd.next], "use_next_bd": 1}
        wrong = misfit(tile.kind, values)
        if wrong is not None:
            raise _bd_misfit(bd.place, tile, *wrong)
        address = tile_address(tile.column, tile.row, bd_offset(tile.kind, ids[number]))
        return (BlockWrite(address=address, words=bd_words(tile.kind, values)),)

    def _check_own_bd(self, bd: Bd, number: int, owners: dict[int, int], end: ShimAllocation) -> None:
        if end.tile.kind == SHIM:
            _check_bd_id(number, bd.place, as_silent=False)
        elif number not in bds_of_channel(end.tile, end.channel):
            raise _out_of_reach(end.tile, end.channel, number, bd.place)
        if number in owners:
            raise Problem(
                f"BD {number} is in use",
                where=bd.place,
                why=f"task {owners[number]} of the sequence has it, and is neither awaited nor freed before",
                fix="leave bd_id out, or await the other task first",
                id="TP310",
            )
        if end.tile.kind == SHIM and (bd.acquire is not None or bd.release is not None):
            raise Problem(
                "a BD of a task uses a lock",
                where=bd.place,
                why="tileproof writes no locks into the BDs of a shim tile",
                fix="let tokens keep the order: issue_token and dma_await_task",
                id="TP313",
            )

    def _end_of(self, task: ConfigureTask) -> ShimAllocation:
        if not isinstance(task.channel, Channel):
            return _allocation(self.design, task.channel, task.place)
        tile = task.channel.tile
        if not 0 <= task.channel.channel < TILE_KINDS[tile.kind].channels:
            raise _no_channel(task.channel, task.place)
        return ShimAllocation(
            fifo="", symbol="", tile=tile, direction=task.channel.direction, channel=task.channel.channel
        )

    def _request(self, task: ConfigureTask, shim: ShimAllocation, ids: list[int], number: int) -> ShimTransfer:
        bd = task.bds[number]
        if not isinstance(bd.buffer, int):
            raise Problem(
                f"a shim tile's BD cannot move buffer {bd.buffer}",
                where=bd.place,
                why="a shim tile has no memory of its own; its DMA moves arguments of the sequence",
                fix="name an argument",
                id="TP313",
            )
        sizes, strides = _walk(bd)
        return ShimTransfer(
            column=shim.tile.column,
            direction=shim.direction,
            channel=shim.channel,
            bd_id=ids[number],
            argument=bd.buffer,
            byte_offset=bd.offset * bd.type.dtype.nbytes,
            sizes=sizes,
            strides=strides,
            element_bytes=bd.type.dtype.nbytes,
            burst_length=bd.burst_length,
            packet=_packet(bd.packet or task.packet or shim.packet),
            next_bd=None if bd.next is None else ids[bd.next],
            offset_entry=bd.offset_entry,
        )

    def _use_task(self, use: UseTask) -> tuple[Operation, ...]:
        task = self._tasks[use.task]
        shim = task.shim
        if use.action == "start":
            return self._start(
                shim.tile,
                Channel(tile=shim.tile, direction=shim.direction, channel=shim.channel),
                task.bd_ids[0],
                runs=task.configured.repeat_count + 1,
                issue_token=task.configured.issue_token,
            )
        owners = self._owners[shim.tile.at]
        for number in task.bd_ids:
            # A task that is freed again has nothing any more, and another may have its BDs.
            if owners.get(number) == use.task:
                del owners[number]
        if use.action == "free":
            return ()
        if not task.configured.issue_token:
            raise Problem(
                "a task is awaited that issues no token",
                where=use.place,
                why=f"it is configured at {task.configured.place} without issue_token",
                fix="write {issue_token = true} behind its configuration",
                id="TP309",
            )
        return (Sync(column=shim.tile.column, row=shim.tile.row, direction=shim.direction, channel=shim.channel),)

    def _start(
        self, tile: Tile, channel: Channel, bd_id: int, *, runs: int, issue_token: bool
    ) -> tuple[Operation, ...]:
        """A task enters the queue of a channel of any tile."""
        controller = _controller_id(self.design, tile.column, tile.row)
        if tile.kind == SHIM:
            return push_operations(
                tile.column,
                channel.channel,
                channel.direction,
                bd_id,
                runs=runs,
                issue_token=issue_token,
                controller_id=controller,
            )
        return push_to_tile(tile, channel.direction, channel.channel, bd_id, runs, controller if issue_token else None)

    # Registers, locks and parameters

    def _rtp_write(self, write: RtpWrite) -> tuple[Operation, ...]:
        address = self._address_in(write.buffer, write.index, 1, write.place)
        return (Write(address=address, value=write.value % _WORD),)

    def _address_in(self, name: str, index: int, count: int, place: Place) -> int:
        """The full address of `count` words of a buffer, from word `index` on."""
        buffer = self._buffer(name)
        words = buffer.nbytes // _WORD_BYTES
        if not 0 <= index <= words - count:
            raise Problem(
                f"there is no word {index + count - 1} in {buffer.name}",
                where=place,
                why=f"{buffer.type} has {words} words",
                fix="correct the index",
                id="TP313",
            )
        return _address(buffer, index * _WORD_BYTES)

    def _buffer(self, name: str) -> PlacedBuffer:
        return next(buffer for buffer in self.design.buffers if buffer.name == name)

    def _set_lock(self, write: SetLock) -> tuple[Operation, ...]:
        if not 0 <= write.value <= MAX_LOCK_VALUE:
            raise Problem(
                f"lock {write.lock} cannot be set to {write.value}",
                where=write.place,
                why=f"a lock counts from 0 to {MAX_LOCK_VALUE}",
                fix="give it a value in that range",
                id="TP312",
            )
        lock = next(lock for lock in self.design.locks if lock.name == write.lock)
        return (Write(address=_lock_address(lock), value=write.value % _WORD),)

    def _written_to(self, write: RegisterWrite | UpdateFromScratchpad, count: int) -> int:
        """The full address of `count` words."""
        if write.buffer is not None:
            return self._address_in(write.buffer, write.address, count, write.place)
        if write.tile is None:
            return write.address
        self._tile(*write.tile, write.place)
        return tile_address(*write.tile, write.address)

    def _create_scratchpad(self, create: CreateScratchpad) -> tuple[Operation, ...]:
        return (insts.CreateScratchpad(nbytes=create.nbytes),)

    def _update(self, update: UpdateFromScratchpad) -> tuple[Operation, ...]:
        return (
            insts.UpdateFromScratchpad(
                address=self._written_to(update, 2),
                entry=update.entry,
                function=update.function,
                argument=update.argument,
            ),
        )

    def _register_write(self, write: RegisterWrite) -> tuple[Operation, ...]:
        address = self._written_to(write, len(write.words))
        if write.block:
            # A buffer's address is whole; a tile that is written beside one stays beside it.
            beside = (0, 0) if write.buffer is not None or write.tile is None else write.tile
            return (BlockWrite(address=address, words=write.words, tile=beside),)
        if write.mask is not None:
            return (MaskWrite(address=address, value=write.words[0], mask=write.mask),)
        return (Write(address=address, value=write.words[0]),)

    def _sync(self, wait: SyncWait) -> tuple[Operation, ...]:
        last = (wait.column + wait.columns - 1, wait.row + wait.rows - 1)
        if min(wait.columns, wait.rows) < 1 or None in (
            self.design.device.kind(wait.column, wait.row),
            self.design.device.kind(*last),
        ):
            raise Problem(
                f"there are no {wait.columns} x {wait.rows} tiles from ({wait.column}, {wait.row}) on",
                where=wait.place,
                why=f"{self.design.device.name} has {self.design.device.columns} columns and 6 rows",
                fix="wait for tiles of the device",
                id="TP313",
            )
        channels = TILE_KINDS[self._tile(wait.column, wait.row, wait.place)].channels
        if not 0 <= wait.channel < channels and not self.as_silent:
            raise Problem(
                f"there is no {wait.direction} channel {wait.channel} on tile ({wait.column}, {wait.row})",
                where=wait.place,
                why=f"it has channels 0 to {channels - 1}",
                fix="wait for one of those",
                id="TP312",
            )
        return (
            Sync(
                column=wait.column,
                row=wait.row,
                direction=wait.direction,
                channel=wait.channel,
                columns=wait.columns,
                rows=wait.rows,
            ),
        )

    def _push(self, push: PushQueue) -> tuple[Operation, ...]:
        kind = self._tile(push.column, push.row, push.place)
        tile = Tile(column=push.column, row=push.row, kind=kind, place=push.place)
        channel = Channel(tile=tile, direction=push.direction, channel=push.channel)
        if not 0 <= push.channel < TILE_KINDS[kind].channels:
            raise _no_channel(channel, push.place)
        if kind == SHIM:
            _check_bd_id(push.bd_id, push.place, as_silent=self.as_silent)
        elif push.bd_id not in bds_of_channel(tile, push.channel):
            raise _out_of_reach(tile, push.channel, push.bd_id, push.place)
        if not 0 <= push.repeat_count <= LARGEST_REPEAT:
            raise repeated_too_often(push.repeat_count, push.place)
        runs = push.repeat_count + 1
        return self._start(tile, channel, push.bd_id, runs=runs, issue_token=push.issue_token)

    def _write_bd(self, write: WriteBd) -> tuple[Operation, ...]:
        kind = self._tile(write.column, write.row, write.place)
        if not 0 <= write.bd_id < TILE_KINDS[kind].bds:
            raise _no_bd(write, kind)
        offset = write.fields["buffer_offset"]
        # The field of a core tile counts words, and mlir-aie divides; of the others it writes what stands there.
        values = {**write.fields, "buffer_offset": offset // _WORD_BYTES if kind == CORE else offset}
        if kind == SHIM:
            values |= {"burst": self._burst_code(write), "axcache": AXCACHE}
        wrong = misfit(kind, values)
        if wrong is not None:
            tile = Tile(column=write.column, row=write.row, kind=kind, place=write.place)
            raise _bd_misfit(write.place, tile, *wrong)
        address = tile_address(write.column, write.row, bd_offset(kind, write.bd_id))
        return (BlockWrite(address=address, words=bd_words(kind, values)),)

    def _burst_code(self, write: WriteBd) -> int:
        lengths = GENERATIONS[self.design.device.generation].burst_bytes
        if write.burst_length not in (0, *lengths):
            raise Problem(
                f"there is no burst of {write.burst_length} bytes",
                where=write.place,
                why=f"{self.design.device.name} has bursts of {', '.join(map(str, lengths))}",
                fix="leave burst_length out, or take one of these",
                id="TP313",
            )
        return lengths.index(write.burst_length or lengths[-1])

    def _reset(self, reset: Reset) -> tuple[Operation, ...]:
        """Bit 1 of a control register, set and cleared; the others keep what they are (XAie_CoreReset and Unreset)."""
        tile, channel = reset.tile, reset.channel
        if channel is None and tile.kind != CORE:
            raise Problem(
                f"there is no core on {tile}",
                where=reset.place,
                why="only cores are reset with aiex.core_reset",
                fix="name a tile of row 2 to 5",
                id="TP605",
            )
        if channel is not None and tile.kind == SHIM:
            raise Problem(
                f"the channels of {tile} cannot be reset",
                where=reset.place,
                why="the bit that resets a channel of a core or mem tile pauses one of a shim tile",
                fix="name a tile of row 1 to 5",
                id="TP605",
            )
        if channel is not None and not 0 <= channel.channel < TILE_KINDS[tile.kind].channels:
            raise _no_channel(channel, reset.place)
        return _reset_pulse(tile, channel)

    def _reset_for(self, reset: ResetFor) -> tuple[Operation, ...]:
        """Every channel is reset, then every lock as at the start, and only then the channels run again."""
        chains, locks = channels_and_locks(self.design, reset)
        resets = [
            pulse
            for chain in chains
            for pulse in _reset_pulse(
                chain.tile, Channel(tile=chain.tile, direction=chain.direction, channel=chain.channel)
            )
        ]
        armed = [Write(address=_lock_address(lock), value=lock.init) for lock in locks]
        pushes = [
            push
            for chain in chains
            for push in push_to_tile(
                chain.tile, chain.direction, chain.channel, chain.bds[0].bd_id, (chain.repeat_count or 0) + 1, None
            )
        ]
        return (*resets, *armed, *pushes)

    def _reconfigure(self, operation: Reconfigure) -> tuple[Operation, ...]:
        """The PDI of a device is loaded, by its number; what then runs on it has the BDs that are still free."""
        low, high = operation.address % _WORD, operation.address >> 32
        load = Verbatim(words=(LOAD_PDI | operation.number << 16, operation.size, low, high))
        if operation.design is None or not operation.operations:
            return (load,)
        # How it is spelled was looked at when the design was lowered; the newest state takes every spelling.
        version = None if self.design.version == NEWEST else self.design.version
        other = lower_design(operation.design, version=version, as_silent=self.as_silent)
        sequence = replace(self.sequence, operations=operation.operations)
        writer = _Writer(other, sequence, self.as_silent, _owners=self._owners)
        return (load, *writer.all())

    def _patch(self, patch: AddressPatch) -> tuple[Operation, ...]:
        offset = (patch.byte_offset + aperture(patch.argument, self.design.version)) % _WORD
        return (DdrPatch(address=patch.address, argument=patch.argument, byte_offset=offset),)


_WRITE: dict[type, Callable[..., tuple[Operation, ...]]] = {
    Transfer: _Writer._transfer,
    Wait: _Writer._wait,
    ConfigureTask: _Writer._configure,
    UseTask: _Writer._use_task,
    RtpWrite: _Writer._rtp_write,
    SetLock: _Writer._set_lock,
    RegisterWrite: _Writer._register_write,
    CreateScratchpad: _Writer._create_scratchpad,
    UpdateFromScratchpad: _Writer._update,
    SyncWait: _Writer._sync,
    PushQueue: _Writer._push,
    AddressPatch: _Writer._patch,
    Reconfigure: _Writer._reconfigure,
    WriteBd: _Writer._write_bd,
    Reset: _Writer._reset,
    ResetFor: _Writer._reset_for,
}


def _loads_again(operation: SequenceOperation, following: SequenceOperation) -> bool:
    if not (isinstance(operation, Reconfigure) and isinstance(following, Reconfigure)) or operation.operations:
        return False
    return _loaded(operation) == _loaded(following)


def _loaded(operation: Reconfigure) -> tuple[int, int, int]:
    return operation.number, operation.size, operation.address


def _open(sequence: Sequence) -> Problem:
    first, count = len(sequence.arguments), len(sequence.scalars)
    numbers = " and ".join(f"argument {first + number} ({sequence.scalars[number]})" for number in range(count))
    return Problem(
        f"what @{sequence.name} does hangs on numbers that are not known",
        where=sequence.place,
        why=f"{numbers} of it are given when it runs, and the words are other ones for other values",
        fix=" ".join(["say what they are:", *(f"--arg {first + number}=NUMBER" for number in range(count))]),
        id="TP002",
    )


def _check_bd_id(number: int, place: Place, *, as_silent: bool) -> None:
    """mlir-aie lets 16 pass without a word; beyond that nothing is a BD's."""
    if not 0 <= number < _SHIM_BDS + as_silent:
        raise Problem(
            f"there is no BD {number} on a shim tile",
            where=place,
            why="it has BDs 0 to 15; mlir-aie lets this pass, and the write lands on the channels' registers",
            fix="give the transfer an id that no transfer under way has",
            id="TP301",
        )


def _check_numbers(transfer: Transfer) -> None:
    """What no field of the instruction words can hold."""
    for name in ("offsets", "sizes", "strides"):
        values = getattr(transfer, name)
        if not all(0 <= value < _WORD for value in values) or prod(transfer.sizes) >= _WORD:
            raise Problem(
                f"the {name} of the transfer cannot be written",
                where=transfer.place,
                why=f"{name} {list(values)}, sizes {list(transfer.sizes)}: each, and their product, is below 2^32",
                fix="split the transfer, or correct the numbers",
                id="TP313",
            )


def _walk(bd: Bd) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Sizes and strides of a task's BD, four each."""
    if not bd.sizes:
        return (1, 1, 1, bd.length), (0, 0, 0, 1)
    missing = 4 - len(bd.sizes)
    sizes, strides = (1,) * missing + bd.sizes, (0,) * missing + bd.strides
    if missing < 0 or prod(sizes[1:]) != bd.length:
        raise Problem(
            "the sizes of the BD do not make its length",
            where=bd.place,
            why=f"sizes {list(bd.sizes)}, length {bd.length:,}: the inner three multiply to the length, "
            "and the outermost repeats",
            fix="let both say the same",
            id="TP317",
        )
    return _four(sizes), _four(strides)


def _no_word(place: Place) -> Problem:
    return Problem(
        "a number of the operation cannot be written",
        where=place,
        why="one of the instruction words would have more than 32 bits, or be below 0",
        fix="correct its addresses, offsets and indices",
        id="TP313",
    )


def _out_of_reach(tile: Tile, channel: int, number: int, place: Place) -> Problem:
    allowed = bds_of_channel(tile, channel)
    return Problem(
        f"channel {channel} of {tile} does not reach buffer descriptor {number}",
        where=place,
        why=f"it has {allowed.start} to {allowed.stop - 1}",
        fix="leave its number out, or choose one of those",
        id="TP312",
    )


def _moved_on_tile(bd: Bd, tile: Tile) -> Problem:
    return Problem(
        f"a BD of {tile} begins where a parameter says",
        where=bd.place,
        why="an update adds bytes to an address; a BD of a core or mem tile counts words, beside other fields",
        fix="let the transfer at the shim tile begin there",
        id="TP313",
    )


def _no_bd(write: WriteBd, kind: str) -> Problem:
    return Problem(
        f"there is no BD {write.bd_id} on tile ({write.column}, {write.row})",
        where=write.place,
        why=f"a {kind} tile has BDs 0 to {TILE_KINDS[kind].bds - 1}",
        fix="use one of those",
        id="TP301",
    )


def _bd_misfit(place: Place, tile: Tile, field: str, value: int, bits: int) -> Problem:
    return Problem(
        f"{field} of the BD cannot be {value:,}",
        where=place,
        why=f"its field in a BD of {tile} has {bits} bits",
        fix="correct it",
        id="TP313",
    )


def _no_channel(channel: Channel, place: Place) -> Problem:
    return Problem(
        f"there is no {channel.direction} channel {channel.channel} on {channel.tile}",
        where=place,
        why=f"a {channel.tile.kind} tile has {channel.direction} channels 0 to "
        f"{TILE_KINDS[channel.tile.kind].channels - 1}",
        fix="use one of those",
        id="TP312",
    )


def _no_bd_left(task: ConfigureTask, shim: ShimAllocation) -> Problem:
    return Problem(
        f"the tasks of {shim.tile} need more BDs than it has",
        where=task.place,
        why=f"it has {TILE_KINDS[SHIM].bds}, and none of those in use is awaited or freed before this task",
        fix="write aiex.dma_await_task or aiex.dma_free_task for earlier tasks first",
        id="TP312",
    )


def _lock_address(lock: PlacedLock) -> int:
    offset = LOCK_REGISTERS[lock.tile.kind] + LOCK_STRIDE * lock.id
    return tile_address(lock.tile.column, lock.tile.row, offset)


def _reset_pulse(tile: Tile, channel: Channel | None) -> tuple[Operation, ...]:
    offset = CORE_CONTROL
    if channel is not None:
        offset = control_offset(tile.kind, channel.direction, channel.channel)
    address = tile_address(tile.column, tile.row, offset)
    return tuple(MaskWrite(address=address, value=value, mask=RESET_BIT) for value in (RESET_BIT, 0))


def _packet(header: PacketHeader | None) -> Packet | None:
    return None if header is None else Packet(id=header.id, type=header.type)


def _address(buffer: PlacedBuffer, offset: int) -> int:
    return tile_address(buffer.tile.column, buffer.tile.row, buffer.address + offset)


def _allocation(design: LoweredDesign, name: str, place: Place) -> ShimAllocation:
    for allocation in design.shim_allocations:
        if allocation.fifo == name:
            return allocation
    raise Problem(
        f"@{name} does not end at a shim tile",
        where=place,
        why="a runtime sequence moves data between host memory and the shim end of a fifo",
        fix="name a fifo with one end on row 0",
        id="TP608",
    )


def _stream(design: LoweredDesign, operations: tuple[Operation, ...]) -> InstructionStream:
    return stream_for(design.device.generation, operations, columns=design.device.columns)


def _controller_id(design: LoweredDesign, column: int, row: int = 0) -> int:
    """Of a tile: where tokens of its channels go."""
    tile = next((tile for tile in design.design.tiles if tile.at == (column, row)), None)
    return CONTROLLER_IDS[row] if tile is None or tile.controller_id is None else tile.controller_id


def _four(values: tuple[int, ...]) -> tuple[int, int, int, int]:
    d3, d2, d1, d0 = values
    return (d3, d2, d1, d0)
