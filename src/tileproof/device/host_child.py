"""The process of a C++ host: loads its library, answers what it asks of XRT, calls its main, tells how it ended."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path

from tileproof.device.child import die_with
from tileproof.device.host_lines import HostLines, extent_of
from tileproof.device.host_messages import HostEnded, HostLoaded, HostStart, HostTold
from tileproof.device.host_words import in_cpp, told_of_uncaught
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.pyxrt.journal import journal
from tileproof.emulator.pyxrt.table import CommandError, Raised, Table, exception_of
from tileproof.errors import EXIT_KERNEL_WRONG, Problem

_EXIT_ABORTED = 128 + signal.SIGABRT


class _Reply(ctypes.Structure):
    """tileproof_reply of xrt/detail/tileproof.h."""

    _fields_ = (
        ("number", ctypes.c_int64),
        ("text", ctypes.c_char_p),
        ("raised", ctypes.c_int32),
        ("code", ctypes.c_int32),
    )


_Numbers, _Frames = ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_void_p)
_ANSWER = ctypes.CFUNCTYPE(
    None,
    *(ctypes.c_char_p, ctypes.c_char_p, _Numbers, ctypes.c_int32),
    *(_Frames, ctypes.c_int32, ctypes.POINTER(_Reply)),
)


@dataclass
class _Program:
    """The host, as the journal and its library see it."""

    start: HostStart
    connection: Connection
    table: Table = field(default_factory=Table)
    frames: tuple[int, ...] = ()
    lines: HostLines | None = None
    library: ctypes.CDLL | None = None
    told: int = 0
    is_over: bool = False
    kept: list[bytes] = field(default_factory=list)

    # For the journal

    def place(self) -> Place:
        if self.lines is None or self.lines.end == 0:
            self.locate()
        assert self.lines is not None
        return self.lines.place(self.frames)

    def locate(self) -> None:
        extent = extent_of(self.start.library, Path("/proc/self/maps").read_text())
        self.lines = HostLines(self.start.library, self.start.sources, *extent)

    def drops_result(self) -> bool:
        place = self.place()
        return (str(Path(place.file).resolve()), place.line) in self.start.dropped

    def spelled(self, mistake: Diagnostic) -> Diagnostic:
        return in_cpp(mistake)

    # For the library

    def answer(
        self,
        what: bytes,
        text: bytes,
        numbers: Sequence[int],
        count: int,
        frames: Sequence[int],
        depth: int,
        reply: ctypes._Pointer[_Reply],
    ) -> None:
        self.frames = tuple(frames[index] or 0 for index in range(depth))
        given = tuple(numbers[index] for index in range(count))
        try:
            self._answer(what.decode(), os.fsdecode(text), given, reply.contents)
        except Problem as problem:
            told = Problem.of(in_cpp(self._placed(problem)), problem.exit_code)
            self.ends(HostEnded(problem.exit_code, problem=told))
        except Exception:
            self.ends(HostEnded(EXIT_KERNEL_WRONG, bug=traceback.format_exc()))
        self.tell()

    def _placed(self, problem: Problem) -> Diagnostic:
        """Where the program was is the nearer place."""
        place = self.place()
        return replace(problem.diagnostic, place=place) if place else problem.diagnostic

    def _answer(self, what: str, text: str, numbers: tuple[int, ...], reply: _Reply) -> None:
        if what == "host.exits":
            self.left(numbers[0])
            return
        if what == "host.terminated":
            self.terminated(text)
        try:
            found = self.table.answer(what, text, numbers)
        except Problem:
            raise
        except (RuntimeError, IndexError, TypeError, CommandError) as error:
            kind, words, code = exception_of(error)
            reply.raised, reply.text, reply.code = kind, self._kept(words), code
            return
        reply.raised = Raised.NOTHING
        if isinstance(found, str):
            reply.text = self._kept(found)
        else:
            reply.number = found

    def _kept(self, text: str) -> bytes:
        """Bytes that live until the library has copied them: those of the last questions of all threads."""
        self.kept = [*self.kept[-63:], text.encode()]
        return self.kept[-1]

    # How it ends

    def tell(self) -> None:
        """What has become known since, at once: a program may end in any line."""
        if not self.is_over and len(journal.mistakes) > self.told:
            self.connection.send(HostTold(tuple(journal.mistakes[self.told :])))
            self.told = len(journal.mistakes)

    def left(self, code: int) -> None:
        """main has returned, or exit() was called: what is open now stays open."""
        if self.is_over:
            return
        gc.collect()  # contexts that the program has left end now
        journal.close()
        self.tell()
        self.connection.send(HostEnded(code & 0xFF))
        self.is_over = True

    def terminated(self, words: str) -> None:
        """Nobody catches what was thrown."""
        journal.open.clear()  # what it had begun and not finished is no mistake of its own
        text, explained = told_of_uncaught(words, self.place())
        sys.stderr.write(text)
        self.ends(HostEnded(_EXIT_ABORTED, explained))

    def ends(self, how: HostEnded) -> None:
        """Here and now: nothing of the host runs any more."""
        sys.stderr.flush()
        if self.library is not None:
            self.library.tileproof_host_flush()
        self.tell()
        self.connection.send(how)
        os._exit(how.code)


def main(socket: int, parent: int) -> None:
    die_with(parent)
    connection = Connection(socket)
    start, crash_pipe = connection.recv()
    journal.strict = start.strict
    program = _Program(start, connection)
    journal.foreign = program
    answer = _ANSWER(program.answer)
    # Constructors of global objects may ask already.
    os.environ["TILEPROOF_HOST"] = f"{ctypes.cast(answer, ctypes.c_void_p).value}:{crash_pipe}"
    host = program.library = ctypes.CDLL(str(start.library))
    del os.environ["TILEPROOF_HOST"]
    program.locate()
    assert program.lines is not None
    connection.send(HostLoaded(program.lines.begin, program.lines.end))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python would look at it when the program has ended
    words = [os.fsencode(word) for word in (start.sources[0].stem, *start.arguments)]
    code = host.main(len(words), (ctypes.c_char_p * (len(words) + 1))(*words, None))
    host.tileproof_host_flush()
    program.left(code)
    host.exit(code)  # as after any main: destructors of global objects


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
