"""The process that drives the NPU: loads a kernel, runs it as often as it is asked to, and says how that ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from tileproof.device import NPU, open_device
from tileproof.device.guarded import Load, Refused
from tileproof.device.runner import LoadedKernel
from tileproof.errors import Problem

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(socket: int, parent: int) -> None:
    """Answer messages until the other side hangs up."""
    die_with(parent)
    connection = Connection(socket)
    loaded: LoadedKernel | None = None
    while True:
        try:
            message = connection.recv()
        except (EOFError, ConnectionError):
            return
        answer: object
        try:
            if isinstance(message, Load):
                loaded = _loaded(message)
                answer = True
            else:
                assert loaded is not None
                answer = loaded.run(message)
        except Problem as problem:
            answer = Refused(problem=problem)
        except Exception:  # a bug of ours: the parent raises it with this traceback
            answer = Refused(problem=None, traceback=traceback.format_exc())
        try:
            connection.send(answer)
        except ConnectionError:  # nobody waited for this run
            return


def _loaded(load: Load) -> LoadedKernel | None:
    device = open_device(NPU)
    if load.xclbin is None:
        return None
    return LoadedKernel(device, load.xclbin, load.insts, load.sizes, load.timeout_s, load.counted)


def die_with(parent: int) -> None:
    """A wait in XRT has no end of its own, and may let no other thread run: so the kernel ends this process."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before
        os._exit(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
