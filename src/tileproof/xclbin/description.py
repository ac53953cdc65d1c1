"""An xclbin in plain words: sections, banks, kernels with their argument tables, the partition, where it came from."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.errors import Problem
from tileproof.xclbin.arguments import Argument, Call, Kernel, call_of, read_kernels
from tileproof.xclbin.container import Section, Xclbin, read_xclbin
from tileproof.xclbin.names import MEM_TYPES, mode_name
from tileproof.xclbin.provenance import Provenance, read_provenance
from tileproof.xclbin.sections import AiePartition, MemData, parse_aie_partition, parse_topology
from tileproof.xrt import INSTRUCTIONS

FIRST_SLOT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionSummary:
    """A section as the table has it."""

    kind: str
    name: str
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PdiSummary:
    """A device image of the partition: `sha256` of its bytes."""

    uuid: str
    nbytes: int
    sha256: str
    kernel_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Everything of an xclbin that a host can see. `columns` is 0 where there is no partition."""

    name: str
    nbytes: int
    uuid: str
    mode: str
    platform: str
    version: tuple[int, int, int]
    sections: tuple[SectionSummary, ...]
    banks: tuple[MemData, ...]
    kernels: tuple[Kernel, ...]
    columns: int
    start_columns: tuple[int, ...]
    operations_per_cycle: int
    pdis: tuple[PdiSummary, ...]
    provenance: Provenance | None


def describe(data: bytes, name: str) -> Description:
    """The description of a file's bytes; raises `Problem` for what cannot be read."""
    xclbin = read_xclbin(data, name)
    partition = _partition(xclbin, name)
    return Description(
        name=name,
        nbytes=len(data),
        uuid=_uuid(xclbin.uuid),
        mode=mode_name(xclbin.mode),
        platform=xclbin.platform_vbnv,
        version=xclbin.version,
        sections=tuple(
            SectionSummary(kind=section.kind_name, name=section.name, offset=section.offset, nbytes=len(section.data))
            for section in xclbin.sections
        ),
        banks=_banks(xclbin, name),
        kernels=read_kernels(xclbin, name) if xclbin.section("EMBEDDED_METADATA") else (),
        columns=partition.column_width if partition else 0,
        start_columns=partition.start_columns if partition else (),
        operations_per_cycle=partition.operations_per_cycle if partition else 0,
        pdis=_pdis(partition) if partition else (),
        provenance=read_provenance(xclbin),
    )


def _banks(xclbin: Xclbin, name: str) -> tuple[MemData, ...]:
    section = xclbin.section("GROUP_TOPOLOGY") or xclbin.section("MEM_TOPOLOGY")
    return parse_topology(section, name) if section else ()


def _partition(xclbin: Xclbin, name: str) -> AiePartition | None:
    section = xclbin.section("AIE_PARTITION")
    return parse_aie_partition(section, name) if section else None


def _pdis(partition: AiePartition) -> tuple[PdiSummary, ...]:
    return tuple(
        PdiSummary(
            uuid=_uuid(pdi.uuid),
            nbytes=len(pdi.image),
            sha256=hashlib.sha256(pdi.image).hexdigest(),
            kernel_ids=tuple(number for group in pdi.cdo_groups for number in group.dpu_kernel_ids),
        )
        for pdi in partition.pdis
    )


def _uuid(data: bytes) -> str:
    return str(uuid.UUID(bytes=data))


# Text


def description_text(described: Description) -> str:
    """The description as a page."""
    return "\n".join(
        [
            f"{described.name}: {described.nbytes:,} bytes, uuid {described.uuid}, mode {described.mode}"
            + (f", platform {described.platform}" if described.platform else ""),
            _origin(described.provenance),
            "",
            "sections",
            *(f"  {s.kind:<18} {s.nbytes:>9,} B  at 0x{s.offset:06x}" for s in described.sections),
            "",
            "banks",
            *(_bank(number, bank) for number, bank in enumerate(described.banks)),
            *(["  none"] if not described.banks else []),
            *(line for kernel in described.kernels for line in _kernel(kernel)),
            *(
                []
                if described.kernels
                else ["", "no kernel: EMBEDDED_METADATA is missing, and an NPU's shim refuses the file"]
            ),
            "",
            *_partition_lines(described),
            "",
        ]
    )


def _origin(provenance: Provenance | None) -> str:
    if provenance is None:
        return "not built by tileproof"
    return (
        f"built by tileproof {provenance.tileproof} with the {provenance.toolchain} toolchain: {provenance.variant}, "
        f"build {provenance.digest[:12]}, to go with instructions of SHA-256 {provenance.insts_sha256[:12]}"
    )


def _bank(number: int, bank: MemData) -> str:
    kind = MEM_TYPES.get(bank.type, f"type {bank.type}")
    used = "" if bank.used else ", not used"
    return f"  {number}  {bank.tag:<10} {bank.size_kb:>9,} KB  at 0x{bank.base_address:x}, {kind}{used}"


