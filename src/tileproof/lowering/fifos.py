"""ObjectFIFOs and their links to buffers, locks, DMA chains and flows, as mlir-aie's objectfifo pass makes them.

Facts: AIEObjectFifoStatefulTransform.cpp (2026-08) and what it made of many small designs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tileproof.device_model import CORE, MAX_LOCK_VALUE, MEM, SHIM, TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.dimensions import WrapsToZeroProblem, check_dimensions, check_pad_value, check_pads
from tileproof.lowering.fifo_rules import check_fifos, wants_dma
from tileproof.lowering.links import Linked, linked_fifos
from tileproof.lowering.locks import FifoLock
from tileproof.lowering.model import MM2S, S2MM, Bd, DmaChain, FifoEnd, Flow, ShimAllocation
from tileproof.lowering.programs import no_core_port
from tileproof.lowering.resources import Resources, limit
from tileproof.mlir.budget import Steps
from tileproof.mlir.design import Allocate, Buffer, Core, Design, Dimensions, ExternalBuffer, Fifo, Tile
from tileproof.mlir.program import Access, Acquire, Body, FifoUse, For, Operation, Release, walk
from tileproof.mlir_aie_versions import NEWEST, Version

_Key = tuple[str, int]  # a fifo's name and one of its ends: 0 the producer, 1 and up the consumers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """The objects at one end of a fifo, and the pairs of locks (free, filled) that count them, one pair per branch.

    `branches` are the parts of an object that move by themselves: (offset, length) in elements.
    """

    buffers: tuple[str, ...]
    locks: tuple[tuple[str, str], ...]
    branches: tuple[tuple[int, int], ...]
    amount: int  # how often the objects are sent


@dataclass
class FifoLowering:
    """What the fifos of one design became. Buffers stand in the order of mlir-aie, which its allocator keeps;
    locks have no ids yet.

    `as_silent` lets pass what mlir-aie lets pass, though it is wrong.
    """

    design: Design
    resources: Resources
    version: Version = NEWEST
    as_silent: bool = False
    buffers: list[Buffer] = field(default_factory=list)
    locks: list[FifoLock] = field(default_factory=list)
    chains: list[DmaChain] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    shim_allocations: list[ShimAllocation] = field(default_factory=list)
    ends: dict[tuple[int, int], dict[tuple[str, str], FifoEnd]] = field(default_factory=lambda: defaultdict(dict))
    links: dict[_Key, Linked] = field(default_factory=dict)
    _pools: dict[_Key, _Pool] = field(default_factory=dict)


def lower_fifos(
    design: Design, resources: Resources, *, version: Version = NEWEST, as_silent: bool = False
) -> FifoLowering:
    """Buffers, locks, chains, flows and core ends of every fifo; a `Problem` where mlir-aie would refuse."""
    lowering = FifoLowering(design, resources, version, as_silent)
    check_fifos(design)
    lowering.links = linked_fifos(design)
    for allocate in design.allocates:
        _check_allocate(lowering, allocate)
    _make_all_pools(lowering)
    handed = [fifo for fifo in design.fifos if _is_handed_on(lowering, fifo)]
    for fifo in handed:
        pool = lowering._pools[_pool_of(lowering, fifo, 0)]
        _core_end(lowering, fifo, "Consume", fifo.consumers[0], pool, str(fifo.producer))
    moving = [fifo for fifo in design.fifos if fifo not in handed and not _shares_memory(lowering, fifo)]
    channels = _channels(lowering, moving)
    for fifo in moving:
        _connect(lowering, fifo, channels)
    _check_cores(lowering)
    return lowering


def _channels(lowering: FifoLowering, moving: list[Fifo]) -> dict[_Key, int]:
    """The DMA channel of each end. Those that a fifo asks for are reserved before others get the first free one; what
    lies on a neighbour mem tile needs one of the lower channels, and is served first among each."""
    ends = [
        (fifo, end, tile)
        for fifo in moving
        for end, tile in enumerate((fifo.producer, *fifo.consumers))
        if not fifo.is_stream(end)
    ]
    channels: dict[_Key, int] = {}
    for is_pinned in (True, False):
        for spilled in (True, False):
            for fifo, end, tile in ends:
                pinned = _pinned(lowering, fifo, end)
                if (pinned >= 0) is is_pinned and _is_spilled(lowering, fifo, tile, end) is spilled:
                    direction = S2MM if end else MM2S
                    channels[fifo.name, end] = lowering.resources.channel(
                        tile, direction, pinned, fifo.place, near=spilled
                    )
    return channels


# Pools: where the objects lie, and what counts them


def _make_all_pools(lowering: FifoLowering) -> None:
    """Those of large objects first, so that they find room on a mem tile or beside it; what is made stands in the order
    of mlir-aie all the same."""
    buffers: dict[str, list[Buffer]] = {}
    locks: dict[str, list[FifoLock]] = {}
    for fifo in sorted(lowering.design.fifos, key=lambda fifo: -fifo.element.nbytes):
        before, locks_before = len(lowering.buffers), len(lowering.locks)
        _make_pools(lowering, fifo)
        buffers[fifo.name], locks[fifo.name] = lowering.buffers[before:], lowering.locks[locks_before:]
        if (fifo.banks or fifo.addresses) and not buffers[fifo.name]:
            raise Problem(
                f"@{fifo.name} asks for a place in memory, and has no objects of its own",
                where=fifo.place,
                why="both its ends are host memory, or the fifo that it is linked with holds the objects of both",
                fix="ask on the fifo that has objects, or not at all",
                id="TP102",
            )
    # The pass inserts each fifo's buffers right behind the last tile, so a later fifo's stand before an earlier one's.
    lowering.buffers = [buffer for fifo in reversed(lowering.design.fifos) for buffer in buffers[fifo.name]]
    lowering.locks = [lock for fifo in lowering.design.fifos for lock in locks[fifo.name]]


def _make_pools(lowering: FifoLowering, fifo: Fifo) -> None:
    uneven = next((one for one in (fifo.element, fifo.element_at(1)) if one.nbytes % 4), None)
    if uneven is not None:
        raise Problem(
            f"an object of @{fifo.name} is not a whole number of 32-bit words",
            where=fifo.place,
            why=f"{uneven} has {uneven.nbytes} bytes, and a DMA moves words of 4",
            fix="make the object a multiple of 4 bytes",
            id="TP408",
        )
    if _shares_memory(lowering, fifo):
        pool = _pool(lowering, fifo, fifo.name, _owner(lowering, fifo), fifo.depths[0], fifo.repeat_count)
        _core_end(lowering, fifo, "Produce", fifo.producer, pool, str(fifo.consumers[0]))
        _core_end(lowering, fifo, "Consume", fifo.consumers[0], pool, str(fifo.producer))
        return
    for end, tile in enumerate((fifo.producer, *fifo.consumers)):
        name = _end_name(fifo, end)
        if fifo.is_stream(end) or (end and _is_handed_on(lowering, fifo)):
            continue
        if tile.kind == SHIM:
            if fifo.synchronized:
                # mlir-aie makes the pair of locks there as well, and uses it for external buffers only.
                _lock_pairs(lowering, fifo, name, tile, 1, len(_external(lowering, fifo, tile)), 0)
        elif lowering.links.get((fifo.name, end), None) is None or lowering.links[fifo.name, end].owns:
            count = _pool_size(lowering.design, fifo, tile, end)
            pool = _pool(lowering, fifo, name, tile, count, _amount(lowering, fifo, end), end)
            lowering._pools[fifo.name, end] = pool
            if tile.kind == CORE and (fifo.name, end) not in lowering.links:
                peer = str(fifo.producer) if end else ", ".join(map(str, fifo.consumers))
                _core_end(lowering, fifo, "Consume" if end else "Produce", tile, pool, peer)


def _end_name(fifo: Fifo, end: int) -> str:
    if end == 0:
        return fifo.name
    return f"{fifo.name}_cons" if len(fifo.consumers) == 1 else f"{fifo.name}_{end - 1}_cons"


def _amount(lowering: FifoLowering, fifo: Fifo, end: int) -> int:
    """How often an object of this pool is sent before it is free again."""
    linked = lowering.links.get((fifo.name, end))
    if linked is not None and linked.outputs:
        return max(output.repeat_count for output in linked.outputs)
    return fifo.repeat_count if end == 0 else 1


def _shares_memory(lowering: FifoLowering, fifo: Fifo) -> bool:
    """Two neighbouring cores need no DMA; with a single consumer the objects lie at one of them."""
    if len(fifo.consumers) != 1 or wants_dma(fifo):
        return False
    if any(key[0] == fifo.name for key in lowering.links):
        return False
    producer, consumer = fifo.producer, fifo.consumers[0]
    if producer.kind != CORE or consumer.kind != CORE:
        return False
    return abs(producer.column - consumer.column) + abs(producer.row - consumer.row) <= 1


def _owner(lowering: FifoLowering, fifo: Fifo) -> Tile:
    """Where shared objects lie. A core reaches its west, north and south neighbours, never the east one: they lie at
    the producer, unless only the consumer's memory is reached by both (AIETargetModel isLegalMemAffinity)."""
    producer, consumer = fifo.producer, fifo.consumers[0]
    for allocate in lowering.design.allocates:
        if allocate.fifo == fifo.name and _both_reach(fifo, allocate.tile):
            return allocate.tile
    return consumer if (producer.row == consumer.row and producer.column == consumer.column + 1) else producer


