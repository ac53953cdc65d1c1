// What compilers for AIE include before each file of tile code: fixed-width integers, assert, the registers' types and
// the intrinsics (found_later.md 1). Not `aie::`, which comes with <aie_api/aie.hpp> alone: without that include the macro
// below makes of it a name that says what is missing.
#pragma once

#include <cassert>
#include <cstdint>

#include "everything.hpp"

#define aie aie_needs_the_line_include_aie_api_aie_hpp
