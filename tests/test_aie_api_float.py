"""aie_api beside the fuzzed rules: floating point at the ends of its range, elementary functions, tables, filters."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, MODES, Fault, address, aligned, compile_for

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

BF16: Any = ml_dtypes.bfloat16

SOURCE = r"""
#include <aie_api/aie.hpp>
#include <algorithm>

template <typename T>
void lanewise(const T *a, const T *b, T *to) {
    const auto x = aie::load_v<16>(a), y = aie::load_v<16>(b);
    const auto put = [&](int i, const aie::vector<T, 16> &v) { aie::store_v(to + 16 * i, v); };
    put(0, aie::add(x, y)), put(1, aie::sub(x, y)), put(2, aie::min(x, y)), put(3, aie::max(x, T(1.0f)));
    put(4, aie::abs(x)), put(5, aie::neg(x)), put(6, aie::maxdiff(x, y)), put(7, aie::select(x, y, aie::lt(x, y)));
    put(8, aie::mul(x, y).template to_vector<T>()), put(9, aie::mul(x, y[3]).template to_vector<T>());
    aie::vector<T, 16> sums = aie::zeros<T, 16>();
    sums[0] = aie::reduce_add(x), sums[1] = aie::reduce_max(x), sums[2] = aie::reduce_min(x);
    put(10, sums);
}

