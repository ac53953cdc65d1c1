"""The one exception that a person is meant to read; every other exception is our bug and keeps its traceback."""

from __future__ import annotations

from pathlib import Path

EXIT_KERNEL_WRONG = 1
EXIT_REQUEST_WRONG = 2
EXIT_NOT_HERE = 3
EXIT_INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT


class Problem(Exception):  # noqa: N818  a problem is what the person has
    """Something a person can put right: what happened, where, why, and how to mend it.

    `exit_code` is the process's: 1 a kernel is wrong, 2 the request or the spec is, 3 a tool or a device is not here.
    `check` is the id of the check of the catalogue that says the same of a design.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        why: str | None = None,
        fix: str | None = None,
        exit_code: int = EXIT_REQUEST_WRONG,
        check: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        self.exit_code = exit_code
        self.check = check

    def __str__(self) -> str:
        return f"error: {self.text}"

    @property
    def text(self) -> str:
        """What, where, why and fix, one below the other."""
        return told(self.what, self.where, self.why, self.fix)

    def __reduce__(self) -> tuple[object, ...]:
        # Problems cross the process boundary between the emulator's child and its parent.
        return (_rebuild, (self.what, self.where, self.why, self.fix, self.exit_code, self.check))


def unreadable(path: Path, error: OSError) -> Problem:
    """A file the user named that cannot be opened."""
    return Problem(
        f"{path.name} cannot be read", where=str(path), why=error.strerror or str(error), fix="check the path"
    )


def bytes_of(path: Path) -> bytes:
    """What is in a file that the user named, or that stands where a build was; a `Problem` where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def told(what: str, where: str | None, why: str | None, fix: str | None) -> str:
    """The layout of everything that a person is told to put right."""
    lines = [what]
    for label, text in (("where", where), ("why", why), ("fix", fix)):
        if text:
            lines.append(f"  {label + ':':<7}" + text.replace("\n", "\n         "))
    return "\n".join(lines)


def _rebuild(
    what: str, where: str | None, why: str | None, fix: str | None, exit_code: int, check: str | None
) -> Problem:
    return Problem(what, where=where, why=why, fix=fix, exit_code=exit_code, check=check)
