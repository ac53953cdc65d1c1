// xrt::xclbin: a file, read, with its kernels and memories.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "xrt/detail/tileproof.h"
#include "xrt/xrt_uuid.h"

namespace xrt {

class xclbin {
public:
    class kernel {
    public:
        kernel() = default;
        kernel(std::string name, std::size_t arguments) : name(std::move(name)), arguments(arguments) {}
        std::string get_name() const { return name; }
        std::size_t get_num_args() const { return arguments; }

    private:
        std::string name;
        std::size_t arguments = 0;
    };

    class mem {
    public:
        mem(tileproof::object file, int index) : file(std::move(file)), index(index) {}
        std::string get_tag() const { return tileproof::ask_text("mem.get_tag", file.number(), index); }
        std::uint64_t get_base_address() const { return asked("mem.get_base_address"); }
        std::uint64_t get_size_kb() const { return asked("mem.get_size_kb"); }
        bool get_used() const { return asked("mem.get_used") != 0; }
        std::int32_t get_index() const { return index; }

    private:
        std::uint64_t asked(const char *what) const { return tileproof::ask(what, file.number(), index); }
        tileproof::object file;
        int index;
    };

    xclbin() = default;
    explicit xclbin(const std::string &path) : handle(tileproof::ask_with("xclbin", path).number) {}

    std::vector<kernel> get_kernels() const {
        std::vector<kernel> found;
        const auto count = tileproof::ask("xclbin.kernels", handle.number());
        for (std::int64_t index = 0; index < count; ++index)
            found.emplace_back(tileproof::ask_text("xclbin.kernel_name", handle.number(), index),
                               tileproof::ask("xclbin.kernel_arguments", handle.number(), index));
        return found;
    }

    // An empty one where there is none of the name.
    kernel get_kernel(const std::string &name) const {
        for (const auto &one : get_kernels())
            if (one.get_name() == name)
                return one;
        return {};
    }

    std::vector<mem> get_mems() const {
        std::vector<mem> found;
        const auto count = tileproof::ask("xclbin.mems", handle.number());
        for (int index = 0; index < count; ++index)
            found.emplace_back(handle, index);
        return found;
    }

    uuid get_uuid() const { return uuid(tileproof::ask_text("xclbin.get_uuid", handle.number())); }
    std::string get_xsa_name() const { return tileproof::ask_text("xclbin.get_xsa_name", handle.number()); }
    explicit operator bool() const { return static_cast<bool>(handle); }

    const tileproof::object &emulated() const { return handle; }

private:
    tileproof::object handle;
};

} // namespace xrt
