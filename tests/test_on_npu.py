"""`verify --device npu`: whose fault a failure is, and what is said before anything runs.

The NPU is a pyxrt that fails on demand and runs what the emulator runs.
"""

from __future__ import annotations

import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from npu_world import MACHINE, Npu, World, faulty, verdicts
from small_kernel import write_kernel
from stand_in_tools import install as install_tools

from tileproof.cli import main
from tileproof.device import guarded, turn
from tileproof.diagnostic import Diagnostic
from tileproof.library import data_dir

GOOD = (
    "the canary runs before and after it: the device is good, and the kernel is wrong; "
    "`tileproof check double` and --device emulator look for the cause"
)


def told(fault: Mapping[str, Any]) -> str:
    """What, where, why and fix of a fault in JSON."""
    return Diagnostic.from_json(fault).text


def test_a_good_kernel_passes_after_the_canary_and_says_how_long_it_took(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify("--repeat", "5", "--idle", "0.01") == 0
    first, second = verdicts(capsys)

    assert [(one["outcome"], one["device"], one["blame"]) for one in (first, second)] == [("pass", "npu", "")] * 2
    assert {when: spread["runs"] for when, spread in first["times"].items()} == {
        "first": 1,
        "idle": 1,
        "steady": 5,
    }  # one in between: a ramp is always the same
    assert {when: spread["runs"] for when, spread in second["times"].items()} == {"steady": 5}
    total = second["times"]["steady"]["total"]
    assert 0 < total["p50"] <= total["p90"] <= total["p99"] <= total["max"]
    assert set(second["times"]["steady"]) == {"runs", "sync", "launch", "wait", "read", "total"}
    assert npu.remembered("contexts canary_i32_256__npu1") == 1
    assert npu.remembered(f"contexts {MACHINE}") == 1


@pytest.mark.parametrize(
    ("npu", "state"),
    [((fault, "double"), state) for fault, state in (
        ("error", "ERT_CMD_STATE_ERROR"), ("abort", "ERT_CMD_STATE_ABORT"), ("crash", "none"))],
    indirect=["npu"],
)  # fmt: skip
def test_a_kernel_that_fails_where_the_canary_still_runs_is_wrong(
    npu: Npu, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify("--case", "ramp") == 1
    (found,) = verdicts(capsys)

    assert (found["outcome"], found["state"], found["blame"]) == ("fail", state, "kernel")
    assert told(found["faults"][-1]) == GOOD
    assert "[XRT] ERROR: the firmware has something to say" in told(found["faults"][0])
    assert npu.remembered("contexts canary_i32_256__npu1") == 2  # before the first, and after the failure


@faulty("garbage")
def test_garbage_that_completed_is_the_kernels_where_the_canary_still_runs(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 1
    found = verdicts(capsys)

    assert [(one["state"], one["blame"]) for one in found] == [("ERT_CMD_STATE_COMPLETED", "kernel")] * 2
    assert "64 of 64 elements differ" in found[0]["reason"]
    assert npu.remembered("contexts canary_i32_256__npu1") == 3  # before the first, and after each failure


@faulty("dirty")
def test_a_device_that_answers_garbage_after_a_fault_is_told_from_a_wrong_kernel(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first case fails; whose fault it was cannot be told any more, and the second is not even tried."""
    assert npu.verify() == 3
    first, second = verdicts(capsys)

    assert (first["outcome"], first["blame"]) == ("fail", "device")
    wrong = told(first["faults"][-1]).partition("in order; here: ")[2].partition("\n")[0]
    assert wrong.startswith("y: 256 of 256 elements differ from integer.py, the first at element [0]: ")
    assert told(first["faults"][-1]) == (
        "the NPU does not run a known-good kernel after the case 'ramp'\n"
        "  where: the kernel 'canary'\n"
        f"  why:   it runs where the NPU, its driver and XRT are in order; here: {wrong}\n"
        "         before the case it did: this kernel has left the device so, or the device went wrong by itself\n"
        "  fix:   reload the driver (sudo modprobe -r amdxdna && sudo modprobe amdxdna) or restart the machine; "
        "`dmesg` has the driver's words; then run it alone: --case 'ramp'"
    )
    assert (second["outcome"], second["state"]) == ("not run", "")
    assert second["reason"] == "the NPU does not run a known-good kernel after the case 'ramp'"
    assert npu.remembered(f"contexts {MACHINE}") == 1


@faulty("wedged")
def test_a_device_that_refuses_every_context_after_a_fault_is_dirty(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    first, second = verdicts(capsys)

    assert [first["blame"], second["outcome"]] == ["device", "not run"]
    assert "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2)" in told(first["faults"][-1])


@faulty("garbage", of="")
def test_on_a_device_that_is_dirty_before_the_first_run_nothing_is_proved(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    found = verdicts(capsys)

    assert [one["outcome"] for one in found] == ["not run"] * 2
    assert found[0]["reason"] == "the NPU does not run a known-good kernel before the first run"
    assert "; here: on run 2 of 3, with other inputs: y: 256 of 256 elements" in told(found[0]["faults"][0])
    assert npu.remembered(f"contexts {MACHINE}") == 0


@faulty("no context")
def test_an_xclbin_that_xrt_refuses_is_wrong_where_it_takes_the_canarys(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 1
    found = verdicts(capsys)

    assert [(one["outcome"], one["blame"]) for one in found] == [("fail", "kernel")] * 2
    assert "npu.xclbin could not be loaded on the npu" in found[0]["reason"]


@faulty("no memory")
def test_a_machine_that_is_short_of_memory_is_not_the_kernels_fault(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    found = verdicts(capsys)

    assert [(one["outcome"], one["blame"]) for one in found] == [("not run", "unknown")] * 2
    assert told(found[0]["faults"][-1]) == (
        "the canary is taken, which needs less: the machine may be short of what this kernel needs"
    )


@faulty("raises")
def test_a_run_that_the_driver_refuses_proves_nothing_and_the_next_case_has_a_new_process(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    found = verdicts(capsys)

    assert [(one["outcome"], one["blame"]) for one in found] == [("not run", "unknown")] * 2
    assert "GET_INFO IOCTL failed (err=-22)" in told(found[0]["faults"][0])
    assert told(found[0]["faults"][-1]) == "the canary runs before and after it: the device is good"
    assert npu.remembered(f"contexts {MACHINE}") == 2


@faulty("hang")
def test_a_process_that_no_signal_reaches_ends_the_session_and_not_the_program(
    npu: Npu, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits in the driver, as a process in state D does."""
    monkeypatch.setattr(guarded, "_GRACE_S", 1.0)
    monkeypatch.setattr(guarded, "_END_S", 0.2)
    monkeypatch.setattr(guarded, "_stuck", [])
    kill = subprocess.Popen.kill
    hangs = npu.folder / "xrt" / "state" / "hangs"
    monkeypatch.setattr(subprocess.Popen, "kill", lambda self: None if hangs.exists() else kill(self))
    assert npu.verify("--timeout", "0.5") == 3
    first, second = verdicts(capsys)
    kill(guarded._stuck[0])
    guarded._stuck[0].wait()

    assert (first["state"], first["blame"], second["outcome"]) == ("none", "device", "not run")
    assert f"process {hangs.read_text()}, which drove the NPU, cannot be ended" in told(second["faults"][0])


def test_without_a_canary_a_failure_is_nobodys_and_says_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npu = Npu(world, tmp_path, monkeypatch, "error", "double")
    at = world.options().index("--canary")
    options = world.options("--json")
    assert main([*options[:at], *options[at + 3 :]]) == 1

    (first, _) = verdicts(capsys)
    assert first["blame"] == "unknown"
    assert told(first["faults"][-1]).startswith(
        "whether it is the kernel or the device is not known: there is no canary to ask (nothing can be built for an"
    )
    assert npu.remembered("contexts canary_i32_256__npu1") == 0


@faulty("counts bytes", of="")
def test_the_canary_finds_out_what_ninstr_counts(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    assert npu.verify("--case", "ramp") == 0
    assert [(one["outcome"], one["machine"]["ninstr"]) for one in verdicts(capsys)] == [("pass", "bytes")]

    assert npu.verify("--case", "ramp", "--ninstr", "words") == 3
    assert "fix:   leave --ninstr words out; or reload the driver" in told(verdicts(capsys)[0]["faults"][0])


@faulty("not ready", of="")
def test_a_driver_that_is_not_ready_yet_is_asked_once_more(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    assert npu.verify() == 0
    assert npu.remembered("opened") > 1


@faulty("no device", of="")
def test_a_device_that_is_absent_is_not_run(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    assert npu.verify() == 3
    (first, _) = verdicts(capsys)

    assert (first["outcome"], first["blame"]) == ("not run", "")
    assert first["reason"] == "there is no NPU here"
    assert "No such device with index '0'" in told(first["faults"][0])


def test_a_kernel_for_another_npu_than_this_machines_is_refused(
    npu: Npu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    smi = tmp_path / "opt" / "bin" / "xrt-smi"
    smi.parent.mkdir(parents=True)
    smi.write_text("#!/bin/sh\necho '|[0000:c6:00.1]  |NPU Strix  |'\n")
    smi.chmod(0o755)
    monkeypatch.setenv("XILINX_XRT", str(tmp_path / "opt"))

    assert npu.verify() == 2
    assert capsys.readouterr().err == (
        "error: the NPU of this machine is npu2, and npu1 was asked for\n"
        "  where: --target npu1\n"
        "  why:   xrt-smi lists NPU Strix; what is built for npu1 runs there without an error and answers zeros\n"
        "  fix:   --target npu2\n"
        "  more:  tileproof explain other-npu\n"
    )


def test_what_is_run_is_what_was_looked_at_whatever_lies_there_by_then(
    npu: Npu, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its turn may come in hours."""
    folder = npu.folder / "pair"
    folder.mkdir()
    pair = [Path(shutil.copy(path, folder)) for path in (npu.world.double.xclbin, npu.world.double.insts)]

    def other_build(what: str, say: object) -> AbstractContextManager[None]:
        for path in pair:
            path.write_bytes(b"another build")
        return nullcontext()

    monkeypatch.setattr(turn, "npu_turn", other_build)
    options = npu.world.options("--json", "--case", "ramp")
    options[options.index("--xclbin") + 1], options[options.index("--insts") + 1] = map(str, pair)
    assert main(options) == 0
    assert [one["outcome"] for one in verdicts(capsys)] == ["pass"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--device", "npu", "--trace", "t.json"], "--trace does not go with --device npu"),
        (["--device", "npu", "--as-hardware"], "--as-hardware does not go with --device npu"),
        (["--device", "npu", "--toolchain", "host"], "--toolchain host does not go with --device npu"),
        (["--device", "recorded", "--repeat", "7"], "--repeat does not go with --device recorded"),
        (["--device", "recorded", "--idle", "7"], "--idle does not go with --device recorded"),
        (["--device", "npu", "--canary", "no.xclbin", "no.bin"], "no.xclbin cannot be read"),
        (["--resume"], "there is nothing to resume"),
        (["--out", ""], "it names no folder"),
        (["--repeat", "2"], "'2' is not a whole number from 3 to 1,000,000"),
        (["--junit", "nowhere/report.xml"], "the report cannot be written"),
        (["--junit", "/tmp"], "it is a folder"),
        (["--device", "npu", "--record", "--wav", "a.wav"], "the frames of a sound are not recorded"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_runs(
    options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["verify", "attention", *options])
    except SystemExit as ended:  # what the parser itself refuses
        code = int(str(ended.code))
    told = capsys.readouterr().err

    assert code == 2
    assert told.startswith("error: ")
    assert words in told


@pytest.fixture
def own_signals() -> Iterator[None]:
    """What a script of its own process takes, a test gives back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_the_whole_path_from_templates_to_times(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tools stand in; the kernel and the canary are built with them, loaded, run and compared."""
    for name in ("VIRTUAL_ENV", "AIE_XCLBINUTIL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in install_tools(tmp_path / "tools").items():
        monkeypatch.setenv(name, value)
    Npu(world, tmp_path, monkeypatch, "", "")
    kernels = write_kernel(tmp_path)
    shutil.copytree(data_dir("kernels") / "canary", kernels / "canary")
    options = ["--kernels", str(kernels), "--build-dir", str(tmp_path / "build"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["verify_on_device.py", *options, "--repeat", "3", "--idle", "0.01"])

    script = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "verify_on_device.py"))
    assert script["run"]() == 0
    text = capsys.readouterr().out
    assert "double: PASS: 2 of 2 cases for npu1\n" in text
    assert "  1 first run, with the array to load: " in text
    assert "  6 steady runs: p50 " in text
    assert "  1 run after a pause: " in text
    head, canary_row, double_row = text.splitlines()[-3:]
    assert head.split() == ["kernel", "verdict", "whose", "fault", "passed", "first", "ms", "p50", "ms", "p99", "ms"]
    assert [row.split()[:6] for row in (canary_row, double_row)] == [
        ["canary", "pass", "-", "1", "of", "1"],
        ["double", "pass", "-", "2", "of", "2"],
    ]
    assert (tmp_path / "build" / "canary" / "canary_i32_256__npu1.mlir-aie").is_dir()
    log = (tmp_path / "out" / "verify.log").read_text()
    assert "double: the canary, before the first run" in log
