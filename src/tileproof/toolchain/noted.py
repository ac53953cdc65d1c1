"""What the host's compiler notes of tile code that it takes: the frames, and what may be read before it is set.

Compiled once more for it, without the checks: those make frames larger, and hide from the compiler what is set.
"""

from __future__ import annotations

import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tileproof import library
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.sandbox.programs import run_program
from tileproof.toolchain.cxx import PRELUDE_FLAGS, CxxCompiler, find_cxx
from tileproof.toolchain.frames import Frames, read_frames

_TIMEOUT_S = 60.0
_UNSET = re.compile(
    r"^(?P<file>[^\n:]+):(?P<line>\d+):(?P<column>\d+): warning: [^\n]*?[\u2018'](?P<name>[^\u2019'\n]+)[\u2019']"
    r"[^\n]*\[-W(?:maybe-|sometimes-|conditional-)?uninitialized\]",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """`frames` is None where the compiler counts none; `unset` are locals by name, with the place that reads them."""

    frames: Frames | None = None
    unset: tuple[tuple[str, Place], ...] = ()


def note_flags(cxx: CxxCompiler, aie_arch: int) -> tuple[str, ...]:
    """Flags with which a compiler says what we want to know.

    Frames are without a red zone, which the device has not either.
    """
    flags = ("-std=c++20", "-O2", "-fwrapv", f"-D__AIE_ARCH__={aie_arch}", "-Wuninitialized", *PRELUDE_FLAGS)
    if cxx.is_clang:
        return (*flags, "-Wsometimes-uninitialized", "-Wconditional-uninitialized")
    red_zone = ("-mno-red-zone",) if platform.machine() in ("x86_64", "AMD64") else ()
    return (*flags, "-Wmaybe-uninitialized", "-fcallgraph-info=su", *red_zone)


def note(
    tile_code: Mapping[str, str],
    aie_arch: int,
    headers: Mapping[str, str] = MappingProxyType({}),
    folders: Sequence[Path] = (),
) -> Noted:
    """Compile texts by file name, and read what the compiler notes; nothing where that cannot be done here. `headers`
    are what they include, by that name, or find in `folders`."""
    try:
        cxx = find_cxx()
    except Problem:
        return Noted()
    with tempfile.TemporaryDirectory(prefix="tileproof-notes-") as name:
        folder = Path(name)
        for file, text in {**headers, **tile_code}.items():
            (folder / PurePosixPath(file).name).write_text(text, encoding="utf-8")
        said = []
        places = [word for place in (library.include_dir(), *folders) for word in ("-I", str(place))]
        for file in tile_code:
            command = [*cxx.command, *note_flags(cxx, aie_arch), *places, "-c", file]
            try:
                done = run_program(command, cwd=folder, writes=(folder,), timeout_s=_TIMEOUT_S)
            except (OSError, subprocess.TimeoutExpired):
                return Noted()
            if done.returncode:
                return Noted()  # what is wrong with the code is the build's to say
            said.append(done.stderr)
        return read_notes(said, [path.read_text(errors="replace") for path in sorted(folder.glob("*.ci"))])


def read_notes(said: Iterable[str], graphs: Iterable[str]) -> Noted:
    """What a compiler said, and what GCC wrote of its frames: a text of each for each file."""
    graphs = list(graphs)
    return Noted(
        frames=read_frames(graphs) if graphs else None,
        unset=tuple(
            (found["name"], Place(PurePosixPath(found["file"]).name, int(found["line"]), int(found["column"])))
            for text in said
            for found in _UNSET.finditer(text)
        ),
    )
