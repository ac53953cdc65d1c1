"""Cases handed to a cluster: every machine is given the same build, and what it answers is one verdict a case."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import fake_npu
import pytest
from fake_npu import npu_file
from small_kernel import build_small, write_kernel

from tileproof import __version__
from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.cli import main
from tileproof.errors import Problem
from tileproof.library import python_environment
from tileproof.verify import hosts
from tileproof.verify.request import CaseRequest, VerifyRequest

START_S = 60


@contextmanager
def cluster(folder: Path, *workers: tuple[str, dict[str, str]]) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler's address, and its workers, which have these resources and environments."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet = {**python_environment(), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    log = (folder / "dask.log").open("w")
    with log:
        started = [subprocess.Popen([*dask, "scheduler", *common, "--port", "0"], env=quiet, stdout=log, stderr=log)]
        try:
            address = _address(file)
            for number, (resources, environ) in enumerate(workers):
                options = ["--nthreads", "1", "--no-nanny", "--name", str(number)]
                options += ["--resources", resources] if resources else []
                command = [*dask, "worker", *common, *options, "--local-directory", str(folder)]
                started.append(subprocess.Popen(command, env={**quiet, **environ}, stdout=log, stderr=log))
            _wait_for(address, len(workers))
            yield address, started[1:]
        finally:
            for process in started:
                process.kill()  # asked to end, each would wait for the other
                process.wait()


def _address(file: Path) -> str:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError("the scheduler did not start")


def _wait_for(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, timeout=START_S) as client:
        client.wait_for_workers(workers, timeout=START_S)


@pytest.fixture(scope="module")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster"), ("NPU=1", {}), ("NPU=1", {})) as (address, _):
        yield address


def options(folder: Path, address: str, *more: str) -> list[str]:
    build = ["--build-dir", str(folder / "build")]
    return ["verify", "double", "--kernels", str(folder / "kernels"), *build, "--hosts", address, *more]


def test_workers_prove_what_was_built_here(emulators: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_kernel(tmp_path)
    out = str(tmp_path / "out")
    assert main(options(tmp_path, emulators, "--json", "--out", out)) == 0
    found = json.loads(capsys.readouterr().out)["verdicts"]

    assert [(one["case"], one["outcome"], one["device"]) for one in found] == [
        ("ramp", "pass", "emulator"),
        ("random", "pass", "emulator"),
    ]
    assert all(one["machine"]["host"] for one in found)
    assert {one["artifacts"]["xclbin"].startswith(str(tmp_path / "build")) for one in found} == {True}
    assert [len(one["runs"]) for one in found] == [4, 3]  # a ramp is always the same: another case runs in between
    assert main(options(tmp_path, emulators, "--out", out, "--resume")) == 0
    assert (tmp_path / "out" / "verify.log").read_text().count(": pass, from before") == 2
    capsys.readouterr()


def test_a_wrong_kernel_fails_there_as_here(emulators: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_kernel(tmp_path, body="for (int i = 0; i < count; ++i) y[i] = 2 * x[i];")
    assert main(options(tmp_path, emulators, "--case", "ramp")) == 1

    assert "64 of 64 elements differ from integer.py" in capsys.readouterr().out


def test_a_kernel_that_does_not_compile_is_told_without_asking_anybody(
    emulators: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kernel(tmp_path, body="no such thing;")
    assert main(options(tmp_path, emulators)) == 1

    assert "double: compile tile.cc failed" in capsys.readouterr().out


def test_npus_are_driven_with_the_canary_that_was_built_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machine that asks has no NPU; the one that answers has one that fails on this kernel."""
    double = npu_file(build_small(tmp_path))
    request = BuildRequest(build_dir=tmp_path / "build")
    canary = npu_file(build_kernel(render_kernel("canary", request), request, lambda _: None))
    environ = fake_npu.install(tmp_path / "xrt", [double.emulated, canary.emulated], "error", "double")
    pair = ["--xclbin", str(double.xclbin), "--insts", str(double.insts)]
    known_good = ["--canary", str(canary.xclbin), str(canary.insts)]
    with cluster(tmp_path, ("NPU=1", {**environ, "PYTHONPATH": _beside(environ["PYTHONPATH"])})) as (address, _):
        asked = options(tmp_path, address, "--device", "npu", *pair, *known_good, "--case", "ramp", "--json")
        assert main(asked) == 1
    (found,) = json.loads(capsys.readouterr().out)["verdicts"]

    assert (found["device"], found["outcome"], found["blame"]) == ("npu", "fail", "kernel")
    assert found["artifacts"]["xclbin"] == str(double.xclbin)


