"""aie_api against the executable definition of the hardware's numbers, typed in here again.

`round_scaled`, `srs`, `bf16_bits` and `mac_bits` are that definition, in Python, one value at a time. Each has a second
formulation in numpy, which is checked against the first on a sample, and which the headers are compared with on at
least 100,000 values per rule. The seeds are fixed, and are in every assertion's message.
"""

from __future__ import annotations

import ctypes
import math
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, MODES, SATURATIONS, Fault, address, compile_for

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

BF16: Any = ml_dtypes.bfloat16

VALUES = 102_400
LANES = 16
SAMPLE = 3_000

# --- the definition


def round_scaled(num: int, shift: int, mode: str) -> int:
    """num / 2**shift as an integer, in one of the ten modes."""
    if shift <= 0:
        return num << -shift
    q, r, half, neg = num >> shift, num & ((1 << shift) - 1), 1 << (shift - 1), num < 0
    if r == 0:
        return q
    return q + bool(
        {
            "floor": False,
            "ceil": True,
            "symmetric_floor": neg,
            "symmetric_ceil": not neg,
            "positive_inf": r >= half,
            "negative_inf": r > half,
            "symmetric_inf": r > half or (r == half and not neg),
            "symmetric_zero": r > half or (r == half and neg),
            "conv_even": r > half or (r == half and q & 1),
            "conv_odd": r > half or (r == half and not q & 1),
        }[mode]
    )


def srs(acc: int, shift: int, width: int, signed: bool, mode: str, sat: str) -> int:
    v = round_scaled(acc, shift, mode)
    high = (1 << (width - signed)) - 1
    low = 0 if not signed else (-high if sat == "symmetric" else -high - 1)
    if sat != "none":
        return min(max(v, low), high)
    v &= (1 << width) - 1
    return v - (1 << width) if signed and v >> (width - 1) else v


