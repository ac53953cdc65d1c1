"""What is said between whoever runs a C++ host and the process that it runs in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tileproof.diagnostic import Diagnostic
from tileproof.errors import Problem


@dataclass(frozen=True)
class HostStart:
    """What a child is told."""

    library: Path
    sources: tuple[Path, ...]
    arguments: tuple[str, ...]
    dropped: frozenset[tuple[str, int]]
    strict: bool


@dataclass(frozen=True)
class HostLoaded:
    """Where its library lies."""

    begin: int
    end: int


@dataclass(frozen=True)
class HostTold:
    """Mistakes, as they become known."""

    mistakes: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class HostEnded:
    """The last message of a program that ended by itself. `explained` are mistakes that have been told with what ended
    it; `problem` is what did, where it was tileproof; `bug` is a traceback of ours."""

    code: int
    explained: frozenset[str] = frozenset()
    problem: Problem | None = None
    bug: str = ""