extern "C" {

void set_rounding(unsigned mode) { aie::set_rounding(aie::rounding_mode(mode)); }

void lanewise_float(const float *a, const float *b, float *to) { lanewise(a, b, to); }
void lanewise_bfloat16(const bfloat16 *a, const bfloat16 *b, bfloat16 *to) { lanewise(a, b, to); }

float scalar_arithmetic(float x) {
    bfloat16 a = x, b(2.0f);
    a += 1;
    a *= b;
    const bfloat16 larger = std::max(a, b);
    static_assert(std::is_trivially_copyable_v<bfloat16> && sizeof(bfloat16[4]) == 8);
    aie::vector<bfloat16, 16> v = aie::broadcast<bfloat16, 16>(larger);
    v[3] = b;
    const bfloat16 read = v[3];
    return float(larger) + v[3] * 100 + float(read) * 10000 + (a == b ? 1e6f : 0) + (v[0] > v[3] ? 1e7f : 0);
}
float limit(int i) {
    using limits = std::numeric_limits<bfloat16>;
    return i == 0 ? limits::lowest() : i == 1 ? limits::max() : i == 2 ? limits::min() : limits::infinity();
}

void mac(const float *acc, const bfloat16 *a, const bfloat16 *b, float *to) {
    const aie::accum<accfloat, 16> start(aie::load_v<16>(acc));
    aie::store_v(to, aie::mac(start, aie::load_v<16>(a), aie::load_v<16>(b)).to_vector<float>());
}
void sums(const bfloat16 *a, float *to) {
    aie::accum<accfloat, 16> acc = aie::zeros<accfloat, 16>();
    acc = aie::add(acc, aie::load_v<16>(a));
    acc = aie::sub(aie::add(acc, aie::load_v<16>(a + 16)), 0.5f);
    aie::store_v(to, acc.to_vector<float>());
}
void accumulator_with_a_shift(float *to) { aie::store_v(to, aie::zeros<accfloat, 16>().to_vector<float>(3)); }

void inv_bfloat16(const bfloat16 *a, bfloat16 *to) { aie::store_v(to, aie::inv(aie::load_v<16>(a))); }
void invsqrt_bfloat16(const bfloat16 *a, bfloat16 *to) { aie::store_v(to, aie::invsqrt(aie::load_v<16>(a))); }
void inv_float(const float *a, float *to) { aie::store_v(to, aie::inv(aie::load_v<16>(a))); }
void invsqrt_float(const float *a, float *to) { aie::store_v(to, aie::invsqrt(aie::load_v<16>(a))); }
void inv_of_32(const bfloat16 *a, bfloat16 *to) { aie::store_v(to, aie::inv(aie::load_v<32>(a))); }
void scalars(float x, float *to) {
    to[0] = aie::inv(x), to[1] = aie::invsqrt(x), to[2] = aie::sqrt(x), to[3] = aie::inv(bfloat16(x));
    to[4] = float(aie::to_fixed(x, 4)), to[5] = aie::to_float(int32(x), 1), to[6] = aie::to_fixed<int16>(bfloat16(-x));
}
#if __AIE_ARCH__ == 21
void exp2_bfloat16(const float *a, bfloat16 *to) { aie::store_v(to, aie::exp2<bfloat16>(aie::load_v<32>(a))); }
void tanh_bfloat16(const float *a, bfloat16 *to) {
    aie::store_v(to, aie::tanh(aie::accum<accfloat, 32>(aie::load_v<32>(a))));
}
#endif
void from_fixed(const int32 *a, int shift, float *to, bfloat16 *half) {
    aie::store_v(to, aie::to_float(aie::load_v<16>(a), shift));
    aie::store_v(half, aie::to_float<bfloat16>(aie::load_v<16>(a), shift));
}

void fetch_saturating(const void *ab, const void *cd, int elems, int step, int bias, const int16 *in, int16 *to) {
    using table = aie::lut<4, int16>;
    const aie::parallel_lookup<int16, table> look(table(elems, ab, cd), step, bias);
    aie::store_v(to, look.fetch(aie::load_v<16>(in)));
}
void fetch_truncating(const void *ab, const void *cd, int elems, int step, int bias, const int16 *in, int16 *to) {
    using table = aie::lut<4, int16>;
    const aie::parallel_lookup<int16, table, aie::lut_oor_policy::truncate> look(table(elems, ab, cd), step, bias);
    aie::store_v(to, look.fetch(aie::load_v<16>(in)));
}
void fetch_floats(const void *ab, const void *cd, int elems, const uint8 *in, float *to) {
    using table = aie::lut<4, float>;
    const aie::parallel_lookup<uint8, table, aie::lut_oor_policy::truncate> look(table(elems, ab, cd));
    aie::store_v(to, look.fetch(aie::load_v<16>(in)));
}
void approximate(const void *ab, const void *cd, int elems, int step, int bias, int shift, const int16 *in,
                 int64_t *to) {
    using table = aie::lut<4, int16>;
    const aie::linear_approx<int16, table> line(table(elems, ab, cd), step, bias, shift);
    const auto acc = line.compute(aie::load_v<16>(in));
    static_assert(std::is_same_v<decltype(acc), const aie::accum<acc64, 16>>);
    for (int i = 0; i < 16; ++i) to[i] = acc.lane[i];
}
void approximate_bfloat16(const void *ab, const void *cd, int elems, int step, int bias, const bfloat16 *in,
                          float *to) {
    using table = aie::lut<4, float, bfloat16>;
    const aie::linear_approx<bfloat16, table> line(table(elems, ab, cd), step, bias);
    aie::store_v(to, line.compute(aie::load_v<16>(in)).to_vector<float>());
}

void filtered(const int16 *coeff, const int16 *data, int coeff_start, int data_start, int32 *to) {
    const auto c = aie::load_v<16>(coeff);
    const auto d = aie::load_v<32>(data);
    const auto put = [&](int i, const aie::accum<acc32, 16> &a) { aie::store_v(to + 16 * i, a.to_vector<int32>()); };
    using ops = aie::sliding_mul_ops<16, 4, 1, 1, 1, int16, int16>;
    using strided = aie::sliding_mul_xy_ops<16, 4, 2, 2, int16, int16>;
    const auto first = ops::mul(c, coeff_start, d, data_start);
    put(0, first), put(1, ops::mac(first, c, coeff_start, d, data_start));
    put(2, ops::negmul(c, coeff_start, d, data_start));
    put(3, strided::mul(c, coeff_start, d, data_start));
    put(4, aie::sliding_mac<16, 4>(first, c, 0, d, 0)), put(5, aie::sliding_mul<16, 4>(c, coeff_start, d, data_start));
}

void circular(const int16 *from, int16 *to) {
    auto in = aie::cbegin_vector_circular<16, 48>(from);
    auto back = aie::cbegin_vector_random_circular<16>(from, 48);
    auto out = aie::begin_vector<16>(to);
    for (int i = 0; i < 5; ++i) *out++ = *in++;
    *out++ = back[-1];
    auto scalars = aie::begin_circular<3>(to + 96);
    for (int i = 0; i < 4; ++i) *scalars++ = int16(i);
}
void places_as_operands(int16 *p) {
    auto it = aie::begin_vector<16>(p);
    *it = aie::add(*it, int16(1));
    const auto acc = aie::mac(aie::mul(*it, int16(2)), *it, *it);
    it[1] = acc.to_vector<int16>();
    it[2] = it[1];
}
void registers(const int8 *from, int8 *to) {
    const aie::vector<int8, 32> x = *(const v32int8 *)from;
    *(v32int8 *)to = aie::add(x, aie::load_v<32>(from + 32));
    const aie::accum<acc32, 16> acc(aie::load_v<16>(reinterpret_cast<const int16 *>(from)));
    *(v16int16 *)(to + 32) = acc.to_vector<int16>();
}
void modes() {
    set_sat();
    set_rnd(12);
}

}  // extern "C"
"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compiled(target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp(target)
    (folder / "float.cc").write_text(SOURCE)
    result = compile_for(target, folder / "float.cc", folder / "float.so")
    assert result.returncode == 0, result.stderr
    return folder / "float.so"


