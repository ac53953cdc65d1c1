"""What XRT's C++ classes ask (emulator/include_host/xrt), answered by the objects that a Python host gets."""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from tileproof.emulator.pyxrt import ext
from tileproof.emulator.pyxrt.bo import bo, xclBOSyncDirection
from tileproof.emulator.pyxrt.context import hw_context
from tileproof.emulator.pyxrt.device import device, enumerate_devices, xrt_info_device
from tileproof.emulator.pyxrt.empty import refuse_empty
from tileproof.emulator.pyxrt.kernel import kernel
from tileproof.emulator.pyxrt.raises import raised
from tileproof.emulator.pyxrt.run import run, runlist
from tileproof.emulator.pyxrt.xclbin import uuid, xclbin
from tileproof.errors import Problem
from tileproof.xrt import COMPLETED

Answer = int | str | object | None
_Kind = TypeVar("_Kind")


class Raised(IntEnum):
    """Which exception the C++ side throws (xrt/detail/tileproof.h)."""

    NOTHING, SYSTEM_ERROR, RUNTIME_ERROR, OUT_OF_RANGE, COMMAND_ERROR = range(5)


class CommandError(Exception):
    """`run::command_error` and `runlist::command_error`: a command that did not complete."""

    def __init__(self, text: str, state: int) -> None:
        super().__init__(text)
        self.state = state


_ERRNO_OF = {os.strerror(number): number for number in sorted(errno.errorcode, reverse=True)}


def exception_of(error: Exception) -> tuple[Raised, str, int]:
    """Which exception XRT throws in C++ where its binding raises this one, its text and its code."""
    text = str(error)
    if isinstance(error, CommandError):
        return Raised.COMMAND_ERROR, text, error.state
    if isinstance(error, IndexError):
        return Raised.OUT_OF_RANGE, text, 0
    before, _, last = text.rpartition(": ")
    if before and last in _ERRNO_OF:
        return Raised.SYSTEM_ERROR, before, _ERRNO_OF[last]  # std::system_error says the rest itself
    return Raised.RUNTIME_ERROR, text, 0


@dataclass
class Table:
    """The objects that a host holds, by number; 0 is an empty handle."""

    _objects: dict[int, object] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def answer(self, what: str, text: str, numbers: tuple[int, ...]) -> int | str:
        """Raises what XRT's binding raises, and a `Problem` where the real process would die, or nobody has an
        answer."""
        given = _ANSWERS[what](self, text, *numbers)
        if given is None:
            return 0
        if isinstance(given, int | str):
            return given
        number = next(self._numbers)
        self._objects[number] = given
        return number

    def of(self, kind: type[_Kind], number: int) -> _Kind:
        found = self._objects.get(number)
        if isinstance(found, kind):
            return found
        if kind in (device, xclbin, hw_context, run, runlist):
            refuse_empty(kind())
        raise _empty(kind.__name__)

    def release(self, number: int) -> None:
        self._objects.pop(number, None)


def _empty(kind: str) -> Problem:
    made_by = {"bo": "xrt::bo(device, size, flags, kernel.group_id(3))", "kernel": 'xrt::kernel(context, "MLIR_AIE")'}
    return Problem(
        f"an empty {kind} was used",
        id="empty-handle",
        where=f"xrt::{kind}()",
        why="without arguments it is a handle of nothing, and the real process dies of a segmentation fault",
        fix=made_by.get(kind, f"make the {kind} with what it is of"),
    )


# --- buffers


def _bo(table: Table, _: str, on: int, size: int, flags: int, group: int) -> bo:
    try:
        kind = bo.flags(flags)
    except ValueError:
        raise raised(RuntimeError("Unknown buffer type")) from None  # as carveout in 2.20
    return bo(table.of(device, on), size, kind, group)


def _sync(table: Table, _: str, of: int, way: int, size: int | None = None, offset: int = 0) -> None:
    table.of(bo, of).sync(xclBOSyncDirection(way), size, offset)


def _map(table: Table, _: str, of: int) -> int:
    """The address of the host's memory itself."""
    mapped = table.of(bo, of)
    mapped.map()
    return int(mapped._host.ctypes.data)


def _write(table: Table, _: str, of: int, address: int, size: int, seek: int) -> None:
    written = table.of(bo, of)
    # Nothing is read from the host's memory where XRT refuses.
    data = ctypes.string_at(address, size) if 0 <= size <= written.size() else bytes(written.size() + 1)
    written.write(data, seek)


def _read(table: Table, _: str, of: int, address: int, size: int, skip: int) -> None:
    ctypes.memmove(address, table.of(bo, of).read(size, skip).tobytes(), size)


def _copy(table: Table, _: str, to: int, source: int, size: int, begin: int, at: int) -> None:
    """No engine of an NPU copies, so the host does."""
    into, of = table.of(bo, to), table.of(bo, source)
    sys.stderr.write("[XRT] WARNING: Reverting to host copy of buffers (exec_buf: Operation not supported)\n")
    of.sync(xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE, size, begin)
    into.write(of.read(size, begin), at)
    into.sync(xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, size, at)


# --- runs


def _set_number(table: Table, _: str, of: int, index: int, value: int) -> None:
    table.of(run, of).set_arg(index, value)


def _wait(table: Table, _: str, of: int, timeout_ms: int) -> int:
    return table.of(run, of).wait(timeout_ms or None)


