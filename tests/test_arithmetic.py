"""Arithmetic of cores against numpy, and against what MLIR's documentation says where numpy says something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileproof.diagnostic import Place
from tileproof.emulator.array.arithmetic import Unsupported, compute
from tileproof.mlir.operations import meant
from tileproof.mlir.program import Arithmetic, Kept

WIDTHS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64, "index": 64}
NOWHERE = Place("d.mlir", 1, 1)


def operation(name: str, of: str, to: str | None = None, operands: int = 2, **attributes: Any) -> Arithmetic:
    """As it is read from a design."""
    found = meant(
        Kept(
            name=name,
            place=NOWHERE,
            operands=tuple(range(operands)),
            results=(operands,),
            types=(to or of,),
            operand_types=(of,) * operands,
            attributes=attributes,
            bodies=(),
            blocks=(),
            successors=(),
        )
    )
    assert isinstance(found, Arithmetic), name
    return found


def whole(type_: str) -> st.SearchStrategy[int]:
    width = WIDTHS[type_]
    edges = [0, 1, -1, 2, -2, (1 << width - 1) - 1, -(1 << width - 1)]
    return st.sampled_from(edges) | st.integers(-(1 << width - 1), (1 << width - 1) - 1)


def signed(value: int, type_: str) -> int:
    """Two's complement, written another way than the emulator's."""
    width = WIDTHS[type_]
    return (value + (1 << width - 1)) % (1 << width) - (1 << width - 1)


def unsigned(value: int, type_: str) -> int:
    return value % (1 << WIDTHS[type_])


def towards_zero(a: int, b: int) -> int:
    return math.trunc(a / b) if abs(a) < 2**50 else (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)


SIGNED: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "divs": towards_zero,
    "rems": lambda a, b: a - b * towards_zero(a, b),
    "floordivs": lambda a, b: math.floor(a // b),
    "ceildivs": lambda a, b: -((-a) // b),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "maxs": lambda a, b: a if a > b else b,
    "mins": lambda a, b: a if a < b else b,
}
UNSIGNED: dict[str, Callable[[int, int], int]] = {
    "divu": lambda a, b: a // b,
    "remu": lambda a, b: a % b,
    "ceildivu": lambda a, b: (a + b - 1) // b,
    "maxu": max,
    "minu": min,
}
SPELLINGS = [
    *((f"arith.{name}i", name, type_) for name in (*SIGNED, *UNSIGNED) for type_ in ("i8", "i16", "i32", "i64")),
    *((f"index.{name}", name, "index") for name in (*SIGNED, *UNSIGNED)),
]


@pytest.mark.parametrize(("name", "rule", "type_"), SPELLINGS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_whole_numbers_compute_as_two_complement_does(name: str, rule: str, type_: str, data: st.DataObject) -> None:
    a, b = data.draw(whole(type_)), data.draw(whole(type_))
    if b == 0 and ("div" in rule or "rem" in rule):
        with pytest.raises(ZeroDivisionError):
            compute(operation(name, type_), [a, b])
        return
    operands = (a, b) if rule in SIGNED else (unsigned(a, type_), unsigned(b, type_))
    wanted = {**SIGNED, **UNSIGNED}[rule](*operands)
    assert compute(operation(name, type_), [a, b]) == signed(wanted, type_)


@pytest.mark.parametrize("type_", ["i8", "i32", "i64", "index"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_shifts_move_bits_and_keep_the_sign_where_they_should(type_: str, data: st.DataObject) -> None:
    prefix, suffix = ("index", "") if type_ == "index" else ("arith", "i")
    value = data.draw(whole(type_))
    by = data.draw(st.integers(0, WIDTHS[type_] - 1))

    def shifted(name: str) -> Any:
        return compute(operation(f"{prefix}.{name}{suffix}", type_), [value, by])

    assert shifted("shl") == signed(value * 2**by, type_)
    assert shifted("shrs") == value // 2**by
    assert shifted("shru") == signed(unsigned(value, type_) // 2**by, type_)


PREDICATES = ["==", "!=", "<", "<=", ">", ">=", "<", "<=", ">", ">="]


@pytest.mark.parametrize("type_", ["i8", "i16", "i32", "i64", "index"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_comparisons_look_at_the_sign_or_do_not(type_: str, data: st.DataObject) -> None:
    a, b = data.draw(whole(type_)), data.draw(whole(type_))
    for number, sign in enumerate(PREDICATES):
        first, second = (a, b) if number < 6 else (unsigned(a, type_), unsigned(b, type_))
        wanted = int(eval(f"first {sign} second", {"first": first, "second": second}))
        assert compute(operation("arith.cmpi", type_, "i1", predicate=number), [a, b]) == wanted


NAMES = ["eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge"]


def test_a_predicate_of_the_index_dialect_is_a_word() -> None:
    for number, name in enumerate(NAMES):
        by_word = compute(operation("index.cmp", "index", "i1", predicate=name), [-1, 2])
        assert by_word == compute(operation("arith.cmpi", "index", "i1", predicate=number), [-1, 2])


@pytest.mark.parametrize(
    ("name", "of", "to", "value", "wanted"),
    [
        ("arith.extsi", "i8", "i32", -3, -3),
        ("arith.extsi", "i1", "i32", 1, -1),
        ("arith.extui", "i1", "i32", 1, 1),
        ("arith.extui", "i8", "i32", -3, 253),
        ("arith.trunci", "i32", "i8", 300, 44),
        ("arith.trunci", "i32", "i1", 3, 1),
        ("arith.index_cast", "i32", "index", -1, -1),
        ("arith.index_castui", "i32", "index", -1, 2**32 - 1),
        ("index.casts", "i8", "index", -1, -1),
        ("index.castu", "i8", "index", -1, 255),
        ("arith.sitofp", "i32", "f32", -7, -7.0),
        ("arith.uitofp", "i8", "f32", -1, 255.0),
        ("arith.sitofp", "i32", "f32", 16777217, 16777216.0),
        ("arith.fptosi", "f32", "i32", -2.75, -2),
        ("arith.fptoui", "f32", "i32", 2.75, 2),
        ("arith.truncf", "f32", "bf16", 1.00390625, 1.0),
        ("arith.extf", "bf16", "f32", 1.5, 1.5),
        ("arith.bitcast", "f32", "i32", 1.0, 0x3F800000),
        ("arith.bitcast", "i32", "f32", 0x3F800000, 1.0),
        ("arith.negf", "f32", "f32", 2.5, -2.5),
    ],
)
def test_casts(name: str, of: str, to: str, value: float, wanted: float) -> None:
    assert compute(operation(name, of, to, operands=1), [value]) == wanted


FLOATS = st.floats(width=32)


@given(FLOATS, FLOATS)
def test_floats_round_after_each_operation_as_single_precision_does(a: float, b: float) -> None:
    with np.errstate(all="ignore"):
        for name, function in (
            ("addf", np.add),
            ("subf", np.subtract),
            ("mulf", np.multiply),
            ("divf", np.divide),
            ("maximumf", np.maximum),
            ("minimumf", np.minimum),
            ("maxnumf", np.fmax),
            ("minnumf", np.fmin),
        ):
            wanted = function(np.float32(a), np.float32(b))
            found = compute(operation(f"arith.{name}", "f32"), [a, b])
            assert found == wanted or (np.isnan(found) and np.isnan(wanted)), name


# arith.cmpf, in its order: true if ordered and ..., then true if unordered or ...
FLOAT_RULES: list[Callable[[float, float], bool]] = [
    lambda a, b: a == b,
    lambda a, b: a > b,
    lambda a, b: a >= b,
    lambda a, b: a < b,
    lambda a, b: a <= b,
    lambda a, b: a != b,
]


@given(FLOATS, FLOATS)
def test_comparisons_of_floats_know_what_is_unordered(a: float, b: float) -> None:
    unordered = math.isnan(a) or math.isnan(b)
    wanted = [False, *(not unordered and rule(a, b) for rule in FLOAT_RULES), not unordered]
    wanted += [unordered or rule(a, b) for rule in FLOAT_RULES] + [unordered, True]
    for number, truth in enumerate(wanted):
        assert compute(operation("arith.cmpf", "f32", "i1", predicate=number), [a, b]) == truth, number


@pytest.mark.parametrize("name", [f"arith.{name}i" for name in (*SIGNED, *UNSIGNED, "shl", "shrs", "shru")])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_vectors_compute_lane_by_lane_what_numbers_do(name: str, data: st.DataObject) -> None:
    lanes = st.lists(whole("i32"), min_size=4, max_size=4)
    a, b = data.draw(lanes), data.draw(lanes)
    if "div" in name or "rem" in name:
        b = [value or 1 for value in b]
    if "sh" in name:
        b = [value % 32 for value in b]
    arrays = [np.array(values, dtype=np.int32) for values in (a, b)]
    together = compute(operation(name, "vector<4xi32>"), arrays)
    assert isinstance(together, np.ndarray)
    assert together.dtype == np.int32
    assert together.tolist() == [compute(operation(name, "i32"), [x, y]) for x, y in zip(a, b, strict=True)]


# --- bf16 is narrowed by the core's mode

MODES = {
    "floor": 0,
    "ceil": 1,
    "symmetric_floor": 2,
    "symmetric_ceil": 3,
    "negative_inf": 8,
    "positive_inf": 9,
    "symmetric_zero": 10,
    "symmetric_inf": 11,
    "conv_even": 12,
    "conv_odd": 13,
}
BF16: Any = ml_dtypes.bfloat16


def nearby(value: float) -> tuple[float, float]:
    """The bfloat16 below a finite float, and the one above; twice the value if it is one."""
    near = np.float32(value).astype(BF16)
    below = near if float(near) <= value else np.nextafter(near, BF16(-np.inf))
    above = near if float(near) >= value else np.nextafter(near, BF16(np.inf))
    return float(below), float(above)


def narrow(value: float, mode: str) -> float:
    """By the distances to both neighbours, which no bits are needed for."""
    low, high = nearby(value)
    inner, outer = (low, high) if value >= 0 else (high, low)
    even = low if int(np.array(low, BF16).view(np.uint16)) % 2 == 0 else high
    ties = {
        "negative_inf": low,
        "positive_inf": high,
        "symmetric_zero": inner,
        "symmetric_inf": outer,
        "conv_even": even,
        "conv_odd": low if even == high else high,
    }
    if mode in ties:
        down, up = Fraction(value) - Fraction(low), Fraction(high) - Fraction(value)
        return ties[mode] if down == up else low if down < up else high
    return {"floor": low, "ceil": high, "symmetric_floor": inner, "symmetric_ceil": outer}[mode]


def hard_values(count: int) -> np.ndarray:
    """Of every magnitude; a third between two bfloat16, a third beside that, some denormal."""
    rng = np.random.default_rng(20)
    upper = rng.integers(0, 0x7F00, count) | rng.integers(0, 2, count) << 15
    upper[:50] = upper[:50] & 0x807F
    lower = rng.choice([0x8000, 0x7FFF, 0x8001, 0, 1, 0xFFFF], count)
    return (upper << 16 | lower).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("mode", MODES)
def test_a_vector_of_floats_is_narrowed_in_the_mode_of_the_core(mode: str) -> None:
    values = hard_values(2_000)
    found = compute(
        operation("arith.truncf", "vector<2000xf32>", "vector<2000xbf16>", operands=1), [values], MODES[mode]
    )

    assert isinstance(found, np.ndarray)
    assert found.dtype == BF16
    assert [narrow(float(value), mode) for value in values] == found.astype(float).tolist()


ROUNDED: dict[str, Callable[[Any, Any], Any]] = {
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
}


@pytest.mark.parametrize("name", ROUNDED)
@pytest.mark.parametrize("mode", ["floor", "ceil", "conv_even", "symmetric_floor"])
def test_arithmetic_on_vectors_of_bf16_is_single_precision_and_narrowed_once(name: str, mode: str) -> None:
    rng = np.random.default_rng(21)
    a, b = (rng.normal(size=256).astype(BF16) for _ in "ab")
    found = compute(operation(f"arith.{name}", "vector<256xbf16>"), [a, b], MODES[mode])

    wide = ROUNDED[name](a.astype(np.float32), b.astype(np.float32))
    assert isinstance(found, np.ndarray)
    assert [narrow(float(value), mode) for value in wide] == found.astype(float).tolist()


def test_a_core_rounds_to_the_floor_until_it_is_told_otherwise() -> None:
    third = [np.full(16, 1, BF16), np.full(16, 3, BF16)]
    below, above = nearby(float(np.float32(1) / np.float32(3)))
    found = compute(operation("arith.divf", "vector<16xbf16>"), third)

    assert isinstance(found, np.ndarray)
    assert set(found.astype(float).tolist()) == {below}
    assert compute(operation("arith.divf", "bf16"), [1.0, 3.0]) == below, "the vector unit converts scalars, too"
    assert compute(operation("arith.divf", "bf16"), [1.0, 3.0], MODES["ceil"]) == above


@pytest.mark.parametrize("name", ["maximumf", "minimumf", "maxnumf", "minnumf"])
@pytest.mark.parametrize("mode", MODES)
def test_what_is_exact_is_not_rounded(name: str, mode: str) -> None:
    a, b = hard_values(64).astype(BF16), hard_values(128)[64:].astype(BF16)
    found = compute(operation(f"arith.{name}", "vector<64xbf16>"), [a, b], MODES[mode])

    larger = name.startswith("max")
    assert isinstance(found, np.ndarray)
    assert np.where((a > b) == larger, a, b).tolist() == found.tolist()
    negated = compute(operation("arith.negf", "vector<64xbf16>", operands=1), [a], MODES[mode])
    assert isinstance(negated, np.ndarray)
    assert (-a).tolist() == negated.tolist()


def test_a_whole_number_becomes_a_bf16_in_the_mode_of_the_core() -> None:
    values = np.array([257, -257, 3], np.int32)
    assert compute(operation("arith.sitofp", "i32", "bf16", operands=1), [-257], MODES["floor"]) == -258
    found = [
        compute(operation("arith.sitofp", "vector<3xi32>", "vector<3xbf16>", operands=1), [values], MODES[mode])
        for mode in ("floor", "symmetric_floor", "ceil")
    ]

    assert [np.asarray(value).astype(float).tolist() for value in found] == [
        [256, -258, 3],
        [256, -256, 3],
        [258, -256, 3],
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_nan_keeps_the_upper_bits_of_its_payload_and_infinity_passes(mode: str) -> None:
    bits = np.array([0x7F800001, 0xFF80FFFF, 0x7F930001, 0xFFFFFFFF, 0x7F800000, 0xFF800000], np.uint32)
    found = compute(
        operation("arith.truncf", "vector<6xf32>", "vector<6xbf16>", operands=1), [bits.view(np.float32)], MODES[mode]
    )

    assert np.asarray(found).view(np.uint16).tolist() == [0x7F81, 0xFF81, 0x7F93, 0xFFFF, 0x7F80, 0xFF80]


def test_a_type_that_cores_do_not_compute_on_is_named() -> None:
    with pytest.raises(Unsupported, match="f64"):
        compute(operation("arith.addf", "f64"), [1.0, 2.0])


@pytest.mark.parametrize(
    ("name", "operands", "attributes"),
    [
        ("arith.remf", 2, {}),
        ("arith.addi", 3, {}),
        ("arith.negf", 2, {}),
        ("arith.cmpi", 2, {}),
        ("arith.cmpi", 2, {"predicate": 10}),
        ("arith.cmpf", 2, {"predicate": -1}),
        ("index.cmp", 2, {"predicate": "less"}),
    ],
)
def test_what_has_other_parts_than_its_meaning_is_kept_as_it_is_written(
    name: str, operands: int, attributes: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError, match=name):
        operation(name, "f32", operands=operands, **attributes)