def f32(b: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", b & 0xFFFFFFFF))[0])


def bf16_bits(b: int, mode: str) -> int:
    """The bits of the bfloat16 for the float with these bits. A NaN keeps its payload, or is the smallest one."""
    if b & 0x7F800000 == 0x7F800000:
        return b >> 16 | int(b & 0x7FFFFF != 0 and b & 0x7F0000 == 0)
    s, m = b >> 31, b & 0x7FFFFFFF
    return (s << 15) | abs(round_scaled(-m if s else m, 16, mode))


ONE = 0x3F800000


def significand_and_power(b: int) -> tuple[int, int]:
    """Of a float's bits, as the unit takes them: 24 bits with a sign, whatever the exponent says of the number."""
    e, m = b >> 23 & 0xFF, b & 0x7FFFFF
    return (m | (1 << 23 if e else 0)) * (-1 if b >> 31 else 1), max(e, 1) - 127


def rounded_to_24_bits(value: Fraction) -> tuple[int, int]:
    """Its significand and power, ties to even."""
    power = value.numerator.bit_length() - value.denominator.bit_length()
    power -= abs(value) < Fraction(2) ** power
    significand = round(abs(value) / Fraction(2) ** (power - 23))
    return (significand, power) if significand < 1 << 24 else (1 << 23, power + 1)


def mac_bits(acc: int, a: list[int], b: list[int]) -> int:
    """One lane: the bits of acc + the products; `a` and `b` are bits of bfloat16."""
    pairs = [(x << 16, y << 16) for x, y in zip(a, b, strict=True)]
    only_zeros = all(min(x & 0x7FFFFFFF, y & 0x7FFFFFFF) == 0 for x, y in pairs)
    infinite = any(max(x & 0x7FFFFFFF, y & 0x7FFFFFFF) == 0x7F800000 for x, y in pairs)
    if acc & 0x7FFFFFFF > 0x7F800000 and only_zeros and not infinite:
        return acc
    return sum_of_products([(acc, ONE), *pairs])


def sum_of_products(pairs: list[tuple[int, int]]) -> int:
    """Of floats' bits. Each term is rounded to the 24 bits of the largest power, then the sum is."""
    terms = []
    for x, y in pairs:
        (sx, px), (sy, py) = significand_and_power(x), significand_and_power(y)
        terms.append((sx * sy, px + py))
    unit = Fraction(2) ** (max((p for s, p in terms if s), default=0) - 23)
    total = sum(round(Fraction(s) * Fraction(2) ** (p - 46) / unit) for s, p in terms) * unit
    significand, power = rounded_to_24_bits(total) if total else (0, 0)
    return sum_bits(pairs, (1 << 31) if total < 0 else 0, significand, power)


def sum_bits(pairs: list[tuple[int, int]], sign: int, significand: int, power: int) -> int:
    """The bits of a sum with this significand and power, of these products of floats."""
    magnitudes = [(x & 0x7FFFFFFF, y & 0x7FFFFFFF) for x, y in pairs]
    nan = any(max(m) > 0x7F800000 for m in magnitudes)
    no_product = any(max(m) == 0x7F800000 and min(m) == 0 for m in magnitudes)
    infinite = {(x ^ y) >> 31 for (x, y), m in zip(pairs, magnitudes, strict=True) if max(m) == 0x7F800000}
    if nan or no_product or len(infinite) == 2:
        return sign | 0x7F800001 | (significand & 0x7FFFFF if nan and -126 <= power <= 127 else 0)
    if infinite:
        return infinite.pop() << 31 | 0x7F800000
    if power > 127:
        return sign | 0x7F800000
    return sign | ((power + 127) << 23 | significand & 0x7FFFFF if significand and power >= -126 else 0)


# --- the same in numpy


def rounded(value: np.ndarray, shift: np.ndarray, mode: str) -> np.ndarray:
    """By guard, sticky and last bit of the signed value, as a rounding unit has them."""
    guard = (value >> np.maximum(shift - 1, 0)) & (shift > 0)
    sticky = value & ((np.int64(1) << np.maximum(shift - 1, 0)) - 1) != 0
    floor, negative, guard = value >> shift, value < 0, guard != 0
    inexact = guard | (sticky & (shift > 0))
    tie = guard & ~sticky
    odd = floor & 1 != 0
    nearest = guard & sticky
    up = {
        "floor": np.zeros_like(negative),
        "ceil": inexact,
        "symmetric_floor": inexact & negative,
        "symmetric_ceil": inexact & ~negative,
        "positive_inf": nearest | tie,
        "negative_inf": nearest,
        "symmetric_inf": nearest | (tie & ~negative),
        "symmetric_zero": nearest | (tie & negative),
        "conv_even": nearest | (tie & odd),
        "conv_odd": nearest | (tie & ~odd),
    }[mode]
    return floor + up


def stored(value: np.ndarray, dtype: Any, sat: str) -> np.ndarray:
    if sat == "none":
        return value.astype(dtype)
    limits = np.iinfo(dtype)
    low = -limits.max if sat == "symmetric" and limits.min < 0 else limits.min
    return np.clip(value, low, limits.max).astype(dtype)


def bf16_bits_of_many(bits: np.ndarray, mode: str) -> np.ndarray:
    negative = bits >> 31 != 0
    magnitude = (bits & 0x7FFFFFFF).astype(np.int64)
    sixteen = np.full(bits.shape, 16, np.int64)
    finite = np.abs(rounded(np.where(negative, -magnitude, magnitude), sixteen, mode))
    special = np.where((magnitude > 0x7F800000) & (magnitude < 0x7F810000), 0x7F81, magnitude >> 16)
    return (negative.astype(np.int64) << 15) | np.where(magnitude >= 0x7F800000, special, finite)


def powers_of_many(bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of finite floats: integers of 24 bits in doubles, and powers of two."""
    number = bits.view(np.float32).astype(np.float64)
    power = np.maximum(np.frexp(number)[1] - 1, -126)
    return np.ldexp(number, 23 - power), np.where(number == 0, -10_000, power)


def mac_of_many(acc: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits of finite sums; `a` and `b` are bits of bfloat16, the lanes last. Doubles are exact but where it rounds."""
    (start, power_of_start), (x, px), (y, py) = (
        powers_of_many(bits) for bits in (acc, a.astype(np.uint32) << 16, b.astype(np.uint32) << 16)
    )
    terms, powers = np.concatenate([(start * 2.0**23)[None], x * y]), np.concatenate([power_of_start[None], px + py])
    return sum_of_many(terms, powers)


def float_sum_of_many(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Bits of finite sums of two floats, of their bits."""
    (x, px), (y, py) = powers_of_many(a), powers_of_many(b)
    return sum_of_many(np.stack([x, y]) * 2.0**23, np.stack([px, py]))


def sum_of_many(terms: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """The terms, 2**46 being one of their power, are the rows."""
    largest = np.maximum(powers.max(axis=0), -300)
    total = np.rint(np.ldexp(terms, np.maximum(powers, -2_000) - 23 - largest)).sum(axis=0)
    mantissa, exponent = np.frexp(total)
    once = np.ldexp(np.rint(np.ldexp(mantissa, 24)), exponent - 24 + largest - 23)
    fits = np.where(np.abs(once) < 2.0**-126, np.copysign(0, once), once)
    with np.errstate(over="ignore"):
        found: np.ndarray = np.where(total == 0, 0.0, fits).astype(np.float32).view(np.uint32)
    return found


# The limbs of either operand, in the order in which npu2 adds their products.
LIMBS = [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (1, 2), (2, 1), (2, 2)]


def limbs_of(value: np.ndarray) -> list[np.ndarray]:
    found = []
    for _ in range(3):
        found.append(value.astype(BF16).astype(np.float32))
        value = value - found[-1]
    return found


def product_of_limbs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of floats: nine products of bfloat16, each exact in a double, each sum rounded to float."""
    x, y = limbs_of(a), limbs_of(b)
    total = x[0] * y[0]
    for i, j in LIMBS[1:]:
        total = (total.astype(np.float64) + x[i].astype(np.float64) * y[j]).astype(np.float32)
    return total


def exp2_bits(x: float, mode: str) -> int:
    """bfloat16 bits of 2^floor(x) * (1 + frac(x)), rounded once, where that is a normal number."""
    whole = math.floor(x)
    significand = 1 + Fraction(x) - whole
    shift = significand.denominator.bit_length() - 8
    return ((whole + 126) << 7) + round_scaled(significand.numerator << max(-shift, 0), max(shift, 0), mode)


# --- what is asked

SOURCE = r"""
#include <aie_api/aie.hpp>

constexpr int lanes = 16;

template <typename Tag, typename T, typename Element>
void srs(const Element *from, const int *shifts, int groups, T *to) {
    for (int g = 0; g < groups; ++g) {
        aie::accum<Tag, lanes> acc;
        for (int i = 0; i < lanes; ++i) acc.lane[i] = from[g * lanes + i];
        aie::store_unaligned_v(to + g * lanes, acc.template to_vector<T>(shifts[g]));
    }
}
template <typename Tag, typename T, typename Element>
void ups(const T *from, const int *shifts, int groups, Element *to) {
    for (int g = 0; g < groups; ++g) {
        aie::accum<Tag, lanes> acc;
        acc.from_vector(aie::load_unaligned_v<lanes>(from + g * lanes), shifts[g]);
        for (int i = 0; i < lanes; ++i) to[g * lanes + i] = acc.lane[i];
    }
}
template <typename T>
void lanewise(int what, const T *a, const T *b, int groups, T *to) {
    for (int g = 0; g < groups; ++g) {
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes), y = aie::load_unaligned_v<lanes>(b + g * lanes);
        aie::vector<T, lanes> out;
        switch (what) {
            case 0: out = aie::add(x, y); break;
            case 1: out = aie::sub(x, y); break;
            case 2: out = aie::neg(x); break;
            case 3: out = aie::abs(x); break;
            case 4: out = aie::min(x, y); break;
            case 5: out = aie::max(x, y); break;
            default: out = aie::maxdiff(x, y);
        }
        aie::store_unaligned_v(to + g * lanes, out);
    }
}
template <typename T>
void shifted(int what, const T *a, const int *shifts, int groups, T *to) {
    for (int g = 0; g < groups; ++g) {
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes);
        const unsigned n = unsigned(shifts[g]);
        aie::store_unaligned_v(to + g * lanes, what == 0   ? aie::downshift(x, n)
                                               : what == 1 ? aie::upshift(x, n)
                                               : what == 2 ? aie::logical_downshift(x, n)
                                                           : aie::logical_upshift(x, n));
    }
}
template <typename T, typename U>
void packed(const T *a, int groups, U *to) {
    for (int g = 0; g < groups; ++g)
        aie::store_unaligned_v(to + g * lanes, aie::load_unaligned_v<lanes>(a + g * lanes).template pack<U>());
}
template <typename To, typename T>
void to_fixed(const T *a, const int *shifts, int groups, To *to) {
    for (int g = 0; g < groups; ++g) {
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes);
        aie::store_unaligned_v(to + g * lanes, aie::to_fixed<To>(x, shifts[g]));
    }
}

extern "C" {

void set_state(unsigned rounding, unsigned saturation) {
    aie::set_rounding(aie::rounding_mode(rounding));
    aie::set_saturation(aie::saturation_mode(saturation));
}

#define WIDTHS(X) X(int8) X(uint8) X(int16) X(uint16) X(int32) X(uint32)
#define SRS(T)                                                                                                \
    void srs_32_##T(const int32 *from, const int *s, int n, T *to) { srs<acc32>(from, s, n, to); }            \
    void srs_64_##T(const int64_t *from, const int *s, int n, T *to) { srs<acc64>(from, s, n, to); }          \
    void ups_32_##T(const T *from, const int *s, int n, int32 *to) { ups<acc32>(from, s, n, to); }            \
    void ups_64_##T(const T *from, const int *s, int n, int64_t *to) { ups<acc64>(from, s, n, to); }          \
    void lanewise_##T(int what, const T *a, const T *b, int n, T *to) { lanewise(what, a, b, n, to); }        \
    void shifted_##T(int what, const T *a, const int *s, int n, T *to) { shifted(what, a, s, n, to); }
WIDTHS(SRS)

void pack_int16_int8(const int16 *a, int n, int8 *to) { packed(a, n, to); }
void pack_int16_uint8(const int16 *a, int n, uint8 *to) { packed(a, n, to); }
void pack_uint16_uint8(const uint16 *a, int n, uint8 *to) { packed(a, n, to); }
void pack_int32_int16(const int32 *a, int n, int16 *to) { packed(a, n, to); }
void pack_int32_int8(const int32 *a, int n, int8 *to) { packed(a, n, to); }
void pack_uint32_uint16(const uint32 *a, int n, uint16 *to) { packed(a, n, to); }

void to_bf16(const float *from, int groups, bfloat16 *to) {
    for (int g = 0; g < groups; ++g) {
        aie::accum<accfloat, lanes> acc(aie::load_unaligned_v<lanes>(from + g * lanes));
        aie::store_unaligned_v(to + g * lanes, acc.to_vector<bfloat16>());
    }
}
void scalar_bf16(const float *from, int groups, bfloat16 *to) {
    for (int i = 0; i < groups * lanes; ++i) to[i] = from[i];
}
void sum_bf16(int difference, const bfloat16 *a, const bfloat16 *b, int groups, bfloat16 *to) {
    for (int g = 0; g < groups; ++g) {
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes), y = aie::load_unaligned_v<lanes>(b + g * lanes);
        aie::store_unaligned_v(to + g * lanes, difference ? aie::sub(x, y) : aie::add(x, y));
    }
}

// The same sum as vectors of float and as accumulators.
void sum_float(int what, const float *a, const float *b, int groups, float *to) {
    for (int g = 0; g < groups; ++g) {
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes), y = aie::load_unaligned_v<lanes>(b + g * lanes);
        const aie::accum<accfloat, lanes> p(x), q(y);
        aie::store_unaligned_v(to + g * lanes, what == 0   ? aie::add(x, y)
                                               : what == 1 ? aie::sub(x, y)
                                               : what == 2 ? aie::add(p, q).to_vector<float>()
                                                           : aie::sub(p, q).to_vector<float>());
    }
}
void product_float(int what, const float *acc, const float *a, const float *b, int groups, float *to) {
    for (int g = 0; g < groups; ++g) {
        const aie::accum<accfloat, lanes> start(aie::load_unaligned_v<lanes>(acc + g * lanes));
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes), y = aie::load_unaligned_v<lanes>(b + g * lanes);
        aie::accum<accfloat, lanes> out;
        switch (what) {
            case 0: out = aie::mac(start, x, y); break;
            case 1: out = aie::msc(start, x, y); break;
            case 2: out = aie::mul(x, y); break;
            case 3: out = aie::negmul(x, y); break;
            default: out = aie::mul_square(x);
        }
        aie::store_unaligned_v(to + g * lanes, out.to_vector<float>());
    }
}
void tile_float(const float *acc, const float *a, const float *b, int rounds, float *to) {
    using Tile = aie::mmul<4, 8, 4, float, float>;
    for (int r = 0; r < rounds; ++r) {
        Tile tile(aie::load_unaligned_v<16>(acc + 16 * r));
        tile.mac(aie::load_unaligned_v<32>(a + 32 * r), aie::load_unaligned_v<32>(b + 32 * r));
        aie::store_unaligned_v(to + 16 * r, tile.to_vector<float>());
    }
}
#if __AIE_ARCH__ == 21
void powers_of_two(const float *a, int groups, bfloat16 *to) {
    for (int g = 0; g < groups; ++g)
        aie::store_unaligned_v(to + g * lanes, aie::exp2<bfloat16>(aie::load_unaligned_v<lanes>(a + g * lanes)));
}
void tangents(const float *a, int groups, bfloat16 *to) {
    for (int g = 0; g < groups; ++g)
        aie::store_unaligned_v(to + g * lanes, aie::tanh<bfloat16>(aie::load_unaligned_v<lanes>(a + g * lanes)));
}
#endif
void totals_float(const float *a, float *to) {
    to[0] = aie::reduce_add(aie::load_unaligned_v<4>(a)), to[1] = aie::reduce_add(aie::load_unaligned_v<8>(a));
    to[2] = aie::reduce_add(aie::load_unaligned_v<16>(a)), to[3] = aie::reduce_add(aie::load_unaligned_v<32>(a));
    to[4] = aie::reduce_add(aie::concat(aie::load_unaligned_v<32>(a), aie::load_unaligned_v<32>(a + 32)));
}
void totals_bf16(const bfloat16 *a, bfloat16 *to) {
    to[0] = aie::reduce_add(aie::load_unaligned_v<8>(a)), to[1] = aie::reduce_add(aie::load_unaligned_v<16>(a));
    to[2] = aie::reduce_add(aie::load_unaligned_v<32>(a)), to[3] = aie::reduce_add(aie::load_unaligned_v<64>(a));
    to[4] = aie::reduce_add(aie::concat(aie::load_unaligned_v<64>(a), aie::load_unaligned_v<64>(a + 64)));
}

// One row of A against N columns of B at a time: what a lane of the instruction sees. a and b have 8 terms per lane.
void mac_8(const float *acc, const bfloat16 *a, const bfloat16 *b, int rounds, float *to) {
#if __AIE_ARCH__ == 20
    using Tile = aie::mmul<4, 8, 4, bfloat16, bfloat16>;
#else
    using Tile = aie::mmul<8, 8, 8, bfloat16, bfloat16>;
#endif
    for (int r = 0; r < rounds; ++r) {
        typename Tile::accum_type start;
        for (unsigned i = 0; i < Tile::size_C; ++i) start.lane[i] = acc[r * Tile::size_C + i];
        Tile tile(start);
        tile.mac(aie::load_unaligned_v<Tile::size_A>(a + r * Tile::size_A),
                 aie::load_unaligned_v<Tile::size_B>(b + r * Tile::size_B));
        const typename Tile::accum_type out = tile.to_accum();
        for (unsigned i = 0; i < Tile::size_C; ++i) to[r * Tile::size_C + i] = out.lane[i];
    }
}
void mac_1(int what, const float *acc, const bfloat16 *a, const bfloat16 *b, int groups, float *to) {
    for (int g = 0; g < groups; ++g) {
        const aie::accum<accfloat, lanes> start(aie::load_unaligned_v<lanes>(acc + g * lanes));
        const auto x = aie::load_unaligned_v<lanes>(a + g * lanes), y = aie::load_unaligned_v<lanes>(b + g * lanes);
        aie::accum<accfloat, lanes> out;
        switch (what) {
            case 0: out = aie::mac(start, x, y); break;
            case 1: out = aie::msc(start, x, y); break;
            case 2: out = aie::mul(x, y); break;
            default: out = aie::negmul(x, y);
        }
        aie::store_unaligned_v(to + g * lanes, out.to_vector<float>());
    }
}

void fixed_bf16_int32(const bfloat16 *a, const int *s, int n, int32 *to) { to_fixed(a, s, n, to); }
void fixed_bf16_int16(const bfloat16 *a, const int *s, int n, int16 *to) { to_fixed(a, s, n, to); }
void fixed_float_int32(const float *a, const int *s, int n, int32 *to) { to_fixed(a, s, n, to); }
void fixed_float_int16(const float *a, const int *s, int n, int16 *to) { to_fixed(a, s, n, to); }

}  // extern "C"
"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def library(target: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp(target)
    source = folder / "fuzz.cc"
    source.write_text(SOURCE)
    result = compile_for(target, source, folder / "fuzz.so")
    assert result.returncode == 0, result.stderr
    return ctypes.CDLL(str(folder / "fuzz.so"))


@pytest.fixture(autouse=True)
def reset(library: ctypes.CDLL) -> None:
    library.set_state(0, 0)
    Fault.in_dll(library, "tileproof_fault").kind = 0


def differences(expected: np.ndarray, actual: np.ndarray, seed: int) -> str:
    where = np.flatnonzero(expected != actual)[:5]
    return f"seed {seed}: at {where}, {expected[where]} expected, {actual[where]} actual"


def hard_integers(rng: np.random.Generator, bits: int, shift: np.ndarray) -> np.ndarray:
    """Of every magnitude; a third on or beside a tie, and both extremes."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    value = rng.integers(low, high, shift.size, dtype=np.int64, endpoint=True) >> rng.integers(0, bits, shift.size)
    unit = np.int64(1) << np.minimum(np.maximum(shift, 0), bits - 2)
    tie = (value // unit) * unit + unit // 2 + rng.integers(-1, 2, shift.size)
    value = np.where(rng.random(shift.size) < 1 / 3, tie, value).clip(low, high)
    value[:2] = low, high
    return value


def shifts_of_groups(rng: np.random.Generator, high: int, low: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A shift for each vector, and the same once per lane."""
    shifts = rng.integers(low, high, VALUES // LANES, endpoint=True).astype(np.int32)
    return shifts, np.repeat(shifts.astype(np.int64), LANES)


INTEGERS: dict[str, Any] = {
    "int8": np.int8,
    "uint8": np.uint8,
    "int16": np.int16,
    "uint16": np.uint16,
    "int32": np.int32,
    "uint32": np.uint32,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("accumulator", [32, 64])
def test_srs_is_its_definition_in_every_mode_saturation_and_width(
    library: ctypes.CDLL, accumulator: int, mode: str
) -> None:
    seed = 100 * accumulator + MODES[mode]
    rng = np.random.default_rng(seed)
    shifts, shift = shifts_of_groups(rng, 59)
    value = hard_integers(rng, accumulator, shift)
    source = value.astype(np.int64 if accumulator == 64 else np.int32)
    exact = rounded(value, shift, mode)
    for name, dtype in INTEGERS.items():
        limits = np.iinfo(dtype)
        for sat, code in SATURATIONS.items():
            actual = np.empty(VALUES, dtype)
            library.set_state(MODES[mode], code)
            getattr(library, f"srs_{accumulator}_{name}")(
                address(source), address(shifts), VALUES // LANES, address(actual)
            )

            expected = stored(exact, dtype, sat)
            assert np.array_equal(expected, actual), f"{name} {sat}: " + differences(expected, actual, seed)
            for i in rng.integers(0, VALUES, SAMPLE // 18):
                once = srs(int(value[i]), int(shift[i]), limits.bits, limits.min < 0, mode, sat)
                assert once == expected[i], f"seed {seed}: {value[i]} >> {shift[i]}"


@pytest.mark.parametrize("accumulator", [32, 64])
@pytest.mark.parametrize("name", INTEGERS)
def test_ups_widens_shifts_and_wraps(library: ctypes.CDLL, name: str, accumulator: int) -> None:
    seed = accumulator
    rng = np.random.default_rng(seed)
    shifts, shift = shifts_of_groups(rng, accumulator - 1 if accumulator == 32 else 59)
    limits = np.iinfo(INTEGERS[name])
    value = rng.integers(limits.min, limits.max, VALUES, INTEGERS[name], endpoint=True)
    wide: Any = np.int64 if accumulator == 64 else np.int32
    actual = np.empty(VALUES, wide)
    getattr(library, f"ups_{accumulator}_{name}")(address(value), address(shifts), VALUES // LANES, address(actual))

    expected = (value.astype(np.int64) << shift).astype(wide)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_vectors_wrap_whatever_the_core_saturates(library: ctypes.CDLL, name: str) -> None:
    seed, dtype = 3, INTEGERS[name]
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    library.set_state(MODES["conv_even"], SATURATIONS["saturate"])
    a, b = (rng.integers(limits.min, limits.max, VALUES, dtype, endpoint=True) for _ in "ab")
    a[:2], b[:2] = (limits.min, limits.max), (limits.max, limits.min)
    x, y = a.astype(np.int64), b.astype(np.int64)
    expected_of = [x + y, x - y, -x, np.abs(x), np.minimum(x, y), np.maximum(x, y), np.where(x > y, x - y, 0)]
    for what, exact in enumerate(expected_of):
        actual = np.empty(VALUES, dtype)
        getattr(library, f"lanewise_{name}")(what, address(a), address(b), VALUES // LANES, address(actual))

        expected = exact.astype(dtype)
        assert np.array_equal(expected, actual), f"{what}: " + differences(expected, actual, seed)


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("sat", SATURATIONS)
def test_shifts_of_vectors_are_srs_and_ups_and_logical_ones_move_bits(
    library: ctypes.CDLL, name: str, sat: str
) -> None:
    seed, dtype = 4, INTEGERS[name]
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    shifts, shift = shifts_of_groups(rng, limits.bits - 1)
    value = rng.integers(limits.min, limits.max, VALUES, dtype, endpoint=True)
    wide, bits = value.astype(np.int64), value.view(f"u{dtype(0).itemsize}").astype(np.int64)
    cases = [(0, mode, stored(rounded(wide, shift, mode), dtype, sat)) for mode in MODES]
    cases += [(1, "floor", stored(wide << shift, dtype, sat))]
    cases += [(2, "ceil", (bits >> shift).astype(dtype)), (3, "ceil", (bits << shift).astype(dtype))]
    for what, mode, expected in cases:
        actual = np.empty(VALUES, dtype)
        library.set_state(MODES[mode], SATURATIONS[sat])
        getattr(library, f"shifted_{name}")(what, address(value), address(shifts), VALUES // LANES, address(actual))

        assert np.array_equal(expected, actual), f"{what} {mode}: " + differences(expected, actual, seed)


@pytest.mark.parametrize("sat", SATURATIONS)
@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("int16", "int8"),
        ("int16", "uint8"),
        ("uint16", "uint8"),
        ("int32", "int16"),
        ("int32", "int8"),
        ("uint32", "uint16"),
    ],
)
def test_pack_is_srs_without_a_shift(library: ctypes.CDLL, wide: str, narrow: str, sat: str) -> None:
    seed = 5
    rng = np.random.default_rng(seed)
    limits = np.iinfo(INTEGERS[wide])
    value = rng.integers(limits.min, limits.max, VALUES, np.int64, endpoint=True)
    value >>= rng.integers(0, limits.bits, VALUES)
    source, actual = value.astype(INTEGERS[wide]), np.empty(VALUES, INTEGERS[narrow])
    library.set_state(MODES["ceil"], SATURATIONS[sat])
    getattr(library, f"pack_{wide}_{narrow}")(address(source), VALUES // LANES, address(actual))

    expected = stored(value, INTEGERS[narrow], sat)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)


# --- floating point


def hard_floats(rng: np.random.Generator, count: int) -> np.ndarray:
    """Bits of floats: any; near a bfloat16 or a tie between two; zeros, denormals, infinities and NaNs."""
    bits = rng.integers(0, 2**32, count, dtype=np.uint64).astype(np.uint32)
    near = (bits & 0xFFFF0000) + rng.choice(np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32), count)
    special = rng.choice(
        np.array(
            [
                *(0, 0x80000000, 0x7F800000, 0xFF800000, 0x7F800001, 0xFF80FFFF, 0x7F810000, 0x7F930001, 0xFFC00001),
                *(0x7F7FFFFF, 1, 0x807FFFFF),
            ],
            np.uint32,
        ),
        count,
    )
    draw = rng.random(count)
    return np.where(draw < 0.5, near, np.where(draw < 0.9, bits, special)).astype(np.uint32)


@pytest.mark.parametrize("mode", MODES)
def test_a_float_becomes_a_bfloat16_as_the_mode_says(library: ctypes.CDLL, mode: str) -> None:
    seed = 600 + MODES[mode]
    rng = np.random.default_rng(seed)
    bits, actual = hard_floats(rng, VALUES), np.empty(VALUES, np.uint16)
    library.set_state(MODES[mode], 0)
    library.to_bf16(address(bits), VALUES // LANES, address(actual))

    expected = bf16_bits_of_many(bits, mode)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)
    for i in rng.integers(0, VALUES, SAMPLE):
        assert bf16_bits(int(bits[i]), mode) == expected[i], f"seed {seed}: {bits[i]:#x}"


@pytest.mark.parametrize("mode", MODES)
def test_a_scalar_becomes_a_bfloat16_as_a_lane_of_a_vector_does(library: ctypes.CDLL, mode: str) -> None:
    seed = 7
    bits, actual = hard_floats(np.random.default_rng(seed), VALUES), np.empty(VALUES, np.uint16)
    library.set_state(MODES[mode], 0)
    library.scalar_bf16(address(bits), VALUES // LANES, address(actual))

    expected = bf16_bits_of_many(bits, mode)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)


def normal_bf16(rng: np.random.Generator, shape: Any, spread: int) -> np.ndarray:
    """Bits of normal bfloat16 numbers, exponents within `spread` of 1.0, a tenth of them zeros."""
    exponent = rng.integers(127 - spread, 127 + spread, shape, np.int64, endpoint=True)
    bits = rng.integers(0, 2, shape) << 15 | exponent << 7 | rng.integers(0, 128, shape)
    return np.where(rng.random(shape) < 0.1, 0, bits).astype(np.uint16)


def finite_bf16(rng: np.random.Generator, shape: Any, spread: int) -> np.ndarray:
    """As `normal_bf16`; of the largest spread a fifth are denormals."""
    normal = normal_bf16(rng, shape, min(spread, 126))
    denormal = normal & 0x807F
    return np.where(rng.random(shape) < 0.2, denormal, normal).astype(np.uint16) if spread == 127 else normal


def as_double(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(np.float64)


def accumulators(rng: np.random.Generator, size: int, spread: int) -> np.ndarray:
    magnitude = np.ldexp(
        1 + rng.integers(0, 2**23, size) / 2**23, rng.integers(-2 * spread, 2 * spread + 1, size).clip(-140, 127)
    )
    sign = rng.choice([-1.0, 1.0, 0.0], size, p=[0.45, 0.45, 0.1])
    return (magnitude * sign).astype(np.float32)


SPREADS = pytest.mark.parametrize("spread", [1, 6, 20, 70, 127], ids="exponents within {}".format)


@SPREADS
def test_a_lane_of_mmul_is_the_recorded_sum_of_eight_products(library: ctypes.CDLL, target: str, spread: int) -> None:
    seed = 800 + spread
    rng = np.random.default_rng(seed)
    rows, columns = (4, 4) if target == "npu1" else (8, 8)
    rounds = VALUES // (rows * columns)
    a, b = finite_bf16(rng, (rounds, rows, 8), spread), finite_bf16(rng, (rounds, 8, columns), spread)
    b[: rounds // 4, 1], a[: rounds // 4, :, 1] = b[: rounds // 4, 0], a[: rounds // 4, :, 0] ^ 0x8000  # they cancel
    acc = accumulators(rng, rounds * rows * columns, spread).view(np.uint32)
    actual = np.empty(acc.size, np.uint32)
    library.mac_8(address(acc), address(a), address(b), rounds, address(actual))

    shape = (8, rounds, rows, columns)  # term, round, row, column
    x = np.broadcast_to(np.moveaxis(a, 2, 0)[..., None], shape).reshape(8, -1)
    y = np.broadcast_to(np.moveaxis(b, 1, 0)[:, :, None], shape).reshape(8, -1)
    expected = mac_of_many(acc, x, y)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)
    for i in rng.integers(0, acc.size, SAMPLE // 3):
        assert mac_bits(int(acc[i]), x[:, i].tolist(), y[:, i].tolist()) == expected[i], f"seed {seed}, lane {i}"


def test_a_product_is_aligned_before_it_is_normalised(library: ctypes.CDLL, target: str) -> None:
    """1.5 * 1.5 is aligned as 2.25, whose last bit of 24 is worth 2^-23, and not as 2 * 1.125, where it is 2^-22."""
    rows, columns = (4, 4) if target == "npu1" else (8, 8)
    a, b = np.zeros((rows, 8), np.uint16), np.zeros((8, columns), np.uint16)
    a[:, :3], b[:3] = [0x3FC0, 0xBFC0, 0x3980], [[0x3FC0], [0x3FC0], [0x3A00]]
    acc, actual = np.zeros(rows * columns, np.float32), np.ones(rows * columns, np.float32)
    library.mac_8(address(acc), address(a), address(b), 1, address(actual))

    assert set(actual.tolist()) == {2.0**-23}


def test_a_small_accumulator_is_lost_beside_large_products_that_cancel(library: ctypes.CDLL, target: str) -> None:
    rows, columns = (4, 4) if target == "npu1" else (8, 8)
    large = np.float32(2.0**15).view(np.uint32) >> 16
    a, b = np.zeros((rows, 8), np.uint16), np.zeros((8, columns), np.uint16)
    a[:, 0], a[:, 1], b[:2] = large, large ^ 0x8000, large
    acc, actual = np.ones(rows * columns, np.float32), np.ones(rows * columns, np.float32)
    library.mac_8(address(acc), address(a), address(b), 1, address(actual))

    assert mac_bits(0x3F800000, [0x4700, 0xC700], [0x4700, 0x4700]) == 0
    assert not actual.any()


@SPREADS
def test_elementwise_products_are_sums_of_one_product(library: ctypes.CDLL, spread: int) -> None:
    seed = 900 + spread
    rng = np.random.default_rng(seed)
    a, b = finite_bf16(rng, VALUES, spread), finite_bf16(rng, VALUES, spread)
    acc = accumulators(rng, VALUES, spread)
    quarter = (as_double(a) * as_double(b))[: VALUES // 4].clip(-(2.0**127), 2.0**127).astype(np.float32)
    acc[: VALUES // 4] = np.where(quarter == 0, 0, -np.nextafter(quarter, np.float32(9)))  # they nearly cancel
    start, zero = acc.view(np.uint32), np.zeros(VALUES, np.uint32)
    for what, (of, x) in enumerate([(start, a), (start, a ^ 0x8000), (zero, a), (zero, a ^ 0x8000)]):
        actual = np.empty(VALUES, np.uint32)
        library.mac_1(what, address(acc), address(a), address(b), VALUES // LANES, address(actual))

        expected = mac_of_many(of, x[None], b[None])
        assert np.array_equal(expected, actual), f"{what}: " + differences(expected, actual, seed)
        for i in rng.integers(0, VALUES, SAMPLE // 4):
            assert mac_bits(int(of[i]), [int(x[i])], [int(b[i])]) == expected[i], f"seed {seed}, lane {i}"


def any_bf16(rng: np.random.Generator, shape: Any) -> np.ndarray:
    """Bits of numbers near 1.0 and of all others; some zeros, infinities and NaNs."""
    special = rng.choice(np.array([0, 0x8000, 0x7F80, 0xFF80, 0x7FC0, 0xFF81, 0x7FB3, 0x0001], np.uint16), shape)
    drawn = np.where(rng.random(shape) < 0.5, normal_bf16(rng, shape, 3), rng.integers(0, 2**16, shape))
    return np.where(rng.random(shape) < 0.08, special, drawn).astype(np.uint16)


def test_infinities_and_nans_go_through_the_sum_and_mark_its_result(library: ctypes.CDLL, target: str) -> None:
    seed = 12
    rng = np.random.default_rng(seed)
    rows, columns = (4, 4) if target == "npu1" else (8, 8)
    rounds = 4_096 // (rows * columns)
    a, b = any_bf16(rng, (rounds, rows, 8)), any_bf16(rng, (rounds, 8, columns))
    for operand in (a, b):
        operand[: rounds // 4] &= 0xBFFF  # numbers below 2
    a[: rounds // 8, :, 2], b[: rounds // 8, 5] = 0x7FD3, 0x8000
    acc = any_bf16(rng, 4_096).astype(np.uint32) << 16 | rng.integers(0, 2**16, 4_096).astype(np.uint32)
    actual = np.empty(acc.size, np.uint32)
    library.mac_8(address(acc), address(a), address(b), rounds, address(actual))

    expected = np.array(
        [
            mac_bits(int(acc[i]), a[r, m].tolist(), b[r, :, n].tolist())
            for i, (r, m, n) in enumerate(np.ndindex(rounds, rows, columns))
        ],
        np.uint32,
    )
    assert np.array_equal(expected, actual), differences(expected, actual, seed)
    payloads = expected[expected & 0x7FFFFFFF > 0x7F800000] & 0x7FFFFF
    assert min((payloads == 1).sum(), (payloads > 1).sum()) > 200


def test_elementwise_products_of_infinities_and_nans_are_sums_too(library: ctypes.CDLL) -> None:
    seed = 13
    rng = np.random.default_rng(seed)
    a, b = any_bf16(rng, 4_096), any_bf16(rng, 4_096)
    acc = any_bf16(rng, 4_096).astype(np.uint32) << 16 | rng.integers(0, 2**16, 4_096).astype(np.uint32)
    for what, (of, x) in enumerate([(acc, a), (acc, a ^ 0x8000), (acc * 0, a), (acc * 0, a ^ 0x8000)]):
        actual = np.empty(4_096, np.uint32)
        library.mac_1(what, address(acc), address(a), address(b), 4_096 // LANES, address(actual))

        lanes = zip(of.tolist(), x.tolist(), b.tolist(), strict=True)
        expected = np.array([mac_bits(start, [left], [right]) for start, left, right in lanes], np.uint32)
        assert np.array_equal(expected, actual), f"{what}: " + differences(expected, actual, seed)


def sums_on(target: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of floats: npu1 aligns before it adds, npu2 rounds each sum once."""
    if target == "npu1":
        return float_sum_of_many(a.view(np.uint32), b.view(np.uint32)).view(np.float32)
    return a + b


@pytest.mark.parametrize("mode", ["floor", "conv_even", "symmetric_zero"])
def test_a_sum_of_bfloat16_vectors_is_rounded_once_from_accfloat(library: ctypes.CDLL, target: str, mode: str) -> None:
    seed = 10
    rng = np.random.default_rng(seed)
    a, b = finite_bf16(rng, VALUES, 20), finite_bf16(rng, VALUES, 20)
    library.set_state(MODES[mode], 0)
    x, y = as_double(a).astype(np.float32), as_double(b).astype(np.float32)
    for difference, wide in enumerate((sums_on(target, x, y), sums_on(target, x, -y))):
        actual = np.empty(VALUES, np.uint16)
        library.sum_bf16(difference, address(a), address(b), VALUES // LANES, address(actual))

        expected = bf16_bits_of_many(wide.view(np.uint32), mode)
        assert np.array_equal(expected, actual), differences(expected, actual, seed)


@SPREADS
def test_a_sum_of_floats_is_aligned_before_it_is_added_on_npu1(library: ctypes.CDLL, target: str, spread: int) -> None:
    seed = 1000 + spread
    rng = np.random.default_rng(seed)
    a, b = accumulators(rng, VALUES, spread // 2), accumulators(rng, VALUES, spread // 2)
    b[: VALUES // 4] = -np.nextafter(a[: VALUES // 4], np.float32(9))  # they nearly cancel
    for what in range(4):
        actual = np.empty(VALUES, np.float32)
        library.sum_float(what, address(a), address(b), VALUES // LANES, address(actual))

        y = -b if what % 2 else b
        expected, found = sums_on(target, a, y).view(np.uint32), actual.view(np.uint32)
        assert np.array_equal(expected, found), f"{what}: " + differences(expected, found, seed)
        for i in rng.integers(0, VALUES, SAMPLE // 4 if target == "npu1" else 0):
            bits = [(int(of.view(np.uint32)[i]), ONE) for of in (a, y)]
            assert sum_of_products(bits) == expected[i], f"seed {seed}, lane {i}"


def test_infinities_and_nans_go_through_a_sum_of_floats_on_npu1(library: ctypes.CDLL, target: str) -> None:
    seed = 14
    rng = np.random.default_rng(seed)
    a, b = (
        any_bf16(rng, 4_096).astype(np.uint32) << 16 | rng.integers(0, 2**16, 4_096).astype(np.uint32) for _ in "ab"
    )
    a[:1_000], b[:1_000] = a[:1_000] | 0x7F800000, b[:1_000] | 0x7F800000
    for what in range(4):
        actual = np.empty(4_096, np.uint32)
        library.sum_float(what, address(a), address(b), 4_096 // LANES, address(actual))

        if target == "npu2":
            with np.errstate(invalid="ignore", over="ignore"):
                ieee = a.view(np.float32) + (b ^ np.uint32(what % 2 << 31)).view(np.float32)
            np.testing.assert_array_equal(actual.view(np.float32), ieee)
            continue
        lanes = zip(a.tolist(), (b ^ (what % 2 << 31)).tolist(), strict=True)
        expected = np.array([sum_of_products([(x, ONE), (y, ONE)]) for x, y in lanes], np.uint32)
        assert np.array_equal(expected, actual), f"{what}: " + differences(expected, actual, seed)


def test_a_smaller_float_loses_what_is_below_the_larger_ones_last_bit(library: ctypes.CDLL, target: str) -> None:
    a, b = np.full(16, 1, np.float32), np.full(16, -0.75 * 2.0**-24, np.float32)
    actual = np.empty(16, np.float32)
    library.sum_float(0, address(a), address(b), 1, address(actual))

    assert set(actual.tolist()) == {1.0 if target == "npu1" else 1 - 2.0**-24}


def added(target: str, values: list[np.ndarray]) -> np.ndarray:
    total = values[0]
    for value in values[1:]:
        total = sums_on(target, total, value)
    return total


def total_of(target: str, lanes: np.ndarray) -> np.ndarray:
    """Registers onto registers, on npu1 each half of them for itself; then halves onto halves."""
    native = {"npu1": 16, "npu2": 32}[target]
    registers = [lanes[i : i + native] for i in range(0, lanes.size, native)]
    halves = 2 if target == "npu1" and len(registers) > 1 else 1
    step = len(registers) // halves
    total = added(target, [added(target, registers[i * step : (i + 1) * step]) for i in range(halves)])
    while total.size > 1:
        total = sums_on(target, total[: total.size // 2].copy(), total[total.size // 2 :].copy())
    return total


def test_reduce_add_of_float_adds_registers_and_then_halves(library: ctypes.CDLL, target: str) -> None:
    seed = 15
    rng = np.random.default_rng(seed)
    for _ in range(500):
        values, actual = accumulators(rng, 64, 4), np.empty(5, np.float32)
        library.totals_float(address(values), address(actual))

        expected = [float(total_of(target, values[:count])[0]) for count in (4, 8, 16, 32, 64)]
        assert expected == actual.tolist(), f"seed {seed}"


def rows_of(lanes: np.ndarray) -> np.ndarray:
    """Eight lanes of bfloat16 to a sum, in up to four rows, as the multiplication by ones of npu1 has them."""
    rows = np.zeros(min(4, lanes.size // 8), np.uint32)
    for at in range(0, lanes.size, 8):
        row = at // 8 % rows.size
        rows[row] = mac_bits(int(rows[row]), lanes[at : at + 8].tolist(), [0x3F80] * 8)
    return rows.view(np.float32)


def test_reduce_add_of_bfloat16_is_rounded_once(library: ctypes.CDLL, target: str) -> None:
    seed = 16
    rng = np.random.default_rng(seed)
    for _ in range(200):
        values, actual = finite_bf16(rng, 128, 6), np.empty(5, np.uint16)
        library.totals_bf16(address(values), address(actual))

        wide = as_double(values).astype(np.float32)
        totals = [
            total_of(target, rows_of(values[:count]) if target == "npu1" else wide[:count])
            for count in (8, 16, 32, 64, 128)
        ]
        expected = bf16_bits_of_many(np.concatenate(totals).view(np.uint32), "floor")
        assert expected.tolist() == actual.tolist(), f"seed {seed}"


def product_on(target: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return product_of_limbs(a, b) if target == "npu2" else a * b


@SPREADS
def test_a_product_of_floats_is_the_sum_of_nine_on_npu2(library: ctypes.CDLL, target: str, spread: int) -> None:
    seed = 1100 + spread
    rng = np.random.default_rng(seed)
    acc, a, b = (accumulators(rng, VALUES, spread // 2) for _ in range(3))
    product = product_on(target, a, b)
    acc[: VALUES // 4] = -np.nextafter(product[: VALUES // 4], np.float32(9))  # they nearly cancel
    with np.errstate(all="ignore"):
        expected_of = [acc + product, acc - product, product, -product, product_on(target, a, a)]
    for what, expected in enumerate(expected_of):
        actual = np.empty(VALUES, np.float32)
        library.product_float(what, address(acc), address(a), address(b), VALUES // LANES, address(actual))

        same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))  # the sign of what vanishes is nobody's
        assert same.all(), f"{what}: " + differences(expected, actual, seed)


def test_a_product_of_nine_is_within_two_steps_of_the_exact_one_and_not_always_it(
    library: ctypes.CDLL, target: str
) -> None:
    seed = 17
    rng = np.random.default_rng(seed)
    a, b = (accumulators(rng, VALUES, 10) for _ in "ab")
    a, b = np.where(a == 0, np.float32(1), a), np.where(b == 0, np.float32(1), b)
    actual = np.empty(VALUES, np.float32)
    library.product_float(2, address(a), address(a), address(b), VALUES // LANES, address(actual))

    steps = np.abs(actual.view(np.int32).astype(np.int64) - (a * b).view(np.int32))
    assert steps.max() <= 2, f"seed {seed}"
    assert (np.count_nonzero(steps) > VALUES // 100) == (target == "npu2"), f"seed {seed}"


def test_mmul_of_float_adds_one_product_after_the_other(library: ctypes.CDLL, target: str) -> None:
    seed = 18
    rng = np.random.default_rng(seed)
    rounds = 1_000
    acc, a, b = (accumulators(rng, rounds * count, 6).reshape(rounds, -1) for count in (16, 32, 32))
    actual = np.empty((rounds, 4, 4), np.float32)
    library.tile_float(address(acc), address(a), address(b), rounds, address(actual))

    left, right, expected = a.reshape(rounds, 4, 8), b.reshape(rounds, 8, 4), acc.reshape(rounds, 4, 4)
    for k in range(8):
        x, y = np.broadcast_arrays(left[:, :, k, None], right[:, None, k, :])
        expected = expected + product_on(target, x, y)
    assert np.array_equal(expected, actual), differences(expected.ravel(), actual.ravel(), seed)


def exponents(rng: np.random.Generator, count: int) -> np.ndarray:
    """Arguments of exp2: any, close to an integer, and far below one."""
    value = rng.uniform(-120, 120, count).astype(np.float32)
    near = np.rint(value) + rng.choice([-1, 0, 1], count) * 2.0 ** rng.integers(-60, -3, count)
    value[::3] = near.astype(np.float32)[::3]
    value[1::7] = rng.choice([-1, 1], value[1::7].size) * 2.0 ** rng.integers(-100, -20, value[1::7].size)
    return value


@pytest.mark.parametrize("mode", MODES)
def test_exp2_is_a_straight_line_between_two_powers_rounded_once(library: ctypes.CDLL, target: str, mode: str) -> None:
    if target == "npu1":
        assert not hasattr(library, "powers_of_two")
        return
    seed = 1200 + MODES[mode]
    value, actual = exponents(np.random.default_rng(seed), 8_000), np.empty(8_000, np.uint16)
    library.set_state(MODES[mode], 0)
    library.powers_of_two(address(value), value.size // LANES, address(actual))

    expected = np.array([exp2_bits(float(x), mode) for x in value], np.uint16)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)


def test_exp2_overshoots_by_up_to_6_15_percent_and_ends_in_zero_infinity_or_nan(
    library: ctypes.CDLL, target: str
) -> None:
    if target == "npu1":
        return
    value = np.arange(-4, 4, 2.0**-10, np.float32)
    value[:4] = -np.inf, np.inf, np.nan, -1_000
    actual = np.empty(value.size, BF16)
    library.set_state(MODES["conv_even"], 0)
    library.powers_of_two(address(value), value.size // LANES, address(actual))

    assert actual[:4].astype(float).tolist()[:2] == [0, np.inf]
    assert np.isnan(actual[2].astype(float))
    assert float(actual[3]) == 0
    over = actual[4:].astype(np.float64) / np.exp2(value[4:].astype(np.float64)) - 1
    assert 0.0605 < over.max() < 0.0655  # 6.15 %, and half a step of bfloat16
    assert over.min() > -0.004


@pytest.mark.parametrize("mode", ["floor", "conv_even", "symmetric_inf"])
def test_tanh_is_its_argument_up_to_one_half(library: ctypes.CDLL, target: str, mode: str) -> None:
    if target == "npu1":
        assert not hasattr(library, "tangents")
        return
    seed = 19
    value = np.random.default_rng(seed).uniform(-2, 2, 16_000).astype(np.float32)
    value[:6] = 0.5, -0.5, 0, -0.0, np.nextafter(np.float32(0.5), np.float32(1)), 0.25
    actual = np.empty(value.size, np.uint16)
    library.set_state(MODES[mode], 0)
    library.tangents(address(value), value.size // LANES, address(actual))

    exact = np.tanh(value.astype(np.float64)).astype(np.float32)
    expected = bf16_bits_of_many(np.where(np.abs(value) <= 0.5, value, exact).view(np.uint32), mode)
    assert np.array_equal(expected, actual), differences(expected, actual, seed)


@pytest.mark.parametrize("name", ["bf16_int32", "bf16_int16", "float_int32", "float_int16"])
def test_bfloat16_is_fixed_to_the_floor_and_float_to_the_nearest(library: ctypes.CDLL, name: str) -> None:
    seed = 11
    rng = np.random.default_rng(seed)
    source, to = name.split("_")
    shifts, shift = shifts_of_groups(rng, 8, -8)
    bits = normal_bf16(rng, VALUES, 20)
    value = as_double(bits)
    given: np.ndarray = bits
    if source == "float":
        given = (value * (1 + rng.integers(0, 2**10, VALUES) / 2**10)).astype(np.float32)
        value = given.astype(np.float64)
    actual = np.empty(VALUES, INTEGERS[to])
    getattr(library, f"fixed_{name}")(address(given), address(shifts), VALUES // LANES, address(actual))

    scaled = np.ldexp(value, shift)
    if source == "bf16":
        expected = np.floor(scaled).clip(-(2**31), 2**31 - 1).astype(np.int64).astype(INTEGERS[to])
    else:
        limits = np.iinfo(INTEGERS[to])
        whole = np.sign(scaled) * np.ceil(np.abs(scaled) - 0.5)
        expected = whole.clip(limits.min, limits.max).astype(np.int64).astype(INTEGERS[to])
    assert np.array_equal(expected, actual), differences(expected, actual, seed)
