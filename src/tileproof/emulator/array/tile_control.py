"""The control port of a tile: does to the tile's registers what the packets say that come there.

A packet is the header that led it there, a control header, and the words that are written; what is read leaves in a
packet of its own. Several may follow each other. Sources: insts/packets.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import numpy as np

from tileproof.diagnostic import Diagnostic, Place
from tileproof.emulator.array.dma import Outlet, receive, send
from tileproof.emulator.array.engine import Blocked, Engine, Spend, StreamEnd, Work
from tileproof.emulator.array.registers import TileRegisters
from tileproof.errors import Problem
from tileproof.insts import SetRegisters
from tileproof.insts.packets import CONTROL_READ, CONTROL_WRITE, ControlHeader, has_odd_parity, is_header
from tileproof.mlir.design import Packet, Tile

_WORD_BYTES = 4
_Word = Generator[Blocked | Spend, None, int]


def name_of(tile: Tile) -> str:
    return f"the control port of {tile}"


@dataclass(eq=False)
class ControlPort:
    """`inlet` is None where only tokens leave it, or nothing at all comes."""

    tile: Tile
    outlet: Outlet
    engine: Engine
    registers: TileRegisters
    report: Callable[[Diagnostic], None]
    inlet: StreamEnd | None = None
    packets: int = 0  # that have begun since the context did
    is_within: bool = False  # one of them
    _header: ControlHeader | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return name_of(self.tile)

    @property
    def place(self) -> Place:
        return Place(tile=self.tile.at, text=f"{self.name}, packet {self.packets}")

    def work(self) -> Work:
        while True:
            self.is_within = False
            led = yield from self._word()
            self.packets, self.is_within = self.packets + 1, True
            told = yield from self._word()
            header = ControlHeader.of_word(told)
            broken = self._broken(led, told)
            if broken is not None:
                self.report(broken)  # the device counts it in a register of the tile, and goes on
            elif header.operation == CONTROL_READ:
                yield from self._read(header)
                continue
            elif header.operation != CONTROL_WRITE:
                raise self._unknown(header)
            words = []
            for _ in range(header.beats if header.operation == CONTROL_WRITE else 0):
                words.append((yield from self._word()))
            if broken is None:
                self._write(header, tuple(words))

    def unfinished(self) -> Diagnostic | None:
        """The fault of a packet that has only begun when a run is over."""
        if not self.is_within:
            return None
        return self._fault("ends in the middle", "fewer words came than its header says", "send the rest of it")

    def _word(self) -> _Word:
        assert self.inlet is not None
        word = bytearray(_WORD_BYTES)
        yield from receive(self.engine, self.inlet, memoryview(word), "", self.place)
        return int.from_bytes(word, "little")

    def _write(self, header: ControlHeader, words: tuple[int, ...]) -> None:
        column, row = self.tile.at
        action = SetRegisters(word=0, column=column, row=row, offset=header.address, words=words)
        self.registers.write(action, self.place)

    def _read(self, header: ControlHeader) -> Work:
        words = self.registers.read(self.tile, header.address, header.beats, self.place)
        packet = Packet(id=header.response, type=0)
        parcel = self.outlet.addressed(packet, np.array(words, dtype="<u4").view(np.uint8))
        if not parcel.ends:
            self.report(self.outlet.lost(packet, parcel, self.place))
            return
        yield from send(self.engine, parcel, "", self.place)

    def _broken(self, led: int, told: int) -> Diagnostic | None:
        if is_header(led) and has_odd_parity(told):
            return None
        which, word = ("packet", led) if not is_header(led) else ("control", told)
        return self._fault(
            "is broken",
            f"its {which} header is 0x{word:08x}, and "
            + (
                "an odd number of bits is set in every header" if not has_odd_parity(word) else "no header is like that"
            ),
            "begin with a packet header, then the control header with its parity in bit 31, then as many words as it "
            "says; one transfer, one packet",
        )

    def _fault(self, how: str, why: str, fix: str) -> Diagnostic:
        return Diagnostic(
            id="control-packet", what=f"a control packet to {self.tile} {how}", place=self.place, why=why, fix=fix
        )

    def _unknown(self, header: ControlHeader) -> Problem:
        return Problem(
            f"the emulator does not execute operation {header.operation} of a control packet",
            id="instruction-not-executed",
            where=self.place,
            why=f"of address 0x{header.address:05x}: 0 writes and 1 reads; what the others do is in no source that it "
            "is built on",
            fix="write with operation 0, which goes on to the next address with each word",
        )