@pytest.fixture
def library(compiled: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(compiled))
    loaded.scalar_arithmetic.restype = loaded.limit.restype = ctypes.c_float
    (ctypes.c_uint32 * 3).in_dll(loaded, "tileproof_core_state")[:] = (0, 0, 0)
    Fault.in_dll(loaded, "tileproof_fault").kind = 0
    return loaded


def floor_bf16(values: np.ndarray) -> np.ndarray:
    """The largest bfloat16 that is not above the value: the mode after a reset."""
    near = values.astype(BF16)
    above = near.astype(np.float64) > values
    return np.where(above, np.nextafter(near, BF16(-np.inf)), near).astype(BF16)


@pytest.mark.parametrize("name", ["float", "bfloat16"])
def test_floating_lanes_are_added_compared_and_multiplied(library: ctypes.CDLL, name: str) -> None:
    rng = np.random.default_rng(0)
    dtype = np.float32 if name == "float" else BF16
    a, b = (aligned(rng.integers(-4096, 4096, 16) / 1024, dtype) for _ in "ab")  # sums and products are exact
    actual = aligned(np.zeros(11 * 16), dtype)
    getattr(library, f"lanewise_{name}")(address(a), address(b), address(actual))

    x, y = a.astype(np.float64), b.astype(np.float64)
    exact = [x + y, x - y, np.minimum(x, y), np.maximum(x, 1), abs(x), -x, np.maximum(x - y, 0), np.maximum(x, y)]
    exact += [x * y, x * y[3]]
    for expected, row in zip(exact, actual.reshape(11, 16), strict=False):
        once = expected.astype(np.float32)
        assert (once if name == "float" else floor_bf16(once.astype(np.float64))).tolist() == row.tolist()
    assert [x.max(), x.min()] == actual[161:163].tolist()
    assert abs(float(actual[160]) - x.sum()) < (1e-5 if name == "float" else 0.04)


def test_a_bfloat16_scalar_computes_as_float_and_is_rounded_to_the_nearest(library: ctypes.CDLL) -> None:
    a = float(BF16(float(BF16(1.0039)) + 1)) * 2

    expected = np.float32(a) + np.float32(200) + np.float32(20_000) + np.float32(1e7)
    assert library.scalar_arithmetic(ctypes.c_float(1.0039)) == expected
    assert [library.limit(i) for i in range(4)] == [
        float(x) for x in (ml_dtypes.finfo(BF16).min, ml_dtypes.finfo(BF16).max, ml_dtypes.finfo(BF16).tiny, np.inf)
    ]


def test_the_mac_takes_denormals_gives_zero_for_them_and_has_ieee_infinities(library: ctypes.CDLL) -> None:
    inf, nan, tiny = np.inf, np.nan, 2.0**-130
    cases = [  # acc, a, b, result
        (tiny, 0, 0, 0.0),
        (0, tiny, 2.0**100, 2.0**-30),
        (0, -(2.0**-70), 2.0**-70, -0.0),
        (0, 2.0**-63, 2.0**-63, 2.0**-126),
        (0, -(2.0**100), 2.0**100, -inf),
        (inf, 1, 1, inf),
        (inf, -inf, 1, nan),
        (1, inf, 0, nan),
        (1, inf, -2, -inf),
        (nan, 1, 1, nan),
        (1, nan, 1, nan),
        (0, -0.0, 1, 0.0),
        (-1, 1, 1, 0.0),
        (2.0**127, 2.0**127, 1, inf),
        (1, 2.0**-100, 2.0**-100, 1.0),
        (5, 0, 0, 5.0),
    ]
    acc, a, b = (aligned([case[i] for case in cases], dtype) for i, dtype in enumerate((np.float32, BF16, BF16)))
    actual = aligned(np.zeros(16), np.float32)
    library.mac(address(acc), address(a), address(b), address(actual))

    np.testing.assert_array_equal(actual, np.array([case[3] for case in cases], np.float32))
    assert np.flatnonzero(np.signbit(actual) & (actual == 0)).tolist() == [2]  # what vanishes has a sign, 0 has none


