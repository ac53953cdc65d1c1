"""The lowering step of a build for the emulator: what it makes of a design, and what the checks say of it."""

from __future__ import annotations

from dataclasses import dataclass

from tileproof.build.package import Interface
from tileproof.check.checked import Checked
from tileproof.check.run import found_in
from tileproof.check.tile_code import TileCode
from tileproof.kernel.banks import Banks
from tileproof.lowering.kept import check_kept
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.lowering.stored import store
from tileproof.mlir.reader import read_design
from tileproof.toolchain.noted import Noted


@dataclass(frozen=True)
class LoweredForHost:
    """The bytes of insts.bin, what a package must know of the design, the lowered design, and what a person should
    know of it and its tile code although both can be built."""

    insts: bytes
    interface: Interface
    lowered: bytes
    warnings: tuple[str, ...]


def lower_for_host(text: str, name: str, banks: Banks, code: tuple[TileCode, ...], noted: Noted) -> LoweredForHost:
    """Lower and check the design in `text`; `noted` is what a compiler noted of its tile code.

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
    found = found_in(Checked(design=design, lowered=lowered, code=code, noted=noted))
    return LoweredForHost(
        insts=sequence_words(lowered, sequence),
        interface=interface,
        lowered=store(lowered, text),
        warnings=tuple(f"{one.place}: {one.what} ({one.id}); {one.fix}" for one in found if one.severity != "note"),
    )
