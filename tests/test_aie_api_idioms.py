"""Tile code in the manner of public kernels compiles without a warning and computes what its author means."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, address, aligned, compile_for

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

SOURCE = r"""
#include <stdint.h>
#include <aie_api/aie.hpp>

#if __AIE_ARCH__ == 20
using Bytes = aie::mmul<4, 8, 8, int8, int8, accauto>;
using Halves = aie::mmul<4, 8, 4, bfloat16, bfloat16, accauto>;
#else
using Bytes = aie::mmul<8, 8, 8, int8, int8, accauto>;
using Halves = aie::mmul<8, 8, 8, bfloat16, bfloat16, accfloat>;
#endif

// C += A B, in blocks that lie row by row; four blocks of C at a time share their operands.
template <typename MMUL, typename In, typename Out, unsigned rows, unsigned inner, unsigned columns>
static inline void blocked(const In *__restrict a, const In *__restrict b, Out *__restrict c) {
    static_assert(rows % 2 == 0 && columns % 2 == 0);
    event0();
    for (unsigned i = 0; i < rows; i += 2)
        chess_prepare_for_pipelining chess_loop_range(2, ) {
            for (unsigned j = 0; j < columns; j += 2)
                AIE_LOOP_MIN_ITERATION_COUNT(2) {
                    Out *c0 = c + (i * columns + j) * MMUL::size_C, *c1 = c0 + columns * MMUL::size_C;
                    aie::vector<Out, MMUL::size_C> start = aie::load_v<MMUL::size_C>(c0);
                    MMUL C00(start), C01(aie::load_v<MMUL::size_C>(c0 + MMUL::size_C));
                    MMUL C10(aie::load_v<MMUL::size_C>(c1)), C11(aie::load_v<MMUL::size_C>(c1 + MMUL::size_C));
                    for (unsigned k = 0; k < inner; ++k) {
                        aie::vector<In, MMUL::size_A> A0, A1;
                        A0 = aie::load_v<MMUL::size_A>(a + (i * inner + k) * MMUL::size_A);
                        A1 = aie::load_v<MMUL::size_A>(a + ((i + 1) * inner + k) * MMUL::size_A);
                        auto B0 = aie::load_v<MMUL::size_B>(b + (k * columns + j) * MMUL::size_B);
                        auto B1 = aie::load_v<MMUL::size_B>(b + (k * columns + j + 1) * MMUL::size_B);
                        C00.mac(A0, B0), C01.mac(A0, B1), C10.mac(A1, B0), C11.mac(A1, B1);
                    }
                    aie::store_v(c0, C00.template to_vector<Out>());
                    aie::store_v(c0 + MMUL::size_C, C01.template to_vector<Out>());
                    aie::store_v(c1, C10.template to_vector<Out>());
                    aie::store_v(c1 + MMUL::size_C, C11.template to_vector<Out>());
                }
        }
    event1();
}

using namespace aie;

