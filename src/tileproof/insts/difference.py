"""What differs between two instruction streams: operations, and what they move of each kernel argument."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from tileproof.insts.listing import Line, Listing, Moved, list_instructions


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionDifference:
    """`removed` and `added` are operations; `moved` says in words what is moved otherwise; `header` what else."""

    before: str
    after: str
    header: tuple[str, ...]
    removed: tuple[Line, ...]
    added: tuple[Line, ...]
    moved: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return bool(self.header or self.removed or self.added or self.moved)


def compare_instructions(before: bytes, after: bytes, before_name: str, after_name: str) -> InstructionDifference:
    """Compare the bytes of two insts.bin; raises `Problem` for what is none."""
    one, other = list_instructions(before, before_name), list_instructions(after, after_name)
    removed: list[Line] = []
    added: list[Line] = []
    first, second = ([f"{line.kind} {line.text}" for line in listing.lines] for listing in (one, other))
    for tag, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag != "equal":
            removed += one.lines[a:b]
            added += other.lines[c:d]
    return InstructionDifference(
        before=before_name,
        after=after_name,
        header=tuple(_header(one, other)),
        removed=tuple(removed),
        added=tuple(added),
        moved=tuple(_moved(one.moved, other.moved)),
    )


def _header(one: Listing, other: Listing) -> Iterator[str]:
    if one.device != other.device:
        yield f"device: {one.device} -> {other.device}"
    if one.columns != other.columns:
        yield f"columns: {one.columns} -> {other.columns}"


def _moved(one: tuple[Moved, ...], other: tuple[Moved, ...]) -> Iterator[str]:
    before = {(moved.argument, moved.direction): moved for moved in one}
    after = {(moved.argument, moved.direction): moved for moved in other}
    for key, either in sorted((before | after).items()):
        a, b = before.get(key), after.get(key)
        if a is None or b is None or (a.nbytes, a.begin, a.end) != (b.nbytes, b.begin, b.end):
            yield f"argument {either.argument}, {either.way}: {_extent(a)} -> {_extent(b)}"


def _extent(moved: Moved | None) -> str:
    return "nothing" if moved is None else f"{moved.nbytes:,} B of bytes {moved.begin:,} to {moved.end - 1:,}"


def instructions_text(difference: InstructionDifference) -> str:
    """The comparison as a page."""
    if not difference.differs:
        return f"{difference.before} and {difference.after} do the same\n"
    lines = [f"{difference.before} against {difference.after}", *(f"  {text}" for text in difference.header)]
    lines += [f"  - word {line.word:>4}  {line.kind}  {line.text}" for line in difference.removed]
    lines += [f"  + word {line.word:>4}  {line.kind}  {line.text}" for line in difference.added]
    lines += ["moved", *(f"  {text}" for text in difference.moved)] if difference.moved else ["the same is moved"]
    return "\n".join([*lines, ""])
