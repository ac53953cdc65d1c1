"""Peano, the compiler of tile code for an NPU: its flags, and the assembly that it makes where it is installed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tileproof.code_options import CodeOptions
from tileproof.sandbox.programs import run_program
from tileproof.toolchain.mlir_aie import probe, root_of
from tileproof.toolchain.tool import Tool, first_line

# mlir-aie's own for its kernels (programming_examples/makefile-common of v1.1.x, its JIT of 2026-08).
_WARNINGS = (
    "parentheses",
    "attributes",
    "macro-redefined",
    "empty-body",
    "missing-template-arg-list-after-template-kw",
)
PEANO_FLAGS = (
    *("-O2", "-std=c++20", "-DNDEBUG", "-D__AIE_API_AIE_ADF_HPP__"),
    *(f"-Wno-{warning}" for warning in _WARNINGS),
)
_TIMEOUT_S = 120.0
_SAID = "not run ("


def peano_listings(
    texts: Mapping[str, str], arch: str, options: CodeOptions, environ: Mapping[str, str] = os.environ
) -> dict[str, str] | str:
    """By the name of each file of C++ in `texts`, headers among them; why there is none, where Peano is not here or
    does not compile one. `arch` is aie2 or aie2p."""
    found = probe(environ)
    peano, aiecc = found["peano"], found["aiecc"]
    if not isinstance(peano, Tool):
        return f"{_SAID}Peano is not here)"
    include = ("-I", str(root_of(aiecc) / "include")) if isinstance(aiecc, Tool) else ()
    flags = (*PEANO_FLAGS, f"--target={arch}-none-unknown-elf", "-gline-tables-only", *include, *options.flags)
    with tempfile.TemporaryDirectory(prefix="tileproof-listing-") as name:
        folder = Path(name)
        for file, text in texts.items():
            (folder / file).write_text(text)
        listings = {}
        for file in texts:
            if file.endswith((".cc", ".cpp")):
                answer = _listing((*peano.command, *flags, "-S", file, "-o", f"{file}.s"), folder / f"{file}.s")
                if answer.startswith(_SAID):
                    return answer
                listings[file] = answer
    return listings


def _listing(command: Sequence[str], made: Path) -> str:
    try:
        done = run_program(command, cwd=made.parent, writes=(made.parent,), timeout_s=_TIMEOUT_S, is_one_text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{_SAID}Peano: {error})"
    if done.returncode or not made.is_file():
        return f"{_SAID}Peano does not compile {made.stem}: {first_line(done.stdout)})"
    return made.read_text(encoding="utf-8", errors="replace")
