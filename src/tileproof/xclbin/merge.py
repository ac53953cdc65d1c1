"""Two xclbins of one kernel each, or more, in one file: what aiecc's --xclbin-input makes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tileproof.errors import Problem
from tileproof.xclbin.container import Section, Xclbin
from tileproof.xclbin.names import KIND_OF
from tileproof.xclbin.sections import (
    AiePartition,
    Connection,
    parse_aie_partition,
    parse_connectivity,
    parse_embedded_metadata,
    parse_ip_layout,
    serialise_aie_partition,
    serialise_connectivity,
    serialise_embedded_metadata,
    serialise_ip_layout,
)

_FIRST, _SECOND = "the xclbin of --xclbin-input", "the new xclbin"
_CONNECTIONS = ("CONNECTIVITY", "GROUP_CONNECTIVITY")


def with_kernel(first: Xclbin, second: Xclbin) -> Xclbin:
    """The first, with the kernels of the second behind its own. Its memories are kept: aiecc gives all the same."""
    kernels = parse_embedded_metadata(_section(first, "EMBEDDED_METADATA", _FIRST), _FIRST)
    added = parse_embedded_metadata(_section(second, "EMBEDDED_METADATA", _SECOND), _SECOND)
    _refuse_same(
        {kernel.name: kernel.kernel_id for kernel in kernels}, {kernel.name: kernel.kernel_id for kernel in added}
    )
    units = parse_ip_layout(_section(first, "IP_LAYOUT", _FIRST), _FIRST)
    merged = {
        "EMBEDDED_METADATA": serialise_embedded_metadata((*kernels, *added)),
        "IP_LAYOUT": serialise_ip_layout((*units, *parse_ip_layout(_section(second, "IP_LAYOUT", _SECOND), _SECOND))),
        "AIE_PARTITION": serialise_aie_partition(_wider(first, second)),
        **{kind: serialise_connectivity(_connections(first, second, kind, len(units))) for kind in _CONNECTIONS},
    }
    data = {KIND_OF[name]: bytes_ for name, bytes_ in merged.items()}
    sections = tuple(replace(one, data=data.get(one.kind, one.data)) for one in first.sections)
    payloads = tuple(one for one in second.sections if one.kind == KIND_OF["EMULATION_DATA"])
    uuid = hashlib.sha256(first.uuid + second.uuid).digest()[:16]
    return replace(second, uuid=uuid, sections=(*sections, *payloads))


def _section(xclbin: Xclbin, kind: str, name: str) -> Section:
    found = xclbin.section(kind)
    if found is None:
        raise Problem(
            f"{name} has no section {kind}",
            id="damaged-file",
            where=name,
            why="without it nobody knows what kernels it has",
            fix="name an xclbin that `tileproof build DESIGN.mlir` or aiecc has made",
        )
    return found


def _refuse_same(there: dict[str, int | None], added: dict[str, int | None]) -> None:
    for name, number in added.items():
        same = next((one for one, other in there.items() if name == one or number == other), None)
        if same is not None:
            raise Problem(
                f"the kernel {name} (0x{number or 0:x}) cannot lie beside {same}",
                id="same-kernel",
                where="--xclbin-input",
                why="XRT finds a kernel by its name, and the firmware by its id: both must be its own",
                fix="give it others: --xclbin-kernel-name NAME --xclbin-kernel-id 0x902",
            )


def _connections(first: Xclbin, second: Xclbin, kind: str, units: int) -> tuple[Connection, ...]:
    """Rows of the second's units lie behind those of the first."""
    there = parse_connectivity(_section(first, kind, _FIRST), _FIRST)
    added = parse_connectivity(_section(second, kind, _SECOND), _SECOND)
    return (*there, *(replace(one, ip_layout_index=one.ip_layout_index + units) for one in added))


def _wider(first: Xclbin, second: Xclbin) -> AiePartition:
    """The partition that holds the designs of both."""
    one = parse_aie_partition(_section(first, "AIE_PARTITION", _FIRST), _FIRST)
    other = parse_aie_partition(_section(second, "AIE_PARTITION", _SECOND), _SECOND)
    wider = one if one.column_width >= other.column_width else other
    return replace(wider, pdis=(*one.pdis, *other.pdis))
