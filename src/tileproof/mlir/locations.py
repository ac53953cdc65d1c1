"""Debug locations, which say where an operation came from and nothing about what it does, taken out of a text.

MLIR prints `loc(...)` behind operations and block arguments, and `#loc3 = loc(...)` anywhere in the file, also behind
its use (AsmPrinter with debug info, as aiecc writes its stages)."""

from __future__ import annotations

import re

# A text in quotes or a comment is passed over; a name may end in loc.
_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|(?<![\w.$@%#!^])loc\s*\(|^[ \t]*#[\w.$-]+[ \t]*=[ \t]*loc\s*\(', re.MULTILINE
)
_IN_PARENTHESES = re.compile(r'"(?:[^"\\\n]|\\.)*"|[()]')


def without_locations(text: str) -> str:
    """The text with blanks in the place of locations, so that every other character keeps its line and column."""
    if "loc" not in text:
        return text
    parts: list[str] = []
    at = 0
    for found in _TOKEN.finditer(text):
        if found.start() < at or not found[0].endswith("("):
            continue
        end = _closed(text, found.end())
        if end is None:
            break  # for the parser to complain of
        parts += [text[at : found.start()], re.sub(r"[^\n]", " ", text[found.start() : end])]
        at = end
    return "".join([*parts, text[at:]])


def _closed(text: str, start: int) -> int | None:
    """Behind the parenthesis that closes the one in front of `start`."""
    depth = 1
    for found in _IN_PARENTHESES.finditer(text, start):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        if depth == 0:
            return found.end()
    return None
