// aie::vector, aie::mask, and where a vector may lie in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core_state.hpp"

using int8 = int8_t;
using int16 = int16_t;
using int32 = int32_t;
using uint8 = uint8_t;
using uint16 = uint16_t;
using uint32 = uint32_t;
struct bfloat16;  // pointers to it compile; values do not, see detail::is_element

#define TILEPROOF_INLINE [[gnu::always_inline]] inline
// For functions that are called and see vectors only, never tile memory: a checked build need not watch them.
#define TILEPROOF_UNWATCHED __attribute__((noinline, no_sanitize("kernel-address")))

namespace aie {

template <typename T, unsigned Elems>
class vector;

namespace detail {

template <typename...>
inline constexpr bool always_false = false;

template <typename T, typename... Ts>
inline constexpr bool is_one_of = (std::is_same_v<T, Ts> || ...);

template <typename T>
inline constexpr bool is_element = is_one_of<T, int8_t, int16_t, int32_t, uint8_t, uint16_t, uint32_t>;

constexpr bool is_vector_bits(unsigned bits) { return bits == 128 || bits == 256 || bits == 512 || bits == 1024; }

// AIE2 does a 512-bit access as two of 256 bits; AIE2P has 512-bit ports.
constexpr unsigned load_alignment(unsigned bytes) {
    if (bytes >= 64) return __AIE_ARCH__ == 21 ? 64 : 32;
    return bytes;
}

// Keeps a wrong index inside the object, and says so.
inline unsigned checked_index(unsigned index, unsigned limit) {
    if (index < limit) [[likely]]
        return index;
    tileproof_record_fault(tileproof_fault_index, nullptr, limit, index);
    return index % limit;
}

// Chunks of a reshaping function: a power of two that divides the vector.
inline unsigned checked_chunk(unsigned chunk, unsigned elems) {
    if (chunk != 0 && (chunk & (chunk - 1)) == 0 && chunk <= elems) [[likely]]
        return chunk;
    tileproof_record_fault(tileproof_fault_index, nullptr, elems + 1, chunk);
    return 1;
}

template <typename T>
struct twice_as_wide { using type = void; };
template <> struct twice_as_wide<int8_t> { using type = int16_t; };
template <> struct twice_as_wide<int16_t> { using type = int32_t; };
template <> struct twice_as_wide<uint8_t> { using type = uint16_t; };
template <> struct twice_as_wide<uint16_t> { using type = uint32_t; };

template <typename T>
struct half_as_wide { using type = void; };
template <> struct half_as_wide<int16_t> { using type = int8_t; };
template <> struct half_as_wide<int32_t> { using type = int16_t; };
template <> struct half_as_wide<uint16_t> { using type = uint8_t; };
template <> struct half_as_wide<uint32_t> { using type = uint16_t; };

// The range to clamp to before the store. Without saturation it is everything: the narrowing cast then wraps.
template <typename Wide, typename T>
struct clamp_range {
    Wide low, high;

    explicit clamp_range(uint32_t saturation) {
        constexpr Wide widest = Wide(std::make_unsigned_t<Wide>(-1) >> 1);
        low = -widest - 1;
        high = widest;
        if (saturation == uint32_t(saturation_mode::none)) return;
        // A T as wide as the accumulator keeps `high`; an unsigned one still refuses negative values.
        constexpr unsigned magnitude_bits = sizeof(T) * 8 - std::is_signed_v<T>;
        if constexpr (magnitude_bits < sizeof(Wide) * 8 - 1) high = (Wide(1) << magnitude_bits) - 1;
        if constexpr (std::is_unsigned_v<T>)
            low = 0;
        else
            low = saturation == uint32_t(saturation_mode::symmetric) ? -high : -high - 1;
    }
};

}  // namespace detail

inline constexpr unsigned vector_decl_align = __AIE_ARCH__ == 21 ? 64 : 32;
inline constexpr unsigned vector_ldst_align = vector_decl_align;
template <typename T, unsigned Elems>
inline constexpr unsigned vector_ldst_align_v = detail::load_alignment(Elems * sizeof(T));

// One bit per lane, kept as one byte per lane so that comparisons and selects vectorise on the host.
template <unsigned Elems>
struct mask {
    uint8_t lane[Elems];

    static constexpr unsigned size() { return Elems; }

    static mask from_uint32(uint32_t bits) {
        static_assert(Elems <= 32, "from_uint32 fills at most 32 lanes: use from_uint64");
        return from_uint64(bits);
    }
    static mask from_uint64(uint64_t bits) {
        static_assert(Elems <= 64, "from_uint64 fills at most 64 lanes");
        mask out;
        for (unsigned i = 0; i < Elems; ++i) out.lane[i] = (bits >> i) & 1;
        return out;
    }
    uint64_t to_uint64() const {
        static_assert(Elems <= 64, "to_uint64 holds at most 64 lanes");
        uint64_t bits = 0;
        for (unsigned i = 0; i < Elems; ++i) bits |= uint64_t(lane[i]) << i;
        return bits;
    }

    bool test(unsigned i) const { return lane[detail::checked_index(i, Elems)] != 0; }
    void set(unsigned i) { lane[detail::checked_index(i, Elems)] = 1; }
    void clear(unsigned i) { lane[detail::checked_index(i, Elems)] = 0; }
    unsigned count() const {
        unsigned n = 0;
        for (unsigned i = 0; i < Elems; ++i) n += lane[i];
        return n;
    }
    bool empty() const { return count() == 0; }
    bool full() const { return count() == Elems; }

