"""Whether a lowered design does what [banks] of kernel.toml asks for."""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.device_model import TILE_KINDS
from tileproof.errors import Problem
from tileproof.kernel.banks import Banks, TilePlace
from tileproof.lowering.model import LoweredDesign, PlacedBuffer
from tileproof.mlir.design import Design


def check_kept(banks: Banks, lowered: LoweredDesign) -> None:
    """Refuse a directive that the design does not carry, and one that the allocator has passed over.

    A template of the user's own may forget the first; aiecc's default scheme does the second without a word, when
    something does not fit the banks.
    """
    for name, place in banks.tile.items():
        if place not in _places(lowered.design, name, place):
            raise Problem(
                f"the design does not ask for the place that [banks] gives {name!r}",
                id="banks-not-asked",
                where=f"{lowered.place.file}, {name} = {place}",
                why=f"neither a fifo nor a buffer called {name} asks for it",
                fix="write ${buffer.attributes} behind the depth of the fifo, or in the { } of the aie.buffer",
            )
    if banks.scheme and any(core.core.tile.scheme != banks.scheme for core in lowered.cores):
        raise Problem(
            f"the design does not ask for the scheme {banks.scheme} that [banks] names",
            id="banks-not-asked",
            where=f"{lowered.place.file}, scheme",
            why="the aie.tile of a core has no such allocation_scheme",
            fix="write ${tile_attributes} behind the aie.tile of the core",
        )
    for buffer in lowered.buffers:
        if not buffer.is_where_asked:
            raise Problem(
                f"buffer {buffer.name} of {buffer.tile} does not lie where it asks to",
                where=lowered.declared_at(buffer),
                why=why_elsewhere(buffer, lowered),
                fix=_mend(buffer),
                id="TP105",
            )


def _places(design: Design, name: str, wanted: TilePlace) -> Iterator[TilePlace]:
    """What the design asks for under that name; several equal banks are the one that stands for all."""
    for fifo in design.fifos:
        if fifo.name == name:
            alike = len(wanted.banks) == 1 and len(set(fifo.banks)) == 1
            yield TilePlace(banks=fifo.banks[:1] if alike else fifo.banks, addresses=fifo.addresses)
    for buffer in design.buffers:
        if buffer.name == name:
            yield TilePlace(
                banks=() if buffer.bank is None else (buffer.bank,),
                addresses=() if buffer.address is None else (buffer.address,),
            )


def why_elsewhere(buffer: PlacedBuffer, lowered: LoweredDesign) -> str:
    """Where a buffer lies that asks for another bank, and by whose doing."""
    if buffer.asked_address not in (None, buffer.address):
        return (
            f"it asks for address {buffer.asked_address:,} and lies at {buffer.address:,}: bank-aware of mlir-aie of "
            "March 2026 and before puts a buffer behind the address that it asks for"
        )
    last = buffer.address + buffer.nbytes - 1
    banks = f"bank {buffer.begins_in}" if buffer.begins_in == buffer.ends_in else f"banks {buffer.begins_in} and up"
    lies = f"it asks for bank {buffer.asked_bank} and lies at {buffer.address:,} to {last:,}, in {banks}: "
    if buffer.asked_address is not None:
        return lies + "that is the address it asks for as well"
    if buffer.tile.scheme == "basic-sequential":
        return lies + "the scheme basic-sequential packs by size, and knows no banks"
    alike = [b for b in lowered.buffers if (b.tile.at, b.asked_bank) == (buffer.tile.at, buffer.asked_bank)]
    asked = " + ".join(f"{one.name} {one.nbytes:,}" for one in alike) + (" asks" if len(alike) == 1 else " ask")
    return lies + (
        f"{asked} for that bank of {TILE_KINDS[buffer.tile.kind].bank_bytes:,} bytes, and aiecc's default scheme "
        "places without banks what does not fit"
    )


def _mend(buffer: PlacedBuffer) -> str:
    if buffer.asked_address is None:
        return "ask for a bank for each object, as in `bank = [2, 3]`, or for addresses"
    if buffer.address != buffer.asked_address:
        return 'ask for banks, or set `scheme = "basic-sequential"`, which keeps addresses'
    return "ask for the bank or for the address, not for both"
