// aie::mmul of block vectors: C (M x N) += A (M x K) * B^T, where both have their blocks along K. B is passed as
// aie::op_transpose(b), since its N rows are what it holds.
#pragma once

#include "block_stream.hpp"
#include "mmul.hpp"

namespace aie {

namespace detail {

template <typename T, unsigned Elems>
struct transposed_blocks {
    const block_vector<T, Elems> &blocks;
};

// The shapes of the public AIE API (section 6: 8x8x8, 8x8x16, and 8x8x8 with A of bfloat16).
template <unsigned M, unsigned K, unsigned N, typename A>
inline constexpr bool is_block_shape =
    M == 8 && K == 8 && (N == 8 || (N == 16 && is_block_float<A>)) && is_one_of<A, bfp16ebs8, bfloat16>;

template <unsigned M, unsigned K, unsigned N, typename TypeA>
struct block_mmul_on_npu2_AIE2P {
    static_assert(is_block_shape<M, K, N, TypeA>,
                  "npu2 (AIE2P) multiplies blocks as 8x8x8 and 8x8x16 of bfp16ebs8 and 8x8x8 of bfloat16 and bfp16ebs8");
    static constexpr bool value = true;
};

}  // namespace detail

template <typename T, unsigned Elems>
TILEPROOF_INLINE detail::transposed_blocks<T, Elems> op_transpose(const block_vector<T, Elems> &b) {
    return {b};
}

template <unsigned MRows, unsigned KInner, unsigned NCols, typename TypeA, typename TypeB, typename AccTag>
    requires(detail::is_block_float<TypeB>)
class mmul<MRows, KInner, NCols, TypeA, TypeB, AccTag> {
    static_assert(detail::check_block_type<TypeB>::value);
    static_assert(detail::block_mmul_on_npu2_AIE2P<MRows, KInner, NCols, TypeA>::value);
    static_assert(detail::is_one_of<AccTag, accauto, accfloat>, "blocks are multiplied into accfloat");

public:
    static constexpr unsigned M = MRows, K = KInner, N = NCols;
    static constexpr unsigned size_A = M * K, size_B = K * N, size_C = M * N;
    using value_type = TypeA;
    using accum_type = accum<accfloat, size_C>;

    // As in the real API: the first mac after default construction is a mul.
    mmul() : zero_(true), c_(detail::unset) {}
    mmul(const accum_type &acc) : zero_(false), c_(acc) {}
    template <typename T>
    mmul(const vector<T, size_C> &v, int shift = 0) : zero_(false), c_(v, shift) {}

    template <typename A, typename B>
    TILEPROOF_INLINE void mul(const A &a, const B &b) {
        zero_ = true;
        mac(a, b);
    }
    template <typename A, typename B>
    TILEPROOF_INLINE void mac(const A &, const B &) {
        static_assert(detail::always_false<A, B>,
                      "aie::mmul of blocks takes A as its vector and B as aie::op_transpose(b), of size_A and size_B");
    }
    TILEPROOF_INLINE void mac(const block_vector<TypeB, size_A> &a, detail::transposed_blocks<TypeB, size_B> b)
        requires(detail::is_block_float<TypeA>)
    {
        detail::mac_blocks<N>(a, b.blocks, c_.lane, {.zero_acc = zero_});
        zero_ = false;
    }
    TILEPROOF_INLINE void mac(const vector<TypeA, size_A> &a, detail::transposed_blocks<TypeB, size_B> b)
        requires(!detail::is_block_float<TypeA>)
    {
        block_vector<TypeB, size_A> blocks(detail::unset);
        detail::to_blocks<size_A>(a.lane, blocks.mantissa, blocks.exponent);
        detail::mac_blocks<N>(blocks, b.blocks, c_.lane, {.zero_acc = zero_});
        zero_ = false;
    }

    accum_type to_accum() const { return c_; }
    operator accum_type() const { return c_; }

    template <typename T>
    TILEPROOF_INLINE auto to_vector(int shift = 0) const { return c_.template to_vector<T>(shift); }

private:
    bool zero_;
    accum_type c_;
};

}  // namespace aie
