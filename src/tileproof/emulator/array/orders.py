"""Other legal orders of a run that ended well: what the cycle model's order hides is found without being asked for.

An order is a seed, so that it can be had again (`--schedule adversarial --seed N`). They are cheap, or left out: all of
them together take at most `BUDGET_S`, whatever the design, and how many were tried is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tileproof.diagnostic import Diagnostic
from tileproof.emulator.array.faults import sort_of

# No order begins that would end later than this after the first began, and none goes on for longer. A run of attention
# takes some 10 ms here with its setting up, so that a verdict is not noticeably later.
BUDGET_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one order came to. `differs` names what has another value: whether that is wrong only its reader knows, as
    where packets of two meet."""

    faults: tuple[Diagnostic, ...] = ()
    differs: str = ""


# Plays the order of a seed for at most so many seconds; gives what it found, or None where the time was over.
Play = Callable[[int, float], Found | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """`asked` are as many as were to be tried, `seeds` those that were; `is_late` says that the time was over first."""

    asked: int
    seeds: tuple[int, ...] = ()
    is_late: bool = False
    faults: tuple[Diagnostic, ...] = ()
    differs: str = ""

    def __str__(self) -> str:
        seeds = f" (seed{'s' * (len(self.seeds) > 1)} {', '.join(map(str, self.seeds))})" if self.seeds else ""
        tried = f"{len(self.seeds)} of {self.asked} other legal orders tried{seeds}"
        if self.is_late:
            return f"{tried}; the rest would have taken more than {BUDGET_S} s"
        if self.differs:
            shown = f"--schedule adversarial --seed {self.seeds[-1]}"
            return (
                f"{tried}; in the last, {self.differs} has another value ({shown}): is it meant to depend on the order?"
            )
        return tried + (", and the last is not right" if self.faults else ", each with the same end")

    def as_json(self) -> dict[str, object]:
        return {"asked": self.asked, "seeds": list(self.seeds), "is_late": self.is_late, "differs": self.differs}


def other_orders(asked: int, took_s: float, play: Play) -> Orders:
    """Try the orders of the seeds from 1 on, until one is not right or the time is over. `took_s` is how long the run
    took whose order is known: the next will not take much less."""
    begun = time.perf_counter()
    seeds: list[int] = []
    for seed in range(1, asked + 1):
        started = time.perf_counter()
        left_s = BUDGET_S - (started - begun)
        found = play(seed, left_s) if took_s <= left_s else None
        if found is None:
            return Orders(asked=asked, seeds=tuple(seeds), is_late=True)
        seeds.append(seed)
        if found.faults or found.differs:
            return Orders(asked=asked, seeds=tuple(seeds), faults=found.faults, differs=found.differs)
        took_s = time.perf_counter() - started
    return Orders(asked=asked, seeds=tuple(seeds))


def only_there(found: Iterable[Diagnostic], known: Iterable[Diagnostic], seed: int) -> tuple[Diagnostic, ...]:
    """What another order found that this one did not, each once, with how to have it again."""
    sorts = {sort_of(fault) for fault in known}
    new = {sort_of(fault): fault for fault in found if sort_of(fault) not in sorts}
    return tuple(
        replace(
            fault,
            what=f"{fault.what}, in another legal order",
            why=f"with --schedule adversarial --seed {seed}; the cycle model's order ends well\n{fault.why}".rstrip(),
        )
        for fault in new.values()
    )
