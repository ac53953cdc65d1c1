"""The words of XRT, its NPU shim and xclbinutil, and its numbers: what `tileproof explain` finds in a log.

None has an example: they are said by a machine with an NPU, or by tools of others.
"""

from __future__ import annotations

from tileproof.diagnostic.entry import Entry, Severity


def _word(id_: str, *, sentence: str, cause: str, fix: str, severity: Severity = "error") -> Entry:
    return Entry(id=id_, name=id_, severity=severity, sentence=sentence, cause=cause, fix=fix)


_OWN_GROUP = "allocate each buffer with kernel.group_id of its own argument, and keep the order of the arguments"
_FLAGS = "allocate data as pyxrt.bo.host_only and instructions as pyxrt.bo.cacheable"
_INSPECT = "`tileproof inspect FILE.xclbin` shows the banks of a file and the arguments that reach them"

WORDS = (
    _word(
        "wrong-bank",
        sentence="A buffer lies in another bank than its argument reaches, or its argument is a number.",
        cause="The last number of XRT's warning is a group id: the slot in bits 16 to 23, the bank in the low 16. "
        "131071 is slot 1 and 0xffff, what a scalar has, and no bank is missing. The copy that XRT announces fails on "
        "an NPU; `run.set_arg` raises that, and `kernel(...)` swallows it and runs without the argument.",
        fix=_OWN_GROUP,
    ),
    _word(
        "no-such-argument",
        sentence="There is no argument of that number.",
        cause="XRT counts opcode, instr and ninstr as arguments 0, 1 and 2. A number at an index that is not there "
        "raises this, and a buffer ends the process. With 65535 for the index it is a bank: the buffer was allocated "
        "with the group id of a scalar.",
        fix="count the arguments: `tileproof inspect FILE`",
    ),
    _word(
        "reverting-to-host-copy",
        sentence="XRT tries to copy a buffer of a wrong bank.",
        cause="It follows the warning of a wrong bank: no engine of an NPU copies for XRT, and the host copy that "
        "comes next fails, too. `exec_buf` says nothing of normal runs, which go another way.",
        fix=_OWN_GROUP,
    ),
    _word(
        "copy-failed",
        sentence="The copy of a buffer of a wrong bank has failed, as it always does on an NPU.",
        cause="The copy has no memory of the host. `run.set_arg` raises this; `kernel(...)` swallows it, and the run "
        "starts without the argument.",
        fix=_OWN_GROUP,
    ),
    _word(
        "normal-buffer",
        sentence="An NPU has no `normal` buffers.",
        cause="Its shim takes host_only and cacheable, and refuses a buffer without a flag.",
        fix=_FLAGS,
    ),
    _word(
        "unknown-buffer-kind",
        sentence="An NPU has no buffers of that kind.",
        cause="Its shim refuses device_only, p2p and svm. XRT 2.20 itself refuses carveout buffers.",
        fix=_FLAGS,
    ),
    _word(
        "wrong-constructor",
        sentence="An object of pyxrt was made with arguments of other types.",
        cause="A bo takes device, size, flags and group in that order, and its flags are pyxrt.bo.host_only and its "
        "like: a whole number is none.",
        fix="pyxrt.bo(device, size, pyxrt.bo.host_only, kernel.group_id(3))",
    ),
    _word(
        "no-context",
        sentence="The driver made no hardware context.",
        cause="An npu1 has 6 and an npu2 has 16 for all programs together, and -2 is the driver's answer when all are "
        "taken. With -28 the partition has more columns than the device has free; -22 has a dozen causes, which the "
        "driver's log tells apart.",
        fix="end programs that hold contexts; build for fewer columns; `sudo dmesg | grep amdxdna | tileproof explain`",
    ),
    _word(
        "pyxrt-not-found",
        sentence="Python does not find pyxrt, or cannot load it.",
        cause="XRT's binding is built for one version of Python, lies in /opt/xilinx/xrt/python, and needs XRT's own "
        "libraries.",
        fix="source XRT's setup.sh, and use the Python that the binding was built for",
    ),
    _word(
        "no-full-elf",
        sentence="This XRT or driver makes no context of an ELF.",
        cause="The full-ELF flow hands one file to the driver, which not every driver and device takes.",
        fix="use the xclbin and its insts.bin",
    ),
    _word(
        "fpga-only",
        sentence="XRT asks for what only FPGA cards have.",
        cause="It is m2m or nodma, mostly: XRT looks for an engine that copies buffers, and the shim of the NPU knows "
        "no such query.",
        fix="nothing, if it is all that is said",
        severity="note",
    ),
    _word(
        "sync-past-buffer",
        sentence="A sync reaches beyond its buffer.",
        cause="Size and offset of a sync are in bytes, and their sum is more than the buffer has.",
        fix="leave offset and size away to sync all of it",
    ),
    _word(
        "no-device",
        sentence="XRT sees no NPU.",
        cause="The driver amdxdna is not loaded, the user may not open /dev/accel/accel0, or the index is wrong.",
        fix="`tileproof doctor` says what is missing",
    ),
    _word(
        "no-shim-library",
        sentence="XRT does not find the shim of the driver.",
        cause="XRT_XILINX or the library path points to an XRT without the amdxdna plugin.",
        fix="install xrt_plugin-amdxdna of the same version",
    ),
    _word(
        "no-xclbin-file",
        sentence="The xclbin is not where it was looked for.",
        cause="A relative path begins where the program runs, and not where it lies.",
        fix="give the whole path",
    ),
    _word(
        "not-an-xclbin",
        sentence="The file is no xclbin.",
        cause="It does not begin with xclbin2: it is an ELF, an insts.bin, or a file that was cut short.",
        fix="`tileproof inspect FILE` says what it looks like",
    ),
    _word(
        "not-registered",
        sentence="The xclbin was not registered before its context was made.",
        cause="`pyxrt.hw_context` is given a uuid, and asks the device for the xclbin of that uuid.",
        fix="device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())",
    ),
    _word(
        "no-dpu-kernel",
        sentence="The xclbin has no kernel that an NPU could run.",
        cause="Its section EMBEDDED_METADATA is missing or has no kernel of type dpu, or no PDI of AIE_PARTITION has "
        "the kernel's id.",
        fix="`tileproof check FILE.xclbin`",
    ),
    _word(
        "no-such-kernel",
        sentence="The xclbin has no kernel of that name.",
        cause="The kernels of mlir-aie are called MLIR_AIE if nobody chose another name; the name of the folder or of "
        "the design is none.",
        fix="take the name from xclbin.get_kernels()",
    ),
    _word(
        "past-buffer-size",
        sentence="The data is larger than the buffer.",
        cause="The size of a bo is in bytes, and not in elements.",
        fix="allocate the bytes of the whole array",
    ),
    _word(
        "part-past-buffer",
        sentence="A part of a buffer reaches beyond it.",
        cause="Size and offset of a part are in bytes, and their sum is more than the buffer has.",
        fix="keep size and offset within the parent",
    ),
    _word(
        "no-buffer-memory",
        sentence="A buffer could not be allocated.",
        cause="The lines before it say why; the limit of locked memory is one cause. XRT's advice about host-mem is "
        "for FPGA cards.",
        fix="check `ulimit -l`, and the size",
    ),
    _word(
        "command-failed",
        sentence="A command did not complete.",
        cause="ERROR: the firmware refused it, for instance for its opcode. TIMEOUT: it hung, and the driver's "
        "watchdog ended it after 2 s. ABORT: it was thrown away, mostly because an earlier one had hung.",
        fix="look at the state of every run before its data",
    ),
    _word(
        "last-operation",
        sentence="The firmware says how far it came.",
        cause="XRT prints txn_op_idx for a command that timed out: the last operation of the instructions that was "
        "carried out; the next one did not end, and mostly waits for a token. 0xFFFFFFFF is no operation: the firmware "
        "does not say.",
        fix="`tileproof inspect insts.bin` lists the operations",
    ),
    _word(
        "run-of-a-runlist",
        sentence="A run of a runlist was started alone.",
        cause="A run that was added to a runlist is started by it, and by nobody else.",
        fix="runlist.execute()",
    ),
    _word(
        "runlist-failed",
        sentence="A run of a runlist did not complete.",
        cause="`runlist.wait()` raises where `run.wait()` returns a state, and XRT 2.20 does not say which run it was.",
        fix="run them one by one to see which",
    ),
    _word(
        "no-such-memory",
        sentence="`kernels.json` names a memory that the xclbin does not have.",
        cause="`xclbinutil` looks each memory-connection up in mem_topology.json, in which aiecc writes HOST and SRAM.",
        fix="use HOST or SRAM",
    ),
    _word(
        "ids-differ",
        sentence="The ids of kernels.json and aie_partition.json differ.",
        cause="`xclbinutil` compares them as text: 0x901 and 0x0901 are two ids to it.",
        fix="write the same id in both",
    ),
    _word(
        "group-id",
        sentence="A group id: slot and bank of an argument.",
        cause="`kernel.group_id(n)` is the bank of argument n in bits 0 to 15, 0xffff for none, and the number of the "
        "hardware context in bits 16 to 23. Only the bank is ever compared; the second context of a program has other "
        "group ids and the same banks.",
        fix=_INSPECT,
        severity="note",
    ),
    _word(
        "bank",
        sentence="A bank: a memory of the xclbin.",
        cause="It is the index of a memory in the xclbin's topology. aiecc's xclbins have two, 0 HOST for data and 1 "
        "SRAM for instructions, which are two names of the same host memory on an NPU.",
        fix=_INSPECT,
        severity="note",
    ),
    _word(
        "ert-state",
        sentence="A state of a command.",
        cause="`run.wait()` and `run.state()` give it: 4 is COMPLETED, 5 ERROR, 6 ABORT, 8 TIMEOUT, and 1 to 3 and 7 "
        "have not ended. It says that the instructions were executed, and nothing of the data.",
        fix="look at the state of every run before its data",
        severity="note",
    ),
    _word(
        "error-code",
        sentence="An error code of Linux, as the driver and XRT use it.",
        cause="The shim appends `(err=N)` to its own words, and a failed ioctl has it as a negative number. 95 is what "
        "an NPU does not have, 22 an argument that it refuses.",
        fix="read the words before it",
        severity="note",
    ),
    _word(
        "unknown-number",
        sentence="A number that XRT, its driver and Linux have no meaning for.",
        cause="It is no group id, bank, state or error code. Within a line, the words around it say what it counts.",
        fix="give the whole line",
        severity="note",
    ),
)
