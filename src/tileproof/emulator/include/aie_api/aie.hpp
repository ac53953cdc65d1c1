// The public name of the API. No `#pragma once`: see prelude.hpp.
#undef aie
#include "everything.hpp"
