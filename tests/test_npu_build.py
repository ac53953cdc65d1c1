"""The build for an NPU: right by construction, driven through five days of mlir-aie with programs that stand in.

tests/needs_mlir_aie runs the real ones.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from small_kernel import write_kernel
from stand_in_tools import BROKEN, DAYS, NEWEST, OLDEST, calls, install, passes_of

from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.lowering.against import word_differences
from tileproof.lowering.lower import lower_design
from tileproof.lowering.sequence import main_sequence, sequence_words
from tileproof.mlir.printer import respelled
from tileproof.mlir.reader import read_design, read_layout
from tileproof.mlir_aie_versions import VERSIONS, version_named, version_of
from tileproof.toolchain.aie_opt import passes_in, passes_of_version, pipeline
from tileproof.toolchain.aiecc import VERSION_OF, AieccCall, aiecc_flags, assumed_driver, driver_of, layout_flags
from tileproof.toolchain.mlir_aie import find_mlir_aie
from tileproof.xclbin import read_arguments, read_xclbin
from tileproof.xclbin.provenance import check_pair, read_provenance

CALL = AieccCall(design="d.mlir", xclbin="a.xclbin", insts="i.bin", tmpdir="t.prj", peano="/peano", xclbinutil="/x")
NAMES = [
    *("--xclbin-name=a.xclbin", "--xclbin-kernel-name=MLIR_AIE"),
    *("--xclbin-instance-name=MLIRAIE", "--xclbin-kernel-id=0x901"),
]
COMMON = ["--npu-insts-name=i.bin", "--alloc-scheme=bank-aware", "--no-unified", "--tmpdir=t.prj"]
BANKS = """
[banks]
scheme = "bank-aware"

[banks.host]
x = "SRAM"

