"""What is to be verified: what is built, what runs it, and which cases how often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from tileproof.build.request import BuildRequest
from tileproof.device import NPU
from tileproof.device.request import RunRequest
from tileproof.device.times import LEAST_RUNS


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest:
    """`names` of cases, none for all; each is drawn from `seed`, or from its own, and run `repeat` times.

    `besides` are cases that run elsewhere at the same time.
    """

    names: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    seed: int | None = None
    repeat: int = LEAST_RUNS
    idle_s: float = 0.0  # a pause before one more run; 0 for none
    record: bool = False
    recordings: Path = Path("recordings")


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """The same for every kernel that is verified."""

    build: BuildRequest = field(default_factory=BuildRequest)
    run: RunRequest = field(default_factory=RunRequest)
    cases: CaseRequest = field(default_factory=CaseRequest)

    @property
    def built(self) -> BuildRequest:
        """What to build: for an NPU where one is to run it."""
        is_open = self.build.toolchain == "auto" and self.run.device == NPU
        return replace(self.build, toolchain="mlir-aie") if is_open else self.build
