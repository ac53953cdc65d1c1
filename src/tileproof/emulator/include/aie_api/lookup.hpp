// Tables in tile memory: aie::parallel_lookup reads values, aie::linear_approx slopes and offsets.
//
// Four lanes at a time read four copies of the table: two tables, ab and cd, each with every run of 128 bits (AIE2) or
// 256 bits (AIE2P) stored twice. Which lane reads which copy is unconfirmed, so lane i reads copy i modulo 4, and a table
// whose copies differ shows.
#pragma once

#include "multiply.hpp"

namespace aie {

enum class lut_oor_policy { saturate, truncate };

template <unsigned ParallelAccesses, typename OffsetType, typename SlopeType = OffsetType>
struct lut {
    static_assert(ParallelAccesses == 4, "aie::lut has four parallel accesses on AIE2 and AIE2P");
    static_assert(detail::check_element<OffsetType>::value && detail::check_element<SlopeType>::value);
    using offset_type = OffsetType;
    using slope_type = SlopeType;

    lut(unsigned elems, const void *ab, const void *cd) : LUT_elems_(elems), LUT_ab_(ab), LUT_cd_(cd) {}

    unsigned LUT_elems_;
    const void *LUT_ab_, *LUT_cd_;
};

namespace detail {

// Entry `index` of the copy that a lane reads.
template <unsigned EntryBytes>
TILEPROOF_INLINE const char *entry_address(const void *ab, const void *cd, unsigned lane, int index) {
    constexpr ptrdiff_t run = __AIE_ARCH__ == 21 ? 32 : 16;
    const ptrdiff_t at = ptrdiff_t(index) * EntryBytes;
    const void *table = lane & 2 ? cd : ab;
    return static_cast<const char *>(table) + at / run * (2 * run) + at % run + (lane & 1 ? run : 0);
}

// The bits that address an entry in a copy, and the two that the copies add: indices are counted in these.
constexpr int entry_shift(unsigned entry_bytes) { return entry_bytes <= 2 ? 2 : entry_bytes == 4 ? 3 : 4; }

// Inputs become addresses (a shift and a sum, of 16 lanes at a time), and each instruction of a load unit fetches four
// lanes: both units, a quarter of 16 lanes each (llvm-aie: vldb.4x).
template <typename T, unsigned Elems>
TILEPROOF_INLINE void issue_indices() {
    issue<instruction::vups, divided_up(Elems, 16), Elems * sizeof(T), 0, argument(0)>();
    issue<instruction::vsrs, divided_up(Elems, 16)>();
    issue<instruction::vadd, divided_up(Elems, 16)>();
    issue<instruction::table, divided_up(Elems, 4), Elems * sizeof(int), argument(1), 0>();
}

// index[i] := the entry for input i. The shift is an SRS: under a rounding mode other than floor, an input close below a
// step finds the next entry.
template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void lookup_indices(const T *input, int *__restrict index, int step_bits, int bias, int elems,
                                        int entry, lut_oor_policy policy) {
    issue_indices<T, Elems>();
    const int shift = step_bits - entry;
    const rounding_bias<int64_t> rounded(tileproof_core_state.rounding, shift);
    const int64_t last = (int64_t(elems) << entry) - 1, offset = int64_t(bias) << entry;
    for (unsigned i = 0; i < Elems; ++i) {
        int64_t at = shift > 0 ? rounded(int64_t(input[i]), shift) : int64_t(input[i]) << -shift;
        if (policy == lut_oor_policy::truncate) {
            at = (at + offset) & last;
        } else {
            at = at > last - offset ? last - offset : at;
            if (std::is_signed_v<T> && at < -offset) at = -offset;
            at += offset;
        }
        index[i] = int(at >> entry);
    }
}

}  // namespace detail

template <typename T, typename MyLUT, lut_oor_policy oor_policy = lut_oor_policy::saturate>
class parallel_lookup {
    using value = typename MyLUT::offset_type;
    static_assert(detail::is_integer<T>, "aie::parallel_lookup takes integer inputs");
    static_assert(sizeof(value) > 1,
                  "aie::parallel_lookup: how a table of 8-bit values lies in memory is not documented; use 16 bits");

public:
    explicit parallel_lookup(const MyLUT &table, unsigned step_bits = 0, int bias = 0)
        : table_(table), step_bits_(int(step_bits)), bias_(bias) {}

