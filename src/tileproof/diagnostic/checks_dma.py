"""Checks of the DMA: transfers of a runtime sequence one by one and in their order, and the descriptors of tiles."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import (
    FIFO_X,
    FIFO_Y,
    FROM_A,
    FROM_A_WHOLE,
    PROGRAM,
    SEQUENCE,
    in_design,
    with_more,
)
from tileproof.diagnostic.entry import Entry, Example


def _with_program(bd: str, type_: str = "64xi32", repeat: str = "") -> Example:
    """The next tile gets a buffer and a DMA program that fills it for ever."""
    return with_more(
        f'    %own = aie.buffer(%next) {{sym_name = "own"}} : memref<{type_}>',
        "    %dma = aie.mem(%next) {",
        f"      %d = aie.dma_start(S2MM, 0, ^fill, ^end{repeat})",
        "    ^fill:",
        f"      aie.dma_bd(%own : memref<{type_}> {bd})",
        "      aie.next_bd ^fill",
        "    ^end:",
        "      aie.end",
        "    }",
        before=PROGRAM,
    )


def _from_a(pattern: str, type_: str) -> Example:
    """Another transfer of @x, from an argument of another type."""
    wrong = f"      aiex.npu.dma_memcpy_nd(%a{pattern})\n        {{id = 0 : i64, metadata = @x}} : {type_}"
    return in_design(
        (SEQUENCE, SEQUENCE.replace("memref<256xi32>", type_, 1)),
        (f"      {FROM_A_WHOLE}", wrong),
    )


_TO_B = FROM_A_WHOLE.replace("%a", "%b").replace("id = 0", "id = 1").replace("@x", "@y")
_WAIT = "      aiex.npu.dma_wait {symbol = @y}\n"


def _sent(fifo: str, type_: str, *dimensions: tuple[int, int]) -> str:
    """A fifo whose objects the core's DMA sends in another order."""
    walked = ", ".join(f"<size = {size}, stride = {stride}>" for size, stride in dimensions)
    ends = f"      {{%{'shim' if fifo == 'y' else 'next'}}}, 2 : i32) : !aie.objectfifo<{type_}>"
    return f"    aie.objectfifo @{fifo}(%core dimensionsToStream [{walked}],\n{ends}"


