#include <aie_api/aie.hpp>
#include <cstdint>

#include "constants.hpp"

extern "C" void double_tile(int32_t *x, int32_t *y) {
    for (int i = 0; i < count; ++i)
        y[i] = 2 * x[i] + 1;
}
