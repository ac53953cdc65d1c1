"""What a kernel's Python may take and give, as records: numbers, texts, lists, dicts, and arrays of numbers."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tileproof.records import from_bytes, to_bytes


@dataclass(frozen=True, slots=True)
class _List:
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """An `array.array`."""

    typecode: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Array:
    """An array of numpy's, or one number of its types."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    is_scalar: bool


_CLASSES = (_List, _Table, _Array)


def pack(value: object) -> bytes:
    """The bytes of a value. Raises TypeError for one that is made of something else than numbers, texts, None, lists,
    tuples, dicts with texts for keys, `array.array` and arrays of numbers."""
    return to_bytes(_plain(value), _CLASSES)


def unpack(data: bytes) -> Any:
    """The value of `pack`'s bytes. Arrays can only be read. Raises ValueError for other bytes."""
    try:
        return _value(from_bytes(data, _CLASSES))
    except (AttributeError, KeyError, TypeError) as error:  # fields of another type than they are written with
        raise ValueError(str(error)) from error


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if isinstance(value, list):
        return _List(tuple(map(_plain, value)))
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, array):
        return _Table(value.typecode, value.tobytes())
    return _numbers(value)


def _numbers(value: object) -> _Array:
    """An array or a number of numpy's, which is not imported for what has none."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    shape = getattr(value, "shape", None)
    if not isinstance(shape, tuple) or (kind not in "biuf" and str(getattr(value, "dtype", "")) != "bfloat16"):
        raise TypeError(f"a {type(value).__name__} is neither a number, a text, a list nor an array of numbers")
    import numpy as np

    whole = np.ascontiguousarray(value)
    name = "bfloat16" if whole.dtype.name == "bfloat16" else whole.dtype.str
    return _Array(name, shape, whole.tobytes(), not isinstance(value, np.ndarray))


def _value(plain: Any) -> Any:
    if isinstance(plain, tuple):
        return tuple(map(_value, plain))
    if isinstance(plain, dict):
        return {key: _value(one) for key, one in plain.items()}
    if isinstance(plain, _List):
        return list(map(_value, plain.items))
    if isinstance(plain, _Table):
        return array(plain.typecode, plain.data)
    return _array(plain) if isinstance(plain, _Array) else plain


def _array(plain: _Array) -> Any:
    import numpy as np

    if plain.dtype == "bfloat16":
        import ml_dtypes

        dtype = np.dtype(ml_dtypes.bfloat16)
    else:
        dtype = np.dtype(plain.dtype)
        if dtype.kind not in "biuf":
            raise ValueError(f"{plain.dtype!r} is no type of numbers")
    found = np.frombuffer(plain.data, dtype=dtype).reshape(plain.shape)  # of bytes, which nobody can write to
    return found[()] if plain.is_scalar else found
