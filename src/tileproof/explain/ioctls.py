"""Calls of the driver that fail, as the NPU's shim tells them: DRM_IOCTL_AMDXDNA_NAME IOCTL failed (err=-N).

Sources: xdna-driver drivers/accel/amdxdna (aie2_ctx.c, amdxdna_ctx.c, amdxdna_gem.c, aie2_pci.c, aie2_message.c), its
src/shim, and the threads that show them (xdna-driver#118, #307, #513, #923, #1066; mlir-aie#1539, #2294). The shim
printed the code positive until 2025-05.
"""

from __future__ import annotations

from collections.abc import Mapping

from tileproof.explain.message import Match, Message, by_code, message, one_of

_CODE = r"(?: \(err=(?P<code>-?\d{1,20})\))"
_LOG = "read the lines of amdxdna in the driver's log: `sudo dmesg | grep amdxdna`, then `tileproof explain` them"
_LOG_SAYS = (
    one_of(("the driver or its firmware refused it", "the driver's log has a line of amdxdna with the reason")),
    _LOG,
)

_OTHER_VERSION = (
    "the driver does not know what XRT asks for: the two are of different ages",
    "install the driver and the XRT plugin of one build (xdna-driver builds both), or a newer kernel",
)
_PERMISSION = (
    "it is for administrators",
    "run it as root; other commands need no rights but the group of /dev/accel/accel0",
)
_GONE = (
    one_of(
        (
            "the driver lost its firmware after a command that it did not answer",
            "dmesg has `Wait for completion timeout`",
        ),
        ("the device did not start or did not resume", "dmesg has `Hardware init failed` or `Resume failed`"),
    ),
    "reload the driver (`sudo modprobe -r amdxdna && sudo modprobe amdxdna`), or reboot; then look for what hung it",
)
_NO_ANSWER = (
    one_of(
        ("the firmware hangs after an earlier command", "it was well after the last reboot or reload"),
        ("driver and firmware do not fit", "it never worked, and dmesg names a protocol or a status"),
    ),
    "end other programs on the NPU and reload the driver, or reboot; then install driver and firmware of one build",
)
_NO_MEMORY = (
    one_of(
        ("a limit on locked memory", "`ulimit -l` is small"),
        ("there is not so much memory, or not in one piece", "dmesg has `Failed to allocate` or `Pin BO`"),
    ),
    "raise memlock, free memory, or allocate less",
)


def _context(match: Match) -> tuple[str, str, str]:
    code = abs(int(match["code"]))
    if code == 28:
        return (
            "the device has not as many free columns as the xclbin's partition",
            "28 is ENOSPC",
            "build for fewer columns, or end the programs that use the device",
        )
    if code == 2:
        return (
            "there is no free hardware context",
            one_of(
                ("all are taken: npu1 has 6, npu2 has 16", "other programs use the NPU, or this one keeps contexts"),
                ("the program made no heap first", "dmesg has `dev heap object not exist`, and no XRT is used"),
            ),
            "end programs that hold contexts, and free hw_context objects; one context runs its kernel again and again",
        )
    why, fix = _CONTEXT.get(code, _LOG_SAYS)
    return "the driver made no hardware context", why, fix


