// The functions that -fsanitize=kernel-address calls before every load and store, with our own meaning: an access
// inside the tile memories must stay inside the buffers that the running function was given, and a load must find
// something written; one of a local or of a static must stay inside it. GCC and clang call the same names.
#include "tileproof_checks.hpp"

extern "C" {

tileproof_window tileproof_memory = {0, 0, nullptr};
tileproof_access_fault tileproof_bad_access = {};
tileproof_access_counts tileproof_accesses = {};
tileproof_stack_window tileproof_stack = {};
tileproof_event_notes tileproof_events = {};
tileproof_frame_notes tileproof_frames = {};
uint32_t tileproof_keeps_seen = 0;
void *tileproof_waits_for = nullptr;
uintptr_t tileproof_fault_pc = 0;
// clang calls memcpy and its kin as __asan_memcpy. GCC before 13 calls them by their own names, and -Wl,--wrap brings those calls to
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
// The section of the counters, if any code has some, as the linker has it.
extern uint64_t __start_tileproof_blocks[] __attribute__((visibility("hidden"), weak));
extern uint64_t __stop_tileproof_blocks[] __attribute__((visibility("hidden"), weak));
tileproof_block_counts tileproof_counts = {
    __start_tileproof_blocks, size_t(__stop_tileproof_blocks - __start_tileproof_blocks)};
// Where the library begins and ends in memory: the linker's.
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace {

constexpr uint64_t every_byte = 0x0101010101010101;
constexpr size_t vector_bytes = 16;  // the narrowest vector
constexpr uintptr_t bank_bytes = 16 * 1024;
uintptr_t last_bank = 0;

struct object {
    const char *name = nullptr;
    uintptr_t begin = 0;
    size_t size = 0;
};

void record(uint32_t kind, bool is_store, uintptr_t address, size_t nbytes, void *pc, object of = {}) {
    if (tileproof_bad_access.kind == tileproof_access_none)
        tileproof_bad_access = {kind,    is_store, nbytes, address, reinterpret_cast<uintptr_t>(pc), of.name,
                                of.begin, of.size};
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
    if (nbytes < vector_bytes) return;
    const uintptr_t bank = offset / bank_bytes + 1;
    tileproof_accesses.conflicts += bank == last_bank;
    // A pair of loads goes at once, so the next one begins another pair.
    last_bank = bank == last_bank ? 0 : bank;
}

// Shadow: a byte for each granule of 8 bytes, as the compilers write it for frames. 0 is open, 1 to 7 are that many
// open bytes, and what is negative is closed.

constexpr size_t granule = 8;
constexpr int8_t left_of_frame = int8_t(0xF1), closed = int8_t(0xF9);

// Of [address, address + n), n > 0.
bool is_closed(const int8_t *shadow, uintptr_t address, size_t n) {
    const uintptr_t last = address + n - 1;
    const int8_t *const end = shadow + (last / granule - address / granule);
    for (; shadow < end; ++shadow)
        if (*shadow) return true;
    return *end && int8_t(last % granule) >= *end;
}

void close(int8_t *shadow, size_t open, size_t all) {
    size_t i = open / granule;
    if (open % granule) shadow[i++] = int8_t(open % granule);
    for (; i < all / granule; ++i) shadow[i] = closed;
}

// Locals: the compiler marks them in the shadow of the stack, and leaves a description at the low end of each frame.

constexpr uint64_t frame_mark = 0x41B58AB3;
constexpr uintptr_t largest_frame = 256 * 1024;
// What -ftrivial-auto-var-init=pattern fills with.
#ifdef __clang__
constexpr uint8_t pattern = 0xAA;
#else
constexpr uint8_t pattern = 0xFE;
#endif

int8_t *shadow_of(uintptr_t address) {
    return reinterpret_cast<int8_t *>(address / granule + uintptr_t(TILEPROOF_SHADOW_OFFSET));
}

const uint64_t *words(uintptr_t address) { return reinterpret_cast<const uint64_t *>(address); }

bool is_frame(uintptr_t address) { return *words(address) == frame_mark && *shadow_of(address) == left_of_frame; }

uintptr_t stack_top() { return tileproof_stack.low + tileproof_stack.size; }

// The frame that an address lies in: its description and its low end.
object frame_of(uintptr_t address) {
    for (uintptr_t at = address & ~uintptr_t(15); at >= tileproof_stack.low && address - at < largest_frame; at -= 16)
        if (is_frame(at)) return {reinterpret_cast<const char *>(words(at)[1]), at, 0};
    return {};
}

void note_frames(uintptr_t lowest) {
    tileproof_stack.deepest = lowest;
    const uintptr_t frame = frame_of(lowest).begin;
    uint64_t count = 0;
    for (uintptr_t at = frame ? frame : lowest & ~uintptr_t(15); at < stack_top(); at += 16)
        if (is_frame(at) && count++ < 64)
            tileproof_frames.descriptions[count - 1] = reinterpret_cast<const char *>(words(at)[1]);
    tileproof_frames.count = count;
}

// A number with the pattern of what nobody set, of which no byte was stored to in this call, as far as the compiler tells:
// it tells of no store that is surely inside a local. So the whole granule must have it, and the number be one that is no
// likely value: two bytes of it are -258.
bool is_unset(uintptr_t address, size_t n) {
    if (*words(address & ~uintptr_t(granule - 1)) != every_byte * pattern) return false;
    const uint8_t *written = tileproof_stack.written + (address - tileproof_stack.low);
    for (size_t i = 0; i < n; ++i)
        if (written[i]) return false;
    return true;
}

void on_stack(uintptr_t address, size_t n, void *pc, bool is_store) {
    if (address < tileproof_stack.lowest) tileproof_stack.lowest = address;
    if (address < tileproof_stack.deepest) note_frames(address);
    if (is_closed(shadow_of(address), address, n)) {
        record(tileproof_access_local, is_store, address, n, pc, frame_of(address));
        return;
    }
    if (is_store)
        TILEPROOF_REAL(memset)(tileproof_stack.written + (address - tileproof_stack.low), 1, n);
    else if ((n == 4 || n == granule) && is_unset(address, n))  // more than that may be a vector, set elsewhere
        record(tileproof_access_unset, is_store, address, n, pc, frame_of(address));
}

#ifdef __clang__
void forget_written(uintptr_t address, size_t n) {
    if (address - tileproof_stack.low < tileproof_stack.size && n <= stack_top() - address)
        __builtin_memset(tileproof_stack.written + (address - tileproof_stack.low), 0, n);
}
#endif

// Statics: the compiler registers them, when the library is loaded. The library has the shadow of its own image.

struct registered {
    uintptr_t begin;
    size_t size, size_with_red_zone;
    const char *name;
    uintptr_t others[4];
};
struct unit {
    const registered *statics;
    size_t count;
};

unit units[256];
size_t unit_count = 0;
int8_t image_shadow[4 * 1024 * 1024];

uintptr_t image() { return reinterpret_cast<uintptr_t>(__ehdr_start); }
size_t image_bytes() { return reinterpret_cast<uintptr_t>(_end) - image(); }
bool has_shadow(uintptr_t in_image) { return in_image / granule < sizeof image_shadow; }

void add(const registered *statics, size_t count) {
    if (unit_count < sizeof units / sizeof *units) units[unit_count++] = {statics, count};
    for (size_t i = 0; i < count; ++i) {
        const uintptr_t begins = statics[i].begin - image(), ends = begins + statics[i].size_with_red_zone;
        if (ends < image_bytes() && has_shadow(ends))
            close(image_shadow + begins / granule, statics[i].size, statics[i].size_with_red_zone);
    }
}

object static_of(uintptr_t address) {
    for (size_t u = 0; u < unit_count; ++u)
        for (size_t i = 0; i < units[u].count; ++i) {
            const registered &one = units[u].statics[i];
            if (address - one.begin < one.size_with_red_zone) return {one.name, one.begin, one.size};
        }
    return {};
}

void on_static(uintptr_t address, size_t n, void *pc, bool is_store) {
    const uintptr_t at = address - image();
    if (has_shadow(at + n) && is_closed(image_shadow + at / granule, address, n))
        record(tileproof_access_static, is_store, address, n, pc, static_of(address + n - 1));
}

void outside_tiles(uintptr_t address, size_t n, void *pc, bool is_store) {
    if (!tileproof_stack.size || !n) return;  // a constructor runs, or somebody calls a function by himself
    if (address - tileproof_stack.low < tileproof_stack.size && n <= stack_top() - address)
        on_stack(address, n, pc, is_store);
    else if (address - image() < image_bytes())
        on_static(address, n, pc, is_store);
    else
        record(tileproof_access_nowhere, is_store, address, n, pc);
}

inline bool in_tiles(uintptr_t address, uintptr_t &offset, size_t &nbytes) {
    offset = address - tileproof_memory.base;
    if (offset >= tileproof_memory.size || nbytes == 0) return false;
    if (nbytes > tileproof_memory.size - offset) nbytes = tileproof_memory.size - offset;
    return true;
}

void on_load(uintptr_t address, size_t nbytes, void *pc) {
    uintptr_t offset;
    if (!in_tiles(address, offset, nbytes)) return outside_tiles(address, nbytes, pc, false);
    count_load(offset, nbytes);
    uint8_t *bytes = tileproof_memory.bytes + offset;
    const size_t closed = first_closed(bytes, nbytes);
    if (closed < nbytes) {
        record(tileproof_access_outside, false, address + closed, nbytes, pc);
        return;
    }
    if (tileproof_keeps_seen) [[unlikely]]
        for (size_t i = 0; i < nbytes; ++i) bytes[i] |= tileproof_seen;
    const uint8_t any = any_of(bytes, nbytes);
    if (!(any & tileproof_fresh))
        record(any & tileproof_ever ? tileproof_access_stale : tileproof_access_unwritten, false, address, nbytes, pc);
}

void on_store(uintptr_t address, size_t nbytes, void *pc) {
    uintptr_t offset;
    if (!in_tiles(address, offset, nbytes)) return outside_tiles(address, nbytes, pc, true);
    uint8_t *bytes = tileproof_memory.bytes + offset;
    const size_t closed = first_closed(bytes, nbytes);
    if (closed < nbytes) record(tileproof_access_outside, true, address + closed, nbytes, pc);
    for (size_t i = 0; i < nbytes; ++i) bytes[i] |= tileproof_fresh | tileproof_ever | tileproof_dirty;
}

// A scalar at an address that the device cannot have: it drops the low bits. int64 is two of 32 bits there.
template <size_t Bytes>
inline void aligned(uintptr_t address, void *pc, bool is_store) {
    constexpr size_t needed = Bytes < 4 ? Bytes : 4;
    if (Bytes <= 8 && address % needed) [[unlikely]]
        record(tileproof_access_misaligned, is_store, address, Bytes, pc, {nullptr, 0, needed});
}

}  // namespace

extern "C" {

#define TILEPROOF_CHECK(n)                                                                                            \
    void __asan_load##n##_noabort(uintptr_t address) {                                                                \
        aligned<n>(address, __builtin_return_address(0), false);                                                      \
        on_load(address, n, __builtin_return_address(0));                                                             \
    }                                                                                                                 \
    void __asan_store##n##_noabort(uintptr_t address) {                                                               \
        aligned<n>(address, __builtin_return_address(0), true);                                                       \
        on_store(address, n, __builtin_return_address(0));                                                            \
    }
