"""What differs between two instruction streams: operations, and what they move of each kernel argument."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tileproof.insts.listing import Line, Listing, Moved, list_instructions

# Pairs of equal operations between what is the same at both ends: two thousand of a kind on either side. The streams of
# the field have hundreds of operations in all.
_MOST_PAIRS = 4_000_000

_Row: TypeAlias = "tuple[int, int, _Row | None]"


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
    removed, added = _changed(one.lines, other.lines)
    return InstructionDifference(
        before=before_name,
        after=after_name,
        header=tuple(_header(one, other)),
        removed=removed,
        added=added,
        moved=tuple(_moved(one.moved, other.moved)),
    )


def _changed(one: tuple[Line, ...], other: tuple[Line, ...]) -> tuple[tuple[Line, ...], tuple[Line, ...]]:
    """The operations that only one of the two has, in its order."""
    first, second = ([f"{line.kind} {line.text}" for line in lines] for lines in (one, other))
    begin = _common(first, second)
    end = _common(first[begin:][::-1], second[begin:][::-1])
    one, other = one[begin : len(one) - end], other[begin : len(other) - end]
    kept = _alike(first[begin : len(first) - end], second[begin : len(second) - end])
    here, there = ({pair[side] for pair in kept} for side in (0, 1))
    return (
        tuple(line for number, line in enumerate(one) if number not in here),
        tuple(line for number, line in enumerate(other) if number not in there),
    )


def _common(first: list[str], second: list[str]) -> int:
    """How many are the same from the beginning on."""
    return next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _alike(first: list[str], second: list[str]) -> list[tuple[int, int]]:
    """The places of the most that both have in one order (Hunt and Szymanski 1977), none where that takes too long.

    difflib takes minutes for two thousand operations of which four take turns.
    """
    places: dict[str, list[int]] = {}
    for place in reversed(range(len(second))):
        places.setdefault(second[place], []).append(place)
    if sum(len(places.get(text, ())) for text in first) > _MOST_PAIRS:
        return []
    # By length, less one: where the row of that many ends earliest in `second`, and the row itself, last pair first.
    ends: list[int] = []
    rows: list[_Row] = []
    for number, text in enumerate(first):
        for place in places.get(text, ()):
            length = bisect_left(ends, place)
            row = (number, place, rows[length - 1] if length else None)
            ends[length : length + 1], rows[length : length + 1] = [place], [row]
    return list(_pairs(rows[-1] if rows else None))


def _pairs(row: _Row | None) -> Iterator[tuple[int, int]]:
    while row is not None:
        number, place, row = row
        yield number, place


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
