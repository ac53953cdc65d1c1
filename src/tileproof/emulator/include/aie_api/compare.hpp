// Comparisons give masks; select and the reductions go back to vectors and scalars.
#pragma once

#include "arithmetic.hpp"

namespace aie {

namespace detail {

#define TILEPROOF_COMPARE(NAME, OPERATOR)                                                    \
    struct NAME {                                                                            \
        template <typename T>                                                                \
        TILEPROOF_INLINE static uint8_t of(T a, T b) { return uint8_t(a OPERATOR b); }       \
        TILEPROOF_INLINE static uint8_t of(bfloat16 a, bfloat16 b) {                         \
            return uint8_t(float(a) OPERATOR float(b));                                      \
        }                                                                                    \
    };
TILEPROOF_COMPARE(is_less, <)
TILEPROOF_COMPARE(is_less_equal, <=)
TILEPROOF_COMPARE(is_greater, >)
TILEPROOF_COMPARE(is_greater_equal, >=)
TILEPROOF_COMPARE(is_equal, ==)
TILEPROOF_COMPARE(is_not_equal, !=)
#undef TILEPROOF_COMPARE

struct chosen {
    template <typename T>
    TILEPROOF_INLINE static T of(T if_clear, T if_set, uint8_t lane) { return lane ? if_set : if_clear; }
};

// A reduction folds a vector onto itself: an operation, and below a register's size a shuffle before it, for each halving.
template <instruction I, typename T, unsigned Lanes, unsigned Reads = argument(0)>
TILEPROOF_INLINE void issue_reduction() {
    if constexpr (Lanes == 1) {
        issue<instruction::vextract, 1>();
    } else {
        constexpr bool is_several = Lanes * sizeof(T) > 64;
        if constexpr (!is_several) issue<instruction::vshuffle, 1, Lanes * sizeof(T), 0, Reads>();
        issue<I, in_vectors<T>(Lanes / 2), Lanes * sizeof(T), 0, is_several ? Reads : 0>();
        issue_reduction<I, T, Lanes / 2, 0>();
    }
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED T sum_of_lanes(const T *lane) {
    issue_reduction<instruction::vadd, T, Elems>();
    check_set<Elems * sizeof(T)>(lane, __builtin_return_address(0));
    wrapping<T> sum = lane[0];
    for (unsigned i = 1; i < Elems; ++i) sum = wrapping<T>(sum + wrapping<T>(lane[i]));
    return T(sum);
}

// The order decides the last bits: registers of 16 lanes (npu1) or 32 (npu2) are added lane by lane, on npu1 each half of
// them for itself, then halves of a register onto halves (the API's add_reduce).
template <unsigned Elems>
TILEPROOF_UNWATCHED float sum_of_lanes(const float *lane) {
    constexpr unsigned native = __AIE_ARCH__ == 21 ? 32 : 16, width = Elems < native ? Elems : native;
    constexpr unsigned run = __AIE_ARCH__ == 21 || Elems < 2 * width ? Elems : Elems / 2;
    issue_reduction<instruction::vacc_f, float, Elems>();
    check_set<Elems * sizeof(float)>(lane, __builtin_return_address(0));
    float part[width];
    for (unsigned i = 0; i < width; ++i) {
        const auto run_from = [&](unsigned first) {
            float sum = lane[first + i];
            for (unsigned at = first + width; at < first + run; at += width) sum = float_sum::once(sum, lane[at + i]);
            return sum;
        };
        part[i] = run < Elems ? float_sum::once(run_from(0), run_from(Elems - run)) : run_from(0);
    }
    for (unsigned half = width / 2; half > 0; half /= 2)
        for (unsigned i = 0; i < half; ++i) part[i] = float_sum::once(part[i], part[i + half]);
    return part[0];
}

// On npu1 bfloat16 lanes are multiplied by one, eight to a sum, in four rows; rows are added to rows of the next 32 lanes,
// and to each other at the end.
template <unsigned Elems>
TILEPROOF_UNWATCHED float sum_of_rows(const bfloat16 *lane) {
    issue<instruction::vmac_f, divided_up(Elems, 32), Elems * sizeof(bfloat16), 0, argument(0)>();
    issue_reduction<instruction::vacc_f, float, 4, 0>();
    check_set<Elems * sizeof(bfloat16)>(lane, __builtin_return_address(0));
    constexpr unsigned rows = Elems < 32 ? Elems / 8 : 4;
    const bfloat16 one = bfloat16::from_bits(0x3f80);
    float row[4] = {};
    for (unsigned at = 0; at < Elems; at += 8)
        row[at / 8 % rows] = sum_of_products(row[at / 8 % rows], lane + at, &one, 0, 8);
    if (rows == 4)
        for (unsigned i = 0; i < 2; ++i) row[i] = float_sum::once(row[i], row[i + 2]);
    return rows > 1 ? float_sum::once(row[0], row[1]) : row[0];
}

template <typename F, unsigned Elems, typename T>
TILEPROOF_UNWATCHED T best_of_lanes(const T *lane) {
    issue_reduction<instruction::vadd, T, Elems>();
    check_set<Elems * sizeof(T)>(lane, __builtin_return_address(0));
    T best = lane[0];
    for (unsigned i = 1; i < Elems; ++i) best = F::of(best, lane[i]);
    return best;
}

template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED T product_of_lanes(const T *lane) {
    issue_reduction<instruction::vmul, T, Elems>();
    check_set<Elems * sizeof(T)>(lane, __builtin_return_address(0));
    wrapping<T> product = lane[0];
    for (unsigned i = 1; i < Elems; ++i) product = wrapping<T>(product * wrapping<T>(lane[i]));
    return T(product);
}

}  // namespace detail

#define TILEPROOF_COMPARISON(NAME, F)                                                                        \
    template <typename A, typename B>                                                                        \
        requires(detail::SameLanes<A, B>)                                                                    \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                                                     \
        using V = detail::either_vector<A, B>;                                                               \
        using T = typename V::value_type;                                                                    \
        mask<V::size()> out;                                                                                 \
        detail::each<F, V::size(), detail::instruction::vcmp, detail::in_vectors<T>(V::size())>(             \
            out.lane, detail::lanes_as<T>(a), detail::lanes_as<T>(b));                                       \
        return out;                                                                                          \
    }                                                                                                        \
    template <typename A, typename B>                                                                        \
        requires(detail::AnyPlace<A, B>)                                                                     \
    TILEPROOF_INLINE auto NAME(const A &a, const B &b) {                                                     \
        return NAME(detail::loaded(a), detail::loaded(b));                                                   \
    }
TILEPROOF_COMPARISON(lt, detail::is_less)
TILEPROOF_COMPARISON(le, detail::is_less_equal)
TILEPROOF_COMPARISON(gt, detail::is_greater)
TILEPROOF_COMPARISON(ge, detail::is_greater_equal)
TILEPROOF_COMPARISON(eq, detail::is_equal)
TILEPROOF_COMPARISON(neq, detail::is_not_equal)
#undef TILEPROOF_COMPARISON

// All lanes, or not.
template <typename T, unsigned Elems>
bool equal(const vector<T, Elems> &a, const vector<T, Elems> &b) { return eq(a, b).full(); }
template <typename T, unsigned Elems>
bool not_equal(const vector<T, Elems> &a, const vector<T, Elems> &b) { return !equal(a, b); }

// Lane i is b's where bit i of the mask is set, and a's where it is not.
template <typename A, typename B, unsigned Elems>
    requires(detail::SameLanes<A, B>)
TILEPROOF_INLINE auto select(const A &a, const B &b, const mask<Elems> &m) {
    using V = detail::either_vector<A, B>;
    using T = typename V::value_type;
    static_assert(V::size() == Elems, "select: the mask and the vectors have different sizes");
    V out;
    detail::each<detail::chosen, Elems, detail::instruction::vsel, detail::in_vectors<T>(Elems)>(
        out.lane, detail::lanes_as<T>(a), detail::lanes_as<T>(b), detail::lanes<uint8_t>{m.lane});
    return out;
}

template <typename A, typename B, unsigned Elems>
    requires(detail::is_scalar<A> && detail::is_scalar<B>)
TILEPROOF_INLINE auto select(const A &a, const B &b, const mask<Elems> &m) {
    using T = detail::scalar_of_t<A>;
    return select(broadcast<T, Elems>(a), broadcast<T, Elems>(b), m);
}

// --- reductions; a sum of integers wraps in the element type

template <typename T, unsigned Elems>
TILEPROOF_INLINE T reduce_add(const vector<T, Elems> &v) {
    if constexpr (std::is_same_v<T, bfloat16>) {
        float total;
        if constexpr (__AIE_ARCH__ == 20)
            total = detail::sum_of_rows<Elems>(v.lane);
        else
            total = detail::sum_of_lanes<Elems>(accum<accfloat, Elems>(v).lane);
        accum<accfloat, 16> sum(detail::unset);
        detail::each<detail::identity, 16, detail::instruction::copy, 0>(sum.lane, detail::same<float>{total});
        return sum.template to_vector<T>().get(0);
    } else {
        return detail::sum_of_lanes<Elems>(v.lane);
    }
}

// Lane i is the sum of the i-th vector; the lanes after the last are undefined on hardware, and hold zero here.
template <typename T, unsigned Elems, typename... Rest>
vector<T, Elems> reduce_add_v(const vector<T, Elems> &first, const Rest &...rest) {
    static_assert((std::is_same_v<Rest, vector<T, Elems>> && ...), "reduce_add_v takes vectors of one type and size");
    static_assert(sizeof...(Rest) < Elems, "reduce_add_v: more vectors than lanes");
    vector<T, Elems> out(detail::unset);
    detail::each<detail::identity, Elems, detail::instruction::copy, 0>(out.lane, detail::same<T>{T(0)});
    unsigned i = 0;
    out.set(reduce_add(first), i++);
    (out.set(reduce_add(rest), i++), ...);
    return out;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE T reduce_max(const vector<T, Elems> &v) { return detail::best_of_lanes<detail::larger, Elems>(v.lane); }
template <typename T, unsigned Elems>
TILEPROOF_INLINE T reduce_min(const vector<T, Elems> &v) { return detail::best_of_lanes<detail::smaller, Elems>(v.lane); }

template <typename T, unsigned Elems>
T reduce_mul(const vector<T, Elems> &v) {
    static_assert(detail::is_integer<T>, "aie::reduce_mul is modelled for integers only");
    return detail::product_of_lanes<Elems>(v.lane);
}

}  // namespace aie
