// How XRT's C++ classes reach the emulator: every call is a question that Python answers with the same objects that
// answer a Python host's `import pyxrt`. Nothing here knows what a call means.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "xrt/detail/ert.h"

extern "C" {
struct tileproof_reply {
    std::int64_t number; // an answer that is a number: a size, a state, an object
    const char *text;    // an answer, or an error, in words; until the next question of this thread
    std::int32_t raised; // which exception, if any
    std::int32_t code;   // its errno
};
// In runtime_host/tileproof_host.cc, compiled with the host.
void tileproof_ask(const char *what, const char *text, const std::int64_t *numbers, std::int32_t count,
                   tileproof_reply *reply);
}

namespace tileproof {

enum class raised : std::int32_t { nothing, system_error, runtime_error, out_of_range, command_error };

inline void throw_what(const tileproof_reply &reply) {
    switch (static_cast<raised>(reply.raised)) {
    case raised::system_error:
        // XRT's own errors are system errors: their text ends with what errno says.
        throw std::system_error(reply.code, std::system_category(), reply.text);
    case raised::out_of_range:
        throw std::out_of_range(reply.text);
    default:
        throw std::runtime_error(reply.text);
    }
}

// The answer, whatever was raised.
template <typename... Numbers>
tileproof_reply asked(const char *what, const std::string &text, Numbers... numbers) {
    const std::int64_t given[] = {static_cast<std::int64_t>(numbers)..., 0};
    tileproof_reply reply{};
    tileproof_ask(what, text.c_str(), given, sizeof...(numbers), &reply);
    return reply;
}

template <typename... Numbers>
tileproof_reply ask_with(const char *what, const std::string &text, Numbers... numbers) {
    const auto reply = asked(what, text, numbers...);
    if (reply.raised)
        throw_what(reply);
    return reply;
}

template <typename... Numbers>
std::int64_t ask(const char *what, Numbers... numbers) {
    return ask_with(what, {}, numbers...).number;
}

template <typename... Numbers>
std::string ask_text(const char *what, Numbers... numbers) {
    return ask_with(what, {}, numbers...).text;
}

// What waiting for a command throws that did not complete. Each class of XRT has one of its own.
class command_error : public std::exception {
public:
    command_error(ert_cmd_state state, const std::string &text) : state(state), text(text) {}
    ert_cmd_state get_command_state() const { return state; }
    const char *what() const noexcept override { return text.c_str(); }

private:
    ert_cmd_state state;
    std::string text;
};

template <typename CommandError, typename... Numbers>
std::int64_t wait_with(const char *what, Numbers... numbers) {
    const auto reply = asked(what, {}, numbers...);
    if (reply.raised == static_cast<std::int32_t>(raised::command_error))
        throw CommandError(static_cast<ert_cmd_state>(reply.code), reply.text);
    if (reply.raised)
        throw_what(reply);
    return reply.number;
}

inline std::int64_t address_of(const void *data) { return static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(data)); }

// An object of the emulator, shared as XRT shares its own: it is gone with its last holder. 0 is an empty handle.
class object {
public:
    object() = default;

    explicit object(std::int64_t number)
        : held(new std::int64_t(number), [](std::int64_t *gone) {
              asked("release", {}, *gone);
              delete gone;
          }) {}

    std::int64_t number() const { return held ? *held : 0; }
    explicit operator bool() const { return held != nullptr; }
    bool operator==(const object &other) const { return held == other.held; }
    bool operator<(const object &other) const { return held < other.held; }
    void reset() { held.reset(); }

private:
    std::shared_ptr<std::int64_t> held;
};

} // namespace tileproof
