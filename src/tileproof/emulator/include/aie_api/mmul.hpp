// aie::mmul: C (M x N) += A (M x K) * B (K x N), all row major, in the shapes the target has.
#pragma once

#include "arithmetic.hpp"

namespace aie {

namespace detail {

struct mmul_shape {
    unsigned bits_a, bits_b, m, k, n, accum_bits;
};

// From the tables of the public AIE API. The accumulator is 64 bits wide where the native instruction's is.
// (Its width is unconfirmed for 16x8 2x8x8 and 8x16 on both targets; it matters only when 32 bits overflow.)
#if __AIE_ARCH__ == 20
inline constexpr mmul_shape mmul_shapes[] = {
    {8, 8, 4, 8, 4, 32},    {8, 8, 4, 16, 4, 32},   {8, 8, 4, 8, 8, 32},    {8, 8, 8, 8, 8, 32},    {8, 8, 8, 8, 4, 32},
    {8, 8, 2, 8, 8, 32},    {8, 8, 1, 16, 8, 32},   {8, 8, 2, 16, 8, 32},   {8, 8, 4, 16, 8, 32},   {16, 8, 4, 8, 4, 64},
    {16, 8, 4, 4, 8, 32},   {16, 8, 8, 4, 4, 32},   {16, 8, 8, 4, 8, 32},   {16, 8, 4, 4, 4, 32},   {16, 8, 2, 8, 8, 64},
    {8, 16, 4, 4, 8, 64},   {8, 16, 4, 4, 4, 64},   {16, 16, 4, 2, 8, 32},  {16, 16, 8, 2, 8, 32},  {16, 16, 2, 4, 8, 64},
    {16, 16, 4, 4, 8, 64},  {16, 16, 4, 4, 4, 64},  {16, 16, 8, 1, 8, 32},  {16, 32, 4, 4, 4, 64},  {16, 32, 2, 4, 8, 64},
    {32, 16, 4, 2, 4, 64},  {32, 16, 4, 4, 4, 64},  {32, 16, 2, 4, 8, 64},  {32, 16, 4, 4, 8, 64},  {32, 16, 4, 1, 8, 64},
    {32, 32, 4, 2, 4, 64},  {32, 32, 4, 4, 4, 64},  {32, 32, 8, 2, 4, 64},  {32, 32, 4, 1, 8, 64},
};
#else
inline constexpr mmul_shape mmul_shapes[] = {
    {8, 8, 2, 8, 8, 32},    {8, 8, 4, 8, 8, 32},    {8, 8, 8, 8, 8, 32},    {16, 8, 4, 4, 8, 32},   {16, 8, 8, 4, 8, 32},
    {16, 8, 4, 8, 8, 64},   {8, 16, 8, 2, 8, 32},   {8, 16, 4, 4, 8, 64},   {16, 16, 4, 2, 8, 32},  {16, 16, 8, 2, 8, 32},
    {16, 16, 2, 4, 8, 64},  {16, 16, 4, 4, 8, 64},  {16, 16, 8, 1, 8, 32},  {16, 32, 4, 4, 8, 64},  {32, 16, 4, 2, 8, 64},
    {32, 16, 2, 4, 8, 64},  {32, 16, 4, 4, 8, 64},  {32, 16, 4, 1, 8, 64},  {32, 32, 4, 2, 8, 64},  {32, 32, 4, 4, 8, 64},
    {32, 32, 4, 4, 4, 64},  {32, 32, 8, 2, 8, 64},  {32, 32, 4, 1, 8, 64},
};
#endif

// 0 when the target has no such shape.
constexpr unsigned mmul_accum_bits(unsigned bits_a, unsigned bits_b, unsigned m, unsigned k, unsigned n) {
    for (const mmul_shape &s : mmul_shapes)
        if (s.bits_a == bits_a && s.bits_b == bits_b && s.m == m && s.k == k && s.n == n) return s.accum_bits;
    return 0;
}

template <typename Tag>
struct tag_bits { static constexpr unsigned value = Tag::bits; };
template <>
struct tag_bits<accauto> { static constexpr unsigned value = 0; };

// The name a refused shape shows in the compiler's message.
#if __AIE_ARCH__ == 20
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
struct mmul_shape_on_npu1_AIE2 {
    static constexpr unsigned accum_bits = mmul_accum_bits(sizeof(TypeA) * 8, sizeof(TypeB) * 8, M, K, N);
    static_assert(accum_bits != 0,
                  "npu1 (AIE2) has no aie::mmul<M, K, N, A, B> of this shape; dense shapes of the target are listed in "
                  "tileproof's aie_api/mmul.hpp");
};
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
using mmul_shape_on_target = mmul_shape_on_npu1_AIE2<M, K, N, TypeA, TypeB>;
#else
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
struct mmul_shape_on_npu2_AIE2P {
    static constexpr unsigned accum_bits = mmul_accum_bits(sizeof(TypeA) * 8, sizeof(TypeB) * 8, M, K, N);
    static_assert(accum_bits != 0,
                  "npu2 (AIE2P) has no aie::mmul<M, K, N, A, B> of this shape; dense shapes of the target are listed in "
                  "tileproof's aie_api/mmul.hpp");
};
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
using mmul_shape_on_target = mmul_shape_on_npu2_AIE2P<M, K, N, TypeA, TypeB>;
#endif

}  // namespace detail

template <unsigned MRows, unsigned KInner, unsigned NCols, typename TypeA, typename TypeB = TypeA, typename AccTag = accauto>
class mmul {
    static_assert(detail::is_element<TypeA> && detail::is_element<TypeB>,
                  "tileproof's aie::mmul has 8, 16 and 32 bit integer operands only: no float, bfloat16, int4, complex");
    static constexpr unsigned native_bits = detail::mmul_shape_on_target<MRows, KInner, NCols, TypeA, TypeB>::accum_bits;
    static_assert(native_bits != 32 || detail::tag_bits<AccTag>::value <= 32,
                  "this aie::mmul shape accumulates in 32 bits: use acc32 or accauto, or a shape with 64 bits");
    using element = detail::accum_element<native_bits>;

public:
    static constexpr unsigned M = MRows, K = KInner, N = NCols;
    static constexpr unsigned size_A = M * K, size_B = K * N, size_C = M * N;
    using accum_type = accum<std::conditional_t<native_bits == 32, acc32, acc64>, size_C>;

