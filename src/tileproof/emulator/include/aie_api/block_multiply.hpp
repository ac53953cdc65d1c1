// Products of block vectors: row i of A times row j of B, both along K, for each lane of C. And the compilers' own
// names of them, which kernels use.
//
// The eight products of a lane have one exponent, and so their sum is exact. It and the accumulator are added as in
// float.hpp: aligned to the larger of two powers, the accumulator's and the sum of the blocks' exponents, which is not
// normalised; each rounded to 24 bits there; and the sum rounded to 24 bits. (Measured on AIE2P by others; where all of
// it fits into 24 bits, which is the usual case, there is nothing to choose. Infinities and NaNs are unconfirmed.)
#pragma once

#include "accum.hpp"

namespace aie::detail {

// What may be done to an accumulator and a product before they are added.
struct mac_signs {
    bool zero_acc = false, sub_product = false, sub_acc = false;
};

TILEPROOF_INLINE float block_mac(float acc, int32_t dot, int exponents) {
    const double sum = dot * two_to_the(exponents - 2 * block_bias);
    const double grid = grid_of(larger_power(lowest_power, larger_power(power_of(acc), int16_t(exponents - 2 * 127))));
    return renormalised(on_grid(acc, grid) + on_grid(sum, grid));
}

// c (Rows x Columns) := c + a b^T. One instruction does 8 x 8 x 8 (section 6: 512 of bfp16ebs8 in a cycle).
template <unsigned Rows, unsigned Columns>
TILEPROOF_UNWATCHED void multiply_blocks(const int8_t *a, const uint8_t *a_exponent, const int8_t *b,
                                         const uint8_t *b_exponent, float *c, mac_signs signs) {
    int16_t bt[block_elems * Columns];
    for (unsigned j = 0; j < Columns; ++j)
        for (unsigned k = 0; k < block_elems; ++k) bt[k * Columns + j] = b[j * block_elems + k];
    for (unsigned i = 0; i < Rows; ++i) {
        int32_t dot[Columns];
        for (unsigned j = 0; j < Columns; ++j) dot[j] = 0;
        for (unsigned k = 0; k < block_elems; ++k)
            for (unsigned j = 0; j < Columns; ++j) dot[j] += a[i * block_elems + k] * bt[k * Columns + j];
        for (unsigned j = 0; j < Columns; ++j) {
            float &lane = c[i * Columns + j];
            const float start = signs.zero_acc ? 0.0f : signs.sub_acc ? -lane : lane;
            lane = block_mac(start, signs.sub_product ? -dot[j] : dot[j], a_exponent[i] + b_exponent[j]);
        }
    }
}

// The same of registers, which must hold something.
template <unsigned Columns, typename T>
TILEPROOF_UNWATCHED void mac_blocks(const block_vector<T, 64> &a, const block_vector<T, Columns * 8> &b, float *c,
                                    mac_signs signs) {
    issue<instruction::vmac_f, Columns / 8, 64, argument(2), argument(0) | argument(1) | argument(2), 64 * Columns>();
    check_set<a.bytes()>(&a, __builtin_return_address(0));
    check_set<b.bytes()>(&b, __builtin_return_address(0));
    if (!signs.zero_acc) check_set<8 * Columns * sizeof(float)>(c, __builtin_return_address(0));
    multiply_blocks<8, Columns>(a.mantissa, a.exponent, b.mantissa, b.exponent, c, signs);
}

// bfloat16 by way of blocks, as the real API does it with AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16: both converted in the
// core's rounding mode, B transposed first. For 8x8x8 the real API multiplies B by one on the way, which takes an
// instruction and changes nothing.
template <unsigned M>
TILEPROOF_UNWATCHED void multiply_as_blocks(const bfloat16 *a, const bfloat16 *b, float *c, bool zero) {
    // B is transposed, both are converted (64 values in two instructions of the store slot), and A is multiplied by one.
    issue<instruction::vshuffle, in_vectors<bfloat16>(64), 64, 0, argument(1)>();
    issue<instruction::vconv, 2 + M / 4>();
    issue<instruction::vmac_f, 1 + (M == 8), 64, argument(2), argument(0) | argument(2), M * 64>();
    bfloat16 columns[64];
    for (unsigned k = 0; k < 8; ++k)
        for (unsigned n = 0; n < 8; ++n) columns[n * 8 + k] = b[k * 8 + n];
    int8_t a_mantissa[M * 8], b_mantissa[64];
    uint8_t a_exponent[M], b_exponent[8];
    to_blocks<M * 8>(a, a_mantissa, a_exponent);
    to_blocks<64>(columns, b_mantissa, b_exponent);
    multiply_blocks<M, 8>(a_mantissa, a_exponent, b_mantissa, b_exponent, c, {.zero_acc = zero});
}

}  // namespace aie::detail

#if __AIE_ARCH__ == 21

// --- what the compilers for AIE2P call them

using v64bfp16ebs8 = aie::block_vector<bfp16ebs8, 64>;
using v128bfp16ebs8 = aie::block_vector<bfp16ebs8, 128>;

TILEPROOF_INLINE v64bfp16ebs8 to_v64bfp16ebs8(const aie::accum<accfloat, 64> &acc) {
    return acc.to_vector<bfp16ebs8>();
}

TILEPROOF_INLINE aie::accum<accfloat, 64> mul_8x8_8x8T(const v64bfp16ebs8 &a, const v64bfp16ebs8 &b) {
    aie::accum<accfloat, 64> out(aie::detail::unset);
    aie::detail::mac_blocks<8>(a, b, out.lane, {.zero_acc = true});
    return out;
}
TILEPROOF_INLINE aie::accum<accfloat, 64> negmul_8x8_8x8T(const v64bfp16ebs8 &a, const v64bfp16ebs8 &b) {
    aie::accum<accfloat, 64> out(aie::detail::unset);
    aie::detail::mac_blocks<8>(a, b, out.lane, {.zero_acc = true, .sub_product = true});
    return out;
}
TILEPROOF_INLINE aie::accum<accfloat, 64> mac_8x8_8x8T(const v64bfp16ebs8 &a, const v64bfp16ebs8 &b,
                                                       aie::accum<accfloat, 64> acc) {
    aie::detail::mac_blocks<8>(a, b, acc.lane, {});
    return acc;
}
TILEPROOF_INLINE aie::accum<accfloat, 64> msc_8x8_8x8T(const v64bfp16ebs8 &a, const v64bfp16ebs8 &b,
                                                       aie::accum<accfloat, 64> acc) {
    aie::detail::mac_blocks<8>(a, b, acc.lane, {.sub_product = true});
    return acc;
}
TILEPROOF_INLINE aie::accum<accfloat, 64> mac_8x8_8x8T_conf(const v64bfp16ebs8 &a, const v64bfp16ebs8 &b,
                                                            aie::accum<accfloat, 64> acc, int zero_acc, int sub_mul,
                                                            int sub_acc) {
    aie::detail::mac_blocks<8>(a, b, acc.lane, {zero_acc != 0, sub_mul != 0, sub_acc != 0});
    return acc;
}

#endif
