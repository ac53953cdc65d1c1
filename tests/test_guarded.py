"""A kernel on the NPU is driven from a process of its own: whatever XRT does, there is a verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import fake_npu
import pytest
from fake_npu import NpuFile, npu_file
from small_kernel import build_small

from tileproof.cli import main
from tileproof.device import guarded
from tileproof.device.guarded import GuardedKernel
from tileproof.errors import Problem

NBYTES = 256


@dataclass(frozen=True)
class Built:
    folder: Path
    file: NpuFile


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    return Built(folder, npu_file(build_small(folder)))


@pytest.fixture
def npu(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Built:
    """An NPU that fails as the test's parameter says."""
    fault = getattr(request, "param", "")
    for name, value in fake_npu.install(tmp_path / "xrt", [built.file.emulated], fault).items():
        monkeypatch.setenv(name, value)
    return built


def verify(npu: Built, *options: str) -> int:
    pair = ["--xclbin", str(npu.file.xclbin), "--insts", str(npu.file.insts)]
    return main(["verify", "double", "--kernels", str(npu.folder / "kernels"), "--device", "npu", *pair, *options])


def outcomes(text: str) -> list[tuple[str, str, str]]:
    return [(one["outcome"], one["state"], one["reason"]) for one in json.loads(text)["verdicts"]]


def test_a_good_kernel_passes_and_the_verdict_names_the_device(npu: Built, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(npu, "--json") == 0
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]

    assert [(one["outcome"], one["device"], one["cycles"]) for one in verdicts] == [("pass", "npu", None)] * 2


@pytest.mark.parametrize(
    ("npu", "state"),
    [("error", "ERT_CMD_STATE_ERROR"), ("abort", "ERT_CMD_STATE_ABORT"), ("timeout", "ERT_CMD_STATE_TIMEOUT")],
    indirect=["npu"],
)
def test_a_state_that_is_not_completed_is_a_failure(npu: Built, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The fault comes with each process' second run: every case has a process of its own after one that failed."""
    assert verify(npu, "--json") == 1
    found = outcomes(capsys.readouterr().out)

    assert [(outcome, ended) for outcome, ended, _ in found] == [("fail", state)] * 2
    assert all(state in reason for _, _, reason in found)


@pytest.mark.parametrize(
    ("npu", "words"),
    [
        ("crash", "the process that drives the NPU died: Segmentation fault (signal 11)"),
        ("exit", "the process that drives the NPU ended with code 3"),
    ],
    indirect=["npu"],
)
def test_a_run_that_ends_its_process_is_a_failure_in_the_drivers_words(
    npu: Built, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(npu, "--json") == 1
    told = capsys.readouterr().out

    assert [(outcome, ended) for outcome, ended, _ in outcomes(told)] == [("fail", "none")] * 2
    faults = [one["faults"][0]["what"] for one in json.loads(told)["verdicts"]]
    assert faults == [f"{words}; it had said: [XRT] ERROR: the firmware has something to say"] * 2


@pytest.mark.parametrize("npu", ["hang"], indirect=True)
def test_a_run_that_never_comes_back_is_ended_and_told(
    npu: Built, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "_GRACE_S", 1.0)
    assert verify(npu, "--json", "--timeout", "0.5", "--case", "ramp") == 1
    told = capsys.readouterr().out

    assert outcomes(told)[0][:2] == ("fail", "none")
    assert (
        "the process that drives the NPU did not come back within 1.5 s (1 more than --timeout), and was ended" in told
    )


@pytest.mark.parametrize(
    ("npu", "why"),
    [
        ("no device", "No such device with index '0'"),
        ("no context", "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory"),
        ("raises", "GET_INFO IOCTL failed (err=-22): Invalid argument"),
        ("crash while loading", "the process that drives the NPU died: Segmentation fault (signal 11)"),
    ],
    indirect=["npu"],
)
def test_what_the_driver_refuses_is_not_run_in_its_own_words(
    npu: Built, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(npu, "--json") == 3
    told = capsys.readouterr().out

    assert {outcome for outcome, _, _ in outcomes(told)} == {"not run"}
    assert why in told


def test_a_process_that_is_closed_is_gone(npu: Built) -> None:
    kernel = GuardedKernel(npu.file.xclbin, npu.file.insts, {0: NBYTES, 1: NBYTES}, 30.0)
    assert kernel.run({0: bytes(NBYTES)}).outputs[1] == (b"\1\0\0\0" * 64)
    kernel.close()

    assert kernel._process._process.poll() is not None
    assert "the process that drives the NPU" in kernel.run({0: bytes(NBYTES)}).faults[0].what


def test_a_pair_that_does_not_fit_is_refused_before_the_device_sees_it(npu: Built, tmp_path: Path) -> None:
    other = tmp_path / "insts.bin"
    other.write_bytes(npu.file.insts.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(Problem, match=r"insts\.bin was not built together with npu\.xclbin"):
        GuardedKernel(npu.file.xclbin, other, {0: NBYTES, 1: NBYTES}, 30.0)
