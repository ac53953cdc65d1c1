"""Checks of the text: what cannot be read or lowered, and what is read over."""

from __future__ import annotations

from tileproof.diagnostic.checks_examples import FIFO_X, SEQUENCE, in_design
from tileproof.diagnostic.entry import Entry

_ACCESS = "%xo = aie.objectfifo.subview.access %xv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>"

TEXT = (
    Entry(
        id="TP001",
        name="unreadable",
        severity="error",
        sentence="The design cannot be read.",
        cause="It is read as mlir-aie of any version reads it. An operation that nobody knows is refused, and not "
        "passed over: what it does would be missing from every answer.",
        fix="correct the text at the place named",
        example=in_design(("aiex.npu.dma_wait {symbol = @y}", "aiex.dma_wait {symbol = @y}")),
    ),
    Entry(
        id="TP002",
        name="not-lowered",
        severity="error",
        sentence="The design cannot be lowered to buffers, locks and DMA descriptors.",
        cause="The lowering follows the passes of mlir-aie. Without it there are no addresses and no pools, and the "
        "checks that need them say nothing until this is mended. In the example one object is acquired, and a second "
        "one is used.",
        fix="correct what is named",
        example=in_design(
            (
                _ACCESS,
                _ACCESS.replace("[0]", "[1]"),
            )
        ),
    ),
    Entry(
        id="TP003",
        name="unknown-attribute",
        severity="warning",
        sentence="An operation has an attribute that nobody knows; mlir-aie ignores it without a word.",
        cause="MLIR lets an operation carry any attribute, so that a slip in a name is no error to its parser. What "
        "was asked for is not done, and the default holds.",
        fix="correct its name, or remove it",
        example=in_design(("} {stack_size = 1024 : i32}", "} {stacksize = 1024 : i32}")),
    ),
    Entry(
        id="TP004",
        name="spelling",
        severity="warning",
        sentence="An operation is spelled as only some versions of mlir-aie read it.",
        cause="Between November 2025 and July 2026 mlir-aie renamed and respelled operations, and each version reads "
        "its own spelling only. The design is good for some of them, and the others refuse it.",
        fix="print the design in the spelling of the mlir-aie that is to read it: `tileproof inspect FILE --print`",
        example=in_design((SEQUENCE, SEQUENCE.replace("aie.", "aiex.", 1))),
    ),
    Entry(
        id="TP005",
        name="trace",
        severity="note",
        sentence="A trace is lowered as mlir-aie does, and no trace is emulated.",
        cause="What is built has its flows, its buffer and its register writes. What the event units of the array see "
        "is not modelled, so that the buffer of the trace stays as it is on the emulator.",
        fix="leave it; read the trace of a run on the device",
        example=in_design(
            (
                SEQUENCE,
                "    aie.trace @t(%core) {\n"
                "      aie.trace.start broadcast=15\n"
                "      aie.trace.stop broadcast=14\n"
                "    }\n"
                f"{SEQUENCE}\n"
                "      aie.trace.host_config {buffer_size = 8192 : i32}",
            )
        ),
    ),
    Entry(
        id="TP006",
        name="too-much",
        severity="error",
        sentence="The design asks for more than any device has, and more than is written out for it.",
        cause="A count takes ten digits in the text, and whoever writes out what it counts the memory of the machine: "
        "objects of a fifo, iterations of a loop in a runtime sequence, bytes of a memref, brackets inside each other. "
        "Each has a bound far beyond what designs have, and the message says where the bound comes from. Loops inside "
        "each other are decided by the product of their counts.",
        fix="correct the number, or make the design smaller",
        example=in_design((FIFO_X, FIFO_X.replace("2 : i32", "2147483647 : i32"))),
    ),
    Entry(
        id="TP007",
        name="no-value",
        severity="error",
        sentence="A value is used that is not there, or not yet.",
        cause="A name behind % is that of a result or an argument, is seen from its definition on, and only inside the "
        "braces around it. mlir-aie refuses it: `use of undeclared SSA value name`, or `operand #0 does not dominate "
        "this use`.",
        fix="correct its name, or define it above, outside of any braces that are closed again",
        example=in_design(("func.call @step(%xo, %yo, %scratch)", "func.call @step(%xo, %yp, %scratch)")),
    ),
    Entry(
        id="TP008",
        name="one-of-several",
        severity="note",
        sentence="The file has several devices, and nobody said which is meant.",
        cause="A file may hold several `aie.device`: variants of a design, or those that a runtime sequence sets the "
        "array up with, one after the other. aiecc builds all of them; here one is looked at: @main, or the first.",
        fix="name it: --device-name NAME",
        example=in_design(("module {", "module {\n  aie.device(npu1) @other {\n  }")),
    ),
)
