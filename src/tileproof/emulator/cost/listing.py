"""The assembly of checked tile code, read as functions of blocks: what the compiler made of it, with our operations as
calls, and each block's counter. x86-64 in AT&T syntax, as GCC and clang write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tileproof.diagnostic import Place
from tileproof.emulator.listed_places import ListedPlaces

COUNTER = "__sanitizer_cov_trace_pc"

_JUMP = re.compile(r"^\s+j\w+\s+([.\w$]+)", re.MULTILINE)
_LABEL = re.compile(r"([.\w$]+):")
_TYPE = re.compile(r"\s*\.type\s+([\w.$]+),\s*@function")
_ALIAS = re.compile(r"\s*\.set\s+([\w.$]+)\s*,\s*([\w.$]+)")
_NOTE = re.compile(r"\s*# tileproof (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)")
_INSTRUCTION = re.compile(r"\s+([a-z]\w*)(?:\s+(.*))?$")


@dataclass(frozen=True, slots=True)
class Note:
    """What an operation says that a core would issue (aie_api/issue.hpp): numbers of arguments in `writes`, `reads`; of
    all its instructions `macs` products that somebody asked for."""

    instruction: int
    count: int
    nbytes: int
    writes: tuple[int, ...]
    reads: tuple[int, ...]
    macs: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """One instruction of this machine, or a note, at a place of the tile code; `is_own` ones come from our headers."""

    mnemonic: str
    operands: tuple[str, ...]
    place: Place
    is_own: bool
    note: Note | None = None

    @property
    def target(self) -> str:
        """Of a call or jump."""
        return self.operands[0].removesuffix("@PLT") if self.operands else ""


@dataclass(slots=True)
class Block:
    """Instructions that run one after the other. `counter` is the number of what counts its runs, None where nothing
    does; `to` are the blocks that may follow."""

    lines: list[Line] = field(default_factory=list)
    counter: int | None = None
    to: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Function:
    """`is_own` says that it is one of our headers': an operation, or made of some."""

    name: str
    is_own: bool
    blocks: list[Block]


def read_listing(listing: str, source: str, first_counter: int) -> tuple[list[Function], dict[str, str], int]:
    """Its functions, other names of them, and the number of the counter after its last."""
    reader = _Reader(source, first_counter, frozenset(_JUMP.findall(listing)))
    for text in listing.splitlines():
        reader.take(text)
    return reader.functions, reader.aliases, reader.counters


class _Reader:
    def __init__(self, source: str, first_counter: int, targets: frozenset[str]) -> None:
        self.functions: list[Function] = []
        self.aliases: dict[str, str] = {}
        self.counters = first_counter
        self._places, self._targets = ListedPlaces(source), targets
        self._names: set[str] = set()
        self._function: Function | None = None
        self._begins = False  # whether a function has begun whose place is not known yet
        self._labels: dict[str, int] = {}

    def take(self, text: str) -> None:
        if self._places.moves(text):
            self._belongs()
        elif self._places.names(text):
            return
        elif typed := _TYPE.match(text):
            self._names.add(typed[1])
        elif alias := _ALIAS.match(text):
            self.aliases[alias[1]] = alias[2]
        elif noted := _NOTE.match(text):
            self._add(Line("", (), self._places.place, self._places.is_own, _note(noted)))
        elif label := _LABEL.match(text):
            self._label(label[1])
        elif text.startswith("\t.size"):
            self._end()
        elif found := _INSTRUCTION.match(text):
            self._instruction(found[1], _operands(found[2] or ""))

    def _belongs(self) -> None:
        """A function is of the file that its first line is of."""
        if self._begins and self._function is not None:
            self._function.is_own = self._places.is_own
            self._begins = False

    def _label(self, name: str) -> None:
        if name in self._names and self._function is None:
            self._function = Function(name, False, [Block()])
            self._begins, self._labels = True, {}
        elif self._function is not None and name in self._targets:
            self._next(name)

    def _next(self, label: str) -> None:
        assert self._function is not None
        blocks = self._function.blocks
        if not blocks[-1].lines and blocks[-1].counter is None and len(blocks) > 1:
            self._labels[label] = len(blocks) - 1  # two labels of one place
            return
        if _falls_through(blocks[-1]):
            blocks[-1].to.append(len(blocks))
        blocks.append(Block())
        self._labels[label] = len(blocks) - 1

    def _instruction(self, mnemonic: str, operands: tuple[str, ...]) -> None:
        if self._function is None:
            return
        if operands and COUNTER in operands[0]:
            if self._function.blocks[-1].counter is not None:
                self._next("")  # a mark is where a block begins, whether or not anything jumps there
            self._function.blocks[-1].counter = self.counters
            self.counters += 1
            if mnemonic.startswith("call"):
                return
            mnemonic, operands = "ret", ()  # a jump there, at the end of a function
        self._add(Line(mnemonic, operands, self._places.place, self._places.is_own))
        if mnemonic.startswith(("j", "ret")) or mnemonic == "ud2":
            self._next("")

    def _add(self, line: Line) -> None:
        if self._function is not None:
            self._function.blocks[-1].lines.append(line)

    def _end(self) -> None:
        if self._function is None:
            return
        for block in self._function.blocks:
            last = block.lines[-1] if block.lines else None
            if last is not None and last.mnemonic.startswith("j") and last.target in self._labels:
                block.to.append(self._labels[last.target])
        self.functions.append(self._function)
        self._function = None


def _falls_through(block: Block) -> bool:
    """Whether what follows in the text may follow in the run."""
    if not block.lines:
        return True
    return not block.lines[-1].mnemonic.startswith(("jmp", "ret", "ud2"))


def _note(found: re.Match[str]) -> Note:
    instruction, count, nbytes, writes, reads, macs = map(int, found.groups())
    return Note(instruction, count, nbytes, _bits(writes), _bits(reads), macs)


def _bits(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def _operands(text: str) -> tuple[str, ...]:
    """Split at commas outside parentheses."""
    return tuple(_split(text.partition("#")[0].strip()))


def _split(text: str) -> Iterator[str]:
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            yield text[begin:at].strip()
            begin = at + 1
    if text[begin:].strip():
        yield text[begin:].strip()
