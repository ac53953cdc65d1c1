"""An xclbin with other banks: which memory each argument of the kernel reaches, what the memories are, how wide it is.

The tables that say so agree with each other afterwards (MEM_TOPOLOGY, CONNECTIVITY, their GROUP_ twins,
AIE_PARTITION); the PDI and every section that is not one of these are carried over byte for byte. The JSON mirror that
xclbinutil appends would be of the old file; it is left out, and nothing but xclbinutil reads it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tileproof.device_model import GENERATIONS
from tileproof.errors import Problem
from tileproof.xclbin.arguments import Argument, read_arguments
from tileproof.xclbin.container import Xclbin, read_xclbin
from tileproof.xclbin.mirror import write_mirrored
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.sections import (
    Connection,
    MemData,
    parse_aie_partition,
    parse_connectivity,
    parse_topology,
    serialise_aie_partition,
    serialise_connectivity,
    serialise_topology,
)

_UUIDS = uuid.uuid5(uuid.NAMESPACE_URL, "tileproof rebank")


@dataclass(frozen=True, slots=True, kw_only=True)
class Directives:
    """What is to change. `arguments` by name or index, to the tag of a bank; `memories` by tag, to a size in KB.

    `like` is another xclbin, whose banks and connections are taken first.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    memories: Mapping[str, int] = field(default_factory=dict)
    columns: int | None = None
    like: tuple[str, bytes] | None = None


def rebank(data: bytes, name: str, directives: Directives) -> bytes:
    """The bytes of the new file; raises `Problem` for what cannot be read, and for a directive that has no place."""
    xclbin = read_xclbin(data, name)
    arguments = read_arguments(xclbin, name)
    banks, rows = _tables(xclbin, name)
    if directives.like is not None:
        banks, rows = _taken(directives.like, arguments)
    banks = _with_memories(banks, directives.memories)
    rows = _with_arguments(rows, arguments, banks, directives.arguments)
    contents = {
        "MEM_TOPOLOGY": serialise_topology(banks),
        "GROUP_TOPOLOGY": serialise_topology(banks),
        "CONNECTIVITY": serialise_connectivity(rows),
        # Each row twice, as xclbinutil writes it where nothing is grouped.
        "GROUP_CONNECTIVITY": serialise_connectivity((*rows, *rows)),
    }
    if directives.columns is not None:
        contents["AIE_PARTITION"] = _narrowed(xclbin, name, directives.columns)
    changed = {KIND_OF[kind]: content for kind, content in contents.items()}
    sections = tuple(replace(s, data=changed.get(s.kind, s.data)) for s in xclbin.sections)
    made = replace(xclbin, sections=sections)
    if made == xclbin:
        return data
    return write_mirrored(replace(made, uuid=_new_uuid(xclbin, contents)))


def _new_uuid(xclbin: Xclbin, contents: Mapping[str, bytes]) -> bytes:
    """Another file must not look like the first to a cache; equal directives give equal bytes."""
    text = xclbin.uuid.hex() + "".join(contents[kind].hex() for kind in sorted(contents))
    return uuid.uuid5(_UUIDS, text).bytes


def _tables(xclbin: Xclbin, name: str) -> tuple[tuple[MemData, ...], tuple[Connection, ...]]:
    topology = xclbin.section("MEM_TOPOLOGY") or xclbin.section("GROUP_TOPOLOGY")
    connectivity = xclbin.section("CONNECTIVITY") or xclbin.section("GROUP_CONNECTIVITY")
    if topology is None or connectivity is None:
        raise Problem(
            f"{name} has no banks to change",
            id="no-section",
            where=name,
            why="it has no section " + ("MEM_TOPOLOGY" if topology is None else "CONNECTIVITY"),
            fix="package with aiecc, or xclbinutil with --add-kernel and a mem_topology.json",
        )
    return parse_topology(topology, name), tuple(dict.fromkeys(parse_connectivity(connectivity, name)))


