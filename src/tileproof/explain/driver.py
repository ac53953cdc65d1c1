"""Lines of the driver amdxdna in the kernel's log.

Sources: xdna-driver drivers/accel/amdxdna and, of older drivers, src/driver/amdxdna; what maintainers and users found
behind them: xdna-driver#17, #282, #299, #389, #421, #513, #906, #923, #1066, #1257, #1355, #1458, #1605, #1645; names
of statuses and messages: aie2_msg_priv.h.
"""

from __future__ import annotations

import errno
import os
import re

from tileproof.explain.message import Explained, Match, Message, message, one_of, says

_RET = r"(?:,? ret(?:urn)? ?(?:0x[0-9a-fA-F]{1,16}|-?\d{1,20}))?"
_FIRMWARE = (
    "install driver, plugin and firmware of one build: xdna-driver's package brings all three; /lib/firmware/amdnpu "
    "then holds an npu.sbin that this driver knows"
)
_COLD = "shut down, take the power away for ten seconds, and start again; update the BIOS; then try another firmware"
_RELOAD = "end what uses the NPU, then `sudo modprobe -r amdxdna && sudo modprobe amdxdna`, or reboot"
_EARLIER = "it follows from an earlier line of the driver, which has the reason"
_SEE_EARLIER = "explain the first *ERROR* line of amdxdna in the log"

# What the firmware answers (aie2_msg_priv.h, enum aie2_msg_status).
_STATUSES = {
    0x1000001: "a core's arithmetic saturated",
    0x1000002: "a core had a floating-point exception",
    0x1000003: "a stream switch had an error: a packet or a control packet that is wrong",
    0x1000004: "a core reached an address that is not there",
    0x1000005: "a tile answered with a bus error",
    0x1000006: "a core met an instruction that it does not have: a program for another NPU, or overwritten",
    0x1000007: "a memory had an error that its ECC could not correct",
    0x1000008: "a lock had an error: acquired or released beyond its range, mostly",
    0x1000009: "a DMA had an error: a BD that is not valid, mostly",
    0x100000A: "a memory had a parity error",
    0x100000B: "the array's power could not be set",
    0x100000C: "the array could not be set back",
    0x2000001: "the firmware's self test failed",
    0x2000002: "the PDI does not have the hash that it says",
    0x2000003: "what was asked for is not free: contexts or columns",
    0x2000004: "a parameter of the message is not one that this firmware takes",
    0x2000005: "it could not be suspended",
    0x2000006: "it is busy",
    0x2000007: "an application is still active",
    0x2000008: "the buffer in memory has a size that it does not take",
    0x3000001: "the application's part of the firmware had an error",
    0x3000002: "the instruction stream holds an operation that it does not know, or is cut short",
    0x3000003: "it could not load the PDI: one for another NPU, or damaged",
    0x4000001: "an input buffer is not valid",
    0x4000002: "it does not know the command",
    0x4000003: "a parameter of the message is not one that it takes",
    0x4000006: "the operation is not allowed now",
    0x4000007: "its queue of events is full",
}
_OPCODES = {
    0x2: "create a context",
    0x3: "destroy a context",
    0xC: "run a command buffer",
    0x10: "run instructions",
    0x11: "configure the kernels of a context (load a PDI)",
    0x12: "run several command buffers",
    0x13: "run several instruction streams",
    0x14: "attach a debug buffer",
    0x18: "run several instruction streams",
    0x101: "suspend",
    0x102: "resume",
    0x106: "map the host's buffer",
    0x108: "say its version",
    0x10A: "set its configuration",
    0x10C: "register for errors of the array",
    0x115: "add a host buffer",
    0x117: "say the revision of the device",
    0x203: "access a register or memory of the array",
    0x301: "say the version of its protocol",
}


def _refused(match: Match) -> Explained:
    opcode, status = int(match["opcode"], 16), int(match["status"], 16)
    asked = _OPCODES.get(opcode, f"do 0x{opcode:x}")
    answer = _STATUSES.get(status, "a status that the driver has no name for")
    return (
        f"the firmware was asked to {asked}, and refused with 0x{status:x}",
        f"0x{status:x}: {answer}",
        "what the program asked for is wrong, or the firmware is of another age than the driver; " + _FIRMWARE,
    )


