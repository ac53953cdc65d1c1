"""The line of tile code that an address of its machine code came from."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import PurePosixPath

from tileproof.diagnostic import NOWHERE, Place

_TIMEOUT_S = 10.0
# Frames in our own headers are how, not where.
_OWN = "aie_api"


class _DlInfo(ctypes.Structure):
    _fields_ = (
        ("dli_fname", ctypes.c_char_p),
        ("dli_fbase", ctypes.c_size_t),
        ("dli_sname", ctypes.c_char_p),
        ("dli_saddr", ctypes.c_void_p),
    )


def source_line(handle: int, pc: int) -> Place:
    """`tile.cc:12` for the return address `pc` in the library behind the file descriptor; nowhere if nobody knows.

    addr2line comes with every GCC; without it a finding has no line, and all else stays true.
    """
    info = _DlInfo()
    if not pc or not ctypes.CDLL(None).dladdr(ctypes.c_void_p(pc), ctypes.byref(info)):
        return NOWHERE
    command = ["addr2line", "-i", "-e", f"/proc/{os.getpid()}/fd/{handle}", hex(pc - info.dli_fbase - 1)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return NOWHERE
    for frame in done.stdout.splitlines():
        path, _, line = frame.partition(" ")[0].rpartition(":")
        if line.isdecimal() and int(line) and _OWN not in PurePosixPath(path).parts:
            return Place(PurePosixPath(path).name, int(line))
    return NOWHERE