TILEPROOF_CHECK(1)
TILEPROOF_CHECK(2)
TILEPROOF_CHECK(4)
TILEPROOF_CHECK(8)
TILEPROOF_CHECK(16)

void __asan_loadN_noabort(uintptr_t address, size_t n) { on_load(address, n, __builtin_return_address(0)); }
void __asan_storeN_noabort(uintptr_t address, size_t n) { on_store(address, n, __builtin_return_address(0)); }
void __asan_handle_no_return() {}
void __asan_register_globals(const registered *statics, size_t count) { add(statics, count); }
void __asan_unregister_globals(const registered *, size_t) {}
// clang, around what it takes of the stack while it runs.
void __asan_alloca_poison(uintptr_t, size_t) {}
void __asan_allocas_unpoison(uintptr_t, uintptr_t) {}
void __asan_poison_stack_memory(uintptr_t, size_t) {}
void __asan_unpoison_stack_memory(uintptr_t, size_t) {}
#define TILEPROOF_SET_SHADOW(value)                                             \
    void __asan_set_shadow_##value(uintptr_t shadow, size_t n) {                \
        TILEPROOF_REAL(memset)(reinterpret_cast<void *>(shadow), 0x##value, n); \
    }
TILEPROOF_SET_SHADOW(00)
TILEPROOF_SET_SHADOW(01)
TILEPROOF_SET_SHADOW(02)
TILEPROOF_SET_SHADOW(03)
TILEPROOF_SET_SHADOW(04)
TILEPROOF_SET_SHADOW(05)
TILEPROOF_SET_SHADOW(06)
TILEPROOF_SET_SHADOW(07)
TILEPROOF_SET_SHADOW(f1)
TILEPROOF_SET_SHADOW(f2)
TILEPROOF_SET_SHADOW(f3)
TILEPROOF_SET_SHADOW(f5)
TILEPROOF_SET_SHADOW(f8)
// Around constructors of globals.
void __asan_before_dynamic_init(const char *) {}
void __asan_after_dynamic_init() {}

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
#ifdef __clang__
    // clang fills larger locals with its pattern this way, before anybody has set them.
    if (uint8_t(value) == pattern) forget_written(reinterpret_cast<uintptr_t>(to), n);
