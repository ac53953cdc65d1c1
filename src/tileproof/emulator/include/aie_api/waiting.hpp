// How a tile function waits: for a lock, for a word of a stream, for the cascade. It hands over to the emulator, which
// runs the others of the array, and comes back when it has what the function waits for. The call's stack stays as it is.
#pragma once

#include "element.hpp"

extern "C" {

enum tileproof_wait_kind : uint32_t {
    tileproof_wait_acquire = 1,       // lock `number`: `amount` of it exactly, or at least -amount where that is below 0
    tileproof_wait_release = 2,       // lock `number`, by `amount`
    tileproof_wait_get_stream = 3,    // 4 bytes into `word`
    tileproof_wait_put_stream = 4,    // 4 bytes of `word`
    tileproof_wait_get_cascade = 5,   // 64 bytes into `word`
    tileproof_wait_put_cascade = 6,   // 64 bytes of `word`
};

// What a tile function waits for, at `pc`. Where it only `looks`, it goes on at once, and `is_done` says whether it has
// got it.
struct tileproof_wait_type {
    uint32_t kind;
    uint32_t number;
    int32_t amount;
    uint32_t looks;
    uint32_t is_done;
    uintptr_t pc;
    uint8_t word[64];
};

// Of a checked build: leaves the call's stack, and comes back to it.
void tileproof_hand_over(tileproof_wait_type *wait);

// Only in a library in which something may wait: that it has this function is how the emulator knows.
TILEPROOF_UNWATCHED inline void tileproof_wait(tileproof_wait_type *wait) { tileproof_hand_over(wait); }

}  // extern "C"

// After a call that waits, so that it is no jump: it returns to the line of the tile code that is to be told.
#define TILEPROOF_STAY() __asm__ volatile("" ::: "memory")
