"""aiex.control_packet: the words that mlir-aie puts into an argument of its own, and the transfers that send them.

Facts: AIECtrlPacketToDma.cpp, AIETargetNPU.cpp (AIETranslateControlPacketsToUI32Vec) and
AIEGenerateColumnControlOverlay.cpp of 2026-08. The streams that lead there are the design's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tileproof.device_model import ROWS, SHIM, TILE_KINDS
from tileproof.dtypes import DTYPES
from tileproof.errors import Problem
from tileproof.insts.packets import CONTROL_READ, CONTROL_WRITE, LARGEST_BEATS, ControlHeader, with_parity
from tileproof.lowering.tile_tasks import CONTROLLER_IDS
from tileproof.mlir.design import ControlPacket, Design, Sequence, SequenceOperation, SyncWait, Transfer
from tileproof.mlir.values import MemRef

# Each of a shim tile's two channels serves a half of the column (getRowToShimChanMap).
_ROWS_OF_A_CHANNEL = ROWS // TILE_KINDS[SHIM].channels
_COLUMN_SHIFT, _ROW_SHIFT, _OFFSET_BITS = 25, 20, 0xF_FFFF


def lower_control_packets(design: Design) -> Design:
    """The design with an argument and transfers where its sequences had control packets."""
    return replace(design, sequences=tuple(_lowered(design, sequence) for sequence in design.sequences))


def _lowered(design: Design, sequence: Sequence) -> Sequence:
    if not any(isinstance(operation, ControlPacket) for operation in sequence.operations):
        return sequence
    writer = _Writer(design, len(sequence.arguments))
    operations = tuple(writer.all(sequence.operations))
    words = tuple(writer.words)
    return replace(
        sequence,
        operations=operations,
        arguments=(*sequence.arguments, MemRef((len(words),), DTYPES["i32"])),
        control_words=words,
    )


@dataclass
class _Writer:
    """`argument` is the number of the one that is appended, `words` what it is to hold."""

    design: Design
    argument: int

    def __post_init__(self) -> None:
        self.words: list[int] = []

    def all(self, operations: tuple[SequenceOperation, ...]) -> Iterator[SequenceOperation]:
        """Packets that follow each other to one tile go in one transfer where the device takes that."""
        gathered: list[ControlPacket] = []
        for operation in operations:
            if gathered and not self._joins(gathered[-1], operation):
                yield from self._sent(gathered)
                gathered = []
            if isinstance(operation, ControlPacket):
                gathered.append(operation)
            else:
                yield operation
        if gathered:
            yield from self._sent(gathered)

    def _joins(self, before: ControlPacket, operation: SequenceOperation) -> bool:
        several = self.design.device.generation == "npu2"
        return several and isinstance(operation, ControlPacket) and _tile_of(before) == _tile_of(operation)

    def _sent(self, packets: list[ControlPacket]) -> tuple[SequenceOperation, ...]:
        (column, row), place = _tile_of(packets[0]), packets[0].place
        channel = row // _ROWS_OF_A_CHANNEL
        name = f"ctrlpkt_col{column}_mm2s_chan{channel}"
        self._check_way(packets[0], name)
        first = len(self.words)
        for packet in packets:
            self.words += self._words(packet)
        send = Transfer(
            argument=self.argument,
            offsets=(0, 0, 0, first),
            sizes=(1, 1, 1, len(self.words) - first),
            strides=(0, 0, 0, 1),
            shim=name,
            bd_id=0,
            issue_token=True,
            burst_length=0,
            place=place,
        )
        wait = SyncWait(column=column, row=0, direction="MM2S", channel=channel, columns=1, rows=1, place=place)
        return (send, wait)

    def _words(self, packet: ControlPacket) -> list[int]:
        _check(packet)
        header = ControlHeader(
            address=packet.address & _OFFSET_BITS,
            beats=len(packet.words) or packet.length,
            operation=packet.operation,
            response=packet.response,
        )
        return [with_parity(self._id(packet)), header.word, *(word % (1 << 32) for word in packet.words)]

    def _id(self, packet: ControlPacket) -> int:
        """The packet id of the tile's controller, by which streams lead there."""
        column, row = _tile_of(packet)
        tile = next((tile for tile in self.design.tiles if tile.at == (column, row)), None)
        return CONTROLLER_IDS[row] if tile is None or tile.controller_id is None else tile.controller_id

    def _check_way(self, packet: ControlPacket, name: str) -> None:
        column, row = _tile_of(packet)
        if self.design.device.kind(column, row) is None:
            raise Problem(
                f"a control packet goes to tile ({column}, {row}), which {self.design.device.name} does not have",
                where=packet.place,
                why=f"its address is 0x{packet.address:x}: bits 25 and up are the column, 20 to 24 the row",
                fix="correct the address",
                id="TP602",
            )
        if name not in {allocation.name for allocation in self.design.shim_allocations}:
            raise Problem(
                f"there is no way for a control packet to tile ({column}, {row})",
                where=packet.place,
                why=f"it leaves by @{name}, which the design does not have",
                fix="let aie-opt make the streams: -aie-generate-column-control-overlay=route-shim-to-tile-ctrl=true",
                id="TP608",
            )


def _tile_of(packet: ControlPacket) -> tuple[int, int]:
    return packet.address >> _COLUMN_SHIFT & 0x1F, packet.address >> _ROW_SHIFT & 0x1F


def _check(packet: ControlPacket) -> None:
    beats = len(packet.words) or packet.length
    why = None
    if not 1 <= beats <= LARGEST_BEATS:
        why = f"it is of {beats} words, and one has 1 to {LARGEST_BEATS}"
    elif packet.operation == CONTROL_READ and packet.words:
        why = f"it reads (opcode {CONTROL_READ}), and has data to write"
    elif packet.operation == CONTROL_WRITE and not packet.words:
        why = f"it writes (opcode {CONTROL_WRITE}), and has no data"
    elif not 0 <= packet.operation <= 3 or not 0 <= packet.response <= 31:
        why = f"opcode {packet.operation} and stream_id {packet.response}: they are 0 to 3, and 0 to 31"
    if why is not None:
        raise Problem(
            "a control packet cannot be like this",
            where=packet.place,
            why=why,
            fix="write `{address = ... : ui32, data = array<i32: 1>, opcode = 0 : i32, stream_id = 0 : i32}`, or "
            "`length = 1 : i32, opcode = 1 : i32` to read",
            id="TP313",
        )
