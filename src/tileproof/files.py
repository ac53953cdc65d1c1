"""The only writers of files: whole or not at all, and only where something changes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

from tileproof.errors import Problem


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_if_changed(path: Path, data: bytes) -> None:
    """Leave an equal file alone, so that ninja sees no newer input; otherwise replace it in one move.

    A file from the future is replaced too: nothing made of it could ever be newer.
    """
    if path.is_file() and path.read_bytes() == data and path.stat().st_mtime <= time.time():
        return
    write_atomically(path, data)


def write_atomically(path: Path, data: bytes) -> None:
    """The whole file or none of it, however the process ends; a link stays a link, and a device a device.

    Raises `OSError`, also for a path that names no file.
    """
    if not path.name:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_bytes(data)
        if path.exists() and (mode := path.stat().st_mode) != scratch.stat().st_mode:
            scratch.chmod(stat.S_IMODE(mode))  # which a step of an untrusted build may not
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def write_output(path: Path, data: bytes, *, what: str, where: str) -> None:
    """A file that a person asked for, as `write_atomically` writes it; a `Problem` where that fails."""
    try:
        write_atomically(path, data)
    except OSError as error:
        raise Problem(
            f"the {what} cannot be written",
            id="output-not-written",
            where=where,
            why=error.strerror or str(error),
            fix="choose another path",
        ) from None


def write_scratch(text: str, *, prefix: str) -> Path:
    """A new file of the temporary folder, which is left there. Raises `OSError`."""
    handle, name = tempfile.mkstemp(prefix=prefix, suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)
