// The floating-point unit, as it was recorded on npu1: a sum of an accumulator and of products of bfloat16. (Unconfirmed
// on npu2.) All 864 recorded results of an mmul come out of this rule, NaN payloads included:
//
// - Every number is a significand and a power of two. Exponent 255, infinity or NaN, is the power after the largest;
//   exponent 0, a denormal, has no hidden bit. A product's power is the sum of its operands' exponents: it is not
//   normalised before the sum.
// - The terms are aligned to the largest power among them, each rounded to 24 bits there (ties to even), added exactly,
//   and the sum is rounded to 24 bits (ties to even). Too large is infinity, too small is zero with the sum's sign.
// - If an operand is a NaN, so is the result, with the sum's sign, and the sum's significand with its last bit set; of a
//   sum that is too large or too small only that bit is left.
//
// Here a double is an integer of 53 bits: a product of two bfloat16 has 16, an accumulator 24, and on a grid of 24 bits
// nine terms need 29, so that nothing is rounded but where the hardware rounds. A grid is made by the number 1.5 * 2^52
// grid steps: added to a term and taken away again, it leaves the term rounded to the grid, ties to even.
#pragma once

#include "element.hpp"

namespace aie::detail {

// Zero takes no part in the alignment: below every power, and the sum of two such still a 16-bit integer.
inline constexpr int16_t power_of_zero = -10000, lowest_power = -300;

TILEPROOF_INLINE int16_t power_of(uint16_t upper_half, bool zero) {
    const int16_t exponent = int16_t(upper_half >> 7 & 0xff);
    return zero ? power_of_zero : int16_t((exponent ? exponent : 1) - 127);
}
TILEPROOF_INLINE int16_t power_of(bfloat16 value) { return power_of(value.bits, (value.bits & 0x7fff) == 0); }
TILEPROOF_INLINE int16_t power_of(float value) {
    return power_of(uint16_t(__builtin_bit_cast(uint32_t, value) >> 16), value == 0);
}
TILEPROOF_INLINE int16_t larger_power(int16_t a, int16_t b) { return a < b ? b : a; }

// The grid of 24 bits for the largest power of a sum.
TILEPROOF_INLINE double grid_of(int16_t largest) {
    const uint32_t upper_half = uint32_t(largest + 1023 + 29) << 20 | uint32_t(1) << 19;
    return __builtin_bit_cast(double, uint64_t(upper_half) << 32);
}
TILEPROOF_INLINE double on_grid(double term, double grid) { return (term + grid) - grid; }

// The second rounding is the conversion's, but close to the smallest normal number, where a float has fewer bits.
TILEPROOF_INLINE float renormalised(double sum) {
    const bool vanishes = sum > -0x1.ffffffp-127 && sum < 0x1.ffffffp-127;
    return vanishes ? __builtin_copysignf(0.0f, float(sum)) : float(sum);
}

// --- operands that are no numbers, one lane at a time

// The operands of a sum that decide over its result, whatever the other terms are.
struct exceptional_operands {
    bool nan = false, no_product = false, infinite[2] = {false, false};

    TILEPROOF_INLINE void note(float x, float y) {
        if (x != x || y != y) {
            nan = true;
        } else if (__builtin_isinf(x) || __builtin_isinf(y)) {
            if (x == 0 || y == 0)
                no_product = true;
            else
                infinite[__builtin_signbit(x) != __builtin_signbit(y)] = true;
        }
    }
    TILEPROOF_INLINE float result(double sum) const {
        const bool opposite = infinite[0] && infinite[1];
        if (!nan && !no_product && !opposite) {
            if (infinite[0] || infinite[1]) return infinite[0] ? __builtin_inff() : -__builtin_inff();
            return renormalised(sum);
        }
        if (!nan) unconfirmed<tileproof_rule_no_numbers>();
        const float rounded = renormalised(sum);
        const uint32_t bits = __builtin_bit_cast(uint32_t, rounded), sign = bits & 0x80000000u;
        // Infinities that cancel, and infinity times zero, leave the last bit alone. (Unconfirmed, with other terms.)
        const uint32_t significand = nan ? bits & 0x007fffffu : 0;
        return __builtin_bit_cast(float, sign | 0x7f800000u | significand | 1u);
    }
};

// With the largest exponent as one like all others.
TILEPROOF_INLINE double as_number(float value) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, value);
    if ((bits & 0x7f800000u) != 0x7f800000u) return value;
    return 2.0 * __builtin_bit_cast(float, bits - 0x00800000u);
}

