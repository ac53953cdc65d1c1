// aie::mmul: C (M x N) += A (M x K) * B (K x N), all row major, in the shapes the target has.
#pragma once

#include "block_multiply.hpp"
#include "mmul_shapes.hpp"

namespace aie {

namespace detail {

// c := a b, or c + a b. Not inlined: the locals would otherwise be charged to the stack frame of the tile function, once
// per tile. Narrow operands are widened to 16 bits first: 16 x 16 -> 32 is what compilers vectorise on every host.
template <unsigned M, unsigned K, unsigned N, typename A, typename B, typename Element>
TILEPROOF_UNWATCHED void multiply_tiles(const A *a, const B *b, Element *c, bool zero) {
    using wide_a = std::conditional_t<sizeof(A) == 1, int16_t, A>;
    using wide_b = std::conditional_t<sizeof(B) == 1, int16_t, B>;
    if constexpr (is_floating<A>)
        unconfirmed<__AIE_ARCH__ == 21 ? tileproof_rule_float_mac : tileproof_rule_float_products>();
    wide_b bw[K * N];
    for (unsigned i = 0; i < K * N; ++i) bw[i] = wide_b(b[i]);
    for (unsigned m = 0; m < M; ++m) {
        Element row[N];
        for (unsigned n = 0; n < N; ++n) row[n] = zero ? Element(0) : c[m * N + n];
        for (unsigned k = 0; k < K; ++k) {
            const wide_a x = wide_a(a[m * K + k]);
            for (unsigned n = 0; n < N; ++n) {
                if constexpr (is_floating<A>)
                    row[n] = float_mac::of(row[n], x, bw[k * N + n]);
                else
                    row[n] = wrapping_add::of(row[n], product<Element>(x, bw[k * N + n]));
            }
        }
        copy_whole<sizeof(row)>(c + m * N, row);
    }
}

// bfloat16: the K products of a lane (8, or 1) are one sum, see float.hpp. Its power is found in 16-bit integers, which
// are few; the sum is in double.
template <unsigned M, unsigned K, unsigned N>
TILEPROOF_UNWATCHED void multiply_tiles(const bfloat16 *a, const bfloat16 *b, float *c, bool zero) {
    unconfirmed<rules_of_products::rule<bfloat16>>();
    double bw[K * N];
    int16_t power_of_a[M * K], power_of_b[K * N];
    if (zero)
        for (unsigned i = 0; i < M * N; ++i) c[i] = 0;
    for (unsigned i = 0; i < K * N; ++i) bw[i] = float(b[i]);
    for (unsigned i = 0; i < K * N; ++i) power_of_b[i] = power_of(b[i]);
    for (unsigned i = 0; i < M * K; ++i) power_of_a[i] = power_of(a[i]);
    for (unsigned m = 0; m < M; ++m) {
        float start[N];
        double sum[N], grid[N];
        int16_t power[N];
        for (unsigned n = 0; n < N; ++n) start[n] = c[m * N + n];
        for (unsigned n = 0; n < N; ++n) power[n] = larger_power(lowest_power, power_of(start[n]));
        for (unsigned k = 0; k < K; ++k)
            for (unsigned n = 0; n < N; ++n)
                power[n] = larger_power(power[n], power_of_a[m * K + k] + power_of_b[k * N + n]);
        for (unsigned n = 0; n < N; ++n) grid[n] = grid_of(power[n]);
        for (unsigned n = 0; n < N; ++n) sum[n] = on_grid(start[n], grid[n]);
        for (unsigned k = 0; k < K; ++k) {
            const double x = float(a[m * K + k]);
            for (unsigned n = 0; n < N; ++n) sum[n] += on_grid(x * bw[k * N + n], grid[n]);
        }
        for (unsigned n = 0; n < N; ++n) c[m * N + n] = float(sum[n]);
        if (!all_ordinary<N>(c + m * N)) [[unlikely]]
            for (unsigned n = 0; n < N; ++n) c[m * N + n] = sum_of_products(start[n], a + m * K, b + n, N, K);
    }
}

#if defined(AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16) && AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16
#define TILEPROOF_EMULATES_WITH_BLOCKS 1
#else
#define TILEPROOF_EMULATES_WITH_BLOCKS 0
#endif

// What AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16 makes blocks of: two shapes, on npu2 only.
template <unsigned M, unsigned K, unsigned N, typename A>
inline constexpr bool is_emulated_with_blocks = TILEPROOF_EMULATES_WITH_BLOCKS && __AIE_ARCH__ == 21 &&
                                                std::is_same_v<A, bfloat16> && (M == 4 || M == 8) && K == 8 && N == 8;

}  // namespace detail

template <unsigned MRows, unsigned KInner, unsigned NCols, typename TypeA, typename TypeB = TypeA, typename AccTag = accauto>
class mmul {
    static_assert(detail::check_element<TypeA>::value && detail::check_element<TypeB>::value);
    static constexpr detail::mmul_shape shape = detail::mmul_shape_on_target<MRows, KInner, NCols, TypeA, TypeB>::shape;
    static_assert(shape.accum_bits != 32 || detail::tag_bits<AccTag>::value <= 32,
                  "this aie::mmul shape accumulates in 32 bits: use acc32 or accauto, or a shape with 64 bits");

public:
    static constexpr unsigned M = MRows, K = KInner, N = NCols;
    static constexpr unsigned size_A = M * K, size_B = K * N, size_C = M * N;
    using value_type = TypeA;
    using accum_type = accum<
        std::conditional_t<detail::is_floating<TypeA>, accfloat, std::conditional_t<shape.accum_bits == 32, acc32, acc64>>,
        size_C>;

