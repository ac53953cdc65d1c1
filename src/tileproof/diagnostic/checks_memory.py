"""Checks of the memory and of the stack of a core."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import SCRATCH, in_design, in_tile_code, with_more
from tileproof.diagnostic.entry import Entry

MEMORY = (
    Entry(
        id="TP101",
        name="memory-overflow",
        severity="error",
        sentence="Buffers and stack need more memory than the tile has.",
        cause="A core tile has 65,536 bytes, a mem tile 524,288, and the objects of fifos lie in them as buffers do. "
        "mlir-aie refuses it: `allocated buffers exceeded available memory`.",
        fix="make the objects smaller, or lower a depth",
        example=with_more(
            '    %table = aie.buffer(%core) {sym_name = "table"} : memref<20000xi32>',
            before=SCRATCH,
        ),
    ),
    Entry(
        id="TP102",
        name="address-conflict",
        severity="error",
        sentence="A buffer asks for an address or a bank that it cannot have: outside, misaligned, or another "
        "buffer's.",
        cause="The mlir-aie of August 2026 refuses it. That of March 2026 moves an explicit address up by the size of "
        "its buffer, and puts a buffer that asks for a bank which is not there on the stack.",
        fix="choose another address, or leave the choice to the allocator",
        example=in_design((SCRATCH, SCRATCH.replace("}", ", address = 100 : i32}"))),
    ),
    Entry(
        id="TP103",
        name="bank-crossing",
        severity="warning",
        sentence="A buffer lies in no bank of its own, because the bank-aware allocator found no bank with room for "
        "it.",
        cause="A bank has 16 KiB on a core tile, 64 KiB on a mem tile, and bank-aware lets no buffer cross into the "
        "next. Where that fails, aiecc's default scheme warns and packs the buffers one behind the other. Two accesses "
        "to one bank in the same cycle cost a cycle more.",
        fix="make the object fit into one bank, so that core and DMA do not wait for each other",
        example=with_more(
            '    %table = aie.buffer(%core) {sym_name = "table"} : memref<5000xi32>',
            before=SCRATCH,
        ),
    ),
    Entry(
        id="TP104",
        name="alignment-512",
        severity="warning",
        sentence="A buffer of an npu2 core does not begin at a multiple of 64 bytes; a 512-bit access to it takes "
        "other bytes.",
        cause="Before September 2026 mlir-aie aligns buffers to 32 bytes on every core. The core of an npu2 drops the "
        "low bits of the address of a 512-bit access and raises no fault: it reads and writes what lies before.",
        fix="make stack_size and the sizes of all buffers multiples of 64",
        example=in_design(
            ("aie.device(npu1) @main {", "aie.device(npu2) @main {"),
            ("} {stack_size = 1024 : i32}", "} {stack_size = 1056 : i32}"),
        ),
    ),
    Entry(
        id="TP105",
        name="bank-not-kept",
        severity="warning",
        sentence="A buffer asks for a bank and lies in another: the default scheme fell back, and forgot the wish.",
        cause="`mem_bank` binds bank-aware, and means nothing to basic-sequential. aiecc's default scheme tries the "
        "first, and takes the second for a tile where the first finds no room.",
        fix="make room in that bank, or ask for bank-aware on the tile so that mlir-aie says so",
        example=with_more(
            '    %one = aie.buffer(%core) {sym_name = "one", mem_bank = 2 : i32} : memref<3072xi32>',
            '    %two = aie.buffer(%core) {sym_name = "two", mem_bank = 2 : i32} : memref<3072xi32>',
            before=SCRATCH,
        ),
    ),
)

STACK = (
    Entry(
        id="TP201",
        name="stack-too-large",
        severity="error",
        sentence="The stack_size of a core is more than the tile's memory.",
        cause="The stack lies in the memory of the core's own tile, 65,536 bytes, below all buffers. mlir-aie of March "
        "2026 only warns with its default scheme, and lets the buffers lie on the stack.",
        fix="lower stack_size",
        example=in_design(("} {stack_size = 1024 : i32}", "} {stack_size = 70000 : i32}")),
    ),
    Entry(
        id="TP202",
        name="array-beyond-stack",
        severity="error",
        sentence="A local array of the tile code is larger than stack_size; it runs over the buffers above the stack.",
        cause="The stack begins at the bottom of the tile's memory and grows towards the buffers, with nothing in "
        "between. No hardware notices: often only the first of two objects of a fifo is spoilt, and every second "
        "answer is right. stack_size is 1,024 where nothing is written.",
        fix="raise stack_size, or hand the tile function a buffer to work in",
        example=in_tile_code(("    int32_t small[count];", "    int32_t small[8 * count];")),
    ),
    Entry(
        id="TP203",
        name="arrays-beyond-stack",
        severity="warning",
        sentence="The local arrays of a function and of what it calls are larger than stack_size together.",
        cause="Each fits by itself. Those that are alive at once along the deepest call need their room at once, "
        "unless the compiler does without one of them, which only its own listing shows.",
        fix="raise stack_size, or hand the tile function a buffer to work in",
        example=in_tile_code(("    int32_t small[count];", "    int32_t small[2 * count], more[150];")),
    ),
    Entry(
        id="TP204",
        name="frames-beyond-stack",
        severity="warning",
        sentence="The stack frames of the deepest calls, as the host's GCC counts them, are larger than stack_size.",
        cause="A frame also holds what the text does not show as an array: a std::array, vectors, spilt registers. It "
        "rests on this machine's g++, whose frames are not Peano's: vectors lie in them, for which a core has "
        "registers, so of code with vectors that many bytes are taken off. mlir-aie measures Peano's own since "
        "August 2026, and an older one says nothing.",
        fix="raise stack_size by what is missing: that is never wrong where the memory has room; or read Peano's own "
        "frames with -fstack-usage",
        example=in_tile_code(
            ("#include <cstdint>", "#include <array>\n#include <cstdint>"),
            (
                "    int32_t small[count];\n    doubled(x, small);\n    doubled(small, y);",
                "    std::array<int32_t, 300> big;\n    doubled(x, big.data());\n    doubled(big.data(), y);",
            ),
        ),
    ),
)
