"""What an instruction stream does to the array, one action after the other, to be executed.

Every action carries `word`, the index of its operation's first word in the stream, so that a message can
point at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tileproof.insts.codec import HEADER_WORDS, operation_words
from tileproof.insts.model import (
    BlockWrite,
    CreateScratchpad,
    DdrPatch,
    Direction,
    InstructionStream,
    MaskWrite,
    Operation,
    ScratchpadFunction,
    Sync,
    UpdateFromScratchpad,
    Verbatim,
    Write,
    tile_address,
    tile_of,
)
from tileproof.insts.shim import (
    BD_WORDS,
    CHANNEL_AT_CONTROL,
    CONTROLLER_ID_SHIFT,
    DDR_APERTURE,
    PATCHED_BY_FIRMWARE,
    SHIM_ROW,
    WHOLE_CONTROLLER_ID_MASK,
    WORD_BYTES,
    ShimBd,
    bd_at,
    decode_queue_push,
    shim_bd,
)

ALL_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBd:
    """BD `bd_id` of the shim tile in `column` becomes `bd`, at once, even if a task with it is under way; `words` are
    what it is decoded from."""

    word: int
    column: int
    bd_id: int
    bd: ShimBd
    words: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchBd:
    """The BD's address becomes that of the sequence's `argument` plus `byte_offset`.

    Argument k of the sequence is argument 3 + k of the kernel. `byte_offset` is free of the DDR aperture that
    mlir-aie 2026-08 adds for arguments from 5 on; `has_aperture` says whether it was there.
    """

    word: int
    column: int
    bd_id: int
    argument: int
    byte_offset: int
    has_aperture: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTokens:
    """Tokens of this channel go to tile controller `controller_id`; set before a push that asks for one."""

    word: int
    column: int
    direction: Direction
    channel: int
    controller_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A task enters the channel's queue: `bd_id`, `runs` times, with a token after the last if
    `issue_token`."""

    word: int
    column: int
    direction: Direction
    channel: int
    bd_id: int
    runs: int
    issue_token: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Stops until this channel has a token, and uses it up; one for each tile of `columns` x `rows`."""

    word: int
    column: int
    row: int
    direction: Direction
    channel: int
    columns: int = 1
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRegisters:
    """Any other write: `words` from byte `offset` of the tile on, only the bits of `mask`.

    Parameters in core memory, locks, and mistakes such as BD 16, which lies on the channel control registers.
    """

    word: int
    column: int
    row: int
    offset: int
    words: tuple[int, ...]
    mask: int = ALL_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchElsewhere:
    """A buffer address put somewhere that is not a shim BD."""

    word: int
    column: int
    row: int
    offset: int
    argument: int
    byte_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScratchpad:
    """The firmware takes over `nbytes` of the run's control scratchpad."""

    word: int
    nbytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRegisters:
    """The pair of words from byte `offset` of the tile on takes on a number: word `entry` of the scratchpad by
    `function` with `argument`."""

    word: int
    column: int
    row: int
    offset: int
    entry: int
    function: ScratchpadFunction
    argument: int

    @property
    def shim_bd(self) -> tuple[int, int] | None:
        """Column and id of the shim BD whose address that is; None for anything else."""
        return (
            bd_at(tile_address(self.column, self.row, self.offset - WORD_BYTES)) if self.offset >= WORD_BYTES else None
        )

    def delta(self, table: Sequence[int]) -> int:
        """The number, for the words of a scratchpad."""
        number = table[self.entry]
        match self.function:
            case "mul":
                return number * self.argument
            case "incr":
                return number + self.argument
            case "decr":
                return number - self.argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninterpreted:
    """An operation that is named and kept, and that nothing here can execute."""

    word: int
    name: str
    words: tuple[int, ...]


Action = (
    SetBd
    | PatchBd
    | RouteTokens
    | Push
    | Wait
    | SetRegisters
    | PatchElsewhere
    | LoadScratchpad
    | UpdateRegisters
    | Uninterpreted
)


