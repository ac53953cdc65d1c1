"""Memory: what lies where. That it fits at all is the lowering's word (TP101, TP102)."""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.check.checked import Checked
from tileproof.check.finding import finding
from tileproof.device_model import BUFFER_ALIGNMENT, CORE, TILE_KINDS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.lowering.kept import why_elsewhere
from tileproof.lowering.model import PlacedBuffer


def bank_crossing(checked: Checked) -> Iterator[Diagnostic]:
    for buffer in _buffers(checked):
        if buffer.bank is None and buffer.begins_in != buffer.ends_in:
            yield finding(
                "TP103",
                f"buffer {buffer.name} of {buffer.tile} lies in banks {buffer.begins_in} to {buffer.ends_in}",
                _place(checked, buffer),
                f"it has {buffer.nbytes:,} bytes at {buffer.address:,}, and a bank has "
                f"{TILE_KINDS[buffer.tile.kind].bank_bytes:,}",
            )


def alignment(checked: Checked) -> Iterator[Diagnostic]:
    generation = checked.design.device.model
    wide = generation.vector_bytes
    if wide <= BUFFER_ALIGNMENT[CORE]:  # which mlir-aie gives every buffer (more upstream since PR 3662)
        return
    for buffer in _buffers(checked):
        if buffer.tile.kind == CORE and buffer.address % wide and buffer.nbytes >= wide:
            yield finding(
                "TP104",
                f"buffer {buffer.name} of {buffer.tile} begins between two multiples of {wide}",
                _place(checked, buffer),
                f"it lies at {buffer.address:,} = {wide} x {buffer.address // wide} "
                f"+ {buffer.address % wide}, and {generation.name} loads {wide} bytes from multiples of {wide}",
            )


def place_not_kept(checked: Checked) -> Iterator[Diagnostic]:
    for placed in _buffers(checked):
        if checked.lowered is not None and not placed.is_where_asked:
            yield finding(
                "TP105",
                f"buffer {placed.name} of {placed.tile} does not lie in the bank that it asks for",
                _place(checked, placed),
                why_elsewhere(placed, checked.lowered),
            )


def _buffers(checked: Checked) -> tuple[PlacedBuffer, ...]:
    return checked.lowered.buffers if checked.lowered else ()


def _place(checked: Checked, placed: PlacedBuffer) -> Place:
    assert checked.lowered is not None
    return checked.lowered.declared_at(placed)


CHECKS = (bank_crossing, alignment, place_not_kept)
