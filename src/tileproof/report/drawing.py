"""A design as a picture in text: the array with what stands where, who feeds whom, and what lies at which address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tileproof.device_model import CORE, ROWS, SHIM, TILE_KINDS
from tileproof.lowering.model import Bd as LoweredBd
from tileproof.lowering.model import DmaChain, LoweredDesign, PlacedBuffer
from tileproof.mlir.design import (
    AddressPatch,
    Bd,
    ConfigureTask,
    ControlPacket,
    CreateScratchpad,
    Design,
    Fifo,
    Link,
    Packet,
    PushQueue,
    Reconfigure,
    RegisterWrite,
    Reset,
    ResetFor,
    RtpWrite,
    SequenceOperation,
    SetLock,
    StartTrace,
    SyncWait,
    Tile,
    Trace,
    TraceEvent,
    TraceHostConfig,
    Transfer,
    UpdateFromScratchpad,
    UseTask,
    Wait,
    WriteBd,
)
from tileproof.mlir.program import callees


def design_text(design: Design, lowered: LoweredDesign | None, name: str) -> str:
    """`tileproof inspect`: the array, fifos, links and sequences. Without `lowered`, no sizes of pools."""
    counted = ((len(design.tiles), "tile"), (len(design.fifos), "fifo"), (len(design.cores), "core"))
    counts = ", ".join(_counted(*pair) for pair in counted)
    sections = [
        [f"{name}: {design.device.name}, {_counted(design.device.columns, 'column')}; {counts}"],
        list(_array(design, lowered)),
        list(_fifos(design, lowered)),
        list(_links(design)),
        list(_written_out(design)),
        *(list(_sequence(design, lowered, number)) for number in range(len(design.sequences))),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def lowered_text(lowered: LoweredDesign, name: str) -> str:
    """`tileproof inspect --lowered`: memory maps with their banks, locks, chains, streams, and what sequences do."""
    sections = [
        [f"{name}: as mlir-aie of {lowered.version.name} lowers it"],
        *(list(memory_map(lowered, tile)) for tile in _tiles_with_memory(lowered)),
        ["locks", *(f"  {x.tile!s:<14} {x.id:>2}  begins at {x.init:<3} {x.name}" for x in lowered.locks)],
        ["DMA chains", *(line for chain in lowered.chains for line in _chain(chain))],
        ["circuits", *_circuits(lowered)],
        ["packets", *_packets(lowered)],
        ["cascades", *(f"  {flow.source} -> {flow.destination}" for flow in lowered.design.cascade_flows)],
        ["channels of the host", *_shim_channels(lowered)],
        ["cores", *_cores(lowered)],
        ["traces", *_trace_flows(lowered)],
        ["the control scratchpad", *_parameters(lowered)],
        ["while a sequence runs", *_in_sequences(lowered)],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if len(lines) > 1 or lines[0].startswith(name)) + "\n"


def _cores(lowered: LoweredDesign) -> Iterator[str]:
    for core in lowered.cores:
        elf = core.core.elf_file
        runs = ", ".join(callees(core.core.body)) or "its own code" if elf is None else elf
        yield f"  {core.core.tile}: stack {core.stack_size:,} B, runs {runs}"
        for end in core.ends.values():
            yield f"      {end.port} @{end.fifo}: {', '.join(end.buffers) or 'a stream port'}"


def _parameters(lowered: LoweredDesign) -> Iterator[str]:
    for entry, parameter in enumerate(lowered.design.parameters):
        use = "where transfers begin" if parameter.is_offset else "which cores read"
        yield f"  word {entry}  {parameter.name}: {parameter.type}, {use}"


def _packets(lowered: LoweredDesign) -> Iterator[str]:
    for flow in lowered.design.packet_flows:
        ports = (", ".join(map(str, ends)) for ends in (flow.sources, flow.destinations))
        header = {None: "", True: ", with their header", False: ", without their header"}[flow.keep_header]
        if flow.sources[0].bundle != "Trace":
            yield f"  id {flow.id}: {' -> '.join(ports)}{header}"


def _shim_channels(lowered: LoweredDesign) -> Iterator[str]:
    for shim in lowered.shim_allocations:
        header = "" if shim.packet is None else f", {_header(shim.packet)}"
        yield f"  {shim.tile} {shim.direction} {shim.channel}  {shim.symbol}{header}"


def _in_sequences(lowered: LoweredDesign) -> Iterator[str]:
    for sequence in lowered.sequences:
        if sequence.is_open:
            yield f"  @{sequence.name}: not known, it hangs on numbers of the run time"
        for operation in sequence.operations:
            yield from _in_sequence(f"  @{sequence.name}, line", operation)


def _in_sequence(head: str, operation: SequenceOperation) -> Iterator[str]:
    yield f"{head} {operation.place.line}: {_operation(operation)}"
    if isinstance(operation, ConfigureTask):
        yield from (f"      {_bd_of_task(bd)}" for bd in operation.bds)
    if isinstance(operation, Reconfigure):
        for inner in operation.operations:
            yield from _in_sequence("    line", inner)


def _header(packet: Packet) -> str:
    return f"in packets of id {packet.id}, type {packet.type}"


def _bd_of_task(bd: Bd) -> str:
    what = f"argument {bd.buffer}" if isinstance(bd.buffer, int) else bd.buffer
    walk = f" as {list(bd.sizes)} by {list(bd.strides)}" if bd.sizes else ""
    header = "" if bd.packet is None else f", {_header(bd.packet)}"
    return ", ".join([f"{bd.length:,} of {what} from {bd.offset:,}{walk}", *_locks_of(bd)]) + header


def _locks_of(bd: Bd | LoweredBd) -> list[str]:
    takes = "takes exactly" if bd.exactly else "takes"
    return [f"{what} {use[1]} of {use[0]}" for what, use in ((takes, bd.acquire), ("gives", bd.release)) if use]


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# The array


def _array(design: Design, lowered: LoweredDesign | None) -> Iterator[str]:
    """One box per declared tile, the shim at the bottom as in the field's drawings."""
    columns = sorted({tile.column for tile in design.tiles})
    rows = sorted({tile.row for tile in design.tiles}, reverse=True)
    boxes = {tile.at: _box(design, lowered, tile) for tile in design.tiles}
    width = max((len(line) for box in boxes.values() for line in box), default=0)
    if not columns:
        return
    rule = "       +" + "+".join("-" * (width + 2) for _ in columns) + "+"
    yield "        " + " ".join(f"column {column}".ljust(width + 2) for column in columns).rstrip()
    yield rule
    for row in rows:
        height = max(len(boxes.get((column, row), [])) for column in columns)
        for line in range(height):
            cells = (boxes.get((column, row), []) for column in columns)
            texts = [(cell[line] if line < len(cell) else "").ljust(width) for cell in cells]
            yield f"{f'row {row}' if line == 0 else '':<6} | " + " | ".join(texts) + " |"
        yield rule