    friend mask operator&(const mask &a, const mask &b) {
        return map(a, b, [](uint8_t x, uint8_t y) { return uint8_t(x & y); });
    }
    friend mask operator|(const mask &a, const mask &b) {
        return map(a, b, [](uint8_t x, uint8_t y) { return uint8_t(x | y); });
    }
    friend mask operator^(const mask &a, const mask &b) {
        return map(a, b, [](uint8_t x, uint8_t y) { return uint8_t(x ^ y); });
    }
    friend mask operator~(const mask &a) {
        return map(a, a, [](uint8_t x, uint8_t) { return uint8_t(x ^ 1); });
    }

private:
    template <typename F>
    static mask map(const mask &a, const mask &b, F f) {
        mask out;
        for (unsigned i = 0; i < Elems; ++i) out.lane[i] = f(a.lane[i], b.lane[i]);
        return out;
    }
};

template <typename T, unsigned Elems>
class vector {
    static_assert(detail::is_element<T>,
                  "tileproof's aie::vector has 8, 16 and 32 bit integer elements only: no float, bfloat16, int4, complex");
    static_assert(detail::is_vector_bits(Elems * sizeof(T) * 8),
                  "an aie::vector has 128, 256, 512 or 1024 bits: choose another number of elements");

public:
    using value_type = T;
    T lane[Elems];  // not in the real API: a host array instead of a register

    static constexpr unsigned size() { return Elems; }
    static constexpr unsigned type_bits() { return sizeof(T) * 8; }
    static constexpr unsigned bits() { return Elems * type_bits(); }
    static constexpr unsigned bytes() { return bits() / 8; }
    static constexpr bool is_signed() { return std::is_signed_v<T>; }

    vector() = default;
    template <typename... Rest>
        requires(sizeof...(Rest) + 1 == Elems && (std::is_convertible_v<Rest, T> && ...))
    explicit vector(T first, Rest... rest) : lane{first, T(rest)...} {}

    T &operator[](unsigned i) { return lane[detail::checked_index(i, Elems)]; }
    const T &operator[](unsigned i) const { return lane[detail::checked_index(i, Elems)]; }
    T get(unsigned i) const { return (*this)[i]; }
    void set(T value, unsigned i) { (*this)[i] = value; }

    // The new element becomes the first; the last one falls out.
    vector &push(T value) {
        std::memmove(lane + 1, lane, (Elems - 1) * sizeof(T));
        lane[0] = value;
        return *this;
    }

    template <unsigned Part>
    TILEPROOF_INLINE vector<T, Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make a vector larger: use grow");
        vector<T, Part> out;
        std::memcpy(out.lane, lane + detail::checked_index(i, Elems / Part) * Part, sizeof(out.lane));
        return out;
    }

    template <unsigned Part>
    TILEPROOF_INLINE vector &insert(unsigned i, const vector<T, Part> &part) {
        static_assert(Part <= Elems, "insert: the part is larger than the vector");
        std::memcpy(lane + detail::checked_index(i, Elems / Part) * Part, part.lane, sizeof(part.lane));
        return *this;
    }

    // On hardware the new elements are undefined; zeros here would hide it, so they hold a pattern nobody expects.
    template <unsigned Larger>
    vector<T, Larger> grow(unsigned i = 0) const {
        static_assert(Larger >= Elems, "grow cannot make a vector smaller: use extract");
        vector<T, Larger> out;
        if constexpr (Larger > Elems) std::memset(out.lane, 0xA5, sizeof(out.lane));
        return out.insert(i, *this);
    }

    template <unsigned Larger>
    vector<T, Larger> grow_replicate() const {
        vector<T, Larger> out;
        for (unsigned i = 0; i < Larger / Elems; ++i) out.insert(i, *this);
        return out;
    }

    template <typename U>
    vector<U, Elems * sizeof(T) / sizeof(U)> cast_to() const {
        vector<U, Elems * sizeof(T) / sizeof(U)> out;
        std::memcpy(out.lane, lane, sizeof(lane));
        return out;
    }

    template <typename U = typename detail::twice_as_wide<T>::type>
    vector<U, Elems> unpack() const {
        static_assert(!std::is_void_v<U> && sizeof(U) > sizeof(T), "unpack needs a wider element type");
        vector<U, Elems> out;
        for (unsigned i = 0; i < Elems; ++i) out.lane[i] = U(lane[i]);
        return out;
    }

    // Narrows as SRS does with shift 0: the saturation mode of the core decides between clamp and wrap.
    template <typename U = typename detail::half_as_wide<T>::type>
    vector<U, Elems> pack() const {
        static_assert(!std::is_void_v<U> && sizeof(U) < sizeof(T), "pack needs a narrower element type");
        using wide = std::conditional_t<sizeof(T) == 4 && std::is_unsigned_v<T>, int64_t, int32_t>;
        const detail::clamp_range<wide, U> range(tileproof_core_state.saturation);
        vector<U, Elems> out;
        for (unsigned i = 0; i < Elems; ++i) {
            const wide value = lane[i];
            const wide below = value > range.high ? range.high : value;
            out.lane[i] = U(below < range.low ? range.low : below);
        }
        return out;
    }
};

template <typename T, unsigned Elems, typename... Rest>
TILEPROOF_INLINE vector<T, Elems *(1 + sizeof...(Rest))> concat(const vector<T, Elems> &first, const Rest &...rest) {
    static_assert((std::is_same_v<Rest, vector<T, Elems>> && ...), "concat joins vectors of one type and size");
    vector<T, Elems *(1 + sizeof...(Rest))> out;
    unsigned i = 0;
    out.insert(i++, first);
    (out.insert(i++, rest), ...);
    return out;
}

}  // namespace aie
