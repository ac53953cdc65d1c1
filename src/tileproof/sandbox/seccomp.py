"""Which system calls a process may make: a filter in the kernel's own bytecode (seccomp(2)), for two architectures.

It refuses what Landlock and resource limits leave open: sockets, the processes of others, what belongs to a file but
is not in it, and ways out of the process group by which all of it is ended.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# By machine: AUDIT_ARCH_* of linux/audit.h, and the column of the tables below.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# Number on x86-64 and on aarch64; None for a call that there is not.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # The network, and all other sockets: a pair of datagram sockets can send to anybody's, too.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    # What others share by a number or a name.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    # Processes of others.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "sched_setaffinity": (203, 122),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Modes, owners, times and attributes of files, which Landlock does not hold.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # Files by another way than their path.
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # Other users, and other namespaces, in which there would be more to call.
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setreuid": (113, 145),
    "setregid": (114, 143),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "setgroups": (116, 159),
    "capset": (126, 91),
    "unshare": (272, 97),
    "setns": (308, 268),
    # Parts of the kernel that a tool has no use for.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "fanotify_init": (300, 262),
    "inotify_init": (253, None),  # tells of files that may not be read
    "inotify_init1": (294, 26),
    # Who has left the process group is not ended with it.
    "setsid": (112, 157),
}
# As if the kernel were older, and for that programs are prepared: what they ask for stands in memory, where no filter
# can read it.
_UNKNOWN: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
_SETPGID = (109, 154)
_FORKS = {"fork": (57, None), "vfork": (58, None)}
_CLONE, _PRCTL, _IOCTL, _PRLIMIT, _KILL, _TGKILL = (56, 220), (157, 167), (16, 29), (302, 261), (62, 129), (234, 131)
_FCNTL = (72, 25)
_SIGNALLING = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: let the kernel signal to somebody else

_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020080
_PR_SET_PDEATHSIG = 1
# TCGETS, TIOCGPGRP, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FICLONE: what asks, or concerns a descriptor.
# Not among them: TIOCSTI, which types into the terminal, and what makes a file immutable.
_HARMLESS_IOCTLS = (0x5401, 0x540F, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x40049409)

# linux/bpf_common.h, linux/seccomp.h
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _ASK, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x7FC00000, 0x00050000, 0x80000000
_X32 = 0x40000000  # numbers of another ABI of x86-64
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_SECCOMP = {"x86_64": 317, "aarch64": 277}

Instruction = tuple[int, int, int, int]  # code, how far to jump if so, if not, and a number


def machine_is_known() -> bool:
    return platform.machine() in _MACHINES


def restrict_calls(*, starts_processes: bool) -> int:
    """From now on this thread, and what it starts, makes none of those calls. It cannot be undone; it takes
    PR_SET_NO_NEW_PRIVS. Gives the descriptor by which the kernel asks whoever has it before each new process or thread.
    """
    code = b"".join(
        struct.pack("HBBI", *one) for one in program(platform.machine(), os.getpid(), starts_processes=starts_processes)
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = _Program(len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(_SECCOMP[platform.machine()])
    listener: int = libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(filter_))
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return listener


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def program(machine: str, pid: int, *, starts_processes: bool) -> list[Instruction]:
    """The filter for a process of that number."""
    audited, column = _MACHINES[machine]
    code = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 1, 0, audited),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    for rule in _rules(pid, starts_processes=starts_processes):
        number = rule.numbers[column]
        if number is not None:
            code += rule.code(number)
    return [*code, (_RETURN, 0, 0, _ALLOW)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One call. `tests` of an argument, each with what it gives; without one that holds the call gives `otherwise`."""

    numbers: tuple[int | None, int | None]
    argument: int = 0
    tests: tuple[tuple[int, int, int], ...] = ()  # code, number, what is returned
    otherwise: int = _ERRNO | errno.EPERM

    def code(self, number: int) -> list[Instruction]:
        body: list[Instruction] = [] if not self.tests else [(_LOAD, 0, 0, _ARGUMENTS_AT + 8 * self.argument)]
        for code, value, returned in self.tests:
            body += [(code, 0, 1, value), (_RETURN, 0, 0, returned)]
        body.append((_RETURN, 0, 0, self.otherwise))
        return [(_IF_EQUAL, 0, len(body), number), *body]


def _rules(pid: int, *, starts_processes: bool) -> Iterator[_Rule]:
    refused = _ERRNO | errno.EPERM
    for numbers in _REFUSED.values():
        yield _Rule(numbers=numbers)
    for numbers in _UNKNOWN.values():
        yield _Rule(numbers=numbers, otherwise=_ERRNO | errno.ENOSYS)
    # Yes, and nothing is done: ninja wants a group for each of its commands, and ends without.
    yield _Rule(numbers=_SETPGID, otherwise=_ERRNO | 0)
    fork = _ASK if starts_processes else refused
    for numbers in _FORKS.values():
        yield _Rule(numbers=numbers, otherwise=fork)
    yield _Rule(
        numbers=_CLONE,
        tests=((_IF_ANY_BIT, _CLONE_NAMESPACES, refused), (_IF_ANY_BIT, _CLONE_THREAD, _ASK)),
        otherwise=fork,
    )
    yield _Rule(numbers=_PRCTL, tests=((_IF_EQUAL, _PR_SET_PDEATHSIG, refused),), otherwise=_ALLOW)
    yield _Rule(
        numbers=_IOCTL,
        argument=1,
        tests=tuple((_IF_EQUAL, request, _ALLOW) for request in _HARMLESS_IOCTLS),
        otherwise=_ERRNO | errno.ENOTTY,
    )
    yield _Rule(
        numbers=_FCNTL,
        argument=1,
        tests=tuple((_IF_EQUAL, command, refused) for command in _SIGNALLING),
        otherwise=_ALLOW,
    )
    yield _Rule(numbers=_PRLIMIT, tests=((_IF_EQUAL, 0, _ALLOW), (_IF_EQUAL, pid, _ALLOW)))
    for numbers in (_KILL, _TGKILL):
        yield _Rule(numbers=numbers, tests=((_IF_EQUAL, pid, _ALLOW),))