def test_accfloat_adds_vectors_and_scalars_and_has_no_shift(library: ctypes.CDLL) -> None:
    a, actual = aligned(np.arange(32), BF16), aligned(np.zeros(16), np.float32)
    library.sums(address(a), address(actual))
    assert [i + i + 16 - 0.5 for i in range(16)] == actual.tolist()
    assert Fault.in_dll(library, "tileproof_fault").kind == 0

    library.accumulator_with_a_shift(address(actual))
    fault = Fault.in_dll(library, "tileproof_fault")
    assert (fault.kind, fault.bytes) == (2, 3)


def rounded_to_bf16(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32).astype(BF16).astype(np.float32)


def test_inv_of_bfloat16_is_the_newton_step_of_the_api(library: ctypes.CDLL) -> None:
    library.set_rounding(MODES["conv_even"])
    values = np.random.default_rng(1).uniform(0.25, 64, 16).astype(BF16)
    actual = aligned(np.zeros(16), BF16)
    library.inv_bfloat16(address(aligned(values, BF16)), address(actual))

    v, once = values.astype(np.float32), rounded_to_bf16
    y = (np.int16(0x7EB5) - values.view(np.int16)).view(BF16).astype(np.float32)
    t = once(once(np.float32(1.436142) - v * y) * y)
    y = once(t * np.float32(BF16(1.9395974)))
    expected = once(y * once(np.float32(2) - y * v))
    assert expected.tolist() == actual.astype(np.float32).tolist()
    assert np.all(abs(expected * v - 1) < 0.02)


@pytest.mark.parametrize(
    ("function", "dtype", "power", "tolerance"),
    [
        ("inv_bfloat16", BF16, -1, 0.02),
        ("invsqrt_bfloat16", BF16, -0.5, 0.03),
        ("inv_float", np.float32, -1, 2e-3),
        ("invsqrt_float", np.float32, -0.5, 2e-3),
    ],
)
def test_inverses_come_near_the_exact_ones(
    library: ctypes.CDLL, function: str, dtype: Any, power: float, tolerance: float
) -> None:
    library.set_rounding(MODES["conv_even"])
    values = aligned(2.0 ** np.random.default_rng(2).uniform(-20, 20, 16), dtype)
    actual = aligned(np.zeros(16), dtype)
    getattr(library, function)(address(values), address(actual))

    exact = values.astype(np.float64) ** power
    np.testing.assert_allclose(actual.astype(np.float64), exact, rtol=tolerance)


def test_a_long_vector_is_inverted_as_two_short_ones(library: ctypes.CDLL) -> None:
    values = aligned(np.linspace(1, 9, 32), BF16)
    together, apart = aligned(np.zeros(32), BF16), aligned(np.zeros(32), BF16)
    library.inv_of_32(address(values), address(together))
    library.inv_bfloat16(address(values), address(apart))
    library.inv_bfloat16(address(values[16:]), address(apart[16:]))

    assert apart.tolist() == together.tolist()


def test_scalars_have_the_functions_of_vectors(library: ctypes.CDLL) -> None:
    actual = np.zeros(7, np.float32)
    library.scalars(ctypes.c_float(6.25), address(actual))

    np.testing.assert_allclose(actual, [1 / 6.25, 0.4, 2.5, 1 / 6.25, 100, 3, -7], rtol=0.01)


