"""inspect, diff and rebank of what was built: what a host sees of an xclbin, and what instructions move."""

from __future__ import annotations

import json
import random
import struct
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tileproof.check.built import check_built
from tileproof.check.checked import BuiltFile
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.insts import (
    BlockWrite,
    DdrPatch,
    MaskWrite,
    Operation,
    ShimTransfer,
    Sync,
    Verbatim,
    Write,
    encode,
    push_operations,
    stream_for,
    task_bd_operations,
    tile_address,
    transfer_operations,
)
from tileproof.insts.difference import compare_instructions, instructions_text
from tileproof.insts.listing import list_instructions, listing_text
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.xclbin import PackageRequest, Section, build_xclbin, read_arguments, read_xclbin, write_xclbin
from tileproof.xclbin.description import describe, description_text, host_call
from tileproof.xclbin.difference import compare, comparison_text
from tileproof.xclbin.provenance import Provenance, with_provenance
from tileproof.xclbin.rebank import Directives, rebank
from tileproof.xclbin.sections import parse_aie_partition, serialise_aie_partition

# Of aiecc's designs of the mission: 800 bytes in on channel 0 with BD 1, 80 bytes out with BD 0, then a token.
MEL = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<800xi8>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<80xi8>>
    aie.runtime_sequence @sequence(%a: memref<800xi8>, %b: memref<80xi8>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 800][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<800xi8>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 80][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<80xi8>
      aiex.npu.dma_wait {symbol = @out}
    }
  }
}
"""
MUTATIONS = 12_000


def package(**changes: object) -> bytes:
    plain = {"columns": 4, "start_columns": (0,), "pdi": b"pdi" * 100, "uuid": bytes(16), "pdi_uuid": bytes(range(16))}
    return write_xclbin(build_xclbin(PackageRequest(**{**plain, **changes})))  # type: ignore[arg-type]


def words(text: str = MEL) -> bytes:
    design = lower_design(read_design(text, "mel.mlir"))
    return sequence_words(design, main_sequence(design))


# inspect insts.bin


def test_the_missions_mel_is_read_off_a_table() -> None:
    assert listing_text(list_instructions(words(), "insts.bin"), "insts.bin") == (
        "insts.bin: 75 words, 8 operations, for npu1 with 4 columns\n"
        "  word    4  BD      shim (0, 0) BD 1: 800 B\n"
        "  word   16  patch   shim (0, 0) BD 1: address of kernel argument 3, byte 0\n"
        "  word   28  push    shim (0, 0) MM2S channel 0: BD 1\n"
        "  word   34  BD      shim (0, 0) BD 0: 80 B\n"
        "  word   46  patch   shim (0, 0) BD 0: address of kernel argument 4, byte 0\n"
        "  word   58  tokens  shim (0, 0) S2MM channel 0: to controller 15\n"
        "  word   65  push    shim (0, 0) S2MM channel 0: BD 0, with a token\n"
        "  word   71  sync    a token of S2MM channel 0 of (0, 0)\n"
        "\n"
        "moved\n"
        "  argument 3        800 B to the array, bytes 0 to 799, MM2S channel 0 of shim (0, 0)\n"
        "  argument 4         80 B to the host, bytes 0 to 79, S2MM channel 0 of shim (0, 0)\n"
    )


def test_joined_inputs_show_where_each_part_is_read_from() -> None:
    """Is the DMA address of the joined Q, K, V right? The mission's question, read off a table."""
    text = MEL.replace("[0, 0, 0, 0][1, 1, 1, 800]", "[0, 0, 0, 400][1, 1, 1, 400]", 1)
    moved = list_instructions(words(text), "insts.bin").moved[0]

    assert (moved.argument, moved.nbytes, moved.begin, moved.end) == (3, 400, 400, 800)


def test_repeated_and_strided_transfers_count_every_byte_and_span_their_extent() -> None:
    text = MEL.replace("[1, 1, 1, 800][0, 0, 0, 1]", "[2, 1, 4, 100][0, 0, 200, 1]", 1)
    listing = list_instructions(words(text), "insts.bin")

    assert listing.moved[0].nbytes == 800
    assert (listing.moved[0].begin, listing.moved[0].end) == (0, 700)
    assert "words 4 by 50, 25 by 1" in next(line.text for line in listing.lines if line.kind == "BD")


