"""The parent's side of the emulator's child: start it, talk to it, and turn its death into a report."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
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
from tileproof.emulator.process.shared_buffers import SharedBuffers
from tileproof.errors import EXIT_KERNEL_WRONG, Problem
from tileproof.library import python_environment
from tileproof.lowering.model import LoweredDesign
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
        ours, theirs = socket.socketpair()
        trail = tempfile.TemporaryFile()  # noqa: SIM115  mapped below; closed by the finalizer
        trail.truncate(BREADCRUMB_BYTES)
        self._trail = mmap.mmap(trail.fileno(), BREADCRUMB_BYTES)
        self._shared = SharedBuffers()
        with theirs, trail:
            fds = (theirs.fileno(), trail.fileno(), self._shared.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tileproof.emulator.process.child", *map(str, (*fds, os.getpid()))],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                # One array has no use for a thread pool.
                env={**python_environment(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        self._connection = Connection(ours.detach())
        self.death: Diagnostic | None = None
        self._finalizer = weakref.finalize(self, _end, self._process, self._connection, self._shared)

    def set_up(self, design: LoweredDesign, library: Library | None, manner: Manner | None = None) -> None:
        """Build the array; `library` is the compiled tile code. A design that cannot run is a `Problem`."""
        if library is not None:
            from tileproof.emulator.symbols import refuse_symbols  # late, while the child starts

            refuse_symbols(library.code, "the compiled tile code")
        with suppress(OSError):  # a child that is already gone says so below
            ask(self._connection, Setup(design, library, manner or Manner()))
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

    def _bury(self) -> Finished:
        if self.death is None:
            doing = self._breadcrumb()
            self.death = _crash(self._code(), doing)
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
    signal.SIGKILL: ("the kernel of this machine or another process ended it", "look for a lack of memory"),
}


def _known(doing: str, ended: str) -> Diagnostic:
    """The fault that was known before the call that did not come back."""
    fault = Diagnostic.from_json(json.loads(doing))
    return replace(fault, why=f"{fault.why}; {ended}")


def _crash(code: int, doing: str) -> Diagnostic:
    """What a dead child died of; `code` is as subprocess has it."""
    if doing.startswith("{"):
        how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return _known(doing, f"it ended the emulator's process: {how}")
    how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
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


def _end(process: subprocess.Popen[bytes], connection: Connection, shared: SharedBuffers) -> None:
    connection.close()
    process.kill()
    process.wait()
    shared.close()
