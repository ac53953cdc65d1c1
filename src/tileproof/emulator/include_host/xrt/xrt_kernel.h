// xrt::kernel and xrt::run: a compute unit of a context, and one execution of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "xrt/detail/ert.h"
#include "xrt/detail/tileproof.h"
#include "xrt/xrt_bo.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_hw_context.h"
#include "xrt/xrt_uuid.h"

// `run.wait();` on a line by itself is found by the compiler: XRT says nothing of it, and tileproof looks for this word.
#define TILEPROOF_STATE [[nodiscard("tileproof: the state of a run")]]

namespace xrt {

class run;

class kernel {
public:
    enum class cu_access_mode : std::uint8_t { exclusive = 0, shared = 1, none = 2 };

    kernel() = default;
    kernel(const xrt::hw_context &context, const std::string &name)
        : name(name), handle(tileproof::ask_with("kernel", name, context.emulated().number()).number) {}
    kernel(const xrt::device &device, const xrt::uuid &id, const std::string &name,
           cu_access_mode = cu_access_mode::shared)
        : kernel(xrt::hw_context(device, id), name) {}

    int group_id(int index) const { return tileproof::ask("kernel.group_id", handle.number(), index); }
    std::string get_name() const { return name; }
    explicit operator bool() const { return static_cast<bool>(handle); }
    void reset() { handle.reset(); }

    template <typename... Arguments>
    run operator()(Arguments &&...arguments) const;

    const tileproof::object &emulated() const { return handle; }

protected:
    kernel(std::string name, std::int64_t made) : name(std::move(name)), handle(made) {}

private:
    std::string name;
    tileproof::object handle;
};

class run {
public:
    // What wait2() throws of a command that did not complete.
    class command_error : public tileproof::command_error {
        using tileproof::command_error::command_error;
    };

    run() = default;
    explicit run(const kernel &of) : handle(tileproof::ask("run", of.emulated().number())) {}

    template <typename Argument>
    void set_arg(int index, Argument &&argument) {
        if constexpr (std::is_base_of_v<xrt::bo, std::decay_t<Argument>>)
            tileproof::ask("run.set_buffer", handle.number(), index,
                           static_cast<const xrt::bo &>(argument).emulated().number());
        else
            set_arg(index, &argument, sizeof(argument));
    }

    // A scalar's bytes; no argument of a kernel has more than eight.
    void set_arg(int index, const void *value, std::size_t size) {
        std::int64_t number = 0;
        std::memcpy(&number, value, size < sizeof(number) ? size : sizeof(number));
        tileproof::ask("run.set_number", handle.number(), index, number);
    }

    template <typename... Arguments>
    void operator()(Arguments &&...arguments) {
        set_all(std::forward<Arguments>(arguments)...);
        start();
    }

    template <typename... Arguments>
    void set_all(Arguments &&...arguments) {
        int index = 0;
        (set_arg(index++, std::forward<Arguments>(arguments)), ...);
    }

    void start() { tileproof::ask("run.start", handle.number()); }

    TILEPROOF_STATE ert_cmd_state wait(const std::chrono::milliseconds &timeout = std::chrono::milliseconds{0}) const {
        return static_cast<ert_cmd_state>(tileproof::ask("run.wait", handle.number(), timeout.count()));
    }
    TILEPROOF_STATE ert_cmd_state wait(unsigned int timeout_ms) const {
        return wait(std::chrono::milliseconds{timeout_ms});
    }

    std::cv_status wait2(const std::chrono::milliseconds &timeout) const {
        const auto ended = tileproof::wait_with<command_error>("run.wait2", handle.number(), timeout.count());
        return ended ? std::cv_status::no_timeout : std::cv_status::timeout;
    }
    void wait2() const { wait2(std::chrono::milliseconds{0}); }

    ert_cmd_state state() const { return static_cast<ert_cmd_state>(tileproof::ask("run.state", handle.number())); }
    ert_cmd_state abort() { return static_cast<ert_cmd_state>(tileproof::ask("run.abort", handle.number())); }

    xrt::bo get_ctrl_scratchpad_bo() const {
        return xrt::bo(tileproof::object(tileproof::ask("run.get_ctrl_scratchpad_bo", handle.number())));
    }

    explicit operator bool() const { return static_cast<bool>(handle); }
    bool operator<(const run &other) const { return handle < other.handle; }

    const tileproof::object &emulated() const { return handle; }

private:
    tileproof::object handle;
};

// C++ hosts are luckier than Python's: what is wrong with an argument is thrown here.
template <typename... Arguments>
run kernel::operator()(Arguments &&...arguments) const {
    run started(*this);
    started.set_all(std::forward<Arguments>(arguments)...);
    started.start();
    return started;
}

} // namespace xrt
