"""inspect, diff and rebank of what was built: what a host sees of an xclbin, and what instructions move."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest

from tileproof.check.built import check_built
from tileproof.check.checked import BuiltFile
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.insts.listing import list_instructions, listing_text
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.reader import read_design
from tileproof.xclbin import PackageRequest, Section, build_xclbin, read_arguments, read_xclbin, write_xclbin
from tileproof.xclbin.description import describe, description_text, host_call
from tileproof.xclbin.difference import compare, comparison_text
from tileproof.xclbin.rebank import Directives, rebank

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
