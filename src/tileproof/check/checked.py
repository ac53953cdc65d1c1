"""What every check is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tileproof.check.finding import Finding
from tileproof.check.tile_code import TileCode
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir.design import Design


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A design, what it was lowered to (None where it could not be), and its tile code as far as it was given."""

    design: Design
    lowered: LoweredDesign | None
    code: tuple[TileCode, ...]


Checking = Callable[[Checked], Iterator[Finding]]
