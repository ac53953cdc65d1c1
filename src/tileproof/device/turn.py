"""One user of the NPU at a time on a machine: a lock in a file that names who holds it."""

from __future__ import annotations

import fcntl
import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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
    for flags in (os.O_RDWR, os.O_RDONLY):
        with suppress(OSError):
            return os.open(path, flags)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _holder(lock: int) -> str:
    return os.pread(lock, 200, 0).decode(errors="replace").strip() or "another tileproof"
