"""A pyxrt that is found as XRT's is, runs what the emulator runs, and fails in the way that $FAKE_NPU names.

Installed by `install`: a module of the name pyxrt, in a folder that Python looks in.
"""

from __future__ import annotations

import os
from pathlib import Path

FAULT, EMULATED = "FAKE_NPU", "FAKE_NPU_XCLBIN"

MODULE = '''\
import os
import signal
import sys
import time

from tileproof.emulator import pyxrt as emulated
from tileproof.emulator.pyxrt import *  # noqa: F403
from tileproof.emulator.pyxrt import ert_cmd_state

FAULT = os.environ.get("FAKE_NPU", "")
STATES = {
    "error": ert_cmd_state.ERT_CMD_STATE_ERROR,
    "abort": ert_cmd_state.ERT_CMD_STATE_ABORT,
    "timeout": ert_cmd_state.ERT_CMD_STATE_TIMEOUT,
}
runs = 0


class device(emulated.device):
    def __init__(self, index=None):
        if FAULT == "no device":
            raise RuntimeError(" No such device with index '0'")
        super().__init__(index)


class xclbin(emulated.xclbin):
    """An NPU's file has nothing for the emulator: what it was built beside has."""

    def __init__(self, path):
        super().__init__(os.environ["FAKE_NPU_XCLBIN"])


class hw_context(emulated.hw_context):
    def __init__(self, device, uuid):
        if FAULT == "no context":
            raise RuntimeError("DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory")
        if FAULT == "crash while loading":
            os.kill(os.getpid(), signal.SIGSEGV)
        super().__init__(device, uuid)


class run(emulated.run):
    """Real runs have no report, and a fault comes with the second run: after one that was good."""

    def wait(self, *timeout):
        global runs
        runs += 1
        state = super().wait()
        self.report = None
        if runs < 2 or not FAULT:
            return state
        sys.stderr.write("[XRT] ERROR: the firmware has something to say\\n")
        if FAULT == "hang":
            time.sleep(600)
        if FAULT == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if FAULT == "exit":
            os._exit(3)
        if FAULT == "raises":
            raise RuntimeError("GET_INFO IOCTL failed (err=-22): Invalid argument")
        return STATES.get(FAULT, state)
'''


def install(folder: Path, emulated: Path, fault: str = "") -> dict[str, str]:
    """Write the module; the environment in which it is found, runs `emulated`, and fails as `fault` says."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyxrt.py").write_text(MODULE)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return {"PYTHONPATH": path, FAULT: fault, EMULATED: str(emulated)}
