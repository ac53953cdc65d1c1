"""A session that nobody watches: what it keeps, what it knows again, and how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fake_npu
import pytest
from npu_world import MACHINE, Npu, faulty, verdicts

from tileproof.cli import main
from tileproof.device.recorded import (
    read_recording,
)
from tileproof.device.turn import npu_turn
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_BUG, Problem
from tileproof.library import python_environment
from tileproof.verify import session
from tileproof.verify.verdict import Verdict
from tileproof.verify.verdict_json import as_json

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


CONTRADICTIONS = {
    "no outputs": {"outputs": []},
    "nothing compared": {"outputs": [{"compared": 0}]},
    "elements that differ": {"outputs": [{"mismatched": 3}]},
    "an error beyond what is allowed": {"outputs": [{"max_abs_error": 7.0}]},
    "a run that was thrown away": {"state": "ERT_CMD_STATE_ABORT"},
    "a fault": {"faults": [Diagnostic(id="stale", what="x").as_json()]},
    "a reason": {"reason": "because"},
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_pass_that_its_own_evidence_contradicts_is_run_again(npu: Npu, contradiction: dict[str, Any]) -> None:
    out = npu.folder / "out"
    assert npu.verify("--out", str(out)) == 0
    kept = json.loads((out / "verdicts.json").read_text())
    for verdict in kept["verdicts"]:
        outputs = [{**verdict["outputs"][0], **output} for output in contradiction.get("outputs", verdict["outputs"])]
        verdict.update({**contradiction, "outputs": outputs})
    (out / "verdicts.json").write_text(json.dumps(kept))

    assert npu.verify("--out", str(out), "--resume") == 0
    assert npu.remembered(f"contexts {MACHINE}") == 2


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
        raise Problem(
            f"the {what} cannot be written",
            id="output-not-written",
            where=where,
            why="No space left on device",
            fix="make room",
        )

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
    assert npu.verify("--out", str(out)) == EXIT_BUG
    captured = capsys.readouterr()
    assert "error: double: this is a bug of tileproof: KeyError: 'a bug'" in captured.err
    assert "KeyError: 'a bug'" in (out / "verify.log").read_text()
    with npu_turn("the next", lambda text: pytest.fail(text)):
        pass


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
        command,
        env=python_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_listen,
    )
    until = time.monotonic() + 60
    while not hangs.exists() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(ended_by)
    _, told = process.communicate()
    if ended_by == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 128 + ended_by
        assert told == (
            "error: interrupted\n"
            f"  where: --out {out}\n"
            "  why:   the cases that are not listed were not run\n"
            "  fix:   the same command with --resume goes on\n"
            "  more:  tileproof explain interrupted\n"
        )

    child = Path("/proc") / hangs.read_text()
    while _is_alive(child) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _is_alive(child)
    assert "double: ramp" in (out / "verify.log").read_text()
    environ = {**python_environment(), fake_npu.FAULT: ""}
    assert subprocess.run([*command, "--resume"], env=environ, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _listen() -> None:
    """Tests that run in the background of a shell ignore SIGINT, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _is_alive(process: Path) -> bool:
    try:
        return "State:\tZ" not in (process / "status").read_text()
    except OSError:
        return False
