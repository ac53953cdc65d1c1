"""What every check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tileproof.check.tile_code import TileCode
from tileproof.diagnostic import Diagnostic
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import Design
from tileproof.toolchain.noted import Noted


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file that a build has made: its name for messages, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A design, what it was lowered to (None where it could not be), and its tile code as far as it was given.

    `noted` is what a compiler said of the tile code, if one was asked; `objects` are the object files that the build
    makes of it, None where a build of others makes them; `xclbin` and `insts` what was built.
    """

    design: Design
    lowered: LoweredDesign | None
    code: tuple[TileCode, ...]
    noted: Noted = field(default_factory=Noted)
    objects: tuple[str, ...] | None = None
    xclbin: BuiltFile | None = None
    insts: BuiltFile | None = None


Checking = Callable[[Checked], Iterator[Diagnostic]]
