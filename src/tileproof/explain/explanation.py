"""One thing that was said, and what it means."""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.errors import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`said` is the number or message as it stood there, `line` of a log, counted from 1, 0 for none."""

    said: str
    what: str
    why: str = ""
    fix: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"line {self.line}: {self.said}" if self.line else self.said
        return told(self.what, where, self.why, self.fix)
