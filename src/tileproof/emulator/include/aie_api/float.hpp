// The bfloat16 multiply-accumulate, as measured on AIE2: the accumulator and up to eight products are aligned to the
// largest exponent, each is rounded to a grid of 24 bits (ties to even), their sum is exact, and it is rounded to 24 bits
// once more (ties to even). (Unconfirmed for AIE2P; and one real network departs from it on AIE2.)
//
// Here a double is an integer of 53 bits: a product of two bfloat16 has 16, an accumulator 24, and on a grid of 24 bits
// nine terms need 28, so that nothing is rounded but where the hardware rounds. A grid is made by the number 1.5 * 2^52
// grid steps: added to a term and taken away again, it leaves the term rounded to the grid, ties to even.
#pragma once

#include "element.hpp"

namespace aie::detail {

// (Unconfirmed: the vector unit has no denormals; that it takes and gives zero for them is the plain reading.)
TILEPROOF_INLINE float flushed(float value) { return value > -0x1p-126f && value < 0x1p-126f ? 0.0f : value; }

// The grid for the largest magnitude of a sum: its exponent, 29 up, and a half more.
TILEPROOF_INLINE double grid_of(double largest) {
    const uint64_t exponent = __builtin_bit_cast(uint64_t, largest) >> 52;
    return __builtin_bit_cast(double, (exponent + 29) << 52 | uint64_t(1) << 51);
}
TILEPROOF_INLINE double on_grid(double term, double grid) { return (term + grid) - grid; }

TILEPROOF_INLINE double larger_magnitude(double largest, double term) {
    const double magnitude = __builtin_fabs(term);
    return magnitude > largest ? magnitude : largest;
}

// The second rounding is the conversion's. What it makes smaller than the smallest normal number is zero, and zero has no
// sign; too large is infinity, and infinities and NaN follow IEEE 754. (All unconfirmed.)
TILEPROOF_INLINE float renormalised(double sum) {
    const float nearest = float(sum);
    const bool vanishes = sum > -0x1.ffffffp-127 && sum < 0x1.ffffffp-127;
    return vanishes ? 0.0f : nearest == nearest ? nearest : __builtin_nanf("");
}

// --- elementwise: one product per lane

struct float_mac {
    TILEPROOF_INLINE static float of(float start, bfloat16 x, bfloat16 y) {
        const double acc = flushed(start), term = double(flushed(float(x))) * double(flushed(float(y)));
        const double grid = grid_of(larger_magnitude(__builtin_fabs(acc), term));
        return renormalised(on_grid(acc, grid) + on_grid(term, grid));
    }
    // Emulated on bfloat16 products by the hardware's compiler; plain float here. (Unconfirmed.)
    TILEPROOF_INLINE static float of(float acc, float x, float y) { return acc + x * y; }
};
struct float_msc {
    TILEPROOF_INLINE static float of(float acc, bfloat16 x, bfloat16 y) {
        return float_mac::of(acc, bfloat16::from_bits(x.bits ^ 0x8000), y);
    }
    TILEPROOF_INLINE static float of(float acc, float x, float y) { return acc - x * y; }
};
struct float_mul {
    TILEPROOF_INLINE static float of(bfloat16 x, bfloat16 y) { return float_mac::of(0.0f, x, y); }
    TILEPROOF_INLINE static float of(float x, float y) { return x * y; }
};
struct float_negmul {
    TILEPROOF_INLINE static float of(bfloat16 x, bfloat16 y) { return float_msc::of(0.0f, x, y); }
    TILEPROOF_INLINE static float of(float x, float y) { return -(x * y); }
};

}  // namespace aie::detail
