"""A kernel on the NPU, driven from a process of its own: a hang, a crash or a driver's error becomes a result.

XRT may wait for ever, and its failures may end the process that called it. The one that judges is another.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from tileproof.device import refuse_untrusted_npu
from tileproof.device.runner import Counted, RunResult
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.library import python_environment
from tileproof.xrt import COMPLETED, NO_STATE

# Beyond the longest run: XRT is to say TIMEOUT itself, and a first run loads the array.
_GRACE_S = 10.0
_LOAD_S = 120.0
_MOST_LINES = 12  # of what XRT and the driver have printed
_MOST_BYTES = 1 << 16
_END_S = 10.0
_stuck: list[subprocess.Popen[bytes]] = []  # processes that wait in the driver, where no signal reaches them


# Words of a driver that is not ready yet, worth one more try (mlir-aie python/utils/hostruntime).
_TRANSIENT = ("No such device", "GET_INFO IOCTL failed (err=-22)")
_BEFORE_RETRY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the process is to load first; `sizes` as LoadedKernel takes them. Without a file: only look for an NPU."""

    xclbin: Path | None = None
    insts: Path = Path()
    sizes: Mapping[int, int] = field(default_factory=dict)
    timeout_s: float = 0.0
    counted: Counted = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was asked could not be done: a problem, or a bug with its traceback."""

    problem: Problem | None
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """The process is gone, and gave no answer: what happened."""

    what: str


def check_npu() -> None:
    """A `Problem` where no NPU can be reached. pyxrt is not imported here: a broken one ends the process."""
    _started(Load(), "the NPU could not be reached").close()


class GuardedKernel:
    """As LoadedKernel, on the NPU. A run that ends the process has no state, and the process is gone."""

    def __init__(
        self, xclbin: Path, insts: Path, sizes: Mapping[int, int], timeout_s: float, counted: Counted = "words"
    ) -> None:
        self._timeout_s = timeout_s
        load = Load(xclbin=xclbin, insts=insts, sizes=sizes, timeout_s=timeout_s, counted=counted)
        self._process = _started(load, f"{xclbin.name} could not be loaded on the npu")

    def run(self, inputs: Mapping[int, bytes]) -> RunResult:
        """Run once; what ended the process instead is the result's fault, in the driver's own words."""
        answer = self._process.ask(dict(inputs), self._timeout_s + _GRACE_S)
        words = self._process.words
        if isinstance(answer, RunResult):
            if answer.state == COMPLETED or not words:
                return answer
            heard = Diagnostic(id="driver-said", what=f"XRT and the driver said: {words}")
            return replace(answer, faults=(*answer.faults, heard))
        assert isinstance(answer, _Ended)
        said = f"; it had said: {words}" if words else ""
        gone = Diagnostic(id="process-gone", what=f"{answer.what}{said}")
        return RunResult(state=NO_STATE, outputs={}, seconds={}, faults=(gone,))

    def close(self) -> None:
        """End the process, whatever it does: its context is gone with it."""
        self._process.close()


def _started(load: Load, failed: str) -> _Process:
    """A process that has loaded what it was to; a `Problem` in the driver's words where it could not."""
    try:
        return _attempt(load, failed)
    except Problem as problem:
        if not any(words in problem.why for words in _TRANSIENT):
            raise
    time.sleep(_BEFORE_RETRY_S)
    return _attempt(load, failed)


def _attempt(load: Load, failed: str) -> _Process:
    process = _Process()
    answer = process.ask(load, _LOAD_S)
    if isinstance(answer, _Ended):
        raise Problem(
            f"{failed}: {answer.what}",
            id="process-gone",
            where="pyxrt",
            why=process.words or "XRT and the driver said nothing",
            fix="`tileproof doctor --for npu` looks at the device; `dmesg` has the driver's words",
            exit_code=EXIT_NOT_HERE,
        )
    return process


class _Process:
    """device/child.py, and what it says. Ends with this object, or with this process."""

    def __init__(self) -> None:
        refuse_untrusted_npu()
        _stuck[:] = [process for process in _stuck if process.poll() is None]
        if _stuck:
            raise Problem(
                f"process {_stuck[0].pid}, which drove the NPU, cannot be ended",
                id="npu-stuck",
                where=f"/proc/{_stuck[0].pid}/stack",
                why="it waits in the driver, which does not answer, and it holds the device",
                fix="restart the machine",
                exit_code=EXIT_NOT_HERE,
            )
        self.words = ""  # the last lines that XRT and the driver have printed since it was last asked
        self._heard = 0
        try:
            self._begin()
        except OSError as error:
            raise Problem(
                "the process that drives the NPU cannot be started",
                id="no-room",
                where=tempfile.gettempdir(),
                why=error.strerror or str(error),
                fix="make room there or name another folder in TMPDIR, and let this user start another process",
                exit_code=EXIT_NOT_HERE,
            ) from None

    def _begin(self) -> None:
        self._said = tempfile.TemporaryFile("w+b")  # noqa: SIM115  closed with the process
        # Both sides have one offset: reading must not move where the other writes.
        fcntl.fcntl(self._said, fcntl.F_SETFL, fcntl.fcntl(self._said, fcntl.F_GETFL) | os.O_APPEND)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tileproof.device.child", str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env=python_environment(),
            )
        self._connection = Connection(ours.detach())
        self._finalizer = weakref.finalize(self, _end, self._process, self._connection, self._said)

    def ask(self, message: object, deadline_s: float) -> object:
        """The answer, or how the process ended instead."""
        self.words = ""
        try:
            self._connection.send(message)
            if not self._connection.poll(deadline_s):
                self.close()
                waited = f"did not come back within {deadline_s:g} s ({_GRACE_S:g} more than --timeout), and was ended"
                return _Ended(what=f"the process that drives the NPU {waited}")
            answer = self._connection.recv()
        except (EOFError, OSError):
            return _Ended(what=f"the process that drives the NPU {self._death()}")
        self._listen()
        if isinstance(answer, Refused):
            self.close()
            if answer.problem is not None:
                raise answer.problem
            raise RuntimeError(answer.traceback)
        return answer

    def _death(self) -> str:
        if not self._finalizer.alive:
            return "has been ended"
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.close()
            return "has hung up, and does not end"
        self.close()
        if code < 0:
            return f"died: {signal.strsignal(-code)} (signal {-code})"
        return f"ended with code {code}"

    def close(self) -> None:
        """End it, whatever it does; what it has printed is kept."""
        if self._finalizer.alive:
            self._process.kill()
            self._listen()
            self._finalizer()

    def _listen(self) -> None:
        """Add what was printed since."""
        size = os.fstat(self._said.fileno()).st_size
        begin = max(self._heard, size - _MOST_BYTES)
        lines = os.pread(self._said.fileno(), size - begin, begin).decode(errors="replace").splitlines()
        self._heard = size
        self.words = "\n".join([*self.words.splitlines(), *lines][-_MOST_LINES:])


def _end(process: subprocess.Popen[bytes], connection: Connection, said: IO[bytes]) -> None:
    connection.close()
    process.kill()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        _stuck.append(process)
    said.close()
