// What a lane may hold: integers of the host, float, and bfloat16. And how code is written that a checked build need not
// watch.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "issue.hpp"

using int8 = int8_t;
using int16 = int16_t;
using int32 = int32_t;
using uint8 = uint8_t;
using uint16 = uint16_t;
using uint32 = uint32_t;

#define TILEPROOF_INLINE [[gnu::always_inline]] inline
// The bfloat16 for a float's bits, by the core's rounding mode: the compiler has the vector unit convert scalars, too
// (llvm-aie, AIELegalizerHelper).
template <typename Bits>
TILEPROOF_UNWATCHED uint16_t tileproof_narrow_scalar(Bits bits);

// The upper half of a float. Arithmetic on scalars is float's, as soft-float does it. A float becomes a bfloat16 by the
// core's rounding mode, and a constant, which the compiler converts, to the nearest with ties to even.
struct bfloat16 {
    uint16_t bits;  // not in the real API

    bfloat16() = default;
    TILEPROOF_INLINE constexpr bfloat16(float value) : bits(narrowed(__builtin_bit_cast(uint32_t, value))) {}
    template <typename Lane>
        requires(Lane::refers_to_lane)
    bfloat16(const Lane &lane) : bits(lane.get().bits) {}
    TILEPROOF_INLINE constexpr operator float() const { return __builtin_bit_cast(float, uint32_t(bits) << 16); }

    TILEPROOF_INLINE static constexpr bfloat16 from_bits(uint16_t bits) {
        bfloat16 out(0.0f);
        out.bits = bits;
        return out;
    }

    TILEPROOF_INLINE constexpr bfloat16 &operator+=(float x) { return *this = bfloat16(float(*this) + x); }
    TILEPROOF_INLINE constexpr bfloat16 &operator-=(float x) { return *this = bfloat16(float(*this) - x); }
    TILEPROOF_INLINE constexpr bfloat16 &operator*=(float x) { return *this = bfloat16(float(*this) * x); }
    TILEPROOF_INLINE constexpr bfloat16 &operator/=(float x) { return *this = bfloat16(float(*this) / x); }

private:
    TILEPROOF_INLINE static constexpr uint16_t narrowed(uint32_t b) {
        return std::is_constant_evaluated() || __builtin_constant_p(b) ? nearest(b) : tileproof_narrow_scalar(b);
    }
    TILEPROOF_INLINE static constexpr uint16_t nearest(uint32_t b) {
        if ((b & 0x7fffffffu) > 0x7f800000u) return uint16_t(b >> 16 | 0x40u);
        return uint16_t((b + 0x7fffu + (b >> 16 & 1u)) >> 16);
    }
};
static_assert(sizeof(bfloat16) == 2);

template <>
struct std::numeric_limits<bfloat16> {
    static constexpr bool is_specialized = true, is_signed = true, is_integer = false, is_exact = false;
    static constexpr bool has_infinity = true, has_quiet_NaN = true;
    static constexpr int digits = 8, radix = 2, min_exponent = -125, max_exponent = 128;
    static constexpr bfloat16 min() { return bfloat16::from_bits(0x0080); }
    static constexpr bfloat16 max() { return bfloat16::from_bits(0x7f7f); }
    static constexpr bfloat16 lowest() { return bfloat16::from_bits(0xff7f); }
    static constexpr bfloat16 epsilon() { return bfloat16::from_bits(0x3c00); }
    static constexpr bfloat16 infinity() { return bfloat16::from_bits(0x7f80); }
    static constexpr bfloat16 quiet_NaN() { return bfloat16::from_bits(0x7fc0); }
};

// Eight values that share an exponent, of which only block vectors are made: see block_vector.hpp. A pointer to it counts
// in bytes and no array holds blocks, as with Peano in 2026: size buffers by aie::block_vector<...>::memory_bytes().
struct bfp16ebs8 {};

// Elements of the real API that are not modelled: pointers to them compile, vectors of them do not.
struct int4;
struct uint4;
struct cint16;
struct cint32;
struct cfloat;
struct cbfloat16;
struct bfp16ebs16;

