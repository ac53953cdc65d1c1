// mlir-aie's header of this name, which nearly all its kernels include: words on loops for Peano and chess.
#pragma once

#include "aie_api/kernel_macros.hpp"
