// Marks for the trace unit: event0 and event1 of tile code are where a region begins and ends. They cost a core nothing
// here; a checked build notes how often each block has run when one is reached (runtime/tileproof_checks.cc).
#pragma once

#include <cstdint>

#include "issue.hpp"

extern "C" {

// Of a checked build alone. `pc` is in the line of the tile code.
[[gnu::weak]] void tileproof_note_event(uint32_t which, uintptr_t pc);

// Only in a library with marks: that it has this function is how the emulator knows.
TILEPROOF_UNWATCHED inline void tileproof_event(uint32_t which) {
    if (tileproof_note_event) tileproof_note_event(which, uintptr_t(__builtin_return_address(0)));
}

}  // extern "C"

// A block ends with a mark, so that what comes behind it has a counter of its own. No jump is ever taken.
[[gnu::always_inline]] inline void event0() {
    tileproof_event(0);
    asm goto("" : : : : behind);
behind:;
}
[[gnu::always_inline]] inline void event1() {
    tileproof_event(1);
    asm goto("" : : : : behind);
behind:;
}
// These begin and end nothing.
inline void event2() {}
inline void event3() {}
