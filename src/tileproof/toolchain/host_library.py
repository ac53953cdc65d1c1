"""A C++ host, compiled against the emulator's XRT to a library whose `main` can be called."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tileproof import library
from tileproof.code_options import CodeOptions
from tileproof.errors import EXIT_REQUEST_WRONG, Problem
from tileproof.sandbox.programs import run_program
from tileproof.toolchain.cxx import CxxCompiler
from tileproof.toolchain.meaning import endless

OBJECTS = (".o", ".a", ".so")  # compiled before, against the same headers
_TIMEOUT_S = 300.0
_AT_ONCE = 2
# As a host is compiled elsewhere, but for where it ends up; -O1 keeps the lines, and compares large arrays fast enough.
# Of DWARF 5, addr2line 2.40 mistakes some lines of our headers for lines of the program.
_COMPILE = ("-std=c++23", "-O1", "-gdwarf-4", "-fPIC", "-pthread", "-fno-diagnostics-color")
# Its own functions are called even where this machine's C library has one of the name. What nobody wrote is told here.
_LINK = ("-shared", "-pthread", "-Wl,-Bsymbolic", "-Wl,-z,defs", "-Wl,--wrap=exit", "-Wl,--wrap=__cxa_throw")
# What xrt_kernel.h says of run.wait() to whoever does not use what it returns.
_DROPPED = re.compile(
    r"^(?P<file>[^\n]*?):(?P<line>\d+):\d+: warning: [^\n]*tileproof: the state of a run", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class HostLibrary:
    """`dropped` are the lines, as (file, number), that throw away the state which run.wait() returns."""

    path: Path
    dropped: frozenset[tuple[str, int]]


def compile_host(sources: Sequence[Path], cxx: CxxCompiler, options: CodeOptions, folder: Path) -> HostLibrary:
    """The library of these C++ files, in `folder`; a `Problem` with the compiler's words."""
    made = [path for path in sources if path.suffix in OBJECTS]
    inputs = [path for path in sources if path not in made] + [library.host_runtime()]
    objects = [folder / f"{number}.o" for number in range(len(inputs))]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        said = list(pool.map(lambda source, object_: compile_object(source, object_, cxx, options), inputs, objects))
    path = folder / "host.so"
    _run(
        (*cxx.command, *_LINK, *map(str, (*objects, *made)), "-o", str(path)),
        "link-failed",
        "the program cannot be linked",
    )
    lines = (match for text in said for match in _DROPPED.finditer(text))
    return HostLibrary(path, frozenset((str(Path(one["file"]).resolve()), int(one["line"])) for one in lines))


def compile_object(source: Path, made: Path, cxx: CxxCompiler, options: CodeOptions) -> str:
    """One file of a host; gives what the compiler says."""
    flags = (*_COMPILE, "-I", str(library.host_include_dir()), *options.flags)
    command = (*cxx.command, *flags, "-c", str(source), "-o", str(made))
    return _run(command, "compile-failed", f"{source} does not compile")


def _run(command: Sequence[str], id: str, what: str) -> str:
    env = {**os.environ, "LC_ALL": "C"}  # so that its warnings are known
    try:
        done = run_program(command, cwd=Path.cwd(), env=env, timeout_s=_TIMEOUT_S, is_one_text=True)
    except subprocess.TimeoutExpired:
        meaning = endless("the compiler", _TIMEOUT_S)
        why = f"{meaning.what}\n{meaning.more}"
        raise Problem(what, id=meaning.id, why=why, fix=meaning.fix, exit_code=meaning.exit_code) from None
    if done.returncode:
        lines = "\n".join(done.stdout.strip().splitlines()[:30])
        raise Problem(what, id=id, why=lines, fix=_mend(done.stdout), exit_code=EXIT_REQUEST_WRONG)
    return done.stdout


def _mend(said: str) -> str:
    missing = re.search(
        r"fatal error: ([^:\n]+): No such file or directory|fatal error: '([^'\n]+)' file not found", said
    )
    if missing is None:
        undefined = re.search(r"undefined (?:reference to|symbol)[: ]*[`']?([\w:~]+)", said)
        return f"name the file that has {undefined[1]}, too" if undefined else "correct what the compiler says"
    header = missing[1] or missing[2]
    return f"name the folder that has {header}: -I DIR"