def _check_allocate(lowering: FifoLowering, allocate: Allocate) -> None:
    fifo = next(fifo for fifo in lowering.design.fifos if fifo.name == allocate.fifo)
    shared = _shares_memory(lowering, fifo) or _is_handed_on(lowering, fifo)
    if (fifo.name, 0) in lowering.links and _is_between_cores(fifo) and not _both_reach(fifo, allocate.tile):
        return  # mlir-aie leaves a link as it is without a word: the objects go by DMA
    if _is_handed_on(lowering, fifo):
        _check_same_objects(lowering, fifo, allocate)
    # Between neighbours, mlir-aie prints an error for a tile out of reach, and goes on as if it were not written.
    if shared and (lowering.as_silent or _both_reach(fifo, allocate.tile)):
        return
    raise Problem(
        f"the objects of @{fifo.name} cannot lie on {allocate.tile}",
        where=allocate.place,
        why=f"@{fifo.name} goes from {fifo.producer} to {fifo.consumers[0]}; both must reach it without a DMA",
        fix="allocate on one of the two, or on a neighbour of both",
        id="TP606",
    )


def _check_same_objects(lowering: FifoLowering, fifo: Fifo, allocate: Allocate) -> None:
    """What is handed on as it lies there has the size that it has there."""
    name, end = lowering.links[fifo.name, 0].pool
    holder = lowering.design.fifo(name) or fifo
    if holder.element_at(end).nbytes != fifo.element.nbytes:
        raise Problem(
            f"the objects of @{fifo.name} cannot be those of @{name}",
            where=allocate.place,
            why=f"allocate hands the objects of @{name} on as they lie there, {holder.element_at(end)} each, and "
            f"@{fifo.name} has {fifo.element}",
            fix="give both the same objects, or leave allocate away, so that a DMA makes the others of them",
            id="TP606",
        )


