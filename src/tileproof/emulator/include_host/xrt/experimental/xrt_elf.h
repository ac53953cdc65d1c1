// xrt::elf: instructions as an ELF.
#pragma once

#include <string>

#include "xrt/detail/tileproof.h"
#include "xrt/xrt_uuid.h"

namespace xrt {

class elf {
public:
    elf() = default;
    explicit elf(const std::string &path) : handle(tileproof::ask_with("elf", path).number) {}
    elf(const void *data, std::size_t size)
        : handle(tileproof::ask("elf.of_data", tileproof::address_of(data), size)) {}

    explicit operator bool() const { return static_cast<bool>(handle); }
    const tileproof::object &emulated() const { return handle; }

private:
    tileproof::object handle;
};

} // namespace xrt
