"""What `scripts/fuzz` keeps ends in an answer or a Problem, in little time and memory, and what it calls a finding is
one."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fuzz_targets
import pytest
from fuzz_targets import TARGETS, TooLong, feed

from tileproof.errors import Problem

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "tests" / "fuzz_corpus"
MOST_BYTES, MOST_FILES = 300_000, 50
FUZZ = ROOT / "scripts" / "fuzz"


@pytest.mark.parametrize("name", TARGETS)
def test_everything_that_is_kept_is_answered_or_refused(name: str) -> None:
    for path in sorted((CORPUS / name).iterdir()):
        feed(TARGETS[name], path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_some_of_what_is_kept_is_answered_so_that_not_only_refusals_are_tried(name: str) -> None:
    answered = [path for path in sorted((CORPUS / name).iterdir()) if is_answered(name, path.read_bytes())]

    assert answered


def is_answered(name: str, data: bytes) -> bool:
    try:
        TARGETS[name](data)
    except Problem:
        return False
    return True


def test_what_is_kept_stays_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]

    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    assert max(len(list(folder.iterdir())) for folder in CORPUS.iterdir()) <= MOST_FILES


# What a finding is


def no_problem(_: bytes) -> None:
    raise KeyError("a reader broke")


def much_memory(_: bytes) -> None:
    bytearray(2 * fuzz_targets.MOST_BYTES)


def an_escape(data: bytes) -> None:
    fuzz_targets._show(data.decode())


@pytest.mark.parametrize(
    ("target", "raised"), [(no_problem, KeyError), (much_memory, MemoryError), (an_escape, AssertionError)]
)
def test_an_exception_memory_and_a_control_character_are_findings(
    target: fuzz_targets.Target, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fuzz_targets, "printable", lambda text: text)
    with pytest.raises(raised):
        feed(target, b"\x1b[2J")


def no_end(_: bytes) -> None:
    while True:
        pass


def test_what_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_targets, "LONGEST_S", 1)
    with pytest.raises(TooLong):
        feed(no_end, b"")


def test_a_problem_is_a_right_answer() -> None:
    feed(TARGETS["xclbin"], b"no xclbin")


# The script


def fuzz(*arguments: str, script: Path = FUZZ) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)


def test_a_finding_is_replayed_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "found").write_bytes(b"no instructions")
    done = fuzz("insts", "--replay", str(tmp_path / "found"))

    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/found\nno finding\n")


def test_a_target_that_is_not_there_is_refused() -> None:
    done = fuzz("bits")

    assert done.returncode == 2
    assert "there is no target 'bits'; there are xclbin, insts, pdi, mlir, spec, log, wav" in done.stderr


HAS_ATHERIS = importlib.util.find_spec("atheris") is not None


@pytest.mark.skipif(HAS_ATHERIS, reason="atheris is here")
def test_without_atheris_nothing_is_said_to_have_been_tried() -> None:
    done = fuzz("log")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: atheris is not here\n")


@pytest.mark.skipif(not HAS_ATHERIS, reason="atheris is not here: the extra `fuzz`")
def test_a_run_says_its_engine_its_seed_and_how_much_it_executed() -> None:
    done = fuzz("log", "--minutes", "0.02", "--seed", "7")

    assert done.returncode == 0, done.stdout
    assert re.match(r"log: atheris [\d.]+, seed 7, 0\.02 min\nlog: [\d,]+ executions in ", done.stdout)
    assert done.stdout.endswith("log: no finding\n")


PLANTED = """

def broken(data: bytes) -> None:
    assert b"bank 131071" not in data, "planted"


TARGETS["log"] = broken
"""


@pytest.mark.skipif(not HAS_ATHERIS, reason="atheris is not here: the extra `fuzz`")
def test_a_planted_bug_is_found_kept_in_a_file_and_found_again_in_that(tmp_path: Path) -> None:
    for name in ("scripts/fuzz", "tests/fuzz_targets.py", "tests/fuzz_corpus/log/group_id"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    with (tmp_path / "tests" / "fuzz_targets.py").open("a") as targets:
        targets.write(PLANTED)
    script = tmp_path / "scripts" / "fuzz"
    done = fuzz("log", "--minutes", "1", script=script)
    (found,) = (tmp_path / "build" / "fuzz" / "log" / "findings").iterdir()

    assert done.returncode == 1
    assert "AssertionError: planted" in done.stdout
    assert done.stdout.endswith(f"log: a finding: {found}\n  once more: scripts/fuzz log --replay {found}\n")
    assert fuzz("log", "--replay", str(found), script=script).returncode == 1
