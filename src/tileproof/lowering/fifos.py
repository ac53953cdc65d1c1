"""ObjectFIFOs to buffers, locks, DMA chains and flows, as mlir-aie's objectfifo pass makes them.

Facts: AIEObjectFifoStatefulTransform.cpp (2026-08) and what it made of many small designs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tileproof.device_model import CORE, MAX_LOCK_VALUE, MEM, SHIM, TILE_KINDS
from tileproof.errors import Problem
from tileproof.lowering.model import MM2S, S2MM, Bd, Direction, DmaChain, FifoEnd, Flow, Lock, ShimAllocation
from tileproof.mlir.design import Buffer, Core, Design, Fifo, Operation, Place, Tile


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
    _next_lock: Counter[tuple[int, int]] = field(default_factory=Counter)
    _next_bd: Counter[tuple[int, int]] = field(default_factory=Counter)
    _next_channel: Counter[tuple[int, int, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """The objects of one end of a fifo, and the two locks that count them."""

    buffers: tuple[str, ...]
    count: int
    prod_lock: str
    cons_lock: str


def lower_fifos(design: Design) -> FifoLowering:
    """Buffers, locks, chains, flows and core ends of every fifo; a `Problem` where mlir-aie would refuse."""
    lowering = FifoLowering(design)
    made = []
    for fifo in design.fifos:
        before = len(lowering.buffers)
        _lower(lowering, fifo)
        made.append(lowering.buffers[before:])
    # The pass inserts each fifo's buffers right behind the last tile, so a later fifo's stand before an earlier one's.
    lowering.buffers = [buffer for group in reversed(made) for buffer in group]
    _check_cores(lowering)
    return lowering


def _lower(lowering: FifoLowering, fifo: Fifo) -> None:
    if fifo.element.nbytes % 4:
        raise Problem(
            f"an object of @{fifo.name} is not a whole number of 32-bit words",
            where=str(fifo.place),
            why=f"{fifo.element} has {fifo.element.nbytes} bytes, and a DMA moves words of 4",
            fix="make the object a multiple of 4 bytes",
        )
    if _shares_memory(fifo):
        _lower_shared(lowering, fifo)
    else:
        _lower_dma(lowering, fifo)


def _shares_memory(fifo: Fifo) -> bool:
    """Two neighbouring cores need no DMA; with a single consumer the objects lie at one of them."""
    if len(fifo.consumers) != 1:
        return False
    producer, consumer = fifo.producer, fifo.consumers[0]
    if producer.kind != CORE or consumer.kind != CORE:
        return False
    distance = abs(producer.column - consumer.column) + abs(producer.row - consumer.row)
    return distance <= 1


def _lower_shared(lowering: FifoLowering, fifo: Fifo) -> None:
    producer, consumer = fifo.producer, fifo.consumers[0]
    # A core reaches its west, north and south neighbours, never the east one: the objects lie at the producer
    # unless only the consumer's memory is reached by both (AIETargetModel isLegalMemAffinity).
    owner = consumer if (producer.row == consumer.row and producer.column == consumer.column + 1) else producer
    pool = _pool(lowering, fifo, fifo.name, owner, fifo.depths[0])
    _core_end(lowering, fifo, "Produce", producer, pool, str(consumer))
    _core_end(lowering, fifo, "Consume", consumer, pool, str(producer))


def _lower_dma(lowering: FifoLowering, fifo: Fifo) -> None:
    source = _end(lowering, fifo, fifo.name, fifo.producer, 0, MM2S)
    for number, consumer in enumerate(fifo.consumers):
        suffix = "_cons" if len(fifo.consumers) == 1 else f"_{number}_cons"
        destination = _end(lowering, fifo, fifo.name + suffix, consumer, 1 + number, S2MM)
        lowering.flows.append(
            Flow(
                source=fifo.producer,
                source_channel=source,
                destination=consumer,
                destination_channel=destination,
                fifo=fifo.name,
            )
        )


def _end(lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, end: int, direction: Direction) -> int:
    """One end of a fifo that goes by DMA; returns its channel."""
    channel = _take_channel(lowering, fifo, tile, direction)
    if tile.kind == SHIM:
        # mlir-aie makes the pair of locks there as well, and never uses it.
        _locks(lowering, fifo, name, tile, 0)
        allocation = ShimAllocation(fifo=fifo.name, tile=tile, direction=direction, channel=channel)
        lowering.shim_allocations.append(allocation)
        return channel
    port = "Produce" if direction == MM2S else "Consume"
    pool = _pool(lowering, fifo, name, tile, _pool_size(lowering.design, fifo, tile, end, port))
    _chain(lowering, fifo, tile, direction, channel, pool)
    if tile.kind == CORE:
        peer = ", ".join(map(str, fifo.consumers)) if direction == MM2S else str(fifo.producer)
        _core_end(lowering, fifo, port, tile, pool, peer)
    return channel


def _pool_size(design: Design, fifo: Fifo, tile: Tile, end: int, port: str) -> int:
    """Objects at one end: a core gets its largest acquire + 1, whatever scalar depth says (findObjectFifoSize)."""
    if len(fifo.depths) > 1:
        return fifo.depths[end]
    declared = fifo.depths[0]
    acquired = max(
        (count for core in design.cores if core.tile.at == tile.at for count in _acquires(core, fifo, port)),
        default=0,
    )
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


def _pool(lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, count: int) -> _Pool:
    buffers = tuple(f"{name}_buff_{number}" for number in range(count))
    for buffer in buffers:
        lowering.buffers.append(
            Buffer(name=buffer, tile=tile, type=fifo.element, address=None, bank=None, place=fifo.place)
        )
    prod, cons = _locks(lowering, fifo, name, tile, count)
    return _Pool(buffers=buffers, count=count, prod_lock=prod, cons_lock=cons)


def _locks(lowering: FifoLowering, fifo: Fifo, name: str, tile: Tile, free: int) -> tuple[str, str]:
    names = (f"{name}_prod_lock_0", f"{name}_cons_lock_0")
    for lock, init in zip(names, (free, 0), strict=True):
        _limit(init, MAX_LOCK_VALUE, f"objects of @{fifo.name} (a lock counts them)", tile, fifo.place)
        number = lowering._next_lock[tile.at]
        lowering._next_lock[tile.at] += 1
        _limit(number + 1, TILE_KINDS[tile.kind].locks, "locks", tile, fifo.place)
        lowering.locks.append(Lock(tile=tile, id=number, name=lock, init=init))
    return names


def _chain(lowering: FifoLowering, fifo: Fifo, tile: Tile, direction: Direction, channel: int, pool: _Pool) -> None:
    first = lowering._next_bd[tile.at]
    lowering._next_bd[tile.at] += pool.count
    _limit(first + pool.count, TILE_KINDS[tile.kind].bds, "buffer descriptors", tile, fifo.place)
    wait, signal = (pool.cons_lock, pool.prod_lock) if direction == MM2S else (pool.prod_lock, pool.cons_lock)
    bds = tuple(
        Bd(
            bd_id=first + number,
            buffer=buffer,
            offset=0,
            length=fifo.element.count,
            acquire=(wait, 1),
            release=(signal, 1),
            next=first + (number + 1) % pool.count,
        )
        for number, buffer in enumerate(pool.buffers)
    )
    lowering.chains.append(DmaChain(tile=tile, direction=direction, channel=channel, bds=bds, fifo=fifo.name))


def _core_end(lowering: FifoLowering, fifo: Fifo, port: str, tile: Tile, pool: _Pool, peer: str) -> None:
    wait, signal = (pool.prod_lock, pool.cons_lock) if port == "Produce" else (pool.cons_lock, pool.prod_lock)
    lowering.ends[tile.at][fifo.name, port] = FifoEnd(
        fifo=fifo.name, port=port, buffers=pool.buffers, acquire_lock=wait, release_lock=signal, peer=peer
    )


def _take_channel(lowering: FifoLowering, fifo: Fifo, tile: Tile, direction: Direction) -> int:
    channel = lowering._next_channel[(*tile.at, direction)]
    lowering._next_channel[(*tile.at, direction)] += 1
    what = "output DMA channels (MM2S)" if direction == MM2S else "input DMA channels (S2MM)"
    _limit(channel + 1, TILE_KINDS[tile.kind].channels, what, tile, fifo.place)
    return channel


def _limit(wanted: int, limit: int, what: str, tile: Tile, place: Place) -> None:
    if wanted > limit:
        raise Problem(
            f"tile {tile} needs more {what} than it has",
            where=str(place),
            why=f"the fifos up to this one need {wanted}, and a {tile.kind} tile has {limit}",
            fix="join fifos, lower their depth, or move one to another tile",
        )


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
