// Lane by lane: add, compare, select, multiply, reduce. Integer add and sub wrap; only SRS and pack saturate.
#pragma once

#include "accum.hpp"

namespace aie {

namespace detail {

template <typename V>
struct is_vector : std::false_type {};
template <typename T, unsigned Elems>
struct is_vector<vector<T, Elems>> : std::true_type {};

// A lane operand is a vector, or a scalar that every lane sees.
template <typename T, unsigned Elems>
TILEPROOF_INLINE T lane_of(const vector<T, Elems> &v, unsigned i) { return v.lane[i]; }
template <typename T>
    requires(std::is_arithmetic_v<T>)
TILEPROOF_INLINE T lane_of(T scalar, unsigned) { return scalar; }

template <typename T, unsigned Elems, typename F>
TILEPROOF_INLINE vector<T, Elems> map(const vector<T, Elems> &v, F f) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = T(f(v.lane[i]));
    return out;
}

// Vector and vector, vector and scalar, scalar and vector: a scalar is first converted to the vector's element type.
template <typename T, unsigned Elems, typename A, typename B, typename F>
TILEPROOF_INLINE vector<T, Elems> map(const A &a, const B &b, F f) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = T(f(T(lane_of(a, i)), T(lane_of(b, i))));
    return out;
}

template <typename T, unsigned Elems, typename A, typename B, typename F>
TILEPROOF_INLINE mask<Elems> compare(const A &a, const B &b, F f) {
    mask<Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = f(T(lane_of(a, i)), T(lane_of(b, i)));
    return out;
}

// Arithmetic modulo 2^bits, whatever -fwrapv says.
template <typename T>
using wrapping = std::make_unsigned_t<T>;

template <typename A, typename B>
inline constexpr unsigned product_bits = (sizeof(A) + sizeof(B)) * 8;

// Products of up to 32 bits are counted in acc32, longer ones in acc64.
template <typename Tag, typename A, typename B>
using product_tag =
    std::conditional_t<!std::is_same_v<Tag, accauto>, Tag, std::conditional_t<(product_bits<A, B> <= 32), acc32, acc64>>;

template <typename Element, typename A, typename B>
TILEPROOF_INLINE Element product(A a, B b) {
    // uint16 x uint16 needs all 32 bits; every other 16-bit product fits an int, and vectorises better as one.
    if constexpr (product_bits<A, B> <= 32 && sizeof(Element) == 4 && !(std::is_unsigned_v<A> && std::is_unsigned_v<B>))
        return int32_t(a) * int32_t(b);
    else
        return Element(wrapping<Element>(Element(a)) * wrapping<Element>(Element(b)));
}

template <typename Element>
TILEPROOF_INLINE Element wrapping_add(Element a, Element b) { return Element(wrapping<Element>(a) + wrapping<Element>(b)); }
template <typename Element>
TILEPROOF_INLINE Element wrapping_sub(Element a, Element b) { return Element(wrapping<Element>(a) - wrapping<Element>(b)); }

template <unsigned Elems, typename Tag, typename A, typename B, typename F>
TILEPROOF_INLINE accum<Tag, Elems> accumulate(const A &a, const B &b, F f) {
    accum<Tag, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) {
        const auto x = lane_of(a, i);
        const auto y = lane_of(b, i);
        out.lane[i] = f(i, product<typename accum<Tag, Elems>::element>(x, y));
    }
    return out;
}

template <typename V>
struct scalar_of { using type = V; };
template <typename T, unsigned Elems>
struct scalar_of<vector<T, Elems>> { using type = T; };
template <typename V>
using scalar_of_t = typename scalar_of<V>::type;

template <typename A, typename B>
constexpr unsigned lanes_of() {
    if constexpr (is_vector<A>::value)
        return A::size();
    else
        return B::size();
}

// Two vectors of one size, or a vector and a scalar of an element type.
template <typename A, typename B>
concept LaneOperands =
    is_element<scalar_of_t<A>> && is_element<scalar_of_t<B>> && (is_vector<A>::value || is_vector<B>::value) &&
    (!is_vector<A>::value || !is_vector<B>::value || lanes_of<A, B>() == lanes_of<B, A>());

}  // namespace detail

// --- constants

