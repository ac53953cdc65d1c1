"""[banks] of kernel.toml: where buffers are to lie, on both sides of the DMA.

Two things are called a bank. On the host's side it is a memory of the xclbin, by its tag: HOST or SRAM as aiecc writes
them, a label that the NPU shim ignores and that decides `kernel.group_id`. On the core's side it is one of the four
16 KiB banks of its data memory. mlir-aie takes wishes for those on `aie.buffer` and `aie.tile`, not on ObjectFIFOs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches

from tileproof.device_model import BUFFER_ALIGNMENT, CORE, TILE_KINDS
from tileproof.errors import Problem
from tileproof.toml_table import Table

SCHEMES = ("bank-aware", "basic-sequential")
# What aiecc's mem_topology.json has, and the argument of the kernel that takes the instructions.
TAGS = ("HOST", "SRAM")
INSTRUCTIONS = "instr"

_SIZE = re.compile(r"(?P<number>0[xX][0-9a-fA-F]+|\d{1,18})\s*(?P<unit>KB|MB|GB)")
_UNITS = {"KB": 1, "MB": 1024, "GB": 1024 * 1024}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Banks:
    """`host` is buffer name to the tag of a memory, `memory` tag to its size in KB, `tile` buffer or scratch to its
    place; `scheme` is the allocation scheme of the core's tile, or None for aiecc's default."""

    scheme: str | None = None
    host: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    tile: Mapping[str, TilePlace] = field(default_factory=dict)

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
        )

    def tag_of(self, buffer: str) -> str:
        """The memory that a host buffer is connected to; aiecc's choice where nothing is said."""
        return self.host.get(buffer, "SRAM" if buffer == INSTRUCTIONS else "HOST")

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Banks:
        fields = json.loads(text)
        places = {name: {key: tuple(value) for key, value in place.items()} for name, place in fields["tile"].items()}
        return cls(**{**fields, "tile": {name: TilePlace(**place) for name, place in places.items()}})


def read_banks(table: Table) -> Banks:
    """The table's directives; whether the names in them exist is `check_banks`' to say."""
    memory = table.table("memory", required=False)
    host = table.table("host", required=False)
    banks = Banks(
        scheme=table.one_of("scheme", (*SCHEMES, ""), "") or None,
        host={name: host.text(name) for name in host.values},
        memory={tag: kilobytes(memory.text(tag), memory.place(tag), f'{tag} = "0xc000KB"') for tag in memory.values},
        tile={name: _place(entry) for name, entry in table.table("tile", required=False).subtables()},
    )
    table.finish()
    return banks


def _place(table: Table) -> TilePlace:
    place = TilePlace(banks=table.integer_or_integers("bank"), addresses=table.integer_or_integers("address"))
    table.finish()
    if bool(place.banks) == bool(place.addresses):
        raise Problem(
            "a place in the core's memory is a bank or an address",
            where=table.place(),
            why="both are given" if place.banks else "none is given",
            fix="write `{ bank = [0, 1] }`, a bank per object of the fifo, or `{ address = 0x8000 }`",
        )
    return place


def kilobytes(text: str, where: str, example: str) -> int:
    """`0xc000KB`, `64MB` or `1GB` in KB."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise Problem(
            f"{text!r} is no size",
            where=where,
            why="a size is a whole number and KB, MB or GB",
            fix=f"write for instance {example}",
        )
    return int(found["number"], 16 if "x" in found["number"].lower() else 10) * _UNITS[found["unit"]]


def check_banks(
    banks: Banks, place: Callable[[str, str], str], buffers: Iterable[str], scratch: Iterable[str], stack_size: int
) -> None:
    """Refuse a name, a memory, a bank or an address that is not there; `place` says where "host", "tile" or "memory"
    has a name. Whether everything fits is the lowering's to say."""
    buffers, scratch = tuple(buffers), tuple(scratch)
    tags = tuple(dict.fromkeys((*TAGS, *banks.memory)))
    for name, tag in banks.host.items():
        _check_name(name, (*buffers, INSTRUCTIONS), "no host buffer", place("host", name))
        if tag not in tags:
            raise Problem(
                f"there is no memory {tag!r}",
                where=place("host", name),
                why="the xclbin has " + ", ".join(tags),
                fix=f"name one of those, or give {tag} a size: [banks.memory] of kernel.toml, or --mem {tag}=64MB",
            )
    for name, wish in banks.tile.items():
        where = place("tile", name)
        _check_name(name, (*buffers, *scratch), "neither a buffer nor scratch of the core", where)
        _check_place(name, wish, where, stack_size)
        if name in scratch and len(wish.banks + wish.addresses) != 1:
            raise Problem(
                f"{name!r} is one buffer, and {len(wish.banks + wish.addresses)} places are given",
                where=where,
                why="only a fifo has several objects",
                fix="give one",
            )


def _check_name(name: str, known: tuple[str, ...], what: str, where: str) -> None:
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise Problem(
            f"{name!r} is {what}",
            where=where,
            why="there is " + ", ".join(known),
            fix=f"did you mean {near[0]!r}?" if near else "name one of those",
        )


def _check_place(name: str, wish: TilePlace, where: str, stack_size: int) -> None:
    kind, alignment = TILE_KINDS[CORE], BUFFER_ALIGNMENT[CORE]
    for bank in wish.banks:
        if not 0 <= bank < kind.banks:
            raise Problem(
                f"{name!r} cannot lie in bank {bank}",
                where=where,
                why=f"a core has banks 0 to {kind.banks - 1} of {kind.bank_bytes:,} bytes",
                fix="name one of those",
            )
    for address in wish.addresses:
        if not stack_size <= address < kind.memory_bytes or address % alignment:
            raise Problem(
                f"{name!r} cannot begin at address {address:#x}",
                where=where,
                why=f"the stack has the first {stack_size:,} of {kind.memory_bytes:,} bytes, "
                f"and addresses are multiples of {alignment}",
                fix=f"for instance address = {-(-max(stack_size, 0) // alignment) * alignment:#x}",
            )
