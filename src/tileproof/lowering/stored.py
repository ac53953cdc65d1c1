"""A lowered design as bytes, for the tileproof that wrote them: to load it takes a hundredth of reading the text.

The bytes name classes by number; only the dataclasses of a design are taken, and only as this tileproof has them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from tileproof import device_model, dtypes, mlir_aie_versions
from tileproof.diagnostic import diagnostic, place
from tileproof.lowering import model
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir import design, program, values
from tileproof.records import from_bytes, to_bytes

_PARTS = (design, program, values, model, device_model, dtypes, mlir_aie_versions, diagnostic, place)
CLASSES = tuple(
    found
    for part in _PARTS
    for _, found in sorted(vars(part).items())
    if isinstance(found, type) and is_dataclass(found) and found.__module__ == part.__name__
)
_KEY_BYTES = hashlib.sha256().digest_size


def store(lowered: LoweredDesign, text: str) -> bytes:
    """The bytes of what the design in `text` was lowered to, tied to that text."""
    data = to_bytes(lowered, CLASSES)
    return _key() + _digest(text, data) + data


def stored(data: bytes, text: str) -> LoweredDesign | None:
    """The design in what `store` gave; None for the bytes of another tileproof, of another text, or of nobody."""
    key, digest, rest = data[:_KEY_BYTES], data[_KEY_BYTES : 2 * _KEY_BYTES], data[2 * _KEY_BYTES :]
    if key != _key() or digest != _digest(text, rest):
        return None
    try:
        found = from_bytes(rest, CLASSES)
        # Whole, and nothing else: a design that somebody put together may lack a part.
        whole = isinstance(found, LoweredDesign) and to_bytes(found, CLASSES) == rest
    except (ValueError, TypeError):
        return None
    return found if whole else None


def _digest(text: str, data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(text.encode()).digest() + data).digest()


def _key() -> bytes:
    """Changes whenever a class of a design does."""
    return hashlib.sha256("\n".join(_shapes()).encode()).digest()


def _shapes() -> Iterator[str]:
    for found in CLASSES:
        yield f"{found.__name__}: " + ", ".join(f"{field.name} {field.type}" for field in fields(found))
