"""How many cycles things take: a model of ceilings, not of schedules. Each constant names its source.

Sources: AM020 is AMD's AIE-ML manual; HX the measurements of "Hello XDNA"; SIL those of ignite-xdna's SILICON.md on a
Phoenix die; XE the findings of xdna-emu; section-4 is mlir-aie's programming guide, 4b and 4c, measured on Phoenix.
"""

from __future__ import annotations

from dataclasses import dataclass

# Loads and stores of one cycle (AM020 chapter 4).
LOADS_PER_CYCLE = 2
STORES_PER_CYCLE = 1

# A scalar loop is bound by latencies that the compiler cannot hide: 12,297 cycles for 1,024 loads and 1,024 stores of
# the scalar vector_scalar_mul (section-4).
SCALAR_ACCESS_CYCLES = 6

# Start and end of a call with its loops: 72 to 78 cycles measured where the ports allow 64 (section-4, int16).
CALL_CYCLES = 10

# A turn of a core's own loop: its branch with the delay slots, if nothing else is in it (HX: jumps take 6).
TURN_CYCLES = 6

LOCK_CYCLES = 1  # uncontended (XE)

STREAM_BYTES_PER_CYCLE = 4  # 3.99976 measured (SIL 1.5)
HOP_CYCLES = 8  # a circuit from a mem tile to a core, beside its words (SIL 1.5)

# Of the shim's controller (XE): until the first instruction, and for one of them.
DISPATCH_CYCLES = 25_000
INSTRUCTION_CYCLES = 112
PUSH_CYCLES = 2_500


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCycles:
    """Issue slots that one call of a tile function took: of the vector unit, moves, loads, stores and scalar accesses.

    `conflict` counts pairs of loads from one bank, which cost one cycle more (SIL).
    """

    vector: int = 0
    move: int = 0
    load: int = 0
    store: int = 0
    conflict: int = 0
    scalar: int = 0

    @property
    def terms(self) -> dict[str, int]:
        """Cycles by what they are spent on, if nothing else were there."""
        return {
            "vector unit": self.vector,
            "moves": self.move,
            "loads": -(-self.load // LOADS_PER_CYCLE) + self.conflict,
            "stores": -(-self.store // STORES_PER_CYCLE),
            "scalar accesses": self.scalar * SCALAR_ACCESS_CYCLES,
        }

    @property
    def within(self) -> int:
        """Everything overlaps but the scalar part, which is a loop of its own."""
        terms = self.terms
        scalar = terms.pop("scalar accesses")
        return max(terms.values()) + scalar

    @property
    def total(self) -> int:
        """With the call itself."""
        return self.within + CALL_CYCLES
