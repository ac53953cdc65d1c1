"""The ids of locks: those that a design writes, and those that mlir-aie gives to the others.

Facts: AIEAssignLockIDs.cpp, AIEObjectFifoStatefulTransform.cpp. Until August 2026 a design's own locks got theirs
before the fifos; since then all get theirs when fifos are lowered, in the order in which they stand, and the locks of a
fifo stand right behind the last tile, a later fifo's in front of an earlier one's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tileproof.device_model import MAX_LOCK_VALUE
from tileproof.diagnostic import Place
from tileproof.errors import Problem
from tileproof.lowering.model import PlacedLock
from tileproof.lowering.resources import Resources
from tileproof.mlir.design import Design, Lock, Tile
from tileproof.mlir_aie_versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoLock:
    """A lock that mlir-aie makes for the fifo declared at `place`, as long as it has no id."""

    tile: Tile
    name: str
    init: int
    place: Place


def number_locks(
    design: Design, fifo_locks: Sequence[FifoLock], resources: Resources, version: Version
) -> tuple[PlacedLock, ...]:
    """Every lock with its id: the design's own first, then those of its fifos. A `Problem` where a tile has no more."""
    ids: dict[str, int] = {}
    for lock in design.locks:
        _check_init(lock)
        if lock.id is not None:
            resources.this_lock(lock.tile, lock.id, lock.place)
            ids[lock.name] = lock.id
    for one in _in_order(design, fifo_locks, version):
        ids[one.name] = resources.lock(one.tile, one.place)
    every: list[Lock | FifoLock] = [*design.locks, *fifo_locks]
    return tuple(PlacedLock(tile=lock.tile, id=ids[lock.name], name=lock.name, init=lock.init) for lock in every)


def _in_order(design: Design, fifo_locks: Sequence[FifoLock], version: Version) -> Iterator[Lock | FifoLock]:
    """Those without an id, in the order in which they get one."""
    own = [lock for lock in design.locks if lock.id is None]
    if not version.numbers_locks_last:
        yield from own
        yield from fifo_locks
        return
    yield from (lock for lock in own if design.is_above_last_tile(lock.place))
    for fifo in dict.fromkeys(lock.place for lock in reversed(fifo_locks)):
        yield from (lock for lock in fifo_locks if lock.place == fifo)
    yield from (lock for lock in own if not design.is_above_last_tile(lock.place))


def _check_init(lock: Lock) -> None:
    if not 0 <= lock.init <= MAX_LOCK_VALUE:
        raise Problem(
            f"lock {lock.name} cannot begin at {lock.init}",
            where=lock.place,
            why=f"a lock counts from 0 to {MAX_LOCK_VALUE}",
            fix="give it an init in that range",
            id="TP312",
        )
