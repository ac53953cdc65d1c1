"""ELFs for the emulator: instructions by themselves, or a design with its tile code, in a section of our own.

On an NPU such a file holds machine code and control code (aiecc --get-elf, --get-full-elf); here it holds what the
emulator runs, under another section's name, so that neither takes the other's for its own.
"""

from __future__ import annotations

import io
import struct

from tileproof.errors import Problem

INSTRUCTIONS, DESIGN = ".tileproof.insts", ".tileproof.design"
# elf.h: ELF64, little endian, no operating system, a relocatable file of no machine.
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_IDENT = b"\x7fELF\x02\x01\x01" + bytes(9)
_SECTION = struct.Struct("<IIQQQQIIQQ")
_ET_REL, _EM_NONE, _PROGBITS, _STRTAB = 1, 0, 1, 3


def write_elf(name: str, data: bytes) -> bytes:
    """An ELF with one section of that name."""
    names = b"\0" + name.encode() + b"\0.shstrtab\0"
    data_at = _HEADER.size
    names_at = data_at + len(data)
    table_at = (names_at + len(names) + 7) // 8 * 8
    header = _HEADER.pack(_IDENT, _ET_REL, _EM_NONE, 1, 0, 0, table_at, 0, _HEADER.size, 0, 0, _SECTION.size, 3, 2)
    sections = (
        bytes(_SECTION.size),
        _SECTION.pack(1, _PROGBITS, 0, 0, data_at, len(data), 0, 0, 1, 0),
        _SECTION.pack(2 + len(name), _STRTAB, 0, 0, names_at, len(names), 0, 0, 1, 0),
    )
    body = (header + data + names).ljust(table_at, b"\0")
    return body + b"".join(sections)


def read_elf(data: bytes, name: str) -> dict[str, bytes]:
    """Our sections of an ELF, by name; a `Problem` for a file that is none, or has none of them."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        sections = {one.name: one.data() for one in ELFFile(io.BytesIO(data)).iter_sections()}
    except (ELFError, ValueError, KeyError) as error:
        raise Problem(
            f"{name} is no ELF", id="damaged-file", where=name, why=str(error), fix="name what --elf-name has written"
        ) from None
    found = {section: sections[section] for section in (INSTRUCTIONS, DESIGN) if section in sections}
    if not found:
        raise Problem(
            f"{name} has nothing that the emulator can run",
            id="other-device",
            where=name,
            why="it was built for the NPU: it holds machine code and control code, which tileproof does not execute",
            fix="build it for the emulator: `tileproof build DESIGN.mlir --elf-name` or `--full-elf-name`",
        )
    return found
