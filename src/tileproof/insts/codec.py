"""Words to operations and back. Little-endian 32-bit words; a header of four, then the operations.

    header     rows<<24 | generation<<16 | minor<<8 | major,  mem tile rows<<8 | columns,  operations,  bytes
    in all write      0x00  0  address 0  value  24
    blockwrite 0x01  0  address  16 + 4n  value...
    maskwrite  0x03  0  address 0  value  mask  28
    sync       0x80  16  column<<16 | row<<8 | direction  channel<<24 | columns<<16 | rows<<8
    ddr_patch  0x81  48  0 0 0 0  address 0  argument 0  byte offset (two words)
    create_scratchpad  usage type<<8 | 0x0a  bytes  0 0
    update_reg         function<<16 | entry<<8 | 0x0c  argument  address

Of version 1.0, which mlir-aie wrote from August 2024 (#1676) to March 2025 (#2152), the same without the zeros:

    write      0x00  address  value
    blockwrite 0x01  address  12 + 4n  value...
    maskwrite  0x03  address  value  mask
    ddr_patch  0x81  24  address  argument  byte offset (two words)

An operation that deviates from its line (a word that is not zero where these are) is kept as `Verbatim`:
`encode(decode(data)) == data` for every stream that can be read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from tileproof.errors import Problem
from tileproof.insts.model import (
    BLOCK_WRITE,
    CREATE_SCRATCHPAD,
    DDR_PATCH,
    LONG,
    MASK_WRITE,
    SCRATCHPAD_FUNCTIONS,
    SHORT,
    SYNC,
    UPDATE_REGISTERS,
    WRITE,
    BlockWrite,
    CreateScratchpad,
    DdrPatch,
    Direction,
    InstructionStream,
    MaskWrite,
    Operation,
    Sync,
    UpdateFromScratchpad,
    Verbatim,
    Write,
    opcode_name,
)

HEADER_WORDS = 4
DIRECTIONS: tuple[Direction, Direction] = ("S2MM", "MM2S")
# Sizes in words. A blockwrite says its own in the last word of its header, custom operations (0x80 and up) in their
# second.
WRITE_WORDS, MASK_WRITE_WORDS, SYNC_WORDS, DDR_PATCH_WORDS = 6, 7, 4, 12
SHORT_WRITE_WORDS, SHORT_MASK_WRITE_WORDS, SHORT_DDR_PATCH_WORDS = 3, 4, 6
BLOCK_WRITE_HEADER = {LONG: 4, SHORT: 3}
CREATE_SCRATCHPAD_WORDS, UPDATE_REGISTERS_WORDS = 4, 3
PREEMPT, LOAD_PDI = 0x06, 0x08
_BOTH = {
    PREEMPT: 1,
    LOAD_PDI: 4,
    CREATE_SCRATCHPAD: CREATE_SCRATCHPAD_WORDS,
    UPDATE_REGISTERS: UPDATE_REGISTERS_WORDS,
}
FIXED_WORDS = {
    LONG: {WRITE: WRITE_WORDS, MASK_WRITE: MASK_WRITE_WORDS, **_BOTH},
    SHORT: {WRITE: SHORT_WRITE_WORDS, MASK_WRITE: SHORT_MASK_WRITE_WORDS, **_BOTH},
}
FIRST_CUSTOM = 0x80
Version = tuple[int, int]
REBUILD = "build again with `tileproof build`, and take insts.bin and xclbin of one build"


def encode(stream: InstructionStream) -> bytes:
    words = [word for operation in stream.operations for word in operation_words(operation, stream.version)]
    major, minor = stream.version
    header = (
        stream.rows << 24 | stream.generation << 16 | minor << 8 | major,
        stream.mem_tile_rows << 8 | stream.columns,
        len(stream.operations),
        4 * (HEADER_WORDS + len(words)),
    )
    return struct.pack(f"<{HEADER_WORDS + len(words)}I", *header, *words)


def decode(data: bytes, name: str) -> InstructionStream:
    """`name` is the file's, for messages. Whatever is not one whole transaction is a Problem."""
    words = _stream_words(data, name)
    version = (words[0] & 0xFF, words[0] >> 8 & 0xFF)
    if version not in FIXED_WORDS:
        why = f"its header gives transaction version {version[0]}.{version[1]}, and mlir-aie writes 0.1, or once 1.0"
        raise _damaged(name, 0, why)
    if words[1] >> 16:
        raise _damaged(name, 1, f"the upper half of the word is unused, and it is 0x{words[1]:08x}")
    operations = _operations(words, name, version)
    if len(operations) != words[2]:
        why = f"its header announces {words[2]:,} operations, and {len(operations):,} follow"
        raise _damaged(name, 2, why)
    return InstructionStream(
        operations=operations,
        generation=words[0] >> 16 & 0xFF,
        columns=words[1] & 0xFF,
        rows=words[0] >> 24,
        mem_tile_rows=words[1] >> 8,
        version=version,
    )


