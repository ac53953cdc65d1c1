// The compilers' own functions on registers, as far as kernels call them beside the API: found_later.md 1, and what
// mlir-aie's kernel library uses. Each does what the API's function of the same meaning does.
#pragma once

#include "elementary.hpp"
#include "native_types.hpp"
#include "reshape.hpp"

namespace aie::detail {

template <typename T, unsigned Elems>
TILEPROOF_INLINE vector<T, Elems> api(const native_vector<T, Elems> &v) { return v; }
template <typename Tag, unsigned Elems>
TILEPROOF_INLINE accum<Tag, Elems> api(const native_accum<Tag, Elems> &a) { return a; }

template <typename Native>
TILEPROOF_UNWATCHED Native undefined() {
    Native out(unset);
    fill_undefined<sizeof out>(&out);
    return out;
}

// A mode of `shuffle`, by its name: T16_4x8 transposes a matrix of 4 rows and 8 columns of 16 bits, which the first
// register holds, row by row. One of 1,024 bits begins in the first and goes on in the second, and _lo or _hi says which
// half of the result is meant. (What lies above a matrix of 256 bits and less is unconfirmed: undefined, here.)
constexpr unsigned shuffle_mode(unsigned bits, unsigned rows, unsigned columns, bool high = false) {
    return bits << 20 | rows << 12 | columns << 4 | high;
}

template <typename Unit>
TILEPROOF_UNWATCHED void transpose_registers(const uint8_t *a, const uint8_t *b, uint8_t *__restrict to, unsigned rows,
                                             unsigned columns, unsigned first) {
    constexpr unsigned bytes = sizeof(Unit), per_register = 64 / bytes;
    const unsigned filled = rows * columns < per_register ? rows * columns : per_register;
    for (unsigned i = 0; i < filled; ++i) {
        const unsigned at = (i + first) % rows * columns + (i + first) / rows;
        const uint8_t *from = at < per_register ? a + at * bytes : b + (at - per_register) * bytes;
        __builtin_memcpy(to + i * bytes, from, bytes);
    }
}

template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED native_vector<T, Elems> shuffle_registers(const native_vector<T, Elems> &a,
                                                              const native_vector<T, Elems> &b, unsigned mode) {
    static_assert(sizeof a == 64, "shuffle works on registers of 512 bits");
    issue<instruction::vshuffle, 1, 64, argument(0), argument(1) | argument(2)>();
    const unsigned bits = mode >> 20, rows = mode >> 12 & 255, columns = mode >> 4 & 255;
    const unsigned first = mode & 1 ? 512 / bits : 0;
    native_vector<T, Elems> out = undefined<native_vector<T, Elems>>();
    uint8_t from_a[64], from_b[64], to[64];
    copy_whole<64>(from_a, a.lane);
    copy_whole<64>(from_b, b.lane);
    copy_whole<64>(to, out.lane);
    struct bytes16 { uint64_t half[2]; };
    struct bytes32 { uint64_t quarter[4]; };
    struct bytes64 { uint64_t eighth[8]; };
    if (bits == 8) transpose_registers<uint8_t>(from_a, from_b, to, rows, columns, first);
    else if (bits == 16) transpose_registers<uint16_t>(from_a, from_b, to, rows, columns, first);
    else if (bits == 32) transpose_registers<uint32_t>(from_a, from_b, to, rows, columns, first);
    else if (bits == 64) transpose_registers<uint64_t>(from_a, from_b, to, rows, columns, first);
    else if (bits == 128) transpose_registers<bytes16>(from_a, from_b, to, rows, columns, first);
    else if (bits == 256) transpose_registers<bytes32>(from_a, from_b, to, rows, columns, first);
    else transpose_registers<bytes64>(from_a, from_b, to, rows, columns, first);
    copy_whole<64>(out.lane, to);
    return out;
}

// The bytes of both, a's first, from byte `by` on. (Unconfirmed: more than 64, which is taken modulo 64.)
template <typename T, unsigned Elems>
TILEPROOF_UNWATCHED native_vector<T, Elems> shifted_registers(const native_vector<T, Elems> &a,
                                                              const native_vector<T, Elems> &b, unsigned by) {
    static_assert(sizeof a == 64, "shift_bytes works on registers of 512 bits");
    issue<instruction::vshuffle, 1, 64, argument(0), argument(1) | argument(2)>();
    uint8_t both[128];
    copy_whole<64>(both, a.lane);
    copy_whole<64>(both + 64, b.lane);
    native_vector<T, Elems> out(unset);
    copy_whole<64>(out.lane, both + by % 64);
    return out;
}

template <typename T, unsigned Elems>
TILEPROOF_INLINE native_vector<T, Elems> with_lane(native_vector<T, Elems> v, unsigned i, T value) {
    set_lane(v.lane, checked_index(i, Elems), value);
    return v;
}

}  // namespace aie::detail

