"""pyxrt's buffer objects: host memory, and what the device sees of it (XRT core/common/api/xrt_bo.cpp)."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tileproof.diagnostic import NOWHERE, Diagnostic, Place
from tileproof.emulator.pyxrt.device import device
from tileproof.emulator.pyxrt.empty import refuse_empty
from tileproof.emulator.pyxrt.journal import caller, journal
from tileproof.emulator.pyxrt.raises import raised
from tileproof.errors import Problem
from tileproof.xclbin import NO_BANK


class User(Protocol):
    """A run that a buffer is bound to."""

    def _is_under_way(self) -> bool: ...


@dataclass(eq=False)
class _Mapped:
    """A memory that the host has mapped: its reads cannot be seen, only that there was nothing new to read."""

    where: Place = NOWHERE  # the line that mapped it
    is_stale: bool = False  # whether a run has written it, and nothing was synced from the device since

    def told(self) -> None:
        is_open = self in journal.open
        journal.open.discard(self)
        if is_open and self.is_stale:
            mistake = Diagnostic(
                id="mapped-not-synced",
                what="a buffer that a run has written was mapped, and never synced from the device after it",
                place=self.where,
                why="the host sees what it had before the run",
                fix="buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE) after run.wait()",
            )
            journal.write(mistake, may_raise=False)
        self.where = NOWHERE


class xclBOSyncDirection(IntEnum):
    __str__ = Enum.__str__  # as pybind11 prints one

    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1
    XCL_BO_SYNC_BO_GMIO_TO_AIE = 2
    XCL_BO_SYNC_BO_AIE_TO_GMIO = 3


class bo:
    """Host memory that the device can reach. The device sees what was synced, not what was written."""

    class flags(IntEnum):
        __str__ = Enum.__str__

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
        self._in_use_by: weakref.ref[User] | None = None  # the last run that it was bound to
        if isinstance(source, bo):
            self._share(source, size, int(flags))
            return
        if not isinstance(source, device) or not isinstance(flags, bo.flags) or group is None:
            raise TypeError("__init__(): incompatible constructor arguments. The flags must be one of pyxrt.bo.flags")
        refuse_empty(source)
        if size < 0:
            raise TypeError("__init__(): incompatible constructor arguments.")
        if group & NO_BANK == NO_BANK:
            journal.note(
                "group-of-a-scalar",
                f"a buffer was allocated with group {group}, which is that of a scalar argument",
                "its low 16 bits are `no bank`; whatever argument it is passed as refuses it",
                "allocate with kernel.group_id of the buffer's own argument: 1 for instructions, 3 and on for data",
            )
        if flags == bo.flags.normal:
            raise raised(RuntimeError("unsupported buffer type: none flag (err=95): Operation not supported"))
        if flags not in (bo.flags.cacheable, bo.flags.host_only):
            raise raised(RuntimeError("Bad BO flags (err=95): Operation not supported"))
        self._host: npt.NDArray[np.uint8] = _zeros(size)
        self._device_copy: npt.NDArray[np.uint8] = _zeros(size)
        self._unfetched: npt.NDArray[np.bool_] = _zeros(size).view(np.bool_)  # bytes that only the device has
        self._bank = group & NO_BANK
        self._mapped = _Mapped()
        weakref.finalize(self, self._mapped.told)

    def _share(self, parent: bo, size: int, offset: int) -> None:
        if size <= 0 or offset < 0 or offset + size > len(parent._host):
            raise raised(RuntimeError("sub buffer size and offset: Invalid argument"))
        part = slice(offset, offset + size)
        self._host, self._device_copy = parent._host[part], parent._device_copy[part]
        self._unfetched = parent._unfetched[part]
        self._bank, self._mapped = parent._bank, parent._mapped

    def write(self, data: Any, seek: int) -> None:
        flat = np.frombuffer(memoryview(data).cast("B"), dtype=np.uint8)
        if seek < 0 or seek + len(flat) > len(self._host):
            raise raised(RuntimeError("attempting to write past buffer size: Invalid argument"))
        part = slice(seek, seek + len(flat))
        self._host[part] = flat
        self._unfetched[part] = False

    def read(self, size: int, skip: int) -> npt.NDArray[np.int8]:
        if size < 0:
            raise TypeError("read(): incompatible function arguments.")
        if skip < 0 or skip + size > len(self._host):
            raise raised(RuntimeError("attempting to read past buffer size: Invalid argument"))
        part = slice(skip, skip + size)
        if self._unfetched[part].any():
            journal.note(
                "read-not-synced",
                "a buffer was read that a run has written, and that was not synced from the device since",
                "the host reads what it had before the run",
                "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE) after run.wait()",
            )
        return self._host[part].view(np.int8).copy()

    def sync(self, direction: xclBOSyncDirection, size: int | None = None, offset: int = 0) -> None:
        size = len(self._host) - offset if size is None else size
        if offset < 0 or size < 0 or offset + size > len(self._host):
            raise raised(
                RuntimeError(f"Invalid BO offset and size for sync'ing: {offset}, {size} (err=22): Invalid argument")
            )
        part = slice(offset, offset + size)
        if direction == xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE:
            self._note_early("to", "the run may have read the old bytes, the new ones, or some of both")
            self._device_copy[part] = self._host[part]
        else:
            self._note_early("from", "what it holds is from before the run, or from its midst")
            self._host[part] = self._device_copy[part]
            self._mapped.is_stale = False
        self._unfetched[part] = False

    def _note_early(self, way: str, why: str) -> None:
        user = self._in_use_by() if self._in_use_by is not None else None
        if user is not None and user._is_under_way():
            journal.note(
                "synced-too-early",
                f"a buffer was synced {way} the device while a run that it is bound to had not been waited for",
                why,
                "run.wait() first, and look at the state that it returns",
            )

    def _from_run(self, data: bytes, written: list[tuple[int, int]], *, is_written: bool) -> None:
        """What a run left in device memory; `written` are the extents that its transfers have filled, but for those
        that the host has moved."""
        left = np.frombuffer(data, dtype=np.uint8)
        changed = left != self._device_copy
        # Only these: another buffer of the run may be a part of the same memory.
        self._device_copy[changed], self._unfetched[changed] = left[changed], True
        for begin, end in written:
            self._unfetched[begin:end] = True
        if is_written:
            self._mapped.is_stale = True

    def _is_unsynced(self, begin: int, end: int | None) -> bool:
        """Whether the host has bytes in that extent, written or mapped, that the device does not have."""
        part = slice(begin, end)
        return bool(((self._host[part] != self._device_copy[part]) & ~self._unfetched[part]).any())

    def map(self) -> memoryview:
        self._mapped.where = self._mapped.where or caller()
        journal.open.add(self._mapped)
        return memoryview(self._host)  # type: ignore[arg-type]

    def size(self) -> int:
        return len(self._host)

    def address(self) -> int:
        return int(self._device_copy.ctypes.data)


def _zeros(size: int) -> npt.NDArray[np.uint8]:
    try:
        return np.zeros(size, dtype=np.uint8)
    except (MemoryError, ValueError):
        raise Problem(
            f"there is no room for a buffer of {size:,} bytes",
            id="no-room",
            where="pyxrt.bo",
            why="the emulator holds each buffer twice in this machine's memory: the host's view, and the device's",
            fix="allocate what the instructions move: `tileproof inspect insts.bin`",
        ) from None
