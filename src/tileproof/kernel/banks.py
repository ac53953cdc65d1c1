"""[banks] of kernel.toml: where buffers are to lie, on both sides of the DMA.

Two things are called a bank. On the host's side it is a memory of the xclbin, by its tag: HOST or SRAM as aiecc writes
them, a label that the NPU shim ignores and that decides `kernel.group_id`. On the core's side it is one of the four
16 KiB banks of its data memory. mlir-aie takes wishes for those on `aie.buffer` and `aie.tile`, not on ObjectFIFOs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from tileproof.device_model import BUFFER_ALIGNMENT, CORE, TILE_KINDS, TILE_SCHEMES
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.kernel.toml_table import Table

# What aiecc's mem_topology.json has, and the argument of the kernel that takes the instructions.
TAGS = ("HOST", "SRAM")
INSTRUCTIONS = "instr"
# Attributes of ours on an aie.objectfifo: mlir-aie lets pass what belongs to a dialect that it does not know.
FIFO_BANKS, FIFO_ADDRESSES = "tileproof.mem_bank", "tileproof.address"

_SIZE = re.compile(r"(?P<number>0[xX][0-9a-fA-F]+|\d+)\s*(?P<unit>KB|MB|GB)")
_UNITS = {"KB": 1, "MB": 1024, "GB": 1024 * 1024}
_MOST_KB = (1 << 64) - 1  # m_size of xclbin.h's mem_data
_TAG_BYTES = 15  # its m_tag has 16, the last one 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePlace:
    """Where a fifo's objects, or a scratch buffer, lie in the core's memory: one number per object, or one bank for
    all. `addresses` in bytes. One of the two is empty."""

    banks: tuple[int, ...] = ()
    addresses: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.addresses:
            return "address " + ", ".join(f"0x{address:05x}" for address in self.addresses)
        return "bank " + ", ".join(map(str, self.banks))

    @property
    def on_fifo(self) -> str:
        """As an attribute of an aie.objectfifo."""
        key, values = (FIFO_BANKS, self.banks) if self.banks else (FIFO_ADDRESSES, self.addresses)
        return f"{key} = array<i32: {', '.join(map(str, values))}>"

    @property
    def on_buffer(self) -> str:
        """As an attribute of an aie.buffer, which lies in one place."""
        key, (value,) = ("mem_bank", self.banks) if self.banks else ("address", self.addresses)
        return f"{key} = {value} : i32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Banks:
    """`host` is buffer name to the tag of a memory, `memory` tag to its size in KB, `tile` buffer or scratch to its
    place; `scheme` is the allocation scheme of the core's tile, or None for aiecc's default.

    `written` is where a directive stands, by table and name, for messages.
    """

    scheme: str | None = None
    host: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    tile: Mapping[str, TilePlace] = field(default_factory=dict)
    written: Mapping[tuple[str, str], Place | str] = field(default_factory=dict, compare=False)

    def __bool__(self) -> bool:
        return bool(self.scheme or self.host or self.memory or self.tile)

    @property
    def digest(self) -> str:
        """A short name of these directives, for a folder."""
        return "banks-" + hashlib.sha256(self.to_json().encode()).hexdigest()[:8]

    def with_more(self, more: Banks) -> Banks:
        """These, where `more` says nothing else."""
        return Banks(
            scheme=more.scheme or self.scheme,
            host={**self.host, **more.host},
            memory={**self.memory, **more.memory},
            tile={**self.tile, **more.tile},
            written={**self.written, **more.written},
        )

    def tag_of(self, buffer: str) -> str:
        """The memory that a host buffer is connected to; aiecc's choice where nothing is said."""
        return self.host.get(buffer, "SRAM" if buffer == INSTRUCTIONS else "HOST")

    def to_json(self) -> str:
        tile = {name: {"banks": place.banks, "addresses": place.addresses} for name, place in self.tile.items()}
        fields = {"scheme": self.scheme, "host": dict(self.host), "memory": dict(self.memory), "tile": tile}
        return json.dumps(fields, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Banks:
        fields = json.loads(text)
        places = {name: {key: tuple(value) for key, value in place.items()} for name, place in fields["tile"].items()}
        return cls(**{**fields, "tile": {name: TilePlace(**place) for name, place in places.items()}})


def read_banks(table: Table) -> Banks:
    """The table's directives; whether the names in them exist is `check_banks`' to say."""
    tables = {name: table.table(name, required=False) for name in ("host", "memory", "tile")}
    host, memory, tile = tables.values()
    banks = Banks(
        scheme=table.one_of("scheme", (*TILE_SCHEMES, ""), "") or None,
        host={name: host.text(name) for name in host.values},
        memory={tag: memory_size(tag, memory.text(tag), memory.place(tag)) for tag in memory.values},
        tile={name: _place(entry) for name, entry in tile.subtables()},
        written={(name, key): one.place(key) for name, one in tables.items() for key in one.values},
    )
    table.finish()
    return banks


def _place(table: Table) -> TilePlace:
    place = TilePlace(banks=table.integer_or_integers("bank"), addresses=table.integer_or_integers("address"))
    table.finish()
    if bool(place.banks) == bool(place.addresses):
        raise Problem(
            "a place in the core's memory is a bank or an address",
            id="bad-place",
            where=table.place(),
            why="both are given" if place.banks else "none is given",
            fix="write `{ bank = 0 }`, `{ bank = [0, 1] }` or `{ address = [0x4000, 0x8000] }`: a number per object",
        )
    return place


def memory_size(tag: str, text: str, where: Place | str) -> int:
    """The size of a memory, `0xc000KB`, `64MB` or `1GB`, in KB; a `Problem` for one that no xclbin can have."""
    if not tag or not tag.isascii() or len(tag) > _TAG_BYTES:
        raise Problem(
            f"a memory cannot be called {tag!r}",
            id="bad-memory",
            where=where,
            why=f"its tag is 1 to {_TAG_BYTES} bytes of ASCII",
            fix="give it another name",
        )
    found = _SIZE.fullmatch(text)
    # Cut short first: Python takes no number of thousands of digits.
    number = int(found["number"][:40], 16 if found["number"][:2] in ("0x", "0X") else 10) if found else 0
    size = number * _UNITS[found["unit"]] if found else 0
    if not 1 <= size <= _MOST_KB:
        raise Problem(
            f"{text!r} is no size of a memory",
            id="bad-memory",
            where=where,
            why="a size is a whole number from 1 up and KB, MB or GB, of 64 bits in KB"
            if found
            else "a size is a whole number and KB, MB or GB",
            fix="write for instance 0xc000KB or 64MB",
        )
    return size


def check_banks(banks: Banks, buffers: Iterable[str], scratch: Iterable[str], stack_size: int) -> None:
    """Refuse a name, a memory, a bank or an address that is not there. Whether everything fits is the lowering's to
    say."""
    buffers, scratch = tuple(buffers), tuple(scratch)
    tags = tuple(dict.fromkeys((*TAGS, *banks.memory)))
    for name, tag in banks.host.items():
        where = banks.written.get(("host", name), name)
        _check_name(name, (*buffers, INSTRUCTIONS), "no host buffer", where)
        if tag not in tags:
            raise Problem(
                f"there is no memory {tag!r}",
                id="unknown-memory",
                where=where,
                why="the xclbin has " + ", ".join(tags),
                fix="name one of those, or give it a size: [banks.memory] of kernel.toml, or --mem NAME=64MB",
            )
    for name, wish in banks.tile.items():
        where = banks.written.get(("tile", name), name)
        _check_name(name, (*buffers, *scratch), "neither a buffer nor scratch of the core", where)
        _check_place(name, wish, where, stack_size)
        if name in scratch and len(wish.banks + wish.addresses) != 1:
            raise Problem(
                f"{name!r} is one buffer, and {len(wish.banks + wish.addresses)} places are given",
                id="bad-place",
                where=where,
                why="only a fifo has several objects",
                fix="give one",
            )


def _check_name(name: str, known: tuple[str, ...], what: str, where: Place | str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise Problem(
            f"{name!r} is {what}",
            id="unknown-buffer",
            where=where,
            why="there is " + ", ".join(known),
            fix=f"did you mean {near[0]!r}?" if near else "name one of those",
        )


def _check_place(name: str, wish: TilePlace, where: Place | str, stack_size: int) -> None:
    kind, alignment = TILE_KINDS[CORE], BUFFER_ALIGNMENT[CORE]
    for bank in wish.banks:
        if not 0 <= bank < kind.banks:
            raise Problem(
                f"{name!r} cannot lie in bank {bank}",
                id="bad-place",
                where=where,
                why=f"a core has banks 0 to {kind.banks - 1} of {kind.bank_bytes:,} bytes",
                fix="name one of those",
            )
    for address in wish.addresses:
        if not stack_size <= address < kind.memory_bytes or address % alignment:
            raise Problem(
                f"{name!r} cannot begin at address {address:#x}",
                id="bad-place",
                where=where,
                why=f"the stack has the first {stack_size:,} of {kind.memory_bytes:,} bytes, "
                f"and addresses are multiples of {alignment}",
                fix=f"for instance address = {stack_size:#x}",
            )