def test_exp2_and_tanh_take_vectors_and_accumulators(library: ctypes.CDLL, target: str) -> None:
    if target != "npu2":
        assert not hasattr(library, "exp2_bfloat16")
        return
    values = aligned(np.linspace(-15.5, 15.5, 32), np.float32)  # halves: 2^n * 1.5
    for function, exact in (
        ("exp2_bfloat16", 1.5 * np.exp2(np.floor(values))),
        ("tanh_bfloat16", np.where(np.abs(values) <= 0.5, values, np.tanh(values.astype(np.float64)))),
    ):
        actual = aligned(np.zeros(32), BF16)
        getattr(library, function)(address(values), address(actual))

        once = exact.astype(np.float32).astype(np.float64)
        assert floor_bf16(once).tolist() == actual.tolist(), function


@pytest.mark.parametrize("shift", [0, 7, -3])
def test_integers_become_floats_with_a_binary_point(library: ctypes.CDLL, shift: int) -> None:
    values = aligned(np.random.default_rng(3).integers(-(2**31), 2**31, 16), np.int32)
    actual, half = aligned(np.zeros(16), np.float32), aligned(np.zeros(16), BF16)
    library.from_fixed(address(values), shift, address(actual), address(half))

    expected = values.astype(np.float32) / np.float32(2.0**shift)
    assert expected.tolist() == actual.tolist()
    assert floor_bf16(expected.astype(np.float64)).tolist() == half.tolist()


# --- tables


def in_memory(entries: np.ndarray, target: str) -> np.ndarray:
    """Every run of 128 bits (npu1) or 256 bits (npu2) twice. An entry may be a row."""
    run = 16 if target == "npu1" else 32
    runs = np.frombuffer(entries.tobytes(), np.uint8).reshape(-1, run)
    return aligned(np.repeat(runs, 2, axis=0), np.uint8)


def test_a_lookup_clamps_or_wraps_outside_its_table(library: ctypes.CDLL, target: str) -> None:
    table = np.arange(1000, 1064).astype(np.int16)
    ab = in_memory(table, target)
    values = aligned([0, 1, 5, 16, 31, 32, 127, -1, -2, -31, -32, -33, 200, 255, -200, 1000], np.int16)
    index = values.astype(int) >> 1
    for policy, entries in (("saturating", (index + 16).clip(0, 63)), ("truncating", (index + 16) % 64)):
        actual = aligned(np.zeros(16), np.int16)
        getattr(library, f"fetch_{policy}")(address(ab), address(ab), 64, 1, 16, address(values), address(actual))
        assert table[entries].tolist() == actual.tolist(), policy


def test_an_index_is_rounded_as_the_core_rounds(library: ctypes.CDLL, target: str) -> None:
    table = np.arange(64).astype(np.int16)
    ab = in_memory(table, target)
    values = aligned(np.arange(240, 256), np.int16)
    found = {}
    for mode in ("floor", "ceil"):
        actual = aligned(np.zeros(16), np.int16)
        library.set_rounding(MODES[mode])
        library.fetch_saturating(address(ab), address(ab), 64, 4, 0, address(values), address(actual))
        found[mode] = actual.tolist()

    assert found["floor"] == [15] * 16
    assert found["ceil"] == [15] * 13 + [16] * 3  # two bits below a step decide


def test_each_lane_reads_its_own_copy(library: ctypes.CDLL, target: str) -> None:
    ab, cd = (in_memory(np.zeros(64, np.float32), target).view(np.float32) for _ in "ab")
    run = 4 if target == "npu1" else 8
    for table, first in ((ab, 0), (cd, 2)):
        copies = table.reshape(-1, 2, run)
        copies[:, 0], copies[:, 1] = first, first + 1
    actual = aligned(np.zeros(16), np.float32)
    library.fetch_floats(address(ab), address(cd), 64, address(aligned(np.arange(16), np.uint8)), address(actual))

    assert actual.tolist() == [0, 1, 2, 3] * 4


def test_a_linear_approximation_is_slope_times_remainder_plus_offset(library: ctypes.CDLL, target: str) -> None:
    rng = np.random.default_rng(4)
    pairs = rng.integers(-1000, 1000, (32, 2)).astype(np.int16)
    ab, values = in_memory(pairs, target), aligned(rng.integers(-256, 256, 16), np.int16)
    for mode in ("floor", "conv_even"):
        actual = np.zeros(16, np.int64)
        library.set_rounding(MODES[mode])
        library.approximate(address(ab), address(ab), 32, 5, 8, 3, address(values), address(actual))

        slope, offset = pairs[(values.astype(int) >> 5) + 8].astype(np.int64).T
        assert (slope * (values & 31) + (offset << 3)).tolist() == actual.tolist()


