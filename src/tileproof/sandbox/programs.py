"""Runs programs that take foreign code, such as compilers: as any other, or within bounds while it is untrusted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tileproof.diagnostic import Place
from tileproof.processes import end_with_group
from tileproof.sandbox.untrusted import Untrusted, current, late, over_limit, reads_of

# Between two looks at whether it has ended; a look costs a system call.
_LOOK_S = 0.005
_MOST_BYTES = 1 << 24  # of what a program says


def run_program(
    command: Sequence[str],
    *,
    cwd: Path,
    writes: Sequence[Path] = (),
    reads: Sequence[Path] = (),
    programs: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    is_one_text: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, and keep what it says; with `is_one_text` both streams in one. Raises as `subprocess.run`.

    Foreign code writes `writes`, reads `reads` and what the command and the `programs` that it starts are installed
    with, is given no descriptor, and is gone with all it has started afterwards; a `Problem` where it took too much.
    """
    held = current()
    if held is not None:
        return _run_within_bounds(held, command, cwd, writes, reads, programs, timeout_s, is_one_text=is_one_text)
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if is_one_text else subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:  # too late, or Ctrl-C: a compiler is several programs
            end_with_group(process.pid)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err or "")


def _run_within_bounds(
    held: Untrusted,
    command: Sequence[str],
    cwd: Path,
    writes: Sequence[Path],
    reads: Sequence[Path],
    programs: Sequence[str],
    timeout_s: float | None,
    *,
    is_one_text: bool,
) -> subprocess.CompletedProcess[str]:
    installed = [path for program in (command[0], *programs) for path in reads_of(program)]
    bounds = held.bounds(reads=(*map(str, reads), *installed), writes=map(str, writes), starts_processes=True)
    launch = (sys.executable, "-P", "-m", "tileproof.sandbox.launch", bounds.to_json())
    # Files and no pipes: what is left running could hold the other end of a pipe open.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            (*launch, str(os.getpid()), str(held.warden.fileno()), *command),
            cwd=cwd,
            pass_fds=(held.warden.fileno(),),
            env=held.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out if is_one_text else err,
        )
        longest_s = min(held.limits.wait_s, held.limits.wait_s if timeout_s is None else timeout_s)
        try:
            is_late = not _has_ended(process.pid, longest_s)
        finally:
            held.end(process.pid)
            code = process.wait()
        if why := held.why_ended(process.pid):
            raise over_limit(Path(command[0]).name, Place.of_file(str(cwd)), why)
        if is_late and longest_s == timeout_s:
            raise subprocess.TimeoutExpired(command, longest_s)
        if is_late:
            raise over_limit(Path(command[0]).name, Place.of_file(str(cwd)), late(held))
        return subprocess.CompletedProcess(command, code, _text_of(out), "" if is_one_text else _text_of(err))


def _has_ended(pid: int, timeout_s: float) -> bool:
    """Whether it has within that time; it is left to be waited for, so that its number stays its own."""
    until = time.monotonic() + timeout_s
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_S)
    return True


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MOST_BYTES).decode(errors="replace").replace("\r\n", "\n")