[banks.tile]
x = { bank = [3, 1] }
"""


class Here:
    """A machine on which the tools of one day are installed."""

    def __init__(self, folder: Path, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.day = folder, day
        self.environ = install(folder / "tools", day)
        for name in ("VIRTUAL_ENV", "AIE_XCLBINUTIL", "PEANO_INSTALL_DIR", "MLIR_AIE_INSTALL_DIR"):
            monkeypatch.delenv(name, raising=False)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        self.kernels = write_kernel(folder)

    def build(self, *options: str) -> int:
        common = ["--kernels", str(self.kernels), "--build-dir", str(self.folder / "build")]
        return main(["build", "double", "--toolchain", "mlir-aie", *common, *options])

    @property
    def built(self) -> Path:
        return self.folder / "build" / "double" / "double_i32_64__npu1.mlir-aie"

    @property
    def xclbin(self) -> Path:
        return self.built / "double_i32_64__npu1.xclbin"


@pytest.fixture(params=DAYS)
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    """A kernel with banks: every step there is."""
    here = Here(tmp_path, request.param, monkeypatch)
    toml = here.kernels / "double" / "kernel.toml"
    toml.write_text(toml.read_text() + BANKS)
    return here


@pytest.fixture
def newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    return Here(tmp_path, NEWEST, monkeypatch)


# What is asked of aiecc


@pytest.mark.parametrize(
    ("kind", "first", "own"),
    [
        ("A", ["--aie-generate-xclbin", "--aie-generate-npu-insts"],
         ["--no-compile-host", "--no-xchesscc", "--no-xbridge", "--peano=/peano"]),
        ("B", ["--aie-generate-xclbin", "--aie-generate-npu-insts"],
         ["--no-compile-host", "--no-xchesscc", "--no-xbridge", "--dynamic-objFifos=false", "--dump-intermediates",
          "--peano=/peano"]),
        ("C1", ["--get-xclbin", "--get-npu-insts", "--get-input-with-addresses"],
         ["--no-xchesscc", "--dynamic-objFifos=false", "--output-dir=.", "--peano=/peano", "--no-progress",
          "--xclbinutil-path=/x"]),
        ("C2", ["--get-xclbin", "--get-npu-insts", "--get-input-with-addresses"],
         ["--dynamic-objFifos=false", "--output-dir=.", "--peano=/peano", "--no-progress", "--xclbinutil-path=/x"]),
    ],
)  # fmt: skip
def test_each_kind_is_asked_in_its_own_words(kind: str, first: list[str], own: list[str]) -> None:
    asked = list(aiecc_flags(assumed_driver(kind), CALL))  # type: ignore[arg-type]

    assert asked == [*first, *NAMES, *COMMON, *own, "d.mlir"]


def test_a_layout_is_asked_for_without_compiling_a_core() -> None:
    call = AieccCall(design="d.mlir", tmpdir="t.prj", insts="i.bin")
    own = {"A": "--no-compile-host", "C2": "--get-input-with-addresses"}

    for kind, flag in own.items():
        asked = layout_flags(assumed_driver(kind), call, "there")  # type: ignore[arg-type]
        assert flag in asked
        assert not any("xclbin" in word or "peano" in word for word in asked)
    assert "--output-dir=there" in asked


def test_a_flag_that_came_within_a_kind_is_used_where_it_is() -> None:
    """--xclbinutil-path came on 2026-07-23, two days after --get-xclbin."""
    driver = driver_of("--get-xclbin --no-xchesscc --no-progress", is_python=False)
    assert driver is not None

    assert not any(word.startswith("--xclbinutil-path") for word in aiecc_flags(driver, CALL))
    assert "--no-progress" in aiecc_flags(driver, CALL)


def test_a_sequence_is_named_where_a_design_has_several() -> None:
    call = AieccCall(design="d.mlir", tmpdir="t.prj", insts="i.bin", sequence="first")

    assert "--sequence-name=first" in layout_flags(assumed_driver("C2"), call, ".")


@pytest.mark.parametrize(
    ("text", "is_python", "kind"),
    [
        ("usage: aiecc.py\n --aie-generate-xclbin --no-xchesscc", True, "A"),
        ("OVERVIEW\n --aie-generate-xclbin --no-xchesscc", False, "B"),
        ("OVERVIEW\n --get=<edge>: --get-xclbin\n --no-xchesscc", False, "C1"),
        ("OVERVIEW\n --get=<edge>: --get-xclbin", False, "C2"),
        ("usage: something else", True, None),
    ],
)
def test_a_kind_is_known_by_what_its_help_says(text: str, is_python: bool, kind: str | None) -> None:
    driver = driver_of(text, is_python=is_python)

    assert (driver.kind if driver else None) == kind


# Which mlir-aie it is, and what its aie-opt is asked for


@pytest.mark.parametrize("day", DAYS)
def test_a_state_is_known_by_the_passes_of_its_aie_opt(day: str) -> None:
    assert version_of({name.removeprefix("--") for name in passes_of(day)}).name == DAYS[day][1]


LOCKS_FIRST = "aie-assign-lock-ids,aie-register-objectFifos,"
STATEFUL = "aie-objectFifo-stateful-transform{dynamic-objFifos=false packet-sw-objFifos=false}"
ADDRESSES = (
    "aie.device(aie-assign-bd-ids,aie-lower-cascade-flows,aie-lower-broadcast-packet,aie-lower-multicast,"
    "aie-assign-tile-controller-ids,aie-assign-buffer-addresses{alloc-scheme=bank-aware})"
)
OBJECTS = {
    "2025-11-24": f"{LOCKS_FIRST}{STATEFUL}",
    "2026-03-24": f"{LOCKS_FIRST}{STATEFUL}",
    "2026-06-19": f"{LOCKS_FIRST}{STATEFUL}",
    "2026-07-28": f"aie-assign-lock-ids,{STATEFUL}",
    "2026-08-14": "aie-objectFifo-stateful-transform{packet-sw-objFifos=false},"
    "aie-objectFifo-unroll{default-dynamic=false},aie-assign-lock-ids",
}


@pytest.mark.parametrize("day", DAYS)
def test_each_day_has_its_own_pipeline(day: str) -> None:
    passes = passes_in("\n".join(passes_of(day)))

    assert pipeline(passes, "", objects=True, addresses=True) == (
        f"builtin.module(lower-affine,aie-canonicalize-device,aie.device({OBJECTS[day]}),{ADDRESSES})"
    )


@pytest.mark.parametrize("day", DAYS)
def test_a_pipeline_of_tools_that_are_not_here_is_that_of_tools_that_are(day: str) -> None:
    text = "aie.logical_tile aie.trace"
    there, assumed = passes_in("\n".join(passes_of(day))), passes_of_version(version_named(DAYS[day][1]))

    assert pipeline(assumed, text, objects=True, addresses=True) == pipeline(there, text, objects=True, addresses=True)


@pytest.mark.parametrize(
    ("text", "early"),
    [
        ("%t = aie.logical_tile<CoreTile>(?, ?)", "aie.device(aie-place-tiles),"),
        (
            "aie.trace @seen(%t) {",
            "aie.device(aie-insert-trace-flows,aie-trace-to-config,aie-trace-pack-reg-writes,aie-inline-trace-config),",
        ),
    ],
)
def test_tiles_are_placed_and_traces_lowered_where_a_design_has_them(text: str, early: str) -> None:
    passes = passes_in("\n".join(passes_of(NEWEST)))

    assert pipeline(passes, text, objects=True, addresses=False).startswith(f"builtin.module({early}lower-affine,")
    assert pipeline(passes, text, objects=False, addresses=True) == f"builtin.module({ADDRESSES})"


def test_every_kind_is_assumed_to_be_of_its_newest_version() -> None:
    assert [VERSION_OF[kind].name for kind in ("A", "B", "C1", "C2")] == [
        *("2025-11", "2026-06", "2026-08", "2026-08-14"),
    ]
    assert {version.name for version in VERSIONS} == {version for _, version in DAYS.values()}


# A build


def test_each_day_builds_a_pair_that_knows_where_it_comes_from_with_its_banks(
    here: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here.build() == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"double: built: {here.xclbin} + insts.bin (")
    assert captured.err == ""  # both lowerings agree, to the last BD

    xclbin = read_xclbin(here.xclbin.read_bytes(), "a.xclbin")
    assert any(xclbin.uuid)
    provenance = read_provenance(xclbin)
    assert provenance is not None
    assert (provenance.variant, provenance.toolchain, provenance.target) == ("double_i32_64__npu1", "mlir-aie", "npu1")
    check_pair(provenance, (here.built / "insts.bin").read_bytes(), "a.xclbin", "insts.bin")
    assert json.loads((here.built / "notes.json").read_text()) == {"warnings": []}
    _check_calls(here)
    _check_spelling(here)
    _check_banks(here)
    assert here.build() == 0
    assert "up to date" in capsys.readouterr().out


def _check_calls(here: Here) -> None:
    """Tile code is compiled before aiecc looks for it, and what aiecc compiles has its fifos lowered and placed."""
    run = [call for call in calls(here.environ) if "help" not in call[1] and "version" not in call[1]]
    names = [call[0].removesuffix(".py") for call in run if call[0] not in ("xclbinutil", "bootgen")]
    # The objects of the fifos are aie-opt's; the layout is aiecc's own where it prints one.
    layout = "aiecc" if "--get-input-with-addresses" in run[-1] else "aie-opt"
    assert sorted(names) == sorted(["aie-opt", layout, "aiecc", "clang++"])
    assert names[-1] == "aiecc"
    assert run[-1][-1] == "placed.mlir"
    clang = next(call for call in run if call[0] == "clang++")
    assert "--target=aie2-none-unknown-elf" in clang
    assert clang[-4:] == ["-c", "tile.cc", "-o", "tile.o"]
    assert {"-MD", "-D__AIE_API_AIE_ADF_HPP__"} <= set(clang)


def _check_spelling(here: Here) -> None:
    text = (here.built / "aie.mlir").read_text()
    is_oldest = "aiecc.py" in {call[0] for call in calls(here.environ)}
    declared = next(line for line in text.splitlines() if "func.func private" in line)
    assert ("link_with" not in declared) is is_oldest  # v1.1.x has it on the core
    assert read_design(text, "aie.mlir").fifos


def _check_banks(here: Here) -> None:
    placed = {b.name: b.bank for b in read_design((here.built / "placed.mlir").read_text(), "placed.mlir").buffers}
    assert (placed["x_cons_buff_0"], placed["x_cons_buff_1"], placed["y_buff_0"]) == (3, 1, None)
    lowered = read_layout((here.built / "lowered.mlir").read_text(), "lowered.mlir")
    banks = {b.name: (b.address or 0) // 0x4000 for b in lowered.buffers}
    assert (banks["x_cons_buff_0"], banks["x_cons_buff_1"]) == (3, 1)
    arguments = read_arguments(read_xclbin(here.xclbin.read_bytes(), "a.xclbin"), "a.xclbin")
    assert [arguments[index].bank_tag for index in (1, 3, 4)] == ["SRAM", "SRAM", "HOST"]


def test_npu2_is_compiled_for_aie2p_without_a_detour_where_no_fifo_has_a_place(newest: Here) -> None:
    assert newest.build("--target", "npu2") == 0

    assert any("--target=aie2p-none-unknown-elf" in call for call in calls(newest.environ))
    assert calls(newest.environ)[-1][-1] == "aie.mlir"


def test_an_address_that_mlir_aie_of_march_moves_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Here(tmp_path, "2026-03-24", monkeypatch)
    toml = here.kernels / "double" / "kernel.toml"
    toml.write_text(toml.read_text() + "\n[banks.tile]\nx = { address = [0x4000, 0x8000] }\n")

    assert here.build() == 2
    assert capsys.readouterr().err == (
        "error: buffer x_cons_buff_0 of core (0, 2) does not lie where it asks to\n"
        "  where: aie.mlir:5:5\n"
        "  why:   it asks for address 16,384 and lies at 16,640: bank-aware of mlir-aie of March 2026 and before puts "
        "a buffer behind the address that it asks for\n"
        '  fix:   ask for banks, or set `scheme = "basic-sequential"`, which keeps addresses\n'
        "  more:  tileproof explain TP105\n"
    )


def test_another_tool_builds_again(newest: Here, capsys: pytest.CaptureFixture[str]) -> None:
    newest.build()
    program = Path(newest.environ["PEANO_INSTALL_DIR"]) / "bin" / "clang++"
    program.write_text(program.read_text() + "# another build of it\n")

    assert newest.build() == 0
    digests = [line.split("(")[1] for line in capsys.readouterr().out.splitlines()]
    assert digests[0] != digests[1]


# A plan to look at


def test_a_plan_needs_no_tools_and_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    kernels = write_kernel(tmp_path)
    options = ["--kernels", str(kernels), "--build-dir", str(tmp_path / "build")]
    assert main(["build", "double", "--toolchain", "mlir-aie", "--plan", "--aiecc", "C2", *options]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        "# A build begins by writing aie-opt.txt, aiecc.txt, constants.hpp, design.mlir, peano.txt, tile.cc, "
        "tileproof.txt, xclbinutil.txt there; none of it is done now."
    )
    assert lines[2] == f"cd {tmp_path / 'build' / 'double' / 'double_i32_64__npu1.mlir-aie'}"
    assert lines[lines.index("# spell the design for mlir-aie of 2026-08-14") + 1].endswith(
        "-m tileproof respell --design design.mlir --version 2026-08-14 --output aie.mlir"
    )
    aiecc = lines[lines.index("# run aiecc") + 1]
    assert aiecc.startswith("$MLIR_AIE_INSTALL_DIR/bin/aiecc --get-xclbin --get-npu-insts ")
    assert " --peano=$PEANO_INSTALL_DIR " in aiecc
    assert not (tmp_path / "build").exists()


def test_a_kind_means_mlir_aie_and_no_other_toolchain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["build", "double", "--kernels", str(write_kernel(tmp_path)), "--plan", "--aiecc", "B"]
    assert main(options) == 0
    assert "\n# run aiecc\n" in capsys.readouterr().out
    assert main([*options, "--toolchain", "host"]) == 2
    assert capsys.readouterr().err == (
        "error: the host toolchain has no aiecc\n"
        "  where: --toolchain host --aiecc B\n"
        "  why:   a build for the emulator lowers the design itself\n"
        "  fix:   leave one of the two out\n"
        "  more:  tileproof explain option-conflict\n"
    )


def test_rebank_builds_for_an_npu_as_well(newest: Here, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--kernels", str(newest.kernels), "--build-dir", str(newest.folder / "build")]
    asked = ["--arg", "y=SRAM", "--bank", "x=0,1"]
    assert main(["rebank", "double", "--toolchain", "mlir-aie", *options, *asked]) == 0

    out = capsys.readouterr().out
    assert "   4  y            SRAM, group id 65537 in slot 1  (asked for)\n" in out
    assert out.rstrip().endswith("/lowered.mlir, as mlir-aie has lowered it and [banks] asks")


def test_a_plan_of_tools_that_are_here_is_what_the_build_runs(newest: Here, capsys: pytest.CaptureFixture[str]) -> None:
    assert newest.build("--plan") == 0
    planned = capsys.readouterr().out
    assert newest.build() == 0

    for name, *arguments in (call for call in calls(newest.environ) if call[0] in ("clang++", "aiecc")):
        if "--help" not in arguments and "version" not in arguments[0]:
            assert f"/{name} " in planned
            assert all(word in planned for word in arguments)


def test_a_plan_for_the_emulator_is_one_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "double", "--kernels", str(write_kernel(tmp_path)), "--plan", "--json"]) == 0

    (plan,) = json.loads(capsys.readouterr().out)
    assert list(plan["steps"]) == [
        "compile_tile",
        "preprocess_tile",
        "note_tile",
        "compile_tileproof_checks",
        "link",
        "lower",
        "warn",
        "package",
    ]


def test_a_kind_that_is_not_here_builds_nothing(newest: Here, capsys: pytest.CaptureFixture[str]) -> None:
    assert newest.build("--aiecc", "A") == 2
    assert capsys.readouterr().err == (
        "error: an aiecc that is not here builds nothing\n"
        "  where: --aiecc A\n"
        "  why:   the kind of the one that is here is found by asking it\n"
        "  fix:   add --plan to see the commands, or leave --aiecc out\n"
        "  more:  tileproof explain missing-option\n"
    )


# Tools that are not there, or not what they seem


def test_without_mlir_aie_each_tool_that_is_missing_is_named_with_its_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("VIRTUAL_ENV", "PEANO_INSTALL_DIR", "MLIR_AIE_INSTALL_DIR", "AIE_XCLBINUTIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XILINX_XRT", str(tmp_path))

    assert main(["build", "double", "--kernels", str(write_kernel(tmp_path)), "--toolchain", "mlir-aie"]) == 3
    assert capsys.readouterr().err == (
        "error: nothing can be built for an NPU here: aiecc, aie-opt, Peano, xclbinutil, bootgen cannot be used\n"
        "  where: --toolchain mlir-aie\n"
        "  why:   aiecc is absent: it is neither below $MLIR_AIE_INSTALL_DIR nor in this Python's packages nor on "
        "PATH\n"
        "         aie-opt is absent: it is beside no aiecc, and not on PATH\n"
        "         Peano is absent: its clang++ is neither below $PEANO_INSTALL_DIR nor beside mlir-aie nor in this "
        "Python's packages\n"
        "         xclbinutil is absent: it is neither on PATH nor below XRT's folder nor beside aiecc\n"
        "         bootgen is absent: aiecc of July 2026 and before packs the PDI with it\n"
        "  fix:   pip install mlir_aie -f https://github.com/Xilinx/mlir-aie/releases/expanded_assets/latest-wheels-4\n"
        "         pip install llvm-aie -f https://github.com/Xilinx/llvm-aie/releases/expanded_assets/nightly\n"
        "         install XRT's tools (Ubuntu with AMD's packages: apt-get install libxrt-utils), or name one: "
        "AIE_XCLBINUTIL\n"
        "  more:  tileproof explain no-mlir-aie\n"
    )


def test_an_xclbinutil_that_says_yes_and_does_nothing_is_found_out(newest: Here) -> None:
    """As Debian's: a wrapper whose program is missing, which prints an error and exits 0."""
    wrapper = Path(newest.environ["XILINX_XRT"]) / "bin" / "xclbinutil"
    wrapper.write_text("#!/bin/sh\necho 'Could not find xclbinutil'\nexit 0\n")
    with pytest.raises(Problem) as refused:
        find_mlir_aie(newest.environ)

    assert refused.value.what == "nothing can be built for an NPU here: xclbinutil cannot be used"
    assert refused.value.why == (
        f"xclbinutil is broken: {wrapper} was asked to write a small xclbin, and did not "
        "(code 0: Could not find xclbinutil)"
    )