def test_a_linear_approximation_of_bfloat16_reads_slopes_from_the_upper_half(library: ctypes.CDLL, target: str) -> None:
    rng = np.random.default_rng(5)
    pairs = rng.normal(size=(32, 2)).astype(np.float32)
    pairs[:, 0] = pairs[:, 0].astype(BF16)
    ab, values = in_memory(pairs, target), aligned(rng.uniform(-12, 12, 16), BF16)
    actual = aligned(np.zeros(16), np.float32)
    library.approximate_bfloat16(address(ab), address(ab), 32, 0, 16, address(values), address(actual))

    x = values.astype(np.float64)
    slope, offset = pairs[(np.floor(x).astype(int) + 16).clip(0, 31)].astype(np.float64).T
    np.testing.assert_allclose(actual, slope * x + offset, rtol=1e-5, atol=1e-5)


def test_a_linear_approximation_of_bfloat16_ends_as_the_units_sums_do(library: ctypes.CDLL, target: str) -> None:
    pairs = np.zeros((32, 2), np.float32)
    pairs[16:19] = (-(2.0**-126), 0), (2.0**127, 2.0**127), (-np.inf, np.inf)
    ab, values = in_memory(pairs, target), aligned([0.5, 1, 2, 0] * 4, BF16)
    actual = aligned(np.zeros(16), np.float32)
    library.approximate_bfloat16(address(ab), address(ab), 32, 0, 16, address(values), address(actual))

    assert actual[:3].view(np.uint32).tolist() == [0x80000000, 0x7F800000, 0xFF800001]


# --- filters, iterators, registers


@pytest.mark.parametrize(("coeff_start", "data_start"), [(0, 0), (3, 5), (14, 30), (1, 2**32 - 2)])
def test_a_sliding_product_wraps_around_both_vectors(library: ctypes.CDLL, coeff_start: int, data_start: int) -> None:
    rng = np.random.default_rng(6)
    coeff, data = (aligned(rng.integers(-1000, 1000, n), np.int16) for n in (16, 32))
    actual = aligned(np.zeros(96), np.int32)
    library.filtered(address(coeff), address(data), coeff_start, ctypes.c_uint(data_start), address(actual))

    c, d = coeff.astype(int), data.astype(int)

    def slide(step: int, at: int, from_: int) -> np.ndarray:
        lanes = range(16)
        return np.array(
            [sum(c[(at + p * step) % 16] * d[(from_ + (n + p) * step) % 32] for p in range(4)) for n in lanes]
        )

    first, strided = slide(1, coeff_start, data_start), slide(2, coeff_start, data_start)
    expected = [first, 2 * first, -first, strided, first + slide(1, 0, 0), first]
    assert np.concatenate(expected).tolist() == actual.tolist()


def test_circular_iterators_begin_again(library: ctypes.CDLL) -> None:
    source, actual = aligned(np.arange(48), np.int16), aligned(np.zeros(112), np.int16)
    library.circular(address(source), address(actual))

    blocks = source.reshape(3, 16)
    assert np.concatenate([blocks[i] for i in (0, 1, 2, 0, 1, 2)]).tolist() == actual[:96].tolist()
    assert actual[96:99].tolist() == [3, 1, 2]


def test_an_iterators_place_is_an_operand(library: ctypes.CDLL) -> None:
    values = aligned(np.arange(48), np.int16)
    library.places_as_operands(address(values))

    x = np.arange(16) + 1
    assert [*x, *(2 * x + x * x), *(2 * x + x * x)] == values.tolist()


def test_memory_is_read_and_written_by_the_compilers_register_names(library: ctypes.CDLL) -> None:
    source, actual = aligned(np.arange(64), np.int8), aligned(np.zeros(64), np.int8)
    library.registers(address(source), address(actual))

    assert (source[:32] + source[32:]).tolist() == actual[:32].tolist()
    assert source[:32].tolist() == actual[32:].tolist()


def test_the_older_names_of_the_modes_set_them(library: ctypes.CDLL) -> None:
    library.modes()

    assert list((ctypes.c_uint32 * 3).in_dll(library, "tileproof_core_state")) == [12, 1, 0]