DMA = (
    Entry(
        id="TP301",
        name="bd-id",
        severity="error",
        sentence="A shim tile has no BD of that id; the write lands on other registers.",
        cause="A shim tile has BDs 0 to 15, and mlir-aie does not look at the id. Behind the last BD lie the control "
        "registers of the tile's DMA channels, and BD 16 is written over them.",
        fix="use 0 to 15",
        example=in_design((FROM_A_WHOLE, FROM_A_WHOLE.replace("id = 0", "id = 16"))),
    ),
    Entry(
        id="TP302",
        name="past-argument",
        severity="warning",
        sentence="A transfer reaches beyond its argument of the runtime sequence.",
        cause="The tools go by the argument's place alone and never compare the two: the host may give a larger "
        "buffer than the type says, and then all is well. With one of the type's size the DMA moves what lies behind "
        "it, or the run ends in an IO_PAGE_FAULT; the emulator tells by the buffer that it is given.",
        fix="correct offsets, sizes and strides, or the type of the argument",
        example=in_design((FROM_A, FROM_A.replace("[0, 0, 0, 0]", "[0, 0, 0, 64]"))),
    ),
    Entry(
        id="TP303",
        name="not-whole-words",
        severity="error",
        sentence="An offset, a stride or the innermost size of a transfer is no multiple of 4 bytes.",
        cause="The DMA moves words of 32 bits, and every field of its BDs counts them. A row of 129 elements of i16 "
        "ends in the middle of a word, and mlir-aie refuses to step by it.",
        fix="pad rows to a multiple of 4 bytes",
        example=_from_a("[0, 0, 0, 0][1, 1, 4, 128][0, 0, 129, 1]", "memref<516xi16>"),
    ),
    Entry(
        id="TP304",
        name="size-below-1",
        severity="error",
        sentence="A transfer has a size below 1, or walks a dimension with a stride below 1.",
        cause="A BD holds each stride less 1, so that 0 has no place in it. Only the outermost dimension may stand "
        "still: it is not walked by the BD, but repeated by the queue. mlir-aie refuses the rest.",
        fix="write size 1 for a dimension that is not used; only the outermost stride may be 0",
        example=in_design((FROM_A, FROM_A.replace("[1, 1, 1, 256]", "[1, 1, 4, 64]"))),
    ),
    Entry(
        id="TP305",
        name="bd-field",
        severity="error",
        sentence="A size or stride of a transfer does not fit the fields of a shim BD, and cannot be split.",
        cause="The two inner sizes of a shim BD go to 1,023, the innermost in words, and its strides to 1,048,576 "
        "words. Data that lies in one piece needs no sizes, and may be of any length.",
        fix="lay the data out so that rows follow each other without a gap, or write several transfers",
        example=_from_a("[0, 0, 0, 0][1, 1, 2, 128][0, 0, 2000000, 1]", "memref<2000128xi32>"),
    ),
    Entry(
        id="TP306",
        name="needs-new-mlir-aie",
        severity="warning",
        sentence="A transfer that mlir-aie makes linear since April 2026, or splits since July 2026, and refuses "
        "before.",
        cause="An older mlir-aie knows data in one piece by its strides alone, and measures every other transfer "
        "against the fields of one BD: `Size 0 exceeds the [0:1023] range`.",
        fix="write it as [1, 1, 1, N][0, 0, 0, 1], or keep each size at most 1,023",
        example=in_design(
            (SEQUENCE, SEQUENCE.replace("256", "2048")),
            (_TO_B, _TO_B.replace("256", "2048")),
            (
                f"      {FROM_A_WHOLE}",
                "      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 2048][2048, 2048, 2048, 1])\n"
                "        {id = 0 : i64, metadata = @x} : memref<2048xi32>",
            ),
        ),
    ),
    Entry(
        id="TP307",
        name="iteration-field",
        severity="error",
        sentence="The outermost size is above 64 where it moves through memory; the field wraps without a word.",
        cause="A BD counts its iterations in 6 bits, from 1 to 64. mlir-aie refuses 66 and more, and lets 65 through.",
        fix="write several transfers",
        example=in_design((FROM_A, FROM_A.replace("[1, 1, 1, 256][0, ", "[128, 1, 1, 2][2, "))),
    ),
    Entry(
        id="TP308",
        name="too-many-tasks",
        severity="error",
        sentence="More than 5 tasks of one channel are started without a wait; the device may drop one without a word.",
        cause="The queue of a channel holds 4 tasks beside the one that runs. What is pushed onto a full queue is "
        "dropped, and only a bit in a register says so. Whether the sixth finds room depends on how far the first has "
        "come.",
        fix="wait for an earlier transfer of the channel first",
        example=in_design(
            (
                f"      {FROM_A_WHOLE}",
                "\n".join(
                    f"      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, {offset}][1, 1, 1, {size}][0, 0, 0, 1]) "
                    f"{{id = {id_} : i64, metadata = @x}} : memref<256xi32>"
                    for id_, (offset, size) in enumerate(
                        ((0, 64), (64, 64), (128, 32), (160, 32), (192, 32), (224, 32)), 2
                    )
                ),
            )
        ),
    ),
    Entry(
        id="TP309",
        name="wait-without-token",
        severity="error",
        sentence="A dma_wait for a token that no transfer before it issues: it never ends.",
        cause="A transfer to the host always issues a token, one from the host only with issue_token, and each wait "
        "uses one up. mlir-aie does not count them. On the device the run ends in the driver's time-out.",
        fix="write `issue_token = true` on the transfer that is waited for, and wait once per transfer",
        example=in_design((_WAIT, "      aiex.npu.dma_wait {symbol = @x}\n" + _WAIT)),
    ),
    Entry(
        id="TP310",
        name="bd-written-again",
        severity="error",
        sentence="A BD is written again while its earlier transfer may still be under way.",
        cause="A BD is a set of registers, which the sequence writes as soon as it comes to them. The queue holds ids "
        "and no copies: the transfer that waits or runs with the old contents goes on with the new ones.",
        fix="take another id, or wait for the earlier transfer first",
        example=in_design((_TO_B, _TO_B.replace("id = 1", "id = 0"))),
    ),
    Entry(
        id="TP311",
        name="output-not-awaited",
        severity="error",
        sentence="The sequence ends without waiting for an output; the host may read what is not there yet.",
        cause="A transfer that was started goes on by itself, and a run is complete when its last instruction is done. "
        "run.wait() says COMPLETED, and the buffer holds what it held before, or a part of both.",
        fix="end the sequence with a dma_wait for every transfer to the host",
        example=in_design((_WAIT, "")),
    ),
    Entry(
        id="TP312",
        name="tile-resources",
        severity="error",
        sentence="A tile needs more DMA channels, buffer descriptors or locks than it has.",
        cause="A core tile and a shim tile have 2 channels each way, 16 descriptors and 16 locks; a mem tile has 6, 48 "
        "and 64. Where a fifo goes through a DMA, each of its ends takes a channel and two locks, and each object a "
        "descriptor.",
        fix="join fifos, lower their depth, or move one to another tile",
        example=in_design(
            (FIFO_X, FIFO_X.replace("2 : i32", "[2, 17]")),
        ),
    ),
    Entry(
        id="TP313",
        name="not-an-instruction",
        severity="error",
        sentence="A transfer cannot be written as instruction words.",
        cause="What a sequence does is written as words that set registers of the array, and each register has its "
        "range. A burst, for instance, has 64, 128 or 256 bytes on npu1.",
        fix="correct what is named",
        example=in_design(
            (
                f"      {FROM_A_WHOLE}",
                f"      {FROM_A}\n        {{id = 0 : i64, metadata = @x, burst_length = 32 : i64}} : memref<256xi32>",
            )
        ),
    ),
    Entry(
        id="TP314",
        name="inner-stride",
        severity="error",
        sentence="The innermost stride of a type of other than 32 bits is not 1; the DMA moves whole words that lie "
        "side by side.",
        cause="The DMA moves words of 32 bits, and cannot leave out a part of one. mlir-aie lets a stride through "
        "whose bytes are a multiple of 4, and then words are moved that lie side by side. Elements of more than 32 "
        "bits are several words, and the innermost stride counts words: mlir-aie refuses another than 1.",
        fix="let the core pick elements out of whole words",
        example=_from_a("[0, 0, 0, 0][1, 1, 1, 512][0, 0, 0, 2]", "memref<1024xi16>"),
    ),
    Entry(
        id="TP315",
        name="lost-offset",
        severity="warning",
        sentence="An offset in a dimension of stride 0 has no effect: an offset counts in strides.",
        cause="The transfer begins at the sum of each offset times its stride, though the documentation of mlir-aie "
        "speaks of the shape of the argument. An offset times 0 is lost.",
        fix="write the offset in the innermost dimension",
        example=in_design((FROM_A, FROM_A.replace("[0, 0, 0, 0]", "[0, 0, 5, 0]"))),
    ),
    Entry(
        id="TP316",
        name="core-wrap",
        severity="error",
        sentence="A dimension of a fifo has more words than the 8-bit wrap field of a core tile's BD holds.",
        cause="The wrap fields of a mem tile and of a shim tile have 10 bits, those of a core tile 8. mlir-aie "
        "measures every tile alike: above 256 only aie-rt refuses it, at the end of a build, and 256 slips through.",
        fix="keep each size but the outermost of three at most 255 words, or let the mem tile's end have the "
        "dimensions",
        example=with_more(_sent("z", "memref<512xi32>", (256, 2), (2, 1)), before=FIFO_Y),
    ),
    Entry(
        id="TP317",
        name="dimensions-product",
        severity="error",
        sentence="The sizes of dimensions do not multiply to what a BD moves, which for a fifo is its object.",
        cause="A BD moves as many words as its length says, and its outermost dimension has no end of its own. "
        "mlir-aie does not compare the two, so that the BD walks on behind the last step, or ends before it. In the "
        "example 4 times 8 words are not the 64 of the object.",
        fix="make them walk the whole object",
        example=in_design((FIFO_Y, _sent("y", "memref<64xi32>", (4, 8), (8, 1)))),
    ),
    Entry(
        id="TP318",
        name="dimensions-not-whole-words",
        severity="error",
        sentence="A stride or the innermost size of a fifo's dimensions is no multiple of 4 bytes; the BD gets it "
        "rounded down.",
        cause="The fields of a BD count words of 32 bits. mlir-aie divides the bytes by 4 and drops the rest, so that "
        "other data is moved than the dimensions say.",
        fix="let every piece begin and end at a multiple of 4 bytes, and let the core do what is finer",
        example=with_more(_sent("z", "memref<32xi8>", (4, 4), (4, 4), (2, 1)), before=FIFO_Y),
    ),
    Entry(
        id="TP319",
        name="step-field",
        severity="error",
        sentence="A stride is longer than the step field of that tile's BDs; only aie-rt would say so.",
        cause="A step goes to 8,192 words on a core tile, to 131,072 on a mem tile and to 1,048,576 on a shim tile. "
        "mlir-aie has one limit for all three, and a build fails in its last stage.",
        fix="lay the object out so that the steps are shorter, or let the mem tile's end have the dimensions",
        example=_with_program("offset = 0 len = 2 sizes = [2, 1] strides = [8193, 1]", "16000xi32"),
    ),
    Entry(
        id="TP320",
        name="length-field",
        severity="error",
        sentence="A BD moves more words than the length field of its tile holds.",
        cause="The field has 14 bits on a core tile, for 16,383 words, and 17 on a mem tile, for 131,071. mlir-aie of "
        "August 2026 refuses more, and that of March 2026 does not look.",
        fix="move it in several BDs",
        example=_with_program("offset = 0 len = 16384", "16384xi32"),
    ),
    Entry(
        id="TP321",
        name="past-buffer",
        severity="error",
        sentence="A BD reaches beyond the buffer or the object that it moves.",
        cause="A BD has an address and a length, and knows no buffer: what lies behind is read or written, another "
        "object for instance. In the example the last of 8 rows begins at word 63, and the object has 64.",
        fix="correct offset, length, sizes and strides",
        example=in_design((FIFO_Y, _sent("y", "memref<64xi32>", (8, 9), (8, 1)))),
    ),
    Entry(
        id="TP322",
        name="repeat-field",
        severity="error",
        sentence="A repeat count is above 255; the queue's field cuts it off without a word.",
        cause="The field has 8 bits, and holds the repeats beyond the first run: 0 to 255, for 1 to 256 runs. Of 256 "
        "it keeps 0, and the task runs once.",
        fix="repeat less often, or in two tasks",
        example=_with_program("offset = 0 len = 64", repeat=", repeat_count = 256"),
    ),
)
