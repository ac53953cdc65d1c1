"""Block floating point of npu2 against its definition, written again here in Python.

bfp16ebs8: eight values in nine bytes, an exponent and eight signed mantissas; a value is mantissa * 2^(exponent - 133).
"""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from test_aie_api import COMPILER, INCLUDE, MODES, Fault, address, aligned, compile_for, rounded
from test_aie_api_checked import Access, checked_library
from test_aie_api_refused import attempt

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

BF16: Any = ml_dtypes.bfloat16
BIAS = 127 + 6

SOURCE = r"""
#include <aie_api/aie.hpp>

using blocks64 = aie::block_vector<bfp16ebs8, 64>;
using blocks128 = aie::block_vector<bfp16ebs8, 128>;
using input = aie::block_vector_input_buffer_stream<bfp16ebs8, 64>;
using output = aie::block_vector_output_buffer_stream<bfp16ebs8, 64>;
static_assert(blocks64::size() == 64 && blocks64::block_size() == 8 && blocks64::blocks() == 8);
static_assert(blocks64::bits() == 576 && blocks128::memory_bytes() == 144);
static_assert(blocks64::mantissa_bits() == 8 && blocks64::exponent_bits() == 8);
static_assert(sizeof(v64bfp16ebs8) == 72 && sizeof(v128bfp16ebs8) == 144 && sizeof(bfp16ebs8) == 1);

template <typename Tile, typename A, typename B>
void twice(const A &a0, const A &a1, const B &b0, const B &b1, float *c) {
    Tile first_mac_is_a_mul, from_accum(aie::zeros<accfloat, Tile::size_C>());
    first_mac_is_a_mul.mac(a0, aie::op_transpose(b0));
    first_mac_is_a_mul.mac(a1, aie::op_transpose(b1));
    from_accum.mul(a0, aie::op_transpose(b0));
    from_accum.mac(a1, aie::op_transpose(b1));
    const typename Tile::accum_type x = first_mac_is_a_mul.to_accum(), y = from_accum;
    for (unsigned i = 0; i < Tile::size_C; ++i) c[i] = x.lane[i] == y.lane[i] ? x.lane[i] : __builtin_nanf("");
}

extern "C" {

void set_rounding(unsigned mode) { aie::set_rounding(aie::rounding_mode(mode)); }

void encode(const float *from, bfp16ebs8 *to, int vectors) {
    output out(to);
    for (int i = 0; i < vectors; ++i) {
        const aie::accum<accfloat, 64> acc(aie::load_unaligned_v<64>(from + 64 * i));
        if (i & 1) out << acc.to_vector<bfp16ebs8>();
        else out.push(to_v64bfp16ebs8(acc));
    }
}
void decode(const bfp16ebs8 *from, float *to, int vectors) {
    input in(from);
    for (int i = 0; i < vectors; ++i) {
        blocks64 v;
        in >> v;
        aie::store_unaligned_v(to + 64 * i, aie::accum<accfloat, 64>(v).to_vector<float>());
    }
}
void of_bfloat16(const bfloat16 *from, bfp16ebs8 *to) {
    aie::accum<accfloat, 64> acc;
    acc = aie::load_v<64>(from);
    output(to).push(acc.to_vector<bfp16ebs8>());
}
void of_bfloat16_times_one(const bfloat16 *from, bfp16ebs8 *to) {
    const auto transposed = aie::detail::transpose<bfloat16, 64>::run(aie::load_v<64>(from), 8, 8);
    const v32bfloat16 one = broadcast_one_to_v32bfloat16();
    aie::accum<accfloat, 64> acc = mul_elem_64(transposed, concat(one, one));
    output(to).push(acc.to_vector<bfp16ebs8>());
}

void mmul_8x8x8(const bfp16ebs8 *a, const bfp16ebs8 *b, float *c) {
    input as(a), bs(b);
    const auto a0 = as.pop(), a1 = as.pop(), b0 = bs.pop(), b1 = bs.pop();
    twice<aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8>>(a0, a1, b0, b1, c);
}
void mmul_8x8x16(const bfp16ebs8 *a, const bfp16ebs8 *b, float *c) {
    input as(a);
    aie::block_vector_restrict_input_buffer_stream<bfp16ebs8, 128, aie_dm_resource::b> bs(b);
    const auto a0 = as.pop(), a1 = as.pop();
    const auto b0 = bs.pop(), b1 = bs.pop();
    twice<aie::mmul<8, 8, 16, bfp16ebs8, bfp16ebs8, accfloat>>(a0, a1, b0, b1, c);
}
void mmul_of_bfloat16(const bfloat16 *a, const bfp16ebs8 *b, float *c) {
    input bs(b);
    const auto b0 = bs.pop(), b1 = bs.pop();
    twice<aie::mmul<8, 8, 8, bfloat16, bfp16ebs8>>(aie::load_v<64>(a), aie::load_v<64>(a + 64), b0, b1, c);
}
void macs(const bfp16ebs8 *a, const bfp16ebs8 *b, const float *acc, float *c, int n) {
    input as(a), bs(b);
    for (int i = 0; i < n; ++i) {
        aie::accum<accfloat, 64> sum(aie::load_unaligned_v<64>(acc + 64 * i));
        sum = mac_8x8_8x8T(as.pop(), bs.pop(), sum);
        aie::store_unaligned_v(c + 64 * i, sum.to_vector<float>());
    }
}
void signs(const bfp16ebs8 *a, const bfp16ebs8 *b, const float *acc, float *c) {
    const auto x = input(a).pop(), y = input(b).pop();
    const aie::accum<accfloat, 64> start(aie::load_unaligned_v<64>(acc));
    const auto put = [&](int i, const aie::accum<accfloat, 64> &v) {
        aie::store_unaligned_v(c + 64 * i, v.to_vector<float>());
    };
    put(0, mul_8x8_8x8T(x, y)), put(1, negmul_8x8_8x8T(x, y)), put(2, mac_8x8_8x8T(x, y, start));
    put(3, msc_8x8_8x8T(x, y, start)), put(4, mac_8x8_8x8T_conf(x, y, start, 1, 0, 0));
    put(5, mac_8x8_8x8T_conf(x, y, start, 0, 1, 1));
}

void walk(const bfp16ebs8 *from, bfp16ebs8 *to) {
    input in(from);
    output out(to);
    in.seek(2);
    const auto second = in.pop(), third = in.pop_seek(-4), zeroth = in.pop_seek_byte(72 * 3), fourth = in.pop();
    out.seek_byte(72);
    out.push_seek(second, 1), out.push_seek_byte(third, -4 * 72);
    out << zeroth;
    out.seek(1);
    out << fourth;
}
void parts(const bfp16ebs8 *from, bfp16ebs8 *to) {
    const auto both = aie::block_vector_input_buffer_stream<bfp16ebs8, 128>(from).pop();
    blocks128 swapped = both.extract<64>(1).grow<128>();
    swapped.insert(1, both.extract<64>(0));
    aie::block_vector_output_buffer_stream<bfp16ebs8, 128>(to).push(swapped);
}
void registers(v128bfp16ebs8 *from, v128bfp16ebs8 *to) { *to = *from; }
void planes(const bfp16ebs8 *from, v64bfp16ebs8 *to) { *to = input(from).pop(); }

void of_nothing(float *to) {
    blocks64 a, b;
    aie::store_unaligned_v(to, mul_8x8_8x8T(a, b).to_vector<float>());
}
void stored_nothing(bfp16ebs8 *to) {
    blocks64 a;
    output(to).push(a);
}
void sum_of_nothing(const bfp16ebs8 *a, float *to) {
    aie::accum<accfloat, 64> acc;
    aie::store_unaligned_v(to, mac_8x8_8x8T(input(a).pop(), input(a).pop(), acc).to_vector<float>());
}
void with_a_shift(const bfp16ebs8 *a, bfp16ebs8 *to) {
    output(to).push(aie::accum<accfloat, 64>(input(a).pop()).to_vector<bfp16ebs8>(2));
}
void part_too_far(const bfp16ebs8 *a, bfp16ebs8 *to) { output(to).push(input(a).pop().extract<64>(1)); }

// C (m x n) += A (m x k) * B (k x n), of bfp16ebs8 in tiles of 8 x 8; those of B transposed, column after column.
void matmul(const bfp16ebs8 *a, const bfp16ebs8 *b, bfp16ebs8 *c, int m, int k, int n) {
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j) {
            input as(a), bs(b), old(c);
            output out(c);
            as.seek(i * k), bs.seek(j * k), old.seek(i * n + j), out.seek(i * n + j);
            aie::accum<accfloat, 64> sum(old.pop());
            for (int l = 0; l < k; ++l) sum = mac_8x8_8x8T(as.pop(), bs.pop(), sum);
            out << sum.to_vector<bfp16ebs8>();
        }
}

}  // extern "C"
"""

