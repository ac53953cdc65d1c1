// tileproof's own functional model of the public AIE API, for tile code compiled for the host.
//
// The same tile code compiles with Peano for the NPU, so names and signatures are those of the real API. What a function
// computes is bit for bit what the hardware's documentation and measurements say; how it computes is plain loops.
// Anything not modelled fails to compile. Only modelled: integers of 8, 16 and 32 bits. Not modelled: floating point,
// int4, complex, sparse, streams, cascade, sliding_mul, fft.
//
// The core's state (rounding, saturation) and the first fault of a call are in core_state.hpp.
#pragma once

#include "accum.hpp"
#include "arithmetic.hpp"
#include "core_state.hpp"
#include "kernel_macros.hpp"
#include "memory.hpp"
#include "mmul.hpp"
#include "reshape.hpp"
#include "vector.hpp"
