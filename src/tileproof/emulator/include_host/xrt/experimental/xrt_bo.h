// Where older hosts look for it.
#pragma once

#include "xrt/xrt_bo.h"
