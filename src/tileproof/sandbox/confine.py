"""Holds the calling process, and all that it will start, to bounds. It cannot be undone."""

from __future__ import annotations

import ctypes
import os
import platform
import posix
import resource
import signal
import socket
import struct
import sys
from pathlib import Path

from tileproof.sandbox import landlock, seccomp
from tileproof.sandbox.bounds import Bounds, Limits
from tileproof.sandbox.warden import introduce

# linux/prctl.h
_PR_SET_PDEATHSIG, _PR_GET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 21, 38
_CAPABILITIES_VERSION = 0x20080522
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def missing() -> str:
    """What this machine lacks of what `confine` does; nothing where it lacks nothing."""
    if sys.platform != "linux":
        return f"this is {sys.platform}, and the sandbox is made of Linux's Landlock and seccomp"
    if not seccomp.machine_is_known():
        return f"the filter of system calls is written for x86-64 and aarch64, and this is {platform.machine()}"
    try:
        version = landlock.abi()
    except OSError as error:
        return f"the kernel has no Landlock, or is told not to use it: {error.strerror}"
    if version < landlock.LEAST_ABI:
        return f"the kernel's Landlock is of version {version}, and before 3 (Linux 6.2) it lets files be cut short"
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return "the kernel has no seccomp"
    return ""


def confine(bounds: Bounds, parent: int, warden: int) -> None:
    """For a process of one thread that `parent` has started: others would go on as before.

    It leads a process group that nothing in it can leave, so that ending the group ends all; and it ends with `parent`.
    The descriptor `warden` is closed. Raises `OSError` where the kernel refuses; then nothing foreign must run.
    """
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208  Path would be no shorter
        raise OSError("a process of several threads cannot be confined")
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before
        os._exit(1)
    _limit(bounds.limits)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    landlock.restrict_files(bounds.reads, (*bounds.writes, *_DEVICES))
    _drop_capabilities()
    listener = seccomp.restrict_calls(starts_processes=bounds.starts_processes)
    with socket.socket(fileno=warden) as told:
        introduce(told, bounds.limits, listener)
    os.close(listener)


def close_all_but(*kept: int) -> None:
    """What the process has inherited: descriptors other than these, and than the three standard ones."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                continue  # the one by which the folder was read


def silence() -> None:
    """Nothing to read, and what is printed is dropped: a terminal obeys what is written to it."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)


# What programs need of an environment; the rest may hold secrets.
_PASSED_ON = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "PYTHONPATH", "LD_LIBRARY_PATH", "CPATH", "CPLUS_INCLUDE_PATH"),
        *("LIBRARY_PATH", "COMPILER_PATH", "SOURCE_DATE_EPOCH", "NINJA_STATUS", "OMP_NUM_THREADS"),
        "OPENBLAS_NUM_THREADS",
    }
)


def environment(scratch: str, given: dict[str, str]) -> dict[str, str]:
    """What a process of foreign code may know of `given`."""
    passed = {name: value for name, value in given.items() if name in _PASSED_ON or name.startswith("LC_")}
    folders = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")
    return {**passed, **dict.fromkeys(folders, scratch)}


def forget_environment() -> None:
    """What the process was started with, wherever it is kept: a fork has all that its parent knows."""
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    begin, end = int(fields[47]), int(fields[48])  # env_start and env_end of proc_pid_stat(5)
    os.environ.clear()
    posix.environ.clear()
    if begin:
        ctypes.memset(begin, 0, end - begin)


def _limit(limits: Limits) -> None:
    for kind, value in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.address_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(kind)
        lowered = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (lowered, lowered))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), *map(ctypes.c_ulong, (0, 0, 0))):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _drop_capabilities() -> None:
    """Root's included: without new privileges no program that it starts brings them back."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(struct.pack("Ii", _CAPABILITIES_VERSION, 0), bytes(24)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
