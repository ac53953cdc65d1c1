"""[banks] of kernel.toml: where things are to lie, and whether they lie there in what was built."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.cli import main
from tileproof.device import open_device
from tileproof.emulator.payload import unpack_payload
from tileproof.errors import Problem
from tileproof.kernel.banks import Banks, TilePlace, memory_size
from tileproof.library import data_dir
from tileproof.lowering.kept import check_kept
from tileproof.lowering.lower import lower_design
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.stored import stored
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design
from tileproof.mlir_aie_versions import version_named
from tileproof.report.banks import banks_text
from tileproof.xclbin import read_xclbin

BANKS = """
[banks]
scheme = "bank-aware"

[banks.host]
x = "SRAM"
instr = "HOST"

[banks.memory]
SRAM = "64MB"

[banks.tile]
x = { bank = [3, 1] }
y = { address = [0x8000, 0x8800] }
table = { bank = 2 }
"""


def kernels(folder: Path, banks: str = BANKS, **changes: object) -> Path:
    found = write_kernel(folder, **changes)  # type: ignore[arg-type]
    toml, tile = found / "double" / "kernel.toml", found / "double" / "tile.cc.j2"
    scratch = '\n[[core.scratch]]\nname = "table"\ndtype = "i32"\nshape = [128]\n'
    toml.write_text(toml.read_text().replace("\n[tolerance", scratch + "\n[tolerance", 1) + banks)
    tile.write_text(tile.read_text().replace("*y) {\n", "*y, element *table) {\n    (void)table;\n", 1))
    return found


def lowered_in(xclbin: Path) -> LoweredDesign:
    section = read_xclbin(xclbin.read_bytes(), xclbin.name).section("EMULATION_DATA")
    assert section is not None
    payload = unpack_payload(section.data, xclbin.name)
    lowered = stored(payload.lowered, payload.design)
    assert lowered is not None
    return lowered


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 2
    return capsys.readouterr().err


# What comes out


def test_every_directive_is_in_the_xclbin_at_the_address_that_show_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, build_dir = kernels(tmp_path), tmp_path / "build"
    assert main(["show", "double", "--kernels", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert main(["rebank", "double", "--kernels", str(folder), "--build-dir", str(build_dir)]) == 0
    built = capsys.readouterr().out

    memory = (
        "memory of core (0, 2): 2,560 of 65,536 bytes used\n"
        "  0x00000    1,024 B  bank 0  stack\n"
        "  0x00400   15,360 B  bank 0  free\n"
        "  0x04000      256 B  bank 1  x_cons_buff_1  (asked for: bank 1)\n"
        "  0x04100   16,128 B  bank 1  free\n"
        "  0x08000      256 B  bank 2  y_buff_0  (asked for: 0x08000)\n"
        "  0x08100    1,792 B  bank 2  free\n"
        "  0x08800      256 B  bank 2  y_buff_1  (asked for: 0x08800)\n"
        "  0x08900      512 B  bank 2  table  (asked for: bank 2)\n"
        "  0x08b00   13,568 B  bank 2  free\n"
        "  0x0c000      256 B  bank 3  x_cons_buff_0  (asked for: bank 3)\n"
        "  0x0c100   16,128 B  bank 3  free\n"
    )
    assert memory in shown
    assert memory in built
    assert (
        "memories of the host, and what the kernel's arguments are connected to\n"
        "  HOST           65,536 KB\n"
        "  SRAM           65,536 KB  (asked for)\n"
        "   1  instr        HOST, group id 65536 in slot 1  (asked for)\n"
        "   3  x            SRAM, group id 65537 in slot 1  (asked for)\n"
        "   4  y            HOST, group id 65536 in slot 1\n"
    ) in built
    (xclbin,) = build_dir.glob("double/*/*.xclbin")
    addresses = {buffer.name: buffer.address for buffer in lowered_in(xclbin).buffers}
    listed = re.findall(r"0x([0-9a-f]+) .* bank \d  (\w+)", memory)
    assert addresses == {name: int(at, 16) for at, name in listed if name not in ("stack", "free")}


def test_a_kernel_with_banks_still_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kernels(tmp_path)

    assert main(["verify", "double", "--kernels", str(folder), "--build-dir", str(tmp_path / "build")]) == 0
    assert "PASS: 2 of 2 cases" in capsys.readouterr().out


def test_the_host_sees_the_other_bank_and_is_warned_by_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    request = BuildRequest(kernels=kernels(tmp_path), build_dir=tmp_path / "build")
    artifacts = build_kernel(render_kernel("double", request), request, lambda _: None)
    xrt = open_device("emulator").xrt
    file, device = xrt.xclbin(str(artifacts.xclbin)), xrt.device(0)
    device.register_xclbin(file)
    kernel = xrt.kernel(xrt.hw_context(device, file.get_uuid()), "MLIR_AIE")

    assert [kernel.group_id(index) & 0xFFFF for index in (1, 3, 4)] == [0, 1, 0]
    with pytest.raises(RuntimeError, match="No host side buffer in destination buffer"):
        xrt.run(kernel).set_arg(3, xrt.bo(device, 256, xrt.bo.host_only, kernel.group_id(4)))
    assert "allocated in bank 0, the compute unit is connected to bank 65537" in capfd.readouterr().err


def test_more_directives_build_beside_what_kernel_toml_says_and_verify_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, build_dir = kernels(tmp_path, banks=""), tmp_path / "build"
    common = ("--kernels", str(folder), "--build-dir", str(build_dir))
    assert main(["build", "double", *common]) == 0
    assert main(["rebank", "double", *common, "--arg", "x=SRAM", "--bank", "x=2", "--address", "table=0xc000"]) == 0
    out = capsys.readouterr().out
    plain, banked = sorted(build_dir.glob("double/*/*.xclbin"))

    assert re.fullmatch(r"double_i32_64__npu1\.banks-[0-9a-f]{8}", banked.parent.name)
    assert "0x0c000      512 B  bank 3  table  (asked for: 0x0c000)" in out
    assert [b.begins_in for b in lowered_in(banked).buffers if b.name.startswith("x_")] == [2, 2]
    assert main(["diff", str(plain), str(banked)]) == 1
    assert "MLIR_AIE, argument 3 (bo0), bank: HOST -> SRAM" in capsys.readouterr().out
    pair = ("--xclbin", str(banked), "--insts", str(banked.parent / "insts.bin"))
    assert main(["verify", "double", *common, *pair]) == 0


def test_what_the_command_line_says_goes_before_kernel_toml() -> None:
    ours = Banks(scheme="bank-aware", host={"x": "SRAM", "y": "HOST"}, tile={"x": TilePlace(banks=(1,))})
    more = Banks(host={"x": "HOST"}, tile={"x": TilePlace(addresses=(0x4000,))})

    assert ours.with_more(more) == Banks(
        scheme="bank-aware", host={"x": "HOST", "y": "HOST"}, tile={"x": TilePlace(addresses=(0x4000,))}
    )
    assert not Banks()


def test_directives_are_the_same_after_a_file() -> None:
    banks = Banks(scheme="bank-aware", host={"3": "SRAM"}, memory={"SRAM": 5}, tile={"x": TilePlace(banks=(0, 1))})

    assert Banks.from_json(banks.to_json()) == banks


def test_make_passes_every_directive_on() -> None:
    words = ["KERNEL=attention", "BANK=qkv=0,1 weights=3", "ARG=qkv=SRAM", "MEM=SRAM=64MB", "ADDRESS=out=0x8000"]
    root = Path(__file__).parents[1]
    # Not as a part of the make that may be running these tests.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "-o", ".venv/ready", "rebank", *words, "SCHEME=bank-aware", "TARGET=npu2"],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env=environ,
    )

    assert " ".join(done.stdout.replace("\\\n", " ").split()).endswith(
        "rebank attention --target npu2 --arg qkv=SRAM --mem SRAM=64MB --bank qkv=0,1 --bank weights=3 "
        "--address out=0x8000 --scheme bank-aware"
    )


# A design's own attributes

FIFO = """\
module {
  aie.device(npu1) {
    %shim = aie.tile(0, 0)
    %mem = aie.tile(0, 1)
    %tile = aie.tile(0, 2)
    aie.objectfifo @a(%shim, {%mem}, 2 : i32) {tileproof.mem_bank = array<i32: 7, 6>} : !aie.objectfifo<memref<4xi32>>
    aie.objectfifo @b(%mem, {%tile}, 3 : i32)ATTRIBUTES : !aie.objectfifo<memref<4xi32>>
    aie.objectfifo.link [@a] -> [@b] ([] [])
  }
}
"""


def placed(attributes: str) -> dict[str, int]:
    design = read_design(FIFO.replace("ATTRIBUTES", attributes), "fifo.mlir")
    return {buffer.name: buffer.address for buffer in lower_design(design).buffers}


def test_a_fifo_of_any_design_may_say_where_its_objects_lie() -> None:
    addresses = placed(" {tileproof.address = array<i32: 16384, 8192, 32>}")

    assert addresses == {
        "a_cons_buff_0": 7 * 65536,
        "a_cons_buff_1": 6 * 65536,
        "b_cons_buff_0": 16384,
        "b_cons_buff_1": 8192,
        "b_cons_buff_2": 32,
    }


def test_one_bank_stands_for_all_objects() -> None:
    addresses = placed(" {tileproof.mem_bank = array<i32: 3>}")

    assert [addresses[f"b_cons_buff_{number}"] for number in range(3)] == [0xC000, 0xC020, 0xC040]


def test_the_printed_design_asks_for_the_same() -> None:
    text = FIFO.replace("ATTRIBUTES", " {tileproof.mem_bank = array<i32: 0, 1, 2>}")
    design = read_design(text, "fifo.mlir")
    again = read_design(respelled(text, "fifo.mlir", version_named("2026-08")), "again.mlir")

    assert [fifo.banks for fifo in again.fifos] == [fifo.banks for fifo in design.fifos] == [(7, 6), (0, 1, 2)]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            " {tileproof.mem_bank = array<i32: 0, 1>}",
            "error: @b names 2 banks for 3 objects\n"
            "  where: fifo.mlir:7:5\n"
            "  why:   on core (0, 2) it has 3, which is what the core acquires at once and one more, or its depth\n"
            "  fix:   name 3, or none",
        ),
        (
            " {tileproof.address = array<i32: 0, 0, 0>}",
            "error: buffers b_cons_buff_0 and b_cons_buff_1 lie on each other\n"
            "  where: fifo.mlir:7:5\n"
            "  why:   b_cons_buff_0 has 0 to 15, b_cons_buff_1 asks for 0 to 15\n"
            "  fix:   give them different addresses",
        ),
        (
            ' {tileproof.mem_bank = "one"}',
            "error: aie.objectfifo: tileproof.mem_bank is a list of numbers\n"
            "  where: fifo.mlir:7:5\n"
            "  fix:   write `tileproof.mem_bank = array<i32: 0>`",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(attributes: str, message: str) -> None:
    with pytest.raises(Problem) as refused:
        placed(attributes)

    assert str(refused.value) == message


def test_a_fifo_without_objects_of_its_own_is_told_whose_they_are() -> None:
    text = FIFO.replace("{tileproof.mem_bank = array<i32: 7, 6>} ", "").replace("ATTRIBUTES", "")
    text = text.replace("@b(%mem, {%tile}, 3 : i32)", "@b(%mem, {%shim}, 3 : i32) {tileproof.mem_bank = array<i32: 0>}")
    with pytest.raises(Problem) as refused:
        lower_design(read_design(text, "fifo.mlir"))

    assert str(refused.value) == (
        "error: @b asks for a place in memory, and has no objects of its own\n"
        "  where: fifo.mlir:7:5\n"
        "  why:   both its ends are host memory, or the fifo that it is linked with holds the objects of both\n"
        "  fix:   ask on the fifo that has objects, or not at all"
    )


# What is refused


@pytest.mark.parametrize(
    ("banks", "message"),
    [
        (
            '[banks]\nscheme = "bank_aware"',
            "error: scheme cannot be 'bank_aware'\n"
            "  where: {toml}, [banks] scheme\n"
            "  why:   it is one of bank-aware, basic-sequential\n"
            "  fix:   did you mean 'bank-aware'?\n"
            "  more:  tileproof explain wrong-value",
        ),
        (
            '[banks.host]\nx = "DDR"',
            "error: there is no memory 'DDR'\n"
            "  where: {toml}, [banks.host] x\n"
            "  why:   the xclbin has HOST, SRAM\n"
            "  fix:   name one of those, or give it a size: [banks.memory] of kernel.toml, or --mem NAME=64MB\n"
            "  more:  tileproof explain unknown-memory",
        ),
        (
            '[banks.host]\nz = "HOST"',
            "error: 'z' is no host buffer\n"
            "  where: {toml}, [banks.host] z\n"
            "  why:   there is x, y, instr\n"
            "  fix:   name one of those\n"
            "  more:  tileproof explain unknown-buffer",
        ),
        (
            '[banks.memory]\nSRAM = "48"',
            "error: '48' is no size of a memory\n"
            "  where: {toml}, [banks.memory] SRAM\n"
            "  why:   a size is a whole number and KB, MB or GB\n"
            "  fix:   write for instance 0xc000KB or 64MB\n"
            "  more:  tileproof explain bad-memory",
        ),
        (
            "[banks.tile]\ntables = { bank = 0 }",
            "error: 'tables' is neither a buffer nor scratch of the core\n"
            "  where: {toml}, [banks.tile] tables\n"
            "  why:   there is x, y, table\n"
            "  fix:   did you mean 'table'?\n"
            "  more:  tileproof explain unknown-buffer",
        ),
        (
            "[banks.tile]\nx = { bank = 4 }",
            "error: 'x' cannot lie in bank 4\n"
            "  where: {toml}, [banks.tile] x\n"
            "  why:   a core has banks 0 to 3 of 16,384 bytes\n"
            "  fix:   name one of those\n"
            "  more:  tileproof explain bad-place",
        ),
        (
            "[banks.tile]\nx = { address = [0x3f0, 0x8000] }",
            "error: 'x' cannot begin at address 0x3f0\n"
            "  where: {toml}, [banks.tile] x\n"
            "  why:   the stack has the first 1,024 of 65,536 bytes, and addresses are multiples of 32\n"
            "  fix:   for instance address = 0x400\n"
            "  more:  tileproof explain bad-place",
        ),
        (
            "[banks.tile]\ntable = { bank = [0, 1] }",
            "error: 'table' is one buffer, and 2 places are given\n"
            "  where: {toml}, [banks.tile] table\n"
            "  why:   only a fifo has several objects\n"
            "  fix:   give one\n"
            "  more:  tileproof explain bad-place",
        ),
        (
            "[banks.tile]\nx = { bank = 0, address = 0x400 }",
            "error: a place in the core's memory is a bank or an address\n"
            "  where: {toml}, [banks.tile.x]\n"
            "  why:   both are given\n"
            "  fix:   write `{{ bank = 0 }}`, `{{ bank = [0, 1] }}` or `{{ address = [0x4000, 0x8000] }}`: a number "
            "per object\n"
            "  more:  tileproof explain bad-place",
        ),
        (
            "[banks.tile]\nx = { bank = -1 }",
            "error: 'bank' has the wrong type\n"
            "  where: {toml}, [banks.tile.x] bank\n"
            "  why:   it must be a whole number from 0 up, or a list of them, and holds -1\n"
            "  fix:   write `bank = 0` or `bank = [0, 1]`\n"
            "  more:  tileproof explain wrong-type",
        ),
        (
            "[banks]\nhosts = 1",
            "error: unknown key 'hosts'\n"
            "  where: {toml}, [banks] hosts\n"
            "  why:   keys here: host, memory, scheme, tile\n"
            "  fix:   did you mean 'host'?\n"
            "  more:  tileproof explain unknown-key",
        ),
    ],
)
def test_a_directive_that_means_nothing_is_refused(
    banks: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kernels(tmp_path, banks="\n" + banks + "\n")
    told = refusal(capsys, "show", "double", "--kernels", str(folder))

    assert told == message.format(toml=folder / "double" / "kernel.toml") + "\n"


def test_a_bank_that_the_allocator_forgets_stops_the_build(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """aiecc's default falls back to basic-sequential where a bank has no room, and passes over what asked for it."""
    folder = kernels(tmp_path, banks="\n[banks.tile]\nx = { bank = 3 }\n", count=4224, depth=1)
    told = refusal(capsys, "build", "double", "--kernels", str(folder), "--build-dir", str(tmp_path / "build"))

    assert told == (
        "error: buffer x_cons_buff_0 of core (0, 2) does not lie where it asks to\n"
        f"  where: design.mlir:8:5, rendered from {data_dir('templates')}/design.mlir.j2:9\n"
        "  why:   it asks for bank 3 and lies at 17,920 to 34,815, in banks 1 and up: "
        "x_cons_buff_0 16,896 asks for that bank of 16,384 bytes, and aiecc's default scheme "
        "places without banks what does not fit\n"
        "  fix:   ask for a bank for each object, as in `bank = [2, 3]`, or for addresses\n"
        "  more:  tileproof explain TP105\n"
    )


