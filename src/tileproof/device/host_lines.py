"""The line of a C++ host that an address of its machine code came from."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tileproof import library
from tileproof.diagnostic import NOWHERE, Place

# Libraries are how, not where; and so are our own headers.
_SYSTEM = ("/usr/", "/lib", "/opt/")


@dataclass
class HostLines:
    """`sources` as they were named; `begin` and `end` are where the library lies in its process.

    addr2line comes with every GCC; without it a finding has no line, and all else stays true.
    """

    library: Path
    sources: Sequence[Path]
    begin: int
    end: int
    _known: dict[tuple[int, ...], Place] = field(default_factory=dict)

    def place(self, frames: Iterable[int]) -> Place:
        """The nearest line of the program, of the return addresses of one stack."""
        # A return address is that of the next instruction, which may be of the next line.
        inside = tuple(pc - self.begin - 1 for pc in frames if self.begin < pc < self.end)
        if inside not in self._known:
            self._known[inside] = self._looked_up(inside)
        return self._known[inside]

    def _looked_up(self, offsets: tuple[int, ...]) -> Place:
        if not offsets:
            return NOWHERE
        command = ["addr2line", "-i", "-e", str(self.library), *map(hex, offsets)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return NOWHERE
        named = {str(path.resolve()): str(path) for path in self.sources}
        ours = str(library.host_include_dir().parent)
        for line in done.stdout.splitlines():
            path, _, number = line.partition(" ")[0].rpartition(":")
            path = str(Path(path).resolve())
            is_theirs = path in named or not path.startswith((*_SYSTEM, ours))
            if number.isdecimal() and int(number) and is_theirs:
                return Place(named.get(path, path), int(number))
        return NOWHERE


def extent_of(path: Path, maps: str) -> tuple[int, int]:
    """Where a library lies, of a process's /proc/self/maps."""
    rows = [line.split() for line in maps.splitlines() if line.endswith(str(path))]
    ends = [[int(bound, 16) for bound in row[0].split("-")] for row in rows]
    return (min(begin for begin, _ in ends), max(end for _, end in ends)) if ends else (0, 0)
