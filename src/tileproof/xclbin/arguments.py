"""The argument table of a kernel, as XRT derives it: what each index expects, and its bank.

Sources: XRT core/common/api/xrt_kernel.cpp and xrt_xclbin.cpp, core/common/xclbin_parser.cpp.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from tileproof.errors import Problem
from tileproof.xclbin.container import Section, Xclbin
from tileproof.xclbin.sections import (
    KernelMetadata,
    MemData,
    parse_connectivity,
    parse_embedded_metadata,
    parse_ip_layout,
    parse_topology,
)

# What XRT's "no memory index" (-1) becomes in the 16 bank bits of a group id.
NO_BANK = 0xFFFF
# The type that EMBEDDED_METADATA gives a kernel that runs on an NPU.
DPU = "dpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """`banks` are all that are connected, ascending, without repeats; `bank` is the one XRT reports."""

    index: int
    name: str
    kind: Literal["scalar", "buffer"]
    qualifier: str
    type: str
    size: int
    offset: int
    banks: tuple[int, ...] = ()
    bank_tag: str | None = None

    @property
    def bank(self) -> int | None:
        return self.banks[-1] if self.banks else None

    def group_id(self, slot: int) -> int:
        """What `kernel.group_id(index)` answers in context `slot`: bank in bits 0-15, slot in 16-23."""
        bank = NO_BANK if self.bank is None else self.bank & 0xFFFF
        return (slot & 0xFF) << 16 | bank


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A kernel that can be called: its arguments by index, as its first instance is connected."""

    name: str
    instances: tuple[str, ...]
    kernel_id: int | None
    arguments: tuple[Argument, ...]
    type: str = DPU

    @property
    def is_for_npu(self) -> bool:
        """AMD's own xclbins begin with stubs for other hardware (`vadd`), which have neither the type nor an id
        (found_later.md 5)."""
        return self.type == DPU or self.kernel_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """At which indices a kernel takes what: None where nothing says so. mlir-aie's kernels have 0, 1, 2 and the buffers
    from 3 on; AMD's own have the instructions behind four buffers."""

    opcode: int | None
    instructions: int | None
    count: int | None
    buffers: tuple[int, ...]


def call_of(kernel: Kernel) -> Call:
    """By names, as XRT knows no roles: `opcode`, `instr` or `instruct`, and the scalar behind the instructions."""
    scalars = [one.index for one in kernel.arguments if one.kind == "scalar"]
    instructions = next((one.index for one in kernel.arguments if _holds_instructions(one)), None)
    return Call(
        opcode=next((one.index for one in kernel.arguments if one.name == "opcode" and one.kind == "scalar"), None),
        instructions=instructions,
        count=None if instructions is None else next((index for index in scalars if index > instructions), None),
        buffers=tuple(one.index for one in kernel.arguments if one.kind == "buffer" and one.index != instructions),
    )


def _holds_instructions(argument: Argument) -> bool:
    return argument.kind == "buffer" and argument.name.startswith("instr")


def npu_kernels(kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
    """Those that an NPU can run; all of them where none says that it is one, so that their mistake can be told."""
    return tuple(kernel for kernel in kernels if kernel.is_for_npu) or kernels


def read_kernels(xclbin: Xclbin, name: str) -> tuple[Kernel, ...]:
    """Every kernel of the container; `name` is the file's, for messages."""
    metadata = xclbin.section("EMBEDDED_METADATA")
    if metadata is None:
        raise Problem(
            f"{name} has no kernel to call",
            id="TP705",
            where=name,
            why="it has no section EMBEDDED_METADATA; XRT answers `No valid DPU kernel found in xclbin`",
            fix="package with aiecc, or `xclbinutil --add-kernel kernels.json`, rather than by hand",
        )
    topology = _first(xclbin, "GROUP_TOPOLOGY", "MEM_TOPOLOGY")
    banks = parse_topology(topology, name) if topology else ()
    connected = _connected_banks(xclbin, name)
    units = _unit_rows(xclbin, name)
    return tuple(_kernel(k, banks, connected, units) for k in parse_embedded_metadata(metadata, name))


def read_arguments(xclbin: Xclbin, name: str, kernel: str | None = None) -> tuple[Argument, ...]:
    """The argument table of the kernel named, or of the only one for an NPU that there is."""
    kernels = read_kernels(xclbin, name)
    chosen = [k for k in (npu_kernels(kernels) if kernel is None else kernels) if kernel is None or k.name == kernel]
    if len(chosen) == 1:
        return chosen[0].arguments
    names = ", ".join(k.name for k in kernels) or "none"
    raise Problem(
        f"{name} has no kernel {kernel!r}" if kernel is not None else f"{name} does not have exactly one kernel",
        id="no-such-kernel",
        where=name,
        why=f"its kernels: {names}",
        fix="name one of them" if kernels else "package with aiecc, or `xclbinutil --add-kernel kernels.json`",
    )


def _kernel(
    metadata: KernelMetadata,
    banks: tuple[MemData, ...],
    connected: dict[tuple[int, int], set[int]],
    units: dict[str, int],
) -> Kernel:
    instance = metadata.instances[0] if metadata.instances else ""
    unit = units.get(f"{metadata.name}:{instance}", 0)
    arguments = []
    for argument in sorted(metadata.arguments, key=lambda a: a.index):
        reached = tuple(sorted(connected.get((unit, argument.index), ())))
        known = bool(reached) and 0 <= reached[-1] < len(banks)
        arguments.append(
            Argument(
                index=argument.index,
                name=argument.name,
                kind="buffer" if argument.qualifier in ("GLOBAL", "CONSTANT") else "scalar",
                qualifier=argument.qualifier,
                type=argument.type,
                size=argument.size,
                offset=argument.offset,
                banks=reached,
                bank_tag=banks[reached[-1]].tag if known else None,
            )
        )
    return Kernel(
        name=metadata.name,
        instances=metadata.instances,
        kernel_id=metadata.kernel_id,
        arguments=tuple(arguments),
        type=metadata.type,
    )


def _connected_banks(xclbin: Xclbin, name: str) -> dict[tuple[int, int], set[int]]:
    """Banks by (row of IP_LAYOUT, argument). A set, since xclbinutil writes each ungrouped row twice."""
    section = _first(xclbin, "GROUP_CONNECTIVITY", "CONNECTIVITY")
    banks: dict[tuple[int, int], set[int]] = defaultdict(set)
    for row in parse_connectivity(section, name) if section else ():
        banks[row.ip_layout_index, row.arg_index].add(row.mem_data_index)
    return banks


def _unit_rows(xclbin: Xclbin, name: str) -> dict[str, int]:
    section = xclbin.section("IP_LAYOUT")
    units = parse_ip_layout(section, name) if section else ()
    return {unit.name: row for row, unit in enumerate(units)}


def _first(xclbin: Xclbin, *kinds: str) -> Section | None:
    return next((section for kind in kinds if (section := xclbin.section(kind))), None)
