"""build DESIGN.mlir: the pair of any design, with the options that aiecc has, run as a host runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tileproof.cli import main
from tileproof.emulator import pyxrt
from tileproof.emulator.elf_file import read_elf
from tileproof.xclbin import read_kernels, read_xclbin

TO, FROM = pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
COMPLETED = pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED

# A core that adds a number to what it is sent; CALLS is left out, or calls a tile function that does.
DEVICE = """\
  aie.device(npu1_1col) @NAME {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    func.func private @add(memref<16xi32>, memref<16xi32>)
    aie.objectfifo @in(%shim, {%tile}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.objectfifo @out(%tile, {%shim}, 2 : i32) : !aie.objectfifo<memref<16xi32>>
    aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      %more = arith.constant MORE : i32
      %forever = arith.constant 9223372036854775807 : index
      scf.for %turn = %c0 to %forever step %c1 {
        %x = aie.objectfifo.acquire @in(Consume, 1) : memref<16xi32>
        %y = aie.objectfifo.acquire @out(Produce, 1) : memref<16xi32>
        BODY
        aie.objectfifo.release @in(Consume, 1)
        aie.objectfifo.release @out(Produce, 1)
      }
      aie.end
    } LINK
    aie.runtime_sequence @run(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 1 : i64, metadata = @in} : memref<16xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 16][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<16xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
    aie.runtime_sequence @half(%a: memref<16xi32>, %b: memref<16xi32>) {
      aiex.npu.dma_wait {symbol = @out}
    }
  }
