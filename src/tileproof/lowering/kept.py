"""Whether a lowered design does what [banks] of kernel.toml asks for."""

from __future__ import annotations

from collections.abc import Iterator

from tileproof.banks import Banks, TilePlace
from tileproof.device_model import TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign, PlacedBuffer
from tileproof.mlir.design import Design


def check_kept(banks: Banks, lowered: LoweredDesign) -> None:
    """Refuse a directive that the design does not carry, and one that the allocator has passed over.

    A template of the user's own may forget the first; aiecc's default scheme does the second without a word, when
    something does not fit the banks.
    """
    for name, place in banks.tile.items():
        if place not in _places(lowered.design, name):
            raise Problem(
                f"the design does not ask for the place of {name!r} that kernel.toml gives it",
                where=f"{lowered.place.file}, [banks.tile] {name} = {place}",
                why=f"neither a fifo nor a buffer called {name} has the attribute",
                fix="write ${buffer.attributes} behind the depth of the fifo, or in the { } of the aie.buffer",
            )
    if banks.scheme and not any(tile.scheme == banks.scheme for tile in lowered.design.tiles):
        raise Problem(
            f"the design does not ask for the scheme {banks.scheme} that kernel.toml names",
            where=f"{lowered.place.file}, [banks] scheme",
            why="no aie.tile has the attribute allocation_scheme",
            fix="write ${tile_attributes} behind the aie.tile of the core",
        )
    for buffer in lowered.buffers:
        if not buffer.is_where_asked:
            raise _not_kept(buffer)


def _places(design: Design, name: str) -> Iterator[TilePlace]:
    for fifo in design.fifos:
        if fifo.name == name:
            yield TilePlace(banks=fifo.banks, addresses=fifo.addresses)
    for buffer in design.buffers:
        if buffer.name == name:
            yield TilePlace(
                banks=() if buffer.bank is None else (buffer.bank,),
                addresses=() if buffer.address is None else (buffer.address,),
            )


def _not_kept(buffer: PlacedBuffer) -> Problem:
    bank_bytes = TILE_KINDS[buffer.tile.kind].bank_bytes
    return Problem(
        f"buffer {buffer.name} of {buffer.tile} does not lie in the bank that it asks for",
        where=str(buffer.tile.place),
        why=f"it asks for bank {buffer.asked_bank} and lies at {buffer.address:,} to "
        f"{buffer.address + buffer.nbytes - 1:,}, in bank {buffer.begins_in}"
        + (": " if buffer.begins_in == buffer.ends_in else f" and {buffer.ends_in}: ")
        + (
            "the scheme basic-sequential packs by size, and knows no banks"
            if buffer.tile.scheme == "basic-sequential"
            else f"a bank of {bank_bytes:,} bytes had no room for what asks for it, and aiecc's default scheme then "
            "places without banks"
        ),
        fix="ask for addresses, or make room; with the scheme bank-aware the allocator says what does not fit",
        check="TP105",
    )
