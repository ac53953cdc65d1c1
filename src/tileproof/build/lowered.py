"""The lowering step of a build for the emulator: design text to instruction words, and what a package must know."""

from __future__ import annotations

from collections.abc import Sequence

from tileproof.build.package import Interface
from tileproof.check.code import objects_nobody_makes
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel.banks import Banks
from tileproof.lowering.kept import check_kept
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.lowering.stored import store
from tileproof.mlir.design import Design
from tileproof.mlir.design import Sequence as RuntimeSequence
from tileproof.mlir.reader import read_design


def lower_for_host(text: str, name: str, banks: Banks, objects: Sequence[str]) -> tuple[bytes, Interface, bytes]:
    """The bytes of insts.bin, the interface of the design in `text`, and the lowered design.

    Raises `Problem`, also where a directive of `banks` is not in the design, or was not kept, and where a core is to be
    linked with another object than `objects`.
    """
    design = read_design(text, name)
    refuse_other_objects(design, objects)
    lowered = lower_design(design)
    check_kept(banks, lowered)
    sequence = main_sequence(lowered)
    return sequence_words(lowered, sequence), interface_of(lowered, sequence), store(lowered, text)


def interface_of(lowered: LoweredDesign, sequence: RuntimeSequence) -> Interface:
    device = lowered.device
    return Interface(generation=device.generation, columns=device.columns, buffers=len(sequence.arguments))


def refuse_other_objects(design: Design, objects: Sequence[str]) -> None:
    """A `Problem` for an object that the build does not make: the emulator, which links nothing, would not miss it."""
    for found in objects_nobody_makes(design, objects):
        raise Problem.of(found, EXIT_KERNEL_WRONG)