#define TILEPROOF_SHUFFLE(BITS, ROWS, COLUMNS) \
    inline constexpr unsigned T##BITS##_##ROWS##x##COLUMNS = aie::detail::shuffle_mode(BITS, ROWS, COLUMNS);
#define TILEPROOF_SHUFFLE_HALVES(BITS, ROWS, COLUMNS)                                                                  \
    inline constexpr unsigned T##BITS##_##ROWS##x##COLUMNS##_lo = aie::detail::shuffle_mode(BITS, ROWS, COLUMNS);      \
    inline constexpr unsigned T##BITS##_##ROWS##x##COLUMNS##_hi = aie::detail::shuffle_mode(BITS, ROWS, COLUMNS, true);
TILEPROOF_SHUFFLE(8, 4, 8)
TILEPROOF_SHUFFLE(8, 8, 4)
TILEPROOF_SHUFFLE(8, 8, 8)
TILEPROOF_SHUFFLE(8, 4, 16)
TILEPROOF_SHUFFLE(8, 16, 4)
TILEPROOF_SHUFFLE(16, 2, 4)
TILEPROOF_SHUFFLE(16, 4, 2)
TILEPROOF_SHUFFLE(16, 2, 8)
TILEPROOF_SHUFFLE(16, 8, 2)
TILEPROOF_SHUFFLE(16, 4, 4)
TILEPROOF_SHUFFLE(16, 2, 16)
TILEPROOF_SHUFFLE(16, 16, 2)
TILEPROOF_SHUFFLE(16, 4, 8)
TILEPROOF_SHUFFLE(16, 8, 4)
TILEPROOF_SHUFFLE(32, 4, 4)
TILEPROOF_SHUFFLE(32, 2, 8)
TILEPROOF_SHUFFLE(32, 8, 2)
TILEPROOF_SHUFFLE(64, 2, 4)
TILEPROOF_SHUFFLE(64, 4, 2)
TILEPROOF_SHUFFLE_HALVES(8, 64, 2)
TILEPROOF_SHUFFLE_HALVES(8, 2, 64)
TILEPROOF_SHUFFLE_HALVES(16, 32, 2)
TILEPROOF_SHUFFLE_HALVES(16, 2, 32)
TILEPROOF_SHUFFLE_HALVES(16, 16, 4)
TILEPROOF_SHUFFLE_HALVES(16, 4, 16)
TILEPROOF_SHUFFLE_HALVES(16, 8, 8)
TILEPROOF_SHUFFLE_HALVES(32, 16, 2)
TILEPROOF_SHUFFLE_HALVES(32, 2, 16)
TILEPROOF_SHUFFLE_HALVES(32, 8, 4)
TILEPROOF_SHUFFLE_HALVES(32, 4, 8)
TILEPROOF_SHUFFLE_HALVES(64, 8, 2)
TILEPROOF_SHUFFLE_HALVES(64, 2, 8)
TILEPROOF_SHUFFLE_HALVES(128, 4, 2)
TILEPROOF_SHUFFLE_HALVES(128, 2, 4)
TILEPROOF_SHUFFLE_HALVES(256, 2, 2)
TILEPROOF_SHUFFLE_HALVES(512, 1, 2)
#undef TILEPROOF_SHUFFLE
#undef TILEPROOF_SHUFFLE_HALVES

