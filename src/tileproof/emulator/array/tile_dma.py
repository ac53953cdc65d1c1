"""The DMAs of core and mem tiles as a sequence reaches them: BDs that it writes, tasks that it pushes, resets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tileproof.device_model import SHIM, TILE_KINDS
from tileproof.diagnostic import Diagnostic, Place
from tileproof.dtypes import DTYPES
from tileproof.emulator.array.dma import ChainProgram, TileTask
from tileproof.emulator.array.engine import Engine, Task
from tileproof.errors import Problem
from tileproof.insts import SetRegisters
from tileproof.insts.tile_bd import (
    CORE_CONTROL,
    DMA_REGISTERS,
    ENABLE_BIT,
    RESET_BIT,
    bd_fields,
    bd_words_at,
    channel_of_queue,
    control_offset,
)
from tileproof.lowering.model import Bd, DmaChain, LoweredDesign, PlacedBuffer
from tileproof.lowering.tile_tasks import OWN_LOCKS
from tileproof.mlir.design import Direction, Packet, Tile
from tileproof.mlir.values import MemRef

_At = tuple[int, int]
_Channel = tuple[_At, Direction, int]
_WORD_BYTES = 4
_ALL_BITS = 0xFFFF_FFFF
_ROUTE_MASK = 0xFF00  # where a channel's tokens go: to the one controller there is


@dataclass(eq=False)
class CoreSwitch:
    """A core's control register: a reset ends its program, and an enable behind it begins it again."""

    engine: Engine
    begin: Callable[[], Task]
    task: Task
    is_reset: bool = False

    def write(self, value: int, mask: int) -> None:
        if value & mask & RESET_BIT:
            if self.task in self.engine.tasks:
                self.engine.remove(self.task)
            self.is_reset = True
        elif self.is_reset and value & mask & ENABLE_BIT:
            self.is_reset = False
            self.task = self.begin()


