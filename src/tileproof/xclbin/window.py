"""A stretch of a file that refuses to be read past its end, and says where in the file it lies."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from tileproof.errors import Problem

DAMAGED = "take the file again from where it was built: a copy was cut short or changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """`data` begins at byte `start` of the file `name`; `subject` is what it holds, for people."""

    data: bytes
    name: str
    subject: str
    start: int = 0

    def where(self, offset: int) -> str:
        return f"{self.name}, byte {self.start + offset:,} (0x{self.start + offset:x})"

    def refusal(self, offset: int, why: str, *, fix: str = DAMAGED) -> Problem:
        return Problem(
            f"{self.name}: {self.subject} cannot be read", id="damaged-file", where=self.where(offset), why=why, fix=fix
        )

    def require(self, offset: int, size: int, what: str) -> None:
        if offset < 0 or size < 0 or offset + size > len(self.data):
            why = f"{what} takes {size:,} bytes from byte {offset:,}, and {self.subject} has {len(self.data):,}"
            raise self.refusal(min(max(offset, 0), len(self.data)), why)

    def take(self, offset: int, size: int, what: str) -> bytes:
        self.require(offset, size, what)
        return self.data[offset : offset + size]

    def unpack(self, code: struct.Struct, offset: int, what: str) -> tuple[Any, ...]:
        return code.unpack(self.take(offset, code.size, what))

    def rows(self, code: struct.Struct, offset: int, count: int, what: str) -> list[tuple[Any, ...]]:
        """`count` records one after the other; the count is believed only if they all lie inside."""
        if count < 0:
            raise self.refusal(0, f"it declares {count:,} {what}")
        return list(code.iter_unpack(self.take(offset, count * code.size, f"{count:,} {what} of {code.size} bytes")))


def text_of(field: bytes) -> str:
    """A fixed array up to its first NUL; latin-1, so that any byte survives reading and writing."""
    return field.split(b"\0", 1)[0].decode("latin-1")


def field_of(text: str, size: int, what: str) -> bytes:
    """The reverse of `text_of`, refusing what the array cannot hold."""
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise Problem(
            f"{what} {text!r} cannot be written into an xclbin",
            id="not-in-an-xclbin",
            why=f"{text[error.start]!r} is outside latin-1, one byte a character",
            fix="use plain ASCII letters, digits and _",
        ) from None
    if len(data) > size:
        raise Problem(
            f"{what} {text!r} does not fit in an xclbin",
            id="not-in-an-xclbin",
            why=f"it has {len(data):,} bytes, and the field has {size}",
            fix=f"shorten it to {size} bytes",
        )
    return data.ljust(size, b"\0")
