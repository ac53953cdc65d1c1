"""pyxrt.ext and the classes of the ELF flow (XRT src/python/pybind11/src/pyxrt.cpp, 2.20)."""

from __future__ import annotations

from enum import IntFlag
from pathlib import Path

from tileproof.emulator.elf_file import DESIGN, INSTRUCTIONS, read_elf
from tileproof.emulator.payload import unpack_payload
from tileproof.emulator.pyxrt.bo import bo as plain_bo
from tileproof.emulator.pyxrt.context import hw_context, lowered_of
from tileproof.emulator.pyxrt.device import device
from tileproof.emulator.pyxrt.empty import refuse_empty
from tileproof.emulator.pyxrt.kernel import kernel as plain_kernel
from tileproof.emulator.pyxrt.raises import raised
from tileproof.errors import Problem
from tileproof.insts import CreateScratchpad, decode
from tileproof.xclbin import Argument
from tileproof.xrt import FIRST_BUFFER


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


class elf:
    """A file that `tileproof build --elf-name` or `--full-elf-name` has written; of a real one nothing is executed."""

    def __init__(self, path: str | int, size: int | None = None) -> None:
        if size is not None:
            raise _no_elf("elf of memory")
        try:
            data = Path(str(path)).read_bytes()
        except OSError:
            raise raised(RuntimeError(f"Failed to open file '{path}' for reading")) from None
        self._name = Path(str(path)).name
        self._sections = read_elf(data, self._name)


class module:
    """An ELF's instructions."""

    def __init__(self, file: elf, *arguments: object) -> None:
        if not isinstance(file, elf):
            raise _no_elf("module of memory")
        if INSTRUCTIONS not in file._sections:
            raise Problem(
                f"{file._name} holds no instructions by themselves",
                id="other-elf",
                where=f"pyxrt.module({file._name})",
                why="it is a full ELF, which brings its design with it",
                fix="hw_context(device, elf), then ext.kernel(context, name)",
            )
        self._stream = file._sections[INSTRUCTIONS]


class elf_context(hw_context):
    """A context of a full ELF: its kernels are the sequences of the design's devices."""

    def __init__(self, device: device, file: elf) -> None:
        refuse_empty(device)
        if DESIGN not in file._sections:
            raise Problem(
                f"{file._name} holds instructions only",
                id="other-elf",
                where=f"pyxrt.hw_context(device, {file._name})",
                why="what it runs on is in the xclbin that was built with it",
                fix="hw_context(device, xclbin.get_uuid()), then ext.kernel(context, module(elf), name)",
            )
        with self._coming_up():
            self._insts_sha256 = None
            self._set_up(device, [unpack_payload(file._sections[DESIGN], file._name)])

    def _load(self, kernel: str) -> None:
        """Its sequences set the array up themselves."""


class kernel(plain_kernel):
    """`kernel(context, module, name)`, of an xclbin with the instructions of an ELF; or `kernel(context, name)`, of a
    full ELF, whose name is `device:sequence`."""

    def __init__(self, context: hw_context, *words: module | str) -> None:
        if len(words) == 2 and isinstance(words[0], module) and isinstance(words[1], str):
            super().__init__(context, words[1])
            self._streams = (words[0]._stream,)
            self._scratchpad_bytes = _scratchpad_bytes(self._streams)
        elif len(words) == 1 and isinstance(words[0], str) and isinstance(context, elf_context):
            self._of_sequence(context, words[0])
        else:
            raise TypeError("__init__(): incompatible constructor arguments.")

    def _of_sequence(self, context: elf_context, name: str) -> None:
        # Late: most hosts have no ELF.
        from tileproof.lowering.reconfigured import parts_of
        from tileproof.lowering.sequence import sequence_named, sequence_words

        device_name, _, sequence_name = name.partition(":")
        payload = context._payloads[context._loaded]
        try:
            design = lowered_of(payload.design, device_name)
            sequence = sequence_named(design, sequence_name or None)
        except Problem as problem:
            if problem.diagnostic.id not in ("unknown-device-name", "unknown-sequence"):
                raise
            raise raised(RuntimeError(f"No such kernel '{name}': Invalid argument")) from None
        parts = parts_of(design, sequence)
        self._context, self._name, self._shift = context, name, FIRST_BUFFER
        self._streams = tuple(sequence_words(on, part) for on, part in parts)
        self._parts = tuple(on for on, _ in parts)
        self._scratchpad_bytes = _scratchpad_bytes(self._streams)
        self._arguments = tuple(_argument(index) for index in range(FIRST_BUFFER + len(sequence.arguments)))

    def group_id(self, index: int) -> int:
        if not self._shift:
            return super().group_id(index)
        raise Problem(
            "a kernel of a full ELF has no groups",
            id="other-elf",
            where=f"kernel.group_id({index})",
            why="XRT looks beyond the end of an empty table there, and the real process dies of a segmentation fault",
            fix="allocate with pyxrt.ext.bo(device, size)",
        )


def _scratchpad_bytes(streams: tuple[bytes, ...]) -> int:
    """How large a scratchpad the instructions create; 0 for none."""
    operations = (one for stream in streams for one in decode(stream, "the ELF's instructions").operations)
    return next((one.nbytes for one in operations if isinstance(one, CreateScratchpad)), 0)


def _argument(index: int) -> Argument:
    name = f"bo{index - FIRST_BUFFER}"
    return Argument(index=index, name=name, kind="buffer", qualifier="GLOBAL", type="void*", size=8, offset=0)


def _no_elf(what: str) -> Problem:
    return Problem(
        f"the emulator runs no {what}",
        id="not-emulated",
        where=f"pyxrt.{what}",
        why="in the ELF flow the file holds AIE machine code and control code, which tileproof does not execute",
        fix="use an xclbin and insts.bin (`tileproof build KERNEL`), or --device npu",
    )


class program:
    def __init__(self, *arguments: object) -> None:
        raise _no_elf("program")