def test_a_driver_with_a_wrong_first_line_runs_with_this_python(tmp_path: Path) -> None:
    environ = install(tmp_path, OLDEST)
    program = tmp_path / "mlir_aie" / "bin" / "aiecc.py"
    program.write_text(program.read_text().replace(sys.executable, "/nowhere/python3", 1))

    assert find_mlir_aie(environ).aiecc.command == (sys.executable, str(program))


def test_a_program_called_aiecc_that_is_none_is_named(newest: Here) -> None:
    program = Path(newest.environ["MLIR_AIE_INSTALL_DIR"]) / "bin" / "aiecc"
    program.write_text("#!/bin/sh\necho hello\n")
    with pytest.raises(Problem) as refused:
        find_mlir_aie(newest.environ)

    assert refused.value.why == (
        f"aiecc is broken: it is there and is none of the four that tileproof knows: `{program} --help`: hello"
    )


@pytest.mark.parametrize("day", DAYS)
def test_tools_are_found_by_path_as_well(day: str, tmp_path: Path) -> None:
    environ = install(tmp_path, day)
    environ["PATH"] = f"{environ.pop('MLIR_AIE_INSTALL_DIR')}/bin:{environ['PATH']}"
    found = find_mlir_aie(environ)

    assert (found.aiecc_kind, found.version.name) == DAYS[day]


