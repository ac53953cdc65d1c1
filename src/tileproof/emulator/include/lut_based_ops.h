// mlir-aie's header of this name (aie_runtime_lib): functions by tables.
#pragma once

#include "aie_api/aie.hpp"
#include "aie_api/lut_functions.hpp"
