// Where older hosts look for it.
#pragma once

#include "xrt/experimental/xrt_device.h"
