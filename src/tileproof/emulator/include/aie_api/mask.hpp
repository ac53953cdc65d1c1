// aie::mask: one bit per lane, kept as one byte per lane so that comparisons and selects vectorise on the host.
#pragma once

#include "element.hpp"

namespace aie {

namespace detail {

struct mask_and {
    TILEPROOF_INLINE static uint8_t of(uint8_t x, uint8_t y) { return x & y; }
};
struct mask_or {
    TILEPROOF_INLINE static uint8_t of(uint8_t x, uint8_t y) { return x | y; }
};
struct mask_xor {
    TILEPROOF_INLINE static uint8_t of(uint8_t x, uint8_t y) { return x ^ y; }
};
struct mask_not {
    TILEPROOF_INLINE static uint8_t of(uint8_t x) { return x ^ 1; }
};

TILEPROOF_UNWATCHED inline void lanes_from_bits(uint8_t *lane, uint64_t bits, unsigned n) {
    for (unsigned i = 0; i < n; ++i) lane[i] = (bits >> i) & 1;
}
TILEPROOF_UNWATCHED inline uint64_t bits_from_lanes(const uint8_t *lane, unsigned n) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < n; ++i) bits |= uint64_t(lane[i]) << i;
    return bits;
}
TILEPROOF_UNWATCHED inline unsigned count_lanes(const uint8_t *lane, unsigned n) {
    unsigned count = 0;
    for (unsigned i = 0; i < n; ++i) count += lane[i];
    return count;
}
TILEPROOF_UNWATCHED inline bool lane_is_set(const uint8_t *lane, unsigned i) { return lane[i] != 0; }
TILEPROOF_UNWATCHED inline void put_lane(uint8_t *lane, unsigned i, uint8_t value) { lane[i] = value; }

}  // namespace detail

// Masks live in scalar registers, so their own operators take no issue slots of the vector unit.
template <unsigned Elems>
struct mask {
    uint8_t lane[Elems];  // not in the real API

    static constexpr unsigned size() { return Elems; }

    static mask from_uint32(uint32_t bits) {
        static_assert(Elems <= 32, "from_uint32 fills at most 32 lanes: use from_uint64");
        return from_uint64(bits);
    }
    static mask from_uint64(uint64_t bits) {
        static_assert(Elems <= 64, "from_uint64 fills at most 64 lanes");
        mask out;
        detail::lanes_from_bits(out.lane, bits, Elems);
        return out;
    }
    uint32_t to_uint32() const {
        static_assert(Elems <= 32, "to_uint32 holds at most 32 lanes: use to_uint64");
        return uint32_t(detail::bits_from_lanes(lane, Elems));
    }
    uint64_t to_uint64() const {
        static_assert(Elems <= 64, "to_uint64 holds at most 64 lanes");
        return detail::bits_from_lanes(lane, Elems);
    }

    TILEPROOF_INLINE bool test(unsigned i) const { return detail::lane_is_set(lane, detail::checked_index(i, Elems)); }
    TILEPROOF_INLINE void set(unsigned i) { detail::put_lane(lane, detail::checked_index(i, Elems), 1); }
    void set() { *this = constant(1); }
    TILEPROOF_INLINE void clear(unsigned i) { detail::put_lane(lane, detail::checked_index(i, Elems), 0); }
    void clear() { *this = constant(0); }
    unsigned count() const { return detail::count_lanes(lane, Elems); }
    bool empty() const { return count() == 0; }
    bool full() const { return count() == Elems; }

    template <unsigned Part>
    TILEPROOF_INLINE mask<Part> extract(unsigned i) const {
        static_assert(Part <= Elems, "extract cannot make a mask larger");
        mask<Part> out;
        detail::copy_register<Part>(out.lane, lane + detail::checked_index(i, Elems / Part) * Part);
        return out;
    }

    friend mask operator&(const mask &a, const mask &b) { return combine<detail::mask_and>(a, b); }
    friend mask operator|(const mask &a, const mask &b) { return combine<detail::mask_or>(a, b); }
    friend mask operator^(const mask &a, const mask &b) { return combine<detail::mask_xor>(a, b); }
    friend mask operator~(const mask &a) { return combine<detail::mask_not>(a); }
    mask &operator&=(const mask &b) { return *this = *this & b; }
    mask &operator|=(const mask &b) { return *this = *this | b; }
    mask &operator^=(const mask &b) { return *this = *this ^ b; }

private:
    template <typename F, typename... M>
    TILEPROOF_INLINE static mask combine(const M &...m) {
        mask out;
        detail::each<F, Elems, detail::instruction::copy, 0>(out.lane, detail::lanes<uint8_t>{m.lane}...);
        return out;
    }
    static mask constant(uint8_t value) {
        mask out;
        detail::each<detail::identity, Elems, detail::instruction::copy, 0>(out.lane, detail::same<uint8_t>{value});
        return out;
    }
};

}  // namespace aie
