// aie::accum and SRS, the one way from an accumulator to a vector: shift, round, saturate.
#pragma once

#include "block_vector.hpp"
#include "float.hpp"
#include "vector.hpp"

// As in the real API, tags are global names. They name the bits that are asked for; the hardware rounds them up to 32 or
// 64.
namespace aie {
template <unsigned Bits>
struct accum_tag {
    static constexpr unsigned bits = Bits;
};
}  // namespace aie
using acc16 = aie::accum_tag<16>;
using acc24 = aie::accum_tag<24>;
using acc32 = aie::accum_tag<32>;
using acc40 = aie::accum_tag<40>;
using acc48 = aie::accum_tag<48>;
using acc56 = aie::accum_tag<56>;
using acc64 = aie::accum_tag<64>;
using acc72 = aie::accum_tag<72>;
using acc80 = aie::accum_tag<80>;
struct accfloat {
    static constexpr unsigned bits = 32;
};
struct accauto {};
struct cacc32;
struct cacc40;
struct cacc48;
struct cacc56;
struct cacc64;
struct caccfloat;

namespace aie {

namespace detail {

template <typename Tag>
inline constexpr bool is_float_tag = std::is_same_v<Tag, accfloat>;
template <typename Tag>
inline constexpr bool is_integer_tag = false;
template <unsigned Bits>
inline constexpr bool is_integer_tag<accum_tag<Bits>> = true;
template <typename Tag>
inline constexpr bool is_complex_tag = is_one_of<Tag, cacc32, cacc40, cacc48, cacc56, cacc64, caccfloat>;

template <typename Tag>
struct tag_bits { static constexpr unsigned value = 64; };
template <typename Tag>
    requires(is_float_tag<Tag> || is_integer_tag<Tag>)
struct tag_bits<Tag> { static constexpr unsigned value = Tag::bits; };
template <>
struct tag_bits<accauto> { static constexpr unsigned value = 0; };

template <typename Tag>
using accum_element =
    std::conditional_t<is_float_tag<Tag>, float, std::conditional_t<(tag_bits<Tag>::value <= 32), int32_t, int64_t>>;

// Integer arithmetic modulo 2^bits, whatever -fwrapv says; a float's as the unit adds.
template <typename T>
struct unsigned_of { using type = T; };
template <typename T>
    requires(is_integer<T> || std::is_same_v<T, int64_t>)
struct unsigned_of<T> { using type = std::make_unsigned_t<T>; };
template <typename T>
using wrapping = typename unsigned_of<T>::type;

struct wrapping_add : float_sum {
    using float_sum::of;
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return T(wrapping<T>(a) + wrapping<T>(b)); }
};
struct wrapping_sub : float_difference {
    using float_difference::of;
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return T(wrapping<T>(a) - wrapping<T>(b)); }
};
struct wrapping_neg {
    template <typename T>
    TILEPROOF_INLINE static T of(T a) {
        if constexpr (is_floating<T>)
            return -a;
        else
            return T(wrapping<T>(0) - wrapping<T>(a));
    }
};

// UPS: widen and shift left. What saturation does to an overflow here is unconfirmed; we wrap.
template <typename Element>
struct upshifted {
    template <typename T>
    TILEPROOF_INLINE static Element of(T value, unsigned left) {
        return Element(wrapping<Element>(Element(value)) << left);
    }
};
struct widened {
    TILEPROOF_INLINE static float of(bfloat16 value) { return float(value); }
    TILEPROOF_INLINE static float of(float value) { return value; }
};

}  // namespace detail

// acc32 counts modulo 2^32 and acc64 modulo 2^64. (Unconfirmed for the hardware: no public source says what an
// overflowing accumulator does.)
template <typename Tag, unsigned Elems>
class accum {
    static_assert(!detail::is_complex_tag<Tag>, "tileproof's aie_api has no complex accumulators: no cacc32 to cacc64, "
                                                "caccfloat");
    static_assert(detail::tag_bits<Tag>::value <= 64,
                  "AIE2 and AIE2P accumulate in 32 or 64 bits: acc72 and acc80 are of the first AIE");

public:
    using value_type = Tag;
    using element = detail::accum_element<Tag>;
    element lane[Elems];  // not in the real API

    static constexpr unsigned size() { return Elems; }
    static constexpr unsigned accum_bits() { return sizeof(element) * 8; }
    static constexpr unsigned bits() { return Elems * accum_bits(); }
    static constexpr bool is_floating_point() { return detail::is_float_tag<Tag>; }

    // Of 32-bit integers and float: the real headers take a register of floats into either, as it is.
    template <typename T>
    static constexpr bool holds_bits_of = std::is_same_v<T, float> && !detail::is_float_tag<Tag> && sizeof(element) == 4;

    accum() { detail::mark_unset<sizeof(lane)>(lane); }
    explicit accum(detail::unset_type) {}  // not in the real API
    accum(const detail::native_accum<Tag, Elems> &v) { detail::copy_register<sizeof(lane)>(lane, v.lane); }
    template <typename T>
    TILEPROOF_INLINE explicit accum(const vector<T, Elems> &v, int shift = 0) { from_vector(v, shift); }
    template <typename T>
        requires(detail::is_block_float<T>)
    TILEPROOF_INLINE explicit accum(const block_vector<T, Elems> &v, int shift = 0) { from_vector(v, shift); }
    template <typename Other>
        requires(!std::is_same_v<Other, Tag> && detail::is_float_tag<Other> == detail::is_float_tag<Tag> &&
                 sizeof(detail::accum_element<Other>) == sizeof(element))
    accum(const accum<Other, Elems> &same_bits) { detail::copy_register<sizeof(lane)>(lane, same_bits.lane); }

