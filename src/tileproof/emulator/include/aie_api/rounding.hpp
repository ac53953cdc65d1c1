// From many bits to few, as the core's rounding and saturation modes say: SRS, pack, and float to bfloat16.
#pragma once

#include "element.hpp"

namespace aie::detail {

// The range to clamp to before the store. Without saturation it is everything: the narrowing cast then wraps.
template <typename Wide, typename T>
struct clamp_range {
    Wide low, high;

    TILEPROOF_INLINE explicit clamp_range(uint32_t saturation) {
        constexpr Wide widest = Wide(std::make_unsigned_t<Wide>(-1) >> 1);
        low = -widest - 1;
        high = widest;
        if (saturation == uint32_t(saturation_mode::none)) return;
        // A T as wide as the accumulator keeps `high`; an unsigned one still refuses negative values.
        constexpr unsigned magnitude_bits = sizeof(T) * 8 - std::is_signed_v<T>;
        if constexpr (magnitude_bits < sizeof(Wide) * 8 - 1) high = (Wide(1) << magnitude_bits) - 1;
        if constexpr (std::is_unsigned_v<T>)
            low = 0;
        else
            low = saturation == uint32_t(saturation_mode::symmetric) ? -high : -high - 1;
    }

    TILEPROOF_INLINE T operator()(Wide value) const {
        const Wide below = value > high ? high : value;
        return T(below < low ? low : below);
    }
};

// Rounding adds one to the floor exactly when (remainder + bias) reaches 2^shift. Every mode of the hardware is such a
// bias, once it may depend on the sign and on whether the floor is odd; so one loop serves all ten.
template <typename Wide>
struct rounding_bias {
    Wide base = 0, if_negative = 0, if_odd = 0;

    TILEPROOF_INLINE rounding_bias(uint32_t mode, int shift) {
        if (shift <= 0) return;
        const Wide ones = (Wide(1) << shift) - 1, half = Wide(1) << (shift - 1);
        switch (rounding_mode(mode)) {
            case rounding_mode::floor: break;
            case rounding_mode::ceil: base = ones; break;
            case rounding_mode::symmetric_floor: if_negative = ones; break;
            case rounding_mode::symmetric_ceil: base = ones, if_negative = -ones; break;
            case rounding_mode::negative_inf: base = half - 1; break;
            case rounding_mode::positive_inf: base = half; break;
            case rounding_mode::symmetric_zero: base = half - 1, if_negative = 1; break;
            case rounding_mode::symmetric_inf: base = half, if_negative = -1; break;
            case rounding_mode::conv_even: base = half - 1, if_odd = 1; break;
            case rounding_mode::conv_odd: base = half, if_odd = -1; break;
        }
    }

