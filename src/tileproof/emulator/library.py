"""What an emulator's process is given beside a design: compiled tile code, and how to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# In how many other legal orders a run that ends well is tried (array/orders.py). A handful: what a fair order hides is
# mostly found by the first or the second.
ORDERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNeed:
    """Along the calls below one tile function: bytes of local arrays, the host's frames with them, and the arrays.

    `frames` is 0 where the compiler does not tell.
    """

    arrays: int
    frames: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Compiled tile code, and what the emulator must know of it: `stacks` by tile function; `kept`, the locals that lie
    in memory on the device, too (check/kept.py); `unbounded`, the tile functions of whose stack nobody can say
    before what they take, and why; and `cost`, what its blocks
    take of a core (cost/stored.py)."""

    code: bytes = field(repr=False)
    stacks: Mapping[str, StackNeed] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    unbounded: Mapping[str, str] = field(default_factory=dict)
    cost: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to run: `seed` for an adversary's order instead of the cycle model's, `as_hardware` to go on silently where
    the device does, `trace` to keep the timeline, `profile` to say where the cycles of
    tile code go by line and loop. `is_patient`: the instruction stream waits where a queue is full or a
    BD in use, as it mostly comes there late enough; for orders that nobody has asked for. `doubled` is a fifo whose
    streams are twice as wide, for what a second channel would save."""

    seed: int | None = None
    as_hardware: bool = False
    trace: bool = False
    profile: bool = False
    is_patient: bool = False
    doubled: str = ""
