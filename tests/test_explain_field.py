"""explain: lines of the driver, of its calls, of tools and of runtimes above, as they stand in the logs of people."""

from __future__ import annotations

import re

import pytest

from tileproof.diagnostic import Diagnostic
from tileproof.explain import explain, explain_log
from tileproof.explain.compilers import COMPILER_MESSAGES
from tileproof.explain.driver import DRIVER_MESSAGES
from tileproof.explain.ioctls import IOCTL_MESSAGES
from tileproof.explain.runtimes import RUNTIME_MESSAGES

NEW = (*IOCTL_MESSAGES, *DRIVER_MESSAGES, *COMPILER_MESSAGES, *RUNTIME_MESSAGES)
DMESG = "[  639.154986] amdxdna 0000:c5:00.1: [drm] *ERROR* "

# A line, its id, and words of what is said of it.
CALLS = [
    ("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file", "no-context", "no free hardware context"),
    ("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-28): No space left", "no-context", "as many free columns"),
    ("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=22): Invalid argument", "no-context", "no hardware context"),
    ("DRM_IOCTL_AMDXDNA_CREATE_CTX IOCTL failed (err=-110)", "no-context", "no hardware context"),
    ("DRM_IOCTL_AMDXDNA_EXEC_CMD IOCTL failed (err=-5): Input/output error", "command-refused", "not take the command"),
    ("LLVM ERROR: DRM_IOCTL_AMDXDNA_EXEC_CMD IOCTL failed (err=5)", "command-refused", "not take the command"),
    ("DRM_IOCTL_AMDXDNA_CONFIG_HWCTX IOCTL failed (err=62): Timer expired", "context-not-configured", "its kernels"),
    ("DRM_IOCTL_AMDXDNA_DESTROY_HWCTX IOCTL failed (err=-19)", "context-not-configured", "could not be given back"),
    ("DRM_IOCTL_AMDXDNA_CREATE_BO IOCTL failed (err=-22): Invalid argument", "buffer-refused", "made no buffer"),
    ("DRM_IOCTL_AMDXDNA_SYNC_BO IOCTL failed (err=-22): Invalid argument", "buffer-refused", "did not sync a buffer"),
    ("DRM_IOCTL_AMDXDNA_GET_INFO IOCTL failed (err=95): Operation not supported", "query-refused", "did not answer"),
    ("DRM_IOCTL_AMDXDNA_GET_ARRAY IOCTL failed (err=-22): Invalid argument", "query-refused", "did not answer"),
    ("DRM_IOCTL_AMDXDNA_SET_STATE IOCTL failed (err=13): Permission denied", "query-refused", "did not change"),
    (
        "DRM_IOCTL_AMDXDNA_WAIT_CMD IOCTL failed (err=-62): Timer expired",
        "wait-failed",
        "the wait for a command failed",
    ),
    ("error: `DRM_IOCTL_AMDXDNA_CREATE_HWCTX`", "driver-call", "the driver's call CREATE_HWCTX failed"),
]
DRIVER = [
    ("aie2_send_mgmt_msg_wait: command opcode 0x106 failed, status 0x4000003", "firmware-refused", "map the host's"),
    ("Direct firmware load for amdnpu/17f0_10/npu.sbin failed with error -2", "firmware-missing", "does not find the"),
    ("aie2_init: failed to request_firmware amdnpu/1502_00/npu.sbin, ret -2", "firmware-missing", "does not find the"),
    ("loading /lib/firmware/amdnpu/1502_00/npu.sbin failed with error -22", "firmware-missing", "does not find the"),
    ("aie2_get_mgmt_chann_info: Invalid mbox magic 0x30ec000", "firmware-other", "not one that this driver knows"),
    ("aie2_check_protocol: Incompatible firmware protocol major 7 minor 2", "firmware-other", "different versions"),
    ("NPU firmware version on /dev/accel/accel0 is incompatible. Please", "firmware-other", "different versions"),
    ("aie2_hw_start: firmware is not alive", "firmware-other", "did not come up"),
    ("fw return error 0x5(Error unknown)", "firmware-other", "security processor"),
    ("failed to validate fw, ret -110", "firmware-other", "security processor"),
    ("PSP is not ready, ret 0xffffff92", "firmware-other", "security processor"),
    ("aie2_smu_exec: smu cmd 4 failed, 0xff", "npu-power", "could not be switched on"),
    ("aie2_smu_init: Access power failed, ret -22", "npu-power", "could not be switched on"),
    ("aie2_smu_fini: Power off failed, ret -22", "npu-power", "could not be switched on"),
    ("aie2_hw_start: failed to init smu, ret -22", "npu-power", "could not be switched on"),
    ("aie2_init: Enable PASID failed, ret -19", "no-address-space", "cannot share the address space"),
    ("amdxdna_drm_open: SVA bind device failed, ret -95", "no-address-space", "cannot share the address space"),
    ("Running under hypervisor not supported", "no-address-space", "in a virtual machine"),
    ("aie2_init: start npu failed, ret -22", "driver-start", "the driver did not start"),
    ("amdxdna_probe: Hardware init failed, ret -22", "driver-start", "the driver did not start"),
    ("probe with driver amdxdna failed with error -22", "driver-start", "the driver did not start"),
    ("aie2_hw_start: failed to start mailbox channel, ret -5", "driver-start", "the driver did not start"),
    ("modprobe: ERROR: could not insert 'amdxdna': Key was rejected by service", "driver-start", "does not take the"),
    ("npu_hw_init: failed to create psp", "driver-start", "the driver did not start"),
    ("aie2_hw_resume: Start hardware failed, -22", "driver-start", "did not come back from sleep"),
    ("amdxdna: module verification failed: signature and/or required key missing", "harmless", "is not signed"),
    ("aie2_hwctx_cfg_debug_bo: Get bo 4 failed", "harmless", "debug buffer"),
    ("aie2_get_info: Not supported request parameter 7", "harmless", "what this driver cannot tell"),
    ("aie2_tdr_work: Device isn't making progress... Count 17", "npu-hangs", "found no progress"),
    ("aie2_sched_job_timedout: TDR timeout detected", "npu-hangs", "found no progress"),
    ("aie2_dump_ctx: Dumping ctx ctx.903608.1, hwctx 15, sub=2, comp=1", "npu-hangs", "found no progress"),
    ("aie2_set_cmd_timeout: \tContext ID: 15", "npu-hangs", "found no progress"),
    ("xdna_send_msg_wait: Wait for completion timeout", "no-answer", "did not answer"),
    ("mailbox_release_msg:265: xdna_mailbox.112: msg_id 0x1d000009 msg opcode 0x10c", "no-answer", "did not answer"),
    ("xdna_mailbox.112: IRQ disabled and RX work cancelled", "no-answer", "did not answer"),
    (
        "AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0001 address=0x7468 flags=0x0027]",
        "no-address-space",
        "no buffer has",
    ),
    ("amdxdna_drm_submit_execbuf: Invalid arg bo count 0", "driver-argument", "a number of buffers"),
    ("amdxdna_arg_bos_lookup: Lookup GEM object failed", "driver-argument", "does not have"),
    ("aie2_hwctx_init: Map host buffer failed, ret -22", "npu-heap", "the heap of the context"),
    ("The client dev heap object not exist", "npu-heap", "the heap of the context"),
    ("amdxdna_gem_create_cma_object: Heap BO is not supported on CMA platform", "npu-heap", "without an IOMMU"),
    ("Config CU to firmware failed, ret -22", "context-not-configured", "could not be set up"),
    ("aie2_hwctx_col_list: Invalid num_col 9", "no-context", "finds no place on the array"),
    ("amdxdna_drm_create_hwctx_ioctl: Init hwctx failed, ret -22", "no-context", "no hardware context"),
    ("aie2_error_process: Event(ID): DM address out of range (60)", "array-error", "DM address out of range"),
    ("\tTile location (Row, Column): (2, 1)", "array-error", "row 2, column 1"),
    ("aie2_sched_cmd_free: Something nobody knows, ret -12", "driver-log", "in aie2_sched_cmd_free, which is about"),
    ("\tFatal error type: 0x3", "array-error", "reported an error while a command ran"),
]
TOOLS = [
    (
        "ld.lld: error: section '.data' will not fit in region 'data': overflowed by 128 bytes",
        "core-memory-full",
        ".data",
    ),
    (
        "ld.lld: error: section '.text' will not fit in region 'program': overflowed by 9 bytes",
        "core-memory-full",
        "too long",
    ),
    ("[AIE ERROR] _XAie_LoadProgMemSection():231: Overflow of program memory", "core-memory-full", "too long"),
    ("[AIE ERROR] _XAie_LoadDataMemSection():180: no", "core-memory-full", "data does not fit"),
    (
        "error: 'aie.tile' op allocated buffers exceeded available memory",
        "buffers-do-not-fit",
        "do not fit in its memory",
    ),
    ("error: 'aie.tile' op Bank-aware allocation failed.", "buffers-do-not-fit", "do not fit in its memory"),
    ('warning: Failed to allocate buffer: "q_buff_0" with size: 62000 bytes.', "buffers-do-not-fit", "do not fit"),
    ("error: 'aie.tile' op Basic sequential allocation also failed.", "buffers-do-not-fit", "do not fit"),
    (
        "ld.lld: error: undefined symbol: me_primitive::control_rnd",
        "undefined-symbol",
        "calls me_primitive::control_rnd",
    ),
    ("ld.lld: error: duplicate symbol: matmul_i8", "undefined-symbol", "two objects define one function"),
    ("ld.lld-22: error: cannot open /home/a/tile.o: No such file or directory", "object-not-found", "object file"),
    ("ld.lld: error: crt1.o:(.stack_sizes) is being placed in '.stack_sizes'", "linker-script", "has no place for"),
    ("ld.lld: error: a.o:(.text): relocation R_AIE_1 out of range: 1 is not in [0, 1]", "linker-script", "not fit its"),
    ("error in backend: unable to legalize instruction: %14:_(<64 x s8>) = G_SHL %4:_", "compiler-cannot", "for G_SHL"),
    ("LLVM ERROR: unable to legalize instruction: %29:_(<16 x s16>) = G_FADD %26:_", "compiler-cannot", "for G_FADD"),
    ("LLVM ERROR: cannot select: %3:gpr(s32) = G_FPTOSI %2:fpr", "compiler-cannot", "for G_FPTOSI"),
    ("error: ran out of registers during register allocation", "compiler-cannot", "registers"),
    ("error: unknown target triple 'aie2-none-unknown-elf'", "compiler-cannot", "does not know the core"),
    ("utils.hpp:307:15: error: no member named 'make_tuple' in namespace 'std'", "headers-not-found", "C++ library"),
    ("fatal error: 'aie_api/aie.hpp' file not found", "headers-not-found", "does not find the headers"),
    ("error: 'aie.tile' op number of input DMA channel exceeded!", "too-many-channels", "more input DMA channels"),
    ("'air.dma_memcpy_nd' op failed to map to shim dma channels: out of channels.", "too-many-channels", "no channel"),
    ("error: Unable to find a legal routing", "no-legal-route", "find no way"),
    ("error: 'aie.logical_tile' op no available physical tile for placement", "no-legal-route", "more tiles"),
    ("error: Allocator exhausted available BD IDs (maximum 24 available for", "too-many-bds", "no buffer descriptor"),
    ("error: 'aie.mem' op has more than 16 blocks", "too-many-bds", "no buffer descriptor"),
    ("error: 'aiex.npu.dma_memcpy_nd' op Size 0 exceeds the [0:1023] range.", "bad-access-pattern", "a BD can hold"),
    ("error: transfer length must be multiple of 4 (i.e., represent 4 byte aligned", "bad-access-pattern", "a BD can"),
    ("op cannot release more elements than are already acquired", "fifo-misused", "has not acquired"),
    ("error: objectfifo cannot be in more than one ObjectFifoLinkOp", "fifo-misused", "used as it cannot be"),
    ("'aie.buffer' op is accessed from an unreachable tile in Column 1", "not-reachable", "does not reach"),
    ("error: no shim DMA allocation found for symbol", "bad-sequence", "does not end at a shim"),
    ("awaits a task-completion token on a channel where no task", "bad-sequence", "a token that nothing sends"),
    ('error: no device found matching --device-name "main"', "bad-sequence", "none of the name"),
    ("Error: Could not find Peano compiler tools", "tool-not-found", "a tool of the build is not there"),
    ("/bin/sh: 1: xchesscc_wrapper: not found", "tool-not-found", "a tool of the build is not there"),
    (
        "aie.mlir:25:3: error: custom op 'func' is unknown (tried 'builtin.func' as well)",
        "not-mlir",
        "does not know an",
    ),
    ("error: 'AIE.objectFifo' op expects parent op 'AIE.device'", "not-mlir", "does not know an operation"),
    ("aiecc: edge 'elfs_{0}.elf' (key 'main_core_0_2') failed", "follows-from-earlier", "a step of the build failed"),
    (
        "clang: error: ld.lld command failed with exit code 1 (use -v to see",
        "follows-from-earlier",
        "a step of the build",
    ),
]
RUNTIMES = [
    ("Error code: 0xc01e0009", "windows-driver", "STATUS_GRAPHICS_DRIVER_MISMATCH"),
    ("failed: 0xC01E0003", "windows-driver", "the NPU was reset"),
    ("xclbin_file.cpp:101] Failed to open xclbin C:\\Windows\\%X%\\1x4.xclbin", "no-xclbin-file", "is not there"),
    (
        "-- Error: Failed to create GE handle: Error: No compatible xclbin file found",
        "other-xclbin",
        "none of the xclbins",
    ),
    ("-- Error: Failed to create runner: invalid vector subscript", "other-xclbin", "could not make a runner"),
    (
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Exception during initialization: x",
        "other-xclbin",
        "while it started",
    ),
    ("is partitioned to CPU as :  doesn't supported by target [AMD_AIE2P].", "other-xclbin", "leaves an operator"),
]
FIELD = [*CALLS, *((DMESG + line, id_, words) for line, id_, words in DRIVER), *TOOLS, *RUNTIMES]


