"""tileproof's functional aie_api against the hardware's rules, written again here in Python.

The rules are those of the AIE API's documentation and of measurements: SRS (shift, round, saturate)
with ten rounding modes; integer adds that wrap; matrix shapes per target; alignment of accesses per target.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

INCLUDE = Path(__file__).parents[1] / "src/tileproof/emulator/include"
COMPILER = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
ARCHITECTURES = {"npu1": 20, "npu2": 21}
FLAGS = ["-std=c++20", "-O2", "-fPIC", "-shared", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=off"]
FLAGS += ["-Wall", "-Wextra", "-Werror"]

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

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
SATURATIONS = {"none": 0, "saturate": 1, "symmetric": 3}

SOURCE = r"""
#include <aie_api/aie.hpp>

template <typename Tag, typename T, typename Element>
void srs(const Element *from, const int *shifts, int groups, T *to) {
    for (int g = 0; g < groups; ++g) {
        aie::accum<Tag, 16> acc;
        for (int i = 0; i < 16; ++i) acc.lane[i] = from[g * 16 + i];
        aie::store_unaligned_v(to + g * 16, acc.template to_vector<T>(shifts[g]));
    }
}

template <unsigned M, unsigned K, unsigned N, typename A, typename B>
void multiply(const A *a, const B *b, int64_t *c) {
    using Tile = aie::mmul<M, K, N, A, B>;
    const auto a0 = aie::load_unaligned_v<Tile::size_A>(a);
    const auto a1 = aie::load_unaligned_v<Tile::size_A>(a + Tile::size_A);
    const auto b0 = aie::load_unaligned_v<Tile::size_B>(b);
    const auto b1 = aie::load_unaligned_v<Tile::size_B>(b + Tile::size_B);
    using Accum = typename Tile::accum_type;
    Tile first_mac_is_a_mul, from_accum(aie::zeros<typename Accum::value_type, Tile::size_C>());
    first_mac_is_a_mul.mac(a0, b0);
    first_mac_is_a_mul.mac(a1, b1);
    from_accum.mul(a1, b1);
    from_accum.mac(a0, b0);
    const Accum x = first_mac_is_a_mul.to_accum(), y = from_accum;
    for (unsigned i = 0; i < Tile::size_C; ++i)
        c[i] = x.lane[i] == y.lane[i] ? int64_t(x.lane[i]) : INT64_MIN;
}

