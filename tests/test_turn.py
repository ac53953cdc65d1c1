"""One user of the NPU at a time, who is named to the others."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tileproof.device.turn import FOLDER, npu_turn
from tileproof.errors import Problem

# Takes its turn, says so, and keeps it until its standard input ends.
HOLDER = """\
import sys
from tileproof.device.turn import npu_turn
with npu_turn("attention", print):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))


@pytest.fixture
def holder() -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def released(holder: subprocess.Popen[str], how: str) -> None:
    if how == "killed":
        holder.kill()
    holder.communicate()


@pytest.mark.parametrize("how", ["ended", "killed"])
def test_a_second_user_waits_for_the_first_by_name(how: str, holder: subprocess.Popen[str], tmp_path: Path) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        released(holder, how)

    with npu_turn("mel", say):
        text = (tmp_path / "tileproof-npu.lock").read_text()

    assert said == [f"the NPU is in use by {getpass.getuser()}, process {holder.pid}, attention; waiting for it"]
    assert text == f"{getpass.getuser()}, process {os.getpid()}, mel"


def test_who_is_alone_does_not_wait() -> None:
    said: list[str] = []
    for _ in range(2):
        with npu_turn("mel", said.append):
            assert said == []


def test_a_name_of_somebody_who_is_gone_is_not_told(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """Another user's file cannot be written: it still holds the name of who had it before."""
    (tmp_path / "tileproof-npu.lock").write_text("alice, process 4194303, attention")
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        released(holder, "ended")

    with npu_turn("mel", say):
        pass
    assert said == ["the NPU is in use by somebody else; waiting for it"]


def test_everybody_may_write_their_name_into_it(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with npu_turn("mel", str):
            assert (tmp_path / "tileproof-npu.lock").stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


def test_a_lock_that_cannot_be_had_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "nowhere"))
    with pytest.raises(Problem) as refused, npu_turn("mel", str):
        pass

    assert str(refused.value) == (
        "error: the NPU cannot be had alone\n"
        f"  where: {tmp_path}/nowhere/tileproof-npu.lock\n"
        "  why:   No such file or directory\n"
        "  fix:   make the folder or the file one that this user may use, or name another folder in TILEPROOF_LOCK_DIR"
    )