def stream(*operations: Operation, columns: int | None = None) -> bytes:
    return encode(stream_for("npu1", operations, columns=columns))


def transfer(argument: int = 0, **changes: Any) -> ShimTransfer:
    plain = {"sizes": (1, 1, 1, 16), "strides": (0, 0, 0, 1), "element_bytes": 4, "byte_offset": 0}
    return ShimTransfer(
        **{"column": 0, "direction": "MM2S", "channel": 0, "bd_id": 0, "argument": argument} | plain | changes
    )


def test_every_operation_has_its_line() -> None:
    core = tile_address(1, 2, 0x400)
    late = transfer(5, sizes=(2, 1, 2, 16), strides=(64, 0, 32, 1), byte_offset=1024)
    data = stream(
        *transfer_operations(late, generation="npu1"),
        Write(address=core, value=9),
        MaskWrite(address=core, value=2, mask=3),
        BlockWrite(address=core, words=tuple(range(8))),
        BlockWrite(address=core, words=tuple(range(9))),
        DdrPatch(address=core, argument=1, byte_offset=4096),
        Sync(column=0, row=0, direction="MM2S", channel=1, columns=2),
        Sync(column=0, row=0, direction="S2MM", channel=0, rows=3),
        Verbatim(words=(0x06,)),
        Verbatim(words=(0x83, 12, 77)),
        columns=1,
    )

    first = " ".join(f"0x0000000{number}" for number in range(8))
    assert listing_text(list_instructions(data, "a.bin"), "a.bin").splitlines() == [
        "a.bin: 96 words, 12 operations, for npu1 with 1 column",
        "  word    4  BD            shim (0, 0) BD 0: 128 B, words 2 by 32, 16 by 1, 2 iterations by 64",
        "  word   16  patch         shim (0, 0) BD 0: address of kernel argument 8, byte 1,024, with the DDR aperture",
        "  word   28  push          shim (0, 0) MM2S channel 0: BD 0, 2 times",
        "  word   34  write         tile (1, 2) at 0x00400: 0x00000009",
        "  word   40  write         tile (1, 2) at 0x00400: 0x00000002 under mask 0x00000003",
        f"  word   47  write         tile (1, 2) at 0x00400: {first}",
        f"  word   59  write         tile (1, 2) at 0x00400: {first} and 1 more",
        "  word   72  patch         tile (1, 2) at 0x00400, no shim BD: address of kernel argument 4, byte 4,096",
        "  word   84  sync          a token of MM2S channel 1 of (0, 0), and 2 x 1 tiles",
        "  word   88  sync          a token of S2MM channel 0 of (0, 0), and 1 x 3 tiles",
        "  word   92  preempt       1 word, not interpreted",
        "  word   93  record_timer  3 words, not interpreted",
        "",
        "moved",
        "  argument 8        256 B to the array, bytes 1,024 to 1,471, MM2S channel 0 of shim (0, 0)",
    ]


def test_a_stream_that_moves_nothing_says_so() -> None:
    assert listing_text(list_instructions(stream(), "a.bin"), "a.bin") == (
        "a.bin: 4 words, 0 operations, for npu1 with 4 columns\n\nmoved\n  nothing\n"
    )


def test_each_push_of_a_bd_goes_on_where_the_one_before_it_ended() -> None:
    walk = transfer(sizes=(4, 1, 1, 16), strides=(64, 0, 0, 1), byte_offset=1024)
    data = stream(*task_bd_operations(walk, generation="npu1"), *push_operations(0, 0, "MM2S", 0) * 3)

    (moved,) = list_instructions(data, "a.bin").moved

    assert (moved.nbytes, moved.begin, moved.end) == (3 * 64, 1024, 1024 + 2 * 256 + 64)


