"""What the parent and the emulator's child say to each other, pickled over a socket pair."""

from __future__ import annotations

from dataclasses import dataclass, field

from tileproof.emulator.array.faults import RunReport
from tileproof.emulator.library import Library, Manner
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign

# The child writes what it is about to call here, so that the parent can name it when the child is gone.
BREADCRUMB_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Setup:
    """Build the array; answered by Ready or Failed. `library` is the compiled tile code."""

    design: LoweredDesign
    library: Library | None
    manner: Manner = field(default_factory=Manner)


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
    """A problem a person can mend, or the traceback of a bug of ours."""

    problem: Problem | None
    traceback: str = ""
