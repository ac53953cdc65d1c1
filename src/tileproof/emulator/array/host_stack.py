"""The stack that tile functions run on here, and its shadow: where compiled code marks what of it nobody may touch."""

from __future__ import annotations

import ctypes
import mmap
import re
from pathlib import Path

from tileproof.device_model import CORE, TILE_KINDS
from tileproof.emulator.array.pages import ANONYMOUS, NO_ACCESS, NORESERVE, PAGE, PRIVATE, map_at, protect
from tileproof.shadow import GRANULE, SHADOW_OFFSET

_STACK_BYTES = 4 * 1024 * 1024  # frames of the host are larger than the device's: vectors lie in them
_SOUNDED_BYTES = TILE_KINDS[CORE].memory_bytes
_UNTOUCHED = 0xD7  # no likely content of a frame's low end

_shadowed: set[int] = set()  # pages of this process's shadow that are there


class HostStack:
    """Memory for a stack that grows down from `top`, with a guard page at its low end; behind it, at `written`, there
    is a byte for each of its bytes."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, PAGE + 2 * _STACK_BYTES, flags=PRIVATE | ANONYMOUS | NORESERVE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        protect(start, PAGE, NO_ACCESS)
        self.low, self.nbytes = start + PAGE, _STACK_BYTES
        self.top = self.written = self.low + self.nbytes
        map_shadow(self.low, self.nbytes)

    def forget_written(self, lowest: int) -> None:
        """What was written from `lowest` up belongs to a call that is over."""
        ctypes.memset(lowest + self.nbytes, 0, self.top - lowest)

    def forget_call(self) -> None:
        """A call on it has been given up: what its frames have closed and written means nothing any more."""
        ctypes.memset(self.low // GRANULE + SHADOW_OFFSET, 0, self.nbytes // GRANULE)
        self.forget_written(self.low)

    def fill(self) -> None:
        """Prepare to see how deep a call goes."""
        ctypes.memset(self.top - _SOUNDED_BYTES, _UNTOUCHED, _SOUNDED_BYTES)

    def depth(self) -> int:
        """Bytes below `top` that were written since it was filled: at most those of a core's whole memory."""
        content = ctypes.string_at(self.top - _SOUNDED_BYTES, _SOUNDED_BYTES)
        return len(content.lstrip(bytes([_UNTOUCHED])))


_free: list[HostStack] = []


def take_stack() -> HostStack:
    """One that no call is on. There is one for all calls of this process, and one more for each that waits."""
    return _free.pop() if _free else HostStack()


def give_back(stack: HostStack) -> None:
    """The call on it is over."""
    _free.append(stack)


def map_shadow_of_main_stack() -> None:
    """For what is called with the main thread's stack: the constructors of a library."""
    end = _main_stack_end()
    if end:
        map_shadow(end - _STACK_BYTES, _STACK_BYTES + PAGE)


def _main_stack_end() -> int:
    """Where the frames of the main thread begin, as the loader saw it; 0 where nobody tells."""
    try:
        return ctypes.c_size_t.in_dll(ctypes.CDLL(None), "__libc_stack_end").value
    except ValueError:
        found = re.search(r"^\w+-(\w+) rw.*\[stack\]$", Path("/proc/self/maps").read_text(), re.MULTILINE)
        return int(found[1], 16) - PAGE if found is not None else 0


def map_shadow(address: int, nbytes: int) -> None:
    """Let the shadow of these bytes be there; open, where it was not there before."""
    first = (address // GRANULE + SHADOW_OFFSET) // PAGE
    last = ((address + nbytes - 1) // GRANULE + SHADOW_OFFSET) // PAGE
    for page in range(first, last + 1):
        if page not in _shadowed:
            map_at(page * PAGE, PAGE)
            _shadowed.add(page)
