"""A lowered design as bytes, for the tileproof that wrote them: to load it takes a thousandth of reading the text.

The bytes name classes; only the dataclasses of a design are taken, and only as this tileproof has them.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from tileproof import device_model, dtypes, mlir_aie_versions
from tileproof.diagnostic import diagnostic, place
from tileproof.lowering import model
from tileproof.lowering.model import LoweredDesign
from tileproof.mlir import design, program, values

_PARTS = (design, program, values, model, device_model, dtypes, mlir_aie_versions, diagnostic, place)
_MODULES = {module.__name__: module for module in _PARTS}
_KEY_BYTES = hashlib.sha256().digest_size


def store(lowered: LoweredDesign) -> bytes:
    """The bytes of a lowered design."""
    data = pickle.dumps(lowered, protocol=5)
    return _key() + hashlib.sha256(data).digest() + data


def stored(data: bytes) -> LoweredDesign | None:
    """The design in what `store` gave; None for the bytes of another tileproof, or of nobody."""
    key, digest, rest = data[:_KEY_BYTES], data[_KEY_BYTES : 2 * _KEY_BYTES], data[2 * _KEY_BYTES :]
    if key != _key() or digest != hashlib.sha256(rest).digest():
        return None
    try:
        found = _Reader(io.BytesIO(rest)).load()
        # Whole, and nothing else: a design that somebody put together may lack a part.
        whole = isinstance(found, LoweredDesign) and pickle.dumps(found, protocol=5) == rest
    except Exception:  # pickle promises no kind of error for bytes that are spoilt
        return None
    return found if whole else None


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        found = getattr(_MODULES.get(module), name, None)
        if isinstance(found, type) and is_dataclass(found):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a design")


def _key() -> bytes:
    """Changes whenever a class of a design does."""
    return hashlib.sha256("\n".join(_shapes()).encode()).digest()


def _shapes() -> Iterator[str]:
    for module in _MODULES.values():
        for name, found in sorted(vars(module).items()):
            if isinstance(found, type) and is_dataclass(found) and found.__module__ == module.__name__:
                yield f"{name}: " + ", ".join(f"{field.name} {field.type}" for field in fields(found))
