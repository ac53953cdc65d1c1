// Plain scalar C++: no vectors, no modes, no scratch, nothing of the AIE API. The index makes a shifted answer a wrong one.
#include <cstdint>

#include "constants.hpp"

extern "C" void canary_i32(int32_t *x, int32_t *y) {
    for (int32_t i = 0; i < count; ++i)
        y[i] = 3 * x[i] + i;
}