def test_a_scheme_without_banks_forgets_them_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    banks = '\n[banks]\nscheme = "basic-sequential"\n[banks.tile]\nx = { bank = 3 }\n'
    told = refusal(
        capsys, "build", "double", "--kernels", str(kernels(tmp_path, banks)), "--build-dir", str(tmp_path / "build")
    )

    assert "the scheme basic-sequential packs by size, and knows no banks" in told


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        (
            "${buffer.attributes}",
            "error: the design does not ask for the place that [banks] gives 'table'\n"
            "  where: design.mlir, table = bank 2\n"
            "  why:   neither a fifo nor a buffer called table asks for it\n"
            "  fix:   write ${buffer.attributes} behind the depth of the fifo, or in the { } of the aie.buffer\n"
            "  more:  tileproof explain banks-not-asked\n",
        ),
        (
            "${tile_attributes}",
            "error: the design does not ask for the scheme bank-aware that [banks] names\n"
            "  where: design.mlir, scheme\n"
            "  why:   the aie.tile of a core has no such allocation_scheme\n"
            "  fix:   write ${tile_attributes} behind the aie.tile of the core\n"
            "  more:  tileproof explain banks-not-asked\n",
        ),
    ],
)
def test_a_template_that_leaves_a_directive_out_is_found_out(
    left_out: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kernels(tmp_path)
    template = (Path(__file__).parents[1] / "templates" / "design.mlir.j2").read_text()
    (folder / "double" / "design.mlir.j2").write_text(template.replace(left_out, ""))
    told = refusal(capsys, "build", "double", "--kernels", str(folder), "--build-dir", str(tmp_path / "build"))

    assert told == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--bank", "x=one"),
            "error: 'one' is not a list of numbers\n  where: --bank x=one\n  fix:   write for instance --bank x=0,1\n"
            "  more:  tileproof explain not-a-number\n",
        ),
        (
            ("--address", "x=0x100,0x4000"),
            "error: 'x' cannot begin at address 0x100\n"
            "  where: --address x=0x100,0x4000\n"
            "  why:   the stack has the first 1,024 of 65,536 bytes, and addresses are multiples of 32\n"
            "  fix:   for instance address = 0x400\n"
            "  more:  tileproof explain bad-place\n",
        ),
        (
            ("-o", "new.xclbin"),
            "error: --output is for files\n"
            "  where: tileproof rebank double\n"
            "  why:   a kernel is built anew\n"
            "  fix:   name an xclbin, or leave it out\n"
            "  more:  tileproof explain option-of-others\n",
        ),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = kernels(tmp_path, banks="")

    assert refusal(capsys, "rebank", "double", "--kernels", str(folder), *arguments) == message


