// What a core keeps between two calls, and what went wrong in the last one. The emulator reads and writes both objects
// by name (dlsym), so they are plain C structs, weak so that several translation units of one core share them.
#pragma once

#include <cstdint>

#if !defined(__AIE_ARCH__)
#error "define __AIE_ARCH__: 20 for npu1 (AIE2), 21 for npu2 (AIE2P)"
#elif __AIE_ARCH__ != 20 && __AIE_ARCH__ != 21
#error "tileproof's aie_api knows __AIE_ARCH__ 20 (npu1, AIE2) and 21 (npu2, AIE2P) only"
#endif

#define TILEPROOF_WEAK __attribute__((weak, visibility("default")))
#define TILEPROOF_NOTHROW __attribute__((nothrow))

extern "C" {

// Where the program or the library with this code begins and ends in memory: the linker's.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

// The control registers of SRS. Reset state is floor and none; a core never resets them between calls, nor do we.
struct tileproof_core_state_type {
    uint32_t rounding;     // aie::rounding_mode
    uint32_t saturation;   // aie::saturation_mode
    uint32_t as_hardware;  // no register: 1 makes a misaligned access wrong in silence, as the device does
};
TILEPROOF_WEAK tileproof_core_state_type tileproof_core_state = {0, 0, 0};

// Rules of these headers that no source confirms. Where one decided a result its byte is 1, and a verdict says so: the
// words, in this order, are in emulator/semantics.py.
enum tileproof_rule : uint32_t {
    tileproof_rule_bfloat16_sums,
    tileproof_rule_float_products,
    tileproof_rule_float_mac,
    tileproof_rule_no_numbers,
    tileproof_rule_float_inverse,
    tileproof_rule_square_root,
    tileproof_rule_exp2_rounding,
    tileproof_rule_tanh_beyond_half,
    tileproof_rule_tanh_table,
    tileproof_rule_count,
    tileproof_rule_none = tileproof_rule_count,
};
TILEPROOF_WEAK uint8_t tileproof_unconfirmed[64] = {};

enum tileproof_fault_kind : uint32_t {
    tileproof_fault_none = 0,
    tileproof_fault_misaligned = 1,  // a vector of `bytes` bytes at `address`, which must be a multiple of `needed`
    tileproof_fault_shift = 2,       // an SRS or UPS shift of (int)`bytes`; the hardware's range ends at (int)`needed`
    tileproof_fault_index = 3,       // an index, step or chunk of `bytes` where only values below `needed` make sense
    tileproof_fault_unset = 4,       // an operand of `bytes` bytes that nothing was put into; `address` is of the code
};

// The first fault since the emulator last set `kind` to 0; later ones are usually its consequences.
struct tileproof_fault_type {
    uint32_t kind;
    uint32_t needed;
    uint32_t bytes;
    const void *address;
};
TILEPROOF_WEAK tileproof_fault_type tileproof_fault = {0, 0, 0, nullptr};

TILEPROOF_WEAK TILEPROOF_NOTHROW void tileproof_record_fault(uint32_t kind, const void *address, unsigned needed, unsigned bytes) {
    if (tileproof_fault.kind == tileproof_fault_none) tileproof_fault = {kind, needed, bytes, address};
}

// Hardware drops the low address bits and goes on with wrong data. We note it and access the address that was asked
// for, unless `as_hardware` asks for the device's silence. A program that links its own `tileproof_misaligned` replaces
// this one.
TILEPROOF_WEAK TILEPROOF_NOTHROW void tileproof_misaligned(const void *address, unsigned needed, unsigned bytes) {
    tileproof_record_fault(tileproof_fault_misaligned, address, needed, bytes);
}

// An operand of the code at `pc` that nothing was put into. As above, a checked build has its own.
TILEPROOF_WEAK TILEPROOF_NOTHROW void tileproof_unset(const void *pc, unsigned bytes) {
    tileproof_record_fault(tileproof_fault_unset, pc, 0, bytes);
}

}  // extern "C"

namespace aie {

enum class rounding_mode : uint32_t {
    floor = 0,
    ceil = 1,
    symmetric_floor = 2,
    symmetric_ceil = 3,
    negative_inf = 8,
    positive_inf = 9,
    symmetric_zero = 10,
    symmetric_inf = 11,
    conv_even = 12,
    conv_odd = 13,
};

enum class saturation_mode : uint32_t { none = 0, truncate = 0, saturate = 1, symmetric = 3 };

inline void set_rounding(rounding_mode mode) { tileproof_core_state.rounding = uint32_t(mode); }
inline void set_saturation(saturation_mode mode) { tileproof_core_state.saturation = uint32_t(mode); }
[[nodiscard]] inline rounding_mode get_rounding() { return rounding_mode(tileproof_core_state.rounding); }
[[nodiscard]] inline saturation_mode get_saturation() { return saturation_mode(tileproof_core_state.saturation); }

[[nodiscard]] inline rounding_mode swap_rounding(rounding_mode mode) {
    const rounding_mode before = get_rounding();
    set_rounding(mode);
    return before;
}

[[nodiscard]] inline saturation_mode swap_saturation(saturation_mode mode) {
    const saturation_mode before = get_saturation();
    set_saturation(mode);
    return before;
}

}  // namespace aie
