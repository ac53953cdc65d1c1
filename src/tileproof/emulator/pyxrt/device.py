"""pyxrt's device: the emulated NPU, what is registered on it, and what it says of itself."""

from __future__ import annotations

import itertools
import weakref
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from tileproof.device_model import GENERATIONS, TARGETS
from tileproof.emulator.pyxrt.empty import unset
from tileproof.emulator.pyxrt.journal import journal
from tileproof.emulator.pyxrt.raises import raised
from tileproof.emulator.pyxrt.xclbin import uuid, xclbin
from tileproof.errors import Problem
from tileproof.xclbin.provenance import read_provenance

# Ours: no bus has an emulated device.
_BDF = "0000:00:00.1"
_LAST_SLOT = 255  # the driver's context handles are cyclic (amdxdna_ctx.c), and the slot has eight bits


class xrt_info_device(IntEnum):  # the names of XRT's info::device that pyxrt binds, in its order
    bdf = 0
    interface_uuid = 1
    kdma = 2
    max_clock_frequency_mhz = 3
    m2m = 4
    name = 5  # type: ignore[assignment]  # which IntEnum has as an attribute of its members
    nodma = 6
    offline = 7
    electrical = 8
    thermal = 9
    mechanical = 10
    memory = 11
    platform = 12
    pcie_info = 13
    host = 14
    dynamic_regions = 15
    vmr = 16


class Context(Protocol):
    """A hardware context of the device."""

    _slot: int


class device:
    """The emulated NPU, device 0. `device()` is an empty handle, as in XRT."""

    def __init__(self, index: int | str | None = None) -> None:
        if index is None:
            return
        if isinstance(index, str) and index != _BDF:
            raise raised(RuntimeError(f"No such device '{index}': Invalid argument"))
        if index not in (0, _BDF):
            raise raised(RuntimeError(f" No such device with index '{index}'"))
        self._registered: dict[uuid, xclbin] = {}
        self._slots = itertools.cycle(range(1, _LAST_SLOT + 1))
        self._contexts: weakref.WeakSet[Context] = weakref.WeakSet()
        # What the argument registers of ended runs hold. XRT clears none of them (core/common/bo_cache.h).
        self._commands: list[dict[int, Any]] = []

    if not TYPE_CHECKING:
        __getattr__ = unset

    def _free_slot(self) -> int:
        taken = {context._slot for context in self._contexts}
        return next(slot for slot in self._slots if slot not in taken)

    def register_xclbin(self, file: xclbin) -> uuid:
        self._registered[file.get_uuid()] = file
        return file.get_uuid()

    def load_xclbin(self, file: xclbin | str) -> uuid:
        journal.note(
            "load-xclbin",
            "device.load_xclbin was called",
            "an NPU has none: its kernels live in hardware contexts",
            "device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())",
        )
        raise RuntimeError("load_axlf: Operation not supported")

    def get_xclbin_uuid(self) -> uuid:
        """That of a loaded xclbin; on an NPU none ever is."""
        return uuid("00000000-0000-0000-0000-000000000000")

    def get_info(self, key: xrt_info_device) -> str:
        """`bdf` and `name`; the name is that of the NPU which the xclbin registered last is for."""
        if not isinstance(key, xrt_info_device):
            raise TypeError("get_info(): incompatible function arguments.")
        if key == xrt_info_device.bdf:
            return _BDF
        if key != xrt_info_device.name:
            raise Problem(
                f"the emulator has no answer to device.get_info({key.name})",
                id="not-emulated",
                where="device.get_info",
                why="it is no device with clocks, sensors and a bus; it answers bdf and name",
                fix="ask for it on an NPU only",
            )
        found = [read_provenance(file._xclbin) for file in self._registered.values()]
        target = found[-1].target if found and found[-1] else TARGETS[0]
        return f"{GENERATIONS.get(target, GENERATIONS[TARGETS[0]]).called[0]} (tileproof's emulator)"


def enumerate_devices() -> int:
    return 1
