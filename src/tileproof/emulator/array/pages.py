"""Pages of this process: protected, or mapped at an address."""

from __future__ import annotations

import ctypes
import mmap

PAGE = mmap.PAGESIZE
NO_ACCESS, _READ_WRITE = 0, 3
PRIVATE, ANONYMOUS, NORESERVE = 0x02, 0x20, 0x4000
_FIXED_NOREPLACE = 0x100000


def protect(address: int, nbytes: int, protection: int) -> None:
    """mprotect."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(nbytes), ctypes.c_int(protection)) != 0:
        raise OSError(ctypes.get_errno(), "mprotect of a guard page")


def map_at(address: int, nbytes: int) -> None:
    """Map zeros at an address where nothing is mapped; without memory behind them until they are written to."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 4, ctypes.c_long)
    flags = PRIVATE | ANONYMOUS | NORESERVE | _FIXED_NOREPLACE
    if libc.mmap(address, nbytes, _READ_WRITE, flags, -1, 0, 0) != address:
        raise OSError(ctypes.get_errno(), f"mmap of {nbytes:,} bytes at 0x{address:x}")
