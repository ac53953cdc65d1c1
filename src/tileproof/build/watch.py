"""ninja, watched: a step that does not come to an end is ended, and nothing that ninja started outlives the build.

ninja has no limit of its own. It gives each step a group of processes, so that a compiler is ended with all that it
called.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tileproof.processes import end_below, end_with_group, leaders_below
from tileproof.sandbox.programs import run_program
from tileproof.sandbox.untrusted import current

_LOOK_S = 1.0  # how often; the end of a build is seen at once
_LAST_WORDS_S = 5.0  # for ninja to tell of a step that was ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How ninja came to its end, and what it printed. `is_overdue` says that a step had to be ended."""

    code: int
    printed: str
    is_overdue: bool


def run_watched(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    lock: int,
    longest_s: float,
    compiler: Sequence[str],
    reads: Sequence[Path] = (),
) -> Done:
    """Run ninja in `folder` to its end, and none of its steps for longer than `longest_s`. It inherits `lock`.

    Foreign code, and the `compiler` that takes it, has its bounds besides, within which it reads the folders `reads`,
    and no hold on the lock; its steps have that time together, for nobody looks at them one by one.
    """
    if current() is not None:
        return _run_within_bounds(command, folder, longest_s, compiler, reads)
    with subprocess.Popen(
        command,
        cwd=folder,
        pass_fds=(lock,),
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            return _watch(process, longest_s)
        except BaseException:  # above all Ctrl-C
            end_below(process.pid)
            process.kill()
            raise


def _run_within_bounds(
    command: Sequence[str], folder: Path, longest_s: float, compiler: Sequence[str], reads: Sequence[Path]
) -> Done:
    try:
        ran = run_program(
            command,
            cwd=folder,
            writes=(folder,),
            reads=reads,
            programs=compiler,
            timeout_s=longest_s,
            is_one_text=True,
        )
    except subprocess.TimeoutExpired:
        return Done(code=1, printed="", is_overdue=True)
    return Done(code=ran.returncode, printed=ran.stdout, is_overdue=False)


def _watch(process: subprocess.Popen[str], longest_s: float) -> Done:
    begun: dict[int, float] = {}
    is_overdue = False
    while True:
        try:
            printed, _ = process.communicate(timeout=min(_LOOK_S, longest_s))
            return Done(code=process.returncode, printed=printed, is_overdue=is_overdue)
        except subprocess.TimeoutExpired:
            now = time.monotonic()
            begun = {step: begun.get(step, now) for step in leaders_below(process.pid)}
            for step in (step for step, since in begun.items() if now - since >= longest_s):
                is_overdue = True
                end_with_group(step)
            # What has left the group may hold the step's output open, and ninja would wait for that.
            if any(now - since >= longest_s + _LAST_WORDS_S for since in begun.values()):
                process.kill()
