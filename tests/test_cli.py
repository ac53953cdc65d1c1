"""The command line as a person meets it: what it prints, and its exit codes."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
import textwrap
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from small_kernel import write_kernel

from tileproof import __version__
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.kernel.spec import Case
from tileproof.library import data_dir
from tileproof.verify.verdict import Verdict

DOCUMENTED_KEYS = {
    *("kernel", "variant", "target", "toolchain", "device", "case", "seed", "outcome", "reason", "outputs"),
    *("state", "artifacts", "cycles", "seconds"),
}
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return code, captured.out, captured.err

    return call


def test_list_names_the_shipped_kernels(run: Run) -> None:
    code, out, _ = run("list")

    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["attention", "canary", "mel"]


def test_show_prints_scales_cases_and_the_memory_map(run: Run) -> None:
    code, out, _ = run("show", "attention")

    assert code == 0
    assert "scale 0.03125" in out
    assert "realistic outliers" in out
    assert "memory of core (0, 2)" in out


def test_render_shows_a_variant(run: Run) -> None:
    _, whole, _ = run("render", "attention")
    code, out, _ = run("render", "attention", "--set", "head=32")

    assert code == 0
    assert "memref<12288xi8>" in whole
    assert "memref<6144xi8>" in out


def test_render_writes_files_with_o(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("render", "mel", "-o", tmp_path / "out")

    assert code == 0
    assert {Path(line).name for line in out.splitlines()} == {"constants.hpp", "design.mlir", "tile.cc"}
    assert (tmp_path / "out" / "design.mlir").is_file()


def test_verify_passes_and_says_so(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path))

    assert code == 0
    assert "double: PASS: 2 of 2 cases for npu1" in out
    assert "on the emulator" in out


def test_verify_json_is_one_object_with_the_documented_keys(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("verify", "double", "--json", "--kernels", write_kernel(tmp_path))
    report = json.loads(out)

    assert code == 0
    assert set(report) == {"tileproof", "verdicts", "errors"}
    for verdict in report["verdicts"]:
        assert set(verdict) >= DOCUMENTED_KEYS
        assert verdict["outcome"] == "pass"
        assert verdict["times"]["steady"]["runs"] >= 2
        assert set(verdict["artifacts"]) == {"xclbin", "insts", "digest", "sha256", "evidence"}


def test_verify_writes_junit(run: Run, tmp_path: Path) -> None:
    code, _, _ = run("verify", "double", "--junit", "out.xml", "--kernels", write_kernel(tmp_path))
    suite = ElementTree.parse(tmp_path / "out.xml").getroot().find("testsuite")

    assert code == 0
    assert suite is not None
    assert suite.attrib["tests"] == "2"
    assert suite.attrib["failures"] == "0"


def test_a_wrong_kernel_exits_1_and_names_the_element(run: Run, tmp_path: Path) -> None:
    body = "for (int i = 0; i < count; ++i) y[i] = static_cast<element>(2 * x[i] + (i == 5 ? 2 : 1));"
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path, body=body))

    assert code == 1
    assert "1 of 64 elements differ from integer.py, the first at element [5]: -28 instead of -29" in out


def test_the_part_of_an_output_that_nobody_wrote_is_named(run: Run, tmp_path: Path) -> None:
    body = "for (int i = 0; i < count / 2; ++i) y[i] = static_cast<element>(2 * x[i] + 1);"
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path, body=body))

    assert code == 1
    assert "bytes 128 to 255 are 0xC3, as the tile's memory was filled at the start: it seems that nothing wrote" in out


def test_one_mistake_of_a_call_does_not_hide_another(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path, head="#include <aie_api/aie.hpp>", body="y[0] = aie::load_v<8>(x + 61)[7];")
    code, out, _ = run("verify", "double", "--kernels", kernels)

    assert code == 1
    assert "reads outside its buffers: byte 1 past the end" in out
    assert "makes a misaligned vector access of 32 bytes" in out


def test_a_failure_names_what_the_static_checks_find(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    tile = kernels / "double" / "tile.cc.j2"
    tile.write_text(tile.read_text().replace("element *x,", "int16_t *x,"))
    code, out, _ = run("verify", "double", "--kernels", kernels)

    assert code == 1
    assert "error TP504 (parameter-type): parameter 1 of @double_tile is `int16_t *x` in the tile code" in out


def test_a_spec_that_is_found_wrong_on_the_way_is_in_every_report(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    spec = kernels / "double" / "kernel.toml"
    spec.write_text(spec.read_text().replace('draw = "random"', 'draw = "rondom"'))
    junit = tmp_path / "junit.xml"
    code, out, _ = run("verify", "double", "--kernels", kernels, "--json", "--junit", junit)
    answer = json.loads(out)
    suite = ElementTree.parse(junit).getroot().find("testsuite")

    assert code == 2
    assert answer["verdicts"] == []
    assert [error["fix"] for error in answer["errors"]] == ["did you mean 'random'?"]
    assert suite is not None
    assert (suite.attrib["tests"], suite.attrib["errors"], suite.attrib["failures"]) == ("1", "1", "0")
    assert "did you mean 'random'?" in (suite.findtext("testcase/error") or "")


def test_a_kernel_that_was_not_finished_is_not_called_a_pass(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    from tileproof.verify.proof import Proof

    whole = Proof.case

    def case(self: Proof, case: Case, *others: Any, **more: Any) -> Verdict:
        if case.name == "random":
            raise Problem("double: it is gone", id="bug")
        return whole(self, case, *others, **more)

    monkeypatch.setattr(Proof, "case", case)
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path))

    assert code == 2
    assert "double: NOT FINISHED: 1 of 1 case for npu1, and then: double: it is gone" in out
    assert "PASS" not in out


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    code, out, err = run("verify", "double", "--kernels", kernels, "--junit", tmp_path / "none" / "junit.xml")

    assert code == 2
    assert out == ""
    assert "the report cannot be written" in err


def test_a_kernel_that_writes_nothing_exits_1(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path, body=""))

    assert code == 1
    assert "an object of @y is handed on, and no byte of it was ever written" in out
    assert "64 of 64 elements differ" in out


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("random", "on run 2 of 3, with other inputs: "),
        # A ramp is the same from every seed: another case runs in between, and what is kept is then wrong.
        ("ramp", "double, ramp: fail: between two runs, with the inputs of 'random': y: 63 of 64 elements differ"),
    ],
)
def test_a_kernel_that_answers_from_the_run_before_is_caught(run: Run, tmp_path: Path, case: str, words: str) -> None:
    """Right on the first run, stale on the second."""
    head = "static element kept[count]; static bool begun = false;"
    body = """
    if (!begun) for (int i = 0; i < count; ++i) kept[i] = static_cast<element>(2 * x[i] + 1);
    begun = true;
    for (int i = 0; i < count; ++i) y[i] = kept[i];"""
    kernels = write_kernel(tmp_path, body=body, head=head)
    code, out, _ = run("verify", "double", "--case", case, "--kernels", kernels)

    assert code == 1
    assert words in out
    assert "it is the answer to the run before" in out


def test_a_tile_function_that_reads_past_its_buffer_is_named(run: Run, tmp_path: Path) -> None:
    body = "volatile element *values = x; y[0] = values[count];"
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path, body=body))

    assert code == 1
    assert "double_tile reads outside its buffers: byte 1 past the end of x_cons_buff_0 (256 bytes)" in out


@pytest.mark.parametrize(
    "body",
    [
        "__builtin_memcpy(y, x, sizeof(element) * (count + 1));",
        "volatile int n = count + 1; __builtin_memset(y, 0, sizeof(element) * n);",
        "for (int i = 0; i <= count; ++i) y[i] = 0;",
        "aie::store_v(reinterpret_cast<int8_t *>(y + count), aie::load_v<32>(reinterpret_cast<int8_t *>(x)));",
        "aie::store_v(reinterpret_cast<int8_t *>(y), aie::load_v<32>(reinterpret_cast<int8_t *>(x + count)));",
        "y[-1] = 0;",
    ],
    ids=["memcpy", "memset", "loop", "store_v", "load_v", "before the start"],
)
@pytest.mark.parametrize("compiler", ["the machine's", "zig"])
def test_an_access_outside_a_buffer_is_seen_however_it_is_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, compiler: str
) -> None:
    """Found by hand: memcpy and memset went past the checks, and with clang every vector access too."""
    if compiler == "zig":
        if importlib.util.find_spec("ziglang") is None:
            pytest.skip("needs the ziglang package")
        monkeypatch.setenv("CXX", f"{sys.executable} -m ziglang c++")
    kernels = write_kernel(tmp_path, body=body)
    code, out, _ = run("verify", "double", "--case", "ramp", "--timeout", 5, "--kernels", kernels)

    assert code == 1
    assert "outside its buffers" in out


def test_a_tile_function_that_never_returns_is_named(run: Run, tmp_path: Path) -> None:
    body = "volatile int forever = 1; while (forever) {}"
    code, out, _ = run(
        "verify", "double", "--case", "ramp", "--timeout", 0.5, "--kernels", write_kernel(tmp_path, body=body)
    )

    assert code == 1
    assert "the core on core (0, 2), call 1 of double_tile never returned" in out
    assert "the run ended in ERT_CMD_STATE_TIMEOUT" in out


def test_a_tile_function_that_crashes_is_named_and_the_next_case_still_runs(run: Run, tmp_path: Path) -> None:
    body = "*static_cast<volatile int *>(nullptr) = 1;"
    code, out, _ = run("verify", "double", "--kernels", write_kernel(tmp_path, body=body))

    assert code == 1
    assert "call 1 of double_tile crashed: Segmentation fault" in out
    assert "0 of 2 cases" in out


def test_the_npu_that_is_not_here_is_not_run_and_exits_3(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("verify", "double", "--device", "npu", "--kernels", write_kernel(tmp_path))

    assert code == 3
    assert "double: NOT RUN: 0 of 2 cases for npu1" in out


def test_an_unknown_kernel_is_refused_with_its_neighbour(run: Run) -> None:
    code, out, err = run("verify", "atention")
    from tileproof.library import data_dir

    assert code == 2
    assert out == ""
    assert err == textwrap.dedent(f"""\
        error: there is no kernel 'atention'
          where: {data_dir("kernels")}
          why:   kernels here: attention, canary, mel
          fix:   did you mean 'attention'?
          more:  tileproof explain unknown-kernel
        """)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "attention", "--set", "heads=32"], "there is no size 'heads' to set"),
        (["build", "attention", "--set", "head=big"], "'big' is not a whole number"),
        (["build", "attention", "--set", "head"], "there is no ="),
        (["build", "attention", "--set", "head=0"], "must be at least 1"),
        (["build", "attention", "--set", "head=7"], "cannot be built with these sizes"),
        (["verify", "attention", "--case", "nothing"], "has no case 'nothing'"),
        (["verify", "attention", "--wav", "x.wav"], "does not take a sound"),
        (["verify", "mel", "--wav", "missing.wav"], "missing.wav cannot be read"),
        (["verify", "attention", "--xclbin", "x"], "--xclbin and --insts go together"),
        (["verify", "attention", "--xclbin", "no.xclbin", "--insts", "no.bin"], "no.xclbin cannot be read"),
        (["verify", "attention", "--target", "npu9"], "invalid choice: 'npu9'"),
        (["verify", "attention", "--timeout", "soon"], "'soon' is not a number of seconds above 0"),
        (["verify", "attention", "--seed", "-1"], "'-1' is not a whole number from 0 up"),
        (["build"], "the following arguments are required: KERNEL|FILE.mlir"),
        (["list", "--kernels", "nowhere"], "there is no folder of kernels at nowhere"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_a_wrong_request_exits_2_with_one_clear_error(run: Run, arguments: list[str], words: str) -> None:
    code, out, err = run(*arguments)

    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert words in err
    assert "  fix:" in err


def test_a_missing_toolchain_exits_3(run: Run) -> None:
    code, _, err = run("build", "attention", "--toolchain", "mlir-aie")

    assert code == 3
    assert err.startswith("error: nothing can be built for an NPU here: ")


def test_a_compiler_that_does_not_run_exits_3(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")
    code, _, err = run("build", "attention")

    assert code == 3
    assert err == textwrap.dedent("""\
        error: the C++ compiler that $CXX names does not run
          where: CXX=/nowhere/g++
          why:   /nowhere/g++ ($CXX): does not run
          fix:   correct CXX, or unset it to use the machine's c++, g++ or clang++
          more:  tileproof explain no-compiler
        """)


@pytest.mark.parametrize("command", ["build", "verify"])
def test_a_compiler_that_never_returns_exits_3(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text('#!/bin/sh\ntest "$*" = --version && echo "g++ 12" && exit\nsleep 1000\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    options = ("--step-timeout", "0.5", "-j", "1", "--kernels", str(write_kernel(tmp_path)))
    code, out, err = run(command, "double", *options)

    assert code == 3
    assert "was ended after 0.5 s, for it came to no end" in out + err
    assert "step-endless" in out + err


def test_of_several_kernels_each_is_asked_for_the_cases_that_it_has(run: Run, tmp_path: Path) -> None:
    write_kernel(tmp_path)
    kernels = write_kernel(tmp_path, "other")
    cases = kernels / "other" / "kernel.toml"
    cases.write_text(cases.read_text().replace('name = "random"', 'name = "only here"'))
    code, out, _ = run("verify", "--case", "only here", "--kernels", kernels)
    assert code == 0
    assert "other: PASS: 1 of 1 case" in out
    assert "double" not in out

    code, out, err = run("verify", "--case", "nowhere", "--kernels", kernels)
    assert (code, out) == (2, "")
    assert err == textwrap.dedent("""\
        error: none of double, other has a case 'nowhere'
          where: --case 'nowhere'
          why:   cases there: only here, ramp, random
          fix:   name one of them; without --case all are run
          more:  tileproof explain unknown-case
        """)


def test_one_broken_kernel_does_not_hide_the_other(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    write_kernel(tmp_path, name="broken", body="no C++ at all")
    code, out, _ = run("verify", "--kernels", kernels, "--junit", "out.xml")
    suites = {suite.attrib["name"]: suite.attrib for suite in ElementTree.parse(tmp_path / "out.xml").iter("testsuite")}

    assert code == 1
    assert "double: PASS" in out
    assert "broken: compile tile.cc failed" in out
    assert suites["tileproof.double"]["failures"] == "0"
    assert suites["tileproof.broken"]["failures"] == suites["tileproof.broken"]["tests"] == "2"


def test_doctor_says_what_is_missing_for_what(run: Run) -> None:
    code, out, _ = run("doctor")
    findings = {line[9:24].strip(): line.split()[0] for line in out.splitlines()}

    assert code == 0
    assert findings["C++ compiler"] == "present"
    assert findings["ninja"] == "present"
    assert {"NPU", "pyxrt", "aiecc", "Peano", "xclbinutil"} <= set(findings)


def test_a_closed_pipe_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m tileproof render attention | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.stderr == ""


def test_a_failing_kernel_fails_even_if_nobody_reads_on(tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path, body="")
    command = f"set -o pipefail; {sys.executable} -m tileproof verify double --kernels {kernels} | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)

    assert done.stderr == ""
    assert done.returncode == 1


def test_a_misspelt_attribute_of_a_design_is_told_at_every_build(run: Run, tmp_path: Path) -> None:
    """mlir-aie ignores it without a word; so the design is built, and the build says it."""
    kernels = write_kernel(tmp_path)
    shared = (data_dir("templates") / "design.mlir.j2").read_text()
    assert "stack_size =" in shared
    misspelt = shared.replace("{stack_size =", "{stak_size = 64 : i32, stack_size =")
    (kernels / "double" / "design.mlir.j2").write_text(misspelt)
    warning = "has an attribute 'stak_size' that does not exist (TP003); did you mean 'stack_size'?"

    for _ in range(2):
        code, _, err = run("build", "double", "--kernels", kernels)
        assert (code, err.count(warning)) == (0, 1)
        assert err.startswith("warning: design.mlir:")


def test_a_given_pair_is_verified_without_building(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    _, out, _ = run("build", "double", "--json", "--kernels", kernels)
    (pair,) = json.loads(out)
    arguments = ["verify", "double", "--kernels", kernels, "--xclbin", pair["xclbin"], "--insts", pair["insts"]]
    code, out, _ = run(*arguments)

    assert code == 0
    assert pair["digest"][:12] in out

    data = Path(pair["insts"]).read_bytes()
    text = tmp_path / "insts.txt"
    text.write_text("".join(f"{int.from_bytes(data[at : at + 4], 'little'):08X}\n" for at in range(0, len(data), 4)))
    assert run(*arguments[:-1], str(text))[0] == 0


def test_instructions_of_another_build_are_refused(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    _, out, _ = run("build", "double", "--json", "--kernels", kernels)
    (one,) = json.loads(out)
    _, out, _ = run("build", "double", "--json", "--kernels", kernels, "--set", "count=32")
    (other,) = json.loads(out)
    code, _, err = run("verify", "double", "--kernels", kernels, "--xclbin", one["xclbin"], "--insts", other["insts"])

    assert code == 2
    assert "insts.bin was not built together with double_i32_64__npu1.emu.xclbin" in err


def test_a_pair_of_another_target_is_refused(run: Run, tmp_path: Path) -> None:
    """Found by hand: an npu2 build passed "for npu1"."""
    kernels = write_kernel(tmp_path)
    _, out, _ = run("build", "double", "--json", "--target", "npu2", "--kernels", kernels)
    (pair,) = json.loads(out)
    arguments = ["--kernels", kernels, "--xclbin", pair["xclbin"], "--insts", pair["insts"]]
    code, _, err = run("verify", "double", *arguments)

    assert code == 2
    assert "it was built as double_i32_64__npu2, and double_i32_64__npu1 is to be verified" in err
    assert run("verify", "double", "--target", "npu2", *arguments)[0] == 0


def test_an_xclbin_for_the_emulator_is_not_put_on_an_npu(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    _, out, _ = run("build", "double", "--json", "--kernels", kernels)
    (pair,) = json.loads(out)
    arguments = ["--kernels", kernels, "--xclbin", pair["xclbin"], "--insts", pair["insts"], "--device", "npu"]
    code, _, err = run("verify", "double", *arguments)

    assert code == 2
    assert "was packed for the emulator" in err


def test_a_design_that_does_not_wait_for_its_output_does_not_pass(run: Run, tmp_path: Path) -> None:
    """Found by hand: the emulator let the data arrive, where a device would not."""
    from tileproof.library import data_dir

    kernels = write_kernel(tmp_path)
    design = (data_dir("templates") / "design.mlir.j2").read_text()
    lines = [line for line in design.splitlines() if "dma_wait" not in line]
    (kernels / "double" / "design.mlir.j2").write_text("\n".join(lines) + "\n")
    code, out, _ = run("verify", "double", "--kernels", kernels)

    assert code == 1
    assert "the run ends without waiting for S2MM channel 0 of shim (0, 0) (@y)" in out


def test_a_core_that_never_releases_is_told_so(run: Run, tmp_path: Path) -> None:
    """Found by hand: half a minute, and then the tile code was blamed."""
    from tileproof.library import data_dir

    kernels = write_kernel(tmp_path)
    design = (data_dir("templates") / "design.mlir.j2").read_text()
    lines = [line for line in design.splitlines() if "objectfifo.release" not in line]
    (kernels / "double" / "design.mlir.j2").write_text("\n".join(lines) + "\n")
    code, out, _ = run("verify", "double", "--kernels", kernels)

    assert code == 1
    assert "the core on core (0, 2) runs on without ever waiting" in out


def test_a_silent_recording_proves_nothing(run: Run, tmp_path: Path) -> None:
    """A kernel that always answered the same would pass it."""
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(3200))
    code, out, _ = run("verify", "mel", "--wav", tmp_path / "silence.wav")

    assert code == 3
    assert "mel, sound silence.wav: not run: nothing here can tell a right answer from a constant" in out
    assert "fix:   give a sound that is more than silence\n" in out


def test_a_kernel_that_calls_itself_otherwise_than_its_folder_is_refused(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    (kernels / "double").rename(kernels / "twice")
    code, _, err = run("verify", "twice", "--kernels", kernels)

    assert code == 2
    assert "the kernel in folder 'twice' calls itself 'double'" in err


def test_what_a_golden_model_prints_does_not_spoil_the_json(run: Run, tmp_path: Path) -> None:
    kernels = write_kernel(tmp_path)
    golden = kernels / "double" / "golden.py"
    golden.write_text("print('loading')\n" + golden.read_text().replace("    return", "    print(x)\n    return"))
    code, out, _ = run("verify", "double", "--json", "--kernels", kernels)

    assert code == 0
    assert json.loads(out)["verdicts"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data[: len(data) // 2], "declares"),
        (lambda data: b"", "empty"),
        (lambda data: b"\x7fELF" + data[4:], "ELF"),
        (lambda data: b"<html>not found</html>", "not an xclbin"),
    ],
    ids=["cut short", "empty", "an ELF", "a web page"],
)
def test_an_xclbin_that_is_none_is_one_clear_error(
    run: Run, tmp_path: Path, spoil: Callable[[bytes], bytes], words: str
) -> None:
    kernels = write_kernel(tmp_path)
    _, out, _ = run("build", "double", "--json", "--kernels", kernels)
    (pair,) = json.loads(out)
    bad = tmp_path / "bad.xclbin"
    bad.write_bytes(spoil(Path(pair["xclbin"]).read_bytes()))
    code, _, err = run("verify", "double", "--kernels", kernels, "--xclbin", bad, "--insts", pair["insts"])

    assert code == 2
    assert err.startswith("error: bad.xclbin")
    assert words in err


def test_of_all_kernels_each_is_verified_for_a_target_that_it_is_made_for(run: Run, tmp_path: Path) -> None:
    write_kernel(tmp_path, "first", targets='["npu1"]')
    kernels = write_kernel(tmp_path, "second", targets='["npu2"]')
    code, out, err = run("verify", "--kernels", kernels)

    assert code == 0
    assert "first: PASS: 2 of 2 cases for npu1\n" in out
    assert "second: PASS: 2 of 2 cases for npu2\n" in out
    assert "second: not made for npu1: verified for npu2\n" in err


def test_a_kernel_that_is_named_is_verified_for_the_target_that_was_asked_for(run: Run, tmp_path: Path) -> None:
    code, _, err = run("verify", "double", "--kernels", write_kernel(tmp_path, targets='["npu2"]'))

    assert code == 2
    assert "error: double is not made for npu1\n" in err


def test_buffers_of_a_host_that_no_emulator_holds_are_refused(run: Run, tmp_path: Path) -> None:
    examples = Path(__file__).parents[1] / "examples"
    text = (examples / "design.mlir").read_text()
    (tmp_path / "d.mlir").write_text(text.replace("memref<256xi32>", "memref<999999999xi32>"))
    given = ("--tile-code", examples / "tile.cc", "--arg", "0=ones", "--arg", "1=zeros")
    code, _, err = run("emulate", "d.mlir", *given)

    assert code == 2
    assert err == (
        "error: the arguments of @run have 7,999,999,992 bytes\n"
        "  where: d.mlir:29:5\n"
        "  why:   at most 1,073,741,824 bytes of a host's buffers: the emulator holds them all in memory, more "
        "than once\n"
        "  fix:   make them smaller for the emulator\n"
        "  more:  tileproof explain TP006\n"
    )


# Mistakes of ours


class Breaking:
    """Stands in for a function of ours that has a mistake."""

    def __call__(self, *_: object, **__: object) -> None:
        raise TypeError("it takes no such thing")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The temporary folder of a tileproof whose `check` has a mistake."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr("tileproof.check.run.read_design", Breaking())
    (tmp_path / "d.mlir").write_text("module {}")
    return folder


def test_a_mistake_of_ours_is_one_error_that_says_so_and_where_its_details_are(run: Run, broken: Path) -> None:
    code, out, err = run("check", "d.mlir")
    (details,) = broken.iterdir()
    where = err.splitlines()[1]

    assert (code, out) == (70, "")
    assert re.fullmatch(r"  where: tileproof/check/run\.py:\d+", where)
    assert err == (
        "error: this is a bug of tileproof: TypeError: it takes no such thing\n"
        f"{where}\n"
        f"  why:   nothing of it is your mistake; its traceback is in {details}\n"
        "  fix:   report it, with those details and what it was given\n"
        "  more:  tileproof explain bug\n"
    )
    told = details.read_text()
    assert told.startswith(f"tileproof {__version__}\nPython {sys.version}\n")
    assert "\ntileproof check d.mlir\n" in told
    assert told.rstrip().endswith("TypeError: it takes no such thing")


def test_a_mistake_of_ours_whose_details_cannot_be_written_says_how_they_are_seen(run: Run, broken: Path) -> None:
    broken.rmdir()
    code, _, err = run("check", "d.mlir")

    assert code == 70
    assert (
        "  why:   nothing of it is your mistake; its traceback could not be written (No such file or directory); "
        "`tileproof --traceback ...` shows it\n"
    ) in err


def test_the_traceback_of_a_mistake_of_ours_is_shown_where_it_is_asked_for(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--traceback", "check", str(broken.parent / "d.mlir")]) == 70
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert "\nTypeError: it takes no such thing\n" in err
    assert "  why:   nothing of it is your mistake; its traceback is above\n" in err
    assert list(broken.iterdir()) == []


def test_a_mistake_of_ours_in_a_step_of_a_build_is_told_by_the_build(
    run: Run, monkeypatch: pytest.MonkeyPatch, broken: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("tileproof.build.lowered.lower_for_host", Breaking())
    files = [word for name in ("design", "interface", "insts", "lowered") for word in (f"--{name}", "d.mlir")]
    code, out, err = run("lower", *files)
    said = json.loads(out.removeprefix("tileproof-problem: "))

    assert (code, err) == (70, "")
    assert said["exit_code"] == 70
    assert said["said"]["id"] == "bug"
    assert said["said"]["what"] == "the step lower: this is a bug of tileproof: TypeError: it takes no such thing"


SHORT = {
    MemoryError(): (
        "there is not enough memory",
        "MemoryError",
        "raise `ulimit -v`, or take a machine with more memory",
    ),
    OSError(12, "Cannot allocate memory"): (
        "there is not enough memory",
        "OSError: [Errno 12] Cannot allocate memory",
        "raise `ulimit -v`, or take a machine with more memory",
    ),
    OSError(24, "Too many open files", "spec.py"): (
        "no more files may be opened",
        "OSError: [Errno 24] Too many open files: 'spec.py'",
        "raise `ulimit -n`",
    ),
    OSError(28, "No space left on device"): (
        "the disk is full",
        "OSError: [Errno 28] No space left on device",
        "make room, also in TMPDIR",
    ),
    RuntimeError("can't start new thread"): (
        "no more processes or threads may be started",
        "RuntimeError: can't start new thread",
        "raise `ulimit -u`",
    ),
    ImportError("\n\nof numpy: libscipy.so: failed to map segment from shared object\n"): (
        "there is not enough memory",
        "of numpy: libscipy.so: failed to map segment from shared object",
        "raise `ulimit -v`, or take a machine with more memory",
    ),
}


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_what_the_machine_is_short_of_is_no_mistake_of_ours(
    run: Run, monkeypatch: pytest.MonkeyPatch, broken: Path, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("tileproof.check.run.read_design", fails)
    what, why, fix = SHORT[error]

    assert run("check", "d.mlir") == (
        3,
        "",
        f"error: {what}\n  why:   {why}\n  fix:   {fix}\n  more:  tileproof explain machine-short\n",
    )
    assert list(broken.iterdir()) == []


@pytest.mark.parametrize("kilobytes", [40_000, 80_000, 100_000, 140_000])
def test_a_limit_of_memory_that_leaves_too_little_is_said(tmp_path: Path, kilobytes: int) -> None:
    """numpy's libraries would end the process, with a code that says that a kernel is wrong."""
    command = f"ulimit -v {kilobytes}; exec {sys.executable} -m tileproof verify canary"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (
        3,
        "",
        "error: there is not enough memory\n"
        "  where: ulimit -v\n"
        f"  why:   it allows {kilobytes * 1024:,} bytes, and 201,326,592 are the least\n"
        "  fix:   raise `ulimit -v`, or take a machine with more memory\n"
        "  more:  tileproof explain machine-short\n",
    )


def test_a_reader_that_has_left_is_no_mistake_of_ours(run: Run, monkeypatch: pytest.MonkeyPatch, broken: Path) -> None:
    def left(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("tileproof.check.run.read_design", left)
    with pytest.raises(BrokenPipeError):
        run("check", "d.mlir")
    assert list(broken.iterdir()) == []
