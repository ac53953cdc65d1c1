"""The messages of XRT 2.20, its NPU shim and xclbinutil that a person meets, each with its cause and its mend; and all
that are known.

Sources: XRT core/common/api/xrt_kernel.cpp, xrt_bo.cpp, xrt_xclbin.cpp and pyxrt.cpp; xdna-driver src/shim; what a
message leads to on an NPU was read there, and not run on one by us.
"""

from __future__ import annotations

from tileproof.explain.compilers import COMPILER_MESSAGES
from tileproof.explain.driver import DRIVER_MESSAGES
from tileproof.explain.ioctls import IOCTL_MESSAGES
from tileproof.explain.message import Explained, Match, message, one_of, says
from tileproof.explain.numbers import group_id_text
from tileproof.explain.runtimes import RUNTIME_MESSAGES
from tileproof.xclbin import NO_BANK
from tileproof.xrt import CALL_ARGUMENTS, FIRST_BUFFER, STATE_NAMES, state_name

CALL = "run.set_arg(0, 3), (1, the instruction buffer), (2, its words), (3 and on, the buffers of the runtime sequence)"


# The warning that began it all


def _connectivity(match: Match) -> Explained:
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


def _out_of_range(match: Match) -> Explained:
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


# How a command ends


def _failed(match: Match) -> Explained:
    return _state_of(match["state"])


def _state_of(name: str) -> Explained:
    state = next((number for number, known in STATE_NAMES.items() if known == name), 0)
    causes = {
        "ERROR": one_of(
            ("the opcode was never set, or is none that the firmware knows", "set_arg(0, 3) is missing in the host"),
            ("the instructions are for another NPU", "`tileproof inspect insts.bin` names another than there is"),
            ("the firmware could not load the PDI or refused an instruction", "the driver's log (dmesg) has a status"),
            ("the pair is right and the path is not: npu1 on Windows", "AMD's own examples end so there, too"),
        ),
        "ABORT": one_of(
            ("an earlier command hung and the context was reset", "a command before it ended otherwise"),
            ("the driver refused the packet, or lost its firmware", "it is the first command, and dmesg has a line"),
        ),
        "TIMEOUT": one_of(
            ("the design waits for ever", "`tileproof emulate` or `check` names who waits for whom"),
            ("it takes longer than the driver's watchdog, 2 s", "half of the work ends in half of the time"),
            ("the NPU had not recovered from a run before", "it is well after a reboot"),
        ),
        "COMPLETED": "it ran to its end, which does not say that its output is right",
    }
    mends = {
        "ERROR": f"set every argument: {CALL}",
        "ABORT": "look at the first command that did not complete, and at the driver's log (dmesg)",
        "TIMEOUT": "`tileproof run SCRIPT.py` says whether the emulator gets through; then make a new context",
        "COMPLETED": "compare the output with a golden model",
    }
    mend = mends.get(name, "look at the driver's log (dmesg)")
    return f"the command ended as {state_name(state) if state else name}", causes.get(name, "it did not complete"), mend


def _returned(match: Match) -> Explained:
    """mlir-aie's hosts print the number of the state."""
    state = int(match["state"])
    if state in STATE_NAMES:
        return _state_of(STATE_NAMES[state])
    return f"the command ended in state {state}, which XRT does not have", "", "print run.state() instead"


def _operation(match: Match) -> Explained:
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


_USE_HOST_ONLY = "allocate data as pyxrt.bo.host_only and instructions as pyxrt.bo.cacheable"
_REGISTER = "device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())"