@pytest.mark.parametrize(
    ("line", "id_", "words"), FIELD, ids=[re.sub(r"^.*\*ERROR\* ", "", one[0])[:50] for one in FIELD]
)
def test_a_line_that_people_pasted_is_known_alone_and_in_a_log(line: str, id_: str, words: str) -> None:
    for found in (explain(line), explain_log(f"starting\n{line}\ndone")):
        assert [one.id for one in found] == [id_]
        assert words in found[0].what
        assert found[0].why
        assert found[0].fix


def test_every_pattern_is_met_by_a_line_above() -> None:
    for message in NEW:
        assert any(message.pattern.search(line) for line, _, _ in FIELD), message.pattern.pattern


def only(line: str) -> Diagnostic:
    (found,) = explain(line)
    return found


# A code with many causes has all of them, and asserts none


@pytest.mark.parametrize(
    "line",
    [
        "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-22): Invalid argument",
        "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory",
        "DRM_IOCTL_AMDXDNA_EXEC_CMD IOCTL failed (err=5): Input/output error",
        "DRM_IOCTL_AMDXDNA_CREATE_BO IOCTL failed (err=-22): Invalid argument",
        "DRM_IOCTL_AMDXDNA_CONFIG_HWCTX IOCTL failed (err=62): Timer expired",
        "qds_device::wait() unexpected command state",
        "Command failed to complete successfully (ERT_CMD_STATE_TIMEOUT)",
        "Command failed to complete successfully (ERT_CMD_STATE_ERROR)",
        "ERT_CMD_STATE_ABORT and more",
        " No such device with index '0'",
        "Device isn't making progress... Count 17",
        "ld.lld: error: undefined symbol: memset",
        "aie2_smu_exec: smu cmd 4 failed, 0xff",
    ],
)
def test_what_has_several_causes_lists_them_with_what_tells_them_apart(line: str) -> None:
    why = only(line).why

    assert why.startswith("one of these: (1) ")
    assert "; (2) " in why
    assert why.count(", if ") >= why.count("(2)") + 1
    assert "mostly" not in why


