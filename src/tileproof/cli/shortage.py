"""What the machine is short of, where an exception says so: no mistake of ours, and nothing against a kernel."""

from __future__ import annotations

import errno
import re
import resource
import traceback
from collections.abc import Iterator

from tileproof.errors import EXIT_NOT_HERE, Problem

# numpy's OpenBLAS takes so much, and where it does not get it ends the process with codes that mean something here.
_LEAST_BYTES = 192 << 20

_MEMORY = ("there is not enough memory", "raise `ulimit -v`, or take a machine with more memory")
_FILES = ("no more files may be opened", "raise `ulimit -n`")
_ROOM = ("the disk is full", "make room, also in TMPDIR")
_PROCESSES = ("no more processes or threads may be started", "raise `ulimit -u`")
_OF_ERRNO = {
    errno.ENOMEM: _MEMORY,
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EAGAIN: _PROCESSES,
}


def shortage(error: Exception) -> Problem | None:
    """None for an exception that has another cause."""
    for one in _chain(error):
        found = _short_of(one)
        if found is not None:
            what, fix = found
            said = traceback.format_exception_only(one)[-1].strip().splitlines()[-1]
            return Problem(what, id="machine-short", why=said, fix=fix, exit_code=EXIT_NOT_HERE)
    return None


def refuse_little_memory() -> None:
    """A `Problem` where a limit leaves less than what is imported takes."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < _LEAST_BYTES:
        raise Problem(
            _MEMORY[0],
            id="machine-short",
            where="ulimit -v",
            why=f"it allows {limit:,} bytes, and {_LEAST_BYTES:,} are the least",
            fix=_MEMORY[1],
            exit_code=EXIT_NOT_HERE,
        )


def _short_of(error: BaseException) -> tuple[str, str] | None:
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, ImportError) and re.search(r"failed to map segment|cannot allocate memory", str(error), re.I):
        return _MEMORY
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return _PROCESSES
    return _OF_ERRNO.get(error.errno or 0) if isinstance(error, OSError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those that it was raised from: numpy tells so what its libraries did not get."""
    while error is not None:
        yield error
        error = error.__cause__