    // As in the real API: the first mac after default construction is a mul.
    mmul() : zero_(true), c_(detail::unset) {}
    mmul(const accum_type &acc) : zero_(false), c_(acc) {}
    template <typename T>
    mmul(const vector<T, size_C> &v, int shift = 0) : zero_(false), c_(v, shift) {}

    TILEPROOF_INLINE void mul(const vector<TypeA, size_A> &a, const vector<TypeB, size_B> &b) {
        zero_ = true;
        mac(a, b);
    }
    TILEPROOF_INLINE void mac(const vector<TypeA, size_A> &a, const vector<TypeB, size_B> &b) {
        mac(*this, a.lane, b.lane);
    }

    accum_type to_accum() const { return c_; }
    operator accum_type() const { return c_; }

    template <typename T>
    TILEPROOF_INLINE vector<T, size_C> to_vector(int shift = 0) const { return c_.template to_vector<T>(shift); }

private:
    bool zero_;
    accum_type c_;

    // Called, so that a checked build need not watch `tile`, which may be one of an array.
    TILEPROOF_UNWATCHED static void mac(mmul &tile, const TypeA *a, const TypeB *b) {
        if constexpr (!detail::is_emulated_with_blocks<M, K, N, TypeA>)
            detail::issue<detail::product_of<TypeA, true>, detail::mmul_slots<M, K, N, TypeA, TypeB>(), 16,
                          detail::argument(0), detail::argument(0) | detail::argument(1) | detail::argument(2), M * K * N>();
        detail::check_set<sizeof(TypeA) * size_A>(a, __builtin_return_address(0));
        detail::check_set<sizeof(TypeB) * size_B>(b, __builtin_return_address(0));
        if (!tile.zero_) detail::check_set<sizeof(tile.c_.lane)>(tile.c_.lane, __builtin_return_address(0));
        if constexpr (detail::is_emulated_with_blocks<M, K, N, TypeA>)
            detail::multiply_as_blocks<M>(a, b, tile.c_.lane, tile.zero_);
        else
            detail::multiply_tiles<M, K, N>(a, b, tile.c_.lane, tile.zero_);
        tile.zero_ = false;
    }
};

}  // namespace aie
