"""Objects that one run leaves in the array, and the next takes for its own: every answer is then a run late."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tileproof.diagnostic import Diagnostic, Place
from tileproof.lowering.model import LoweredDesign


@dataclass(eq=False)
class LeftOver:
    """Which run filled each buffer.

    Told is only what cannot be meant: between runs of the same instructions, in a design in which every core waits for
    input before it makes output, and no fifo begins with objects that delay the others.
    """

    report: Callable[[Diagnostic], None]
    is_told: bool
    run: int = 0
    filled: dict[str, int] = field(default_factory=dict)  # buffer -> run
    instructions: bytes = b""
    is_again: bool = False

    @classmethod
    def of_design(cls, design: LoweredDesign, report: Callable[[Diagnostic], None]) -> LeftOver:
        waits = all("Consume" in {end.port for end in core.ends.values()} for core in design.cores)
        objects = {name for core in design.cores for end in core.ends.values() for name in end.buffers}
        objects |= {bd.buffer for chain in design.chains for bd in chain.bds}
        delays = any(buffer.initial for buffer in design.buffers if buffer.name in objects)
        return cls(report, is_told=waits and not delays)

    def begin(self, instructions: bytes) -> None:
        """A run begins."""
        self.run += 1
        self.is_again, self.instructions = instructions == self.instructions, instructions

    def fills(self, buffer: str) -> None:
        self.filled[buffer] = self.run

    def meets(self, buffer: str, fifo: str, who: str, place: Callable[[], Place]) -> None:
        """Somebody takes the object that the buffer holds; `who` says who, and what he does with it. `place` is asked
        if it is told: this is asked of every object."""
        if not (self.is_told and self.is_again) or self.filled.get(buffer, self.run) >= self.run:
            return
        self.report(
            Diagnostic(
                id="left-over",
                what=f"{who} an object of {fifo} that an earlier run has left in the array",
                place=place(),
                why="nothing clears the fifos between runs: that run put more into them than it took out, and from now "
                "on what comes out belongs to an earlier input",
                fix="make what the sequence moves equal to what the cores take and give, in every run",
            )
        )
