// What a checked build of the tile code reports to, and what the emulator reads after each call.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Tile memories of this process, and one byte per byte of them: may the running function touch it?
struct tileproof_window {
    uintptr_t base;
    size_t size;
    const uint8_t *access;
};

// The first access that was out of bounds. `kind` 0: none, 1: read, 2: write.
struct tileproof_access_fault {
    uint32_t kind;
    uint32_t nbytes;
    uintptr_t address;
};

extern tileproof_window tileproof_memory;
extern tileproof_access_fault tileproof_bad_access;
}
