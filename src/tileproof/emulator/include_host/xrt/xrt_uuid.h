// xrt::uuid: an xclbin's identity.
#pragma once

#include <string>

namespace xrt {

class uuid {
public:
    uuid() = default;
    explicit uuid(const std::string &text) : text(text) {}

    std::string to_string() const { return text.empty() ? "00000000-0000-0000-0000-000000000000" : text; }
    operator bool() const { return to_string() != uuid().to_string(); }
    bool operator==(const uuid &other) const { return to_string() == other.to_string(); }
    bool operator!=(const uuid &other) const { return !(*this == other); }
    bool operator<(const uuid &other) const { return to_string() < other.to_string(); }

private:
    std::string text;
};

} // namespace xrt