"""
BY_ITSELF = """scf.for %i = %c0 to %c16 step %c1 {
          %0 = memref.load %x[%i] : memref<16xi32>
          %1 = arith.addi %0, %more : i32
          memref.store %1, %y[%i] : memref<16xi32>
        }"""
CALLS = "func.call @add(%x, %y) : (memref<16xi32>, memref<16xi32>) -> ()"
TILE_CODE = """\
#include <cstdint>
#include "more.h"
extern "C" void add(int32_t *x, int32_t *y) { for (int i = 0; i < 16; ++i) y[i] = x[i] + MORE * factor; }
"""


def device(name: str = "main", *, more: int = 1, calls: bool = False) -> str:
    body, link = (CALLS, '{link_with = "add.o"}') if calls else (BY_ITSELF, "")
    text = DEVICE.replace("NAME", name).replace("BODY", body).replace("LINK", link)
    return text.replace("MORE", str(more))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.mlir").write_text(f"module {{\n{device()}}}\n")
    (tmp_path / "called.mlir").write_text(f"module {{\n{device(calls=True)}}}\n")
    (tmp_path / "two.mlir").write_text(f"module {{\n{device('first')}{device('second', more=10)}}}\n")
    (tmp_path / "add.cc").write_text(TILE_CODE)
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "more.h").write_text("constexpr int factor = 3;\n")
    return tmp_path


def kernel_of(xclbin: str, *names: str) -> tuple[pyxrt.device, list[pyxrt.kernel]]:
    opened, file = pyxrt.device(0), pyxrt.xclbin(xclbin)
    opened.register_xclbin(file)
    context = pyxrt.hw_context(opened, file.get_uuid())
    return opened, [pyxrt.kernel(context, name) for name in names]


def answer_of(opened: pyxrt.device, kernel: pyxrt.kernel, insts: str) -> list[int]:
    """What it makes of 0, 1, 2, ...; the first three of it."""
    words = np.fromfile(insts, np.uint32)
    instr = pyxrt.bo(opened, words.nbytes, pyxrt.bo.cacheable, kernel.group_id(1))
    given, made = (pyxrt.bo(opened, 64, pyxrt.bo.host_only, kernel.group_id(index)) for index in (3, 4))
    instr.write(words, 0)
    given.write(np.arange(16, dtype=np.int32), 0)
    instr.sync(TO)
    given.sync(TO)
    run = kernel(3, instr, len(words), given, made)
    assert run.wait() == COMPLETED, run.report
    made.sync(FROM)
    return made.read(12, 0).view(np.int32).tolist()


def test_a_design_without_tile_code_is_built_beside_the_other_builds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "one.mlir"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("one.mlir: built: build/one/one.xclbin + insts.bin (")

    opened, (kernel,) = kernel_of("build/one/one.xclbin", "MLIR_AIE")
    assert answer_of(opened, kernel, "build/one/insts.bin") == [1, 2, 3]


def test_files_are_called_as_aiecc_would_call_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--xclbin-name", "final.xclbin", "--npu-insts-name", "words.bin", "--json"]

    assert main(["build", "one.mlir", "-o", "out", *names]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    digest = told.pop("digest")
    assert told == {"design": "one.mlir", "xclbin": "out/final.xclbin", "insts": "out/words.bin"}
    assert len(digest) == 64
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["final.xclbin", "words.bin"]


def test_tile_code_is_compiled_with_its_macros_and_folders(folder: Path) -> None:
    code = ["--tile-code", "add.cc", "-D", "MORE=5", "-I", "include"]

    assert main(["build", "called.mlir", "-o", ".", *code]) == 0
    opened, (kernel,) = kernel_of("called.xclbin", "MLIR_AIE")
    assert answer_of(opened, kernel, "insts.bin") == [15, 16, 17]


def test_the_same_design_gives_the_same_files(folder: Path) -> None:
    for out in ("a", "b"):
        assert main(["build", "one.mlir", "-o", out]) == 0

    assert (folder / "a" / "one.xclbin").read_bytes() == (folder / "b" / "one.xclbin").read_bytes()


def test_instructions_are_written_as_an_elf_too_and_a_full_elf_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "one.mlir", "-o", "pair", "--elf-name", "insts.elf"]) == 0
    assert main(["build", "one.mlir", "-o", "full", "--full-elf-name", "aie.elf", "--json"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("one.mlir: built: pair/one.xclbin + insts.bin + insts.elf (")
    assert '"elf": "full/aie.elf"' in "".join(out)

    names = [sorted(path.name for path in (folder / out).iterdir()) for out in ("pair", "full")]
    assert names == [["insts.bin", "insts.elf", "one.xclbin"], ["aie.elf"]]
    (found,) = read_elf((folder / "pair" / "insts.elf").read_bytes(), "insts.elf").values()
    assert found == (folder / "pair" / "insts.bin").read_bytes()


def test_one_of_several_devices_is_built(folder: Path) -> None:
    assert main(["build", "two.mlir", "-o", ".", "--device-name", "@second"]) == 0

    opened, (kernel,) = kernel_of("two.xclbin", "MLIR_AIE")
    assert answer_of(opened, kernel, "insts.bin") == [10, 11, 12]


def test_another_sequence_has_other_instructions(folder: Path) -> None:
    assert main(["build", "one.mlir", "-o", "run"]) == 0
    assert main(["build", "one.mlir", "-o", "half", "--sequence", "@half"]) == 0

    sizes = [(folder / out / "insts.bin").stat().st_size for out in ("run", "half")]
    assert sizes[0] > sizes[1]


def both(folder: Path) -> None:
    """An xclbin of two kernels."""
    names = ["--xclbin-kernel-name", "FIRST", "--xclbin-kernel-id", "0x902", "--xclbin-instance-name", "ONE"]
    assert main(["build", "two.mlir", "-o", ".", "--device-name", "first", "--xclbin-name", "a.xclbin", *names]) == 0
    more = ["--xclbin-input", "a.xclbin", "--xclbin-name", "both.xclbin"]
    assert main(["build", "two.mlir", "-o", ".", "--device-name", "second", *more]) == 0


def test_a_kernel_lies_beside_those_of_another_xclbin(folder: Path) -> None:
    both(folder)
    file = read_xclbin((folder / "both.xclbin").read_bytes(), "both.xclbin")

    kernels = read_kernels(file, "both.xclbin")
    assert [(kernel.name, kernel.kernel_id) for kernel in kernels] == [("FIRST", 0x902), ("MLIR_AIE", 0x901)]
    assert [argument.banks for kernel in kernels for argument in kernel.arguments[1:4]] == [(1,), (), (0,)] * 2


def test_each_kernel_of_an_xclbin_runs_its_own_design_in_turn(folder: Path) -> None:
    both(folder)
    opened, (first, second) = kernel_of("both.xclbin", "FIRST", "MLIR_AIE")

    answers = [answer_of(opened, kernel, "insts.bin") for kernel in (first, second, first)]
    assert answers == [[1, 2, 3], [10, 11, 12], [1, 2, 3]]


RECONFIGURES = """\
module {
  aie.device(npu2) @main {
    %shim = aie.tile(0, 0)
    aie.runtime_sequence @sequence(%a: memref<16xi32>) {
      aiex.npu.load_pdi {device_ref = @other}
    }
  }
  aie.device(npu2) @other {
    %shim = aie.tile(0, 0)
  }
}
"""

REFUSED = [
    (
        ("missing.mlir",),
        "error: missing.mlir cannot be read\n"
        "  where: missing.mlir\n"
        "  why:   No such file or directory\n"
        "  fix:   check the path\n"
        "  more:  tileproof explain unreadable-file\n",
    ),
    (
        ("one.mlir", "--sequence", "other"),
        "error: there is no runtime sequence @other\n"
        "  where: one.mlir:2:3\n"
        "  fix:   sequences here: @run, @half\n"
        "  more:  tileproof explain unknown-sequence\n",
    ),
    (
        ("one.mlir", "two.mlir"),
        "error: a FILE.mlir is built by itself\n"
        "  where: tileproof build one.mlir two.mlir\n"
        "  why:   its options say what it is made of\n"
        "  fix:   call `tileproof build` once for each\n"
        "  more:  tileproof explain option-conflict\n",
    ),
    (
        ("one.mlir", "--set", "count=3"),
        "error: --set is for a kernel\n"
        "  where: tileproof build one.mlir --set\n"
        "  why:   a FILE.mlir is lowered as it is written\n"
        "  fix:   leave it out, or name a kernel\n"
        "  more:  tileproof explain option-of-others\n",
    ),
    (
        ("one.mlir", "--toolchain", "mlir-aie"),
        "error: a FILE.mlir is built for the emulator only\n"
        "  where: --toolchain mlir-aie\n"
        "  why:   for an NPU there is aiecc, which takes the same options\n"
        "  fix:   aiecc --get-xclbin --get-npu-insts one.mlir; or leave --toolchain out\n"
        "  more:  tileproof explain option-conflict\n",
    ),
    (
        ("mel", "--tile-code", "add.cc"),
        "error: --tile-code is for a FILE.mlir\n"
        "  where: tileproof build mel --tile-code\n"
        "  why:   a kernel says in its kernel.toml what it is built of\n"
        "  fix:   leave it out, or name a FILE.mlir\n"
        "  more:  tileproof explain option-of-others\n",
    ),
    (
        ("anew.mlir",),
        "error: @sequence sets the array up anew under way, which one xclbin and its instructions do not hold\n"
        "  where: anew.mlir:4:5\n"
        "  why:   for an NPU it is packed as a full ELF, with a PDI for each device of the file\n"
        "  fix:   build that: --full-elf-name aie.elf; or each device by itself, with --device-name\n"
        "  more:  tileproof explain full-elf-only\n",
    ),
    (
        ("one.mlir", "--xclbin-input", "out/one.xclbin"),
        "error: the kernel MLIR_AIE (0x901) cannot lie beside MLIR_AIE\n"
        "  where: --xclbin-input\n"
        "  why:   XRT finds a kernel by its name, and the firmware by its id: both must be its own\n"
        "  fix:   give it others: --xclbin-kernel-name NAME --xclbin-kernel-id 0x902\n"
        "  more:  tileproof explain same-kernel\n",
    ),
    (
        ("one.mlir", "--xclbin-input", "out/none.xclbin"),
        "error: none.xclbin cannot be read\n"
        "  where: out/none.xclbin\n"
        "  why:   No such file or directory\n"
        "  fix:   check the path\n"
        "  more:  tileproof explain unreadable-file\n",
    ),
]


@pytest.mark.parametrize(("words", "told"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_built_is_refused_with_what_to_do(
    words: tuple[str, ...], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "anew.mlir").write_text(RECONFIGURES)
    assert main(["build", "one.mlir", "-o", "out"]) == 0
    capsys.readouterr()

    assert main(["build", *words]) in (1, 2)
    assert capsys.readouterr().err == told


def test_a_pair_whose_run_has_no_scratchpad_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("d.mlir").write_text((Path(__file__).parent / "designs" / "parameters.mlir").read_text())
    assert main(["build", "d.mlir"]) == 0

    assert capsys.readouterr().err == (
        "warning: @run creates a control scratchpad, and a run of an xclbin and its instructions has none\n"
        "  where: d.mlir:46:7\n"
        "  why:   XRT makes one, and puts its address into the instructions, for a kernel of an ELF only\n"
        "  fix:   build the design with --full-elf-name\n"
        "  more:  tileproof explain no-scratchpad\n"
    )
    assert main(["build", "d.mlir", "--full-elf-name", "d.elf"]) == 0
    assert capsys.readouterr().err == ""


def test_two_files_of_a_build_have_two_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("d.mlir").write_text((Path(__file__).parent / "designs" / "parameters.mlir").read_text())
    code = main(["build", "d.mlir", "--full-elf-name", "params.txt"])

    assert (code, capsys.readouterr().err) == (
        2,
        "error: elf and parameters are both called params.txt\n"
        "  fix:   give one of them another name\n"
        "  more:  tileproof explain given-twice\n",
    )