def test_the_commit_is_the_version_of_an_aiecc_that_says_it(tmp_path: Path) -> None:
    assert find_mlir_aie(install(tmp_path)).aiecc.version == "aiecc 3ca0193ce"


def test_an_xclbinutil_beside_aiecc_is_found(tmp_path: Path) -> None:
    environ = install(tmp_path)
    beside = Path(environ["MLIR_AIE_INSTALL_DIR"]) / "bin" / "xclbinutil"
    (Path(environ["XILINX_XRT"]) / "bin" / "xclbinutil").rename(beside)

    assert find_mlir_aie(environ).xclbinutil.command == (str(beside),)


def test_an_xclbinutil_that_does_its_work_is_taken_before_one_that_does_not(tmp_path: Path) -> None:
    environ = install(tmp_path)
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "xclbinutil"
    broken.write_text("#!/bin/sh\necho 'Could not find xclbinutil'\n")
    broken.chmod(0o755)
    environ["PATH"] = f"{tmp_path / 'bin'}:{environ['PATH']}"

    assert find_mlir_aie(environ).xclbinutil.command == (f"{environ['XILINX_XRT']}/bin/xclbinutil",)


def test_a_bare_name_of_an_xclbinutil_is_looked_for_on_path(tmp_path: Path) -> None:
    environ = install(tmp_path)
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin" / "hrx-xclbinutil"
    (Path(environ["XILINX_XRT"]) / "bin" / "xclbinutil").rename(other)
    environ |= {"PATH": f"{tmp_path / 'bin'}:{environ['PATH']}", "AIE_XCLBINUTIL": "hrx-xclbinutil"}

    assert find_mlir_aie(environ).xclbinutil.command == (str(other),)


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("no-such", "it is neither on PATH nor below XRT's folder nor beside aiecc"),
        ("/no/such", "there is no such file"),
    ],
)
def test_an_xclbinutil_that_is_named_and_not_there_is_told(named: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        find_mlir_aie(install(tmp_path) | {"AIE_XCLBINUTIL": named})

    assert refused.value.why == f"xclbinutil is absent: $AIE_XCLBINUTIL names {named}: {why}"


def test_the_headers_are_found_behind_a_script_of_an_environment(tmp_path: Path) -> None:
    """pip's wheel: bin/aiecc is a script, and everything else lies in site-packages."""
    environ = install(tmp_path)
    package = tmp_path / "venv" / "lib" / "python3.12" / "site-packages" / "mlir_aie"
    package.parent.mkdir(parents=True)
    Path(environ.pop("MLIR_AIE_INSTALL_DIR")).rename(package)
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "include").mkdir()
    (tmp_path / "venv" / "bin" / "aiecc").symlink_to(package / "bin" / "aiecc")
    environ["PATH"] = f"{tmp_path / 'venv' / 'bin'}:{environ['PATH']}"
    found = find_mlir_aie(environ)

    assert found.root == package
    assert found.aie_opt.command == (str(package / "bin" / "aie-opt"),)


