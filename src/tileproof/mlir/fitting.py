"""Whether the parts of an operation on memrefs and vectors fit each other, as far as xDSL does not ask.

What does not fit is kept as it is written, and refused where a core is to execute it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from tileproof.mlir.program import Kept
from tileproof.mlir.values import extents_of

# ShapedType::kDynamic: stands where an operand has the number.
OPEN = -(1 << 63)

_Extents = Sequence[int | None]


def fits(written: Kept) -> bool:
    rule = _RULES.get(written.name)
    try:
        return rule is None or rule(written)
    except (KeyError, IndexError, TypeError):
        return False  # an attribute, an operand or a dimension is not there


def with_gaps(numbers: Sequence[int]) -> tuple[int | None, ...]:
    """Numbers that an operation has written out; None is that of its next operand."""
    return tuple(None if number == OPEN else number for number in numbers)


def kept_dimensions(sizes: _Extents, extents: _Extents) -> tuple[int, ...] | None:
    """The dimensions that the type of a part still has: it may leave out some of extent 1. None where it is no type of
    such a part."""
    kept: list[int] = []
    for number, size in enumerate(sizes):
        spare = len(sizes) - number > len(extents) - len(kept)
        if len(kept) < len(extents) and (size == extents[len(kept)] or not spare):
            if size != extents[len(kept)]:
                return None
            kept.append(number)
        elif size != 1:
            return None
    return tuple(kept) if len(kept) == len(extents) else None


def _of(written: Kept, operand: int = 0) -> tuple[int | None, ...]:
    return extents_of(written.operand_types[operand])


def _gives(written: Kept) -> tuple[int | None, ...]:
    return extents_of(written.types[0])


def _said(written: Kept, key: str) -> tuple[Any, ...]:
    said = written.attributes[key]
    if not isinstance(said, tuple):
        raise TypeError(key)
    return said


def _subview(written: Kept) -> bool:
    offsets, sizes, strides = (with_gaps(_said(written, f"static_{key}")) for key in ("offsets", "sizes", "strides"))
    rank = len(_of(written))
    return len(offsets) == len(sizes) == len(strides) == rank and kept_dimensions(sizes, _gives(written)) is not None


def _reinterpret(written: Kept) -> bool:
    sizes = with_gaps(_said(written, "static_sizes"))
    is_one = len(_said(written, "static_offsets")) == 1
    return is_one and sizes == _gives(written) and len(_said(written, "static_strides")) == len(sizes)


def _grouped(written: Kept, wide: _Extents, narrow: _Extents) -> bool:
    groups = _said(written, "reassociation")
    if [one for group in groups for one in group] != list(range(len(wide))) or len(groups) != len(narrow):
        return False
    inner = [[wide[one] for one in group] for group in groups]
    known = zip(inner, narrow, strict=True)
    return all(None in (*some, one) or prod(n for n in some if n is not None) == one for some, one in known)


def _collapse(written: Kept) -> bool:
    return _grouped(written, _of(written), _gives(written))


def _expand(written: Kept) -> bool:
    shape = with_gaps(_said(written, "static_output_shape"))
    return shape == _gives(written) and _grouped(written, shape, _of(written))


def _view(written: Kept) -> bool:
    return len(written.operands) == 2 + _gives(written).count(None)


def _along_the_innermost(operand: int) -> Callable[[Kept], bool]:
    """A vector that lies along the innermost dimensions of the buffer with that number."""

    def rule(written: Kept) -> bool:
        vector = _gives(written) if written.types else _of(written)
        return 1 <= len(vector) <= len(_of(written, operand))

    return rule


def _broadcast(written: Kept) -> bool:
    before, after = _of(written), _gives(written)
    inner = after[len(after) - len(before) :]
    return len(before) <= len(after) and all(a in (1, b) for a, b in zip(before, inner, strict=True))


def _extract_slice(written: Kept) -> bool:
    offsets, sizes, of = _said(written, "offsets"), _said(written, "sizes"), _of(written)
    within = _inside(offsets, sizes, of[: len(sizes)])
    return within and len(_said(written, "strides")) == len(sizes) and (*sizes, *of[len(sizes) :]) == _gives(written)


def _insert_slice(written: Kept) -> bool:
    small, large, offsets = _of(written), _of(written, 1), _said(written, "offsets")
    outer = (1,) * (len(large) - len(small))
    return len(_said(written, "strides")) == len(small) <= len(large) and _inside(offsets, (*outer, *small), large)


def _inside(offsets: Sequence[int], sizes: _Extents, extents: _Extents) -> bool:
    if not len(offsets) == len(sizes) == len(extents):
        return False
    return all(
        offset >= 0 and size is not None and extent is not None and offset + size <= extent
        for offset, size, extent in zip(offsets, sizes, extents, strict=True)
    )


def _transpose(written: Kept) -> bool:
    of = _of(written)
    return tuple(of[one] for one in _said(written, "permutation")) == _gives(written)


def _one_dimension(written: Kept) -> bool:
    return len(extents_of(written.operand_types[len(written.operands) - 2])) == 1


def _reduction(written: Kept) -> bool:
    return len(_of(written)) == 1 and len(written.operands) in (1, 2)


def _multi_reduction(written: Kept) -> bool:
    of, dimensions = _of(written), _said(written, "reduction_dims")
    kept = tuple(extent for number, extent in enumerate(of) if number not in dimensions)
    is_there = all(0 <= one < len(of) for one in dimensions) and bool(dimensions)
    return is_there and kept == _gives(written) and len(written.operands) == 2


def _contract(written: Kept) -> bool:
    maps, extents = _said(written, "indexing_maps"), [_of(written, number) for number in range(3)]
    known: dict[int, int | None] = {}
    for map_, shape in zip(maps, extents, strict=True):
        if not isinstance(map_, tuple) or len(map_) != len(shape) or len(set(map_)) != len(map_) or None in map_:
            return False
        if any(known.setdefault(one, extent) != extent for one, extent in zip(map_, shape, strict=True)):
            return False
    return set(maps[2]) <= {*maps[0], *maps[1]} and extents[2] == _gives(written)


def _mask(written: Kept) -> bool:
    return len(written.operands) == len(_gives(written)) > 0


_RULES: dict[str, Callable[[Kept], bool]] = {
    "memref.subview": _subview,
    "memref.reinterpret_cast": _reinterpret,
    "memref.collapse_shape": _collapse,
    "memref.expand_shape": _expand,
    "memref.view": _view,
    **dict.fromkeys(("vector.load", "affine.vector_load"), _along_the_innermost(0)),
    **dict.fromkeys(("vector.store", "affine.vector_store"), _along_the_innermost(1)),
    "vector.broadcast": _broadcast,
    "vector.extract_strided_slice": _extract_slice,
    "vector.insert_strided_slice": _insert_slice,
    "vector.transpose": _transpose,
    **dict.fromkeys(("vector.extractelement", "vector.insertelement"), _one_dimension),
    "vector.reduction": _reduction,
    "vector.multi_reduction": _multi_reduction,
    "vector.contract": _contract,
    "vector.create_mask": _mask,
}
