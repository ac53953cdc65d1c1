// aie::accum and SRS, the one way from an accumulator to a vector: shift, round, saturate.
#pragma once

#include "vector.hpp"

namespace aie {

// Tags name the bits that are asked for; the hardware rounds them up to 32 or 64.
template <unsigned Bits>
struct accum_tag {
    static constexpr unsigned bits = Bits;
};

namespace detail {

template <unsigned Bits>
using accum_element = std::conditional_t<(Bits <= 32), int32_t, int64_t>;

// The legal shifts of the API for AIE2 and AIE2P. A shift outside is reported and done anyway.
inline constexpr int lowest_shift = -4, highest_shift = 59;

inline void check_shift(int shift, int lowest) {
    if (shift < lowest) [[unlikely]]
        tileproof_record_fault(tileproof_fault_shift, nullptr, unsigned(lowest), unsigned(shift));
    if (shift > highest_shift) [[unlikely]]
        tileproof_record_fault(tileproof_fault_shift, nullptr, unsigned(highest_shift), unsigned(shift));
}

// Rounding adds one to the floor exactly when (remainder + bias) reaches 2^shift. Every mode of the hardware is such a
// bias, once it may depend on the sign and on whether the floor is odd; so one loop serves all ten.
template <typename Wide>
struct rounding_bias {
    Wide base = 0, if_negative = 0, if_odd = 0;

    rounding_bias(uint32_t mode, int shift) {
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
};

template <typename T, typename Wide>
TILEPROOF_INLINE T shift_round_saturate_one(Wide value, int shift, const rounding_bias<Wide> &bias,
                                            const clamp_range<Wide, T> &range) {
    const Wide floored = value >> shift;
    const Wide remainder = value & ((Wide(1) << shift) - 1);
    const Wide negative = value >> (sizeof(Wide) * 8 - 1), odd = -(floored & 1);
    const Wide carry = (remainder + bias.base + (negative & bias.if_negative) + (odd & bias.if_odd)) >> shift;
    const Wide rounded = floored + carry;
    const Wide below = rounded > range.high ? range.high : rounded;
    return T(below < range.low ? range.low : below);
}

// `value << left` exactly, then the same saturation. Left shifts are rare and need more bits than the accumulator has.
template <typename T>
T shift_left_saturate_one(int64_t value, unsigned left, uint32_t saturation) {
    __extension__ typedef __int128 int128;
    const int128 wide = int128(value) << (left < 64 ? left : 63);
    const clamp_range<int64_t, T> range(saturation);
    if (saturation == uint32_t(saturation_mode::none)) return T(wide);
    return wide > range.high ? T(range.high) : wide < range.low ? T(range.low) : T(wide);
}

template <typename T, typename Wide>
void shift_round_saturate(const Wide *from, T *to, unsigned n, int shift) {
    check_shift(shift, lowest_shift);
    const uint32_t saturation = tileproof_core_state.saturation;
    if (shift < 0) {
        for (unsigned i = 0; i < n; ++i) to[i] = shift_left_saturate_one<T>(from[i], unsigned(-shift), saturation);
    } else if (shift < int(sizeof(Wide) * 8) - 1) {
        const rounding_bias<Wide> bias(tileproof_core_state.rounding, shift);
        const clamp_range<Wide, T> range(saturation);
        for (unsigned i = 0; i < n; ++i) to[i] = shift_round_saturate_one(from[i], shift, bias, range);
    } else {
        const int far = shift < 62 ? shift : 62;
        const rounding_bias<int64_t> bias(tileproof_core_state.rounding, far);
        const clamp_range<int64_t, T> range(saturation);
        for (unsigned i = 0; i < n; ++i) to[i] = shift_round_saturate_one(int64_t(from[i]), far, bias, range);
    }
}

}  // namespace detail

// acc32 counts modulo 2^32 and acc64 modulo 2^64. (Unconfirmed for the hardware: no public source says what an
// overflowing accumulator does.)
template <typename Tag, unsigned Elems>
class accum {
public:
    using value_type = Tag;
    using element = detail::accum_element<Tag::bits>;
    element lane[Elems];  // not in the real API

    static constexpr unsigned size() { return Elems; }
    static constexpr unsigned accum_bits() { return sizeof(element) * 8; }
    static constexpr unsigned bits() { return Elems * accum_bits(); }

    accum() = default;
    template <typename T>
    explicit accum(const vector<T, Elems> &v, int shift = 0) { from_vector(v, shift); }
    template <typename Other>
        requires(!std::is_same_v<Other, Tag> && sizeof(detail::accum_element<Other::bits>) == sizeof(element))
    accum(const accum<Other, Elems> &same_bits) { std::memcpy(lane, same_bits.lane, sizeof(lane)); }

    // UPS: widen and shift left. What saturation does to an overflow here is unconfirmed; we wrap.
    template <typename T>
    void from_vector(const vector<T, Elems> &v, int shift = 0) {
        detail::check_shift(shift, 0);
        const unsigned left = unsigned(shift) < sizeof(element) * 8 ? unsigned(shift) : unsigned(sizeof(element) * 8 - 1);
        for (unsigned i = 0; i < Elems; ++i)
            lane[i] = element(std::make_unsigned_t<element>(element(v.lane[i])) << left);
    }

    template <typename T>
    vector<T, Elems> to_vector(int shift = 0) const {
        vector<T, Elems> out;
        detail::shift_round_saturate(lane, out.lane, Elems, shift);
        return out;
    }

    template <unsigned Part>
    accum<Tag, Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make an accumulator larger");
        accum<Tag, Part> out;
        std::memcpy(out.lane, lane + detail::checked_index(i, Elems / Part) * Part, sizeof(out.lane));
        return out;
    }

    template <unsigned Part, typename Other>
    accum &insert(unsigned i, const accum<Other, Part> &part) {
        static_assert(sizeof(part.lane[0]) == sizeof(element), "insert joins accumulators of one width");
        static_assert(Part <= Elems, "insert: the part is larger than the accumulator");
        std::memcpy(lane + detail::checked_index(i, Elems / Part) * Part, part.lane, sizeof(part.lane));
        return *this;
    }
};

template <typename Tag, unsigned Elems, typename... Rest>
accum<Tag, Elems *(1 + sizeof...(Rest))> concat(const accum<Tag, Elems> &first, const Rest &...rest) {
    static_assert((std::is_same_v<Rest, accum<Tag, Elems>> && ...), "concat joins accumulators of one tag and size");
    accum<Tag, Elems *(1 + sizeof...(Rest))> out;
    unsigned i = 0;
    out.insert(i++, first);
    (out.insert(i++, rest), ...);
    return out;
}

}  // namespace aie

// As in the real API, tags are global names.
using acc16 = aie::accum_tag<16>;
using acc24 = aie::accum_tag<24>;
using acc32 = aie::accum_tag<32>;
using acc40 = aie::accum_tag<40>;
using acc48 = aie::accum_tag<48>;
using acc56 = aie::accum_tag<56>;
using acc64 = aie::accum_tag<64>;
struct accauto {};
struct accfloat;  // no floating point yet: any use of it fails to compile
