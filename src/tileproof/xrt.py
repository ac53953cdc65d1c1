"""The host ABI of XRT on an NPU: command states, and the first three arguments of every kernel. Knows no device."""

from __future__ import annotations

# ERT command states as pyxrt numbers them (XRT ert.h).
COMPLETED, ERROR, ABORT, TIMEOUT = 4, 5, 6, 8
STATE_NAMES = {
    1: "NEW",
    2: "QUEUED",
    3: "RUNNING",
    4: "COMPLETED",
    5: "ERROR",
    6: "ABORT",
    7: "SUBMITTED",
    8: "TIMEOUT",
    9: "NORESPONSE",
    10: "SKERROR",
    11: "SKCRASHED",
}

# opcode, instr and ninstr stand before the buffers: argument k of the runtime sequence is argument 3 + k.
CALL_ARGUMENTS = ("opcode", "instr", "ninstr")
FIRST_BUFFER = len(CALL_ARGUMENTS)
INSTRUCTIONS = CALL_ARGUMENTS.index("instr")
# What a run of an ELF has beside its arguments, in their numbering by the sequence: the control scratchpad, whose
# address XRT patches into the instructions (xrt_module.cpp, `scratch-pad-ctrl`).
CTRL_SCRATCHPAD = -1

# The opcode of an instruction stream in transaction format (mlir-aie's host programs, xdna-driver's shim test).
OPCODE_TRANSACTION = 3


# Of a run whose process was gone before XRT could say anything.
NO_STATE = -1


def state_name(state: int) -> str:
    """`ERT_CMD_STATE_COMPLETED` for 4; a number that XRT does not have keeps its number."""
    if state == NO_STATE:
        return "none"
    return f"ERT_CMD_STATE_{STATE_NAMES.get(state, state)}"
