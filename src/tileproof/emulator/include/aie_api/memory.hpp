// Loads and stores. The aligned ones report an address the hardware would silently truncate.
#pragma once

#include "vector.hpp"

// Where the real API lets a kernel name the bank or port of an access; the host has one memory.
enum class aie_dm_resource { none, a, b, c, d, stack };
#define __aie_dm_resource_a
#define __aie_dm_resource_b
#define __aie_dm_resource_c
#define __aie_dm_resource_d

namespace aie {

namespace detail {

// Inlined, so that the call that notes it comes from a line of the tile code.
TILEPROOF_INLINE uintptr_t misaligned(uintptr_t address, unsigned needed, unsigned bytes) {
    if (tileproof_core_state.as_hardware) return address & ~uintptr_t(needed - 1);
    tileproof_misaligned(reinterpret_cast<const void *>(address), needed, bytes);
    return address;
}

// Where an aligned access of `bytes` bytes goes.
template <typename T>
TILEPROOF_INLINE T *aligned_address(T *p, unsigned bytes) {
    const unsigned needed = load_alignment(bytes);
    const uintptr_t address = reinterpret_cast<uintptr_t>(p);
    if (address & (needed - 1)) [[unlikely]]
        return reinterpret_cast<T *>(misaligned(address, needed, bytes));
    return p;
}

}  // namespace detail

template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_unaligned_v(const T *p, [[maybe_unused]] unsigned aligned = 1) {
    vector<std::remove_cv_t<T>, Elems> out(detail::unset);
    detail::copy_whole<sizeof(out.lane)>(out.lane, const_cast<const std::remove_cv_t<T> *>(p));
    return out;
}

template <aie_dm_resource = aie_dm_resource::none, typename T>
TILEPROOF_INLINE auto load_unaligned_v(const T *p, [[maybe_unused]] unsigned aligned = 1) {
    return load_unaligned_v<native_vector_length_v<T>>(p);
}

template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_v(const T *p) {
    return load_unaligned_v<Elems>(detail::aligned_address(p, Elems * sizeof(T)));
}
template <aie_dm_resource = aie_dm_resource::none, typename T>
TILEPROOF_INLINE auto load_v(const T *p) { return load_v<native_vector_length_v<T>>(p); }

// From the aligned address at or below p: what the hardware does to a misaligned load, asked for by name.
template <unsigned Elems, aie_dm_resource = aie_dm_resource::none, typename T>
TILEPROOF_INLINE vector<std::remove_cv_t<T>, Elems> load_floor_v(const T *p) {
    const uintptr_t below = reinterpret_cast<uintptr_t>(p) & ~uintptr_t(detail::load_alignment(Elems * sizeof(T)) - 1);
    return load_unaligned_v<Elems>(reinterpret_cast<const T *>(below));
}

template <aie_dm_resource = aie_dm_resource::none, typename T, unsigned Elems>
TILEPROOF_INLINE T *store_unaligned_v(T *p, const vector<T, Elems> &v, [[maybe_unused]] unsigned aligned = 1) {
    // A register first: a reference could be to anything, and then the checks would see a load.
    const vector<T, Elems> value = v;
    detail::check_stored<sizeof(value.lane)>(value.lane);
    detail::copy_whole<sizeof(value.lane)>(p, value.lane);
    return p;
}

template <aie_dm_resource = aie_dm_resource::none, typename T, unsigned Elems>
TILEPROOF_INLINE T *store_v(T *p, const vector<T, Elems> &v) {
    store_unaligned_v(detail::aligned_address(p, sizeof(v.lane)), v);
    return p;
}

}  // namespace aie
