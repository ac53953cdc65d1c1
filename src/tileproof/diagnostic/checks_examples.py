"""The examples of the checks: one design and its tile code, made wrong in a few places."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Example

_DESIGN, _CODE = "design.mlir", "tile.cc"

# What stands in the design, once each.
FIFO_X = "    aie.objectfifo @x(%shim, {%core}, 2 : i32) : !aie.objectfifo<memref<64xi32>>"
FIFO_Y = "    aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>"
SCRATCH = '    %scratch = aie.buffer(%core) {sym_name = "scratch"} : memref<32xi32>'
PROGRAM = "    %program = aie.core(%core) {"
ACQUIRE_X = "%xv = aie.objectfifo.acquire @x(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>"
SEQUENCE = "    aie.runtime_sequence @run(%a: memref<256xi32>, %b: memref<256xi32>) {"
FROM_A = "aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1])"
FROM_A_WHOLE = FROM_A + " {id = 0 : i64, metadata = @x} : memref<256xi32>"

# The tile code of the kernel among the examples, whole.
KERNEL_CODE = """#include <aie_api/aie.hpp>
#include <cstdint>

#include "constants.hpp"

extern "C" void double_tile(int32_t *x, int32_t *y) {
    for (int i = 0; i < count; ++i)
        y[i] = 2 * x[i] + 1;
}
"""


def in_design(*changes: tuple[str, str]) -> Example:
    """Each change is what is right, and what is wrong."""
    return Example(command=f"tileproof check {_DESIGN}", changes=_in(_DESIGN, changes))


def in_tile_code(*changes: tuple[str, str]) -> Example:
    return Example(command=f"tileproof check {_DESIGN} --tile-code {_CODE}", changes=_in(_CODE, changes))


def with_more(*added: str, before: str) -> Example:
    """A design is wrong by lines that come before one that is there."""
    return in_design((before, "\n".join((*added, before))))


def _in(file: str, changes: tuple[tuple[str, str], ...]) -> tuple[Change, ...]:
    return tuple(Change(file, right, wrong) for right, wrong in changes)
