"""The emulator's answer to `import pyxrt`: the classes and calls of XRT 2.20's Python binding that hosts use.

What XRT does is in XRT's src/python/pybind11/src/pyxrt.cpp and core/common/api; the NPU's ways are the amdxdna shim's.
Where the real thing would end in a segmentation fault, this raises.
"""

from __future__ import annotations

import sys
from enum import IntEnum
from threading import RLock
from typing import TYPE_CHECKING

from tileproof.device_model import HW_CONTEXT_LIMIT
from tileproof.emulator import xrt_ext as ext
from tileproof.emulator.journal import DECIDES, journal
from tileproof.emulator.payload import Payload, unpack_payload
from tileproof.emulator.process import Child
from tileproof.emulator.xrt_bo import bo, xclBOSyncDirection
from tileproof.emulator.xrt_device import device, enumerate_devices, xrt_info_device
from tileproof.emulator.xrt_empty import unset
from tileproof.emulator.xrt_mistakes import CALL
from tileproof.emulator.xrt_raises import raised
from tileproof.emulator.xrt_run import ert_cmd_state, range_check, run, runlist, shown
from tileproof.emulator.xrt_settings import settings
from tileproof.emulator.xrt_xclbin import uuid, xclbin
from tileproof.errors import Problem
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.stored import stored
from tileproof.provenance import read_provenance
from tileproof.xclbin import Argument, read_kernels

XCL_BO_FLAGS_NONE = 0


class hw_context:
    """A partition of the array, set up with one xclbin: here, a process of its own."""

    def __init__(self, device: device | None = None, uuid: uuid | None = None) -> None:
        if device is None and uuid is None:
            return
        if device is None or uuid is None:
            raise TypeError("__init__(): incompatible constructor arguments.")
        if uuid not in device._registered:
            raise raised(RuntimeError(f"No xclbin with uuid '{uuid.to_string()}': Invalid argument"))
        file = device._registered[uuid]
        section = file._xclbin.section("EMULATION_DATA")
        if section is None:
            raise Problem(
                f"{file._name} has nothing that the emulator can run",
                where=f"{file._name}, section EMULATION_DATA",
                why="it was built for the NPU: it holds AIE machine code, which tileproof does not execute",
                fix="build it for the emulator (`tileproof build KERNEL --toolchain host`), or use --device npu",
            )
        # Started first: the process comes up while the design is read here.
        self._child = Child()
        try:
            self._set_up(device, file, unpack_payload(section.data, file._name))
        except BaseException:  # whatever it was, no process is left behind
            self._child.close()
            raise

    if not TYPE_CHECKING:
        __getattr__ = unset

    def _set_up(self, device: device, file: xclbin, payload: Payload) -> None:
        design = stored(payload.lowered) or _lowered(payload.design)
        if len(device._contexts) >= HW_CONTEXT_LIMIT[design.device.generation]:
            raise raised(
                RuntimeError("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory")
            )
        self._device, self._file, self._design = device, file, design
        self._slot = device._free_slot()
        self._running: run | None = None
        self._lock = RLock()  # the real thing may be used by several threads
        provenance = read_provenance(file._xclbin)
        self._insts_sha256 = provenance.insts_sha256 if provenance else None
        self._child.set_up(design, payload.library, settings.manner)
        device._contexts.add(self)


def _lowered(text: str) -> LoweredDesign:
    """Of a file that another tileproof has packed. Late: xDSL takes longer to import than a design takes to run."""
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    return lower_design(read_design(text, "design.mlir"))


class kernel:
    """A compute unit of a context: `kernel(context, name)`, or `kernel(device, uuid, name)`, which makes one."""

    class cu_access_mode(IntEnum):
        exclusive = 0
        shared = 1
        none = 2

    exclusive, shared, none = cu_access_mode.exclusive, cu_access_mode.shared, cu_access_mode.none

    def __init__(self, owner: hw_context | device, *words: uuid | str | cu_access_mode) -> None:
        context, name = owner, words[0] if len(words) == 1 else None
        if isinstance(owner, device) and len(words) in (2, 3) and isinstance(words[0], uuid):
            context, name = hw_context(owner, words[0]), words[1]
        if not isinstance(context, hw_context) or not isinstance(name, str):
            raise TypeError("__init__(): incompatible constructor arguments.")
        kernels = read_kernels(context._file._xclbin, context._file._name)
        found = [entry for entry in kernels if entry.name == name.split(":", maxsplit=1)[0]]
        if not found:
            raise raised(RuntimeError(f"No such kernel '{name}': Invalid argument"))
        self._context = context
        self._name = found[0].name
        self._arguments: tuple[Argument, ...] = found[0].arguments

    def group_id(self, index: int) -> int:
        # XRT asks a table that ends with the last argument that is connected to a memory.
        connected = 1 + max((argument.index for argument in self._arguments if argument.banks), default=-1)
        if not 0 <= index < connected:
            raise raised(IndexError(range_check(index, connected)))
        return self._arguments[index].group_id(self._context._slot)

    def __call__(self, *arguments: object) -> run:
        started = run(self)
        for index, argument in enumerate(arguments):
            # The binding tries the argument as a BO, then as an int, each in its own catch-all, and goes on.
            try:
                started._set(index, argument)  # type: ignore[arg-type]
            except (RuntimeError, IndexError, TypeError) as error:
                self._swallowed(index, argument, error)
        started.start()
        return started

    def _swallowed(self, index: int, argument: object, error: Exception) -> None:
        given, fix = shown(argument), f"{CALL}; run.set_arg raises where the call stays silent"
        if index >= len(self._arguments):
            takes = f"{index} (of {len(self._arguments)}), which is not there"
        elif isinstance(argument, bo) and self._arguments[index].kind == "buffer":
            # A buffer where one belongs: only its bank can be wrong.
            wanted = self._arguments[index]
            given = f"a buffer of bank {argument._bank}"
            takes = f"{index} ({wanted.name}), which is connected to bank {wanted.bank} ({wanted.bank_tag})"
            fix = f"allocate it with kernel.group_id({index})"
        else:
            takes = f"{index} ({self._arguments[index].name}), which takes {self._arguments[index].kind}s"
        journal.note(
            DECIDES,
            f"kernel(...) was called with {given} as argument {takes}; it ran without it",
            f"the binding swallows the error: {type(error).__name__}: {error}",
            fix,
        )


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
