"""One thing that a check found."""

from __future__ import annotations

from tileproof.diagnostic import Diagnostic, Place
from tileproof.diagnostic.catalogue import entry_of


def finding(id_: str, what: str, place: Place, why: str, fix: str | None = None) -> Diagnostic:
    """A finding of check `id_`; where the place adds nothing to it, the mend is the catalogue's."""
    return Diagnostic(id=id_, what=what, place=place, why=why, fix=fix or entry_of(id_).fix)
