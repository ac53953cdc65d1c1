// The public name of the API. No `#pragma once`: see prelude.hpp.
#undef aie
#include "everything.hpp"
#if defined(AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16)
#if AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16 && !TILEPROOF_EMULATES_WITH_BLOCKS
#error "AIE_API_EMULATE_BFLOAT16_MMUL_WITH_BFP16 is defined too late, what is behind it is read before: define it with -D"
#endif
#endif
