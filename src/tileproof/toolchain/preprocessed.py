"""What the preprocessor leaves of tile code: the branches that are compiled, with macros and includes in their places.

Compilers say where each line of it stands in what was written, in lines of their own: `# 12 "tile.cc" 2`. A 3 behind
the name stands for a system's header; GCC says so, too, of a word that a system's macro has put into a line of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tileproof import library
from tileproof.toolchain.cxx import TILE_CODE_FLAGS, CxxCompiler

_MARKER = re.compile(r'^#(?:line)? (?P<line>\d+) "(?P<file>(?:[^"\\\n]|\\.)*)"(?P<flags>[ \d]*)\n', re.MULTILINE)
_ESCAPE = re.compile(rb"\\(?:([0-3][0-7]{2})|(.))")
_SYSTEM = "3"


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of one file, from `line` on."""

    file: str
    line: int
    text: str


def preprocess_flags(cxx: CxxCompiler, aie_arch: int) -> tuple[str, ...]:
    """Those that tile code is compiled with: a macro of any of them may choose a branch. Warnings are said there."""
    return (*TILE_CODE_FLAGS, *cxx.check_flags, f"-D__AIE_ARCH__={aie_arch}", "-E", "-w")


def own_pieces(left: str, name: str) -> Iterator[Piece]:
    """What is neither a system's nor ours of a preprocessed file, which is called `name`; files that it includes are
    called as the compiler calls them."""
    markers = list(_MARKER.finditer(left))
    written = {marker["file"] for marker in markers if _SYSTEM not in marker["flags"].split()}
    files = {one: _unescaped(one) for one in written if not one.startswith("<")}
    itself = _unescaped(markers[0]["file"]) if markers else ""
    ends = [*(marker.start() for marker in markers[1:]), len(left)]
    for marker, end in zip(markers, ends, strict=True) if markers else ():
        file = files.get(marker["file"])
        if file is not None and end > marker.end() and not _is_ours(file):
            yield Piece(name if file == itself else file, int(marker["line"]), left[marker.end() : end])


def _unescaped(name: str) -> str:
    """A name as the file system has it, without `./` before it."""
    plain = _ESCAPE.sub(lambda found: bytes([int(found[1], 8)]) if found[1] else found[2], name.encode())
    return str(PurePosixPath(plain.decode(errors="replace")))


@lru_cache
def _is_ours(file: str) -> bool:
    return Path(file).is_relative_to(library.include_dir())
