"""The brackets of a text: how deep they go, and which of them is not closed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CLOSING = {"{": "}", "(": ")", "[": "]", "<": ">"}
# Arrows, comparisons, texts in quotes and comments have none.
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|->|[<>]=|[{}()\[\]<>]')


@dataclass(frozen=True, slots=True)
class Bracket:
    """One that is opened, and how many are open then."""

    text: str
    start: int
    depth: int


def opened(text: str) -> Iterator[Bracket]:
    """Every bracket that is opened. A brace closes all that is open inside of it."""
    open_: list[str] = []
    for token in _TOKEN.finditer(text):
        if token[0] in CLOSING:
            open_.append(token[0])
            yield Bracket(token[0], token.start(), len(open_))
        elif token[0] == "}":
            while open_ and open_.pop() != "{":
                pass
        elif open_ and token[0] == CLOSING[open_[-1]]:
            open_.pop()


def end_of_braces(text: str, start: int) -> int:
    """Behind the brace that closes the first one from `start` on; the end of the text where none does."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token[0], 0)
        if depth == 0 and token[0] == "}":
            return token.end()
    return len(text)


def unclosed(text: str) -> Bracket | None:
    """The bracket that was most likely forgotten: the first that a brace closes which stands further to the left than
    the line it was opened on, else the last that is still open at the end."""
    open_: list[Bracket] = []
    for token in _TOKEN.finditer(text):
        if token[0] in CLOSING:
            open_.append(Bracket(token[0], token.start(), len(open_) + 1))
        elif token[0] == "}" and open_:
            if open_[-1].text != "{" or _is_left_of(text, token.start(), open_[-1].start):
                return open_[-1]
            open_.pop()
        elif open_ and token[0] == CLOSING[open_[-1].text]:
            open_.pop()
    return open_[-1] if open_ else None


def _is_left_of(text: str, closing: int, opening: int) -> bool:
    """Whether the line that begins with the closing brace is indented less than that of the opening one."""
    before = text[text.rfind("\n", 0, closing) + 1 : closing]
    line = text[text.rfind("\n", 0, opening) + 1 :]
    return not before.strip() and len(before) < len(line) - len(line.lstrip(" \t"))
