"""The emulator's answer to `import pyxrt`: the classes and calls of XRT 2.20's Python binding that hosts use.

What XRT does is in XRT's src/python/pybind11/src/pyxrt.cpp and core/common/api; the NPU's ways are the amdxdna shim's.
Where the real thing would end in a segmentation fault, this raises.
"""

from __future__ import annotations

import itertools
import sys
import time
import weakref
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from tileproof.device_model import HW_CONTEXT_LIMIT
from tileproof.emulator.faults import Fault, RunReport
from tileproof.emulator.journal import DECIDES, journal
from tileproof.emulator.library import Manner
from tileproof.emulator.messages import Finished, Run
from tileproof.emulator.payload import Payload, unpack_payload
from tileproof.emulator.process import Child
from tileproof.emulator.xrt_bo import bo, xclBOSyncDirection
from tileproof.emulator.xrt_xclbin import uuid, xclbin
from tileproof.errors import Problem
from tileproof.insts import PatchBd, decode, npu_actions
from tileproof.lowering.model import LoweredDesign
from tileproof.lowering.stored import stored
from tileproof.xclbin import Argument, read_kernels
from tileproof.xrt import COMPLETED, ERROR, FIRST_BUFFER, OPCODE_TRANSACTION

if TYPE_CHECKING:
    from collections.abc import Iterator

_CACHED_COMMANDS = 128  # XRT core/common/bo_cache.h: how many command buffers a device keeps for new runs
XCL_BO_FLAGS_NONE = 0


@dataclass
class Settings:
    """What XRT has no word for. `watchdog_s`: after this long without an answer a run is ended (the driver: 2 s);
    `manner`: how contexts that are made from now on run."""

    watchdog_s: float = 30.0
    manner: Manner = field(default_factory=Manner)


settings = Settings()


class ert_cmd_state(IntEnum):  # XRT's ert.h; RUNNING is not bound in 2.20
    ERT_CMD_STATE_NEW = 1
    ERT_CMD_STATE_QUEUED = 2
    ERT_CMD_STATE_COMPLETED = 4
    ERT_CMD_STATE_ERROR = 5
    ERT_CMD_STATE_ABORT = 6
    ERT_CMD_STATE_SUBMITTED = 7
    ERT_CMD_STATE_TIMEOUT = 8
    ERT_CMD_STATE_NORESPONSE = 9
    ERT_CMD_STATE_SKERROR = 10
    ERT_CMD_STATE_SKCRASHED = 11


class device:
    """The emulated NPU, device 0."""

    def __init__(self, index: int | str = 0) -> None:
        if index != 0:
            raise RuntimeError(f" No such device with index '{index}'")
        self._registered: dict[uuid, xclbin] = {}
        self._slots: Iterator[int] = itertools.count(1)
        self._contexts: weakref.WeakSet[hw_context] = weakref.WeakSet()
        # What the argument registers of ended runs hold. XRT clears none of them (core/common/bo_cache.h).
        self._commands: list[dict[int, bo | int]] = []

    def register_xclbin(self, file: xclbin) -> uuid:
        self._registered[file.get_uuid()] = file
        return file.get_uuid()

    def load_xclbin(self, file: xclbin | str) -> uuid:
        journal.note(
            DECIDES,
            "device.load_xclbin was called",
            "an NPU has none: its kernels live in hardware contexts",
            "device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())",
        )
        raise RuntimeError("load_axlf: Operation not supported")


def enumerate_devices() -> int:
    return 1


class hw_context:
    """A partition of the array, set up with one xclbin: here, a process of its own."""

    def __init__(self, device: device, uuid: uuid) -> None:
        if uuid not in device._registered:
            raise RuntimeError(f"No xclbin with uuid '{uuid.to_string()}': Invalid argument")
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
        except BaseException:
            self._child.close()
            raise

    def _set_up(self, device: device, file: xclbin, payload: Payload) -> None:
        design = stored(payload.lowered) or _lowered(payload.design)
        if len(device._contexts) >= HW_CONTEXT_LIMIT[design.device.generation]:
            raise RuntimeError("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory")
        self._device, self._file, self._design = device, file, design
        self._slot = next(device._slots)
        self._running: run | None = None
        self._child.set_up(design, payload.library, settings.manner)
        device._contexts.add(self)


