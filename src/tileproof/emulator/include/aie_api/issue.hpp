// What an operation takes of a core, for the cycle model: a note in the operation's own assembly. Nothing runs for it; who
// reads the listing (cost/listing.py) finds at each call of the operation which instructions a core would issue.
#pragma once

#include <type_traits>

#include "core_state.hpp"

// For functions that are called and see vectors only, never tile memory: a checked build need not watch them, and what
// runs in them is no part of the tile code's own blocks. Their locals are not charged to the tile function's own frame
// either. No loop in them may become a call of memcpy or memset, which a checked build does watch.
#ifdef __clang__
#define TILEPROOF_UNWATCHED                                                                     \
    __attribute__((noinline, nothrow, no_sanitize("kernel-address"), no_sanitize("coverage"),            \
                   no_builtin("memcpy", "memmove", "memset")))
#elif __GNUC__ >= 12
#define TILEPROOF_UNWATCHED                                                                     \
    __attribute__((noinline, nothrow, no_sanitize("kernel-address"), no_sanitize_coverage,               \
                   optimize("no-tree-loop-distribute-patterns")))
#else
#define TILEPROOF_UNWATCHED \
    __attribute__((noinline, nothrow, no_sanitize("kernel-address"), optimize("no-tree-loop-distribute-patterns")))
#endif

namespace aie::detail {

// Instructions of a core, as far as they differ in slot and latency: cost/machine.py has both, by these numbers.
enum class instruction : unsigned {
    copy,      // a register renamed: nothing is issued, and the value goes on
    vmac,      // and vmsc, negmac: an accumulator is read and written
    vmul,      // of integers; no accumulator is read
    vmac_f,    // of bfloat16 and float
    vmul_f,
    vacc,      // sums of accumulators
    vacc_f,
    vadd,      // sums, min, max, and bits of vectors
    vcmp,      // to a mask
    vsel,
    vbcst,
    vshuffle,  // and shifts of whole lanes
    vextract,  // a lane to a scalar register
    vinsert,
    vpack,
    vunpack,
    vups,      // to an accumulator
    vsrs,      // from an accumulator, with shift, rounding and saturation
    vconv,     // accfloat to bfloat16
    vconv_up,  // bfloat16 to accfloat
    vfunction, // exp2 and tanh of AIE2P
    table,     // loads from a table by the lanes of a vector
    vgrow,     // zeros beside a half of a register; nothing is issued where it stands so before the loop
};

// Which of an operation's arguments, of those that are whole numbers or addresses, are registers that it writes or reads.
// Argument 0 is bit 0.
constexpr unsigned argument(unsigned i) { return 1u << i; }

// `Count` instructions, which write `Bytes` bytes at each argument of `Writes` and read those of `Reads`. All of them
// together make `Macs` products that somebody asked for.
template <instruction I, unsigned Count, unsigned Bytes = 0, unsigned Writes = 0, unsigned Reads = 0, unsigned Macs = 0>
[[gnu::always_inline]] inline void issue() {
    if constexpr (Count > 0 || I == instruction::copy)
        asm volatile("# tileproof %c0 %c1 %c2 %c3 %c4 %c5"
                     :
                     : "i"(unsigned(I)), "i"(Count), "i"(Bytes), "i"(Writes), "i"(Reads), "i"(Macs));
}

constexpr unsigned divided_up(unsigned a, unsigned b) { return (a + b - 1) / b; }

// Registers of a core: 512 bits are what an instruction of the move slot takes; accumulators have 1,024 bits on AIE2 and
// 2,048 on AIE2P, which one instruction takes whole (facts on the hardware, section 6; found_later.md 3).
inline constexpr unsigned accumulator_bits = __AIE_ARCH__ == 21 ? 2048 : 1024;
template <typename T>
constexpr unsigned in_vectors(unsigned lanes) { return divided_up(lanes * unsigned(sizeof(T)) * 8, 512); }
template <typename Element>
constexpr unsigned in_accumulators(unsigned lanes) {
    return divided_up(lanes * unsigned(sizeof(Element)) * 8, accumulator_bits);
}

}  // namespace aie::detail
