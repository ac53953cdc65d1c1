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
    tileproof_seen = 16,  // read by a tile function since then; kept where tileproof_keeps_seen says so
};

// Tile memories of this process and what is known of their bytes.
struct tileproof_window {
    uintptr_t base;
    size_t size;
    uint8_t *bytes;
};

enum tileproof_access_kind : uint32_t {
    tileproof_access_none = 0,
    tileproof_access_outside = 1,     // of tile memory that the function was not given
    tileproof_access_unwritten = 2,   // a load of what nobody ever wrote
    tileproof_access_stale = 3,       // a load of what was written for an earlier object
    tileproof_access_local = 4,       // past an end of a local
    tileproof_access_unset = 5,       // a load of a local that nobody set
    tileproof_access_static = 6,      // past an end of a static
    tileproof_access_nowhere = 7,     // of what is neither tile memory, nor a local, nor a static
    tileproof_access_misaligned = 8,  // a scalar at an address that is no multiple of its size
};

// The first access that was wrong, of the code at `pc`. For a local, `name` is the compiler's description of the frame
// at `begin`; for a static, its name, where it begins and its bytes.
struct tileproof_access_fault {
    uint32_t kind;
    uint32_t is_store;
    size_t nbytes;
    uintptr_t address;
    uintptr_t pc;
    const char *name;
    uintptr_t begin;
    size_t size;
};

// The stack that tile functions run on here; of size 0 while others run them. `written` has a byte for each of its
// bytes: stored to since the call began. `lowest` is the lowest address that was accessed since the emulator last set
// it; below `deepest` an access makes a note of all frames.
struct tileproof_stack_window {
    uintptr_t low;
    size_t size;
    uint8_t *written;
    uintptr_t lowest;
    uintptr_t deepest;
};

// The frames with locals in memory, from the deepest up, by their descriptions: "2 32 8 3 a:7 64 400 3 b:9" is a of 8
// bytes at offset 32, of line 7, and b. More than these do not fit: `count` counts on.
struct tileproof_frame_notes {
    uint64_t count;
    const char *descriptions[64];
};

// Since the emulator last cleared it: vector loads (16 bytes and more) from the bank that the load before came from.
struct tileproof_access_counts {
    uint64_t conflicts;
};

// How often each block of the tile code has run, in the order of the listings (count_blocks.*.s).
struct tileproof_block_counts {
    uint64_t *first;
    size_t count;
};

// Marks that tile code has reached since the emulator last took them: a row for each, of which (event0, event1), the code
// that it stands in, and the counts of all blocks until then. Without rows where nobody asks.
struct tileproof_event_notes {
    uint64_t *rows;
    size_t room;
    size_t count;
};

extern tileproof_event_notes tileproof_events;
extern tileproof_window tileproof_memory;
extern tileproof_access_fault tileproof_bad_access;
extern tileproof_access_counts tileproof_accesses;
extern tileproof_block_counts tileproof_counts;
extern tileproof_stack_window tileproof_stack;
extern tileproof_frame_notes tileproof_frames;
// 1 where a call may wait: what it reads before and after is not the same then, and others want to know.
extern uint32_t tileproof_keeps_seen;
// Where the first fault of aie_api was recorded.
extern uintptr_t tileproof_fault_pc;

// What the call that is under way waits for (aie_api/waiting.hpp): then it has not come back, and tileproof_go_on lets it.
// A library has one call at a time.
extern void *tileproof_waits_for;

// Calls `function` with its locals in memory, below `top`: `count` whole numbers or pointers, and up to eight floats in
// double-width slots. What it returns is left in its register, also by tileproof_go_on.
void tileproof_call_on_stack(void (*function)(), const uint64_t *integers, uint64_t count, const double *floats,
                             void *top);
void tileproof_go_on();
// From within the call: back to the emulator, until it lets the call go on.
void tileproof_leave();
void tileproof_hand_over(void *wait);
// Of aie_api/events.hpp. Where there is no more room it hands over `tileproof_events`.
void tileproof_note_event(uint32_t which, uintptr_t pc);
}
