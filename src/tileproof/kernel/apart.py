"""A kernel's Python in a process of its own: whatever it does there, it reaches nothing of ours.

The process is a fork, made before anything has run on a device: it is there at once, and what it could look for in our
memory does not exist yet. What crosses over is plain values (`kernel/packed`), and no object.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
import weakref
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, Pipe
from typing import Any

from tileproof.diagnostic import Diagnostic, Place
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.kernel.packed import pack, unpack

Answering = Callable[..., object]
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Apart:
    """Answers calls of `functions` by name, each in the one process that begins here and ends with this object.

    `said` names whose Python it is, for messages. What a function raises as a `Problem` is raised here.
    """

    def __init__(self, said: str, where: str, functions: Mapping[str, Answering]) -> None:
        self._said, self._where = said, where
        self._ended: Problem | None = None
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
            self._serve(theirs, functions)
        theirs.close()
        self._connection = ours
        self._finalizer = weakref.finalize(self, _end, self._pid, ours)

    def ask(self, function: str, *arguments: object) -> Any:
        """What `function` returns. Arguments and answer are numbers, texts, lists, dicts and arrays of numbers."""
        if self._ended is not None:
            raise self._ended
        try:
            self._connection.send_bytes(pack({"function": function, "arguments": list(arguments)}))
            told = unpack(self._connection.recv_bytes())
        except (EOFError, OSError, ValueError):  # it has gone, or sends another thing
            self._ended = self._gone(function)
            raise self._ended from None
        if "said" in told:
            raise Problem.of(Diagnostic.from_json(told["said"]), told["exit_code"])
        return told["answer"]

    def _serve(self, asked: Connection, functions: Mapping[str, Answering]) -> None:
        """In the fork, until nobody asks any more. What the functions print goes to standard error."""
        code = 1
        try:
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

    def _gone(self, function: str) -> Problem:
        """The process has ended, or has closed what it should answer on."""
        self._connection.close()
        _, status = os.waitpid(self._pid, 0) if self._finalizer.alive else (0, 0)
        self._finalizer.detach()
        code = os.waitstatus_to_exitcode(status)
        how = (signal.strsignal(-code) or str(-code)) if code < 0 else f"exit code {code}"
        return Problem(
            f"{self._said}: its Python ended the process that it runs in",
            id="python-ends",
            where=Place.told(self._where),
            why=f"{function} was asked, and the process was gone: {how}",
            fix="let it return what it is asked for; os._exit, signals and closed files are not for it",
            exit_code=EXIT_KERNEL_WRONG,
        )


def once(said: str, where: str, function: Answering) -> Any:
    """What one function returns, asked once."""
    apart = Apart(said, where, {"it": function})
    try:
        return apart.ask("it")
    finally:
        apart.close()


def _refusal(said: Diagnostic, exit_code: int) -> bytes:
    return pack({"said": said.as_json(), "exit_code": exit_code})


def _end(pid: int, connection: Connection) -> None:
    connection.close()
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        return
