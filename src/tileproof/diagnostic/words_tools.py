"""The words of aiecc, aie-opt, the linker and Peano: what `tileproof explain` finds in the log of a build.

None has an example: they are said by tools of others.
"""

from __future__ import annotations

from tileproof.diagnostic.entry import Entry


def _word(id_: str, sentence: str, cause: str, fix: str) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, cause=cause, fix=fix)


_CHECK = "`tileproof check DESIGN.mlir` names the place and the numbers"

TOOL_WORDS = (
    _word(
        "core-memory-full",
        "A core's program, constants or variables do not fit.",
        "A core has 16 KiB of program memory, and 64 KiB for stack, buffers, constants and variables.",
        "unroll and inline less; make objects or tables smaller",
    ),
    _word(
        "buffers-do-not-fit",
        "The buffers of a tile do not fit in its memory.",
        "They are too large together, or none of the banks holds one of them whole.",
        "make objects or depths smaller; --alloc-scheme=basic-sequential where only banks are too small",
    ),
    _word(
        "undefined-symbol",
        "The linker does not find a function, or finds it twice.",
        'The design and the C++ differ in its name, extern "C" is missing, its object is not linked, or a library of '
        "the compiler is.",
        '`nm FILE.o`; extern "C" around what the design calls; link with Peano\'s clang',
    ),
    _word(
        "object-not-found",
        "The linker does not find an object file.",
        "A relative link_with counts from the folder in which aiecc runs.",
        "build the tile code first, and run aiecc where link_with finds it",
    ),
    _word(
        "linker-script",
        "An object and the linker script do not go together.",
        "Peano and mlir-aie are of different ages, or a section lies outside of the core's memories.",
        "take the Peano that this mlir-aie was released with",
    ),
    _word(
        "compiler-cannot",
        "Peano has no instructions for what the code asks.",
        "Not every type and width of LLVM exists on the core; a loop that the compiler vectorised by itself can bring "
        "one, too.",
        "write it with aie_api, switch vectorising off for that loop, or take a newer Peano",
    ),
    _word(
        "headers-not-found",
        "Headers of aie_api or of C++ are not those of the compiler.",
        "Vitis, mlir-aie and Peano bring their own, and they do not mix.",
        "include the aie_api that belongs to the compiler",
    ),
    _word(
        "too-many-channels",
        "A tile needs more DMA or stream channels than it has.",
        "A core has 2 in and 2 out, a mem tile 6 and 6, a shim 2 and 2.",
        "join fifos in a mem tile and cut them by offsets; " + _CHECK,
    ),
    _word(
        "no-legal-route",
        "The flows find no way through the array, or the design no tile.",
        "Streams that cross one switch share its ports; packets share its few rules.",
        "spread ends over columns; send what goes to many by one broadcast",
    ),
    _word(
        "too-many-bds",
        "A tile has no buffer descriptor left.",
        "A core and a shim have 16; a mem tile has 48, of which a channel reaches the 24 of its parity.",
        "free tasks before more are made; give fifos less depth",
    ),
    _word(
        "bad-access-pattern",
        "An access pattern is not one that a BD can hold.",
        "A BD counts 32-bit words in three or four dimensions whose sizes and strides have few bits.",
        "cut the pattern into more dimensions or transfers; " + _CHECK,
    ),
    _word(
        "fifo-misused",
        "An ObjectFIFO is used as it cannot be.",
        "Acquires and releases do not go together, a core uses the other end's port, or two links share a fifo.",
        _CHECK,
    ),
    _word(
        "not-reachable",
        "A core uses memory that it does not reach.",
        "It reaches its own, and that of its neighbours to the south, west and north.",
        "place the buffer on a neighbour, or move it through a fifo",
    ),
    _word(
        "bad-sequence",
        "The runtime sequence names or awaits what is not there.",
        "The metadata names the fifo that ends at a shim; a wait needs a task with issue_token.",
        _CHECK,
    ),
    _word(
        "tool-not-found",
        "A tool of the build is not there.",
        "Of the tools xclbinutil comes with XRT, bootgen and aie-opt with mlir-aie, Peano with llvm-aie, xchesscc with "
        "Vitis.",
        "`tileproof doctor` says which are found and where it looked",
    ),
    _word(
        "not-mlir",
        "A tool does not know an operation of the design.",
        "The design is of another age of mlir-aie, or the tool has none of aie's dialects.",
        "`tileproof inspect DESIGN.mlir --print --mlir-aie STATE` spells it for another mlir-aie",
    ),
    _word(
        "follows-from-earlier",
        "A line that repeats that a step failed.",
        "The reason is the first error above it, which aiecc may glue to its progress.",
        "explain the whole log: `tileproof explain < build.log`",
    ),
)
