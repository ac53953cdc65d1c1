"""One thing that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tileproof.diagnostic.entry import Entry, Severity
from tileproof.diagnostic.place import NOWHERE, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One thing that is wrong. `id` is an entry of the catalogue, which `tileproof explain ID` prints."""

    id: str
    what: str
    place: Place = NOWHERE
    why: str = ""
    fix: str = ""

    @property
    def _entry(self) -> Entry:
        from tileproof.diagnostic.catalogue import entry_of  # late: it is long, and most processes say nothing wrong

        return entry_of(self.id)

    @property
    def severity(self) -> Severity:
        return self._entry.severity

    @property
    def where(self) -> str:
        """The place as people are told it."""
        return str(self.place)

    @property
    def is_error(self) -> bool:
        return self.severity == "error"

    @property
    def text(self) -> str:
        """What, where, why and fix, one below the other."""
        return self.headed(self.what)

    def headed(self, head: str) -> str:
        """The same under another first line."""
        lines = [head]
        for label, text in (("where", self.where), ("why", self.why), ("fix", self.fix)):
            if text:
                lines.append(f"  {label + ':':<7}" + text.replace("\n", "\n         "))
        return "\n".join(lines)

    @property
    def paragraph(self) -> str:
        """As reports have it, with the id that `tileproof explain` takes: at its head if that is a number, which needs
        its name beside it, and at its end otherwise."""
        entry = self._entry
        if entry.name != entry.id:
            return self.headed(f"{entry.severity} {entry.id} ({entry.name}): {self.what}")
        return self.text + self.more

    @property
    def more(self) -> str:
        """The last line of what is told alone: where to read on."""
        return f"\n  more:  tileproof explain {self.id}"

    def __str__(self) -> str:
        return self.text

    def as_json(self) -> dict[str, Any]:
        """`where` is the place as people are told it, `place` what programs can take."""
        return {
            "id": self.id,
            "severity": self.severity,
            "what": self.what,
            "where": self.where,
            "place": self.place.as_json(),
            "why": self.why,
            "fix": self.fix,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The diagnostic of `as_json`; raises TypeError or KeyError for something else, such as an id that is none."""
        texts = {name: fields[name] for name in ("id", "what", "why", "fix")}
        odd = [name for name, value in texts.items() if not isinstance(value, str)]
        if odd:
            raise TypeError(f"{odd[0]} is {texts[odd[0]]!r}")
        found = cls(place=Place.from_json(fields["place"]), **texts)
        _ = found._entry
        return found