// start + x[0] y[0] + x[1] y[step] + ...: the whole rule, of any operands. (A NaN in the accumulator stays as it is beside
// products of zero only: xdna-emu, which says to have seen it.)
inline TILEPROOF_UNWATCHED float sum_of_products(float start, const bfloat16 *x, const bfloat16 *y, unsigned step,
                                                 unsigned count) {
    exceptional_operands operands;
    operands.note(start, 1.0f);
    int16_t largest = larger_power(lowest_power, power_of(start));
    bool only_zeros = true;
    for (unsigned k = 0; k < count; ++k) {
        operands.note(float(x[k]), float(y[k * step]));
        largest = larger_power(largest, int16_t(power_of(x[k]) + power_of(y[k * step])));
        only_zeros = only_zeros && (float(x[k]) == 0 || float(y[k * step]) == 0);
    }
    if (start != start && only_zeros && !operands.no_product) return start;
    const double grid = grid_of(largest);
    double sum = on_grid(as_number(start), grid);
    for (unsigned k = 0; k < count; ++k) sum += on_grid(as_number(float(x[k])) * as_number(float(y[k * step])), grid);
    return operands.result(sum);
}

// --- sums of float, as accfloat has them

// On npu1 in the same unit, and so not as IEEE 754 has them: the smaller term loses what is below the larger one's last
// bit before they are added (AM020, chapter 4; xdna-emu compared 8,160 of them with a device). On npu2 each sum is rounded
// once (found_later.md 2, from mlir-aie).
struct float_sum {
    TILEPROOF_INLINE static float of(float a, float b) {
        if constexpr (__AIE_ARCH__ == 21) return a + b;
        const double grid = grid_of(larger_power(lowest_power, larger_power(power_of(a), power_of(b))));
        return float(on_grid(a, grid) + on_grid(b, grid));
    }
    template <std::same_as<float> T>
    TILEPROOF_UNWATCHED static float exceptional(T a, T b) {
        if constexpr (__AIE_ARCH__ == 21) return a + b;
        exceptional_operands operands;
        operands.note(a, 1.0f);
        operands.note(b, 1.0f);
        const double grid = grid_of(larger_power(lowest_power, larger_power(power_of(a), power_of(b))));
        return operands.result(on_grid(as_number(a), grid) + on_grid(as_number(b), grid));
    }
    // One sum for itself.
    TILEPROOF_INLINE static float once(float a, float b) {
        const float sum = of(a, b);
        return is_ordinary(sum) ? sum : exceptional(a, b);
    }
};

struct float_difference {
    TILEPROOF_INLINE static float of(float a, float b) { return float_sum::of(a, -b); }
    template <std::same_as<float> T>
    TILEPROOF_INLINE static float exceptional(T a, T b) { return float_sum::exceptional(a, -b); }
};

// --- products of float

// On npu2 of three bfloat16 each, as its compiler emulates them (found_later.md 2): the nearest one, the nearest one to the
// rest, and to the rest of that; nine products are summed up in one order, each sum rounded to float. An infinite operand
// has no rest, and gives a NaN. (How mac joins its accumulator is unconfirmed: here the product is whole first. On npu1 a
// product is plain float, which is unconfirmed, too.)
template <typename Number>
struct float_limbs {
    Number first, second, third;

    TILEPROOF_INLINE explicit float_limbs(float value) {
        const float a = nearest(value), b = nearest(value - a);
        first = a, second = b, third = nearest((value - a) - b);
    }
    TILEPROOF_INLINE static float nearest(float value) {
        const uint32_t bits = __builtin_bit_cast(uint32_t, value);
        const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
        return value != value ? value : __builtin_bit_cast(float, rounded);
    }
};