template <typename T, unsigned Elems, typename E>
TILEPROOF_INLINE vector<T, Elems> broadcast(E value) {
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = T(value);
    return out;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE auto zeros() {
    if constexpr (detail::is_element<T>) {
        return broadcast<T, Elems>(T(0));
    } else {
        accum<T, Elems> out;
        std::memset(out.lane, 0, sizeof(out.lane));
        return out;
    }
}

// --- vector and vector, vector and scalar, scalar and vector

#define TILEPROOF_LANEWISE(NAME, EXPRESSION)                                                      \
    template <typename T, unsigned Elems>                                                         \
    TILEPROOF_INLINE vector<T, Elems> NAME(const vector<T, Elems> &x, const vector<T, Elems> &y) {\
        return detail::map<T, Elems>(x, y, [](T a, T b) { return EXPRESSION; });                  \
    }                                                                                             \
    template <typename T, unsigned Elems, typename E>                                             \
        requires(std::is_arithmetic_v<E>)                                                         \
    TILEPROOF_INLINE vector<T, Elems> NAME(const vector<T, Elems> &x, E y) {                      \
        return detail::map<T, Elems>(x, y, [](T a, T b) { return EXPRESSION; });                  \
    }                                                                                             \
    template <typename T, unsigned Elems, typename E>                                             \
        requires(std::is_arithmetic_v<E>)                                                         \
    TILEPROOF_INLINE vector<T, Elems> NAME(E x, const vector<T, Elems> &y) {                      \
        return detail::map<T, Elems>(x, y, [](T a, T b) { return EXPRESSION; });                  \
    }

TILEPROOF_LANEWISE(add, detail::wrapping_add(a, b))
TILEPROOF_LANEWISE(sub, detail::wrapping_sub(a, b))
TILEPROOF_LANEWISE(min, b < a ? b : a)
TILEPROOF_LANEWISE(max, a < b ? b : a)
TILEPROOF_LANEWISE(bit_and, a &b)
TILEPROOF_LANEWISE(bit_or, a | b)
TILEPROOF_LANEWISE(bit_xor, a ^ b)
#undef TILEPROOF_LANEWISE

#define TILEPROOF_COMPARISON(NAME, OPERATOR)                                                      \
    template <typename T, unsigned Elems>                                                         \
    TILEPROOF_INLINE mask<Elems> NAME(const vector<T, Elems> &x, const vector<T, Elems> &y) {     \
        return detail::compare<T, Elems>(x, y, [](T a, T b) { return uint8_t(a OPERATOR b); });   \
    }                                                                                             \
    template <typename T, unsigned Elems, typename E>                                             \
        requires(std::is_arithmetic_v<E>)                                                         \
    TILEPROOF_INLINE mask<Elems> NAME(const vector<T, Elems> &x, E y) {                           \
        return detail::compare<T, Elems>(x, y, [](T a, T b) { return uint8_t(a OPERATOR b); });   \
    }                                                                                             \
    template <typename T, unsigned Elems, typename E>                                             \
        requires(std::is_arithmetic_v<E>)                                                         \
    TILEPROOF_INLINE mask<Elems> NAME(E x, const vector<T, Elems> &y) {                           \
        return detail::compare<T, Elems>(x, y, [](T a, T b) { return uint8_t(a OPERATOR b); });   \
    }

TILEPROOF_COMPARISON(lt, <)
TILEPROOF_COMPARISON(le, <=)
TILEPROOF_COMPARISON(gt, >)
TILEPROOF_COMPARISON(ge, >=)
TILEPROOF_COMPARISON(eq, ==)
TILEPROOF_COMPARISON(neq, !=)
#undef TILEPROOF_COMPARISON

// --- one vector

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> bit_not(const vector<T, Elems> &v) {
    return detail::map(v, [](T a) { return T(~a); });
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> neg(const vector<T, Elems> &v) {
    return detail::map(v, [](T a) { return detail::wrapping_sub(T(0), a); });
}

// The most negative value stays itself. (Unconfirmed for the hardware.)
template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> abs(const vector<T, Elems> &v) {
    return detail::map(v, [](T a) { return a < T(0) ? detail::wrapping_sub(T(0), a) : a; });
}

// On AIE2 and AIE2P the API makes both shifts of UPS and SRS. So a downshift ROUNDS by the core's rounding mode (it is
// `>>` only under floor), and an upshift saturates by its saturation mode.
template <typename T, unsigned Elems>
vector<T, Elems> downshift(const vector<T, Elems> &v, unsigned shift) {
    using element = std::conditional_t<sizeof(T) == 4, int64_t, int32_t>;
    element wide[Elems];
    for (unsigned i = 0; i < Elems; ++i) wide[i] = v.lane[i];
    vector<T, Elems> out;
    detail::shift_round_saturate(wide, out.lane, Elems, int(shift));
    return out;
}

template <typename T, unsigned Elems>
vector<T, Elems> upshift(const vector<T, Elems> &v, unsigned shift) {
    detail::check_shift(int(shift), 0);
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i)
        out.lane[i] = detail::shift_left_saturate_one<T>(v.lane[i], shift, tileproof_core_state.saturation);
    return out;
}

// Lane i is b's where bit i of the mask is set, and a's where it is not.
template <typename A, typename B, unsigned Elems>
    requires(detail::is_vector<A>::value || detail::is_vector<B>::value)
TILEPROOF_INLINE auto select(const A &a, const B &b, const mask<Elems> &m) {
    using T = typename std::conditional_t<detail::is_vector<A>::value, A, B>::value_type;
    static_assert(detail::lanes_of<A, B>() == Elems, "select: the mask and the vectors have different sizes");
    vector<T, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) {
        const T if_clear = T(detail::lane_of(a, i)), if_set = T(detail::lane_of(b, i));
        out.lane[i] = m.lane[i] ? if_set : if_clear;
    }
    return out;
}

