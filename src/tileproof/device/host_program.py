"""Runs an unmodified C++ host whose XRT is answered by the emulator, and says what it did wrong."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tileproof.code_options import CodeOptions
from tileproof.device import NPU
from tileproof.device.host_lines import HostLines
from tileproof.device.host_messages import HostEnded, HostLoaded, HostStart, HostTold
from tileproof.diagnostic import NOWHERE, Diagnostic
from tileproof.emulator.pyxrt.journal import by_weight
from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.library import python_environment
from tileproof.sandbox.untrusted import refuse_untrusted
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.host_library import HostLibrary, compile_host


class HostBug(Exception):  # noqa: N818  it says whose
    """A mistake of ours, with the child's traceback."""


def run_host(
    sources: Sequence[Path], options: CodeOptions, arguments: Sequence[str], device: str, *, strict: bool = False
) -> tuple[int, list[Diagnostic]]:
    """The program's exit code, and its mistakes."""
    _refuse(sources, device)
    with tempfile.TemporaryDirectory(prefix="tileproof-host-") as name:
        host = compile_host(sources, find_cxx(), options, Path(name))
        start = HostStart(host.path, tuple(sources), tuple(arguments), host.dropped, strict)
        return play(start, host)


def _refuse(sources: Sequence[Path], device: str) -> None:
    for source in sources:
        if not source.is_file():
            raise Problem(
                f"there is no program {source}", id="unreadable-file", where=str(source), fix="name a C++ file"
            )
    if device == NPU:
        raise Problem(
            "a C++ host for the NPU is compiled with XRT itself",
            id="option-conflict",
            where="--device npu",
            why="tileproof's own XRT headers are the emulator's",
            fix=f"g++ -std=c++20 {sources[0]} -I /opt/xilinx/xrt/include -L /opt/xilinx/xrt/lib -lxrt_coreutil -luuid",
            exit_code=EXIT_NOT_HERE,
        )
    refuse_untrusted(
        "a C++ host", "it is a program of this machine, which may do whatever you may", "run it without --untrusted"
    )


@dataclass
class _Run:
    """What a child has told so far."""

    loaded: HostLoaded = field(default_factory=lambda: HostLoaded(0, 0))
    mistakes: list[Diagnostic] = field(default_factory=list)
    ended: HostEnded | None = None

    def listen(self, connection: Connection) -> None:
        with suppress(EOFError, ConnectionError):
            while True:
                message = connection.recv()
                if isinstance(message, HostLoaded):
                    self.loaded = message
                elif isinstance(message, HostTold):
                    self.mistakes += message.mistakes
                elif isinstance(message, HostEnded):
                    self.ended = message


def play(start: HostStart, host: HostLibrary) -> tuple[int, list[Diagnostic]]:
    """Call its main in a process of its own."""
    ours, theirs = socket.socketpair()
    crashes, crash_end = os.pipe()
    run = _Run()
    with theirs:
        process = _started(theirs.fileno(), crash_end)
    os.close(crash_end)
    try:
        with Connection(ours.detach()) as connection, os.fdopen(crashes, "rb") as crashed:
            connection.send((start, crash_end))
            run.listen(connection)
            code = process.wait()
            frames = _frames(crashed.read())
    except BaseException:  # Ctrl-C: the program goes with us
        process.kill()
        process.wait()
        raise
    if run.ended is not None and run.ended.bug:
        raise HostBug(run.ended.bug)
    if run.ended is not None and run.ended.problem is not None:
        raise run.ended.problem
    if code < 0:
        run.mistakes.append(
            _crash(-code, HostLines(host.path, start.sources, run.loaded.begin, run.loaded.end), frames)
        )
    explained = run.ended.explained if run.ended is not None else frozenset()
    return _shell_code(code), by_weight(one for one in run.mistakes if one.what not in explained)


def _started(channel: int, crash_end: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tileproof.device.host_child", str(channel), str(os.getpid())],
        pass_fds=(channel, crash_end),
        env=python_environment(),
    )


def _frames(data: bytes) -> tuple[int, ...]:
    """Return addresses, as tileproof_host.cc writes them."""
    return struct.unpack(f"={len(data) // 8}Q", data[: len(data) // 8 * 8])


def _shell_code(code: int) -> int:
    """As a shell has it: 128 and the signal that it died of."""
    return 128 - code if code < 0 else code


def _crash(number: int, lines: HostLines, frames: Sequence[int]) -> Diagnostic:
    name = signal.Signals(number).name
    return Diagnostic(
        id="host-crashed",
        what=f"the program died of {name} ({signal.strsignal(number)})",
        place=lines.place(frames) if frames else NOWHERE,
        why=_WHY.get(name, "something has ended it from outside"),
        fix="look at that line; -fsanitize=address finds what a debugger does not",
    )


_WHY = {
    "SIGSEGV": "it touched memory that it does not have: a null or old pointer, or an index beyond an array",
    "SIGBUS": "it touched memory that it does not have",
    "SIGFPE": "it divided a whole number by zero",
    "SIGILL": "it ran into what is no instruction: a function without a return, mostly",
    "SIGABRT": "it gave up by itself: an assertion, abort(), or memory that was freed twice",
}
