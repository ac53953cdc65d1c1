"""ObjectFIFOs and their links to buffers, locks, DMA chains and flows, as mlir-aie's objectfifo pass makes them.

Facts: AIEObjectFifoStatefulTransform.cpp (2026-08) and what it made of many small designs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tileproof.device_model import CORE, MAX_LOCK_VALUE, MEM, SHIM, TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.dimensions import check_dimensions
from tileproof.lowering.links import Linked, linked_fifos
from tileproof.lowering.model import MM2S, S2MM, Bd, Direction, DmaChain, FifoEnd, Flow, Lock, ShimAllocation
from tileproof.mlir.design import Allocate, Buffer, Core, Design, Dimensions, Fifo, Operation, Place, Tile

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
    """What the fifos of one design became. Buffers stand in the order of mlir-aie, which its allocator keeps."""

    design: Design
    buffers: list[Buffer] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    chains: list[DmaChain] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    shim_allocations: list[ShimAllocation] = field(default_factory=list)
    ends: dict[tuple[int, int], dict[tuple[str, str], FifoEnd]] = field(default_factory=lambda: defaultdict(dict))
    links: dict[_Key, Linked] = field(default_factory=dict)
    _pools: dict[_Key, _Pool] = field(default_factory=dict)
    _next_lock: Counter[tuple[int, int]] = field(default_factory=Counter)
    _next_bd: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    _channels: dict[tuple[int, int, str], set[int]] = field(default_factory=lambda: defaultdict(set))


def lower_fifos(design: Design) -> FifoLowering:
    """Buffers, locks, chains, flows and core ends of every fifo; a `Problem` where mlir-aie would refuse."""
    lowering = FifoLowering(design)
    lowering.links = linked_fifos(design)
    for allocate in design.allocates:
        _check_allocate(lowering, allocate)
    made = []
    for fifo in design.fifos:
        before = len(lowering.buffers)
        _make_pools(lowering, fifo)
        made.append(lowering.buffers[before:])
    # The pass inserts each fifo's buffers right behind the last tile, so a later fifo's stand before an earlier one's.
    lowering.buffers = [buffer for group in reversed(made) for buffer in group]
    for fifo in design.fifos:
        if not _shares_memory(lowering, fifo):
            _connect(lowering, fifo)
    _check_cores(lowering)
    return lowering


# Pools: where the objects lie, and what counts them


def _make_pools(lowering: FifoLowering, fifo: Fifo) -> None:
    if fifo.element.nbytes % 4:
        raise Problem(
            f"an object of @{fifo.name} is not a whole number of 32-bit words",
            where=str(fifo.place),
            why=f"{fifo.element} has {fifo.element.nbytes} bytes, and a DMA moves words of 4",
            fix="make the object a multiple of 4 bytes",
        )
    if _shares_memory(lowering, fifo):
        pool = _pool(lowering, fifo, fifo.name, _owner(lowering, fifo), fifo.depths[0], fifo.repeat_count)
        _core_end(lowering, fifo, "Produce", fifo.producer, pool, str(fifo.consumers[0]))
        _core_end(lowering, fifo, "Consume", fifo.consumers[0], pool, str(fifo.producer))
        return
    for end, tile in enumerate((fifo.producer, *fifo.consumers)):
        name = _end_name(fifo, end)
        if tile.kind == SHIM:
            if fifo.synchronized:
                # mlir-aie makes the pair of locks there as well, and never uses it.
                _lock_pairs(lowering, fifo, name, tile, 1, 0, 0)
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
    if len(fifo.consumers) != 1 or fifo.via_dma or fifo.to_stream or any(fifo.from_stream) or fifo.repeat_count > 1:
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
        if allocate.fifo == fifo.name:
            return allocate.tile
    return consumer if (producer.row == consumer.row and producer.column == consumer.column + 1) else producer


def _check_allocate(lowering: FifoLowering, allocate: Allocate) -> None:
    fifo = next(fifo for fifo in lowering.design.fifos if fifo.name == allocate.fifo)
    ends = (fifo.producer, *fifo.consumers)
    if not _shares_memory(lowering, fifo) or not all(allocate.tile.at in reached_by(end) for end in ends):
        raise Problem(
            f"the objects of @{fifo.name} cannot lie on {allocate.tile}",
            where=str(allocate.place),
            why=f"@{fifo.name} goes from {fifo.producer} to {fifo.consumers[0]}; both must reach it without a DMA",
            fix="allocate on one of the two, or on a neighbour of both",
        )


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
        attributes = operation.attributes
        if (
            operation.name == "aie.objectfifo.acquire"
            and attributes["fifo"] == fifo.name
            and attributes["port"] == port
        ):
            yield int(str(attributes["count"]))


def walk(body: tuple[Operation, ...]) -> Iterator[Operation]:
    """Every operation of a body, those inside regions after the one that holds them."""
    for operation in body:
        yield operation
        for region in operation.regions:
            yield from walk(region)


def _pool(lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, count: int, amount: int, end: int = 0) -> _Pool:
    buffers = tuple(f"{name}_buff_{number}" for number in range(count))
    for number, buffer in enumerate(buffers):
        initial = fifo.init[number] if end == 0 and number < len(fifo.init) else ()
        lowering.buffers.append(
            Buffer(
                name=buffer,
                tile=tile,
                type=fifo.element,
                address=None,
                bank=None,
                place=fifo.place,
                initial=initial,
            )
        )
    linked = lowering.links.get((fifo.name, end))
    branches = linked.branches if linked is not None and linked.branches else ((0, fifo.element.count),)
    filled = len(fifo.init) if end == 0 else 0
    locks: tuple[tuple[str, str], ...] = ()
    if fifo.synchronized:
        locks = _lock_pairs(lowering, fifo, name, tile, len(branches), (count - filled) * amount, filled * amount)
    return _Pool(buffers=buffers, locks=locks, branches=branches, amount=amount)


def _lock_pairs(
    lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, pairs: int, free: int, filled: int
) -> tuple[tuple[str, str], ...]:
    made = tuple((f"{name}_prod_lock_{pair}", f"{name}_cons_lock_{pair}") for pair in range(pairs))
    _limit(free + filled, MAX_LOCK_VALUE, f"objects of @{fifo.name} (a lock counts them)", tile, fifo.place)
    for pair in made:
        for lock, init in zip(pair, (free, filled), strict=True):
            number = lowering._next_lock[tile.at]
            lowering._next_lock[tile.at] += 1
            _limit(number + 1, TILE_KINDS[tile.kind].locks, "locks", tile, fifo.place)
            lowering.locks.append(Lock(tile=tile, id=number, name=lock, init=init))
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


def _connect(lowering: FifoLowering, fifo: Fifo) -> None:
    source = _end(lowering, fifo, fifo.producer, 0)
    for number, consumer in enumerate(fifo.consumers, start=1):
        destination = _end(lowering, fifo, consumer, number)
        lowering.flows.append(
            Flow(
                source=fifo.producer,
                source_channel=source,
                destination=consumer,
                destination_channel=destination,
                fifo=fifo.name,
            )
        )


def _end(lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int) -> int:
    """The DMA of one end of a fifo; returns its channel."""
    direction = S2MM if end else MM2S
    channel = _take_channel(lowering, fifo, tile, direction, _pinned(fifo, end))
    if tile.kind == SHIM:
        allocation = ShimAllocation(fifo=fifo.name, tile=tile, direction=direction, channel=channel)
        lowering.shim_allocations.append(allocation)
        return channel
    _chain(lowering, fifo, tile, end, channel)
    return channel


def _pinned(fifo: Fifo, end: int) -> int:
    if end == 0:
        return fifo.producer_channel
    return fifo.consumer_channels[end - 1] if end <= len(fifo.consumer_channels) else -1


def _chain(lowering: FifoLowering, fifo: Fifo, tile: Tile, end: int, channel: int) -> None:
    linked = lowering.links.get((fifo.name, end))
    pool_key = linked.pool if linked is not None else (fifo.name, end)
    pool = lowering._pools[pool_key]
    branches = range(len(pool.branches)) if linked is None or linked.branch is None else (linked.branch,)
    dimensions = fifo.to_stream if end == 0 else fifo.from_stream[end - 1] if fifo.from_stream else ()
    check_dimensions(fifo, tile, dimensions, lowering.design.fifo(pool_key[0]) or fifo)
    # What is sent several times is sent by several BDs, or by one whose task is repeated (2026-08).
    times = fifo.repeat_count if end == 0 else 1
    looped = times > 1 and len(pool.buffers) == 1
    moves = [(buffer, branch) for buffer in pool.buffers for _ in range(1 if looped else times) for branch in branches]
    ids = _take_bds(lowering, fifo, tile, channel, len(moves))
    ends = fifo.iter_count is not None and end == 0
    bds = tuple(
        _bd(pool, buffer, branch, end, ids[n], None if ends and n == len(moves) - 1 else ids[(n + 1) % len(moves)])
        for n, (buffer, branch) in enumerate(moves)
    )
    lowering.chains.append(
        DmaChain(
            tile=tile,
            direction=S2MM if end else MM2S,
            channel=channel,
            bds=tuple(_with_dimensions(bd, dimensions) for bd in bds),
            fifo=fifo.name,
            repeat_count=(fifo.iter_count or 1) - 1 if ends else times - 1 if looped else None,
        )
    )


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


def _with_dimensions(bd: Bd, dimensions: Dimensions) -> Bd:
    if not dimensions:
        return bd
    return Bd(
        bd_id=bd.bd_id,
        buffer=bd.buffer,
        offset=bd.offset,
        length=bd.length,
        acquire=bd.acquire,
        release=bd.release,
        next=bd.next,
        sizes=tuple(size for size, _ in dimensions),
        strides=tuple(stride for _, stride in dimensions),
    )


def _take_bds(lowering: FifoLowering, fifo: Fifo, tile: Tile, channel: int, count: int) -> Sequence[int]:
    """Ids in order; on a mem tile the odd channels reach only the upper half of them (AIETargetModel)."""
    total = TILE_KINDS[tile.kind].bds
    half = total // 2 if tile.kind == MEM else total
    group = channel % 2 if tile.kind == MEM else 0
    first = lowering._next_bd[(*tile.at, group)]
    lowering._next_bd[(*tile.at, group)] += count
    _limit(first + count, half, "buffer descriptors", tile, fifo.place)
    return range(group * half + first, group * half + first + count)


def _take_channel(lowering: FifoLowering, fifo: Fifo, tile: Tile, direction: Direction, pinned: int) -> int:
    taken = lowering._channels[(*tile.at, direction)]
    limit = TILE_KINDS[tile.kind].channels
    channel = pinned if pinned >= 0 else next(number for number in range(limit + 1) if number not in taken)
    what = "output DMA channels (MM2S)" if direction == MM2S else "input DMA channels (S2MM)"
    _limit(channel + 1, limit, what, tile, fifo.place)
    if channel in taken:
        raise Problem(
            f"{direction} channel {channel} of {tile} is taken",
            where=str(fifo.place),
            why="an earlier fifo has it",
            fix="pin another channel, or leave the choice to the compiler",
        )
    taken.add(channel)
    return channel


def _limit(wanted: int, limit: int, what: str, tile: Tile, place: Place) -> None:
    if wanted > limit:
        raise Problem(
            f"tile {tile} needs more {what} than it has",
            where=str(place),
            why=f"the fifos up to this one need {wanted}, and a {tile.kind} tile has {limit}",
            fix="join fifos, lower their depth, or move one to another tile",
        )


# What cores do with them


def _check_cores(lowering: FifoLowering) -> None:
    for core in lowering.design.cores:
        acquired: dict[int, int] = {}
        for operation in walk(core.body):
            if operation.name == "aie.objectfifo.subview.access":
                _check_access(operation, acquired)
            if operation.name in ("aie.objectfifo.acquire", "aie.objectfifo.release"):
                _check_port(lowering, core, operation)
                acquired |= dict.fromkeys(operation.results, int(str(operation.attributes["count"])))
            elif operation.name == "func.call":
                _check_call(lowering.design, operation)


def _check_port(lowering: FifoLowering, core: Core, operation: Operation) -> None:
    """A core may only touch the fifos it is an end of, at its own port."""
    name, port = str(operation.attributes["fifo"]), str(operation.attributes["port"])
    fifo = lowering.design.fifo(name)
    if fifo is None:
        raise Problem(
            f"there is no fifo @{name}",
            where=str(operation.place),
            why="fifos here: " + (", ".join(f.name for f in lowering.design.fifos) or "none"),
            fix="correct the name",
        )
    if (name, port) not in lowering.ends[core.tile.at]:
        raise Problem(
            f"the core on {core.tile} is not the {'producing' if port == 'Produce' else 'consuming'} end of @{name}",
            where=str(operation.place),
            why=f"@{name} goes from {fifo.producer} to {', '.join(map(str, fifo.consumers))}",
            fix="name a fifo that begins or ends at this core, with the port it has there",
        )
    count = operation.attributes["count"]
    if not isinstance(count, int) or count < 1:
        raise Problem(
            f"{operation.name} of {count} objects", where=str(operation.place), fix="acquire and release at least one"
        )
    if operation.types and operation.types[0] != fifo.element:
        raise Problem(
            f"the objects of @{name} are {fifo.element}, not {operation.types[0]}",
            where=str(operation.place),
            fix=f"write !aie.objectfifosubview<{fifo.element}>",
        )


def _check_access(operation: Operation, acquired: dict[int, int]) -> None:
    count, index = acquired.get(operation.operands[0], 0), operation.attributes["index"]
    if not isinstance(index, int) or not 0 <= index < count:
        raise Problem(
            f"an access takes object {index} of {count} acquired ones",
            where=str(operation.place),
            fix="acquire more, or access a smaller index",
        )


def _check_call(design: Design, operation: Operation) -> None:
    name = str(operation.attributes["callee"])
    declared = next((function for function in design.functions if function.name == name), None)
    if declared is None:
        raise Problem(
            f"there is no function @{name}",
            where=str(operation.place),
            why="functions here: " + (", ".join(function.name for function in design.functions) or "none"),
            fix="declare it with func.func private",
        )
    if operation.operand_types != declared.parameters:
        raise Problem(
            f"@{name} is called with other arguments than it is declared with",
            where=str(operation.place),
            why=f"called with ({', '.join(map(str, operation.operand_types))}), "
            f"declared at {declared.place} with ({', '.join(map(str, declared.parameters))})",
            fix="make the call and the declaration agree",
        )
