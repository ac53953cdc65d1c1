"""What every check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tileproof.check.tile_code import TileCode
from tileproof.diagnostic import Diagnostic
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import Design
from tileproof.toolchain.frames import Frames


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """A file that a build has made: its name for messages, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A design, what it was lowered to (None where it could not be), and its tile code as far as it was given.

    `frames` are the tile code's stack frames where a compiler has counted them; `xclbin` and `insts` what was built.
    """

    design: Design
    lowered: LoweredDesign | None
    code: tuple[TileCode, ...]
    frames: Frames | None = None
    xclbin: BuiltFile | None = None
    insts: BuiltFile | None = None


Checking = Callable[[Checked], Iterator[Diagnostic]]
