"""One thing that a check found."""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.check.catalogue import Check, check_with_id
from tileproof.mlir.values import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong, where, the numbers of both sides, and how to mend it."""

    check: Check
    what: str
    place: Place
    why: str
    fix: str

    @property
    def is_error(self) -> bool:
        return self.check.severity == "error"


def finding(id_: str, what: str, place: Place, why: str, fix: str | None = None) -> Finding:
    """A finding of check `id_`; where the place adds nothing to it, the mend is the catalogue's."""
    check = check_with_id(id_)
    return Finding(check=check, what=what, place=place, why=why, fix=fix or check.fix)
