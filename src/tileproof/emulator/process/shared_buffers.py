"""Host buffers in memory that the emulator's process shares with the one that started it: no byte is sent."""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Mapping
from io import BufferedRandom

import numpy as np

from tileproof.emulator.array.memory import Bytes

# XRT gives a buffer whole pages, whatever size it is asked for (facts on XRT, 1).
_PAGE_BYTES = 4096


def shared_memory(name: str, nbytes: int = 0) -> BufferedRandom:
    """An anonymous file that never becomes shorter: reading what another process has cut off would end this one."""
    handle = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(handle, nbytes)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return os.fdopen(handle, "r+b")


class SharedBuffers:
    """One anonymous file, mapped on both sides. What is bound twice lies there once."""

    def __init__(self, handle: int | None = None) -> None:
        self._file = shared_memory("tileproof-buffers") if handle is None else os.fdopen(handle, "r+b")
        self._map: mmap.mmap | None = None
        self._places: dict[int, tuple[int, int]] = {}

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def write(self, buffers: Mapping[int, bytes]) -> tuple[dict[int, tuple[int, int]], int]:
        """Lay the buffers out; gives offset and size of each by its number, and the size of it all."""
        offsets: dict[int, int] = {}  # by identity
        nbytes = 0
        for data in buffers.values():
            if id(data) not in offsets:
                offsets[id(data)] = nbytes
                nbytes += _with_its_page(len(data))
        if nbytes > os.fstat(self.fileno()).st_size:
            self._file.truncate(nbytes)
        memory = self._mapped(nbytes)
        self._places = {number: (offsets[id(data)], len(data)) for number, data in buffers.items()}
        for number, (offset, size) in self._places.items():
            memory[offset : offset + _with_its_page(size)] = buffers[number].ljust(_with_its_page(size), b"\0")
        return self._places, nbytes

    def read(self) -> dict[int, bytes]:
        """The buffers as they are now."""
        memory = self._mapped(0)
        return {number: memory[offset : offset + size] for number, (offset, size) in self._places.items()}

    def arrays(self, places: Mapping[int, tuple[int, int]], nbytes: int) -> dict[int, Bytes]:
        """The buffers to be read and written in place, to the ends of their pages; the same place is the same array."""
        memory = np.frombuffer(self._mapped(nbytes), dtype=np.uint8)
        return {number: memory[offset : offset + _with_its_page(size)] for number, (offset, size) in places.items()}

    def _mapped(self, nbytes: int) -> mmap.mmap:
        if self._map is None or len(self._map) < nbytes:
            # A file of no bytes cannot be mapped.
            self._file.truncate(max(os.fstat(self.fileno()).st_size, mmap.PAGESIZE))
            self._map = mmap.mmap(self.fileno(), 0)
        return self._map


def _with_its_page(nbytes: int) -> int:
    return -(-nbytes // _PAGE_BYTES) * _PAGE_BYTES