def test_a_case_that_one_machine_cannot_run_is_given_to_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The NPU of one of the two is not there."""
    double = npu_file(build_small(tmp_path))
    request = BuildRequest(build_dir=tmp_path / "build")
    canary = npu_file(build_kernel(render_kernel("canary", request), request, lambda _: None))
    pair = ["--xclbin", str(double.xclbin), "--insts", str(double.insts)]
    known_good = ["--canary", str(canary.xclbin), str(canary.insts)]
    good = fake_npu.install(tmp_path / "good", [double.emulated, canary.emulated])
    bad = fake_npu.install(tmp_path / "bad", [double.emulated, canary.emulated], "no device")
    workers = [("NPU=1", {**one, "PYTHONPATH": _beside(one["PYTHONPATH"])}) for one in (good, bad)]
    with cluster(tmp_path, *workers) as (address, _):
        asked = options(tmp_path, address, "--device", "npu", *pair, *known_good, "--json")
        assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)["verdicts"]

    assert [one["outcome"] for one in found] == ["pass"] * 2


def _beside(path: str) -> str:
    return os.pathsep.join([path, python_environment()["PYTHONPATH"]])


def test_a_worker_that_is_lost_leaves_its_case_undecided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hosts, "_LOOK_S", 0.2)
    write_kernel(tmp_path, body="volatile int forever = 1; while (forever) {}")
    with cluster(tmp_path, ("NPU=1", {})) as (address, (worker,)):
        timer = Timer(2.0, worker.kill)
        timer.start()
        assert main(options(tmp_path, address, "--case", "ramp", "--json")) == 3
        timer.join()
    (found,) = json.loads(capsys.readouterr().out)["verdicts"]

    assert (found["outcome"], found["reason"]) == (
        "not run",
        "the worker that was given the case came to no verdict",
    )
    assert "ConnectionError: no worker with an NPU is left" in found["faults"][0]["why"]


def test_a_cluster_without_an_npu_is_refused_and_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kernel(tmp_path)
    with cluster(tmp_path, ("", {})) as (address, _):
        assert main(options(tmp_path, address)) == 3
    assert capsys.readouterr().err == (
        f"error: no worker of {address} has an NPU\n"
        f"  where: --hosts {address}\n"
        "  why:   of its 1 workers none was started with the resource NPU=1\n"
        f"  fix:   on each machine with an NPU: dask worker {address} --resources NPU=1 --nthreads 1\n"
        "  more:  tileproof explain no-worker\n"
    )


def test_a_scheduler_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hosts, "_CONNECT_S", 0.5)
    write_kernel(tmp_path)
    assert main(options(tmp_path, "tcp://127.0.0.1:9")) == 3

    assert capsys.readouterr().err.startswith("error: there is no Dask scheduler at tcp://127.0.0.1:9\n")


def test_a_worker_with_another_tileproof_refuses() -> None:
    parcel = hosts.Parcel(tileproof="0.0.1", kernel="double", folder={}, pair=(b"", b""), canary=None)
    with pytest.raises(Problem, match="has another tileproof"):
        hosts.prove_here(parcel, VerifyRequest(cases=CaseRequest(names=("ramp",))))


def test_what_is_wrong_on_one_machine_is_told_of_that_machine() -> None:
    parcel = hosts.Parcel(tileproof=__version__, kernel="double", folder={}, pair=(b"", b""), canary=None)
    with pytest.raises(Problem) as refused:
        hosts.prove_here(parcel, VerifyRequest(cases=CaseRequest(names=("ramp",))))

    assert refused.value.what.startswith(f"{socket.gethostname()}: there is no folder of kernels at ")
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("odd", ["--record", "--wav", "--trace"])
def test_what_belongs_to_this_machine_does_not_go_with_hosts(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_kernel(tmp_path)
    more = ["--device", "npu", odd] if odd == "--record" else [odd, "file"]
    assert main(options(tmp_path, "tcp://127.0.0.1:9", *more)) == 2

    assert capsys.readouterr().err == (
        f"error: {odd} does not go with --hosts\n"
        f"  where: --hosts tcp://127.0.0.1:9 {odd}\n"
        "  why:   other machines run the cases\n"
        "  fix:   leave one of the two out\n"
        "  more:  tileproof explain option-conflict\n"
    )
