// tileproof's own functional model of the public AIE API, for tile code compiled for the host.
//
// The same tile code compiles with Peano for the NPU, so names and signatures are those of the real API. What a function
// computes is bit for bit what the hardware's documentation and measurements say; how it computes is plain loops.
// Anything not modelled fails to compile, and refused.hpp has the names. docs/aie_api.md says what there is, and what is
// unconfirmed. "Section" in a comment is one of the collected facts on the hardware.
//
// The core's state (rounding, saturation), the first fault of a call and the counters of the cycle model are in
// core_state.hpp.
#pragma once

#include "accum.hpp"
#include "arithmetic.hpp"
#include "block_mmul.hpp"
#include "block_multiply.hpp"
#include "block_stream.hpp"
#include "block_vector.hpp"
#include "cascade.hpp"
#include "compare.hpp"
#include "core_state.hpp"
#include "element.hpp"
#include "elementary.hpp"
#include "events.hpp"
#include "float.hpp"
#include "intrinsics.hpp"
#include "iterator.hpp"
#include "kernel_macros.hpp"
#include "locks.hpp"
#include "lookup.hpp"
#include "mask.hpp"
#include "memory.hpp"
#include "mmul.hpp"
#include "mmul_shapes.hpp"
#include "multiply.hpp"
#include "native_types.hpp"
#include "refused.hpp"
#include "reshape.hpp"
#include "rounding.hpp"
#include "sliding.hpp"
#include "streams.hpp"
#include "vector.hpp"
#include "waiting.hpp"
