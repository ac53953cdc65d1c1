"""What a host program did wrong, written down at the call, also where XRT itself says nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from tileproof.diagnostic import NOWHERE, Diagnostic, Place
from tileproof.errors import Problem
from tileproof.library import package_dir

_PACKAGE = str(package_dir())

# An error makes the run do something else, a warning hides that, a note would have hidden it.
_WEIGHTS = ("error", "warning", "note")


class Open(Protocol):
    """Something whose end has yet to show whether it is a mistake."""

    def told(self) -> None: ...


class Foreign(Protocol):
    """A program that is not Python's, whose calls have no frames here."""

    def place(self) -> Place:
        """The line of it that is calling."""

    def drops_result(self) -> bool:
        """Whether that line throws away what the call returns."""

    def spelled(self, mistake: Diagnostic) -> Diagnostic:
        """The mistake in the words of its language."""


@dataclass
class Journal:
    """The mistakes of one process, each line's once. `strict` raises them where they are made; `foreign` is whose they
    are, where it is no Python."""

    strict: bool = False
    foreign: Foreign | None = None
    mistakes: list[Diagnostic] = field(default_factory=list)
    open: set[Open] = field(default_factory=set)

    def note(self, id_: str, what: str, why: str, fix: str) -> None:
        """Write down a mistake of the line of the program that is running."""
        self.write(Diagnostic(id=id_, what=what, place=caller(), why=why, fix=fix))

    def write(self, mistake: Diagnostic, *, may_raise: bool = True) -> None:
        mistake = self.foreign.spelled(mistake) if self.foreign is not None else mistake
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        if self.strict and may_raise:
            raise Problem.of(mistake)

    def close(self) -> list[Diagnostic]:
        """All of them, at the end of the program. The ones that decide come first; of the same weight, the first that
        was made."""
        for one in list(self.open):
            one.told()
        return by_weight(self.mistakes)


def by_weight(mistakes: Iterable[Diagnostic]) -> list[Diagnostic]:
    return sorted(mistakes, key=lambda mistake: _WEIGHTS.index(mistake.severity))


def caller() -> Place:
    """The nearest line that is not tileproof's."""
    if journal.foreign is not None:
        return journal.foreign.place()
    frame = sys._getframe(1)
    while is_ours(frame):
        if frame.f_back is None:
            return NOWHERE
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


def is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_PACKAGE)


journal = Journal()
