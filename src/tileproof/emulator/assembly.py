"""What compiled tile code does that a core cannot do, or that nobody could check: read off its assembly and text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tileproof.diagnostic import Place
from tileproof.emulator.listed_places import ListedPlaces
from tileproof.errors import EXIT_KERNEL_WRONG, Problem

# Arithmetic, comparisons and conversions with 64-bit floats, one or several; not what only moves them.
_DOUBLE = re.compile(
    r"\s+v?(?:add|sub|mul|div|sqrt|min|max|u?comi|cmp\w*|round|f[nm]\w*|cvtt?(?:s[sdi]|p[sd]|dq)2)\w*?[sp]dl?q?\s"
    r"|\s+v?cvtt?[sp]d2\w+\s"
    r"|\s+(?:f[a-z0-9]+|[su]cvtf)\s+d\d+|\s+f[a-z0-9]+\s+(?:[sw]\d+, d\d+|x\d+, d\d+|v\d+\.2d)"
)
# Functions of double that aie_api calls as well, so that their names alone say nothing.
_DOUBLE_CALL = re.compile(r"\s+(?:call|jmp|bl|b)\s+(?:exp2|tanh|sqrt|floor)(?:@PLT)?\s*$")
_INLINE = re.compile(r"\s*#\s*APP\b")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_UNCHECKED = re.compile(r"\b(?:__)?(no_sanitize\w*|no_address_safety_analysis|disable_sanitizer_instrumentation)\b")


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    place: Place


def refuse_assembly(listings: Mapping[str, str]) -> None:
    """A `Problem` for arithmetic in double, and for inline assembly, in the assembly of files of tile code, by name."""
    for line in (line for name, listing in listings.items() for line in _lines(listing, name)):
        if _INLINE.match(line.text):
            raise _not_for_a_core(
                "inline assembly",
                "inline-assembly",
                line.place,
                "it is this machine's, and a core has other instructions; nothing of it would be checked",
                "write it in C++, or with the AIE API",
            )
        if _DOUBLE.match(line.text) or _DOUBLE_CALL.match(line.text):
            raise _not_for_a_core(
                "arithmetic in double",
                "double-arithmetic",
                line.place,
                "a core has none: the device would call a library for each operation; a constant without an f makes "
                f"a double of all that it meets (here: {' '.join(line.text.split())})",
                "write float, and constants as 0.5f; divide by a power of two with a shift",
            )


def refuse_unchecked(texts: Iterable[tuple[Place, str]]) -> None:
    """A `Problem` for tile code, texts with the places where they begin, that asks the compiler not to check it."""
    for begin, text in texts:
        plain = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
        found = _UNCHECKED.search(plain)
        if found is not None:
            raise _not_for_a_core(
                found[1],
                "not-checked",
                Place(begin.file, begin.line + plain.count("\n", 0, found.start())),
                "what it marks would be compiled without the checks, so that a pass would say nothing of it",
                "leave it out",
            )


def _not_for_a_core(what: str, id: str, place: Place, why: str, fix: str) -> Problem:
    return Problem(f"the tile code has {what}", id=id, where=place, why=why, fix=fix, exit_code=EXIT_KERNEL_WRONG)


def _lines(listing: str, source: str) -> Iterator[_Line]:
    """The lines of an assembly that come from tile code, each with its place there; what comes from a header of the
    machine has that of the line before."""
    places = ListedPlaces(source)
    for text in listing.splitlines():
        if not (places.moves(text) or places.names(text) or places.is_own):
            yield _Line(text, places.place)