def _wait2(table: Table, _: str, of: int, timeout_ms: int) -> int:
    """1 where the command has completed, 0 where it has not ended in time."""
    waiting = table.of(run, of)
    if timeout_ms and waiting._waited(timeout_ms) != COMPLETED and waiting._is_under_way():
        return 0
    try:
        waiting.wait2()
    except RuntimeError as error:
        raise CommandError(str(error), waiting._state) from None
    return 1


def _wait_list(table: Table, _: str, of: int, timeout_ms: int) -> None:
    runs = table.of(runlist, of)
    try:
        runs.wait()
    except RuntimeError as error:
        states = [entry._state for entry in runs._runs if entry._state != COMPLETED]
        raise CommandError(str(error), states[0]) from None


def _reset_list(table: Table, _: str, of: int) -> None:
    runs = table.of(runlist, of)
    for entry in runs._runs:
        entry._listed = False
    runs._runs.clear()
    runs._state = "idle"


def _not_emulated(what: str, why: str, fix: str) -> Callable[..., Answer]:
    def refuse(*_: object) -> Answer:
        raise Problem(f"the emulator has no {what}", id="not-emulated", where=what, why=why, fix=fix)

    return refuse


# --- every question, by its name in the headers

_ANSWERS: dict[str, Callable[..., Answer]] = {
    "release": lambda table, _, number: table.release(number),
    "enumerate_devices": lambda table, _: enumerate_devices(),
    "device": lambda table, _, index: device(index),
    "device.of_bdf": lambda table, text: device(text),
    "device.register_xclbin": lambda table, _, on, file: (
        table.of(device, on).register_xclbin(table.of(xclbin, file)).to_string()
    ),
    "device.load_xclbin": lambda table, _, on, file: table.of(device, on).load_xclbin(table.of(xclbin, file)),
    "device.get_xclbin_uuid": lambda table, _, on: table.of(device, on).get_xclbin_uuid().to_string(),
    "device.get_info": lambda table, _, on, key: table.of(device, on).get_info(xrt_info_device(key)),
    "xclbin": lambda table, text: xclbin(text),
    "xclbin.kernels": lambda table, _, of: len(table.of(xclbin, of).get_kernels()),
    "xclbin.kernel_name": lambda table, _, of, index: table.of(xclbin, of).get_kernels()[index].get_name(),
    "xclbin.kernel_arguments": lambda table, _, of, index: table.of(xclbin, of).get_kernels()[index].get_num_args(),
    "xclbin.mems": lambda table, _, of: len(table.of(xclbin, of).get_mems()),
    "xclbin.get_uuid": lambda table, _, of: table.of(xclbin, of).get_uuid().to_string(),
    "xclbin.get_xsa_name": lambda table, _, of: table.of(xclbin, of).get_xsa_name(),
    "mem.get_tag": lambda table, _, of, index: table.of(xclbin, of).get_mems()[index].get_tag(),
    "mem.get_base_address": lambda table, _, of, index: table.of(xclbin, of).get_mems()[index].get_base_address(),
    "mem.get_size_kb": lambda table, _, of, index: table.of(xclbin, of).get_mems()[index].get_size_kb(),
    "mem.get_used": lambda table, _, of, index: table.of(xclbin, of).get_mems()[index].get_used(),
    "hw_context": lambda table, text, on: hw_context(table.of(device, on), uuid(text)),
    "kernel": lambda table, text, on: kernel(table.of(hw_context, on), text),
    "kernel.group_id": lambda table, _, of, index: table.of(kernel, of).group_id(index),
    "bo": _bo,
    "bo.part": lambda table, _, of, size, offset: bo(table.of(bo, of), size, offset),
    "bo.size": lambda table, _, of: table.of(bo, of).size(),
    "bo.address": lambda table, _, of: table.of(bo, of).address(),
    "bo.sync": _sync,
    "bo.map": _map,
    "bo.write": _write,
    "bo.read": _read,
    "bo.copy": _copy,
    "run": lambda table, _, of: run(table.of(kernel, of)),
    "run.set_buffer": lambda table, _, of, index, value: table.of(run, of).set_arg(index, table.of(bo, value)),
    "run.set_number": _set_number,
    "run.start": lambda table, _, of: table.of(run, of).start(),
    "run.wait": _wait,
    "run.wait2": _wait2,
    "run.state": lambda table, _, of: table.of(run, of).state(),
    "run.abort": _not_emulated(
        "run.abort", "a command that runs on an NPU ends by itself, or by the driver's watchdog", "run.wait()"
    ),
    "run.get_ctrl_scratchpad_bo": lambda table, _, of: table.of(run, of)._ctrl_scratchpad(),
    "runlist": lambda table, _, on: runlist(table.of(hw_context, on)),
    "runlist.add": lambda table, _, of, entry: table.of(runlist, of).add(table.of(run, entry)),
    "runlist.execute": lambda table, _, of: table.of(runlist, of).execute(),
    "runlist.wait": _wait_list,
    "runlist.reset": _reset_list,
    "ext.bo": lambda table, _, on, size: ext.bo(table.of(device, on), size),
    "elf": lambda table, text: ext.elf(text),
    "elf.of_data": lambda table, _, address, size: ext.elf(address, size),
    "module": lambda table, _, of: ext.module(table.of(ext.elf, of)),
    "hw_context.of_elf": lambda table, _, on, of: ext.elf_context(table.of(device, on), table.of(ext.elf, of)),
    "ext.kernel": lambda table, text, on, of: ext.kernel(table.of(hw_context, on), table.of(ext.module, of), text),
    "ext.kernel.of_context": lambda table, text, on: ext.kernel(table.of(hw_context, on), text),
}
