"""Operations that are kept as the text they are written in, up to the end of their line."""

from __future__ import annotations

import re

from xdsl.parser import Parser

_TEXT_OR_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//.*')


def rest_of_line(parser: Parser) -> str:
    """The text up to the end of the line, which is where one of these operations ends."""
    text = parser.lexer.input.content
    start = parser._current_token.span.start
    while start and text[start - 1] in " \t":
        start -= 1
    if text[start - 1 : start] == "\n":
        return ""
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    end = _closed_outside(text, start, end)  # `{ aie.trace.start_config @t }` on one line
    parser._resume_from(end)
    return _TEXT_OR_COMMENT.sub(lambda match: match[1] or "", text[start:end]).rstrip()


def _closed_outside(text: str, start: int, end: int) -> int:
    """Where a bracket is closed that is not opened in between; `end` if there is none."""
    depth = 0
    for position in range(start, end):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth < 0:
            return position
    return end
