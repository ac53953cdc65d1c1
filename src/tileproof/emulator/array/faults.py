"""What the emulator found wrong in a run, as data that crosses the process boundary."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from tileproof.emulator.array.timeline import Timeline
from tileproof.errors import Problem, told

# What the device does without a word: under --as-hardware it happens here without a word too.
SILENT = frozenset(
    {
        *("misaligned", "out-of-bounds", "stack-overflow", "unwritten", "stale", "shift", "index"),
        *("queue-overrun", "no-sync", "no-route", "race", "bd-in-flight", "not-held"),
    }
)


# "call 3 of f", "element 12 of b", "b_buff_1", "address 0x00440": what changes from one time to the next.
_COUNTED = re.compile(r"(call |element |byte |_buff_|address |BD )(?:0x)?[0-9a-f,]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One finding: a kind for programs, and what, where, why and how to mend it for people."""

    kind: str
    what: str
    where: str = ""
    why: str = ""
    fix: str = ""
    graph: str = ""  # of a deadlock: who waits for whom, for Graphviz

    @property
    def sort(self) -> tuple[str, ...]:
        """Equal for findings that differ only in the number of a call, an object, a byte or an element."""
        return (self.kind, *(_COUNTED.sub(r"\1", text) for text in (self.what, self.where)))

    def __str__(self) -> str:
        return told(self.what, self.where, self.why, self.fix)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Fault:
        return cls(**json.loads(text))

    @classmethod
    def of(cls, problem: Problem) -> Fault:
        """A problem that a design or its instructions turned out to have while they ran."""
        return cls(
            kind="design",
            what=problem.what,
            where=problem.where or "",
            why=problem.why or "",
            fix=problem.fix or "",
        )


def nothing_new(who: str, at: str, where: str, *, ever: bool) -> Fault:
    """A read of memory that nobody has written: never in this context, or (`ever`) not for the present object."""
    if ever:
        return Fault(
            kind="stale",
            what=f"{who} reads what was left from an earlier object: {at}",
            where=where,
            why="nobody has written it since this object was acquired to be filled",
            fix="write it first: an accumulation begins with zeros",
        )
    return Fault(
        kind="unwritten",
        what=f"{who} reads what nobody has written: {at}",
        where=where,
        why="the device has there what the last program left, or zeros",
        fix="write it before it is read, or give the buffer an initial value",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """How a run ended: the ERT state XRT would report, every fault that was found, and what the cycle model says."""

    state: int
    faults: tuple[Fault, ...] = ()
    calls: int = 0  # of tile functions
    timeline: Timeline | None = None
