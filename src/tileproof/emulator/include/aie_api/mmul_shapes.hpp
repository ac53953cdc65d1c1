// The shapes that aie::mmul has on each target, and what an instruction of them costs.
#pragma once

#include "multiply.hpp"

namespace aie::detail {

// `instructions` is the native instructions of one mac where the public API's tables name it, and 0 where not.
struct mmul_shape {
    unsigned bits_a, bits_b, m, k, n, accum_bits, instructions;
};

// From the tables of the public AIE API (section 6 of the facts). The accumulator is 64 bits wide where the native
// instruction's is. (Its width is unconfirmed for 16x8 2x8x8 and 8x16 on both targets; it matters only when 32 bits
// overflow.)
#if __AIE_ARCH__ == 20
inline constexpr mmul_shape mmul_shapes[] = {
    {8, 8, 4, 8, 4, 32, 1},    {8, 8, 4, 16, 4, 32, 2},   {8, 8, 4, 8, 8, 32, 1},    {8, 8, 8, 8, 8, 32, 2},
    {8, 8, 8, 8, 4, 32, 2},    {8, 8, 2, 8, 8, 32, 1},    {8, 8, 1, 16, 8, 32, 0},   {8, 8, 2, 16, 8, 32, 2},
    {8, 8, 4, 16, 8, 32, 2},   {16, 8, 4, 8, 4, 64, 0},   {16, 8, 4, 4, 8, 32, 1},   {16, 8, 8, 4, 4, 32, 1},
    {16, 8, 8, 4, 8, 32, 2},   {16, 8, 4, 4, 4, 32, 0},   {16, 8, 2, 8, 8, 64, 1},   {8, 16, 4, 4, 8, 64, 2},
    {8, 16, 4, 4, 4, 64, 1},   {16, 16, 4, 2, 8, 32, 0},  {16, 16, 8, 2, 8, 32, 2},  {16, 16, 2, 4, 8, 64, 0},
    {16, 16, 4, 4, 8, 64, 2},  {16, 16, 4, 4, 4, 64, 0},  {16, 16, 8, 1, 8, 32, 2},  {16, 32, 4, 4, 4, 64, 0},
    {16, 32, 2, 4, 8, 64, 0},  {32, 16, 4, 2, 4, 64, 0},  {32, 16, 4, 4, 4, 64, 0},  {32, 16, 2, 4, 8, 64, 0},
    {32, 16, 4, 4, 8, 64, 2},  {32, 16, 4, 1, 8, 64, 2},  {32, 32, 4, 2, 4, 64, 0},  {32, 32, 4, 4, 4, 64, 2},
    {32, 32, 8, 2, 4, 64, 2},  {32, 32, 4, 1, 8, 64, 2},
};
inline constexpr mmul_shape bfloat16_shapes[] = {
    {16, 16, 4, 8, 4, 32, 1}, {16, 16, 4, 8, 8, 32, 2}, {16, 16, 8, 8, 8, 32, 4},
    {16, 16, 8, 8, 4, 32, 2}, {16, 16, 8, 1, 8, 32, 4},
};
inline constexpr mmul_shape float_shapes[] = {
    {32, 32, 4, 8, 4, 32, 2}, {32, 32, 4, 1, 4, 32, 0}, {32, 32, 4, 1, 8, 32, 0},
};
#else
inline constexpr mmul_shape mmul_shapes[] = {
    {8, 8, 2, 8, 8, 32, 1},    {8, 8, 4, 8, 8, 32, 1},    {8, 8, 8, 8, 8, 32, 1},    {16, 8, 4, 4, 8, 32, 0},
    {16, 8, 8, 4, 8, 32, 0},   {16, 8, 4, 8, 8, 64, 0},   {8, 16, 8, 2, 8, 32, 0},   {8, 16, 4, 4, 8, 64, 0},
    {16, 16, 4, 2, 8, 32, 0},  {16, 16, 8, 2, 8, 32, 0},  {16, 16, 2, 4, 8, 64, 0},  {16, 16, 4, 4, 8, 64, 0},
    {16, 16, 8, 1, 8, 32, 0},  {16, 32, 4, 4, 8, 64, 0},  {32, 16, 4, 2, 8, 64, 0},  {32, 16, 2, 4, 8, 64, 0},
    {32, 16, 4, 4, 8, 64, 0},  {32, 16, 4, 1, 8, 64, 0},  {32, 32, 4, 2, 8, 64, 0},  {32, 32, 4, 4, 8, 64, 2},
    {32, 32, 4, 4, 4, 64, 0},  {32, 32, 8, 2, 8, 64, 2},  {32, 32, 4, 1, 8, 64, 0},
};
inline constexpr mmul_shape bfloat16_shapes[] = {
    {16, 16, 8, 8, 4, 32, 0}, {16, 16, 4, 8, 4, 32, 0}, {16, 16, 4, 8, 8, 32, 0},
    {16, 16, 8, 8, 8, 32, 0}, {16, 16, 8, 1, 8, 32, 0},
};
inline constexpr mmul_shape float_shapes[] = {
    {32, 32, 4, 8, 4, 32, 0}, {32, 32, 4, 1, 4, 32, 0}, {32, 32, 4, 1, 8, 32, 0},
};
#endif

// The multiplications of one core in one cycle (section 6, MACs per cycle): on AIE2 256 of int8, 128 of int16 x int8, 64
// of int16, 32 of int32 x int16 and 128 of bfloat16; on AIE2P twice the integers, and a bfloat16 8x8x8 takes eight
// instructions. Unconfirmed: int32 x int32 as half of int32 x int16, float as nine products of bfloat16.
template <typename A, typename B>
constexpr unsigned macs_per_cycle() {
    constexpr bool aie2p = __AIE_ARCH__ == 21;
    if (is_floating<A>) return (aie2p ? 64 : 128) / (sizeof(A) == 4 ? 9 : 1);
    return (aie2p ? 512u : 256u) / unsigned(sizeof(A) * sizeof(B));
}

template <typename A, typename B>
constexpr mmul_shape find_mmul_shape(unsigned m, unsigned k, unsigned n) {
    const auto search = [=](const auto &shapes) {
        for (const mmul_shape &s : shapes)
            if (s.bits_a == sizeof(A) * 8 && s.bits_b == sizeof(B) * 8 && s.m == m && s.k == k && s.n == n) return s;
        return mmul_shape{};
    };
    if constexpr (std::is_same_v<A, bfloat16> && std::is_same_v<B, bfloat16>)
        return search(bfloat16_shapes);
    else if constexpr (std::is_same_v<A, float> && std::is_same_v<B, float>)
        return search(float_shapes);
    else if constexpr (is_integer<A> && is_integer<B>)
        return search(mmul_shapes);
    else
        return {};
}

// The name a refused shape shows in the compiler's message.
#if __AIE_ARCH__ == 20
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
struct mmul_shape_on_npu1_AIE2 {
    static constexpr mmul_shape shape = find_mmul_shape<TypeA, TypeB>(M, K, N);
    static_assert(shape.accum_bits != 0,
                  "npu1 (AIE2) has no aie::mmul<M, K, N, A, B> of this shape; dense shapes of the target are listed in "
                  "tileproof's aie_api/mmul_shapes.hpp");
};
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
using mmul_shape_on_target = mmul_shape_on_npu1_AIE2<M, K, N, TypeA, TypeB>;
#else
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
struct mmul_shape_on_npu2_AIE2P {
    static constexpr mmul_shape shape = find_mmul_shape<TypeA, TypeB>(M, K, N);
    static_assert(shape.accum_bits != 0,
                  "npu2 (AIE2P) has no aie::mmul<M, K, N, A, B> of this shape; dense shapes of the target are listed in "
                  "tileproof's aie_api/mmul_shapes.hpp");
};
template <unsigned M, unsigned K, unsigned N, typename TypeA, typename TypeB>
using mmul_shape_on_target = mmul_shape_on_npu2_AIE2P<M, K, N, TypeA, TypeB>;
#endif

template <unsigned M, unsigned K, unsigned N, typename A, typename B>
constexpr unsigned mmul_slots() {
    constexpr unsigned named = mmul_shape_on_target<M, K, N, A, B>::shape.instructions;
    // What the tables name counts instructions; of int32 x int16 they take longer (found_later.md 3).
    constexpr bool is_known = sizeof(A) * sizeof(B) < 16;
    constexpr unsigned at_least = is_known || named == 0 ? divided_up(M * K * N, macs_per_cycle<A, B>()) : 1;
    return named > at_least ? named : at_least;
}

}  // namespace aie::detail
