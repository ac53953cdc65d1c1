"""What a host program did wrong, written down at the call, also where XRT itself says nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from tileproof.errors import Problem, told
from tileproof.library import package_dir

_PACKAGE = str(package_dir())

# How much a mistake matters: it makes the run do something else, it hides that, or it would have hidden it.
DECIDES, HIDES, RISKS = 0, 1, 2


class Open(Protocol):
    """Something whose end has yet to show whether it is a mistake."""

    def told(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing a host did wrong. `weight` is DECIDES, HIDES or RISKS; `where` the line of its program."""

    weight: int
    what: str
    where: str
    why: str
    fix: str

    def __str__(self) -> str:
        return told(self.what, self.where, self.why, self.fix)


@dataclass
class Journal:
    """The mistakes of one process, each line's once. `strict` raises them where they are made."""

    strict: bool = False
    mistakes: list[Mistake] = field(default_factory=list)
    open: set[Open] = field(default_factory=set)

    def note(self, weight: int, what: str, why: str, fix: str) -> None:
        """Write down a mistake of the line of the program that is running."""
        self.write(Mistake(weight=weight, what=what, where=caller(), why=why, fix=fix))

    def write(self, mistake: Mistake, *, may_raise: bool = True) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        if self.strict and may_raise:
            raise Problem(mistake.what, where=mistake.where, why=mistake.why, fix=mistake.fix)

    def close(self) -> list[Mistake]:
        """All of them, at the end of the program. The ones that decide come first; of the same weight, the first that
        was made."""
        for one in list(self.open):
            one.told()
        return sorted(self.mistakes, key=lambda mistake: mistake.weight)


def caller() -> str:
    """The nearest line that is not tileproof's."""
    frame = sys._getframe(1)
    while is_ours(frame):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_PACKAGE)


journal = Journal()
