"""One user of the NPU at a time on a machine: a lock in a file that names who holds it."""

from __future__ import annotations

import fcntl
import getpass
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tileproof.errors import EXIT_NOT_HERE, Problem

# Names a folder for the lock that containers share who share an NPU.
FOLDER = "TILEPROOF_LOCK_DIR"


@contextmanager
def npu_turn(what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Wait until nobody else of tileproof uses the NPU. The lock ends with the process, however that ends.

    It lies in /tmp, whatever $TMPDIR says: everybody who uses the NPU must find the same one.
    """
    lock = _opened(Path(os.environ.get(FOLDER, "/tmp")) / "tileproof-npu.lock")
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"the NPU is in use by {_holder(lock)}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        with suppress(OSError):  # another user's file: it locks as well without a name
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{getpass.getuser()}, process {os.getpid()}, {what}".encode(), 0)
        yield
    finally:
        os.close(lock)


def _opened(path: Path) -> int:
    """Another user's file is opened as it is: in a folder like /tmp the kernel lets nobody create it again."""
    try:
        for flags in (os.O_RDWR, os.O_RDONLY):
            with suppress(OSError):
                return os.open(path, flags | os.O_NOFOLLOW)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        os.fchmod(lock, 0o666)  # whatever this user's umask says: everybody writes their name into it
        return lock
    except OSError as error:
        raise Problem(
            "the NPU cannot be had alone",
            id="npu-not-alone",
            where=str(path),
            why=error.strerror or str(error),
            fix=f"make the folder or the file one that this user may use, or name another folder in {FOLDER}",
            exit_code=EXIT_NOT_HERE,
        ) from None


def _holder(lock: int) -> str:
    """The name in the file, if its process is still there: who could not write a name left another's."""
    name = os.pread(lock, 200, 0).decode(errors="replace").strip()
    process = re.search(r"process (\d+)", name)
    return name if process and Path("/proc", process[1]).exists() else "somebody else"
