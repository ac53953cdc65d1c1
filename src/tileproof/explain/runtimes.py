"""What Ryzen AI Software, ONNX Runtime's VitisAI provider and Windows say where the NPU is to run.

Sources: RyzenAI-SW#107, #120, #146, #345; mlir-aie#1757; Windows' ntstatus.h.
"""

from __future__ import annotations

from tileproof.explain.message import Message, one_of, says

RUNTIME_MESSAGES: tuple[Message, ...] = (
    says(
        "windows-driver",
        r"\b0[xX][cC]01[eE]0009\b",
        "the NPU's driver and the libraries that call it do not fit (STATUS_GRAPHICS_DRIVER_MISMATCH)",
        "Windows says it where the part of a driver in the kernel and the one in the process are of different versions",
        "install the NPU driver that the release notes of your Ryzen AI Software name, and use the xrt_coreutil.dll "
        "that it brings, not a copy",
    ),
    says(
        "windows-driver",
        r"\b0[xX][cC]01[eE]0003\b",
        "the NPU was reset (STATUS_GRAPHICS_ADAPTER_WAS_RESET)",
        one_of(
            ("a command took too long", "the same work in parts completes"),
            ("the design waits for ever", "`tileproof run SCRIPT.py` names who waits for whom"),
        ),
        "make everything anew: device, context, buffers",
    ),
    says(
        "no-xclbin-file",
        r"Failed to open xclbin (?:\S|[A-Z]:\\)[^\r\n]{0,200}|Failed to open xclbin\b",
        "the xclbin that the environment names is not there",
        one_of(
            (
                "a variable was not replaced",
                "the path holds a %NAME% still: it was set in another shell, or not at all",
            ),
            ("the path is relative", "another folder stands before it"),
        ),
        "give XLNX_VART_FIRMWARE, or the provider's option `xclbin`, a whole path",
    ),
    says(
        "other-xclbin",
        r"No compatible xclbin file found",
        "none of the xclbins that the provider knows goes with this NPU and driver",
        one_of(
            ("the driver is older than the software", "the release notes name a newer one"),
            ("the xclbin is for another NPU", "its folder is not phoenix on a Phoenix, or strix on a Strix"),
        ),
        "install the driver of the release, and name the xclbin of your NPU",
    ),
    says(
        "other-xclbin",
        r"Failed to create (?:GE handle|runner): [^\r\n]{0,120}",
        "the provider could not make a runner for the NPU",
        one_of(
            ("the model was compiled for another NPU", "the log names a target such as AMD_AIE2P on a Phoenix"),
            ("xclbin and target are not those of the NPU", "the option `xclbin` or `target` is missing"),
            ("the NPU is taken or its driver is not there", "AMD's own test fails as well"),
        ),
        "give the provider the xclbin and the target of your NPU, and clear its cache of compiled models",
    ),
    says(
        "other-xclbin",
        r"attrs_create_cif|RUNTIME_EXCEPTION : Exception during initialization",
        "the VitisAI provider ended while it started",
        one_of(
            ("a file of its installation is missing", "the path to vaip_config.json or to its libraries is wrong"),
            ("the versions do not fit", "onnxruntime is not the one that came with Ryzen AI Software"),
        ),
        "run the quicktest of the installation in its own environment first",
    ),
    says(
        "other-xclbin",
        r"is partitioned to CPU as :\s+doesn't supported by target",
        "the provider leaves an operator to the processor",
        "the target has no such operator; where it names another NPU's target the model was compiled for that",
        "compare the target with the NPU; a few operators on the processor are no mistake",
    ),
)
