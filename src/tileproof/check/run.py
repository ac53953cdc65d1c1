"""All checks on one design."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tileproof.check import code, dma, fifos, in_flight, memory, pair, stack, waits
from tileproof.check.checked import BuiltFile, Checked, Checking
from tileproof.check.refusals import refusal
from tileproof.check.tile_code import TileCode
from tileproof.code_options import NO_OPTIONS, CodeOptions
from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem
from tileproof.lowering.lower import lower_design, refuse_externals
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.reconfigured import parts_of
from tileproof.lowering.sequence import sequence_words
from tileproof.mlir.reader import read_design
from tileproof.toolchain.noted import Noted, note

_NO_TEXTS: Mapping[str, str] = MappingProxyType({})
_NO_FOLDERS: Mapping[str, Path] = MappingProxyType({})

CHECKS: tuple[Checking, ...] = (
    *memory.CHECKS,
    *stack.CHECKS,
    *dma.CHECKS,
    *in_flight.CHECKS,
    *fifos.CHECKS,
    *waits.CHECKS,
    *code.CHECKS,
    *pair.CHECKS,
)


def check_design(
    text: str,
    name: str,
    tile_code: Mapping[str, str],
    *,
    headers: Mapping[str, str] = _NO_TEXTS,
    folders: Mapping[str, Path] = _NO_FOLDERS,
    options: CodeOptions = NO_OPTIONS,
    compile_code: bool = False,
    noted: Noted | None = None,
    objects: tuple[str, ...] | None = None,
    device_name: str | None = None,
    xclbin: BuiltFile | None = None,
    insts: BuiltFile | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with the design in `text`, in the order of its places; files of tile code by name.

    `headers` are what tile code includes, by that name, `folders` where a file of it lies. With `compile_code` the
    host's compiler is asked what it notes of the tile code with `options`, unless that is known as `noted`; where it
    could not be, is said. `objects` are the object files that the build makes, if they are known; `xclbin` and `insts`
    are held against the design. Raises `Problem` for an xclbin that is none.
    """
    try:
        design = read_design(text, name, device_name)
    except Problem as problem:
        return (refusal(problem, "TP001", name),)
    refusals: list[Diagnostic] = []
    lowered: LoweredDesign | None = None
    try:
        lowered = lower_design(design)
        refuse_externals(lowered)
    except Problem as problem:
        refusals.append(refusal(problem, "TP002", name))
    if noted is None:
        asked = compile_code and bool(tile_code)
        noted = note(tile_code, design.device.aie_arch, headers, folders, options) if asked else Noted()
    if noted.why_not:
        say(f"the tile code is read as text, every branch of an #if and no macro: {noted.why_not}")
    files = tuple(TileCode(file, source, headers, noted.left.get(file)) for file, source in tile_code.items())
    checked = Checked(
        design=design, lowered=lowered, code=files, noted=noted, objects=objects, xclbin=xclbin, insts=insts
    )
    # Two cores may share a function, and one finding about it is enough.
    found = dict.fromkeys(
        [*(note.said for note in design.notes), *(finding for check in CHECKS for finding in check(checked))]
    )
    # What is refused and what a check says of the same place is one thing, and the check says it better.
    said = {(finding.id, finding.place.line) for finding in found}
    found |= dict.fromkeys(one for one in refusals if (one.id, one.place.line) not in said)
    if lowered is not None and not any(finding.is_error for finding in found):
        found |= dict.fromkeys(_unwritable(lowered, name))
    return tuple(sorted(found, key=_order))


def _unwritable(lowered: LoweredDesign, name: str) -> list[Diagnostic]:
    """What only the writer of the instruction words refuses."""
    for sequence in (one for one in lowered.sequences if not one.is_open):
        try:
            for on, part in parts_of(lowered, sequence):
                sequence_words(on, part)
        except Problem as problem:
            return [refusal(problem, "TP313", name)]
    return []


def _order(finding: Diagnostic) -> tuple[str, int, int, str]:
    return finding.place.file, finding.place.line, finding.place.column, finding.id
