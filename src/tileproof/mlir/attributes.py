"""Attributes and types of an operation as plain values, or a `Problem` that points at the operation."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    BFloat16Type,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    StringAttr,
    SymbolRefAttr,
    VectorType,
)
from xdsl.ir import Attribute
from xdsl.ir import Operation as XdslOperation
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from tileproof.diagnostic import Diagnostic
from tileproof.dtypes import BLOCKS, DTYPES, ELEMENTS
from tileproof.errors import Problem
from tileproof.mlir.aie_fifos import SubviewType
from tileproof.mlir.budget import BYTES, DIMENSIONS, shown
from tileproof.mlir.design import Note, Packet
from tileproof.mlir.opaque import OpaqueType
from tileproof.mlir.parse import place_of
from tileproof.mlir.syntax import OLD_SPELLING, OPEN, UNROLLED, PacketInfo
from tileproof.mlir.values import MemRef


def refuse(op: XdslOperation, what: str, fix: str, why: str | None = None, id: str = "TP001") -> NoReturn:
    raise Problem(what, where=place_of(op), why=why, fix=fix, id=id)


def unknown_attributes(op: XdslOperation, known: Iterable[str]) -> list[Note]:
    """A note per attribute that mlir-aie does not know either, and would ignore without a word."""
    known = tuple(known)
    return [
        _unknown(op, key, known)
        for key in op.attributes
        # A name with a dot belongs to another dialect, which may attach what it likes; ours are known.
        if key not in (*known, OLD_SPELLING, UNROLLED, OPEN) and ("." not in key or key.startswith("tileproof."))
    ]


def _unknown(op: XdslOperation, key: str, known: tuple[str, ...]) -> Note:
    near = get_close_matches(key, known, n=1, cutoff=0.7)
    near = near or get_close_matches(key.removeprefix("tileproof."), known, n=1, cutoff=0.7)
    listed = "it knows " + ", ".join(known)
    said = Diagnostic(
        id="TP003",
        what=f"{op.name} has an attribute {key!r} that " + ("does not exist" if near else "tileproof does not know"),
        why=f"mlir-aie ignores it without a word, and so does tileproof; {listed}"
        if near
        else f"it has no effect here; an mlir-aie that does not know it either ignores it without a word; {listed}",
        fix=f"did you mean {near[0]!r}?" if near else "remove it, or correct its name",
        place=place_of(op),
    )
    return Note(said=said)


def string(op: XdslOperation, key: str) -> str:
    value = op.attributes.get(key)
    if not isinstance(value, StringAttr):
        refuse(op, f"{op.name}: {key} must be a text", f'write `{key} = "..."`')
    return value.data


def optional_string(op: XdslOperation, key: str) -> str | None:
    return string(op, key) if key in op.attributes else None


def strings(op: XdslOperation, key: str) -> tuple[str, ...]:
    """A list of texts; empty where it is not written."""
    value = op.attributes.get(key, ArrayAttr([]))
    if not isinstance(value, ArrayAttr) or not all(isinstance(entry, StringAttr) for entry in value):
        refuse(op, f"{op.name}: {key} must be a list of texts", f'write `{key} = ["..."]`')
    return tuple(entry.data for entry in value)


def integer(op: XdslOperation, key: str) -> int:
    value = op.attributes.get(key)
    if not isinstance(value, IntegerAttr):
        refuse(op, f"{op.name}: {key} must be a whole number", f"write `{key} = ...`")
    return int(value.value.data)


def optional_integer(op: XdslOperation, key: str) -> int | None:
    return integer(op, key) if key in op.attributes else None


def flag(op: XdslOperation, key: str) -> bool:
    value = op.attributes.get(key)
    if value is not None and not isinstance(value, IntegerAttr):
        refuse(op, f"{key} is true or false", f"write `{key} = true`", f"it is {value}")
    return value is not None and bool(value.value.data)


def count(op: XdslOperation, key: str, limit: int) -> int | None:
    """A number from 1 to `limit`, or None where it is not written."""
    value = optional_integer(op, key)
    if value is not None and not 1 <= value <= limit:
        refuse(op, f"{key} cannot be {value}", f"give it a number from 1 to {limit}")
    return value


def symbol(op: XdslOperation, key: str) -> str | None:
    """The name behind `@`; None where none is written."""
    value = op.attributes.get(key)
    return value.root_reference.data if isinstance(value, SymbolRefAttr) else None


def array(attribute: Attribute) -> tuple[Attribute, ...]:
    assert isinstance(attribute, ArrayAttr)
    return tuple(attribute)


def texts(attribute: Attribute) -> tuple[str, ...]:
    """The symbols of a list that the parser has made."""
    entries = array(attribute)
    return tuple(entry.data for entry in entries if isinstance(entry, StringAttr))


def integers(op: XdslOperation, key: str) -> tuple[int, ...]:
    """A list of numbers; empty where it is not written."""
    value = op.attributes.get(key, ArrayAttr([]))
    if isinstance(value, DenseArrayBase):
        return tuple(int(entry) for entry in value.get_values())
    if not isinstance(value, ArrayAttr) or not all(isinstance(entry, IntegerAttr) for entry in value):
        refuse(op, f"{op.name}: {key} is a list of numbers", f"write `{key} = array<i32: 0>`")
    return tuple(int(entry.value.data) for entry in value)


def packet(op: XdslOperation, key: str = "packet") -> Packet | None:
    value = op.attributes.get(key)
    if value is None:
        return None
    if not isinstance(value, PacketInfo):
        refuse(op, "this is no packet header", f"write `{key} = #aie.packet_info<pkt_type = 0, pkt_id = 1>`")
    found = Packet(id=int(value.id_.value.data), type=int(value.type_.value.data))
    if not (0 <= found.id < 32 and 0 <= found.type < 8):
        refuse(op, f"there is no packet of id {found.id} and type {found.type}", "ids go to 31, types to 7")
    return found


# Types


def memref(op: XdslOperation, type_: Attribute) -> MemRef:
    result = type_of(op, type_)
    if not isinstance(result, MemRef):
        refuse(op, f"{op.name} wants a memref here, not {type_}", "write memref<...> with a fixed shape")
    return result


def type_of(op: XdslOperation, type_: Attribute) -> MemRef | str:
    """A memref with a fixed shape and no layout of its own; any other type by its name."""
    match type_:
        case MemRefType():
            if not isinstance(type_.layout, NoneAttr):
                return str(type_)
            shape = tuple(type_.get_shape())
            name = str(type_.get_element_type())
            known = "use a fixed shape of " + ", ".join(BLOCKS if name.startswith("!aiex.bfp") else DTYPES)
            if any(extent < 1 for extent in shape):
                refuse(op, f"{type_} has no fixed size", known)
            if name not in ELEMENTS:
                refuse(op, f"{type_} has elements that tileproof does not know", known)
            DIMENSIONS.check(len(shape), f"a memref of {len(shape):,} dimensions", place_of(op), "use fewer")
            read = MemRef(shape, ELEMENTS[name])
            BYTES.check(read.nbytes, f"a memref of {shown(read.nbytes)} bytes", place_of(op), "make it smaller")
            return read
        case OpaqueType():
            return "a type that no operation here says"
        case SubviewType():
            return type_of(op, type_.element)
        case IntegerType() | IndexType() | BFloat16Type() | Float16Type() | Float32Type() | Float64Type():
            return str(type_)
        case VectorType():
            return str(type_)
    refuse(op, f"{op.name} uses the type {type_}", "use memrefs, vectors, integers, index and floats")


def value_type(op: XdslOperation, type_: Attribute) -> MemRef | str:
    """The type of a value in a core: as `type_of`, but that a memref may be open, whose text it is then."""
    is_open = isinstance(type_, MemRefType) and not type_.has_static_shape()
    return str(type_) if is_open else type_of(op, type_)


def dense_values(attribute: Attribute | None, type_: MemRef) -> tuple[int | float, ...]:
    """The values of `dense<...>`, one per element; a single one stands for all."""
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return ()
    values = tuple(attribute.get_values())
    return values * type_.count if len(values) == 1 else values


def plain(attribute: Attribute) -> object:
    """An attribute of a core's operation as a Python value; what has none, as its text."""
    match attribute:
        case IntegerAttr():
            return int(attribute.value.data)
        case FloatAttr():
            return float(attribute.value.data)
        case StringAttr():
            return attribute.data
        case SymbolRefAttr():
            return attribute.root_reference.data
        case ArrayAttr():
            return tuple(plain(entry) for entry in attribute)
        case DenseArrayBase() | DenseIntOrFPElementsAttr():
            return tuple(attribute.get_values())
        case NoneAttr():
            return None
        case AffineMapAttr():
            return _projected(attribute.data) if _is_projection(attribute.data) else str(attribute)
    return str(attribute)


def _is_projection(map_: AffineMap) -> bool:
    return all(isinstance(one, AffineDimExpr) or one == AffineConstantExpr(0) for one in map_.results)


def _projected(map_: AffineMap) -> tuple[int | None, ...]:
    """By its results, the dimension that each is, None for zero."""
    return tuple(one.position if isinstance(one, AffineDimExpr) else None for one in map_.results)
