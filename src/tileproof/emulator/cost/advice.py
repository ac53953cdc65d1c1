"""What would make tile code faster, by asking the model again: each with the cycles that it would save."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tileproof.emulator.cost.profile import CodeUse, LoopUse

# What saves less of a core's cycles than this is not worth a word.
_LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`what` to do, where and why, and the cycles that the model would then count less."""

    what: str
    where: str
    why: str
    gain: int


def advice_of(use: CodeUse) -> list[Advice]:
    """What is worth it, the best first."""
    found = [*_conflicts(use), *(one for loop in use.loops for one in (*_chain(loop), *_drain(loop)))]
    worth = [one for one in found if one.gain >= _LEAST_SHARE * use.expected]
    return sorted(worth, key=lambda one: -one.gain)


def _conflicts(use: CodeUse) -> Iterator[Advice]:
    if use.conflicts:
        yield Advice(
            what="put the buffers that are loaded together into different banks ([banks] of kernel.toml, mem_bank)",
            where=use.core,
            why=f"{use.conflicts:,} pairs of loads from one bank wait a cycle each",
            gain=use.conflicts,
        )


def _chain(loop: LoopUse) -> Iterator[Advice]:
    return _recurrence(loop) if loop.with_registers is None else _memory(loop, loop.with_registers)


def _memory(loop: LoopUse, interval: int) -> Iterator[Advice]:
    """An array whose index only the run time knows has no registers."""
    yield Advice(
        what="let the compiler know which sum a turn adds to: write the loop out, or unroll it whole",
        where=f"{loop.file}:{loop.line}",
        why="its sums are an array with an index of the run time, so each is loaded, and stored again, in every turn",
        gain=(loop.interval - interval) * max(loop.turns - loop.entries, 0),
    )


def _recurrence(loop: LoopUse) -> Iterator[Advice]:
    saved = (loop.interval - max(loop.resource, 1)) * max(loop.turns - loop.entries, 0)
    if loop.recurrence > loop.resource and saved:
        yield Advice(
            what="sum up (or compare) in two or more parts, and join them behind the loop",
            where=f"{loop.file}:{loop.line}",
            why=f"each turn waits {loop.recurrence} cycles for the one before it, and its slots need {loop.resource}",
            gain=saved,
        )


def _drain(loop: LoopUse) -> Iterator[Advice]:
    saved = loop.cycles - loop.turns * loop.interval
    if loop.entries > 1 and saved > 0:
        yield Advice(
            what="enter the loop less often: exchange it with the one around it, join both, or unroll it",
            where=f"{loop.file}:{loop.line}",
            why=f"it is entered {loop.entries:,} times for {loop.turns / loop.entries:.1f} turns, and fills and drains "
            "each time",
            gain=saved - saved // loop.entries,
        )
