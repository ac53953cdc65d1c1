// xrt::ext: buffers without flags and groups, and kernels whose instructions come from an ELF.
#pragma once

#include <cstdint>
#include <string>

#include "xrt/experimental/xrt_module.h"
#include "xrt/xrt_bo.h"
#include "xrt/xrt_kernel.h"

namespace xrt::ext {

class bo : public xrt::bo {
public:
    enum class access_mode : std::uint64_t {
        none = 0,
        read = 1,
        write = 2,
        read_write = 3,
        local = 0,
        shared = 4,
        process = 8,
        hybrid = 16,
    };
    friend constexpr access_mode operator|(access_mode one, access_mode other) {
        return static_cast<access_mode>(static_cast<std::uint64_t>(one) | static_cast<std::uint64_t>(other));
    }
    friend constexpr access_mode operator&(access_mode one, access_mode other) {
        return static_cast<access_mode>(static_cast<std::uint64_t>(one) & static_cast<std::uint64_t>(other));
    }

    bo() = default;
    bo(const xrt::device &device, std::size_t size, access_mode = access_mode::read_write)
        : xrt::bo(tileproof::object(tileproof::ask("ext.bo", device.emulated().number(), size))) {}
    bo(const xrt::hw_context &context, std::size_t size, access_mode = access_mode::read_write)
        : bo(context.get_device(), size) {}
};

class kernel : public xrt::kernel {
public:
    kernel() = default;
    kernel(const xrt::hw_context &context, const xrt::module &module, const std::string &name)
        : xrt::kernel(name, tileproof::ask_with("ext.kernel", name, context.emulated().number(),
                                                module.emulated().number())
                                .number) {}
    kernel(const xrt::hw_context &context, const std::string &name)
        : xrt::kernel(name, tileproof::ask_with("ext.kernel.of_context", name, context.emulated().number()).number) {}
};

} // namespace xrt::ext
