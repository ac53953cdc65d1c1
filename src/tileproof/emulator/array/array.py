"""The whole array of one hardware context: set up once, then run after run on what the last one left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tileproof.device_model import CORE, SHIM
from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.cascade import Cascade, CascadeEnds
from tileproof.emulator.array.controller import ChannelKey, Controller
from tileproof.emulator.array.cores import CoreProgram, refuse_what_is_not_executed
from tileproof.emulator.array.critical_path import critical_path
from tileproof.emulator.array.deadlock import CONTROLLER, deadlock
from tileproof.emulator.array.dma import ChainProgram, Outlet, ShimChannel
from tileproof.emulator.array.engine import Adversary, Engine, LockState, Span, StreamEnd, Task, Tokens
from tileproof.emulator.array.faults import SILENT, RunReport, sort_of
from tileproof.emulator.array.left_over import LeftOver
from tileproof.emulator.array.memory import Bytes, TileMemories
from tileproof.emulator.array.races import Races, unguarded
from tileproof.emulator.array.registers import TileRegisters
from tileproof.emulator.array.stack import CoreStack
from tileproof.emulator.array.tile_code import TileCode
from tileproof.emulator.array.tile_control import ControlPort, name_of
from tileproof.emulator.array.tile_dma import CoreSwitch, TileDmas
from tileproof.emulator.array.timeline import Busy, Timeline
from tileproof.emulator.array.waiting import CorePorts, CoreWaits, lock_numbers
from tileproof.emulator.cost.cycles import DISPATCH_CYCLES, STREAM_BYTES_PER_CYCLE
from tileproof.emulator.cost.profile import Work
from tileproof.emulator.library import Library, Manner
from tileproof.errors import Problem
from tileproof.lowering.lower import refuse_externals
from tileproof.lowering.model import MM2S, S2MM, DmaChain, LoweredCore, LoweredDesign, ShimAllocation
from tileproof.mlir.design import Direction, Tile
from tileproof.xrt import COMPLETED, ERROR, TIMEOUT

# Ports between which packets are led here; those of traces are not written, and a core's are refused where it waits.
CONTROL_BUNDLE = "TileControl"
_PACKET_BUNDLES = ("DMA", CONTROL_BUNDLE)

# More findings of one run than a person reads; the first are the causes.
MAX_FAULTS = 20


class Array:
    """A lowered design, running. `library` is the compiled tile code, None for a design without any."""

    def __init__(
        self,
        design: LoweredDesign,
        library: Library | None,
        breadcrumb: Callable[[str], None],
        manner: Manner | None = None,
        before: TileMemories | None = None,
    ) -> None:
        refuse_externals(design)
        for lowered in design.cores:
            refuse_what_is_not_executed(lowered.core.body)
        self.design = design
        self.manner = manner or Manner()
        self.engine = Engine(Adversary(self.manner.seed) if self.manner.seed is not None else None)
        self.faults: list[Diagnostic] = []
        self._graph = ""
        self._ended: Diagnostic | None = None
        self._has_begun = False  # whether a sequence has ever run
        # A mem tile that only takes what another cannot hold is not in the design's text.
        held = {buffer.tile.at: buffer.tile for buffer in design.buffers}
        self.memories = TileMemories(
            {**held, **{tile.at: tile for tile in design.design.tiles}}.values(), design.buffers
        )
        if before is not None:
            self.memories.keep(before)
        self.memories.fill(design.buffers)
        self.locks = {lock.name: LockState(lock.name, lock.init) for lock in design.locks}
        self.races = Races(self.engine, unguarded(design), self._report)
        self.left_over = LeftOver.of_design(design, self._report)
        self.tiles = TileRegisters(self.engine, self.memories, design, self.locks, self.races, self._report)
        self.buffers = {buffer.name: buffer for buffer in design.buffers}
        self._inlets: dict[tuple[tuple[int, int], int], StreamEnd] = {}
        self._outlets: dict[tuple[tuple[int, int], int], Outlet] = {}
        self._traced: set[tuple[tuple[int, int], int]] = set()  # inputs of traces, to which nothing comes here
        self._ports = {core.core.tile.at: CorePorts() for core in design.cores}
        self._controls: dict[tuple[int, int], ControlPort] = {}
        self._connect()
        self.channels = {_key(shim): self._shim_channel(shim) for shim in self._shim_ends()}
        self.chains = [self._chain(*queue) for queue in _queues(design)]
        cascades = self._cascades()
        self.cores = [self._core(core, library, breadcrumb, cascades) for core in design.cores]
        cores = {core.lowered.core.tile.at: self._begun_core(core) for core in self.cores}
        for chain in self.chains:
            chain.start()
        for channel in self.channels.values():
            self.engine.start(channel.name, channel.work())
        self.controls = [port for port in self._controls.values() if port.inlet is not None]
        for port in self.controls:
            self.engine.start(port.name, port.work())
        self.tiles.dmas = TileDmas(design, self.engine, self.buffers, self._program_of, cores, self._report)

    # Streams

    def _connect(self) -> None:
        for flow in self.design.flows:
            if {flow.source_bundle, flow.destination_bundle} <= {"DMA", "Core"}:
                name = f"@{flow.fifo} from {flow.source} to {flow.destination}"
                end = self._inlet(flow.destination, flow.destination_channel, name, flow.destination_bundle)
                end.of_host = SHIM in (flow.source.kind, flow.destination.kind)
                end.rate *= 1 + (flow.fifo == self.manner.doubled)
                self._outlet(flow.source, flow.source_channel, flow.source_bundle).circuits.append(end)
        for packets in self.design.design.packet_flows:
            ends = [port for port in packets.destinations if port.bundle in _PACKET_BUNDLES]
            if all(port.bundle == "Trace" for port in packets.sources):
                self._traced |= {(port.tile.at, port.channel) for port in ends}
                for port in ends:
                    self._inlet(port.tile, port.channel, f"traces to {port}", port.bundle)
            for source in (port for port in packets.sources if port.bundle in _PACKET_BUNDLES):
                outlet = self._outlet(source.tile, source.channel, source.bundle)
                reached = [self._inlet(port.tile, port.channel, f"packets to {port}", port.bundle) for port in ends]
                for end, port in zip(reached, ends, strict=True):
                    end.of_host |= SHIM in (source.tile.kind, port.tile.kind)
                    # The switch has one say for each port, and the last flow there has it (AIECreatePathFindFlows.cpp).
                    said = packets.keep_header
                    end.keeps_header = port.bundle != "DMA" if said is None else said
                if reached:
                    outlet.packets.setdefault(packets.id, []).extend(reached)

    def _control(self, tile: Tile) -> ControlPort:
        outlet = Outlet(name_of(tile), tile.at)
        port = ControlPort(tile, outlet, self.engine, self.tiles, self._report)
        return self._controls.setdefault(tile.at, port)

    def _inlet(self, tile: Tile, channel: int, name: str, bundle: str = "DMA") -> StreamEnd:
        if bundle == "DMA":
            return self._inlets.setdefault((tile.at, channel), StreamEnd(name))
        if bundle == CONTROL_BUNDLE:
            control = self._control(tile)
            control.inlet = control.inlet or StreamEnd(name)
            return control.inlet
        ports = self._ports.setdefault(tile.at, CorePorts())
        ports.inlet = ports.inlet or StreamEnd(name)
        return ports.inlet

    def _outlet(self, tile: Tile, channel: int, bundle: str = "DMA") -> Outlet:
        if bundle == "DMA":
            name = f"{MM2S} channel {channel} of {tile}"
            return self._outlets.setdefault((tile.at, channel), Outlet(name, tile.at))
        if bundle == CONTROL_BUNDLE:
            return self._control(tile).outlet
        return self._ports.setdefault(tile.at, CorePorts()).outlet

    def _cascades(self) -> dict[tuple[int, int], CascadeEnds]:
        ends = {core.core.tile.at: CascadeEnds(f"the core on {core.core.tile}") for core in self.design.cores}
        for flow in self.design.design.cascade_flows:
            cascade = Cascade(f"the cascade from {flow.source} to {flow.destination}", self.engine)
            if flow.source.at in ends:
                ends[flow.source.at].outgoing = cascade
            if flow.destination.at in ends:
                ends[flow.destination.at].incoming = cascade
        return ends

    def _shim_ends(self) -> list[ShimAllocation]:
        """The channels of shim tiles that have a name, and those that only a stream shows."""
        ends = {_key(shim): shim for shim in self.design.shim_allocations}
        for (at, channel), outlet in self._outlets.items():
            self._unnamed(ends, at, MM2S, channel, outlet.name)
        for (at, channel), inlet in self._inlets.items():
            self._unnamed(ends, at, S2MM, channel, inlet.name)
        return list(ends.values())

    def _unnamed(
        self, ends: dict[ChannelKey, ShimAllocation], at: tuple[int, int], way: Direction, channel: int, name: str
    ) -> None:
        tile = next(tile for tile in self.design.design.tiles if tile.at == at)
        if tile.kind == SHIM and (tile.column, way, channel) not in ends:
            label = name.removeprefix("@").partition(" from ")[0]
            ends[tile.column, way, channel] = ShimAllocation(
                fifo=label, symbol=label, tile=tile, direction=way, channel=channel
            )

    # Tasks

    @property
    def dmas(self) -> tuple[ChainProgram | ShimChannel, ...]:
        """Every DMA channel that the design uses."""
        return (*self.chains, *self.channels.values())

    def _core(
        self,
        core: LoweredCore,
        library: Library | None,
        breadcrumb: Callable[[str], None],
        cascades: Mapping[tuple[int, int], CascadeEnds],
    ) -> CoreProgram:
        tile = core.core.tile
        stack = CoreStack(
            tile=tile,
            nbytes=core.stack_size,
            generation=self.design.device.model,
            buffers=tuple(buffer for buffer in self.design.buffers if buffer.tile.at == tile.at),
        )
        # A copy of the tile code for each core: rounding, saturation and static data are a core's own.
        code = (
            TileCode(
                library,
                self.design.design.functions,
                self.memories,
                stack,
                breadcrumb,
                as_hardware=self.manner.as_hardware,
                keeps_seen=bool(self.races.watched),
            )
            if library is not None
            else None
        )
        return CoreProgram(
            lowered=core,
            engine=self.engine,
            locks=self.locks,
            buffers=self.buffers,
            memories=self.memories,
            stack=stack,
            code=code,
            waits=CoreWaits(
                core=cascades[tile.at].core,
                engine=self.engine,
                locks=self.locks,
                numbers=lock_numbers(self.design, tile),
                cascade=cascades[tile.at],
                ports=self._ports[tile.at],
            ),
            races=self.races,
            left_over=self.left_over,
            keeps_spans=self.manner.trace,
            breadcrumb=breadcrumb,
            report=self._report,
        )

    def _begun_core(self, core: CoreProgram) -> CoreSwitch:
        def begin() -> Task:
            return self.engine.start(core.name, core.work())

        return CoreSwitch(self.engine, begin, begin())

    def _program_of(self, tile: Tile, direction: Direction, channel: int) -> ChainProgram:
        """The channel of a tile; one that the design does not start has nothing to do but what is pushed."""
        for program in self.chains:
            of = program.chain
            if (of.tile.at, of.direction, of.channel) == (tile.at, direction, channel):
                return program
        idle = DmaChain(tile=tile, direction=direction, channel=channel, bds=(), fifo=None)
        program = self._chain(idle)
        self.chains.append(program)
        return program

    def _chain(self, chain: DmaChain, *behind: DmaChain) -> ChainProgram:
        at = (chain.tile.at, chain.channel)
        return ChainProgram(
            chain=chain,
            behind=behind,
            engine=self.engine,
            locks=self.locks,
            buffers=self.buffers,
            memories=self.memories,
            outlet=self._outlet(chain.tile, chain.channel) if chain.direction == MM2S else Outlet(""),
            inlet=self._inlets.get(at) if chain.direction != MM2S else None,
            races=self.races,
            left_over=self.left_over,
            report=self._report,
        )

    def _shim_channel(self, shim: ShimAllocation) -> ShimChannel:
        name = f"{shim.direction} channel {shim.channel} of {shim.tile} (@{shim.fifo})"
        at = (shim.tile.at, shim.channel)
        return ShimChannel(
            name=name,
            tile=shim.tile.at,
            direction=shim.direction,
            engine=self.engine,
            outlet=self._outlet(shim.tile, shim.channel) if shim.direction == MM2S else Outlet(""),
            inlet=self._inlets.get(at) if shim.direction != MM2S else None,
            report=self._report,
            tokens=Tokens(name),
            of_traces=shim.direction == S2MM and at in self._traced,
        )

    def _reports_of(self, tile: Tile) -> Callable[[Diagnostic], None]:
        """What reports the faults of a core, each with its tile."""
        return lambda fault: self._report(replace(fault, place=replace(fault.place, tile=tile.at)))

    def _report(self, fault: Diagnostic) -> None:
        if self.manner.as_hardware and fault.id in SILENT:
            return
        if fault.id == "half-written" and self.faults:
            return  # what went elsewhere is told already, and is missing here
        # A fault of every call is one finding.
        if len(self.faults) < MAX_FAULTS and all(sort_of(fault) != sort_of(known) for known in self.faults):
            self.faults.append(fault)

    # Runs

    def run(
        self, instructions: bytes, buffers: Mapping[int, Bytes], sizes: Mapping[int, int] | None = None
    ) -> RunReport:
        """Execute an instruction stream on `buffers` (by sequence argument), which it reads and writes in place. Behind
        the `sizes` that were asked for they may have room to the end of a page."""
        self.faults, self._graph = [], ""
        if self._ended is not None:
            return RunReport(state=ERROR, faults=(self._ended,))
        self.left_over.begin(instructions)
        calls = sum(core.calls for core in self.cores)
        begun = _Begun(self)
        self.engine.spans = [] if self.manner.seed is None else None
        self.engine.tells = self.manner.trace
        controller = Controller(
            words=instructions,
            buffers=buffers,
            sizes=sizes or {number: len(buffer) for number, buffer in buffers.items()},
            channels=self.channels,
            tiles=self.tiles,
            engine=self.engine,
            report=self._report,
            begun=lambda: begun.again(self),
            is_patient=self.manner.is_patient,
            as_hardware=self.manner.as_hardware,
            doubled=self.manner.doubled,
        )
        self._let_cores_begin()
        task = self.engine.start(CONTROLLER, controller.work())
        try:
            still = not self.engine.run(lambda: self._is_over(task))
            state = self._outcome(task, controller, begun.moved, still=still)
        except Problem as problem:
            if self.engine.running is not task:
                self._ended = _ended(problem)
            if self._is_over(task):  # the host has what it asked for; the next run is told
                state = self._outcome(task, controller, begun.moved, still=True)
            else:
                # Whatever else was found, this is what ended it.
                self.faults.append(problem.diagnostic)
                state = ERROR
        finally:
            self.engine.show_waits(in_vain=not task.finished)
            if task in self.engine.tasks:
                self.engine.remove(task)
        return RunReport(
            state=state,
            faults=tuple(self.faults),
            calls=sum(core.calls for core in self.cores) - calls,
            graph=self._graph,
            timeline=begun.timeline(self, task) if self.manner.seed is None else None,
            unconfirmed=self._unconfirmed(),
        )

    def _let_cores_begin(self) -> None:
        """Cores run from when the array is configured, and the first instruction comes a dispatch later: what a core
        writes before it first waits comes before it, also where an adversary chooses. (What it reads then is early,
        too, but who writes it there means it to be read.)"""
        if self.engine.clocks is None or self._has_begun:
            return
        self._has_begun = True
        if self.engine.adversary is not None:
            self.engine.run(lambda: True)
        self.engine.clocks.come_late(CONTROLLER, [core.name for core in self.cores])

    def _unconfirmed(self) -> tuple[int, ...]:
        code = [core.code for core in self.cores if core.code is not None]
        of_cores = {rule for core in self.cores for rule in core.take_unconfirmed()}
        return tuple(sorted(of_cores | {rule for one in code for rule in one.take_unconfirmed()}))

    def _is_over(self, task: Task) -> bool:
        """Whether the host has all it asked for; what cores and DMAs still do is for the next run."""
        return task.finished and not any(channel.unfinished() for channel in self.channels.values())

    def _outcome(self, task: Task, controller: Controller, before: Mapping[ChannelKey, int], *, still: bool) -> int:
        if not task.finished:
            # Whatever else was found, this is what ended it.
            fault, self._graph = deadlock(self, controller, before, still=still)
            self.faults.append(fault)
            return TIMEOUT
        for channel in self.channels.values():
            for unfinished in channel.unfinished():
                self._report(self._unfinished(channel, unfinished.text))
            if channel.pushed > channel.covered and channel.direction != MM2S:
                self._report(_no_sync(channel))
            channel.covered = channel.pushed
            channel.tokens.tasks.clear()
        for broken in filter(None, (port.unfinished() for port in self.controls)):
            self._report(broken)
        return COMPLETED

    def _unfinished(self, channel: ShimChannel, moves: str) -> Diagnostic:
        blocked = next((t.blocked for t in self.engine.tasks if t.name == channel.name), None)
        return Diagnostic(
            id="unfinished",
            what=f"{channel.name} has not finished when the run ends",
            place=Place.told(moves, channel.place),
            why="the sequence waits for no token of it, and it "
            + (blocked.text if blocked is not None else "is still queued"),
            fix="make what the sequence moves equal to what the cores take and give",
        )

    def moved(self, key: ChannelKey) -> int:
        """Bytes that have passed the channel since the context began, as its slowest receiver has them."""
        return _moved(self.channels[key], self.channels[key].direction)

    def moved_by_name(self) -> dict[str, int]:
        """The same of every channel, also those of core and mem tiles."""
        shims = {channel.name: _moved(channel, channel.direction) for channel in self.channels.values()}
        return shims | {channel.name: _moved(channel, channel.chain.direction) for channel in self.chains}


def _moved(channel: ShimChannel | ChainProgram, direction: str) -> int:
    if direction == MM2S:
        return channel.outlet.moved
    return channel.inlet.moved if channel.inlet is not None else 0


def _queues(design: LoweredDesign) -> Iterable[list[DmaChain]]:
    """What each channel is started with, in order."""
    queues: dict[tuple[object, ...], list[DmaChain]] = {}
    for chain in design.chains:
        queues.setdefault((chain.tile.at, chain.direction, chain.channel), []).append(chain)
    return queues.values()


class _Begun:
    """How far everything was when a run began, to tell afterwards what the run did."""

    def __init__(self, array: Array) -> None:
        self.moved = {key: array.moved(key) for key in array.channels}
        self.begin = array.engine.now
        self.again(array)

    def again(self, array: Array) -> None:
        """From here on: when the first instruction is due."""
        self.now = array.engine.now
        self.busy = {task: task.busy for task in array.engine.tasks}
        self.passed = array.moved_by_name()
        for core in array.cores:
            core.spent = {}
            core.regions.forget()
            if core.code is not None:
                core.code.uses.begin()

    def timeline(self, array: Array, controller: Task) -> Timeline:
        cores, stages = {core.name: core for core in array.cores}, _stages(array)
        code = tuple(
            core.code.uses.of(core.name, by_line=array.manner.profile) for core in array.cores if core.code is not None
        )
        work = {
            name: Work(nbytes=moved - self.passed.get(name, 0), peak_bytes=STREAM_BYTES_PER_CYCLE)
            for name, moved in array.moved_by_name().items()
        }
        work |= {use.core: use.work for use in code if use.calls}
        busy = []
        for task, before in self.busy.items():
            core = cores.get(task.name)
            spent = max(core.spent.items(), key=lambda item: item[1], default=None) if core is not None else None
            kind = "dispatch" if task is controller else "DMA" if core is None else "compute"
            detail = f"{spent[1]:,} of them {spent[0]}" if spent is not None and spent[1] else ""
            cycles = min(task.busy - before, array.engine.now - self.now)
            stage = stages.get(task.name, "DMA between tiles")
            did = work.get(task.name, Work())
            busy.append(Busy(kind=kind, name=task.name, cycles=cycles, detail=detail, stage=stage, work=did))
        return Timeline(
            begin=self.begin,
            cycles=array.engine.now - self.now,
            dispatch=DISPATCH_CYCLES,
            busy=tuple(busy),
            path=critical_path(array.engine.spans or (), self.now, array.engine.now, controller.name),
            code=code,
            regions=tuple(use for core in array.cores for use in core.regions.uses()),
            spans=_spans(array) if array.manner.trace else (),
        )


def _stages(array: Array) -> dict[str, str]:
    """What the work of each task is to a run; of what is not in it, to bring data from tile to tile."""
    found = {CONTROLLER: "BD programming", **{core.name: "core" for core in array.cores}}
    for shim in array.channels.values():
        found[shim.name] = "input DMA" if shim.direction == MM2S else "output DMA"
    for tile in array.chains:
        if tile.chain.tile.kind == CORE:
            found[tile.name] = "output DMA" if tile.chain.direction == MM2S else "input DMA"
    return found


def _spans(array: Array) -> tuple[Span, ...]:
    """What tasks did, and in which regions of their code cores were."""
    return (*(array.engine.spans or ()), *(span for core in array.cores for span in core.regions.spans))


def _ended(problem: Problem) -> Diagnostic:
    """What every later run of the context is told: the array does not go on after that."""
    return Diagnostic(
        id="ended",
        what=f"an earlier run of this context ended the array: {problem.what}",
        place=problem.diagnostic.place,
        why=problem.why,
        fix=problem.fix,
    )


def _no_sync(channel: ShimChannel) -> Diagnostic:
    missing = channel.pushed - channel.covered
    return Diagnostic(
        id="no-sync",
        what=f"the run ends without waiting for {channel.name}",
        place=Place.told(
            f"no token that was waited for covers its last {missing} {'transfer' if missing == 1 else 'transfers'}",
            channel.place,
        ),
        why="here the data has arrived; on the device the host may read the buffer before it has",
        fix="end the runtime sequence with an aiex.npu.dma_wait for every transfer to the host",
    )


def _key(shim: ShimAllocation) -> ChannelKey:
    return (shim.tile.column, shim.direction, shim.channel)