def test_a_chain_is_followed_once_round_and_to_the_last_bd_that_is_set() -> None:
    ring = [transfer(bd_id=0, next_bd=1), transfer(bd_id=1, byte_offset=64, next_bd=0)]
    open_end = [transfer(bd_id=2, argument=1, next_bd=9)]
    operations = [operation for one in (*ring, *open_end) for operation in task_bd_operations(one, generation="npu1")]
    pushes = [*push_operations(0, 0, "MM2S", 0), *push_operations(0, 0, "MM2S", 2)]

    moved = list_instructions(stream(*operations, *pushes), "a.bin").moved

    assert [(one.argument, one.nbytes, one.begin, one.end) for one in moved] == [(3, 128, 0, 128), (4, 64, 0, 64)]


def test_a_row_alone_is_told_as_its_bytes() -> None:
    row = transfer(sizes=(1, 1, 1, 16), strides=(0, 0, 0, 1))
    (write, _) = task_bd_operations(row, generation="npu1")
    assert isinstance(write, BlockWrite)
    as_dimension = BlockWrite(address=write.address, words=(*write.words[:3], 16 << 20, *write.words[4:]))

    assert [line.text for line in list_instructions(stream(write, as_dimension), "a.bin").lines] == [
        "shim (0, 0) BD 0: 64 B"
    ] * 2


def test_two_streams_differ_in_operations_and_in_what_they_move() -> None:
    kept = transfer(bd_id=1, argument=1, direction="S2MM")
    before = stream(
        *transfer_operations(transfer(), generation="npu1"),
        *transfer_operations(kept, generation="npu1"),
        Write(address=0x500, value=1),
    )
    after = stream(*transfer_operations(kept, generation="npu1"), Write(address=0x500, value=2), columns=1)

    found = compare_instructions(before, after, "a.bin", "b.bin")
    back = compare_instructions(after, before, "b.bin", "a.bin")

    assert instructions_text(found).splitlines() == [
        "a.bin against b.bin",
        "  columns: 4 -> 1",
        "  - word    4  BD  shim (0, 0) BD 0: 64 B",
        "  - word   16  patch  shim (0, 0) BD 0: address of kernel argument 3, byte 0",
        "  - word   28  push  shim (0, 0) MM2S channel 0: BD 0",
        "  - word   71  write  tile (0, 0) at 0x00500: 0x00000001",
        "  + word   41  write  tile (0, 0) at 0x00500: 0x00000002",
        "moved",
        "  argument 3, to the array: 64 B of bytes 0 to 63 -> nothing",
    ]
    assert [line.text for line in back.added] == [line.text for line in found.removed]
    assert back.moved == ("argument 3, to the array: nothing -> 64 B of bytes 0 to 63",)


@pytest.mark.slow
@pytest.mark.parametrize("period", [1, 2, 4, 100])
@pytest.mark.parametrize("count", [2_000, 20_000])
def test_long_streams_whose_operations_take_turns_are_compared_in_little_time(period: int, count: int) -> None:
    """Two thousand of four kinds, and the same backwards, took a minute."""
    turns = [Write(address=0x500, value=n % period) for n in range(count)]
    one = stream(Write(address=0x600, value=1), *turns, Write(address=0x600, value=2))
    other = stream(Write(address=0x600, value=3), *turns[::-1], Write(address=0x600, value=4))
    begun = time.process_time()
    found = compare_instructions(one, other, "a", "b")

    assert time.process_time() - begun < 15
    assert [line.text[-1] for line in (found.removed[0], found.removed[-1])] == ["1", "2"]
    assert len(found.removed) == len(found.added)


def test_what_both_streams_have_in_one_order_is_no_difference() -> None:
    letters = ["abcabba", "cbabac"]
    one, other = (stream(*(Write(address=0x500, value=ord(letter)) for letter in text)) for text in letters)
    found = compare_instructions(one, other, "a", "b")

    assert (len(found.removed), len(found.added)) == (3, 2)


def test_one_operation_before_hundreds_alike_is_the_only_difference() -> None:
    alike = [Write(address=0x500, value=1)] * 300
    one, other = (stream(Write(address=0x500, value=value), *alike) for value in (2, 3))
    found = compare_instructions(one, other, "a", "b")

    assert (len(found.removed), len(found.added)) == (1, 1)


def test_another_register_value_moves_the_same() -> None:
    one, other = (stream(Write(address=0x500, value=value)) for value in (1, 2))

    assert instructions_text(compare_instructions(one, other, "a", "b")).splitlines()[-1] == "the same is moved"