def _is_between_cores(fifo: Fifo) -> bool:
    return len(fifo.consumers) == 1 and fifo.producer.kind == fifo.consumers[0].kind == CORE


def _is_handed_on(lowering: FifoLowering, fifo: Fifo) -> bool:
    """Whether a link hands its objects to a neighbouring core as they lie there: allocate names the link's tile."""
    linked = lowering.links.get((fifo.name, 0))
    return (
        linked is not None
        and len(linked.branches) == 1
        and _is_between_cores(fifo)
        and any(
            allocate.fifo == fifo.name and allocate.tile.at == fifo.producer.at and _both_reach(fifo, allocate.tile)
            for allocate in lowering.design.allocates
        )
    )


def _both_reach(fifo: Fifo, tile: Tile) -> bool:
    return all(tile.at in reached_by(end) for end in (fifo.producer, *fifo.consumers))


def reached_by(core: Tile) -> set[tuple[int, int]]:
    """Where a core can load and store: its own tile and its west, north and south neighbours (isLegalMemAffinity)."""
    column, row = core.at
    return {(column, row), (column - 1, row), (column, row + 1), (column, row - 1)}


def _pool_size(design: Design, fifo: Fifo, tile: Tile, end: int) -> int:
    """Objects at one end: a core gets its largest acquire + 1, whatever scalar depth says (findObjectFifoSize)."""
    if len(fifo.depths) > 1:
        return fifo.depths[end]
    declared, port = fifo.depths[0], "Consume" if end else "Produce"
    cores = [core for core in design.cores if core.tile.at == tile.at]
    acquired = max((count for core in cores for count in _acquires(core, fifo, port)), default=0)
    if tile.kind == MEM or acquired == 0:
        return declared
    if declared == 1 and acquired == 1:
        return 1
    return acquired + 1