// --- reductions; a sum wraps in the element type

template <typename T, unsigned Elems>
T reduce_add(const vector<T, Elems> &v) {
    detail::wrapping<T> sum = 0;
    for (unsigned i = 0; i < Elems; ++i) sum = detail::wrapping<T>(sum + detail::wrapping<T>(v.lane[i]));
    return T(sum);
}

template <typename T, unsigned Elems>
T reduce_max(const vector<T, Elems> &v) {
    T best = v.lane[0];
    for (unsigned i = 1; i < Elems; ++i) best = v.lane[i] > best ? v.lane[i] : best;
    return best;
}

template <typename T, unsigned Elems>
T reduce_min(const vector<T, Elems> &v) {
    T best = v.lane[0];
    for (unsigned i = 1; i < Elems; ++i) best = v.lane[i] < best ? v.lane[i] : best;
    return best;
}

// --- multiplication

template <typename Tag = accauto, typename A, typename B>
    requires(detail::LaneOperands<A, B>)
TILEPROOF_INLINE auto mul(const A &a, const B &b) {
    using tag = detail::product_tag<Tag, detail::scalar_of_t<A>, detail::scalar_of_t<B>>;
    return detail::accumulate<detail::lanes_of<A, B>(), tag>(a, b, [](unsigned, auto p) { return p; });
}

template <typename Tag = accauto, typename A, typename B>
    requires(detail::LaneOperands<A, B>)
TILEPROOF_INLINE auto negmul(const A &a, const B &b) {
    using tag = detail::product_tag<Tag, detail::scalar_of_t<A>, detail::scalar_of_t<B>>;
    return detail::accumulate<detail::lanes_of<A, B>(), tag>(
        a, b, [](unsigned, auto p) { return detail::wrapping_sub(decltype(p)(0), p); });
}

template <typename Tag, unsigned Elems, typename A, typename B>
    requires(detail::LaneOperands<A, B>)
TILEPROOF_INLINE accum<Tag, Elems> mac(const accum<Tag, Elems> &acc, const A &a, const B &b) {
    static_assert(detail::lanes_of<A, B>() == Elems, "mac: the accumulator and the operands have different sizes");
    return detail::accumulate<Elems, Tag>(
        a, b, [&](unsigned i, auto p) { return detail::wrapping_add(acc.lane[i], p); });
}

template <typename Tag, unsigned Elems, typename A, typename B>
    requires(detail::LaneOperands<A, B>)
TILEPROOF_INLINE accum<Tag, Elems> msc(const accum<Tag, Elems> &acc, const A &a, const B &b) {
    static_assert(detail::lanes_of<A, B>() == Elems, "msc: the accumulator and the operands have different sizes");
    return detail::accumulate<Elems, Tag>(
        a, b, [&](unsigned i, auto p) { return detail::wrapping_sub(acc.lane[i], p); });
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE auto mul_square(const vector<T, Elems> &v) { return mul(v, v); }

template <typename Tag, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> add(const accum<Tag, Elems> &a, const accum<Tag, Elems> &b) {
    accum<Tag, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = detail::wrapping_add(a.lane[i], b.lane[i]);
    return out;
}

template <typename Tag, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> sub(const accum<Tag, Elems> &a, const accum<Tag, Elems> &b) {
    accum<Tag, Elems> out;
    for (unsigned i = 0; i < Elems; ++i) out.lane[i] = detail::wrapping_sub(a.lane[i], b.lane[i]);
    return out;
}

template <typename Tag, typename T, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> add(const accum<Tag, Elems> &a, const vector<T, Elems> &v) {
    return add(a, accum<Tag, Elems>(v));
}

template <typename Tag, typename T, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> sub(const accum<Tag, Elems> &a, const vector<T, Elems> &v) {
    return sub(a, accum<Tag, Elems>(v));
}

// Refused by name, because a wrong guess would be silent.
template <typename A, typename B>
void max_cmp(const A &, const B &) {
    static_assert(detail::always_false<A>, "aie::max_cmp: its mask is not documented; use aie::lt and aie::select");
}
template <typename A, typename B>
void min_cmp(const A &, const B &) {
    static_assert(detail::always_false<A>, "aie::min_cmp: its mask is not documented; use aie::lt and aie::select");
}
template <typename... A>
void inv(const A &...) {
    static_assert(detail::always_false<A...>, "aie::inv needs floating point, which tileproof's aie_api has not yet");
}
template <typename... A>
void exp2(const A &...) {
    static_assert(detail::always_false<A...>, "aie::exp2 needs floating point, which tileproof's aie_api has not yet");
}

}  // namespace aie
