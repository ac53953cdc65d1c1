// Lane by lane: add, min, bit operations, shifts. Integer add and sub wrap; only SRS and pack saturate. A sum of
// bfloat16 is made in accfloat and rounded as the core's mode says.
#pragma once

#include "accum.hpp"
#include "iterator.hpp"

namespace aie {

namespace detail {

// F on the lanes of two vectors of T, or of one and a scalar.
template <typename F, typename T, unsigned Elems, typename A, typename B>
TILEPROOF_INLINE vector<T, Elems> combine(const A &a, const B &b) {
    vector<T, Elems> out(detail::unset);
    each<F, Elems, instruction::vadd, in_vectors<T>(Elems)>(out.lane, lanes_as<T>(a), lanes_as<T>(b));
    return out;
}

template <typename F, typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> transform(const vector<T, Elems> &v) {
    vector<T, Elems> out(detail::unset);
    each<F, Elems, instruction::vadd, in_vectors<T>(Elems)>(out.lane, lanes<T>{v.lane});
    return out;
}

template <typename F>
struct in_float {
    TILEPROOF_INLINE static float of(bfloat16 a, bfloat16 b) { return F::of(float(a), float(b)); }
    TILEPROOF_INLINE static float exceptional(bfloat16 a, bfloat16 b) { return F::exceptional(float(a), float(b)); }
};

template <typename F, typename A, typename B>
TILEPROOF_INLINE auto sum_or_difference(const A &a, const B &b) {
    using V = either_vector<A, B>;
    using T = typename V::value_type;
    if constexpr (std::is_same_v<T, bfloat16>) {
        accum<accfloat, V::size()> wide(detail::unset);
        each<in_float<F>, V::size(), instruction::vacc_f, in_accumulators<float>(V::size())>(wide.lane, lanes_as<T>(a),
                                                                                             lanes_as<T>(b));
        return wide.template to_vector<T>();
    } else {
        return combine<F, T, V::size()>(a, b);
    }
}

struct smaller {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return b < a ? b : a; }
};
struct larger {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return a < b ? b : a; }
};
struct positive_difference {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return a > b ? T(wrapping_sub::of(a, b)) : T(0); }
};
struct bits_and {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return T(a & b); }
};
struct bits_or {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return T(a | b); }
};
struct bits_xor {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, T b) { return T(a ^ b); }
};
struct bits_not {
    template <typename T>
    TILEPROOF_INLINE static T of(T a) { return T(~a); }
};

// The most negative integer stays itself. (Unconfirmed for the hardware.) Floating point changes its sign bit only.
struct negated {
    template <typename T>
    TILEPROOF_INLINE static T of(T a) { return wrapping_neg::of(a); }
    TILEPROOF_INLINE static bfloat16 of(bfloat16 a) { return bfloat16::from_bits(a.bits ^ 0x8000); }
};
struct magnitude {
    template <typename T>
    TILEPROOF_INLINE static T of(T a) { return a < T(0) ? wrapping_neg::of(a) : a; }
    TILEPROOF_INLINE static float of(float a) { return __builtin_fabsf(a); }
    TILEPROOF_INLINE static bfloat16 of(bfloat16 a) { return bfloat16::from_bits(a.bits & 0x7fff); }
};

template <typename T>
struct integers_only {
    static_assert(is_integer<T>, "aie::bit_and, bit_or, bit_xor, bit_not and the shifts are for integers");
};

struct shifted_up {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, unsigned shift) {
        return shift < sizeof(T) * 8 ? T(wrapping<T>(a) << shift) : T(0);
    }
};
struct shifted_down {
    template <typename T>
    TILEPROOF_INLINE static T of(T a, unsigned shift) {
        return shift < sizeof(T) * 8 ? T(wrapping<T>(a) >> shift) : T(0);
    }
};

