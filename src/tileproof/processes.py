"""What a process has started, as Linux tells it, and its end: nothing is left behind that nobody waits for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


def end_below(pid: int) -> None:
    """End all that `pid` has started, and all that those have."""
    _end(lambda: _below(pid, _table()))


def end_with_group(leader: int) -> None:
    """End a process that leads a group: all in the group, and all that they have started."""
    _end(lambda: {leader, *_group(leader, _table()), *_below(leader, _table())})


def leaders_below(pid: int) -> set[int]:
    """Of all that `pid` has started: those that lead a group of their own."""
    table = _table()
    return {one for one in _below(pid, table) if table[one][1] == one}


def _end(found: Callable[[], set[int]]) -> None:
    """Stopped first, until there is no new one: what is ended at once may just have started another."""
    stopped: set[int] = set()
    while new := found() - stopped:
        _send(new, signal.SIGSTOP)
        stopped |= new
    _send(stopped, signal.SIGKILL)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _below(pid: int, table: dict[int, tuple[int, int]]) -> set[int]:
    found, new = set[int](), {pid}
    while new:
        new = {one for one, (parent, _) in table.items() if parent in new} - found
        found |= new
    return found


def _group(leader: int, table: dict[int, tuple[int, int]]) -> set[int]:
    return {one for one, (_, group) in table.items() if group == leader}


def _table() -> dict[int, tuple[int, int]]:
    """Of each process its parent and its group; the name, in brackets, may hold anything (proc(5))."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
            found[int(path.parent.name)] = int(fields[1]), int(fields[2])
    return found