def _box(design: Design, lowered: LoweredDesign | None, tile: Tile) -> list[str]:
    lines = [str(tile)]
    if lowered is not None and tile.kind != SHIM:
        used = sum(buffer.nbytes for buffer in lowered.buffers if buffer.tile.at == tile.at)
        stack = sum(core.stack_size for core in lowered.cores if core.core.tile.at == tile.at)
        lines.append(f"{used + stack:,} of {TILE_KINDS[tile.kind].memory_bytes:,} B")
    if any(core.tile.at == tile.at for core in design.cores):
        called = _called(design, tile)
        lines.append("runs " + (", ".join(called) if called else "its own code"))
    lines += [f"<- @{fifo.name}" for fifo in design.fifos if tile.at in [end.at for end in fifo.consumers]]
    lines += [f"-> @{fifo.name}" for fifo in design.fifos if tile.at == fifo.producer.at]
    return lines


def _called(design: Design, tile: Tile) -> list[str]:
    bodies = [core.body for core in design.cores if core.tile.at == tile.at]
    return list(dict.fromkeys(name for body in bodies for name in callees(body)))


# Who feeds whom


def _fifos(design: Design, lowered: LoweredDesign | None) -> Iterator[str]:
    if design.fifos:
        yield "fifos"
    for fifo in design.fifos:
        ends = ", ".join(map(str, fifo.consumers))
        yield f"  @{fifo.name}: {fifo.producer} -> {ends}"
        yield f"      {fifo.element}, {fifo.element.nbytes:,} B an object, {_depth(fifo)}" + _way(fifo, lowered)
        for what, dimensions in _layouts(fifo):
            yield f"      {what} {' '.join(f'<{size} by {stride}>' for size, stride in dimensions)}"


