"""While `untrusted` lasts, whoever starts a process of foreign code asks here for its bounds, and has it ended here.

One switch for the whole process and not a parameter of everything between a command and a process: what is forgotten on
the way would run without bounds, and look as if it had them.
"""

from __future__ import annotations

import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tileproof.diagnostic import Place
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.library import package_dir, python_environment
from tileproof.sandbox.bounds import Bounds, Limits
from tileproof.sandbox.confine import close_all_but, confine, environment, forget_environment, missing, silence
from tileproof.sandbox.warden import end_group

# What every program reads of a system, and nothing of its users. The last two are where Nix and Guix have it.
_SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
    *("/etc/os-release", "/etc/lsb-release", "/etc/debian_version"),
    *("/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu"),
)


@dataclass
class Untrusted:
    """What holds foreign code. `scratch` is its folder for temporary files, which is gone afterwards."""

    scratch: Path
    limits: Limits
    warden: socket.socket
    _said: dict[int, str] = field(default_factory=dict)

    def bounds(
        self, *, reads: Iterable[str] = (), writes: Iterable[str] = (), starts_processes: bool = False
    ) -> Bounds:
        """Those of a process that reads and writes what is named beside what every one does."""
        return Bounds(
            reads=tuple(dict.fromkeys((*_SYSTEM, *_python(), *map(_absolute, reads)))),
            writes=tuple(map(_absolute, (str(self.scratch), *writes))),
            starts_processes=starts_processes,
            limits=self.limits,
        )

    def end(self, pid: int) -> None:
        """End it and all that it has started. It must not have been waited for: its number is its own until then."""
        end_group(pid)
        with suppress(OSError):  # without a warden nothing could have been started
            self.warden.send(f"-{pid}".encode())

    def why_ended(self, pid: int) -> str:
        """Which limit it was ended for, if it was."""
        with suppress(OSError):
            while told := self.warden.recv(1 << 10, socket.MSG_DONTWAIT):
                group, _, why = told.decode().partition(" ")
                self._said[int(group)] = why
        return self._said.get(pid, "")

    def enter(self, parent: int, reads: Iterable[str], kept: int) -> None:
        """In a fork: be such a process, with the descriptor `kept` and no other."""
        given = environment(str(self.scratch), dict(os.environ))
        forget_environment()
        os.environ.update(given)
        silence()
        warden = self.warden.fileno()
        close_all_but(kept, warden)
        confine(self.bounds(reads=reads), parent, warden)

    def environment(self) -> dict[str, str]:
        """That of a process of foreign code."""
        return environment(str(self.scratch), python_environment())


_now: Untrusted | None = None


def current() -> Untrusted | None:
    """What foreign code is held by; None where it is trusted."""
    return _now


@contextmanager
def untrusted(folder: Path | None = None, limits: Limits | None = None) -> Iterator[Untrusted]:
    """All processes of foreign code that begin meanwhile are held to bounds. Their temporary files lie below `folder`,
    or where this machine has such files. A `Problem` where this machine cannot hold them."""
    global _now
    if _now is not None:  # what is within is held already
        yield _now
        return
    if why := missing():
        raise _no_sandbox(why)
    with _scratch(folder) as scratch, _warden() as warden:
        held = Untrusted(scratch, limits or Limits(), warden)
        if why := _tried(held):
            raise _no_sandbox(why)
        _now = held
        try:
            yield held
        finally:
            _now = None


def _tried(held: Untrusted) -> str:
    """What the kernel says to a process that wants to be held, if it refuses: a container may forbid it."""
    told, telling = os.pipe()
    tileproof, pid = os.getpid(), os.fork()
    if not pid:
        try:
            held.enter(tileproof, (), telling)
        except OSError as error:
            os.write(telling, f"the kernel refuses a part of it: {error.strerror or error}".encode())
        finally:
            os._exit(0)
    os.close(telling)
    with os.fdopen(told, "rb") as answer:
        why = answer.read().decode()
    held.end(pid)
    os.waitpid(pid, 0)
    return why


def refuse_untrusted(what: str, why: str, fix: str) -> None:
    """A `Problem` while foreign code is held: `what` of tileproof cannot be."""
    if _now is not None:
        raise Problem(f"--untrusted does not hold {what}", id="option-conflict", where="--untrusted", why=why, fix=fix)


def over_limit(who: str, where: Place, why: str) -> Problem:
    """Of what was ended because it took more than it may."""
    return Problem(
        f"{who} took more of this machine than foreign code may",
        id="over-limit",
        where=where,
        why=f"{why}; all of it was ended",
        fix="look at what it does; if it may need that much, run it without --untrusted",
        exit_code=EXIT_KERNEL_WRONG,
    )


def late(held: Untrusted) -> str:
    """Why something is over a limit that has not come in time."""
    return f"it had not ended after {held.limits.wait_s:g} s"


def _no_sandbox(why: str) -> Problem:
    return Problem(
        "foreign code cannot be held in a sandbox here",
        id="no-sandbox",
        where="--untrusted",
        why=why,
        fix="run it in a virtual machine, or on another one; without --untrusted it has all that you may do",
        exit_code=EXIT_NOT_HERE,
    )


@contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(prefix=".untrusted-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise Problem(
            "there is no room for the temporary files of foreign code",
            id="no-room",
            where=str(folder or tempfile.gettempdir()),
            why=error.strerror or str(error),
            fix="make room there, or choose another folder with --build-dir",
            exit_code=EXIT_NOT_HERE,
        ) from None
    with made as name:
        yield Path(name).absolute()


@contextmanager
def _warden() -> Iterator[socket.socket]:
    """The line to it. A session of its own: Ctrl-C is not for it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", "-m", "tileproof.sandbox.warden", str(theirs.fileno())]
    with theirs:
        warden = subprocess.Popen(
            command, pass_fds=(theirs.fileno(),), env=python_environment(), start_new_session=True
        )
    with warden, ours:
        yield ours


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _python() -> Iterator[str]:
    """This Python, what is installed for it, and tileproof."""
    yield from {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages()}
    yield from (path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    yield str(package_dir().parent)  # Python lists it to find tileproof: a folder of sources, or of packages


def reads_of(command: str) -> tuple[str, ...]:
    """What must be readable for a program to run: its file, and what it is installed with, unless that is a home."""
    found = shutil.which(command)
    if found is None:
        return ()
    path = Path(found).resolve()
    installed = path.parent.parent
    is_whole = (
        path.parent.name == "bin"
        and (installed / "lib").is_dir()
        and not Path.home().resolve().is_relative_to(installed)
    )
    return (found, str(path), *((str(installed),) if is_whole else ()))