# Longer patterns before the shorter ones that they contain. No number of XRT has more than 20 digits, and Python reads
# none of more than 4,300.
XRT_MESSAGES = (
    message(
        "wrong-bank",
        r"(?:Kernel \S+ has no compute units with connectivity required for global )?"
        r"argument at index (?P<index>\d{1,20})\. The argument is allocated in bank (?P<bank>\d{1,20}), "
        r"the compute unit is connected to bank (?P<wanted>\d{1,20})\."
        r"(?: Allocating local copy of argument buffer in connected bank\.)?",
        _connectivity,
    ),
    message(
        "no-such-argument",
        r"vector::_M_range_check: __n \(which is (?P<index>\d{1,20})\) >= this->size\(\) "
        r"\(which is (?P<size>\d{1,20})\)",
        _out_of_range,
    ),
    says(
        "reverting-to-host-copy",
        r"Reverting to host copy of buffers \(exec_buf: Operation not supported\)",
        "XRT tries to copy a buffer that was allocated in another bank than its argument reaches",
        "it says nothing of normal runs, which go another way; the host copy that follows fails, too",
        "mend the warning before it: allocate each buffer with kernel.group_id of its own argument",
    ),
    says(
        "copy-failed",
        r"No host side buffer in destination buffer(?:: Invalid argument)?",
        "the copy of a buffer that XRT announced has failed, as it always does on an NPU",
        "the buffer was allocated in another bank than its argument reaches, or the argument is a scalar",
        f"allocate each buffer with kernel.group_id of its own argument, and keep their order: {CALL}",
    ),
    says(
        "normal-buffer",
        r"unsupported buffer type: none flag(?: \(err=95\): Operation not supported)?",
        "an NPU has no `normal` buffers",
        "its shim knows host_only and cacheable",
        _USE_HOST_ONLY,
    ),
    says(
        "unknown-buffer-kind",
        r"Bad BO flags(?: \(err=95\): Operation not supported)?|Bad BO type\.(?: \(err=22\): Invalid argument)?",
        "an NPU has no buffers of that kind",
        "device_only, p2p and svm buffers are refused by its shim",
        _USE_HOST_ONLY,
    ),
    says(
        "unknown-buffer-kind",
        r"Unknown buffer type",
        "an NPU has no such buffers",
        "XRT 2.20 knows no carveout buffers there",
        _USE_HOST_ONLY,
    ),
    says(
        "wrong-constructor",
        r"__init__\(\): incompatible constructor arguments",
        "an object of pyxrt was made with arguments of other types",
        "flags are pyxrt.bo.host_only and its like, and no whole numbers; a bo takes device, size, flags, group",
        "pyxrt.bo(device, size, pyxrt.bo.host_only, kernel.group_id(3))",
    ),
    says(
        "fpga-only",
        r"No such query request \(\d+\)",
        "the NPU shim was asked for something that only FPGA cards have",
        "m2m and nodma, mostly: XRT then tries a copy that cannot work either",
        "nothing, if it is all that is said",
    ),
    says(
        "sync-past-buffer",
        r"Invalid BO offset and size for sync'ing: \d+, \d+(?: \(err=22\))?",
        "a sync reaches beyond its buffer",
        "offset and size are in bytes",
        "leave both away to sync the whole buffer",
    ),
    says(
        "no-device",
        r"No such device with index '\d+'|No such device '[^']*'|Could not open device with index '\d+'"
        r"|\b0 devices found|No NPU device found|XDNA NPU devices found",
        "XRT sees no NPU there",
        one_of(
            ("the driver is not there", "/dev/accel/accel0 does not exist; then dmesg has why"),
            ("the user may not open it", "`id` does not show the group of /dev/accel/accel0 (render)"),
            ("memory cannot be locked", "`ulimit -l` is below 64 MB: XRT hides the failed mmap"),
            ("XRT and the driver's plugin are of different builds", "`xrt-smi examine` lists no device either"),
        ),
        "`tileproof doctor` says what is missing; join the group and log in again, raise memlock, or reinstall",
    ),
    says(
        "pyxrt-not-found",
        r"No module named '?pyxrt'?|DLL load failed while importing pyxrt",
        "Python does not find XRT's binding, or cannot load it",
        one_of(
            ("XRT's setup.sh was not sourced", "PYTHONPATH does not name /opt/xilinx/xrt/python"),
            ("it was built for another Python", "the file there is pyxrt.cpython-3XX of another version, or pyxrt.pyd"),
            ("XRT's own libraries are not found", "ldd shows one missing, or on Windows it is `DLL load failed`"),
        ),
        "use the Python that the binding was built for, or build it for yours; `tileproof doctor` says which is found",
    ),
    says(
        "no-full-elf",
        r"create_hw_context: (?:not supported|Operation not supported)",
        "this XRT or driver makes no context of an ELF",
        "the full-ELF flow needs a driver and a device that know it; the flow with an xclbin and instructions does not",
        "use the xclbin and its insts.bin, or a newer driver and XRT plugin",
    ),
    says(
        "no-shim-library",
        r"No such library '[^']*'",
        "XRT does not find the shim of the driver",
        "XRT_XILINX or the library path points to an XRT without the amdxdna plugin",
        "install xrt_plugin-amdxdna of the same version, and source its setup.sh",
    ),
    says(
        "no-xclbin-file",
        r"Failed to open file '[^']*' for reading|No such file(?: or directory)? '[^']*'",
        "the xclbin is not where it was looked for",
        "a relative path begins where the program runs",
        "give the whole path",
    ),
    says(
        "not-an-xclbin",
        r"Invalid xclbin",
        "the file is no xclbin",
        "it does not begin with xclbin2: an ELF, an insts.bin, or a file that was cut short",
        "`tileproof inspect FILE` says what it looks like",
    ),
    says(
        "load-xclbin",
        r"load_axlf: Operation not supported",
        "an NPU has no load_xclbin",
        "its kernels live in hardware contexts",
        _REGISTER,
    ),
    says(
        "not-registered",
        r"No xclbin with uuid '[^']*'",
        "the xclbin was not registered before its context was made",
        "hw_context asks the device for its uuid",
        _REGISTER,
    ),
    says(
        "no-dpu-kernel",
        r"No valid DPU kernel found in xclbin",
        "the xclbin has no kernel that an NPU could run",
        "EMBEDDED_METADATA is missing, or no PDI of AIE_PARTITION has the kernel's id",
        "package with aiecc, or `xclbinutil --add-kernel`; `tileproof check FILE.xclbin` says what is missing",
    ),
    says(
        "no-such-kernel",
        r"No such kernel '[^']*'|No compute units matching '[^']*'",
        "the xclbin has no kernel of that name",
        "mlir-aie's are called MLIR_AIE if nobody chose another name",
        "take the name from xclbin.get_kernels(); `tileproof inspect FILE.xclbin` shows it",
    ),
    says(
        "past-buffer-size",
        r"attempting to (?:write|read) past buffer size",
        "the data is larger than the buffer",
        "a bo's size is in bytes",
        "allocate the bytes of the whole array",
    ),
    says(
        "part-past-buffer",
        r"sub buffer size and offset",
        "a part of a buffer reaches beyond it",
        "size and offset are in bytes",
        "keep their sum within the parent",
    ),
    says(
        "no-buffer-memory",
        r"Failed to allocate host memory buffer",
        "the buffer could not be allocated",
        "the lines before say why, a limit on locked memory mostly; the advice about host-mem is for FPGA cards",
        "check `ulimit -l`, and the size",
    ),
    message(
        "command-failed",
        r"Command failed to complete successfully \(ERT_CMD_STATE_(?P<state>\w+)\)",
        _failed,
    ),
    message("command-failed", r"ERT_CMD_STATE_(?P<state>[A-Z]+)", _failed),
    message("command-failed", r"Kernel did not complete\. Returned status: (?P<state>\d{1,3})\b", _returned),
    says(
        "old-wait",
        r"qds_device::wait\(\) unexpected command state",
        "a command did not complete, and this XRT does not say in which state",
        one_of(
            ("the design waits for ever", "`tileproof emulate` or `check` names who waits for whom"),
            ("it takes longer than the driver's watchdog", "half of the work completes"),
            ("the firmware refused it", "run.state() is ERT_CMD_STATE_ERROR, and dmesg has a line"),
        ),
        "take run.wait(2000) and look at the state, or an XRT from 2.20 on; `tileproof run SCRIPT.py` tries the pair",
    ),
    says(
        "no-xclbin-named",
        r"No xclbin specified",
        "XRT was given an empty name for the xclbin",
        one_of(
            ("the name is empty", "printing it shows nothing"),
            ("on Windows the program is a debug build", "the name is there, and a Release build finds the file"),
        ),
        "give the whole path; on Windows build Release, as XRT's libraries are: a std::string of another runtime "
        "arrives empty",
    ),
    says(
        "no-kdma",
        r"KDMA not supported on [Ww]indows",
        "XRT tries to copy a buffer, which it cannot do on Windows",
        "only bo.copy() and the copy of a buffer of a wrong bank lead there; a sync does not",
        "mend the warning before it: allocate each buffer with kernel.group_id of its own argument",
    ),
    says(
        "mapped-too-much",
        r"mmap\(.{0,160}?\) failed \(err=-?(?:11|12|1)\)",
        "memory could not be mapped for the NPU",
        one_of(
            ("a limit on locked memory", "it is err=-11, and `ulimit -l` is below the `len` of the line"),
            ("there is not so much memory", "it is err=-12"),
            ("a container or a security module forbids it", "it is err=-1"),
        ),
        "raise memlock in /etc/security/limits.conf (or --ulimit memlock=-1 of a container) and log in again",
    ),
    says(
        "device-node",
        r"Open /dev/accel/accel\d+ failed(?: \(err=-?\d{1,20}\))?",
        "the device of the NPU cannot be opened",
        one_of(
            ("the user may not", "it is err=-13; the group of the file is render, mostly"),
            ("it is not there", "it is err=-2; then dmesg has why the driver did not start"),
        ),
        "`sudo usermod -aG render $USER` and log in again; `tileproof doctor` looks at the same file",
    ),
    says(
        "no-such-argument",
        r"Max arg \d{1,20}, received \d{1,20}",
        "a command has more buffers than the shim takes",
        "its command packet has a fixed number of places",
        "join buffers into one, and cut them apart in the runtime sequence by offsets",
    ),
    says(
        "no-dpu-kernel",
        r"PDI for kernel ID 0x[0-9a-fA-F]{1,16} not found",
        "a kernel of the xclbin has no PDI",
        "no PDI of AIE_PARTITION lists the id that EMBEDDED_METADATA gives the kernel",
        "use one id in kernels.json and aie_partition.json; `tileproof check FILE.xclbin` names the kernel",
    ),
    says(
        "no-such-kernel",
        r"CU name \([^)]*\) not found",
        "the context has no kernel of that name",
        "the shim skips kernels without a PDI, and the name is KERNEL:INSTANCE",
        "`tileproof inspect FILE.xclbin` shows the names; `tileproof check` says which kernel has no PDI",
    ),
    message("last-operation", r"txn_op_idx\s*=\s*(?P<index>0[xX][0-9a-fA-F]{1,16})\b", _operation),
    says(
        "run-of-a-runlist",
        r"Run object belongs to a runlist and cannot be explicitly started",
        "a run of a runlist was started alone",
        "the runlist starts it",
        "runlist.execute()",
    ),
    says(
        "runlist-failed",
        r"runlist failed execution",
        "a run of the runlist did not complete",
        "XRT 2.20 does not say which",
        "run them one by one to see",
    ),
    message(
        "no-such-memory",
        r"Memory tag '(?P<tag>[^']*)' not found in the MEM_TOPOLOGY section",
        lambda m: (
            f"kernels.json connects an argument to a memory {m['tag']!r} that the xclbin does not have",
            "mem_topology.json has the names; aiecc's are HOST and SRAM",
            "use one of those, or add the memory to mem_topology.json",
        ),
    ),
    says(
        "ids-differ",
        r"AIE_PARTITION section in the xclbin is not compliant with IP_LAYOUT section",
        "the ids of the kernels in aie_partition.json and kernels.json differ",
        "xclbinutil compares them as text",
        "write the same id in both, spelled alike: 0x901",
    ),
)

# Longer patterns before the shorter ones that they contain, in these as well.
MESSAGES = (*IOCTL_MESSAGES, *XRT_MESSAGES, *DRIVER_MESSAGES, *COMPILER_MESSAGES, *RUNTIME_MESSAGES)
