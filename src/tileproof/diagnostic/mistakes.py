"""Mistakes of hosts: an error makes the run do something else, a warning hides that, a note would have hidden it."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example, Severity

_BUILD = "tileproof build double --kernels kernels"
_RUN = "tileproof run host.py"


def _mistake(severity: Severity, id_: str, *, sentence: str, cause: str, fix: str, example: Example) -> Entry:
    return Entry(id=id_, name=id_, severity=severity, sentence=sentence, cause=cause, fix=fix, example=example)


def _host(*, right: str, wrong: str, builds: str = _BUILD) -> Example:
    """A change of host.py."""
    return Example(command=f"{builds} && {_RUN}", changes=(Change("host.py", right, wrong),))


_TO = "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE) after the last write"
_FROM = "buffer.sync(pyxrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE) after run.wait()"
_LOOK = "assert run.wait() == pyxrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED, or run.wait2(), which raises"

MISTAKES = (
    _mistake(
        "error",
        "written-not-synced",
        sentence="A buffer was written, and not synced to the device before the run.",
        cause="On an NPU a sync flushes the CPU's caches, and without it the device may read what was there before. "
        "Nothing is raised, and the run is right wherever the caches happen to have been written back.",
        fix=_TO,
        example=_host(right="x.sync(TO)\n", wrong=""),
    ),
    _mistake(
        "error",
        "read-not-synced",
        sentence="A buffer was read that was not synced from the device after the run.",
        cause="Without the sync the CPU may read from its caches what it had before the run. Nothing is raised: the "
        "output is the old one, or zeros.",
        fix=_FROM,
        example=_host(right="y.sync(FROM)\n", wrong=""),
    ),
    _mistake(
        "warning",
        "mapped-not-synced",
        sentence="A buffer is mapped, and was not synced from the device after the run.",
        cause="Memory that `bo.map()` gave is read without a call, so nobody sees whether the program reads it. If it "
        "does, it reads what the host had before the run.",
        fix=_FROM,
        example=_host(
            right="y.sync(FROM)\nprint(y.read(256, 0).view(np.int32)[:4].tolist())\n",
            wrong="print(np.frombuffer(y.map(), np.int32)[:4].tolist())\n",
        ),
    ),
    _mistake(
        "error",
        "synced-too-early",
        sentence="A buffer was synced while a run that it is bound to was under way.",
        cause="`kernel(...)` and `run.start()` return at once. A sync from the device then brings what was there "
        "before the run, or half of its output; a sync to the device changes the input under it.",
        fix="run.wait() first, and look at the state that it returns",
        example=_host(
            right="assert run.wait() == COMPLETED\ny.sync(FROM)\n",
            wrong="y.sync(FROM)\nassert run.wait() == COMPLETED\n",
        ),
    ),
    _mistake(
        "warning",
        "never-waited",
        sentence="A run was started and never waited for.",
        cause="`kernel(...)` returns when the run has begun. A program that does not wait reads before the end, and "
        "never learns of an ERROR, ABORT or TIMEOUT.",
        fix=_LOOK,
        example=_host(right="assert run.wait() == COMPLETED\n", wrong=""),
    ),
    _mistake(
        "warning",
        "failure-unseen",
        sentence="A run did not complete, and nobody looked at how it ended.",
        cause="`run.wait()` returns ERROR, ABORT and TIMEOUT as it returns COMPLETED, and raises nothing. What the "
        "buffers hold, mostly zeros, then passes for an answer.",
        fix=_LOOK,
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\nassert run.wait() == COMPLETED\n",
            wrong="run = kernel(0, instr, len(words), x, y)\nrun.wait()\n",
        ),
    ),
    _mistake(
        "note",
        "state-unseen",
        sentence="A run completed, and nobody looked at how it ended.",
        cause="`run.wait()` returns ERROR, ABORT and TIMEOUT as it returns COMPLETED, and raises nothing. A later run "
        "that fails will look like this one.",
        fix=_LOOK,
        example=_host(right="assert run.wait() == COMPLETED\n", wrong="run.wait()\n"),
    ),
    _mistake(
        "error",
        "argument-left-over",
        sentence="An argument was not set, and its register holds what an earlier run left there.",
        cause="XRT keeps the commands of runs that are gone for new ones, and clears none of their registers. The run "
        "then reads and writes the buffers of the earlier one, which may be gone.",
        fix="set every argument of every run",
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\n",
            wrong="kernel(3, instr, len(words), x, y).wait2()\nrun = kernel(3, instr, len(words))\n",
        ),
    ),
    _mistake(
        "error",
        "argument-swallowed",
        sentence="`kernel(...)` was called with an argument that does not fit, and ran without it: nothing says so.",
        cause="The binding tries each argument as a buffer, then as a whole number, swallows what either raises, and "
        "starts the run. The register of the argument keeps zero, or what an earlier run left there.",
        fix="kernel(3, instructions, words, buffers...), or run.set_arg, which raises",
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\n",
            wrong="run = kernel(instr, x, y)\n",
        ),
    ),
    _mistake(
        "error",
        "group-of-a-scalar",
        sentence="A buffer was allocated with the group id of a scalar argument.",
        cause="The low 16 bits of such a group id are 0xffff, `no bank`. The buffer can be allocated, and every "
        "argument refuses it: `run.set_arg` raises an IndexError, which `kernel(...)` swallows.",
        fix="allocate with kernel.group_id of the buffer's own argument: 1 for instructions, 3 and on for data",
        example=_host(
            right="y = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(4))\n",
            wrong="y = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(2))\n",
        ),
    ),
    _mistake(
        "error",
        "other-build",
        sentence="The instructions are not those that were built with the xclbin.",
        cause="Instructions are sizes, channels and addresses of one design, and neither XRT nor the device compares "
        "them with the xclbin. They run as far as they go: wrong sizes, wrong channels, a hang.",
        fix="take both files from one build; `tileproof build KERNEL` makes a pair",
        example=_host(
            builds=f"{_BUILD} && {_BUILD} --set count=32",
            right='words = np.fromfile(pair / "insts.bin", dtype=np.uint32)\n',
            wrong='words = np.fromfile("build/double/double_i32_32__npu1/insts.bin", dtype=np.uint32)\n',
        ),
    ),
    _mistake(
        "note",
        "other-count",
        sentence="The argument ninstr counts neither the words nor the bytes of the instructions.",
        cause="The C++ hosts of mlir-aie pass the words, and its newer Python hosts the bytes; both run. What the "
        "firmware makes of another number is not known.",
        fix="pass the number of 32-bit words, as mlir-aie's hosts do",
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\n",
            wrong="run = kernel(3, instr, 1, x, y)\n",
        ),
    ),
    _mistake(
        "error",
        "load-xclbin",
        sentence="`device.load_xclbin` was called, which an NPU does not have.",
        cause="The kernels of an NPU live in hardware contexts, and nothing is loaded onto the device as a whole. XRT "
        "raises `load_axlf: Operation not supported`.",
        fix="device.register_xclbin(xclbin), then pyxrt.hw_context(device, xclbin.get_uuid())",
        example=_host(right="device.register_xclbin(xclbin)\n", wrong="device.load_xclbin(xclbin)\n"),
    ),
)