def _depth(fifo: Fifo) -> str:
    return "depth " + (str(fifo.depths[0]) if len(fifo.depths) == 1 else str(list(fifo.depths)))


def _layouts(fifo: Fifo) -> Iterator[tuple[str, tuple[tuple[int, int], ...]]]:
    if fifo.to_stream:
        yield "sent as", fifo.to_stream
    for tile, dimensions in zip(fifo.consumers, fifo.from_stream, strict=False):
        if dimensions:
            yield f"stored at {tile} as", dimensions


def _way(fifo: Fifo, lowered: LoweredDesign | None) -> str:
    """How the objects go, and how many there really are at each end."""
    if lowered is None:
        return ""
    made = [buffer for buffer in lowered.buffers if _is_pool_of(buffer, fifo)]
    pools = ", ".join(
        f"{len([b for b in made if b.tile.at == at])} at {next(b.tile for b in made if b.tile.at == at)}"
        for at in dict.fromkeys(buffer.tile.at for buffer in made)
    )
    by_dma = any(flow.fifo == fifo.name for flow in lowered.flows)
    how = "by DMA" if by_dma else "in shared memory"
    return f", {how}; objects: {pools or 'those of the fifo it is linked with'}"


def _is_pool_of(buffer: PlacedBuffer, fifo: Fifo) -> bool:
    head, _, number = buffer.name.rpartition("_buff_")
    ends = [fifo.name, f"{fifo.name}_cons", *(f"{fifo.name}_{k}_cons" for k in range(len(fifo.consumers)))]
    return number.isdigit() and head in ends


def _links(design: Design) -> Iterator[str]:
    if design.links:
        yield "links"
    for link in design.links:
        inputs, outputs = (" + ".join(f"@{name}" for name in names) for names in (link.inputs, link.outputs))
        yield f"  {inputs} -> {outputs}{_parts(link)}"


def _parts(link: Link) -> str:
    offsets = link.output_offsets if len(link.outputs) > 1 else link.input_offsets if len(link.inputs) > 1 else ()
    return f", parts from elements {', '.join(f'{offset:,}' for offset in offsets)}" if offsets else ""


def _written_out(design: Design) -> Iterator[str]:
    """What the design says without fifos."""
    lines = [
        *(f"  buffer {b.name}: {b.tile}, {b.type}, {b.type.nbytes:,} B" for b in design.buffers),
        *(f"  lock {lock.name}: {lock.tile}, begins at {lock.init}" for lock in design.locks),
        *(
            f"  DMA {p.tile} {p.direction} {p.channel}: " + " -> ".join(str(bd.buffer) for bd in p.bds) + _end(p.bds)
            for p in design.programs
        ),
        *(f"  flow {flow.source} -> {flow.destination}" for flow in design.flows),
        *(
            f"  packets {flow.id}: {', '.join(map(str, flow.sources))} -> {', '.join(map(str, flow.destinations))}"
            for flow in design.packet_flows
        ),
        *(f"  cascade {flow.source} -> {flow.destination}" for flow in design.cascade_flows),
        *(f"  trace @{trace.name}: {trace.tile}, {_events(trace)}" for trace in design.traces),
    ]
    if lines:
        yield "written out"
        yield from lines


def _events(trace: Trace) -> str:
    return ", ".join(line.event.name for line in trace.lines if isinstance(line, TraceEvent)) or "no events"


def _end(bds: tuple[Bd, ...]) -> str:
    following = bds[-1].next
    return ", then stops" if following is None else f" -> {bds[following].buffer} ..."


# Sequences


