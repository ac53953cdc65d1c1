"""What the commands of a CDO leave in each tile: programs, data, locks, buffer descriptors, started channels, switches.

Register addresses and fields: AM029 (AIE-ML register reference), which mlir-aie's aie_registers_aie2.json has as well;
checked against the CDO that aiecc of 2026-08 made of our designs, whose BDs and locks its MLIR says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tileproof.device_model import CORE, GENERATIONS, LOCK_REGISTERS, LOCK_STRIDE, MEM, ROWS, SHIM
from tileproof.insts.model import tile_of
from tileproof.pdi.cdo import Write

_FIRST_CORE_ROW = 2
# No NPU has more columns or rows; addresses beyond are not the array's.
_COLUMNS = max(one.columns for one in GENERATIONS.values())
_PROGRAM, _PROGRAM_BYTES = 0x20000, 0x4000
_DATA_BYTES = {CORE: 0x10000, MEM: 0x80000, SHIM: 0}
_CORE_CONTROL = 0x32000
_LOCKS = {CORE: 16, MEM: 64, SHIM: 16}
# The first BD, how many there are, and the words of one; they lie 0x20 bytes apart.
_BDS = {CORE: (0x1D000, 16, 6), MEM: (0xA0000, 48, 8), SHIM: (0x1D000, 16, 8)}
_BD_STRIDE = 0x20
# Where the control of the first S2MM and MM2S channel lies, and how many there are; the task queue is the next word.
_CHANNELS = {CORE: ((0x1DE00, 2), (0x1DE10, 2)), MEM: ((0xA0600, 6), (0xA0630, 6)), SHIM: ((0x1D200, 2), (0x1D210, 2))}
_CHANNEL_STRIDE = 8
# The master ports of the stream switch; bit 31 switches one on.
_SWITCH = {CORE: (0x3F000, 0x3F100), MEM: (0xB0000, 0xB0100), SHIM: (0x3F000, 0x3F100)}
_ENABLED = 1 << 31
_MEM_OWN = 0x80000  # a mem tile's BDs see the western neighbour's memory first, and its locks
_MEM_OWN_LOCKS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bd:
    """`address` is a byte of the tile's own memory, or of the host's for a shim; `acquire` and `release` are (lock,
    value); `dimensions` are (wrap, stride in words), innermost first, those that are used."""

    id: int
    address: int
    nbytes: int
    dimensions: tuple[tuple[int, int], ...]
    acquire: tuple[int, int] | None
    release: tuple[int, int] | None
    next: int | None
    packet: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TileState:
    """`program` and `data` are bytes that were written; `enabled` None where nobody touched the core; `starts` the
    tasks put into queues, (channel, BD); `ports` master ports switched on; `others` registers that are none of these.
    """

    column: int
    row: int
    kind: str
    program: int
    data: int
    enabled: bool | None
    locks: tuple[tuple[int, int], ...]
    bds: tuple[Bd, ...]
    starts: tuple[tuple[str, int], ...]
    ports: int
    others: int


@dataclass(slots=True)
class _Tile:
    kind: str
    registers: dict[int, int] = field(default_factory=dict)
    program: set[int] = field(default_factory=set)
    data: set[int] = field(default_factory=set)
    starts: list[tuple[str, int]] = field(default_factory=list)


def is_on_array(write: Write) -> bool:
    column, row, _ = tile_of(write.address)
    return column < _COLUMNS and row < ROWS


def tile_states(writes: Iterable[Write]) -> tuple[TileState, ...]:
    """The tiles that are written to, by column and row."""
    tiles: dict[tuple[int, int], _Tile] = {}
    for write in filter(is_on_array, writes):
        column, row, offset = tile_of(write.address)
        kind = SHIM if row == 0 else MEM if row < _FIRST_CORE_ROW else CORE
        tile = tiles.setdefault((column, row), _Tile(kind))
        for number, word in enumerate(write.words):
            _write(tile, offset + 4 * number, word, write.mask)
    return tuple(_state(column, row, tile) for (column, row), tile in sorted(tiles.items()))


def _write(tile: _Tile, offset: int, word: int, mask: int) -> None:
    if offset < _DATA_BYTES[tile.kind]:
        tile.data.add(offset)
        return
    if tile.kind == CORE and _PROGRAM <= offset < _PROGRAM + _PROGRAM_BYTES:
        tile.program.add(offset)
        return
    tile.registers[offset] = tile.registers.get(offset, 0) & ~mask | word & mask
    channel = _queue(tile.kind, offset)
    if channel is not None:
        tile.starts.append((channel, word & 0x3F if tile.kind == MEM else word & 0xF))


def _queue(kind: str, offset: int) -> str | None:
    """The channel whose task queue lies there."""
    for way, (control, count) in zip(("S2MM", "MM2S"), _CHANNELS[kind], strict=True):
        number, rest = divmod(offset - control, _CHANNEL_STRIDE)
        if 0 <= number < count and rest == 4:
            return f"{way} {number}"
    return None


def _state(column: int, row: int, tile: _Tile) -> TileState:
    control = tile.registers.get(_CORE_CONTROL) if tile.kind == CORE else None
    known, bds = _bds(tile)
    locks = {(offset - LOCK_REGISTERS[tile.kind]) // LOCK_STRIDE: value for offset, value in _lock_values(tile)}
    first, last = _SWITCH[tile.kind]
    ports = [offset for offset in tile.registers if first <= offset < last]
    known |= {offset for offset, _ in _lock_values(tile)} | set(ports) | {_CORE_CONTROL}
    queues = {offset for offset in tile.registers if _queue(tile.kind, offset) is not None}
    return TileState(
        column=column,
        row=row,
        kind=tile.kind,
        program=4 * len(tile.program),
        data=4 * len(tile.data),
        enabled=None if control is None else bool(control & 1),
        locks=tuple(sorted((number, value) for number, value in locks.items() if value)),
        bds=bds,
        starts=tuple(tile.starts),
        ports=sum(bool(tile.registers[offset] & _ENABLED) for offset in ports),
        others=len(tile.registers.keys() - known - queues),
    )


def _lock_values(tile: _Tile) -> list[tuple[int, int]]:
    first = LOCK_REGISTERS[tile.kind]
    places = range(first, first + LOCK_STRIDE * _LOCKS[tile.kind], LOCK_STRIDE)
    return [(offset, _signed(tile.registers[offset], 6)) for offset in places if offset in tile.registers]


def _bds(tile: _Tile) -> tuple[set[int], tuple[Bd, ...]]:
    """The registers that are BDs', and those BDs that are valid."""
    base, count, words = _BDS[tile.kind]
    used: set[int] = set()
    found = []
    for number in range(count):
        places = [base + _BD_STRIDE * number + 4 * word for word in range(words)]
        used |= set(places)
        bd = _READERS[tile.kind](number, [tile.registers.get(place, 0) for place in places])
        if bd is not None:
            found.append(bd)
    return used, tuple(found)