extern "C" {

void set_state(unsigned rounding, unsigned saturation) {
    aie::set_rounding(aie::rounding_mode(rounding));
    aie::set_saturation(aie::saturation_mode(saturation));
}
unsigned get_state() { return unsigned(aie::get_rounding()) << 8 | unsigned(aie::get_saturation()); }

#define SRS(NAME, TAG, ELEMENT, T)                                         \
    void NAME(const ELEMENT *from, const int *shifts, int groups, T *to) { \
        srs<TAG>(from, shifts, groups, to);                                \
    }
SRS(srs_64_i8, acc64, int64_t, int8_t)
SRS(srs_64_i16, acc64, int64_t, int16_t)
SRS(srs_64_i32, acc64, int64_t, int32_t)
SRS(srs_32_i8, acc32, int32_t, int8_t)
SRS(srs_32_i16, acc32, int32_t, int16_t)
SRS(srs_32_i32, acc32, int32_t, int32_t)
SRS(srs_32_u8, acc32, int32_t, uint8_t)
SRS(srs_64_u16, acc64, int64_t, uint16_t)

void multiply_4_8_8_i8_i8(const int8_t *a, const int8_t *b, int64_t *c) { multiply<4, 8, 8>(a, b, c); }
void multiply_8_8_8_u8_i8(const uint8_t *a, const int8_t *b, int64_t *c) { multiply<8, 8, 8>(a, b, c); }
void multiply_2_8_8_u8_u8(const uint8_t *a, const uint8_t *b, int64_t *c) { multiply<2, 8, 8>(a, b, c); }
void multiply_4_4_8_i16_i8(const int16_t *a, const int8_t *b, int64_t *c) { multiply<4, 4, 8>(a, b, c); }
void multiply_4_2_8_i16_i16(const int16_t *a, const int16_t *b, int64_t *c) { multiply<4, 2, 8>(a, b, c); }
void multiply_4_4_8_i16_i16(const int16_t *a, const int16_t *b, int64_t *c) { multiply<4, 4, 8>(a, b, c); }
void multiply_4_4_8_i32_i16(const int32_t *a, const int16_t *b, int64_t *c) { multiply<4, 4, 8>(a, b, c); }
void multiply_4_1_8_i32_i32(const int32_t *a, const int32_t *b, int64_t *c) { multiply<4, 1, 8>(a, b, c); }

void fault_if_misaligned(const int8_t *p, int bytes) {
    if (bytes == 16) (void)aie::load_v<16>(p);
    if (bytes == 32) (void)aie::load_v<32>(p);
    if (bytes == 64) (void)aie::load_v<64>(p);
    if (bytes == 128) (void)aie::load_v<128>(p);
}
void misaligned_store(int8_t *p) { aie::store_v(p, aie::zeros<int8, 32>()); }
void misaligned_iterator(const int16_t *p) { auto it = aie::begin_restrict_vector<32>(p); ++it; (void)*it; }
void unaligned_is_allowed(int8_t *p) { aie::store_unaligned_v(p, aie::load_unaligned_v<32>(p)); }
void shift_too_far(int8_t *p) {
    aie::store_unaligned_v(p, aie::accum<acc64, 32>(aie::load_unaligned_v<32>(p)).to_vector<int8>(60));
}
void index_too_large(int8_t *p) { aie::store_unaligned_v(p, aie::load_unaligned_v<64>(p).extract<32>(2)); }

void zip(const int8_t *v, const int8_t *w, int chunk, int8_t *to) {
    const auto [first, second] = aie::interleave_zip(aie::load_v<64>(v), aie::load_v<64>(w), chunk);
    aie::store_v(to, first), aie::store_v(to + 64, second);
}
void unzip(const int8_t *v, const int8_t *w, int chunk, int8_t *to) {
    const auto [first, second] = aie::interleave_unzip(aie::load_v<64>(v), aie::load_v<64>(w), chunk);
    aie::store_v(to, first), aie::store_v(to + 64, second);
}
void filters(const int8_t *v, int chunk, int8_t *to) {
    aie::store_v(to, aie::filter_even(aie::load_v<64>(v), chunk));
    aie::store_v(to + 32, aie::filter_odd(aie::load_v<64>(v), chunk));
}
void transposed(const int16_t *v, int rows, int columns, int16_t *to) {
    aie::store_v(to, aie::transpose(aie::load_v<32>(v), rows, columns));
}
void shuffles(const int8_t *v, const int8_t *fill, int n, int8_t *to) {
    const auto x = aie::load_v<64>(v), f = aie::load_v<64>(fill);
    aie::store_v(to, aie::shuffle_up_rotate(x, n));
    aie::store_v(to + 64, aie::shuffle_down_rotate(x, n));
    aie::store_v(to + 128, aie::shuffle_up_fill(x, f, n));
    aie::store_v(to + 192, aie::shuffle_down_fill(x, f, n));
    aie::store_v(to + 256, aie::reverse(x));
}
void choices(const int16_t *a, const int16_t *b, int16_t *to) {
    const auto x = aie::load_v<32>(a), y = aie::load_v<32>(b);
    const auto put = [&](int i, const aie::mask<32> &m) { aie::store_v(to + 32 * i, aie::select(x, y, m)); };
    put(0, aie::lt(x, y)), put(1, aie::le(x, y)), put(2, aie::gt(x, y));
    put(3, aie::ge(x, y)), put(4, aie::eq(x, y)), put(5, aie::neq(x, y));
    put(6, aie::mask<32>::from_uint32(0x80000001u));
    put(7, ~aie::lt(x, int16(0)) & (aie::eq(x, y) | aie::gt(y, int16(5))));
    aie::store_v(to + 32 * 8, aie::select(x, int16(7), aie::lt(x, y)));
}

void lanewise(const int8_t *a, const int8_t *b, int8_t *to) {
    const auto x = aie::load_v<64>(a), y = aie::load_v<64>(b);
    const auto put = [&](int i, const aie::vector<int8, 64> &v) { aie::store_v(to + 64 * i, v); };
    put(0, aie::add(x, y)), put(1, aie::sub(x, y)), put(2, aie::min(x, y)), put(3, aie::max(x, y));
    put(4, aie::abs(x)), put(5, aie::neg(x)), put(6, aie::bit_and(x, y)), put(7, aie::bit_or(x, y));
    put(8, aie::bit_xor(x, y)), put(9, aie::bit_not(x)), put(10, aie::sub(int8(3), x));
    put(11, aie::max(x, int8(-5)));
    to[64 * 12] = aie::reduce_add(x), to[64 * 12 + 1] = aie::reduce_max(x);
    to[64 * 12 + 2] = aie::reduce_min(x);
}
void shifts(const int16_t *v, int n, int16_t *to) {
    const auto x = aie::load_v<32>(v);
    aie::store_v(to, aie::downshift(x, n));
    aie::store_v(to + 32, aie::upshift(x, n));
    aie::store_v(to + 64, aie::downshift(x.cast_to<uint16>(), n).cast_to<int16>());
}
void products(const int16_t *a, const int16_t *b, int64_t *to) {
    const auto x = aie::load_v<16>(a), y = aie::load_v<16>(b);
    const auto put = [&](int i, const auto &acc) {
        for (int j = 0; j < 16; ++j) to[i * 16 + j] = acc.lane[j];
    };
    const auto start = aie::mul(x, y);
    static_assert(decltype(aie::mul(x, y))::accum_bits() == 32);
    static_assert(decltype(aie::mul(x.unpack(), y))::accum_bits() == 64);
    put(0, start), put(1, aie::mac(start, x, x)), put(2, aie::msc(start, x, x)), put(3, aie::negmul(x, y));
    put(4, aie::mul(x, int16(-3))), put(5, aie::mul<acc64>(x, y)), put(6, aie::mul(x.unpack(), y.unpack()));
    put(7, aie::mac(aie::mac(start, x, x), x, x)), put(8, aie::accum<acc32, 16>(x, 20));
    put(9, aie::mul(x.cast_to<uint16>(), y.cast_to<uint16>())), put(10, aie::add(start, start));
}
void rearranged(const int16_t *v, int16_t *to) {
    auto x = aie::load_v<32>(v);
    aie::store_v(to, aie::concat(x.extract<16>(1), x.extract<16>(0)));
    aie::store_v(to + 32, x.pack().unpack());
    x.push(-7).set(99, 31);
    x[5] = 55;
    aie::store_v(to + 64, x);
    aie::store_v(to + 96, x.insert(1, aie::broadcast<int16, 8>(1)));
    aie::store_v(to + 128, x.extract<8>(0).grow_replicate<32>());
}
void copied(const int16_t *restrict from, int16_t *restrict to, int n) {
    event0();
    auto in = aie::cbegin_restrict_vector<16>(from);
    auto out = aie::begin_restrict_vector<16>(to);
    AIE_PREPARE_FOR_PIPELINING AIE_LOOP_MIN_ITERATION_COUNT(2)
    for (int i = 0; i < n; i += 16) chess_prepare_for_pipelining chess_loop_range(2, ) *out++ = *in++;
    event1();
}

}  // extern "C"
"""


class Fault(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_uint32),
        ("needed", ctypes.c_uint32),
        ("bytes", ctypes.c_uint32),
        ("address", ctypes.c_size_t),
    )


def compile_for(target: str, source: Path, library: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    assert COMPILER is not None
    command = [COMPILER, *FLAGS, *flags, f"-D__AIE_ARCH__={ARCHITECTURES[target]}", "-I", str(INCLUDE)]
    return subprocess.run([*command, str(source), "-o", str(library)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compiled(target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(target)
    source = folder / "probe.cc"
    source.write_text(SOURCE)
    result = compile_for(target, source, folder / "probe.so")
    assert result.returncode == 0, result.stderr
    return folder / "probe.so"


@pytest.fixture
def library(compiled: Path) -> ctypes.CDLL:
    """The probe with the state and the fault of a core that was just reset."""
    loaded = ctypes.CDLL(str(compiled))
    (ctypes.c_uint32 * 2).in_dll(loaded, "tileproof_core_state")[:] = (0, 0)
    Fault.in_dll(loaded, "tileproof_fault").kind = 0
    return loaded


def aligned(values: Any, dtype: Any, offset: int = 0) -> np.ndarray:
    """A copy of `values` that begins `offset` bytes after a multiple of 128."""
    flat = np.ascontiguousarray(values, dtype=dtype).ravel()
    raw = np.zeros(flat.nbytes + 256, np.uint8)
    start = -raw.ctypes.data % 128 + offset
    copy = raw[start : start + flat.nbytes].view(dtype)
    copy[:] = flat
    return copy


def address(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)  # keeps the array alive


def rounded(value: np.ndarray, shift: np.ndarray, mode: str) -> np.ndarray:
    """`value / 2^shift` as the hardware rounds it: by remainder, sign and the last bit of the floor."""
    floor = value >> shift
    remainder = value & ((np.int64(1) << shift) - 1)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    negative, above, tie = value < 0, remainder > half, remainder == half
    up = {
        "floor": np.zeros_like(negative),
        "ceil": ~np.zeros_like(negative),
        "symmetric_floor": negative,
        "symmetric_ceil": ~negative,
        "positive_inf": above | tie,
        "negative_inf": above,
        "symmetric_inf": above | (tie & ~negative),
        "symmetric_zero": above | (tie & negative),
        "conv_even": above | (tie & (floor & 1 == 1)),
        "conv_odd": above | (tie & (floor & 1 == 0)),
    }[mode]
    return floor + (up & (remainder != 0))


def stored(value: np.ndarray, dtype: Any, saturation: str) -> np.ndarray:
    """Clamped to the type, or wrapped when the core does not saturate."""
    if saturation == "none":
        return value.astype(dtype)
    limits = np.iinfo(dtype)
    low = -limits.max if saturation == "symmetric" and limits.min < 0 else limits.min
    return np.clip(value, low, limits.max).astype(dtype)


def shift_round_saturate(value: np.ndarray, shift: Any, dtype: Any, mode: str, saturation: str) -> np.ndarray:
    value = value.astype(np.int64)
    return stored(rounded(value, np.broadcast_to(np.int64(shift), value.shape), mode), dtype, saturation)


def values_that_round_in_every_way(rng: np.random.Generator, count: int, bits: int, shift: np.ndarray) -> np.ndarray:
    """Random values of every magnitude, a third of them on or next to a tie, and the extremes."""
    value = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), count, dtype=np.int64) >> rng.integers(0, bits, count)
    unit = np.int64(1) << np.minimum(shift, bits - 2)
    tie = (value // unit) * unit + unit // 2 + rng.integers(-1, 2, count)
    value = np.where(rng.random(count) < 1 / 3, tie, value)
    value[:2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return value.clip(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


CONVERSIONS = [
    ("srs_64_i8", 64, np.int8),
    ("srs_64_i16", 64, np.int16),
    ("srs_64_i32", 64, np.int32),
    ("srs_32_i8", 32, np.int8),
    ("srs_32_i16", 32, np.int16),
    ("srs_32_i32", 32, np.int32),
    ("srs_32_u8", 32, np.uint8),
    ("srs_64_u16", 64, np.uint16),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("function", "bits", "dtype"), CONVERSIONS, ids=[name for name, _, _ in CONVERSIONS])
def test_an_accumulator_becomes_a_vector_as_the_hardware_rounds_and_saturates(
    library: ctypes.CDLL, function: str, bits: int, dtype: Any, mode: str
) -> None:
    groups = 6_250
    rng = np.random.default_rng(bits + MODES[mode])
    shifts = rng.integers(0, 60, groups).astype(np.int32)
    per_lane = np.repeat(shifts.astype(np.int64), 16)
    value = values_that_round_in_every_way(rng, groups * 16, bits, per_lane)
    source = value.astype(np.int64 if bits == 64 else np.int32)
    actual = np.empty(groups * 16, dtype)
    for saturation, code in SATURATIONS.items():
        library.set_state(MODES[mode], code)
        getattr(library, function)(address(source), address(shifts), groups, address(actual))

        expected = shift_round_saturate(value, per_lane, dtype, mode, saturation)
        assert np.array_equal(expected, actual), f"{saturation}: {np.flatnonzero(expected != actual)[:5]}"
    assert Fault.in_dll(library, "tileproof_fault").kind == 0


def test_a_negative_shift_multiplies_and_then_saturates(library: ctypes.CDLL) -> None:
    value = np.array([1, -1, 7, -8, 2**62, -(2**63), 2**27, 3] * 2, np.int64)
    actual = np.empty(16, np.int32)
    library.set_state(0, SATURATIONS["saturate"])
    library.srs_64_i32(address(value), address(np.array([-4], np.int32)), 1, address(actual))

    assert [min(max(int(x) * 16, -(2**31)), 2**31 - 1) for x in value] == actual.tolist()


MULTIPLICATIONS = {
    "multiply_4_8_8_i8_i8": (np.int8, np.int8),
    "multiply_8_8_8_u8_i8": (np.uint8, np.int8),
    "multiply_2_8_8_u8_u8": (np.uint8, np.uint8),
    "multiply_4_4_8_i16_i8": (np.int16, np.int8),
    "multiply_4_2_8_i16_i16": (np.int16, np.int16),
    "multiply_4_4_8_i16_i16": (np.int16, np.int16),
    "multiply_4_4_8_i32_i16": (np.int32, np.int16),
    "multiply_4_1_8_i32_i32": (np.int32, np.int32),
}


@pytest.mark.parametrize("name", MULTIPLICATIONS)
def test_mmul_is_the_matrix_product_modulo_its_accumulator(library: ctypes.CDLL, name: str) -> None:
    m, k, n = map(int, name.split("_")[1:4])
    type_a, type_b = MULTIPLICATIONS[name]
    rng = np.random.default_rng(0)
    for extreme in (False, True):
        a, b = (
            rng.choice([np.iinfo(dtype).min, np.iinfo(dtype).max], shape)
            if extreme
            else rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, endpoint=True)
            for dtype, shape in ((type_a, (2, m, k)), (type_b, (2, k, n)))
        )
        actual = np.empty((m, n), np.int64)
        left, right = np.ascontiguousarray(a, type_a), np.ascontiguousarray(b, type_b)
        getattr(library, name)(address(left), address(right), address(actual))

        exact = np.einsum("tmk,tkn->mn", a.astype(object), b.astype(object))
        accumulates_in_32 = name in list(MULTIPLICATIONS)[:5]
        bits = 32 if accumulates_in_32 else 64
        wrapped = [(int(x) + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for x in exact.ravel()]
        assert wrapped == actual.ravel().tolist()


def test_a_core_starts_with_floor_and_without_saturation(compiled: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.so"
    shutil.copy(compiled, fresh)

    assert ctypes.CDLL(str(fresh)).get_state() == 0


def test_rounding_and_saturation_outlive_the_call_that_set_them(library: ctypes.CDLL) -> None:
    library.set_state(MODES["conv_even"], SATURATIONS["symmetric"])

    state = (ctypes.c_uint32 * 2).in_dll(library, "tileproof_core_state")
    assert library.get_state() == 12 << 8 | 3
    assert list(state) == [12, 3]
    state[0] = MODES["ceil"]
    assert library.get_state() == 1 << 8 | 3


def fault_of(library: ctypes.CDLL) -> tuple[int, int, int, int]:
    fault = Fault.in_dll(library, "tileproof_fault")
    return fault.kind, fault.needed, fault.bytes, fault.address


@pytest.mark.parametrize(
    ("bytes_", "needed"),
    [(16, (16, 16)), (32, (32, 32)), (64, (32, 64)), (128, (32, 64))],
    ids=str,
)
def test_a_misaligned_load_is_recorded_with_its_address_and_what_it_needs(
    library: ctypes.CDLL, target: str, bytes_: int, needed: tuple[int, int]
) -> None:
    alignment = needed[target == "npu2"]
    for offset in (0, alignment):
        library.fault_if_misaligned(address(aligned(np.zeros(256), np.int8, offset)), bytes_)
    assert fault_of(library)[0] == 0

    array = aligned(np.zeros(256), np.int8, alignment // 2)
    library.fault_if_misaligned(address(array), bytes_)

    assert fault_of(library) == (1, alignment, bytes_, array.ctypes.data)


def test_only_the_first_fault_is_kept(library: ctypes.CDLL) -> None:
    first, second = aligned(np.zeros(256), np.int8, 4), aligned(np.zeros(256), np.int8, 12)
    library.misaligned_store(address(first))
    library.misaligned_store(address(second))

    assert fault_of(library) == (1, 32, 32, first.ctypes.data)


def test_an_iterator_checks_the_vector_it_stands_at(library: ctypes.CDLL) -> None:
    array = aligned(np.zeros(256), np.int16, 16)
    library.misaligned_iterator(address(array))

    assert fault_of(library)[0] == 1
    assert fault_of(library)[3] == array.ctypes.data + 64


def test_an_unaligned_access_asked_for_by_name_is_no_fault(library: ctypes.CDLL) -> None:
    library.unaligned_is_allowed(address(aligned(np.zeros(256), np.int8, 5)))

    assert fault_of(library)[0] == 0


def test_a_shift_and_an_index_out_of_range_are_recorded(library: ctypes.CDLL) -> None:
    array = aligned(np.zeros(256), np.int8)
    library.shift_too_far(address(array))
    assert fault_of(library)[:3] == (2, 59, 60)

    Fault.in_dll(library, "tileproof_fault").kind = 0
    library.index_too_large(address(array))
    assert fault_of(library)[:3] == (3, 2, 2)


@pytest.mark.parametrize("chunk", [1, 2, 4, 8, 16, 32, 64])
def test_zip_takes_chunks_alternately_and_unzip_undoes_it(library: ctypes.CDLL, chunk: int) -> None:
    v, w = aligned(np.arange(64), np.int8), aligned(np.arange(-64, 0), np.int8)
    zipped, back = aligned(np.zeros(128), np.int8), aligned(np.zeros(128), np.int8)
    library.zip(address(v), address(w), chunk, address(zipped))
    library.unzip(address(zipped[:64]), address(zipped[64:]), chunk, address(back))

    expected = np.stack([v.reshape(-1, chunk), w.reshape(-1, chunk)], axis=1).ravel()
    assert expected.tolist() == zipped.tolist()
    assert [*v, *w] == back.tolist()


@pytest.mark.parametrize("chunk", [1, 2, 8, 32])
def test_filters_keep_every_other_chunk(library: ctypes.CDLL, chunk: int) -> None:
    v, actual = aligned(np.arange(64), np.int8), aligned(np.zeros(64), np.int8)
    library.filters(address(v), chunk, address(actual))

    chunks = v.reshape(-1, chunk)
    assert [*chunks[::2].ravel(), *chunks[1::2].ravel()] == actual.tolist()


@pytest.mark.parametrize("rows", [1, 2, 4, 8, 16, 32])
def test_transpose_takes_rows_then_columns_of_its_argument(library: ctypes.CDLL, rows: int) -> None:
    v, actual = aligned(np.arange(32), np.int16), aligned(np.zeros(32), np.int16)
    library.transposed(address(v), rows, 32 // rows, address(actual))

    assert v.reshape(rows, -1).T.ravel().tolist() == actual.tolist()


@pytest.mark.parametrize("n", [0, 1, 5, 63])
def test_shuffles_move_lanes_up_and_down(library: ctypes.CDLL, n: int) -> None:
    v, fill = aligned(np.arange(64), np.int8), aligned(np.arange(-64, 0), np.int8)
    actual = aligned(np.zeros(320), np.int8)
    library.shuffles(address(v), address(fill), n, address(actual))

    up, down, up_fill, down_fill, backwards = actual.reshape(5, 64).tolist()
    assert np.roll(v, n).tolist() == up
    assert np.roll(v, -n).tolist() == down
    assert [*fill[64 - n :], *v[: 64 - n]] == up_fill
    assert [*v[n:], *fill[:n]] == down_fill
    assert v[::-1].tolist() == backwards


def test_select_takes_the_second_vector_where_the_mask_is_set(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(4)
    a, b = (aligned(rng.integers(-8, 8, 32), np.int16) for _ in "ab")
    actual = aligned(np.zeros(9 * 32), np.int16)
    library.choices(address(a), address(b), address(actual))

    ends = np.isin(np.arange(32), (0, 31))
    masks = [a < b, a <= b, a > b, a >= b, a == b, a != b, ends, (a >= 0) & ((a == b) | (b > 5))]
    for row, mask in zip(actual.reshape(9, 32), masks, strict=False):
        assert np.where(mask, b, a).tolist() == row.tolist()
    assert np.where(a < b, 7, a).tolist() == actual[8 * 32 :].tolist()


def test_integer_lanes_wrap_whatever_the_saturation_mode(library: ctypes.CDLL) -> None:
    library.set_state(MODES["conv_even"], SATURATIONS["saturate"])
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-128, 128, 64) for _ in "ab")
    a[:4], b[:4] = (-128, 127, -128, 127), (-128, 127, 127, -128)
    actual = aligned(np.zeros(13 * 64), np.int8)
    library.lanewise(address(aligned(a, np.int8)), address(aligned(b, np.int8)), address(actual))

    exact = [a + b, a - b, np.minimum(a, b), np.maximum(a, b), np.abs(a), -a]
    exact += [a & b, a | b, a ^ b, ~a, 3 - a, np.maximum(a, -5)]
    assert [row.astype(np.int8).tolist() for row in exact] == actual.reshape(13, 64)[:12].tolist()
    assert [int(np.int64(a.sum()).astype(np.int8)), a.max(), a.min()] == actual[12 * 64 : 12 * 64 + 3].tolist()


@pytest.mark.parametrize("mode", ["floor", "conv_even", "positive_inf"])
@pytest.mark.parametrize("saturation", SATURATIONS)
def test_vector_shifts_round_and_saturate_as_srs_does(library: ctypes.CDLL, mode: str, saturation: str) -> None:
    library.set_state(MODES[mode], SATURATIONS[saturation])
    v = aligned(np.random.default_rng(6).integers(-(2**15), 2**15, 32), np.int16)
    for n in (0, 1, 3, 7, 15):
        actual = aligned(np.zeros(96), np.int16)
        library.shifts(address(v), n, address(actual))

        down, up, down_unsigned = actual.reshape(3, 32)
        assert shift_round_saturate(v, n, np.int16, mode, saturation).tolist() == down.tolist()
        assert stored(v.astype(np.int64) << n, np.int16, saturation).tolist() == up.tolist()
        unsigned = shift_round_saturate(v.view(np.uint16), n, np.uint16, mode, saturation)
        assert unsigned.view(np.int16).tolist() == down_unsigned.tolist()


def test_products_fill_the_accumulator_of_their_width(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(7)
    a, b = (aligned(rng.integers(-(2**15), 2**15, 16), np.int16) for _ in "ab")
    a[:2] = b[:2] = -(2**15)
    actual = np.empty((11, 16), np.int64)
    library.products(address(a), address(b), address(actual))

    x, y = a.astype(np.int64), b.astype(np.int64)
    wrap = lambda value: value.astype(np.int32).tolist()  # noqa: E731
    assert wrap(x * y) == actual[0].tolist()
    assert wrap(x * y + x * x) == actual[1].tolist()
    assert wrap(x * y - x * x) == actual[2].tolist()
    assert wrap(-x * y) == actual[3].tolist()
    assert wrap(-3 * x) == actual[4].tolist()
    assert (x * y).tolist() == actual[5].tolist()
    assert (x * y).tolist() == actual[6].tolist()
    assert wrap(x * y + 2 * x * x) == actual[7].tolist()
    assert wrap(x << 20) == actual[8].tolist()
    assert wrap((x % 2**16) * (y % 2**16)) == actual[9].tolist()
    assert wrap(2 * x * y) == actual[10].tolist()


@pytest.mark.parametrize("saturation", SATURATIONS)
def test_vectors_are_taken_apart_and_put_together(library: ctypes.CDLL, saturation: str) -> None:
    library.set_state(0, SATURATIONS[saturation])
    v = aligned(np.random.default_rng(8).integers(-300, 300, 32), np.int16)
    v[0] = -128
    actual = aligned(np.zeros(160), np.int16)
    library.rearranged(address(v), address(actual))

    swapped, packed, pushed, inserted, repeated = actual.reshape(5, 32).tolist()
    after = [-7, *v[:31].tolist()]
    after[31], after[5] = 99, 55
    assert [*v[16:], *v[:16]] == swapped
    assert stored(v, np.int8, saturation).tolist() == packed
    assert after == pushed
    assert [*after[:8], *[1] * 8, *after[16:]] == inserted
    assert after[:8] * 4 == repeated


def test_iterators_copy_and_loop_macros_vanish(library: ctypes.CDLL) -> None:
    v, actual = aligned(np.arange(64), np.int16), aligned(np.zeros(64), np.int16)
    library.copied(address(v), address(actual), 64)

    assert v.tolist() == actual.tolist()


REFUSED = {
    "a shape": ("aie::mmul<3, 5, 7, int8, int8> tile;", ("has no aie::mmul", "3, 5, 7")),
    "an odd vector": ("aie::vector<int8, 24> v;", ("128, 256, 512, 1024 or 2048 bits", "24")),
    "max_cmp": ("aie::max_cmp(aie::zeros<int8, 32>(), aie::zeros<int8, 32>());", ("aie::max_cmp",)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_modelled_does_not_compile_and_is_named(target: str, tmp_path: Path, what: str) -> None:
    statement, expected = REFUSED[what]
    source = tmp_path / "refused.cc"
    source.write_text(f'#include <aie_api/aie.hpp>\nextern "C" void f() {{ {statement} }}\n')

    result = compile_for(target, source, tmp_path / "refused.so")
    assert result.returncode != 0
    for text in (*expected, *((target,) if what == "a shape" else ())):
        assert text in result.stderr


def test_a_shape_of_the_other_target_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "shape.cc"
    source.write_text("#include <aie_api/aie.hpp>\naie::mmul<4, 8, 4, int8, int8> only_on_npu1;\n")

    assert compile_for("npu1", source, tmp_path / "shape.so").returncode == 0
    refusal = compile_for("npu2", source, tmp_path / "shape.so")
    assert refusal.returncode != 0
    assert "npu2 (AIE2P) has no aie::mmul" in refusal.stderr
    assert "4, 8, 4" in refusal.stderr