def _lowered(text: str) -> LoweredDesign:
    """Of a file that another tileproof has packed. Late: xDSL takes longer to import than a design takes to run."""
    from tileproof.lowering.lower import lower_design
    from tileproof.mlir.reader import read_design

    return lower_design(read_design(text, "design.mlir"))


class kernel:
    """A compute unit of a context."""

    def __init__(self, context: hw_context, name: str) -> None:
        kernels = read_kernels(context._file._xclbin, context._file._name)
        found = [entry for entry in kernels if entry.name == name.split(":", maxsplit=1)[0]]
        if not found:
            raise RuntimeError(f"No such kernel '{name}': Invalid argument")
        self._context = context
        self._name = found[0].name
        self._arguments: tuple[Argument, ...] = found[0].arguments

    def group_id(self, index: int) -> int:
        if not 0 <= index < len(self._arguments):
            raise IndexError(_range_check(index, len(self._arguments)))
        return self._arguments[index].group_id(self._context._slot)

    def __call__(self, *arguments: object) -> run:
        started = run(self)
        for index, argument in enumerate(arguments):
            # The binding tries the argument as a BO, then as an int, each in its own catch-all, and goes on.
            try:
                started.set_arg(index, argument)  # type: ignore[arg-type]
            except (RuntimeError, IndexError, TypeError) as error:
                self._swallowed(index, argument, error)
        started.start()
        return started

    def _swallowed(self, index: int, argument: object, error: Exception) -> None:
        takes = f"takes {self._arguments[index].kind}s" if index < len(self._arguments) else "is not there"
        named = self._arguments[index].name if index < len(self._arguments) else f"of {len(self._arguments)}"
        journal.note(
            DECIDES,
            f"kernel(...) was called with {_shown(argument)} as argument {index} ({named}), which {takes}; "
            "it ran without it",
            f"the binding swallows the error: {type(error).__name__}: {error}",
            f"{_CALL}; run.set_arg raises where the call stays silent",
        )


_CALL = "call kernel(3, instructions, words, buffers of the runtime sequence in its order)"


