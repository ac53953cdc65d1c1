"""How many cycles things take: a model of ceilings, not of schedules. Each constant names its source.

Sources: AM020 is AMD's AIE-ML manual; HX the measurements of "Hello XDNA"; SIL those of ignite-xdna's SILICON.md on a
Phoenix die; XE the findings of xdna-emu; section-4 is mlir-aie's programming guide, 4b and 4c, measured on Phoenix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tileproof.emulator.cost.machine import CALL_CYCLES, WIDTH, Slot

# A scalar loop is bound by latencies that the compiler cannot hide: 12,297 cycles for 1,024 loads and 1,024 stores of
# the scalar vector_scalar_mul (section-4).
SCALAR_ACCESS_CYCLES = 6

# A turn of a core's own loop: its branch with the delay slots, if nothing else is in it (HX: jumps take 6).
TURN_CYCLES = 6

LOCK_CYCLES = 1  # uncontended (XE)

STREAM_BYTES_PER_CYCLE = 4  # 3.99976 measured (SIL 1.5)
HOP_CYCLES = 8  # a circuit from a mem tile to a core, beside its words (SIL 1.5)

# Of the shim's controller (XE): until the first instruction, and for one of them.
DISPATCH_CYCLES = 25_000
INSTRUCTION_CYCLES = 112
PUSH_CYCLES = 2_500


_TOLD = {slot: f"slot {slot}" for slot in Slot}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCycles:
    """What one call of a tile function took: `slots` are instructions by slot, `schedule` the cycles of a compiler's
    schedule without the call itself, `conflicts` pairs of loads from one bank, which cost one cycle more (SIL), and
    `slot_bound` the best that any schedule can do."""

    slots: Mapping[Slot, int]
    schedule: int = 0
    conflicts: int = 0
    slot_bound: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slot_bound", max(self.terms.values(), default=0))

    @property
    def terms(self) -> dict[str, int]:
        """The least cycles by slot, if nothing else were there."""
        return {_TOLD[slot]: -(-count // WIDTH[slot]) for slot, count in self.slots.items()}

    @property
    def stalls(self) -> int:
        """Cycles that conflicts cost: only loads that have to go two at a time meet one another."""
        pairs = self.slots.get(Slot.LD, 0) - max(self.schedule, self.slot_bound)
        return min(self.conflicts, max(pairs, 0))

    @property
    def within(self) -> int:
        """Expected, without the call itself."""
        return max(self.schedule, self.slot_bound) + self.stalls

    @property
    def total(self) -> int:
        """Expected, with the call itself."""
        return self.within + CALL_CYCLES
