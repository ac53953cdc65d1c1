// xrt::device: the emulated NPU.
#pragma once

#include <string>

#include "xrt/detail/tileproof.h"
#include "xrt/detail/xrt_mem.h"
#include "xrt/experimental/xrt_xclbin.h"
#include "xrt/xrt_uuid.h"

namespace xrt {

namespace info {
// In XRT's order; the emulator answers bdf and name.
enum class device : unsigned int {
    bdf,
    interface_uuid,
    kdma,
    max_clock_frequency_mhz,
    m2m,
    name,
    nodma,
    offline,
    electrical,
    thermal,
    mechanical,
    memory,
    platform,
    pcie_info,
    host,
    aie,
    aie_shim,
    dynamic_regions,
    vmr,
};
} // namespace info

class device {
public:
    device() = default;
    explicit device(unsigned int index) : handle(tileproof::ask("device", index)) {}
    explicit device(const std::string &bdf) : handle(tileproof::ask_with("device.of_bdf", bdf).number) {}

    uuid register_xclbin(const xclbin &file) {
        return uuid(tileproof::ask_text("device.register_xclbin", handle.number(), file.emulated().number()));
    }

    uuid load_xclbin(const xclbin &file) {
        return uuid(tileproof::ask_text("device.load_xclbin", handle.number(), file.emulated().number()));
    }

    uuid load_xclbin(const std::string &path) { return load_xclbin(xclbin(path)); }
    uuid get_xclbin_uuid() const { return uuid(tileproof::ask_text("device.get_xclbin_uuid", handle.number())); }

    template <info::device key>
    std::string get_info() const {
        return tileproof::ask_text("device.get_info", handle.number(), static_cast<unsigned int>(key));
    }

    void reset() { handle.reset(); }
    explicit operator bool() const { return static_cast<bool>(handle); }
    bool operator==(const device &other) const { return handle == other.handle; }

    const tileproof::object &emulated() const { return handle; }

private:
    tileproof::object handle;
};

} // namespace xrt
