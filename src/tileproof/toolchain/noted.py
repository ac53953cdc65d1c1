"""What the host's compiler notes of tile code: what its preprocessor leaves; of what it takes, the frames, and what may
be read before it is set.

Compiled once more for it, without the checks: those make frames larger, and hide from the compiler what is set.
"""

from __future__ import annotations

import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from tileproof import library
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.sandbox.programs import run_program
from tileproof.toolchain.choices import settled
from tileproof.toolchain.cxx import PRELUDE_FLAGS, CxxCompiler, find_cxx
from tileproof.toolchain.frames import Frames, read_frames
from tileproof.toolchain.preprocessed import preprocess_flags

_TIMEOUT_S = 60.0
_UNSET = re.compile(
    r"^(?P<file>[^\n:]+):(?P<line>\d+):(?P<column>\d+): warning: [^\n]*?[\u2018'](?P<name>[^\u2019'\n]+)[\u2019']"
    r"[^\n]*\[-W(?:maybe-|sometimes-|conditional-)?uninitialized\]",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Noted:
    """`frames` is None where the compiler counts none; `unset` are locals by name, with the place that reads them.

    `left` is what the preprocessor leaves of each file, by its name; without a file where it could not be asked, or
    refuses it, and `why_not` says why.
    """

    frames: Frames | None = None
    unset: tuple[tuple[str, Place], ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""


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
    folders: Mapping[str, Path] = MappingProxyType({}),
    options: CodeOptions = NO_OPTIONS,
) -> Noted:
    """Preprocess and compile texts by file name with `options`, and read what the compiler notes. `headers` are what
    they include, by that name; what else they include in quotes is looked for in `folders`, which name the one where a
    file lies."""
    try:
        cxx = find_cxx()
    except Problem as problem:
        return Noted(why_not=problem.diagnostic.what)
    with tempfile.TemporaryDirectory(prefix="tileproof-notes-") as name:
        folder = Path(name)
        for file, text in {**headers, **tile_code}.items():
            (folder / PurePosixPath(file).name).write_text(text, encoding="utf-8")
        asked = [_Asked(file, folder, cxx, aie_arch, folders.get(file), options) for file in tile_code]
        try:
            left = {one.file: one.preprocessed() for one in asked}
        except _NotDoneError as not_done:
            return Noted(why_not=str(not_done))
        try:
            said = [one.compiled() for one in asked]
        except _NotDoneError:  # what is wrong with the code is the build's to say
            return Noted(left=left)
        graphs = [path.read_text(errors="replace") for path in sorted(folder.glob("*.ci"))]
        return replace(read_notes(said, graphs), left=left)


class _NotDoneError(Exception):
    """A compiler refuses a file, or does not come to its end; the text says so."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A file of which the compiler is asked in `folder`. `beside` is where it lies, if it lies anywhere."""

    file: str
    folder: Path
    cxx: CxxCompiler
    aie_arch: int
    beside: Path | None
    options: CodeOptions

    def preprocessed(self) -> str:
        return self._run(preprocess_flags(self.cxx, self.aie_arch)).stdout

    def compiled(self) -> str:
        """What the compiler says of it."""
        flags = (*note_flags(self.cxx, self.aie_arch), "-c")
        try:
            return self._run(flags).stderr
        except _NotDoneError:
            made = self.folder / f"{PurePosixPath(self.file).stem}.settled.ii"
            all_flags, source = (*flags, *self._includes, *self.options.flags), Path(PurePosixPath(self.file).name)
            if not settled(self.cxx, all_flags, source, self.folder, made):
                raise
            return self._run(flags, made.name).stderr

    @property
    def _includes(self) -> tuple[str, ...]:
        return ("-I", str(library.include_dir()), *(("-iquote", str(self.beside.resolve())) if self.beside else ()))

    def _run(self, flags: Sequence[str], source: str = "") -> subprocess.CompletedProcess[str]:
        named = source or PurePosixPath(self.file).name
        command = [*self.cxx.command, *flags, *self._includes, *self.options.flags, named]
        folder, reads = self.folder, self.options.includes
        try:
            done = run_program(command, cwd=folder, writes=(folder,), reads=reads, timeout_s=_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _NotDoneError(f"{self.cxx.command[0]} does not take {self.file}: {error}") from None
        if done.returncode:
            raise _NotDoneError(f"{self.cxx.command[0]} refuses {self.file}: {_first_error(done.stderr)}")
        return done


def _first_error(said: str) -> str:
    lines = said.strip().splitlines()
    return next((line for line in lines if "error" in line), lines[0] if lines else "it says nothing")


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