def operation_words(operation: Operation, version: Version = LONG) -> tuple[int, ...]:
    return _short_words(operation) if version == SHORT else _long_words(operation)


def _short_words(operation: Operation) -> tuple[int, ...]:
    match operation:
        case Write():
            return (WRITE, operation.address, operation.value)
        case BlockWrite():
            size = 4 * (BLOCK_WRITE_HEADER[SHORT] + len(operation.words))
            return (BLOCK_WRITE, operation.address, size, *operation.words)
        case MaskWrite():
            return (MASK_WRITE, operation.address, operation.value, operation.mask)
        case DdrPatch():
            offset = (operation.byte_offset & 0xFFFF_FFFF, operation.byte_offset >> 32)
            return (DDR_PATCH, 4 * SHORT_DDR_PATCH_WORDS, operation.address, operation.argument, *offset)
        case _:
            return _long_words(operation)


def _long_words(operation: Operation) -> tuple[int, ...]:
    match operation:
        case Write():
            return (WRITE, 0, operation.address, 0, operation.value, 4 * WRITE_WORDS)
        case BlockWrite():
            size = 4 * (BLOCK_WRITE_HEADER[LONG] + len(operation.words))
            column, row = operation.tile
            return (BLOCK_WRITE, row << 8 | column, operation.address, size, *operation.words)
        case MaskWrite():
            setting = (operation.value, operation.mask)
            return (MASK_WRITE, 0, operation.address, 0, *setting, 4 * MASK_WRITE_WORDS)
        case Sync():
            place = operation.column << 16 | operation.row << 8 | DIRECTIONS.index(operation.direction)
            extent = operation.channel << 24 | operation.columns << 16 | operation.rows << 8
            return (SYNC, 4 * SYNC_WORDS, place, extent)
        case DdrPatch():
            offset = (operation.byte_offset & 0xFFFF_FFFF, operation.byte_offset >> 32)
            target = (0, 0, 0, 0, operation.address, 0, operation.argument, 0)
            return (DDR_PATCH, 4 * DDR_PATCH_WORDS, *target, *offset)
        case CreateScratchpad():
            return (CREATE_SCRATCHPAD | operation.usage_type << 8, operation.nbytes, 0, 0)
        case UpdateFromScratchpad():
            how = operation.entry << 8 | SCRATCHPAD_FUNCTIONS.index(operation.function) << 16
            return (UPDATE_REGISTERS | how, operation.argument, operation.address)
        case Verbatim():
            return operation.words


def _stream_words(data: bytes, name: str) -> tuple[int, ...]:
    if len(data) < 4 * HEADER_WORDS or _foreign(data):
        why = _foreign(data) or f"it has {len(data)} bytes, and the header alone takes {4 * HEADER_WORDS}"
        fix = "name the insts.bin that the build wrote; `tileproof build` says where it is"
        raise Problem(
            f"{name} is not an instruction stream", id="not-instructions", where=_where(name, 0), why=why, fix=fix
        )
    declared = int.from_bytes(data[12:16], "little")
    if declared != len(data) or declared % 4:
        raise _damaged(name, 3, f"its header declares {declared:,} bytes, and the file has {len(data):,}")
    return struct.unpack(f"<{len(data) // 4}I", data)


def _operations(words: tuple[int, ...], name: str, version: Version) -> tuple[Operation, ...]:
    operations = []
    at = HEADER_WORDS
    while at < len(words):
        size = _size(words, at, name, version)
        if at + size > len(words):
            why = f"{opcode_name(words[at] & 0xFF)} takes {size:,} words, and {len(words) - at:,} are left"
            raise _damaged(name, at, why)
        operations.append(_operation(words[at : at + size], version))
        at += size
    return tuple(operations)


def _size(words: tuple[int, ...], at: int, name: str, version: Version) -> int:
    """How many words the operation at `at` takes."""
    opcode = words[at] & 0xFF
    if opcode in FIXED_WORDS[version]:
        return FIXED_WORDS[version][opcode]
    if opcode != BLOCK_WRITE and opcode < FIRST_CUSTOM:
        raise Problem(
            f"{name}: operation {opcode_name(opcode)} is unknown to tileproof",
            id="unknown-operation",
            where=_where(name, at),
            why="its length is not known, so nothing behind it can be read",
            fix="if the stream should hold writes and syncs only, " + REBUILD,
        )
    header = BLOCK_WRITE_HEADER[version]
    place, least = (at + header - 1, header) if opcode == BLOCK_WRITE else (at + 1, 2)
    nbytes = words[place] if place < len(words) else 0
    if nbytes % 4 or nbytes < 4 * least:
        why = f"{opcode_name(opcode)} has a size of {nbytes:,} bytes, not a multiple of 4 from {4 * least} up"
        raise _damaged(name, at, why)
    return nbytes // 4


