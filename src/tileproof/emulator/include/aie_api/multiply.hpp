// mul, mac, msc and their like, lane by lane, into an accumulator.
#pragma once

#include <array>
#include <tuple>

#include "compare.hpp"

namespace aie {

namespace detail {

template <typename A, typename B>
inline constexpr unsigned product_bits = (sizeof(A) + sizeof(B)) * 8;

// Products of up to 32 bits are counted in acc32, longer ones in acc64; floating point in accfloat.
template <typename Tag, typename A, typename B>
using product_tag = std::conditional_t<
    !std::is_same_v<Tag, accauto>, Tag,
    std::conditional_t<is_floating<A> || is_floating<B>, accfloat,
                       std::conditional_t<(product_bits<A, B> <= 32), acc32, acc64>>>;

template <typename Tag, typename A, typename B>
struct check_product {
    static_assert(check_element<A>::value && check_element<B>::value);
    static_assert(is_floating<A> == is_floating<B>,
                  "a product of an integer and a floating point lane: convert one of them, aie::to_float or to_fixed");
    static_assert(is_floating<A> || (sizeof(A) <= 2 * sizeof(B) && sizeof(B) <= 2 * sizeof(A)),
                  "a product of 8 and 32 bits, which AIE2 and AIE2P do not have: widen the narrow one, unpack()");
    static_assert(!is_floating<A> || std::is_same_v<A, B>,
                  "a product of a bfloat16 and a float lane: convert one of them");
    static_assert(is_float_tag<Tag> == is_floating<A>,
                  "integers are multiplied into acc32 and acc64, bfloat16 and float into accfloat");
};

template <typename Element, typename A, typename B>
TILEPROOF_INLINE Element product(A a, B b) {
    // uint16 x uint16 needs all 32 bits; every other 16-bit product fits an int, and vectorises better as one.
    if constexpr (product_bits<A, B> <= 32 && sizeof(Element) == 4 && !(std::is_unsigned_v<A> && std::is_unsigned_v<B>))
        return int32_t(a) * int32_t(b);
    else
        return Element(wrapping<Element>(Element(a)) * wrapping<Element>(Element(b)));
}

// Lanes that one instruction multiplies (section 6, elementwise mul lanes: 32 of 8 and 16 bits, 16 of bfloat16 on AIE2;
// twice that, and 64 of bfloat16, on AIE2P). 32x32 is emulated: four products for 16 lanes, which leaves its published
// loops (339 and 343 cycles for 1,024) their bound. Unconfirmed: 16x32, taken as half of 16x16; and float, emulated in 3
// to 9 products of bfloat16, for which 9 are taken.
template <typename A, typename B>
constexpr unsigned multiply_slots(unsigned n) {
    constexpr bool aie2p = __AIE_ARCH__ == 21;
    if (is_floating<A>) return divided_up(n, aie2p ? 64 : 16) * (sizeof(A) == 4 ? 9 : 1);
    if (sizeof(A) == 4 && sizeof(B) == 4) return divided_up(n, 16) * 4;
    const bool is_wide = sizeof(A) == 4 || sizeof(B) == 4;
    return divided_up(n, (aie2p ? 64u : 32u) >> is_wide);
}

template <typename A, bool Accumulates>
inline constexpr instruction product_of =
    is_floating<A> ? (Accumulates ? instruction::vmac_f : instruction::vmul_f)
                   : (Accumulates ? instruction::vmac : instruction::vmul);

template <typename Element>
struct integer_mul {
    template <typename A, typename B>
    TILEPROOF_INLINE static Element of(A a, B b) { return product<Element>(a, b); }
};
template <typename Element>
struct integer_negmul {
    template <typename A, typename B>
    TILEPROOF_INLINE static Element of(A a, B b) { return wrapping_neg::of(product<Element>(a, b)); }
};
template <typename Element>
struct integer_mac {
    template <typename A, typename B>
    TILEPROOF_INLINE static Element of(Element acc, A a, B b) { return wrapping_add::of(acc, product<Element>(a, b)); }
};
template <typename Element>
struct integer_msc {
    template <typename A, typename B>
    TILEPROOF_INLINE static Element of(Element acc, A a, B b) { return wrapping_sub::of(acc, product<Element>(a, b)); }
};

template <template <typename> typename Integer, typename Float, typename Tag, typename A, typename B, typename... Acc>
TILEPROOF_INLINE auto multiplied(const A &a, const B &b, const Acc &...acc) {
    using X = scalar_of_t<A>;
    using Y = scalar_of_t<B>;
    constexpr unsigned Elems = size_of_either<A, B>();
    (void)check_product<Tag, X, Y>{};
    using element = typename accum<Tag, Elems>::element;
    using F = std::conditional_t<is_float_tag<Tag>, Float, Integer<element>>;
    static_assert(((Acc::size() == Elems) && ...), "the accumulator and the operands have different sizes");
    accum<Tag, Elems> out(detail::unset);
    if constexpr (__AIE_ARCH__ == 21 && std::is_same_v<X, float> && sizeof...(Acc) == 1) {
        const accum<Tag, Elems> products = multiplied<Integer, float_mul, Tag>(a, b);
        each<joined_to_product<typename Float::joined>, Elems, instruction::copy, 0>(out.lane, lanes<element>{acc.lane}..., lanes<element>{products.lane});
    } else {
        each<F, Elems, product_of<X, sizeof...(Acc) == 1>, multiply_slots<X, Y>(Elems), Elems>(
            out.lane, lanes<element>{acc.lane}..., lanes_of(a), lanes_of(b));
    }
    return out;
}

}  // namespace detail

#define TILEPROOF_MULTIPLY(NAME, INTEGER, FLOAT)                                                        \
    template <typename Tag = accauto, typename A, typename B>                                           \
        requires(detail::LaneOperands<A, B>)                                                            \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                                                \
        using tag = detail::product_tag<Tag, detail::scalar_of_t<A>, detail::scalar_of_t<B>>;           \
        return detail::multiplied<INTEGER, FLOAT, tag>(a, b);                                           \
    }                                                                                                   \
    template <typename Tag = accauto, typename A, typename B>                                           \
        requires(detail::AnyPlace<A, B>)                                                                \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                                                \
        return NAME<Tag>(detail::loaded(a), detail::loaded(b));                                         \
    }
