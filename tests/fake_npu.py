"""A pyxrt that is found as XRT's is, runs what the emulator runs, and fails in the way that $FAKE_NPU names.

Installed by `install`: a module of the name pyxrt, in a folder that Python looks in. What a device remembers from one
process to the next is in a folder beside it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tileproof.build.run import Artifacts
from tileproof.device.turn import FOLDER
from tileproof.xclbin import read_xclbin, write_xclbin
from tileproof.xclbin.names import KIND_OF

FAULT, FOR, STATE, EMULATED = "FAKE_NPU", "FAKE_NPU_FOR", "FAKE_NPU_STATE", "FAKE_NPU_XCLBINS"

MODULE = '''\
import os
import signal
import sys
import time
from pathlib import Path

from tileproof.emulator import pyxrt as emulated
from tileproof.emulator.pyxrt import *  # noqa: F403
from tileproof.emulator.pyxrt import ert_cmd_state
from tileproof.xclbin.provenance import read_provenance
from tileproof.xclbin import read_xclbin

FAULT, FOR = os.environ.get("FAKE_NPU", ""), os.environ.get("FAKE_NPU_FOR", "")
STATES = {
    "error": ert_cmd_state.ERT_CMD_STATE_ERROR,
    "abort": ert_cmd_state.ERT_CMD_STATE_ABORT,
    "timeout": ert_cmd_state.ERT_CMD_STATE_TIMEOUT,
}
state = Path(os.environ["FAKE_NPU_STATE"])
runs = 0
variant = ""
is_garbled = False


def built_as(path):
    return read_provenance(read_xclbin(Path(path).read_bytes(), "a.xclbin")).variant


def remember(what):
    """Count something that outlives this process."""
    file = state / what
    count = int(file.read_text()) if file.exists() else 0
    file.write_text(str(count + 1))
    return count + 1


def is_alive(process):
    try:
        return "State:\\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def is_due():
    """Whether the fault is of this kernel: of every one, or of those whose name begins so."""
    return bool(FAULT) and variant.startswith(FOR)


class device(emulated.device):
    def __init__(self, index=None):
        if FAULT == "no device":
            raise RuntimeError(" No such device with index '0'")
        if FAULT == "not ready" and remember("opened") == 1:
            raise RuntimeError("GET_INFO IOCTL failed (err=-22): Invalid argument")
        super().__init__(index)


class xclbin(emulated.xclbin):
    """An NPU's file has nothing for the emulator: what was built for it under the same name has."""

    def __init__(self, path):
        global variant
        variant = built_as(path)
        emulable = os.environ["FAKE_NPU_XCLBINS"].split(os.pathsep)
        super().__init__(next(path for path in emulable if built_as(path) == variant))


class hw_context(emulated.hw_context):
    def __init__(self, device, uuid):
        remember(f"contexts {variant}")
        if any(is_alive(file.name) for file in (state / "alive").iterdir()):
            remember("two at once")
        (state / "alive" / str(os.getpid())).touch()
        refused = "DRM_IOCTL_AMDXDNA_CREATE_HWCTX IOCTL failed (err=-2): No such file or directory"
        if FAULT == "no context" and is_due():
            raise RuntimeError(refused)
        if FAULT == "no memory" and is_due():
            raise RuntimeError("mmap(len=67108864) failed (err=-12): Cannot allocate memory")
        if (state / "wedged").exists():
            raise RuntimeError(refused)
        if FAULT == "crash while loading" and is_due():
            os.kill(os.getpid(), signal.SIGSEGV)
        super().__init__(device, uuid)


class bo(emulated.bo):
    def read(self, *arguments):
        data = super().read(*arguments)
        return data ^ 85 if is_garbled or (state / "dirty").exists() else data


class run(emulated.run):
    """Real runs have no report, and a fault comes with the second run: after one that was good."""

    def set_arg(self, index, value):
        if index == 2:
            self.ninstr = value
        if index == 1:
            self.instructions = value.size()
        super().set_arg(index, value)

    def wait(self, *timeout):
        global runs, is_garbled
        runs += 1
        ended = super().wait()
        self.report = None
        if FAULT == "counts bytes":
            return ended if self.ninstr == self.instructions else STATES["error"]
        if runs < 2 or not is_due():
            return ended
        sys.stderr.write("[XRT] ERROR: the firmware has something to say\\n")
        if FAULT == "hang":
            (state / "hangs").write_text(str(os.getpid()))
            time.sleep(600)
        if FAULT == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if FAULT == "exit":
            os._exit(3)
        if FAULT == "raises":
            raise RuntimeError("GET_INFO IOCTL failed (err=-22): Invalid argument")
        if FAULT == "garbage":
            is_garbled = True
        if FAULT in ("dirty", "wedged"):
            (state / FAULT).touch()
            return STATES["error"]
        return STATES.get(FAULT, ended)
'''


@dataclass(frozen=True)
class NpuFile:
    """What was built for the emulator, and the same as an NPU's file: with nothing in it for the emulator."""

    emulated: Path
    xclbin: Path
    insts: Path


def npu_file(built: Artifacts) -> NpuFile:
    file = read_xclbin(built.xclbin.read_bytes(), "a.xclbin")
    kept = tuple(section for section in file.sections if section.kind != KIND_OF["EMULATION_DATA"])
    path = built.folder / "npu.xclbin"
    path.write_bytes(write_xclbin(replace(file, sections=kept)))
    return NpuFile(built.xclbin, path, built.insts)


def install(folder: Path, files: Sequence[Path], fault: str = "", of: str = "") -> dict[str, str]:
    """Write the module; the environment in which it is found, runs the emulator's `files`, and fails as `fault` says.

    `of` is the beginning of the names of those kernels that it fails for.
    """
    state = folder / "state"
    (state / "alive").mkdir(parents=True, exist_ok=True)
    (folder / "pyxrt.py").write_text(MODULE)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    emulated = os.pathsep.join(map(str, files))
    return {FOLDER: str(folder), "PYTHONPATH": path, FAULT: fault, FOR: of, STATE: str(state), EMULATED: emulated}