def _bits(word: int, low: int, count: int) -> int:
    return word >> low & (1 << count) - 1


def _signed(value: int, count: int) -> int:
    value &= (1 << count) - 1
    return value - (1 << count) if value >> count - 1 else value


def _locks_of(word: int) -> tuple[tuple[int, int] | None, tuple[int, int] | None, int | None] | None:
    """Acquire, release and next BD from the last word of a core's or shim's BD; None if it is not valid."""
    if not word >> 25 & 1:
        return None
    acquire = (_bits(word, 0, 4), _signed(_bits(word, 5, 7), 7)) if word >> 12 & 1 else None
    released = _signed(_bits(word, 18, 7), 7)
    release = (_bits(word, 13, 4), released) if released else None
    return acquire, release, _bits(word, 27, 4) if word >> 26 & 1 else None


def _core_bd(number: int, w: list[int]) -> Bd | None:
    last = _locks_of(w[5])
    if last is None:
        return None
    steps = (_bits(w[2], 0, 13) + 1, _bits(w[2], 13, 13) + 1, _bits(w[3], 0, 13) + 1)
    return Bd(
        id=number,
        address=4 * _bits(w[0], 14, 14),
        nbytes=4 * _bits(w[0], 0, 14),
        dimensions=_dimensions((_bits(w[3], 13, 8), _bits(w[3], 21, 8)), steps),
        acquire=last[0],
        release=last[1],
        next=last[2],
        packet=(_bits(w[1], 19, 5), _bits(w[1], 16, 3)) if w[1] >> 30 & 1 else None,
    )


def _shim_bd(number: int, w: list[int]) -> Bd | None:
    last = _locks_of(w[7])
    if last is None:
        return None
    steps = (_bits(w[3], 0, 20) + 1, _bits(w[4], 0, 20) + 1, _bits(w[5], 0, 20) + 1)
    return Bd(
        id=number,
        address=w[1] | _bits(w[2], 0, 16) << 32,
        nbytes=4 * w[0],
        dimensions=_dimensions((_bits(w[3], 20, 10), _bits(w[4], 20, 10)), steps),
        acquire=last[0],
        release=last[1],
        next=last[2],
        packet=(_bits(w[2], 19, 5), _bits(w[2], 16, 3)) if w[2] >> 30 & 1 else None,
    )


def _mem_bd(number: int, w: list[int]) -> Bd | None:
    if not w[7] >> 31:
        return None
    released = _signed(_bits(w[7], 24, 7), 7)
    return Bd(
        id=number,
        address=4 * _bits(w[1], 0, 19) - _MEM_OWN,
        nbytes=4 * _bits(w[0], 0, 17),
        dimensions=_dimensions(
            tuple(_bits(word, 17, 10) for word in w[2:5]), tuple(_bits(word, 0, 17) + 1 for word in w[2:6])
        ),
        acquire=(_bits(w[7], 0, 8) - _MEM_OWN_LOCKS, _signed(_bits(w[7], 8, 7), 7)) if w[7] >> 15 & 1 else None,
        release=(_bits(w[7], 16, 8) - _MEM_OWN_LOCKS, released) if released else None,
        next=_bits(w[1], 20, 6) if w[1] >> 19 & 1 else None,
        packet=(_bits(w[0], 23, 5), _bits(w[0], 28, 3)) if w[0] >> 31 else None,
    )


def _dimensions(wraps: tuple[int, ...], steps: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """All of a BD that goes otherwise than word after word; the outermost has no wrap, shown as 0: to the end."""
    if not any(wraps) and steps[0] == 1:
        return ()
    used = max((number for number, wrap in enumerate(wraps, 1) if wrap), default=0)
    return (*zip(wraps[:used], steps[:used], strict=True), (0, steps[used]))


_READERS: dict[str, Callable[[int, list[int]], Bd | None]] = {CORE: _core_bd, MEM: _mem_bd, SHIM: _shim_bd}
