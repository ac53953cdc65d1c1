"""The JSON that xclbinutil writes behind the sections: what the file holds, once more, in words.

Facts: XclBinClass.cxx of XRT and of mlir-aie's hrx-xclbinutil. Nobody but xclbinutil reads it, to migrate a file; keys
at its root that it does not know are skipped there. So what others have to say of a file can stand in it, where a
section of a kind that a reader does not know would make it refuse the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tileproof.xclbin.container import Section, Xclbin, section_offsets, write_xclbin
from tileproof.xclbin.names import KIND_OF, MEM_DRAM
from tileproof.xclbin.sections import parse_connectivity, parse_topology

_START, _END = b"XCLBIN_MIRROR_DATA_START", b"XCLBIN_MIRROR_DATA_END"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose keys may stand there several times: each section is a `section_header`."""

    def get(self, key: str) -> Any:
        return next((value for name, value in self if name == key), None)

    def put(self, key: str, value: Any) -> None:
        """In the place of the first of that name, or behind the last of all."""
        at = next((number for number, (name, _) in enumerate(self) if name == key), len(self))
        self[at : at + 1] = [(key, value)]


def noted(xclbin: Xclbin, key: str, value: dict[str, Any]) -> Xclbin:
    """The file with a word of ours in its mirror; one without a mirror gets one that holds nothing else."""
    mirror = _mirror(xclbin) or _Pairs([("schema_version", {"major": "1", "minor": "0", "patch": "0"})])
    mirror.put(key, value)
    return _with(xclbin, mirror)


def note(xclbin: Xclbin, key: str) -> Any:
    """What `noted` wrote under that key; None where nobody did."""
    mirror = _mirror(xclbin)
    return None if mirror is None else _plain(mirror.get(key))


def write_mirrored(xclbin: Xclbin) -> bytes:
    """The container's bytes, its mirror brought up to what the sections and the header say now."""
    mirror = _mirror(xclbin)
    if mirror is None:
        return write_xclbin(replace(xclbin, trailer=b""))
    header = mirror.get("header")
    if isinstance(header, _Pairs):
        header.put("XclBinUUID", xclbin.uuid.hex())
    rows = [value for name, value in mirror if name == "section_header" and isinstance(value, _Pairs)]
    places = list(zip(xclbin.sections, section_offsets(xclbin.sections), strict=True))
    for row in rows:
        place = next((one for one in places if str(one[0].kind) == row.get("Kind")), None)
        if place is not None:
            places.remove(place)
            _bring_up_to_date(row, *place)
    return write_xclbin(_with(xclbin, mirror))


def _bring_up_to_date(row: _Pairs, section: Section, offset: int) -> None:
    row.put("Offset", hex(offset))
    row.put("Size", hex(len(section.data)))
    payload = _PAYLOADS.get(section.kind)
    if payload is not None and row.get("payload") is not None:
        row.put("payload", payload(section))


def _topology(section: Section) -> dict[str, Any]:
    rows = parse_topology(section, "the xclbin")
    data = [
        {
            "m_type": "MEM_DRAM" if bank.type == MEM_DRAM else str(bank.type),
            "m_used": str(bank.used),
            "m_sizeKB": hex(bank.size_kb),
            "m_tag": bank.tag,
            "m_base_address": hex(bank.base_address),
        }
        for bank in rows
    ]
    return {section.kind_name.lower(): {"m_count": str(len(data)), "m_mem_data": data}}


def _connectivity(section: Section) -> dict[str, Any]:
    rows = parse_connectivity(section, "the xclbin")
    data = [
        {
            "arg_index": str(row.arg_index),
            "m_ip_layout_index": str(row.ip_layout_index),
            "mem_data_index": str(row.mem_data_index),
        }
        for row in rows
    ]
    return {section.kind_name.lower(): {"m_count": str(len(data)), "m_connection": data}}


_PAYLOADS: dict[int, Callable[[Section], dict[str, Any]]] = {
    **dict.fromkeys((KIND_OF["MEM_TOPOLOGY"], KIND_OF["GROUP_TOPOLOGY"]), _topology),
    **dict.fromkeys((KIND_OF["CONNECTIVITY"], KIND_OF["GROUP_CONNECTIVITY"]), _connectivity),
}


def _mirror(xclbin: Xclbin) -> _Pairs | None:
    """None where there is none, or what stands there is no JSON object."""
    start, end = xclbin.trailer.find(_START), xclbin.trailer.find(_END)
    if start < 0 or end < 0:
        return None
    try:
        found = json.loads(xclbin.trailer[start + len(_START) : end], object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, _Pairs) else None


def _with(xclbin: Xclbin, mirror: _Pairs) -> Xclbin:
    return replace(xclbin, trailer=_START + _text(mirror).encode() + _END)


def _text(value: Any) -> str:
    pairs = value.items() if isinstance(value, dict) else value if isinstance(value, _Pairs) else None
    if pairs is not None:
        return "{" + ",".join(f"{json.dumps(key)}:{_text(entry)}" for key, entry in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(entry) for entry in value) + "]"
    return json.dumps(value)


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        return {key: _plain(entry) for key, entry in value}
    return [_plain(entry) for entry in value] if isinstance(value, list) else value
