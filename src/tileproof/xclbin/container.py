"""The container: a header, a table of sections, and their bytes.

A section's content is not looked at here (`sections` does that), so a section
of an unknown kind survives byte for byte.
What stands behind the last section is kept as `trailer`: xclbinutil's JSON, which is `mirror`'s subject. XRT reads the
binary sections only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tileproof.errors import Problem
from tileproof.xclbin import layout
from tileproof.xclbin.names import KIND_OF, section_name
from tileproof.xclbin.window import DAMAGED, Window, field_of, text_of

# The name a section header has room for.
SECTION_NAME_BYTES = 16
PLATFORM_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`offset` is where it lay in the file it was read from: for messages, no part of what it is."""

    kind: int
    name: str = ""
    data: bytes
    offset: int = field(default=0, compare=False)

    @property
    def kind_name(self) -> str:
        return section_name(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Xclbin:
    """The header's fields under the vendor's names, and the sections in the order of their table."""

    uuid: bytes
    sections: tuple[Section, ...]
    mode: int = 0
    version: tuple[int, int, int] = (0, 0, 0)
    unique_id: int = 0
    timestamp: int = 0
    feature_rom_timestamp: int = 0
    action_mask: int = 0
    interface_uuid: bytes = bytes(16)
    platform_vbnv: str = ""
    debug_bin: bytes = bytes(16)
    signature_length: int = layout.NO_SIGNATURE
    reserved: bytes = b"\xff" * 28
    key_block: bytes = b"\xff" * 256
    trailer: bytes = field(default=b"", repr=False)

    def section(self, kind: int | str) -> Section | None:
        """The first section of a kind, by number or by name."""
        number = KIND_OF[kind] if isinstance(kind, str) else kind
        return next((section for section in self.sections if section.kind == number), None)


def read_xclbin(data: bytes, name: str) -> Xclbin:
    """`name` is the file's, for messages. What does not fit the bytes that are there is a Problem."""
    file = Window(data=data, name=name, subject="the xclbin")
    if data[:8] != layout.MAGIC:
        raise Problem(
            f"{name} is not an xclbin",
            id="not-an-xclbin",
            where=file.where(0),
            why=_appearance(data),
            fix="name the .xclbin that the build wrote; `tileproof build` says where it is",
        )
    fields = file.unpack(layout.AXLF, 0, "the header")
    _, signature_length, reserved, key_block, unique_id, length, timestamp, feature_rom = fields[:8]
    patch, major, minor, mode, action_mask, interface_uuid, vbnv, uuid, debug_bin, count = fields[8:]
    _refuse_short(file, length)
    sections = _read_sections(file, count)
    end = max((section.offset + len(section.data) for section in sections if section.data), default=0)
    return Xclbin(
        uuid=uuid,
        sections=sections,
        mode=mode,
        version=(major, minor, patch),
        unique_id=unique_id,
        timestamp=timestamp,
        feature_rom_timestamp=feature_rom,
        action_mask=action_mask,
        interface_uuid=interface_uuid,
        platform_vbnv=text_of(vbnv),
        debug_bin=debug_bin,
        signature_length=signature_length,
        reserved=reserved,
        key_block=key_block,
        trailer=data[max(end, _table_end(count)) :],
    )


def write_xclbin(xclbin: Xclbin) -> bytes:
    """The container's bytes: sections on 8-byte boundaries in the order given, nothing from the clock."""
    table, body = [], bytearray()
    start = _table_end(len(xclbin.sections))
    for section, offset in zip(xclbin.sections, section_offsets(xclbin.sections), strict=True):
        name = field_of(section.name, SECTION_NAME_BYTES, "the section name")
        table.append(layout.SECTION_HEADER.pack(section.kind, name, offset, len(section.data)))
        body += bytes(offset - start - len(body)) + section.data
    body += xclbin.trailer
    return _header(xclbin, start + len(body)) + b"".join(table) + bytes(body)


def section_offsets(sections: Sequence[Section]) -> tuple[int, ...]:
    """Where `write_xclbin` puts each of them, in bytes from the file's beginning.

    One without bytes needs no boundary: the padding in front of it would be read as what stands behind the sections.
    """
    offsets, end = [], _table_end(len(sections))
    for section in sections:
        offsets.append(end + -end % layout.ALIGNMENT if section.data else end)
        end = offsets[-1] + len(section.data)
    return tuple(offsets)


def _header(xclbin: Xclbin, length: int) -> bytes:
    sizes = (len(xclbin.uuid), len(xclbin.interface_uuid), len(xclbin.debug_bin))
    if sizes != (16, 16, 16):
        raise ValueError(f"uuid, interface uuid and debug bin have 16 bytes each, not {sizes}")
    major, minor, patch = xclbin.version
    return layout.AXLF.pack(
        layout.MAGIC,
        xclbin.signature_length,
        xclbin.reserved,
        xclbin.key_block,
        xclbin.unique_id,
        length,
        xclbin.timestamp,
        xclbin.feature_rom_timestamp,
        patch,
        major,
        minor,
        xclbin.mode,
        xclbin.action_mask,
        xclbin.interface_uuid,
        field_of(xclbin.platform_vbnv, PLATFORM_BYTES, "the platform name"),
        xclbin.uuid,
        xclbin.debug_bin,
        len(xclbin.sections),
    )


def _table_end(count: int) -> int:
    return layout.AXLF.size + count * layout.SECTION_HEADER.size


def _refuse_short(file: Window, length: int) -> None:
    if length > len(file.data):
        raise Problem(
            f"{file.name} is cut short",
            id="damaged-file",
            where=file.where(len(file.data)),
            why=f"its header declares {length:,} bytes, and the file has {len(file.data):,}",
            fix=DAMAGED,
        )


def _read_sections(file: Window, count: int) -> tuple[Section, ...]:
    """Bounds and overlaps are settled before a byte is copied: a hostile table must not multiply the file."""
    rows = file.rows(layout.SECTION_HEADER, layout.AXLF.size, count, "section headers")
    for index, (kind, _, offset, size) in enumerate(rows):
        what = f"section {section_name(kind)} (number {index})"
        file.require(offset, size, what)
        if size and offset < _table_end(count):
            at = layout.AXLF.size + index * layout.SECTION_HEADER.size
            why = f"{what} begins at byte {offset:,}, inside the header of {_table_end(count):,} bytes"
            raise file.refusal(at, why)
    _refuse_overlap(file, [(offset, size, kind) for kind, _, offset, size in rows if size])
    return tuple(
        Section(kind=kind, name=text_of(name), data=file.data[offset : offset + size], offset=offset)
        for kind, name, offset, size in rows
    )


def _refuse_overlap(file: Window, places: list[tuple[int, int, int]]) -> None:
    for (offset, size, kind), (next_offset, _, next_kind) in pairwise(sorted(places)):
        if next_offset < offset + size:
            why = (
                f"section {section_name(kind)} ends at byte {offset + size:,}, "
                f"and section {section_name(next_kind)} begins before that, at byte {next_offset:,}"
            )
            raise file.refusal(next_offset, why)


def _appearance(data: bytes) -> str:
    """What a file that is no xclbin seems to be instead."""
    if not data:
        return "the file is empty: a build or a download that stopped before its first byte"
    for start, looks in _LOOKS.items():
        if data[: len(start)].lower() == start:
            return f"it looks like {looks}"
    if data[:64].lstrip()[:1] in (b"<", b"{") or all(byte in _PRINTABLE for byte in data[:64]):
        return f"it is text, beginning with {data[:24].decode('latin-1')!r}"
    return f"an xclbin begins with {layout.MAGIC.hex(' ')} (xclbin2), and this file with {data[:8].hex(' ')}"


_LOOKS = {
    b"\x7felf": "an ELF object: a core's program, or the output of aiecc's full-ELF flow",
    b"pk\x03\x04": "a zip archive: unpack it, the xclbin may be inside",
    b"\x1f\x8b": "a gzip archive: unpack it, the xclbin may be inside",
    b"xclbin0\0": "an xclbin of the first generation (xclbin0), which no NPU driver reads",
    b"xclbin1\0": "an xclbin of an old generation (xclbin1), which no NPU driver reads",
    b"<!doctype html": "a web page (HTML): a download that answered with an error",
    b"<html": "a web page (HTML): a download that answered with an error",
    b"version https://git-lfs": "a Git LFS pointer: `git lfs pull` fetches the file itself",
    b"\x00\x01\x03\x06": "an NPU instruction stream (insts.bin of npu1), the xclbin's companion",
    b"\x00\x01\x04\x06": "an NPU instruction stream (insts.bin of npu2), the xclbin's companion",
}
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}
