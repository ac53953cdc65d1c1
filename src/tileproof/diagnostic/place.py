"""Where something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: in a file, line and column counted from 1 (0 for a file as a whole), and what of the array
    or of the call of a host it concerns.

    `tile` is (column, row); `argument` an index of the kernel's call, 0 for the opcode; `instruction` a word of the
    instruction stream. `text` is how people are told, where file, line and column are not all there is to say;
    `template` is `file:line` of what a rendered file was rendered from.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    _: KW_ONLY
    tile: tuple[int, int] | None = None
    buffer: str = ""
    argument: int | None = None
    instruction: int | None = None
    text: str = ""
    template: str = ""

    @classmethod
    def of_file(cls, file: str) -> Self:
        """A file that has no lines, such as an xclbin."""
        return cls(file)

    @classmethod
    def told(cls, text: str, within: Place | None = None) -> Place:
        """What people are told, of something that lies `within` another place."""
        if within is None:
            return cls(text=text)
        return replace(within, text=text)

    def __bool__(self) -> bool:
        """Whether there is anything to tell people."""
        return bool(self.text or self.file)

    @property
    def in_file(self) -> str:
        """`file:line:column` as editors take it; empty without a file."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])

    def __str__(self) -> str:
        return (self.text or self.in_file) + (f", rendered from {self.template}" if self.template else "")

    def as_json(self) -> dict[str, Any]:
        """What is known of it, and nothing else."""
        known = {name: value for name, value in asdict(self).items() if value not in ("", 0, None)}
        for name in ("argument", "instruction"):  # of which 0 is one
            if getattr(self, name) == 0:
                known[name] = 0
        return known

    @classmethod
    def from_json(cls, known: Mapping[str, Any]) -> Self:
        """The place of `as_json`; raises TypeError for something else."""
        tile = known.get("tile")
        return cls(**{**known, "tile": tile if tile is None else (int(tile[0]), int(tile[1]))})


NOWHERE = Place()
