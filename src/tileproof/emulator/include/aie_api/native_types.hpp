// The registers as compilers for AIE name them: v32int8, v16acc64. Kernels read and write memory by them,
// `*(v32int8 *)p`, and pass them to the compiler's intrinsics. They convert to the API's types and back, as there; unlike
// those, `{}` makes them zero. An access by them is checked for its place, but not for its alignment: use aie::load_v and
// aie::store_v where that matters.
#pragma once

#include "accum.hpp"

namespace aie::detail {

template <typename T, unsigned Elems>
struct native_vector {
    T lane[Elems];  // not in the real compilers: a host array instead of a register

    native_vector() = default;
    explicit native_vector(unset_type) {}  // not in the real compilers
    native_vector(const vector<T, Elems> &v) { copy_register<sizeof(lane)>(lane, v.lane); }
    // The same bits as other lanes.
    template <typename U, unsigned Others>
        requires(!std::is_same_v<T, U> && sizeof(U) * Others == sizeof(T) * Elems)
    explicit native_vector(const native_vector<U, Others> &v) { copy_register<sizeof(lane)>(lane, v.lane); }

    template <typename Tag, unsigned Others>
        requires(sizeof(accum_element<Tag>) * Others == sizeof(T) * Elems)
    explicit native_vector(const native_accum<Tag, Others> &a) { copy_register<sizeof(lane)>(lane, a.lane); }

    T &operator[](unsigned i) { return lane[checked_index(i, Elems)]; }
    T operator[](unsigned i) const { return get_lane(lane, checked_index(i, Elems)); }
};

template <typename Tag, unsigned Elems>
struct native_accum {
    accum_element<Tag> lane[Elems];  // not in the real compilers

    native_accum() = default;
    explicit native_accum(unset_type) {}  // not in the real compilers
    native_accum(const accum<Tag, Elems> &a) { copy_register<sizeof(lane)>(lane, a.lane); }
};

}  // namespace aie::detail

// X(type, lanes), for each register of 128 to 1024 bits.
#define TILEPROOF_NATIVE_INTEGERS(X) \
    X(int8, 16) X(int8, 32) X(int8, 64) X(int8, 128) X(uint8, 16) X(uint8, 32) X(uint8, 64) X(uint8, 128) \
    X(int16, 8) X(int16, 16) X(int16, 32) X(int16, 64) X(uint16, 8) X(uint16, 16) X(uint16, 32) X(uint16, 64) \
    X(int32, 4) X(int32, 8) X(int32, 16) X(int32, 32) X(uint32, 4) X(uint32, 8) X(uint32, 16) X(uint32, 32)
#define TILEPROOF_NATIVE_FLOATS(X) \
    X(bfloat16, 8) X(bfloat16, 16) X(bfloat16, 32) X(bfloat16, 64) X(float, 4) X(float, 8) X(float, 16) X(float, 32)
#define TILEPROOF_NATIVE_VECTORS(X) TILEPROOF_NATIVE_INTEGERS(X) TILEPROOF_NATIVE_FLOATS(X)
#define TILEPROOF_NATIVE_ACCUMS(X) \
    X(acc32, 8) X(acc32, 16) X(acc32, 32) X(acc64, 4) X(acc64, 8) X(acc64, 16) \
    X(accfloat, 8) X(accfloat, 16) X(accfloat, 32)

#define TILEPROOF_NATIVE(T, N) using v##N##T = aie::detail::native_vector<T, N>;
TILEPROOF_NATIVE_VECTORS(TILEPROOF_NATIVE)
#undef TILEPROOF_NATIVE
#define TILEPROOF_NATIVE(TAG, N) using v##N##TAG = aie::detail::native_accum<TAG, N>;
TILEPROOF_NATIVE_ACCUMS(TILEPROOF_NATIVE)
TILEPROOF_NATIVE(acc32, 64)
TILEPROOF_NATIVE(acc64, 32)
TILEPROOF_NATIVE(accfloat, 64)
#undef TILEPROOF_NATIVE