def test_a_code_of_many_causes_in_full() -> None:
    assert str(only("DRM_IOCTL_AMDXDNA_EXEC_CMD IOCTL failed (err=5): Input/output error")) == (
        "the driver did not take the command\n"
        "  where: DRM_IOCTL_AMDXDNA_EXEC_CMD IOCTL failed (err=5)\n"
        "  why:   one of these: (1) a command before it hung, and its context is dead, if the first command after a "
        "reload is well; (2) the xclbin is for another NPU, if `tileproof inspect insts.bin` names another than "
        "`xrt-smi examine`; (3) the firmware does not answer, if dmesg has `Wait for completion timeout`\n"
        "  fix:   make a new context after every command that did not complete; read the lines of amdxdna in the "
        "driver's log: `sudo dmesg | grep amdxdna`, then `tileproof explain` them"
    )


@pytest.mark.parametrize("name", ["CREATE_HWCTX", "EXEC_CMD", "CREATE_BO", "GET_INFO"])
@pytest.mark.parametrize("code", [2, 5, 12, 19, 22, 28, 62, 95, 110, 77])
def test_a_code_means_the_same_with_and_without_its_sign(name: str, code: int) -> None:
    """The shim printed errno without the sign until May 2025."""
    older, newer = (only(f"DRM_IOCTL_AMDXDNA_{name} IOCTL failed (err={sign}{code})") for sign in ("", "-"))

    assert (older.what, older.why, older.fix) == (newer.what, newer.why, newer.fix)