def _acquires(core: Core, fifo: Fifo, port: str) -> Iterator[int]:
    for operation in walk(core.body):
        if isinstance(operation, Acquire) and operation.end == (fifo.name, port):
            yield operation.count


def _wishes(fifo: Fifo, tile: Tile, count: int) -> tuple[list[int | None], list[int | None]]:
    """Bank and address of each object, as far as the fifo asks for them."""
    banks = fifo.banks * count if len(fifo.banks) == 1 else fifo.banks
    for wishes, one, several in ((banks, "bank", "banks"), (fifo.addresses, "address", "addresses")):
        if len(wishes) not in (0, count):
            named = f"{len(wishes)} {one if len(wishes) == 1 else several}"
            raise Problem(
                f"@{fifo.name} names {named} for {count} {'object' if count == 1 else 'objects'}",
                where=fifo.place,
                why=f"on {tile} it has {count}, which is what the core acquires at once and one more, or its depth",
                fix=f"name {count}, or none",
                id="TP102",
            )
    return list(banks) or [None] * count, list(fifo.addresses) or [None] * count


def _pool(lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, count: int, amount: int, end: int = 0) -> _Pool:
    buffers = tuple(f"{name}_buff_{number}" for number in range(count))
    banks, addresses = _wishes(fifo, tile, count)
    element = fifo.element_at(end)
    for number, buffer in enumerate(buffers):
        initial = fifo.init[number] if end == 0 and number < len(fifo.init) else ()
        lowering.buffers.append(
            Buffer(
                name=buffer,
                tile=_home(lowering, tile, element.nbytes),
                type=element,
                address=addresses[number],
                bank=banks[number],
                place=fifo.place,
                initial=initial,
            )
        )
    linked = lowering.links.get((fifo.name, end))
    branches = linked.branches if linked is not None and linked.branches else ((0, element.count),)
    filled = len(fifo.init) if end == 0 else 0
    locks: tuple[tuple[str, str], ...] = ()
    if fifo.synchronized and not (end == 0 and _is_cycled(lowering, fifo, count)):
        locks = _lock_pairs(lowering, fifo, name, tile, len(branches), (count - filled) * amount, filled * amount)
    return _Pool(buffers=buffers, locks=locks, branches=branches, amount=amount)


def _is_cycled(lowering: FifoLowering, fifo: Fifo, count: int) -> bool:
    """Whether the source sends its initial values round and round: nobody fills its objects again, and since May 2026
    no lock asks whether somebody has (found_later.md 4)."""
    rounds = fifo.iter_count or 1
    alone = all(name != fifo.name for name, _ in lowering.links)
    return lowering.version.cycles_without_locks and rounds > 1 and alone and len(fifo.init) == count


def _home(lowering: FifoLowering, tile: Tile, nbytes: int) -> Tile:
    """Where a buffer lies: what does not fit a mem tile any more goes to the emptier of the mem tiles beside it."""
    memory = TILE_KINDS[MEM].memory_bytes

    def used(at: tuple[int, int]) -> int:
        return sum(buffer.type.nbytes for buffer in lowering.buffers if buffer.tile.at == at)

    if tile.kind != MEM or used(tile.at) + nbytes <= memory:
        return tile
    device = lowering.design.device
    beside = [(column, tile.row) for column in (tile.column - 1, tile.column + 1) if 0 <= column < device.columns]
    for at in sorted(beside, key=used):
        if used(at) + nbytes <= memory:
            known = next((other for other in lowering.design.tiles if other.at == at), None)
            return known or Tile(column=at[0], row=at[1], kind=MEM, place=tile.place)
    return tile


def _lock_pairs(
    lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, pairs: int, free: int, filled: int
) -> tuple[tuple[str, str], ...]:
    made = tuple((f"{name}_prod_lock_{pair}", f"{name}_cons_lock_{pair}") for pair in range(pairs))
    limit(free + filled, MAX_LOCK_VALUE, f"objects of @{fifo.name} (a lock counts them)", tile, fifo.place)
    for pair in made:
        for lock, init in zip(pair, (free, filled), strict=True):
            lowering.locks.append(FifoLock(tile=tile, name=lock, init=init, place=fifo.place))
    return made


