// Between floating point and integers, and the functions that the API makes of them: inv, invsqrt, sqrt, exp2, tanh.
#pragma once

#include <cmath>

#include "multiply.hpp"

namespace aie {

namespace detail {

// value * 2^shift as an integer. An integer at the end of its range stays there. (Unconfirmed; the emulated conversions
// saturate.) A NaN gives 0. (Unconfirmed.)
struct to_integer {
    TILEPROOF_INLINE static int32_t clamped(double whole, double low, double high) {
        return whole != whole ? 0 : int32_t(whole < low ? low : whole > high ? high : whole);
    }
    TILEPROOF_INLINE static double scaled(float value, int shift) {
        const int by = shift < -500 ? -500 : shift > 500 ? 500 : shift;
        return double(value) * __builtin_bit_cast(double, uint64_t(by + 1023) << 52);
    }
};

// bfloat16 to int32 is an instruction: it rounds to the floor. To int16 it is the lower half of that.
template <typename To>
struct floor_to : to_integer {
    TILEPROOF_INLINE static To of(bfloat16 value, int shift) {
        return To(clamped(__builtin_floor(scaled(value, shift)), -0x1p31, 0x1p31 - 1));
    }
};

// The other conversions are emulated, and round to the nearest with ties toward zero.
template <typename To>
struct nearest_to : to_integer {
    template <typename T>
    TILEPROOF_INLINE static To of(T value, int shift) {
        const double exact = scaled(float(value), shift), magnitude = __builtin_fabs(exact);
        const double whole = __builtin_ceil(magnitude - 0.5);
        return To(clamped(exact < 0 ? -whole : whole, double(std::numeric_limits<To>::min()),
                          double(std::numeric_limits<To>::max())));
    }
};

struct from_integer {
    template <typename T>
    TILEPROOF_INLINE static float of(T value, int shift) {
        return float(to_integer::scaled(float(value), -shift));
    }
};

// As many slots as 16 lanes at a time take; `operations` per lane group. (Unconfirmed.)
constexpr unsigned emulated_slots(unsigned lanes, unsigned operations) { return divided_up(lanes, 16) * operations; }

}  // namespace detail

// --- conversions. `shift` is the number of bits after the binary point.

template <typename TR = int32, typename T, unsigned Elems>
    requires(detail::is_floating<T>)
TILEPROOF_INLINE vector<TR, Elems> to_fixed(const vector<T, Elems> &v, int shift = 0) {
    static_assert(detail::is_one_of<TR, int8, int16, int32>, "aie::to_fixed gives int8, int16 and int32");
    constexpr bool native = std::is_same_v<T, bfloat16> && sizeof(TR) > 1;
    using F = std::conditional_t<native, detail::floor_to<TR>, detail::nearest_to<TR>>;
    vector<TR, Elems> out(detail::unset);
    detail::each<F, Elems, detail::instruction::vconv, detail::emulated_slots(Elems, native ? 1 : 6)>(
        out.lane, detail::lanes<T>{v.lane}, detail::same<int>{shift});
    return out;
}

// Scalars run on the vector unit, or as soft-float: both are taken to do what the vector does. (Unconfirmed.)
template <typename TR = int32, typename E>
    requires(detail::is_scalar<E> && detail::is_floating<detail::scalar_of_t<E>>)
TR to_fixed(const E &value, int shift = 0) {
    using T = detail::scalar_of_t<E>;
    return to_fixed<TR>(broadcast<T, 32>(value), shift).get(0);
}

template <typename TR = float, typename T, unsigned Elems>
    requires(detail::is_integer<T>)
TILEPROOF_INLINE vector<TR, Elems> to_float(const vector<T, Elems> &v, int shift = 0) {
    static_assert(detail::is_floating<TR>, "aie::to_float gives float and bfloat16");
    accum<accfloat, Elems> wide(detail::unset);
    detail::each<detail::from_integer, Elems, detail::instruction::vacc_f, detail::emulated_slots(Elems, 4)>(
        wide.lane, detail::lanes<T>{v.lane}, detail::same<int>{shift});
    return wide.template to_vector<TR>();
}

template <typename TR = float, typename E>
    requires(std::is_integral_v<E>)
TR to_float(E value, int shift = 0) {
    return TR(to_float<float>(broadcast<int32, 16>(value), shift).get(0));
}

// --- inv and invsqrt. Of bfloat16 both are one Newton step after a magic constant, in the order of the API, each product
// rounded as the core's mode says. Of float they are so on AIE2, on emulated products; AIE2P has a scalar unit for them,
// which is taken to round correctly. (The last bits of float are unconfirmed on both.)

namespace detail {

template <typename T>
using bits_of = std::conditional_t<std::is_same_v<T, bfloat16>, int16, int32>;

template <typename T>
inline constexpr tileproof_rule rule_of_newton =
    std::is_same_v<T, float> ? tileproof_rule_float_inverse : tileproof_rule_none;

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED vector<T, Elems> newton_inverse(const vector<T, Elems> &v) {
    unconfirmed<rule_of_newton<T>>();
    constexpr int32 magic = std::is_same_v<T, bfloat16> ? 0x7eb5 : 0x7eb53567;
    const auto guess = sub(bits_of<T>(magic), v.template cast_to<bits_of<T>>()).template cast_to<T>();
    const auto error = add(negmul(v, guess), 1.436142f).template to_vector<T>();
    const auto product = mul(error, guess).template to_vector<T>();
    const auto negative = negmul(product, T(1.9395974f)).template to_vector<T>();
    const auto rest = mac(accum<accfloat, Elems>(broadcast<float, Elems>(2.0f)), negative, v).template to_vector<T>();
    return negmul(negative, rest).template to_vector<T>();
}

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED vector<T, Elems> newton_inverse_root(const vector<T, Elems> &v) {
    unconfirmed<rule_of_newton<T>>();
    constexpr float slope = 0.703952253f, offset = 2.38924456f;
    const auto part = mul(v, T(slope)).template to_vector<T>();
    const auto bits = accum<accfloat, Elems>(v).template to_vector<float>().template cast_to<int32>();
    const auto guess_bits = sub(int32(0x5F1FFFF9), downshift(bits, 1)).template cast_to<float>();
    const auto guess = accum<accfloat, Elems>(guess_bits).template to_vector<T>();
    const auto square = mul(guess, guess).template to_vector<T>();
    const accum<accfloat, Elems> start(broadcast<float, Elems>(slope * offset));
    const auto factor = msc(start, part, square).template to_vector<T>();
    return mul(guess, factor).template to_vector<T>();
}

struct last_bits_unconfirmed {
    template <typename...>
    static constexpr tileproof_rule rule = tileproof_rule_float_inverse;
};
struct inverse : last_bits_unconfirmed {
    TILEPROOF_INLINE static float of(float a) { return 1.0f / a; }
};
struct inverse_root : last_bits_unconfirmed {
    TILEPROOF_INLINE static float of(float a) { return float(1.0 / __builtin_sqrt(double(a))); }
};

template <typename T>
inline constexpr bool has_native_inverse = __AIE_ARCH__ == 21 && std::is_same_v<T, float>;

}  // namespace detail

template <typename T, unsigned Elems>
    requires(detail::is_floating<T>)
TILEPROOF_INLINE vector<T, Elems> inv(const vector<T, Elems> &v) {
    if constexpr (detail::has_native_inverse<T>) {
        vector<T, Elems> out(detail::unset);
        detail::each<detail::inverse, Elems, detail::instruction::vextract, 2 * Elems>(out.lane, detail::lanes<T>{v.lane});
        return out;
    } else if constexpr (Elems * sizeof(T) > 64) {  // the steps in float would not fit a register
        constexpr unsigned half = Elems / 2;
        return concat(inv(v.template extract<half>(0)), inv(v.template extract<half>(1)));
    } else if constexpr (Elems < 16) {
        return inv(v.template grow_replicate<16>()).template extract<Elems>(0);
    } else {
        return detail::newton_inverse(v);
    }
}

template <typename T, unsigned Elems>
    requires(detail::is_floating<T>)
TILEPROOF_INLINE vector<T, Elems> invsqrt(const vector<T, Elems> &v) {
    if constexpr (detail::has_native_inverse<T>) {
        vector<T, Elems> out(detail::unset);
        detail::each<detail::inverse_root, Elems, detail::instruction::vextract, 2 * Elems>(out.lane, detail::lanes<T>{v.lane});
        return out;
    } else if constexpr (Elems * sizeof(float) > 64 || Elems * sizeof(T) > 64) {
        constexpr unsigned half = Elems / 2;
        return concat(invsqrt(v.template extract<half>(0)), invsqrt(v.template extract<half>(1)));
    } else if constexpr (Elems < 16) {
        return invsqrt(v.template grow_replicate<16>()).template extract<Elems>(0);
    } else {
        return detail::newton_inverse_root(v);
    }
}

template <typename E>
    requires(detail::is_scalar<E> && detail::is_floating<detail::scalar_of_t<E>>)
auto inv(const E &value) {
    using T = detail::scalar_of_t<E>;
    return inv(broadcast<T, 16>(value)).get(0);
}
template <typename E>
    requires(detail::is_scalar<E> && detail::is_floating<detail::scalar_of_t<E>>)
auto invsqrt(const E &value) {
    using T = detail::scalar_of_t<E>;
    return invsqrt(broadcast<T, 16>(value)).get(0);
}

namespace detail {

template <typename T>
TILEPROOF_UNWATCHED T square_root(T value) {
    unconfirmed<tileproof_rule_square_root>();
    return __builtin_sqrtf(value);
}

}  // namespace detail

// By a helper function of the compiler on both targets. (That it rounds correctly is unconfirmed.)
template <typename E>
    requires(detail::is_scalar<E> && detail::is_floating<detail::scalar_of_t<E>>)
auto sqrt(const E &value) {
    using T = detail::scalar_of_t<E>;
    return T(detail::square_root(float(T(value))));
}

// --- exp2 and tanh: instructions of AIE2P, 16 lanes each, from float to bfloat16. They approximate; what comes out of them
// before its rounding is known for exp2, and of tanh only near zero (found_later.md 2). (That the core's mode rounds it is
// unconfirmed.)

namespace detail {

template <typename...>
inline constexpr bool is_on_aie2p = __AIE_ARCH__ == 21;

// 2^floor(a) * (1 + frac(a)): a straight line between two powers, up to 6.15 % above the function. The last of 24 bits
// stands for all that follow, so that the conversion to bfloat16 rounds the whole value.
struct power_of_two {
    template <typename...>
    static constexpr tileproof_rule rule = tileproof_rule_exp2_rounding;
    TILEPROOF_INLINE static float of(float a) {
        if (a != a) return a;
        const double exponent = a < -300.0f ? -300.0 : a > 300.0f ? 300.0 : double(a);
        const double whole = __builtin_floor(exponent), steps = __builtin_floor((exponent - whole) * 0x1p23);
        const int64_t kept = steps < 0x1p23 ? int64_t(steps) : 0x7fffff;  // the fraction of a tiny negative number is 1 here
        const bool exact = whole + double(kept) * 0x1p-23 == exponent;
        const double power = __builtin_bit_cast(double, uint64_t(int64_t(whole) + 1023) << 52);
        return float((1 + double(kept | int64_t(!exact)) * 0x1p-23) * power);
    }
};

// The argument itself up to 0.5. Beyond, nothing is known of the instruction: the exact value stands for it, which leaves a
// step at 0.5, from 0.5 to 0.462, that the device may have elsewhere or spread out. Kernels that agree with golden values
// beyond 0.5 here have shown nothing about the device's accuracy there. (Unconfirmed.)
struct hyperbolic_tangent {
    TILEPROOF_INLINE static float of(float a) {
        return __builtin_fabsf(a) <= 0.5f ? a : float(std::tanh(double(a)));
    }
};

template <typename F, unsigned Elems>
TILEPROOF_UNWATCHED vector<bfloat16, Elems> native_function(const float *from) {
    accum<accfloat, Elems> wide(detail::unset);
    each<F, Elems, instruction::vfunction, divided_up(Elems, 16)>(wide.lane, lanes<float>{from});
    if constexpr (std::is_same_v<F, hyperbolic_tangent>)
        for (unsigned i = 0; i < Elems; ++i)
            if (__builtin_fabsf(from[i]) > 0.5f) unconfirmed<tileproof_rule_tanh_beyond_half>();
    return wide.template to_vector<bfloat16>();
}

}  // namespace detail

template <typename TR = bfloat16, typename V>
    requires(std::is_class_v<V>)
auto exp2([[maybe_unused]] const V &v) {
    static_assert(detail::is_on_aie2p<V>,
                  "aie::exp2 is an instruction of npu2 (AIE2P), and npu1 (AIE2) has none: use aie::parallel_lookup");
    static_assert(std::is_same_v<TR, bfloat16> && std::is_same_v<decltype(v.lane[0] + 0), float>,
                  "aie::exp2 takes float, in a vector or an accfloat, and gives bfloat16");
    if constexpr (detail::is_on_aie2p<V>) return detail::native_function<detail::power_of_two, V::size()>(v.lane);
}

template <typename TR = bfloat16, typename V>
    requires(std::is_class_v<V>)
auto tanh([[maybe_unused]] const V &v) {
    static_assert(detail::is_on_aie2p<V>,
                  "aie::tanh is an instruction of npu2 (AIE2P), and npu1 (AIE2) has none: use aie::parallel_lookup");
    static_assert(std::is_same_v<TR, bfloat16> && std::is_same_v<decltype(v.lane[0] + 0), float>,
                  "aie::tanh takes float, in a vector or an accfloat, and gives bfloat16");
    if constexpr (detail::is_on_aie2p<V>) return detail::native_function<detail::hyperbolic_tangent, V::size()>(v.lane);
}

}  // namespace aie