def test_a_file_takes_no_directives_for_tiles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xclbin").write_bytes(b"")

    assert refusal(capsys, "rebank", str(tmp_path / "a.xclbin"), "--bank", "x=1") == (
        "error: --bank is for kernels\n"
        f"  where: tileproof rebank {tmp_path / 'a.xclbin'}\n"
        "  why:   the PDI of an xclbin is carried over as it is\n"
        "  fix:   name a KERNEL, or leave it out\n"
        "  more:  tileproof explain option-of-others\n"
    )
    assert refusal(capsys, "rebank", str(tmp_path / "a.xclbin"), "--arg", "x=1") == (
        "error: there is no file to write\n"
        f"  where: tileproof rebank {tmp_path / 'a.xclbin'}\n"
        "  fix:   name it: -o OUT.xclbin\n"
        "  more:  tileproof explain missing-option\n"
    )


def test_an_xclbin_that_says_something_else_than_asked_is_found_out(tmp_path: Path) -> None:
    """The proof is read from the file: one that was re-banked behind its back fails."""
    request = BuildRequest(kernels=kernels(tmp_path), build_dir=tmp_path / "build")
    rendered = render_kernel("double", request)
    artifacts = build_kernel(rendered, request, lambda _: None)
    other = str(artifacts.xclbin.with_name("other.xclbin"))
    assert main(["rebank", str(artifacts.xclbin), "-o", other, "--arg", "bo0=HOST"]) == 0

    with pytest.raises(Problem, match=r"argument 3 \(x\) is not as \[banks\] asks"):
        banks_text(rendered.spec, Path(other))
    elsewhere = replace(rendered.spec, banks=Banks(tile={"x": TilePlace(banks=(0,))}))
    with pytest.raises(Problem, match=r"does not ask for the place that \[banks\] gives 'x'"):
        banks_text(elsewhere, artifacts.xclbin)


