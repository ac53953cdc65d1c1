"""What mlir-aie made of a rendered design, held against what tileproof makes of it."""

from __future__ import annotations

from dataclasses import replace

from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel.banks import Banks
from tileproof.lowering.against import (
    Layout,
    differences,
    our_layout,
    their_layout,
    with_their_lock_ids,
    word_differences,
)
from tileproof.lowering.kept import check_kept
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import LOWERED_VERSIONS, Version


def lowered_as(design: str, name: str, version: Version) -> LoweredDesign:
    """The design as mlir-aie of `version` lowers it under the scheme that builds ask for. Its places are those of the
    respelled text, which a build keeps as aie.mlir."""
    # Of v1.1.x we know the spelling; what it makes of a design is closest to the oldest version whose lowering we know.
    known = version if version.lowering_is_known else LOWERED_VERSIONS[0]
    return lower_design(read_design(respelled(design, name, known), "aie.mlir"), version=known, scheme="bank-aware")


def hold(design: str, name: str, lowered: str, lowered_name: str, version: Version, banks: Banks) -> tuple[str, ...]:
    """Every difference between the two lowerings, in words. A `Problem` where a directive of `banks` was not kept."""
    ours = lowered_as(design, name, version)
    theirs = their_layout(lowered, lowered_name)
    check_kept(banks, _with_addresses(ours, theirs))
    return differences(our_layout(ours), theirs)


def _with_addresses(ours: LoweredDesign, theirs: Layout) -> LoweredDesign:
    """Our design with mlir-aie's addresses, so that it can be asked whether they are the ones that were asked for."""
    buffers = []
    for buffer in ours.buffers:
        _, address = theirs.buffers.get(buffer.name, ("", None))
        buffers.append(buffer if address is None else replace(buffer, address=address))
    return replace(ours, buffers=tuple(buffers))


def hold_words(
    design: str, name: str, lowered: str, lowered_name: str, insts: bytes, version: Version
) -> tuple[str, ...]:
    """Every difference between mlir-aie's instructions and ours, in words. `lowered` is its layout."""
    ours = with_their_lock_ids(lowered_as(design, name, version), their_layout(lowered, lowered_name))
    return word_differences(sequence_words(ours, main_sequence(ours)), insts)


def check_same_addresses(lowered: str, lowered_name: str, built: str, built_name: str) -> None:
    """Refuse a build whose addresses are not those of the lowered design that was checked."""
    checked, made = their_layout(lowered, lowered_name).buffers, their_layout(built, built_name).buffers
    other = [name for name in checked if checked[name] != made.get(name)]
    if other:
        raise Problem(
            f"aiecc gave {', '.join(sorted(other))} another address than aie-opt did",
            id="lowered-otherwise",
            where=built_name,
            why=f"{other[0]} is at {checked[other[0]][1]} in {lowered_name} and at "
            f"{made.get(other[0], ('', None))[1]} in {built_name}",
            fix="take aie-opt and aiecc of one installation; `tileproof doctor` shows which are found",
            exit_code=EXIT_KERNEL_WRONG,
        )