def _core_end(lowering: FifoLowering, fifo: Fifo, port: str, tile: Tile, pool: _Pool, peer: str) -> None:
    free, filled = pool.locks[0] if pool.locks else (None, None)
    wait, signal = (free, filled) if port == "Produce" else (filled, free)
    lowering.ends[tile.at][fifo.name, port] = FifoEnd(
        fifo=fifo.name,
        port=port,
        buffers=pool.buffers,
        acquire_lock=wait,
        release_lock=signal,
        peer=peer,
        amount=pool.amount,
    )


# Chains and flows: how the objects move


def _connect(lowering: FifoLowering, fifo: Fifo, channels: dict[_Key, int]) -> None:
    ends = (fifo.producer, *fifo.consumers)
    for end, tile in enumerate(ends):
        if fifo.is_stream(end):
            continue
        channel = channels[fifo.name, end]
        if tile.kind != SHIM:
            _chain(lowering, fifo, tile, end, channel)
            continue
        _external_chain(lowering, fifo, tile, end, channel)
        lowering.shim_allocations.append(
            ShimAllocation(
                fifo=fifo.name,
                symbol=f"{fifo.name}_shim_alloc",
                tile=tile,
                direction=S2MM if end else MM2S,
                channel=channel,
            )
        )
    for end, consumer in enumerate(fifo.consumers, start=1):
        lowering.flows.append(
            Flow(
                source=fifo.producer,
                source_channel=channels.get((fifo.name, 0), fifo.stream_port),
                destination=consumer,
                destination_channel=channels.get((fifo.name, end), fifo.stream_port),
                fifo=fifo.name,
                source_bundle=_bundle(fifo, 0),
                destination_bundle=_bundle(fifo, end),
            )
        )
    if fifo.stream is not None and fifo.stream_port != 0:
        raise no_core_port(fifo.stream_port, fifo.producer if fifo.is_stream(0) else fifo.consumers[0], fifo.place)


def _bundle(fifo: Fifo, end: int) -> str:
    """What the stream of an end leads to."""
    if fifo.is_stream(end):
        return "Core"
    tile = (fifo.producer, *fifo.consumers)[end]
    return "PLIO" if fifo.plio and tile.kind == SHIM else "DMA"


def _pinned(lowering: FifoLowering, fifo: Fifo, end: int) -> int:
    """The channel that the design asks for; mlir-aie before July 2026 did not know how to."""
    if not lowering.version.pins_channels:
        return -1
    if end == 0:
        return fifo.producer_channel
    return fifo.consumer_channels[end - 1] if end <= len(fifo.consumer_channels) else -1


def _pool_of(lowering: FifoLowering, fifo: Fifo, end: int) -> _Key:
    linked = lowering.links.get((fifo.name, end))
    return linked.pool if linked is not None else (fifo.name, end)


def _is_spilled(lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int) -> bool:
    """Whether an object of this end lies on a neighbour mem tile."""
    pool = lowering._pools.get(_pool_of(lowering, fifo, end)) if tile.kind == MEM else None
    if pool is None:
        return False
    return any(buffer.name in pool.buffers and buffer.tile.at != tile.at for buffer in lowering.buffers)