@dataclass(eq=False)
class TileDmas:
    """`buffers` takes what written BDs move, by a name of its own; `program_of` is the channel of a tile."""

    design: LoweredDesign
    engine: Engine
    buffers: dict[str, PlacedBuffer]
    program_of: Callable[[Tile, Direction, int], ChainProgram]
    cores: Mapping[_At, CoreSwitch]
    report: Callable[[Diagnostic], None]
    _words: dict[tuple[_At, int], list[int]] = field(default_factory=dict)  # of the BDs that were written
    _programs: dict[_Channel, ChainProgram] = field(default_factory=dict)

    def channel(self, at: _At, direction: Direction, channel: int) -> ChainProgram | None:
        """The channel, if it has been given a task."""
        return self._programs.get((at, direction, channel))

    def write(self, action: SetRegisters, place: Place) -> bool:
        """Whether these are registers of a tile's DMA, which then take the words."""
        at = (action.column, action.row)
        tile = next((tile for tile in self.design.design.tiles if tile.at == at), None)
        if tile is None or tile.kind == SHIM:
            return False
        part = bd_words_at(tile.kind, action.offset, len(action.words))
        if part is not None:
            self._write_bd(tile, *part, action, place)
            return True
        core = self.cores.get(at)
        if core is not None and action.offset == CORE_CONTROL and len(action.words) == 1:
            core.write(action.words[0], action.mask)
            return True
        queue = channel_of_queue(tile.kind, action.offset)
        if queue is not None and len(action.words) == 1:
            self._push(tile, *queue, action.words[0], place)
            return True
        return len(action.words) == 1 and self._control(tile, action)

    def _write_bd(self, tile: Tile, bd_id: int, first: int, action: SetRegisters, place: Place) -> None:
        """All words of a BD, or some: of one that nobody has set up, the others are 0."""
        count = DMA_REGISTERS[tile.kind].words
        words = self._words.get((tile.at, bd_id))
        if words is None:
            is_whole = len(action.words) == count and action.mask == _ALL_BITS
            if not is_whole and self._in_design(tile, bd_id) is not None:
                raise Problem(
                    f"a part of BD {bd_id} of {tile} is written",
                    id="instruction-not-executed",
                    where=place,
                    why=f"it has {count} words, {len(action.words)} of them are written, and the design has set it up",
                    fix="write all words of a BD at first",
                )
            words = self._words[tile.at, bd_id] = [0] * count
        for number, value in enumerate(action.words, first):
            words[number] = words[number] & ~action.mask | value & action.mask

    def _push(self, tile: Tile, direction: Direction, channel: int, value: int, place: Place) -> None:
        program = self._programs.setdefault((tile.at, direction, channel), self.program_of(tile, direction, channel))
        bd_id = value & (0x3F if TILE_KINDS[tile.kind].bds > 16 else 0xF)
        chain = self._chain(tile, direction, channel, bd_id, (value >> 16 & 0xFF), place)
        program.push(TileTask(chain=chain, issue_token=bool(value >> 31), place=place))

    def _control(self, tile: Tile, action: SetRegisters) -> bool:
        """A reset empties the queue and ends what runs; a route of tokens changes nothing here."""
        for direction in DMA_REGISTERS[tile.kind].channels:
            for channel in range(TILE_KINDS[tile.kind].channels):
                if control_offset(tile.kind, direction, channel) != action.offset:
                    continue
                if action.mask == RESET_BIT and action.words[0] & RESET_BIT:
                    self.program_of(tile, direction, channel).reset()
                return action.mask == RESET_BIT or action.mask & ~_ROUTE_MASK == 0
        return False

    # BDs

    def _chain(
        self, tile: Tile, direction: Direction, channel: int, first: int, repeats: int, place: Place
    ) -> DmaChain:
        bds: list[Bd] = []
        number: int | None = first
        while number is not None and number not in [bd.bd_id for bd in bds]:
            bds.append(self._bd(tile, number, place))
            number = bds[-1].next
        return DmaChain(
            tile=tile, direction=direction, channel=channel, bds=tuple(bds), fifo=None, repeat_count=repeats
        )

    def _bd(self, tile: Tile, number: int, place: Place) -> Bd:
        words = self._words.get((tile.at, number))
        if words is not None:
            return self._of_registers(tile, number, bd_fields(tile.kind, tuple(words)), place)
        found = self._in_design(tile, number)
        if found is not None:
            return found
        raise Problem(
            f"BD {number} of {tile} is used before it is written",
            id="foreign-instructions",
            where=place,
            fix="write it before its task is pushed, or use the insts.bin that the build wrote",
        )

    def _in_design(self, tile: Tile, number: int) -> Bd | None:
        """The BD that the array is set up with."""
        chains = [chain for chain in self.design.chains if chain.tile.at == tile.at]
        return next((bd for chain in chains for bd in chain.bds if bd.bd_id == number), None)

    def _of_registers(self, tile: Tile, number: int, values: Mapping[str, int], place: Place) -> Bd:
        _refuse_the_rest(tile, number, values, place)
        name = self._memory(tile, values)
        sizes, strides = _walk(values)
        acquire = values["lock_acq_val"]
        return Bd(
            bd_id=number,
            buffer=name,
            offset=0,
            length=values["buffer_length"],
            sizes=sizes,
            strides=strides,
            acquire=(self._lock(tile, values["lock_acq_id"], place), abs(acquire))
            if values["lock_acq_enable"]
            else None,
            release=(self._lock(tile, values["lock_rel_id"], place), values["lock_rel_val"])
            if values["lock_rel_val"]
            else None,
            exactly=acquire > 0,
            next=values["next_bd"] if values["use_next_bd"] else None,
            packet=Packet(id=values["packet_id"], type=values["packet_type"]) if values["enable_packet"] else None,
        )

    def _memory(self, tile: Tile, values: Mapping[str, int]) -> str:
        """From the BD's first word to the end of the tile's memory, as words."""
        address = values["buffer_offset"] * _WORD_BYTES
        memory = TILE_KINDS[tile.kind].memory_bytes
        name = f"byte 0x{address:05x} of {tile}"
        self.buffers.setdefault(
            name,
            PlacedBuffer(
                tile=tile,
                name=name,
                type=MemRef(((memory - address) // _WORD_BYTES,), DTYPES["i32"]),
                address=address,
                bank=None,
            ),
        )
        return name

    def _lock(self, tile: Tile, number: int, place: Place) -> str:
        own = number - OWN_LOCKS.get(tile.kind, 0)
        for lock in self.design.locks:
            if lock.tile.at == tile.at and lock.id == own:
                return lock.name
        raise Problem(
            f"a BD of {tile} uses a lock that the design does not have",
            id="foreign-instructions",
            where=place,
            why=f"it is number {number} for the tile's DMA",
            fix="declare the lock with aie.lock, or use the insts.bin of the same build",
        )


def _walk(values: Mapping[str, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides in words; a size of 0 means that the dimension has no end of its own."""
    sizes, inner = [], 1
    for size in (values["d0_size"], values["d1_size"]):
        if not size:
            break
        sizes.append(size)
        inner *= size
    if not sizes and values["d0_stride"] == 0:
        return (), ()
    sizes.append(-(-values["buffer_length"] // inner))
    strides = [values[f"d{dimension}_stride"] + 1 for dimension in range(len(sizes))]
    return tuple(reversed(sizes)), tuple(reversed(strides))


def _refuse_the_rest(tile: Tile, number: int, values: Mapping[str, int], place: Place) -> None:
    """What a BD's registers can say beyond what is executed here."""
    told = [
        name
        for name in values
        if values[name] and (name.endswith(("_zero_before", "_zero_after")) or name == "iteration_size")
    ]
    if not values["valid_bd"]:
        told.append("valid_bd = 0")
    if told:
        raise Problem(
            f"the emulator does not execute BD {number} of {tile}",
            id="instruction-not-executed",
            where=place,
            why=f"it is written with {', '.join(told)}",
            fix="use neither padding nor iteration in a BD that a sequence writes, and make it valid",
        )
