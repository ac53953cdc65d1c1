"""A kernel on the NPU, driven from a process of its own: a hang, a crash or a driver's error becomes a result.

XRT may wait for ever, and its failures may end the process that called it. The one that judges is another.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from tileproof.device.runner import RunResult
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.library import python_environment
from tileproof.xrt import ABORT, TIMEOUT

# Beyond the longest run: XRT is to say TIMEOUT itself, and a first run loads the array.
_GRACE_S = 10.0
_LOAD_S = 120.0
_MOST_LINES = 12  # of what XRT and the driver have printed


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the process is to load first; `sizes` as LoadedKernel takes them."""

    xclbin: Path
    insts: Path
    sizes: Mapping[int, int]
    timeout_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was asked could not be done: a problem, or a bug with its traceback."""

    problem: Problem | None
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """The process is gone, and gave no answer: what happened, and the state that XRT would have for it."""

    what: str
    state: int = ABORT


class GuardedKernel:
    """As LoadedKernel, on the NPU. A run that ends the process has a state of its own, and the process is gone."""

    def __init__(self, xclbin: Path, insts: Path, sizes: Mapping[int, int], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._said = tempfile.TemporaryFile("w+b")  # noqa: SIM115  closed with the process
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tileproof.device.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env=python_environment(),
            )
        self._connection = Connection(ours.detach())
        self._finalizer = weakref.finalize(self, _end, self._process, self._connection, self._said)
        self._words = ""
        answer = self._ask(Load(xclbin=xclbin, insts=insts, sizes=sizes, timeout_s=timeout_s), _LOAD_S)
        if isinstance(answer, _Ended):
            raise Problem(
                f"{xclbin.name} could not be loaded on the npu: {answer.what}",
                where="pyxrt",
                why=self._words or "XRT and the driver said nothing",
                fix="`tileproof doctor --for npu` looks at the device; `dmesg` has the driver's words",
                exit_code=EXIT_NOT_HERE,
            )

    def run(self, inputs: Mapping[int, bytes]) -> RunResult:
        """Run once; what ended the process instead is the result's fault, in the driver's own words."""
        answer = self._ask(dict(inputs), self._timeout_s + _GRACE_S)
        if isinstance(answer, RunResult):
            return answer
        assert isinstance(answer, _Ended)
        said = f"; it had said: {self._words}" if self._words else ""
        return RunResult(state=answer.state, outputs={}, seconds={}, faults=(f"{answer.what}{said}",))

    def _ask(self, message: object, deadline_s: float) -> object:
        """The answer, or how the process ended instead."""
        try:
            self._connection.send(message)
            if not self._connection.poll(deadline_s):
                self.close()
                waited = f"did not come back within {deadline_s:g} s, and was ended"
                return _Ended(what=f"the process that drives the NPU {waited}", state=TIMEOUT)
            answer = self._connection.recv()
        except (EOFError, OSError):
            return _Ended(what=f"the process that drives the NPU {self._death()}")
        if isinstance(answer, Refused):
            self.close()
            if answer.problem is not None:
                raise answer.problem
            raise RuntimeError(answer.traceback)
        return answer

    def _death(self) -> str:
        if not self._finalizer.alive:
            return "has been ended"
        code = self._process.wait()
        self.close()
        if code < 0:
            return f"died: {signal.strsignal(-code)} (signal {-code})"
        return f"ended with code {code}"

    def close(self) -> None:
        """End the process, whatever it does; the last lines that XRT and the driver have printed are kept."""
        if self._finalizer.alive:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").splitlines()
            self._words = "\n".join(lines[-_MOST_LINES:])
            self._finalizer()


def _end(process: subprocess.Popen[bytes], connection: Connection, said: IO[bytes]) -> None:
    connection.close()
    process.kill()
    process.wait()
    said.close()
