"""PDIs, CDOs and ELFs in words: what lies where on the array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.device_model import CORE, MEM, SHIM
from tileproof.insts.listing import list_instructions, listing_text
from tileproof.pdi.cdo import Cdo, is_cdo, is_packed, read_cdo
from tileproof.pdi.container import Partition, is_pdi, read_pdi
from tileproof.pdi.elf import is_elf, read_elf
from tileproof.pdi.tiles import Bd, TileState, is_on_array, tile_states

_KINDS = {CORE: "core", MEM: "mem tile", SHIM: "shim"}
_NAMES = {0x100: "end", 0x101: "mask poll", 0x104: "delay", 0x106: "mask poll", 0x111: "no operation", 0x119: "marker"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A file or a part of one: a line that says what it is, the tiles that it sets, lines about the rest, its parts."""

    title: str
    tiles: tuple[TileState, ...] = ()
    lines: tuple[str, ...] = ()
    parts: tuple[Configuration, ...] = ()


def is_configuration(data: bytes) -> bool:
    """Known by its content, whatever it is called."""
    return is_pdi(data) or is_cdo(data) or is_elf(data)


def configuration_of(data: bytes, name: str) -> Configuration:
    """What a PDI, CDO or ELF holds; raises `Problem` for what cannot be read."""
    if is_elf(data):
        return _elf(data, name)
    if is_pdi(data):
        return _pdi(data, name)
    if is_packed(data):
        return Configuration(title=f"{name}: {len(data):,} bytes, a CDO of AMD's packed form, which is not documented")
    return _cdo(read_cdo(data, name), name)


def image_of(data: bytes, name: str) -> Configuration:
    """What a partition of an xclbin loads; the emulator's own holds its design there, and no PDI."""
    if is_configuration(data):
        return configuration_of(data, name)
    return Configuration(title=f"{name}: {len(data):,} bytes, which are no PDI")


def configuration_text(found: Configuration, indent: str = "") -> str:
    lines = [found.title, *(f"  {line}" for line in found.lines), *(line for one in found.tiles for line in _tile(one))]
    text = "".join(f"{indent}{line}\n" for line in lines)
    return text + "".join("\n" + configuration_text(part, indent) for part in found.parts)


def _pdi(data: bytes, name: str) -> Configuration:
    pdi = read_pdi(data, name)
    images = ", ".join(f"{image} (id 0x{number:x})" for image, number in pdi.images) or "none"
    return Configuration(
        title=f"{name}: {len(data):,} bytes, a PDI for id code 0x{pdi.id_code:08x}; images: {images}",
        parts=tuple(_partition(one, f"partition {number}", name) for number, one in enumerate(pdi.partitions)),
    )


def _partition(partition: Partition, title: str, name: str) -> Configuration:
    if partition.type == "CDO" and not is_packed(partition.data):
        return _cdo(read_cdo(partition.data, name, partition.offset), title)
    size = f"{len(partition.data):,} bytes at 0x{partition.offset:06x}"
    if partition.missing:
        size += f", {partition.missing:,} fewer than its header says"
    packed = "; its commands are of AMD's packed form, which is not documented" if partition.type == "CDO" else ""
    return Configuration(title=f"{title}: {partition.type}, {size}{packed}")


def _cdo(cdo: Cdo, name: str) -> Configuration:
    version = f"{cdo.version >> 8}.{cdo.version & 0xFF:02}"
    away = sum(not is_on_array(write) for write in cdo.writes)
    others = ", ".join(f"{count} {_NAMES.get(number, f'0x{number:x}')}" for number, count in sorted(cdo.others.items()))
    return Configuration(
        title=f"{name}: CDO {version}, {cdo.words:,} words, {cdo.commands:,} commands, {len(cdo.writes):,} writes",
        lines=(*([f"besides: {others}"] if others else []), *([f"elsewhere: {away} writes"] if away else [])),
        tiles=tile_states(cdo.writes),
    )


def _elf(data: bytes, name: str) -> Configuration:
    elf = read_elf(data, name)
    lines = [f"{one.name:<24} {one.nbytes:>9,} B  at 0x{one.offset:06x}" for one in elf.sections]
    return Configuration(
        title=f"{name}: {len(data):,} bytes, an ELF: {elf.what}, entry 0x{elf.entry:x}",
        lines=tuple(lines),
        parts=tuple(part for one in elf.sections for part in _inside(one.name, one.data)),
    )


def _inside(name: str, data: bytes) -> Iterator[Configuration]:
    """A section that holds a PDI or a CDO, or instructions as mlir-aie writes them."""
    if is_pdi(data) or is_cdo(data):
        yield configuration_of(data, name)
    elif name.startswith(".ctrltext") and len(data) >= 16 and int.from_bytes(data[12:16], "little") == len(data):
        lines = listing_text(list_instructions(data, name), name).splitlines()
        yield Configuration(title=lines[0], lines=tuple(line.strip() for line in lines[1:] if line))


# A tile


def _tile(tile: TileState) -> Iterator[str]:
    yield ""
    yield f"{_KINDS[tile.kind]} ({tile.column}, {tile.row})"
    for what, nbytes in (("program", tile.program), ("data", tile.data)):
        if nbytes:
            yield f"  {what:<8} {nbytes:,} bytes written"
    if tile.enabled is not None:
        yield f"  {'core':<8} {'enabled' if tile.enabled else 'not enabled'}"
    if tile.locks:
        yield f"  {'locks':<8} " + ", ".join(f"{number} = {value}" for number, value in tile.locks)
    for bd in tile.bds:
        yield f"  {f'BD {bd.id}':<8} {_bd(bd, tile.kind)}"
    for channel, number in tile.starts:
        yield f"  {'start':<8} {channel} with BD {number}"
    if tile.ports:
        yield f"  {'switch':<8} {tile.ports} master port{'' if tile.ports == 1 else 's'} on"
    if tile.others:
        yield f"  {'other':<8} {tile.others} register{'' if tile.others == 1 else 's'}"


def _bd(bd: Bd, kind: str) -> str:
    where = f"0x{bd.address:x}" if bd.address >= 0 else f"0x{-bd.address:x} below, in the western neighbour"
    parts = [f"{bd.nbytes:,} B at {where}" + (" of the host" if kind == SHIM else "")]
    if bd.dimensions:
        parts.append("words " + ", ".join(f"{wrap or 'rest'} by {step}" for wrap, step in bd.dimensions))
    for what, lock in (("acquires", bd.acquire), ("releases", bd.release)):
        if lock is not None:
            parts.append(f"{what} lock {lock[0]} by {lock[1]}")
    if bd.packet is not None:
        parts.append(f"packet id {bd.packet[0]}, type {bd.packet[1]}")
    if bd.next is not None:
        parts.append(f"then BD {bd.next}")
    return ", ".join(parts)
