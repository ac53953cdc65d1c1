"""Finds what there is to explain in a word, a line, or a whole log."""

from __future__ import annotations

import re

from tileproof.explain.explanation import Explanation
from tileproof.explain.messages import MESSAGES
from tileproof.explain.numbers import explain_bank, explain_number, explain_state
from tileproof.xrt import STATE_NAMES

_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|\d+)")
_LABELLED = re.compile(
    rf"\b(?P<label>bank|group[ _]?id(?:\(\d+\))?)\s*(?:[=:]|is)?\s*(?P<number>{_NUMBER.pattern})\b", re.I
)
_ERROR_CODE = re.compile(r"(?:err|error|errno)\s*[=:]?\s*(?P<code>-?\d+)", re.IGNORECASE)


def explain(text: str) -> tuple[Explanation, ...]:
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


def _labelled(text: str) -> tuple[Explanation, ...]:
    """The banks and group ids in a person's own words, `bank 131071`, each once."""
    numbers = dict.fromkeys(_integer(match["number"]) for match in _LABELLED.finditer(text))
    return tuple(explain_bank(number) for number in numbers if number >= 0)


def _integer(text: str) -> int:
    return int(text, 16 if "x" in text.lower() else 10)


def explain_log(text: str) -> tuple[Explanation, ...]:
    """Every message of XRT in a log, in its order, each distinct one once."""
    found: dict[str, Explanation] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        for explanation in _in_line(line, number if len(lines) > 1 else 0):
            found.setdefault(explanation.said, explanation)
    return tuple(found.values())


def _in_line(line: str, number: int) -> list[Explanation]:
    """The messages in a line, from left to right; what stands inside another is that other's."""
    places: list[tuple[int, Explanation]] = []
    for message in MESSAGES:
        hit = message.find(line, number)
        if hit is None:
            continue
        start, explanation = hit
        end = start + len(explanation.said)
        if not any(start < at + len(other.said) and at < end for at, other in places):
            places.append(hit)
    return [explanation for _, explanation in sorted(places, key=lambda place: place[0])]
