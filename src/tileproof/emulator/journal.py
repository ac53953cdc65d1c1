"""What a host program did wrong, written down at the call, also where XRT itself says nothing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from tileproof.errors import Problem, told
from tileproof.library import package_dir

_PACKAGE = str(package_dir())

# How much a mistake matters: it makes the run do something else, it hides that, or it only costs.
DECIDES, HIDES, COSTS = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing a host did wrong. `weight` is DECIDES, HIDES or COSTS; `where` the line of its program."""

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

    def note(self, weight: int, what: str, why: str, fix: str) -> None:
        mistake = Mistake(weight=weight, what=what, where=_caller(), why=why, fix=fix)
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)
        if self.strict:
            raise Problem(what, where=mistake.where, why=why, fix=fix)

    def in_order(self) -> list[Mistake]:
        """The ones that decide first; of the same weight, the first that was made first."""
        return sorted(self.mistakes, key=lambda mistake: mistake.weight)


def _caller() -> str:
    """The nearest line that is not tileproof's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


journal = Journal()
