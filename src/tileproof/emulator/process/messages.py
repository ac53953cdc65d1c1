"""What the parent and the emulator's child say to each other, as records over a socket pair.

No pickle: tile code runs in the child, and could write there what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.critical_path import Leg
from tileproof.emulator.array.engine import Span
from tileproof.emulator.array.faults import RunReport
from tileproof.emulator.array.regions import RegionUse
from tileproof.emulator.array.timeline import Busy, Timeline
from tileproof.emulator.cost.profile import CodeUse, LineUse, LoopUse, Work
from tileproof.emulator.library import Library, Manner, StackNeed
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, EXIT_REQUEST_WRONG
from tileproof.lowering import stored
from tileproof.lowering.model import LoweredDesign
from tileproof.records import from_bytes, is_of, to_bytes

# The child writes what it is about to call here, so that the parent can name it when the child is gone.
BREADCRUMB_BYTES = 4096
# A timeline of a whole run is the longest; a child that sends more than this is not ours any more.
_MOST_BYTES = 1 << 30
_EXIT_CODES = (0, EXIT_KERNEL_WRONG, EXIT_REQUEST_WRONG, EXIT_NOT_HERE)  # 0 with a traceback


@dataclass(frozen=True, slots=True)
class Setup:
    """Build the array; answered by Ready or Failed. `library` is the compiled tile code; `goes_on` where the array is
    set up anew under way, and its memories keep what they held."""

    design: LoweredDesign
    library: Library | None
    manner: Manner = field(default_factory=Manner)
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Execute instructions on buffers, by sequence argument; answered by Finished or Failed."""

    instructions: bytes = field(repr=False)
    buffers: dict[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Start:
    """A Run as it crosses over: the buffers lie in shared memory of `nbytes`, each at (offset, size)."""

    instructions: bytes = field(repr=False)
    places: dict[int, tuple[int, int]]
    nbytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run as it crosses over: the buffers are where they were."""

    report: RunReport


@dataclass(frozen=True, slots=True)
class Ready:
    """The array is set up."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run's report and the buffers as it left them."""

    report: RunReport
    buffers: dict[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """What a person can mend, or the traceback of a bug of ours."""

    said: Diagnostic | None
    exit_code: int = 0
    traceback: str = ""


_ASKED = (Setup, Start, Library, StackNeed, Manner, *stored.CLASSES)
_ANSWERS = (
    Ended,
    Ready,
    Failed,
    RunReport,
    Timeline,
    Busy,
    Leg,
    CodeUse,
    Work,
    LineUse,
    LoopUse,
    RegionUse,
    Span,
    Diagnostic,
    Place,
)


def ask(connection: Connection, message: Setup | Start) -> None:
    connection.send_bytes(to_bytes(message, _ASKED))


def asked(connection: Connection) -> Setup | Start:
    """The next message of the parent. Raises EOFError where it is gone."""
    message: Setup | Start = from_bytes(connection.recv_bytes(), _ASKED)
    return message


def answer(connection: Connection, message: Ended | Ready | Failed) -> None:
    connection.send_bytes(to_bytes(message, _ANSWERS))


def answered(connection: Connection) -> Ended | Ready | Failed:
    """The child's answer. Raises OSError where there is none, and ValueError for one that is not ours."""
    found = from_bytes(connection.recv_bytes(_MOST_BYTES), _ANSWERS)
    if not any(is_of(found, kind) for kind in (Ended, Ready, Failed)):
        raise ValueError(f"a {type(found).__name__} like this is no answer")
    answer: Ended | Ready | Failed = found
    if not all(map(_is_known, _said(answer))) or (isinstance(answer, Failed) and answer.exit_code not in _EXIT_CODES):
        raise ValueError("it says what tileproof never says")
    return answer


def _said(answer: Ended | Ready | Failed) -> tuple[Diagnostic, ...]:
    if isinstance(answer, Ended):
        return answer.report.faults
    return (answer.said,) if isinstance(answer, Failed) and answer.said is not None else ()


def _is_known(said: Diagnostic) -> bool:
    try:
        return bool(said.severity)
    except KeyError:
        return False
