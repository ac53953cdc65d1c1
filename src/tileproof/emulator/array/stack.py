"""What a tile function needs of its core's stack, and what it runs over when the stack is too small.

The stack lies at the bottom of the tile's memory and grows towards the buffers, with nothing in between
(AIETargetLdScript.cpp). The frames of AIE's own compiler are not known here, but the local arrays that the source
names have the same size everywhere. So a call whose arrays alone are too large certainly overflows, and only such a
call runs with its locals in tile memory; every other one runs on the host's stack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tileproof.device_model import TILE_KINDS, Generation
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.locals import Local, nbytes_of
from tileproof.emulator.library import StackNeed
from tileproof.lowering.model import PlacedBuffer
from tileproof.mlir.design import Function, Tile

_TOLD = 4  # locals that a finding names

Changed = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreStack:
    """The stack of one core, in bytes from address 0 of its tile, and what lies above it."""

    tile: Tile
    nbytes: int
    generation: Generation
    buffers: tuple[PlacedBuffer, ...]

    def overflows(self, need: StackNeed) -> bool:
        # Where the compiler tells its frames, an array that is not in them was dropped.
        sure = min(need.arrays, need.frames) if need.frames else need.arrays
        return sure + self.generation.entry_frame > self.nbytes

    def extent(self, need: StackNeed) -> int:
        """Bytes of tile memory that the locals of a call reach up to."""
        memory = TILE_KINDS[self.tile.kind].memory_bytes
        return min(memory, self.generation.entry_frame + max(need.frames, need.arrays) + 15) & ~15

    def fault(self, function: Function, need: StackNeed, changed: Changed, who: Place) -> Diagnostic:
        """What a call that overflowed did; `changed` is of each byte of the tile as far as its locals reach."""
        return self._fault(function, need, self._damage(changed), who)

    def before_the_call(self, function: Function, need: StackNeed, who: Place) -> Diagnostic:
        """What is to be said if the call does not come back: the host keeps its way back where the locals end."""
        why = (
            "above the stack lie the buffers, and on this machine also the call's own way back, so that what it ran "
            "over is not known"
        )
        return self._fault(function, need, why, who)

    def too_small_for(self, function: Function, kept: Sequence[Local], who: Place) -> Diagnostic | None:
        """Whether the locals that lay in memory in a call on this machine's stack are more than this one has."""
        nbytes = nbytes_of(kept)
        if self.generation.entry_frame + nbytes <= self.nbytes:
            return None
        largest = sorted(kept, key=lambda local: -local.nbytes)[:_TOLD]
        text = " and ".join(f"{local.name} has {local.nbytes:,}" for local in largest)
        above = [buffer for buffer in self.buffers if buffer.address < self.generation.entry_frame + nbytes]
        damage = (
            "above the stack lie " + ", ".join(buffer.name for buffer in above) if above else "no buffer lies there"
        )
        return self._fault(function, StackNeed(arrays=nbytes, text=text), damage, who)

    def beyond(self, allocated: PlacedBuffer, sizes: Sequence[int], where: Place) -> Diagnostic | None:
        """Whether what a core's own operation allocates ends behind the end of the stack; `sizes` are all there are."""
        end = allocated.address + allocated.nbytes
        if end <= self.nbytes:
            return None
        entry, reach = self.generation.entry_frame, self.generation.entry_frame + sum(sizes)
        above = [buffer.name for buffer in self.buffers if buffer.address < end]
        damage = "above the stack lie " + ", ".join(above) if above else "no buffer lies there"
        return Diagnostic(
            id="stack-overflow",
            what=f"{allocated.name} runs over the end of the stack of {self.tile}: what the core allocates takes "
            f"{sum(sizes):,} bytes, and stack_size is {self.nbytes:,}",
            place=where,
            why=f"it ends at byte {end:,}, and {entry} are the core's entry; {damage}",
            fix=_larger(self.tile, reach),
        )

    def too_deep(self, function: Function, depth: int, why: str, who: Place) -> Diagnostic:
        """What a call took of this machine's stack, where nobody can say before what it takes of the device's."""
        return Diagnostic(
            id="stack-overflow",
            what=f"{function.name} runs over the end of the stack of {self.tile}: it took {depth:,} bytes of this "
            f"machine's, and stack_size is {self.nbytes:,}",
            place=who,
            why=f"{why}, so what it takes of the device's is known to nobody before; the frames of Peano are other "
            "ones, and none of them is checked when it runs",
            fix="write it with a loop and with arrays of a fixed size, or give the core a larger stack_size",
        )

    def _fault(self, function: Function, need: StackNeed, damage: str, who: Place) -> Diagnostic:
        entry = self.generation.entry_frame
        reach = entry + max(need.frames, need.arrays)
        return Diagnostic(
            id="stack-overflow",
            what=f"{function.name} runs over the end of the stack of {self.tile}: its local arrays take "
            f"{need.arrays:,} bytes, and stack_size is {self.nbytes:,}",
            place=who,
            why=f"{need.text}, and {entry} are the core's entry; {damage}",
            fix=_larger(self.tile, reach),
        )

    def _damage(self, changed: Changed) -> str:
        hit = list(self._overlapped(changed))
        if not hit:
            return "no buffer lies there, so nothing was lost this time"
        return "above the stack lie the buffers, and this call changed " + ", ".join(
            f"{changed:,} of the {nbytes:,} bytes of {name}" for name, nbytes, changed in hit
        )

    def _overlapped(self, changed: Changed) -> Iterable[tuple[str, int, int]]:
        for buffer in sorted(self.buffers, key=lambda buffer: buffer.address):
            span = slice(buffer.address, buffer.address + buffer.nbytes)
            hit = int(np.count_nonzero(changed[span]))
            if hit:
                yield buffer.name, buffer.nbytes, hit


def _larger(tile: Tile, reach: int) -> str:
    wanted = 1 << (reach - 1).bit_length()
    if wanted < TILE_KINDS[tile.kind].memory_bytes:
        return f"give the core stack_size = {wanted}, or keep the array in an aie.buffer"
    return "keep it in an aie.buffer, or make it smaller: a tile has 64 KB for all"