#endif
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
void tileproof_unset(const void *pc, unsigned bytes) {
    if (tileproof_fault.kind != 0) return;
    tileproof_fault = {4, 0, bytes, nullptr};
    tileproof_fault_pc = reinterpret_cast<uintptr_t>(pc);
}

// A call has a stack of its own. What the ABI lets a caller keep in registers is pushed on the stack that is left, and the
// other stack is gone on with: from the emulator to the call, and back when it ends or waits. A call begins with the ABI's
// argument registers filled from the arrays, and what is left pushed; what it returns stays in its register.
__attribute__((visibility("hidden"))) uintptr_t tileproof_emulators_stack = 0;
__attribute__((visibility("hidden"))) uintptr_t tileproof_calls_stack = 0;

#if defined(__x86_64__)
__asm__(R"(
.macro tileproof_keep stack
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, \stack(%rip)
.endm
.macro tileproof_back stack
    movq \stack(%rip), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.endm
.text
.globl tileproof_call_on_stack
.type tileproof_call_on_stack, @function
tileproof_call_on_stack:
    tileproof_keep tileproof_emulators_stack
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
    tileproof_back tileproof_emulators_stack
.size tileproof_call_on_stack, .-tileproof_call_on_stack

.globl tileproof_leave
.type tileproof_leave, @function
tileproof_leave:
    tileproof_keep tileproof_calls_stack
    tileproof_back tileproof_emulators_stack
.size tileproof_leave, .-tileproof_leave

.globl tileproof_go_on
.type tileproof_go_on, @function
tileproof_go_on:
    tileproof_keep tileproof_emulators_stack
    tileproof_back tileproof_calls_stack
.size tileproof_go_on, .-tileproof_go_on
)");
#elif defined(__aarch64__)
__asm__(R"(
.macro tileproof_keep stack
    sub sp, sp, #160
    stp x29, x30, [sp]
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    adrp x16, \stack
    mov x17, sp
    str x17, [x16, :lo12:\stack]
.endm
.macro tileproof_back stack
    adrp x16, \stack
    ldr x17, [x16, :lo12:\stack]
    mov sp, x17
    ldp x29, x30, [sp]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
.endm
.text
.globl tileproof_call_on_stack
.type tileproof_call_on_stack, %function
tileproof_call_on_stack:
    tileproof_keep tileproof_emulators_stack
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
    tileproof_back tileproof_emulators_stack
.size tileproof_call_on_stack, .-tileproof_call_on_stack

.globl tileproof_leave
.type tileproof_leave, %function
tileproof_leave:
    tileproof_keep tileproof_calls_stack
    tileproof_back tileproof_emulators_stack
.size tileproof_leave, .-tileproof_leave

.globl tileproof_go_on
.type tileproof_go_on, %function
tileproof_go_on:
    tileproof_keep tileproof_emulators_stack
    tileproof_back tileproof_calls_stack
.size tileproof_go_on, .-tileproof_go_on
)");
#else
#error "tileproof's emulator knows x86-64 and aarch64"
#endif

void tileproof_hand_over(void *wait) {
    // Nobody is there to hand over to while the library is loaded.
    if (!tileproof_stack.size) __builtin_trap();
    tileproof_waits_for = wait;
    tileproof_leave();
    tileproof_waits_for = nullptr;
}

void tileproof_note_event(uint32_t which, uintptr_t pc) {
    tileproof_event_notes &notes = tileproof_events;
    if (!notes.rows || !tileproof_stack.size) return;
    if (notes.count == notes.room) tileproof_hand_over(&notes);
    const size_t blocks = tileproof_counts.count;
    uint64_t *row = notes.rows + (2 + blocks) * notes.count++;
    row[0] = which;
    row[1] = pc;
    for (size_t i = 0; i < blocks; ++i) row[2 + i] = tileproof_counts.first[i];
}
}
