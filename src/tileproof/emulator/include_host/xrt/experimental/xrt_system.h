// xrt::system: how many devices there are.
#pragma once

#include "xrt/detail/tileproof.h"

namespace xrt::system {

inline unsigned int enumerate_devices() { return tileproof::ask("enumerate_devices"); }

} // namespace xrt::system
