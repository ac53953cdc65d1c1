"""Words of packet-switched streams: the header in front of every packet, and what a tile's control port reads behind
it.

Sources: UG1603, Packet Processing (the header); mlir-aie's AIETargetNPU.cpp, AIETranslateControlPacketsToUI32Vec, and
the hosts of its device tests (control packets); the bits of its DMA's headers as its trace tools take them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

PARITY_BIT = 1 << 31
_ID_BITS = 0x1F
# 0 in a header: bits 5 to 11, 15, and 28 to 30.
_UNUSED = 0x7000_8FE0

CONTROL_WRITE, CONTROL_READ = 0, 1
LARGEST_BEATS = 4
_ADDRESS_BITS = 0xF_FFFF


def has_odd_parity(word: int) -> bool:
    return word.bit_count() % 2 == 1


def with_parity(word: int) -> int:
    """The word, with bit 31 so that an odd number of bits is set."""
    return word | (0 if has_odd_parity(word) else PARITY_BIT)


def header_of(packet_id: int, packet_type: int, column: int, row: int) -> int:
    """What a DMA of tile (column, row) puts in front of a BD's data."""
    return with_parity(column << 21 | row << 16 | packet_type << 12 | packet_id)


def is_header(word: int) -> bool:
    return has_odd_parity(word) and not word & _UNUSED


def id_of(header: int) -> int:
    """By which switches lead a packet on."""
    return header & _ID_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlHeader:
    """What a tile's control port is told to do with `beats` words from byte `address` of its tile on. What it reads
    leaves in a packet with the id `response`."""

    address: int
    beats: int
    operation: int
    response: int

    @classmethod
    def of_word(cls, word: int) -> ControlHeader:
        return cls(
            address=word & _ADDRESS_BITS,
            beats=(word >> 20 & 3) + 1,
            operation=word >> 22 & 3,
            response=word >> 24 & _ID_BITS,
        )

    @property
    def word(self) -> int:
        return with_parity(self.response << 24 | self.operation << 22 | self.beats - 1 << 20 | self.address)
