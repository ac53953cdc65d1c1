"""From the names and attributes of MLIR's operations to what they mean in a core.

An operation that the table lacks is kept as it is written; so is one whose parts are not those of its meaning, as in
MLIR's generic form any number of operands may stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from tileproof.mlir.fitting import fits, kept_dimensions, with_gaps
from tileproof.mlir.program import (
    Access,
    Acquire,
    Allocate,
    Arithmetic,
    Binary,
    Bitcast,
    BitFunction,
    Branch,
    BranchIf,
    Broadcast,
    Call,
    Cast,
    Collapse,
    Compare,
    CompareFloats,
    Condition,
    Constant,
    Contract,
    Copy,
    Count,
    Elementary,
    End,
    Evaluate,
    Event,
    Expand,
    Extent,
    Extract,
    ExtractSlice,
    FloatFunction,
    FloatPredicate,
    For,
    GetCascade,
    GetGlobal,
    GetStream,
    If,
    IndexSwitch,
    Insert,
    InsertSlice,
    Jump,
    Kept,
    Label,
    Load,
    LoadVector,
    Mask,
    MultiplyAdd,
    Negate,
    Operation,
    PutCascade,
    PutStream,
    Reading,
    Rebit,
    Reduce,
    Reinterpret,
    Release,
    Reshape,
    Retype,
    Select,
    Shuffle,
    Store,
    StoreVector,
    Subview,
    Terminator,
    Transfer,
    TransferRead,
    TransferWrite,
    Transpose,
    UseLock,
    View,
    ViewBytes,
    While,
    WholeFunction,
    WholePredicate,
    Yield,
)
from tileproof.mlir.values import MemRef, element_of, extents_of

LABEL = "block"

# What becomes several operations (affine.py), and is kept as it is written only where its parts do not fit.
AFFINE = (
    *("affine.apply", "affine.min", "affine.max", "affine.for", "affine.if"),
    *("affine.load", "affine.store", "affine.vector_load", "affine.vector_store"),
)

# What MLIR makes calls of malloc and free of.
ON_THE_HEAP = ("memref.alloc", "memref.dealloc", "memref.realloc")


@dataclass(frozen=True, slots=True)
class _Meaning:
    """The class that an operation becomes, and who makes it; nobody does where a part is missing.

    `operands` and `results` are how many there are, None for any number.
    """

    kind: type[Operation]
    make: Callable[[Kept], Operation | None]
    operands: int | None = None
    results: int | None = None

    def of(self, written: Kept) -> Operation | None:
        fits = self.operands in (None, len(written.operands)) and self.results in (None, len(written.results))
        return self.make(written) if fits else None


def meant(written: Kept) -> Operation:
    """What an operation means; itself where that is nothing that is known here."""
    meaning = _MEANINGS.get(written.name) if fits(written) else None
    return (meaning.of(written) if meaning is not None else None) or written


def spellings(kinds: Iterable[type[Operation]]) -> list[str]:
    """What MLIR calls the operations that become one of these classes, by the alphabet."""
    wanted = set(kinds)
    named = {name for name, meaning in _MEANINGS.items() if meaning.kind in wanted}
    return sorted(named | ({LABEL} if Label in wanted else set()))


# Fifos, locks, the cascade


def _acquire(op: Kept) -> Acquire:
    said = op.attributes
    return Acquire(
        name=op.name,
        place=op.place,
        fifo=said["fifo"],
        port=said["port"],
        count=said["count"],
        view=op.results[0],
        type=op.types[0],
    )


def _release(op: Kept) -> Release:
    said = op.attributes
    return Release(name=op.name, place=op.place, fifo=said["fifo"], port=said["port"], count=said["count"])


def _access(op: Kept) -> Access:
    (view,), (result,) = op.operands, op.results
    return Access(name=op.name, place=op.place, view=view, index=op.attributes["index"], result=result)


def _use_lock(op: Kept) -> UseLock | None:
    value, lock = op.attributes.get("value", 1), op.operands[0]
    if not isinstance(value, int):
        return None
    return UseLock(name=op.name, place=op.place, lock=lock, action=op.attributes["action"], value=value)


def _put_cascade(op: Kept) -> PutCascade:
    return PutCascade(name=op.name, place=op.place, value=op.operands[0], type=op.operand_types[0])


def _get_cascade(op: Kept) -> GetCascade:
    return GetCascade(name=op.name, place=op.place, result=op.results[0], type=op.types[0])


def _put_stream(op: Kept) -> PutStream | None:
    """AIE2 has no intrinsic for other than words, and aie-standard-lowering finds none (AIECoreToStandard)."""
    is_word = op.operand_types[1] == "i32"
    return PutStream(name=op.name, place=op.place, value=op.operands[1]) if is_word else None


def _get_stream(op: Kept) -> GetStream | None:
    return GetStream(name=op.name, place=op.place, result=op.results[0]) if op.types == ("i32",) else None


def _event(op: Kept) -> Event:
    return Event(name=op.name, place=op.place, number=op.attributes["val"])


# Control


def _for(op: Kept) -> For:
    (lower, upper, step, *initial), ((index, *carried),), (body,) = op.operands, op.blocks, op.bodies
    return For(
        name=op.name,
        place=op.place,
        lower=lower,
        upper=upper,
        step=step,
        initial=tuple(initial),
        index=index,
        carried=tuple(carried),
        body=body,
        results=op.results,
    )


def _while(op: Kept) -> While:
    (tested, carried), (before, after) = op.blocks, op.bodies
    return While(
        name=op.name,
        place=op.place,
        initial=op.operands,
        tested=tested,
        before=before,
        carried=carried,
        after=after,
        results=op.results,
    )


def _if(op: Kept) -> If:
    (condition,), (then, otherwise) = op.operands, op.bodies
    return If(name=op.name, place=op.place, condition=condition, then=then, otherwise=otherwise, results=op.results)


def _index_switch(op: Kept) -> IndexSwitch:
    (value,), (default, *bodies) = op.operands, op.bodies
    return IndexSwitch(
        name=op.name,
        place=op.place,
        value=value,
        cases=op.attributes["cases"],
        bodies=tuple(bodies),
        default=default,
        results=op.results,
    )


def _terminator(kind: type[Terminator]) -> _Meaning:
    return _Meaning(kind, lambda op: kind(name=op.name, place=op.place, values=op.operands))


def _branch(op: Kept) -> Branch | None:
    """A branch to the block that it stands in alone has no label to go to."""
    if not op.successors:
        return None
    return Branch(name=op.name, place=op.place, to=Jump(op.successors[0], op.operands))


def _branch_if(op: Kept) -> BranchIf | None:
    if not op.successors:
        return None
    (condition, *values), (then, otherwise) = op.operands, op.successors
    _, count, _ = op.attributes["operandSegmentSizes"]
    return BranchIf(
        name=op.name,
        place=op.place,
        condition=condition,
        then=Jump(then, tuple(values[:count])),
        otherwise=Jump(otherwise, tuple(values[count:])),
    )


def _call(op: Kept) -> Call:
    callee = op.attributes["callee"]
    return Call(
        name=op.name,
        place=op.place,
        callee=callee,
        arguments=op.operands,
        types=op.operand_types,
        result=next(iter(op.results), None),
    )


# Memory


def _load(op: Kept) -> Load:
    buffer, *indices = op.operands
    return Load(name=op.name, place=op.place, buffer=buffer, indices=tuple(indices), result=op.results[0])


def _store(op: Kept) -> Store:
    value, buffer, *indices = op.operands
    return Store(name=op.name, place=op.place, value=value, buffer=buffer, indices=tuple(indices))


def _load_vector(op: Kept) -> LoadVector:
    buffer, *indices = op.operands
    (result,), (type_,) = op.results, op.types
    return LoadVector(name=op.name, place=op.place, buffer=buffer, indices=tuple(indices), result=result, type=type_)


def _store_vector(op: Kept) -> StoreVector:
    value, buffer, *indices = op.operands
    type_ = op.operand_types[0]
    return StoreVector(name=op.name, place=op.place, value=value, buffer=buffer, indices=tuple(indices), type=type_)


def _copy(op: Kept) -> Copy:
    source, target = op.operands
    return Copy(name=op.name, place=op.place, source=source, target=target)


def _transfer(kind: type[Transfer]) -> _Meaning:
    """A read has the padding behind its indices, a write its vector in front of the buffer."""

    def make(op: Kept) -> Transfer | None:
        is_read, said = kind is TransferRead, op.attributes
        along = said.get("permutation_map")
        if not isinstance(along, tuple):
            return None
        operands = list(op.operands)
        mask = operands.pop() if said["operandSegmentSizes"][-1] else None
        last = operands.pop() if is_read else operands.pop(0)
        type_ = op.types[0] if is_read else op.operand_types[0]
        own = {"padding": last, "result": op.results[0]} if is_read else {"value": last}
        in_bounds = tuple(map(bool, said.get("in_bounds") or (False,) * len(along)))
        buffer, *indices = operands
        return kind(
            name=op.name,
            place=op.place,
            buffer=buffer,
            indices=tuple(indices),
            mask=mask,
            along=along,
            in_bounds=in_bounds,
            type=type_,
            **own,
        )

    return _Meaning(kind, make)


def _allocate(op: Kept) -> Allocate | None:
    """A size or a layout that is known at run time only is nothing that a stack could be counted with."""
    if op.operands or not isinstance(op.types[0], MemRef):
        return None
    return Allocate(name=op.name, place=op.place, result=op.results[0], type=op.types[0])


def _get_global(op: Kept) -> GetGlobal | None:
    """`values` are what the reader has found at the global."""
    type_, values = op.types[0], op.attributes.get("values")
    if not isinstance(type_, MemRef) or not isinstance(values, tuple):
        return None
    symbol, (result,) = op.attributes["name"], op.results
    return GetGlobal(name=op.name, place=op.place, symbol=symbol, values=values, result=result, type=type_)


def _extent(op: Kept) -> Extent:
    buffer, dimension = op.operands
    return Extent(name=op.name, place=op.place, buffer=buffer, dimension=dimension, result=op.results[0])


def _view(kind: type[View], **own: str) -> _Meaning:
    """`own` are the fields that this class adds, by the attributes that say them."""

    def make(op: Kept) -> View:
        source, *operands = op.operands
        said = {field: with_gaps(op.attributes[key]) for field, key in own.items()}
        result, type_ = op.results[0], op.types[0]
        return kind(
            name=op.name, place=op.place, source=source, operands=tuple(operands), result=result, type=type_, **said
        )

    return _Meaning(kind, make, results=1)


def _subview(op: Kept) -> Subview | None:
    """`kept` of a part that fits its type is there."""
    kept = kept_dimensions(with_gaps(op.attributes["static_sizes"]), extents_of(op.types[0]))
    found = _view(Subview, **_PARTS).make(op)
    return replace(found, kept=kept) if isinstance(found, Subview) and kept is not None else None


# Arithmetic


def _constant(dialect: Literal["arith", "index"]) -> _Meaning:
    def make(op: Kept) -> Constant:
        value = op.attributes.get("value")
        return Constant(
            name=op.name,
            place=op.place,
            dialect=dialect,
            value=value if isinstance(value, int | float | tuple) else None,
            result=op.results[0],
            type=op.types[0],
        )

    return _Meaning(Constant, make, operands=0, results=1)


def _poison(op: Kept) -> Constant:
    """Any value; zero is one of them. MLIR pads with it where no lane is left out."""
    type_ = op.types[0]
    value = (0,) if extents_of(type_) else 0
    return Constant(name=op.name, place=op.place, dialect="arith", value=value, result=op.results[0], type=type_)


def _arithmetic(kind: type[Arithmetic], operands: int, **own: str) -> _Meaning:
    """`own` are the fields that this class adds."""
    return _Meaning(kind, lambda op: _computed(kind, op, **own), operands, results=1)


def _computed(kind: type[Arithmetic], op: Kept, **own: Any) -> Arithmetic:
    of, result, type_ = op.operand_types[0], op.results[0], op.types[0]
    return kind(name=op.name, place=op.place, operands=op.operands, of=of, result=result, type=type_, **own)


def _compare(kind: type[Compare | CompareFloats], words: tuple[str, ...]) -> _Meaning:
    """The index dialect has its predicates as words, arith as their numbers."""

    def make(op: Kept) -> Arithmetic | None:
        predicate = op.attributes.get("predicate")
        word = words[predicate] if isinstance(predicate, int) and predicate in range(len(words)) else predicate
        return _computed(kind, op, predicate=word) if word in words else None

    return _Meaning(kind, make, operands=2, results=1)


def _said(kind: type[Arithmetic], operands: int | None, **own: str) -> _Meaning:
    """`own` are the fields that this class adds, by the attributes that say them."""
    return _Meaning(
        kind,
        lambda op: _computed(kind, op, **{field: with_gaps(op.attributes[key]) for field, key in own.items()}),
        operands,
        results=1,
    )


def _slice(kind: type[ExtractSlice | InsertSlice], operands: int, *keys: str) -> _Meaning:
    """Steps of a slice are 1 in all that MLIR's own lowering takes."""

    def make(op: Kept) -> Arithmetic | None:
        is_dense = all(stride == 1 for stride in op.attributes["strides"])
        return _computed(kind, op, **{key: op.attributes[key] for key in keys}) if is_dense else None

    return _Meaning(kind, make, operands, results=1)


