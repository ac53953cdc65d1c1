"""What Peano made of tile code: the bundles of its assembly, its inner loops and stack frames, and the cycles that come
of them with the counts of a run.

Syntax: what llc writes for aie2 (llvm-aie, test/CodeGen/AIE/aie2/end-to-end). A line is a bundle, its slots apart by
semicolons. A loop of the hardware goes from the label that `ls` is set to through the bundle behind the label that `le`
is set to, any other to the end of the five delay slots of a jump back. Its bundles are the loop's interval (II).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tileproof.emulator.cost.machine import LOOP_CYCLES
from tileproof.emulator.cost.profile import CodeUse, LoopUse
from tileproof.emulator.listed_places import ListedPlaces

_TYPE = re.compile(r"\s*\.type\s+([\w.$]+),\s*@function")
_LABEL = re.compile(r"([.\w$]+):")
_BUNDLE = re.compile(r"\s+[a-z]")
_BOUND = re.compile(r"\bmovxm?\s+(ls|le),\s*#([.\w$]+)")
_JUMP = re.compile(r"\bj\w*\s+(?:\w+,\s*)?#(\.L[\w$]+)")
_FRAME = re.compile(r"\bpadd\w*\s+\[sp\],\s*#(\d+)")
_DELAY_SLOTS = 5
_PRODUCTS, _LOADS, _STORES = ("vmac", "vmsc", "vmul", "vnegm"), ("vld",), ("vst",)
_Line = tuple[str, int]


@dataclass(slots=True)
class _Bundle:
    line: _Line | None
    mnemonics: tuple[str, ...]


@dataclass(slots=True)
class _Function:
    name: str
    bundles: list[_Bundle] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    bounds: list[tuple[str, str]] = field(default_factory=list)  # ls and le, in turn
    jumps: list[tuple[int, str]] = field(default_factory=list)
    stack_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLoop:
    """An inner loop of a listing: `interval` bundles from turn to turn, of which `turns` of the text are in each."""

    function: str
    file: str
    line: int
    interval: int
    turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a listing says of one core's run: cycles, its inner loops, and the bytes of each function's frame. Blocks
    are matched with what was counted by the lines that they come from."""

    cycles: int
    loops: tuple[ListedLoop, ...]
    stack_bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class PeanoListing:
    """The functions of all files."""

    functions: tuple[_Function, ...]

    def of(self, use: CodeUse) -> Listed:
        """For what one core ran."""
        runs = {(line.file, line.line): line.runs for line in use.lines}
        cycles, loops = 0, list[ListedLoop]()
        for function in self.functions:
            spent, found = _spent(function, runs, use.loops)
            cycles += spent
            loops += found
        frames = {function.name: function.stack_bytes for function in self.functions}
        return Listed(cycles=cycles, loops=tuple(loops), stack_bytes=frames)


def read_peano(listings: Mapping[str, str]) -> PeanoListing:
    """Of the assembly of files of tile code, by their names."""
    return PeanoListing(tuple(one for name, text in listings.items() for one in _functions(text, name)))


def _functions(text: str, source: str) -> Iterator[_Function]:
    places, names = ListedPlaces(source), set(_TYPE.findall(text))
    function: _Function | None = None
    starts = ""
    for line in text.splitlines():
        if places.moves(line) or places.names(line):
            continue
        code = line.partition("//")[0].rstrip()
        label = _LABEL.match(code)
        if label is not None and label[1] in names:
            function = _Function(label[1])
        elif function is None:
            continue
        elif label is not None:
            function.labels[label[1]] = len(function.bundles)
        elif code.strip().startswith(".size"):
            yield function
            function = None
        elif _BUNDLE.match(code):
            starts = _add(function, code, places, starts)


def _add(function: _Function, code: str, places: ListedPlaces, starts: str) -> str:
    """One bundle more; gives the label that a loop begins at, of which the end is not set yet."""
    number = places.place.line
    slots = [slot.split() for slot in code.split(";")]
    mnemonics = tuple(slot[0] for slot in slots if slot)
    for register, label in _BOUND.findall(code):
        if register == "ls":
            starts = label
        else:
            function.bounds.append((starts, label))
    function.jumps += [(len(function.bundles), label) for label in _JUMP.findall(code)]
    frame = _FRAME.search(code)
    if frame is not None and not function.stack_bytes:
        function.stack_bytes = int(frame[1])
    function.bundles.append(_Bundle(None if number is None else (places.place.file, number), mnemonics))
    return starts


def _inner_loops(function: _Function) -> list[range]:
    """The bundles of each loop that has no other in it."""
    labels, count = function.labels, len(function.bundles)
    found = [range(labels[s], labels[e] + 1) for s, e in function.bounds if s in labels and e in labels]
    for at, label in function.jumps:
        if labels.get(label, count) <= at:
            found.append(range(labels[label], min(at + 1 + _DELAY_SLOTS, count)))
    return [one for one in found if not any(_is_within(other, one) for other in found if other is not one)]


def _is_within(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


def _spent(function: _Function, runs: Mapping[_Line, int], known: Sequence[LoopUse]) -> tuple[int, list[ListedLoop]]:
    """Cycles of all that ran of a function, and the inner loops that did."""
    inner = _inner_loops(function)
    in_loops = {at for one in inner for at in one}
    lines = (bundle.line for bundle in function.bundles if bundle.line is not None)
    ran = [runs[line] for line in lines if line in runs]
    cycles, last = 0, min(ran, default=0)  # what stands in front of all that was counted ran as often as the function
    for at, bundle in enumerate(function.bundles):
        if at not in in_loops:
            last = runs.get(bundle.line, last) if bundle.line is not None else last
            cycles += last
    loops = []
    for one in inner:
        bundles = [function.bundles[at] for at in one]
        turns, entries, within = _turns(bundles, runs, known)
        if turns:
            place = next(bundle.line for bundle in bundles if bundle.line in runs)
            assert place is not None
            loop = ListedLoop(function=function.name, file=place[0], line=place[1], interval=len(bundles), turns=within)
            loops.append(loop)
            cycles += -(-turns // within) * loop.interval + entries * LOOP_CYCLES
    return cycles, loops


def _turns(bundles: Sequence[_Bundle], runs: Mapping[_Line, int], known: Sequence[LoopUse]) -> tuple[int, int, int]:
    """How often the text of a loop ran, how often it was entered, and how many turns are in one of the listing's."""
    lines = {bundle.line for bundle in bundles}
    use = next((one for one in known if any((one.file, line) in lines for line in one.lines)), None)
    if use is None:
        return max((runs.get(line, 0) for line in lines if line is not None), default=0), 1, 1
    for slot, mnemonics in (("VEC", _PRODUCTS), ("LD", _LOADS), ("ST", _STORES)):
        counted = use.slots.get(slot, 0)
        if counted:
            here = sum(name.startswith(mnemonics) for bundle in bundles for name in bundle.mnemonics)
            return use.turns, use.entries, max(1, round(here / counted))
    return use.turns, use.entries, 1
