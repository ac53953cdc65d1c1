"""pyxrt.ext and the classes of the ELF flow (XRT src/python/pybind11/src/pyxrt.cpp, 2.20)."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from tileproof.emulator.pyxrt.bo import bo as plain_bo
from tileproof.emulator.pyxrt.device import device
from tileproof.errors import Problem

if TYPE_CHECKING:
    from tileproof.emulator.pyxrt.context import hw_context


class access_mode(IntFlag):
    none = 0
    read = 1
    write = 2
    read_write = 3
    local = 0
    shared = 4
    process = 8
    hybrid = 16


none, read, write, read_write = (access_mode(value) for value in range(4))
local, shared, process, hybrid = (access_mode(value) for value in (0, 4, 8, 16))


class bo(plain_bo):
    """`ext.bo(device or context, size, access)`: host memory without a bank of its own, so bank 0."""

    def __init__(self, owner: device | hw_context, size: int, access: access_mode = access_mode.read_write) -> None:
        super().__init__(owner if isinstance(owner, device) else owner._device, size, plain_bo.flags.host_only, 0)


def _no_elf(what: str) -> Problem:
    return Problem(
        f"the emulator runs no {what}",
        id="not-emulated",
        where=f"pyxrt.{what}",
        why="in the ELF flow the file holds AIE machine code and control code, which tileproof does not execute",
        fix="use an xclbin and insts.bin (`tileproof build KERNEL`), or --device npu",
    )


class kernel:
    def __init__(self, *arguments: object) -> None:
        raise _no_elf("ext.kernel")


class elf:
    def __init__(self, *arguments: object) -> None:
        raise _no_elf("elf")


class module:
    def __init__(self, *arguments: object) -> None:
        raise _no_elf("module")


class program:
    def __init__(self, *arguments: object) -> None:
        raise _no_elf("program")