    template <typename T>
    TILEPROOF_INLINE void from_vector(const vector<T, Elems> &v, int shift = 0) {
        static_assert(detail::is_floating<T> == detail::is_float_tag<Tag> || holds_bits_of<T>,
                      "from_vector: accfloat takes bfloat16 and float, the other accumulators take integers");
        constexpr unsigned count = detail::in_accumulators<element>(Elems);
        if constexpr (holds_bits_of<T>) {
            detail::check_no_shift(shift);
            detail::copy_register<sizeof(lane)>(lane, v.lane);
        } else if constexpr (detail::is_float_tag<Tag>) {
            detail::check_no_shift(shift);
            detail::each<detail::widened, Elems, detail::instruction::vconv_up, count>(lane, detail::lanes<T>{v.lane});
        } else {
            detail::check_shift(shift, 0);
            constexpr unsigned most = sizeof(element) * 8 - 1;
            const unsigned left = unsigned(shift) < most ? unsigned(shift) : most;
            detail::each<detail::upshifted<element>, Elems, detail::instruction::vups, count>(
                lane, detail::lanes<T>{v.lane}, detail::same<unsigned>{left});
        }
    }

    template <typename T>
        requires(detail::is_block_float<T>)
    TILEPROOF_INLINE void from_vector(const block_vector<T, Elems> &v, int shift = 0) {
        static_assert(detail::is_float_tag<Tag>, "from_vector: blocks go into accfloat");
        detail::check_no_shift(shift);
        detail::from_blocks<Elems>(v.mantissa, v.exponent, lane);
    }

    template <typename T>
        requires(detail::is_block_float<T>)
    TILEPROOF_INLINE block_vector<T, Elems> to_vector(int shift = 0) const {
        static_assert(detail::is_float_tag<Tag>, "to_vector: blocks are made of accfloat");
        detail::check_no_shift(shift);
        block_vector<T, Elems> out(detail::unset);
        detail::to_blocks<Elems>(lane, out.mantissa, out.exponent);
        return out;
    }
    template <typename T>
        requires(!detail::is_block_float<T>)
    TILEPROOF_INLINE vector<T, Elems> to_vector(int shift = 0) const {
        static_assert(detail::is_floating<T> || !detail::is_float_tag<Tag>,
                      "to_vector: accfloat gives float and bfloat16 only; use aie::to_fixed for integers");
        static_assert(!detail::is_floating<T> || detail::is_float_tag<Tag> || holds_bits_of<T>,
                      "to_vector: an integer accumulator gives integers only; use aie::to_float for float and bfloat16");
        vector<T, Elems> out(detail::unset);
        if constexpr (std::is_same_v<T, float>) {
            detail::check_no_shift(shift);
            detail::copy_register<sizeof(lane)>(out.lane, lane);
        } else if constexpr (std::is_same_v<T, bfloat16>) {
            detail::check_no_shift(shift);
            detail::to_bfloat16<Elems>(lane, out.lane);
        } else {
            detail::check_shift(shift, detail::lowest_shift);
            detail::shift_round_saturate<Elems>(lane, out.lane, shift);
        }
        return out;
    }

    // Implicitly, as the real API has it for floating point and up to 32 lanes: 12 of mlir-aie's kernels rest on it
    // (found_later.md 1). An integer accumulator would need a shift, and does not convert.
    template <typename T>
        requires(detail::is_float_tag<Tag> && detail::is_floating<T> && Elems <= 32)
    TILEPROOF_INLINE operator vector<T, Elems>() const { return to_vector<T>(); }
    template <typename T>
    TILEPROOF_INLINE accum &operator=(const vector<T, Elems> &v) {
        from_vector(v);
        return *this;
    }

    template <typename Other>
    accum<Other, Elems> cast_to() const {
        static_assert(sizeof(detail::accum_element<Other>) == sizeof(element), "cast_to keeps the bits of a lane");
        accum<Other, Elems> out(detail::unset);
        detail::copy_register<sizeof(lane)>(out.lane, lane);
        return out;
    }

    template <unsigned Part>
    TILEPROOF_INLINE accum<Tag, Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make an accumulator larger");
        accum<Tag, Part> out(detail::unset);
        detail::copy_register<sizeof(out.lane)>(out.lane, lane + detail::checked_index(i, Elems / Part) * Part);
        return out;
    }

    template <unsigned Part, typename Other>
    TILEPROOF_INLINE accum &insert(unsigned i, const accum<Other, Part> &part) {
        static_assert(std::is_same_v<detail::accum_element<Other>, element>, "insert joins accumulators of one width");
        static_assert(Part <= Elems, "insert: the part is larger than the accumulator");
        detail::copy_register<sizeof(part.lane)>(lane + detail::checked_index(i, Elems / Part) * Part, part.lane);
        return *this;
    }

    // On hardware the new lanes are undefined; see vector::grow.
    template <unsigned Larger>
    accum<Tag, Larger> grow(unsigned i = 0) const {
        static_assert(Larger >= Elems, "grow cannot make an accumulator smaller: use extract");
        accum<Tag, Larger> out(detail::unset);
        detail::fill_undefined<sizeof(out.lane)>(out.lane);
        return out.insert(i, *this);
    }
};

template <typename Tag, unsigned Elems, typename... Rest>
TILEPROOF_INLINE accum<Tag, Elems *(1 + sizeof...(Rest))> concat(const accum<Tag, Elems> &first, const Rest &...rest) {
    static_assert((std::is_same_v<Rest, accum<Tag, Elems>> && ...), "concat joins accumulators of one tag and size");
    accum<Tag, Elems *(1 + sizeof...(Rest))> out(detail::unset);
    unsigned i = 0;
    out.insert(i++, first);
    (out.insert(i++, rest), ...);
    return out;
}

}  // namespace aie