def _sequence(design: Design, lowered: LoweredDesign | None, which: int) -> Iterator[str]:
    sequence = design.sequences[which]
    yield f"sequence @{sequence.name}"
    arguments = (lowered.sequences[which] if lowered is not None else sequence).arguments
    for number, type_ in enumerate(arguments):
        appended = "control packets" if lowered is not None and lowered.sequences[which].control_words else "traces"
        traced = "" if number < len(sequence.arguments) else f", appended for {appended}"
        yield f"  argument {number} (kernel argument {number + 3}): {type_}, {type_.nbytes:,} B{traced}"
    for operation in sequence.operations:
        yield f"  {operation.place.line:>4}: {_operation(operation)}"


def _operation(operation: SequenceOperation) -> str:
    match operation:
        case Transfer():
            walk = f"{list(operation.offsets)}{list(operation.sizes)}{list(operation.strides)}"
            token = ", with token" if operation.issue_token else ""
            return f"BD {operation.bd_id} moves argument {operation.argument} {walk} through @{operation.shim}{token}"
        case Wait():
            return f"wait for @{operation.shim}"
        case ConfigureTask():
            end = operation.channel
            where = f"@{end}" if isinstance(end, str) else f"{end.tile} {end.direction} {end.channel}"
            runs = _counted(operation.repeat_count + 1, "run")
            return f"task {operation.task} for {where}: {_counted(len(operation.bds), 'BD')}, {runs}"
        case UseTask():
            return f"{operation.action} task {operation.task}"
        case RtpWrite():
            return f"word {operation.index} of {operation.buffer} becomes {operation.value}"
        case SetLock():
            return f"lock {operation.lock} becomes {operation.value}"
        case RegisterWrite():
            return f"{_counted(len(operation.words), 'word')} written to {_register(operation)}"
        case CreateScratchpad():
            return f"the firmware takes over {operation.nbytes} bytes of scratchpad"
        case UpdateFromScratchpad():
            given = _FUNCTIONS[operation.function].format(operation.entry, operation.argument)
            return f"{_register(operation)} takes on {given} of the scratchpad"
        case SyncWait():
            tiles = f"{operation.columns} x {operation.rows} tiles from ({operation.column}, {operation.row})"
            return f"wait for {tiles}, {operation.direction} channel {operation.channel}"
        case PushQueue():
            where = f"{operation.direction} channel {operation.channel} of ({operation.column}, {operation.row})"
            return f"BD {operation.bd_id} starts on {where}, {_counted(operation.repeat_count + 1, 'run')}"
        case AddressPatch():
            target = f"0x{operation.address:x}"
            return f"address at {target} becomes that of argument {operation.argument} + {operation.byte_offset:,}"
        case WriteBd():
            return f"BD {operation.bd_id} of ({operation.column}, {operation.row}) is written"
        case Reset():
            of = operation.channel
            return f"{operation.tile}: " + ("its core" if of is None else f"{of.direction} {of.channel}") + " is reset"
        case ResetFor():
            return f"the channels and locks of @{operation.fifo} begin again"
        case Reconfigure():
            runs = f", which runs {_counted(len(operation.operations), 'operation')}" if operation.operations else ""
            return f"the array is set up as @{operation.device}{runs}"
        case ControlPacket():
            what = f"write {_counted(len(operation.words), 'word')}" if operation.words else f"read {operation.length}"
            return f"a control packet: {what} at 0x{operation.address:x}"
        case TraceHostConfig():
            return f"{operation.nbytes:,} B for traces, through shim ({operation.column}, 0)"
        case StartTrace():
            return f"registers of trace @{operation.trace}"


_FUNCTIONS = {"mul": "word {0} times {1}", "incr": "word {0} plus {1}", "decr": "word {0} minus {1}"}


def _register(write: RegisterWrite | UpdateFromScratchpad) -> str:
    if write.buffer is not None:
        return f"{write.buffer}, from word {write.address} on"
    return f"0x{write.address:x}" + ("" if write.tile is None else f" of tile {write.tile}")


# Lowered


