"""A program of somebody else's: found, run, and known by what it answered, never by its name alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tileproof.diagnostic import Diagnostic, Place

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Tool:
    """A program that ran. `command` is how to call it, `version` the first line it says of itself."""

    name: str
    command: tuple[str, ...]
    version: str

    @cached_property
    def identity(self) -> str:
        """What decides its output, wherever it lies: its version and its own bytes."""
        path = Path(self.command[-1])
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "unknown"
        return f"{self.version} sha256:{digest}"


def absent(thing: str, why: str, fix: str = "") -> Diagnostic:
    """Of a program, a device or what belongs to one that is not here."""
    return Diagnostic(id="absent", what=f"{thing} is absent", place=Place.told(thing), why=why, fix=fix)


def broken(thing: str, why: str, fix: str = "") -> Diagnostic:
    """Of one that is here and cannot be used."""
    return Diagnostic(id="broken", what=f"{thing} is broken", place=Place.told(thing), why=why, fix=fix)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said. `code` is None where it did not start, or did not end in time."""

    code: int | None
    text: str


def ask(command: Sequence[str], environ: Mapping[str, str], cwd: Path | None = None) -> Answer:
    """Run a program and read everything it says."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env=dict(environ),
            cwd=cwd,
        )
    except subprocess.TimeoutExpired:
        return Answer(code=None, text=f"it did not end within {_TIMEOUT_S:g} s")
    except OSError as error:
        return Answer(code=None, text=error.strerror or str(error))
    return Answer(code=done.returncode, text=done.stdout)


def executables(name: str, folders: Iterable[Path | str | None]) -> Iterator[Path]:
    """Each folder's program of that name that may be run."""
    for folder in folders:
        path = Path(folder) / name if folder else None
        if path is not None and path.is_file() and os.access(path, os.X_OK):
            yield path


def executable(name: str, folders: Iterable[Path | str | None]) -> Path | None:
    """The first of them."""
    return next(executables(name, folders), None)


def search_path(environ: Mapping[str, str]) -> list[str]:
    return [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder]


def first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "it said nothing")