# By a kind of vector.kind, what it is called in arith: of whole numbers, of floats.
_KINDS: dict[str, tuple[WholeFunction | None, FloatFunction | None]] = {
    "add": ("add", "addf"),
    "mul": ("mul", "mulf"),
    "and": ("and", None),
    "or": ("or", None),
    "xor": ("xor", None),
    "minsi": ("mins", None),
    "maxsi": ("maxs", None),
    "minui": ("minu", None),
    "maxui": ("maxu", None),
    "minimumf": (None, "minimumf"),
    "maximumf": (None, "maximumf"),
    "minnumf": (None, "minnumf"),
    "maxnumf": (None, "maxnumf"),
}


def _function(op: Kept) -> WholeFunction | FloatFunction | None:
    """What a reduction of a kind does with two lanes."""
    kind = str(op.attributes.get("kind", "#vector.kind<add>")).removeprefix("#vector.kind<").removesuffix(">")
    is_float = element_of(op.types[0]).lstrip("b").startswith("f")
    return _KINDS.get(kind, (None, None))[is_float]


def _reduction(op: Kept) -> Reduce | None:
    function = _function(op)
    every = tuple(range(len(extents_of(op.operand_types[0]))))
    dimensions = op.attributes.get("reduction_dims", every)
    if function is None:
        return None
    reduced = _computed(Reduce, op, function=function, dimensions=dimensions)
    assert isinstance(reduced, Reduce)
    return reduced