#define TILEPROOF_ON_512_BITS(T, NAME, N)                                                                              \
    inline v##N##T shuffle(v##N##T a, v##N##T b, unsigned mode) { return aie::detail::shuffle_registers(a, b, mode); } \
    inline v##N##T shuffle(v##N##T a, unsigned mode) { return aie::detail::shuffle_registers(a, a, mode); }            \
    inline v##N##T shift_bytes(v##N##T a, v##N##T b, unsigned by) { return aie::detail::shifted_registers(a, b, by); } \
    inline v##N##T broadcast_##NAME(T value) { return aie::broadcast<T, N>(value); }                                   \
    inline v##N##T broadcast_zero_##NAME() { return aie::zeros<T, N>(); }
TILEPROOF_ON_512_BITS(int8, s8, 64)
TILEPROOF_ON_512_BITS(uint8, u8, 64)
TILEPROOF_ON_512_BITS(int16, s16, 32)
TILEPROOF_ON_512_BITS(uint16, u16, 32)
TILEPROOF_ON_512_BITS(int32, s32, 16)
TILEPROOF_ON_512_BITS(uint32, u32, 16)
TILEPROOF_ON_512_BITS(bfloat16, bfloat16, 32)
TILEPROOF_ON_512_BITS(float, float, 16)
#undef TILEPROOF_ON_512_BITS

// --- any register

#define TILEPROOF_ON_VECTORS(T, N)                                                                                     \
    inline v##N##T undef_v##N##T() { return aie::detail::undefined<v##N##T>(); }                                       \
    inline v##N##T broadcast_to_v##N##T(T value) { return aie::broadcast<T, N>(value); }                               \
    inline v##N##T broadcast_zero_to_v##N##T() { return aie::zeros<T, N>(); }                                          \
    inline v##N##T broadcast_one_to_v##N##T() { return aie::broadcast<T, N>(T(1)); }                                   \
    inline T ext_elem(v##N##T v, unsigned i) { return aie::detail::api(v).get(i); }                                    \
    inline T extract_elem(v##N##T v, unsigned i) { return aie::detail::api(v).get(i); }                                \
    inline v##N##T upd_elem(v##N##T v, unsigned i, T value) { return aie::detail::with_lane(v, i, value); }            \
    inline v##N##T insert(v##N##T v, unsigned i, T value) { return aie::detail::with_lane(v, i, value); }              \
    inline v##N##T max(v##N##T a, v##N##T b) { return aie::max(aie::detail::api(a), aie::detail::api(b)); }            \
    inline v##N##T min(v##N##T a, v##N##T b) { return aie::min(aie::detail::api(a), aie::detail::api(b)); }
TILEPROOF_NATIVE_VECTORS(TILEPROOF_ON_VECTORS)
#undef TILEPROOF_ON_VECTORS

#define TILEPROOF_ON_INTEGERS(T, N)                                                                                    \
    inline v##N##T add(v##N##T a, v##N##T b) { return aie::add(aie::detail::api(a), aie::detail::api(b)); }            \
    inline v##N##T sub(v##N##T a, v##N##T b) { return aie::sub(aie::detail::api(a), aie::detail::api(b)); }            \
    inline v##N##T band(v##N##T a, v##N##T b) { return aie::bit_and(aie::detail::api(a), aie::detail::api(b)); }       \
    inline v##N##T bor(v##N##T a, v##N##T b) { return aie::bit_or(aie::detail::api(a), aie::detail::api(b)); }         \
    inline v##N##T bxor(v##N##T a, v##N##T b) { return aie::bit_xor(aie::detail::api(a), aie::detail::api(b)); }       \
    inline v##N##T bneg(v##N##T a) { return aie::bit_not(aie::detail::api(a)); }
TILEPROOF_NATIVE_INTEGERS(TILEPROOF_ON_INTEGERS)
#undef TILEPROOF_ON_INTEGERS

#define TILEPROOF_ON_ACCUMS(TAG, N)                                                                                    \
    inline v##N##TAG undef_v##N##TAG() { return aie::detail::undefined<v##N##TAG>(); }                                 \
    inline v##N##TAG broadcast_zero_to_v##N##TAG() { return aie::zeros<TAG, N>(); }                                    \
    inline v##N##TAG add(v##N##TAG a, v##N##TAG b) { return aie::add(aie::detail::api(a), aie::detail::api(b)); }      \
    inline v##N##TAG sub(v##N##TAG a, v##N##TAG b) { return aie::sub(aie::detail::api(a), aie::detail::api(b)); }
TILEPROOF_NATIVE_ACCUMS(TILEPROOF_ON_ACCUMS)
#undef TILEPROOF_ON_ACCUMS

// --- halves and wholes

#define TILEPROOF_HALVES(T, HALF, WHOLE)                                                                               \
    inline v##WHOLE##T concat(v##HALF##T a, v##HALF##T b) {                                                            \
        return aie::concat(aie::detail::api(a), aie::detail::api(b));                                                  \
    }                                                                                                                  \
    inline v##HALF##T extract_v##HALF##T(v##WHOLE##T v, unsigned i) {                                                  \
        return aie::detail::api(v).template extract<HALF>(i);                                                          \
    }                                                                                                                  \
    inline v##WHOLE##T insert(v##WHOLE##T v, unsigned i, v##HALF##T part) {                                            \
        return aie::detail::api(v).insert(i, aie::detail::api(part));                                                  \
    }                                                                                                                  \
    inline v##WHOLE##T set_v##WHOLE##T(unsigned i, v##HALF##T part) {                                                  \
        return aie::detail::api(undef_v##WHOLE##T()).insert(i, aie::detail::api(part));                                \
    }
