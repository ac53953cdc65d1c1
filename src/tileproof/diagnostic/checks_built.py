"""Checks of what was built: an xclbin, its instructions, and whether they belong together.

TP704 to TP709 and TP712 have no example, since no tool of ours writes such a file of an example's kernel: what it
packages and rebanks has a uuid, a kernel with its id, every connection, a PDI and the columns of its NPU, and its
instructions are those of the newest mlir-aie. tests/test_built.py makes the files.
"""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import FROM_A_WHOLE, SEQUENCE
from tileproof.diagnostic.entry import Change, Entry, Example

# The sequence of the design is that of the kernel for 256 elements, and makes the same instructions.
_BUILD = "tileproof build double --kernels kernels --set count=256"
_FOLDER = "build/double/double_i32_256__npu1"
_XCLBIN = f"{_FOLDER}/double_i32_256__npu1.emu.xclbin"
_LOWER = (
    "tileproof lower --design design.mlir --object tile.o --insts insts.bin --interface interface.json"
    " --lowered lowered"
)


def _pair_of_both(*changes: tuple[str, str]) -> Example:
    """The kernel's xclbin with the instructions of the design."""
    return Example(
        command=f"{_BUILD} && {_LOWER} && tileproof check {_XCLBIN} --insts insts.bin",
        changes=tuple(Change("design.mlir", right, wrong) for right, wrong in changes),
    )


_SIX = SEQUENCE.replace(
    ") {",
    ",\n        %c: memref<256xi32>, %d: memref<256xi32>, %e: memref<256xi32>, %f: memref<256xi32>) {",
)

