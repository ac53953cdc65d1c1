"""The JSON behind an xclbin's sections: kept, brought up to date, and the place where our stamp stands.

tests/mlir_aie/attention_npu1/aiecc.xclbin is what aiecc and hrx-xclbinutil of 2026-08-14 packed of our attention
kernel."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tileproof.build.stamp import stamped
from tileproof.kernel.banks import Banks
from tileproof.xclbin import Xclbin, read_xclbin, write_xclbin
from tileproof.xclbin.mirror import note, noted, write_mirrored
from tileproof.xclbin.provenance import Provenance, check_pair, read_provenance, with_provenance
from tileproof.xclbin.rebank import Directives, rebank

REAL = Path(__file__).parent / "mlir_aie" / "attention_npu1"
PACKED = (REAL / "aiecc.xclbin").read_bytes()
INSTS = (REAL / "insts.bin").read_bytes()
START, END = b"XCLBIN_MIRROR_DATA_START", b"XCLBIN_MIRROR_DATA_END"
PROVENANCE = Provenance(
    tileproof="0", variant="v", target="npu1", toolchain="mlir-aie", digest="0" * 64, insts_sha256="1" * 64
)

# The kinds that hrx-xclbinutil 3940dd2 takes; createSectionObjectOfKind throws for every other.
KNOWN = {
    *("BITSTREAM", "EMBEDDED_METADATA", "MEM_TOPOLOGY", "CONNECTIVITY", "IP_LAYOUT", "PDI", "PARTITION_METADATA"),
    *("AIE_METADATA", "GROUP_TOPOLOGY", "GROUP_CONNECTIVITY", "AIE_RESOURCES", "AIE_PARTITION", "AIE_RESOURCES_BIN"),
    "AIE_TRACE_METADATA",
}


def mirror_of(data: bytes) -> list[tuple[str, object]]:
    text = data[data.index(START) + len(START) : data.index(END)]
    return json.loads(text, object_pairs_hook=list)  # type: ignore[no-any-return]


def stamp(*, banks: Banks | None = None) -> bytes:
    return stamped(PACKED, INSTS, banks or Banks(), "attention__npu1", "0" * 64)


def test_what_nobody_changes_is_written_byte_for_byte() -> None:
    """Offsets, sizes and every payload that we would write are those of xclbinutil."""
    assert write_mirrored(read_xclbin(PACKED, "a.xclbin")) == PACKED


def test_a_stamped_file_has_the_sections_of_the_file_that_was_packed_and_no_other() -> None:
    before, after = read_xclbin(PACKED, "a.xclbin"), read_xclbin(stamp(), "a.xclbin")

    assert after.sections == before.sections
    assert {section.kind_name for section in after.sections} <= KNOWN
    assert replace(after, trailer=b"") == replace(before, trailer=b"")


def test_a_stamped_file_keeps_its_mirror_with_the_stamp_behind_what_was_there() -> None:
    before, after = mirror_of(PACKED), mirror_of(stamp())

    assert after[:-1] == before
    assert after[-1][0] == "tileproof"


def test_a_stamp_is_read_back_and_holds_the_pair_together() -> None:
    provenance = read_provenance(read_xclbin(stamp(), "a.xclbin"))

    assert provenance is not None
    assert (provenance.variant, provenance.target) == ("attention__npu1", "npu1")
    check_pair(provenance, INSTS, "a.xclbin", "insts.bin")


def test_other_banks_are_in_the_mirror_as_in_the_sections() -> None:
    data = stamp(banks=Banks(host={"4": "SRAM"}, memory={"MORE": 4096}))
    xclbin = read_xclbin(data, "a.xclbin")
    rows = [dict(row) for key, row in mirror_of(data) if key == "section_header"]  # type: ignore[call-overload]

    assert [(row["Kind"], int(row["Offset"], 16), int(row["Size"], 16)) for row in rows] == [
        (str(section.kind), section.offset, len(section.data)) for section in xclbin.sections
    ]
    topology = json.dumps(rows[0]["payload"])
    assert '"m_tag", "MORE"' in topology
    assert '"m_sizeKB", "0x1000"' in topology
    connectivity = next(row["payload"] for row in rows if row["Kind"] == "7")
    assert [["arg_index", "4"], ["m_ip_layout_index", "0"], ["mem_data_index", "1"]] in (
        json.loads(json.dumps(connectivity))[0][1][1][1]
    )
    header = dict(dict(mirror_of(data))["header"])  # type: ignore[call-overload]
    assert header["XclBinUUID"] == xclbin.uuid.hex() != read_xclbin(PACKED, "a.xclbin").uuid.hex()


def test_a_rebanked_file_keeps_its_stamp() -> None:
    again = rebank(stamp(), "a.xclbin", Directives(arguments={"bo1": "SRAM"}))

    assert read_provenance(read_xclbin(again, "a.xclbin")) == read_provenance(read_xclbin(stamp(), "a.xclbin"))


def test_a_file_without_a_mirror_is_stamped_too() -> None:
    bare = Xclbin(uuid=bytes(16), sections=())
    again = read_xclbin(write_xclbin(with_provenance(bare, PROVENANCE)), "a.xclbin")

    assert read_provenance(again) == PROVENANCE
    assert read_provenance(bare) is None


def test_a_second_stamp_takes_the_place_of_the_first() -> None:
    twice = with_provenance(
        with_provenance(read_xclbin(PACKED, "a.xclbin"), PROVENANCE), replace(PROVENANCE, target="x")
    )

    assert [key for key, _ in mirror_of(write_xclbin(twice))].count("tileproof") == 1
    assert note(twice, "tileproof")["provenance"]["target"] == "x"


@pytest.mark.parametrize(
    "trailer",
    [
        b"",
        START,
        START + END,
        START + b"[]" + END,
        START + b'{"tileproof": 3}' + END,
        START + b'{"tileproof": {"provenance": {"odd": 1}}}' + END,
        START + b"{" * 100_000 + END,
        START + b"[" * 100_000 + END,
        END + START,
        START + json.dumps({"tileproof": {"provenance": asdict(PROVENANCE)}}).encode() + b"\n",
        b"\xff\xfe" + START + b"\xff" + END,
    ],
    ids=range(11),
)
def test_a_mirror_that_is_none_is_no_stamp_and_no_traceback(trailer: bytes) -> None:
    xclbin = replace(read_xclbin(PACKED, "a.xclbin"), trailer=trailer)

    assert read_provenance(xclbin) is None
    assert read_provenance(read_xclbin(write_xclbin(with_provenance(xclbin, PROVENANCE)), "b.xclbin")) == PROVENANCE
    assert read_xclbin(write_mirrored(xclbin), "a.xclbin").sections == xclbin.sections


def test_what_is_noted_need_be_no_text() -> None:
    assert note(noted(Xclbin(uuid=bytes(16), sections=()), "k", {"a": [1, {"b": None}]}), "k") == {
        "a": [1, {"b": None}]
    }
