// The names that compilers for AIE give to registers, as kernels use them to read and write memory: `*(v32int8 *)p`. Here
// they are the API's own types. Such an access is checked for its place, but not for its alignment: use aie::load_v and
// aie::store_v where that matters.
#pragma once

#include "accum.hpp"

#define TILEPROOF_NATIVE_INTEGERS(BITS, A, B, C, D)      \
    using v##A##int##BITS = aie::vector<int##BITS, A>;   \
    using v##B##int##BITS = aie::vector<int##BITS, B>;   \
    using v##C##int##BITS = aie::vector<int##BITS, C>;   \
    using v##D##int##BITS = aie::vector<int##BITS, D>;   \
    using v##A##uint##BITS = aie::vector<uint##BITS, A>; \
    using v##B##uint##BITS = aie::vector<uint##BITS, B>; \
    using v##C##uint##BITS = aie::vector<uint##BITS, C>; \
    using v##D##uint##BITS = aie::vector<uint##BITS, D>;
TILEPROOF_NATIVE_INTEGERS(8, 16, 32, 64, 128)
TILEPROOF_NATIVE_INTEGERS(16, 8, 16, 32, 64)
TILEPROOF_NATIVE_INTEGERS(32, 4, 8, 16, 32)
#undef TILEPROOF_NATIVE_INTEGERS

using v8bfloat16 = aie::vector<bfloat16, 8>;
using v16bfloat16 = aie::vector<bfloat16, 16>;
using v32bfloat16 = aie::vector<bfloat16, 32>;
using v64bfloat16 = aie::vector<bfloat16, 64>;
using v4float = aie::vector<float, 4>;
using v8float = aie::vector<float, 8>;
using v16float = aie::vector<float, 16>;
using v32float = aie::vector<float, 32>;

using v8acc32 = aie::accum<acc32, 8>;
using v16acc32 = aie::accum<acc32, 16>;
using v32acc32 = aie::accum<acc32, 32>;
using v64acc32 = aie::accum<acc32, 64>;
using v4acc64 = aie::accum<acc64, 4>;
using v8acc64 = aie::accum<acc64, 8>;
using v16acc64 = aie::accum<acc64, 16>;
using v32acc64 = aie::accum<acc64, 32>;
using v8accfloat = aie::accum<accfloat, 8>;
using v16accfloat = aie::accum<accfloat, 16>;
using v32accfloat = aie::accum<accfloat, 32>;
using v64accfloat = aie::accum<accfloat, 64>;