class run:
    """One execution of a kernel. `report` is the emulator's own: how it ended, and what was found."""

    def __init__(self, kernel: kernel) -> None:
        self._kernel = kernel
        commands = kernel._context._device._commands
        # The registers of a new command are those of an older one, until they are set.
        self._values: dict[int, bo | int] = commands.pop() if commands else {}
        self._own: set[int] = set()  # the arguments that this run has set itself
        weakref.finalize(self, _give_back, commands, self._values)
        self._state = ert_cmd_state.ERT_CMD_STATE_NEW
        self._sent = 0.0
        self._listed = False  # whether a runlist starts it
        self._bound: dict[int, bo] = {}
        self.report: RunReport | None = None

    def _is_under_way(self) -> bool:
        return self._state == ert_cmd_state.ERT_CMD_STATE_SUBMITTED

    def set_arg(self, index: int, value: bo | int) -> None:
        arguments = self._kernel._arguments
        if not 0 <= index < len(arguments):
            if isinstance(value, bo):
                raise _crash(index, len(arguments))
            raise IndexError(_range_check(index, len(arguments)))
        if isinstance(value, bo):
            self._check_bank(arguments[index], value)
        elif not isinstance(value, int) or isinstance(value, bool):
            raise TypeError("set_arg(): incompatible function arguments.")
        self._values[index] = value
        self._own.add(index)

    def _check_bank(self, argument: Argument, value: bo) -> None:
        banks = self._kernel._context._file.get_mems()
        if value._bank >= len(banks):
            raise IndexError(_range_check(value._bank, len(banks)))
        if value._bank in argument.banks:
            return
        group_id = argument.group_id(self._kernel._context._slot)
        sys.stderr.write(  # XRT's own words, where XRT puts them
            f"[XRT] WARNING: Kernel {self._kernel._name} has no compute units with connectivity required for global "
            f"argument at index {argument.index}. The argument is allocated in bank {value._bank}, the compute unit "
            f"is connected to bank {group_id}. Allocating local copy of argument buffer in connected bank.\n"
        )
        # The copy cannot be made on an NPU: no engine copies, and its clone has no host mapping (XRT xrt_bo.cpp).
        sys.stderr.write("[XRT] WARNING: Reverting to host copy of buffers (exec_buf: Operation not supported)\n")
        raise RuntimeError("No host side buffer in destination buffer: Invalid argument")

    def start(self) -> None:
        if self._listed:
            raise RuntimeError("Run object belongs to a runlist and cannot be explicitly started: Invalid argument")
        self._start()

    def _start(self) -> None:
        context = self._kernel._context
        if context._running is not None:
            context._running.wait()
        self._state = ert_cmd_state.ERT_CMD_STATE_SUBMITTED
        self._note_unsynced()
        self._note_left_over()
        problem = self._unable()
        if problem is not None:
            self._finish(RunReport(state=ERROR, faults=(problem,)), {})
            return
        self._bound = self._bind()
        for buffer in self._bound.values():
            buffer._written_by = weakref.ref(self)
        # By identity: a buffer that is bound twice is one memory.
        copies = {id(buffer): buffer._device_copy.tobytes() for buffer in self._bound.values()}
        context._child.send(Run(self._instructions(), {k: copies[id(b)] for k, b in self._bound.items()}))
        context._running, self._sent = self, time.monotonic()

    def _note_unsynced(self) -> None:
        for index, value in self._values.items():
            if isinstance(value, bo) and index in self._own and value._is_unsynced():
                named = self._kernel._arguments[index].name
                journal.note(
                    DECIDES,
                    f"argument {index} ({named}) was written and not synced before the run",
                    "the device sees what was synced, not what was written",
                    "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE) after the last write",
                )

    def _note_left_over(self) -> None:
        """An argument that this run has not set keeps what an earlier run left in its register."""
        for index in sorted(self._values.keys() - self._own):
            if index > 1 and not self._moves(index):
                continue
            journal.note(
                DECIDES,
                f"argument {index} ({self._kernel._arguments[index].name}) was not set, and its register still holds "
                "what an earlier run left there",
                "XRT takes the command of an ended run for the next, and clears none of its registers",
                f"{_CALL}; set every argument of every run",
            )

    def _moves(self, index: int) -> bool:
        """Whether the instructions ask for the address of that argument."""
        if not isinstance(self._values.get(1), bo):
            return False
        try:
            stream = decode(self._instructions(), "instructions")
        except Problem:
            return False
        patched = {action.argument for action in npu_actions(stream) if isinstance(action, PatchBd)}
        return index - FIRST_BUFFER in patched

    def _unable(self) -> Fault | None:
        """Why the command cannot even begin, as the firmware would find it."""
        instructions = self._values.get(1)
        if self._values.get(0) != OPCODE_TRANSACTION:
            return Fault(
                kind="opcode",
                what=f"argument 0 (opcode) is {_shown(self._values.get(0))}, and must be {OPCODE_TRANSACTION}",
                why="the firmware executes an instruction stream in transaction format for opcode 3 only",
                fix="call kernel(3, bo_instr, ninstr, bo0, ...)",
            )
        if not isinstance(instructions, bo):
            return Fault(
                kind="instructions",
                what="argument 1 (instr) has no buffer",
                why="there is nothing to execute",
                fix="allocate it with kernel.group_id(1) and bo.cacheable, write insts.bin into it, and sync it",
            )
        return self._kernel._context._child.death

    def _instructions(self) -> bytes:
        """The stream says its own length in word 3; what lies behind it is not executed."""
        buffer = self._values[1]
        assert isinstance(buffer, bo)
        data = buffer._device_copy.tobytes()
        declared = int.from_bytes(data[12:16], "little")
        return data[:declared] if 16 <= declared <= len(data) else data

    def _bind(self) -> dict[int, bo]:
        """The buffers as they are bound now, by sequence argument."""
        return {k - FIRST_BUFFER: v for k, v in self._values.items() if k >= FIRST_BUFFER and isinstance(v, bo)}

    def wait(self, timeout_ms: int | None = None) -> ert_cmd_state:
        """The state the command ended in; TIMEOUT without an exception if it has not ended in time."""
        if not self._is_under_way():
            return self._state
        child = self._kernel._context._child
        left = settings.watchdog_s - (time.monotonic() - self._sent)
        asked = timeout_ms / 1000 if timeout_ms else None
        try:
            answer = child.receive(max(0.0, left if asked is None else min(asked, left)))
        except Problem as problem:
            answer = Finished(RunReport(state=ERROR, faults=(Fault.of(problem),)), {})
        except BaseException:
            self._finish(RunReport(state=ERROR), {})
            raise
        if answer is None:
            if asked is not None and asked < left:
                return ert_cmd_state.ERT_CMD_STATE_TIMEOUT
            answer = child.give_up(settings.watchdog_s)
        self._finish(answer.report, answer.buffers)
        return self._state

    def _finish(self, report: RunReport, buffers: dict[int, bytes]) -> None:
        for number, data in buffers.items():
            self._bound[number]._from_run(data)
        self.report = report
        self._state = ert_cmd_state(report.state)
        for fault in report.faults:
            journal.note(DECIDES, fault.what, f"{fault.where}: {fault.why}" if fault.where else fault.why, fault.fix)
        if self._kernel._context._running is self:
            self._kernel._context._running = None

    def wait2(self) -> None:
        state = self.wait()
        if state != COMPLETED:
            raise RuntimeError(f"Command failed to complete successfully ({state.name})")

    def state(self) -> ert_cmd_state:
        """The state now; a run that has ended since is noticed here too."""
        if self._is_under_way() and self._kernel._context._child.answered():
            return self.wait()
        return self._state