def test_a_memory_that_the_xclbin_lacks_is_found_out(tmp_path: Path) -> None:
    request = BuildRequest(kernels=kernels(tmp_path, banks=""), build_dir=tmp_path / "build")
    rendered = render_kernel("double", request)
    artifacts = build_kernel(rendered, request, lambda _: None)

    with pytest.raises(Problem, match=r"memory DDR in KB is not as \[banks\] asks"):
        banks_text(replace(rendered.spec, banks=Banks(memory={"DDR": 5})), artifacts.xclbin)


def test_show_prints_what_the_host_is_to_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "double", "--kernels", str(kernels(tmp_path))]) == 0

    shown = capsys.readouterr().out
    assert "  3  x          in       256 B  i32   in SRAM  (asked for)\n" in shown
    assert "  4  y          out      256 B  i32   in HOST\n" in shown
    assert "  1  instr in HOST  (asked for)\n  SRAM of 65,536 KB  (asked for)\n" in shown


def test_the_command_line_mends_what_kernel_toml_gets_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = '\n[banks.host]\nx = "DDR"\n[banks.tile]\ny = { bank = 9 }\n'
    folder = kernels(tmp_path, banks=wrong)
    options = ("--kernels", str(folder), "--build-dir", str(tmp_path / "build"), "--mem", "DDR=64MB", "--bank", "y=1")

    assert main(["rebank", "double", *options]) == 0
    assert "   3  x            DDR, group id 65538 in slot 1  (asked for)\n" in capsys.readouterr().out