EMULATED = r"""
#include <aie_api/aie.hpp>

template <unsigned M, unsigned N>
void multiply(const bfloat16 *a, const bfloat16 *b, float *c) {
    aie::mmul<M, 8, N, bfloat16, bfloat16> tile;
    tile.mac(aie::load_unaligned_v<M * 8>(a), aie::load_unaligned_v<8 * N>(b));
    tile.mac(aie::load_unaligned_v<M * 8>(a + M * 8), aie::load_unaligned_v<8 * N>(b + 8 * N));
    aie::store_unaligned_v(c, tile.template to_vector<float>());
}

extern "C" {
void set_rounding(unsigned mode) { aie::set_rounding(aie::rounding_mode(mode)); }
void multiply_8_8(const bfloat16 *a, const bfloat16 *b, float *c) { multiply<8, 8>(a, b, c); }
void multiply_4_8(const bfloat16 *a, const bfloat16 *b, float *c) { multiply<4, 8>(a, b, c); }
void multiply_8_4(const bfloat16 *a, const bfloat16 *b, float *c) { multiply<8, 4>(a, b, c); }
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("bfp16"), "npu2", SOURCE)


@pytest.fixture(scope="module")
def emulating(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ctypes.CDLL]:
    """Products of bfloat16 by way of blocks, and as the target has them."""
    flag = "-DAIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16"
    flags = {"npu2": (flag,), "npu1": (flag,), "off": (f"{flag}=0",), "plain": ()}
    return {
        name: ctypes.CDLL(
            str(built(tmp_path_factory.mktemp(name), "npu1" if name == "npu1" else "npu2", EMULATED, *given))
        )
        for name, given in flags.items()
    }


def built(folder: Path, target: str, source: str, *flags: str) -> Path:
    (folder / "probe.cc").write_text(source)
    result = compile_for(target, folder / "probe.cc", folder / "probe.so", *flags)
    assert result.returncode == 0, result.stderr
    return folder / "probe.so"


@pytest.fixture
def library(compiled: Path) -> ctypes.CDLL:
    """The probe with the state and the fault of a core that was just reset."""
    loaded = ctypes.CDLL(str(compiled))
    (ctypes.c_uint32 * 2).in_dll(loaded, "tileproof_core_state")[:] = (0, 0)
    Fault.in_dll(loaded, "tileproof_fault").kind = 0
    return loaded


# --- the definition


def encoded_to_the_floor(values: np.ndarray) -> np.ndarray:
    """A row of nine bytes for eight values, step by step as the format is defined."""
    bits = values.astype(np.float32).reshape(-1, 8).view(np.uint32).astype(np.int64)
    own, negative = bits >> 23 & 0xFF, bits >> 31 == 1
    shared = own.max(axis=1, keepdims=True)
    significand = (bits & 0x7FFFFF) | np.where(own > 0, 0x800000, 0)
    kept = (np.where(negative, -significand, significand) >> 17).astype(np.int8).astype(np.int64)
    mantissas = kept >> np.minimum(shared - own, 31)
    return packed(shared, mantissas)


def encoded(values: np.ndarray, mode: str) -> np.ndarray:
    """The same in every mode, from the exact value; on twice the scale where a mantissa would be too large."""
    blocks = values.astype(np.float32).reshape(-1, 8)
    own = blocks.view(np.uint32).astype(np.int64) >> 23 & 0xFF
    significand = np.ldexp(blocks.astype(np.float64), 150 - np.maximum(own, 1)).astype(np.int64)
    shared = own.max(axis=1, keepdims=True)
    for carried in (0, 1):
        # Below 2^-38 of the scale a value rounds as any other so small.
        shift = np.minimum(shared + carried - np.maximum(own, 1) + 17, 62)
        mantissas = rounded(significand, shift, mode)
        if not carried:
            first = mantissas
    large = ((first > 127) | (first < -128)).any(axis=1, keepdims=True)
    return packed(shared + large, np.where(large, mantissas, first))


def packed(exponents: np.ndarray, mantissas: np.ndarray) -> np.ndarray:
    out = np.empty((len(mantissas), 9), np.uint8)
    out[:, :1], out[:, 1:] = exponents, mantissas.astype(np.int8).view(np.uint8)
    return out


def parted(blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exponents, one a block, and mantissas, eight a block."""
    rows = blocks.reshape(-1, 9)
    return rows[:, 0].astype(np.int64), rows[:, 1:].view(np.int8).astype(np.int64)


