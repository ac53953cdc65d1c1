"""What is in a section: a dataclass for each struct, `parse_*` and `serialise_*` for each kind.

Parsers take the `Section` and the file's name; what does not fit the section's own bytes is a Problem.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from tileproof.xclbin import layout
from tileproof.xclbin.container import Section
from tileproof.xclbin.names import (
    ADDRESS_QUALIFIERS,
    CDO_PRIMARY,
    IP_PS_KERNEL,
    MEM_DRAM,
    PS_SUBTYPE_DPU,
    QUALIFIER_OF,
)
from tileproof.xclbin.window import Window, field_of, text_of

TAG_BYTES = 16
IP_NAME_BYTES = 64
# A kernel's metadata is about 1 kB. The limit keeps a hostile document from growing thirtyfold into a tree.
LONGEST_METADATA = 4 * 1024 * 1024


# --- MEM_TOPOLOGY, GROUP_TOPOLOGY ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemData:
    """One memory bank; its index in the table is the bank number of a group id."""

    tag: str
    size_kb: int
    base_address: int
    type: int = MEM_DRAM
    used: int = 1


def parse_topology(section: Section, name: str) -> tuple[MemData, ...]:
    window = _window(section, name)
    rows = window.rows(layout.MEM_DATA, layout.MEM_DATA_START, _count(window), "memory banks")
    return tuple(
        MemData(type=type_, used=used, size_kb=size_kb, base_address=base, tag=text_of(tag))
        for type_, used, size_kb, base, tag in rows
    )


def serialise_topology(banks: Iterable[MemData]) -> bytes:
    rows = [
        layout.MEM_DATA.pack(b.type, b.used, b.size_kb, b.base_address, field_of(b.tag, TAG_BYTES, "the memory tag"))
        for b in banks
    ]
    return _counted(layout.MEM_DATA_START, rows)


# --- CONNECTIVITY, GROUP_CONNECTIVITY -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Argument `arg_index` of the compute unit in row `ip_layout_index` reaches bank `mem_data_index`."""

    arg_index: int
    ip_layout_index: int
    mem_data_index: int


def parse_connectivity(section: Section, name: str) -> tuple[Connection, ...]:
    window = _window(section, name)
    rows = window.rows(layout.CONNECTION, layout.CONNECTION_START, _count(window), "connections")
    return tuple(Connection(arg_index=arg, ip_layout_index=ip, mem_data_index=mem) for arg, ip, mem in rows)


def serialise_connectivity(connections: Iterable[Connection]) -> bytes:
    rows = [layout.CONNECTION.pack(c.arg_index, c.ip_layout_index, c.mem_data_index) for c in connections]
    return _counted(layout.CONNECTION_START, rows)


# --- IP_LAYOUT ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class IpData:
    """One compute unit, named `KERNEL:INSTANCE`. `properties` is kept whole; its parts are for PS kernels."""

    name: str
    type: int = IP_PS_KERNEL
    properties: int = 0
    base_address: int = layout.IP_BASE_NOT_USED

    @property
    def subtype(self) -> int:
        return self.properties & layout.IP_SUBTYPE_MASK

    @property
    def functional(self) -> int:
        return self.properties >> layout.IP_FUNCTIONAL_SHIFT & layout.IP_FUNCTIONAL_MASK

    @property
    def kernel_id(self) -> int:
        return self.properties >> layout.IP_KERNEL_ID_SHIFT & layout.IP_KERNEL_ID_MASK


def dpu_properties(kernel_id: int) -> int:
    return PS_SUBTYPE_DPU | (kernel_id & layout.IP_KERNEL_ID_MASK) << layout.IP_KERNEL_ID_SHIFT


def parse_ip_layout(section: Section, name: str) -> tuple[IpData, ...]:
    window = _window(section, name)
    rows = window.rows(layout.IP_DATA, layout.IP_DATA_START, _count(window), "compute units")
    return tuple(
        IpData(type=type_, properties=properties, base_address=base, name=text_of(ip_name))
        for type_, properties, base, ip_name in rows
    )


