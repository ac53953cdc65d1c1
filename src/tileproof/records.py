"""Frozen dataclasses as bytes and back: JSON with bounds, that can name the classes it is told and nothing else.

The JSON is a list of nodes, each of which refers to earlier ones only, so that reading it takes no recursion and no
more memory than it is long; what is shared stays shared. Behind it stand the `bytes`, one after the other.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

_HEAD = struct.Struct("<Q")
_Node = None | bool | int | str | list[Any]


def to_bytes(value: object, classes: Sequence[type]) -> bytes:
    """The bytes of a value of None, bools, ints, floats, texts, bytes, tuples, dicts, and dataclasses of `classes`.

    Equal values give equal bytes. Raises TypeError for anything else.
    """
    written = _Written(classes)
    written.ref(value)
    text = json.dumps(written.nodes, separators=(",", ":"), allow_nan=False).encode()
    return b"".join([_HEAD.pack(len(text)), text, *written.blobs])


def from_bytes(data: bytes, classes: Sequence[type]) -> Any:
    """The value of `to_bytes`. Raises ValueError for other bytes, whatever they are."""
    try:
        (length,) = _HEAD.unpack_from(data)
        nodes = json.loads(data[_HEAD.size : _HEAD.size + length])
        return _read(nodes, data[_HEAD.size + length :], classes)
    except (struct.error, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"these are no records: {type(error).__name__}: {error}") from None


def is_of(value: object, kind: Any) -> bool:
    """Whether a value, and each field of a dataclass below it, is of the type that it is declared with. A record of
    somebody else may hold anything, and whoever took it for ours would fail on it later, and elsewhere."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(is_of(value, one) for one in arguments)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return len(each) == len(value) and all(map(is_of, value, each))
    if origin is dict:
        keys, values = arguments
        return isinstance(value, dict) and all(is_of(key, keys) and is_of(one, values) for key, one in value.items())
    if kind is int or kind is float:
        return type(value) is kind
    if not isinstance(value, kind):
        return False
    declared = _declared(kind).items() if is_dataclass(kind) else ()  # type: ignore[arg-type]
    return all(is_of(getattr(value, name), one) for name, one in declared)


@cache
def _declared(kind: Any) -> dict[str, Any]:
    """The types of the fields of a dataclass."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


class _Written:
    """The nodes so far, and where each object has its own."""

    def __init__(self, classes: Sequence[type]) -> None:
        self.nodes: list[_Node] = []
        self.blobs: list[bytes] = []
        self._classes = {one: number for number, one in enumerate(classes)}
        self._known: dict[object, int] = {}
        self._kept: list[object] = []  # as long as their ids count

    def ref(self, value: object) -> int:
        """The number of the value's node."""
        key = _key(value)
        if key not in self._known:
            node = self._node(value)
            self._kept.append(value)
            self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return self._known[key]

    def _node(self, value: object) -> _Node:
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if isinstance(value, float):
            return ["f", value.hex()]
        if isinstance(value, bytes):
            self.blobs.append(value)
            return ["b", len(value)]
        if isinstance(value, tuple):
            return ["t", *map(self.ref, value)]
        if isinstance(value, Mapping):
            return ["d", *(self.ref(one) for pair in value.items() for one in pair)]
        if type(value) in self._classes:
            return [self._classes[type(value)], *(self.ref(getattr(value, f.name)) for f in fields(value))]  # type: ignore[arg-type]
        raise TypeError(f"a {type(value).__name__} is no record")


def _key(value: object) -> object:
    """Equal for values that are written once: equal ones of one type, and else the same object."""
    if isinstance(value, float):
        return float, value.hex()  # 0.0 and -0.0 are equal, and two values
    return (type(value), value) if isinstance(value, (bool, int, str, type(None))) else id(value)


def _read(nodes: list[_Node], blobs: bytes, classes: Sequence[type]) -> Any:
    found: list[Any] = []
    names = [tuple(field.name for field in fields(one)) for one in classes]
    at = 0
    for node in nodes:
        if not isinstance(node, list):
            found.append(node)
            continue
        kind, *rest = node
        if kind == "f":
            found.append(float.fromhex(rest[0]))
        elif kind == "b":
            found.append(_slice(blobs, at, rest[0]))
            at += rest[0]
        elif kind == "t":
            found.append(tuple(_earlier(found, rest)))
        elif kind == "d":
            values = list(_earlier(found, rest))
            found.append(dict(zip(values[::2], values[1::2], strict=True)))
        else:
            found.append(classes[_index(kind)](**dict(zip(names[kind], _earlier(found, rest), strict=True))))
    return found[-1]


def _slice(blobs: bytes, start: int, length: int) -> bytes:
    if _index(length) > len(blobs) - start:
        raise ValueError("bytes reach beyond the end")
    return blobs[start : start + length]


def _earlier(found: list[Any], refs: list[Any]) -> Iterator[Any]:
    return (found[_index(ref)] for ref in refs)


def _index(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no number of a node")
    return number
