"""Two lowerings of one design, mlir-aie's and ours: every difference by name. So the emulator stays honest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, zip_longest
from typing import Any

from tileproof.insts.difference import compare_instructions
from tileproof.lowering.model import Bd, LoweredDesign
from tileproof.lowering.programs import lower_programs
from tileproof.lowering.resources import Resources
from tileproof.mlir.reader import read_layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What both have to agree on, by name: buffer to (tile, address), lock to (tile, id, value at start), and channel
    (tile, direction, number) to its BDs. `numbered` are the locks whose id the design writes: the others' are an order
    of creation, which means nothing."""

    buffers: dict[str, tuple[str, int | None]]
    locks: dict[str, tuple[str, int | None, int]]
    channels: dict[str, tuple[Bd, ...]]
    numbered: frozenset[str]


def our_layout(lowered: LoweredDesign) -> Layout:
    """What the emulator is set up with."""
    return Layout(
        buffers={buffer.name: (str(buffer.tile), buffer.address) for buffer in lowered.buffers},
        locks={lock.name: (str(lock.tile), lock.id, lock.init) for lock in lowered.locks},
        channels={f"{one.tile} {one.direction} {one.channel}": one.bds for one in lowered.chains},
        numbered=frozenset(lock.name for lock in lowered.design.locks if lock.id is not None),
    )


def their_layout(text: str, name: str) -> Layout:
    """What mlir-aie prints when it has given everything its address; a `Problem` if that cannot be read."""
    design = read_layout(text, name)
    chains = lower_programs(design, Resources(), as_silent=True)
    return Layout(
        buffers={buffer.name: (str(buffer.tile), buffer.address) for buffer in design.buffers},
        locks={lock.name: (str(lock.tile), lock.id, lock.init) for lock in design.locks},
        channels={f"{one.tile} {one.direction} {one.channel}": one.bds for one in chains},
        numbered=frozenset(lock.name for lock in design.locks if lock.id is not None),
    )


def differences(ours: Layout, theirs: Layout) -> tuple[str, ...]:
    """One sentence each, mlir-aie's word first; none where both say the same."""
    return (
        *_told("buffer", ours.buffers, theirs.buffers, ("tile", "address")),
        *_told("lock", *_with_meaning(ours, theirs), ("tile", "id", "value at start")),
        *_shared(ours, theirs),
        *_channels(ours.channels, theirs.channels),
    )


def with_their_lock_ids(ours: LoweredDesign, theirs: Layout) -> LoweredDesign:
    """Our design with mlir-aie's ids for the locks that have none of their own: words that set a lock then say the same
    wherever they mean the same."""
    written = our_layout(ours).numbered
    ids = {name: id_ for name, (_, id_, _) in theirs.locks.items() if id_ is not None and name not in written}
    return replace(ours, locks=tuple(replace(lock, id=ids.get(lock.name, lock.id)) for lock in ours.locks))


_Locks = dict[str, tuple[str, int | None, int]]


def _with_meaning(ours: Layout, theirs: Layout) -> tuple[_Locks, _Locks]:
    """The locks of both, without the ids that the design leaves open."""

    def known(layout: Layout) -> _Locks:
        return {
            name: (tile, id_ if name in ours.numbered else None, init)
            for name, (tile, id_, init) in layout.locks.items()
        }

    return known(ours), known(theirs)


def _shared(ours: Layout, theirs: Layout) -> Iterator[str]:
    """Locks of a tile that are one for the hardware: with one of the two only, ids are no order."""
    our, their = _pairs(ours), _pairs(theirs)
    for pairs, others, who in ((their, our, "mlir-aie"), (our, their, "tileproof")):
        for one, other, tile, id_ in sorted(pairs.values()):
            if (one, other) not in others:
                yield f"locks {one} and {other}: {who} gives both id {id_} of {tile}"


def _pairs(layout: Layout) -> dict[tuple[str, str], tuple[str, str, str, int]]:
    """The names of two locks that have one id in a tile: with the tile and the id."""
    found: dict[tuple[str, int], list[str]] = {}
    for name, (tile, id_, _) in sorted(layout.locks.items()):
        if id_ is not None:
            found.setdefault((tile, id_), []).append(name)
    return {
        (one, other): (one, other, tile, id_) for (tile, id_), names in found.items() for one, other in pairwise(names)
    }


def _told(kind: str, ours: dict[str, Any], theirs: dict[str, Any], fields: tuple[str, ...]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs or name not in ours:
            yield f"{kind} {name}: only {'tileproof' if name in ours else 'mlir-aie'} makes it"
            continue
        for field, our, their in zip(fields, ours[name], theirs[name], strict=True):
            if our != their:
                yield f"{kind} {name}, {field}: {their} of mlir-aie, {our} of tileproof"


_MOST_OPERATIONS = 8  # of each side: what comes behind the first difference is often only moved


def word_differences(ours: bytes, theirs: bytes) -> tuple[str, ...]:
    """One sentence for each instruction that only one of the two has, mlir-aie's first; none for equal words."""
    if ours == theirs:
        return ()
    found = compare_instructions(theirs, ours, "mlir-aie", "tileproof")
    told = [f"instructions, {text} (mlir-aie -> tileproof)" for text in (*found.header, *found.moved)]
    for lines, who in ((found.removed, "mlir-aie"), (found.added, "tileproof")):
        told += [
            f"instructions, word {line.word}: only {who} has: {line.kind} {line.text}"
            for line in lines[:_MOST_OPERATIONS]
        ]
        if len(lines) > _MOST_OPERATIONS:
            told.append(f"instructions: {len(lines) - _MOST_OPERATIONS} more that only {who} has")
    return tuple(told) or (_first_word(ours, theirs),)


def _first_word(ours: bytes, theirs: bytes) -> str:
    """Of streams that do the same in other words."""
    pairs = zip_longest(*(struct.unpack(f"<{len(words) // 4}I", words) for words in (theirs, ours)))
    number, (their, our) = next((number, pair) for number, pair in enumerate(pairs) if pair[0] != pair[1])
    shown = ["nothing" if word is None else f"0x{word:08X}" for word in (their, our)]
    return f"instructions, word {number}: {shown[0]} of mlir-aie, {shown[1]} of tileproof; they do the same"


_BD_FIELDS = ("bd_id", "buffer", "offset", "length", "sizes", "strides", "acquire", "release", "next", "packet")


def _channels(ours: dict[str, tuple[Bd, ...]], theirs: dict[str, tuple[Bd, ...]]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        our, their = ours.get(name), theirs.get(name)
        if our is None or their is None:
            yield f"channel {name}: only {'mlir-aie' if our is None else 'tileproof'} uses it"
        elif len(our) != len(their):
            yield f"channel {name}: {len(their)} BDs of mlir-aie, {len(our)} of tileproof"
        else:
            for number, (one, other) in enumerate(zip(our, their, strict=True)):
                for field in _BD_FIELDS:
                    a, b = getattr(one, field), getattr(other, field)
                    if a != b:
                        yield f"channel {name}, BD number {number}, {field}: {b} of mlir-aie, {a} of tileproof"
