"""The whole array of one hardware context: set up once, then run after run on what the last one left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tileproof.emulator.controller import ChannelKey, Controller
from tileproof.emulator.cores import CoreProgram
from tileproof.emulator.dma import Bytes, ChainProgram, ShimChannel
from tileproof.emulator.engine import Engine, LockState, StreamEnd, Task, Tokens
from tileproof.emulator.faults import Fault, RunReport
from tileproof.emulator.memory import TileMemories
from tileproof.emulator.registers import TileRegisters
from tileproof.emulator.tile_code import TileCode
from tileproof.errors import Problem
from tileproof.lowering.model import MM2S, S2MM, LoweredCore, LoweredDesign, ShimAllocation
from tileproof.mlir.design import Tile
from tileproof.xrt import COMPLETED, ERROR, TIMEOUT

# More findings of one run than a person reads; the first are the causes.
MAX_FAULTS = 20


class Array:
    """A lowered design, running. `library` is the compiled tile code, None for a design without any."""

    def __init__(self, design: LoweredDesign, library: bytes | None, breadcrumb: Callable[[str], None]) -> None:
        _refuse_what_is_not_run(design)
        self.design = design
        self.engine = Engine()
        self.faults: list[Fault] = []
        self.memories = TileMemories(design.design.tiles)
        self.memories.fill(design.buffers)
        self.locks = {lock.name: LockState(lock.name, lock.init) for lock in design.locks}
        self.tiles = TileRegisters(self.engine, self.memories, design.locks, self.locks)
        self.buffers = {buffer.name: buffer for buffer in design.buffers}
        self._ends = [
            (flow, StreamEnd(f"@{flow.fifo} from {flow.source} to {flow.destination}"))
            for flow in design.flows
            if flow.source_bundle == flow.destination_bundle == "DMA"
        ]
        self.channels = {_key(shim): self._shim_channel(shim) for shim in design.shim_allocations}
        self.cores = [self._core(core, library, breadcrumb) for core in design.cores]
        for core in self.cores:
            self.engine.start(core.name, core.work())
        for chain in design.chains:
            program = ChainProgram(
                chain,
                self.engine,
                self.locks,
                self.buffers,
                self.memories,
                self._stream_ends(chain.tile, chain.direction, chain.channel),
                self._report,
            )
            self.engine.start(program.name, program.work())
        for channel in self.channels.values():
            self.engine.start(channel.name, channel.work())

    def _core(self, core: LoweredCore, library: bytes | None, breadcrumb: Callable[[str], None]) -> CoreProgram:
        # A copy of the tile code for each core: rounding, saturation and static data are a core's own.
        code = TileCode(library, self.design.design.functions, self.memories) if library is not None else None
        return CoreProgram(core, self.engine, self.locks, self.buffers, self.memories, code, breadcrumb, self._report)

    def _shim_channel(self, shim: ShimAllocation) -> ShimChannel:
        name = f"{shim.direction} channel {shim.channel} of {shim.tile} (@{shim.fifo})"
        ends = self._stream_ends(shim.tile, shim.direction, shim.channel)
        return ShimChannel(name, shim.direction, self.engine, ends, self._report, Tokens(name))

    def _stream_ends(self, tile: Tile, direction: str, channel: int) -> Sequence[StreamEnd]:
        if direction == MM2S:
            return [e for flow, e in self._ends if (flow.source.at, flow.source_channel) == (tile.at, channel)]
        assert direction == S2MM
        return [e for flow, e in self._ends if (flow.destination.at, flow.destination_channel) == (tile.at, channel)]

    def _report(self, fault: Fault) -> None:
        # A fault of every call is one finding.
        if len(self.faults) < MAX_FAULTS and all(fault.what != known.what for known in self.faults):
            self.faults.append(fault)

    def run(self, instructions: bytes, buffers: Mapping[int, Bytes]) -> RunReport:
        """Execute an instruction stream on `buffers` (by sequence argument), which it reads and writes in place."""
        self.faults = []
        calls = sum(core.calls for core in self.cores)
        before = {key: self._moved(key) for key in self.channels}
        controller = Controller(instructions, buffers, self.channels, self.tiles, self._report)
        task = self.engine.start("the instruction stream", controller.work())
        try:
            self.engine.run()
            state = self._outcome(task, controller, before)
        except Problem as problem:
            self._report(Fault.of(problem))
            state = ERROR
        finally:
            if task in self.engine.tasks:
                self.engine.remove(task)
        return RunReport(
            state=state,
            faults=tuple(self.faults),
            calls=sum(core.calls for core in self.cores) - calls,
        )

    def _outcome(self, task: Task, controller: Controller, before: Mapping[ChannelKey, int]) -> int:
        if not task.finished:
            self._report(self._deadlock(controller, before))
            return TIMEOUT
        for channel in self.channels.values():
            for unfinished in channel.unfinished():
                self._report(self._unfinished(channel, unfinished.text))
            if channel.tokens.count and channel.direction == S2MM:
                self._report(_no_sync(channel))
            channel.tokens.count = 0
        return COMPLETED

    def _unfinished(self, channel: ShimChannel, moves: str) -> Fault:
        blocked = next((t.blocked for t in self.engine.tasks if t.name == channel.name), None)
        return Fault(
            kind="unfinished",
            what=f"{channel.name} has not finished when the run ends",
            where=moves,
            why="the sequence waits for no token of it, and it "
            + (blocked.text if blocked is not None else "is still queued"),
            fix="make what the sequence moves equal to what the cores take and give",
        )

    def _deadlock(self, controller: Controller, before: Mapping[ChannelKey, int]) -> Fault:
        waiting = [t for t in self.engine.tasks if t.blocked is not None and not self._idle(t)]
        lines = [
            f"{t.name} {t.blocked.text}" + (f" [{t.blocked.place}]" if t.blocked.place else "")
            for t in waiting
            if t.blocked
        ]
        moved = [
            f"{self.channels[key].name} was asked for {asked:,} bytes and has moved {self._moved(key) - before[key]:,}"
            for key, asked in controller.asked.items()
        ]
        return Fault(
            kind="deadlock",
            what="deadlock: the run cannot finish, everyone waits for someone else",
            where=str(self.design.place),
            why="\n".join([*lines, *moved]),
            fix="compare what the runtime sequence moves with what each core acquires and releases per object",
        )

    def _idle(self, task: Task) -> bool:
        """A shim channel without work waits for nothing that the design owes it."""
        return any(task.name == channel.name and not channel.unfinished() for channel in self.channels.values())

    def _moved(self, key: ChannelKey) -> int:
        """Bytes that have passed the channel since the context began, as its slowest circuit has them."""
        return min((end.moved for end in self.channels[key].ends), default=0)


def _refuse_what_is_not_run(design: LoweredDesign) -> None:
    places = [flow.place for flow in design.design.packet_flows] + [flow.place for flow in design.design.cascade_flows]
    if places:
        raise Problem(
            "the emulator does not run packet flows and cascades yet",
            where=str(places[0]),
            why="it runs circuits between DMAs, and the memory that neighbours share",
            fix="check the design with `tileproof check`, and run it on the device",
        )


def _no_sync(channel: ShimChannel) -> Fault:
    return Fault(
        kind="no-sync",
        what=f"the run ends without waiting for {channel.name}",
        where=f"{channel.tokens.count} of its transfers issued a token that no dma_wait took",
        why="here the data has arrived; on the device the host may read the buffer before it has",
        fix="end the runtime sequence with an aiex.npu.dma_wait for every transfer to the host",
    )


def _key(shim: ShimAllocation) -> ChannelKey:
    return (shim.tile.column, shim.direction, shim.channel)
