"""The one host program: written against pyxrt's API, it runs a kernel on the NPU and on the emulator alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tileproof.device import EMULATOR, OpenDevice
from tileproof.diagnostic import Diagnostic
from tileproof.errors import EXIT_NOT_HERE, Problem, bytes_of
from tileproof.insts import binary_words
from tileproof.xclbin import Argument, Xclbin, read_kernels, read_xclbin
from tileproof.xclbin.provenance import Provenance, check_pair, read_provenance
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER, OPCODE_TRANSACTION, state_name

if TYPE_CHECKING:
    from tileproof.emulator.array.timeline import Timeline

# What outputs are filled with before a run; the bitwise complement on every other run.
POISON = 0xA5

# What the argument ninstr counts: 32-bit words in C++ hosts and in mlir-aie's Python until 2025-12
# (python/utils/xrt.py), bytes in its Python since (#2737, hostruntime.py).
Counted = Literal["words", "bytes"]
_BYTES_OF: Mapping[Counted, int] = {"words": 4, "bytes": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One run: XRT's state, the outputs by buffer number, times in seconds, and what the device found wrong."""

    state: int
    outputs: dict[int, bytes] = field(repr=False)
    seconds: Mapping[str, float]
    faults: tuple[Diagnostic, ...] = ()
    untouched: tuple[int, ...] = ()  # outputs that still hold what they were filled with
    poison: int | None = None  # the byte that outputs were filled with
    timeline: Timeline | None = None  # as the emulator's model has it
    unconfirmed: tuple[int, ...] = ()  # rules of the emulator's that decided results, by number

    @property
    def state_name(self) -> str:
        return state_name(self.state)


class LoadedKernel:
    """An xclbin and its instructions, loaded on a device: one hardware context, buffers made once, run after run.

    `sizes` are the bytes of each host buffer, in the order of the runtime sequence's arguments; `timeout_s` is the
    longest a run on the NPU may take; `counted` is what ninstr counts.
    """

    def __init__(
        self,
        device: OpenDevice,
        xclbin: Path,
        insts: Path,
        sizes: Mapping[int, int],
        timeout_s: float = 30.0,
        counted: Counted = "words",
    ) -> None:
        self._xrt, self._device_name = device.xrt, device.name
        # The emulator has a watchdog that says what it ended; XRT's own wait would be for ever.
        self._timeout_ms = None if device.name == EMULATOR else max(1, round(1000 * timeout_s))
        self._name, self.arguments, self.provenance = _metadata(xclbin)
        words = binary_words(bytes_of(insts))
        if self.provenance is not None:
            check_pair(self.provenance, words, xclbin.name, insts.name)
        self._refuse_other_arguments(xclbin, len(sizes))
        try:
            self._device, self._context, self._kernel = self._load(xclbin)
            self._instructions = self._buffer(1, len(words), "cacheable")
            self._instructions.write(words, 0)
            self._sync(self._instructions, to_device=True)
            self._count = len(words) // _BYTES_OF[counted]
            self._buffers = {k: self._buffer(FIRST_BUFFER + k, size, "host_only") for k, size in sizes.items()}
        except _XRT_ERRORS as error:
            raise _refused(device.name, f"{xclbin.name} could not be loaded", error) from None
        self._runs = 0

    def _load(self, path: Path) -> tuple[Any, Any, Any]:
        xrt = self._xrt
        device, file = xrt.device(0), xrt.xclbin(str(path))
        device.register_xclbin(file)
        context = xrt.hw_context(device, file.get_uuid())
        return device, context, xrt.kernel(context, self._name)

    def close(self) -> None:
        """Give the context back, and what was made in it."""
        self._buffers.clear()
        del self._instructions, self._kernel, self._context

    def in_order(self, seed: int, inputs: Mapping[int, bytes], patience_s: float) -> RunResult:
        """On the emulator: run once in the legal order of a seed, on an array that is set up for it."""
        self._context._begin_again(seed)
        settings = self._xrt.settings
        watchdog_s, settings.watchdog_s = settings.watchdog_s, patience_s
        try:
            return self.run(inputs)
        finally:
            settings.watchdog_s = watchdog_s

    def begin_again(self) -> bool:
        """On the emulator: set the array up as it was at first; false where its process has ended."""
        if not self._context._is_gone:
            self._context._begin_again(None)
        return not self._context._is_gone

    def run(self, inputs: Mapping[int, bytes]) -> RunResult:
        """Run once. Buffers that are no input are poisoned first, so that what the kernel leaves alone is seen."""
        poison = POISON if self._runs % 2 == 0 else POISON ^ 0xFF
        self._runs += 1
        try:
            contents = {n: inputs.get(n, bytes([poison]) * b.size()) for n, b in self._buffers.items()}
            return replace(self._run(contents, inputs), poison=poison)
        except _XRT_ERRORS as error:
            raise _refused(self._device_name, "the run was refused", error) from None

    def _run(self, contents: Mapping[int, bytes], inputs: Mapping[int, bytes]) -> RunResult:
        started = time.perf_counter()
        for number, data in contents.items():
            self._buffers[number].write(data, 0)
            self._sync(self._buffers[number], to_device=True)
        synced = time.perf_counter()
        run = self._start()
        launched = time.perf_counter()
        state = int(run.wait() if self._timeout_ms is None else run.wait(self._timeout_ms))
        finished = time.perf_counter()
        outputs = {number: self._read_back(number) for number in self._buffers if number not in inputs}
        report = getattr(run, "report", None)  # the emulator's own; XRT has none
        return RunResult(
            state=state,
            outputs=outputs,
            seconds={
                "sync": synced - started,
                "launch": launched - synced,
                "wait": finished - launched,
                "read": time.perf_counter() - finished,
            },
            faults=report.faults if report is not None else (),
            untouched=tuple(number for number, data in outputs.items() if data == contents[number]),
            timeline=report.timeline if report is not None else None,
            unconfirmed=report.unconfirmed if report is not None else (),
        )

    def _start(self) -> Any:
        """run + set_arg rather than kernel(...): the binding's call swallows every error of an argument."""
        values = {"opcode": OPCODE_TRANSACTION, "instr": self._instructions, "ninstr": self._count}
        run = self._xrt.run(self._kernel)
        for argument in self.arguments:
            number = argument.index - FIRST_BUFFER
            if argument.name in values:
                run.set_arg(argument.index, values[argument.name])
            elif number in self._buffers:
                run.set_arg(argument.index, self._buffers[number])
        run.start()
        return run

    def _buffer(self, argument: int, size: int, flags: str) -> Any:
        xrt = self._xrt
        return xrt.bo(self._device, size, getattr(xrt.bo, flags), self._kernel.group_id(argument))

    def _sync(self, buffer: Any, *, to_device: bool) -> None:
        direction = self._xrt.xclBOSyncDirection
        buffer.sync(direction.XCL_BO_SYNC_BO_TO_DEVICE if to_device else direction.XCL_BO_SYNC_BO_FROM_DEVICE)

    def _read_back(self, number: int) -> bytes:
        buffer = self._buffers[number]
        self._sync(buffer, to_device=False)
        return bytes(np.asarray(buffer.read(buffer.size(), 0)).view(np.uint8))

    def _refuse_other_arguments(self, xclbin: Path, wanted: int) -> None:
        """XRT ends in a segmentation fault for a buffer beyond the kernel's arguments."""
        here = len(self.arguments) - FIRST_BUFFER
        if wanted > here or [a.name for a in self.arguments[:FIRST_BUFFER]] != list(CALL_ARGUMENTS):
            raise Problem(
                f"{xclbin.name} does not take the arguments that the kernel has",
                id="TP702",
                where=f"{xclbin.name}, section EMBEDDED_METADATA",
                why="its arguments are "
                + ", ".join(a.name for a in self.arguments)
                + f"; the kernel has {wanted} buffers",
                fix="use the xclbin that was built for this kernel",
            )