# What goes wrong in a build


def test_a_tool_that_fails_is_told_with_its_error_the_line_the_template_and_the_command(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(BROKEN, "aiecc fails")
    assert newest.build() == 1

    template = Path(__file__).parents[1] / "templates" / "design.mlir.j2"
    line = (newest.built / "aie.mlir").read_text().splitlines()[13].strip()
    told = capsys.readouterr().err
    assert told.startswith(
        "error: double: verify the design, and lower it as far as addresses failed\n"
        f"  where: {newest.built}/aie.mlir:14:5, rendered from {template}\n"
        "  why:   'aie.objectfifo' op something is wrong here\n"
        f"         {line}\n"
        f"  fix:   the whole log is {newest.built}/build.log; to see it again: cd {newest.built} && "
    )
    assert told.endswith(" -v lowered.mlir\n  more:  tileproof explain tool-failed\n")


def failure(here: Here, log: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What `build` says where aiecc prints that log, with short paths and without how to see it again."""
    monkeypatch.setenv(BROKEN, log)
    assert here.build(*(("--set", "count=15500") if log == "big.log" else ())) == 1
    told = capsys.readouterr().err.replace(str(Path(__file__).parents[1]), "$ROOT")
    told = re.sub(rf"{here.folder}/build/double/[^/\s]*", "$BUILD", told)
    assert re.search(r"(fix:  |        ) the whole log is \$BUILD/build.log; to see it again: cd \$BUILD && ", told)
    return told[: told.index("the whole log is")].rstrip()


def test_an_undefined_function_is_told_with_those_that_there_are(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(newest, "undef.log", monkeypatch, capsys) == (
        "error: double: no object file has the function attention_i9\n"
        "  where: $BUILD/design.mlir, rendered from $ROOT/templates/design.mlir.j2\n"
        "  why:   undefined symbol: attention_i9\n"
        "         the tile code defines double_tile\n"
        '  fix:   write `extern "C" void attention_i9(...)` in the tile code: without extern "C" it has another name '
        "there"
    )


def test_an_object_file_that_is_missing_is_told_with_the_line_that_links_it(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(newest, "missing.log", monkeypatch, capsys) == (
        "error: double: the design links tile.o, and there is no such file\n"
        "  where: $BUILD/design.mlir:10, rendered from $ROOT/templates/design.mlir.j2:19\n"
        "  why:   cannot open $BUILD/tile.o: No such file or directory\n"
        '         func.func private @double_tile(memref<64xi32>, memref<64xi32>) attributes {link_with = "tile.o"}\n'
        "         object files here: tile.o\n"
        "  fix:   let link_with of the function in the design name one of them"
    )


def test_buffers_without_room_are_told_with_a_map_of_the_memory(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(newest, "big.log", monkeypatch, capsys) == (
        "error: double: the buffers of a tile do not fit its memory\n"
        "  where: $BUILD/aie.mlir:4:13, rendered from $ROOT/templates/design.mlir.j2\n"
        "  why:   'aie.tile' op Bank-aware allocation failed.\n"
        "         %tile = aie.tile(0, 2)\n"
        "         no bank has 62,000 bytes left for y_buff_0; a bank has 16,384 bytes, and bank-aware lets no buffer "
        "cross one\n"
        "         on the tile: y_buff_0 62,000 + y_buff_1 62,000 + x_cons_buff_0 62,000 + x_cons_buff_1 62,000 + stack "
        "1,024\n"
        "  fix:   make the objects smaller ([sizes], --set), lower a depth, or give the objects banks ([banks])"
    )


def test_an_error_that_progress_is_glued_to_is_told_with_its_line_and_template(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure(newest, "undefined_value.log", monkeypatch, capsys) == (
        "error: double: verify the design, and lower it as far as addresses failed\n"
        "  where: $BUILD/aie.mlir:4:23, rendered from $ROOT/templates/design.mlir.j2\n"
        "  why:   use of undeclared SSA value name\n"
        "         %tile = aie.tile(0, 2)\n"
        "  fix:"
    )


def test_a_folder_whose_path_the_linker_cannot_read_is_refused_before_anything_runs(
    newest: Here, capsys: pytest.CaptureFixture[str]
) -> None:
    newest.folder /= "my work"
    assert newest.build() == 2

    assert capsys.readouterr().err == (
        "error: nothing can be linked for an NPU in a folder with ' ' in its path\n"
        f"  where: {newest.built}\n"
        "  why:   aiecc writes the path of each object file into a linker script without quotes\n"
        "  fix:   choose a path of ASCII letters, digits, `_`, `-` and `.` with --build-dir\n"
        "  more:  tileproof explain unlinkable-path\n"
    )
    assert not newest.built.exists()


def test_an_aiecc_that_exits_0_and_writes_nothing_is_no_success(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert newest.build() == 0
    program = Path(newest.environ["MLIR_AIE_INSTALL_DIR"]) / "bin" / "aiecc"
    program.write_text(
        program.read_text().replace(
            "from stand_in_tools", "sys.argv[1:2] == ['--get-xclbin'] and sys.exit(0)\nfrom stand_in_tools"
        )
    )
    for name in ("aiecc.xclbin", "insts.bin", "input_with_addresses.mlir"):
        (newest.built / name).unlink()
    capsys.readouterr()

    assert newest.build() == 1
    assert "error: double: " in capsys.readouterr().err


ELSEWHERE = [
    "buffer x_cons_buff_1, address: 49216 of mlir-aie, 49152 of tileproof",
    "buffer y_buff_1, address: 16448 of mlir-aie, 16384 of tileproof",
]


def test_another_lowering_than_ours_is_told_by_name(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(BROKEN, "aiecc places elsewhere")
    assert newest.build() == 0

    assert capsys.readouterr().err.splitlines() == [f"warning: {difference}" for difference in ELSEWHERE]


def test_an_aie_opt_that_lowers_otherwise_than_its_aiecc_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Here(tmp_path, "2026-06-19", monkeypatch)
    monkeypatch.setenv(BROKEN, "aie-opt places elsewhere")
    assert here.build() == 1

    told = capsys.readouterr().err
    assert told.startswith(
        "error: aiecc gave x_cons_buff_1, y_buff_1 another address than aie-opt did\n"
        "  where: aiecc.prj/input_with_addresses.mlir\n"
    )
    assert json.loads((here.built / "held.json").read_text())["warnings"] == ELSEWHERE


DOUBLE = Path(__file__).parent / "designs" / "double.mlir"


@pytest.mark.parametrize("day", DAYS)
def test_both_lowerings_of_any_design_are_compared(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Here(tmp_path, day, monkeypatch)
    kind, version = DAYS[day]

    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 0
    assert capsys.readouterr().out == (
        f"{DOUBLE}: mlir-aie of {version} and tileproof make the same of it: 4 buffers, 8 locks, 2 channels, "
        "75 instruction words\n"
    )
    layouter = "aiecc" if kind in ("C1", "C2") else "aie-opt"
    monkeypatch.setenv(BROKEN, f"{layouter} places elsewhere")
    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{DOUBLE}, lowered by mlir-aie of {version} and by tileproof:"
    assert all("_buff_1, address: " in line for line in told[1:])


@pytest.mark.parametrize("day", DAYS)
def test_aie_opt_alone_is_enough_to_compare_layouts(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Here(tmp_path, day, monkeypatch)
    for program in (here.folder / "tools").glob("*/bin/*"):
        if program.name != "aie-opt":
            program.unlink()

    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 0
    told = capsys.readouterr()
    assert told.out.endswith(" make the same of it: 4 buffers, 8 locks, 2 channels\n")
    assert told.err.endswith("instruction words were not compared: there is no aiecc here\n")
    assert main(["check", str(DOUBLE), "--against-mlir-aie", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"mlir_aie": DAYS[day][1], "words": None, "differences": []}


@pytest.mark.parametrize("day", DAYS)
def test_instructions_that_move_something_else_are_told_word_by_word(
    day: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = Here(tmp_path, day, monkeypatch)
    monkeypatch.setenv(BROKEN, "aiecc moves less")
    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 1
    lines = capsys.readouterr().out.splitlines()
    moved = "32 B of bytes 0 to 31 -> 64 B of bytes 0 to 63 (mlir-aie -> tileproof)"
    assert lines[1:3] == [
        f"instructions, argument 3, to the array: {moved}",
        f"instructions, argument 4, to the host: {moved}",
    ]
    assert [line.partition(": ")[0] for line in lines[3:]] == [
        *("instructions, word 4", "instructions, word 41"),
        *("instructions, word 4", "instructions, word 41"),
    ]
    assert here.build() == 0
    assert (
        "warning: instructions, argument 3, to the array: "
        "128 B of bytes 0 to 127 -> 256 B of bytes 0 to 255 (mlir-aie -> tileproof)\n"
    ) in capsys.readouterr().err


def test_instructions_that_do_the_same_in_other_words_are_told_by_the_first() -> None:
    """A padding word of the first transfer's patch: nothing reads it, and still it is not what tileproof writes."""
    lowered = lower_design(read_design(DOUBLE.read_text(), "double.mlir"))
    ours = sequence_words(lowered, main_sequence(lowered))
    same = [word for word in range(len(ours) // 4) if _told_of(ours, word)[0].endswith("; they do the same")]

    assert word_differences(ours, ours) == ()
    assert same, "there is a word that nothing reads"
    before = int.from_bytes(ours[4 * same[0] : 4 * same[0] + 4], "little")
    assert _told_of(ours, same[0]) == (
        f"instructions, word {same[0]}: 0x{before ^ 1:08X} of mlir-aie, 0x{before:08X} of tileproof; they do the same",
    )


def _told_of(ours: bytes, word: int) -> tuple[str, ...]:
    """What is said of one bit of a word."""
    theirs = bytearray(ours)
    theirs[4 * word] ^= 1
    try:
        return word_differences(ours, bytes(theirs))
    except Problem:
        return ("a damaged stream",)


def test_a_comparison_needs_an_mlir_aie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MLIR_AIE_INSTALL_DIR", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 3
    assert capsys.readouterr().err.startswith(
        "error: there is no aie-opt to compare with\n  where: --against-mlir-aie\n"
    )


def test_a_design_that_mlir_aie_refuses_is_told_in_its_words_with_its_line(
    newest: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(BROKEN, "aiecc fails")
    declared = "@twice(memref<16xi32>, memref<16xi32>)\n"
    text = DOUBLE.read_text().replace(declared, declared[:-1] + ' attributes {link_with = "tile.o"}\n')
    linked = tmp_path / "linked.mlir"
    linked.write_text(text)

    assert main(["check", str(linked), "--against-mlir-aie"]) == 1
    line = respelled(text, "linked.mlir").splitlines()[13].strip()
    assert capsys.readouterr().err == (
        "error: mlir-aie of 2026-08-14 does not lower linked.mlir, and tileproof does\n"
        f"  where: {linked}, as mlir-aie reads it: aie.mlir:14:5\n"
        "  why:   'aie.objectfifo' op something is wrong here\n"
        f"         {line}\n"
        "  fix:   one of the two is wrong; `tileproof inspect FILE --print` shows the text that mlir-aie was given\n"
        "  more:  tileproof explain lowered-otherwise\n"
    )


def test_a_design_with_errors_of_its_own_is_not_held_against_mlir_aie(
    newest: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(BROKEN, "aiecc fails")

    assert main(["check", str(DOUBLE), "--against-mlir-aie"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("error TP501 (no-link-with): ")
    assert "\nmlir-aie refuses it as well: 'aie.objectfifo' op something is wrong here\n" in told.out
    assert told.err == ""


def test_what_both_refuse_is_no_difference(
    newest: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lowering it says nothing; the words of its transfer cannot be written, by neither."""
    monkeypatch.setenv(BROKEN, "aiecc fails")
    wrong, text = tmp_path / "wrong.mlir", DOUBLE.read_text()
    wrong.write_text(text.replace("{id = 0 : i64", "{burst_length = 33 : i64, id = 0 : i64"))
    assert wrong.read_text() != text

    assert main(["check", str(wrong), "--against-mlir-aie"]) == 2
    told = capsys.readouterr()
    assert "mlir-aie" not in told.out + told.err
    assert told.err.startswith("error: ")


def test_an_npu_that_is_asked_for_and_not_here_is_said_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    kernels = write_kernel(tmp_path)
    options = ["--kernels", str(kernels), "--build-dir", str(tmp_path / "build"), "--device", "npu"]

    assert main(["verify", "double", *options]) == 3
    assert "not run" in capsys.readouterr().out
    assert not (tmp_path / "build").exists()