TILEPROOF_MULTIPLY(mul, detail::integer_mul, detail::float_mul)
TILEPROOF_MULTIPLY(negmul, detail::integer_negmul, detail::float_negmul)
#undef TILEPROOF_MULTIPLY

#define TILEPROOF_MULTIPLY_ADD(NAME, INTEGER, FLOAT)                                                    \
    template <typename Tag, unsigned Elems, typename A, typename B>                                     \
        requires(detail::LaneOperands<A, B>)                                                            \
    TILEPROOF_INLINE accum<Tag, Elems> NAME(const accum<Tag, Elems> &acc, const A &a, const B &b) {     \
        return detail::multiplied<INTEGER, FLOAT, Tag>(a, b, acc);                                      \
    }                                                                                                   \
    template <typename Tag, unsigned Elems, typename A, typename B>                                     \
        requires(detail::AnyPlace<A, B>)                                                                \
    TILEPROOF_INLINE accum<Tag, Elems> NAME(const accum<Tag, Elems> &acc, const A &a, const B &b) {     \
        return NAME(acc, detail::loaded(a), detail::loaded(b));                                         \
    }
TILEPROOF_MULTIPLY_ADD(mac, detail::integer_mac, detail::float_mac)
TILEPROOF_MULTIPLY_ADD(msc, detail::integer_msc, detail::float_msc)
#undef TILEPROOF_MULTIPLY_ADD

template <typename Tag = accauto, typename T, unsigned Elems>
TILEPROOF_INLINE auto mul_square(const vector<T, Elems> &v) { return mul<Tag>(v, v); }
template <typename Tag, unsigned Elems, typename T>
TILEPROOF_INLINE auto mac_square(const accum<Tag, Elems> &acc, const vector<T, Elems> &v) { return mac(acc, v, v); }
template <typename Tag, unsigned Elems, typename T>
TILEPROOF_INLINE auto msc_square(const accum<Tag, Elems> &acc, const vector<T, Elems> &v) { return msc(acc, v, v); }

// --- accumulate: the sum of vectors, each times a coefficient: coeff[start] for the first, and so on

namespace detail {

template <typename Tag, unsigned Lanes, typename C, unsigned Coeffs, typename T, typename... Rest>
TILEPROOF_INLINE accum<Tag, Lanes> accumulated(accum<Tag, Lanes> acc, const vector<C, Coeffs> &coeff, unsigned start,
                                               const vector<T, Lanes> &data, const Rest &...rest) {
    acc = mac(acc, data, coeff.get(start));
    if constexpr (sizeof...(Rest) > 0)
        return accumulated(acc, coeff, start + 1, rest...);
    else
        return acc;
}

template <typename... V>
struct same_vectors {
    static_assert(always_false<V...>, "aie::accumulate: the data are vectors of one type, with as many elements as lanes");
};
template <typename V, typename... Rest>
    requires((std::is_same_v<V, Rest> && ...))
struct same_vectors<V, Rest...> {};

}  // namespace detail

template <unsigned Lanes, typename Tag, typename C, unsigned Coeffs, typename T, typename... Rest>
TILEPROOF_INLINE auto accumulate(const accum<Tag, Lanes> &acc, const vector<C, Coeffs> &coeff, unsigned start,
                                 const vector<T, Lanes> &data, const Rest &...rest) {
    (void)detail::same_vectors<vector<T, Lanes>, Rest...>{};
    return detail::accumulated(acc, coeff, start, data, rest...);
}
template <unsigned Lanes, typename Tag = accauto, typename C, unsigned Coeffs, typename T, typename... Rest>
TILEPROOF_INLINE auto accumulate(const vector<C, Coeffs> &coeff, unsigned start, const vector<T, Lanes> &data,
                                 const Rest &...rest) {
    (void)detail::same_vectors<vector<T, Lanes>, Rest...>{};
    const auto first = mul<Tag>(data, coeff.get(start));
    if constexpr (sizeof...(Rest) > 0)
        return detail::accumulated(first, coeff, start + 1, rest...);
    else
        return first;
}
template <unsigned Lanes, typename Tag, typename C, unsigned Coeffs, typename T, size_t N>
TILEPROOF_INLINE auto accumulate(const accum<Tag, Lanes> &acc, const vector<C, Coeffs> &coeff, unsigned start,
                                 const std::array<vector<T, Lanes>, N> &data) {
    return std::apply([&](const auto &...each) { return accumulate<Lanes>(acc, coeff, start, each...); }, data);
}
template <unsigned Lanes, typename Tag = accauto, typename C, unsigned Coeffs, typename T, size_t N>
TILEPROOF_INLINE auto accumulate(const vector<C, Coeffs> &coeff, unsigned start,
                                 const std::array<vector<T, Lanes>, N> &data) {
    return std::apply([&](const auto &...each) { return accumulate<Lanes, Tag>(coeff, start, each...); }, data);
}

}  // namespace aie
