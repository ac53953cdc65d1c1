"""What a tool is unhappy with, out of everything that it printed: its first error, where it points, and what belongs to
it.

aiecc prints its progress on one line that it overwrites, errors are glued to it, and its own last lines only repeat
that something failed (ExecutionEngine.h of 2026-08; what it printed of our designs)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tileproof.sandbox.untrusted import current

_MOST_CONTEXT = 6  # lines behind an error: notes repeat whole operations

# `(3/37) [0/1] placed.mlir, [0/2] objects_{0}.o`: a step of aiecc is named by what it makes.
_MADE = r"[\w{}-]+(?:\.(?:mlir|ll|o|elf|bin|txt|ld\.script|json|bif|pdi|xclbin))?"
_STEP = rf"(?:\[\d+/\d+\] )?{_MADE}"
_PROGRESS = re.compile(rf"^\(\d+/\d+\)(?: {_STEP}(?:, {_STEP})*)? *")

_PLACE = r"(?P<file>[^\s:]+):(?P<line>\d+)(?::(?P<column>\d+))?: "
_ERROR = re.compile(rf"^(?:(?P<tool>[\w./+-]+): )??(?:{_PLACE}|loc\(.*?\): )?(?:fatal )?error: (?P<said>.*)$")
# aie-rt's, and those of aiecc that it does not call errors.
_OTHER = re.compile(r"^(?:\[AIE ERROR\] (?:\w+\(\):(?:\d+:)? ?)?|(?P<tool>aiecc): )(?P<said>.*)$")
_EPILOGUE = re.compile(
    r"^(?:aiecc: (?:edge .* failed|pipeline failed|PassPipeline could not|'.*' failed:)|ninja: |FAILED: |\[\d+/\d+\] "
    r"|clang(?:\+\+)?: error: (?:ld\.lld|linker) command failed|collect2: error: ld returned|To reproduce"
    r"|\d+ errors? generated)"
)
_CARET = re.compile(r"^[ \t^~]*\^[ \t^~]*$")
_QUOTED = re.compile(r"^ *\d* *\|")  # the source as compilers show it
_NOTE = re.compile(rf"^{_PLACE}note: see current operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The first error of a tool. `file`, `line` and `column` are as it names them, if it does; `context` are the lines
    behind it; `lines` everything that was printed, without progress."""

    said: str
    file: str | None = None
    line: int = 0
    column: int = 0
    tool: str | None = None
    context: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """`aie.mlir:5:23`; empty where the tool names no place."""
        parts = [self.file, self.line or None, self.column or None]
        return ":".join(str(part) for part in parts if part is not None) if self.file else ""

    def line_in(self, folder: Path) -> str:
        """The line it points at, without its indent; empty where there is none. A tool that is not trusted may point at
        what it may not read itself: it is shown what it was given, and nothing else."""
        path = folder / self.file if self.file else None
        if path is not None and current() is not None and not path.resolve().is_relative_to(folder.resolve()):
            return ""
        lines = path.read_text(errors="replace").splitlines() if path is not None and path.is_file() else []
        return lines[self.line - 1].strip() if 0 < self.line <= len(lines) else ""

    @property
    def failed_tool(self) -> str | None:
        """The program that aiecc says it ran and that failed."""
        found = (re.match(r"aiecc: '(.+)' failed:", line) for line in self.lines)
        return next((match[1] for match in found if match), None)


def complaint_in(text: str, folder: Path | None = None) -> Complaint:
    """What the output of a failed tool says is wrong. `folder` is where it ran: files there are known by name, also
    where progress is glued to them."""
    known = sorted((path.name for path in folder.iterdir()), key=len, reverse=True) if folder is not None else []
    lines = tuple(_lines(text, known))
    for number, line in enumerate(lines):
        found = None if _EPILOGUE.match(line) else _ERROR.match(line)
        if found:
            return Complaint(
                said=found["said"].strip(),
                file=found["file"],
                line=int(found["line"] or 0),
                column=int(found["column"] or 0),
                tool=found["tool"],
                context=tuple(_context(lines[number + 1 :])),
                lines=lines,
            )
    return _without_error(lines)


def _without_error(lines: tuple[str, ...]) -> Complaint:
    """What a tool says that calls nothing an error; else its last lines."""
    for line in lines:
        found = None if _EPILOGUE.match(line) else _OTHER.match(line)
        if found:
            return Complaint(said=found["said"].strip(), tool=found["tool"], lines=lines)
    last = [line for line in lines if not _EPILOGUE.match(line)][-4:]
    return Complaint(said=last[0] if last else "it said nothing", context=tuple(last[1:]), lines=lines)


def _lines(text: str, known: Sequence[str]) -> Iterator[str]:
    for line in re.split(r"[\r\n]+", text):
        bare = _PROGRESS.sub("", _behind_progress(line, known)).rstrip()
        if bare:
            yield bare


def _behind_progress(line: str, known: Sequence[str]) -> str:
    """A place in a file of ours begins where its name does, whatever is glued in front."""
    if _PROGRESS.match(line):
        for name in known:
            at = re.search(rf"{re.escape(name)}:\d+:", line)
            if at:
                return line[at.start() :]
    return line


def _context(lines: Sequence[str]) -> Iterator[str]:
    """The lines that belong to an error: up to the next one, without the source line and its caret, which is ours to
    show, and without notes that only print the operation again."""
    for number, line in enumerate(lines[:_MOST_CONTEXT]):
        if _ERROR.match(line) or _EPILOGUE.match(line) or _OTHER.match(line):
            return
        behind = lines[number + 1] if number + 1 < len(lines) else ""
        if not (_CARET.match(line) or _CARET.match(behind) or _QUOTED.match(line) or _NOTE.match(line)):
            yield line.strip()