def _taken(
    like: tuple[str, bytes], arguments: tuple[Argument, ...]
) -> tuple[tuple[MemData, ...], tuple[Connection, ...]]:
    """Banks and connections of another file, as far as this kernel has the arguments."""
    name, data = like
    banks, rows = _tables(read_xclbin(data, name), name)
    buffers = {argument.index for argument in arguments if argument.kind == "buffer"}
    return banks, tuple(row for row in rows if row.arg_index in buffers)


def _with_memories(banks: tuple[MemData, ...], memories: Mapping[str, int]) -> tuple[MemData, ...]:
    known = {bank.tag for bank in banks}
    resized = tuple(replace(bank, size_kb=memories.get(bank.tag, bank.size_kb)) for bank in banks)
    base = banks[0].base_address if banks else 0
    added = tuple(
        MemData(tag=tag, size_kb=size, base_address=base) for tag, size in memories.items() if tag not in known
    )
    return resized + added


def _with_arguments(
    rows: tuple[Connection, ...],
    arguments: tuple[Argument, ...],
    banks: tuple[MemData, ...],
    wanted: Mapping[str, str],
) -> tuple[Connection, ...]:
    tags = [bank.tag for bank in banks]
    for key, tag in wanted.items():
        argument = _argument(key, arguments)
        if tag not in tags:
            raise Problem(
                f"there is no bank {tag!r}",
                id="unknown-memory",
                where=f"--arg {key}={tag}",
                why="the xclbin has " + ", ".join(tags),
                fix=f"name one of those, or add it with --mem {tag}=65536KB",
            )
        connection = Connection(arg_index=argument.index, ip_layout_index=0, mem_data_index=tags.index(tag))
        rows = (*(row for row in rows if row.arg_index != argument.index), connection)
    return tuple(sorted(rows, key=lambda row: (row.ip_layout_index, row.arg_index, row.mem_data_index)))


def _argument(key: str, arguments: tuple[Argument, ...]) -> Argument:
    found = [argument for argument in arguments if key in (argument.name, str(argument.index))]
    listed = ", ".join(f"{argument.index} {argument.name}" for argument in arguments)
    if not found:
        raise Problem(
            f"the kernel has no argument {key!r}",
            id="unknown-argument",
            where=f"--arg {key}",
            why=f"it has {listed}",
            fix="name one of them, or give its number; a kernel's buffers are bo0 and up in its xclbin",
        )
    if found[0].kind == "scalar":
        raise Problem(
            f"argument {found[0].index} ({found[0].name}) is a number, and lies in no bank",
            id="scalar-in-no-bank",
            where=f"--arg {key}",
            why="XRT writes its value into the command; a buffer there is the mistake behind `bank 131071`",
            fix="leave it as it is",
        )
    return found[0]


def _narrowed(xclbin: Xclbin, name: str, columns: int) -> bytes:
    section = xclbin.section("AIE_PARTITION")
    if section is None:
        raise Problem(
            f"{name} has no partition",
            id="no-section",
            where=name,
            why="AIE_PARTITION is missing",
            fix="package it with aiecc",
        )
    partition = parse_aie_partition(section, name)
    # As many columns as any place of the old partition shows the array to have.
    array = partition.column_width + max(partition.start_columns, default=0)
    most = max(generation.columns for generation in GENERATIONS.values())
    if array > most:
        raise Problem(
            f"the partition of {name} lies on no NPU",
            id="out-of-range",
            where=f"{name}, AIE_PARTITION",
            why=f"it reaches {array:,} columns, and the largest NPU has {most}",
            fix="package it again with aiecc",
        )
    if not 1 <= columns <= array:
        raise Problem(
            f"a partition of {columns} columns does not fit",
            id="out-of-range",
            where=f"--columns {columns}",
            why=f"the file's partition of {partition.column_width} reaches {array} columns",
            fix=f"give 1 to {array}",
        )
    starts = tuple(range(array - columns + 1))
    return serialise_aie_partition(replace(partition, column_width=columns, start_columns=starts))
