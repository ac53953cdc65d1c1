// The functions that -fsanitize=kernel-address calls before every load and store, with our own meaning: an access
// inside the tile memories must stay inside the buffers that the running function was given, and a load must find
// something written. Accesses elsewhere (its stack, its tables) are not ours to judge. GCC and clang call the same names.
#include "tileproof_checks.hpp"

extern "C" {

tileproof_window tileproof_memory = {0, 0, nullptr};
tileproof_access_fault tileproof_bad_access = {};
tileproof_access_counts tileproof_accesses = {};
uint32_t tileproof_port_bytes = 32;
uintptr_t tileproof_fault_pc = 0;
}

namespace {

constexpr uint64_t every_byte = 0x0101010101010101;
constexpr size_t vector_bytes = 16;  // the narrowest vector
constexpr uintptr_t bank_bytes = 16 * 1024;
uintptr_t last_bank = 0;

void record(uint32_t kind, uintptr_t address, size_t nbytes, void *pc) {
    if (tileproof_bad_access.kind == tileproof_access_none)
        tileproof_bad_access = {kind, static_cast<uint32_t>(nbytes), address, reinterpret_cast<uintptr_t>(pc)};
}

// The first byte that is not open, or n.
size_t first_closed(const uint8_t *bytes, size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, bytes + i, 8);
        if ((eight & every_byte * tileproof_open) != every_byte * tileproof_open) break;
    }
    while (i < n && bytes[i] & tileproof_open) ++i;
    return i;
}

// What all of the bytes together have: a load of which a part is fresh may ignore the rest.
uint8_t any_of(const uint8_t *bytes, size_t n) {
    uint64_t all = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, bytes + i, 8);
        all |= eight;
    }
    for (; i < n; ++i) all |= bytes[i];
    for (int shift = 32; shift >= 8; shift /= 2) all |= all >> shift;
    return static_cast<uint8_t>(all);
}

void count_load(uintptr_t offset, size_t nbytes) {
    if (nbytes < vector_bytes) {
        ++tileproof_accesses.scalar_loads;
        return;
    }
    const uintptr_t bank = offset / bank_bytes + 1;
    tileproof_accesses.conflicts += bank == last_bank;
    // A pair of loads goes at once, so the next one begins another pair.
    last_bank = bank == last_bank ? 0 : bank;
    tileproof_accesses.vector_loads += (nbytes + tileproof_port_bytes - 1) / tileproof_port_bytes;
}

void count_store(size_t nbytes) {
    if (nbytes < vector_bytes)
        ++tileproof_accesses.scalar_stores;
    else
        tileproof_accesses.vector_stores += (nbytes + tileproof_port_bytes - 1) / tileproof_port_bytes;
}

inline bool in_tiles(uintptr_t address, uintptr_t &offset, size_t &nbytes) {
    offset = address - tileproof_memory.base;
    if (offset >= tileproof_memory.size || nbytes == 0) return false;
    if (nbytes > tileproof_memory.size - offset) nbytes = tileproof_memory.size - offset;
    return true;
}

void on_load(uintptr_t address, size_t nbytes, void *pc) {
    uintptr_t offset;
    if (!in_tiles(address, offset, nbytes)) return;
    count_load(offset, nbytes);
    const uint8_t *bytes = tileproof_memory.bytes + offset;
    const size_t closed = first_closed(bytes, nbytes);
    if (closed < nbytes) {
        record(tileproof_access_read, address + closed, nbytes, pc);
        return;
    }
    const uint8_t any = any_of(bytes, nbytes);
    if (!(any & tileproof_fresh))
        record(any & tileproof_ever ? tileproof_access_stale : tileproof_access_unwritten, address, nbytes, pc);
}

void on_store(uintptr_t address, size_t nbytes, void *pc) {
    uintptr_t offset;
    if (!in_tiles(address, offset, nbytes)) return;
    count_store(nbytes);
    uint8_t *bytes = tileproof_memory.bytes + offset;
    const size_t closed = first_closed(bytes, nbytes);
    if (closed < nbytes) record(tileproof_access_write, address + closed, nbytes, pc);
    for (size_t i = 0; i < nbytes; ++i) bytes[i] |= tileproof_fresh | tileproof_ever | tileproof_dirty;
}

}  // namespace