def decoded(blocks: np.ndarray) -> np.ndarray:
    exponents, mantissas = parted(blocks)
    return np.ldexp(mantissas.astype(np.float64), exponents[:, None] - BIAS)


def on_grid(value: np.ndarray, step: np.ndarray) -> np.ndarray:
    """To the nearest multiple of 2^step, ties to even."""
    return np.ldexp(np.rint(np.ldexp(value, -step)), step)


def multiplied(acc: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """acc + a * b^T, a block each row: both terms to 24 bits below the larger exponent, the blocks' as written."""
    (ea, ma), (eb, mb) = parted(a), parted(b)
    exponents = ea[:, None] + eb[None, :]
    dot = np.ldexp((ma @ mb.T).astype(np.float64), exponents - 2 * BIAS)
    start = acc.astype(np.float64)
    of_acc = np.where(start == 0, -10_000, np.frexp(start)[1] - 1)
    step = np.maximum(of_acc, exponents - 254) - 23
    return (on_grid(start, step) + on_grid(dot, step)).astype(np.float32)


def random_blocks(rng: np.random.Generator, count: int, spread: int = 6) -> np.ndarray:
    blocks = rng.integers(0, 256, (count, 9)).astype(np.uint8)
    blocks[:, 0] = rng.integers(127 - spread, 127 + spread, count)
    return blocks


def of_every_magnitude(rng: np.random.Generator, count: int) -> np.ndarray:
    """Blocks of values near each other and far from each other, a third on or next to a tie, and zeros."""
    exponent = rng.integers(-60, 60, (count, 1)) - rng.integers(0, 1 + rng.integers(0, 40, (count, 1)), (count, 8))
    value = rng.uniform(1, 2, (count, 8))
    tie = (np.floor(value * 64) + 0.5) / 64 + rng.integers(-1, 2, (count, 8)) * 2.0**-23
    value = np.where(rng.random((count, 8)) < 1 / 3, tie, value) * rng.choice([-1, 1], (count, 8))
    value[rng.random((count, 8)) < 0.05] = 0
    return np.ldexp(value, exponent).astype(np.float32)


def encode(library: ctypes.CDLL, values: np.ndarray) -> np.ndarray:
    given, actual = np.ascontiguousarray(values, np.float32), np.zeros(values.size * 9 // 8, np.uint8)
    library.encode(address(given), address(actual), values.size // 64)
    return actual.reshape(-1, 9)


# --- conversions


def test_a_block_has_the_largest_exponent_and_mantissas_cut_to_the_floor(library: ctypes.CDLL) -> None:
    values = of_every_magnitude(np.random.default_rng(0), 16_000)

    expected = encoded_to_the_floor(values)
    assert np.array_equal(expected, encode(library, values))
    assert np.array_equal(expected, encoded(values, "floor"))  # both definitions are the same


def test_what_blocks_hold_can_be_seen(library: ctypes.CDLL) -> None:
    values = np.zeros((8, 8))
    values[0] = [1, -1, 0.5, 127 / 64, 1 / 64, -1 / 64, 1 / 128, -1 / 128]
    values[1, :2] = 2, -(2.0**-40)
    values[2] = -1.75

    expected = np.zeros((8, 9), np.uint8)
    expected[0] = [127, 64, 256 - 64, 32, 127, 1, 255, 0, 255]
    expected[1, :3] = 128, 64, 255
    expected[2] = [127, *[256 - 112] * 8]
    assert expected.tolist() == encode(library, values).tolist()


def test_denormals_and_zeros_are_zero_and_what_is_not_finite_keeps_its_first_bits(library: ctypes.CDLL) -> None:
    values = np.zeros((8, 8), np.float32)
    values[0] = 2.0**-127
    values[1] = [1, -0.0, 2.0**-130, -(2.0**-130), 2.0**-126, -(2.0**-126), 0, -1]
    values[2, :6] = [np.inf, -np.inf, np.nan, -np.nan, 1, -1]

    expected = np.zeros((8, 9), np.uint8)
    expected[1] = [127, 64, 0, 0, 0, 0, 255, 0, 256 - 64]
    expected[2, :7] = [255, 64, 256 - 64, 96, 256 - 96, 0, 255]
    assert expected.tolist() == encode(library, values).tolist()


@pytest.mark.parametrize("mode", MODES)
def test_blocks_are_rounded_in_the_mode_of_the_core(library: ctypes.CDLL, mode: str) -> None:
    values = of_every_magnitude(np.random.default_rng(MODES[mode]), 16_000)
    values[:100, 3] = np.ldexp(np.float32(255.75 / 128), values.view(np.uint32)[:100, 3] >> 28)  # just below 2
    library.set_rounding(MODES[mode])

    assert np.array_equal(encoded(values, mode), encode(library, values))


def test_a_mantissa_that_would_be_128_gives_its_block_the_next_exponent(library: ctypes.CDLL) -> None:
    values = np.zeros((8, 8))
    values[0], values[1, :3] = 255 / 128, (-255 / 128, 1.0, 3 / 64)
    library.set_rounding(MODES["conv_even"])
    block, other = encode(library, values)[:2].view(np.int8).tolist()
    assert [-128, *[64] * 8] == block  # an exponent of 128
    assert other == [127, -128, 64, 3, 0, 0, 0, 0, 0]  # -128 fits

    library.set_rounding(MODES["floor"])
    assert [127, *[127] * 8] == encode(library, values)[0].tolist()


def test_every_block_is_exact_as_float_as_far_as_floats_go(library: ctypes.CDLL) -> None:
    blocks = np.empty((256, 32, 9), np.uint8)
    blocks[:, :, 0] = np.arange(256)[:, None]
    blocks[:, :, 1:] = np.arange(256).reshape(32, 8)
    actual = np.zeros(blocks.size // 9 * 8, np.float32)
    library.decode(address(blocks), address(actual), blocks.size // 72)

    exact = decoded(blocks)
    with np.errstate(over="ignore"):
        expected = np.where(abs(exact) < 2.0**-126, 0, exact).astype(np.float32)
    assert np.array_equal(expected.ravel(), actual)


def test_bfloat16_becomes_blocks_by_way_of_an_accumulator(library: ctypes.CDLL) -> None:
    values = aligned(of_every_magnitude(np.random.default_rng(1), 8).ravel(), BF16)
    actual = np.zeros(72, np.uint8)
    library.of_bfloat16(address(values), address(actual))

    assert np.array_equal(encoded_to_the_floor(values.astype(np.float32)).ravel(), actual)


def test_bfloat16_becomes_blocks_by_the_names_that_kernels_use(library: ctypes.CDLL) -> None:
    values = aligned(of_every_magnitude(np.random.default_rng(2), 8).ravel(), BF16)
    actual = np.zeros(72, np.uint8)
    library.of_bfloat16_times_one(address(values), address(actual))

    transposed = np.ascontiguousarray(values.astype(np.float32).reshape(8, 8).T)
    assert np.array_equal(encoded_to_the_floor(transposed).ravel(), actual)


# --- products


@pytest.mark.parametrize(("function", "columns"), [("mmul_8x8x8", 8), ("mmul_8x8x16", 16)])
def test_a_product_of_blocks_is_that_of_what_they_hold(library: ctypes.CDLL, function: str, columns: int) -> None:
    rng = np.random.default_rng(columns)
    for _ in range(50):
        a, b = random_blocks(rng, 16), random_blocks(rng, 2 * columns)
        actual = np.zeros((8, columns), np.float32)
        getattr(library, function)(address(a), address(b), address(actual))

        expected = np.zeros((8, columns), np.float32)
        for k in (0, 1):
            expected = multiplied(expected, a[8 * k : 8 * k + 8], b[columns * k : columns * k + columns])
        assert np.array_equal(expected, actual)


def test_sums_that_fit_into_24_bits_are_exact(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(2)
    a, b = random_blocks(rng, 16, 1), random_blocks(rng, 16, 1)
    actual = np.zeros((8, 8), np.float32)
    library.mmul_8x8x8(address(a), address(b), address(actual))

    x, y = (np.hstack([decoded(v[:8]), decoded(v[8:])]) for v in (a, b))
    assert np.array_equal((x @ y.T).astype(np.float32), actual)


def test_a_left_operand_of_bfloat16_is_converted_first(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(3)
    for mode in ("floor", "conv_even"):
        library.set_rounding(MODES[mode])
        a, b = aligned(rng.normal(size=128), BF16), random_blocks(rng, 16)
        actual = np.zeros((8, 8), np.float32)
        library.mmul_of_bfloat16(address(a), address(b), address(actual))

        blocks = encoded(a.astype(np.float32), mode)
        expected = multiplied(np.zeros((8, 8)), blocks[:8], b[:8])
        assert np.array_equal(multiplied(expected, blocks[8:], b[8:]), actual)


def test_a_sum_is_rounded_below_the_larger_exponent_of_accumulator_and_blocks(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(4)
    count = 500
    a, b = random_blocks(rng, 8 * count, 20), random_blocks(rng, 8 * count, 20)
    acc = np.ldexp(rng.normal(size=(count, 8, 8)), rng.integers(-45, 45, (count, 8, 8))).astype(np.float32)
    acc[:, 0] = 0
    actual = np.zeros_like(acc)
    library.macs(address(a), address(b), address(acc), address(actual), count)

    pairs = zip(acc, a.reshape(count, 8, 9), b.reshape(count, 8, 9), strict=True)
    expected = np.array([multiplied(*one) for one in pairs])
    assert np.array_equal(expected, actual)
    ieee = acc.astype(np.float64) + np.einsum(
        "nik,njk->nij", decoded(a).reshape(count, 8, 8), decoded(b).reshape(count, 8, 8)
    )
    assert not np.array_equal(ieee.astype(np.float32), actual)  # one rounding would be another rule


def test_products_are_added_and_subtracted_as_their_names_say(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(5)
    a, b = random_blocks(rng, 8, 1), random_blocks(rng, 8, 1)
    acc = rng.integers(-100, 100, (8, 8)).astype(np.float32)
    actual = np.zeros((6, 8, 8), np.float32)
    library.signs(address(a), address(b), address(acc), address(actual))

    product = (decoded(a) @ decoded(b).T).astype(np.float32)
    expected = [product, -product, acc + product, acc - product, product, -acc - product]
    assert np.array_equal(expected, actual)


def tiles(values: np.ndarray) -> np.ndarray:
    """Row after row of the 8 x 8 tiles of a matrix, each row of a tile one block's values."""
    rows, columns = values.shape
    return values.reshape(rows // 8, 8, columns // 8, 8).transpose(0, 2, 1, 3).reshape(-1, 8)


def test_a_kernel_multiplies_matrices_of_blocks_bit_for_bit(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(6)
    m, k, n = 4, 8, 2
    a, b, c = (
        encoded(tiles(rng.normal(size=(8 * rows, 8 * columns)) * 2.0 ** rng.integers(-3, 3, (8 * rows, 1))), "floor")
        for rows, columns in ((m, k), (n, k), (m, n))
    )
    actual = c.copy()
    library.matmul(address(a), address(b), address(actual), m, k, n)

    at = [v.reshape(rows, columns, 8, 9) for v, rows, columns in ((a, m, k), (b, n, k), (c, m, n))]
    for i in range(m):
        for j in range(n):
            total = decoded(at[2][i, j]).astype(np.float32)
            for x, y in zip(at[0][i], at[1][j], strict=True):
                total = multiplied(total, x, y)
            assert np.array_equal(encoded(total, "floor"), actual.reshape(m, n, 8, 9)[i, j]), (i, j)


# --- bfloat16 by way of blocks


@pytest.mark.parametrize("mode", ["floor", "conv_even"])
@pytest.mark.parametrize("rows", [8, 4])
def test_bfloat16_is_multiplied_by_way_of_blocks_where_the_build_says_so(
    emulating: dict[str, ctypes.CDLL], rows: int, mode: str
) -> None:
    library = emulating["npu2"]
    library.set_rounding(MODES[mode])
    rng = np.random.default_rng(rows)
    a, b = aligned(rng.normal(size=2 * rows * 8), BF16), aligned(rng.normal(size=128), BF16)
    actual = np.zeros((rows, 8), np.float32)
    getattr(library, f"multiply_{rows}_8")(address(a), address(b), address(actual))

    expected = np.zeros((rows, 8), np.float32)
    for x, y in zip(a.astype(np.float32).reshape(2, rows, 8), b.astype(np.float32).reshape(2, 8, 8), strict=True):
        expected = multiplied(expected, encoded(x, mode), encoded(np.ascontiguousarray(y.T), mode))
    assert np.array_equal(expected, actual)


def test_other_shapes_other_targets_and_zero_leave_bfloat16_as_it_is(emulating: dict[str, ctypes.CDLL]) -> None:
    rng = np.random.default_rng(7)
    a, b = aligned(rng.normal(size=128), BF16), aligned(rng.normal(size=128), BF16)

    def found(name: str, function: str) -> list[float]:
        actual = np.zeros(64, np.float32)
        getattr(emulating[name], function)(address(a), address(b), address(actual))
        return actual.tolist()

    plain = found("plain", "multiply_8_8")
    assert plain == found("npu1", "multiply_8_8") == found("off", "multiply_8_8") != found("npu2", "multiply_8_8")
    assert found("plain", "multiply_8_4") == found("npu2", "multiply_8_4")


def test_the_word_for_it_must_come_before_the_prelude(tmp_path: Path) -> None:
    source = tmp_path / "late.cc"
    source.write_text("#define AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16 1\n#include <aie_api/aie.hpp>\n")
    prelude = ("-include", "aie_api/prelude.hpp")

    assert compile_for("npu2", source, tmp_path / "late.so").returncode == 0
    late = compile_for("npu2", source, tmp_path / "late.so", *prelude)
    assert "AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16 is defined too late" in late.stderr
    given = ("-DAIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16",)
    source.write_text("#include <aie_api/aie.hpp>\n")
    assert compile_for("npu2", source, tmp_path / "late.so", *given, *prelude).returncode == 0


# --- registers and memory


def test_streams_go_where_they_are_sent(library: ctypes.CDLL) -> None:
    source = random_blocks(np.random.default_rng(8), 8 * 5).reshape(5, 72)
    actual = np.zeros((6, 72), np.uint8)
    library.walk(address(source), address(actual))

    none = np.zeros(72, np.uint8)
    expected = [source[0], source[2], source[4], source[3], none, none]
    assert np.array_equal(expected, actual)


def test_a_stream_begins_at_any_byte(library: ctypes.CDLL) -> None:
    blocks = random_blocks(np.random.default_rng(9), 8)
    actual = np.zeros(64, np.float32)
    library.decode(address(aligned(blocks, np.uint8, offset=3)), address(actual), 1)

    assert np.array_equal(decoded(blocks).ravel(), actual)
    assert Fault.in_dll(library, "tileproof_fault").kind == 0


def test_parts_of_block_vectors_are_taken_and_put(library: ctypes.CDLL) -> None:
    source, actual = random_blocks(np.random.default_rng(10), 16), np.zeros((16, 9), np.uint8)
    library.parts(address(source), address(actual))

    assert np.array_equal(np.roll(source, 8, axis=0), actual)


def test_the_compilers_register_names_copy_blocks_and_write_mantissas_before_exponents(library: ctypes.CDLL) -> None:
    source, actual = random_blocks(np.random.default_rng(11), 16), np.zeros((16, 9), np.uint8)
    library.registers(address(source), address(actual))
    assert np.array_equal(source, actual)

    library.planes(address(source), address(actual))
    expected = [*source[:8, 1:].ravel(), *source[:8, 0]]
    assert expected == actual.ravel()[:72].tolist()


@pytest.mark.parametrize(
    ("function", "kind", "nbytes"),
    [("of_nothing", 4, 72), ("stored_nothing", 4, 72), ("sum_of_nothing", 4, 256), ("with_a_shift", 2, 2)],
)
def test_operands_that_nothing_was_put_into_and_shifts_are_faults(
    library: ctypes.CDLL, function: str, kind: int, nbytes: int
) -> None:
    blocks, actual = random_blocks(np.random.default_rng(12), 16), np.zeros(64, np.float32)
    arguments = [address(actual)] if function.endswith("nothing") else [address(blocks), address(actual)]
    if function == "sum_of_nothing":
        arguments = [address(blocks), address(actual)]
    getattr(library, function)(*arguments)

    fault = Fault.in_dll(library, "tileproof_fault")
    assert (kind, nbytes) == (fault.kind, fault.bytes)


def test_a_part_behind_the_end_is_a_fault(library: ctypes.CDLL) -> None:
    blocks, actual = random_blocks(np.random.default_rng(13), 8), np.zeros((8, 9), np.uint8)
    library.part_too_far(address(blocks), address(actual))

    fault = Fault.in_dll(library, "tileproof_fault")
    assert (fault.kind, fault.needed, fault.bytes) == (3, 1, 1)


def test_a_pop_and_a_push_are_one_access_of_nine_bytes_a_block(tmp_path: Path) -> None:
    library = checked_library(
        tmp_path,
        "npu2",
        "#include <aie_api/aie.hpp>\n"
        'extern "C" void work(bfp16ebs8 *p) {\n'
        "    aie::block_vector_input_buffer_stream<bfp16ebs8, 64> in(p);\n"
        "    aie::block_vector_output_buffer_stream<bfp16ebs8, 64> out(p);\n"
        "    const auto a = in.pop();\n"
        "    out << mul_8x8_8x8T(a, in.pop()).to_vector<bfp16ebs8>();\n"
        "}\n",
    )
    blocks = aligned(random_blocks(np.random.default_rng(14), 16), np.uint8)
    library.work(address(blocks))

    count = ctypes.c_uint64.in_dll(library, "count").value
    recorded = (Access * 4096).in_dll(library, "recorded")[:count]
    at = blocks.ctypes.data
    assert [(at, 72, 0), (at + 72, 72, 0), (at, 72, 1)] == [(a.address, a.nbytes, a.is_store) for a in recorded]


# --- the rules, each changed by one step


def conversions_are_right(library: ctypes.CDLL) -> bool:
    values = of_every_magnitude(np.random.default_rng(15), 2_000)
    values[:100, 3] = np.ldexp(np.float32(255.75 / 128), np.arange(100) - 50)  # just below a power of two
    modes = ("floor", "conv_even", "symmetric_ceil")
    found = []
    for mode in modes:
        library.set_rounding(MODES[mode])
        found.append(np.array_equal(encoded(values, mode), encode(library, values)))
    return all(found)


def sums_are_right(library: ctypes.CDLL) -> bool:
    rng = np.random.default_rng(16)
    count = 50
    a, b = random_blocks(rng, 8 * count, 20), random_blocks(rng, 8 * count, 20)
    acc = np.ldexp(rng.normal(size=(count, 8, 8)), rng.integers(-45, 45, (count, 8, 8))).astype(np.float32)
    actual = np.zeros_like(acc)
    library.macs(address(a), address(b), address(acc), address(actual), count)
    pairs = zip(acc, a.reshape(count, 8, 9), b.reshape(count, 8, 9), strict=True)
    return np.array_equal(np.array([multiplied(*one) for one in pairs]), actual)


RIGHT = (conversions_are_right, sums_are_right)
# Header, what stands there, what a mutant has instead, and the comparison that tells.
MUTANTS: list[tuple[str, str, str, Callable[[ctypes.CDLL], bool]]] = [
    ("block_vector.hpp", "own > largest ? own : largest", "i == 0 ? own : largest", conversions_are_right),
    ("block_vector.hpp", "block_headroom = 8;", "block_headroom = 6;", conversions_are_right),
    ("block_vector.hpp", "fits &= mantissa >= -128 && mantissa <= 127;", "", conversions_are_right),
    (
        "block_vector.hpp",
        "mantissa >= -128 && mantissa <= 127",
        "mantissa >= -127 && mantissa <= 127",
        conversions_are_right,
    ),
    ("block_vector.hpp", "shared < 255 ? shared + 1 : 255", "shared", conversions_are_right),
    ("block_vector.hpp", "block_shift + 1, once_more", "block_shift, rounded", conversions_are_right),
    ("block_vector.hpp", ">> 31 ? -aligned", ">> 31 ? ~aligned", conversions_are_right),
    ("block_multiply.hpp", "int16_t(exponents - 2 * 127)", "power_of(float(sum))", sums_are_right),
    ("block_multiply.hpp", "exponents - 2 * 127", "exponents + 1 - 2 * 127", sums_are_right),
    ("block_multiply.hpp", "on_grid(acc, grid)", "acc", sums_are_right),
    ("block_multiply.hpp", "a_exponent[i] + b_exponent[j]", "a_exponent[i] + b_exponent[i]", sums_are_right),
    (
        "block_stream.hpp",
        "to.exponent[block] = memory[block * block_bytes]",
        "to.exponent[block] = memory[block]",
        sums_are_right,
    ),
]


def test_the_rules_as_they_are_are_the_definitions(library: ctypes.CDLL) -> None:
    assert [right.__name__ for right in RIGHT if not right(library)] == []


@pytest.mark.slow
@pytest.mark.parametrize(("header", "old", "new", "right"), MUTANTS, ids=[f"{m[0]} {m[2][:40]}" for m in MUTANTS])
def test_a_changed_rule_computes_something_else(
    header: str, old: str, new: str, right: Callable[[ctypes.CDLL], bool], tmp_path: Path
) -> None:
    shutil.copytree(INCLUDE, tmp_path / "include")
    path = tmp_path / "include" / "aie_api" / header
    assert old in path.read_text(), f"{header} has no {old!r} to change"
    path.write_text(path.read_text().replace(old, new))
    (tmp_path / "probe.cc").write_text(SOURCE)
    # In front of the folder of the headers as they are.
    done = compile_for(
        "npu2", tmp_path / "probe.cc", tmp_path / "probe.so", "-Wno-error", "-I", str(tmp_path / "include")
    )
    assert done.returncode == 0, done.stderr

    assert not right(ctypes.CDLL(str(tmp_path / "probe.so")))


# --- what there is not

REFUSED = {
    "blocks on npu1": (
        "npu1",
        "aie::block_vector<bfp16ebs8, 64> v;",
        "npu1 (AIE2) has no block floating point: aie::block_vector and bfp16ebs8 are of npu2 (AIE2P)",
    ),
    "a product of blocks on npu1": (
        "npu1",
        "aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8> tile;",
        "npu1 (AIE2) has no block floating point",
    ),
    "a conversion on npu1": (
        "npu1",
        "(void)aie::zeros<accfloat, 64>().to_vector<bfp16ebs8>();",
        "npu1 (AIE2) has no block floating point",
    ),
    "blocks of sixteen": ("npu2", "aie::block_vector<bfp16ebs16, 64> v;", "has no bfp16ebs16: use bfp16ebs8"),
    "a vector of blocks": (
        "npu2",
        "aie::vector<bfp16ebs8, 64> v;",
        "bfp16ebs8 is of block vectors, on npu2 (AIE2P) only: use aie::block_vector<bfp16ebs8, 64>",
    ),
    "a block vector of floats": ("npu2", "aie::block_vector<float, 64> v;", "an aie::block_vector holds bfp16ebs8"),
    "a short block vector": ("npu2", "aie::block_vector<bfp16ebs8, 32> v;", "has 64 or 128 elements"),
    "another shape": (
        "npu2",
        "aie::mmul<4, 8, 8, bfp16ebs8, bfp16ebs8> tile;",
        "npu2 (AIE2P) multiplies blocks as 8x8x8 and 8x8x16 of bfp16ebs8 and 8x8x8 of bfloat16 and bfp16ebs8",
    ),
    "B as it lies": (
        "npu2",
        "aie::block_vector<bfp16ebs8, 64> v; aie::mmul<8, 8, 8, bfp16ebs8, bfp16ebs8> tile; tile.mac(v, v);",
        "takes A as its vector and B as aie::op_transpose(b)",
    ),
    "blocks of integers": (
        "npu2",
        "(void)aie::zeros<acc32, 64>().to_vector<bfp16ebs8>();",
        "to_vector: blocks are made of accfloat",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_blocks_do_not_do_is_refused_by_name(tmp_path: Path, what: str) -> None:
    target, statement, words = REFUSED[what]
    result = attempt(target, tmp_path, f"void f() {{ {statement} }}")

    assert result.returncode != 0
    assert words in result.stderr
