"""What the failures that people meet with mlir-aie mean, and how each is mended.

The tools' words: lld, AIEAssignBuffers.cpp, AIEPathFinder.cpp, aie-rt's loader, aiecc's Actions.h, and what they
printed of our designs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tileproof.device_model import PROGRAM_MEMORY_BYTES
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.toolchain.complaint import Complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """`id` is an entry of the catalogue, `what` one sentence, `more` what tileproof knows beside the tool's own words,
    `fix` how to mend it. `name` is what to look for in the design. `exit_code` is 1 where the kernel is wrong, and 3
    where the machine is short of something, so that nothing is known of the kernel."""

    id: str
    what: str
    fix: str
    more: str = ""
    name: str | None = None
    exit_code: int = EXIT_KERNEL_WRONG


def meaning_of(complaint: Complaint, folder: Path, peano_root: Path | None = None) -> Meaning | None:
    """None for a failure that has only the tool's own words. `folder` is the build's."""
    if _is_another_compiler(complaint, peano_root):
        return _not_peano(complaint)
    for pattern, explain in (*_OF_MACHINE, *_MEANINGS):
        for text in (complaint.said, *complaint.context):
            found = re.search(pattern, text)
            if found:
                return explain(found, folder)
    return None


def of_machine(said: str) -> Meaning | None:
    """What a compiler's words say of the machine; None where they say nothing of it."""
    found = ((re.search(pattern, said), explain) for pattern, explain in _OF_MACHINE)
    return next((explain(match, Path()) for match, explain in found if match), None)


def killed(step: str, code: int) -> Meaning:
    """Of a step that a signal ended; shells add 128 to its number."""
    return Meaning(
        id="step-killed",
        what=f"{step} was killed by signal {code - 128}",
        more="the kernel ends a process that way when the machine has no memory left" if code == 137 else "",
        fix="build with fewer jobs at once (-j 1), or on a machine with more memory" if code == 137 else "run it again",
        exit_code=EXIT_NOT_HERE,
    )


def endless(step: str, longest_s: float) -> Meaning:
    """Of a step that was ended by the build, because it did not come to an end by itself."""
    return Meaning(
        id="step-endless",
        what=f"{step} was ended after {longest_s:g} s, for it came to no end",
        more="all that it had started was ended with it; nothing is known of the kernel",
        fix="see what it waits for: a licence, a disk, memory; a step that is only slow has longer with --step-timeout",
        exit_code=EXIT_NOT_HERE,
    )


def _program_too_large(found: re.Match[str], folder: Path) -> Meaning:
    return Meaning(
        id="program-too-large",
        what="the program of a core does not fit its memory",
        more=f"a core holds {PROGRAM_MEMORY_BYTES:,} bytes of program, with start-up code and the design's own loop",
        fix="make the tile functions smaller: fewer unrolled or inlined loops, fewer templates; or spread them over "
        "several cores",
    )


def _undefined(found: re.Match[str], folder: Path) -> Meaning:
    name = found["name"]
    text = "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.cc")))
    defined = sorted(set(re.findall(r'extern\s+"C"\s+[\w\s*]*?\b(\w+)\s*\(', text)))
    near = get_close_matches(name, defined, n=1)
    return Meaning(
        id="link-failed",
        what=f"no object file has the function {name}",
        more="the tile code defines " + ", ".join(defined) if defined else "",
        fix=f"did you mean {near[0]}? the design and the tile code must agree"
        if near
        else f'write `extern "C" void {name}(...)` in the tile code: without extern "C" it has another name there',
        name=f"@{name}",
    )


def _no_object(found: re.Match[str], folder: Path) -> Meaning:
    name = Path(found["name"]).name
    objects = ", ".join(sorted(path.name for path in folder.glob("*.o")))
    return Meaning(
        id="link-failed",
        what=f"the design links {name}, and there is no such file",
        more=f"object files here: {objects or 'none'}",
        fix="let link_with of the function in the design name one of them",
        name=f'"{name}"',
    )


def _no_route(found: re.Match[str], folder: Path) -> Meaning:
    return Meaning(
        id="no-routing",
        what="the stream switches have no room for all flows of the design",
        fix="use fewer fifos through one column: join or distribute them in a mem tile, move cores nearer to their mem "
        "tile, or enter through the shim tiles of other columns",
    )


