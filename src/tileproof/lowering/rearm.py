"""What aiex.dma_channel_reset_for begins anew: the channels and locks of a fifo at cores and mem tiles.

Facts: AIELowerDmaChannelReset.cpp and AIEObjectFifoStatefulTransform.cpp (2026-08). Shim ends are the host's, and stay
as they are.
"""

from __future__ import annotations

import re

from tileproof.device_model import SHIM
from tileproof.errors import Problem
from tileproof.lowering.model import DmaChain, LoweredDesign, PlacedLock
from tileproof.mlir.design import ResetFor


def channels_and_locks(design: LoweredDesign, reset: ResetFor) -> tuple[tuple[DmaChain, ...], tuple[PlacedLock, ...]]:
    """The chains of the fifo and the locks that were made for it, its producer's first; a `Problem` for none."""
    chains = tuple(chain for chain in design.chains if chain.fifo == reset.fifo and chain.tile.kind != SHIM)
    # As lowering/fifos.py calls them: of the producer, of the one consumer, of each of several.
    made_for = re.compile(rf"{re.escape(reset.fifo)}(_(?P<number>\d+))?(?P<end>_cons)?_(prod|cons)_lock_\d+")
    named = [
        (found, lock)
        for lock in design.locks
        if lock.tile.kind != SHIM and (found := made_for.fullmatch(lock.name)) and not _is_own(design, lock)
    ]
    locks = tuple(
        lock for _, lock in sorted(named, key=lambda pair: (bool(pair[0]["end"]), int(pair[0]["number"] or 0)))
    )
    if not chains and not locks:
        raise Problem(
            f"@{reset.fifo} has no channel and no lock that could begin again",
            where=reset.place,
            why="a reset is of what it has at cores and mem tiles; a shim end is the host's",
            fix="leave the reset away, or name another fifo",
            id="TP312",
        )
    return chains, locks


def _is_own(design: LoweredDesign, lock: PlacedLock) -> bool:
    """Whether somebody has written the lock, and called it as a fifo's are."""
    return any(own.name == lock.name for own in design.design.locks)
