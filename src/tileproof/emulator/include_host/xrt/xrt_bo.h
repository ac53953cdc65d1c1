// xrt::bo: memory of the host that the device can reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "xrt/detail/tileproof.h"
#include "xrt/detail/xrt_mem.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_hw_context.h"

namespace xrt {

using memory_group = std::uint32_t;

class bo {
public:
    enum class flags : std::uint32_t {
        normal = 0,
        cacheable = XRT_BO_FLAGS_CACHEABLE,
        device_only = XRT_BO_FLAGS_DEV_ONLY,
        host_only = XRT_BO_FLAGS_HOST_ONLY,
        p2p = XRT_BO_FLAGS_P2P,
        svm = XRT_BO_FLAGS_SVM,
        carveout = XRT_BO_FLAGS_CARVEOUT,
    };

    bo() = default;
    bo(const xrt::device &device, std::size_t size, flags kind, memory_group group)
        : bo(tileproof::object(tileproof::ask("bo", device.emulated().number(), size,
                                              static_cast<std::uint32_t>(kind), group))) {}
    bo(const xrt::device &device, std::size_t size, std::uint32_t kind, memory_group group)
        : bo(device, size, static_cast<flags>(kind), group) {}
    bo(const xrt::device &device, std::size_t size, memory_group group) : bo(device, size, flags::normal, group) {}
    bo(const xrt::hw_context &context, std::size_t size, flags kind, memory_group group)
        : bo(context.get_device(), size, kind, group) {}
    bo(const xrt::hw_context &context, std::size_t size, std::uint32_t kind, memory_group group)
        : bo(context, size, static_cast<flags>(kind), group) {}
    bo(const xrt::hw_context &context, std::size_t size, memory_group group)
        : bo(context, size, flags::normal, group) {}
    // A part of another, in the same memory.
    bo(const bo &parent, std::size_t size, std::size_t offset)
        : bo(tileproof::object(tileproof::ask("bo.part", parent.handle.number(), size, offset))) {}

    std::size_t size() const { return tileproof::ask("bo.size", handle.number()); }
    std::uint64_t address() const { return tileproof::ask("bo.address", handle.number()); }

    void sync(xclBOSyncDirection way, std::size_t size, std::size_t offset) {
        tileproof::ask("bo.sync", handle.number(), way, size, offset);
    }
    void sync(xclBOSyncDirection way) { tileproof::ask("bo.sync", handle.number(), way); }

    // The host's memory itself.
    void *map() { return mapped(); }
    const void *map() const { return mapped(); }

    template <typename Pointer>
    Pointer map() {
        static_assert(std::is_pointer_v<Pointer>, "map<T *>() gives a pointer");
        return reinterpret_cast<Pointer>(mapped());
    }
    template <typename Pointer>
    Pointer map() const {
        static_assert(std::is_pointer_v<Pointer> && std::is_const_v<std::remove_pointer_t<Pointer>>,
                      "a constant buffer is mapped as map<const T *>()");
        return reinterpret_cast<Pointer>(mapped());
    }

    void write(const void *data, std::size_t size, std::size_t seek) {
        tileproof::ask("bo.write", handle.number(), tileproof::address_of(data), size, seek);
    }
    void write(const void *data) { write(data, size(), 0); }

    void read(void *data, std::size_t size, std::size_t skip) {
        tileproof::ask("bo.read", handle.number(), tileproof::address_of(data), size, skip);
    }
    void read(void *data) { read(data, size(), 0); }

    void copy(const bo &source, std::size_t size, std::size_t from = 0, std::size_t to = 0) {
        tileproof::ask("bo.copy", handle.number(), source.handle.number(), size, from, to);
    }
    void copy(const bo &source) { copy(source, source.size()); }

    explicit operator bool() const { return static_cast<bool>(handle); }
    bool operator==(const bo &other) const { return handle == other.handle; }
    bool operator<(const bo &other) const { return handle < other.handle; }

    const tileproof::object &emulated() const { return handle; }

protected:
    explicit bo(tileproof::object made) : handle(std::move(made)) {}
    friend class run;

private:
    void *mapped() const {
        return reinterpret_cast<void *>(static_cast<std::intptr_t>(tileproof::ask("bo.map", handle.number())));
    }
    tileproof::object handle;
};

} // namespace xrt