def _kernel(kernel: Kernel) -> list[str]:
    names = (
        ", ".join(f"{kernel.name}:{instance}" for instance in kernel.instances) or f"{kernel.name} without an instance"
    )
    number = "" if kernel.kernel_id is None else f", id 0x{kernel.kernel_id:x}"
    head = f"  {'':>2}  {'name':<8} {'takes':<7} {'at':>5} {'size':>4}  {'bank':<10} group id in slot {FIRST_SLOT}"
    other = "" if kernel.is_for_npu else ", not for the NPU: it has neither the type dpu nor an id"
    return ["", f"kernel {names}{number}{other}", head, *(_argument(argument) for argument in kernel.arguments)]


def _argument(argument: Argument) -> str:
    bank = "none" if argument.bank is None else f"{argument.bank} {argument.bank_tag or '(not there)'}"
    group = argument.group_id(FIRST_SLOT)
    return (
        f"  {argument.index:>2}  {argument.name:<8} {argument.kind:<7} {f'0x{argument.offset:02x}':>5} "
        f"{argument.size:>4}  {bank:<10} {group} (0x{group:x})"
    )


def _partition_lines(described: Description) -> list[str]:
    if not described.columns:
        return ["no partition: AIE_PARTITION is missing"]
    starts = ", ".join(map(str, described.start_columns)) or "nowhere"
    plural = "" if described.columns == 1 else "s"
    lines = [f"partition of {described.columns} column{plural}, which may begin at column {starts}"]
    for pdi in described.pdis:
        ids = ", ".join(f"0x{number:x}" for number in pdi.kernel_ids) or "none"
        lines.append(f"  PDI {pdi.uuid}: {pdi.nbytes:,} B, SHA-256 {pdi.sha256[:12]}, kernel ids {ids}")
    return lines


def section_text(data: bytes, name: str, kind: str) -> str:
    """One section, by its kind's name or number: its bytes as they are, sixteen to a line, with their letters."""
    xclbin = read_xclbin(data, name)
    found = [section for section in xclbin.sections if kind.upper() in (section.kind_name.upper(), str(section.kind))]
    if not found:
        raise Problem(
            f"{name} has no section {kind}",
            id="no-section",
            where=f"--section {kind}",
            why="it has " + ", ".join(section.kind_name for section in xclbin.sections),
            fix="name one of those",
        )
    return "\n".join(line for section in found for line in _dump(section))


def _dump(section: Section) -> Iterator[str]:
    yield f"{section.kind_name}: {len(section.data):,} bytes at 0x{section.offset:06x}"
    for at in range(0, len(section.data), 16):
        row = section.data[at : at + 16]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"  {at:06x}  {row.hex(' '):<47}  {letters}"


# How a host calls it


def host_call(described: Description, path: str, sizes: dict[int, int] | None = None) -> str:
    """Python to paste: how pyxrt calls the first kernel for the NPU. `sizes` are bytes by argument, where they are
    known; nothing where no argument is known to take the instructions."""
    kernel = next((one for one in described.kernels if one.is_for_npu), None)
    call = Call(opcode=None, instructions=None, count=None, buffers=()) if kernel is None else call_of(kernel)
    if kernel is None or call.instructions is None:
        return ""
    # Instructions count arguments from mlir-aie's first buffer on; of other tables nobody says how.
    fits = call.instructions == INSTRUCTIONS
    known = {index: size for index, size in (sizes or {}).items() if index in call.buffers and fits}
    chosen = known or dict.fromkeys(call.buffers[:2] if fits else call.buffers, 0)
    comment = (
        "bytes of each buffer, by kernel argument" if known else "FILL IN: bytes of each buffer, by kernel argument"
    )
    return f"""\
import numpy as np
import pyxrt

TO_DEVICE = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
FROM_DEVICE = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
sizes = {chosen!r}  # {comment}

device = pyxrt.device(0)
xclbin = pyxrt.xclbin({path!r})
device.register_xclbin(xclbin)  # an NPU has no load_xclbin
context = pyxrt.hw_context(device, xclbin.get_uuid())
kernel = pyxrt.kernel(context, {kernel.name!r})

words = np.fromfile("insts.bin", dtype=np.uint32)
instructions = pyxrt.bo(device, words.nbytes, pyxrt.bo.cacheable, kernel.group_id({call.instructions}))
instructions.write(words.tobytes(), 0)
instructions.sync(TO_DEVICE)
buffers = {{k: pyxrt.bo(device, size, pyxrt.bo.host_only, kernel.group_id(k)) for k, size in sizes.items()}}
for buffer in buffers.values():  # write the inputs first
    buffer.sync(TO_DEVICE)

run = pyxrt.run(kernel)  # kernel(...) would swallow a wrong argument; set_arg raises
{_settings(call)}
for k, buffer in buffers.items():
    run.set_arg(k, buffer)
run.start()
state = run.wait(2000)
assert state == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, state
outputs = {{}}
for k, buffer in buffers.items():
    buffer.sync(FROM_DEVICE)
    outputs[k] = np.frombuffer(buffer.read(sizes[k], 0), dtype=np.uint8)
"""


def _settings(call: Call) -> str:
    """3 is the opcode of a transaction, which insts.bin is."""
    values = ((call.opcode, "3"), (call.instructions, "instructions"), (call.count, "len(words)"))
    return "\n".join(f"run.set_arg({index}, {value})" for index, value in values if index is not None)
