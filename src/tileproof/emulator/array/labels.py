"""What transfers and instructions are called on the timeline: by argument of the sequence and bytes, by BD and tile."""

from __future__ import annotations

from collections.abc import Sequence

from tileproof.emulator.array.dma import Words, word_count
from tileproof.insts import (
    Action,
    LoadScratchpad,
    PatchBd,
    Push,
    RouteTokens,
    SetBd,
    SetRegisters,
    UpdateRegisters,
    Wait,
)

_WORD_BYTES = 4


def transfer_label(argument: int, runs: Sequence[Words]) -> str:
    """`argument 1, bytes 0 to 4,095`; how many of them, where a BD leaves some out."""
    ends = [_ends(run) for run in runs]
    first, after = min(begin for begin, _ in ends), max(end for _, end in ends)
    moved = sum(word_count(run) for run in runs) * _WORD_BYTES
    some = "" if moved >= after - first else f" ({moved:,} of them)"
    return f"argument {argument}, bytes {first:,} to {after - 1:,}{some}"


def _ends(run: Words) -> tuple[int, int]:
    """The first byte, and the one after the last."""
    if isinstance(run, slice):
        return int(run.start) * _WORD_BYTES, int(run.stop) * _WORD_BYTES
    return int(run.min()) * _WORD_BYTES, (int(run.max()) + 1) * _WORD_BYTES


def instruction_label(action: Action) -> str:
    """What one instruction does."""
    match action:
        case SetBd():
            done = f"writes BD {action.bd_id} of shim ({action.column}, 0)"
        case PatchBd():
            bd = f"BD {action.bd_id} of shim ({action.column}, 0)"
            done = f"points {bd} to argument {action.argument}, byte {action.byte_offset:,}"
        case Push():
            done = (
                f"starts BD {action.bd_id} on {action.direction} channel {action.channel} of shim ({action.column}, 0)"
            )
        case Wait():
            tile = f"{'tile' if action.row else 'shim'} ({action.column}, {action.row})"
            done = f"asks for a token of {action.direction} channel {action.channel} of {tile}"
        case RouteTokens():
            done = f"routes tokens of {action.direction} channel {action.channel} of shim ({action.column}, 0)"
        case SetRegisters():
            done = (
                f"writes {len(action.words)} words from 0x{action.offset:05x} of tile ({action.column}, {action.row})"
            )
        case LoadScratchpad():
            done = f"takes over {action.nbytes} bytes of the scratchpad"
        case UpdateRegisters():
            at = f"0x{action.offset:05x} of tile ({action.column}, {action.row})"
            done = f"adds word {action.entry} of the scratchpad at {at}"
        case _:
            done = type(action).__name__
    return f"{done} (insts word {action.word})"
