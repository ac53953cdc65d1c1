"""A complete xclbin from what aiecc and xclbinutil would have been told: the same host-visible sections,
byte sizes and argument table, so that a host program cannot tell the difference.

Sources: mlir-aie tools/aiecc/SidecarFiles.h (kernels.json, mem_topology.json, aie_partition.json) and XRT
tools/xclbinutil (KernelUtilities.cxx, XclBinUtilities.cxx).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tileproof.errors import Problem
from tileproof.xclbin.container import Section, Xclbin
from tileproof.xclbin.layout import IP_KERNEL_ID_MASK
from tileproof.xclbin.names import KIND_OF, MODE_OF
from tileproof.xclbin.sections import (
    AiePartition,
    AiePdi,
    CdoGroup,
    Connection,
    IpData,
    KernelArgument,
    KernelMetadata,
    MemData,
    dpu_properties,
    serialise_aie_partition,
    serialise_connectivity,
    serialise_embedded_metadata,
    serialise_ip_layout,
    serialise_topology,
)

# The runlist ABI wants at least five buffers, whatever the sequence takes; aiecc refuses more than sixteen.
FEWEST_BUFFERS, MOST_BUFFERS = 5, 16
FIRST_BUFFER_OFFSET = 0x14
POINTER_BYTES = 8
HOST_BANK, SRAM_BANK = 0, 1
# Labels of the NPU shim rather than memories: both have the same fictitious base address.
BANKS = (
    MemData(tag="HOST", size_kb=0x10000, base_address=0x400_0000),
    MemData(tag="SRAM", size_kb=0xC000, base_address=0x400_0000),
)
CALL_ARGUMENTS = (
    KernelArgument(name="opcode", qualifier="SCALAR", index=0, size=8, offset=0x00, type="uint64_t"),
    KernelArgument(name="instr", qualifier="GLOBAL", index=1, size=POINTER_BYTES, offset=0x08, type="char*"),
    KernelArgument(name="ninstr", qualifier="SCALAR", index=2, size=4, offset=0x10, type="uint32_t"),
)
INSTR = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """What differs between two packages. `uuid` and `pdi_uuid` come from the caller, so that equal inputs
    give equal bytes.

    `buffers` is how many the runtime sequence takes; `extra_sections` follow those that aiecc writes.
    """

    columns: int
    start_columns: tuple[int, ...]
    pdi: bytes = field(repr=False)
    uuid: bytes
    pdi_uuid: bytes
    buffers: int = FEWEST_BUFFERS
    kernel_name: str = "MLIR_AIE"
    instance: str = "MLIRAIE"
    kernel_id: int = 0x901
    mode: str = "FLAT"
    extra_sections: tuple[Section, ...] = ()
    platform_vbnv: str = ""
    version: tuple[int, int, int] = (0, 0, 0)


def build_xclbin(request: PackageRequest) -> Xclbin:
    _refuse_unpackable(request)
    kernel = _kernel_metadata(request)
    unit = IpData(name=f"{request.kernel_name}:{request.instance}", properties=dpu_properties(request.kernel_id))
    connections = _connections(kernel)
    topology = serialise_topology(BANKS)
    contents = {
        "MEM_TOPOLOGY": topology,
        "AIE_PARTITION": serialise_aie_partition(_partition(request)),
        "EMBEDDED_METADATA": serialise_embedded_metadata((kernel,)),
        "IP_LAYOUT": serialise_ip_layout((unit,)),
        "CONNECTIVITY": serialise_connectivity(connections),
        # xclbinutil lists the grouped candidates, then the rows they came from. With one bank for each
        # argument
        # nothing is grouped, and every row stands there twice.
        "GROUP_CONNECTIVITY": serialise_connectivity(connections + connections),
        "GROUP_TOPOLOGY": topology,
    }
    sections = tuple(Section(kind=KIND_OF[name], data=data) for name, data in contents.items())
    return Xclbin(
        uuid=request.uuid,
        sections=sections + request.extra_sections,
        mode=MODE_OF[request.mode],
        version=request.version,
        platform_vbnv=request.platform_vbnv,
    )


def _refuse_unpackable(request: PackageRequest) -> None:
    if not 0 <= request.buffers <= MOST_BUFFERS:
        raise Problem(
            f"{request.kernel_name}: {request.buffers} buffers cannot be passed to one kernel",
            id="too-many-buffers",
            why=f"the runtime sequence takes {request.buffers}, and aiecc packages at most {MOST_BUFFERS}",
            fix="pack several inputs into one buffer and give each its offset in the runtime sequence",
        )
    if not 0 <= request.kernel_id <= IP_KERNEL_ID_MASK:
        raise Problem(
            f"{request.kernel_name}: kernel id 0x{request.kernel_id:x} does not fit in an xclbin",
            id="not-in-an-xclbin",
            why="IP_LAYOUT has 12 bits for it",
            fix="take an id up to 0xfff; aiecc's own is 0x901",
        )


def _kernel_metadata(request: PackageRequest) -> KernelMetadata:
    buffers = tuple(
        KernelArgument(
            name=f"bo{k}",
            qualifier="GLOBAL",
            index=len(CALL_ARGUMENTS) + k,
            size=POINTER_BYTES,
            offset=FIRST_BUFFER_OFFSET + POINTER_BYTES * k,
            type="void*",
        )
        for k in range(max(FEWEST_BUFFERS, request.buffers))
    )
    return KernelMetadata(
        name=request.kernel_name,
        instances=(request.instance,),
        arguments=CALL_ARGUMENTS + buffers,
        kernel_id=request.kernel_id,
    )


def _connections(kernel: KernelMetadata) -> tuple[Connection, ...]:
    """Scalars get no row: that is what makes their group id end in 0xffff."""
    return tuple(
        Connection(
            arg_index=argument.index,
            ip_layout_index=0,
            mem_data_index=SRAM_BANK if argument.index == INSTR else HOST_BANK,
        )
        for argument in kernel.arguments
        if argument.qualifier == "GLOBAL"
    )


def _partition(request: PackageRequest) -> AiePartition:
    group = CdoGroup(name="DPU", dpu_kernel_ids=(request.kernel_id,), pre_cdo_groups=(0xC1,))
    pdi = AiePdi(uuid=request.pdi_uuid, image=request.pdi, cdo_groups=(group,))
    return AiePartition(column_width=request.columns, start_columns=request.start_columns, pdis=(pdi,))
