"""A kernel's Python in a process of its own: whatever it does there, it reaches nothing of ours.

The process is a fork, made before anything has run on a device: it is there at once, and what it could look for in our
memory does not exist yet. What crosses over is plain values (`kernel/packed`), and no object. A kernel that is not
trusted is held to bounds besides: it reads its own folder, and starts no process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, EXIT_REQUEST_WRONG, Problem
from tileproof.kernel.packed import pack, unpack
from tileproof.sandbox.untrusted import Untrusted, current, late, over_limit

Answering = Callable[..., object]
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_EXIT_CODES = {code: code for code in (EXIT_KERNEL_WRONG, EXIT_REQUEST_WRONG, EXIT_NOT_HERE)}
# Between the end of a process's connection and its own.
_LAST_WORDS_S, _LOOK_S = 1.0, 0.01
# Longer than any answer: what sends more, or says that it will, is not ours any more.
_MOST_BYTES = 1 << 30


class Apart:
    """Answers calls of `functions` by name, each in the one process that begins here and ends with this object.

    `said` names whose Python it is and `where` it lies, for messages; `folder` is what it reads where it is not
    trusted. What a function raises as a `Problem` is raised here.
    """

    def __init__(self, said: str, where: str, folder: Path, functions: Mapping[str, Answering]) -> None:
        self._said, self._where = said, where
        self._ended: Problem | None = None
        self._untrusted = current()
        tileproof = os.getpid()
        ours, theirs = Pipe()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        # A signal that comes now is the parent's to take, and ends the fork with it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        self._pid = os.fork()
        if not self._pid:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for number in _ENDING - {signal.SIGINT}:
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if not self._pid:
            ours.close()
            self._serve(theirs, functions, folder, tileproof)
        theirs.close()
        self._connection = ours
        self._finalizer = weakref.finalize(self, _end, self._pid, ours, self._untrusted)

    def ask(self, function: str, *arguments: object) -> Any:
        """What `function` returns. Arguments and answer are numbers, texts, lists, dicts and arrays of numbers."""
        if self._ended is not None:
            raise self._ended
        try:
            self._connection.send_bytes(pack({"function": function, "arguments": list(arguments)}))
            if self._untrusted is not None and not self._connection.poll(self._untrusted.limits.wait_s):
                self._ended = self._gone(function, late(self._untrusted))
                raise self._ended
            told = unpack(self._connection.recv_bytes(_MOST_BYTES))
            if "said" not in told:
                return told["answer"]
            said, exit_code = Diagnostic.from_json(told["said"]), _EXIT_CODES[told["exit_code"]]
        except (EOFError, OSError, ValueError, TypeError, LookupError):  # it has gone, or sends another thing
            self._ended = self._gone(function)
            raise self._ended from None
        raise Problem.of(said, exit_code)

    def _serve(self, asked: Connection, functions: Mapping[str, Answering], folder: Path, tileproof: int) -> None:
        """In the fork, until nobody asks any more. What the functions print goes to standard error."""
        code = 1
        try:
            if self._untrusted is not None:
                self._untrusted.enter(tileproof, [str(folder)], asked.fileno())
            else:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(2, 1)
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # it does not outlive who asks
            while True:
                told = unpack(asked.recv_bytes())
                asked.send_bytes(self._answer(functions[told["function"]], told["arguments"]))
        except EOFError:
            code = 0
        except BaseException:  # nothing of it is to reach what stands above the fork
            traceback.print_exc()
        finally:
            os._exit(code)

    def _answer(self, function: Answering, arguments: list[object]) -> bytes:
        try:
            found = function(*arguments)
        except Problem as problem:
            return _refusal(problem.diagnostic, problem.exit_code)
        try:
            return pack({"answer": found})
        except TypeError as error:
            odd = Diagnostic(
                id="not-plain",
                what=f"{self._said}: its Python returns what cannot be passed on",
                place=Place.told(self._where),
                why=str(error),
                fix="return numbers, texts, lists, dicts and arrays of numbers",
            )
            return _refusal(odd, EXIT_KERNEL_WRONG)

    def close(self) -> None:
        self._finalizer()

    def _gone(self, function: str, limit: str = "") -> Problem:
        """It has ended, or has closed what it should answer on, or answers what nobody asked, or not at all."""
        if not limit:
            _await_end(self._pid)
        code = os.waitstatus_to_exitcode(self._finalizer() or 0)
        how = (signal.strsignal(-code) or str(-code)) if code < 0 else f"exit code {code}"
        limit = limit or (self._untrusted.why_ended(self._pid) if self._untrusted is not None else "")
        if limit:
            return over_limit(f"{self._said}: its Python", Place.told(self._where), limit)
        return Problem(
            f"{self._said}: its Python ended the process that it runs in",
            id="python-ends",
            where=Place.told(self._where),
            why=f"{function} was asked, and the process was gone: {how}",
            fix="let it return what it is asked for; os._exit, signals and closed files are not for it",
            exit_code=EXIT_KERNEL_WRONG,
        )


def once(said: str, where: str, folder: Path, function: Answering) -> Any:
    """What one function returns, asked once."""
    apart = Apart(said, where, folder, {"it": function})
    try:
        return apart.ask("it")
    finally:
        apart.close()


def _refusal(said: Diagnostic, exit_code: int) -> bytes:
    return pack({"said": said.as_json(), "exit_code": exit_code})


def _await_end(pid: int) -> None:
    """Let a process that has hung up end by itself, so that it says how; it is not waited for long."""
    until = time.monotonic() + _LAST_WORDS_S
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None and time.monotonic() < until:
        time.sleep(_LOOK_S)


def _end(pid: int, connection: Connection, untrusted: Untrusted | None) -> int:
    """How it ended, as waitpid has it."""
    connection.close()
    try:
        os.kill(pid, signal.SIGKILL)
        if untrusted is not None:
            untrusted.end(pid)
        return os.waitpid(pid, 0)[1]
    except (ProcessLookupError, ChildProcessError):
        return 0
