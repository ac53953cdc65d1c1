"""What a process has started, as Linux tells it, and its end: nothing is left behind that nobody waits for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress


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
    """Of each process its parent and its group."""
    return {pid: (int(fields[1]), int(fields[2])) for pid, fields in stats()}


def stats() -> Iterator[tuple[int, list[bytes]]]:
    """Of each process its number, and the fields behind its name, which may hold anything: state, parent, group, and so
    on (proc_pid_stat(5))."""
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        with suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123  called often; it may have ended
            yield int(name), file.read().rpartition(b")")[2].split()
