"""The rules of floating point, each changed by one step: the definitions in test_aie_api_fuzz.py tell every change.

A mutant is one replacement in a header. What it computes is compared with these definitions on a few thousand values.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, FLAGS, INCLUDE, MODES, address
from test_aie_api_fuzz import (
    accumulators,
    any_bf16,
    bf16_bits_of_many,
    exp2_bits,
    exponents,
    finite_bf16,
    hard_floats,
    mac_bits,
    product_of_limbs,
    sums_on,
    total_of,
)

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++"),
    pytest.mark.slow,
]

LANES = 16
COUNT = 4_096

SOURCE = r"""
#include <aie_api/aie.hpp>

constexpr int lanes = 16;
template <typename T>
auto at(const T *p, int g) { return aie::load_unaligned_v<lanes>(p + g * lanes); }

extern "C" {
void narrow(unsigned mode, const float *from, int n, bfloat16 *to) {
    aie::set_rounding(aie::rounding_mode(mode));
    for (int g = 0; g < n; ++g)
        aie::store_unaligned_v(to + g * lanes, aie::accum<accfloat, lanes>(at(from, g)).to_vector<bfloat16>());
}
void tiles(const bfloat16 *a, const bfloat16 *b, int n, float *to) {
    for (int g = 0; g < n; ++g) {
        aie::mmul<4, 8, 4, bfloat16, bfloat16> tile;
        tile.mul(aie::load_unaligned_v<32>(a + 32 * g), aie::load_unaligned_v<32>(b + 32 * g));
        aie::store_unaligned_v(to + g * lanes, tile.to_vector<float>());
    }
}
void macs(const float *acc, const bfloat16 *a, const bfloat16 *b, int n, float *to) {
    for (int g = 0; g < n; ++g) {
        const aie::accum<accfloat, lanes> start(at(acc, g));
        aie::store_unaligned_v(to + g * lanes, aie::mac(start, at(a, g), at(b, g)).to_vector<float>());
    }
}
void sums(const float *a, const float *b, int n, float *to) {
    for (int g = 0; g < n; ++g) aie::store_unaligned_v(to + g * lanes, aie::add(at(a, g), at(b, g)));
}
void totals(const float *a, int n, float *to) {
    for (int g = 0; g < n; ++g, a += 64)
        to[g] = aie::reduce_add(aie::concat(aie::load_unaligned_v<32>(a), aie::load_unaligned_v<32>(a + 32)));
}
void products(const float *a, const float *b, int n, float *to) {
    for (int g = 0; g < n; ++g) aie::store_unaligned_v(to + g * lanes, aie::mul(at(a, g), at(b, g)).to_vector<float>());
}
#if __AIE_ARCH__ == 21
void powers(const float *a, int n, bfloat16 *to) {
    for (int g = 0; g < n; ++g) aie::store_unaligned_v(to + g * lanes, aie::exp2<bfloat16>(at(a, g)));
}
void tangents(const float *a, int n, bfloat16 *to) {
    for (int g = 0; g < n; ++g) aie::store_unaligned_v(to + g * lanes, aie::tanh<bfloat16>(at(a, g)));
}
#endif
}
"""


def narrowing_is_right(library: ctypes.CDLL, target: str) -> bool:
    bits, actual = hard_floats(np.random.default_rng(30), COUNT), np.empty(COUNT, np.uint16)
    right = True
    for mode, code in MODES.items():
        library.narrow(code, address(bits), COUNT // LANES, address(actual))
        right = right and np.array_equal(bf16_bits_of_many(bits, mode), actual)
    return right


def tiles_are_right(library: ctypes.CDLL, target: str) -> bool:
    rng = np.random.default_rng(31)
    tiles = COUNT // LANES
    finite = finite_bf16(rng, (2, tiles, 32), 127)
    drawn = np.where(np.arange(tiles)[:, None] % 4 == 0, any_bf16(rng, (2, tiles, 32)), finite)
    drawn[:, 1::4] = finite_bf16(rng, (2, tiles // 4, 32), 6)
    drawn[:, 2::8] &= 0xBFFF
    a, b = (np.ascontiguousarray(operand.astype(np.uint16)) for operand in drawn)
    actual = np.empty((tiles, 4, 4), np.uint32)
    library.tiles(address(a), address(b), tiles, address(actual))

    x, y = a.reshape(tiles, 4, 8), b.reshape(tiles, 8, 4)
    expected = [mac_bits(0, x[t, m].tolist(), y[t, :, n].tolist()) for t, m, n in np.ndindex(actual.shape)]
    return expected == actual.ravel().tolist()


def macs_are_right(library: ctypes.CDLL, target: str) -> bool:
    rng = np.random.default_rng(32)
    a, b = (np.where(rng.random(COUNT) < 0.3, any_bf16(rng, COUNT), finite_bf16(rng, COUNT, 127)) for _ in "ab")
    acc, actual = accumulators(rng, COUNT, 63).view(np.uint32), np.empty(COUNT, np.uint32)
    acc[:64] = 0x7FB30001
    library.macs(address(acc), address(a), address(b), COUNT // LANES, address(actual))

    lanes = zip(acc.tolist(), a.tolist(), b.tolist(), strict=True)
    return [mac_bits(start, [x], [y]) for start, x, y in lanes] == actual.tolist()


def sums_are_right(library: ctypes.CDLL, target: str) -> bool:
    rng = np.random.default_rng(33)
    a, b, actual = accumulators(rng, COUNT, 10), accumulators(rng, COUNT, 10), np.empty(COUNT, np.float32)
    library.sums(address(a), address(b), COUNT // LANES, address(actual))
    return np.array_equal(sums_on(target, a, b), actual)


def totals_are_right(library: ctypes.CDLL, target: str) -> bool:
    rng = np.random.default_rng(34)
    values, actual = accumulators(rng, COUNT, 4), np.empty(COUNT // 64, np.float32)
    library.totals(address(values), COUNT // 64, address(actual))
    return [float(total_of(target, lanes)[0]) for lanes in values.reshape(-1, 64)] == actual.tolist()


def products_are_right(library: ctypes.CDLL, target: str) -> bool:
    rng = np.random.default_rng(35)
    a, b, actual = accumulators(rng, COUNT, 10), accumulators(rng, COUNT, 10), np.empty(COUNT, np.float32)
    library.products(address(a), address(b), COUNT // LANES, address(actual))
    return np.array_equal(product_of_limbs(a, b) if target == "npu2" else a * b, actual)


def powers_are_right(library: ctypes.CDLL, target: str) -> bool:
    value, actual = exponents(np.random.default_rng(36), COUNT), np.empty(COUNT, np.uint16)
    library.narrow(MODES["ceil"], address(value), 0, address(actual))
    library.powers(address(value), COUNT // LANES, address(actual))
    return [exp2_bits(float(x), "ceil") for x in value] == actual.tolist()


def tangents_are_right(library: ctypes.CDLL, target: str) -> bool:
    value = np.random.default_rng(37).uniform(-2, 2, COUNT).astype(np.float32)
    actual = np.empty(COUNT, np.uint16)
    library.narrow(MODES["conv_even"], address(value), 0, address(actual))
    library.tangents(address(value), COUNT // LANES, address(actual))
    exact = np.where(np.abs(value) <= 0.5, value, np.tanh(value.astype(np.float64)).astype(np.float32))
    return np.array_equal(bf16_bits_of_many(exact.view(np.uint32), "conv_even"), actual)


Check = Callable[[ctypes.CDLL, str], bool]
ONCE = "if constexpr (__AIE_ARCH__ == 21) return a + b;"
# Target, header, what stands there, what a mutant has instead, and the comparison that tells.
MUTANTS: list[tuple[str, str, str, str, Check]] = [
    ("npu1", "rounding.hpp", "upper == 0x7f80u)", "upper == 0x7f81u)", narrowing_is_right),
    ("npu1", "rounding.hpp", "upper | uint32_t(", "upper | 0x40u * uint32_t(", narrowing_is_right),
    ("npu1", "rounding.hpp", "base = half - 1, if_negative = 1; break", "base = half; break", narrowing_is_right),
    ("npu1", "float.hpp", "largest + 1023 + 29)", "largest + 1023 + 30)", tiles_are_right),
    ("npu1", "float.hpp", "largest + 1023 + 29)", "largest + 1023 + 28)", tiles_are_right),
    ("npu1", "float.hpp", "exponent ? exponent : 1)", "exponent)", tiles_are_right),
    ("npu1", "float.hpp", "significand | 1u", "significand", tiles_are_right),
    ("npu1", "float.hpp", "significand | 1u", "0x400000u", tiles_are_right),
    ("npu1", "float.hpp", "sign | 0x7f800000u", "0x7f800000u", tiles_are_right),
    ("npu1", "float.hpp", "nan ? bits & 0x007fffffu : 0", "bits & 0x007fffffu", tiles_are_right),
    ("npu1", "float.hpp", "__builtin_copysignf(0.0f, float(sum))", "0.0f", tiles_are_right),
    ("npu1", "float.hpp", "return vanishes ?", "return false ?", tiles_are_right),
    ("npu1", "float.hpp", "bits - 0x00800000u);", "bits - 0x00ffffffu);", tiles_are_right),
    ("npu1", "mmul.hpp", "b + n, N, K)", "b + n, N, K - 1)", tiles_are_right),
    (
        "npu1",
        "mmul.hpp",
        "power_of_a[m * K + k] + power",
        "power_of_a[m * K + k] + int16_t(1) + power",
        tiles_are_right,
    ),
    ("npu1", "float.hpp", "return start;", "return -start;", macs_are_right),
    ("npu1", "float.hpp", "int16_t(power_of(x) + power_of(y))", "int16_t(power_of(x))", macs_are_right),
    ("npu1", "float.hpp", f"{ONCE}\n        const", "return a + b;\n        const", sums_are_right),
    ("npu2", "float.hpp", f"{ONCE}\n        const", "const", sums_are_right),
    ("npu1", "compare.hpp", "? Elems : Elems / 2;", "? Elems : Elems;", totals_are_right),
    ("npu2", "compare.hpp", "== 21 ? 32 : 16", "== 21 ? 16 : 16", totals_are_right),
    ("npu2", "float.hpp", "bits + 0x7fffu + (bits >> 16 & 1u)", "bits + 0x8000u", products_are_right),
    ("npu2", "float.hpp", "sum = float(sum + a.first * b.third)", "sum += 0", products_are_right),
    ("npu2", "float.hpp", "sum = float(sum + a.third * b.first)", "sum += 0", products_are_right),
    ("npu2", "elementary.hpp", "kept | int64_t(!exact)", "kept", powers_are_right),
    ("npu2", "elementary.hpp", "(1 + double(kept", "(1.0001 + double(kept", powers_are_right),
    ("npu2", "elementary.hpp", "<= 0.5f ? a", "< 0.4f ? a", tangents_are_right),
]


def compiled(target: str, include: Path, folder: Path) -> ctypes.CDLL:
    (folder / "rules.cc").write_text(SOURCE)
    assert COMPILER is not None
    command = [COMPILER, *FLAGS, "-Wno-error", "-O1", f"-D__AIE_ARCH__={ARCHITECTURES[target]}", "-I", str(include)]
    done = subprocess.run(
        [*command, str(folder / "rules.cc"), "-o", str(folder / "rules.so")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(folder / "rules.so"))


@pytest.mark.parametrize("target", ARCHITECTURES)
def test_the_headers_as_they_are_compute_the_rules(target: str, tmp_path: Path) -> None:
    library = compiled(target, INCLUDE, tmp_path)
    checks = {check for of, *_, check in MUTANTS if of == target}

    assert [check.__name__ for check in checks if not check(library, target)] == []


@pytest.mark.parametrize(
    ("target", "header", "old", "new", "right"), MUTANTS, ids=[f"{m[0]} {m[1]} {m[3][:40]}" for m in MUTANTS]
)
def test_a_changed_rule_computes_something_else(
    target: str, header: str, old: str, new: str, right: Check, tmp_path: Path
) -> None:
    shutil.copytree(INCLUDE, tmp_path / "include")
    path = tmp_path / "include" / "aie_api" / header
    text = path.read_text()
    assert old in text, f"{header} has no {old!r} to change"
    path.write_text(text.replace(old, new))

    assert not right(compiled(target, tmp_path / "include", tmp_path), target)
