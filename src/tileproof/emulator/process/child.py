"""The process that is the device: an array, driven by messages. Tile functions may crash it or never return."""

from __future__ import annotations

import mmap
import os
import resource
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from threading import Thread

from tileproof.emulator.array.array import Array
from tileproof.emulator.process.messages import BREADCRUMB_BYTES, Ended, Failed, Ready, Setup, answer, asked
from tileproof.emulator.process.shared_buffers import SharedBuffers
from tileproof.errors import Problem
from tileproof.sandbox.bounds import Bounds
from tileproof.sandbox.confine import close_all_but, confine, silence

_WATCH_S = 0.2


def main(socket: int, breadcrumb: int, shared: int, parent: int, bounds: Bounds | None = None, warden: int = 0) -> None:
    """Answer messages on `socket` until the parent hangs up; within bounds, where the tile code is not trusted."""
    if bounds is not None:  # before there is a second thread, which would have none
        silence()
        close_all_but(socket, breadcrumb, shared, warden)
        confine(bounds, parent, warden)
    _die_with(parent)
    trail = mmap.mmap(breadcrumb, BREADCRUMB_BYTES)
    buffers = SharedBuffers(shared)
    connection = Connection(socket)
    array: Array | None = None
    while True:
        try:
            message = asked(connection)
        except (EOFError, ConnectionError):  # the parent is gone, and may have left words of ours unread
            return
        try:
            if isinstance(message, Setup):
                before = array.memories if array is not None and message.goes_on else None
                array = Array(message.design, message.library, lambda text: _leave(trail, text), message.manner, before)
                found: Ready | Ended | Failed = Ready()
            else:
                assert array is not None
                sizes = {number: size for number, (_, size) in message.places.items()}
                given = buffers.arrays(message.places, message.nbytes)
                found = Ended(array.run(message.instructions, given, sizes))
        except Problem as problem:
            found = Failed(problem.diagnostic, problem.exit_code)
        except Exception:  # a bug of ours: the parent raises it with this traceback
            found = Failed(None, traceback=traceback.format_exc())
        try:
            answer(connection, found)
        except ConnectionError:  # nobody waited for this run
            return


def _watch(parent: int) -> None:
    """A call of a tile function lets other threads run, so this one can end an endless one."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(0)


def _leave(trail: mmap.mmap, text: str) -> None:
    data = text.encode()[: BREADCRUMB_BYTES - 1]
    trail[: len(data) + 1] = data + b"\0"


def _die_with(parent: int) -> None:
    """An endless tile function must not outlive the command that started it; nor should a crash dump core."""
    Thread(target=_watch, args=(parent,), daemon=True).start()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Standard output belongs to the parent's answer; what tile code prints goes to standard error.
    os.dup2(2, 1)
    # Ctrl-C is the parent's to handle; it hangs up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    socket, breadcrumb, shared, parent = map(int, sys.argv[1:5])
    if sys.argv[5:]:
        main(socket, breadcrumb, shared, parent, Bounds.from_json(sys.argv[5]), int(sys.argv[6]))
    else:
        main(socket, breadcrumb, shared, parent)