def _chain(lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int, channel: int) -> None:
    linked = lowering.links.get((fifo.name, end))
    pool = lowering._pools[_pool_of(lowering, fifo, end)]
    branches = range(len(pool.branches)) if linked is None or linked.branch is None else (linked.branch,)
    dimensions = fifo.to_stream if end == 0 else fifo.from_stream[end - 1] if fifo.from_stream else ()
    length = pool.branches[branches[0]][1]
    if end == 0 and fifo.pads and len(pool.branches) == 1:
        length = max(length, fifo.element.count)  # with its pads an object may be larger than the buffer
    _check_layout(lowering, fifo, tile, end, dimensions, length)
    # A channel of a mem tile ends after so many rounds of its chain, whichever way it moves (found_later.md 4).
    rounds = fifo.iter_count if tile.kind == MEM else None
    # What is sent several times is sent by several BDs, or since May 2026 by one whose task is repeated.
    times = fifo.repeat_count if end == 0 else 1
    alone = len(pool.buffers) == len(branches) == 1 and rounds is None
    looped = times > 1 and alone and lowering.version.repeats_in_hardware
    moves = [(buffer, branch) for buffer in pool.buffers for _ in range(1 if looped else times) for branch in branches]
    ids = lowering.resources.bds(tile, channel, len(moves), fifo.place)
    following = [*ids[1:], *(ids[:1] if rounds is None else [None])]
    bds = tuple(
        _bd(pool, *move, end, bd_id, next_id) for move, bd_id, next_id in zip(moves, ids, following, strict=False)
    )
    lowering.chains.append(
        DmaChain(
            tile=tile,
            direction=S2MM if end else MM2S,
            channel=channel,
            bds=tuple(_with_layout(bd, fifo, end, dimensions, length) for bd in bds),
            fifo=fifo.name,
            repeat_count=rounds - 1 if rounds is not None else times - 1 if looped else None,
            pad_value=0 if end else fifo.pad_value,
        )
    )


def _check_layout(
    lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int, dimensions: Dimensions, length: int
) -> None:
    if end == 0 and fifo.pad_value:
        check_pad_value(lowering.design, tile, MM2S, fifo.pad_value, fifo.place)
    holder, of_end = _pool_of(lowering, fifo, end)
    objects = (lowering.design.fifo(holder) or fifo).element_at(of_end)
    problems = check_dimensions(fifo, tile, dimensions, objects)
    for problem in (*problems, *(check_pads(fifo, tile, length) if end == 0 else ())):
        if not (lowering.as_silent and isinstance(problem, WrapsToZeroProblem)):
            raise problem


def _external(lowering: FifoLowering, fifo: Fifo, tile: Tile) -> list[ExternalBuffer]:
    """The external buffers that are registered for the fifo at a shim tile."""
    named = {buffer.name: buffer for buffer in lowering.design.externals}
    registered = [one for one in lowering.design.registered if one.fifo == fifo.name and one.tile.at == tile.at]
    return [named[name] for one in registered for name in one.names]


def _external_chain(lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int, channel: int) -> None:
    """The shim's DMA goes round its external buffers, each as a whole."""
    buffers = _external(lowering, fifo, tile)
    if not buffers:
        return
    name = _end_name(fifo, end)
    free, filled = (f"{name}_prod_lock_0", 1), (f"{name}_cons_lock_0", 1)
    acquire, release = ((free, filled) if end else (filled, free)) if fifo.synchronized else (None, None)
    ids = lowering.resources.bds(tile, channel, len(buffers), fifo.place)
    bds = tuple(
        Bd(
            bd_id=ids[number],
            buffer=buffer.name,
            offset=0,
            length=buffer.type.count,
            acquire=acquire,
            release=release,
            next=ids[(number + 1) % len(ids)],
        )
        for number, buffer in enumerate(buffers)
    )
    direction = S2MM if end else MM2S
    lowering.chains.append(DmaChain(tile=tile, direction=direction, channel=channel, bds=bds, fifo=fifo.name))


def _bd(pool: _Pool, buffer: str, branch: int, end: int, bd_id: int, following: int | None) -> Bd:
    offset, length = pool.branches[branch]
    acquire = release = None
    if pool.locks:
        free, filled = pool.locks[branch]
        # Filling takes and gives an object for every time it will be sent; sending does so once.
        acquire, release = ((free, pool.amount), (filled, pool.amount)) if end else ((filled, 1), (free, 1))
    return Bd(
        bd_id=bd_id, buffer=buffer, offset=offset, length=length, acquire=acquire, release=release, next=following
    )


def _with_layout(bd: Bd, fifo: Fifo, end: int, dimensions: Dimensions, length: int) -> Bd:
    pads = () if end else fifo.pads
    return replace(
        bd,
        length=length if pads else bd.length,
        sizes=tuple(size for size, _ in dimensions),
        strides=tuple(stride for _, stride in dimensions),
        pads=pads,
    )


# What cores do with them


def _check_cores(lowering: FifoLowering) -> None:
    for core in lowering.design.cores:
        # mlir-aie notices a release of more than is held when the core acquires again; without that, never, and never
        # in front of the first acquire. check says it of each (TP405).
        _Held(core).run(core.body)
        acquired: dict[int, int] = {}
        for operation in walk(core.body):
            if isinstance(operation, Access):
                _check_access(operation, acquired)
            elif isinstance(operation, FifoUse):
                _check_port(lowering, core, operation)
                if isinstance(operation, Acquire):
                    acquired[operation.view] = operation.count


