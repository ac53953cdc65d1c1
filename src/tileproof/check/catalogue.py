"""Every check there is: its id, how bad what it finds is, one sentence, and what usually mends it.

An id keeps its meaning for ever; a check that goes leaves a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

GROUPS = {
    "TP0": "the text",
    "TP1": "memory",
    "TP2": "stack",
    "TP3": "DMA",
    "TP4": "fifos",
    "TP5": "code",
    "TP6": "placement",
    "TP7": "the built pair",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One row of the catalogue. An error will not work on the device; a warning may, and is seldom meant."""

    id: str
    name: str
    severity: Severity
    sentence: str
    fix: str

    @property
    def group(self) -> str:
        return GROUPS[self.id[:3]]


def _error(id_: str, name: str, sentence: str, fix: str) -> Check:
    return Check(id=id_, name=name, severity="error", sentence=sentence, fix=fix)


def _warning(id_: str, name: str, sentence: str, fix: str) -> Check:
    return Check(id=id_, name=name, severity="warning", sentence=sentence, fix=fix)


def _note(id_: str, name: str, sentence: str, fix: str) -> Check:
    return Check(id=id_, name=name, severity="note", sentence=sentence, fix=fix)


CATALOGUE = (
    _error("TP001", "unreadable", "The design cannot be read.", "correct the text at the place named"),
    _error(
        "TP002",
        "not-lowered",
        "The design cannot be lowered to buffers, locks and DMA descriptors.",
        "correct what is named",
    ),
    _warning(
        "TP003",
        "unknown-attribute",
        "An operation has an attribute that nobody knows; mlir-aie ignores it without a word.",
        "correct its name, or remove it",
    ),
    _warning(
        "TP004",
        "spelling",
        "An operation is spelled as only some states of mlir-aie read it.",
        "print the design in the spelling of the mlir-aie that is to read it: `tileproof inspect FILE --print`",
    ),
    _note(
        "TP005",
        "trace",
        "A trace is lowered as mlir-aie does, and no trace is emulated.",
        "leave it; read the trace of a run on the device",
    ),
    _error(
        "TP101",
        "memory-overflow",
        "Buffers and stack need more memory than the tile has.",
        "make the objects smaller, or lower a depth",
    ),
    _error(
        "TP102",
        "address-conflict",
        "A buffer asks for an address or a bank that it cannot have: outside, misaligned, or another buffer's.",
        "choose another address, or leave the choice to the allocator",
    ),
    _warning(
        "TP103",
        "bank-crossing",
        "A buffer lies in no bank of its own, because the bank-aware allocator found no bank with room for it.",
        "make the object fit into one bank, so that core and DMA do not wait for each other",
    ),
    _warning(
        "TP104",
        "alignment-512",
        "A buffer of an npu2 core does not begin at a multiple of 64 bytes; a 512-bit access to it takes other bytes.",
        "make stack_size and the sizes of all buffers multiples of 64",
    ),
    _warning(
        "TP105",
        "bank-not-kept",
        "A buffer asks for a bank and lies in another: the default scheme fell back, and forgot the wish.",
        "make room in that bank, or ask for bank-aware on the tile so that mlir-aie says so",
    ),
    _error("TP201", "stack-too-large", "stack_size is more than the tile's memory.", "lower stack_size"),
    _error(
        "TP202",
        "array-beyond-stack",
        "A local array of the tile code is larger than stack_size; it runs over the buffers above the stack.",
        "raise stack_size, or hand the tile function a buffer to work in",
    ),
    _warning(
        "TP203",
        "arrays-beyond-stack",
        "The local arrays of a function and of what it calls are larger than stack_size together.",
        "raise stack_size, or hand the tile function a buffer to work in",
    ),
    _warning(
        "TP204",
        "frames-beyond-stack",
        "The stack frames of the deepest calls, as the host's GCC counts them, are larger than stack_size.",
        "raise stack_size; the device's compiler has frames of its own, and nothing there notices an overflow",
    ),
    _error("TP301", "bd-id", "A shim tile has no BD of that id; the write lands on other registers.", "use 0 to 15"),
    _error(
        "TP302",
        "past-argument",
        "A transfer reaches beyond its argument of the runtime sequence.",
        "correct offsets, sizes and strides, or the type of the argument",
    ),
    _error(
        "TP303",
        "not-whole-words",
        "An offset, a stride or the innermost size of a transfer is no multiple of 4 bytes.",
        "pad rows to a multiple of 4 bytes",
    ),
    _error(
        "TP304",
        "size-below-1",
        "A transfer has a size below 1, or walks a dimension with a stride below 1.",
        "write size 1 for a dimension that is not used; only the outermost stride may be 0",
    ),
    _error(
        "TP305",
        "bd-field",
        "A size or stride of a transfer does not fit the fields of a shim BD, and cannot be split.",
        "lay the data out so that rows follow each other without a gap, or write several transfers",
    ),
    _warning(
        "TP306",
        "needs-new-mlir-aie",
        "A transfer that mlir-aie makes linear since April 2026, or splits since July 2026, and refuses before.",
        "write it as [1, 1, 1, N][0, 0, 0, 1], or keep each size at most 1,023",
    ),
    _error(
        "TP307",
        "iteration-field",
        "The outermost size is above 64 where it moves through memory; the field wraps without a word.",
        "write several transfers",
    ),
    _error(
        "TP308",
        "queue-overrun",
        "More than 4 tasks of one channel are started without a wait; the device may drop one without a word.",
        "wait for an earlier transfer of the channel first",
    ),
    _error(
        "TP309",
        "wait-without-token",
        "A dma_wait for a token that no transfer before it issues: it never ends.",
        "write `issue_token = true` on the transfer that is waited for, and wait once per transfer",
    ),
    _error(
        "TP310",
        "bd-in-flight",
        "A BD is written again while its earlier transfer may still be under way.",
        "take another id, or wait for the earlier transfer first",
    ),
    _error(
        "TP311",
        "output-not-awaited",
        "The sequence ends without waiting for an output; the host may read what is not there yet.",
        "end the sequence with a dma_wait for every transfer to the host",
    ),
    _error(
        "TP312",
        "tile-resources",
        "A tile needs more DMA channels, buffer descriptors or locks than it has.",
        "join fifos, lower their depth, or move one to another tile",
    ),
    _error(
        "TP313",
        "not-an-instruction",
        "A transfer cannot be written as instruction words.",
        "correct what is named",
    ),
    _error(
        "TP314",
        "inner-stride",
        "The innermost stride of a type below 32 bits is not 1; the DMA moves whole words that lie side by side.",
        "let the core pick elements out of whole words",
    ),
    _warning(
        "TP315",
        "lost-offset",
        "An offset in a dimension of stride 0 has no effect: an offset counts in strides.",
        "write the offset in the innermost dimension",
    ),
    _error(
        "TP316",
        "core-wrap",
        "A dimension of a fifo has more words than the 8-bit wrap field of a core tile's BD holds.",
        "keep each size but the outermost of three at most 255 words, or let the mem tile's end have the dimensions",
    ),
    _error(
        "TP317",
        "dimensions-product",
        "The sizes of dimensions do not multiply to what a BD moves, which for a fifo is its object.",
        "make them walk the whole object",
    ),
    _error(
        "TP318",
        "dimensions-not-whole-words",
        "A stride or the innermost size of a fifo's dimensions is no multiple of 4 bytes; the BD gets it rounded down.",
        "let every piece begin and end at a multiple of 4 bytes, and let the core do what is finer",
    ),
    _error(
        "TP319",
        "step-field",
        "A stride is longer than the step field of that tile's BDs; only aie-rt would say so.",
        "lay the object out so that the steps are shorter, or let the mem tile's end have the dimensions",
    ),
    _error(
        "TP320",
        "length-field",
        "A BD moves more words than the length field of its tile holds.",
        "move it in several BDs",
    ),
    _error(
        "TP321",
        "past-buffer",
        "A BD reaches beyond the buffer or the object that it moves.",
        "correct offset, length, sizes and strides",
    ),
    _error(
        "TP322",
        "repeat-field",
        "A repeat count is above 255; the queue's field cuts it off without a word.",
        "repeat less often, or in two tasks",
    ),
    _error(
        "TP401",
        "part-of-an-object",
        "The sequence moves no whole number of a fifo's objects.",
        "move whole objects: the last one is never handed on otherwise",
    ),
    _error(
        "TP402",
        "unbalanced",
        "The sequence moves objects for different numbers of iterations of one core.",
        "move as many objects of each fifo as the core takes and gives in the same iterations",
    ),
    _warning(
        "TP403",
        "beyond-depth",
        "A core acquires more objects than the fifo's depth; the pool grows without a word.",
        "declare the depth that is needed: the largest acquire and one more",
    ),
    _error(
        "TP404",
        "never-enough",
        "A core acquires more objects than the fifo has at its end: it waits for ever.",
        "raise the depth, or acquire fewer",
    ),
    _error(
        "TP405",
        "release-unheld",
        "A core releases objects that it does not hold; the other end overwrites or reads what it should not.",
        "release as many as were acquired",
    ),
    _warning(
        "TP406",
        "never-released",
        "An endless loop acquires objects and never releases any: every pass after the first sees the same ones.",
        "release them in the loop, or acquire them above it",
    ),
    _error(
        "TP407",
        "nobody-there",
        "Nobody takes the objects of a fifo, or nobody fills it: its other end waits for ever.",
        "let the core acquire it, the sequence move it, or remove the fifo",
    ),
    _error(
        "TP408",
        "object-not-whole-words",
        "An object of a fifo is no whole number of 32-bit words.",
        "make the object a multiple of 4 bytes",
    ),
    _error(
        "TP409",
        "link-sizes",
        "The parts of a link are not the objects of its fifos.",
        "let offsets and object sizes agree: a part reaches to the next offset, the last to the end of the object",
    ),
    _error(
        "TP410",
        "wait-cycle",
        "Cores wait for each other in a circle; no order of events ends it.",
        "raise a depth, or let one of them hand on before it acquires",
    ),
    _error(
        "TP501",
        "no-link-with",
        "A core calls a function of which nothing names the object file; only the linker would say so.",
        'write `attributes {link_with = "tile.o"}` on its declaration',
    ),
    _error(
        "TP502",
        "not-defined",
        'The tile code defines no `extern "C"` function of the name that a core calls.',
        'write `extern "C"` before its definition, or correct the name',
    ),
    _error(
        "TP503",
        "parameter-count",
        "A function has more or fewer parameters in the tile code than in the design.",
        "make the declaration and the tile code agree",
    ),
    _error(
        "TP504",
        "parameter-type",
        "A parameter has another type in the tile code than in the design.",
        "make the declaration and the tile code agree",
    ),
    _error(
        "TP505",
        "call-mismatch",
        "A core calls a function that is not declared, or with other types than it is declared with.",
        "make the call and the declaration agree",
    ),
    _error(
        "TP601",
        "not-an-end",
        "A core acquires or releases a fifo that does not end there, or not with that port.",
        "name a fifo that begins or ends at this core, with the port it has there",
    ),
    _error(
        "TP602",
        "outside-the-device",
        "A tile lies outside the device.",
        "use row 0 for the shim, 1 for the mem tile, 2 to 5 for cores",
    ),
    _error(
        "TP603",
        "tile-after-core",
        "A tile is declared after a core; mlir-aie puts buffers where that core does not see them.",
        "move all aie.tile operations above the first aie.core",
    ),
    _error("TP604", "declared-twice", "A name, a tile or a core is declared twice.", "keep one of the two"),
    _error("TP605", "tile-kind", "A core or a buffer stands on a kind of tile that has none.", "use a row from 2 to 5"),
    _error(
        "TP606",
        "out-of-reach",
        "A core uses a buffer, or objects of a fifo, of a tile whose memory it does not reach.",
        "put it on the core's tile or its west, north or south neighbour, or use a fifo",
    ),
    _error("TP607", "unknown-device", "There is no device of that name.", "use npu1 or npu2"),
    _error(
        "TP608",
        "no-shim-end",
        "The sequence moves data of a fifo that does not end at a shim tile.",
        "name a fifo with one end on row 0",
    ),
    _error(
        "TP701",
        "other-instructions",
        "The instruction words are not those that mlir-aie makes of the design's sequence.",
        "build both of the same design; `tileproof build KERNEL` makes a pair",
    ),
    _error(
        "TP702",
        "other-interface",
        "The xclbin takes fewer buffers than the sequence has arguments, or has fewer columns than the design uses.",
        "use the xclbin that was built of this design",
    ),
    _error(
        "TP703",
        "other-pair",
        "The instructions were not built together with the xclbin.",
        "take both files from one build; `tileproof build KERNEL` makes a pair",
    ),
    _error(
        "TP704",
        "bad-uuid",
        "The xclbin or a PDI has the nil uuid, or two PDIs share one; by it the driver tells them apart.",
        "package again; xclbinutil draws a new uuid each time",
    ),
    _error(
        "TP705",
        "no-kernel",
        "The xclbin has no EMBEDDED_METADATA, or no kernel in it; the NPU's shim refuses it.",
        "package with `xclbinutil --add-kernel kernels.json`",
    ),
    _error(
        "TP706",
        "kernel-id",
        "A kernel's id leads to no PDI, is another kernel's, or is not that of IP_LAYOUT.",
        "use one dpu_kernel_id in kernels.json and aie_partition.json, and package again",
    ),
    _error(
        "TP707",
        "connectivity",
        "A buffer reaches no bank, or a bank is connected to an argument that is not there.",
        "`tileproof rebank --arg NAME=BANK` connects an argument; or package again with the kernels.json of the design",
    ),
    _error(
        "TP708",
        "partition-columns",
        "The partition takes no columns, begins nowhere, or leaves the array.",
        "`tileproof rebank --columns N`, or correct column_width and start_columns in aie_partition.json",
    ),
    _error(
        "TP709",
        "empty-pdi",
        "The partition has no PDI, or an empty one: nothing is loaded into the array.",
        "look at what bootgen said, and build again",
    ),
    _error(
        "TP710",
        "other-generation",
        "The xclbin and the instructions are for different NPUs.",
        "take both files from one build; `tileproof build KERNEL` makes a pair",
    ),
    _error(
        "TP711",
        "patched-argument",
        "An instruction patches in the address of an argument that the kernel does not have.",
        "package with as many buffers as the sequence has arguments",
    ),
    _warning(
        "TP712",
        "beyond-five-buffers",
        "A buffer beyond the fifth is patched without the aperture, which firmware adds to the first five only.",
        "build with mlir-aie of August 2026, or pack several inputs into one buffer",
    ),
)

_BY_ID = {check.id: check for check in CATALOGUE}


def check_with_id(id_: str) -> Check:
    """The check of that id, which exists."""
    return _BY_ID[id_]