# inspect an xclbin


def test_the_argument_table_has_the_group_ids_of_the_mission() -> None:
    lines = description_text(describe(package(), "mel.xclbin")).splitlines()
    table = lines[lines.index("kernel MLIR_AIE:MLIRAIE, id 0x901") :][1:10]

    assert table == [
        "      name     takes      at size  bank       group id in slot 1",
        "   0  opcode   scalar   0x00    8  none       131071 (0x1ffff)",
        "   1  instr    buffer   0x08    8  1 SRAM     65537 (0x10001)",
        "   2  ninstr   scalar   0x10    4  none       131071 (0x1ffff)",
        "   3  bo0      buffer   0x14    8  0 HOST     65536 (0x10000)",
        "   4  bo1      buffer   0x1c    8  0 HOST     65536 (0x10000)",
        "   5  bo2      buffer   0x24    8  0 HOST     65536 (0x10000)",
        "   6  bo3      buffer   0x2c    8  0 HOST     65536 (0x10000)",
        "   7  bo4      buffer   0x34    8  0 HOST     65536 (0x10000)",
    ]


def test_the_host_call_is_python_and_has_the_sizes_of_the_instructions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xclbin").write_bytes(package())
    (tmp_path / "insts.bin").write_bytes(words())

    assert main(["inspect", str(tmp_path / "a.xclbin"), "--insts", str(tmp_path / "insts.bin"), "--json"]) == 0
    call = json.loads(capsys.readouterr().out)["host_call"]
    compile(call, "call.py", "exec")
    assert "sizes = {3: 800, 4: 80}" in call


def as_text(data: bytes) -> str:
    """insts.txt of an insts.bin."""
    return "".join(f"{word:08X}\n" for word in struct.unpack(f"<{len(data) // 4}I", data))


def test_instructions_as_text_are_shown_as_those_in_binary_whatever_their_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "insts.bin").write_bytes(words())
    (tmp_path / "insts.txt").write_text(as_text(words()))
    (tmp_path / "sequence").write_bytes(words())
    shown = []
    for name in ("insts.bin", "insts.txt", "sequence"):
        assert main(["inspect", str(tmp_path / name)]) == 0
        shown.append(capsys.readouterr().out.removeprefix(name))

    assert shown[0] == shown[1] == shown[2]
    assert main(["diff", str(tmp_path / "insts.bin"), str(tmp_path / "insts.txt")]) == 0


def test_the_host_call_takes_sizes_from_a_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xclbin").write_bytes(package())
    (tmp_path / "insts.txt").write_text(as_text(words()))

    assert main(["inspect", str(tmp_path / "a.xclbin"), "--insts", str(tmp_path / "insts.txt"), "--json"]) == 0
    assert "sizes = {3: 800, 4: 80}" in json.loads(capsys.readouterr().out)["host_call"]


def test_without_instructions_the_host_call_says_what_is_to_be_filled_in() -> None:
    assert "sizes = {3: 0, 4: 0}  # FILL IN: bytes of each buffer" in host_call(describe(package(), "a"), "a.xclbin")


def test_a_file_without_a_kernel_says_what_an_npu_makes_of_it() -> None:
    sections = tuple(s for s in read_xclbin(package(), "a").sections if s.kind_name != "EMBEDDED_METADATA")
    text = description_text(describe(write_xclbin(_with(sections)), "a.xclbin"))

    assert "no kernel: EMBEDDED_METADATA is missing, and an NPU's shim refuses the file" in text


def _with(sections: tuple[Section, ...]) -> object:
    from dataclasses import replace

    return replace(read_xclbin(package(), "a"), sections=sections)


