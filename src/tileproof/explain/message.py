"""What a message is: a pattern, the id that it is known by, and what is to be said of what it matched."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tileproof.diagnostic import Diagnostic

Explained = tuple[str, str, str]  # what, why, fix
Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Hit:
    """What was said in a line, from character `start` up to `end`, and what it means."""

    start: int
    end: int
    said: str
    meaning: Diagnostic


@dataclass(frozen=True, slots=True)
class Message:
    """A pattern, the id of the catalogue that it is known by, and what is to be said of what it matched."""

    id: str
    pattern: re.Pattern[str]
    explained: Callable[[Match], Explained]

    def find(self, text: str) -> Hit | None:
        match = self.pattern.search(text)
        if match is None:
            return None
        what, why, fix = self.explained(match)
        said = match.group().strip()
        return Hit(match.start(), match.start() + len(said), said, Diagnostic(id=self.id, what=what, why=why, fix=fix))


def message(id_: str, pattern: str, explained: Callable[[Match], Explained]) -> Message:
    return Message(id_, re.compile(pattern), explained)


def fixed(what: str, why: str, fix: str) -> Callable[[Match], Explained]:
    return lambda _: (what, why, fix)


def says(id_: str, pattern: str, what: str, why: str, fix: str) -> Message:
    """A message that means the same whatever stands in it."""
    return message(id_, pattern, fixed(what, why, fix))


def one_of(*causes: tuple[str, str]) -> str:
    """Where a message has several causes: all of them, each with what tells it apart, and none as the one."""
    return "one of these: " + "; ".join(
        f"({number}) {cause}, if {sign}" for number, (cause, sign) in enumerate(causes, 1)
    )


def by_code(what: str, codes: Mapping[int, tuple[str, str]], other: tuple[str, str]) -> Callable[[Match], Explained]:
    """Of a call of the driver: why and fix by the code of Linux, which the shim printed positive before 2025-05."""

    def explained(match: Match) -> Explained:
        why, fix = codes.get(abs(int(match["code"])), other)
        return what, why, fix

    return explained
