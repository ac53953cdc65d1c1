"""On what, and how, a pair is to be run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tileproof.emulator.library import ORDERS


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """`xclbin` and `insts` are a pair that is not to be built; `device` "auto" is the one that the pair is for."""

    device: str = "auto"
    xclbin: Path | None = None
    insts: Path | None = None
    timeout_s: float = 30.0
    as_hardware: bool = False  # on the emulator: silent where the device is
    orders: int = ORDERS  # on the emulator: the other legal orders that a case which passes is tried in
    trace: Path | None = None  # where the emulator's timelines go
    profile: bool = False  # on the emulator: where the cycles of tile code go
    counted: Literal["auto", "words", "bytes"] = "auto"  # what ninstr counts on this NPU
    canary: tuple[Path, Path] | None = None  # xclbin and instructions of the canary kernel, where they are not built
