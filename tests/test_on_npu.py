"""`verify --device npu`, left alone: whose fault a failure is, what a session keeps, and how it goes on. The NPU is a
pyxrt that fails on demand and runs what the emulator runs."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import fake_npu
import numpy as np
import pytest
from fake_npu import NpuFile, npu_file
from small_kernel import DOUBLE, build_small, write_kernel
from stand_in_tools import install as install_tools

from recordings import disagreements
from tileproof import canary, session
from tileproof.cli import main
from tileproof.device import guarded, turn
from tileproof.device.recorded import (
    Answer,
    RecordedKernel,
    Recording,
    inputs_digest,
    read_recording,
    recording_bytes,
)
from tileproof.device.turn import npu_turn
from tileproof.errors import Problem
from tileproof.library import data_dir, python_environment
from tileproof.prepare import Request, build_kernel, render_kernel
from tileproof.report import as_json
from tileproof.verify import Verdict

MACHINE = "double_i32_64__npu1"
WHOLE = json.loads(
    as_json(
        [
            Verdict(
                kernel="double",
                variant=MACHINE,
                target="npu1",
                toolchain="host",
                device="npu",
                case="ramp",
                seed=1,
                outcome="pass",
                state="ERT_CMD_STATE_COMPLETED",
            )
        ]
    )
)["verdicts"][0]
GOOD = (
    "the canary runs before and after it: the device is good, and the kernel is wrong; "
    "`tileproof check double` and --device emulator look for the cause"
)


@dataclass(frozen=True)
class World:
    """A kernel and the canary, built for the emulator and as an NPU's files."""

    folder: Path
    double: NpuFile
    canary: NpuFile

    def options(self, *more: str) -> list[str]:
        pair = ["--xclbin", str(self.double.xclbin), "--insts", str(self.double.insts)]
        canary = ["--canary", str(self.canary.xclbin), str(self.canary.insts)]
        return ["verify", "double", "--kernels", str(self.folder / "kernels"), "--device", "npu", *pair, *canary, *more]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    double = npu_file(build_small(folder))
    request = Request(build_dir=folder / "build", device="emulator")
    return World(folder, double, npu_file(build_kernel(render_kernel("canary", request), request, lambda _: None)))


class Npu:
    """A machine with an NPU of one fault, `of` the kernels whose names begin so."""

    def __init__(self, world: World, folder: Path, monkeypatch: pytest.MonkeyPatch, fault: str, of: str) -> None:
        self.world, self.folder = world, folder
        self.environ = fake_npu.install(folder / "xrt", [world.double.emulated, world.canary.emulated], fault, of)
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(canary, "_SETTLE_S", 0.0)
        monkeypatch.setattr(guarded, "_BEFORE_RETRY_S", 0.0)

    def verify(self, *more: str) -> int:
        return main(self.world.options("--json", *more))

    def remembered(self, what: str) -> int:
        path = self.folder / "xrt" / "state" / what
        return int(path.read_text()) if path.exists() else 0


@pytest.fixture
def npu(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Npu]:
    fault, of = getattr(request, "param", ("", ""))
    npu = Npu(world, tmp_path, monkeypatch, fault, of)
    yield npu
    assert npu.remembered("two at once") == 0  # the canary's context and a kernel's are never there together


def faulty(fault: str, of: str = "double") -> Any:
    return pytest.mark.parametrize("npu", [(fault, of)], indirect=True)


