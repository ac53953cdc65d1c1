"""What the reader or the lowering refuses or reads over, as a finding of the check that it belongs to."""

from __future__ import annotations

import re

from tileproof.check.finding import Finding, finding
from tileproof.errors import Problem
from tileproof.mlir.design import Note
from tileproof.mlir.values import Place

_PLACE = re.compile(r"(?P<file>.*?):(?P<line>\d+):(?P<column>\d+)")
_CHECK_OF_NOTE = {"attribute": "TP003", "spelling": "TP004", "trace": "TP005"}


def refusal(problem: Problem, otherwise: str, name: str) -> Finding:
    """`problem` as a finding; of check `otherwise` if it names none, at the top of `name` if it has no place."""
    place = _place(problem.where, name)
    return finding(problem.check or otherwise, problem.what, place, problem.why or "", problem.fix)


def noted(note: Note) -> Finding:
    return finding(_CHECK_OF_NOTE[note.about], note.what, note.place, note.why, note.fix)


def _place(where: str | None, name: str) -> Place:
    found = _PLACE.match(where or "")
    return Place(found["file"], int(found["line"]), int(found["column"])) if found else Place(name, 1, 1)
