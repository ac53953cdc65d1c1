// The core's own two stream ports, one each way: words of 32 bits (trace_registers.py has the ports). Vectors go as their
// words, the first first.
#pragma once

#include "native_types.hpp"
#include "waiting.hpp"

namespace aie::detail {

inline constexpr unsigned stream_bytes = 4;

// One word each way, of 4 bytes; whether it came or went, where it only looks.
TILEPROOF_UNWATCHED inline bool stream_word(uint32_t kind, void *word, uint32_t looks, const void *pc) {
    tileproof_wait_type wait = {kind, 0, 0, looks, !looks, uintptr_t(pc), {}};
    copy_whole<stream_bytes>(wait.word, word);
    tileproof_wait(&wait);
    copy_whole<stream_bytes>(word, wait.word);
    return wait.is_done;
}

template <typename Word>
TILEPROOF_UNWATCHED Word word_from_stream() {
    Word word = {};
    stream_word(tileproof_wait_get_stream, &word, 0, __builtin_return_address(0));
    return word;
}
template <typename Word>
TILEPROOF_UNWATCHED bool look_at_stream(Word &word) {
    return stream_word(tileproof_wait_get_stream, &word, 1, __builtin_return_address(0));
}
template <typename Word>
TILEPROOF_UNWATCHED bool word_onto_stream(Word word, uint32_t looks) {
    return stream_word(tileproof_wait_put_stream, &word, looks, __builtin_return_address(0));
}

template <unsigned Bytes>
TILEPROOF_UNWATCHED void lanes_from_stream(void *lanes) {
    for (unsigned at = 0; at < Bytes; at += stream_bytes)
        stream_word(tileproof_wait_get_stream, static_cast<uint8_t *>(lanes) + at, 0, __builtin_return_address(0));
}
template <unsigned Bytes>
TILEPROOF_UNWATCHED void lanes_onto_stream(const void *lanes) {
    check_set<Bytes>(lanes, __builtin_return_address(0));
    for (unsigned at = 0; at < Bytes; at += stream_bytes) {
        uint8_t word[stream_bytes];
        copy_whole<stream_bytes>(word, static_cast<const uint8_t *>(lanes) + at);
        stream_word(tileproof_wait_put_stream, word, 0, __builtin_return_address(0));
    }
}

template <typename Register>
TILEPROOF_INLINE Register from_stream() {
    Register value(unset);
    lanes_from_stream<sizeof(value.lane)>(value.lane);
    return value;
}

}  // namespace aie::detail

// Words of 32 bits. Whether one is the last of a packet says nothing on a circuit, nor to a DMA whose BD knows its length;
// the `en` of the third is not looked at by the real one either.
#define TILEPROOF_WORD(TYPE)                                                                                      \
    TILEPROOF_INLINE void put_ms(TYPE val, [[maybe_unused]] int tlast = 0) {                                      \
        aie::detail::word_onto_stream(val, 0);                                                                    \
        TILEPROOF_STAY();                                                                                         \
    }                                                                                                             \
    TILEPROOF_INLINE void put_ms(TYPE val, [[maybe_unused]] int en, int tlast) { put_ms(val, tlast); }            \
    TILEPROOF_INLINE void put_ms_nb(TYPE val, bool &success) { success = aie::detail::word_onto_stream(val, 1); } \
    TILEPROOF_INLINE void put_ms_nb(TYPE val, [[maybe_unused]] int tlast, bool &success) { put_ms_nb(val, success); }
TILEPROOF_WORD(int)
TILEPROOF_WORD(unsigned)
TILEPROOF_WORD(float)
#undef TILEPROOF_WORD

#define TILEPROOF_GET_SS(SUFFIX, TYPE)                                                       \
    TILEPROOF_INLINE TYPE get_ss##SUFFIX() { return aie::detail::word_from_stream<TYPE>(); } \
    TILEPROOF_INLINE TYPE get_ss_nb##SUFFIX(bool &success) {                                 \
        TYPE word = {};                                                                      \
        success = aie::detail::look_at_stream(word);                                         \
        return word;                                                                         \
    }
TILEPROOF_GET_SS(, int)
TILEPROOF_GET_SS(_int, int)
TILEPROOF_GET_SS(_uint, unsigned)
TILEPROOF_GET_SS(_float, float)
#undef TILEPROOF_GET_SS

template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_ms(const aie::vector<T, Elems> &a, [[maybe_unused]] int tlast = 0) {
    aie::detail::lanes_onto_stream<sizeof(a.lane)>(a.lane);
    TILEPROOF_STAY();
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_ms(const aie::vector<T, Elems> &a, [[maybe_unused]] int en, int tlast) { put_ms(a, tlast); }
template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_ms(const aie::detail::native_vector<T, Elems> &a, [[maybe_unused]] int tlast = 0) {
    aie::detail::lanes_onto_stream<sizeof(a.lane)>(a.lane);
    TILEPROOF_STAY();
}
template <typename T, unsigned Elems>
TILEPROOF_INLINE void put_ms(const aie::detail::native_vector<T, Elems> &a, [[maybe_unused]] int en, int tlast) {
    put_ms(a, tlast);
}

#define TILEPROOF_GET_SS_V(TYPE) \
    TILEPROOF_INLINE TYPE get_ss_##TYPE() { return aie::detail::from_stream<TYPE>(); }
TILEPROOF_GET_SS_V(v4int32)
TILEPROOF_GET_SS_V(v4uint32)
TILEPROOF_GET_SS_V(v8int16)
TILEPROOF_GET_SS_V(v8uint16)
TILEPROOF_GET_SS_V(v16int8)
TILEPROOF_GET_SS_V(v16uint8)
TILEPROOF_GET_SS_V(v8int32)
TILEPROOF_GET_SS_V(v8uint32)
TILEPROOF_GET_SS_V(v16int16)
TILEPROOF_GET_SS_V(v16uint16)
TILEPROOF_GET_SS_V(v32int8)
TILEPROOF_GET_SS_V(v32uint8)
TILEPROOF_GET_SS_V(v16int32)
TILEPROOF_GET_SS_V(v16uint32)
TILEPROOF_GET_SS_V(v32int16)
TILEPROOF_GET_SS_V(v32uint16)
TILEPROOF_GET_SS_V(v64int8)
TILEPROOF_GET_SS_V(v64uint8)
TILEPROOF_GET_SS_V(v32int32)
TILEPROOF_GET_SS_V(v32uint32)
TILEPROOF_GET_SS_V(v64int16)
TILEPROOF_GET_SS_V(v64uint16)
TILEPROOF_GET_SS_V(v128int8)
TILEPROOF_GET_SS_V(v128uint8)
#if __AIE_ARCH__ == 21
TILEPROOF_GET_SS_V(v4float)
TILEPROOF_GET_SS_V(v8float)
TILEPROOF_GET_SS_V(v16float)
TILEPROOF_GET_SS_V(v8bfloat16)
TILEPROOF_GET_SS_V(v16bfloat16)
TILEPROOF_GET_SS_V(v32bfloat16)
TILEPROOF_GET_SS_V(v64bfloat16)
#endif
#undef TILEPROOF_GET_SS_V
