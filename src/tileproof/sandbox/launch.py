"""`python -m tileproof.sandbox.launch BOUNDS PARENT WARDEN COMMAND...`: becomes the command, within bounds."""

from __future__ import annotations

import os
import sys

from tileproof.sandbox.bounds import Bounds
from tileproof.sandbox.confine import confine

NOT_CONFINED = 125  # exit code: nothing was started, because the sandbox could not be set up


def main(bounds: str, parent: str, warden: str, *command: str) -> None:
    """Does not return: the process is the command afterwards, or has ended."""
    try:
        confine(Bounds.from_json(bounds), int(parent), int(warden))
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} was not started in a sandbox: {error.strerror or error}\n".encode())
    os._exit(NOT_CONFINED)


if __name__ == "__main__":
    main(*sys.argv[1:])