class runlist:
    """Runs of one context, executed in their order."""

    def __init__(self, context: hw_context) -> None:
        self._context = context
        self._runs: list[run] = []

    def add(self, entry: run) -> None:
        entry._listed = True
        self._runs.append(entry)

    def execute(self) -> None:
        for entry in self._runs:
            entry._start()

    def wait(self) -> None:
        if any(entry.wait() != COMPLETED for entry in self._runs):
            raise RuntimeError("runlist failed execution")


def _give_back(commands: list[dict[int, bo | int]], registers: dict[int, bo | int]) -> None:
    if len(commands) < _CACHED_COMMANDS:
        commands.append(registers)


def log_message(level: int, tag: str, message: str) -> None:
    """To standard error, as XRT's console log puts it. `level` 0 (emergency) to 7 (debug)."""
    sys.stderr.write(f"[{tag}] {_LEVELS[level]}: {message}\n")


_LEVELS = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


def _crash(index: int, count: int) -> Problem:
    return Problem(
        f"a buffer was passed as argument {index}, and the kernel has {count}",
        where=f"argument {index}",
        why="XRT looks beyond the end of a table there, and the real process dies of a segmentation fault",
        fix="pass the opcode, the instructions, their count, and as many buffers as the runtime sequence has arguments",
    )


def _range_check(index: int, size: int) -> str:
    """What libstdc++ says, and pyxrt passes on."""
    return f"vector::_M_range_check: __n (which is {index}) >= this->size() (which is {size})"


def _shown(value: object) -> str:
    return "a buffer" if isinstance(value, bo) else "not set" if value is None else str(value)


__all__ = [
    "XCL_BO_FLAGS_NONE",
    "bo",
    "device",
    "enumerate_devices",
    "ert_cmd_state",
    "hw_context",
    "kernel",
    "log_message",
    "run",
    "runlist",
    "uuid",
    "xclBOSyncDirection",
    "xclbin",
]
