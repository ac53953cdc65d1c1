"""The messages of XRT 2.20, its NPU shim and xclbinutil that a person meets, each with its cause and its mend.

Sources: XRT core/common/api/xrt_kernel.cpp, xrt_bo.cpp, xrt_xclbin.cpp and pyxrt.cpp; xdna-driver src/shim; what a
message leads to on an NPU was read there, and not run on one by us.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tileproof.diagnostic import Diagnostic
from tileproof.explain.numbers import group_id_text
from tileproof.xclbin import NO_BANK
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER, STATE_NAMES, state_name

Explained = tuple[str, str, str]  # what, why, fix
_Match = re.Match[str]

CALL = "run.set_arg(0, 3), (1, the instruction buffer), (2, its words), (3 and on, the buffers of the runtime sequence)"


@dataclass(frozen=True, slots=True)
class Hit:
    """What was said in a line, from character `start` up to `end`, and what it means."""

    start: int
    end: int
    said: str
    meaning: Diagnostic


@dataclass(frozen=True, slots=True)
class Message:
    """A pattern, the id of the catalogue that it is known by, and what is to be said of what it matched."""

    id: str
    pattern: re.Pattern[str]
    explained: Callable[[_Match], Explained]

    def find(self, text: str) -> Hit | None:
        match = self.pattern.search(text)
        if match is None:
            return None
        what, why, fix = self.explained(match)
        said = match.group().strip()
        return Hit(match.start(), match.start() + len(said), said, Diagnostic(id=self.id, what=what, why=why, fix=fix))


# The warning that began it all


def _connectivity(match: _Match) -> Explained:
    index, bank, wanted = int(match["index"]), int(match["bank"]), int(match["wanted"])
    place = f"argument {index} ({CALL_ARGUMENTS[index] if index < FIRST_BUFFER else f'buffer {index - FIRST_BUFFER}'})"
    if wanted & NO_BANK == NO_BANK:
        given = {0: "a data buffer", 1: "the instruction buffer"}.get(bank, f"a buffer of bank {bank}")
        return (
            f"{given} was passed as {place}, which is a number and takes no buffer",
            f"{wanted} is {group_id_text(wanted)}: that of a scalar. It is no memory, and no bank is missing. The copy "
            "that XRT announces fails on an NPU, and kernel(...) swallows that, so the run starts without the argument",
            f"pass opcode, instructions, count, then the buffers: kernel(3, instr, words, in, out), or better {CALL}, "
            "which raises where the call stays silent",
        )
    named = "the instruction buffer goes there" if wanted & NO_BANK == 1 else "data goes there"
    return (
        f"the buffer of {place} was allocated in bank {bank}, and the argument reaches {group_id_text(wanted)}",
        f"{named}; the copy that XRT announces fails on an NPU, and kernel(...) swallows that, so the run starts "
        "without the argument",
        f"allocate it with kernel.group_id({index}), and check the order of the arguments: {CALL}",
    )


def _out_of_range(match: _Match) -> Explained:
    index, size = int(match["index"]), int(match["size"])
    if index == NO_BANK:
        return (
            "a buffer was allocated with the group id of a scalar argument",
            f"65535 is `no bank`, what group_id(0) and group_id(2) end in; the argument reaches {size} banks",
            "allocate each buffer with kernel.group_id of its own argument: 1 for instructions, 3 and on for data",
        )
    return (
        f"there is no argument {index}: the kernel has {size}",
        "XRT counts opcode, instr and ninstr as 0, 1 and 2. A buffer at such an index ends the process; a number "
        "raises this",
        "count the arguments of the xclbin: `tileproof inspect FILE.xclbin`",
    )


# How buffers are asked for


def _context(match: _Match) -> Explained:
    code = int(match["code"])
    if code == -28:
        return (
            "the device has not as many free columns as the xclbin's partition",
            "-28 is ENOSPC",
            "build for fewer columns, or end the programs that use the device",
        )
    return (
        "there is no free hardware context",
        f"{code} is the driver's answer when all are taken: npu1 has 6, npu2 has 16",
        "end programs that hold contexts, and free hw_context objects; one context runs its kernel again and again",
    )


def _failed(match: _Match) -> Explained:
    return _state_of(match["state"])


def _state_of(name: str) -> Explained:
    state = next((number for number, known in STATE_NAMES.items() if known == name), 0)
    causes = {
        "ERROR": "the firmware refused it: an opcode that it does not know (0, when no one set it), mostly",
        "ABORT": "it was thrown away, mostly because an earlier command hung and the context was reset",
        "TIMEOUT": "it did not end within the driver's 2 s: a deadlock in the design, mostly",
        "COMPLETED": "it ran to its end, which does not say that its output is right",
    }
    mends = {
        "ERROR": f"set every argument: {CALL}",
        "ABORT": "look at the first command that did not complete",
        "TIMEOUT": "`tileproof emulate` and `check` say who waits for whom; then make a new context",
        "COMPLETED": "compare the output with a golden model",
    }
    mend = mends.get(name, "look at the driver's log (dmesg)")
    return f"the command ended as {state_name(state) if state else name}", causes.get(name, "it did not complete"), mend


def _operation(match: _Match) -> Explained:
    """amdxdna_accel.h: the index of the last control code executed."""
    index = int(match["index"], 16)
    if index == 0xFFFFFFFF:
        return (
            "the firmware does not say which instruction it had come to when the command timed out",
            "0xFFFFFFFF stands for none. With a ctx_pc of 0xffffffff as well the array never started; with another one "
            "it has been seen after a hang",
            "run the pair on the emulator: `tileproof run SCRIPT.py` says who waits for whom",
        )
    return (
        f"operation {index} was the last instruction that the firmware carried out before the command timed out",
        "the one behind it in insts.bin did not end; mostly it waits for a token of a transfer",
        "`tileproof inspect insts.bin` lists the operations in their order",
    )


def _fixed(what: str, why: str, fix: str) -> Callable[[_Match], Explained]:
    return lambda _: (what, why, fix)


def _message(id_: str, pattern: str, explained: Callable[[_Match], Explained]) -> Message:
    return Message(id_, re.compile(pattern), explained)


_USE_HOST_ONLY = "allocate data as pyxrt.bo.host_only and instructions as pyxrt.bo.cacheable"
_REGISTER = "device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())"

# Longer patterns before the shorter ones that they contain. No number of XRT has more than 20 digits, and Python reads
# none of more than 4,300.
MESSAGES = (
    _message(
        "wrong-bank",
        r"(?:Kernel \S+ has no compute units with connectivity required for global )?"
        r"argument at index (?P<index>\d{1,20})\. The argument is allocated in bank (?P<bank>\d{1,20}), "
        r"the compute unit is connected to bank (?P<wanted>\d{1,20})\."
        r"(?: Allocating local copy of argument buffer in connected bank\.)?",
        _connectivity,
    ),
    _message(
        "no-such-argument",
        r"vector::_M_range_check: __n \(which is (?P<index>\d{1,20})\) >= this->size\(\) "
        r"\(which is (?P<size>\d{1,20})\)",
        _out_of_range,
    ),
    _message(
        "reverting-to-host-copy",
        r"Reverting to host copy of buffers \(exec_buf: Operation not supported\)",
        _fixed(
            "XRT tries to copy a buffer that was allocated in another bank than its argument reaches",
            "it says nothing of normal runs, which go another way; the host copy that follows fails, too",
            "mend the warning before it: allocate each buffer with kernel.group_id of its own argument",
        ),
    ),
    _message(
        "copy-failed",
        r"No host side buffer in destination buffer(?:: Invalid argument)?",
        _fixed(
            "the copy of a buffer that XRT announced has failed, as it always does on an NPU",
            "the buffer was allocated in another bank than its argument reaches, or the argument is a scalar",
            f"allocate each buffer with kernel.group_id of its own argument, and keep their order: {CALL}",
        ),
    ),
    _message(
        "normal-buffer",
        r"unsupported buffer type: none flag(?: \(err=95\): Operation not supported)?",
        _fixed("an NPU has no `normal` buffers", "its shim knows host_only and cacheable", _USE_HOST_ONLY),
    ),
    _message(
        "unknown-buffer-kind",
        r"Bad BO flags(?: \(err=95\): Operation not supported)?|Bad BO type\.(?: \(err=22\): Invalid argument)?",
        _fixed(
            "an NPU has no buffers of that kind",
            "device_only, p2p and svm buffers are refused by its shim",
            _USE_HOST_ONLY,
        ),
    ),
    _message(
        "unknown-buffer-kind",
        r"Unknown buffer type",
        _fixed("an NPU has no such buffers", "XRT 2.20 knows no carveout buffers there", _USE_HOST_ONLY),
    ),
    _message(
        "wrong-constructor",
        r"__init__\(\): incompatible constructor arguments",
        _fixed(
            "an object of pyxrt was made with arguments of other types",
            "flags are pyxrt.bo.host_only and its like, and no whole numbers; a bo takes device, size, flags, group",
            "pyxrt.bo(device, size, pyxrt.bo.host_only, kernel.group_id(3))",
        ),
    ),
    _message("no-context", r"DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed \(err=(?P<code>-\d{1,20})\)", _context),
    _message(
        "fpga-only",
        r"No such query request \(\d+\)",
        _fixed(
            "the NPU shim was asked for something that only FPGA cards have",
            "m2m and nodma, mostly: XRT then tries a copy that cannot work either",
            "nothing, if it is all that is said",
        ),
    ),
    _message(
        "sync-past-buffer",
        r"Invalid BO offset and size for sync'ing: \d+, \d+(?: \(err=22\))?",
        _fixed(
            "a sync reaches beyond its buffer",
            "offset and size are in bytes",
            "leave both away to sync the whole buffer",
        ),
    ),
    _message(
        "no-device",
        r"No such device with index '\d+'|No such device '[^']*'|Could not open device with index '\d+'",
        _fixed(
            "XRT sees no NPU there",
            "the driver amdxdna is not loaded, the user may not open /dev/accel/accel0, or the index is wrong",
            "`xrt-smi examine` lists devices; `tileproof doctor` says what is missing",
        ),
    ),
    _message(
        "no-shim-library",
        r"No such library '[^']*'",
        _fixed(
            "XRT does not find the shim of the driver",
            "XRT_XILINX or the library path points to an XRT without the amdxdna plugin",
            "install xrt_plugin-amdxdna of the same version, and source its setup.sh",
        ),
    ),
    _message(
        "no-xclbin-file",
        r"Failed to open file '[^']*' for reading|No such file(?: or directory)? '[^']*'",
        _fixed(
            "the xclbin is not where it was looked for",
            "a relative path begins where the program runs",
            "give the whole path",
        ),
    ),
    _message(
        "not-an-xclbin",
        r"Invalid xclbin",
        _fixed(
            "the file is no xclbin",
            "it does not begin with xclbin2: an ELF, an insts.bin, or a file that was cut short",
            "`tileproof inspect FILE` says what it looks like",
        ),
    ),
    _message(
        "load-xclbin",
        r"load_axlf: Operation not supported",
        _fixed("an NPU has no load_xclbin", "its kernels live in hardware contexts", _REGISTER),
    ),
    _message(
        "not-registered",
        r"No xclbin with uuid '[^']*'",
        _fixed(
            "the xclbin was not registered before its context was made",
            "hw_context asks the device for its uuid",
            _REGISTER,
        ),
    ),
    _message(
        "no-dpu-kernel",
        r"No valid DPU kernel found in xclbin",
        _fixed(
            "the xclbin has no kernel that an NPU could run",
            "EMBEDDED_METADATA is missing, or no PDI of AIE_PARTITION has the kernel's id",
            "package with aiecc, or `xclbinutil --add-kernel`; `tileproof check FILE.xclbin` says what is missing",
        ),
    ),
    _message(
        "no-such-kernel",
        r"No such kernel '[^']*'|No compute units matching '[^']*'",
        _fixed(
            "the xclbin has no kernel of that name",
            "mlir-aie's are called MLIR_AIE if nobody chose another name",
            "take the name from xclbin.get_kernels(); `tileproof inspect FILE.xclbin` shows it",
        ),
    ),
    _message(
        "past-buffer-size",
        r"attempting to (?:write|read) past buffer size",
        _fixed(
            "the data is larger than the buffer", "a bo's size is in bytes", "allocate the bytes of the whole array"
        ),
    ),
    _message(
        "part-past-buffer",
        r"sub buffer size and offset",
        _fixed(
            "a part of a buffer reaches beyond it", "size and offset are in bytes", "keep their sum within the parent"
        ),
    ),
    _message(
        "no-buffer-memory",
        r"Failed to allocate host memory buffer",
        _fixed(
            "the buffer could not be allocated",
            "the lines before say why; the advice about host-mem is for FPGA cards, not for an NPU",
            "check `ulimit -l`, and the size",
        ),
    ),
    _message(
        "command-failed",
        r"Command failed to complete successfully \(ERT_CMD_STATE_(?P<state>\w+)\)",
        _failed,
    ),
    _message("command-failed", r"ERT_CMD_STATE_(?P<state>[A-Z]+)", _failed),
    _message("last-operation", r"txn_op_idx\s*=\s*(?P<index>0[xX][0-9a-fA-F]{1,16})\b", _operation),
    _message(
        "run-of-a-runlist",
        r"Run object belongs to a runlist and cannot be explicitly started",
        _fixed("a run of a runlist was started alone", "the runlist starts it", "runlist.execute()"),
    ),
    _message(
        "runlist-failed",
        r"runlist failed execution",
        _fixed("a run of the runlist did not complete", "XRT 2.20 does not say which", "run them one by one to see"),
    ),
    _message(
        "no-such-memory",
        r"Memory tag '(?P<tag>[^']*)' not found in the MEM_TOPOLOGY section",
        lambda m: (
            f"kernels.json connects an argument to a memory {m['tag']!r} that the xclbin does not have",
            "mem_topology.json has the names; aiecc's are HOST and SRAM",
            "use one of those, or add the memory to mem_topology.json",
        ),
    ),
    _message(
        "ids-differ",
        r"AIE_PARTITION section in the xclbin is not compliant with IP_LAYOUT section",
        _fixed(
            "the ids of the kernels in aie_partition.json and kernels.json differ",
            "xclbinutil compares them as text",
            "write the same id in both, spelled alike: 0x901",
        ),
    ),
)
