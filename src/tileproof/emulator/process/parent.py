"""The parent's side of the emulator's child: start it, talk to it, and turn its death into a report."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import weakref
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.faults import RunReport
from tileproof.emulator.library import Library, Manner
from tileproof.emulator.process.messages import (
    BREADCRUMB_BYTES,
    Ended,
    Failed,
    Finished,
    Ready,
    Run,
    Setup,
    Start,
    answered,
    ask,
)
from tileproof.emulator.process.shared_buffers import SharedBuffers, shared_memory
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.library import python_environment
from tileproof.lowering.model import LoweredDesign
from tileproof.sandbox.untrusted import Untrusted, current, over_limit
from tileproof.xrt import ABORT, TIMEOUT

# Starting the process and importing numpy; generous, because a loaded machine is not a broken one.
_SETUP_TIMEOUT_S = 60.0
# Between the end of a process's connection and its own.
_LAST_WORDS_S = 5.0


class EmulatorBug(Exception):  # noqa: N818  it says whose
    """A mistake of ours, with the child's traceback; nothing that a host program should catch."""


class Child:
    """A process for an array, which `set_up` puts into it. Ends with this object, or with the parent."""

    def __init__(self) -> None:
        self._untrusted = current()
        ours, theirs = socket.socketpair()
        self._shared = SharedBuffers()
        with theirs, shared_memory("tileproof-trail", BREADCRUMB_BYTES) as trail:
            self._trail = mmap.mmap(trail.fileno(), BREADCRUMB_BYTES)
            fds = (theirs.fileno(), trail.fileno(), self._shared.fileno())
            self._process = _started(fds, self._untrusted)
        self._connection = Connection(ours.detach())
        self.death: Diagnostic | None = None
        self._finalizer = weakref.finalize(self, _end, self._process, self._connection, self._shared, self._untrusted)

    def set_up(
        self, design: LoweredDesign, library: Library | None, manner: Manner | None = None, *, goes_on: bool = False
    ) -> None:
        """Build the array; `library` is the compiled tile code. A design that cannot run is a `Problem`. `goes_on`
        where it was set up before, and its memories keep what they held."""
        if library is not None:
            from tileproof.emulator.symbols import refuse_symbols  # late, while the child starts

            refuse_symbols(library.code, "the compiled tile code")
        with suppress(OSError):  # a child that is already gone says so below
            ask(self._connection, Setup(design, library, manner or Manner(), goes_on))
        answer = self._receive(_SETUP_TIMEOUT_S)
        if isinstance(answer, Failed):
            self.close()
            _raise(answer)
        if not isinstance(answer, Ready):
            doing = self._breadcrumb()
            self.close()
            if doing:
                raise Problem(
                    f"the array cannot be set up: {self.death.what if self.death else f'{doing} does not end'}",
                    id="set-up-fails",
                    where=doing,
                    why="constructors of global objects run when the tile code is loaded",
                    fix="let the core call a function that sets them up",
                    exit_code=EXIT_KERNEL_WRONG,
                )
            raise EmulatorBug(f"the emulator's process did not start: {self.death or 'it does not answer'}")

    def send(self, run: Run) -> None:
        """Begin a run; `receive` brings its end."""
        try:
            places, nbytes = self._shared.write(run.buffers)
        except OSError as error:
            raise Problem(
                "there is no room for the host buffers",
                id="no-room",
                where="memory that the emulator's process shares",
                why=error.strerror or str(error),
                fix="free memory, or look at `ulimit -f`",
            ) from None
        except ValueError:  # closed on this side
            self._bury()
            return
        try:
            ask(self._connection, Start(run.instructions, places, nbytes))
        except OSError:
            self._bury()

    def answered(self) -> bool:
        """Whether `receive` would return at once."""
        return self._connection.closed or self._connection.poll(0)

    def receive(self, timeout_s: float | None) -> Finished | None:
        """The end of the run, or None if it does not come in time. A dead child is an ended run with a fault."""
        answer = self._receive(timeout_s)
        if isinstance(answer, Failed):
            _raise(answer)
        if isinstance(answer, Ended):
            return Finished(answer.report, self._shared.read())
        assert answer is None or isinstance(answer, Finished)
        return answer

    def give_up(self, waited_s: float) -> Finished:
        """Kill a child that does not come back, and say what it was doing."""
        doing = self._breadcrumb()
        self.close()
        if doing.startswith("{"):
            self.death = _known(doing, f"it had not returned after {waited_s:g} s")
            return Finished(RunReport(state=TIMEOUT, faults=(self.death,)), {})
        self.death = Diagnostic(
            id="never-returns",
            what=f"{doing} never returned" if doing else "the run never ended",
            place=Place.told(doing or "the emulator's event loop"),
            why=f"nothing came back for {waited_s:g} s, and the emulator's process was ended",
            fix="look for a loop without end in it; on the device the driver's watchdog ends it after 2 s"
            if doing
            else "the event loop itself is too slow for this design; give it longer with --timeout",
        )
        return Finished(RunReport(state=TIMEOUT, faults=(self.death,)), {})

    def close(self) -> None:
        """End the process."""
        self._finalizer()

    def _receive(self, timeout_s: float | None) -> object:
        try:
            if not self._connection.poll(timeout_s):
                return None
            return answered(self._connection)
        except (EOFError, OSError):
            return self._bury()
        except ValueError as odd:  # then it is not ours any more
            self._process.kill()
            return self._bury(str(odd))

    def _bury(self, odd: str = "") -> Finished:
        """The end of a process that has gone, or that answers in an odd way."""
        if self.death is None:
            doing, code = self._breadcrumb(), self._code()
            limit = self._untrusted.why_ended(self._process.pid) if self._untrusted is not None else ""
            self.death = _over_limit(doing, limit) if limit else _crash(code, doing, odd)
        return Finished(RunReport(state=ABORT, faults=(self.death,)), {})

    def _code(self) -> int:
        """How the process ended, which no longer answers; one that lives on all the same is ended."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(_LAST_WORDS_S)
        self._process.kill()
        return self._process.wait()

    def _breadcrumb(self) -> str:
        return self._trail[:].split(b"\0", 1)[0].decode(errors="replace")


_CRASHES = {
    signal.SIGSEGV: ("a wild pointer, or an index far out of bounds", "check the indices and pointers of it"),
    signal.SIGBUS: ("a wild pointer, or an index far out of bounds", "check the indices and pointers of it"),
    signal.SIGFPE: ("a division by zero, or of the most negative number by -1", "guard the division"),
    signal.SIGABRT: ("abort(), or an exception that nobody caught", "a tile function has nobody to throw to"),
    signal.SIGILL: (
        "an instruction that does not exist; compilers put one where code must not come",
        "read its warnings",
    ),
    signal.SIGSYS: ("a system call that no program of this machine makes", "tile code calls no operating system"),
    signal.SIGKILL: ("the kernel of this machine or another process ended it", "look for a lack of memory"),
}


def _started(fds: tuple[int, ...], held: Untrusted | None) -> subprocess.Popen[bytes]:
    """The process; one that is held to bounds takes them on before it loads anything."""
    bounds = [held.bounds().to_json(), str(held.warden.fileno())] if held is not None else []
    environment = python_environment() if held is None else held.environment()
    # Ctrl-C is ours to take; it would come to a Python that cannot yet say that it does not want it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "tileproof.emulator.process.child", *map(str, (*fds, os.getpid())), *bounds],
            pass_fds=fds if held is None else (*fds, held.warden.fileno()),
            stdin=subprocess.DEVNULL,
            # One array has no use for a thread pool.
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _over_limit(doing: str, why: str) -> Diagnostic:
    doing = "" if doing.startswith("{") else doing
    return over_limit(doing or "the tile code", Place.told(doing or "the emulator"), why).diagnostic


def _known(doing: str, ended: str) -> Diagnostic:
    """The fault that was known before the call that did not come back."""
    try:
        fault = Diagnostic.from_json(json.loads(doing))
    except (ValueError, TypeError, LookupError):  # somebody else has written there
        return _crash(0, "", odd=f"{ended}, and what it had noted cannot be read")
    return replace(fault, why=f"{fault.why}; {ended}")


def _crash(code: int, doing: str, odd: str = "") -> Diagnostic:
    """What a dead child died of; `code` is as subprocess has it. `odd` is what was wrong with its last answer."""
    how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    if odd:
        return Diagnostic(
            id="crash",
            what="the emulator's process gave an answer that it never gives",
            place=Place.told(doing if not doing.startswith("{") else "the emulator"),
            why=f"{odd}; tile code runs in that process, and has written where nothing is its own",
            fix="check the indices and pointers of it",
        )
    if doing.startswith("{"):
        return _known(doing, f"it ended the emulator's process: {how}")
    left = ("it called exit()", "a tile function returns; it does not end the program")
    why, fix = _CRASHES.get(signal.Signals(-code), ("the process is gone", "run it again")) if code < 0 else left
    return Diagnostic(
        id="crash",
        what=f"{doing} crashed: {how}" if doing else f"the emulator's process ended: {how}",
        place=Place.told(doing or "the emulator"),
        why=why,
        fix=fix,
    )


def _raise(failed: Failed) -> None:
    if failed.said is not None:
        raise Problem.of(failed.said, failed.exit_code)
    raise EmulatorBug(f"in the emulator's process:\n{failed.traceback}")


def _end(
    process: subprocess.Popen[bytes], connection: Connection, shared: SharedBuffers, held: Untrusted | None
) -> None:
    connection.close()
    if held is not None and process.returncode is None:
        held.end(process.pid)
    process.kill()
    process.wait()
    shared.close()
