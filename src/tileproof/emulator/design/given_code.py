"""The tile code that a design is run with: compiled, and what is wrong with it or may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tileproof.check.checked import Checked
from tileproof.check.code import long_has_32_bits, may_be_unset, parameter_count, parameter_type, result_type
from tileproof.check.stack import frames_beyond_stack
from tileproof.check.tile_code import TileCode
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.diagnostic import Diagnostic
from tileproof.emulator.design.described import described_library
from tileproof.emulator.library import Library
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.noted import Noted, note
from tileproof.toolchain.tile_library import compile_tile_code


@dataclass(frozen=True)
class GivenCode:
    """`library` is None where a design calls nothing. `faults` are functions that take other parameters than the design
    declares: they run all the same, on other values."""

    library: Library | None = None
    faults: tuple[Diagnostic, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


def given_code(files: Sequence[Path], lowered: LoweredDesign, options: CodeOptions = NO_OPTIONS) -> GivenCode:
    """Compile C++ files for the design; a `Problem` for what cannot be."""
    if not files:
        return GivenCode()
    for path in files:
        if not path.is_file():
            raise Problem(
                f"there is no tile code {path}", id="unreadable-file", where=f"--tile-code {path}", fix="check the path"
            )
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files}
    arch = lowered.device.aie_arch
    with ThreadPoolExecutor(1) as beside:  # each of the two waits for a compiler
        asked = beside.submit(note, texts, arch, folders={path.name: path.parent for path in files}, options=options)
        compiled = compile_tile_code(files, arch, find_cxx(), options)
        noted = asked.result()
    library = described_library(compiled, texts, left=noted.left)
    return _judged(library, texts, lowered, noted)


def _judged(library: Library, texts: Mapping[str, str], lowered: LoweredDesign, noted: Noted) -> GivenCode:
    code = tuple(TileCode(name, text, left=noted.left.get(name)) for name, text in texts.items())
    checked = Checked(design=lowered.design, lowered=lowered, code=code, noted=noted)
    faults = [found for check in (parameter_count, parameter_type, result_type) for found in check(checked)]
    warned = [found for check in (may_be_unset, long_has_32_bits, frames_beyond_stack) for found in check(checked)]
    return GivenCode(library, tuple(replace(one, id="signature") for one in faults), tuple(dict.fromkeys(warned)))
