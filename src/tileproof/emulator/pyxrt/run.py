"""pyxrt's run and runlist: a command, its registers, and how it ended (XRT core/common/api/xrt_kernel.cpp)."""

from __future__ import annotations

import operator
import sys
import time
import weakref
from dataclasses import replace
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Never

from tileproof.diagnostic import Diagnostic
from tileproof.emulator.array.faults import RunReport
from tileproof.emulator.process.messages import Finished, Run
from tileproof.emulator.pyxrt.bo import bo
from tileproof.emulator.pyxrt.empty import refuse_empty, unset
from tileproof.emulator.pyxrt.journal import journal
from tileproof.emulator.pyxrt.mistakes import moved_by, note_before
from tileproof.emulator.pyxrt.raises import raised
from tileproof.emulator.pyxrt.settings import settings
from tileproof.emulator.pyxrt.watch import Watch
from tileproof.errors import Problem
from tileproof.xclbin import Argument
from tileproof.xrt import COMPLETED, CTRL_SCRATCHPAD, ERROR, FIRST_BUFFER, OPCODE_TRANSACTION, TIMEOUT

if TYPE_CHECKING:
    from tileproof.emulator.pyxrt.context import ComputeUnit, hw_context

_CACHED_COMMANDS = 128  # XRT core/common/bo_cache.h: how many command buffers a device keeps for new runs


class ert_cmd_state(IntEnum):  # XRT's ert.h; RUNNING is not bound in 2.20
    __str__ = Enum.__str__  # as pybind11 prints one

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


