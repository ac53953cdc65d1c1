"""The words of the driver amdxdna, of its calls and of runtimes above it: what `tileproof explain` finds in a log.

None has an example: they are said by a machine with an NPU.
"""

from __future__ import annotations

from tileproof.diagnostic.entry import Entry, Severity


def _word(id_: str, sentence: str, cause: str, fix: str, severity: Severity = "error") -> Entry:
    return Entry(id=id_, name=id_, severity=severity, sentence=sentence, cause=cause, fix=fix)


_LOG = "`sudo dmesg | grep amdxdna | tileproof explain`: the driver says there what its code only hints at"
_ONE_BUILD = "install driver, XRT plugin and firmware of one build"

DRIVER_WORDS = (
    _word(
        "command-refused",
        "The driver did not take a command (EXEC_CMD).",
        "Code 5 is what it answers for a context that died with an earlier command, or where the firmware is silent, "
        "22 for a command whose buffers it does not accept. Until May 2025 the shim left the sign out.",
        _LOG,
    ),
    _word(
        "context-not-configured",
        "The kernels of an xclbin could not be set up in a context (CONFIG_HWCTX).",
        "The firmware loads the PDI then. 62 and 110 are its silence, mostly after a command that hung before.",
        "end what uses the NPU and reload the driver; then `tileproof check FILE.xclbin`",
    ),
    _word(
        "buffer-refused",
        "The driver did not make or sync a buffer (CREATE_BO, SYNC_BO).",
        "Codes 12 and 11 are memory that cannot be had or locked, 22 an argument, 95 a kind that the driver does not "
        "have.",
        _LOG + "; raise `ulimit -l`",
    ),
    _word(
        "query-refused",
        "The driver did not answer a question, or did not change a setting (GET_INFO, GET_ARRAY, SET_STATE).",
        "Codes 95 and 22 are what an older driver answers to a newer XRT, 13 what everybody but root gets. Kernels may "
        "run all the same.",
        _ONE_BUILD + "; settings need root",
    ),
    _word(
        "wait-failed",
        "The wait for a command failed (WAIT_CMD).",
        "Codes 62 and 110 are the end of the time that was given, and say nothing of why the command takes longer.",
        "wait longer, or look for the deadlock: `tileproof run SCRIPT.py`",
    ),
    _word(
        "driver-call",
        "A call of the driver failed, and the line does not say with which code.",
        "The shim prints the call's name; the driver's log has the reason.",
        _LOG,
    ),
    _word(
        "firmware-refused",
        "The firmware refused what the driver asked for, with a status.",
        "The first digits of the status say who: 0x1 the array, 0x2 the management, 0x3 an application, 0x4 the "
        "operating system of the firmware.",
        "look at what was asked for; " + _ONE_BUILD,
    ),
    _word(
        "firmware-missing",
        "The driver does not find the NPU's firmware.",
        "It wants /lib/firmware/amdnpu/ID_REVISION/npu.sbin, already when the initramfs is all that there is.",
        "update linux-firmware, and rebuild the initramfs",
    ),
    _word(
        "firmware-other",
        "The firmware is not one that the driver can talk to.",
        "A driver knows certain versions of the protocol, and the security processor takes only what is signed for the "
        "device. The kernel's own driver goes with linux-firmware, that of xdna-driver with its own package.",
        _ONE_BUILD,
    ),
    _word(
        "npu-power",
        "The NPU could not be switched on or off.",
        "The management unit (SMU) answered 0xff, or the security processor did not start. It can be a state that only "
        "a cold start ends, or a firmware that the driver does not start rightly.",
        "shut down, take the power away, start again; update the BIOS; try another firmware",
    ),
    _word(
        "no-address-space",
        "The NPU does not reach the memory of a process.",
        "It uses the process's own addresses through the IOMMU (PASID, SVA). A page fault is an address that no buffer "
        "has; a failure at the start is an IOMMU that is off, or a virtual machine.",
        "switch the IOMMU on, Linux 6.10 or later; check sizes and arguments of the buffers",
    ),
    _word(
        "driver-start",
        "The driver did not start, or the NPU did not come back from sleep.",
        "These lines repeat the end of a chain: the first *ERROR* of amdxdna has the reason.",
        "explain the first *ERROR* line of amdxdna",
    ),
    _word(
        "harmless",
        "A line of the driver that does no harm.",
        "It stands in the logs of machines whose NPU works.",
        "nothing, if kernels run",
        "note",
    ),
    _word(
        "npu-hangs",
        "A command made no progress, and the driver's watchdog ended it.",
        "A design that waits for ever and a kernel that takes longer than two seconds look the same from there.",
        "`tileproof run SCRIPT.py`, `check` and `emulate` name a deadlock; else make the work smaller",
    ),
    _word(
        "no-answer",
        "The firmware does not answer the driver.",
        "After a silence the driver closes its mailbox, and all calls fail until it is loaded again.",
        "reload the driver, or reboot; then look for the command that hung it",
    ),
    _word(
        "driver-argument",
        "The driver refuses the buffers of a command.",
        "There are none, too many, or one that is not there any more.",
        "keep every bo until the run has ended; " + _ONE_BUILD,
    ),
    _word(
        "npu-heap",
        "The heap of a context cannot be used.",
        "Instructions and PDIs lie in it; XRT makes it, 64 MB, and its memory must be locked.",
        "raise `ulimit -l`; " + _ONE_BUILD,
    ),
    _word(
        "array-error",
        "The array reported an error while a design ran.",
        "A tile's own hardware raises it: an address that is not there, a lock beyond its range, a BD that is not "
        "valid, a packet that is wrong. The log has row, column and event.",
        "`tileproof check` and `emulate` name what a tile does wrong",
    ),
    _word(
        "driver-log",
        "The driver complains, in words that tileproof has no page for.",
        "The name of the function says what it is about, and the number behind `ret` is a code of Linux.",
        "look for the first *ERROR* line of amdxdna before it",
    ),
    _word(
        "old-wait",
        "An XRT before 2.20 tells only that a command did not complete.",
        "Timeout, error and abort end in the same words.",
        "take run.wait(2000) and look at the state",
    ),
    _word(
        "no-xclbin-named",
        "XRT was given an empty name for the xclbin.",
        "The name is empty, or on Windows a debug build handed over a std::string of another runtime.",
        "give the whole path; build Release on Windows",
    ),
    _word(
        "no-kdma",
        "XRT cannot copy buffers on Windows.",
        "Only bo.copy() and the copy of a buffer of a wrong bank lead there.",
        "allocate each buffer with kernel.group_id of its own argument",
    ),
    _word(
        "mapped-too-much",
        "Memory could not be mapped for the NPU.",
        "The driver locks what it maps; 11 is the limit of the user, 12 the end of memory.",
        "raise memlock, and log in again",
    ),
    _word(
        "device-node",
        "The device of the NPU cannot be opened.",
        "Code 13 is the user who may not, 2 the driver that is not there.",
        "join the group of /dev/accel/accel0, or look why the driver did not start",
    ),
    _word(
        "windows-driver",
        "Windows refuses the NPU's driver or has reset the NPU.",
        "The statuses 0xc01e... are those of its graphics kernel, which runs the NPU as well: 9 is a mismatch of "
        "versions.",
        "install the driver that goes with the software",
    ),
    _word(
        "other-xclbin",
        "The VitisAI provider finds no way to run a model on this NPU.",
        "Model, xclbin, target and driver have to be for the same NPU and of the same release.",
        "name the xclbin and target of your NPU, and clear the cache of compiled models",
    ),
)
