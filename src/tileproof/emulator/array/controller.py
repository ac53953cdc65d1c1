"""The shim controller: executes the words of the instruction buffer, not the design's sequence."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tileproof.device_model import SHIM, TASKS_OUTSTANDING
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.dma import ShimChannel, ShimTask, Words
from tileproof.emulator.array.engine import Blocked, Engine, Spend, Work
from tileproof.emulator.array.labels import instruction_label, transfer_label
from tileproof.emulator.array.memory import Bytes
from tileproof.emulator.array.registers import ADDED_BITS, TileRegisters
from tileproof.emulator.cost.cycles import DISPATCH_CYCLES, INSTRUCTION_CYCLES, PUSH_CYCLES
from tileproof.errors import Problem
from tileproof.insts import (
    Action,
    BlockWrite,
    LoadScratchpad,
    PatchBd,
    Push,
    RouteTokens,
    SetBd,
    SetRegisters,
    ShimBd,
    UpdateRegisters,
    Wait,
    decode,
    npu_actions,
    shim_bd,
)
from tileproof.insts.shim import SHIM_ROW
from tileproof.insts.tile_bd import bd_words_at
from tileproof.mlir.design import Packet
from tileproof.xrt import CTRL_SCRATCHPAD, FIRST_BUFFER

# Word 1 of a BD, and the low bits of the one behind it, are the address of what it moves.
_ADDRESS_WORD, _ADDRESS_BITS = 1, 0xFFFF
_WORD_BYTES = 4
# A BD's words, and its address.
_TO_WRITE_A_BD = 2

ChannelKey = tuple[int, str, int]  # column, direction, channel


@dataclass(slots=True)
class _Registers:
    """One shim BD as it stands: what was written, and the host buffer that a patch put behind it."""

    bd: ShimBd
    words: tuple[int, ...]
    argument: int | None = None
    byte_offset: int = 0
    runs: int = 0


@dataclass(eq=False)
class Controller:
    """Runs one instruction stream. `buffers` are the device copies of the host buffers, by sequence argument, with the
    pages that they end in; `sizes` are what the host asked for."""

    words: bytes
    buffers: Mapping[int, Bytes]
    sizes: Mapping[int, int]
    channels: Mapping[ChannelKey, ShimChannel]
    tiles: TileRegisters
    engine: Engine
    report: Callable[[Diagnostic], None]
    begun: Callable[[], None]  # called when the first instruction is due
    is_patient: bool = False
    as_hardware: bool = False
    doubled: str = ""  # a fifo each of whose transfers is started twice
    ahead: deque[Action] = field(default_factory=deque)  # the one that is executed, and those behind it
    registers: dict[tuple[int, int], _Registers] = field(default_factory=dict)
    asked: dict[ChannelKey, int] = field(default_factory=dict)

    def work(self) -> Work:
        """The task; it ends when the last instruction has been executed."""
        yield Spend(DISPATCH_CYCLES, "dispatch", DISPATCH_CYCLES)
        self.begun()
        self.ahead = deque(npu_actions(decode(self.words, "the instruction buffer")))
        while self.ahead:
            self.engine.progress()
            yield from self._one(self.ahead[0])
            self.ahead.popleft()

    def _one(self, action: Action) -> Work:
        place = Place.told(f"insts word {action.word}", Place(instruction=action.word))
        cycles = self._cycles(action)
        yield Spend(cycles, instruction_label(action), cycles)
        if self.is_patient and isinstance(action, SetBd | Push):
            yield from self._until_free(action, place)
        match action:
            case SetBd():
                self._look_for_users(action.column, action.bd_id, place)
                self.registers[action.column, action.bd_id] = _Registers(action.bd, action.words)
            case PatchBd():
                registers = self._registers(action.column, action.bd_id, place)
                registers.argument, registers.byte_offset = action.argument, action.byte_offset
            case Push():
                self._push(action, place)
            case Wait():
                yield from self._wait(action, place)
            case RouteTokens():
                pass  # every token goes to the one controller there is
            case LoadScratchpad():
                self._scratchpad(place)
            case UpdateRegisters():
                self._update(action, place)
            case SetRegisters():
                part = bd_words_at(SHIM, action.offset, len(action.words)) if action.row == SHIM_ROW else None
                if part is None:
                    self.tiles.write(action, place)
                else:
                    self._change_bd(action, *part, place)
            case _:
                raise Problem(
                    f"the emulator does not execute this instruction: {type(action).__name__}",
                    id="instruction-not-executed",
                    where=place,
                    why=f"{action}",
                    fix="transfers, tasks, waits, and writes to tile memories and locks are executed",
                )

    def _cycles(self, action: Action) -> int:
        if not isinstance(action, Push):
            return INSTRUCTION_CYCLES
        channel = self.channels.get((action.column, action.direction, action.channel))
        if channel is not None and self.doubled and f"(@{self.doubled})" in channel.name:
            return 2 * PUSH_CYCLES + _TO_WRITE_A_BD * INSTRUCTION_CYCLES  # what moves the other half
        return PUSH_CYCLES

    def _until_free(self, action: SetBd | Push, place: Place) -> Work:
        """Wait while a channel has as many tasks as it takes, or the BD is one of a task that waits or runs."""
        if isinstance(action, Push):
            channel = self._channel(action, place)
            while len(channel.unfinished()) >= TASKS_OUTSTANDING:
                yield Blocked(channel, f"waits for room in the queue of {channel.name}", place)
            return
        for key, channel in self.channels.items():
            while key[0] == action.column and any(task.bd_id == action.bd_id for task in channel.unfinished()):
                yield Blocked(channel, f"waits for BD {action.bd_id}, which {channel.name} uses", place)

    def _registers(self, column: int, bd_id: int, place: Place) -> _Registers:
        if (column, bd_id) not in self.registers:
            raise Problem(
                f"BD {bd_id} of shim ({column}, 0) is used before it is written",
                id="foreign-instructions",
                where=place,
                fix="use the insts.bin that the build wrote",
            )
        return self.registers[column, bd_id]

    def _change_bd(self, action: SetRegisters, bd_id: int, first: int, place: Place) -> None:
        """Some words of a BD are written; without its address the argument stays behind it."""
        self._look_for_users(action.column, bd_id, place)
        registers = self._registers(action.column, bd_id, place)
        words = list(registers.words)
        for number, value in enumerate(action.words, first):
            words[number] = words[number] & ~action.mask | value & action.mask
            if number == _ADDRESS_WORD or (number == _ADDRESS_WORD + 1 and action.mask & _ADDRESS_BITS):
                registers.argument = None
        registers.words = tuple(words)
        registers.bd = shim_bd(BlockWrite(address=0, words=registers.words))

    def _scratchpad(self, place: Place) -> list[int]:
        """The words that the host has written. Where they are taken over and where they are used, they are the same:
        they are the run's."""
        if CTRL_SCRATCHPAD not in self.buffers:
            raise Problem(
                "the instructions use the control scratchpad, and this run has none",
                id="no-scratchpad",
                where=place,
                why="XRT makes one, and puts its address into the instructions, for a kernel of an ELF only",
                fix="build the design with --full-elf-name, and write the parameters to run.get_ctrl_scratchpad_bo(); "
                "`tileproof emulate` takes them as --parameter NAME=VALUE",
            )
        return [int(word) for word in self.buffers[CTRL_SCRATCHPAD].view("<u4")[: self.sizes[CTRL_SCRATCHPAD] // 4]]

    def _update(self, action: UpdateRegisters, place: Place) -> None:
        """Add to a pair of words; the address of a BD is that of its argument, and some bytes."""
        table = self._scratchpad(place)
        if action.entry >= len(table):
            raise Problem(
                f"there is no word {action.entry} in the scratchpad",
                id="no-scratchpad",
                where=place,
                why=f"the instructions create one of {len(table)} words",
                fix="use the instructions that the build wrote",
            )
        number = action.delta(table)
        if action.shim_bd is None:
            self.tiles.add(action, number, place)
            return
        if number % _WORD_BYTES:
            self.report(_not_in_words(action, *action.shim_bd, number, place))
        self._look_for_users(*action.shim_bd, place)
        registers = self._registers(*action.shim_bd, place)
        registers.byte_offset = registers.byte_offset + number & ADDED_BITS

    def _look_for_users(self, column: int, bd_id: int, place: Place) -> None:
        """A BD is registers: who writes them while a task of it waits or runs changes that task."""
        for key, channel in self.channels.items():
            for task in channel.unfinished() if key[0] == column else ():
                if bd_id in (part.bd_id for part in (task, *task.then)):
                    self.report(
                        Diagnostic(
                            id="bd-in-flight",
                            what=f"BD {bd_id} of shim ({column}, 0) is written while a task of {channel.name} uses it",
                            place=Place.told(f"{place}; the task was pushed at {task.place}", place),
                            why=f"that task still moves {task.text}; on the device its transfer changes under way",
                            fix="wait for the transfer before its id is used again, or use another id",
                        )
                    )

    def _channel(self, action: Push | Wait, place: Place) -> ShimChannel:
        key = (action.column, action.direction, action.channel)
        if key not in self.channels:
            known = ", ".join(channel.name for channel in self.channels.values())
            raise Problem(
                f"the instructions use {action.direction} channel {action.channel} of shim ({action.column}, 0), "
                "and no fifo of the design is there",
                id="foreign-instructions",
                where=place,
                why=f"channels in use: {known or 'none'}",
                fix="use the insts.bin of the same build as the xclbin",
            )
        return self.channels[key]

    def _push(self, action: Push, place: Place) -> None:
        channel = self._channel(action, place)
        chain = self._chain(action, place)
        if len(chain) == 1:
            pieces = [self._piece(action, channel, action.bd_id, action.runs, place)]
        else:  # the whole chain again for each run
            pieces = [self._piece(action, channel, bd_id, 1, place) for _ in range(action.runs) for bd_id in chain]
        found = [piece for piece in pieces if piece is not None]
        if len(found) < len(pieces):
            return  # what is wrong with one is told
        task = replace(found[0], then=tuple(found[1:]))
        key = (action.column, action.direction, action.channel)
        self.asked[key] = self.asked.get(key, 0) + task.nbytes
        channel.push(task, place)

    def _chain(self, action: Push, place: Place) -> list[int]:
        """The BDs of a task, from the one that is pushed on."""
        chain = [action.bd_id]
        while (following := self._registers(action.column, chain[-1], place).bd.next_bd) is not None:
            if following in chain:
                raise Problem(
                    f"BD {following} of shim ({action.column}, 0) follows itself",
                    id="instruction-not-executed",
                    where=place,
                    why=f"the chain is {', '.join(map(str, chain))} and then {following} again, without an end",
                    fix="end the chain, and let the task repeat it",
                )
            chain.append(following)
        return chain

    def _piece(self, action: Push, channel: ShimChannel, bd_id: int, count: int, place: Place) -> ShimTask | None:
        """What one BD moves, `count` times; None where it cannot, which is told."""
        registers = self._registers(action.column, bd_id, place)
        if registers.argument is None or registers.argument not in self.buffers:
            self.report(_no_buffer(channel, registers.argument, place))
            return None
        memory = self.buffers[registers.argument]
        text = f"kernel argument {registers.argument + FIRST_BUFFER}, byte {registers.byte_offset:,}"
        runs = tuple(_run_words(registers, run) for run in range(registers.runs, registers.runs + count))
        registers.runs += count
        end = 4 * max(_last(run) + 1 for run in runs)
        size = self.sizes[registers.argument]
        if end > size:
            is_mapped = end <= len(memory)
            where = _of_argument(place, text, registers.argument)
            if not (is_mapped and self.as_hardware):
                self.report(_overrun(channel, end, size, where, is_mapped=is_mapped))
            if not is_mapped:
                return None
        packet = registers.bd.packet
        return ShimTask(
            memory=memory,
            runs=runs,
            issue_token=action.issue_token,
            text=text,
            label=transfer_label(registers.argument, runs),
            place=place,
            bd_id=bd_id,
            number=channel.pushed + 1,
            packet=None if packet is None else Packet(id=packet.id, type=packet.type),
        )

    def _wait(self, action: Wait, place: Place) -> Work:
        dmas = self.tiles.dmas
        at = (action.column, action.row)
        tile_channel = dmas.channel(at, action.direction, action.channel) if dmas is not None and action.row else None
        if action.row and tile_channel is None:
            raise Problem(
                f"the instructions wait for a token of tile ({action.column}, {action.row})",
                id="wait-without-end",
                where=place,
                why="no task was pushed onto that channel before; on the device this waits for ever",
                fix="push its task with issue_token first, or wait for another channel",
            )
        if (action.columns, action.rows) != (1, 1):
            raise Problem(
                "the emulator does not execute a wait for several tiles",
                id="instruction-not-executed",
                where=place,
                why=f"it waits for {action.columns} x {action.rows} tiles from ({action.column}, {action.row})",
                fix="wait for each channel by itself",
            )
        channel = None if tile_channel is not None else self._channel(action, place)
        tokens = tile_channel.tokens if tile_channel is not None else self._channel(action, place).tokens
        while not tokens.tasks:
            yield Blocked(tokens, f"waits for a token of {tokens.name}", place)
        number = tokens.tasks.popleft()
        if channel is not None:
            channel.covered = max(channel.covered, number)
        self.engine.passed(tokens)


def _no_buffer(channel: ShimChannel, argument: int | None, place: Place) -> Diagnostic:
    moved = (
        "host memory that no patch names"
        if argument is None
        else f"kernel argument {argument + FIRST_BUFFER}, and no buffer is bound there"
    )
    return Diagnostic(
        id="no-buffer",
        what=f"{channel.name} moves {moved}",
        place=place,
        why="the device would read or write an address that is nobody's",
        fix="bind a buffer to every argument that the runtime sequence moves",
    )


def _not_in_words(action: UpdateRegisters, column: int, bd_id: int, number: int, place: Place) -> Diagnostic:
    return Diagnostic(
        id="misaligned",
        what=f"word {action.entry} of the scratchpad moves BD {bd_id} of shim ({column}, 0) by {number:,} bytes",
        place=place,
        why="the firmware drops the two lowest bits of what it adds, so the transfer begins before that",
        fix="let it begin at a whole word: give a multiple of 4 bytes",
    )


def _overrun(channel: ShimChannel, end: int, size: int, where: Place, *, is_mapped: bool) -> Diagnostic:
    why = "on the device this is an IO page fault, or someone else's memory"
    if is_mapped:
        why = "the buffer's last page goes on there: the device moves without a word what is no part of the buffer"
    return Diagnostic(
        id="host-overrun",
        what=f"{channel.name} runs past the end of a host buffer: {end:,} bytes of {size:,}",
        place=where,
        why=why,
        fix="allocate the buffer as large as the runtime sequence's argument",
    )


def _of_argument(place: Place, text: str, argument: int) -> Place:
    return replace(place, text=f"{place}, {text}", argument=argument + FIRST_BUFFER)


def _last(run: Words) -> int:
    return run.stop - 1 if isinstance(run, slice) else int(run.max())


def _run_words(registers: _Registers, run: int) -> Words:
    """The host words that one run of the BD moves, in order."""
    bd = registers.bd
    first = registers.byte_offset // 4 + bd.iteration_offset(run)
    inner = 1
    for count, stride in reversed(bd.dimensions):
        if stride != inner:
            break
        inner *= count
    if inner >= bd.length:
        return slice(first, first + bd.length)
    words = np.zeros(1, dtype=np.int64)
    for count, stride in bd.dimensions:
        words = (words[:, None] + np.arange(count, dtype=np.int64) * stride).reshape(-1)
    return words[: bd.length] + first
