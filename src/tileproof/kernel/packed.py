"""Plain values and arrays of numbers as bytes: JSON, and behind it the arrays one after the other."""

from __future__ import annotations

import json
import struct
from array import array
from typing import Any

_HEAD = struct.Struct("<Q")
_TABLE, _ARRAY, _TUPLE, _FLOAT = "$table", "$array", "$tuple", "$float"


def pack(value: object) -> bytes:
    """The bytes of a value. Raises TypeError for one that is made of something else than numbers, texts, None, lists,
    tuples, dicts with texts for keys, `array.array` and arrays of numbers."""
    blobs: list[bytes] = []
    text = json.dumps(_plain(value, blobs), allow_nan=False).encode()
    return b"".join([_HEAD.pack(len(text)), text, *blobs])


def unpack(data: bytes) -> Any:
    """The value of `pack`'s bytes. Arrays can only be read. Raises ValueError for other bytes."""
    (length,) = _HEAD.unpack_from(data)
    text, rest = data[_HEAD.size : _HEAD.size + length], data[_HEAD.size + length :]
    return _value(json.loads(text), _Blobs(rest))


def _plain(value: object, blobs: list[bytes]) -> object:
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if type(value) is float:
        return {_FLOAT: value.hex()}
    if isinstance(value, tuple):
        return {_TUPLE: [_plain(one, blobs) for one in value]}
    if isinstance(value, list):
        return [_plain(one, blobs) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: _plain(one, blobs) for key, one in value.items()}
    if isinstance(value, array):
        blobs.append(value.tobytes())
        return {_TABLE: value.typecode, "bytes": len(blobs[-1])}
    return _numbers(value, blobs)


def _numbers(value: object, blobs: list[bytes]) -> object:
    """An array or a number of numpy's, which is not imported for what has none."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple) or (kind not in "biuf" and str(getattr(value, "dtype", "")) != "bfloat16"):
        raise TypeError(f"a {type(value).__name__} is neither a number, a text, a list nor an array of numbers")
    import numpy as np

    whole = np.ascontiguousarray(value)
    blobs.append(whole.tobytes())
    name = "bfloat16" if whole.dtype.name == "bfloat16" else whole.dtype.newbyteorder("<").str
    return {_ARRAY: name, "shape": list(shape), "bytes": len(blobs[-1]), "scalar": not isinstance(value, np.ndarray)}


class _Blobs:
    """The arrays' bytes, from the first on."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = memoryview(data), 0

    def take(self, nbytes: int) -> memoryview:
        if nbytes < 0 or self._at + nbytes > len(self._data):
            raise ValueError("an array reaches beyond the bytes")
        self._at += nbytes
        return self._data[self._at - nbytes : self._at]


def _value(plain: Any, blobs: _Blobs) -> Any:
    if isinstance(plain, list):
        return [_value(one, blobs) for one in plain]
    if not isinstance(plain, dict):
        return plain
    if _FLOAT in plain:
        return float.fromhex(plain[_FLOAT])
    if _TUPLE in plain:
        return tuple(_value(one, blobs) for one in plain[_TUPLE])
    if _TABLE in plain:
        return array(plain[_TABLE], blobs.take(plain["bytes"]).tobytes())
    if _ARRAY in plain:
        return _array(plain, blobs)
    return {key: _value(one, blobs) for key, one in plain.items()}


def _array(plain: dict[str, Any], blobs: _Blobs) -> Any:
    import numpy as np

    if plain[_ARRAY] == "bfloat16":
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16)
    else:
        dtype = np.dtype(plain[_ARRAY])
        if dtype.kind not in "biuf":
            raise ValueError(f"{plain[_ARRAY]!r} is no type of numbers")
    # Of bytes, which nobody can write to.
    found = np.frombuffer(blobs.take(plain["bytes"]).tobytes(), dtype=dtype).reshape(plain["shape"])
    return found[()] if plain["scalar"] else found
