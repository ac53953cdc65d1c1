// aie::block_vector: blocks of eight values that share an exponent, on npu2 (AIE2P) only. Here bfp16ebs8: a signed
// mantissa of 8 bits for each value; the value is mantissa * 2^(exponent - 127 - 6).
#pragma once

#include "float.hpp"
#include "rounding.hpp"

namespace aie {

namespace detail {

// The bytes of a block, the values that share its exponent, and what a mantissa of 1 stands for where that is 0
// (found_later.md 2, bfp16ebs8).
inline constexpr unsigned block_elems = 8, block_bytes = 9;
inline constexpr int block_bias = 127 + 6;

// Says why T is no block type. Every class and function that takes one instantiates it.
template <typename T>
struct check_block_type {
    static_assert(!std::is_same_v<T, bfp16ebs16>, "tileproof's aie_api has no bfp16ebs16: use bfp16ebs8");
    static_assert(is_block_float<T>, "an aie::block_vector holds bfp16ebs8");
    static_assert(__AIE_ARCH__ == 21 || always_false<T>,
                  "npu1 (AIE2) has no block floating point: aie::block_vector and bfp16ebs8 are of npu2 (AIE2P)");
    static constexpr bool value = std::is_same_v<T, bfp16ebs8>;
};

}  // namespace detail

// As in a register of the device: all mantissas, and behind them the exponents. That is also what `*(v64bfp16ebs8 *)p`
// writes there; a stream writes block after block, see block_stream.hpp.
template <typename T, unsigned Elems>
class block_vector {
    static_assert(detail::check_block_type<T>::value);
    static_assert(Elems == 64 || Elems == 128, "an aie::block_vector has 64 or 128 elements");

public:
    using value_type = T;
    using native_type = block_vector;
    using storage_type = block_vector;
    int8_t mantissa[Elems];                          // not in the real API
    uint8_t exponent[Elems / detail::block_elems];  // not in the real API

    static constexpr unsigned size() { return Elems; }
    static constexpr unsigned block_size() { return detail::block_elems; }
    static constexpr unsigned blocks() { return Elems / detail::block_elems; }
    static constexpr unsigned mantissa_bits() { return 8; }
    static constexpr unsigned exponent_bits() { return 8; }
    static constexpr unsigned bits() { return bytes() * 8; }
    static constexpr unsigned bytes() { return blocks() * detail::block_bytes; }
    static constexpr unsigned memory_bits() { return bits(); }
    static constexpr unsigned memory_bytes() { return bytes(); }

    block_vector() { detail::mark_unset<bytes()>(this); }
    explicit block_vector(detail::unset_type) {}  // not in the real API

    block_vector to_native() const { return *this; }

    template <unsigned Part>
    TILEPROOF_INLINE block_vector<T, Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make a block vector larger: use grow");
        block_vector<T, Part> out(detail::unset);
        const unsigned at = detail::checked_index(i, Elems / Part);
        detail::copy_register<Part>(out.mantissa, mantissa + at * Part);
        detail::copy_register<out.blocks()>(out.exponent, exponent + at * out.blocks());
        return out;
    }

    template <unsigned Part>
    TILEPROOF_INLINE block_vector &insert(unsigned i, const block_vector<T, Part> &part) {
        static_assert(Part <= Elems, "insert: the part is larger than the block vector");
        const unsigned at = detail::checked_index(i, Elems / Part);
        detail::copy_register<Part>(mantissa + at * Part, part.mantissa);
        detail::copy_register<part.blocks()>(exponent + at * part.blocks(), part.exponent);
        return *this;
    }

    // On hardware the new elements are undefined; see vector::grow.
    template <unsigned Larger>
    TILEPROOF_INLINE block_vector<T, Larger> grow(unsigned i = 0) const {
        static_assert(Larger >= Elems, "grow cannot make a block vector smaller: use extract");
        block_vector<T, Larger> out(detail::unset);
        detail::each<detail::identity, out.bytes(), detail::instruction::copy, 0>(reinterpret_cast<uint8_t *>(&out), detail::same<uint8_t>{0xA5});
        out.insert(i, *this);
        return out;
    }
};