def serialise_ip_layout(units: Iterable[IpData]) -> bytes:
    rows = [
        layout.IP_DATA.pack(u.type, u.properties, u.base_address, field_of(u.name, IP_NAME_BYTES, "KERNEL:INSTANCE"))
        for u in units
    ]
    return _counted(layout.IP_DATA_START, rows)


# --- EMBEDDED_METADATA --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelArgument:
    """One `arg` of a kernel. `offset` is its byte in the command's register words, `size` its bytes there."""

    name: str
    qualifier: str
    index: int
    size: int
    offset: int
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelMetadata:
    """One `kernel` of the XML. `kernel_id` ties it to a PDI of AIE_PARTITION; None if not given."""

    name: str
    instances: tuple[str, ...]
    arguments: tuple[KernelArgument, ...]
    kernel_id: int | None = None
    type: str = "dpu"
    language: str = "c"


def parse_embedded_metadata(section: Section, name: str) -> tuple[KernelMetadata, ...]:
    window = _window(section, name)
    root = _xml_root(window)
    return tuple(_kernel(node, window) for node in root.iter("kernel"))


def serialise_embedded_metadata(kernels: Iterable[KernelMetadata]) -> bytes:
    project = ElementTree.Element("project")
    device = ElementTree.SubElement(ElementTree.SubElement(project, "platform"), "device")
    core = ElementTree.SubElement(device, "core")
    for kernel in kernels:
        _append_kernel(core, kernel)
    ElementTree.indent(project)
    text = ElementTree.tostring(project, encoding="unicode", short_empty_elements=True).replace(" />", "/>")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + text.encode("utf-8")


def _append_kernel(core: ElementTree.Element, kernel: KernelMetadata) -> None:
    node = ElementTree.SubElement(core, "kernel", name=kernel.name, language=kernel.language, type=kernel.type)
    if kernel.kernel_id is not None:
        extended = {"subtype": "DPU", "functional": "0", "dpu_kernel_id": f"0x{kernel.kernel_id:x}"}
        ElementTree.SubElement(node, "extended-data", extended)
    for argument in kernel.arguments:
        size = f"0x{argument.size:x}"
        attributes = {
            "name": argument.name,
            "addressQualifier": str(QUALIFIER_OF[argument.qualifier]),
            "id": str(argument.index),
            "size": size,
            "offset": f"0x{argument.offset:02x}",
            "hostOffset": "0x0",
            "hostSize": size,
            "type": argument.type,
        }
        ElementTree.SubElement(node, "arg", attributes)
    for instance in kernel.instances:
        ElementTree.SubElement(node, "instance", name=instance)