def verdicts(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return list(json.loads(capsys.readouterr().out)["verdicts"])


# The canary


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
    assert found["faults"][-1] == GOOD
    assert "[XRT] ERROR: the firmware has something to say" in found["faults"][0]
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
    wrong = first["faults"][-1].partition("in order; here: ")[2].partition("\n")[0]
    assert wrong.startswith("y: 256 of 256 elements differ from integer.py, the first at element [0]: ")
    assert first["faults"][-1] == (
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
    assert "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2)" in first["faults"][-1]


@faulty("garbage", of="")
def test_on_a_device_that_is_dirty_before_the_first_run_nothing_is_proved(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    found = verdicts(capsys)

    assert [one["outcome"] for one in found] == ["not run"] * 2
    assert found[0]["reason"] == "the NPU does not run a known-good kernel before the first run"
    assert "; here: on run 2 of 3, with other inputs: y: 256 of 256 elements" in found[0]["faults"][0]
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
    assert found[0]["faults"][-1] == (
        "the canary is taken, which needs less: the machine may be short of what this kernel needs"
    )


@faulty("raises")
def test_a_run_that_the_driver_refuses_proves_nothing_and_the_next_case_has_a_new_process(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    assert npu.verify() == 3
    found = verdicts(capsys)

    assert [(one["outcome"], one["blame"]) for one in found] == [("not run", "unknown")] * 2
    assert "GET_INFO IOCTL failed (err=-22)" in found[0]["faults"][0]
    assert found[0]["faults"][-1] == "the canary runs before and after it: the device is good"
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
    assert f"process {hangs.read_text()}, which drove the NPU, cannot be ended" in second["faults"][0]


def test_without_a_canary_a_failure_is_nobodys_and_says_so(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    npu = Npu(world, tmp_path, monkeypatch, "error", "double")
    at = world.options().index("--canary")
    options = world.options("--json")
    assert main([*options[:at], *options[at + 3 :]]) == 1

    (first, _) = verdicts(capsys)
    assert first["blame"] == "unknown"
    assert first["faults"][-1].startswith(
        "whether it is the kernel or the device is not known: there is no canary to ask (nothing can be built for an"
    )
    assert npu.remembered("contexts canary_i32_256__npu1") == 0


@faulty("counts bytes", of="")
def test_the_canary_finds_out_what_ninstr_counts(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    assert npu.verify("--case", "ramp") == 0
    assert [(one["outcome"], one["machine"]["ninstr"]) for one in verdicts(capsys)] == [("pass", "bytes")]

    assert npu.verify("--case", "ramp", "--ninstr", "words") == 3
    assert "fix:   leave --ninstr words out; or reload the driver" in verdicts(capsys)[0]["faults"][0]


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
    assert "No such device with index '0'" in first["faults"][0]


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
    )


# A recording


@pytest.fixture(scope="module")
def recorded(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what an NPU has answered."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()):
        npu = Npu(world, folder, patch, "", "")
        assert npu.verify("--record", "--recordings", str(folder / "recordings")) == 0
    return folder / "recordings"


def replay(world: World, recordings: Path, *more: str) -> list[str]:
    kernels = ["--kernels", str(world.folder / "kernels")]
    return ["verify", "double", *kernels, "--device", "recorded", "--recordings", str(recordings), *more]


def test_what_the_npu_answered_is_replayed_where_there_is_none(
    world: World, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path,) = recorded.iterdir()
    assert path.name == "double_i32_64__npu1.npz"
    assert path.stat().st_size < 10_000

    assert main(replay(world, recorded, "--json")) == 0
    found = verdicts(capsys)
    assert [(one["outcome"], one["device"], one["times"]) for one in found] == [("pass", "recorded", {})] * 2
    assert main(replay(world, recorded)) == 0
    text = capsys.readouterr().out
    assert "double: PASS: 2 of 2 cases for npu1\n" in text
    assert f"  replayed: what an NPU answered on {found[0]['artifacts']['date']}" in text
    assert text.endswith("; nothing was run\n")


def test_a_recording_answers_bit_for_bit_as_the_emulator(world: World, recorded: Path) -> None:
    recording = read_recording(recorded / "double_i32_64__npu1.npz")

    assert [(answer.case, answer.seed) for answer in recording.answers] == [
        *[("ramp", seed) for seed in (1, 1001, 2001)],
        *[("random", seed) for seed in (7, 1007, 2007)],
    ]
    request = Request(kernels=world.folder / "kernels", build_dir=world.folder / "build", device="emulator")
    assert list(disagreements(recording, request)) == []
    first = recording.answers[0]
    spoilt = replace(first, outputs={1: bytes([1, *first.outputs[1][1:]])})
    wrong = replace(recording, answers=(spoilt, *recording.answers[1:]))
    assert list(disagreements(wrong, request)) == ["case ramp, seed 1: output y: 1 of 256 bytes differ"]


def test_recording_a_case_again_keeps_the_others(npu: Npu, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = npu.folder / "recordings"
    shutil.copytree(recorded, folder)
    assert npu.verify("--record", "--recordings", str(folder), "--case", "ramp") == 0
    before, after = (read_recording(path / "double_i32_64__npu1.npz") for path in (recorded, folder))

    assert sorted(after.answers, key=str) == sorted(before.answers, key=str)
    capsys.readouterr()


def test_a_folder_that_cannot_be_written_is_said_before_anything_runs(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    (npu.folder / "file").touch()
    assert npu.verify("--record", "--recordings", str(npu.folder / "file")) == 2

    assert capsys.readouterr().err.startswith("error: the recording cannot be written\n")
    assert npu.remembered(f"contexts {MACHINE}") == 0


def test_a_recording_that_cannot_be_written_costs_no_verdict(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    folder = npu.folder / "recordings"
    (folder / "double_i32_64__npu1.npz").mkdir(parents=True)
    assert npu.verify("--record", "--recordings", str(folder)) == 2

    captured = capsys.readouterr()
    assert [one["outcome"] for one in json.loads(captured.out)["verdicts"]] == ["pass"] * 2
    assert captured.err.startswith("error: the recording cannot be written\n")


def test_a_recording_that_is_wrong_fails(
    world: World, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = read_recording(recorded / "double_i32_64__npu1.npz")
    spoilt = [replace(one, outputs={1: bytes([1, *one.outputs[1][1:]])}) for one in recording.answers]
    (tmp_path / "double_i32_64__npu1.npz").write_bytes(recording_bytes(replace(recording, answers=tuple(spoilt))))

    assert main(replay(world, tmp_path, "--json")) == 1
    assert [(one["outcome"], one["blame"]) for one in verdicts(capsys)] == [("fail", "")] * 2


def test_a_recording_of_another_state_of_the_kernel_is_not_replayed(
    world: World, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = replay(world, recorded, "--json")
    options[options.index("--kernels") + 1] = str(write_kernel(tmp_path, body=f"// another\n    {DOUBLE}"))

    assert main(options) == 3
    (first, _) = verdicts(capsys)
    assert (first["outcome"], first["reason"]) == (
        "not run",
        "double_i32_64__npu1.npz is of another state of double",
    )


def test_inputs_that_were_not_recorded_are_not_run(
    world: World, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(replay(world, recorded, "--json", "--seed", "5")) == 3
    found = verdicts(capsys)
    assert [(one["outcome"], one["reason"]) for one in found] == [
        ("pass", ""),  # a ramp is a ramp from any seed
        ("not run", "the recording has no answer to these inputs"),
    ]


def test_the_same_inputs_are_answered_in_turn() -> None:
    """A case may draw the same from every seed: a wrong first answer is not to be forgotten for the right ones."""
    inputs = {0: b"same"}
    answers = [
        Answer(case="zeros", seed=seed, inputs=inputs_digest(inputs), outputs={1: data})
        for seed, data in enumerate((b"bad!", b"good", b"good"))
    ]
    kernel = RecordedKernel(
        Recording(
            kernel="k",
            variant="k__npu1",
            target="npu1",
            texts="",
            digest="",
            toolchain="",
            tileproof="",
            date="",
            machine={},
            answers=tuple(answers),
        ),
        {0: 4, 1: 4},
    )
    assert [kernel.run(inputs).outputs[1] for _ in range(3)] == [b"bad!", b"good", b"good"]


@pytest.mark.parametrize("spoilt", ["nothing", "not a zip", "no about", "cut", "damaged", "another machine"])
def test_a_file_that_is_no_recording_is_refused(
    world: World, recorded: Path, tmp_path: Path, spoilt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "double_i32_64__npu1.npz"
    whole = (recorded / path.name).read_bytes()
    if spoilt == "no about":
        np.savez(path, other=np.zeros(3))
    elif spoilt == "another machine":
        np.savez(path, about=np.array(json.dumps({"answers": [], "machine": []})))
    else:
        damaged = whole[:100] + bytes(byte ^ 255 for byte in whole[100:200]) + whole[200:]
        texts = {"nothing": b"", "not a zip": b"PK nonsense", "cut": whole[:300], "damaged": damaged}
        path.write_bytes(texts[spoilt])

    assert main(replay(world, tmp_path)) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: double_i32_64__npu1.npz is not a recording that can be read\n")


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


def test_only_an_npu_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "attention", "--record"]) == 2
    assert capsys.readouterr().err == (
        "error: only what an NPU answers is worth recording\n"
        "  where: --record --device auto\n"
        "  why:   what the emulator answers can be had again anywhere\n"
        "  fix:   add --device npu, or leave --record out\n"
    )


# A session


def test_a_session_keeps_verdicts_and_a_log_and_goes_on_where_it_was(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    out = npu.folder / "out"
    assert npu.verify("--out", str(out), "--case", "ramp") == 0
    kept = json.loads((out / "verdicts.json").read_text())["verdicts"]
    assert [(one["case"], one["outcome"]) for one in kept] == [("ramp", "pass")]

    assert npu.verify("--out", str(out), "--resume") == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2
    capsys.readouterr()
    assert npu.verify("--out", str(out), "--resume") == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2  # nothing was left to run
    assert capsys.readouterr().err == f"2 of 2 cases were decided before, in {out}\n"
    log = (out / "verify.log").read_text().splitlines()
    assert [line.partition("Z ")[2] for line in log if "from before" in line][-2:] == [
        "double: ramp: pass, from before",
        "double: random: pass, from before",
    ]
    assert log[-1].endswith("Z end: exit code 0")
    capsys.readouterr()


def test_another_build_or_more_runs_are_not_left_out(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(npu.folder / "out")
    assert npu.verify("--out", out) == 0
    assert npu.verify("--out", out, "--resume", "--repeat", "4") == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2
    assert npu.verify("--out", out, "--resume", "--seed", "9") == 0
    assert npu.remembered(f"contexts {MACHINE}") == 3
    capsys.readouterr()


def test_what_was_decided_survives_a_session_in_which_nothing_can_run(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    out = npu.folder / "out"
    assert npu.verify("--out", str(out), "--case", "ramp") == 0
    os.environ[fake_npu.FAULT] = "garbage"
    os.environ[fake_npu.FOR] = "canary"
    capsys.readouterr()
    assert npu.verify("--out", str(out), "--resume") == 3
    assert [(one["case"], one["outcome"]) for one in verdicts(capsys)] == [("ramp", "pass"), ("random", "not run")]
    os.environ[fake_npu.FAULT] = "no device"
    assert npu.verify("--out", str(out), "--resume") == 3
    kept = json.loads((out / "verdicts.json").read_text())["verdicts"]
    assert sorted((one["case"], one["outcome"]) for one in kept) == [
        ("ramp", "not run"),
        ("ramp", "pass"),  # as it was before, until it is run again
        ("random", "not run"),
    ]
    capsys.readouterr()


def test_a_failure_on_a_later_run_takes_the_place_of_an_earlier_pass(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its seed is that of the run that failed; the case is the same."""
    out = npu.folder / "out"
    assert npu.verify("--out", str(out), "--case", "random") == 0
    os.environ[fake_npu.FAULT], os.environ[fake_npu.FOR] = "error", "double"
    assert npu.verify("--out", str(out), "--case", "random", "--resume", "--repeat", "4") == 1
    (kept,) = json.loads((out / "verdicts.json").read_text())["verdicts"]
    assert (kept["outcome"], kept["seed"]) == ("fail", 1007)
    os.environ[fake_npu.FAULT] = ""
    assert npu.verify("--out", str(out), "--case", "random", "--resume") == 1  # it stays decided
    capsys.readouterr()


def test_what_cannot_be_kept_is_said_at_the_end_and_stops_nothing(
    npu: Npu, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, data: bytes, *, what: str, where: str) -> None:
        raise Problem(f"the {what} cannot be written", where=where, why="No space left on device", fix="make room")

    monkeypatch.setattr(session, "write_output", full)
    assert npu.verify("--out", str(npu.folder / "out")) == 2
    captured = capsys.readouterr()
    assert [one["outcome"] for one in json.loads(captured.out)["verdicts"]] == ["pass"] * 2
    assert captured.err.startswith("error: the session cannot be written\n")


def test_a_mistake_of_ours_in_one_kernel_gives_the_npu_back_and_is_in_the_log(
    npu: Npu, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = session.Session.add

    def broken(self: session.Session, verdict: Verdict) -> None:
        add(self, verdict)
        raise KeyError("a bug")

    monkeypatch.setattr(session.Session, "add", broken)
    out = npu.folder / "out"
    assert npu.verify("--out", str(out)) == 1
    captured = capsys.readouterr()
    assert "error: double: tileproof itself has failed" in captured.err
    assert "KeyError: 'a bug'" in (out / "verify.log").read_text()
    with npu_turn("the next", lambda text: pytest.fail(text)):
        pass


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


@faulty("garbage")
def test_a_failure_that_was_nobodys_is_decided_when_there_is_a_canary(
    npu: Npu, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(npu.folder / "out")
    without = npu.world.options("--case", "ramp", "--out", out)
    at = without.index("--canary")
    assert main([*without[:at], *without[at + 3 :]]) == 1
    os.environ[fake_npu.FAULT] = ""
    assert npu.verify("--case", "ramp", "--out", out, "--resume") == 0
    capsys.readouterr()


@faulty("dirty")
def test_what_a_dirty_device_answers_is_not_recorded(
    npu: Npu, recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = npu.folder / "recordings"
    shutil.copytree(recorded, folder)
    before = (folder / "double_i32_64__npu1.npz").read_bytes()
    assert npu.verify("--record", "--recordings", str(folder)) == 3
    assert (folder / "double_i32_64__npu1.npz").read_bytes() == before
    capsys.readouterr()


def test_a_log_on_a_full_disk_costs_no_verdict(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    out = npu.folder / "out"
    out.mkdir()
    (out / "verify.log").symlink_to("/dev/full")
    assert npu.verify("--out", str(out), "--case", "ramp", "--junit", str(npu.folder / "junit.xml")) == 2
    captured = capsys.readouterr()
    assert [one["outcome"] for one in json.loads(captured.out)["verdicts"]] == ["pass"]
    assert captured.err.startswith("error: the session cannot be kept there\n")
    assert "No space left on device" in captured.err
    assert (npu.folder / "junit.xml").exists()


def test_a_changed_golden_model_or_tolerance_is_proved_again(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    kernels, out = npu.folder / "kernels", str(npu.folder / "out")
    shutil.copytree(npu.world.folder / "kernels", kernels)
    options = npu.world.options("--case", "ramp", "--out", out)
    options[options.index("--kernels") + 1] = str(kernels)
    assert main(options) == 0
    golden = kernels / "double" / "golden.py"
    golden.write_text(golden.read_text() + "\n# corrected\n")
    assert main([*options, "--resume"]) == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2
    assert main([*options, "--resume"]) == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2
    capsys.readouterr()


def test_a_case_is_left_out_only_if_it_was_recorded_too(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    out, folder = str(npu.folder / "out"), npu.folder / "recordings"
    assert npu.verify("--out", out) == 0
    assert npu.verify("--out", out, "--resume", "--record", "--recordings", str(folder)) == 0
    recording = read_recording(folder / "double_i32_64__npu1.npz")
    assert [answer.case for answer in recording.answers] == ["ramp"] * 3 + ["random"] * 3
    capsys.readouterr()


def test_a_new_session_puts_the_old_verdicts_aside(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    out = npu.folder / "out"
    for _ in range(2):
        assert npu.verify("--out", str(out)) == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2
    assert len(list(out.glob("verdicts*.json"))) == 2
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting property name enclosed in double quotes"),
        ('{"verdicts": [7]}', "it is not what tileproof writes"),
        ("[]", "it is not what tileproof writes"),
        ('{"verdicts": [{"kernel": "double"}]}', "it is not what tileproof writes"),
        ('{"verdicts": [' * 5000, "it is not what tileproof writes"),
        (json.dumps({"verdicts": [{**WHOLE, "artifacts": []}]}), "it is not what tileproof writes"),
        (json.dumps({"verdicts": [{**WHOLE, "kernel": [1]}]}), "it is not what tileproof writes"),
        (json.dumps({"verdicts": [{**WHOLE, "seconds": None}]}), "it is not what tileproof writes"),
        (
            json.dumps({"verdicts": [{**WHOLE, "runs": [{"when": "first", "seconds": {}}]}]}),
            "it is not what tileproof writes",
        ),
    ],
)
def test_a_session_that_is_not_whole_is_not_resumed_and_not_lost(
    npu: Npu, text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = npu.folder / "out"
    out.mkdir()
    (out / "verdicts.json").write_text(text)

    assert npu.verify("--out", str(out), "--resume") == 2
    told = capsys.readouterr().err
    assert told.startswith("error: the session cannot be resumed\n")
    assert why in told
    assert (out / "verdicts.json").read_text() == text


@faulty("dirty")
def test_what_a_dirty_device_left_undecided_is_run_again(npu: Npu, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(npu.folder / "out")
    assert npu.verify("--out", out) == 3
    (npu.folder / "xrt" / "state" / "dirty").unlink()
    os.environ[fake_npu.FAULT] = ""  # the driver was reloaded
    assert npu.verify("--out", out, "--resume") == 0
    capsys.readouterr()


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@faulty("hang")
def test_a_session_that_is_ended_in_a_run_leaves_no_process_no_lock_and_goes_on(
    npu: Npu, ended_by: signal.Signals
) -> None:
    out, hangs = npu.folder / "out", npu.folder / "xrt" / "state" / "hangs"
    command = [sys.executable, "-m", "tileproof", *npu.world.options("--out", str(out))]
    process = subprocess.Popen(
        command, env=python_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not hangs.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(ended_by)
    _, told = process.communicate()
    if ended_by == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert told == (
            "error: interrupted\n"
            f"  where: --out {out}\n"
            "  why:   the cases that are not listed were not run\n"
            "  fix:   the same command with --resume goes on\n"
        )

    child = Path("/proc") / hangs.read_text()
    while _is_alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_alive(child)
    assert "double: ramp" in (out / "verify.log").read_text()
    environ = {**python_environment(), fake_npu.FAULT: ""}
    assert subprocess.run([*command, "--resume"], env=environ, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _is_alive(process: Path) -> bool:
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False


# From the kernel to the verdict


def test_the_whole_path_from_templates_to_times(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tools stand in; the kernel and the canary are built with them, loaded, run and compared."""
    for name in ("VIRTUAL_ENV", "AIE_XCLBINUTIL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in install_tools(tmp_path / "tools", "C2").items():
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
