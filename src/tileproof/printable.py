"""Text from outside, such as a terminal may have it."""

from __future__ import annotations

import re

# Control characters but for a line's end and a tab, halves of surrogates (file names that are no UTF-8), and what turns
# the direction of a line or is not seen at all.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def printable(text: str) -> str:
    """The text with a mark for each character that a terminal would obey, hide or refuse."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
