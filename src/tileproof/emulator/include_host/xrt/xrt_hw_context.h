// xrt::hw_context: a partition of the array, set up with one xclbin.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "xrt/detail/tileproof.h"
#include "xrt/experimental/xrt_elf.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_uuid.h"

namespace xrt {

class hw_context {
public:
    using cfg_param_type = std::map<std::string, std::uint32_t>;
    using qos_type = cfg_param_type;
    using cfg_type = std::map<std::string, std::string>;
    enum class access_mode : std::uint8_t { exclusive = 0, shared = 1 };

    hw_context() = default;
    // What else is asked for decides nothing here: a context of the emulator is alone, and as fast as it can be.
    hw_context(const xrt::device &device, const xrt::uuid &id, access_mode = access_mode::shared)
        : opened_on(device), of(id),
          handle(tileproof::ask_with("hw_context", id.to_string(), device.emulated().number()).number) {}
    hw_context(const xrt::device &device, const xrt::uuid &id, const cfg_param_type &) : hw_context(device, id) {}
    hw_context(const xrt::device &device, const xrt::uuid &id, const cfg_type &) : hw_context(device, id) {}
    hw_context(const xrt::device &device, const xrt::elf &file, access_mode = access_mode::shared)
        : opened_on(device),
          handle(tileproof::ask("hw_context.of_elf", device.emulated().number(), file.emulated().number())) {}
    hw_context(const xrt::device &device, const xrt::elf &file, const cfg_param_type &, access_mode mode)
        : hw_context(device, file, mode) {}

    xrt::device get_device() const { return opened_on; }
    xrt::uuid get_xclbin_uuid() const { return of; }
    explicit operator bool() const { return static_cast<bool>(handle); }
    void reset() { handle.reset(); }

    const tileproof::object &emulated() const { return handle; }

private:
    xrt::device opened_on;
    xrt::uuid of;
    tileproof::object handle;
};

} // namespace xrt