def _contraction(op: Kept) -> Arithmetic | None:
    function, maps = _function(op), op.attributes["indexing_maps"]
    if function is None or not all(isinstance(one, tuple) and None not in one for one in maps):
        return None
    return _computed(Contract, op, function=function, maps=maps)


def _at_operand(kind: type[Extract | Insert], operands: int) -> _Meaning:
    """One position, which is the last operand."""
    return _Meaning(kind, lambda op: _computed(kind, op, position=(None,)), operands, results=1)


_READ_AS: dict[Reading, tuple[str, ...]] = {
    "signed": ("arith.extsi", "arith.index_cast", "index.casts", "arith.sitofp"),
    "unsigned": ("arith.extui", "arith.index_castui", "index.castu", "arith.uitofp"),
    "number": ("arith.trunci", "arith.fptosi", "arith.fptoui", "arith.extf", "arith.truncf"),
}
_OF_TWO = ("powf", "atan2", "copysign")
_PARTS = {"offsets": "static_offsets", "sizes": "static_sizes", "strides": "static_strides"}
_MEANINGS: dict[str, _Meaning] = {
    "aie.objectfifo.acquire": _Meaning(Acquire, _acquire),
    "aie.objectfifo.release": _Meaning(Release, _release),
    "aie.objectfifo.subview.access": _Meaning(Access, _access),
    "aie.use_lock": _Meaning(UseLock, _use_lock),
    "aie.put_cascade": _Meaning(PutCascade, _put_cascade),
    "aie.get_cascade": _Meaning(GetCascade, _get_cascade),
    "aie.put_stream": _Meaning(PutStream, _put_stream, 2, 0),
    "aie.get_stream": _Meaning(GetStream, _get_stream, 1, 1),
    "aie.event": _Meaning(Event, _event),
    "aie.end": _terminator(End),
    "scf.for": _Meaning(For, _for),
    "scf.while": _Meaning(While, _while),
    "scf.if": _Meaning(If, _if),
    "scf.index_switch": _Meaning(IndexSwitch, _index_switch),
    **dict.fromkeys(("scf.yield", "affine.yield"), _terminator(Yield)),
    "scf.condition": _terminator(Condition),
    "cf.br": _Meaning(Branch, _branch),
    "cf.cond_br": _Meaning(BranchIf, _branch_if),
    "func.call": _Meaning(Call, _call),
    "memref.load": _Meaning(Load, _load),
    "memref.store": _Meaning(Store, _store),
    "memref.copy": _Meaning(Copy, _copy, 2, 0),
    "vector.transfer_read": _transfer(TransferRead),
    "vector.transfer_write": _transfer(TransferWrite),
    "memref.alloca": _Meaning(Allocate, _allocate),
    "memref.get_global": _Meaning(GetGlobal, _get_global, 0, 1),
    "memref.dim": _Meaning(Extent, _extent, 2, 1),
    "memref.subview": _Meaning(Subview, _subview, results=1),
    "memref.reinterpret_cast": _view(Reinterpret, **_PARTS),
    "memref.collapse_shape": _view(Collapse, groups="reassociation"),
    "memref.expand_shape": _view(Expand, groups="reassociation", sizes="static_output_shape"),
    **dict.fromkeys(("memref.cast", "memref.memory_space_cast", "memref.assume_alignment"), _view(Retype)),
    "memref.view": _view(ViewBytes),
    "vector.load": _Meaning(LoadVector, _load_vector),
    "vector.store": _Meaning(StoreVector, _store_vector),
    "arith.constant": _constant("arith"),
    "index.constant": _constant("index"),
    "ub.poison": _Meaning(Constant, _poison, 0, 1),
    **{f"arith.{name}i": _arithmetic(Binary, 2, function=name) for name in get_args(WholeFunction)},
    **{f"index.{name}": _arithmetic(Binary, 2, function=name) for name in get_args(WholeFunction)},
    **{f"arith.{name}": _arithmetic(Binary, 2, function=name) for name in get_args(FloatFunction)},
    **dict.fromkeys(("arith.cmpi", "index.cmp"), _compare(Compare, get_args(WholePredicate))),
    "arith.cmpf": _compare(CompareFloats, get_args(FloatPredicate)),
    "arith.select": _arithmetic(Select, 3),
    "arith.negf": _arithmetic(Negate, 1),
    **{name: _arithmetic(Cast, 1, reads=reads) for reads, names in _READ_AS.items() for name in names},
    "arith.bitcast": _arithmetic(Bitcast, 1),
    **dict.fromkeys(("vector.broadcast", "vector.splat"), _arithmetic(Broadcast, 1)),
    **dict.fromkeys(("vector.fma", "math.fma"), _arithmetic(MultiplyAdd, 3)),
    **{
        f"math.{name}": _arithmetic(Evaluate, 2 if name in _OF_TWO else 1, function=name)
        for name in get_args(Elementary)
    },
    **{f"math.{name}": _arithmetic(Count, 1, function=name) for name in get_args(BitFunction)},
    "vector.create_mask": _Meaning(Mask, lambda op: _computed(Mask, op) if op.operands else None, results=1),
    "vector.extract": _said(Extract, None, position="static_position"),
    "vector.insert": _said(Insert, None, position="static_position"),
    "vector.extractelement": _at_operand(Extract, 2),
    "vector.insertelement": _at_operand(Insert, 3),
    "vector.extract_strided_slice": _slice(ExtractSlice, 1, "offsets", "sizes"),
    "vector.insert_strided_slice": _slice(InsertSlice, 2, "offsets"),
    "vector.shape_cast": _arithmetic(Reshape, 1),
    "vector.bitcast": _arithmetic(Rebit, 1),
    "vector.transpose": _said(Transpose, 1, order="permutation"),
    "vector.shuffle": _said(Shuffle, 2, lanes="mask"),
    **dict.fromkeys(("vector.reduction", "vector.multi_reduction"), _Meaning(Reduce, _reduction, results=1)),
    "vector.contract": _Meaning(Contract, _contraction, 3, 1),
}