namespace detail {

// --- from float to blocks and back

// Significands are shifted left by as much before they come to the scale of their block, so that one shift rounds them
// all. Eight binades below the largest, and further, they are less than half a mantissa, and are rounded alike.
inline constexpr int block_headroom = 8;
// Of 24 bits the mantissa keeps 7 (found_later.md 2).
inline constexpr int block_shift = block_headroom + 17;

TILEPROOF_INLINE uint32_t float_bits(float value) { return __builtin_bit_cast(uint32_t, value); }
TILEPROOF_INLINE int biased_exponent(float value) { return int(float_bits(value) >> 23 & 0xffu); }

// The value in units of 2^(shared - 150 - block_headroom). What has no hidden one is zero: the conversion takes no
// denormals. (Measured on AIE2P by others; mlir-aie's conversion on the host keeps their bits.)
TILEPROOF_INLINE int64_t aligned_significand(float value, int shared) {
    const int own = biased_exponent(value), below = shared - own;
    const int64_t significand = own != 0 ? (float_bits(value) & 0x7fffffu) | 0x800000u : 0u;
    const int64_t aligned = significand << (block_headroom - (below < block_headroom ? below : block_headroom));
    return float_bits(value) >> 31 ? -aligned : aligned;
}

TILEPROOF_INLINE int largest_exponent(const float *from) {
    int largest = 0;
    for (unsigned i = 0; i < block_elems; ++i) {
        const int own = biased_exponent(from[i]);
        largest = own > largest ? own : largest;
    }
    return largest;
}

// Eight mantissas on the scale of `shared`; false where one of them does not fit.
TILEPROOF_INLINE bool block_mantissas(const float *from, int shared, int shift, const rounding_bias<int64_t> &rounded,
                                      int8_t *__restrict to) {
    bool fits = true;
    for (unsigned i = 0; i < block_elems; ++i) {
        const int64_t mantissa = rounded(aligned_significand(from[i], shared), shift);
        fits &= mantissa >= -128 && mantissa <= 127;
        to[i] = int8_t(mantissa);
    }
    return fits;
}

// The shared exponent is the largest of the block, and the mantissas are rounded by the core's mode: to the floor after
// a reset (found_later.md 2). Where one is rounded up to 128, the block takes the next exponent and is rounded again.
// (Modes other than floor: measured on AIE2P by others; what the last exponent does then is unconfirmed.)
// The store slot does it, 32 values an instruction (found_later.md 3).
template <unsigned Elems>
TILEPROOF_UNWATCHED void to_blocks(const float *from, int8_t *__restrict mantissa, uint8_t *__restrict exponent) {
    issue<instruction::vconv, divided_up(Elems, 32), Elems, argument(1), argument(0)>();
    check_set<Elems * sizeof(float)>(from, __builtin_return_address(0));
    const rounding_bias<int64_t> rounded(tileproof_core_state.rounding, block_shift);
    const rounding_bias<int64_t> once_more(tileproof_core_state.rounding, block_shift + 1);
    for (unsigned i = 0; i < Elems; i += block_elems) {
        int shared = largest_exponent(from + i);
        if (!block_mantissas(from + i, shared, block_shift, rounded, mantissa + i)) {
            block_mantissas(from + i, shared, block_shift + 1, once_more, mantissa + i);
            shared = shared < 255 ? shared + 1 : 255;
        }
        exponent[i / block_elems] = uint8_t(shared);
    }
}

// bfloat16 by way of an accumulator, which is exact and comes with the load.
template <unsigned Elems>
TILEPROOF_UNWATCHED void to_blocks(const bfloat16 *from, int8_t *__restrict mantissa, uint8_t *__restrict exponent) {
    check_set<Elems * sizeof(bfloat16)>(from, __builtin_return_address(0));
    float wide[Elems];
    for (unsigned i = 0; i < Elems; ++i) wide[i] = float(from[i]);
    to_blocks<Elems>(wide, mantissa, exponent);
}

// 2^power, for the powers that sums and products of blocks need.
TILEPROOF_INLINE double two_to_the(int power) { return __builtin_bit_cast(double, uint64_t(power + 1023) << 52); }

// The device multiplies by the unit matrix, which is exact: one instruction for 64 values.
template <unsigned Elems>
TILEPROOF_UNWATCHED void from_blocks(const int8_t *mantissa, const uint8_t *exponent, float *__restrict to) {
    issue<instruction::vmul_f, divided_up(Elems, 64), Elems, argument(2), argument(0)>();
    check_set<Elems / block_elems * block_bytes>(mantissa, __builtin_return_address(0));
    for (unsigned i = 0; i < Elems; ++i)
        to[i] = renormalised(mantissa[i] * two_to_the(exponent[i / block_elems] - block_bias));
}

}  // namespace detail

}  // namespace aie