def test_the_line_that_proves_it_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kernels(tmp_path / "a folder", banks="")
    options = ["--kernels", str(folder), "--target", "npu2", "--set", "count=32"]
    assert main(["rebank", "double", *options, "--build-dir", str(tmp_path / "b"), "--bank", "x=3"]) == 0
    line = capsys.readouterr().err.splitlines()[-1]

    assert line.startswith("prove it: tileproof verify double --target npu2 --set count=32 --kernels ")
    assert main(shlex.split(line)[3:]) == 0


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ("0KB", "a size is a whole number from 1 up and KB, MB or GB, of 64 bits in KB"),
        ("0xffffffffffffffffffffKB", "a size is a whole number from 1 up and KB, MB or GB, of 64 bits in KB"),
        ("999999999999999999GB", "a size is a whole number from 1 up and KB, MB or GB, of 64 bits in KB"),
        ("9" * 5000 + "KB", "a size is a whole number from 1 up and KB, MB or GB, of 64 bits in KB"),
        ("-1KB", "a size is a whole number and KB, MB or GB"),
        ("", "a size is a whole number and KB, MB or GB"),
    ],
    ids=str.__len__,
)
def test_a_size_that_no_xclbin_can_have_is_refused(size: str, why: str) -> None:
    with pytest.raises(Problem) as refused:
        memory_size("DDR", size, "--mem")

    assert refused.value.why == why
    assert memory_size("DDR", "0xffffffffffffffffKB", "--mem") == 2**64 - 1


