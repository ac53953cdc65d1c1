"""Checks of what the design says of its tile code, and of where it puts things."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import (
    ACQUIRE_X,
    FIFO_Y,
    KERNEL_CODE,
    SCRATCH,
    SEQUENCE,
    in_design,
    in_tile_code,
    with_more,
)
from tileproof.diagnostic.entry import Change, Entry, Example

_DECLARED = "func.func private @step(memref<64xi32>, memref<64xi32>, memref<32xi32>) "
_LINKED = 'attributes {link_with = "tile.o"}'
_DEFINED = 'extern "C" void step(int32_t *x, int32_t *y, int32_t *scratch) {'

CODE = (
    Entry(
        id="TP501",
        name="no-link-with",
        severity="error",
        sentence="A core calls a function of which nothing names the object file; only the linker would say so.",
        cause="A core is linked with the files that its declarations name. Without one everything is lowered without "
        "complaint, and the build fails at its end.",
        fix='write `attributes {link_with = "tile.o"}` on its declaration',
        example=in_design((_DECLARED + _LINKED, _DECLARED.rstrip())),
    ),
    Entry(
        id="TP502",
        name="not-defined",
        severity="error",
        sentence='The tile code defines no `extern "C"` function of the name that a core calls.',
        cause="The design calls it by that name in the object file. C++ writes the types of the parameters into the "
        'name of a function that is not `extern "C"`, and the linker does not find it.',
        fix='write `extern "C"` before its definition, or correct the name',
        example=in_tile_code((_DEFINED, _DEFINED.removeprefix('extern "C" '))),
    ),
    Entry(
        id="TP503",
        name="parameter-count",
        severity="error",
        sentence="A function has more or fewer parameters in the tile code than in the design.",
        cause="The name in the object file says nothing of parameters, so that no linker compares them. The function "
        "takes what nobody passed, or one buffer for another.",
        fix="make the declaration and the tile code agree",
        example=in_tile_code((_DEFINED, _DEFINED.replace(", int32_t *scratch", ""))),
    ),
    Entry(
        id="TP504",
        name="parameter-type",
        severity="error",
        sentence="A parameter or a result has another type in the tile code than in the design.",
        cause="The name in the object file says nothing of types, so that no linker compares them. The function takes "
        "the bytes of the buffer for other elements, and for more or fewer of them; a core takes a result from another "
        "register, or one that nobody put there.",
        fix="make the declaration and the tile code agree",
        example=in_tile_code((_DEFINED, _DEFINED.replace("int32_t *scratch", "int8_t *scratch"))),
    ),
    Entry(
        id="TP505",
        name="call-mismatch",
        severity="error",
        sentence="A core calls a function that is not declared, or with other types than it is declared with.",
        cause="MLIR refuses such a call before anything is lowered. A declaration has as many memrefs as the function "
        "has pointers, each with its shape.",
        fix="make the call and the declaration agree",
        example=in_design((_DECLARED + _LINKED, _DECLARED.replace("32xi32", "16xi32") + _LINKED)),
    ),
    Entry(
        id="TP506",
        name="may-be-unset",
        severity="warning",
        sentence="A local of the tile code may be read before anything is put into it.",
        cause="It holds then what the register or the place on the stack held before: another value on the device than "
        "here, and another in the next run. The compiler follows the paths, and does not know which are taken.",
        fix="give it a value where it is declared",
        example=in_tile_code(
            ("    doubled(small, y);", "    int32_t sum;\n    if (x[0] > 0) sum = x[1];\n    y[0] = sum;")
        ),
    ),
    Entry(
        id="TP507",
        name="long-has-32-bits",
        severity="warning",
        sentence="The tile code uses `long`, which has 32 bits on a core and 64 on this machine.",
        cause="AIE is a machine of 32 bits. A sum or a shift in `long` that fits 64 bits here is cut there, without a "
        "word.",
        fix="say how many bits there are to be: int32_t, or int64_t, which a core computes in two halves",
        example=in_tile_code(("    doubled(small, y);", "    doubled(small, y);\n    y[0] = long(x[0]);")),
    ),
    Entry(
        id="TP508",
        name="other-object",
        severity="error",
        sentence="A core of a kernel is to be linked with an object file that the build does not make.",
        cause="A build makes `tile.o` of tile.cc. On the emulator all tile code is one library, whatever its files are "
        "called; for an NPU each core is linked with the files that link_with names, and the linker would be the first "
        "to miss one, or a function in it. A design that is no kernel's has objects of whatever name its Makefile "
        "gives them, and is not held to this.",
        fix="let link_with name an object that the build makes, or give the file of tile code that name",
        example=Example(
            command="tileproof check double --kernels kernels",
            changes=(
                Change("kernels/double/tile.cc", KERNEL_CODE, ""),
                Change("kernels/double/double.cc", "", KERNEL_CODE),
            ),
        ),
    ),
)

PLACEMENT = (
    Entry(
        id="TP601",
        name="not-an-end",
        severity="error",
        sentence="A core acquires or releases a fifo that does not end there, or not with that port.",
        cause="The core whose tile stands first in the fifo fills it, with port Produce; those in the braces take from "
        "it, with port Consume. mlir-aie refuses every other use.",
        fix="name a fifo that begins or ends at this core, with the port it has there",
        example=in_design(
            (ACQUIRE_X, ACQUIRE_X.replace("Consume", "Produce")),
            ("aie.objectfifo.release @x(Consume, 1)", "aie.objectfifo.release @x(Produce, 1)"),
        ),
    ),
    Entry(
        id="TP602",
        name="outside-the-device",
        severity="error",
        sentence="A tile lies outside the device.",
        cause="An npu1 has columns 0 to 3, an npu2 0 to 7, an npu2_2col 0 and 1; all have rows 0 to 5. Columns are "
        "counted from the first of the partition, wherever the driver puts it.",
        fix="use row 0 for the shim, 1 for the mem tile, 2 to 5 for cores",
        example=in_design(("%next = aie.tile(0, 3)", "%next = aie.tile(0, 6)")),
    ),
    Entry(
        id="TP603",
        name="tile-after-core",
        severity="error",
        sentence="A tile is declared after a core; mlir-aie puts buffers where that core does not see them.",
        cause="The objects and locks of all fifos are written behind the last tile of the design. A core above them "
        "uses what is not there yet: `operand #0 does not dominate this use`.",
        fix="move all aie.tile operations above the first aie.core",
        example=with_more("    %late = aie.tile(0, 4)", before=SEQUENCE),
    ),
    Entry(
        id="TP604",
        name="declared-twice",
        severity="error",
        sentence="A name, a tile or a core is declared twice.",
        cause="A name stands for one thing in its device, and a tile has one core. mlir-aie refuses the second.",
        fix="keep one of the two",
        example=in_design((FIFO_Y, FIFO_Y.replace("@y", "@x"))),
    ),
    Entry(
        id="TP605",
        name="tile-kind",
        severity="error",
        sentence="A core or a buffer stands on a kind of tile that has none.",
        cause="Row 0 has shim tiles, which move host memory and hold nothing; row 1 has mem tiles, which have memory "
        "and no core; rows 2 to 5 have both.",
        fix="use a row from 2 to 5",
        example=in_design(("%program = aie.core(%core) {", "%program = aie.core(%mem) {")),
    ),
    Entry(
        id="TP606",
        name="out-of-reach",
        severity="error",
        sentence="A core uses a buffer, or objects of a fifo, of a tile whose memory it does not reach.",
        cause="A core loads and stores in its own memory and in that of its west, north and south neighbours: not in "
        "the east one's, and not in a mem tile's. Its DMA reaches its own tile only.",
        fix="put it on the core's tile or its west, north or south neighbour, or use a fifo",
        example=in_design((SCRATCH.strip(), SCRATCH.strip().replace("(%core)", "(%mem)"))),
    ),
    Entry(
        id="TP607",
        name="unknown-device",
        severity="error",
        sentence="There is no device of that name.",
        cause="An npu1 is AIE2, in Phoenix and Hawk Point; an npu2 is AIE2P, in Strix, Strix Halo and Krackan. A part "
        "of one is npu1_1col to npu1_3col, npu2_1col to npu2_7col. The driver has names of its own: its npu4 is Strix.",
        fix="use npu1 or npu2",
        example=in_design(("aie.device(npu1) @main {", "aie.device(npu4) @main {")),
    ),
    Entry(
        id="TP608",
        name="no-shim-end",
        severity="error",
        sentence="The sequence moves data of a fifo that does not end at a shim tile.",
        cause="Only the DMAs of shim tiles reach host memory, and a runtime sequence programs those. Between other "
        "tiles the fifo moves its objects by itself.",
        fix="name a fifo with one end on row 0",
        example=in_design(
            (
                SCRATCH,
                f"    aie.objectfifo @z(%core, {{%next}}, 2 : i32) : !aie.objectfifo<memref<64xi32>>\n{SCRATCH}",
            ),
            (
                "      aiex.npu.dma_wait {symbol = @y}",
                "      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1])\n"
                "        {id = 2 : i64, metadata = @z} : memref<256xi32>\n"
                "      aiex.npu.dma_wait {symbol = @y}\n"
                "      aiex.npu.dma_wait {symbol = @z}",
            ),
        ),
    ),
)
