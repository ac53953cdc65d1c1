"""What the emulator found wrong in a run, as data that crosses the process boundary."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.timeline import Timeline

# What the device does without a word: under --as-hardware it happens here without a word too.
SILENT = frozenset(
    {
        *("misaligned", "out-of-bounds", "out-of-local", "wild-access", "stack-overflow", "shift", "index"),
        *("unset", "unwritten", "stale", "half-written", "left-over"),
        *("queue-overrun", "no-sync", "no-route", "race", "bd-in-flight", "not-held"),
    }
)


# "call 3 of f", "element 12 of b", "b_buff_1", "address 0x00440", "insts word 35": what changes from time to time.
_COUNTED = re.compile(r"(call |element |byte |_buff_|address |BD |word )(?:0x)?[0-9a-f,]+")


def sort_of(fault: Diagnostic) -> tuple[str, ...]:
    """Equal for findings that differ only in the number of a call, an object, a byte or an element."""
    return (fault.id, *(_COUNTED.sub(r"\1", text) for text in (fault.what, str(fault.place))))


def nothing_new(who: str, at: str, where: Place, *, ever: bool) -> Diagnostic:
    """A read of memory that nobody has written: never in this context, or (`ever`) not for the present object."""
    if ever:
        return Diagnostic(
            id="stale",
            what=f"{who} reads what was left from an earlier object: {at}",
            place=where,
            why="nobody has written it since this object was acquired to be filled",
            fix="write it first: an accumulation begins with zeros",
        )
    return Diagnostic(
        id="unwritten",
        what=f"{who} reads what nobody has written: {at}",
        place=where,
        why="the device has there what the last program left, or zeros",
        fix="write it before it is read, or give the buffer an initial value",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How a run ended: the ERT state XRT would report, every fault that was found, and what the cycle model says."""

    state: int
    faults: tuple[Diagnostic, ...] = ()
    calls: int = 0  # of tile functions
    graph: str = ""  # of a deadlock: who waits for whom, for Graphviz
    timeline: Timeline | None = None
    unconfirmed: tuple[int, ...] = ()  # rules that decided results, by their numbers in emulator/semantics.py
