"""The one exception that a person is meant to read; every other exception is our bug, and `cli` says so."""

from __future__ import annotations

import signal
from pathlib import Path

from tileproof.diagnostic import NOWHERE, Diagnostic, Place

EXIT_KERNEL_WRONG = 1
EXIT_REQUEST_WRONG = 2
EXIT_NOT_HERE = 3
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
# As shells have it: 128 and the number of the signal.
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_HUNG_UP = 128 + signal.SIGHUP
EXIT_TERMINATED = 128 + signal.SIGTERM


class Interrupted(KeyboardInterrupt):
    """SIGTERM and SIGHUP as Ctrl-C: whoever ends a command wants it to be put in order as well."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


def exit_code_of(error: KeyboardInterrupt) -> int:
    """How the process is to end that was interrupted so."""
    return error.exit_code if isinstance(error, Interrupted) else EXIT_INTERRUPTED


class Problem(Exception):  # noqa: N818  a problem is what the person has
    """Something a person can put right, raised: the diagnostic that says so, and how the process is to end.

    `exit_code` is the process's: 1 a kernel is wrong, 2 the request or the spec is, 3 a tool or a device is not here,
    70 it is a mistake of ours.
    """

    def __init__(
        self,
        what: str,
        *,
        id: str,
        where: Place | str | None = None,
        why: str | None = None,
        fix: str | None = None,
        exit_code: int = EXIT_REQUEST_WRONG,
    ) -> None:
        super().__init__(what)
        place = Place.told(where) if isinstance(where, str) else where or NOWHERE
        self.diagnostic = Diagnostic(id=id, what=what, place=place, why=why or "", fix=fix or "")
        self.exit_code = exit_code

    @classmethod
    def of(cls, diagnostic: Diagnostic, exit_code: int = EXIT_REQUEST_WRONG) -> Problem:
        problem = cls(diagnostic.what, id=diagnostic.id, exit_code=exit_code)
        problem.diagnostic = diagnostic
        return problem

    @property
    def what(self) -> str:
        return self.diagnostic.what

    @property
    def where(self) -> str:
        return self.diagnostic.where

    @property
    def why(self) -> str:
        return self.diagnostic.why

    @property
    def fix(self) -> str:
        return self.diagnostic.fix

    @property
    def text(self) -> str:
        """What, where, why and fix, one below the other."""
        return self.diagnostic.text

    @property
    def paragraph(self) -> str:
        """As the command line prints it, with the id that `tileproof explain` takes."""
        return f"{self}{self.diagnostic.more}"

    def __str__(self) -> str:
        return f"error: {self.text}"

    def __reduce__(self) -> tuple[object, ...]:
        # Problems come back from the workers of a cluster (verify --hosts).
        return (Problem.of, (self.diagnostic, self.exit_code))


def unreadable(path: Path, error: OSError) -> Problem:
    """A file the user named that cannot be opened."""
    return Problem(
        f"{path.name} cannot be read",
        id="unreadable-file",
        where=Place.of_file(str(path)),
        why=error.strerror or str(error),
        fix="check the path",
    )


def bytes_of(path: Path) -> bytes:
    """What is in a file that the user named, or that stands where a build was; a `Problem` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
