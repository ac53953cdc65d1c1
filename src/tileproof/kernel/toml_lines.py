"""On which line of a TOML file a key stands: tomllib tells what it says, and not where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableLines:
    """The lines of one table of a file, counted from 1: its head at `first` (0 for the top table), and all that may
    belong to it before `end`. `path` is its name with dots, as heads have it; `heads` has the name in each line that is
    one, and nothing for the others."""

    lines: tuple[str, ...]
    heads: tuple[str, ...]
    path: str
    first: int
    end: int

    @classmethod
    def of_text(cls, text: str) -> TableLines:
        lines = tuple(text.splitlines())
        return cls(lines, tuple(map(_head, lines)), "", 0, len(lines) + 1)

    def line_of(self, key: str) -> int:
        """Where the key, or the first table of its name, begins; where this table does if it is on no line of its
        own. 0 is the file as a whole."""
        written = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[.=]""")
        for number in range(self.first + 1, self.end):
            if self.heads[number - 1]:
                break
            if written.match(self.lines[number - 1]):
                return number
        return next(self._heads(key), self.first)

    def table(self, key: str) -> TableLines:
        return TableLines(self.lines, self.heads, self._below(key), *self._extent(key, self.line_of(key)))

    def tables(self, key: str, count: int) -> tuple[TableLines, ...]:
        """The `count` tables of a list, each with a head of its own or all on the lines of the key."""
        heads = [*self._heads(key)]
        if not heads or len(heads) != count:
            return (self.table(key),) * count
        ends = [*heads[1:], self.end]
        return tuple(
            TableLines(self.lines, self.heads, self._below(key), first, end)
            for first, end in zip(heads, ends, strict=True)
        )

    def _extent(self, key: str, first: int) -> tuple[int, int]:
        """A table on the line of its key ends there; one that only its own tables name begins with the first."""
        below = f"{self._below(key)}."
        if first == self.first:
            first = next((n for n in self._numbers() if self.heads[n - 1].startswith(below)), first)
        return (first, self.end) if first and self.heads[first - 1] else (first, first + 1)

    def _heads(self, key: str) -> Iterator[int]:
        wanted = self._below(key)
        return (number for number in self._numbers() if self.heads[number - 1] == wanted)

    def _numbers(self) -> range:
        return range(max(1, self.first), self.end)

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def _head(line: str) -> str:
    """The name in `[name]` or `[[name]]`; empty for another line."""
    found = re.match(r"\s*\[\[?([^\[\]=]+)\]", line)
    return re.sub(r"""[\s"']""", "", found[1]) if found else ""
