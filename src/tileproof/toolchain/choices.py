"""`c ? x : y` of a bfloat16 and another number, in tile code.

For the device's compilers bfloat16 is a builtin type, and the choice has the other's type where that is a float, else
bfloat16 (found_later.md 1). For the host's compiler it is a class of ours that converts both ways, and C++ refuses to
choose; no class can be written that it would take. So where a compiler says that it cannot choose, both sides are made
one type, in what the preprocessor left, and it is asked again.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tileproof.sandbox.programs import run_program
from tileproof.toolchain.cxx import CxxCompiler

_TIMEOUT_S = 300.0
_CANNOT_CHOOSE = re.compile(
    r"operands to [\u2018']\?:[\u2019'] have different types|conditional expression is ambiguous"
)
# clang: FILE:11:21:{11:12-11:30}{11:23-11:27}...: error: conditional expression is ambiguous; ...
_CLANG = re.compile(r"^(?P<file>.*?):(?P<line>\d+):(?P<column>\d+):(?P<ranges>(?:\{[\d:-]+\})*): error: (?P<said>.*)$")
_MARKER = re.compile(r'#(?:line)? (\d+) "((?:[^"\\]|\\.)*)"')
# What has brackets, marks and colons of its own.
_TEXTS = re.compile(
    r'R"(?P<end>[^()\\\s]{0,16})\(.*?\)(?P=end)"|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|::', re.DOTALL
)
_SIDE = " ::aie::detail::beside<decltype({other})>({side})"


@dataclass(frozen=True, slots=True)
class _Choice:
    """The `?`, and the last letter of the third operand: each a file and a line, as the compiler names them, and a
    column from 1. The file "" is the preprocessed one itself."""

    mark: tuple[str, int, int]
    last: tuple[str, int, int]


def may_settle(said: str) -> bool:
    """Whether a compiler's words are worth a look: `settled` runs it twice and more."""
    return "bfloat16" in said


def settled(cxx: CxxCompiler, flags: Sequence[str], source: Path, cwd: Path, made: Path) -> bool:
    """Whether `made`, a new file *.ii, is a preprocessed file that compiles where `source` does but for such choices.

    `flags` are those of the compilation of `source`, which runs in `cwd`. What else is wrong is left as it is.
    """
    rest = without_dependencies(flags)
    done = _run(cxx, (*flags, "-E", str(source), "-o", str(made)), cwd, source, made)
    is_changed = False
    while done.returncode == 0 and (choices := list(_choices(cxx, rest, made, cwd))):
        text = made.read_text(encoding="utf-8", errors="surrogateescape")
        after = _with_one_type(text, choices)
        if after == text:
            break
        made.write_text(after, encoding="utf-8", errors="surrogateescape")
        is_changed = True
    return is_changed


def without_dependencies(flags: Sequence[str]) -> tuple[str, ...]:
    """Flags for a file that is preprocessed, and includes nothing."""
    skipped = {at + 1 for at, flag in enumerate(flags) if flag in ("-MF", "-MT")}
    return tuple(flag for at, flag in enumerate(flags) if at not in skipped and flag not in ("-MD", "-MF", "-MT"))


def _run(cxx: CxxCompiler, arguments: Sequence[str], cwd: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    writes = (cwd, *(file.parent for file in files[1:]))
    folders = (Path(folder) for flag, folder in pairwise(arguments) if flag == "-I")
    reads = (*files, *folders)
    return run_program((*cxx.command, *arguments), cwd=cwd, writes=writes, reads=reads, timeout_s=_TIMEOUT_S)


def _choices(cxx: CxxCompiler, flags: Sequence[str], made: Path, cwd: Path) -> Iterator[_Choice]:
    say: tuple[str, ...]
    if cxx.is_clang:
        say = ("-fno-caret-diagnostics", "-fdiagnostics-print-source-range-info", "-ferror-limit=0")
    else:
        say = ("-fdiagnostics-format=json", "-fmax-errors=0")
    done = _run(cxx, (*flags, *say, "-fsyntax-only", str(made)), cwd, made)
    return _told_by_clang(done.stderr) if cxx.is_clang else _told_by_gcc(done.stderr)


def _told_by_gcc(said: str) -> Iterator[_Choice]:
    for line in filter(lambda text: text.startswith("["), said.splitlines()):
        for one in json.loads(line):
            if one["kind"] == "error" and _CANNOT_CHOOSE.search(one["message"]) and "bfloat16" in one["message"]:
                at = one["locations"][0]
                caret, last = at["caret"], at.get("finish", at["caret"])
                yield _Choice(*((it["file"], it["line"], it["byte-column"]) for it in (caret, last)))


def _told_by_clang(said: str) -> Iterator[_Choice]:
    for found in filter(None, map(_CLANG.match, said.splitlines())):
        if _CANNOT_CHOOSE.search(found["said"]) and "bfloat16" in found["said"]:
            ends = [(int(line), int(after)) for line, after in re.findall(r"-(\d+):(\d+)\}", found["ranges"])]
            mark = found["file"], int(found["line"]), int(found["column"])
            yield from (_Choice(mark, ("", line, after - 1)) for line, after in sorted(ends)[-1:])


def _with_one_type(text: str, choices: Sequence[_Choice]) -> str:
    """The last in the text first, so that the others' places stay."""
    starts = _starts(text)
    marks = set()
    for choice in choices:
        ends = [start + choice.last[2] for start in starts.get(choice.last[:2], ())]
        for start in starts.get(choice.mark[:2], ()):
            mark = start + choice.mark[2] - 1
            if text[mark : mark + 1] == "?" and any(end > mark for end in ends):
                marks.add((mark, min(end for end in ends if end > mark)))
    below = len(text)
    for mark, end in sorted(marks, reverse=True):
        if end <= below:
            text, below = _one_type(text, mark, end), mark
    return text


def _one_type(text: str, mark: int, end: int) -> str:
    colon = _colon(text, mark + 1, end)
    if colon is None:
        return text
    first, second = text[mark + 1 : colon], text[colon + 1 : end]
    if first.startswith(_SIDE[: _SIDE.index("<")]):  # both sides are, and it is not enough: no number, perhaps
        return text
    sides = (_SIDE.format(other=_on_one_line(b), side=a) for a, b in ((first, second), (second, first)))
    return f"{text[:mark]}?{':'.join(sides)}{text[end:]}"


def _on_one_line(text: str) -> str:
    """For what is written once more, so that no line moves; line markers stay where they are."""
    return " ".join(line for line in text.split("\n") if not line.startswith("#"))


def _colon(text: str, at: int, end: int) -> int | None:
    """Where the `:` of a `?` stands that is just before `at`."""
    depth = within = 0
    plain = _TEXTS.sub(lambda found: " " * len(found[0]), text[at:end])
    for offset, letter in enumerate(plain):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif depth == 0 and letter == "?":
            within += 1
        elif depth == 0 and letter == ":":
            if within == 0:
                return at + offset
            within -= 1
    return None


def _starts(text: str) -> dict[tuple[str, int], list[int]]:
    """Where each line begins, by the file and number that the line markers give it, and by its own number."""
    starts: dict[tuple[str, int], list[int]] = {}
    file, number, at = "<built-in>", 1, 0
    for own, line in enumerate(text.split("\n"), 1):
        starts["", own] = [at]
        marker = _MARKER.match(line)
        if marker:
            file, number = marker[2], int(marker[1])
        else:
            starts.setdefault((file, number), []).append(at)
            number += 1
        at += len(line) + 1
    return starts
