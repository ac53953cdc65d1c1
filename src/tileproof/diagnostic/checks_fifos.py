"""Checks of the fifos: objects that are taken, given, held and waited for."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import (
    ACQUIRE_X,
    FIFO_X,
    FROM_A,
    FROM_A_WHOLE,
    SCRATCH,
    SEQUENCE,
    in_design,
    with_more,
)
from tileproof.diagnostic.entry import Entry

_ACQUIRE_3 = ACQUIRE_X.replace("1)", "3)")
_LOOP = "      scf.for %i = %c0 to %forever step %c1 {"

FIFOS = (
    Entry(
        id="TP401",
        name="part-of-an-object",
        severity="error",
        sentence="The sequence moves no whole number of a fifo's objects.",
        cause="The DMA hands an object on when the last word of it has come. The core waits for one that stays "
        "incomplete, or the host for words that no object holds.",
        fix="move whole objects: the last one is never handed on otherwise",
        example=in_design((FROM_A, FROM_A.replace("256]", "250]"))),
    ),
    Entry(
        id="TP402",
        name="unbalanced",
        severity="error",
        sentence="The sequence moves objects for different numbers of iterations of one core.",
        cause="Each pass of the core's loop takes and gives the same. Where an input ends early the core waits, and "
        "with it the output that the host waits for; what is moved beyond stays in the array for the next run.",
        fix="move as many objects of each fifo as the core takes and gives in the same iterations",
        example=in_design((FROM_A, FROM_A.replace("256]", "128]"))),
    ),
    Entry(
        id="TP403",
        name="beyond-depth",
        severity="warning",
        sentence="A core acquires more objects than the fifo's depth; the pool grows without a word.",
        cause="Where a fifo goes through a DMA, mlir-aie gives the core's end one object more than it acquires at "
        "once, whatever depth is declared. The design works, and takes more memory than it says.",
        fix="declare the depth that is needed: the largest acquire and one more",
        example=in_design((ACQUIRE_X, _ACQUIRE_3)),
    ),
    Entry(
        id="TP404",
        name="never-enough",
        severity="error",
        sentence="A core acquires more objects than the fifo has at its end: it waits for ever.",
        cause="A list of depths is taken as it is written, and so is the depth of a fifo between neighbours that share "
        "memory. A lock counts the objects, and never comes to the number that the core waits for.",
        fix="raise the depth, or acquire fewer",
        example=in_design(
            (FIFO_X, FIFO_X.replace("2 : i32", "[2, 2]")),
            (ACQUIRE_X, _ACQUIRE_3),
        ),
    ),
    Entry(
        id="TP405",
        name="release-unheld",
        severity="error",
        sentence="A core releases objects that it does not hold; the other end overwrites or reads what it should not.",
        cause="A release adds to a lock, whoever holds what. mlir-aie sees it only where another acquire of the fifo "
        "follows, and passes it otherwise.",
        fix="release as many as were acquired",
        example=in_design(("aie.objectfifo.release @x(Consume, 1)", "aie.objectfifo.release @x(Consume, 2)")),
    ),
    Entry(
        id="TP406",
        name="never-released",
        severity="warning",
        sentence="An endless loop acquires objects and never releases any: every pass after the first sees the same "
        "ones.",
        cause="An acquire asks for as many as are missing to its number. In the second pass none is missing: the core "
        "does not wait, and works on the old object while the next ones wait behind it.",
        fix="release them in the loop, or acquire them above it",
        example=in_design(("        aie.objectfifo.release @x(Consume, 1)\n", "")),
    ),
    Entry(
        id="TP407",
        name="nobody-there",
        severity="error",
        sentence="Nobody takes the objects of a fifo, or nobody fills it: its other end waits for ever.",
        cause="For every fifo mlir-aie makes locks and DMA programs, and does not ask who uses it. On the device the "
        "run ends in the driver's time-out.",
        fix="let the core acquire it, the sequence move it, or remove the fifo",
        example=in_design((f"      {FROM_A_WHOLE}\n", "")),
    ),
    Entry(
        id="TP408",
        name="object-not-whole-words",
        severity="error",
        sentence="An object of a fifo is no whole number of 32-bit words.",
        cause="An object is moved by DMAs, which count words of 32 bits and cannot move a part of one.",
        fix="make the object a multiple of 4 bytes",
        example=with_more(
            "    aie.objectfifo @z(%shim, {%next}, 2 : i32) : !aie.objectfifo<memref<63xi8>>",
            before=SCRATCH,
        ),
    ),
    Entry(
        id="TP409",
        name="link-sizes",
        severity="error",
        sentence="The parts of a link are not the objects of its fifos.",
        cause="The larger object is cut at the offsets, and mlir-aie does not compare the pieces with the objects of "
        "the other fifos. The two ends of a part then move different numbers of words. In the example the second "
        "offset should be 64.",
        fix="let offsets and object sizes agree: a part reaches to the next offset, the last to the end of the object",
        example=with_more(
            "    aie.objectfifo @whole(%shim, {%mem}, 2 : i32) : !aie.objectfifo<memref<128xi32>>",
            "    aie.objectfifo @first(%mem, {%core}, 2 : i32) : !aie.objectfifo<memref<64xi32>>",
            "    aie.objectfifo @second(%mem, {%next}, 2 : i32) : !aie.objectfifo<memref<64xi32>>",
            "    aie.objectfifo.link [@whole] -> [@first, @second] ([] [0, 32])",
            before=SCRATCH,
        ),
    ),
    Entry(
        id="TP410",
        name="wait-cycle",
        severity="error",
        sentence="Cores wait for each other in a circle; no order of events ends it.",
        cause="Each core does the same whatever the speed of the others, so that one run of their acquires and "
        "releases shows where all of them end up. mlir-aie builds it, and the run ends in the driver's time-out. In "
        "the example each core takes from the other before it gives.",
        fix="raise a depth, or let one of them hand on before it acquires",
        example=in_design(
            (
                SCRATCH,
                "    aie.objectfifo @there(%core, {%next}, 2 : i32) : !aie.objectfifo<memref<64xi32>>\n"
                "    aie.objectfifo @back(%next, {%core}, 2 : i32) : !aie.objectfifo<memref<64xi32>>\n"
                f"{SCRATCH}",
            ),
            (
                _LOOP,
                "      %bv = aie.objectfifo.acquire @back(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>\n"
                "      %tv = aie.objectfifo.acquire @there(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>\n"
                "      aie.objectfifo.release @there(Produce, 1)\n"
                "      aie.objectfifo.release @back(Consume, 1)\n"
                f"{_LOOP}",
            ),
            (
                SEQUENCE,
                "    %second = aie.core(%next) {\n"
                "      %tv = aie.objectfifo.acquire @there(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>\n"
                "      %bv = aie.objectfifo.acquire @back(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>\n"
                "      aie.objectfifo.release @there(Consume, 1)\n"
                "      aie.objectfifo.release @back(Produce, 1)\n"
                "      aie.end\n"
                "    }\n\n"
                f"{SEQUENCE}",
            ),
        ),
    ),
)
