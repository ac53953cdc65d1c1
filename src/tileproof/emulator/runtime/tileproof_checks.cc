// The functions that -fsanitize=kernel-address calls before every load and store, with our own meaning: an access
// inside the tile memories must stay inside the buffers that the running function was given. Accesses elsewhere (its
// stack, its tables) are not ours to judge. GCC and clang call the same names.
#include "tileproof_checks.hpp"

extern "C" {

tileproof_window tileproof_memory = {0, 0, nullptr};
tileproof_access_fault tileproof_bad_access = {0, 0, 0};

void *__asan_memcpy(void *, const void *, size_t);
void *__asan_memmove(void *, const void *, size_t);
void *__asan_memset(void *, int, size_t);

static void check(uintptr_t address, size_t nbytes, uint32_t kind) {
    const uintptr_t offset = address - tileproof_memory.base;
    if (offset >= tileproof_memory.size || tileproof_bad_access.kind != 0)
        return;
    for (size_t i = 0; i < nbytes && offset + i < tileproof_memory.size; ++i)
        if (!tileproof_memory.access[offset + i]) {
            tileproof_bad_access = {kind, static_cast<uint32_t>(nbytes), address + i};
            return;
        }
}

#define TILEPROOF_CHECK(n)                                                                                            \
    void __asan_load##n##_noabort(uintptr_t address) { check(address, n, 1); }           \
    void __asan_store##n##_noabort(uintptr_t address) { check(address, n, 2); }
TILEPROOF_CHECK(1)
TILEPROOF_CHECK(2)
TILEPROOF_CHECK(4)
TILEPROOF_CHECK(8)
TILEPROOF_CHECK(16)

void __asan_loadN_noabort(uintptr_t address, size_t n) { check(address, n, 1); }
void __asan_storeN_noabort(uintptr_t address, size_t n) { check(address, n, 2); }
void __asan_handle_no_return() {}

// clang calls these. GCC before 13 calls memcpy and its kin by their own names, and -Wl,--wrap brings those calls to
// ours; the real ones are then called __real_memcpy, and so on.
#ifdef __clang__
#define TILEPROOF_REAL(function) __builtin_##function
#else
#define TILEPROOF_REAL(function) __real_##function
void *__real_memcpy(void *, const void *, size_t);
void *__real_memmove(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);
void *__wrap_memcpy(void *to, const void *from, size_t n) { return __asan_memcpy(to, from, n); }
void *__wrap_memmove(void *to, const void *from, size_t n) { return __asan_memmove(to, from, n); }
void *__wrap_memset(void *to, int value, size_t n) { return __asan_memset(to, value, n); }
#endif

void *__asan_memcpy(void *to, const void *from, size_t n) {
    check(reinterpret_cast<uintptr_t>(from), n, 1);
    check(reinterpret_cast<uintptr_t>(to), n, 2);
    return TILEPROOF_REAL(memcpy)(to, from, n);
}
void *__asan_memmove(void *to, const void *from, size_t n) {
    check(reinterpret_cast<uintptr_t>(from), n, 1);
    check(reinterpret_cast<uintptr_t>(to), n, 2);
    return TILEPROOF_REAL(memmove)(to, from, n);
}
void *__asan_memset(void *to, int value, size_t n) {
    check(reinterpret_cast<uintptr_t>(to), n, 2);
    return TILEPROOF_REAL(memset)(to, value, n);
}
}
