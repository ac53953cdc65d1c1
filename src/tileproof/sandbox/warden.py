"""`python -m tileproof.sandbox.warden SOCKET`: lets foreign code start processes while it may, and ends it.

A process of its own, because it is needed most when tileproof was killed. Each process of foreign code tells it once of
its group, and hands it the descriptor by which the kernel asks before it makes a new process or thread there: so no
group grows faster than it is counted. tileproof tells it which groups have been ended, and is told why one was ended
here. Where nobody is left who could tell it anything, it ends them all.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tileproof.processes import stats
from tileproof.sandbox.bounds import Limits

_EVERY_S = 0.05  # between two looks at memory
_PAGE = resource.getpagesize()

# linux/seccomp.h: struct seccomp_notif and seccomp_notif_resp, and what is done with them
_ASKED_BYTES, _ANSWER = 80, struct.Struct("<QqiI")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1


@dataclass
class _Group:
    """A process group of foreign code. `tasks` there may be: those that were counted, and those allowed since."""

    limits: Limits
    listener: int
    tasks: int = 0


def introduce(warden: socket.socket, limits: Limits, listener: int) -> None:
    """Said by a process that leads a group: from now on the warden is asked, and ends it."""
    told = f"{os.getpid()} {limits.tasks} {limits.resident_bytes}"
    socket.send_fds(warden, [told.encode()], [listener])


def end_group(group: int) -> None:
    """All of it at once: of a process that forks meanwhile the child ends, too. Before there is a group, its leader."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            end(group, signal.SIGKILL)


def processes() -> Iterator[tuple[int, int, int]]:
    """Group, number of threads and resident bytes of every process."""
    for _, fields in stats():
        yield int(fields[2]), int(fields[17]), int(fields[21]) * _PAGE


class Warden:
    """Watches groups, until nobody is left at the other end of `told`."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._groups: dict[int, _Group] = {}

    def run(self) -> None:
        """Returns when all has ended."""
        due = 0.0
        while self._serve():
            if self._groups and time.monotonic() > due:
                self._look()
                due = time.monotonic() + _EVERY_S
        for number in self._groups:
            end_group(number)

    def _serve(self) -> bool:
        """Answer whoever asks; whether there is still somebody to do it for."""
        listeners = {group.listener: number for number, group in self._groups.items()}
        poll = select.poll()
        for descriptor in (self._told.fileno(), *listeners):
            poll.register(descriptor, select.POLLIN)
        for descriptor, events in poll.poll(_EVERY_S * 1000 if listeners else None):
            if descriptor == self._told.fileno():
                if not self._listen():
                    return False
            elif (number := listeners[descriptor]) in self._groups:
                if events & select.POLLIN:
                    self._answer(number)
                else:  # all of the group has gone
                    self._forget(number)
        return True

    def _listen(self) -> bool:
        text, descriptors, _, _ = socket.recv_fds(self._told, 1 << 10, 1)
        if text.startswith(b"-"):
            self._forget(int(text[1:]))
        elif text:
            number, tasks, nbytes = map(int, text.split())
            self._groups[number] = _Group(Limits(tasks=tasks, resident_bytes=nbytes), *descriptors)
        return bool(text)

    def _forget(self, number: int) -> None:
        group = self._groups.pop(number, None)
        if group is not None:
            os.close(group.listener)  # who still asks is refused

    def _answer(self, number: int) -> None:
        """One process of a group wants another one, or a thread."""
        group, asked = self._groups[number], bytearray(_ASKED_BYTES)
        try:
            fcntl.ioctl(group.listener, _RECEIVE, asked)
        except OSError:  # it has been ended meanwhile
            return
        if group.tasks >= group.limits.tasks:
            self._look(wanting=number)
            if number not in self._groups:
                return
        group.tasks += 1
        with suppress(OSError):  # it has been interrupted, and asks again
            fcntl.ioctl(group.listener, _SEND, _ANSWER.pack(struct.unpack_from("<Q", asked)[0], 0, 0, _CONTINUE))

    def _look(self, wanting: int | None = None) -> None:
        """Count what each group has, and end those that have too much, or want it."""
        used = {number: [0, 0] for number in self._groups}
        for number, tasks, nbytes in processes():
            if number in used:
                used[number][0] += tasks
                used[number][1] += nbytes
        for number, (tasks, nbytes) in used.items():
            group = self._groups[number]
            group.tasks = tasks
            if why := _excess(group.limits, tasks + (number == wanting), nbytes):
                self._told.send(f"{number} {why}".encode())
                end_group(number)
                self._forget(number)


def _excess(limits: Limits, tasks: int, nbytes: int) -> str:
    if tasks > limits.tasks:
        return f"it had or wanted {tasks:,} processes and threads, and may have {limits.tasks:,}"
    if nbytes > limits.resident_bytes:
        return f"it had {nbytes:,} bytes of memory, and may have {limits.resident_bytes:,}"
    return ""


if __name__ == "__main__":
    Warden(socket.socket(fileno=int(sys.argv[1]))).run()
