"""The emulator's answer to `import pyxrt`: the classes and calls of XRT 2.20's Python binding that hosts use.

What XRT does is in XRT's src/python/pybind11/src/pyxrt.cpp and core/common/api; the NPU's ways are the amdxdna shim's.
Where the real thing would end in a segmentation fault, this raises.
"""

from __future__ import annotations

import sys
from enum import IntEnum

from tileproof.emulator.pyxrt import ext as ext
from tileproof.emulator.pyxrt.bo import bo, xclBOSyncDirection
from tileproof.emulator.pyxrt.context import hw_context
from tileproof.emulator.pyxrt.device import device, enumerate_devices, xrt_info_device
from tileproof.emulator.pyxrt.kernel import kernel
from tileproof.emulator.pyxrt.run import ert_cmd_state, run, runlist
from tileproof.emulator.pyxrt.settings import settings
from tileproof.emulator.pyxrt.xclbin import uuid, xclbin

XCL_BO_FLAGS_NONE = 0


def log_message(level: int, tag: str, message: str) -> None:
    """To standard error, as XRT's console log puts it. `level` 0 (emergency) to 7 (debug)."""
    sys.stderr.write(f"[{tag}] {_LEVELS[level]}: {message}\n")


_LEVELS = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


# The C++ vectors that pyxrt binds are lists here.
xclbinip_vector = xclbinkernel_vector = xclbinmem_vector = list
elf, module, program = ext.elf, ext.module, ext.program


class xrt_msg_level(IntEnum):
    emergency, alert, critical, error, warning, notice, info, debug = range(8)


emergency, alert, critical, error, warning, notice, info, debug = xrt_msg_level

__all__ = [
    "XCL_BO_FLAGS_NONE",
    "bo",
    "device",
    "elf",
    "enumerate_devices",
    "ert_cmd_state",
    "ext",
    "hw_context",
    "kernel",
    "log_message",
    "module",
    "program",
    "run",
    "runlist",
    "settings",
    "uuid",
    "xclBOSyncDirection",
    "xclbin",
    "xrt_info_device",
    "xrt_msg_level",
]
