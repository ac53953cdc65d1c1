// The cascade: 512 bits at a time to the south or east neighbour. What is wider goes as several, the first lanes first.
#pragma once

#include "native_types.hpp"
#include "waiting.hpp"

namespace aie::detail {

inline constexpr unsigned cascade_bytes = 64;

template <unsigned Bytes>
TILEPROOF_UNWATCHED void put_cascade(const void *lanes) {
    check_set<Bytes>(lanes, __builtin_return_address(0));
    for (unsigned at = 0; at < Bytes; at += cascade_bytes) {
        tileproof_wait_type wait = {tileproof_wait_put_cascade, 0, 0, 0, 1, uintptr_t(__builtin_return_address(0)), {}};
        copy_whole<cascade_bytes>(wait.word, static_cast<const uint8_t *>(lanes) + at);
        tileproof_wait(&wait);
    }
}

template <unsigned Bytes>
TILEPROOF_UNWATCHED void get_cascade(void *lanes) {
    for (unsigned at = 0; at < Bytes; at += cascade_bytes) {
        tileproof_wait_type wait = {tileproof_wait_get_cascade, 0, 0, 0, 1, uintptr_t(__builtin_return_address(0)), {}};
        tileproof_wait(&wait);
        copy_whole<cascade_bytes>(static_cast<uint8_t *>(lanes) + at, wait.word);
    }
}

// `en` 0 puts and gets nothing; what was to be got is then a register that nothing was put into.
template <typename Register>
TILEPROOF_INLINE void onto_cascade(const Register &value, int en) {
    constexpr unsigned bytes = sizeof(value.lane);
    static_assert(bytes == cascade_bytes || bytes == 2 * cascade_bytes,
                  "put_mcd takes vectors and accumulators of 512 or 1024 bits: the cascade carries 512 at a time");
    if (en) put_cascade<bytes>(value.lane);
    TILEPROOF_STAY();
}

template <typename Register>
TILEPROOF_INLINE Register from_cascade(int en) {
    Register value(unset);
    if (en)
        get_cascade<sizeof(value.lane)>(value.lane);
    else
        mark_unset<sizeof(value.lane)>(value.lane);
    return value;
}

}  // namespace aie::detail

template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_mcd(const aie::vector<T, Elems> &a, int en = 1) { aie::detail::onto_cascade(a, en); }
template <typename Tag, unsigned Elems>
TILEPROOF_INLINE void put_mcd(const aie::accum<Tag, Elems> &a, int en = 1) { aie::detail::onto_cascade(a, en); }
template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_mcd(const aie::detail::native_vector<T, Elems> &a, int en = 1) {
    aie::detail::onto_cascade(a, en);
}
template <typename Tag, unsigned Elems>
TILEPROOF_INLINE void put_mcd(const aie::detail::native_accum<Tag, Elems> &a, int en = 1) {
    aie::detail::onto_cascade(a, en);
}

#define TILEPROOF_GET_SCD(TYPE) \
    TILEPROOF_INLINE TYPE get_scd_##TYPE(int en = 1) { return aie::detail::from_cascade<TYPE>(en); }
TILEPROOF_GET_SCD(v16acc32)
TILEPROOF_GET_SCD(v8acc64)
TILEPROOF_GET_SCD(v16accfloat)
TILEPROOF_GET_SCD(v64int8)
TILEPROOF_GET_SCD(v64uint8)
TILEPROOF_GET_SCD(v32int16)
TILEPROOF_GET_SCD(v32uint16)
TILEPROOF_GET_SCD(v16int32)
TILEPROOF_GET_SCD(v16uint32)
TILEPROOF_GET_SCD(v32bfloat16)
TILEPROOF_GET_SCD(v32acc32)
TILEPROOF_GET_SCD(v16acc64)
TILEPROOF_GET_SCD(v32accfloat)
TILEPROOF_GET_SCD(v128int8)
TILEPROOF_GET_SCD(v128uint8)
TILEPROOF_GET_SCD(v64int16)
TILEPROOF_GET_SCD(v64uint16)
TILEPROOF_GET_SCD(v32int32)
TILEPROOF_GET_SCD(v32uint32)
#if __AIE_ARCH__ == 21
TILEPROOF_GET_SCD(v16float)
TILEPROOF_GET_SCD(v32float)
TILEPROOF_GET_SCD(v64acc32)
TILEPROOF_GET_SCD(v32acc64)
TILEPROOF_GET_SCD(v64accfloat)
// The older names of three of them.
TILEPROOF_INLINE v16acc32 get_scd(int en = 1) { return get_scd_v16acc32(en); }
TILEPROOF_INLINE v8acc64 getl_scd(int en = 1) { return get_scd_v8acc64(en); }
TILEPROOF_INLINE v16accfloat getf_scd(int en = 1) { return get_scd_v16accfloat(en); }
#endif
#undef TILEPROOF_GET_SCD
