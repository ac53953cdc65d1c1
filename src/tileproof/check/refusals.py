"""What the reader or the lowering refuses or reads over, as a finding of the check that it belongs to."""

from __future__ import annotations

from dataclasses import replace

from tileproof.diagnostic import Diagnostic, Place
from tileproof.diagnostic.checks import CHECKS
from tileproof.errors import Problem

_IDS = frozenset(check.id for check in CHECKS)


def refusal(problem: Problem, otherwise: str, name: str) -> Diagnostic:
    """`problem` as a finding; of check `otherwise` if it is of none, at the top of `name` if it has no place there."""
    said = problem.diagnostic
    place = said.place if said.place.file else Place(name, 1, 1)
    return replace(said, id=said.id if said.id in _IDS else otherwise, place=replace(place, text=""))
