"""Where tiles without a place go: what mlir-aie's aie-place-tiles would choose.

Facts: AIEPlacer.cpp, SequentialPlacer. Cores fill the columns one after the other; a mem or shim tile goes to the
average column of the cores that its fifos or flows connect it with, or to the right of it where channels run out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation as XdslOperation
from xdsl.ir import SSAValue

from tileproof.device_model import CORE, MEM, ROWS, SHIM, TILE_KINDS, Device
from tileproof.mlir.aie import LogicalTileOp
from tileproof.mlir.aie_dma import FlowOp, PacketFlowOp, PacketSourceOp
from tileproof.mlir.aie_fifos import FifoOp, LinkOp
from tileproof.mlir.attributes import optional_integer, refuse, string, texts

KINDS = {"CoreTile": CORE, "MemTile": MEM, "ShimNOCTile": SHIM, "ShimPLTile": "shim PL"}


def place_logical_tiles(device: Device, operations: Sequence[XdslOperation]) -> dict[SSAValue, tuple[int, int]]:
    """(column, row) of every logical tile; a `Problem` where there is none left."""
    logical = [op for op in operations if isinstance(op, LogicalTileOp)]
    if not logical:
        return {}
    placer = _Placer(device, {op.outs[0]: op for op in logical}, *_wiring(operations))
    placer.cores_and_fixed()
    for group in _groups(operations):
        placer.group(group)
    placer.rest()
    return placer.placed


@dataclass
class _Placer:
    device: Device
    tiles: dict[SSAValue, LogicalTileOp]
    inputs: Counter[SSAValue]
    outputs: Counter[SSAValue]
    placed: dict[SSAValue, tuple[int, int]] = field(default_factory=dict)
    _used: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def cores_and_fixed(self) -> None:
        free = [(column, row) for column in range(self.device.columns) for row in range(2, ROWS)]
        for value, op in self.tiles.items():
            column, row = optional_integer(op, "col"), optional_integer(op, "row")
            if column is not None and row is not None:
                self._put(value, (column, row))
                if (column, row) in free:
                    free.remove((column, row))
            elif _kind(op) == CORE:
                at = next((at for at in free if column in (None, at[0]) and row in (None, at[1])), None)
                if at is None:
                    refuse(op, "no core tile is left for this logical tile", "use fewer cores, or a larger device")
                # The one that it passed over comes later, where this one stood.
                free[free.index(at)] = free[0]
                del free[0]
                self._put(value, at)

    def group(self, members: Sequence[SSAValue]) -> None:
        columns = [self.placed[m][0] for m in members if m in self.placed and _kind(self.tiles[m]) == CORE]
        # The rounded average.
        common = (sum(columns) + len(columns) // 2) // len(columns) if columns else 0
        for value in members:
            if value in self.tiles and value not in self.placed:
                self._near(value, common)

    def rest(self) -> None:
        for value in self.tiles:
            if value not in self.placed:
                self._near(value, 0)

    def _near(self, value: SSAValue, column: int) -> None:
        op = self.tiles[value]
        fixed = optional_integer(op, "col")
        row = {SHIM: 0, MEM: 1}.get(_kind(op))
        if row is not None:
            for candidate in range(column if fixed is None else fixed, self.device.columns):
                if self._has_room(value, (candidate, row)):
                    self._put(value, (candidate, row))
                    return
        refuse(op, f"no {_kind(op)} tile with channels left for this logical tile", "give it a place with aie.tile")

    def _has_room(self, value: SSAValue, at: tuple[int, int]) -> bool:
        limit = TILE_KINDS[self.device.kind(*at) or SHIM].channels
        used_in, used_out = self._used[at]
        return used_in + self.inputs[value] <= limit and used_out + self.outputs[value] <= limit

    def _put(self, value: SSAValue, at: tuple[int, int]) -> None:
        self.placed[value] = at
        self._used[at][0] += self.inputs[value]
        self._used[at][1] += self.outputs[value]


def _kind(op: LogicalTileOp) -> str:
    return KINDS[string(op, "tile_type")]


def _wiring(operations: Sequence[XdslOperation]) -> tuple[Counter[SSAValue], Counter[SSAValue]]:
    """How many DMA channels each tile needs, in and out, as the placer counts them."""
    inputs: Counter[SSAValue] = Counter()
    outputs: Counter[SSAValue] = Counter()
    fifos = {string(op, "sym_name"): op for op in operations if isinstance(op, FifoOp)}
    links = [op for op in operations if isinstance(op, LinkOp)]
    linked = {name for link in links for key in ("inputs", "outputs") for name in texts(link.attributes[key])}
    for name, fifo in fifos.items():
        if name in linked:
            continue
        producer, *consumers = fifo.ins
        far = [consumer for consumer in consumers if not (_is_core(producer) and _is_core(consumer))]
        inputs.update(far)
        outputs[producer] += bool(far)
    for link in links:
        inward = [fifos[name].ins for name in texts(link.attributes["inputs"]) if name in fifos]
        shared = [ends[1] for ends in inward if len(ends) > 1]
        if shared:
            inputs[shared[0]] += len(texts(link.attributes["inputs"]))
            outputs[shared[0]] += len(texts(link.attributes["outputs"]))
    for sources, destinations in _flows(operations):
        outputs.update(sources)
        inputs.update(destinations)
    return inputs, outputs


def _is_core(value: SSAValue) -> bool:
    return isinstance(value.owner, LogicalTileOp) and _kind(value.owner) == CORE


def _flows(operations: Iterable[XdslOperation]) -> Iterator[tuple[list[SSAValue], list[SSAValue]]]:
    """Per flow the tiles whose DMA it leaves, and those whose DMA it goes to."""
    dma = StringAttr("DMA")
    for op in operations:
        if isinstance(op, FlowOp):
            ends = ((op.ins[0], op.attributes["source_bundle"]), (op.ins[1], op.attributes["dest_bundle"]))
            source, destination = ([tile] if bundle == dma else [] for tile, bundle in ends)
            yield source, destination
        elif isinstance(op, PacketFlowOp):
            packets = [end for end in op.walk() if end.attributes.get("port_bundle") == dma]
            sources = [end.operands[0] for end in packets if isinstance(end, PacketSourceOp)]
            yield sources, [end.operands[0] for end in packets if not isinstance(end, PacketSourceOp)]


def _groups(operations: Sequence[XdslOperation]) -> list[list[SSAValue]]:
    """The tiles that fifos connect, linked fifos together, in the order of the fifos; then those of flows."""
    group_of: dict[str, int] = {}
    for number, link in enumerate(op for op in operations if isinstance(op, LinkOp)):
        for key in ("inputs", "outputs"):
            group_of.update(dict.fromkeys(texts(link.attributes[key]), number))
    groups: dict[object, list[SSAValue]] = {}
    for op in operations:
        if isinstance(op, FifoOp):
            name = string(op, "sym_name")
            groups.setdefault(group_of.get(name, name), []).extend(op.ins)
    connected: list[list[SSAValue]] = []
    for sources, destinations in _flows(operations):
        ends = [*sources, *destinations]
        touched = [group for group in connected if any(end in group for end in ends)]
        for group in touched:
            connected.remove(group)
        connected.append(list(dict.fromkeys([*(tile for group in touched for tile in group), *ends])))
    return [*groups.values(), *connected]