extern "C" {

#define TILEPROOF_CHECK(n)                                                                                            \
    void __asan_load##n##_noabort(uintptr_t address) { on_load(address, n, __builtin_return_address(0)); }            \
    void __asan_store##n##_noabort(uintptr_t address) { on_store(address, n, __builtin_return_address(0)); }
TILEPROOF_CHECK(1)
TILEPROOF_CHECK(2)
TILEPROOF_CHECK(4)
TILEPROOF_CHECK(8)
TILEPROOF_CHECK(16)

void __asan_loadN_noabort(uintptr_t address, size_t n) { on_load(address, n, __builtin_return_address(0)); }
void __asan_storeN_noabort(uintptr_t address, size_t n) { on_store(address, n, __builtin_return_address(0)); }
void __asan_handle_no_return() {}
// Around constructors of globals.
void __asan_before_dynamic_init(const char *) {}
void __asan_after_dynamic_init() {}

// clang calls these. GCC before 13 calls memcpy and its kin by their own names, and -Wl,--wrap brings those calls to
// ours; the real ones are then called __real_memcpy, and so on.
#ifdef __clang__
#define TILEPROOF_REAL(function) __builtin_##function
#define TILEPROOF_COPY(function) __asan_##function
#else
#define TILEPROOF_REAL(function) __real_##function
#define TILEPROOF_COPY(function) __wrap_##function
void *__real_memcpy(void *, const void *, size_t);
void *__real_memmove(void *, const void *, size_t);
void *__real_memset(void *, int, size_t);
#endif

void *TILEPROOF_COPY(memcpy)(void *to, const void *from, size_t n) {
    on_load(reinterpret_cast<uintptr_t>(from), n, __builtin_return_address(0));
    on_store(reinterpret_cast<uintptr_t>(to), n, __builtin_return_address(0));
    return TILEPROOF_REAL(memcpy)(to, from, n);
}
void *TILEPROOF_COPY(memmove)(void *to, const void *from, size_t n) {
    on_load(reinterpret_cast<uintptr_t>(from), n, __builtin_return_address(0));
    on_store(reinterpret_cast<uintptr_t>(to), n, __builtin_return_address(0));
    return TILEPROOF_REAL(memmove)(to, from, n);
}
void *TILEPROOF_COPY(memset)(void *to, int value, size_t n) {
    on_store(reinterpret_cast<uintptr_t>(to), n, __builtin_return_address(0));
    return TILEPROOF_REAL(memset)(to, value, n);
}

// aie_api's own, which is weak, knows no place.
struct tileproof_fault_type {
    uint32_t kind, needed, bytes;
    const void *address;
};
__attribute__((weak)) tileproof_fault_type tileproof_fault = {0, 0, 0, nullptr};
void tileproof_record_fault(uint32_t kind, const void *address, unsigned needed, unsigned bytes) {
    if (tileproof_fault.kind != 0) return;
    tileproof_fault = {kind, needed, bytes, address};
    tileproof_fault_pc = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}
void tileproof_misaligned(const void *address, unsigned needed, unsigned bytes) {
    if (tileproof_fault.kind != 0) return;
    tileproof_fault = {1, needed, bytes, address};
    tileproof_fault_pc = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
}

// The ABI's argument registers are filled from the arrays and what is left is pushed; then the stack pointer is back.
#if defined(__x86_64__)
__asm__(R"(
.text
.globl tileproof_call_on_stack
.type tileproof_call_on_stack, @function
tileproof_call_on_stack:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdi, %r11
    movq %rsi, %r10
    movq %rdx, %rax
    andq $-16, %r8
    movq %r8, %rsp
    cmpq $6, %rax
    jbe 2f
    testq $1, %rax
    jz 1f
    subq $8, %rsp
1:  pushq -8(%r10,%rax,8)
    decq %rax
    cmpq $6, %rax
    ja 1b
2:  movsd 0(%rcx), %xmm0
    movsd 8(%rcx), %xmm1
    movsd 16(%rcx), %xmm2
    movsd 24(%rcx), %xmm3
    movsd 32(%rcx), %xmm4
    movsd 40(%rcx), %xmm5
    movsd 48(%rcx), %xmm6
    movsd 56(%rcx), %xmm7
    movq 0(%r10), %rdi
    movq 8(%r10), %rsi
    movq 16(%r10), %rdx
    movq 24(%r10), %rcx
    movq 32(%r10), %r8
    movq 40(%r10), %r9
    movl $8, %eax
    call *%r11
    movq %rbp, %rsp
    popq %rbp
    ret
.size tileproof_call_on_stack, .-tileproof_call_on_stack
)");
#elif defined(__aarch64__)
__asm__(R"(
.text
.globl tileproof_call_on_stack
.type tileproof_call_on_stack, %function
tileproof_call_on_stack:
    stp x29, x30, [sp, #-32]!
    mov x29, sp
    str x19, [sp, #16]
    mov x19, sp
    mov x16, x0
    mov x17, x1
    mov x9, x2
    and x4, x4, #-16
    mov sp, x4
    cmp x9, #8
    b.ls 2f
    sub x10, x9, #8
    add x11, x10, #1
    and x11, x11, #-2
    sub sp, sp, x11, lsl #3
    mov x12, sp
    add x13, x17, #64
1:  ldr x14, [x13], #8
    str x14, [x12], #8
    subs x10, x10, #1
    b.ne 1b
2:  ldp d0, d1, [x3]
    ldp d2, d3, [x3, #16]
    ldp d4, d5, [x3, #32]
    ldp d6, d7, [x3, #48]
    ldp x0, x1, [x17]
    ldp x2, x3, [x17, #16]
    ldp x4, x5, [x17, #32]
    ldp x6, x7, [x17, #48]
    blr x16
    mov sp, x19
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    ret
.size tileproof_call_on_stack, .-tileproof_call_on_stack
)");
#else
#error "tileproof's emulator knows x86-64 and aarch64"
#endif
}
