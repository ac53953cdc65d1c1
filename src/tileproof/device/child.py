"""The process that drives the NPU: loads a kernel, runs it as often as it is asked to, and says how that ended."""

from __future__ import annotations

import sys
import traceback
from multiprocessing.connection import Connection

from tileproof.device import NPU, open_device
from tileproof.device.guarded import Load, Refused
from tileproof.device.runner import LoadedKernel
from tileproof.errors import Problem


def main(socket: int) -> None:
    """Answer messages until the other side hangs up."""
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
                device = open_device(NPU)
                loaded = LoadedKernel(device, message.xclbin, message.insts, message.sizes, message.timeout_s)
                answer = True
            else:
                assert loaded is not None
                answer = loaded.run(message)
        except Problem as problem:
            answer = Refused(problem=problem)
        except Exception:  # a bug of ours: the parent raises it with this traceback
            answer = Refused(problem=None, traceback=traceback.format_exc())
        connection.send(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