    template <unsigned N, typename Vec>
    vector<value, N> fetch(const Vec &input) const {
        return fetch(input).template extract<N>(0);
    }
    template <unsigned Elems>
    vector<value, Elems> fetch(const vector<T, Elems> &input) const {
        static_assert(Elems <= 32, "aie::parallel_lookup fetches at most 32 lanes");
        constexpr unsigned bytes = sizeof(value);
        int index[Elems];
        detail::lookup_indices<Elems>(input.lane, index, step_bits_, bias_, int(table_.LUT_elems_),
                                      detail::entry_shift(bytes), oor_policy);
        vector<value, Elems> out(detail::unset);
        for (unsigned i = 0; i < Elems; ++i) {
            const int entry = detail::get_lane(index, i);
            value read;
            detail::copy_whole<bytes>(&read, detail::entry_address<bytes>(table_.LUT_ab_, table_.LUT_cd_, i, entry));
            out.set(read, i);
        }
        return out;
    }

private:
    MyLUT table_;
    int step_bits_, bias_;
};

namespace detail {

// Of the inputs that aie::linear_approx takes: its slope and offset as they lie in memory, and the bits of an entry.
template <typename T, typename Offset, typename Slope>
struct approximation {
    static constexpr bool exists = false;
};
template <>
struct approximation<int8, int8, int8> {
    static constexpr bool exists = true;
    using tag = acc32;
    using word = int8;
};
template <>
struct approximation<int16, int16, int16> {
    static constexpr bool exists = true;
    using tag = acc64;
    using word = int16;
};
template <>
struct approximation<int16, int32, int32> {
    static constexpr bool exists = true;
    using tag = acc64;
    using word = int32;
};
// The slope is a float in memory, of which the upper half is read.
template <>
struct approximation<bfloat16, float, bfloat16> {
    static constexpr bool exists = true;
    using tag = accfloat;
    using word = float;
};

// index = floor(input / 2^step_bits) + bias, kept inside the table. A negative one becomes a large unsigned number, and
// so the last entry, unless the core saturates.
template <unsigned Elems, typename T>
TILEPROOF_UNWATCHED void approximation_indices(const T *input, int *__restrict index, int step_bits, int bias,
                                               int elems) {
    issue_indices<T, Elems>();
    for (unsigned i = 0; i < Elems; ++i) {
        const int64_t at = (int64_t(input[i]) >> step_bits) + bias;
        const bool wraps = tileproof_core_state.saturation == uint32_t(saturation_mode::none);
        index[i] = at < 0 ? (wraps ? elems - 1 : 0) : at < elems ? int(at) : elems - 1;
    }
}
template <unsigned Elems>
TILEPROOF_UNWATCHED void approximation_indices(const bfloat16 *input, int *__restrict index, int step_bits, int bias,
                                               int elems) {
    issue_indices<bfloat16, Elems>();
    const double steps = __builtin_bit_cast(double, uint64_t(1023 - step_bits) << 52);
    for (unsigned i = 0; i < Elems; ++i) {
        const double at = __builtin_floor(double(float(input[i])) * steps);
        index[i] = !(at > -bias) ? 0 : at + bias < elems ? int(at) + bias : elems - 1;
    }
}

// slope * remainder + (offset << shift), the remainder being the step_bits lowest bits of the input; of bfloat16
// slope * input + offset.
struct approximate {
    template <typename Element, typename T>
    TILEPROOF_INLINE static Element of(Element, T input, T slope, T offset, unsigned step_bits, unsigned shift) {
        return of_wide<Element>(input, slope, offset, step_bits, shift);
    }
    TILEPROOF_INLINE static int64_t of(int64_t, int16 input, int32 slope, int32 offset, unsigned step_bits,
                                       unsigned shift) {
        return of_wide<int64_t>(input, slope, offset, step_bits, shift);
    }
    TILEPROOF_INLINE static float of(float, bfloat16 input, float slope, float offset, unsigned, unsigned) {
        return float_mac::of(offset, upper_half(slope), input);
    }
    template <std::same_as<float> Element>
    TILEPROOF_INLINE static float exceptional(Element, bfloat16 input, float slope, float offset, unsigned, unsigned) {
        return float_mac::exceptional(offset, upper_half(slope), input);
    }
    TILEPROOF_INLINE static bfloat16 upper_half(float value) {
        return bfloat16::from_bits(uint16_t(__builtin_bit_cast(uint32_t, value) >> 16));
    }
    template <typename Element, typename T, typename W>
    TILEPROOF_INLINE static Element of_wide(T input, W slope, W offset, unsigned step_bits, unsigned shift) {
        const int32_t remainder = int32_t(input) & ((1 << step_bits) - 1);
        return Element(int64_t(slope) * remainder + (int64_t(offset) << shift));
    }
};

}  // namespace detail

template <typename T, typename MyLUT>
class linear_approx {
    using form = detail::approximation<T, typename MyLUT::offset_type, typename MyLUT::slope_type>;
    static_assert(form::exists, "aie::linear_approx is for int8 with lut<4, int8>, int16 with lut<4, int16> and "
                                "lut<4, int32>, and bfloat16 with lut<4, float, bfloat16>");

public:
    linear_approx(const MyLUT &table, unsigned step_bits, int bias = 0, int shift_offset = 0)
        : table_(table), step_bits_(int(step_bits)), bias_(bias), shift_offset_(unsigned(shift_offset)) {}

    template <unsigned Elems>
    auto compute(const vector<T, Elems> &input) const {
        static_assert(Elems <= (sizeof(T) == 1 ? 32 : 16), "aie::linear_approx: too many lanes: int8 has 32, others 16");
        using word = typename form::word;
        using result = accum<typename form::tag, Elems>;
        constexpr unsigned bytes = 2 * sizeof(word);
        int index[Elems];
        word slope[Elems], offset[Elems];
        detail::approximation_indices<Elems>(input.lane, index, step_bits_, bias_, int(table_.LUT_elems_));
        for (unsigned i = 0; i < Elems; ++i) {
            const int entry = detail::get_lane(index, i);
            word read[2];
            detail::copy_whole<bytes>(read, detail::entry_address<bytes>(table_.LUT_ab_, table_.LUT_cd_, i, entry));
            detail::set_lane(slope, i, read[0]);
            detail::set_lane(offset, i, read[1]);
        }
        result out;
        detail::each<detail::approximate, Elems, detail::product_of<T, true>, detail::multiply_slots<T, T>(Elems), Elems>(
            out.lane, detail::same<typename result::element>{}, detail::lanes<T>{input.lane}, detail::lanes<word>{slope},
            detail::lanes<word>{offset}, detail::same<unsigned>{unsigned(step_bits_)},
            detail::same<unsigned>{shift_offset_});
        return out;
    }

private:
    MyLUT table_;
    int step_bits_, bias_;
    unsigned shift_offset_;
};

}  // namespace aie
