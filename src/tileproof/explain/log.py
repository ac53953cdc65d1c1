"""Finds what there is to explain in a word, a line, or a whole log."""

from __future__ import annotations

import re
from dataclasses import replace

from tileproof.diagnostic import Diagnostic, Place
from tileproof.explain.message import Hit
from tileproof.explain.messages import MESSAGES
from tileproof.explain.numbers import explain_bank, explain_number, explain_state
from tileproof.xrt import STATE_NAMES

_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]{1,32}|[0-9]{1,32})")  # XRT has none of more digits
# One place for the blanks where nothing stands between them: two would share a long row of them in every way there is.
_LABELLED = re.compile(
    rf"\b(?P<label>bank|group[ _]?id(?:\(\d+\))?)\s*(?:(?:[=:]|is)\s*)?(?P<number>{_NUMBER.pattern})\b",
    re.I,
)
_ERROR_CODE = re.compile(r"(?:err|error|errno)\s*(?:[=:]\s*)?(?P<code>-?\d{1,20})", re.IGNORECASE)


def explain(text: str) -> tuple[Diagnostic, ...]:
    """A number, the name of a state, an error code, or what `explain_log` finds in a text; none if nothing is known."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return tuple(explain_number(_integer(text)))
    state = text.upper().removeprefix("ERT_CMD_STATE_")
    if state in STATE_NAMES.values():
        number = next(number for number, name in STATE_NAMES.items() if name == state)
        return (explain_state(number, text),)
    code = _ERROR_CODE.fullmatch(text)
    if code is not None:
        return tuple(explain_number(-abs(int(code["code"]))))
    return explain_log(text) or _labelled(text)


def _labelled(text: str) -> tuple[Diagnostic, ...]:
    """The banks and group ids in a person's own words, `bank 131071`, each once."""
    numbers = dict.fromkeys(_integer(match["number"]) for match in _LABELLED.finditer(text))
    return tuple(explain_bank(number) for number in numbers if number >= 0)


def _integer(text: str) -> int:
    return int(text, 16 if "x" in text.lower() else 10)


def explain_log(text: str) -> tuple[Diagnostic, ...]:
    """Every message of XRT in a log, in its order, each distinct one once."""
    found: dict[str, Diagnostic] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for hit in _in_line(line):
            place = Place("", number, text=f"line {number}: {hit.said}") if len(lines) > 1 else Place.told(hit.said)
            found.setdefault(hit.said, replace(hit.meaning, place=place))
    return tuple(found.values())


def _in_line(line: str) -> list[Hit]:
    """The messages in a line, from left to right; what stands inside another is that other's."""
    hits: list[Hit] = []
    for message in MESSAGES:
        hit = message.find(line)
        if hit is not None and not any(hit.start < other.end and other.start < hit.end for other in hits):
            hits.append(hit)
    return sorted(hits, key=lambda hit: hit.start)