// Through an accumulator: UPS, then SRS.
template <typename T, unsigned Elems>
TILEPROOF_INLINE void issue_shift() {
    constexpr unsigned count = in_accumulators<std::conditional_t<sizeof(T) == 4, int64_t, int32_t>>(Elems);
    issue<instruction::vups, count, Elems * sizeof(T), 0, argument(0)>();
    issue<instruction::vsrs, count, Elems * sizeof(T), argument(1), 0>();
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void upshift_lanes(const T *from, T *__restrict to, unsigned shift) {
    issue_shift<T, Elems>();
    for (unsigned i = 0; i < Elems; ++i)
        to[i] = shift_left_saturate<T>(from[i], shift, tileproof_core_state.saturation);
}

// As shift_round_saturate, from the vector itself.
template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void downshift_lanes(const T *from, T *__restrict to, unsigned shift) {
    using wide = std::conditional_t<sizeof(T) == 4, int64_t, int32_t>;
    issue_shift<T, Elems>();
    if (shift < sizeof(wide) * 8 - 1)
        shift_right_saturate<wide, Elems>(from, to, int(shift));
    else
        shift_right_saturate<int64_t, Elems>(from, to, shift < 62 ? int(shift) : 62);
}

template <typename Tag>
inline constexpr instruction sum_of = is_float_tag<Tag> ? instruction::vacc_f : instruction::vacc;

}  // namespace detail

// --- constants

// E is the element's type, or a lane of a vector.
template <typename E, unsigned Elems = native_vector_length_v<detail::scalar_of_t<E>>>
TILEPROOF_INLINE auto broadcast(E value) {
    using T = detail::scalar_of_t<E>;
    vector<T, Elems> out(detail::unset);
    detail::each<detail::identity, Elems, detail::instruction::vbcst, detail::in_vectors<T>(Elems)>(
        out.lane, detail::lanes_as<T>(value));
    return out;
}

template <typename T, unsigned Elems = native_vector_length_v<T>>
TILEPROOF_INLINE auto zeros() {
    if constexpr (detail::is_named_element<T>) {
        return broadcast<T, Elems>(T(0));
    } else {
        accum<T, Elems> out(detail::unset);
        using element = typename accum<T, Elems>::element;
        // A product takes its place, where one follows: nothing is issued.
        detail::each<detail::identity, Elems, detail::instruction::copy, 0>(out.lane, detail::same<element>{0});
        return out;
    }
}

// --- vector and vector, vector and scalar, scalar and vector; an iterator's place is loaded

#define TILEPROOF_LANEWISE(NAME, BODY)                                      \
    template <typename A, typename B>                                       \
        requires(detail::SameLanes<A, B>)                                   \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                    \
        using V = detail::either_vector<A, B>;                              \
        using T = typename V::value_type;                                   \
        constexpr unsigned Elems = V::size();                               \
        (void)sizeof(T), (void)Elems;                                       \
        BODY;                                                               \
    }                                                                       \
    template <typename A, typename B>                                       \
        requires(detail::AnyPlace<A, B>)                                    \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                    \
        return NAME(detail::loaded(a), detail::loaded(b));                  \
    }

TILEPROOF_LANEWISE(add, return detail::sum_or_difference<detail::wrapping_add>(a, b))
TILEPROOF_LANEWISE(sub, return detail::sum_or_difference<detail::wrapping_sub>(a, b))
TILEPROOF_LANEWISE(min, return (detail::combine<detail::smaller, T, Elems>(a, b)))
TILEPROOF_LANEWISE(max, return (detail::combine<detail::larger, T, Elems>(a, b)))
TILEPROOF_LANEWISE(bit_and, (void)detail::integers_only<T>{}; return (detail::combine<detail::bits_and, T, Elems>(a, b)))
TILEPROOF_LANEWISE(bit_or, (void)detail::integers_only<T>{}; return (detail::combine<detail::bits_or, T, Elems>(a, b)))
TILEPROOF_LANEWISE(bit_xor, (void)detail::integers_only<T>{}; return (detail::combine<detail::bits_xor, T, Elems>(a, b)))
// a - b where that is positive, else 0
TILEPROOF_LANEWISE(
    maxdiff, if constexpr (detail::is_floating<T>) return sub(max(a, b), b);
    else return (detail::combine<detail::positive_difference, T, Elems>(a, b)))
#undef TILEPROOF_LANEWISE

template <typename E>
    requires(detail::is_scalar<E>)
E max(E a, E b) { return a < b ? b : a; }
template <typename E>
    requires(detail::is_scalar<E>)
E min(E a, E b) { return b < a ? b : a; }