namespace aie {

// Elements of a vector whose width a kernel does not say: 512 bits on both targets (found_later.md 1).
template <typename T>
inline constexpr unsigned native_vector_length_v = 64 / sizeof(T);

template <typename T, unsigned Elems = native_vector_length_v<T>>
class vector;
template <typename T, unsigned Elems>
class block_vector;

namespace detail {

template <typename...>
inline constexpr bool always_false = false;

template <typename T, typename... Ts>
inline constexpr bool is_one_of = (std::is_same_v<T, Ts> || ...);

template <typename T, unsigned Elems>
struct native_vector;
template <typename Tag, unsigned Elems>
struct native_accum;

template <typename T>
inline constexpr bool is_integer = is_one_of<T, int8_t, int16_t, int32_t, uint8_t, uint16_t, uint32_t>;
template <typename T>
inline constexpr bool is_floating = is_one_of<T, float, bfloat16>;
template <typename T>
inline constexpr bool is_element = is_integer<T> || is_floating<T>;
template <typename T>
inline constexpr bool is_complex = is_one_of<T, cint16, cint32, cfloat, cbfloat16>;
template <typename T>
inline constexpr bool is_block_float = is_one_of<T, bfp16ebs8, bfp16ebs16>;
template <typename T>
inline constexpr bool is_half_byte = is_one_of<T, int4, uint4>;
template <typename T>
inline constexpr bool is_named_element = is_element<T> || is_complex<T> || is_block_float<T> || is_half_byte<T>;

// Says why T is no element. Every class and function that takes elements instantiates it.
template <typename T>
struct check_element {
    static_assert(!is_complex<T>,
                  "tileproof's aie_api has no complex elements: no cint16, cint32, cfloat, cbfloat16");
    static_assert(!std::is_same_v<T, bfp16ebs16>, "tileproof's aie_api has no bfp16ebs16: use bfp16ebs8");
    static_assert(!std::is_same_v<T, bfp16ebs8>,
                  "bfp16ebs8 is of block vectors, on npu2 (AIE2P) only: use aie::block_vector<bfp16ebs8, 64>");
    static_assert(!is_half_byte<T>, "tileproof's aie_api has no elements of 4 bits: no int4, uint4");
    static_assert(is_named_element<T>,
                  "an aie::vector holds int8, int16, int32, uint8, uint16, uint32, bfloat16 or float");
    static constexpr bool value = is_element<T>;
};

// Registers have up to 1024 bits; the API makes 2048 of several, as the int32 result of an 8x8x8 mmul needs.
constexpr bool is_vector_bits(unsigned bits) {
    return bits == 128 || bits == 256 || bits == 512 || bits == 1024 || bits == 2048;
}

// AIE2 does a 512-bit access as two of 256 bits; AIE2P has 512-bit ports.
TILEPROOF_INLINE constexpr unsigned load_alignment(unsigned bytes) {
    if (bytes >= 64) return __AIE_ARCH__ == 21 ? 64 : 32;
    return bytes;
}

// Keeps a wrong index inside the object, and says so.
TILEPROOF_INLINE unsigned checked_index(unsigned index, unsigned limit) {
    if (index < limit) [[likely]]
        return index;
    tileproof_record_fault(tileproof_fault_index, nullptr, limit, index);
    return index % limit;
}

// Chunks of a reshaping function: a power of two that divides the vector.
TILEPROOF_INLINE unsigned checked_chunk(unsigned chunk, unsigned elems) {
    if (chunk != 0 && (chunk & (chunk - 1)) == 0 && chunk <= elems) [[likely]]
        return chunk;
    tileproof_record_fault(tileproof_fault_index, nullptr, elems + 1, chunk);
    return 1;
}

// --- lane by lane

// What a lane function reads: lane i of a vector, or one scalar for every lane.
template <typename T>
struct lanes {
    const T *first;
    TILEPROOF_INLINE T operator[](unsigned i) const { return first[i]; }
};
template <typename T>
struct same {
    T value;
    TILEPROOF_INLINE T operator[](unsigned) const { return value; }
};

// --- copies

// One object of Bytes bytes at any address, for one access that a checked build reports once and whole. GCC keeps a
// struct out of wide stack slots; clang would turn its copy into a memcpy, and does not with a vector.
template <unsigned Bytes>
struct raw_bytes {
#ifdef __clang__
    typedef unsigned char type __attribute__((vector_size(Bytes), may_alias, aligned(1)));
#else
    struct __attribute__((may_alias, packed)) type { unsigned char byte[Bytes]; };
#endif
};
#ifndef __clang__
// Of this size GCC would copy a struct lane by lane.
template <>
struct raw_bytes<16> {
    typedef unsigned char type __attribute__((vector_size(16), may_alias, aligned(1)));
};
#endif

template <unsigned Bytes>
TILEPROOF_INLINE void copy_whole(void *to, const void *from) {
    using raw = typename raw_bytes<Bytes>::type;
    *static_cast<raw *>(to) = *static_cast<const raw *>(from);
}

// The same from register to register, where a checked build sees a pointer and cannot know that it is no tile memory.
template <unsigned Bytes>
TILEPROOF_UNWATCHED void copy_register(void *__restrict to, const void *__restrict from) {
    issue<instruction::copy, 0, Bytes, argument(0), argument(1)>();
    copy_whole<Bytes>(to, from);
}

// --- registers that nothing was put into

// A register declared without a value holds this at both ends, as no likely value does.
inline constexpr uint64_t unset_pattern[2] = {0xC79FD45B3A1ED06Bu, 0x9B5AE8D31C64F297u};

// Chosen by our own functions for a register that they are about to fill.
struct unset_type {};
inline constexpr unset_type unset{};

TILEPROOF_INLINE bool has_unset_pattern(const void *at) {
    uint64_t found[2];
    __builtin_memcpy(found, at, sizeof found);
    return found[0] == unset_pattern[0] && found[1] == unset_pattern[1];
}

// Not what has static storage: that is zero on the device, too.
template <unsigned Bytes>
TILEPROOF_UNWATCHED void mark_unset(void *lanes) {
    if (uintptr_t(lanes) - uintptr_t(__ehdr_start) < uintptr_t(_end) - uintptr_t(__ehdr_start)) return;
    copy_whole<16>(lanes, unset_pattern);
    copy_whole<16>(static_cast<char *>(lanes) + Bytes - 16, unset_pattern);
}

// For functions that are called, since the code to blame is where they return to.
template <unsigned Bytes>
TILEPROOF_INLINE void check_set(const void *lanes, const void *pc) {
    if constexpr (Bytes >= 16)
        if (has_unset_pattern(lanes) && has_unset_pattern(static_cast<const char *>(lanes) + Bytes - 16)) [[unlikely]]
            tileproof_unset(pc, Bytes);
}
template <unsigned Bytes>
TILEPROOF_UNWATCHED void check_stored(const void *lanes) { check_set<Bytes>(lanes, __builtin_return_address(0)); }
template <unsigned Elems, typename T>
TILEPROOF_INLINE void check_operand(const lanes<T> &operand, const void *pc) {
    check_set<Elems * sizeof(T)>(operand.first, pc);
}
template <unsigned Elems, typename T>
TILEPROOF_INLINE void check_operand(const same<T> &, const void *) {}

// What hardware leaves undefined: zeros here would hide it, so it holds a pattern that nobody expects.
template <unsigned Bytes>
TILEPROOF_UNWATCHED void fill_undefined(void *lanes) {
    uint8_t *byte = static_cast<uint8_t *>(lanes);
    for (unsigned i = 0; i < Bytes; ++i) byte[i] = 0xA5;
}

// Zero, or finite and far from the smallest normal number: what float arithmetic of this machine gives as the device does.
TILEPROOF_INLINE bool is_ordinary(float value) {
    const float magnitude = __builtin_fabsf(value);
    return bool((int(magnitude > 0x1p-100f) & int(magnitude < __builtin_inff())) | int(value == 0));
}
template <unsigned Elems>
TILEPROOF_INLINE bool all_ordinary(const float *values) {
    int all = 1;
    for (unsigned i = 0; i < Elems; ++i) all &= int(is_ordinary(values[i]));
    return all;
}

// For functions that are not watched: see TILEPROOF_UNWATCHED.
template <tileproof_rule Rule>
TILEPROOF_INLINE void unconfirmed() {
    if constexpr (Rule != tileproof_rule_none) tileproof_unconfirmed[Rule] = 1;
}

// Which of its arguments `each` reads as registers: a float comes in a register of its own kind, and counts for none.
template <typename... From>
constexpr unsigned registers_among() {
    unsigned found = 0, at = 1;
    const auto note = [&](bool is_register, bool is_number) {
        if (is_register) found |= argument(at);
        at += is_register || is_number;
    };
    (note(requires(From f) { f.first; }, !std::is_floating_point_v<std::remove_cvref_t<decltype(From{}[0])>>), ...);
    return found;
}
// A product of bfloat16 on AIE2 has 32 lanes, of which 16 are asked for: the other half of each operand is cleared
// first (mul_acc32_fp.hpp of aie_api).
template <unsigned Elems, unsigned At, typename One, typename... From>
TILEPROOF_INLINE void grow_halves() {
    constexpr bool is_register = requires(One f) { f.first; };
    using element = std::remove_cvref_t<decltype(One{}[0])>;
    if constexpr (is_register && std::is_same_v<element, bfloat16>)
        issue<instruction::vgrow, divided_up(Elems, 16), 2 * Elems, argument(At), argument(At)>();
    if constexpr (sizeof...(From) > 0)
        grow_halves<Elems, At + (is_register || !std::is_floating_point_v<element>), From...>();
}
template <unsigned Elems, typename R, typename... From>
constexpr unsigned narrowest_bytes() {
    unsigned bytes = Elems * sizeof(R);
    ((bytes = Elems * sizeof(From{}[0]) < bytes ? unsigned(Elems * sizeof(From{}[0])) : bytes), ...);
    return bytes;
}

// to[i] := F::of(from[i]...). Called, not inlined: see TILEPROOF_UNWATCHED. `to` is a register of its own, so the
// compiler may vectorise; so what F makes of operands that are no numbers, and of denormals, waits for a lane that has them.
template <typename F, unsigned Elems, instruction I, unsigned Count, unsigned Macs = 0, typename R, typename... From>
TILEPROOF_UNWATCHED void each(R *__restrict to, const From... from) {
    if constexpr (Macs > 0 && __AIE_ARCH__ == 20) grow_halves<Elems, 1, From...>();
    issue<I, Count, narrowest_bytes<Elems, R, From...>(), argument(0), registers_among<From...>(), Macs>();
    (check_operand<Elems>(from, __builtin_return_address(0)), ...);
    if constexpr (requires { F::template rule<decltype(from[0])...>; })
        unconfirmed<F::template rule<decltype(from[0])...>>();
    for (unsigned i = 0; i < Elems; ++i) to[i] = F::of(from[i]...);
    if constexpr (requires { F::exceptional(from[0]...); })
        if (!all_ordinary<Elems>(to)) [[unlikely]]
            for (unsigned i = 0; i < Elems; ++i) to[i] = F::exceptional(from[i]...);
}

struct identity {
    template <typename T>
    TILEPROOF_INLINE static T of(T a) { return a; }
};

}  // namespace detail

inline constexpr unsigned vector_decl_align = __AIE_ARCH__ == 21 ? 64 : 32;
inline constexpr unsigned vector_ldst_align = vector_decl_align;
template <typename T, unsigned Elems>
inline constexpr unsigned vector_ldst_align_v = detail::load_alignment(Elems * sizeof(T));

}  // namespace aie
