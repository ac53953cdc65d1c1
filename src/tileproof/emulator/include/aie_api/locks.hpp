// Locks by the number that a core has for them (hardware.md 3): 16 of each memory module that it reaches, from 0 those of
// its south neighbour, from 16 of the west, from 32 of the north, from 48 its own.
#pragma once

#include "waiting.hpp"

namespace aie::detail {

TILEPROOF_UNWATCHED inline void use_lock(uint32_t kind, unsigned id, int amount) {
    tileproof_wait_type wait = {kind, id, amount, 0, 1, uintptr_t(__builtin_return_address(0)), {}};
    tileproof_wait(&wait);
}

}  // namespace aie::detail

// One instruction does both: an amount below 0 is what the lock must have at least, any other what it must be.
TILEPROOF_INLINE void acquire_equal(unsigned id, unsigned val) {
    aie::detail::use_lock(tileproof_wait_acquire, id, int(val));
    TILEPROOF_STAY();
}
TILEPROOF_INLINE void acquire_greater_equal(unsigned id, unsigned val) { acquire_equal(id, -val); }
TILEPROOF_INLINE void release(unsigned id, int val) {
    aie::detail::use_lock(tileproof_wait_release, id, val);
    TILEPROOF_STAY();
}

// With a condition, and with the memory that the lock guards, which says nothing here: it is for the compiler's order.
TILEPROOF_INLINE void acquire_equal(unsigned id, unsigned val, int cond) {
    if (cond) acquire_equal(id, val);
}
TILEPROOF_INLINE void acquire_greater_equal(unsigned id, unsigned val, unsigned cond) {
    if (cond) acquire_greater_equal(id, val);
}
TILEPROOF_INLINE void release(unsigned id, int val, int cond) {
    if (cond) release(id, val);
}
TILEPROOF_INLINE void acquire_equal(const void *, unsigned id, unsigned val) { acquire_equal(id, val); }
TILEPROOF_INLINE void acquire_equal(const void *, unsigned id, unsigned val, int cond) { acquire_equal(id, val, cond); }
TILEPROOF_INLINE void acquire_greater_equal(const void *, unsigned id, unsigned val) { acquire_greater_equal(id, val); }
TILEPROOF_INLINE void acquire_greater_equal(const void *, unsigned id, unsigned val, unsigned cond) {
    acquire_greater_equal(id, val, cond);
}
TILEPROOF_INLINE void release(void *, unsigned id, int val) { release(id, val); }
TILEPROOF_INLINE void release(void *, unsigned id, int val, int cond) { release(id, val, cond); }