// --- one vector

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> bit_not(const vector<T, Elems> &v) {
    (void)detail::integers_only<T>{};
    return detail::transform<detail::bits_not>(v);
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> neg(const vector<T, Elems> &v) { return detail::transform<detail::negated>(v); }
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> abs(const vector<T, Elems> &v) { return detail::transform<detail::magnitude>(v); }

// On AIE2 and AIE2P the API makes both shifts of UPS and SRS. So a downshift ROUNDS by the core's rounding mode (it is
// `>>` only under floor), and an upshift saturates by its saturation mode.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> downshift(const vector<T, Elems> &v, unsigned shift) {
    (void)detail::integers_only<T>{};
    detail::check_shift(int(shift), 0);
    vector<T, Elems> out(detail::unset);
    detail::downshift_lanes<Elems>(v.lane, out.lane, shift);
    return out;
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> upshift(const vector<T, Elems> &v, unsigned shift) {
    (void)detail::integers_only<T>{};
    detail::check_shift(int(shift), 0);
    vector<T, Elems> out(detail::unset);
    detail::upshift_lanes<Elems>(v.lane, out.lane, shift);
    return out;
}

// These move bits only: zeros come in at either end, nothing rounds or saturates.
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> logical_upshift(const vector<T, Elems> &v, unsigned shift) {
    (void)detail::integers_only<T>{};
    vector<T, Elems> out(detail::unset);
    detail::each<detail::shifted_up, Elems, detail::instruction::vadd, 2 * detail::in_vectors<T>(Elems)>(
        out.lane, detail::lanes<T>{v.lane}, detail::same<unsigned>{shift});
    return out;
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> logical_downshift(const vector<T, Elems> &v, unsigned shift) {
    (void)detail::integers_only<T>{};
    vector<T, Elems> out(detail::unset);
    detail::each<detail::shifted_down, Elems, detail::instruction::vadd, 2 * detail::in_vectors<T>(Elems)>(
        out.lane, detail::lanes<T>{v.lane}, detail::same<unsigned>{shift});
    return out;
}

// --- accumulators

#define TILEPROOF_ACCUMULATORS(NAME, F)                                                                            \
    template <typename Tag, unsigned Elems>                                                                        \
    TILEPROOF_INLINE accum<Tag, Elems> NAME(const accum<Tag, Elems> &a, const accum<Tag, Elems> &b) {              \
        using element = typename accum<Tag, Elems>::element;                                                       \
        accum<Tag, Elems> out(detail::unset);                                                                                     \
        detail::each<F, Elems, detail::sum_of<Tag>, detail::in_accumulators<element>(Elems)>(                      \
            out.lane, detail::lanes<element>{a.lane}, detail::lanes<element>{b.lane});                             \
        return out;                                                                                                \
    }                                                                                                              \
    template <typename Tag, typename T, unsigned Elems>                                                            \
    TILEPROOF_INLINE accum<Tag, Elems> NAME(const accum<Tag, Elems> &a, const vector<T, Elems> &v) {               \
        return NAME(a, accum<Tag, Elems>(v));                                                                      \
    }                                                                                                              \
    template <typename Tag, unsigned Elems, typename E>                                                            \
        requires(detail::is_scalar<E>)                                                                             \
    TILEPROOF_INLINE accum<Tag, Elems> NAME(const accum<Tag, Elems> &a, const E &value) {                          \
        using element = typename accum<Tag, Elems>::element;                                                       \
        accum<Tag, Elems> out(detail::unset);                                                                                     \
        detail::each<F, Elems, detail::sum_of<Tag>, detail::in_accumulators<element>(Elems)>(                      \
            out.lane, detail::lanes<element>{a.lane}, detail::lanes_as<element>(value));                           \
        return out;                                                                                                \
    }
TILEPROOF_ACCUMULATORS(add, detail::wrapping_add)
TILEPROOF_ACCUMULATORS(sub, detail::wrapping_sub)
#undef TILEPROOF_ACCUMULATORS

template <typename Tag, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> neg(const accum<Tag, Elems> &a) {
    using element = typename accum<Tag, Elems>::element;
    accum<Tag, Elems> out(detail::unset);
    detail::each<detail::wrapping_neg, Elems, detail::sum_of<Tag>, detail::in_accumulators<element>(Elems)>(
        out.lane, detail::lanes<element>{a.lane});
    return out;
}

}  // namespace aie
