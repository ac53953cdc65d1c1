"""The host's C++ compiler: `$CXX`, c++, g++, clang++, or the one in the ziglang package."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tileproof.errors import EXIT_NOT_HERE, Problem
from tileproof.sandbox.programs import run_program
from tileproof.shadow import SHADOW_OFFSET
from tileproof.toolchain.counted import COUNT_FLAGS_CLANG, COUNT_FLAGS_GCC

_TIMEOUT_S = 20.0

# What compilers for AIE include by themselves before each file of tile code.
PRELUDE_FLAGS = ("-include", "aie_api/prelude.hpp")
# -fwrapv and no strict aliasing: AIE integer arithmetic wraps, and tile code casts between vector types.
TILE_CODE_FLAGS = (
    *("-std=c++20", "-O2", "-fPIC", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=off", "-fvisibility=default"),
    *("-Wall", "-Wextra", "-Wno-unknown-pragmas", "-Werror=uninitialized"),
    *("-gdwarf-4", "-g1"),  # so that a finding has its line; of DWARF 5, addr2line 2.40 mistakes whose file it is
    *PRELUDE_FLAGS,
)
RUNTIME_FLAGS = ("-std=c++20", "-O2", "-fPIC", f"-DTILEPROOF_SHADOW_OFFSET={SHADOW_OFFSET}")

# Every load and store calls a function of ours (runtime/tileproof_checks.cc), locals and tables have red zones around
# them, and what nobody set holds a pattern; both compilers know this mode, by different names. memcpy and its kin go by
# clang as __asan_memcpy; GCC before 13 cannot do that, so they stay plain calls, which the linker sends to ours.
_GCC_CHECKS = (
    "-fsanitize=kernel-address",
    "--param=asan-instrumentation-with-call-threshold=0",
    "--param=asan-stack=1",
    "--param=asan-globals=1",
    f"-fasan-shadow-offset={SHADOW_OFFSET}",
    "-fno-builtin-memcpy",
    "-fno-builtin-memmove",
    "-fno-builtin-memset",
    "-Wno-error=maybe-uninitialized",
    "-fno-gnu-unique",  # statics of inline and template functions are each core's own, as all others
    # as readily as compilers for AIE do, which do not unroll recursion either
    "--param=max-inline-insns-auto=100",
    "--param=max-inline-insns-recursive-auto=0",
    "-fcallgraph-info=su",  # the frames of what is run, in a .ci file beside the object
)
_CLANG_CHECKS = (
    "-fsanitize=kernel-address",
    *(
        word
        for option in (
            "instrumentation-with-call-threshold=0",
            "stack=1",
            "globals=1",
            f"mapping-offset={SHADOW_OFFSET}",
            "kernel-mem-intrinsic-prefix=1",
        )
        for word in ("-mllvm", f"-asan-{option}")
    ),
)
_PATTERN_INIT = "-ftrivial-auto-var-init=pattern"
_PATTERN_INIT_SINCE = 12  # of GCC; every clang that knows C++20 has it
_GCC_LINK = ("-Wl,--wrap=memcpy", "-Wl,--wrap=memmove", "-Wl,--wrap=memset")


@dataclass(frozen=True, slots=True)
class CxxCompiler:
    """A C++ compiler that answered. `command` is how to call it, `version` its own first line."""

    command: tuple[str, ...]
    version: str
    is_clang: bool

    @property
    def check_flags(self) -> tuple[str, ...]:
        """Flags that make the compiler report every load and store of the tile code, and mark its blocks."""
        if self.is_clang:
            return (*_CLANG_CHECKS, _PATTERN_INIT, *COUNT_FLAGS_CLANG)
        checks = (*_GCC_CHECKS, *COUNT_FLAGS_GCC)
        return (*checks, _PATTERN_INIT) if self.major >= _PATTERN_INIT_SINCE else checks

    @property
    def major(self) -> int:
        """The number of the release; 0 where its first line has none."""
        numbers = re.findall(r"(\d+)\.\d+", self.version)
        return int(numbers[-1]) if numbers else 0

    @property
    def link_flags(self) -> tuple[str, ...]:
        """Flags that bring the tile code's calls of memcpy and its kin to our checks."""
        return () if self.is_clang else _GCC_LINK

    @property
    def identity(self) -> str:
        """What decides its output, wherever it lies: its version, and the flags that it was named with."""
        return shlex.join([self.version, *self.command[1:], *self.check_flags, *self.link_flags])


def find_cxx() -> CxxCompiler:
    """The first compiler that runs; a `Problem` that says what was tried."""
    tried = []
    for origin, command in _candidates():
        version = _version(command)
        if version is not None:
            return CxxCompiler(command, version, "clang" in version.lower() or "zig" in version.lower())
        tried.append(f"{shlex.join(command)} ({origin}): does not run")
        if origin == "$CXX":
            raise Problem(
                "the C++ compiler that $CXX names does not run",
                id="no-compiler",
                where=f"CXX={os.environ['CXX']}",
                why="; ".join(tried),
                fix="correct CXX, or unset it to use the machine's c++, g++ or clang++",
                exit_code=EXIT_NOT_HERE,
            )
    raise Problem(
        "there is no C++ compiler",
        id="no-compiler",
        where="$CXX, then c++, g++, clang++ on PATH, then the ziglang package",
        why="; ".join(tried) or "none of them is there, and the emulator runs the tile code as native code",
        fix=f"install one (Debian, Ubuntu: apt-get install g++), or `{sys.executable} -m pip install ziglang`",
        exit_code=EXIT_NOT_HERE,
    )


def _candidates() -> Iterator[tuple[str, tuple[str, ...]]]:
    if os.environ.get("CXX", "").strip():
        yield "$CXX", _words(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        path = shutil.which(name)
        if path:
            yield "PATH", (path,)
    if importlib.util.find_spec("ziglang") is not None:
        yield "ziglang package", (sys.executable, "-m", "ziglang", "c++")


def _words(text: str) -> tuple[str, ...]:
    """The words of a command line; a path to the compiler is meant from here, and it is called elsewhere."""
    try:
        first, *others = shlex.split(text)
    except ValueError:  # an unclosed quote; taken as one word, it does not run
        return (text,)
    return (str(Path(first).absolute()) if "/" in first else first, *others)


def _version(command: tuple[str, ...]) -> str | None:
    if command[1:3] == ("-m", "ziglang"):
        # Starting zig to ask costs more than a build with nothing to do.
        return f"zig c++ {metadata.version('ziglang')}"
    try:
        answer = run_program([*command, "--version"], cwd=Path.cwd(), programs=command[1:], timeout_s=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = answer.stdout.strip().splitlines()
    return first[0] if answer.returncode == 0 and first else None
