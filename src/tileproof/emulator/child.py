"""The process that is the device: an array, driven by messages. Tile functions may crash it or never return."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection

import numpy as np

from tileproof.emulator.array import Array
from tileproof.emulator.messages import BREADCRUMB_BYTES, Failed, Finished, Ready, Run, Setup
from tileproof.errors import Problem

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(socket: int, breadcrumb: int, parent: int) -> None:
    """Answer messages on `socket` until the parent hangs up."""
    _die_with(parent)
    trail = mmap.mmap(breadcrumb, BREADCRUMB_BYTES)
    connection = Connection(socket)
    array: Array | None = None
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        try:
            if isinstance(message, Setup):
                array = Array(message.design, message.library, lambda text: _leave(trail, text))
                answer: object = Ready()
            else:
                assert array is not None
                answer = _run(array, message)
        except Problem as problem:
            answer = Failed(problem)
        except Exception:  # a bug of ours: the parent raises it with this traceback
            answer = Failed(None, traceback.format_exc())
        connection.send(answer)


def _run(array: Array, message: Run) -> Finished:
    buffers = {number: np.frombuffer(bytearray(data), dtype=np.uint8) for number, data in message.buffers.items()}
    report = array.run(message.instructions, buffers)
    return Finished(report, {number: data.tobytes() for number, data in buffers.items()})


def _leave(trail: mmap.mmap, text: str) -> None:
    data = text.encode()[: BREADCRUMB_BYTES - 1]
    trail[: len(data) + 1] = data + b"\0"


def _die_with(parent: int) -> None:
    """An endless tile function must not outlive the command that started it; nor should a crash dump core."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Standard output belongs to the parent's answer; what tile code prints goes to standard error.
    os.dup2(2, 1)
    # Ctrl-C is the parent's to handle; it hangs up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
