"""What a host got wrong before a run began, as far as the run's registers and buffers show it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Protocol

from tileproof.emulator.pyxrt.bo import bo
from tileproof.emulator.pyxrt.context import ComputeUnit
from tileproof.emulator.pyxrt.journal import journal
from tileproof.errors import Problem
from tileproof.insts.listing import Moved, list_instructions
from tileproof.xrt import CALL_ARGUMENTS


class Starting(Protocol):
    """A run, with what it was given: `_values` by argument, of which it has set `_own` itself."""

    _kernel: ComputeUnit
    _values: dict[int, bo | int]
    _own: set[int]
    _scratchpad: bo | None

    def _instructions(self) -> bytes | None: ...


CALL = "call kernel(3, instructions, words, buffers of the runtime sequence in its order)"
_INSTR, _COUNT = CALL_ARGUMENTS.index("instr"), CALL_ARGUMENTS.index("ninstr")


@lru_cache(maxsize=32)
def moved_by(instructions: bytes) -> tuple[Moved, ...] | None:
    """What a stream moves of each argument; None for one that cannot be read."""
    try:
        return list_instructions(instructions, "instructions").moved
    except Problem:
        return None


def note_before(starting: Starting) -> None:
    """All that is wrong as the run starts."""
    if starting._kernel._streams:  # which come with the kernel, and are nobody's to forget
        moved_by_all = tuple(one for stream in starting._kernel._streams for one in moved_by(stream) or ())
        _note_unsynced(starting, moved_by_all)
        _note_scratchpad(starting)
        _note_left_over(starting, moved_by_all)
        return
    instructions = starting._instructions()
    moved = None if instructions is None else moved_by(instructions)
    _note_unsynced(starting, moved or ())
    _note_left_over(starting, moved or ())
    if instructions is not None and moved is not None:
        _note_other_build(starting, instructions)
        _note_count(starting, instructions)


def _named(of: Starting, index: int) -> str:
    return f"argument {index - of._kernel._shift} ({of._kernel._arguments[index].name})"


def _note_unsynced(starting: Starting, moved: tuple[Moved, ...]) -> None:
    """Bytes that the device will read, and does not have."""
    read = {one.argument: _extent(one) for one in moved if one.direction == "MM2S"}
    for index, value in starting._values.items():
        is_stream = index == _INSTR and not starting._kernel._streams
        begin, end = (0, None) if is_stream else read.get(index, (0, 0))
        if isinstance(value, bo) and index in starting._own and value._is_unsynced(begin, end):
            journal.note(
                "written-not-synced",
                f"{_named(starting, index)} was written and not synced before the run",
                "the device sees what was synced, not what was written",
                "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE) after the last write",
            )


def _extent(moved: Moved) -> tuple[int, int | None]:
    """Where it lies in its argument; the whole of it, where only a parameter says."""
    return (0, None) if moved.is_shifted else (moved.begin, moved.end)


def _note_scratchpad(starting: Starting) -> None:
    """Parameters that the firmware will not have."""
    scratchpad = starting._scratchpad
    if scratchpad is not None and scratchpad._is_unsynced(0, None):
        journal.note(
            "written-not-synced",
            "the control scratchpad was written and not synced before the run",
            "the firmware takes what was synced, not what was written",
            "scratchpad.sync(XCL_BO_SYNC_BO_TO_DEVICE) after the last write; ParameterScratchpad has sync() for it",
        )


def _note_left_over(starting: Starting, moved: tuple[Moved, ...]) -> None:
    """An argument that this run has not set keeps what an earlier run left in its register."""
    used = {one.argument for one in moved} | (set() if starting._kernel._streams else {0, _INSTR})
    for index in sorted((starting._values.keys() - starting._own) & used):
        journal.note(
            "argument-left-over",
            f"{_named(starting, index)} was not set, and its register still holds what an earlier run left there",
            "XRT takes the command of an ended run for the next, and clears none of its registers",
            f"{CALL}; set every argument of every run",
        )


def _note_other_build(starting: Starting, instructions: bytes) -> None:
    """Instructions of another build run as far as they go: wrong sizes, wrong channels, a hang."""
    context = starting._kernel._context
    found = hashlib.sha256(instructions).hexdigest()
    if context._insts_sha256 not in (None, found):
        journal.note(
            "other-build",
            "the instructions are not those that were built with the xclbin",
            f"they have SHA-256 {found[:12]}..., and {context._file._name} goes with {context._insts_sha256[:12]}...",
            "take both files from one build; `tileproof build KERNEL` makes a pair",
        )


def _note_count(starting: Starting, instructions: bytes) -> None:
    count, words = starting._values.get(_COUNT), len(instructions) // 4
    if count not in (words, len(instructions)):
        journal.note(
            "other-count",
            f"{_named(starting, _COUNT)} is {'not set' if count is None else count}, and there are {words} words of "
            "instructions",
            "the emulator reads their number from the stream; what the firmware makes of another one is not known",
            f"pass {words}, the words, as mlir-aie's hosts do, or {len(instructions)}, the bytes",
        )
