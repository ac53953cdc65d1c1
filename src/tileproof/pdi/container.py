"""A PDI: sixteen bytes for the bus, an image header table, images, partitions, and what the partitions hold.

    0x10  image header table   version, images, their offset, partitions, their offset, -, id code, ..., `IDPP` (0x28)
    image header, 64 bytes     first partition header, partitions, ..., name (0x10), id (0x20)
    partition header, 128      encrypted, plain and total length, next header, ..., data (0x20), attributes (0x24)

Offsets and lengths count 32-bit words from the beginning of the file. Sources: UG1283 (Versal image, image header and
partition header tables), bootgen's partitionheadertable-versal.cpp, and what aiecc of 2026-08 packed of our designs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from tileproof.xclbin.window import Window, text_of

IDENTIFICATION_AT = 0x38
IDENTIFICATIONS = (b"IDPP", b"IDPF")  # PPDI and FPDI, as a little-endian word
_TABLE = struct.Struct("<7I")  # version, images, image headers at, partitions, partition headers at, -, id code
_TABLE_AT = 0x10
_IMAGE = struct.Struct("<4I16sI28x")
_PARTITION = struct.Struct("<4I4I3I84x")
_PARTITION_TYPES = {0: "reserved", 1: "ELF", 2: "CDO", 3: "CFI", 4: "GT CDO"}
_TYPE_SHIFT, _TYPE_MASK = 24, 0x7
_MOST = 64  # images or partitions: the format allows 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """`type` is what `data` is; `offset` its first byte in the file; `missing` how many bytes the file has too few."""

    type: str
    offset: int
    missing: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdi:
    """`images` are (name, id) each."""

    version: int
    id_code: int
    images: tuple[tuple[str, int], ...]
    partitions: tuple[Partition, ...]


def is_pdi(data: bytes) -> bool:
    return data[IDENTIFICATION_AT : IDENTIFICATION_AT + 4] in IDENTIFICATIONS


def read_pdi(data: bytes, name: str) -> Pdi:
    """The PDI in a file's bytes; a `Problem` for what cannot be read."""
    window = Window(data=data, name=name, subject="the PDI")
    table = window.unpack(_TABLE, _TABLE_AT, "the image header table")
    version, images, images_at, partitions, partitions_at, _, id_code = table
    for count, what in ((images, "images"), (partitions, "partitions")):
        if count > _MOST:
            raise window.refusal(_TABLE_AT, f"it declares {count:,} {what}")
    headers = window.rows(_IMAGE, 4 * images_at, images, "image headers")
    return Pdi(
        version=version,
        id_code=id_code,
        images=tuple((text_of(raw), image_id) for _, _, _, _, raw, image_id in headers),
        partitions=tuple(
            _partition(window, row)
            for row in window.rows(_PARTITION, 4 * partitions_at, partitions, "partition headers")
        ),
    )


def _partition(window: Window, row: tuple[int, ...]) -> Partition:
    nbytes, at, attributes = 4 * row[1], 4 * row[8], row[9]
    kind = attributes >> _TYPE_SHIFT & _TYPE_MASK
    window.require(at, 0, "a partition")
    there = min(nbytes, len(window.data) - at)
    return Partition(
        type=_PARTITION_TYPES.get(kind, f"type {kind}"),
        offset=at,
        missing=nbytes - there,
        data=window.take(at, there, "a partition"),
    )
