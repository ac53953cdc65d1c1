"""What the journal says of a Python host, said of a C++ host: the same calls, spelled as XRT's headers have them."""

from __future__ import annotations

import re
from dataclasses import replace

from tileproof.diagnostic import Diagnostic, Place
from tileproof.explain import explain_log

_SPELLINGS = (
    (re.compile(r"pyxrt\.xclBOSyncDirection\."), ""),
    (
        re.compile(r"assert run\.wait\(\) == pyxrt\.ert_cmd_state\.(\w+), or run\.wait2\(\), which raises"),
        r"if (run.wait() != \1) return 1; or run.wait2(), which throws",
    ),
    (re.compile(r"pyxrt\.ert_cmd_state\."), ""),
    (re.compile(r"pyxrt\.bo\.(\w+)"), r"xrt::bo::flags::\1"),
    (re.compile(r"pyxrt\.ext\."), "xrt::ext::"),
    (re.compile(r"pyxrt\."), "xrt::"),
    (re.compile(r"\braises nothing\b"), "throws nothing"),
)


def in_cpp(mistake: Diagnostic) -> Diagnostic:
    place = replace(mistake.place, file=_spelled(mistake.place.file))
    texts = {name: _spelled(getattr(mistake, name)) for name in ("what", "why", "fix")}
    return replace(mistake, place=place, **texts)


def _spelled(text: str) -> str:
    for pattern, words in _SPELLINGS:
        text = pattern.sub(words, text)
    return text


def told_of_uncaught(words: str, place: Place) -> tuple[str, frozenset[str]]:
    """Of an exception that nobody caught: what the C++ library says of it, where it was thrown, and what XRT's words in
    it mean; and the sentences of those."""
    told = [in_cpp(meaning) for meaning in explain_log(words.partition("  what():  ")[2])]
    thrown = f"  thrown at: {place}\n" if place else ""
    return words + thrown + "".join(f"\n{meaning}\n" for meaning in told), frozenset(one.what for one in told)