def npu_actions(stream: InstructionStream) -> tuple[Action, ...]:
    actions: list[Action] = []
    word = HEADER_WORDS
    for operation in stream.operations:
        actions.extend(_actions_of(operation, word))
        word += len(operation_words(operation, stream.version))
    return tuple(actions)


def _actions_of(operation: Operation, word: int) -> tuple[Action, ...]:
    match operation:
        case Write():
            return (_write(operation, word),)
        case BlockWrite():
            return _block_write(operation, word)
        case MaskWrite():
            return (_mask_write(operation, word),)
        case DdrPatch():
            return (_patch(operation, word),)
        case Sync():
            return (_wait(operation, word),)
        case CreateScratchpad():
            return (LoadScratchpad(word=word, nbytes=operation.nbytes),)
        case UpdateFromScratchpad():
            return (_update(operation, word),)
        case Verbatim():
            return (Uninterpreted(word=word, name=operation.name, words=operation.words),)


def _write(write: Write, word: int) -> Action:
    push = decode_queue_push(write)
    if push is None:
        column, row, offset = tile_of(write.address)
        return SetRegisters(word=word, column=column, row=row, offset=offset, words=(write.value,))
    return Push(
        word=word,
        column=push.column,
        direction=push.direction,
        channel=push.channel,
        bd_id=push.bd_id,
        runs=push.runs,
        issue_token=push.issue_token,
    )


def _block_write(write: BlockWrite, word: int) -> tuple[Action, ...]:
    """One write may set several BDs that follow each other, as long as it sets whole ones."""
    first = bd_at(write.address)
    count, rest = divmod(len(write.words), BD_WORDS)
    last = bd_at(write.address + WORD_BYTES * BD_WORDS * (count - 1))
    if first is None or last is None or rest or not count:
        column, row, offset = tile_of(write.address)
        return (SetRegisters(word=word, column=column, row=row, offset=offset, words=write.words),)
    column, bd_id = first
    return tuple(
        SetBd(
            word=word,
            column=column,
            bd_id=bd_id + index,
            bd=shim_bd(BlockWrite(address=write.address, words=words)),
            words=words,
        )
        for index in range(count)
        for words in [write.words[BD_WORDS * index : BD_WORDS * (index + 1)]]
    )


def _mask_write(write: MaskWrite, word: int) -> Action:
    column, row, offset = tile_of(write.address)
    routes = write.mask & ~WHOLE_CONTROLLER_ID_MASK == 0  # people write a part of the field, too
    if row == SHIM_ROW and offset in CHANNEL_AT_CONTROL and routes:
        direction, channel = CHANNEL_AT_CONTROL[offset]
        controller_id = (write.value & write.mask) >> CONTROLLER_ID_SHIFT
        return RouteTokens(word=word, column=column, direction=direction, channel=channel, controller_id=controller_id)
    return SetRegisters(word=word, column=column, row=row, offset=offset, words=(write.value,), mask=write.mask)


def _patch(patch: DdrPatch, word: int) -> Action:
    place = bd_at(patch.address - WORD_BYTES)
    if place is None:
        column, row, offset = tile_of(patch.address)
        return PatchElsewhere(
            word=word,
            column=column,
            row=row,
            offset=offset,
            argument=patch.argument,
            byte_offset=patch.byte_offset,
        )
    has_aperture = patch.argument >= PATCHED_BY_FIRMWARE and patch.byte_offset >= DDR_APERTURE
    return PatchBd(
        word=word,
        column=place[0],
        bd_id=place[1],
        argument=patch.argument,
        byte_offset=patch.byte_offset - has_aperture * DDR_APERTURE,
        has_aperture=has_aperture,
    )


def _update(update: UpdateFromScratchpad, word: int) -> UpdateRegisters:
    column, row, offset = tile_of(update.address)
    return UpdateRegisters(
        word=word,
        column=column,
        row=row,
        offset=offset,
        entry=update.entry,
        function=update.function,
        argument=update.argument,
    )


def _wait(sync: Sync, word: int) -> Action:
    return Wait(
        word=word,
        column=sync.column,
        row=sync.row,
        direction=sync.direction,
        channel=sync.channel,
        columns=sync.columns,
        rows=sync.rows,
    )
