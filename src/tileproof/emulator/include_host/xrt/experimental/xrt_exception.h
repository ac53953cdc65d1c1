// xrt::exception, from which nothing that the emulator throws derives: XRT's own errors do not, either.
#pragma once

#include <exception>

namespace xrt {

class exception : public std::exception {};

} // namespace xrt