#define TILEPROOF_ALL_HALVES(T, A, B, C, D) \
    TILEPROOF_HALVES(T, A, B) TILEPROOF_HALVES(T, B, C) TILEPROOF_HALVES(T, C, D) \
    inline v##B##T ext_w(v##C##T v, unsigned i) { return extract_v##B##T(v, i); }
TILEPROOF_ALL_HALVES(int8, 16, 32, 64, 128)
TILEPROOF_ALL_HALVES(uint8, 16, 32, 64, 128)
TILEPROOF_ALL_HALVES(int16, 8, 16, 32, 64)
TILEPROOF_ALL_HALVES(uint16, 8, 16, 32, 64)
TILEPROOF_ALL_HALVES(int32, 4, 8, 16, 32)
TILEPROOF_ALL_HALVES(uint32, 4, 8, 16, 32)
TILEPROOF_ALL_HALVES(bfloat16, 8, 16, 32, 64)
TILEPROOF_ALL_HALVES(float, 4, 8, 16, 32)
TILEPROOF_HALVES(acc32, 8, 16)
TILEPROOF_HALVES(acc32, 16, 32)
TILEPROOF_HALVES(acc64, 4, 8)
TILEPROOF_HALVES(acc64, 8, 16)
TILEPROOF_HALVES(accfloat, 8, 16)
TILEPROOF_HALVES(accfloat, 16, 32)
#undef TILEPROOF_HALVES
#undef TILEPROOF_ALL_HALVES

// --- SRS and UPS, between a vector and an accumulator of as many lanes

#define TILEPROOF_SHIFTED(T, TAG, N)                                                                                   \
    inline v##N##T srs_to_v##N##T(v##N##TAG a, int shift) { return aie::detail::api(a).template to_vector<T>(shift); } \
    inline v##N##TAG ups_to_v##N##TAG(v##N##T v, int shift) { return aie::accum<TAG, N>(aie::detail::api(v), shift); }
TILEPROOF_SHIFTED(int8, acc32, 16)
TILEPROOF_SHIFTED(int8, acc32, 32)
TILEPROOF_SHIFTED(uint8, acc32, 16)
TILEPROOF_SHIFTED(uint8, acc32, 32)
TILEPROOF_SHIFTED(int16, acc32, 16)
TILEPROOF_SHIFTED(int16, acc32, 32)
TILEPROOF_SHIFTED(uint16, acc32, 16)
TILEPROOF_SHIFTED(uint16, acc32, 32)
TILEPROOF_SHIFTED(int16, acc64, 8)
TILEPROOF_SHIFTED(int16, acc64, 16)
TILEPROOF_SHIFTED(int32, acc64, 8)
TILEPROOF_SHIFTED(int32, acc64, 16)
#undef TILEPROOF_SHIFTED
inline v16int32 lsrs(v16acc64 a, int shift, [[maybe_unused]] int sign = 1) { return srs_to_v16int32(a, shift); }
inline v16acc64 lups(v16int32 v, int shift, [[maybe_unused]] int sign = 1) { return ups_to_v16acc64(v, shift); }