@pytest.mark.parametrize(
    ("status", "means"),
    [
        ("0x3000003", "it could not load the PDI"),
        ("0x1000008", "a lock had an error"),
        ("0x2000003", "what was asked for is not free"),
        ("0x7777777", "a status that the driver has no name for"),
    ],
)
def test_a_status_of_the_firmware_is_put_in_words(status: str, means: str) -> None:
    found = only(f"amdxdna 0000:c4:00.1: command opcode 0x11 failed, status {status}")

    assert (
        found.what
        == f"the firmware was asked to configure the kernels of a context (load a PDI), and refused with {status}"
    )
    assert f"{status}: {means}" in found.why


def test_a_line_of_the_driver_that_has_no_page_is_said_to_have_none() -> None:
    found = only(DMESG + "amdxdna_gem_pin_pages: Frobnicating failed, ret -14")

    assert found.what == "the driver complains in amdxdna_gem_pin_pages, which is about buffers and memory"
    assert found.why == (
        "it says: Frobnicating failed, ret -14; 14 is EFAULT, Bad address. Nothing more is known here of this line"
    )


def test_a_log_of_a_driver_that_did_not_start_has_its_reason_first() -> None:
    log = "\n".join(
        DMESG + line
        for line in (
            "aie2_get_mgmt_chann_info: Invalid mbox magic 0x30ec000",
            "aie2_hw_start: firmware is not alive",
            "aie2_smu_exec: smu cmd 4 failed, 0xff",
            "aie2_init: start npu failed, ret -22",
            "amdxdna_probe: Hardware init failed, ret -22",
        )
    )

    assert [one.id for one in explain_log(log)] == [
        "firmware-other",
        "firmware-other",
        "npu-power",
        "driver-start",
        "driver-start",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "amdxdna 0000:c5:00.1: enabling device (0000 -> 0002)",
        "[drm] Initialized amdxdna_accel_driver 0.6.0 for 0000:c6:00.1 on minor 0",
        "AIE Compilation:  82% 0:00:02 0:00:08 14/17 4 Workers",
        "usb 1-1: device descriptor read/64, error timeout",
        "warning: overriding the module target triple with aie2-none-unknown-elf [-Woverride-module]",
        "Running Kernel (iteration 0).",
        "PASS!",
    ],
)
def test_a_line_that_complains_of_nothing_is_not_explained(line: str) -> None:
    assert explain_log(line) == ()
