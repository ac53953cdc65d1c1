"""CDO: commands that write registers and memories, as a PDI or aiecc's main_aie_cdo_*.bin holds them.

    header   words that follow in it (4), `CDO` or `XLNX`, version, words of commands, checksum
    command  length<<16 | module<<8 | number, then that many words; a length of 255 stands in the next word

Sources: UG1304 (Configuration Data Object), bootgen's cdo-binary.c, and what aiecc of 2026-08 packed of our designs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tileproof.xclbin.window import Window

_HEADER = struct.Struct("<5I")
_IDENTIFICATIONS = (0x004F4443, 0x584C4E58)
_LONG = 0xFF
_FIRST_MODULE = 0x100
_ALL_BITS = 0xFFFF_FFFF
_END_MARK = 0x100


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Registers or memory from `address` on take `words`, only the bits of `mask`."""

    address: int
    words: tuple[int, ...]
    mask: int = _ALL_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdo:
    """`others` counts the commands by number that write nothing to the array."""

    version: int
    words: int
    commands: int
    writes: tuple[Write, ...]
    others: dict[int, int]


def is_cdo(data: bytes) -> bool:
    return len(data) >= 8 and int.from_bytes(data[4:8], "little") in _IDENTIFICATIONS


def is_packed(data: bytes) -> bool:
    """AMD's own PDIs hold commands of another form, shorter than the header says, which nobody documents: they begin
    with a number of no module."""
    return is_cdo(data) and len(data) >= 24 and int.from_bytes(data[20:22], "little") < _FIRST_MODULE


def read_cdo(data: bytes, name: str, start: int = 0) -> Cdo:
    """`start` is where in the file `name` the bytes begin, for messages."""
    window = Window(data=data, name=name, subject="the CDO", start=start)
    follow, ident, version, length, _ = window.unpack(_HEADER, 0, "the header")
    if ident not in _IDENTIFICATIONS or follow != _HEADER.size // 4 - 1:
        raise window.refusal(0, f"its header begins with {follow} and 0x{ident:08x}, not with 4 and `CDO`")
    code = window.take(_HEADER.size, 4 * length, "the stream of commands")
    words = struct.unpack(f"<{length}I", code)
    writes: list[Write] = []
    others: dict[int, int] = {}
    commands = at = 0
    while at < length:
        number, payload, behind = _command(window, words, at)
        commands += 1
        reader = _WRITES.get(number)
        if reader is not None and len(payload) >= reader[0]:
            writes.append(reader[1](payload))
        else:
            others[number] = others.get(number, 0) + 1
        if number == _END_MARK:
            break
        at = behind
    return Cdo(version=version, words=length, commands=commands, writes=tuple(writes), others=others)


def _command(window: Window, words: tuple[int, ...], at: int) -> tuple[int, tuple[int, ...], int]:
    """The command's number, its words, and where the next one begins."""
    head, first = words[at], at + 1
    count = head >> 16 & _LONG
    if count == _LONG:
        count = words[first] if first < len(words) else _LONG
        first += 1
    if first + count > len(words):
        why = f"command 0x{head & 0xFFFF:x} takes {count:,} words, and {max(len(words) - first, 0):,} are left"
        raise window.refusal(_HEADER.size + 4 * at, why)
    return head & 0xFFFF, words[first : first + count], first + count


_Words = tuple[int, ...]
# By number: the words that it needs, and what it writes.
_WRITES: dict[int, tuple[int, Callable[[_Words], Write]]] = {
    0x102: (3, lambda w: Write(address=w[0], words=(w[2],), mask=w[1])),
    0x103: (2, lambda w: Write(address=w[0], words=(w[1],))),
    0x105: (2, lambda w: Write(address=w[0] << 32 | w[1], words=w[2:])),
    0x107: (4, lambda w: Write(address=w[0] << 32 | w[1], words=(w[3],), mask=w[2])),
    0x108: (3, lambda w: Write(address=w[0] << 32 | w[1], words=(w[2],))),
}
