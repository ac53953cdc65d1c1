"""pyxrt's buffer objects: host memory, and what the device sees of it (XRT core/common/api/xrt_bo.cpp)."""

from __future__ import annotations

import weakref
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tileproof.emulator.journal import DECIDES, journal
from tileproof.xclbin import NO_BANK


class Writer(Protocol):
    """A run that a buffer is bound to."""

    def _is_under_way(self) -> bool: ...


class xclBOSyncDirection(IntEnum):
    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1
    XCL_BO_SYNC_BO_GMIO_TO_AIE = 2
    XCL_BO_SYNC_BO_AIE_TO_GMIO = 3


class bo:
    """Host memory that the device can reach. The device sees what was synced, not what was written."""

    class flags(IntEnum):
        normal = 0
        cacheable = 0x01000000
        host_only = 0x20000000
        device_only = 0x10000000
        p2p = 0x40000000
        svm = 0x08000000

    normal, cacheable, host_only = flags.normal, flags.cacheable, flags.host_only
    device_only, p2p, svm = flags.device_only, flags.p2p, flags.svm

    def __init__(self, source: object, size: int, flags: bo.flags | int, group: int | None = None) -> None:
        """`bo(device, size, flags, group)`, or `bo(parent, size, offset)`: a part of another, in the same memory."""
        self._written_by: weakref.ref[Writer] | None = None  # the run that may write it
        if isinstance(source, bo):
            self._share(source, size, int(flags))
            return
        if not isinstance(flags, bo.flags) or group is None:
            raise TypeError("__init__(): incompatible constructor arguments. The flags must be one of pyxrt.bo.flags")
        if group & NO_BANK == NO_BANK:
            journal.note(
                DECIDES,
                f"a buffer was allocated with group {group}, which is that of a scalar argument",
                "its low 16 bits are `no bank`; whatever argument it is passed as refuses it",
                "allocate with kernel.group_id of the buffer's own argument: 1 for instructions, 3 and on for data",
            )
        if flags == bo.flags.normal:
            raise RuntimeError("unsupported buffer type: none flag (err=95): Operation not supported")
        if flags not in (bo.flags.cacheable, bo.flags.host_only):
            raise RuntimeError("Bad BO flags (err=95): Operation not supported")
        self._host: npt.NDArray[np.uint8] = np.zeros(size, dtype=np.uint8)
        self._device_copy: npt.NDArray[np.uint8] = np.zeros(size, dtype=np.uint8)
        self._unfetched: npt.NDArray[np.bool_] = np.zeros(size, dtype=np.bool_)  # bytes that only the device has
        self._bank = group & NO_BANK

    def _share(self, parent: bo, size: int, offset: int) -> None:
        if size <= 0 or offset < 0 or offset + size > len(parent._host):
            raise RuntimeError("sub buffer size and offset: Invalid argument")
        part = slice(offset, offset + size)
        self._host, self._device_copy = parent._host[part], parent._device_copy[part]
        self._unfetched = parent._unfetched[part]
        self._bank = parent._bank

    def write(self, data: Any, seek: int) -> None:
        flat = np.frombuffer(memoryview(data).cast("B"), dtype=np.uint8)
        if seek < 0 or seek + len(flat) > len(self._host):
            raise RuntimeError("attempting to write past buffer size: Invalid argument")
        part = slice(seek, seek + len(flat))
        self._host[part] = flat
        self._unfetched[part] = False

    def read(self, size: int, skip: int) -> npt.NDArray[np.int8]:
        if size < 0:
            raise TypeError("read(): incompatible function arguments.")
        if skip < 0 or skip + size > len(self._host):
            raise RuntimeError("attempting to read past buffer size: Invalid argument")
        part = slice(skip, skip + size)
        if self._unfetched[part].any():
            journal.note(
                DECIDES,
                "a buffer was read that a run has written, and that was not synced from the device since",
                "the host reads what it had before the run",
                "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE) after run.wait()",
            )
        return self._host[part].view(np.int8).copy()

    def sync(self, direction: xclBOSyncDirection, size: int | None = None, offset: int = 0) -> None:
        size = len(self._host) - offset if size is None else size
        if offset < 0 or size < 0 or offset + size > len(self._host):
            raise RuntimeError(f"Invalid BO offset and size for sync'ing: {offset}, {size} (err=22): Invalid argument")
        part = slice(offset, offset + size)
        if direction == xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE:
            self._device_copy[part] = self._host[part]
        else:
            self._note_early()
            self._host[part] = self._device_copy[part]
        self._unfetched[part] = False

    def _note_early(self) -> None:
        writer = self._written_by() if self._written_by is not None else None
        if writer is not None and writer._is_under_way():
            journal.note(
                DECIDES,
                "a buffer was synced from the device while a run that it is bound to had not been waited for",
                "what it holds is from before the run, or from its midst",
                "run.wait() first, and look at the state that it returns",
            )

    def _from_run(self, data: bytes) -> None:
        """What a run left in device memory."""
        left = np.frombuffer(data, dtype=np.uint8)
        changed = left != self._device_copy
        # Only these: another buffer of the run may be a part of the same memory.
        self._device_copy[changed], self._unfetched[changed] = left[changed], True

    def _is_unsynced(self) -> bool:
        """Whether the host has bytes, written or mapped, that the device does not have."""
        return bool(((self._host != self._device_copy) & ~self._unfetched).any())

    def map(self) -> memoryview:
        return memoryview(self._host)  # type: ignore[arg-type]

    def size(self) -> int:
        return len(self._host)

    def address(self) -> int:
        return int(self._device_copy.ctypes.data)
