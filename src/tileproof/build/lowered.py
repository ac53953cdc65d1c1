"""The lowering step of a build for the emulator: design text to instruction words, and what a package must know."""

from __future__ import annotations

from tileproof.build.package import Interface
from tileproof.kernel.banks import Banks
from tileproof.lowering.kept import check_kept
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.lowering.stored import store
from tileproof.mlir.reader import read_design


def lower_for_host(text: str, name: str, banks: Banks) -> tuple[bytes, Interface, bytes]:
    """The bytes of insts.bin, the interface of the design in `text`, and the lowered design.

    Raises `Problem`, also where a directive of `banks` is not in the design, or was not kept.
    """
    design = read_design(text, name)
    lowered = lower_design(design)
    check_kept(banks, lowered)
    sequence = main_sequence(lowered)
    device = lowered.device
    interface = Interface(
        generation=device.generation,
        columns=device.columns,
        buffers=len(sequence.arguments),
    )
    return sequence_words(lowered, sequence), interface, store(lowered, text)
