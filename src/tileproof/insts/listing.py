"""An instruction stream for people: what each operation does, and what all of it moves of each kernel argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tileproof.insts.actions import (
    Action,
    LoadScratchpad,
    PatchBd,
    PatchElsewhere,
    Push,
    RouteTokens,
    SetBd,
    SetRegisters,
    Uninterpreted,
    UpdateRegisters,
    Wait,
    npu_actions,
)
from tileproof.insts.codec import decode
from tileproof.insts.model import Direction, InstructionStream
from tileproof.insts.shim import WORD_BYTES, ShimBd
from tileproof.xrt import FIRST_BUFFER

_ALL_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One operation: its first word, and what it does."""

    word: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What the stream moves of one argument of the kernel in one direction: bytes, and the extent they lie in; that is
    how far they lie apart only, where a parameter of the host says where they begin (`is_shifted`)."""

    argument: int
    direction: Direction
    nbytes: int
    begin: int
    end: int
    channels: tuple[str, ...]
    is_shifted: bool = False

    @property
    def way(self) -> str:
        return "to the array" if self.direction == "MM2S" else "to the host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A stream as a list. `operations` and `words` as its header has them."""

    device: str
    columns: int
    words: int
    operations: int
    lines: tuple[Line, ...]
    moved: tuple[Moved, ...]


def list_instructions(data: bytes, name: str) -> Listing:
    """The listing of the bytes of an insts.bin; raises `Problem` for what is none."""
    stream = decode(data, name)
    actions = npu_actions(stream)
    return Listing(
        device=stream.device,
        columns=stream.columns,
        words=len(data) // WORD_BYTES,
        operations=len(stream.operations),
        lines=tuple(_line(action) for action in actions),
        moved=tuple(_moved(stream, actions)),
    )


def listing_text(listing: Listing, name: str) -> str:
    """The listing as a page: a line an operation, then what each argument gives and takes."""
    width = max((len(line.kind) for line in listing.lines), default=0)
    return "\n".join(
        [
            f"{name}: {listing.words} words, {_counted(listing.operations, 'operation')}, for {listing.device}"
            f" with {_counted(listing.columns, 'column')}",
            *(f"  word {line.word:>4}  {line.kind:<{width}}  {line.text}" for line in listing.lines),
            "",
            "moved",
            *(f"  {_moved_text(moved)}" for moved in listing.moved),
            *(["  nothing"] if not listing.moved else []),
            "",
        ]
    )


def _moved_text(moved: Moved) -> str:
    shifted = " from where a parameter says on" if moved.is_shifted else ""
    extent = f"bytes {moved.begin:,} to {moved.end - 1:,}{shifted}"
    return f"argument {moved.argument}  {moved.nbytes:>9,} B {moved.way}, {extent}, {', '.join(moved.channels)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _line(action: Action) -> Line:
    kind, text = _told(action)
    return Line(word=action.word, kind=kind, text=text)


def _told(action: Action) -> tuple[str, str]:
    match action:
        case SetBd():
            return "BD", f"shim ({action.column}, 0) BD {action.bd_id}: {bd_text(action.bd)}"
        case PatchBd():
            aperture = ", with the DDR aperture" if action.has_aperture else ""
            return "patch", (
                f"shim ({action.column}, 0) BD {action.bd_id}: address of kernel argument "
                f"{action.argument + FIRST_BUFFER}, byte {action.byte_offset:,}{aperture}"
            )
        case Push():
            times = "" if action.runs == 1 else f", {action.runs} times"
            token = ", with a token" if action.issue_token else ""
            return "push", f"{_channel(action)}: BD {action.bd_id}{times}{token}"
        case Wait():
            tiles = "" if (action.columns, action.rows) == (1, 1) else f", and {action.columns} x {action.rows} tiles"
            where = f"({action.column}, {action.row})"
            return "sync", f"a token of {action.direction} channel {action.channel} of {where}{tiles}"
        case RouteTokens():
            return "tokens", f"{_channel(action)}: to controller {action.controller_id}"
        case SetRegisters():
            mask = "" if action.mask == _ALL_BITS else f" under mask 0x{action.mask:08x}"
            values = " ".join(f"0x{word:08x}" for word in action.words[:8])
            more = f" and {len(action.words) - 8} more" if len(action.words) > 8 else ""
            return "write", f"tile ({action.column}, {action.row}) at 0x{action.offset:05x}: {values}{more}{mask}"
        case PatchElsewhere():
            return "patch", (
                f"tile ({action.column}, {action.row}) at 0x{action.offset:05x}, no shim BD: address of kernel "
                f"argument {action.argument + FIRST_BUFFER}, byte {action.byte_offset:,}"
            )
        case LoadScratchpad():
            return "scratchpad", f"{action.nbytes} bytes that the host has written"
        case UpdateRegisters():
            how = {"mul": "times", "incr": "plus", "decr": "minus"}[action.function]
            return "update", (
                f"tile ({action.column}, {action.row}) at 0x{action.offset:05x}: takes on word {action.entry} of the "
                f"scratchpad {how} {action.argument:,}"
            )
        case Uninterpreted():
            return action.name, f"{_counted(len(action.words), 'word')}, not interpreted"