class run:
    """One execution of a kernel. `report` is the emulator's own: how it ended, and what was found."""

    def __init__(self, kernel: ComputeUnit | None = None) -> None:
        if kernel is None:
            return
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
        self._sent_words = b""
        self._contents: dict[int, bytes] = {}  # of the buffers, as the part that is under way was sent them
        self._faults: tuple[Diagnostic, ...] = ()  # of the parts before it
        self._under_way = 0
        self._scratchpad: bo | None = None
        self._watch = Watch()
        weakref.finalize(self, self._watch.told)
        self.report: RunReport | None = None

    if not TYPE_CHECKING:
        __getattr__ = unset

    def _is_under_way(self) -> bool:
        return self._state == ert_cmd_state.ERT_CMD_STATE_SUBMITTED

    def set_arg(self, index: int, value: bo | int) -> None:
        try:
            self._set(index, value)
        except (RuntimeError, IndexError) as error:
            raised(error)
            raise

    def _set(self, index: int, value: bo | int) -> None:
        arguments = self._kernel._arguments[self._kernel._shift :]
        if not 0 <= index < len(arguments):
            if isinstance(value, bo):
                raise _crash(index, len(arguments))
            raise IndexError(range_check(index, len(arguments)))
        self._set_known(index + self._kernel._shift, value)

    def _set_known(self, index: int, value: bo | int) -> None:
        arguments = self._kernel._arguments
        if isinstance(value, bo):
            self._check_bank(arguments[index], value)
            self._values[index] = value
        elif hasattr(value, "__index__"):  # what pybind11 takes for an int: numpy's, too
            self._values[index] = operator.index(value)
        else:
            raise TypeError("set_arg(): incompatible function arguments.")
        self._own.add(index)

    def _check_bank(self, argument: Argument, value: bo) -> None:
        if self._kernel._shift:  # a full ELF has no banks
            return
        banks = self._kernel._context._file.get_mems()
        if value._bank >= len(banks):
            raise IndexError(range_check(value._bank, len(banks)))
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
            raise raised(
                RuntimeError("Run object belongs to a runlist and cannot be explicitly started: Invalid argument")
            )
        with self._kernel._context._lock:
            if self._is_under_way():
                raise RuntimeError("bad command state, can't launch")
            self._start()

    def _start(self) -> None:
        context = self._kernel._context
        if context._running is not None:
            context._running._waited()
        context._load(self._kernel._name)
        self._state = ert_cmd_state.ERT_CMD_STATE_SUBMITTED
        self._contents, self._faults, self._under_way = {}, (), 0
        self._watch.starts()
        note_before(self)
        problem = self._unable()
        if problem is not None:
            self._finish(RunReport(state=ERROR, faults=(problem,)), {})
            return
        self._bound, self._sent_words = self._bind(), self._instructions() or b""
        for value in (*self._values.values(), *self._bound.values()):
            if isinstance(value, bo):
                value._in_use_by = weakref.ref(self)
        if self._kernel._parts:
            context._child.set_up(self._kernel._parts[0], context._library, settings.manner, goes_on=True)
        # By identity: a buffer that is bound twice is one memory.
        copies = {id(buffer): buffer._device_copy.tobytes() for buffer in self._bound.values()}
        self._contents = {k: copies[id(b)] for k, b in self._bound.items()}
        context._child.send(Run(self._sent_words, self._contents))
        context._running, self._sent = self, time.monotonic()

    def _unable(self) -> Diagnostic | None:
        """Why the command cannot even begin, as the firmware would find it."""
        if self._kernel._streams:
            return self._kernel._context._child.death
        instructions = self._values.get(1)
        if self._values.get(0) != OPCODE_TRANSACTION:
            return Diagnostic(
                id="opcode",
                what=f"argument 0 (opcode) is {shown(self._values.get(0))}, and must be {OPCODE_TRANSACTION}",
                why="the firmware executes an instruction stream in transaction format for opcode 3 only",
                fix="call kernel(3, bo_instr, ninstr, bo0, ...)",
            )
        if not isinstance(instructions, bo):
            return Diagnostic(
                id="instructions",
                what="argument 1 (instr) has no buffer",
                why="there is nothing to execute",
                fix="allocate it with kernel.group_id(1) and bo.cacheable, write insts.bin into it, and sync it",
            )
        if not instructions._device_copy.any():
            return Diagnostic(
                id="instructions",
                what="argument 1 (instr) holds no instructions: every byte of it is 0 on the device",
                why="insts.bin was not written into it, or not synced",
                fix="instr.write(words, 0), then instr.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE)",
            )
        return self._kernel._context._child.death

    def _instructions(self) -> bytes | None:
        """What the device has of them. The stream says its own length in word 3; what lies behind is not executed."""
        if self._kernel._streams:
            return self._kernel._streams[0]
        buffer = self._values.get(1)
        if not isinstance(buffer, bo):
            return None
        data = buffer._device_copy.tobytes()
        declared = int.from_bytes(data[12:16], "little")
        return data[:declared] if 16 <= declared <= len(data) else data

    def _bind(self) -> dict[int, bo]:
        """The buffers as they are bound now, by sequence argument."""
        bound = {k - FIRST_BUFFER: v for k, v in self._values.items() if k >= FIRST_BUFFER and isinstance(v, bo)}
        if self._kernel._scratchpad_bytes:
            bound[CTRL_SCRATCHPAD] = self._ctrl_scratchpad()
        return bound

    def _ctrl_scratchpad(self) -> bo:
        """What the host gives the firmware words in. XRT binds it in C++ since 2.20 (xrt_module.cpp)."""
        if not self._kernel._streams:
            raise RuntimeError("No module associated with run object")
        if not self._kernel._scratchpad_bytes:
            raise RuntimeError("Control scratchpad memory is not present\n")
        if self._scratchpad is None:
            device, nbytes = self._kernel._context._device, self._kernel._scratchpad_bytes
            self._scratchpad = bo(device, nbytes, bo.flags.host_only, 0)
        return self._scratchpad

    def wait(self, timeout_ms: int | None = None) -> ert_cmd_state:
        """The state the command ended in; TIMEOUT without an exception if it has not ended in time."""
        state = self._waited(timeout_ms)
        self._watch.returned(state, has_ended=not self._is_under_way())
        return state

    def _waited(self, timeout_ms: int | None = None) -> ert_cmd_state:
        """One thread at a time: a second one that waits finds the run ended, or gives up in its own time."""
        asked = timeout_ms / 1000 if timeout_ms else None
        lock = self._kernel._context._lock
        if not lock.acquire(timeout=-1 if asked is None else asked):
            return ert_cmd_state.ERT_CMD_STATE_TIMEOUT
        try:
            if not self._is_under_way():
                return self._state
            answer = self._answer(asked)
            if answer is None:
                return ert_cmd_state.ERT_CMD_STATE_TIMEOUT
            self._finish(answer.report, answer.buffers)
            return self._state
        finally:
            lock.release()

    def _answer(self, asked: float | None) -> Finished | None:
        """The end of the command; None if it has not come after `asked` seconds."""
        answer = self._answer_of_part(asked)
        while answer is not None and answer.report.state == COMPLETED and self._goes_on():
            self._go_on(answer)
            answer = self._answer_of_part(asked)
        return answer

    def _goes_on(self) -> bool:
        return self._under_way + 1 < len(self._kernel._streams)

    def _go_on(self, before: Finished) -> None:
        """With the next part of a sequence, on an array that is new."""
        self._under_way += 1
        context, buffers = self._kernel._context, {**self._contents, **before.buffers}
        on = self._kernel._parts[self._under_way]
        context._child.set_up(on, context._library, settings.manner, goes_on=True)
        context._child.send(Run(self._kernel._streams[self._under_way], buffers))
        self._contents, self._sent = buffers, time.monotonic()
        self._faults += before.report.faults

    def _answer_of_part(self, asked: float | None) -> Finished | None:
        child = self._kernel._context._child
        left = settings.watchdog_s - (time.monotonic() - self._sent)
        try:
            answer = child.receive(max(0.0, left if asked is None else min(asked, left)))
        except Problem as problem:
            return Finished(RunReport(state=ERROR, faults=(problem.diagnostic,)), {})
        except BaseException:  # Ctrl-C, or a bug of ours: the run is over for whoever holds it
            self._finish(RunReport(state=ERROR), {})
            raise
        if answer is None and (asked is None or asked >= left):
            return child.give_up(settings.watchdog_s)
        return answer

    def _finish(self, report: RunReport, buffers: dict[int, bytes]) -> None:
        report = replace(report, faults=(*self._faults, *report.faults))
        buffers = {**self._contents, **buffers} if self._under_way else buffers
        streams = self._kernel._streams or (self._sent_words,)
        found = [moved_by(stream) or () for stream in streams] if report.state == COMPLETED else []
        moved = [one for each in found for one in each]
        for number, data in buffers.items():
            of_it = [m for m in moved if m.argument == FIRST_BUFFER + number and m.direction == "S2MM"]
            written = [(one.begin, one.end) for one in of_it if not one.is_shifted]
            self._bound[number]._from_run(data, written, is_written=bool(of_it))
        self.report = report
        self._state = ert_cmd_state(report.state)
        for fault in report.faults:
            journal.note(fault.id, fault.what, f"{fault.place}: {fault.why}" if fault.place else fault.why, fault.fix)
        if self._kernel._context._running is self:
            self._kernel._context._running = None

    def add_callback(self, *arguments: object) -> Never:
        raise TypeError("add_callback(): incompatible function arguments.")  # 2.20 converts no Python function

    def wait2(self, *timeout: object) -> None:
        if timeout:
            raise TypeError("wait2(): incompatible function arguments.")  # 2.20 converts no timedelta
        state = self._waited()
        self._watch.looked_at(has_ended=True)
        if state != COMPLETED:
            raise RuntimeError(f"Command failed to complete successfully ({state.name})" + _health(state))

    def state(self) -> ert_cmd_state:
        """The state now; a run that has ended since is noticed here too."""
        with self._kernel._context._lock:
            if self._is_under_way() and self._kernel._context._child.answered():
                self._waited()
            self._watch.looked_at(has_ended=not self._is_under_way())
            return self._state


