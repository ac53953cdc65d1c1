"""The container: we write what aiecc writes, and no bytes whatever make the reader do worse than refuse."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest

from tileproof.errors import Problem
from tileproof.xclbin import (
    PackageRequest,
    Section,
    Xclbin,
    build_xclbin,
    parse_aie_partition,
    parse_connectivity,
    parse_embedded_metadata,
    parse_ip_layout,
    parse_topology,
    read_arguments,
    read_kernels,
    read_xclbin,
    section_name,
    write_xclbin,
)
from tileproof.xclbin.sections import (
    AiePartition,
    AiePdi,
    CdoGroup,
    Connection,
    KernelArgument,
    KernelMetadata,
    MemData,
    serialise_aie_partition,
    serialise_connectivity,
    serialise_embedded_metadata,
    serialise_topology,
)

LENGTH_AT, COUNT_AT, TABLE_AT, HEADER_BYTES = 304, 448, 456, 40
MUTATIONS = 3000


def request(**changes) -> PackageRequest:
    plain = PackageRequest(
        columns=1,
        start_columns=(0, 1, 2, 3),
        pdi=b"pdi" * 11,
        uuid=bytes(range(16)),
        pdi_uuid=bytes(range(16, 32)),
    )
    return replace(plain, **changes)


def package(**changes) -> bytes:
    return write_xclbin(build_xclbin(request(**changes)))


def section_of(data: bytes, kind: str) -> Section:
    section = read_xclbin(data, "a.xclbin").section(kind)
    assert section is not None
    return section


def refusal(data: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        read_everything(data, "a.xclbin")
    return caught.value


PARSERS = {
    "MEM_TOPOLOGY": parse_topology,
    "GROUP_TOPOLOGY": parse_topology,
    "CONNECTIVITY": parse_connectivity,
    "GROUP_CONNECTIVITY": parse_connectivity,
    "IP_LAYOUT": parse_ip_layout,
    "EMBEDDED_METADATA": parse_embedded_metadata,
    "AIE_PARTITION": parse_aie_partition,
}


def read_everything(data: bytes, name: str) -> Xclbin:
    xclbin = read_xclbin(data, name)
    for section in xclbin.sections:
        if parse := PARSERS.get(section.kind_name):
            parse(section, name)
    read_kernels(xclbin, name)
    return xclbin


# --- what is written ----------------------------------------------------------------------------------------


def test_the_sections_have_the_order_and_the_sizes_of_a_package_by_aiecc():
    xclbin = read_xclbin(package(), "a.xclbin")

    sizes = {section.kind_name: len(section.data) for section in xclbin.sections}
    assert list(SIZES_BY_AIECC) == list(sizes)
    assert {kind: size or sizes[kind] for kind, size in SIZES_BY_AIECC.items()} == sizes


# Where the size depends on the PDI or on the spelling of the XML: None.
SIZES_BY_AIECC = {
    "MEM_TOPOLOGY": 88,
    "AIE_PARTITION": None,
    "EMBEDDED_METADATA": None,
    "IP_LAYOUT": 88,
    "CONNECTIVITY": 76,
    "GROUP_CONNECTIVITY": 148,
    "GROUP_TOPOLOGY": 88,
}


def test_the_argument_table_is_the_one_that_xrt_reads_from_a_package_by_aiecc():
    arguments = read_arguments(read_xclbin(package(), "a.xclbin"), "a.xclbin")

    assert [(a.name, a.kind, a.offset, a.size, a.bank, a.bank_tag) for a in arguments] == [
        ("opcode", "scalar", 0x00, 8, None, None),
        ("instr", "buffer", 0x08, 8, 1, "SRAM"),
        ("ninstr", "scalar", 0x10, 4, None, None),
        ("bo0", "buffer", 0x14, 8, 0, "HOST"),
        ("bo1", "buffer", 0x1C, 8, 0, "HOST"),
        ("bo2", "buffer", 0x24, 8, 0, "HOST"),
        ("bo3", "buffer", 0x2C, 8, 0, "HOST"),
        ("bo4", "buffer", 0x34, 8, 0, "HOST"),
    ]


@pytest.mark.parametrize(
    ("slot", "expected"),
    [(1, [131071, 65537, 131071, *[65536] * 5]), (2, [196607, 131073, 196607, *[131072] * 5])],
)
def test_a_group_id_is_the_bank_below_and_the_slot_above(slot, expected):
    arguments = read_arguments(read_xclbin(package(), "a.xclbin"), "a.xclbin")

    assert expected == [argument.group_id(slot) for argument in arguments]


def test_a_slot_beyond_8_bits_wraps_as_it_does_in_xrt():
    arguments = read_arguments(read_xclbin(package(), "a.xclbin"), "a.xclbin")

    assert arguments[1].group_id(257) == arguments[1].group_id(1)


@pytest.mark.parametrize(("buffers", "arguments"), [(0, 8), (2, 8), (5, 8), (6, 9), (16, 19)])
def test_a_kernel_declares_at_least_five_buffers(buffers, arguments):
    xclbin = read_xclbin(package(buffers=buffers), "a.xclbin")

    assert len(read_arguments(xclbin, "a.xclbin")) == arguments
    assert len(section_of(package(buffers=buffers), "GROUP_CONNECTIVITY").data) == 4 + 2 * 12 * (arguments - 2)


def test_a_seventeenth_buffer_is_refused():
    with pytest.raises(Problem, match="17 buffers cannot be passed"):
        build_xclbin(request(buffers=17))


def test_a_name_that_does_not_fit_is_refused():
    with pytest.raises(Problem, match="does not fit in an xclbin"):
        build_xclbin(request(kernel_name="MLIR_AIE_" + "a" * 60))


def test_a_name_and_a_kernel_id_may_fill_their_fields():
    name = "a" * (63 - len("MLIRAIE"))

    for kernel_id in (0, 0xFFF):
        (unit,) = parse_ip_layout(section_of(package(kernel_name=name, kernel_id=kernel_id), "IP_LAYOUT"), "a.xclbin")
        assert (unit.name, len(unit.name)) == (f"{name}:MLIRAIE", 64)
    with pytest.raises(Problem, match="does not fit in an xclbin"):
        build_xclbin(request(kernel_id=0x1000))


def test_everything_lies_at_multiples_of_eight_whatever_is_before_it():
    odd = tuple(Section(kind=0x70 + size, data=bytes(size)) for size in (1, 3, 5, 8))
    data = package(extra_sections=odd, pdi=b"p" * 301)
    partition = section_of(data, "AIE_PARTITION").data
    count, pdi_at = struct.unpack_from("<II", partition, 120)
    image_size, image_at, groups, group_at = struct.unpack_from("<IIII", partition, pdi_at + 16)

    assert {section.offset % 8 for section in read_xclbin(data, "a.xclbin").sections} == {0}
    assert (count, image_size, groups) == (1, 301, 1)
    assert {pdi_at % 8, image_at % 8, group_at % 8} == {0}


def test_what_was_written_is_read_back_and_written_again_to_the_same_bytes():
    extra = Section(kind=0x7F, name="tileproof", data=b"odd size")
    asked = build_xclbin(request(extra_sections=(extra,), mode="SW_EMU", platform_vbnv="tileproof_emu"))
    data = write_xclbin(asked)

    read = read_xclbin(data, "a.xclbin")

    assert read == asked
    assert write_xclbin(read) == data
    assert data == package(extra_sections=(extra,), mode="SW_EMU", platform_vbnv="tileproof_emu")


def test_what_follows_the_last_section_is_kept():
    mirrored = package() + b"XCLBIN_MIRROR_DATA_START{}XCLBIN_MIRROR_DATA_END"
    mirrored = mirrored[:LENGTH_AT] + struct.pack("<Q", len(mirrored)) + mirrored[LENGTH_AT + 8 :]

    assert write_xclbin(read_xclbin(mirrored, "a.xclbin")) == mirrored


@pytest.mark.parametrize("nbytes", range(9))
def test_an_empty_section_at_the_end_puts_no_padding_in_front_of_what_follows(nbytes):
    sections = (Section(kind=0x7F, data=bytes(nbytes)), Section(kind=0x7E, data=b""))
    xclbin = Xclbin(uuid=bytes(16), sections=sections, trailer=b"behind")

    assert read_xclbin(write_xclbin(xclbin), "a.xclbin") == xclbin


def test_an_unknown_section_is_named_by_its_number_and_kept_byte_for_byte():
    data = package(extra_sections=(Section(kind=0x7F, data=bytes(range(256))),))

    section = read_xclbin(data, "a.xclbin").sections[-1]

    assert (section.kind_name, section.data) == ("0x7f", bytes(range(256)))
    assert section_name(32) == "AIE_PARTITION"


def test_the_partition_says_how_wide_it_is_and_which_kernel_its_pdi_serves():
    data = package(columns=4, start_columns=(0,))
    partition = parse_aie_partition(section_of(data, "AIE_PARTITION"), "a.xclbin")

    assert (partition.name, partition.column_width, partition.start_columns) == ("QoS", 4, (0,))
    assert partition.pdis[0].image == b"pdi" * 11
    assert partition.pdis[0].cdo_groups[0].dpu_kernel_ids == (0x901,)
    assert partition.pdis[0].cdo_groups[0].pre_cdo_groups == (0xC1,)


def test_a_partition_with_several_pdis_survives_writing_and_reading():
    groups = (
        CdoGroup(name="DPU", dpu_kernel_ids=(0x901, 0x902), pre_cdo_groups=(0xC1,)),
        CdoGroup(name="other", dpu_kernel_ids=(), type=2, pdi_id=7),
    )
    pdis = (
        AiePdi(uuid=bytes(16), image=b"one", cdo_groups=groups),
        AiePdi(uuid=bytes([1] * 16), image=b"", cdo_groups=()),
    )
    partition = AiePartition(column_width=8, start_columns=(0, 3, 5), pdis=pdis, kernel_commit_id="abc")

    section = Section(kind=32, data=serialise_aie_partition(partition))
    (pdi_at,) = struct.unpack_from("<I", section.data, 124)
    arrays = [struct.unpack_from("<IIII", section.data, pdi_at + 96 * number + 16) for number in range(2)]

    assert parse_aie_partition(section, "a.xclbin") == partition
    assert {pdi_at % 8, *(at % 8 for _, image_at, _, group_at in arrays for at in (image_at, group_at))} == {0}


def test_the_ip_layout_ties_the_compute_unit_to_the_pdi():
    (unit,) = parse_ip_layout(section_of(package(), "IP_LAYOUT"), "a.xclbin")

    assert (unit.name, unit.subtype, unit.functional, unit.kernel_id) == ("MLIR_AIE:MLIRAIE", 1, 0, 0x901)


# --- which bank ---------------------------------------------------------------------------------------------


def with_section(data: bytes, kind: str, content: bytes | None) -> bytes:
    xclbin = read_xclbin(data, "a.xclbin")
    sections = tuple(
        replace(s, data=content or b"") if s.kind_name == kind else s
        for s in xclbin.sections
        if s.kind_name != kind or content is not None
    )
    return write_xclbin(replace(xclbin, sections=sections))


def test_the_largest_connected_bank_counts():
    rows = [Connection(arg_index=3, ip_layout_index=0, mem_data_index=bank) for bank in (0, 1, 0)]
    data = with_section(package(), "GROUP_CONNECTIVITY", serialise_connectivity(rows))

    bo0 = read_arguments(read_xclbin(data, "a.xclbin"), "a.xclbin")[3]

    assert (bo0.banks, bo0.bank, bo0.bank_tag) == ((0, 1), 1, "SRAM")


def test_without_group_sections_the_plain_ones_are_read():
    data = with_section(with_section(package(), "GROUP_CONNECTIVITY", None), "GROUP_TOPOLOGY", None)

    bo0 = read_arguments(read_xclbin(data, "a.xclbin"), "a.xclbin")[3]

    assert (bo0.bank, bo0.bank_tag) == (0, "HOST")


def test_rows_of_another_compute_unit_do_not_connect_this_one():
    rows = [Connection(arg_index=3, ip_layout_index=1, mem_data_index=0)]
    data = with_section(package(), "GROUP_CONNECTIVITY", serialise_connectivity(rows))

    assert read_arguments(read_xclbin(data, "a.xclbin"), "a.xclbin")[3].group_id(1) == 131071


def test_a_bank_without_an_entry_in_the_topology_has_no_tag():
    data = with_section(
        package(), "GROUP_TOPOLOGY", serialise_topology([MemData(tag="HOST", size_kb=1, base_address=0)])
    )

    assert [a.bank_tag for a in read_arguments(read_xclbin(data, "a.xclbin"), "a.xclbin")][:4] == [
        None,
        None,
        None,
        "HOST",
    ]


ONE_NUMBER = KernelArgument(name="n", qualifier="SCALAR", index=0, size=4, offset=0, type="int")


def test_of_two_kernels_one_must_be_named():
    kernels = [
        KernelMetadata(name=name, instances=("i",), arguments=arguments, kernel_id=None)
        for name, arguments in (("first", (ONE_NUMBER,)), ("second", ()))
    ]
    data = with_section(package(), "EMBEDDED_METADATA", serialise_embedded_metadata(kernels))
    xclbin = read_xclbin(data, "a.xclbin")

    assert read_arguments(xclbin, "a.xclbin", "second") == ()
    with pytest.raises(Problem, match="has no kernel 'third'"):
        read_arguments(xclbin, "a.xclbin", "third")
    with pytest.raises(Problem, match="does not have exactly one kernel") as caught:
        read_arguments(xclbin, "a.xclbin")
    assert caught.value.why == "its kernels: first, second"


def test_names_with_xml_in_them_survive():
    argument = KernelArgument(name='<&">', qualifier="GLOBAL", index=0, size=8, offset=0, type="void*")
    kernel = KernelMetadata(name="a&b", instances=("é",), arguments=(argument,), kernel_id=0x901)
    section = Section(kind=2, data=serialise_embedded_metadata([kernel]))

    assert parse_embedded_metadata(section, "a.xclbin") == (kernel,)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is empty"),
        (b"\x7fELF\x02\x01\x01", "an ELF object"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"<HTML>", "a web page"),
        (b"hello, world", "it is text, beginning with 'hello, world'"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"xclbin0\0" + bytes(500), "xclbin0"),
        (b"xclbin1\0" + bytes(500), "xclbin1"),
        (bytes([0, 1, 3, 6, 4, 1, 0, 0]), "instruction stream"),
        (bytes([1, 2, 3]), "begins with 78 63 6c 62 69 6e 32 00 (xclbin2), and this file with 01 02 03"),
    ],
)
def test_what_is_no_xclbin_is_named_for_what_it_looks_like(data, why):
    problem = refusal(data)

    assert problem.what == "a.xclbin is not an xclbin"
    assert why in problem.why
    assert problem.exit_code == 2


def test_a_short_file_says_how_much_of_it_is_there():
    data = package()
    problem = refusal(data[:1000])

    assert problem.what == "a.xclbin is cut short"
    assert problem.why == f"its header declares {len(data):,} bytes, and the file has 1,000"


def test_a_file_shorter_than_the_header_is_refused():
    assert "the header takes 456 bytes" in (refusal(package()[:100]).why or "")


def overwrite(data: bytes, at: int, code: str, value: int) -> bytes:
    new = struct.pack(code, value)
    return data[:at] + new + data[at + len(new) :]


def test_more_section_headers_than_bytes_are_refused():
    problem = refusal(overwrite(package(), COUNT_AT, "<I", 0xFFFF_FFFF))

    assert "4,294,967,295 section headers of 40 bytes takes 171,798,691,800 bytes" in problem.why


def test_a_section_beyond_the_end_is_refused_with_its_name():
    problem = refusal(overwrite(package(), TABLE_AT + HEADER_BYTES + 32, "<Q", 1 << 62))

    assert problem.where.startswith("a.xclbin, byte ")
    assert "section AIE_PARTITION (number 1) takes 4,611,686,018,427,387,904 bytes" in problem.why


def test_sections_that_overlap_are_refused():
    first = struct.unpack_from("<Q", package(), TABLE_AT + 24)[0]
    problem = refusal(overwrite(package(), TABLE_AT + HEADER_BYTES + 24, "<Q", first + 8))

    end = first + len(section_of(package(), "MEM_TOPOLOGY").data)
    assert f"section MEM_TOPOLOGY ends at byte {end:,}, " in problem.why
    assert f"section AIE_PARTITION begins before that, at byte {first + 8:,}" in problem.why


def test_a_section_inside_the_header_is_refused():
    assert "inside the header" in (refusal(overwrite(package(), TABLE_AT + 24, "<Q", 0)).why or "")


def test_a_damaged_section_is_refused_at_its_place_in_the_file():
    data = package()
    place = section_of(data, "CONNECTIVITY").offset

    problem = refusal(overwrite(data, place, "<i", 1 << 30))

    assert problem.what == "a.xclbin: section CONNECTIVITY cannot be read"
    assert problem.where == f"a.xclbin, byte {place + 4:,} (0x{place + 4:x})"


def test_a_negative_count_is_refused():
    data = package()

    assert "declares -1 memory banks" in (
        refusal(overwrite(data, section_of(data, "MEM_TOPOLOGY").offset, "<i", -1)).why or ""
    )


def test_a_partition_whose_arrays_share_their_bytes_is_refused():
    # 200 PDIs, each with the same 200 groups: 40,000 groups from one small section.
    groups = tuple(CdoGroup(name="", dpu_kernel_ids=()) for _ in range(200))
    pdis = tuple(AiePdi(uuid=bytes(16), image=b"", cdo_groups=()) for _ in range(199))
    shared = (AiePdi(uuid=bytes(16), image=b"", cdo_groups=groups), *pdis)
    partition = AiePartition(column_width=1, start_columns=(0,), pdis=shared)
    data = bytearray(serialise_aie_partition(partition))
    pdi_at = struct.unpack_from("<I", data, 124)[0]
    for index in range(200):
        data[pdi_at + 96 * index + 24 : pdi_at + 96 * index + 32] = data[pdi_at + 24 : pdi_at + 32]

    assert "its arrays overlap" in (refusal(with_section(package(), "AIE_PARTITION", bytes(data))).why or "")


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"<project>", "it is not XML"),
        (b"", "it is not XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><project/>', "document type"),
        (b'<kernel name="k"><arg id="x"/></kernel>', "the attribute id = 'x' is not a number"),
        (b'<kernel name="k"><arg id="0" size="-8"/></kernel>', "the attribute size = '-8' is not a number"),
        (b'<kernel name="k"><arg id="' + b"9" * 9000 + b'"/></kernel>', "is not a number"),
        (b'<?xml version="1.0" encoding="no-such"?><project/>', "it is not XML"),
        (b" " * (4 * 1024 * 1024 + 1), "a kernel's metadata stays below 4,194,304"),
    ],
)
def test_metadata_that_is_not_ours_to_read_is_refused(xml, why):
    assert why in (refusal(with_section(package(), "EMBEDDED_METADATA", xml)).why or "")


def test_a_package_without_metadata_has_no_kernel():
    assert refusal(with_section(package(), "EMBEDDED_METADATA", None)).what == "a.xclbin has no kernel to call"


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A valid file with a few fields overwritten by values that break readers, cut, or grown."""
    spoilt = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        code = chance.choice(("<B", "<H", "<I", "<Q"))
        size = struct.calcsize(code)
        # Half of the damage goes to the header and the table, where the lengths and offsets are.
        last = TABLE_AT + 8 * HEADER_BYTES if chance.random() < 0.5 else len(spoilt) - size
        value = chance.choice((0, 1, 2, 0x7F, 1 << 8 * size - 1, (1 << 8 * size) - 1, chance.getrandbits(8 * size)))
        struct.pack_into(code, spoilt, chance.randint(0, min(last, len(spoilt) - size)), value % (1 << 8 * size))
    if chance.random() < 0.1:
        del spoilt[chance.randint(0, len(spoilt)) :]
    if chance.random() < 0.1:
        at = chance.randint(0, len(spoilt))
        spoilt[at:at] = chance.randbytes(chance.randint(1, 64))
    return bytes(spoilt)


def read_or_refused(data: bytes, seed: int) -> Xclbin | Problem:
    try:
        return read_everything(data, "a.xclbin")
    except Problem as problem:
        return problem
    except Exception as error:
        pytest.fail(f"seed {seed}: {error!r}")


def test_no_damage_to_a_file_makes_the_reader_do_worse_than_refuse():
    data = package(extra_sections=(Section(kind=0x7F, data=b"extra"),))
    for seed in range(MUTATIONS):
        outcome = read_or_refused(mutated(data, random.Random(seed)), seed)
        if isinstance(outcome, Problem):
            assert (outcome.exit_code, bool(outcome.where)) == (2, True), f"seed {seed}"
        else:
            assert read_xclbin(write_xclbin(outcome), "again") == outcome, f"seed {seed}"


def test_random_bytes_behind_the_magic_are_refused_or_read():
    for seed in range(500):
        chance = random.Random(seed)
        read_or_refused(b"xclbin2\0" + chance.randbytes(chance.randint(0, 2000)), seed)