    // As in the real API: the first mac after default construction is a mul.
    mmul() : zero_(true) {}
    mmul(const accum_type &acc) : zero_(false), c_(acc) {}
    template <typename T>
    mmul(const vector<T, size_C> &v, int shift = 0) : zero_(false), c_(v, shift) {}

    void mul(const vector<TypeA, size_A> &a, const vector<TypeB, size_B> &b) {
        zero_ = true;
        mac(a, b);
    }

    TILEPROOF_INLINE void mac(const vector<TypeA, size_A> &a, const vector<TypeB, size_B> &b) {
        if (zero_) std::memset(c_.lane, 0, sizeof(c_.lane));
        zero_ = false;
        multiply_accumulate(a.lane, b.lane, c_.lane);
    }

    accum_type to_accum() const { return c_; }
    operator accum_type() const { return c_; }

    template <typename T>
    vector<T, size_C> to_vector(int shift = 0) const { return c_.template to_vector<T>(shift); }

private:
    bool zero_;
    accum_type c_;

    // Narrow operands are widened to 16 bits first: 16 x 16 -> 32 is what compilers vectorise on every host.
    // Not inlined: its locals would otherwise be charged to the stack frame of the tile function, once per tile.
    TILEPROOF_UNWATCHED static void multiply_accumulate(const TypeA *a, const TypeB *b, element *c) {
        using wide_a = std::conditional_t<sizeof(TypeA) == 1, int16_t, TypeA>;
        using wide_b = std::conditional_t<sizeof(TypeB) == 1, int16_t, TypeB>;
        wide_b bw[size_B];
        for (unsigned i = 0; i < size_B; ++i) bw[i] = wide_b(b[i]);
        for (unsigned m = 0; m < M; ++m) {
            element row[N];
            for (unsigned n = 0; n < N; ++n) row[n] = c[m * N + n];
            for (unsigned k = 0; k < K; ++k) {
                const wide_a x = wide_a(a[m * K + k]);
                for (unsigned n = 0; n < N; ++n)
                    row[n] = detail::wrapping_add(row[n], detail::product<element>(x, bw[k * N + n]));
            }
            for (unsigned n = 0; n < N; ++n) c[m * N + n] = row[n];
        }
    }
};

}  // namespace aie