class runlist:
    """Runs of one context, executed in their order."""

    def __init__(self, context: hw_context | None = None) -> None:
        if context is None:
            return
        refuse_empty(context)
        self._context = context
        self._runs: list[run] = []
        self._state = "idle"

    if not TYPE_CHECKING:
        __getattr__ = unset

    def _must_be_idle(self, before: str) -> None:
        if self._state != "idle":
            what = f"runlist must be idle before {before}, current state: {self._state}"
            raise RuntimeError(f"{what}: Invalid argument")

    def add(self, entry: run) -> None:
        refuse_empty(entry)
        self._must_be_idle("adding run objects")
        if entry._listed:
            raise RuntimeError("Run object already associated with a runlist")
        entry._listed = True
        self._runs.append(entry)

    def execute(self) -> None:
        self._must_be_idle("submitting for execution")
        if self._runs:
            self._state = "running"
        for entry in self._runs:
            with self._context._lock:
                entry._watch.listed()
                entry._start()

    def wait(self) -> None:
        states = [entry._waited() for entry in self._runs]
        for entry in self._runs:
            entry._watch.looked_at(has_ended=True)
        self._state = "idle"
        if any(state != COMPLETED for state in states):
            self._state = "error"
            raise RuntimeError("runlist failed execution")


def _health(state: int) -> str:
    """What XRT adds for a command that timed out (xrt_kernel.cpp, aie_error). The emulator has no firmware to ask: 0,
    and the index that a firmware gives which does not know."""
    if state != TIMEOUT:
        return ""
    lines = {"txn_op_idx": 0xFFFFFFFF, "ctx_pc": 0, "fatal_error_type": 0, "fatal_error_exception_type": 0}
    lines |= {"fatal_error_exception_pc": 0, "fatal_error_app_module": 0}
    return "".join(f"\n{name} = 0x{value:08X}" for name, value in lines.items())


def _give_back(commands: list[dict[int, bo | int]], registers: dict[int, bo | int]) -> None:
    if len(commands) < _CACHED_COMMANDS:
        commands.append(registers)


def _crash(index: int, count: int) -> Problem:
    return Problem(
        f"a buffer was passed as argument {index}, and the kernel has {count}",
        id="beyond-arguments",
        where=f"argument {index}",
        why="XRT looks beyond the end of a table there, and the real process dies of a segmentation fault",
        fix="pass the opcode, the instructions, their count, and as many buffers as the runtime sequence has arguments",
    )


def range_check(index: int, size: int) -> str:
    """What libstdc++ says, and pyxrt passes on."""
    return f"vector::_M_range_check: __n (which is {index}) >= this->size() (which is {size})"


def shown(value: object) -> str:
    return "a buffer" if isinstance(value, bo) else "not set" if value is None else str(value)