def open_xclbin(path: Path) -> Xclbin:
    """The container in a file; a `Problem` for a file that is none."""
    return read_xclbin(bytes_of(path), path.name)


def _metadata(path: Path) -> tuple[str, tuple[Argument, ...], Provenance | None]:
    """Name and arguments of the kernel to call, and where the file came from if it is ours."""
    xclbin = open_xclbin(path)
    kernels = read_kernels(xclbin, path.name)
    # Newer mlir-aie puts a suffix behind the name; the prefix is what all have in common.
    chosen = next((kernel for kernel in kernels if kernel.name.startswith("MLIR_AIE")), None)
    if chosen is None:
        raise Problem(
            f"{path.name} has no kernel that begins with MLIR_AIE",
            id="no-such-kernel",
            where=f"{path.name}, section EMBEDDED_METADATA",
            why="its kernels: " + (", ".join(kernel.name for kernel in kernels) or "none"),
            fix="use an xclbin that mlir-aie or tileproof made for an NPU",
        )
    return chosen.name, chosen.arguments, read_provenance(xclbin)


# What pyxrt raises: std::exception, out_of_range and invalid_argument, a call that fits no overload, and bad_alloc.
_XRT_ERRORS = (RuntimeError, IndexError, ValueError, TypeError, MemoryError, OSError)


def _refused(device: str, what: str, error: Exception) -> Problem:
    return Problem(
        f"{what} by the {device}" if what.endswith("refused") else f"{what} on the {device}",
        id="npu-refused",
        where="pyxrt",
        why=str(error).strip() or type(error).__name__,
        fix="`tileproof doctor` looks at the device and what it needs; another process may hold its contexts",
        exit_code=EXIT_NOT_HERE,
    )