_CONTEXT = {
    22: (
        one_of(
            ("the firmware refused it", "dmesg has `command opcode ... failed, status`"),
            ("the partition has no columns, or more than the NPU", "dmesg has `Invalid num_col` or `Start .. end`"),
            ("the heap could not be mapped", "dmesg has `Map host buffer failed`"),
            ("the firmware is too old or too new for the driver", "dmesg has it at boot: `protocol`, `mbox magic`"),
            ("XRT asks what this driver does not know", "dmesg has nothing, and the two are of different ages"),
        ),
        _LOG,
    ),
    12: _NO_MEMORY,
    19: _GONE,
    62: _NO_ANSWER,
    110: _NO_ANSWER,
    95: _OTHER_VERSION,
    13: (
        "the user may not use the device",
        "join the group of /dev/accel/accel0 (render) and log in again",
    ),
}
_EXEC = {
    5: (
        one_of(
            ("a command before it hung, and its context is dead", "the first command after a reload is well"),
            ("the xclbin is for another NPU", "`tileproof inspect insts.bin` names another than `xrt-smi examine`"),
            ("the firmware does not answer", "dmesg has `Wait for completion timeout`"),
        ),
        "make a new context after every command that did not complete; " + _LOG,
    ),
    22: (
        one_of(
            ("the command names no buffer, or too many", "dmesg has `Invalid arg bo count`"),
            ("a buffer of it is not there any more", "dmesg has `Lookup GEM object failed` or `lookup failed`"),
            ("XRT sends what this driver does not know", "dmesg has `Invalid command type` or nothing"),
        ),
        _LOG,
    ),
    12: _NO_MEMORY,
    19: _GONE,
    62: _NO_ANSWER,
    110: _NO_ANSWER,
}
_CONFIG = {
    62: _NO_ANSWER,
    110: _NO_ANSWER,
    22: (
        one_of(
            ("the firmware could not load the PDI", "dmesg has `Config CU to firmware failed` or a status"),
            ("the context has no kernel or was configured before", "dmesg has `Number of CU is zero` or `re-config`"),
            ("the debug buffer of a newer XRT", "dmesg has only `cfg_debug_bo`, and all runs are well: no harm"),
        ),
        "`tileproof check FILE.xclbin`; " + _LOG,
    ),
    5: _NO_ANSWER,
    19: _GONE,
}
_BUFFER = {
    22: (
        one_of(
            ("a buffer of no bytes, or of a kind that the driver has not", "the first buffer is well, another is not"),
            ("the kernel was built with CMA", "dmesg has `Heap BO is not supported on CMA platform` (xdna-driver#925)"),
            ("the heap is not as the driver wants it", "dmesg has `Invalid dev bo size` or `multiple of`"),
        ),
        _LOG,
    ),
    12: _NO_MEMORY,
    11: _NO_MEMORY,
    95: _OTHER_VERSION,
    19: _GONE,
}
_QUERY = {95: _OTHER_VERSION, 22: _OTHER_VERSION, 13: _PERMISSION, 1: _PERMISSION, 19: _GONE}
_WAIT = {
    62: (
        one_of(
            ("the command has not ended yet", "a longer wait ends"),
            ("the design waits for ever", "`tileproof emulate` or `check` names who waits for whom"),
        ),
        "wait longer than the kernel takes; the driver ends a command after 2 s",
    ),
    110: (
        "the command did not end in the time that was given",
        "wait longer than the kernel takes, or look for the deadlock: `tileproof run SCRIPT.py`",
    ),
    22: ("the context or the command is not known to the driver any more", "keep the hw_context until its runs ended"),
}
_DESTROY = {62: _NO_ANSWER, 19: _GONE}
_SYNC = {22: ("offset and size do not lie in the buffer", "sync the whole buffer"), 19: _GONE, 95: _OTHER_VERSION}


def _call(id_: str, name: str, what: str, codes: Mapping[int, tuple[str, str]]) -> Message:
    return message(id_, rf"DRM_IOCTL_AMDXDNA_{name} IOCTL failed{_CODE}", by_code(what, codes, _LOG_SAYS))


IOCTL_MESSAGES: tuple[Message, ...] = (
    message("no-context", rf"DRM_IOCTL_AMDXDNA_CREATE_(?:HW)?CTX IOCTL failed{_CODE}", _context),
    _call("command-refused", "EXEC_CMD", "the driver did not take the command", _EXEC),
    _call("context-not-configured", "CONFIG_(?:HW)?CTX", "the context could not be given its kernels", _CONFIG),
    _call("context-not-configured", "DESTROY_(?:HW)?CTX", "the context could not be given back", _DESTROY),
    _call("buffer-refused", "CREATE_BO", "the driver made no buffer", _BUFFER),
    _call("buffer-refused", "SYNC_BO", "the driver did not sync a buffer", _SYNC),
    _call("query-refused", "GET_(?:INFO|ARRAY|BO_INFO)", "the driver did not answer a question about the NPU", _QUERY),
    _call("query-refused", "SET_STATE", "the driver did not change a setting of the NPU", _QUERY),
    _call("wait-failed", "WAIT_CMD", "the wait for a command failed", _WAIT),
    message(
        "driver-call",
        r"DRM_IOCTL_AMDXDNA_(?P<name>[A-Z_]{1,40})(?: error| IOCTL failed| failed)?",
        lambda match: (f"the driver's call {match['name']} failed", *_LOG_SAYS),
    ),
)
