// Compiled with a C++ host: hands its questions to Python with the lines they come from, and tells how the host ends
// where it does not return from main: exit(), an exception that nobody catches, a signal.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cxxabi.h>
#include <exception>
#include <execinfo.h>
#include <iostream>
#include <signal.h>
#include <string>
#include <typeinfo>
#include <ucontext.h>
#include <unistd.h>

#include "xrt/detail/tileproof.h"

namespace {

constexpr int most_frames = 48;

struct trail {
    void *frames[most_frames];
    int depth = 0;
    void take() { depth = backtrace(frames, most_frames); }
};

using answer_function = void (*)(const char *, const char *, const std::int64_t *, std::int32_t, void *const *,
                                 std::int32_t, tileproof_reply *);
answer_function answer = nullptr;
int crash_pipe = -1;
thread_local trail thrown_at;

void ask_from(const trail &from, const char *what, const char *text, const std::int64_t *numbers, std::int32_t count,
              tileproof_reply *reply) {
    answer(what, text, numbers, count, from.frames, from.depth, reply);
}

void flush() {
    std::cout.flush();
    std::cerr.flush();
    std::fflush(nullptr);
}

// As libstdc++ would say it.
std::string words_of(std::exception_ptr thrown) {
    const auto *type = abi::__cxa_current_exception_type();
    int status = 0;
    char *name = type ? abi::__cxa_demangle(type->name(), nullptr, nullptr, &status) : nullptr;
    std::string words = type ? "terminate called after throwing an instance of '" + std::string(name ? name : type->name()) + "'\n"
                             : std::string("terminate called without an active exception\n");
    std::free(name);
    try {
        if (thrown)
            std::rethrow_exception(thrown);
    } catch (const std::exception &error) {
        words += "  what():  " + std::string(error.what()) + "\n";
    } catch (...) {
    }
    return words;
}

[[noreturn]] void terminated() {
    const auto from = thrown_at;
    flush();
    tileproof_reply reply{};
    ask_from(from, "host.terminated", words_of(std::current_exception()).c_str(), nullptr, 0, &reply);
    _exit(128 + SIGABRT);
}

std::uintptr_t interrupted_at(void *context) {
    const auto &machine = static_cast<ucontext_t *>(context)->uc_mcontext;
#if defined(__x86_64__)
    return machine.gregs[REG_RIP];
#else
    return machine.pc;
#endif
}

// Only what may be done in a handler: the frames go to whoever waits for this process, which then dies of the signal.
void crashed(int signal_number, siginfo_t *, void *context) {
    trail from;
    from.take();
    // All others are return addresses, one instruction further.
    for (int index = 0; index < from.depth; ++index)
        if (reinterpret_cast<std::uintptr_t>(from.frames[index]) == interrupted_at(context))
            from.frames[index] = static_cast<char *>(from.frames[index]) + 1;
    [[maybe_unused]] const auto written = write(crash_pipe, from.frames, sizeof(void *) * from.depth);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

void watch_signals() {
    static char stack[64 * 1024]; // so that a host whose stack is full can still be told
    stack_t other = {};
    other.ss_sp = stack;
    other.ss_size = sizeof(stack);
    sigaltstack(&other, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
        sigaction(number, &action, nullptr);
}

} // namespace

extern "C" {

void tileproof_ask(const char *what, const char *text, const std::int64_t *numbers, std::int32_t count,
                   tileproof_reply *reply) {
    trail from;
    from.take();
    ask_from(from, what, text, numbers, count, reply);
}

// Before the constructors of global objects, which may ask already.
__attribute__((constructor(101))) static void begin() {
    const char *given = std::getenv("TILEPROOF_HOST");
    if (!given)
        return;
    char *rest = nullptr;
    answer = reinterpret_cast<answer_function>(std::strtoull(given, &rest, 10));
    crash_pipe = static_cast<int>(std::strtol(rest + 1, nullptr, 10));
    trail first;
    first.take(); // loads what backtrace needs, which a handler must not
    std::set_terminate(terminated);
    watch_signals();
}

void tileproof_host_flush() { flush(); }

// -Wl,--wrap: what is left of the host's life is told before it ends.
[[noreturn]] void __real_exit(int code);

[[noreturn]] void __wrap_exit(int code) {
    trail from;
    from.take();
    flush();
    const std::int64_t number = code;
    tileproof_reply reply{};
    ask_from(from, "host.exits", "", &number, 1, &reply);
    __real_exit(code);
}

[[noreturn]] void __real___cxa_throw(void *thrown, std::type_info *type, void (*destroy)(void *));

[[noreturn]] void __wrap___cxa_throw(void *thrown, std::type_info *type, void (*destroy)(void *)) {
    thrown_at.take();
    __real___cxa_throw(thrown, type, destroy);
}
}
