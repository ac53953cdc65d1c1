"""Numbers of XRT: group ids, banks, buffer flags, states of a command, error codes.

Sources: XRT include/xrt/detail/xrt_mem.h (the bits of xcl_bo_flags), core/common/api/xrt_kernel.cpp (group_id),
include/xrt/detail/ert.h (states), the amdxdna driver (contexts and their ids).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from tileproof.diagnostic import Diagnostic, Place
from tileproof.explain.message import one_of
from tileproof.xclbin import NO_BANK
from tileproof.xrt import STATE_NAMES, state_name

# The banks of every xclbin that aiecc packages: two labels of the same host memory.
BANK_NAMES = {0: "HOST, where the buffers of the runtime sequence go", 1: "SRAM, where the instruction buffer goes"}
_BO_FLAGS = {
    0x01: "cacheable",
    0x02: "carveout",
    0x04: "sgl",
    0x08: "svm",
    0x10: "device_only",
    0x20: "host_only",
    0x40: "p2p",
    0x80: "execbuf",
}
_SLOT_SHIFT, _FLAGS_SHIFT = 16, 24
_BYTE = 0xFF

_STATES = {
    4: "the command ran to its end; whether its output is right is another question: compare it",
    5: "the firmware refused the command, for instance for an opcode that it does not know",
    6: "the command was thrown away, mostly because an earlier one hung and the context was reset",
    8: "the command did not end in time: a deadlock in the design, which `tileproof check` and `emulate` name, or more "
    "work than the driver's watchdog allows",
}
_NO_OUTPUT = "what the output buffers hold is not the kernel's answer"


def group_id_text(value: int) -> str:
    """The parts of a group id in a row: `slot 1, no bank`."""
    bank, slot = value & NO_BANK, value >> _SLOT_SHIFT & _BYTE
    return f"slot {slot}, " + ("no bank" if bank == NO_BANK else f"bank {bank}")


def explain_number(value: int) -> Iterator[Diagnostic]:
    """What a number can be, the likeliest first."""
    said = str(value) if value < 0 else f"{value} (0x{value:x})"
    if value < 0:
        yield from _code(-value, said)
        return
    if value in STATE_NAMES:
        yield explain_state(value, said)
    yield explain_bank(value)
    if value in errno.errorcode:
        yield from _code(value, said)


def explain_bank(value: int) -> Diagnostic:
    """A number that is known to be a bank or a group id, >= 0."""
    said = f"{value} (0x{value:x})"
    return _group_id(value, said) if value > _BYTE else _bank(value, said)


def _group_id(value: int, said: str) -> Diagnostic:
    bank, slot, flags = value & NO_BANK, value >> _SLOT_SHIFT & _BYTE, value >> _FLAGS_SHIFT & _BYTE
    parts = [f"bits 0 to 15 are 0x{bank:x}"]
    if slot:
        parts.append(f"bits 16 to 23 are {slot}, the slot: the number of the hardware context, and no memory")
    if flags:
        names = [name for bit, name in _BO_FLAGS.items() if flags & bit]
        parts.append(f"bits 24 to 31 are the flags of a buffer: {', '.join(names)}")
    in_slot = f" in slot {slot}" if slot else ""
    if bank == NO_BANK:
        return Diagnostic(
            id="group-id",
            place=Place.told(said),
            what=f"a group id{in_slot}: the argument is a scalar, and has no memory",
            why="; ".join([*parts, "0xffff is what XRT's -1 for `no memory` leaves of 16 bits"]),
            fix="pass a number for that argument: mlir-aie's kernels have the opcode (3) at 0, the count of words at 2",
        )
    if bank in BANK_NAMES:
        return Diagnostic(
            id="group-id",
            place=Place.told(said),
            what=f"a group id{in_slot}: bank {bank}, {BANK_NAMES[bank]}",
            why="; ".join([*parts, "on an NPU both banks are labels of the same host memory"]),
            fix="allocate the buffer of an argument with kernel.group_id of that same argument",
        )
    return Diagnostic(
        id="group-id",
        place=Place.told(said),
        what=f"a group id{in_slot}: bank {bank}, which aiecc's xclbins do not have",
        why="; ".join(parts),
        fix="`tileproof inspect FILE.xclbin` shows the banks of a file and the arguments that reach them",
    )


def _bank(value: int, said: str) -> Diagnostic:
    name = BANK_NAMES.get(value)
    return Diagnostic(
        id="bank",
        place=Place.told(said),
        what=f"as a bank: {name}" if name else "as a bank: one that aiecc's xclbins do not have",
        why="the index of a memory in the xclbin's topology; without a slot it does as well as a whole group id",
        fix="`tileproof inspect FILE.xclbin` shows the banks of a file and the arguments that reach them",
    )


def explain_state(state: int, said: str) -> Diagnostic:
    """A state of a command, as `run.wait()` gives it."""
    return Diagnostic(
        id="ert-state",
        place=Place.told(said),
        what=f"as a state of a command: {state_name(state)}",
        why=_STATES.get(state, "the command has not ended" if state in (1, 2, 3, 7) else "the command failed"),
        fix="" if state == 4 else f"{_NO_OUTPUT}: look at the state of every run before its data",
    )


def _code(code: int, said: str) -> Iterator[Diagnostic]:
    name = errno.errorcode.get(code)
    if name is None:
        yield Diagnostic(
            id="unknown-number",
            place=Place.told(said),
            what="a number that XRT, its driver and Linux have no meaning for",
        )
        return
    why, fix = _DRIVER.get(code, ("", ""))
    yield Diagnostic(
        id="error-code",
        place=Place.told(said),
        what=f"as an error code of Linux: {name}, {os.strerror(code)}",
        why=why,
        fix=fix,
    )


# What the amdxdna driver and XRT's NPU shim mean by them, and what mends it.
_DRIVER = {
    2: (
        "it is the driver's answer to CREATE_HWCTX when no context is free, npu1 has 6 and npu2 16; elsewhere a file "
        "or a folder is not there",
        "end programs that hold contexts, and free hw_context objects that are no longer used",
    ),
    5: (
        one_of(
            ("a context died with an earlier command", "it comes from EXEC_CMD, and a new context is well"),
            ("the firmware refused or did not answer", "the driver's log (dmesg) has a line of amdxdna"),
        ),
        "give the whole line, and `sudo dmesg | grep amdxdna`, to `tileproof explain`",
    ),
    12: (
        one_of(
            ("a limit on locked memory", "`ulimit -l` is small"),
            ("there is not so much memory, or not in one piece", "dmesg says so"),
        ),
        "raise memlock in /etc/security/limits.conf, or allocate less",
    ),
    13: (
        one_of(
            ("the user may not open the device", "it comes from /dev/accel/accel0"),
            ("the setting is for root", "it comes from SET_STATE or xrt-smi"),
        ),
        "join the group of /dev/accel/accel0 (render) and log in again, or run that one command as root",
    ),
    19: (
        one_of(
            ("the driver gave its firmware up", "it worked before, and dmesg has `Wait for completion timeout`"),
            ("the device did not start", "dmesg has `Hardware init failed`"),
            ("the IOMMU cannot share addresses", "dmesg has `PASID`"),
        ),
        "`sudo dmesg | grep amdxdna | tileproof explain`; reload the driver, or reboot",
    ),
    22: (
        one_of(
            (
                "the NPU's shim refuses flags, offset or size of a buffer, or an xclbin without a DPU kernel",
                "words of XRT stand before it",
            ),
            ("the driver or its firmware refuses a call", "DRM_IOCTL_AMDXDNA_ stands before it: dmesg has the reason"),
        ),
        "read the words before it: `tileproof explain` knows them",
    ),
    28: (
        "creating a hardware context, the partition has more columns than the device has free",
        "build for fewer columns, or end the programs that use them",
    ),
    62: (
        one_of(
            ("the firmware did not answer the driver", "it comes from CREATE_, CONFIG_ or DESTROY_ of a context"),
            ("a command takes longer than was waited", "it comes from WAIT_CMD"),
        ),
        "reload the driver, or reboot; or wait longer",
    ),
    95: (
        "the NPU shim does not have what was asked for: normal, device_only, p2p and svm buffers, load_xclbin",
        "use host_only buffers for data and cacheable for instructions, and register_xclbin with hw_context",
    ),
}
