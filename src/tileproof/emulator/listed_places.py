"""Where each line of an assembly comes from: the line of the tile code, and whether it is one of our own headers'."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from tileproof.diagnostic import Place

# GCC and clang write these alike: `.file 1 "tile.cc"` (with its folder before it or not), `.loc 1 12 5`.
_FILE = re.compile(r'\s*\.file\s+(\d+)(?:\s+"([^"]*)")?\s+"([^"]*)"')
_LOC = re.compile(r"\s*\.loc\s+(\d+)\s+(\d+)")
# What is inside our own headers is ours.
_OWN = "aie_api"


class ListedPlaces:
    """Follows the lines of an assembly of `source`. What comes from a header has the `place` of the line before it."""

    def __init__(self, source: str) -> None:
        self.place = Place(source)
        self.is_own = True
        self._source = source
        self._files: dict[str, PurePosixPath] = {}

    def moves(self, text: str) -> bool:
        """Whether it says where the lines behind it come from."""
        at = _LOC.match(text)
        if at is None:
            return False
        path = self._files.get(at[1], PurePosixPath())
        self.is_own = _OWN in path.parts
        if path.name == self._source:
            self.place = Place(self._source, int(at[2]))
        return True

    def names(self, text: str) -> bool:
        """Whether it gives a file the number by which that is called from there on."""
        named = _FILE.match(text)
        if named is None:
            return False
        self._files[named[1]] = PurePosixPath(named[2] or "", named[3])
        return True