    // value / 2^shift, rounded
    TILEPROOF_INLINE Wide operator()(Wide value, int shift) const {
        const Wide floored = value >> shift;
        const Wide remainder = value & ((Wide(1) << shift) - 1);
        const Wide negative = value >> (sizeof(Wide) * 8 - 1), odd = -(floored & 1);
        return floored + ((remainder + base + (negative & if_negative) + (odd & if_odd)) >> shift);
    }
};

// --- SRS

// The legal shifts of the API for AIE2 and AIE2P. A shift outside is reported and done anyway. Checks of arguments are
// inlined into the tile function, so that a report can name its line.
inline constexpr int lowest_shift = -4, highest_shift = 59;

TILEPROOF_INLINE void check_shift(int shift, int lowest) {
    if (shift < lowest) [[unlikely]]
        tileproof_record_fault(tileproof_fault_shift, nullptr, unsigned(lowest), unsigned(shift));
    if (shift > highest_shift) [[unlikely]]
        tileproof_record_fault(tileproof_fault_shift, nullptr, unsigned(highest_shift), unsigned(shift));
}

// A float's accumulator has an exponent of its own: a shift other than 0 is reported, and not done.
TILEPROOF_INLINE void check_no_shift(int shift) {
    if (shift != 0) [[unlikely]]
        tileproof_record_fault(tileproof_fault_shift, nullptr, 0, unsigned(shift));
}

// `value << left` exactly, then saturation. Left shifts are rare and need more bits than the accumulator has.
template <typename T>
TILEPROOF_INLINE T shift_left_saturate(int64_t value, unsigned left, uint32_t saturation) {
    __extension__ typedef __int128 int128;
    const int128 wide = int128(value) << (left < 64 ? left : 63);
    const clamp_range<int64_t, T> range(saturation);
    if (saturation == uint32_t(saturation_mode::none)) return T(wide);
    return wide > range.high ? T(range.high) : wide < range.low ? T(range.low) : T(wide);
}

template <typename Wide, unsigned Elems, typename T, typename From>
TILEPROOF_INLINE void shift_right_saturate(const From *from, T *__restrict to, int shift) {
    const rounding_bias<Wide> rounded(tileproof_core_state.rounding, shift);
    const clamp_range<Wide, T> clamped(tileproof_core_state.saturation);
    for (unsigned i = 0; i < Elems; ++i) to[i] = clamped(rounded(Wide(from[i]), shift));
}

template <unsigned Elems, typename T, typename Wide>
TILEPROOF_UNWATCHED void shift_round_saturate(const Wide *from, T *__restrict to, int shift) {
    issue<instruction::vsrs, in_accumulators<Wide>(Elems), Elems * sizeof(T), argument(1), argument(0)>();
    check_set<Elems * sizeof(Wide)>(from, __builtin_return_address(0));
    if (shift < 0) {
        for (unsigned i = 0; i < Elems; ++i)
            to[i] = shift_left_saturate<T>(from[i], unsigned(-shift), tileproof_core_state.saturation);
    } else if (shift < int(sizeof(Wide) * 8) - 1) {
        shift_right_saturate<Wide, Elems>(from, to, shift);
    } else {
        shift_right_saturate<int64_t, Elems>(from, to, shift < 62 ? shift : 62);
    }
}

// --- bfloat16

// Infinity passes. A NaN keeps the upper bits of its payload, whatever the mode, or becomes the smallest one if these are
// zero (recorded on npu1). Everything else, denormals too, is the float's bits as a signed number, rounded
// by 16 bits. A carry out of the mantissa lands in the exponent, where it belongs.
TILEPROOF_INLINE uint16_t bfloat16_bits(float value, const rounding_bias<int32_t> &rounded) {
    const uint32_t b = __builtin_bit_cast(uint32_t, value);
    const int32_t magnitude = int32_t(b & 0x7fffffffu), sign = int32_t(b) >> 31;
    const int32_t signed_half = rounded((magnitude ^ sign) - sign, 16);
    const uint32_t finite = uint32_t((signed_half ^ sign) - sign);
    const uint32_t upper = uint32_t(magnitude) >> 16;
    const uint32_t special = upper | uint32_t(magnitude > 0x7f800000 && upper == 0x7f80u);
    return uint16_t((uint32_t(sign) & 0x8000u) | (magnitude >= 0x7f800000 ? special : finite));
}

}  // namespace aie::detail

template <typename Bits>
TILEPROOF_UNWATCHED uint16_t tileproof_narrow_scalar(Bits bits) {
    using namespace aie::detail;
    issue<instruction::vconv, 1>();
    issue<instruction::vextract, 1>();
    const aie::detail::rounding_bias<int32_t> rounded(tileproof_core_state.rounding, 16);
    return aie::detail::bfloat16_bits(__builtin_bit_cast(float, bits), rounded);
}

namespace aie::detail {

template <unsigned Elems>
TILEPROOF_UNWATCHED void to_bfloat16(const float *from, bfloat16 *__restrict to) {
    issue<instruction::vconv, divided_up(Elems, __AIE_ARCH__ == 21 ? 32 : 16), Elems * sizeof(bfloat16), argument(1),
          argument(0)>();
    check_set<Elems * sizeof(float)>(from, __builtin_return_address(0));
    const rounding_bias<int32_t> rounded(tileproof_core_state.rounding, 16);
    for (unsigned i = 0; i < Elems; ++i) to[i].bits = bfloat16_bits(from[i], rounded);
}

}  // namespace aie::detail
