"""pyxrt's kernel: a compute unit of a context, and the call that swallows what is wrong with it."""

from __future__ import annotations

from enum import IntEnum

from tileproof.emulator.pyxrt.bo import bo
from tileproof.emulator.pyxrt.context import ComputeUnit, hw_context
from tileproof.emulator.pyxrt.device import device
from tileproof.emulator.pyxrt.journal import journal
from tileproof.emulator.pyxrt.mistakes import CALL
from tileproof.emulator.pyxrt.raises import raised
from tileproof.emulator.pyxrt.run import range_check, run, shown
from tileproof.emulator.pyxrt.xclbin import uuid
from tileproof.xclbin import read_kernels


class kernel(ComputeUnit):
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
        self._arguments = found[0].arguments

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
            "argument-swallowed",
            f"kernel(...) was called with {given} as argument {takes}; it ran without it",
            f"the binding swallows the error: {type(error).__name__}: {error}",
            fix,
        )
