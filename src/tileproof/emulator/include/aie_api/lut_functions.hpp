// The functions of mlir-aie's lut_based_ops.h: exp, tanh, 1/x and 1/sqrt(x) of bfloat16. The tables are computed here
// from what they stand for; they lie, and are read, as the API's lookups have them (lookup.hpp).
#pragma once

#include "intrinsics.hpp"
#include "lookup.hpp"

namespace aie::detail {

constexpr uint32_t bits_of_float(double value) { return __builtin_bit_cast(uint32_t, float(value)); }
// To the nearest, ties to even.
constexpr uint16_t nearest_bfloat16(double value) {
    const uint32_t bits = bits_of_float(value);
    return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
constexpr double value_of(uint16_t bfloat16_bits) {
    return __builtin_bit_cast(float, uint32_t(bfloat16_bits) << 16);
}

// e^x, for tables: the series of x / 256, squared eight times.
constexpr double exp_of(double x) {
    double term = 1, sum = 1;
    for (int n = 1; n < 14; ++n) sum += term *= x / 256 / n;
    for (int i = 0; i < 8; ++i) sum *= sum;
    return sum;
}
constexpr double tanh_of(double x) { return 1 - 2 / (exp_of(2 * x) + 1); }

// A table of `Entries` as one of the two copies: every run of 128 bits (256 on AIE2P) stands there twice.
template <typename T, unsigned Entries>
struct alignas(64) doubled_table {
    T entry[2 * Entries];

    template <typename F>
    constexpr explicit doubled_table(F of) : entry{} {
        constexpr unsigned run = (__AIE_ARCH__ == 21 ? 32 : 16) / sizeof(T);
        for (unsigned i = 0; i < Entries; ++i) entry[i / run * 2 * run + i % run] = of(i);
        for (unsigned i = 0; i < Entries; ++i) entry[i / run * 2 * run + run + i % run] = of(i);
    }
};

// exp(n) for n = 0 to 127, then -128 to -1; above 88 it is beyond float, and stays exp(88). And exp(n / 256).
constexpr uint16_t exp_of_integer(unsigned n) {
    const int signed_n = n < 128 ? int(n) : int(n) - 256;
    return nearest_bfloat16(exp_of(signed_n > 88 ? 88 : signed_n));
}
constexpr uint16_t exp_of_fraction(unsigned n) { return nearest_bfloat16(exp_of(n / 256.0)); }

// tanh on [-4, 4) in 32 steps of 1/4, slope and offset in turn: flat at both ends, x itself around 0, chords between.
// The largest error is 0.0051, at 1/4, as in the published table, whose slopes differ from these in the last places.
constexpr float tanh_entry(unsigned i) {
    const int step = int(i / 2) - 16;
    if (step == -1 || step == 0) return i % 2 == 0 ? 1.0f : 0.0f;
    if (step == -16 || step == 15) return i % 2 == 0 ? 0.0f : step < 0 ? -1.0f : 1.0f;
    const double from = step / 4.0, low = tanh_of(from), high = tanh_of(from + 0.25);
    const double slope = value_of(nearest_bfloat16((high - low) * 4));
    // Half of what the curve bends away from its chord: the error is as large on either side.
    const double middle = (tanh_of(from + 0.125) - (low + high) / 2) / 2;
    const double offset = (low + high) / 2 - slope * (from + 0.125) + middle;
    return float(i % 2 == 0 ? slope : value_of(nearest_bfloat16(offset)));
}

inline constexpr doubled_table<uint16_t, 256> exp_integers(exp_of_integer), exp_fractions(exp_of_fraction);
inline constexpr doubled_table<float, 64> tanh_steps(tanh_entry);

// The mantissa of 1 / (1 + m / 128), to the nearest: found_later.md 2.
constexpr uint16_t inverse_mantissa(unsigned m) { return uint16_t((2 * 256 * 128 + 128 + m) / (2 * (128 + m))) & 0x7f; }

template <tileproof_rule Rule>
TILEPROOF_UNWATCHED void note_rule() { unconfirmed<Rule>(); }

template <unsigned Elems>
TILEPROOF_UNWATCHED vector<bfloat16, Elems> magic_inverse_root(const vector<bfloat16, Elems> &v) {
    const auto half = mul(v, bfloat16(0.5f)).template to_vector<bfloat16>();
    const auto guess = sub(int16(0x5f37), downshift(v.template cast_to<int16>(), 1)).template cast_to<bfloat16>();
    const auto once = mul(half, guess).template to_vector<bfloat16>();
    const auto square = mul(once, guess).template to_vector<bfloat16>();
    return mul(sub(broadcast<bfloat16, Elems>(1.5f), square), guess).template to_vector<bfloat16>();
}

}  // namespace aie::detail

// e^x as e^(integer part) * e^(fraction): x is first made fixed point with 8 bits after the binary point, toward minus
// infinity, and taken modulo 256. (Outside -128 to 128 the result is therefore of another x, here as there.)
inline v16accfloat getExpBf16(v16bfloat16 x) {
    using table = aie::lut<4, bfloat16, bfloat16>;
    using lookup = aie::parallel_lookup<uint16, table, aie::lut_oor_policy::truncate>;
    const auto &integers = aie::detail::exp_integers.entry, &fractions = aie::detail::exp_fractions.entry;
    const auto fixed = aie::filter_even(aie::detail::api(v32int16(bfloat16_to_int(x, 8)))).cast_to<uint16>();
    const auto integer = lookup(table(256, integers, integers), 8).fetch(fixed);
    const auto fraction = lookup(table(256, fractions, fractions), 0).fetch(fixed);
    return aie::mul(integer, fraction);
}

// 1/x: x rounded to bfloat16 by adding half of its last place, its mantissa from a table of 128 (found_later.md 2).
inline bfloat16 getInvBf16(float x) {
    const uint32_t rounded = __builtin_bit_cast(uint32_t, x) + 0x8000;
    const uint32_t exponent = rounded >> 23 & 255, mantissa = rounded >> 16 & 127;
    const uint32_t inverse_exponent = 253 - exponent + (mantissa == 0);
    return bfloat16::from_bits(uint16_t((inverse_exponent << 7) + aie::detail::inverse_mantissa(mantissa)));
}

inline v16bfloat16 getTanhBf16(v16bfloat16 x) {
    aie::detail::note_rule<tileproof_rule_tanh_table>();
    using table = aie::lut<4, float, bfloat16>;
    const auto &steps = aie::detail::tanh_steps.entry;
    const aie::linear_approx<bfloat16, table> approx(table(32, steps, steps), -2, 16, 0);
    return approx.compute(aie::detail::api(x)).template to_vector<bfloat16>();
}

inline v16bfloat16 getRsqrtBf16(v16bfloat16 x) { return aie::detail::magic_inverse_root(aie::detail::api(x)); }
inline v32bfloat16 getRsqrtBf16(v32bfloat16 x) { return aie::detail::magic_inverse_root(aie::detail::api(x)); }
