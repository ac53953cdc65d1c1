"""Two lowerings of one design, mlir-aie's and ours: every difference by name. So the emulator stays honest."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from tileproof.insts.difference import compare_instructions
from tileproof.lowering.model import Bd, LoweredDesign
from tileproof.lowering.programs import lower_programs
from tileproof.lowering.resources import Resources
from tileproof.mlir.reader import read_design


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What both have to agree on, by name: buffer to (tile, address), lock to (tile, id, value at start), and channel
    (tile, direction, number) to its BDs."""

    buffers: dict[str, tuple[str, int | None]]
    locks: dict[str, tuple[str, int | None, int]]
    channels: dict[str, tuple[Bd, ...]]


def our_layout(lowered: LoweredDesign) -> Layout:
    """What the emulator is set up with."""
    return Layout(
        buffers={buffer.name: (str(buffer.tile), buffer.address) for buffer in lowered.buffers},
        locks={lock.name: (str(lock.tile), lock.id, lock.init) for lock in lowered.locks},
        channels={f"{one.tile} {one.direction} {one.channel}": one.bds for one in lowered.chains},
    )


def their_layout(text: str, name: str) -> Layout:
    """What mlir-aie prints when it has given everything its address; a `Problem` if that cannot be read."""
    design = read_design(text, name)
    chains = lower_programs(design, Resources(), as_silent=True)
    return Layout(
        buffers={buffer.name: (str(buffer.tile), buffer.address) for buffer in design.buffers},
        locks={lock.name: (str(lock.tile), lock.id, lock.init) for lock in design.locks},
        channels={f"{one.tile} {one.direction} {one.channel}": one.bds for one in chains},
    )


def differences(ours: Layout, theirs: Layout) -> tuple[str, ...]:
    """One sentence each, mlir-aie's word first; none where both say the same."""
    return (
        *_told("buffer", ours.buffers, theirs.buffers, ("tile", "address")),
        *_told("lock", ours.locks, theirs.locks, ("tile", "id", "value at start")),
        *_channels(ours.channels, theirs.channels),
    )


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