// --- bfloat16

inline v16bfloat16 to_v16bfloat16(v16accfloat a) { return aie::detail::api(a).template to_vector<bfloat16>(); }
inline v32bfloat16 to_v32bfloat16(v32accfloat a) { return aie::detail::api(a).template to_vector<bfloat16>(); }
inline v16accfloat ups_to_v16accfloat(v16bfloat16 v) { return aie::accum<accfloat, 16>(aie::detail::api(v)); }
inline v16int32 bfloat16_to_int(v16bfloat16 v, int shift) { return aie::to_fixed<int32>(aie::detail::api(v), shift); }

#define TILEPROOF_PRODUCTS(LANES, T, TAG)                                                                              \
    inline v##LANES##TAG mul_elem_##LANES(v##LANES##T a, v##LANES##T b) {                                              \
        return aie::mul<TAG>(aie::detail::api(a), aie::detail::api(b));                                                \
    }                                                                                                                  \
    inline v##LANES##TAG mac_elem_##LANES(v##LANES##T a, v##LANES##T b, v##LANES##TAG acc) {                           \
        return aie::mac(aie::detail::api(acc), aie::detail::api(a), aie::detail::api(b));                              \
    }
TILEPROOF_PRODUCTS(32, int8, acc32)
TILEPROOF_PRODUCTS(32, int16, acc32)
TILEPROOF_PRODUCTS(16, int32, acc64)
TILEPROOF_PRODUCTS(16, bfloat16, accfloat)
#if __AIE_ARCH__ == 21
TILEPROOF_PRODUCTS(64, bfloat16, accfloat)
#endif
#undef TILEPROOF_PRODUCTS

// Two products a lane: of the lower half, and of the upper half.
#define TILEPROOF_PAIRS(LANES, TWICE, T, TAG)                                                                          \
    inline v##LANES##TAG mac_elem_##LANES##_2(v##TWICE##T a, v##TWICE##T b, v##LANES##TAG acc) {                       \
        acc = mac_elem_##LANES(extract_v##LANES##T(a, 0), extract_v##LANES##T(b, 0), acc);                             \
        return mac_elem_##LANES(extract_v##LANES##T(a, 1), extract_v##LANES##T(b, 1), acc);                            \
    }                                                                                                                  \
    inline v##LANES##TAG mul_elem_##LANES##_2(v##TWICE##T a, v##TWICE##T b) {                                          \
        return mac_elem_##LANES##_2(a, b, broadcast_zero_to_v##LANES##TAG());                                          \
    }
TILEPROOF_PAIRS(32, 64, int8, acc32)
#undef TILEPROOF_PAIRS

namespace aie::detail {

// Two products a lane and the accumulator are one sum of bfloat16.
TILEPROOF_UNWATCHED inline void sum_pairs(const bfloat16 *a, const bfloat16 *b, float *__restrict acc) {
    issue<instruction::vmac_f, 1, 64, argument(2), argument(0) | argument(1) | argument(2), 32>();
    unconfirmed<rules_of_products::rule<bfloat16>>();
    for (unsigned i = 0; i < 16; ++i) {
        const bfloat16 x[] = {a[i], a[i + 16]}, y[] = {b[i], b[i + 16]};
        acc[i] = sum_of_products(acc[i], x, y, 1, 2);
    }
}

}  // namespace aie::detail

inline v16accfloat mac_elem_16_2(v32bfloat16 a, v32bfloat16 b, v16accfloat acc) {
    aie::detail::sum_pairs(a.lane, b.lane, acc.lane);
    return acc;
}
inline v16accfloat mul_elem_16_2(v32bfloat16 a, v32bfloat16 b) {
    return mac_elem_16_2(a, b, broadcast_zero_to_v16accfloat());
}