def _event(match: Match) -> Explained:
    return (
        f"the array reported an error: {match['event'].strip()}",
        "a tile's hardware raised it while a design ran; the lines beside it have the tile's row and column and the "
        "category",
        "`tileproof check` and `emulate` name addresses out of range, BDs and locks that are wrong; look at that tile",
    )


def _tile_location(match: Match) -> Explained:
    return (
        f"the error is that of the tile in row {match['row']}, column {match['column']}",
        "rows count from the shim (0), with the mem tile at 1 and cores from 2 on; columns from the partition's first",
        "`tileproof inspect DESIGN.mlir --lowered` shows what that tile holds",
    )


_START = (
    message(
        "firmware-refused",
        r"command opcode (?P<opcode>0x[0-9a-fA-F]{1,8}) failed, status (?P<status>0x[0-9a-fA-F]{1,8})"
        r"(?: ret -?\d{1,20})?",
        _refused,
    ),
    says(
        "firmware-missing",
        r"Direct firmware load for \S{0,80}npu\S{0,40}\.sbin failed with error -?\d{1,20}"
        r"|failed to request_firmware \S{1,120}" + _RET + r"|loading \S{0,80}npu\.sbin failed with error -?\d{1,20}",
        "the driver does not find the NPU's firmware",
        one_of(
            ("the file is not there", "/lib/firmware/amdnpu has no such folder: linux-firmware is too old"),
            (
                "it is there, and too late or packed in a way that the kernel does not read",
                "it is npu.sbin.zst or .xz only, or the initramfs lacks it and a later `modprobe amdxdna` finds it",
            ),
        ),
        "update linux-firmware or install xdna-driver's package, then rebuild the initramfs",
    ),
    says(
        "firmware-other",
        r"Invalid mbox magic 0x[0-9a-fA-F]{1,8}",
        "the firmware that was loaded is not one that this driver knows",
        "its mailbox does not begin as the driver expects it: the npu.sbin is for another device or driver",
        _FIRMWARE,
    ),
    says(
        "firmware-other",
        r"Incompatible firmware protocol major \d{1,10} minor \d{1,10}"
        r"|mailbox major\.minor \d{1,10}\.\d{1,10} is not supported"
        r"|NPU firmware version on \S{1,60} is incompatible|amdxdna version \d{1,4}\.\d{1,4} is incompatible",
        "driver and firmware speak different versions of their protocol",
        one_of(
            (
                "the firmware is newer than the driver",
                "major is greater than the driver's: a kernel from the "
                "distribution with firmware of xdna-driver, or the other way round",
            ),
            ("the driver is newer", "major is smaller"),
        ),
        _FIRMWARE + "; with a kernel's own driver take the firmware of linux-firmware",
    ),
    says(
        "firmware-other",
        r"firmware is not alive",
        "the firmware did not come up",
        one_of(
            ("it is not the right one", "the line before has `mbox magic` or `protocol`"),
            ("it was not started", "the lines before name psp or smu"),
        ),
        _FIRMWARE,
    ),
    says(
        "firmware-other",
        r"fw return error 0x[0-9a-fA-F]{1,8}(?:\([^)]{0,60}\))?|failed to validate fw"
        + _RET
        + r"|PSP is not ready"
        + _RET,
        "the security processor (PSP) did not take the firmware",
        one_of(
            (
                "the file is not signed for this device",
                "it is another revision's: the folder is not that of the PCI id and revision",
            ),
            ("the NPU has no power yet", "smu lines stand before it, or a cold start mends it"),
        ),
        _FIRMWARE + "; " + _COLD,
    ),
    says(
        "npu-power",
        r"smu cmd \d{1,10} failed, 0x[0-9a-fA-F]{1,8}|Access power failed"
        + _RET
        + r"|Power o(?:ff|n) failed"
        + _RET
        + r"|failed to init smu"
        + _RET
        + r"|failed to start psp"
        + _RET,
        "the NPU could not be switched on, or off",
        one_of(
            ("its power management is in a state from before", "a cold start mends it"),
            (
                "the firmware is one that this driver does not start rightly",
                "an older npu.sbin starts (xdna-driver#1257)",
            ),
            ("the start failed for another reason and this is the way back", "an *ERROR* line stands before it"),
        ),
        _COLD,
    ),
    says(
        "no-address-space",
        r"Enable PASID failed" + _RET + r"|SVA bind device failed" + _RET + r"|SVA get pasid failed"
        r"|PASID unavailable and carveout not configured|PASID not available for pid \d{1,20}",
        "the NPU cannot share the address space of a process",
        one_of(
            ("the IOMMU is off", "dmesg has no AMD-Vi; the BIOS or `iommu=off`, `amd_iommu=off` switched it off"),
            ("the kernel has no SVA for AMD's IOMMU", "it is older than 6.10"),
            ("another driver put the device into another domain", "`iommu=pt`, a virtual machine or a container"),
        ),
        "switch the IOMMU on in the BIOS, take iommu options off the kernel's command line, use Linux 6.10 or later",
    ),
    says(
        "no-address-space",
        r"Running under hypervisor not supported",
        "the driver does not work in a virtual machine",
        "it found a hypervisor below itself",
        "run on the machine itself; a container may have /dev/accel/accel0",
    ),
    says(
        "driver-start",
        r"(?:aie2_init: )?start npu failed"
        + _RET
        + r"|Hardware init failed"
        + _RET
        + r"|failed to create (?:psp|smu|mailbox device)"
        r"|probe with driver amdxdna failed with error -?\d{1,20}|probe of \S{1,20} failed with error -?\d{1,20}"
        r"|aie2_hw_start: failed [a-z ]{1,40}" + _RET + r"|hardware init failed,? ?(?:ret )?-?\d{1,20}",
        "the driver did not start, so there is no /dev/accel/accel0",
        _EARLIER,
        _SEE_EARLIER,
    ),
    says(
        "driver-start",
        r"Start hardware failed, -?\d{1,20}|aie2_hw_resume: \S[^,]{0,60}failed"
        + _RET
        + r"|[Rr]esume failed(?: after NPU reset)?(?:,? ret|:) ?-?\d{1,20}",
        "the NPU did not come back from sleep",
        "its firmware has to be loaded again after a suspend, and that failed",
        _RELOAD,
    ),
    says(
        "harmless",
        r"amdxdna: module verification failed: signature and/or required key missing"
        r"|amdxdna: loading out-of-tree module taints kernel",
        "the driver was built outside the kernel, and is not signed",
        "that is said of every such module; with Secure Boot the kernel would not load it at all",
        "nothing, if the driver starts; else sign the module or switch Secure Boot off",
    ),
    says(
        "harmless",
        r"aie2_hwctx_cfg_debug_bo: Get bo \d{1,10} failed",
        "XRT asked for a debug buffer that this driver does not find",
        "a newer XRT tries it for every context; runs are not touched by it (xdna-driver#1355, mended by #1402)",
        "nothing, or update XRT and the plugin",
    ),
    says(
        "harmless",
        r"Not supported request parameter \d{1,10}|No HWMON support due to missing PMF sensor support",
        "XRT asks what this driver cannot tell",
        "a query of a newer XRT, or a sensor that the machine does not have; kernels run without",
        "nothing, if kernels run; else take driver and plugin of one build",
    ),
)
_LOADING = (
    says(
        "driver-start",
        r"could not insert '?amdxdna'?: [^\r\n]{1,80}",
        "the kernel does not take the driver's module",
        one_of(
            ("Secure Boot is on and the module is not signed", "it says `Key was rejected by service`"),
            (
                "it was built for another kernel",
                "it says `Invalid module format`, `Exec format error` or `Unknown symbol`",
            ),
            (
                "there is no NPU, or the BIOS hides it",
                "it says `No such device`, and lspci has no 1022:1502 or 1022:17f0",
            ),
        ),
        "sign it or switch Secure Boot off; build it for the running kernel; switch the NPU (IPU) on in the BIOS",
    ),
)
_RUN = (
    says(
        "npu-hangs",
        r"Device isn't making progress\.{0,3}(?: Count \d{1,10})?|TDR timeout detected|Dumping ctx \S{1,40}"
        r"|Firmware timeout state capture|aie2_set_cmd_timeout\b|aie2_tdr_work\b",
        "the driver found no progress for its whole watchdog, and threw the command away",
        one_of(
            ("the design waits for ever", "`tileproof emulate` or `check` names who waits for whom"),
            ("a kernel takes longer than tdr_timeout_ms (2 s)", "half of the work completes"),
            ("buffers reached the wrong arguments", "XRT warned of a bank, or an IO_PAGE_FAULT stands beside it"),
            ("the memory is busy with something else", "it happens only beside work on the GPU"),
            ("several kernels of one context, with a driver of late 2025", "each alone completes (xdna-driver#906)"),
        ),
        "`tileproof run SCRIPT.py` runs host and pair on the emulator; make a new context afterwards, or " + _RELOAD,
    ),
    says(
        "no-answer",
        r"[Ww]ait for completion timeout|Send message failed" + _RET + r"|mailbox_release_msg"
        r"|IRQ disabled and RX work cancelled|Mailbox channel released|xdna_mailbox_stop_channel"
        r"|device is already stopped",
        "the firmware did not answer, and the driver gave its mailbox up",
        one_of(
            ("it hangs after a design that never ended", "an earlier command timed out"),
            ("it never worked since the boot", "driver and firmware do not fit: `mbox magic`, `protocol` before it"),
            ("an answer came and its interrupt was lost", "a driver from September 2026 on no longer says it"),
        ),
        _RELOAD + "; every call answers `no such device` until then",
    ),
    says(
        "no-address-space",
        r"IO_PAGE_FAULT",
        "the NPU reached an address that no buffer has",
        one_of(
            (
                "a buffer was passed for another argument or is too short",
                "XRT warned of a bank, or `tileproof run SCRIPT.py` says so",
            ),
            (
                "the runtime sequence reaches beyond its argument",
                "`tileproof inspect insts.bin` shows a last byte beyond the buffer",
            ),
            ("a buffer was freed while the command ran", "the run was not waited for"),
        ),
        "compare the sizes of the buffers with `tileproof inspect FILE.xclbin --insts insts.bin`",
    ),
    says(
        "driver-argument",
        r"Invalid (?:arg|cmd) bo count \d{1,10}",
        "a command came with a number of buffers that the driver does not take",
        one_of(
            ("it has none", "the count is 0: XRT and driver are of different builds (xdna-driver#513)"),
            ("it has too many", "the count is above the buffers of one command"),
        ),
        "take driver and XRT plugin of one build; pass fewer buffers",
    ),
    says(
        "driver-argument",
        r"Lookup GEM object failed|Argument BOs lookup failed" + _RET + r"|Failed to find cmd BO \d{1,10}"
        r"|Failed to get cmd bo from \d{1,10}",
        "a command names a buffer that the driver does not have",
        "it was freed, or belongs to another process or device",
        "keep every bo until the run has ended",
    ),
    says(
        "npu-heap",
        r"Map host buf(?:fer)? failed" + _RET + r"|Add heap failed[^,]{0,40}|(?:The client )?dev heap object not exist"
        r"|Dev heap pin failed"
        + _RET
        + r"|Heap \d{1,10} is not (?:dma )?mapped|Invalid dev bo size 0x[0-9a-fA-F]{1,16}"
        r"|The dev heap size 0x[0-9a-fA-F]{1,16} is not multiple of 0x[0-9a-fA-F]{1,16}",
        "the heap of the context, where instructions and PDIs lie, cannot be used",
        one_of(
            ("a program without XRT made none, or of another size", "it calls the driver itself: 64 MB, and mapped"),
            ("the firmware takes no such heap", "a line with `status 0x4000003` stands before it: another firmware"),
            ("memory cannot be pinned", "`ulimit -l` is small, or the line says pin"),
        ),
        "let XRT make it; raise memlock; else driver and firmware of one build",
    ),
    says(
        "npu-heap",
        r"Heap BO is not supported on CMA platform",
        "the driver took the machine for one without an IOMMU",
        "the kernel has CMA, which the driver of December 2025 read as ARM; mended by xdna-driver#925",
        "update the driver, or build the kernel without CMA",
    ),
    says(
        "context-not-configured",
        r"Config(?:ure)? [Cc][Uu](?: to firmware)? failed" + _RET + r"|Number of CU is zero|Not support re-config CU"
        r"|CU config larger than size|Config CU param buffer too large",
        "the kernels of the xclbin could not be set up in the context",
        one_of(
            ("the firmware could not load the PDI", "a status stands before it"),
            ("the xclbin has no kernel, or too many", "`tileproof check FILE.xclbin` says so"),
        ),
        "`tileproof check FILE.xclbin`; build it for the NPU that is there",
    ),
    says(
        "no-context",
        r"Invalid num_col \d{1,10}|Start \d{1,10} end -?\d{1,10} width \d{1,10}|Create col list failed"
        + _RET
        + r"|Al?loc(?:ate)? (?:hw|AIE) resource failed"
        + _RET,
        "the partition finds no place on the array",
        one_of(
            (
                "it has more columns than the NPU",
                "`tileproof inspect FILE.xclbin` shows its columns: npu1 has 4, npu2 8",
            ),
            ("other contexts hold the columns", "ret is -28 or -19, and it is well alone"),
        ),
        "build for fewer columns, or end the programs that use the device",
    ),
    says(
        "no-context",
        r"(?:Init|Create) hwctx failed" + _RET + r"|create context failed, ret -?\d{1,20}",
        "the driver made no hardware context",
        _EARLIER,
        _SEE_EARLIER,
    ),
    message("array-error", r"Event ?\(ID\): (?P<event>[^()]{1,80}) \(\d{1,10}\)", _event),
    message(
        "array-error",
        r"Tile location \(Row, Column\): \((?P<row>\d{1,10}), (?P<column>\d{1,10})\)",
        _tile_location,
    ),
    says(
        "array-error",
        r"\bAIE error:?(?=\s*$)|[Ff]atal[_ ]error[_ ]type(?:\s*=\s*|: )0x0{0,8}[1-9a-fA-F][0-9a-fA-F]{0,8}",
        "the array or the firmware reported an error while a command ran",
        "the lines behind it have the tile, the category and the event",
        "explain those lines; `tileproof check` and `emulate` name what a tile does wrong",
    ),
)
# What a function of the driver is about, by what its name holds: the first that fits.
_AREAS = (
    ("smu", "switching the NPU on and off"),
    ("psp", "starting the firmware, by the security processor"),
    ("mailbox", "its messages to the firmware"),
    ("send_msg", "its messages to the firmware"),
    ("mgmt_msg", "its messages to the firmware"),
    ("hwctx", "hardware contexts"),
    ("context", "hardware contexts"),
    ("gem", "buffers and memory"),
    ("_bo", "buffers and memory"),
    ("heap", "buffers and memory"),
    ("pages", "buffers and memory"),
    ("cmd", "commands"),
    ("exec", "commands"),
    ("sched", "commands"),
    ("submit", "commands"),
    ("error", "errors of the array"),
    ("get_info", "questions about the NPU"),
    ("get_array", "questions about the NPU"),
    ("query", "questions about the NPU"),
    ("suspend", "sleeping and waking"),
    ("resume", "sleeping and waking"),
    ("pm_", "sleeping and waking"),
    ("probe", "the start of the driver"),
    ("init", "the start of the driver"),
    ("hw_start", "the start of the driver"),
    ("iommu", "sharing addresses with a process"),
    ("pasid", "sharing addresses with a process"),
)


def _other_line(match: Match) -> Explained:
    """A line that nobody has written words for yet: where in the driver it comes from, and what its code means."""
    function, said = match["function"], match["said"].strip()
    area = next((about for part, about in _AREAS if part in function), "something that its name does not tell")
    code = re.search(r"ret(?:urn)? ?-?(\d{1,5})\b|error -?(\d{1,5})\b", said)
    number = int(code[1] or code[2]) if code else 0
    meaning = f"; {number} is {errno.errorcode[number]}, {os.strerror(number)}" if number in errno.errorcode else ""
    return (
        f"the driver complains in {function}, which is about {area}",
        f"it says: {said}{meaning}. Nothing more is known here of this line",
        "look for the first *ERROR* line of amdxdna before it, and for what the program said at that time",
    )


_OTHERS = (
    message(
        "driver-log",
        r"amdxdna\b[^\r\n]{0,60}?\*ERROR\* (?P<function>(?:aie[24]?|amdxdna|xdna|npu)_\w{1,60}): "
        r"(?P<said>[^\r\n]{1,200})",
        _other_line,
    ),
)
DRIVER_MESSAGES: tuple[Message, ...] = _START + _LOADING + _RUN + _OTHERS
