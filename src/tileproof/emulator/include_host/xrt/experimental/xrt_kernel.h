// xrt::runlist: runs of one context, executed in their order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <string>

#include "xrt/xrt_kernel.h"

namespace xrt {

class runlist {
public:
    class command_error : public std::exception {
    public:
        command_error(ert_cmd_state state, const std::string &text) : state(state), text(text) {}
        ert_cmd_state get_command_state() const { return state; }
        const char *what() const noexcept override { return text.c_str(); }

    private:
        ert_cmd_state state;
        std::string text;
    };

    runlist() = default;
    explicit runlist(const xrt::hw_context &context)
        : handle(tileproof::ask("runlist", context.emulated().number())) {}

    void add(const xrt::run &entry) { tileproof::ask("runlist.add", handle.number(), entry.emulated().number()); }
    void execute() { tileproof::ask("runlist.execute", handle.number()); }
    void reset() { tileproof::ask("runlist.reset", handle.number()); }

    std::cv_status wait(const std::chrono::milliseconds &timeout) const {
        const auto reply = tileproof::asked("runlist.wait", {}, handle.number(), timeout.count());
        if (reply.raised == static_cast<std::int32_t>(tileproof::raised::command_error))
            throw command_error(static_cast<ert_cmd_state>(reply.code), reply.text);
        if (reply.raised)
            tileproof::throw_what(reply);
        return std::cv_status::no_timeout;
    }
    void wait() const { wait(std::chrono::milliseconds{0}); }

    explicit operator bool() const { return static_cast<bool>(handle); }

private:
    tileproof::object handle;
};

} // namespace xrt