@pytest.mark.parametrize("tag", ["", "A" * 16, "Sp\u00e4ter"])
def test_a_tag_that_does_not_fit_is_refused(tag: str) -> None:
    with pytest.raises(Problem) as refused:
        memory_size(tag, "64MB", f"--mem {tag}=64MB")

    assert str(refused.value) == (
        f"error: a memory cannot be called {tag!r}\n"
        f"  where: --mem {tag}=64MB\n"
        "  why:   its tag is 1 to 15 bytes of ASCII\n"
        "  fix:   give it another name"
    )


def test_a_bank_and_an_address_that_contradict_each_other_are_told_as_that() -> None:
    text = DESIGN.replace("ATTRIBUTES", "mem_bank = 2 : i32, address = 4096 : i32")
    with pytest.raises(Problem) as refused:
        check_kept(Banks(), lower_design(read_design(text, "d.mlir")))

    assert str(refused.value) == (
        "error: buffer w of core (0, 2) does not lie where it asks to\n"
        "  where: d.mlir:5:5\n"
        "  why:   it asks for bank 2 and lies at 4,096 to 4,127, in bank 0: that is the address it asks for as well\n"
        "  fix:   ask for the bank or for the address, not for both"
    )


DESIGN = """\
module {
  aie.device(npu1) {
    %other = aie.tile(0, 3) {allocation_scheme = "bank-aware"}
    %tile = aie.tile(0, 2)
    %w = aie.buffer(%tile) {sym_name = "w", ATTRIBUTES} : memref<8xi32>
    %core = aie.core(%tile) {
      aie.end
    }
  }
}
"""


