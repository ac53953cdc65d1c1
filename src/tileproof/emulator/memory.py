"""Tile memories as one block of this process, each at its own place with guard pages around it.

A byte of `access` says whether the running tile function may touch the byte of memory at the same offset; the code
that the compiler puts around every load and store of a checked build reads it.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tileproof.device_model import TILE_KINDS
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Tile

# No likely result, and not what the host fills its buffers with, so that a report can tell the two apart.
TILE_POISON = 0xC3

_PAGE = mmap.PAGESIZE
_PROT_NONE, _PROT_RW = 0, 3


@dataclass(frozen=True, slots=True)
class Window:
    """Where one tile's memory lies in this process."""

    tile: Tile
    address: int
    nbytes: int


class TileMemories:
    """All memories of a design. `address_of` is what a tile function gets as a pointer."""

    def __init__(self, tiles: Iterable[Tile]) -> None:
        sizes = [(tile, TILE_KINDS[tile.kind].memory_bytes) for tile in tiles if TILE_KINDS[tile.kind].memory_bytes]
        # A guard page before the first memory and one behind each.
        self._map = mmap.mmap(-1, _PAGE + sum(size + _PAGE for _, size in sizes) or _PAGE)
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(self._map, dtype=np.uint8)
        self.base = self.bytes.ctypes.data
        self.access: npt.NDArray[np.uint8] = np.zeros(len(self.bytes), dtype=np.uint8)
        self.windows: dict[tuple[int, int], Window] = {}
        offset = _PAGE
        _protect(self.base, _PAGE, _PROT_NONE)
        for tile, size in sizes:
            self.windows[tile.at] = Window(tile, self.base + offset, size)
            self.bytes[offset : offset + size] = TILE_POISON
            _protect(self.base + offset + size, _PAGE, _PROT_NONE)
            offset += size + _PAGE

    def view(self, buffer: PlacedBuffer) -> npt.NDArray[np.uint8]:
        """The bytes of a buffer; writing to it writes the tile's memory."""
        start = self.address_of(buffer) - self.base
        return self.bytes[start : start + buffer.nbytes]

    def address_of(self, buffer: PlacedBuffer) -> int:
        return self.windows[buffer.tile.at].address + buffer.address

    def fill(self, buffers: Iterable[PlacedBuffer]) -> None:
        """The values that buffers have at the start."""
        for buffer in buffers:
            if buffer.initial:
                values = np.array(buffer.initial).astype(buffer.type.dtype.numpy)
                self.view(buffer)[:] = np.frombuffer(values.tobytes(), dtype=np.uint8)

    def allow(self, buffers: Iterable[PlacedBuffer], allowed: bool) -> None:
        """Open or close buffers for the tile function that is about to run or has returned."""
        for buffer in buffers:
            start = self.address_of(buffer) - self.base
            self.access[start : start + buffer.nbytes] = allowed

    def locate(self, address: int) -> tuple[Tile, int] | None:
        """The tile and the address in its memory that `address` of this process means; None outside all of them."""
        for window in self.windows.values():
            if window.address - _PAGE <= address < window.address + window.nbytes + _PAGE:
                return window.tile, address - window.address
        return None


def _protect(address: int, size: int, protection: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_int(protection)) != 0:
        raise OSError(ctypes.get_errno(), "mprotect of a guard page")
