"""An ELF, as far as its sections: aiebu's (instructions wrapped, or a full ELF with its PDIs), and a core's program.

Sources: the ELF specification; aiebu's elfwriter (machine 1, ABI 0x45 for AIE2, 0x40 for AIE2PS; .ctrltext, .ctrldata,
.pdi, .note.xrt.UID); llvm-aie, whose cores have machine 264.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tileproof.xclbin.window import Window

MAGIC = b"\x7fELF"
_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<10I")
_NO_BITS = 8
_CORE, _AIEBU = 264, 1
_ABIS = {0x45: "AIE2, of aiebu", 0x40: "AIE2PS, of aiebu"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ElfSection:
    name: str
    offset: int
    nbytes: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """`what` says in words what machine it is for."""

    what: str
    entry: int
    sections: tuple[ElfSection, ...]


def is_elf(data: bytes) -> bool:
    return data.startswith(MAGIC)


def read_elf(data: bytes, name: str) -> Elf:
    """The sections of a 32-bit little-endian ELF, as all of the NPU's are; a `Problem` for any other."""
    window = Window(data=data, name=name, subject="the ELF")
    if data[4:6] != b"\x01\x01":
        raise window.refusal(4, "it is not of 32 bits, little-endian, as those of cores and of aiebu are")
    head = window.unpack(_HEADER, 0, "the header")
    ident, machine, entry, sections_at, entry_size, count, names = (head[0], head[2], head[4], head[6], *head[11:14])
    if count and entry_size != _SECTION.size:
        raise window.refusal(46, f"its section headers have {entry_size} bytes each, not {_SECTION.size}")
    rows = window.rows(_SECTION, sections_at, count, "section headers")
    texts = window.take(rows[names][4], rows[names][5], "the names of sections") if names < len(rows) else b""
    sections = tuple(_section(window, row, texts) for row in rows[1:])
    return Elf(what=_what(machine, ident[7]), entry=entry, sections=sections)


def _section(window: Window, row: tuple[int, ...], texts: bytes) -> ElfSection:
    name_at, kind, _, _, offset, size = row[:6]
    end = texts.find(b"\0", name_at)
    data = b"" if kind == _NO_BITS else window.take(offset, size, "a section")
    return ElfSection(name=texts[name_at:end].decode("latin-1"), offset=offset, nbytes=size, data=data)


def _what(machine: int, abi: int) -> str:
    if machine == _CORE:
        return "the program of a core"
    if machine == _AIEBU:
        return f"control code for {_ABIS.get(abi, f'an NPU (ABI 0x{abi:x})')}"
    return f"a program for machine {machine}, which is no core"