def test_a_section_is_shown_byte_for_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xclbin").write_bytes(package())

    assert main(["inspect", str(tmp_path / "a.xclbin"), "--section", "mem_topology"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("MEM_TOPOLOGY: 88 bytes at 0x")
    assert "48 4f 53 54" in out
    assert main(["inspect", str(tmp_path / "a.xclbin"), "--section", "DTBO"]) == 2
    assert "a.xclbin has no section DTBO" in capsys.readouterr().err


# diff


def test_equal_files_have_no_difference() -> None:
    comparison = compare(package(), package(), "a.xclbin", "b.xclbin")

    assert not comparison.differences
    assert comparison_text(comparison) == (
        "a.xclbin and b.xclbin are the same in all that XRT, a host or tileproof reads\n"
    )


def test_the_missions_pair_differs_in_nothing_that_xrt_sees() -> None:
    """The working mel and the failing attention: the same metadata, another device image."""
    comparison = compare(package(), package(pdi=b"other" * 50, uuid=bytes(range(16))), "mel.xclbin", "attention.xclbin")

    assert comparison_text(comparison).splitlines()[-2:] == [
        "the same: banks, kernels and their arguments, partition, origin, other sections",
        "at XRT's level they are the same; what the array does may differ, since its configuration does",
    ]


def test_another_uuid_explains_nothing() -> None:
    text = comparison_text(compare(package(), package(uuid=bytes(range(16))), "a", "b"))

    assert text.splitlines()[-1] == "nothing of this can make XRT or a host behave differently"


def test_every_part_that_differs_has_its_line_and_what_it_decides() -> None:
    def sections(*contents: tuple[int, bytes]) -> tuple[Section, ...]:
        return tuple(Section(kind=kind, name="x", data=data) for kind, data in contents)

    one = package(extra_sections=sections((0x77, b"abc"), (21, b"abc")))
    other = package(
        columns=2,
        start_columns=(0, 1),
        kernel_id=0x902,
        instance="I",
        mode="PR",
        platform_vbnv="p",
        version=(1, 2, 3),
        pdi_uuid=bytes(16),
        extra_sections=sections((0x77, b"abcd"), (21, b"abd"), (0x78, b"")),
    )

    assert comparison_text(compare(one, other, "a", "b")).splitlines() == [
        "a against b",
        "  MLIR_AIE, instances: MLIRAIE -> I",
        "  MLIR_AIE, id: 0x901 -> 0x902",
        "      it decides which PDI the driver loads for it",
        "  partition, columns: 4 -> 2",
        "      it decides how many contexts fit on the device",
        "  partition, start columns: 0 -> 0, 1",
        "      it decides where the driver may put it",
        "  PDI 0, uuid: 00010203-0405-0607-0809-0a0b0c0d0e0f -> 00000000-0000-0000-0000-000000000000",
        "  PDI 0, kernel ids: 0x901 -> 0x902",
        "      it decides which kernel it is loaded for",
        "  mode: FLAT -> PR",
        "  platform: none -> p",
        "  version: 0.0.0 -> 1.2.3",
        "  section 0x77, contents: 3 B -> 4 B of others",
        "  section EMULATION_DATA, contents: 3 B -> 3 B of others",
        "      it decides what the array computes; XRT knows nothing of it",
        "  section 0x78: missing -> there",
        "the same: banks, origin",
        "at XRT's level they differ: MLIR_AIE, id; partition, columns; partition, start columns; PDI 0, kernel ids",
    ]


def test_other_banks_are_told_by_number_size_and_argument() -> None:
    directives = Directives(arguments={"bo1": "DDR"}, memories={"SRAM": 65536, "DDR": 1024})

    told = comparison_text(compare(package(), rebank(package(), "a", directives), "a", "b")).splitlines()

    assert [line for line in told if " -> " in line][:3] == [
        "  number of banks: 2 -> 3",
        "  bank 1, size: 49,152 KB -> 65,536 KB",
        "  MLIR_AIE, argument 4 (bo1), bank: HOST -> DDR",
    ]
    assert told[-1] == "at XRT's level they differ: number of banks; MLIR_AIE, argument 4 (bo1), bank"


def test_files_are_told_apart_by_what_they_were_built_from() -> None:
    plain = read_xclbin(package(), "a")
    origin = Provenance(
        tileproof="1", variant="mel", target="npu1", toolchain="host", digest="a" * 64, insts_sha256="b" * 64
    )
    one, other = (
        write_xclbin(with_provenance(plain, replace(origin, digest=digest))) for digest in ("a" * 64, "c" * 64)
    )

    assert "  origin: unknown -> tileproof\n" in comparison_text(compare(package(), one, "a", "b"))
    assert "  origin: tileproof -> unknown\n" in comparison_text(compare(one, package(), "a", "b"))
    assert f"  build: {'a' * 12} -> {'c' * 12}\n" in comparison_text(compare(one, other, "a", "b"))


def without(data: bytes, *kinds: str) -> bytes:
    xclbin = read_xclbin(data, "a")
    return write_xclbin(replace(xclbin, sections=tuple(s for s in xclbin.sections if s.kind_name not in kinds)))


def test_banks_are_changed_where_only_one_of_both_tables_is_there() -> None:
    directives = Directives(arguments={"bo1": "SRAM"})

    for kinds in (("GROUP_TOPOLOGY", "GROUP_CONNECTIVITY"), ("MEM_TOPOLOGY", "CONNECTIVITY")):
        assert banks_of(rebank(without(package(), *kinds), "a", directives))["bo1"] == "SRAM"


def test_without_a_table_of_units_there_is_one() -> None:
    assert banks_of(without(package(), "IP_LAYOUT")) == banks_of(package())


def test_a_pdi_more_is_told() -> None:
    one = read_xclbin(package(), "a")
    section = one.section("AIE_PARTITION")
    assert section is not None
    partition = parse_aie_partition(section, "a")
    twice = serialise_aie_partition(replace(partition, pdis=partition.pdis * 2))
    sections = tuple(replace(s, data=twice) if s.kind == section.kind else s for s in one.sections)

    told = comparison_text(compare(package(), write_xclbin(replace(one, sections=sections)), "a", "b"))

    assert "  number of PDIs: 1 -> 2\n" in told


def test_a_partition_without_a_place_is_as_wide_as_the_array() -> None:
    with pytest.raises(Problem, match="a partition of 5 columns does not fit"):
        rebank(package(start_columns=()), "a", Directives(columns=5))


def test_a_partition_that_lies_on_no_npu_is_not_narrowed() -> None:
    with pytest.raises(Problem) as caught:
        rebank(package(start_columns=(0, 65_535)), "a.xclbin", Directives(columns=1))

    assert caught.value.text == (
        "the partition of a.xclbin lies on no NPU\n"
        "  where: a.xclbin, AIE_PARTITION\n"
        "  why:   it reaches 65,539 columns, and the largest NPU has 8\n"
        "  fix:   package it again with aiecc"
    )


@pytest.mark.parametrize("missing", ["TOPOLOGY", "CONNECTIVITY"])
def test_a_file_without_a_table_has_no_banks_to_change(missing: str) -> None:
    plain = {"TOPOLOGY": "MEM_TOPOLOGY"}.get(missing, missing)
    with pytest.raises(Problem, match="has no banks to change") as caught:
        rebank(without(package(), plain, f"GROUP_{missing}"), "a", Directives(arguments={"bo1": "SRAM"}))

    assert caught.value.why == f"it has no section {plain}"


def test_a_kernel_of_another_name_is_another_kernel() -> None:
    told = comparison_text(compare(package(kernel_name="A"), package(kernel_name="B"), "a", "b"))

    assert "  kernel A: there -> not there\n      it decides which name pyxrt.kernel takes\n" in told
    assert "  kernel B: not there -> there\n" in told


def test_columns_and_arguments_are_named() -> None:
    text = comparison_text(compare(package(), package(columns=1, buffers=6), "a", "b"))

    assert "  partition, columns: 4 -> 1\n      it decides how many contexts fit on the device\n" in text
    assert "  MLIR_AIE, number of arguments: 8 -> 9\n      it decides how many buffers a host can pass\n" in text


@pytest.mark.parametrize("other", ["800", "400"])
def test_instructions_are_compared_and_the_exit_code_says_it(
    other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.bin").write_bytes(words())
    (tmp_path / "b.bin").write_bytes(words(MEL.replace("1, 800]", f"1, {other}]", 1)))

    assert main(["diff", str(tmp_path / "a.bin"), str(tmp_path / "b.bin")]) == (other != "800")
    out = capsys.readouterr().out
    if other == "800":
        assert out == "a.bin and b.bin do the same\n"
    else:
        assert "  - word    4  BD  shim (0, 0) BD 1: 800 B\n  + word    4  BD  shim (0, 0) BD 1: 400 B\n" in out
        assert "  argument 3, to the array: 800 B of bytes 0 to 799 -> 400 B of bytes 0 to 399\n" in out


def test_an_xclbin_and_instructions_have_nothing_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xclbin").write_bytes(package())
    (tmp_path / "a.bin").write_bytes(words())

    assert main(["diff", str(tmp_path / "a.xclbin"), str(tmp_path / "a.bin")]) == 2
    assert "an xclbin and instructions have nothing to compare" in capsys.readouterr().err


# rebank


def banks_of(data: bytes) -> dict[str, str | None]:
    return {argument.name: argument.bank_tag for argument in read_arguments(read_xclbin(data, "a"), "a")}


def test_an_argument_reaches_another_bank_and_the_pdi_is_untouched() -> None:
    before = package()
    after = rebank(before, "a.xclbin", Directives(arguments={"bo1": "SRAM", "3": "SRAM"}))

    assert banks_of(after) == {**banks_of(before), "bo0": "SRAM", "bo1": "SRAM"}
    assert describe(before, "a").pdis == describe(after, "b").pdis
    assert describe(before, "a").uuid != describe(after, "b").uuid
    tables = {section.kind_name: section.data for section in read_xclbin(after, "b").sections}
    assert tables["MEM_TOPOLOGY"] == tables["GROUP_TOPOLOGY"]
    rows = struct.unpack_from("<i", tables["CONNECTIVITY"])[0]
    assert struct.unpack_from("<i", tables["GROUP_CONNECTIVITY"])[0] == 2 * rows


def test_the_page_about_xrt_says_what_a_bank_decides() -> None:
    before = package()
    said = comparison_text(compare(before, rebank(before, "a", Directives(arguments={"bo1": "SRAM"})), "a", "b"))

    answer = "it decides kernel.group_id of it, and which buffers XRT takes without a copy"
    assert answer in said
    page = Path(__file__).parent.parent / "docs" / "xrt.md"
    assert f"`tileproof rebank --arg bo1=SRAM`, then `tileproof diff` | {answer} |" in page.read_text()


def test_the_way_there_and_back_changes_nothing_but_the_uuid() -> None:
    there = rebank(package(), "a", Directives(arguments={"bo1": "SRAM"}))
    back = rebank(there, "b", Directives(arguments={"bo1": "HOST"}))

    assert [d.what for d in compare(package(), back, "a", "b").differences] == ["uuid"]


def test_the_same_directives_give_the_same_bytes_and_none_give_the_file() -> None:
    once, twice = (rebank(package(), "a", Directives(columns=1)) for _ in range(2))

    assert once == twice
    assert rebank(package(), "a", Directives()) == package()


def test_memories_are_resized_and_added() -> None:
    after = rebank(package(), "a", Directives(memories={"SRAM": 65536, "DDR": 1024}, arguments={"bo4": "DDR"}))

    assert [(bank.tag, bank.size_kb) for bank in describe(after, "a").banks] == [
        ("HOST", 0x10000),
        ("SRAM", 65536),
        ("DDR", 1024),
    ]
    assert banks_of(after)["bo4"] == "DDR"
    assert len({bank.base_address for bank in describe(after, "a").banks}) == 1


@pytest.mark.parametrize(("columns", "starts"), [(1, (0, 1, 2, 3)), (2, (0, 1, 2)), (4, (0,))])
def test_a_partition_of_other_columns_may_lie_wherever_the_array_has_as_many(
    columns: int, starts: tuple[int, ...]
) -> None:
    narrow = package(columns=2, start_columns=(0, 1, 2))
    after = describe(rebank(narrow, "a", Directives(columns=columns)), "b")

    assert (after.columns, after.start_columns) == (columns, starts)


def test_rows_of_arguments_that_this_kernel_does_not_have_are_not_taken() -> None:
    many = rebank(package(buffers=7), "a", Directives(arguments={"bo6": "SRAM", "bo0": "SRAM"}))
    after = rebank(package(), "b", Directives(like=("a", many)))

    assert set(banks_of(after)) == set(banks_of(package()))
    rows = next(s.data for s in read_xclbin(after, "b").sections if s.kind_name == "CONNECTIVITY")
    assert struct.unpack_from("<i", rows)[0] == 6  # instr and five buffers


def test_a_file_takes_the_banks_of_another() -> None:
    other = rebank(package(), "a", Directives(memories={"DDR": 1024}, arguments={"bo0": "DDR"}))
    after = rebank(package(pdi=b"mine"), "b", Directives(like=("a.xclbin", other)))

    assert banks_of(after) == banks_of(other)
    assert describe(after, "b").pdis[0].nbytes == 4


def test_an_unknown_section_survives_byte_for_byte() -> None:
    strange = package(extra_sections=(Section(kind=0x77, name="mine", data=b"\x00\xff" * 21),))
    after = read_xclbin(rebank(strange, "a", Directives(columns=2)), "b")

    assert next(section.data for section in after.sections if section.kind == 0x77) == b"\x00\xff" * 21


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        (Directives(arguments={"opcode": "HOST"}), "argument 0 (opcode) is a number, and lies in no bank"),
        (Directives(arguments={"bo9": "HOST"}), "the kernel has no argument 'bo9'"),
        (Directives(arguments={"bo0": "DDR"}), "there is no bank 'DDR'"),
        (Directives(columns=5), "a partition of 5 columns does not fit"),
        (Directives(columns=0), "a partition of 0 columns does not fit"),
    ],
)
def test_a_directive_that_has_no_place_is_refused(directives: Directives, message: str) -> None:
    with pytest.raises(Problem) as caught:
        rebank(package(), "a.xclbin", directives)
    assert caught.value.what == message
    assert caught.value.fix


def test_the_command_writes_the_file_and_prints_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.xclbin").write_bytes(package())
    out = tmp_path / "b.xclbin"

    assert main(["rebank", str(tmp_path / "a.xclbin"), "-o", str(out), "--arg", "bo1=SRAM", "--mem", "SRAM=64MB"]) == 0
    text = capsys.readouterr().out
    assert "  bank 1, size: 49,152 KB -> 65,536 KB\n" in text
    assert "  MLIR_AIE, argument 4 (bo1), bank: HOST -> SRAM\n" in text
    assert banks_of(out.read_bytes())["bo1"] == "SRAM"
    assert main(["rebank", str(out), "-o", str(tmp_path / "no" / "c.xclbin"), "--columns", "1"]) == 2
    assert main(["rebank", str(out), "-o", str(tmp_path / "c.xclbin"), "--mem", "SRAM=much"]) == 2
    assert "error: 'much' is no size of a memory\n" in capsys.readouterr().err


# Any bytes


@pytest.mark.parametrize("block", range(8))
def test_no_bytes_make_any_of_them_do_worse_than_refuse(block: int) -> None:
    """24,000 files and streams in all: one clear error, or an answer."""
    whole, stream = package(), words()
    for seed in range(block * MUTATIONS // 8, (block + 1) * MUTATIONS // 8):
        random.seed(seed)
        for kind, data in (("xclbin", whole), ("insts", stream)):
            spoilt = _spoilt(data)
            try:
                if kind == "insts":
                    listing_text(list_instructions(spoilt, "a.bin"), "a.bin")
                    check_built(BuiltFile("a.xclbin", whole), BuiltFile("a.bin", spoilt))
                    continue
                description_text(describe(spoilt, "a.xclbin"))
                comparison_text(compare(whole, spoilt, "a", "b"))
                check_built(BuiltFile("a.xclbin", spoilt), BuiltFile("a.bin", stream))
                rebank(spoilt, "a.xclbin", Directives(arguments={"bo1": "SRAM"}, columns=1))
            except Problem:
                pass
            except Exception as error:
                raise AssertionError(f"seed {seed}, {kind}: {error!r}") from error


def _spoilt(data: bytes) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(spoilt))
        match random.randrange(4):
            case 0:
                spoilt[at] = random.randrange(256)
            case 1:
                spoilt[at : at + 4] = random.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80", b"\xff\xff\xff\x7f")
                )
            case 2:
                del spoilt[at : at + random.randint(1, 64)]
            case _:
                spoilt[at:at] = random.randbytes(random.randint(1, 32))
        if not spoilt:
            break
    return bytes(spoilt)