@dataclass
class _Held:
    """How many objects of each end a core holds along its program, and where it gave back more than that."""

    core: Core
    held: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    acquired: set[tuple[str, str]] = field(default_factory=set)
    wrong: dict[tuple[str, str], Release] = field(default_factory=dict)
    steps: Steps = field(default_factory=Steps)

    def run(self, body: Body) -> None:
        for operation in body:
            self.steps.take(operation.place)
            if isinstance(operation, For):
                before = dict(self.held), len(self.wrong)
                self.run(operation.body)
                # Again where its second pass meets something else than the first: passes inside each other multiply.
                if (dict(self.held), len(self.wrong)) != before:
                    self.run(operation.body)
            elif operation.regions:
                self._branches(operation)
            elif isinstance(operation, FifoUse):
                self._one(operation)

    def _branches(self, operation: Operation) -> None:
        before, after = dict(self.held), dict(self.held)
        for region in operation.regions:
            self.held = defaultdict(int, before)
            self.run(region)
            after |= {key: max(count, after.get(key, 0)) for key, count in self.held.items()}
        self.held = defaultdict(int, after)

    def _one(self, operation: FifoUse) -> None:
        key, count = operation.end, operation.count
        if isinstance(operation, Release):
            if count > self.held[key] and key in self.acquired:
                self.wrong.setdefault(key, operation)
            self.held[key] = max(0, self.held[key] - count)
        elif key in self.wrong:
            raise self._refusal(key, operation)
        else:
            self.acquired.add(key)
            self.held[key] = max(self.held[key], count)

    def _refusal(self, key: tuple[str, str], again: FifoUse) -> Problem:
        return Problem(
            f"the core on {self.core.tile} releases more of @{key[0]} than it holds",
            where=self.wrong[key].place,
            why=f"it acquires again at {again.place}, and the count is wrong by then",
            fix="release what was acquired, once",
            id="TP405",
        )


def _check_port(lowering: FifoLowering, core: Core, operation: FifoUse) -> None:
    """A core may only touch the fifos it is an end of, at its own port."""
    name, port = operation.end
    fifo = lowering.design.fifo(name)
    if fifo is None:
        raise Problem(
            f"there is no fifo @{name}",
            id="TP002",
            where=operation.place,
            why="fifos here: " + (", ".join(f.name for f in lowering.design.fifos) or "none"),
            fix="correct the name",
        )
    if (name, port) not in lowering.ends[core.tile.at] and fifo.is_stream(0 if port == "Produce" else 1):
        raise Problem(
            f"the end of @{name} on {core.tile} is a stream port, and has no objects",
            where=operation.place,
            why=f"@{name} is declared at {fifo.place} with aie_stream = {fifo.stream}",
            fix="let the tile function move its words with get_ss and put_ms, or leave aie_stream away",
            id="TP601",
        )
    if (name, port) not in lowering.ends[core.tile.at]:
        raise Problem(
            f"the core on {core.tile} is not the {'producing' if port == 'Produce' else 'consuming'} end of @{name}",
            where=operation.place,
            why=f"@{name} goes from {fifo.producer} to {', '.join(map(str, fifo.consumers))}",
            fix="name a fifo that begins or ends at this core, with the port it has there",
            id="TP601",
        )
    if operation.count < 1:
        raise Problem(
            f"{operation.name} of {operation.count} objects",
            id="TP002",
            where=operation.place,
            fix="acquire and release at least one",
        )
    element = fifo.element_of(port)
    if isinstance(operation, Acquire) and operation.type != element:
        raise Problem(
            f"the objects of @{name} are {element}, not {operation.type}",
            id="TP002",
            where=operation.place,
            fix=f"write !aie.objectfifosubview<{element}>",
        )


def _check_access(operation: Access, acquired: dict[int, int]) -> None:
    count = acquired.get(operation.view, 0)
    if not 0 <= operation.index < count:
        raise Problem(
            f"an access takes object {operation.index} of {count} acquired ones",
            id="TP002",
            where=operation.place,
            fix="acquire more, or access a smaller index",
        )