BUILT = (
    Entry(
        id="TP701",
        name="other-instructions",
        severity="error",
        sentence="The instruction words are not those that mlir-aie makes of the design's sequence.",
        cause="The words are compared with those of each sequence of the design, as each mlir-aie that is known here "
        "writes them. Other words move other data, or use other channels than the array was configured for; XRT takes "
        "them all the same.",
        fix="build both of the same design; `tileproof build KERNEL` makes a pair",
        example=Example(
            command=f"{_BUILD} && tileproof check design.mlir --insts {_FOLDER}/insts.bin",
            changes=(Change("design.mlir", FROM_A_WHOLE, FROM_A_WHOLE.replace("id = 0", "id = 2")),),
        ),
    ),
    Entry(
        id="TP702",
        name="other-interface",
        severity="error",
        sentence="The xclbin takes fewer buffers than the sequence has arguments, or has fewer columns than the design "
        "uses.",
        cause="Argument k of the sequence is argument 3 + k of the kernel. A buffer beyond the arguments of the kernel "
        "ends the host with a segmentation fault, and no exception. A design has no columns beyond its partition.",
        fix="use the xclbin that was built of this design",
        example=Example(
            command=f"{_BUILD} && tileproof check design.mlir --xclbin {_XCLBIN}",
            changes=(Change("design.mlir", SEQUENCE, _SIX),),
        ),
    ),
    Entry(
        id="TP703",
        name="other-pair",
        severity="error",
        sentence="The instructions were not built together with the xclbin.",
        cause="An xclbin of tileproof holds the SHA-256 of its instructions. XRT compares nothing: instructions of an "
        "older or of another build run, and move what that design would have moved.",
        fix="take both files from one build; `tileproof build KERNEL` makes a pair",
        example=_pair_of_both((FROM_A_WHOLE, FROM_A_WHOLE.replace("id = 0", "id = 2"))),
    ),
    Entry(
        id="TP704",
        name="bad-uuid",
        severity="error",
        sentence="The xclbin or a PDI has the nil uuid, or two PDIs share one; by it the driver tells them apart.",
        cause="XRT and the driver know an xclbin by its uuid, the firmware a PDI by its own. The first aiecc in C++, "
        "of early 2026, wrote zeros for that of the xclbin (mlir-aie#2991).",
        fix="package again; xclbinutil draws a new uuid each time",
    ),
    Entry(
        id="TP705",
        name="no-kernel",
        severity="error",
        sentence="The xclbin has no EMBEDDED_METADATA, or no kernel in it; the NPU's shim refuses it.",
        cause="The name of the kernel, its arguments and its id stand there. An xclbin that was packed by hand of a "
        "PDI and a partition has none, and the shim says `No valid DPU kernel found in xclbin`.",
        fix="package with `xclbinutil --add-kernel kernels.json`",
    ),
    Entry(
        id="TP706",
        name="kernel-id",
        severity="error",
        sentence="A kernel's id leads to no PDI, to two, or is not that of IP_LAYOUT.",
        cause="By its id a kernel finds the PDI that serves it, which has a list of ids in AIE_PARTITION; of two the "
        "shim takes the first. Without one it says `No valid DPU kernel found in xclbin`. Two kernels may share an id, "
        "and the PDI with it. Kernels of other types than dpu, such as the stubs in AMD's own files, have none.",
        fix="use one dpu_kernel_id in kernels.json and aie_partition.json, and package again",
    ),
    Entry(
        id="TP707",
        name="connectivity",
        severity="error",
        sentence="A buffer reaches no bank, or a bank is connected to an argument that is not there.",
        cause="XRT takes the group id of an argument from CONNECTIVITY, and gives 131071 to an argument without a row, "
        "as to a number. A buffer of another bank than the argument is connected to cannot be bound: run.set_arg "
        "raises, and kernel(...) runs on without it.",
        fix="`tileproof rebank --arg NAME=BANK` connects an argument; or package again with the kernels.json of the "
        "design",
    ),
    Entry(
        id="TP708",
        name="partition-columns",
        severity="error",
        sentence="The partition takes no columns, begins nowhere, or is wider than the array.",
        cause="An npu1 has 4 columns, an npu2 8. aiecc of v1.1 listed no column at all for npu2_5col to npu2_7col; it "
        "was corrected in mlir-aie#3440. For a partition wider than the array, creating a context fails with `No space "
        "left on device`. Which columns it may begin at means little on Linux: the driver takes what is free, and "
        "counts those of an npu1 from 1.",
        fix="`tileproof rebank --columns N`, or correct column_width and start_columns in aie_partition.json",
    ),
    Entry(
        id="TP709",
        name="empty-pdi",
        severity="error",
        sentence="The partition has no PDI, or an empty one: nothing is loaded into the array.",
        cause="The PDI holds the programs of the cores and the configuration of the tiles. bootgen makes it, before "
        "xclbinutil packs it.",
        fix="look at what bootgen said, and build again",
    ),
    Entry(
        id="TP710",
        name="other-generation",
        severity="error",
        sentence="The xclbin and the instructions are for different NPUs.",
        cause="The header of the instructions says which NPU they are for, and an xclbin of tileproof says it, too. On "
        "the other one nothing fits, and what comes back may be zeros.",
        fix="take both files from one build; `tileproof build KERNEL` makes a pair",
        example=_pair_of_both(("aie.device(npu1) @main {", "aie.device(npu2) @main {")),
    ),
    Entry(
        id="TP711",
        name="patched-argument",
        severity="error",
        sentence="An instruction patches in the address of an argument that the kernel does not have.",
        cause="The firmware puts the address of each buffer into the BDs that move it, and takes it from the arguments "
        "of the call. mlir-aie of November 2025 declares five buffers, whatever the sequence takes.",
        fix="package with as many buffers as the sequence has arguments",
        example=_pair_of_both((SEQUENCE, _SIX), (FROM_A_WHOLE, FROM_A_WHOLE.replace("%a", "%f"))),
    ),
    Entry(
        id="TP712",
        name="beyond-five-buffers",
        severity="warning",
        sentence="A buffer beyond the fifth is patched without the aperture, which firmware adds to the first five "
        "only.",
        cause="For the array, host memory lies from 0x80000000 on. mlir-aie of August 2026 writes that into the patch "
        "of a sixth buffer; an older one leaves it out, and the DMA may not reach the buffer.",
        fix="build with mlir-aie of August 2026, or pack several inputs into one buffer",
    ),
)