def _xml_root(window: Window) -> ElementTree.Element:
    if len(window.data) > LONGEST_METADATA:
        why = f"it has {len(window.data):,} bytes, and a kernel's metadata stays below {LONGEST_METADATA:,}"
        raise window.refusal(0, why)
    text = window.data.rstrip(b"\0")
    entity = re.search(rb"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE)
    if entity:
        raise window.refusal(entity.start(), "it declares a document type, which xclbinutil never writes")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise window.refusal(0, f"it is not XML: {error}") from None


def _kernel(node: ElementTree.Element, window: Window) -> KernelMetadata:
    extended = node.find("extended-data")
    kernel_id = extended.get("dpu_kernel_id") if extended is not None else None
    return KernelMetadata(
        name=node.get("name", ""),
        language=node.get("language", ""),
        type=node.get("type", ""),
        kernel_id=None if kernel_id is None else _number(kernel_id, "dpu_kernel_id", window),
        # An argument with an empty id has no place in the call (XRT calls it an rtinfo argument).
        arguments=tuple(_argument(arg, window) for arg in node.findall("arg") if arg.get("id", "")),
        instances=tuple(instance.get("name", "") for instance in node.findall("instance")),
    )


def _argument(node: ElementTree.Element, window: Window) -> KernelArgument:
    qualifier = _number(node.get("addressQualifier", "0"), "addressQualifier", window)
    return KernelArgument(
        name=node.get("name", ""),
        qualifier=ADDRESS_QUALIFIERS.get(qualifier, f"0x{qualifier:x}"),
        index=_number(node.get("id", ""), "id", window),
        size=_number(node.get("size", "0"), "size", window),
        offset=_number(node.get("offset", "0"), "offset", window),
        type=node.get("type", ""),
    )


def _number(text: str, attribute: str, window: Window) -> int:
    match = re.fullmatch(r"\s*(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})\s*", text, re.ASCII)
    if not match:
        raise window.refusal(0, f"the attribute {attribute} = {text[:40]!r} is not a number")
    digits = match[1]
    return int(digits, 16) if digits[:2].lower() == "0x" else int(digits)


# --- AIE_PARTITION ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CdoGroup:
    """Which kernels a PDI serves."""

    name: str
    dpu_kernel_ids: tuple[int, ...]
    type: int = CDO_PRIMARY
    pdi_id: int = 1
    pre_cdo_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AiePdi:
    """One configuration of the array: what the cores run and how the streams are routed."""

    uuid: bytes
    image: bytes = field(repr=False)
    cdo_groups: tuple[CdoGroup, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AiePartition:
    """How many columns the design takes, at which columns it may start, and its PDIs."""

    column_width: int
    start_columns: tuple[int, ...]
    pdis: tuple[AiePdi, ...]
    name: str = "QoS"
    operations_per_cycle: int = 2048
    inference_fingerprint: int = 23423
    pre_post_fingerprint: int = 12345
    kernel_commit_id: str = ""
    schema_version: int = 0


def parse_aie_partition(section: Section, name: str) -> AiePartition:
    reader = _PartitionReader(_window(section, name))
    (schema, name_at, operations, inference, pre_post, width, columns_count, columns_at, pdi_count, pdi_at,
     commit_at) = reader.window.unpack(layout.AIE_PARTITION, 0, "the partition header")  # fmt: skip
    columns = reader.array(layout.START_COLUMN, columns_count, columns_at, "start columns")
    pdis = reader.array(layout.AIE_PDI, pdi_count, pdi_at, "PDIs")
    return AiePartition(
        schema_version=schema,
        name=reader.text(name_at, "the partition's name"),
        operations_per_cycle=operations,
        inference_fingerprint=inference,
        pre_post_fingerprint=pre_post,
        column_width=width,
        start_columns=tuple(column for (column,) in columns),
        pdis=tuple(reader.pdi(*row) for row in pdis),
        kernel_commit_id=reader.text(commit_at, "the kernel commit id"),
    )


def serialise_aie_partition(partition: AiePartition) -> bytes:
    """Header first, then every array and string on an 8-byte boundary, each written once and before what
    points to it."""
    heap = _Heap(bytearray(layout.AIE_PARTITION.size))
    name_at = heap.text(partition.name)
    columns_at = heap.put(b"".join(layout.START_COLUMN.pack(column) for column in partition.start_columns))
    pdis = [_serialise_pdi(pdi, heap) for pdi in partition.pdis]
    pdi_at = heap.put(b"".join(pdis))
    commit_at = heap.text(partition.kernel_commit_id) if partition.kernel_commit_id else 0
    header = layout.AIE_PARTITION.pack(
        partition.schema_version,
        name_at,
        partition.operations_per_cycle,
        partition.inference_fingerprint,
        partition.pre_post_fingerprint,
        partition.column_width,
        len(partition.start_columns),
        columns_at,
        len(partition.pdis),
        pdi_at,
        commit_at,
    )
    heap.data[: len(header)] = header
    return bytes(heap.data)


def _serialise_pdi(pdi: AiePdi, heap: _Heap) -> bytes:
    image_at = heap.put(pdi.image)
    groups = []
    for group in pdi.cdo_groups:
        name_at = heap.text(group.name)
        kernels_at = heap.put(b"".join(layout.DPU_KERNEL_ID.pack(kernel) for kernel in group.dpu_kernel_ids))
        pre_at = heap.put(b"".join(layout.PRE_CDO_GROUP.pack(pre) for pre in group.pre_cdo_groups))
        counts = (len(group.dpu_kernel_ids), kernels_at, len(group.pre_cdo_groups), pre_at)
        groups.append(layout.CDO_GROUP.pack(name_at, group.type, group.pdi_id, *counts))
    groups_at = heap.put(b"".join(groups))
    return layout.AIE_PDI.pack(pdi.uuid, len(pdi.image), image_at, len(groups), groups_at)


@dataclass(frozen=True, slots=True)
class _Heap:
    data: bytearray

    def put(self, piece: bytes) -> int:
        self.data.extend(bytes(-len(self.data) % layout.ALIGNMENT))
        start = len(self.data)
        self.data.extend(piece)
        return start

    def text(self, text: str) -> int:
        return self.put(text.encode("latin-1") + b"\0")


class _PartitionReader:
    """Follows the partition's offsets, and stops when it has read more bytes than there are.

    No honest file points at the same bytes twice from two arrays; a hostile one that does would otherwise
    multiply its PDIs by its groups by its kernel ids.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self._left = len(window.data)

    def array(self, code: struct.Struct, count: int, offset: int, what: str) -> list[tuple[Any, ...]]:
        self._spend(count * code.size, offset, what)
        return self.window.rows(code, offset, count, what) if count else []

    def text(self, offset: int, what: str) -> str:
        if offset == 0:  # an absent string; offset 0 is the header
            return ""
        self.window.require(offset, 1, what)
        end = self.window.data.find(b"\0", offset)
        if end < 0:
            raise self.window.refusal(offset, f"{what} has no end: no zero byte follows it")
        self._spend(end - offset, offset, what)
        return self.window.data[offset:end].decode("latin-1")

    def pdi(self, uuid: bytes, size: int, image_at: int, group_count: int, groups_at: int) -> AiePdi:
        self._spend(size, image_at, "the PDI's image")
        image = self.window.take(image_at, size, "the PDI's image") if size else b""
        groups = self.array(layout.CDO_GROUP, group_count, groups_at, "CDO groups")
        return AiePdi(uuid=uuid, image=image, cdo_groups=tuple(self._group(*group) for group in groups))

    def _group(
        self, name_at: int, type_: int, pdi_id: int, kernels: int, kernels_at: int, pre: int, pre_at: int
    ) -> CdoGroup:
        return CdoGroup(
            name=self.text(name_at, "a CDO group's name"),
            type=type_,
            pdi_id=pdi_id,
            dpu_kernel_ids=tuple(
                value for (value,) in self.array(layout.DPU_KERNEL_ID, kernels, kernels_at, "DPU kernel ids")
            ),
            pre_cdo_groups=tuple(value for (value,) in self.array(layout.PRE_CDO_GROUP, pre, pre_at, "pre CDO groups")),
        )

    def _spend(self, size: int, offset: int, what: str) -> None:
        self._left -= size
        if self._left < 0:
            total = len(self.window.data)
            why = f"its arrays overlap: {what} ({size:,} bytes) exceeds what is left of {total:,} bytes"
            raise self.window.refusal(min(offset, len(self.window.data)), why)


# --- shared -------------------------------------------------------------------------------------------------


def _window(section: Section, name: str) -> Window:
    return Window(data=section.data, name=name, subject=f"section {section.kind_name}", start=section.offset)


def _count(window: Window) -> int:
    (count,) = window.unpack(layout.COUNT, 0, "the count")
    assert isinstance(count, int)
    return count


def _counted(start: int, rows: list[bytes]) -> bytes:
    return layout.COUNT.pack(len(rows)).ljust(start, b"\0") + b"".join(rows)