def _channel(action: Push | RouteTokens) -> str:
    return f"shim ({action.column}, 0) {action.direction} channel {action.channel}"


def bd_text(bd: ShimBd) -> str:
    """A shim BD in words: bytes, sizes by strides in 32-bit words, repeat."""
    parts = [f"{bd.length * WORD_BYTES:,} B"]
    dimensions = [(count, stride) for count, stride in bd.dimensions if count > 1 or len(bd.dimensions) == 1]
    if dimensions != [(bd.length, 1)]:
        parts.append("words " + ", ".join(f"{count} by {stride}" for count, stride in dimensions))
    if bd.iteration_size > 1:
        parts.append(f"{bd.iteration_size} iterations by {bd.iteration_stride}")
    if bd.packet is not None:
        parts.append(f"packet id {bd.packet.id}, type {bd.packet.type}")
    if bd.next_bd is not None:
        parts.append(f"then BD {bd.next_bd}")
    if not bd.valid:
        parts.append("not valid")
    return ", ".join(parts)


@dataclass(slots=True)
class _Bd:
    """A BD as it stands while the stream is followed."""

    bd: ShimBd
    argument: int | None = None
    byte_offset: int = 0
    runs: int = 0
    is_shifted: bool = False


@dataclass(slots=True)
class _Sum:
    nbytes: int = 0
    begin: int | None = None
    end: int = 0
    channels: dict[str, None] = field(default_factory=dict)
    is_shifted: bool = False


def _moved(stream: InstructionStream, actions: tuple[Action, ...]) -> Iterator[Moved]:
    """Follows the BDs from their words to the pushes; what no patch gives an argument is nobody's."""
    bds: dict[tuple[int, int], _Bd] = {}
    sums: dict[tuple[int, Direction], _Sum] = {}
    for action in actions:
        match action:
            case SetBd():
                bds[action.column, action.bd_id] = _Bd(action.bd)
            case PatchBd() if (action.column, action.bd_id) in bds:
                bd = bds[action.column, action.bd_id]
                bd.argument, bd.byte_offset = action.argument, action.byte_offset
            case UpdateRegisters() if (of := action.shim_bd) in bds:
                bds[of].is_shifted = True
            case Push():
                _push(action, bds, sums)
    for (argument, direction), total in sorted(sums.items()):
        yield Moved(
            argument=argument + FIRST_BUFFER,
            direction=direction,
            nbytes=total.nbytes,
            begin=total.begin or 0,
            end=total.end,
            channels=tuple(total.channels),
            is_shifted=total.is_shifted,
        )


def _push(action: Push, bds: dict[tuple[int, int], _Bd], sums: dict[tuple[int, Direction], _Sum]) -> None:
    number: int | None = action.bd_id
    seen: set[int] = set()
    while number is not None and number not in seen and (action.column, number) in bds:
        seen.add(number)
        one = bds[action.column, number]
        if one.argument is not None:
            total = sums.setdefault((one.argument, action.direction), _Sum())
            total.channels[f"{action.direction} channel {action.channel} of shim ({action.column}, 0)"] = None
            total.is_shifted |= one.is_shifted
            for run in range(one.runs, one.runs + action.runs):
                begin, end = extent(one.bd, one.byte_offset, run)
                total.nbytes += one.bd.length * WORD_BYTES
                total.begin = begin if total.begin is None else min(total.begin, begin)
                total.end = max(total.end, end)
        one.runs += action.runs
        number = one.bd.next_bd


def extent(bd: ShimBd, byte_offset: int, run: int) -> tuple[int, int]:
    """The first byte and the one behind the last that a run of the BD touches, as if all its dimensions were full."""
    begin = byte_offset + bd.iteration_offset(run) * WORD_BYTES
    last = sum((count - 1) * stride for count, stride in bd.dimensions if count > 0)
    return begin, begin + (last + 1) * WORD_BYTES
