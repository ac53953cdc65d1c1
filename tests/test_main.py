"""How the process ends: by signals at whatever moment, on streams that are closed, full or read by nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.build.prepare import build_kernel, render_kernel
from tileproof.build.request import BuildRequest
from tileproof.cli import main
from tileproof.library import package_dir, python_environment

MODULE = (sys.executable, "-m", "tileproof")
SCRIPT = (str(Path(sysconfig.get_path("scripts")) / "tileproof"),)
ENTRIES = pytest.mark.parametrize("entry", [MODULE, SCRIPT], ids=["python -m tileproof", "tileproof"])
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)


def started(command: Sequence[str], folder: Path, **environ: str) -> subprocess.Popen[str]:
    """In a session of its own, with the signals that a terminal's shell would give it."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**python_environment(), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_listen,
    )


def _listen() -> None:
    """Tests that run in the background of a shell ignore SIGINT, and so would what they start."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def alive(session: int) -> list[str]:
    """The processes of a session that have not ended, also those that nobody has asked for their end."""
    return [words for words in _processes() if words.split()[3] == str(session) and words.split()[0] != "Z"]


def _processes() -> Iterator[str]:
    """Behind the name (proc(5)): state, parent, group, session."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield path.read_text(errors="replace").rpartition(")")[2]
        except OSError:
            continue


def all_ended(session: int) -> bool:
    until = time.monotonic() + 30
    while alive(session) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(session)


# Signals


@ENTRIES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_ends_a_build_at_whatever_moment(tmp_path: Path, entry: Sequence[str], number: signal.Signals) -> None:
    """Whichever part of it each delay meets. While Python itself begins, before any line of ours, it is Python's."""
    kernels, folder = write_kernel(tmp_path), tmp_path / "build"
    command = [*entry, "build", "double", "--kernels", str(kernels), "--build-dir", str(folder)]
    for delay in (0.0, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8):
        process = started(command, tmp_path)
        time.sleep(delay)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
        is_ours = str(package_dir()) in err

        assert not ("Traceback" in err and is_ours), err
        assert process.returncode in (0, -number, 128 + number) or ("KeyboardInterrupt" in err and not is_ours)
        assert out == "" or process.returncode in (0, 128 + number)
        assert all_ended(process.pid)
        assert list(folder.rglob(".*.tmp")) == []

    request = BuildRequest(kernels=kernels, build_dir=folder)
    fresh = BuildRequest(kernels=kernels, build_dir=tmp_path / "fresh")
    made = [build_kernel(render_kernel("double", one), one, lambda _: None).xclbin for one in (request, fresh)]
    assert made[0].read_bytes() == made[1].read_bytes()


@SIGNALS
def test_a_signal_while_modules_are_imported_ends_without_a_word(tmp_path: Path, number: signal.Signals) -> None:
    process = started([sys.executable, "-X", "importtime", "-m", "tileproof", "list"], tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.endswith("tileproof.errors\n"):  # of the first, and some hundred are to come
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert "Traceback" not in err
    assert (process.returncode, out) == (128 + number, "") or process.returncode == 0


def waiting_compiler(folder: Path) -> tuple[Path, Path]:
    """A compiler that waits for ever, with something in a session of its own; and where it says that it is there."""
    compiler, told = folder / "c++", folder / "told"
    compiler.write_text(
        '#!/bin/sh\ntest "$*" = --version && echo "g++ 12" && exit\n'
        f"setsid sleep 1001 &\necho $! > {told}.new\nmv {told}.new {told}\nsleep 1000\n"
    )
    compiler.chmod(0o755)
    return compiler, told


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert path.exists()


@SIGNALS
def test_what_a_build_has_started_ends_with_it(tmp_path: Path, number: signal.Signals) -> None:
    compiler, told = waiting_compiler(tmp_path)
    command = [*MODULE, "build", "double", "--kernels", str(write_kernel(tmp_path)), "-j", "1"]
    process = started(command, tmp_path, CXX=str(compiler))
    wait_for(told)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (128 + number, "", "interrupted\n")
    assert all_ended(process.pid)
    assert all_ended(int(told.read_text()))


def test_a_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(
        "import time\nfrom pathlib import Path\n"
        "try:\n    Path('first').touch()\n    time.sleep(1000)\n"
        "except KeyboardInterrupt:\n    Path('second').touch()\n    time.sleep(1000)\n"
    )
    process = started([*MODULE, "run", "host.py"], tmp_path)
    for name in ("first", "second"):
        wait_for(tmp_path / name)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "", "")


def test_a_signal_that_whoever_started_it_ignores_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(
        "import os, signal\nfor number in (1, 2):\n    os.kill(os.getpid(), number)\nprint('on')\n"
    )
    command = f"trap '' HUP INT; {' '.join(MODULE)} run host.py"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=python_environment(), capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "on\n")


# Streams


def typed(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and all that a shell shows of a command; `tileproof` in it is ours."""
    done = subprocess.run(
        ["bash", "-c", "set -o pipefail; " + command.replace("tileproof", " ".join(MODULE), 1)],
        cwd=folder,
        env=python_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


NOT_WRITTEN = """\
error: the answer cannot be written
  where: standard output
  why:   No space left on device
  more:  tileproof explain output-not-written
"""


@pytest.mark.parametrize(
    ("command", "code", "shown"),
    [
        ("tileproof list >&-", 0, ""),
        ("tileproof list <&- >&- 2>&-", 0, ""),
        ("tileproof verify nothing 2>&-", 2, ""),
        ("tileproof verify nothing <&- >&- 2>&-", 2, ""),
        ("tileproof verify nothing 2>&1 | head -c 0", 2, ""),
        ("tileproof verify nothing 2>/dev/full", 2, ""),
        ("tileproof render attention | head -c 0", 0, ""),
        ("tileproof verify --help | head -c 0", 0, ""),
        ("tileproof list >/dev/full", 2, NOT_WRITTEN),
        ("tileproof --version >/dev/full", 2, NOT_WRITTEN),
        ("tileproof list >/dev/full 2>&1", 2, ""),
    ],
)
def test_streams_may_be_closed_full_or_read_by_nobody(tmp_path: Path, command: str, code: int, shown: str) -> None:
    assert typed(command, tmp_path) == (code, shown)


def test_a_build_and_a_run_need_no_streams(tmp_path: Path) -> None:
    """What they open must not be taken for one."""
    kernels = write_kernel(tmp_path)

    assert typed(f"tileproof verify double --kernels {kernels} <&- >&- 2>&-", tmp_path) == (0, "")
    assert main(["verify", "double", "--kernels", str(kernels), "--build-dir", str(tmp_path / "build")]) == 0


def test_help_and_version_go_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--help", "--version"):
        with pytest.raises(SystemExit) as left:
            main([option])
        out, err = capsys.readouterr()
        assert (left.value.code, err) == (0, "")
        assert out.startswith(("usage: tileproof", "tileproof "))


def test_the_signals_of_a_kernels_python_are_not_ours(tmp_path: Path) -> None:
    """A Ctrl-C reaches all that the terminal runs; only one of them says so."""
    kernels = write_kernel(tmp_path)
    golden = kernels / "double" / "golden.py"
    golden.write_text(
        f"import time\nopen({str(tmp_path / 'asked')!r}, 'w').close()\ntime.sleep(1000)\n{golden.read_text()}"
    )
    process = started([*MODULE, "verify", "double", "--kernels", str(kernels)], tmp_path)
    wait_for(tmp_path / "asked")
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert all_ended(process.pid)
