"""Landlock: which files a process may open, by path. Three system calls, documented and stable (landlock(7)).

What it does not hold (modes, owners, times and attributes of files) is refused in `seccomp`.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

# The numbers are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1  # flag of the first: asks for the ABI
_PATH_BENEATH = 1  # type of a rule

# linux/landlock.h, LANDLOCK_ACCESS_FS_*
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
_READS = _EXECUTE | _READ_FILE | _READ_DIR
# No links, pipes, sockets and devices: tileproof itself reads and writes there, and would follow a link out of it.
_WRITES = _READS | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE

# Before the third, files outside could be cut short.
LEAST_ABI = 3
_DEVICE_CALLS_ABI, _SCOPES_ABI = 5, 6
_DEVICE_CALLS = 1 << 15
_SCOPES = 0b11  # LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, LANDLOCK_SCOPE_SIGNAL


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def abi() -> int:
    """The version that this kernel has. Raises `OSError` where it has none."""
    return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)


def restrict_files(reads: Iterable[str], writes: Iterable[str]) -> None:
    """From now on this thread, and what it starts, opens nothing but what lies there. It cannot be undone; it takes
    PR_SET_NO_NEW_PRIVS. A path that does not exist is none."""
    version = abi()
    handled = (1 << 15) - 1 | (_DEVICE_CALLS if version >= _DEVICE_CALLS_ABI else 0)
    rules = _Ruleset(handled, 0, _SCOPES if version >= _SCOPES_ABI else 0)
    # An older kernel knows the first field only.
    nbytes = ctypes.sizeof(rules) if version >= _SCOPES_ABI else ctypes.sizeof(ctypes.c_uint64)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(nbytes), 0)
    try:
        for paths, allowed in ((reads, _READS), (writes, _WRITES)):
            for path in paths:
                _allow(ruleset, path, allowed)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, allowed: int) -> None:
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        rule = _PathBeneath(allowed if Path(path).is_dir() else allowed & _OF_FILES, folder)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(folder)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    answer: int = libc.syscall(ctypes.c_long(number), *arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer
