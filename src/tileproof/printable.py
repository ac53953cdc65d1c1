"""Text from outside, such as a terminal may have it."""

from __future__ import annotations

import re
from unicodedata import category

_NOT_PLAIN = re.compile(r"[^\t\n -~]")


def printable(text: str) -> str:
    """The text with a mark for each character that a terminal would obey, hide or refuse."""
    return _NOT_PLAIN.sub(lambda found: found[0] if _is_seen(found[0]) else "\N{REPLACEMENT CHARACTER}", text)


def _is_seen(character: str) -> bool:
    """As Unicode has it, and `repr`: neither a control character, nor half of a surrogate (file names that are no
    UTF-8), nor what turns the direction of a line or has no shape. Blanks of all widths are seen by what they part."""
    return character.isprintable() or category(character) == "Zs"
