"""What the catalogue says of one id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Change:
    """In `file` of the folder of examples, `right` stands where the wrong example has `wrong`. A file that is there in
    one of the two only is whole in that."""

    file: str
    right: str
    wrong: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A command that says the id when it is typed where `changes` were made, and does not where none were."""

    command: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One id: how bad it is, one sentence, where it comes from, and what usually mends it.

    An error will not work; a warning may, and is seldom meant; a note is good to know. `name` is the id in words, for
    ids that are numbers. An entry without an example cannot be shown by files alone: it takes an NPU, a tool of others,
    or another command line.
    """

    id: str
    name: str
    severity: Severity
    sentence: str
    fix: str
    cause: str
    example: Example | None = None