def _no_room(found: re.Match[str], folder: Path) -> Meaning:
    return Meaning(
        id="TP101",
        what="the buffers of a tile do not fit its memory",
        more=_memory_map(folder),
        fix="make the objects smaller ([sizes], --set), lower a depth, or give the objects banks ([banks])",
    )


def _memory_map(folder: Path) -> str:
    """What tileproof's own allocator says of the same design; empty where it finds room, or cannot read it."""
    from tileproof.lowering.held import lowered_as
    from tileproof.mlir_aie_versions import NEWEST

    try:
        lowered_as((folder / "design.mlir").read_text(), "design.mlir", NEWEST)
    except Problem as problem:
        return problem.why if problem.diagnostic.id == "TP101" else ""
    except OSError:
        return ""
    return ""


def _short_of(what: str, fix: str) -> Callable[[re.Match[str], Path], Meaning]:
    """Of a failure that says nothing of the kernel."""
    return lambda found, folder: Meaning(id="machine-short", what=what, fix=fix, exit_code=EXIT_NOT_HERE)


_MEMORY = "build with fewer jobs at once (-j 1), raise `ulimit -v`, or take a machine with more memory"
_OF_MACHINE: tuple[tuple[str, Callable[[re.Match[str], Path], Meaning]], ...] = (
    (
        r"Killed signal terminated|[Ss]egmentation fault signal terminated|internal compiler error",
        _short_of("the compiler was ended, or broke, before it was done", f"run it again; {_MEMORY}"),
    ),
    (
        r"[Cc]annot allocate memory|virtual memory exhausted|[Oo]ut of memory|bad_alloc|memory exhausted",
        _short_of("there was not enough memory for the compiler", _MEMORY),
    ),
    (
        r"cannot find ['‘]ld['’]|cannot exec(ute)? ['‘]|installation problem|posix_spawn: No such file"
        r"|unable to execute",
        _short_of("the compiler does not find its own parts, such as its linker", "install it whole: g++ and binutils"),
    ),
    (r"[Tt]oo many open files", _short_of("no more files may be opened", "raise `ulimit -n`")),
    (
        r"[Cc]annot create temporary file|[Rr]ead-only file system|[Pp]ermission denied|[Oo]peration not permitted",
        _short_of(
            "a file cannot be written or read where it should be",
            "let this user write to the build folder and to TMPDIR, and read the kernel's files",
        ),
    ),
    (r"[Nn]o space left on device|[Dd]isk quota exceeded", _short_of("the disk is full", "make room, also in TMPDIR")),
)
_MEANINGS: tuple[tuple[str, Callable[[re.Match[str], Path], Meaning]], ...] = (
    (r"will not fit in region 'program'|Overflow of program memory", _program_too_large),
    (r"undefined symbol: (?P<name>[\w.$]+)", _undefined),
    (r"cannot open (?P<name>\S+): No such file", _no_object),
    (r"Unable to find a legal routing|unable to find routing", _no_route),
    (r"Bank-aware allocation failed|asic sequential allocation|exceeded available memory", _no_room),
)

# aiecc asks Peano's folder for these first, and PATH for those that are not there.
_PEANOS = ("opt", "llc", "clang", "clang++", "ld.lld")


def _is_another_compiler(complaint: Complaint, peano_root: Path | None) -> bool:
    tool = complaint.failed_tool or complaint.tool or ""
    if peano_root is None or Path(tool).name not in _PEANOS or not Path(tool).is_absolute():
        return False
    return not Path(tool).is_relative_to(peano_root)


def _not_peano(complaint: Complaint) -> Meaning:
    tool = complaint.failed_tool or complaint.tool
    return Meaning(
        id="not-peano",
        what=f"aiecc took {tool}, which is not Peano's",
        more=f"Peano has no {Path(str(tool)).name} where aiecc looks for it, and aiecc then takes what is on PATH; an "
        "LLVM that is newer or older does not read what it is given",
        fix="install llvm-aie whole, and let PEANO_INSTALL_DIR name its folder; `tileproof doctor` says what is found",
    )
