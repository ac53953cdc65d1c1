// What a checked build of the tile code reports to, and what the emulator reads after each call.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// One byte for each byte of tile memory. An access needs all of it open; a load also that some of it is fresh.
enum tileproof_byte : uint8_t {
    tileproof_open = 1,   // the running function was given it
    tileproof_fresh = 2,  // written since its object was last handed out
    tileproof_ever = 4,   // written since the context began
    tileproof_dirty = 8,  // written by a tile function since the emulator last looked
};

// Tile memories of this process and what is known of their bytes.
struct tileproof_window {
    uintptr_t base;
    size_t size;
    uint8_t *bytes;
};

enum tileproof_access_kind : uint32_t {
    tileproof_access_none = 0,
    tileproof_access_read = 1,       // out of bounds
    tileproof_access_write = 2,      // out of bounds
    tileproof_access_unwritten = 3,  // a load of what nobody ever wrote
    tileproof_access_stale = 4,      // a load of what was written for an earlier object
};

// The first access that was wrong, of the code at `pc`.
struct tileproof_access_fault {
    uint32_t kind;
    uint32_t nbytes;
    uintptr_t address;
    uintptr_t pc;
};

// Accesses of tile memory since the emulator last cleared this. Vector accesses (16 bytes and more) are counted in
// slots of the target's port; `conflicts` are loads from the bank that the load before came from.
struct tileproof_access_counts {
    uint64_t scalar_loads, scalar_stores;
    uint64_t vector_loads, vector_stores;
    uint64_t conflicts;
};

extern tileproof_window tileproof_memory;
extern tileproof_access_fault tileproof_bad_access;
extern tileproof_access_counts tileproof_accesses;
// Bytes of one vector access of the target: the emulator sets it.
extern uint32_t tileproof_port_bytes;
// Where the first fault of aie_api was recorded.
extern uintptr_t tileproof_fault_pc;

// Calls `function` with its locals in tile memory, below `top`: `count` whole numbers or pointers, and up to eight
// floats in double-width slots.
void tileproof_call_on_stack(void (*function)(), const uint64_t *integers, uint64_t count, const double *floats,
                             void *top);
}