def memory_map(lowered: LoweredDesign, tile: Tile) -> Iterator[str]:
    """Every byte of a tile with its owner, bank by bank, what is free included."""
    kind = TILE_KINDS[tile.kind]
    owned = list(_owners(lowered, tile))
    used = sum(nbytes for _, nbytes, _ in owned)
    yield f"memory of {tile}: {used:,} of {kind.memory_bytes:,} bytes used"
    address = 0
    for begin, nbytes, owner in [*owned, (kind.memory_bytes, 0, "")]:
        yield from _free(address, begin, kind.bank_bytes)
        if nbytes:
            first, last = begin // kind.bank_bytes, (begin + nbytes - 1) // kind.bank_bytes
            yield _line(begin, nbytes, f"{first}" if first == last else f"{first}-{last}", owner)
        address = max(address, begin + nbytes)


def _owners(lowered: LoweredDesign, tile: Tile) -> Iterable[tuple[int, int, str]]:
    stacks = [(0, core.stack_size, "stack") for core in lowered.cores if core.core.tile.at == tile.at]
    buffers = [(b.address, b.nbytes, b.name + _asked(b)) for b in lowered.buffers if b.tile.at == tile.at]
    return sorted([*stacks, *buffers])


def _asked(buffer: PlacedBuffer) -> str:
    """What the design asks for, and whether it got it."""
    asked = [] if buffer.asked_bank is None else [f"bank {buffer.asked_bank}"]
    asked += [] if buffer.asked_address is None else [f"0x{buffer.asked_address:05x}"]
    if not asked:
        return ""
    return f"  (asked for: {' and '.join(asked)}{'' if buffer.is_where_asked else '; not kept'})"


def _free(begin: int, end: int, bank_bytes: int) -> Iterator[str]:
    while begin < end:
        bank = begin // bank_bytes
        stop = min(end, (bank + 1) * bank_bytes)
        yield _line(begin, stop - begin, str(bank), "free")
        begin = stop


def _line(address: int, nbytes: int, bank: str, owner: str) -> str:
    return f"  0x{address:05x}  {nbytes:>7,} B  bank {bank}  {owner}"


def _tiles_with_memory(lowered: LoweredDesign) -> list[Tile]:
    tiles = {tile.at: tile for tile in (*lowered.design.tiles, *(buffer.tile for buffer in lowered.buffers))}
    used = {buffer.tile.at for buffer in lowered.buffers} | {core.core.tile.at for core in lowered.cores}
    order = sorted(used, key=lambda at: (at[0], ROWS - at[1]))
    return [tiles[at] for at in order if tiles[at].kind == CORE or tiles[at].kind != SHIM]


def _chain(chain: DmaChain) -> Iterator[str]:
    repeat = "" if chain.repeat_count is None else f", {_counted(chain.repeat_count + 1, 'run')}"
    yield f"  {chain.tile} {chain.direction} {chain.channel} of {chain.label}{repeat}"
    for bd in chain.bds:
        header = [] if bd.packet is None else [_header(bd.packet)]
        walk = f" as {list(bd.sizes)} by {list(bd.strides)}" if bd.sizes else ""
        if bd.pads:
            walk += f" with {chain.pad_value or 'zeros'} around: " + ", ".join(
                f"{before} and {after}" for before, after in bd.pads
            )
        following = "stops" if bd.next is None else f"then BD {bd.next}"
        what = f"{bd.length:,} of {bd.buffer} from {bd.offset:,}{walk}"
        yield f"      BD {bd.bd_id:>2}: " + ", ".join([what, *_locks_of(bd), *header, following])


def _trace_flows(lowered: LoweredDesign) -> Iterator[str]:
    for flow in lowered.design.packet_flows:
        if flow.sources[0].bundle == "Trace":
            yield f"  {flow.sources[0]} -> {flow.destinations[0]}  packets {flow.id}"


def _circuits(lowered: LoweredDesign) -> Iterator[str]:
    for flow in lowered.flows:
        source = f"{flow.source} {flow.source_bundle}:{flow.source_channel}"
        yield f"  {source} -> {flow.destination} {flow.destination_bundle}:{flow.destination_channel}  @{flow.fifo}"
