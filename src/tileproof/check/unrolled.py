"""Loops of a core that mlir-aie before 2026-08-13 unrolls wrongly, where fifos are static as builds ask for.

It unrolls by the least common multiple of the fifos' depths; of a loop that runs between once and twice as often, the
iterations behind stay a loop, and that takes the same objects every time (unrollForLoops of
AIEObjectFifoStatefulTransform.cpp, and what it made of designs: conformance, `wrong_objects`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tileproof.check.loops import constants, trip_count
from tileproof.lowering.model import LoweredCore, LoweredDesign
from tileproof.mlir.program import Acquire, For, walk


def wrongly_unrolled(lowered: LoweredDesign) -> tuple[str, ...]:
    """One sentence for each such loop; none for an mlir-aie that unrolls rightly."""
    if lowered.version.unrolls_rightly:
        return ()
    return tuple(told for core in lowered.cores for told in _of_core(core, lowered.version.name))


def _of_core(core: LoweredCore, version: str) -> Iterator[str]:
    known = constants(core.core.body)
    for loop in (operation for operation in walk(core.core.body) if isinstance(operation, For)):
        trips, factor = trip_count(loop, known), _factor(core, loop)
        if trips is not None and factor < trips < 2 * factor and trips - factor > 1:
            yield (
                f"loop of {trips} at {loop.place}: mlir-aie of {version} unrolls it by {factor}, and gives the "
                f"{trips - factor} iterations behind the same objects every time; use wheels since 2026-08-13, or run "
                f"the loop {2 * factor} times"
            )


def _factor(core: LoweredCore, loop: For) -> int:
    """By how much a loop is unrolled; 1 for one that acquires nothing itself."""
    ends = [core.ends[operation.end] for operation in loop.body if isinstance(operation, Acquire)]
    return math.lcm(*(len(end.buffers) for end in ends))
