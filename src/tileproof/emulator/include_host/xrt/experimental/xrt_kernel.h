// xrt::runlist: runs of one context, executed in their order.
#pragma once

#include <chrono>
#include <condition_variable>
#include <string>

#include "xrt/xrt_kernel.h"

namespace xrt {

class runlist {
public:
    class command_error : public tileproof::command_error {
        using tileproof::command_error::command_error;
    };

    runlist() = default;
    explicit runlist(const xrt::hw_context &context)
        : handle(tileproof::ask("runlist", context.emulated().number())) {}

    void add(const xrt::run &entry) { tileproof::ask("runlist.add", handle.number(), entry.emulated().number()); }
    void execute() { tileproof::ask("runlist.execute", handle.number()); }
    void reset() { tileproof::ask("runlist.reset", handle.number()); }

    std::cv_status wait(const std::chrono::milliseconds &timeout) const {
        tileproof::wait_with<command_error>("runlist.wait", handle.number(), timeout.count());
        return std::cv_status::no_timeout;
    }
    void wait() const { wait(std::chrono::milliseconds{0}); }

    explicit operator bool() const { return static_cast<bool>(handle); }

private:
    tileproof::object handle;
};

} // namespace xrt
