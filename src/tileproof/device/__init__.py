"""Devices that run a kernel: the NPU through XRT's pyxrt, or the emulator, which answers as pyxrt."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from tileproof.errors import EXIT_NOT_HERE, Problem

NPU, EMULATOR = "npu", "emulator"


@dataclass(frozen=True, slots=True)
class OpenDevice:
    """A device's name and the module that answers as pyxrt."""

    name: str
    xrt: ModuleType


def open_device(name: str) -> OpenDevice:
    """`npu`, `emulator`, or `auto`: the NPU where pyxrt is there and finds one, else the emulator."""
    if name == EMULATOR:
        return OpenDevice(EMULATOR, importlib.import_module("tileproof.emulator.pyxrt"))
    try:
        return OpenDevice(NPU, _npu())
    except Problem:
        if name == NPU:
            raise
        return open_device(EMULATOR)


def _npu() -> ModuleType:
    try:
        xrt = importlib.import_module("pyxrt")
    except ImportError as error:
        raise Problem(
            "there is no NPU runtime here",
            where="import pyxrt",
            why=str(error),
            fix="install XRT with its Python binding for this Python, or use --device emulator",
            exit_code=EXIT_NOT_HERE,
        ) from None
    try:
        xrt.device(0)
    except (RuntimeError, IndexError) as error:
        raise Problem(
            "there is no NPU here",
            where="pyxrt.device(0)",
            why=str(error).strip(),
            fix="load the amdxdna driver and join the group `render`, or use --device emulator",
            exit_code=EXIT_NOT_HERE,
        ) from None
    return xrt