def test_the_scheme_of_a_tile_without_a_core_is_not_the_kernels() -> None:
    lowered = lower_design(read_design(DESIGN.replace("ATTRIBUTES", "mem_bank = 0 : i32"), "d.mlir"))

    with pytest.raises(Problem, match="the design does not ask for the scheme bank-aware"):
        check_kept(Banks(scheme="bank-aware"), lowered)


def test_several_equal_banks_are_the_one_that_stands_for_all() -> None:
    lowered = lower_design(read_design(FIFO.replace("ATTRIBUTES", " {tileproof.mem_bank = array<i32: 1, 1, 1>}"), "f"))

    check_kept(Banks(tile={"b": TilePlace(banks=(1,))}), lowered)


@pytest.mark.parametrize(
    ("attribute", "meant"),
    [
        ("tileproof.membank = array<i32: 1>", "tileproof.mem_bank"),
        ("tileproof.adress = array<i32: 1>", "tileproof.address"),
    ],
)
def test_a_misspelt_attribute_of_ours_is_noted(attribute: str, meant: str) -> None:
    design = read_design(FIFO.replace("ATTRIBUTES", f" {{{attribute}}}"), "fifo.mlir")

    assert [note.said.fix for note in design.notes] == [f"did you mean {meant!r}?"]


def test_an_attribute_of_fifos_on_a_buffer_is_noted() -> None:
    design = read_design(DESIGN.replace("ATTRIBUTES", "tileproof.mem_bank = 1 : i32"), "d.mlir")

    assert [note.said.fix for note in design.notes] == ["did you mean 'mem_bank'?"]


@pytest.mark.parametrize(
    "options",
    [
        ("--bank", "x=0", "--address", "x=0x4000"),
        ("--bank", "x=0", "--bank", "x=1"),
        ("--arg", "x=HOST", "--arg", "x=SRAM"),
        ("--mem", "A=1KB", "--mem", "A=2KB"),
    ],
)
def test_a_directive_that_is_given_twice_is_refused(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, "rebank", "double", "--kernels", str(kernels(tmp_path, banks="")), *options)

    assert told.startswith(f"error: {options[1].split('=')[0]!r} is given twice\n")


def test_a_file_that_is_not_there_is_no_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none.bin")

    assert refusal(capsys, "rebank", missing, "-o", "x").startswith("error: none.bin cannot be read\n")
    assert refusal(capsys, "rebank", missing, "-o", "x", "--target", "npu2").startswith(
        "error: --target is for kernels\n"
    )


def test_equal_banks_in_json_have_a_stable_digest() -> None:
    one, two = Banks(host={"x": "A", "y": "B"}), Banks(host={"y": "B", "x": "A"})

    assert one.digest == two.digest != Banks().digest
    assert json.loads(one.to_json())["host"] == {"x": "A", "y": "B"}