def _operation(words: tuple[int, ...], version: Version) -> Operation:
    """The operation that says these words, or the words themselves where none says all of them."""
    reader = _READERS[version].get(words[0] & 0xFF)
    if reader is None or len(words) < reader[0]:
        return Verbatim(words=words)
    operation = reader[1](words)
    return operation if operation_words(operation, version) == words else Verbatim(words=words)


def _read_sync(words: tuple[int, ...]) -> Operation:
    return Sync(
        column=words[2] >> 16 & 0xFF,
        row=words[2] >> 8 & 0xFF,
        direction=DIRECTIONS[words[2] & 1],
        channel=words[3] >> 24,
        columns=words[3] >> 16 & 0xFF,
        rows=words[3] >> 8 & 0xFF,
    )


def _read_update(words: tuple[int, ...]) -> Operation:
    code = words[0] >> 16 & 0xFF
    if code >= len(SCRATCHPAD_FUNCTIONS):
        return Verbatim(words=words)
    return UpdateFromScratchpad(
        address=words[2], entry=words[0] >> 8 & 0xFF, function=SCRATCHPAD_FUNCTIONS[code], argument=words[1]
    )


_Readers = dict[int, tuple[int, Callable[[tuple[int, ...]], Operation]]]
# By op code: the words it needs at least, and how they are read.
_SAME_READERS: _Readers = {
    SYNC: (SYNC_WORDS, _read_sync),
    CREATE_SCRATCHPAD: (
        CREATE_SCRATCHPAD_WORDS,
        lambda w: CreateScratchpad(nbytes=w[1], usage_type=w[0] >> 8 & 0xFF),
    ),
    UPDATE_REGISTERS: (UPDATE_REGISTERS_WORDS, _read_update),
}
_LONG_READERS: _Readers = {
    **_SAME_READERS,
    WRITE: (WRITE_WORDS, lambda w: Write(address=w[2], value=w[4])),
    BLOCK_WRITE: (
        BLOCK_WRITE_HEADER[LONG],
        lambda w: BlockWrite(address=w[2], words=w[BLOCK_WRITE_HEADER[LONG] :], tile=(w[1] & 0xFF, w[1] >> 8 & 0xFF)),
    ),
    MASK_WRITE: (MASK_WRITE_WORDS, lambda w: MaskWrite(address=w[2], value=w[4], mask=w[5])),
    DDR_PATCH: (
        DDR_PATCH_WORDS,
        lambda w: DdrPatch(address=w[6], argument=w[8], byte_offset=w[10] | w[11] << 32),
    ),
}
_SHORT_READERS: _Readers = {
    **_SAME_READERS,
    WRITE: (SHORT_WRITE_WORDS, lambda w: Write(address=w[1], value=w[2])),
    BLOCK_WRITE: (
        BLOCK_WRITE_HEADER[SHORT],
        lambda w: BlockWrite(address=w[1], words=w[BLOCK_WRITE_HEADER[SHORT] :]),
    ),
    MASK_WRITE: (SHORT_MASK_WRITE_WORDS, lambda w: MaskWrite(address=w[1], value=w[2], mask=w[3])),
    DDR_PATCH: (
        SHORT_DDR_PATCH_WORDS,
        lambda w: DdrPatch(address=w[2], argument=w[3], byte_offset=w[4] | w[5] << 32),
    ),
}
_READERS = {LONG: _LONG_READERS, SHORT: _SHORT_READERS}


def _damaged(name: str, word: int, why: str) -> Problem:
    what = f"{name}: the instruction stream cannot be read"
    return Problem(what, id="damaged-file", where=_where(name, word), why=why, fix=REBUILD)


def _where(name: str, word: int) -> str:
    return f"{name}, word {word:,} (byte {4 * word:,})"


def _foreign(data: bytes) -> str | None:
    """What a file that is no instruction stream seems to be instead; None if nothing speaks against it."""
    if not data:
        return "the file is empty"
    for start, looks in _LOOKS.items():
        if data.startswith(start):
            return f"it looks like {looks}"
    if data.startswith(_UNTIL_JUNE_2024):
        return (
            "it looks like what mlir-aie wrote until June 2024 (mlir-aie#1517): commands without a header, for opcode 1"
        )
    if all(byte in b"0123456789abcdefABCDEFx\r\n\t " for byte in data[:64]):
        return "it is text, a hexadecimal word a line (insts.txt); XRT wants the words in binary (insts.bin)"
    if all(byte in _PRINTABLE for byte in data[:64]):
        return f"it is text, beginning with {data[:24].decode('latin-1')!r}"
    return None


_LOOKS = {
    b"\x7fELF": "an ELF object: instructions wrapped by aiebu-asm, or aiecc's full-ELF flow",
    b"xclbin2\0": "an xclbin, the instruction stream's companion",
    b"version https://git-lfs": "a Git LFS pointer: `git lfs pull` fetches the file itself",
}
# The first words of its fixed prologue.
_UNTIL_JUNE_2024 = struct.pack("<3I", 0x0000_0011, 0x0100_0405, 0x0100_0100)
_PRINTABLE = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}