extern "C" {

int rows_of_a_block() { return Bytes::M; }
void bytes(const int8_t *a, const int8_t *b, int32_t *c) { blocked<Bytes, int8, int32, 4, 3, 2>(a, b, c); }
void halves(const bfloat16 *a, const bfloat16 *b, float *c) { blocked<Halves, bfloat16, float, 4, 3, 2>(a, b, c); }
int columns_of_halves() { return Halves::N; }

// out := in / the sum of in, by bfloat16
void normalised(bfloat16 *restrict in, bfloat16 *restrict out, const int32_t n) {
    const ::aie::rounding_mode before = ::aie::swap_rounding(aie::rounding_mode::conv_even);
    auto first = aie::cbegin_restrict_vector<32>(in), again = aie::cbegin_restrict_vector<32>(in);
    auto to = aie::begin_restrict_vector<32>(out);
    aie::accum<accfloat, 32> sum = aie::zeros<accfloat, 32>();
    aie::vector<bfloat16, 32> largest = aie::broadcast<bfloat16, 32>(std::numeric_limits<bfloat16>::lowest());
    for (int i = 0; i < n; i += 32) AIE_PREPARE_FOR_PIPELINING {
        const auto x = *first++;
        sum = add(sum, x), largest = aie::max(largest, x);
    }
    const float whole = aie::reduce_add(sum.to_vector<float>());
    const bfloat16 part = (bfloat16)aie::inv(whole);
    for (int i = 0; i < n; i += 32) *to++ = aie::mul(*again++, part).to_vector<bfloat16>();
    out[n] = aie::max(aie::reduce_max(largest), (bfloat16)0.0f);
    ::aie::set_rounding(before);
}

// Three rows of pixels through a 3 x 3 filter, 32 pixels, the left edge repeated.
void filtered(uint8_t *pixels, int16_t *filter, uint8_t *out) {
    using ops = aie::sliding_mul_xy_ops<32, 8, 1, 1, int8, uint8>;
    set_sat();
    aie::vector<uint8, 64> row[3];
    aie::vector<int8, 32> weights = aie::zeros<int8, 32>();
    for (int r = 0; r < 3; ++r) {
        for (int i = 0; i < 3; ++i) weights[8 * r + i] = (int8_t)(filter[3 * r + i] >> 8);
        row[r].insert(0, aie::load_v<32>(pixels + 64 * r));
        row[r].insert(1, aie::load_v<32>(pixels + 64 * r + 32));
        row[r] = ::aie::shuffle_up_replicate(row[r], 1);
    }
    auto acc = ops::mul(weights, 0, row[0], 0);
    for (int r = 1; r < 3; ++r) acc = ops::mac(acc, weights, r * 8, row[r], 0);
    ::aie::store_v(out, acc.to_vector<uint8>(4));
    clr_sat();
}

}  // extern "C"
"""


@pytest.fixture(scope="module", params=ARCHITECTURES)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp(request.param)
    (folder / "idioms.cc").write_text(SOURCE)
    result = compile_for(request.param, folder / "idioms.cc", folder / "idioms.so")
    assert result.returncode == 0, result.stderr
    return ctypes.CDLL(str(folder / "idioms.so"))


def in_blocks(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    high, wide = matrix.shape
    return matrix.reshape(high // rows, rows, wide // columns, columns).swapaxes(1, 2)


@pytest.mark.parametrize(
    ("name", "dtype", "out"), [("bytes", np.int8, np.int32), ("halves", ml_dtypes.bfloat16, np.float32)]
)
def test_a_blocked_product_with_its_accumulator_in_memory(
    library: ctypes.CDLL, name: str, dtype: Any, out: Any
) -> None:
    m = library.rows_of_a_block()
    n = 8 if name == "bytes" else library.columns_of_halves()
    rng = np.random.default_rng(0)
    a, b = rng.integers(-8, 8, (4 * m, 24)), rng.integers(-8, 8, (24, 2 * n))
    c = aligned(in_blocks(np.ones((4 * m, 2 * n)), m, n), out)
    left, right = aligned(in_blocks(a, m, 8), dtype), aligned(in_blocks(b, 8, n), dtype)
    getattr(library, name)(address(left), address(right), address(c))

    assert in_blocks(a @ b + 1, m, n).ravel().tolist() == c.tolist()


def test_a_reduction_a_scalar_inverse_and_a_product_with_it(library: ctypes.CDLL) -> None:
    values = aligned(np.linspace(0.5, 2, 64), ml_dtypes.bfloat16)
    actual = aligned(np.zeros(96), ml_dtypes.bfloat16)
    library.normalised(address(values), address(actual), 64)

    exact = values.astype(np.float64)
    np.testing.assert_allclose(actual[:64].astype(np.float64), exact / exact.sum(), rtol=0.01)
    assert actual[64] == exact.max()


def test_a_filter_slides_over_rows_of_pixels(library: ctypes.CDLL) -> None:
    rng = np.random.default_rng(1)
    pixels = aligned(rng.integers(0, 256, (3, 64)), np.uint8)
    weights = rng.integers(-20, 30, (3, 3))
    actual = aligned(np.zeros(32), np.uint8)
    library.filtered(address(pixels), address(aligned(weights << 8, np.int16)), address(actual))

    rows = pixels.reshape(3, 64).astype(int)
    shifted = np.concatenate([rows[:, :1], rows[:, :63]], axis=1)
    sums = [sum(weights[r, i] * shifted[r, x + i] for r in range(3) for i in range(3)) for x in range(32)]
    assert np.clip(np.array(sums) >> 4, 0, 255).tolist() == actual.tolist()
