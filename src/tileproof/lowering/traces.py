"""A design with traces to one without: flows to a shim tile, a buffer for it, and register writes in the sequences.

As AIEInsertTraceFlows.cpp, AIETraceToConfig.cpp and AIEInlineTraceConfig.cpp of mlir-aie do, in aiecc's pipeline with
their default options.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tileproof.device_model import SHIM, TILE_KINDS
from tileproof.diagnostic import Place
from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.insts import tile_address
from tileproof.insts.shim import (
    AXCACHE,
    BD_BASE,
    BD_STRIDE,
    CONTROL,
    CONTROLLER_ID_SHIFT,
    QUEUE_AFTER_CONTROL,
    SHIM_CONTROLLER_ID,
    WHOLE_CONTROLLER_ID_MASK,
    WORD_BYTES,
)
from tileproof.lowering.model import ShimAllocation
from tileproof.lowering.trace_checks import PACKET_IDS, check_trace
from tileproof.lowering.trace_config import (
    broadcast_event,
    event_number,
    module_of,
    packet_of,
    register_writes,
)
from tileproof.lowering.trace_events import EVENTS
from tileproof.lowering.trace_events import SHIM as SHIM_MODULE
from tileproof.lowering.trace_registers import REGISTERS, broadcast_register, trace_ports
from tileproof.mlir.design import (
    AddressPatch,
    Design,
    EventName,
    PacketFlow,
    Port,
    RegisterWrite,
    Sequence,
    SequenceOperation,
    StartTrace,
    Tile,
    Trace,
    TraceBuffer,
    TraceHostConfig,
    TraceLine,
    TracePacket,
    TraceSwitch,
    TraceUnit,
)
from tileproof.mlir.values import MemRef
from tileproof.mlir_aie_versions import Version

# The defaults of aie-insert-trace-flows (AIEPasses.td); its burst of 64 bytes is the shortest, code 0.
_CHANNEL, TRACE_BD = 1, 15
_SHIM_CHANNELS = TILE_KINDS[SHIM].channels
# What a shim tile that traces itself listens to instead of its own broadcast; they also start and stop the others.
_OWN_EVENT = {"start": "USER_EVENT_1", "stop": "USER_EVENT_0"}


def lower_traces(design: Design, version: Version) -> Design:
    """The design with packet flows, an argument and register writes where it had traces; a `Problem` where mlir-aie
    would refuse them."""
    _check_known(design, version)
    if design.traces and design.sequences and design.sequences[0].is_open:
        # Where its traces are led hangs on what the sequence does; its words are refused as long as that is not known.
        return replace(design, traces=())
    for trace in design.traces:
        check_trace(trace, design.device.generation)
        if not version.routes_traces:
            _check_has_id(trace)
    if design.traces and version.routes_traces:
        design = _routed(design, version)
    writes = {trace.name: _register_writes(trace, version) for trace in design.traces}
    sequences = tuple(_without_traces(sequence, writes) for sequence in design.sequences)
    return replace(design, sequences=sequences, traces=())


def _check_known(design: Design, version: Version) -> None:
    used = [
        *(trace.place for trace in design.traces if not version.has_traces),
        *(
            operation.place
            for sequence in design.sequences
            for operation in sequence.operations
            if (isinstance(operation, TraceHostConfig) and not version.routes_traces)
            or (isinstance(operation, StartTrace) and not version.has_traces)
        ),
    ]
    if used:
        raise Problem(
            f"mlir-aie of {version.name} does not read this",
            where=used[0],
            why="aie.trace came in March 2026, and aie.trace.host_config at the end of that month",
            fix="leave the traces away, or take a newer mlir-aie",
            id="TP004",
        )


def _check_has_id(trace: Trace) -> None:
    packet = packet_of(trace)
    if packet is not None and packet.id is None:
        raise Problem(
            f"the packets of @{trace.name} have no id",
            where=packet.place,
            why="mlir-aie gives traces their ids since the end of March 2026 only",
            fix="write id = 1, or another number up to 31",
            id="TP004",
        )


def _register_writes(trace: Trace, version: Version) -> tuple[RegisterWrite, ...]:
    return tuple(_write(trace.tile, offset, value, trace.place) for offset, value in register_writes(trace, version))


def _without_traces(sequence: Sequence, writes: dict[str, tuple[RegisterWrite, ...]]) -> Sequence:
    """The registers of a trace where it is started."""
    operations: list[SequenceOperation] = []
    for operation in sequence.operations:
        if isinstance(operation, StartTrace):
            if operation.trace not in writes:
                raise Problem(
                    f"there is no trace @{operation.trace}",
                    id="TP002",
                    where=operation.place,
                    why="traces here: " + (", ".join(f"@{name}" for name in writes) or "none"),
                    fix="name one of those",
                )
            operations += writes[operation.trace]
        elif not isinstance(operation, TraceHostConfig):
            operations.append(operation)
    return replace(sequence, operations=tuple(operations))


def _write(tile: Tile, offset: int, value: int, place: Place, mask: int | None = None) -> RegisterWrite:
    return RegisterWrite(address=offset, words=(value,), mask=mask, buffer=None, tile=tile.at, block=False, place=place)


# Flows, and the shim tile that takes what they bring


@dataclass(frozen=True, slots=True, kw_only=True)
class _Egress:
    """Where all traces of a design leave the array. `starts` and `stops` are broadcast channels, None for none."""

    shim: Tile
    channel: int
    buffer: TraceBuffer
    starts: int | None
    stops: int | None
    place: Place


def _routed(design: Design, version: Version) -> Design:
    """With flows, and the operations in its first sequence that lead them into host memory."""
    sequence, config = _host_config(design)
    traces = _with_packets(design.traces)
    for trace in traces:
        _check_unit(trace, traces, version)
    shim = _shim(design, config)
    sequence, buffer = _with_buffer(sequence, config, version)
    egress = _Egress(
        shim=shim,
        channel=_free_channel(design, shim, config),
        buffer=buffer,
        starts=next((found for trace in traces if (found := _broadcast(trace, "start")) is not None), None),
        stops=next((found for trace in traces if (found := _broadcast(trace, "stop")) is not None), None),
        place=config.place,
    )
    traces = tuple(_by_own_events(trace) if trace.tile.at == shim.at else trace for trace in traces)
    return replace(
        design,
        tiles=design.tiles if shim in design.tiles else (shim, *design.tiles),
        traces=traces,
        packet_flows=(*design.packet_flows, *(_flow(trace, egress) for trace in traces)),
        sequences=(_with_egress(sequence, traces, egress), *design.sequences[1:]),
    )


def _host_config(design: Design) -> tuple[Sequence, TraceHostConfig]:
    """The first sequence, and how it leads traces out."""
    trace = design.traces[0]
    if not design.sequences:
        raise Problem(
            f"@{trace.name} is traced, and the design has no runtime sequence",
            id="TP002",
            where=trace.place,
            why="a trace leaves the array through a buffer of the runtime sequence",
            fix="add an aie.runtime_sequence with an aie.trace.host_config",
        )
    sequence = design.sequences[0]
    config = next((found for found in sequence.operations if isinstance(found, TraceHostConfig)), None)
    if config is None:
        raise Problem(
            f"@{sequence.name} says nothing of the buffer for traces",
            id="TP002",
            where=sequence.place,
            why=f"the design has a trace at {trace.place}, and the first sequence has no aie.trace.host_config",
            fix="write `aie.trace.host_config {buffer_size = 8192 : i32}` into it",
        )
    return sequence, config


def _with_packets(traces: tuple[Trace, ...]) -> tuple[Trace, ...]:
    """Each with the id and the unit of its packets. Ids that the design leaves open go by column and row."""
    written: dict[int, Place] = {}
    for trace in traces:
        packet = packet_of(trace)
        if packet is not None and packet.id is not None:
            _take(written, packet.id, packet.place)
    free = iter(number for number in PACKET_IDS if number not in written)
    ids: dict[str, int] = {}
    for trace in sorted(traces, key=lambda trace: trace.tile.at):
        packet = packet_of(trace)
        number = next(free, None) if packet is None or packet.id is None else packet.id
        if number is None:
            raise Problem(
                f"there is no packet id left for @{trace.name}",
                id="TP002",
                where=trace.place,
                why=f"traces have ids {PACKET_IDS.start} to {PACKET_IDS.stop - 1}, {len(written)} of which the "
                "design gives away itself",
                fix="trace fewer units in one run",
            )
        ids[trace.name] = number
    return tuple(_with_packet(trace, ids[trace.name]) for trace in traces)


def _take(written: dict[int, Place], number: int, place: Place) -> None:
    if number in written:
        raise Problem(
            f"packet id {number} of a trace is taken",
            id="TP002",
            where=place,
            why=f"first at {written[number]}; whoever reads the traces tells them apart by it",
            fix="use another id, or leave id away",
        )
    written[number] = place


_UNIT_OF: dict[str, TraceUnit] = {"shim": "shimtile", "mem": "memtile", "core": "core"}


def _with_packet(trace: Trace, number: int) -> Trace:
    first = packet_of(trace)
    if first is None:
        packet = TracePacket(id=number, unit=_UNIT_OF[trace.tile.kind], place=trace.place)
        return replace(trace, lines=(packet, *trace.lines))
    lines = tuple(replace(line, id=number) if line is first else line for line in trace.lines)
    return replace(trace, lines=lines)


def _check_unit(trace: Trace, traces: tuple[Trace, ...], version: Version) -> None:
    packet = packet_of(trace)
    assert packet is not None
    first = next(other for other in traces if _unit(other) == _unit(trace))
    if first is not trace and version.traces_units_once:
        raise Problem(
            f"a unit of {trace.tile} is traced twice",
            id="TP002",
            where=trace.place,
            why=f"first by @{first.name} at {first.place}; a trace unit sends one stream of packets",
            fix="put the events of both into one trace",
        )
    for at in ("start", "stop"):
        if not any(isinstance(line, TraceSwitch) and line.at == at for line in trace.lines):
            raise Problem(
                f"@{trace.name} does not say when it {at}s",
                id="TP002",
                where=trace.place,
                why="a trace unit begins and ends with an event",
                fix=f"write `aie.trace.{at} broadcast = {15 if at == 'start' else 14}` into it",
            )
    if _port(trace).channel >= trace_ports(trace.tile.kind):
        raise Problem(
            f"{trace.tile} has no trace unit of its memory",
            id="TP002",
            where=packet.place,
            why="only a core tile has two of them",
            fix=f"write type = {_UNIT_OF[trace.tile.kind]}",
        )


def _unit(trace: Trace) -> tuple[tuple[int, int], TraceUnit | None]:
    packet = packet_of(trace)
    return trace.tile.at, None if packet is None else packet.unit


def _port(trace: Trace) -> Port:
    return Port(tile=trace.tile, bundle="Trace", channel=int(_unit(trace)[1] == "mem"))


def _broadcast(trace: Trace, at: str) -> int | None:
    """The channel whose event starts or stops it; the last that its lines name."""
    lines = [line for line in trace.lines if isinstance(line, TraceSwitch) and line.at == at]
    return next((line.broadcast for line in reversed(lines) if line.broadcast is not None), None)


def _by_own_events(trace: Trace) -> Trace:
    """The shim tile that broadcasts does not hear itself."""
    return replace(trace, lines=tuple(_by_own_event(line) for line in trace.lines))


def _by_own_event(line: TraceLine) -> TraceLine:
    if not isinstance(line, TraceSwitch) or line.broadcast is None:
        return line
    return replace(line, broadcast=None, event=EventName(name=_OWN_EVENT[line.at]))


def _shim(design: Design, config: TraceHostConfig) -> Tile:
    """The tile that the design has, or one more."""
    if config.column >= design.device.columns:
        raise Problem(
            f"there is no shim tile in column {config.column}",
            id="TP002",
            where=config.place,
            why=f"{design.device.name} has columns 0 to {design.device.columns - 1}",
            fix="let egress_shim_col be one of those",
        )
    at = (config.column, 0)
    made = Tile(column=config.column, row=0, kind=SHIM, place=design.place)  # above all that the design says
    return next((tile for tile in design.tiles if tile.at == at), made)


def _free_channel(design: Design, shim: Tile, config: TraceHostConfig) -> int:
    """The second input, or the first if the design's own flows or allocations have the second. Those of its fifos are
    given later, and traces come first."""
    ends = [
        *(flow.destination for flow in design.flows),
        *(port for flow in design.packet_flows for port in flow.destinations),
    ]
    used = {port.channel for port in ends if port.tile.at == shim.at and port.bundle == "DMA"}
    used |= {a.channel for a in design.shim_allocations if a.tile.at == shim.at and a.direction == "S2MM"}
    if len(used) >= _SHIM_CHANNELS:
        raise Problem(
            f"{shim} has no input left for traces",
            id="TP002",
            where=config.place,
            why="flows and allocations of the design have both of its S2MM channels",
            fix="let egress_shim_col name a column whose shim tile has one left",
        )
    return _CHANNEL if not used else next(n for n in range(_SHIM_CHANNELS) if n not in used)


def _flow(trace: Trace, egress: _Egress) -> PacketFlow:
    packet = packet_of(trace)
    assert packet is not None
    assert packet.id is not None
    return PacketFlow(
        id=packet.id,
        sources=(_port(trace),),
        destinations=(Port(tile=egress.shim, bundle="DMA", channel=egress.channel),),
        keep_header=True,
        place=trace.place,
    )


def check_trace_channel(design: Design, allocations: Iterable[ShimAllocation]) -> None:
    """Channels are given to fifos without a look at packet flows (DMAChannelAnalysis); a stream that is led by a
    circuit cannot take packets as well."""
    for flow in design.packet_flows:
        for port in flow.destinations:
            for one in allocations:
                if flow.sources[0].bundle == "Trace" and _ends_in(one, port):
                    raise Problem(
                        f"traces and @{one.fifo} end in the same channel",
                        where=flow.place,
                        why=f"both go to S2MM channel {port.channel} of {port.tile}, and mlir-aie gives fifos theirs "
                        "without a look at traces",
                        fix="let egress_shim_col of aie.trace.host_config name another column",
                        id="TP312",
                    )


def _ends_in(allocation: ShimAllocation, port: Port) -> bool:
    ends = (allocation.tile.at, allocation.direction, allocation.channel)
    return port.bundle == "DMA" and ends == (port.tile.at, "S2MM", port.channel)


# The buffer, and what the first sequence does for traces


def _with_buffer(sequence: Sequence, config: TraceHostConfig, version: Version) -> tuple[Sequence, TraceBuffer]:
    """The sequence with an argument more for traces, or as it was: they may lie behind the data of its last one."""
    count, nbytes = len(sequence.arguments), config.nbytes
    if sequence.scalars:
        raise Problem(
            f"@{sequence.name} has traces and arguments that are numbers",
            id="TP002",
            where=config.place,
            why="mlir-aie puts the buffer for traces behind the numbers, and tileproof passes buffers only",
            fix="leave the traces away, or write the numbers into the sequence",
        )
    if config.reuses_last:
        if not count:
            raise Problem(
                f"@{sequence.name} has no argument to put traces behind",
                id="TP002",
                where=config.place,
                why="reuse_output_buffer puts them behind the data of the last argument",
                fix="leave reuse_output_buffer away",
            )
        buffer = TraceBuffer(
            argument=count - 1, byte_offset=sequence.arguments[-1].nbytes, nbytes=nbytes, is_appended=False
        )
    elif version.appends_trace_buffer:
        type_ = MemRef((nbytes,), DTYPES["i8"])
        sequence = replace(sequence, arguments=(*sequence.arguments, type_))
        buffer = TraceBuffer(argument=count, byte_offset=0, nbytes=nbytes, is_appended=True)
    else:
        argument = count if config.argument is None else config.argument
        buffer = TraceBuffer(argument=argument, byte_offset=0, nbytes=nbytes, is_appended=False)
    return replace(sequence, trace=buffer), buffer


def _with_egress(sequence: Sequence, traces: tuple[Trace, ...], egress: _Egress) -> Sequence:
    """Behind the last trace that is started stands what leads traces out, and at the end what stops them."""
    started = [number for number, one in enumerate(sequence.operations, start=1) if isinstance(one, StartTrace)]
    at = started[-1] if started else 0
    operations = (
        *sequence.operations[:at],
        *_synchronized(traces, egress),
        *_filled(egress),
        *_begun(egress),
        *sequence.operations[at:],
        *_ended(egress),
    )
    return replace(sequence, operations=operations)


def _synchronized(traces: tuple[Trace, ...], egress: _Egress) -> Iterator[RegisterWrite]:
    """The timers of what a broadcast starts begin with it, so that all traces have one time."""
    done: set[tuple[tuple[int, int], bool]] = set()
    for trace in traces:
        channel, module = _broadcast(trace, "start"), module_of(trace)
        key = (trace.tile.at, _unit(trace)[1] == "mem")
        if channel is not None and key not in done:
            done.add(key)
            event = event_number(module, broadcast_event(module, channel), trace.place)
            yield _timer(trace.tile, module, event, egress.place)


def _timer(tile: Tile, module: str, event: int, place: Place) -> RegisterWrite:
    register = REGISTERS[module]["Timer_Control"]
    return _write(tile, register.offset, event << register.fields["Reset_Event"][0], place)


def _filled(egress: _Egress) -> Iterator[SequenceOperation]:
    """A BD over the whole buffer, and a task of it. Nobody waits for its token."""
    shim, place = egress.shim, egress.place
    bd = tile_address(*shim.at, BD_BASE + BD_STRIDE * TRACE_BD)
    words = (egress.buffer.nbytes // WORD_BYTES, 0, 1 << 30, 0, 0, AXCACHE << 24, 0, 1 << 25)
    yield RegisterWrite(address=bd, words=words, mask=None, buffer=None, tile=None, block=True, place=place)
    yield AddressPatch(
        address=bd + WORD_BYTES,
        argument=egress.buffer.argument,
        byte_offset=egress.buffer.byte_offset,
        place=place,
    )
    control = CONTROL["S2MM", egress.channel]
    controller = SHIM_CONTROLLER_ID if shim.controller_id is None else shim.controller_id
    yield _write(shim, control, controller << CONTROLLER_ID_SHIFT, place, mask=WHOLE_CONTROLLER_ID_MASK)
    yield _write(shim, control + QUEUE_AFTER_CONTROL, 1 << 31 | TRACE_BD, place)


def _begun(egress: _Egress) -> Iterator[RegisterWrite]:
    """The shim tile broadcasts the start, if a trace listens to a broadcast."""
    if egress.starts is not None:
        event = EVENTS[SHIM_MODULE][_OWN_EVENT["start"]]
        yield _timer(egress.shim, SHIM_MODULE, event, egress.place)
        yield from _broadcasts(egress, egress.starts, event)


def _ended(egress: _Egress) -> Iterator[RegisterWrite]:
    if egress.stops is not None:
        yield from _broadcasts(egress, egress.stops, EVENTS[SHIM_MODULE][_OWN_EVENT["stop"]])


def _broadcasts(egress: _Egress, channel: int, event: int) -> Iterator[RegisterWrite]:
    """The channel carries the event, and the event comes about."""
    yield _write(egress.shim, broadcast_register(SHIM_MODULE, channel), event, egress.place)
    yield _write(egress.shim, REGISTERS[SHIM_MODULE]["Event_Generate"].offset, event, egress.place)
