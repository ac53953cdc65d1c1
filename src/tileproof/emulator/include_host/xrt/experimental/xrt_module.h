// xrt::module: an ELF's instructions, for ext::kernel.
#pragma once

#include <string>

#include "xrt/experimental/xrt_elf.h"
#include "xrt/xrt_hw_context.h"

namespace xrt {

class module {
public:
    module() = default;
    explicit module(const xrt::elf &file) : handle(tileproof::ask("module", file.emulated().number())) {}
    explicit operator bool() const { return static_cast<bool>(handle); }

    const tileproof::object &emulated() const { return handle; }

private:
    tileproof::object handle;
};

} // namespace xrt