struct float_product {
    // Each product is exact in Number, and each sum rounded once.
    template <typename Number>
    TILEPROOF_INLINE static float sum_of_limbs(float x, float y) {
        const float_limbs<Number> a(x), b(y);
        float sum = float(a.first * b.first);
        sum = float(sum + a.first * b.second), sum = float(sum + a.second * b.first);
        sum = float(sum + a.first * b.third), sum = float(sum + a.second * b.second);
        sum = float(sum + a.third * b.first), sum = float(sum + a.second * b.third);
        return sum = float(sum + a.third * b.second), float(sum + a.third * b.third);
    }
    TILEPROOF_INLINE static float of(float x, float y) {
        if constexpr (__AIE_ARCH__ == 20) return x * y;
        return sum_of_limbs<float>(x, y);
    }
    template <std::same_as<float> T>
    TILEPROOF_UNWATCHED static float exceptional(T x, T y) {
        if constexpr (__AIE_ARCH__ == 20) return x * y;
        return sum_of_limbs<double>(x, y);
    }
    // One product for itself.
    TILEPROOF_INLINE static float once(float x, float y) {
        const float product = of(x, y);
        return __AIE_ARCH__ == 20 || is_ordinary(product) ? product : exceptional(x, y);
    }
};

// --- elementwise: one product per lane

// What no source confirms of them.
struct rules_of_products {
    template <typename... T>
    static constexpr tileproof_rule rule =
        is_one_of<bfloat16, T...> ? (__AIE_ARCH__ == 21 ? tileproof_rule_bfloat16_sums : tileproof_rule_none)
                                  : (__AIE_ARCH__ == 20 ? tileproof_rule_float_products : tileproof_rule_none);
};

template <typename Sum>
struct joined_to_product : Sum {
    template <typename...>
    static constexpr tileproof_rule rule = tileproof_rule_float_mac;
};

struct float_mac : rules_of_products {
    using joined = float_sum;  // of a product of float, on npu2
    TILEPROOF_INLINE static float of(float start, bfloat16 x, bfloat16 y) {
        const double term = double(float(x)) * double(float(y));
        const int16_t power = larger_power(power_of(start), int16_t(power_of(x) + power_of(y)));
        const double grid = grid_of(larger_power(lowest_power, power));
        return float(on_grid(start, grid) + on_grid(term, grid));
    }
    TILEPROOF_INLINE static float of(float acc, float x, float y) { return acc + float_product::once(x, y); }

    // The same where the result of `of` is not `ordinary`: see `each`.
    template <std::same_as<bfloat16> T>
    TILEPROOF_INLINE static float exceptional(float start, T x, T y) { return sum_of_products(start, &x, &y, 1, 1); }
};
struct float_msc : rules_of_products {
    using joined = float_difference;
    TILEPROOF_INLINE static float of(float acc, bfloat16 x, bfloat16 y) { return float_mac::of(acc, negated(x), y); }
    TILEPROOF_INLINE static float of(float acc, float x, float y) { return acc - float_product::once(x, y); }
    template <std::same_as<bfloat16> T>
    TILEPROOF_INLINE static float exceptional(float acc, T x, T y) {
        return float_mac::exceptional(acc, negated(x), y);
    }

private:
    TILEPROOF_INLINE static bfloat16 negated(bfloat16 x) { return bfloat16::from_bits(x.bits ^ 0x8000); }
};
struct float_mul : rules_of_products {
    TILEPROOF_INLINE static float of(bfloat16 x, bfloat16 y) { return float_mac::of(0.0f, x, y); }
    TILEPROOF_INLINE static float of(float x, float y) { return float_product::of(x, y); }
    template <std::same_as<bfloat16> T>
    TILEPROOF_INLINE static float exceptional(T x, T y) { return float_mac::exceptional(0.0f, x, y); }
    template <std::same_as<float> T>
        requires(__AIE_ARCH__ == 21)
    TILEPROOF_INLINE static float exceptional(T x, T y) { return float_product::exceptional(x, y); }
};
struct float_negmul : rules_of_products {
    TILEPROOF_INLINE static float of(bfloat16 x, bfloat16 y) { return float_msc::of(0.0f, x, y); }
    TILEPROOF_INLINE static float of(float x, float y) { return -float_product::of(x, y); }
    template <std::same_as<bfloat16> T>
    TILEPROOF_INLINE static float exceptional(T x, T y) { return float_msc::exceptional(0.0f, x, y); }
    template <std::same_as<float> T>
        requires(__AIE_ARCH__ == 21)
    TILEPROOF_INLINE static float exceptional(T x, T y) { return -float_product::exceptional(x, y); }
};

}  // namespace aie::detail
