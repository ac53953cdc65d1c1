"""Tile code that belongs to no kernel folder, compiled in one go for the emulator."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tileproof import library
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.sandbox.programs import run_program
from tileproof.toolchain.choices import may_settle, settled
from tileproof.toolchain.counted import counted, macro_file
from tileproof.toolchain.cxx import RUNTIME_FLAGS, TILE_CODE_FLAGS, CxxCompiler
from tileproof.toolchain.meaning import Meaning, endless, killed, of_machine

# A translation unit full of templates takes seconds; one that takes this long never ends.
_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class CompiledTileCode:
    """A shared library; the assembly of each file, by its name; and the call graphs with frames that GCC wrote with
    it: clang writes none. `aie_arch` is the target's `__AIE_ARCH__`."""

    code: bytes
    listings: Mapping[str, str]
    graphs: tuple[str, ...]
    aie_arch: int


def compile_tile_code(
    files: Sequence[Path], aie_arch: int, cxx: CxxCompiler, options: CodeOptions = NO_OPTIONS
) -> CompiledTileCode:
    """The shared library of these C++ files, with the checks of every access; a `Problem` with the compiler's words."""
    with tempfile.TemporaryDirectory(prefix="tileproof-tile-code-") as name:
        folder = Path(name)
        for runtime, text in library.runtime_texts().items():
            (folder / runtime).write_text(text, encoding="utf-8")
        flags = (*TILE_CODE_FLAGS, *cxx.check_flags, f"-D__AIE_ARCH__={aie_arch}")
        flags = (*flags, "-I", str(library.include_dir()), *options.flags)
        objects = [f"{number}.o" for number in range(len(files))]
        for file, made in zip(files, objects, strict=True):
            listing, to_assemble = f"{made.removesuffix('.o')}.s", f"{made.removesuffix('.o')}.counted.s"
            _compile(cxx, flags, file, folder, listing, options.includes)
            macros, text = (folder / macro_file()).read_text(), (folder / listing).read_text(errors="surrogateescape")
            (folder / to_assemble).write_text(counted(text, macros), errors="surrogateescape")
            what = f"{file} does not compile"
            _run((*cxx.command, "-c", to_assemble, "-o", made), folder, "compile-failed", what)
        checks = ("tileproof_checks.cc", "-o", "tileproof_checks.o")
        _run(
            (*cxx.command, *RUNTIME_FLAGS, "-c", *checks),
            folder,
            "compile-failed",
            "tileproof's own checks do not compile",
        )
        # Nothing undefined: a function that nobody wrote is the linker's to tell, not the loader's. Its own functions
        # are called even where this machine's C library has one of the name.
        linking = (
            "-shared",
            "-Wl,-z,defs",
            "-Wl,-Bsymbolic",
            "-o",
            "tile.so",
            *objects,
            "tileproof_checks.o",
            *cxx.link_flags,
        )
        _run((*cxx.command, *linking), folder, "link-failed", "the tile code cannot be linked")
        listings = {
            file.name: (folder / f"{number}.s").read_text(errors="replace") for number, file in enumerate(files)
        }
        graphs = tuple(path.read_text(errors="replace") for path in sorted(folder.glob("[0-9]*.ci")))
        return CompiledTileCode((folder / "tile.so").read_bytes(), listings, graphs, aie_arch)


def _compile(
    cxx: CxxCompiler, flags: Sequence[str], file: Path, folder: Path, listing: str, includes: Sequence[Path]
) -> None:
    source, what = file.resolve(), f"{file} does not compile"
    try:
        _run(
            (*cxx.command, *flags, "-S", str(source), "-o", listing), folder, "compile-failed", what, source, *includes
        )
    except Problem as problem:
        made = folder / f"{listing.removesuffix('.s')}.ii"
        if not (may_settle(problem.diagnostic.why) and settled(cxx, flags, source, folder, made)):
            raise
        _run((*cxx.command, *flags, "-S", made.name, "-o", listing), folder, "compile-failed", what)


def _run(command: Sequence[str], folder: Path, id: str, what: str, *reads: Path) -> None:
    try:
        done = run_program(command, cwd=folder, writes=(folder,), reads=reads, timeout_s=_TIMEOUT_S, is_one_text=True)
    except subprocess.TimeoutExpired:
        raise _of_the_machine(endless("the compiler", _TIMEOUT_S), what, "") from None
    if not done.returncode:
        return
    lines = "\n".join(done.stdout.strip().splitlines()[:30])
    meaning = killed("the compiler", 128 - done.returncode) if done.returncode < 0 else of_machine(done.stdout)
    if meaning is not None:
        raise _of_the_machine(meaning, what, lines)
    raise Problem(what, id=id, why=lines, fix="correct what the compiler says", exit_code=EXIT_KERNEL_WRONG)


def _of_the_machine(meaning: Meaning, what: str, said: str) -> Problem:
    """Of a failure that says nothing of the tile code."""
    why = "\n".join(filter(None, (meaning.what, meaning.more, said)))
    return Problem(what, id=meaning.id, why=why, fix=meaning.fix, exit_code=meaning.exit_code)
