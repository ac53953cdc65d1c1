"""What aiecc, aie-opt, aie-rt, the linker and Peano say.

Sources: mlir-aie lib/Dialect/AIE, lib/Dialect/AIEX, lib/Targets and tools/aiecc of 2026-08, aie-rt's ELF loader, lld
and LLVM's GlobalISel; threads: mlir-aie#1118, #1427, #1773, #1905, #2378, #2417, #2426, #2557, #2921, #3406, #3618,
#3720, llvm-aie#102, #431, #480. Sizes: hardware.md.
"""

from __future__ import annotations

from tileproof.explain.message import Explained, Match, Message, message, one_of, says

_INSPECT = "`tileproof inspect DESIGN.mlir --lowered` shows buffers, channels, BDs and locks of every tile"
_CHECK = "`tileproof check DESIGN.mlir` names the place and the numbers"
_KERNEL_SPACE = "fewer unrolled loops and fewer inlined copies of a kernel: __attribute__((noinline)), -Os"


def _region(match: Match) -> Explained:
    section, region, over = match["section"], match["region"], match["over"]
    by = f" by {int(over):,} bytes" if over else ""
    if region.startswith("program") or section.startswith(".text"):
        return (
            f"the core's program is too long{by}",
            "a core has 16 KiB of program memory, library functions included",
            f"{_KERNEL_SPACE}; the linker's map has the longest functions",
        )
    return (
        f"the constants and variables of the tile code ({section}) do not fit{by}",
        "they share the core's 64 KiB with the stack and the fifos' buffers, and get what is left in one piece",
        "make objects smaller or their depth less, or move tables into fewer bytes; " + _INSPECT,
    )


def _undefined(match: Match) -> Explained:
    symbol = match["symbol"].strip()
    return (
        f"the tile code calls {symbol}, and nobody defines it",
        one_of(
            (
                "the function has another name",
                'the design\'s func.func and the C++ differ, or extern "C" is missing: '
                "then the object has a mangled name",
            ),
            ("its object is not linked", "link_with of the core names another file or none"),
            (
                "it is a part of the compiler's or C's library",
                "it begins with __, or is memset, memcpy, expf: link with "
                "Peano's clang and its libraries, not with ld.lld alone",
            ),
            (
                "it is chess's",
                "the name has me_primitive or was compiled by xchesscc: compile all of it with one compiler",
            ),
        ),
        "`nm FILE.o` shows what the object defines; `tileproof check DESIGN.mlir --tile-code FILE.cc` compares names",
    )


def _legalize(match: Match) -> Explained:
    return (
        f"Peano has no instructions for {match['op']} in that form",
        "the type or the vector width is not one of the core's: the compiler met it in C++ vector code, in a loop that "
        "it vectorised by itself, or in arith/vector operations of the design",
        "write it with aie_api in a width of the core (256, 512 or 1024 bits), switch vectorising off for that loop "
        "(#pragma clang loop vectorize(disable)), or take a newer Peano",
    )


def _exceeded(match: Match) -> Explained:
    way, kind = match["way"], match["kind"]
    limits = "a core has 2 in and 2 out, a mem tile 6 and 6, a shim 2 and 2"
    if kind == "Core":
        limits = "a core has one stream in and one out besides its DMA"
    return (
        f"a tile needs more {way} {kind} channels than it has",
        f"every ObjectFIFO end that is not shared memory takes one: {limits}",
        "join fifos in a mem tile and cut them by offsets, move an end to another tile; " + _INSPECT,
    )


COMPILER_MESSAGES: tuple[Message, ...] = (
    message(
        "core-memory-full",
        r"section '?(?P<section>[.\w]{1,60})'? will not fit in region '?(?P<region>\w{1,40})'?"
        r"(?:: overflowed by (?P<over>\d{1,20}) bytes)?",
        _region,
    ),
    says(
        "core-memory-full",
        r"Overflow of program memory",
        "the core's program is too long",
        "a core has 16 KiB of program memory; linker scripts of mlir-aie before August 2026 allowed more, so that "
        "aie-rt is the first to notice (mlir-aie#3618)",
        f"{_KERNEL_SPACE}; large loops that are unrolled in the design count as well",
    ),
    says(
        "core-memory-full",
        r"Overflow of data memory|_XAie_LoadDataMemSection\(\)",
        "the core's data does not fit where the ELF puts it",
        "stack, buffers, constants and variables share 64 KiB",
        _INSPECT,
    ),
    says(
        "buffers-do-not-fit",
        r"allocated buffers exceeded available memory|Not all requested buffers fit in the available memory"
        r"|Failed to allocate buffer: \"[^\"]{1,80}\" with size: \d{1,20} bytes|Bank-aware allocation failed"
        r"|Basic sequential allocation (?:also )?failed|Bank-aware allocation failed, trying basic sequential",
        "the buffers of a tile do not fit in its memory",
        one_of(
            (
                "they are too large together",
                "the sum with the stack is above 64 KiB of a core or 512 KiB of a mem tile",
            ),
            ("they fit, and no bank holds one of them whole", "the sum is below: banks of a core have 16 KiB"),
        ),
        "make objects or depths smaller, or keep them in the mem tile; with (2), --alloc-scheme=basic-sequential; "
        + _INSPECT,
    ),
    message("undefined-symbol", r"undefined symbol: (?P<symbol>[^\r\n]{1,160})", _undefined),
    says(
        "object-not-found",
        r"cannot open \S{1,200}: No such file or directory|cannot find \S{1,200}: No such file",
        "the linker does not find an object file",
        one_of(
            ("it was not built", "there is none of that name anywhere"),
            ("it is somewhere else", "link_with has a relative name, which counts from where aiecc runs"),
        ),
        "build the tile code first, and run aiecc where link_with finds it",
    ),
    says(
        "linker-script",
        r"\(\.\w[\w.]{0,60}\) is being placed in '[^']{1,60}'",
        "an object holds a section that the linker script has no place for",
        "Peano and mlir-aie are of different ages: the section came with a newer Peano (mlir-aie#2417)",
        "take the Peano that this mlir-aie was released with",
    ),
    says(
        "undefined-symbol",
        r"duplicate symbol: [^\r\n]{1,160}",
        "two objects define one function",
        one_of(
            ("an object is linked twice", "both places name the same file"),
            ("two kernels are in one core", "they come of one source with different -D"),
        ),
        "give them names of their own, or make helpers static",
    ),
    says(
        "linker-script",
        r"relocation R_\w{1,40} out of range[^\r\n]{0,80}",
        "an address does not fit its instruction",
        "code or data lies too far away: the linker script put it outside of the core's memories, mostly",
        "look at the sections of the ELF; take the linker script that aiecc writes",
    ),
    message(
        "compiler-cannot",
        r"unable to legalize instruction: [^\r\n]{0,80}?\b(?P<op>G_\w{1,40})",
        _legalize,
    ),
    message("compiler-cannot", r"[Cc]annot select: [^\r\n]{0,80}?\b(?P<op>G_\w{1,40})", _legalize),
    says(
        "compiler-cannot",
        r"ran out of registers during register allocation",
        "the compiler does not get along with the core's registers",
        "too many vectors or accumulators are alive at once: an unrolled loop with many accumulators, mostly",
        "unroll less, or cut the loop in two",
    ),
    says(
        "compiler-cannot",
        r"No available targets are compatible with triple \"aie[^\"]{0,40}\""
        r"|unknown target triple 'aie[^']{0,40}'|unable to create target: '[^']{0,60}aie[^']{0,60}'",
        "this compiler does not know the core",
        "it is a clang of the system or of LLVM, and not Peano (llvm-aie)",
        "put Peano's bin first in PATH, or set PEANO_INSTALL_DIR; `tileproof doctor` says which one is found",
    ),
    says(
        "headers-not-found",
        r"no member named '\w{1,60}' in namespace 'std'",
        "the C++ library of the compiler does not have what the header wants",
        "aie_api of Vitis compiled by Peano, or the other way round: each comes with headers of its own",
        "include the aie_api that belongs to the compiler: Peano's with mlir-aie's",
    ),
    says(
        "headers-not-found",
        r"'(?:aie_api/[\w./]{1,60}|aie_kernel_utils\.h|lut_based_ops\.h)' file not found",
        "the compiler does not find the headers of aie_api or mlir-aie",
        "they stand beside mlir-aie: include for aie_api, aie_kernels and aie_runtime_lib/AIE2 for the others",
        "add -I of that folder; tileproof's own are found without",
    ),
    message(
        "too-many-channels",
        r"number of (?P<way>input|output) (?P<kind>DMA|Core) channels? exceeded!?",
        _exceeded,
    ),
    says(
        "too-many-channels",
        r"uses more (?:input|output) channels than available on this tile|no S2MM channels available on shim tile"
        r"|failed to map to shim dma channels(?:: out of channels)?",
        "a tile has no channel left",
        "a core has 2 in and 2 out, a mem tile 6 and 6, a shim 2 and 2",
        "join fifos in a mem tile and cut them by offsets, or use another column's shim; " + _INSPECT,
    ),
    says(
        "no-legal-route",
        r"Unable to find a legal routing|[Ff]ailed to find (?:a )?legal rout(?:ing|e)",
        "the flows of the design find no way through the stream switches",
        one_of(
            ("too many of them cross one switch", "all ends lie in few columns: move some, or use mem tiles of others"),
            (
                "the router gave up on a small design",
                "it helps to place the tiles otherwise, or an unused tile between (mlir-aie#2378)",
            ),
        ),
        "spread ends over columns; send what goes to many by one broadcast; merge small streams by packets",
    ),
    says(
        "no-legal-route",
        r"no available physical tile for placement|no placement found for logical tile|max number of packet IDs reached"
        r"|slave port packet rules exceed",
        "the design wants more tiles, or packets, than there are",
        "an npu1 has 16 cores and 4 mem tiles, an npu2 32 and 8; there are 32 packet ids, and few rules in a switch",
        "use fewer workers, or place tiles by hand where they can be shared",
    ),
    says(
        "too-many-bds",
        r"Allocator exhausted available BD IDs(?: \(maximum[^)]{0,60}\))?|op has more than \d{1,4} blocks"
        r"|BD ID exceeds the maximum ID|bdId attribute exceeds max: \d{1,4}",
        "a tile has no buffer descriptor left",
        "a core and a shim have 16; a mem tile has 48, of which a channel reaches the 24 of its parity",
        "wait for tasks and free them before more are made; give fifos less depth; " + _CHECK,
    ),
    says(
        "bad-access-pattern",
        r"(?:Size|Stride) \d exceeds the \[\d{1,10}:\d{1,10}\] range|(?:Size|Stride) may not exceed \d{1,10}"
        r"|transfer length must be multiple of 4|buffer descriptor length(?: in bytes)? \(\d{1,20}\)[^\r\n]{0,60}"
        r"|At most four data layout transformation dimensions may be provided"
        r"|must result in a stride aligned to 32-bit words|must be a multiple of 4 bytes",
        "an access pattern is not one that a BD can hold",
        "a BD counts 32-bit words: sizes have 8 bits in a core and 10 elsewhere, strides 13, 17 or 20; the innermost "
        "stride is 1 for elements below 32 bits, and rows are whole words",
        "cut the pattern into more dimensions or transfers; " + _CHECK,
    ),
    says(
        "fifo-misused",
        r"cannot (?:acquire|release) more elements than[^\r\n]{0,60}"
        r"|objectFifo release has no corresponding acquire on this tile",
        "a core releases objects that it has not acquired",
        "counts of acquire and release of a port do not go together on some way through the core",
        "release as many as were acquired, on every branch and in every turn of a loop; " + _CHECK,
    ),
    says(
        "fifo-misused",
        r"(?:producer|consumer) port of objectFifo accessed by core running on non-(?:producer|consumer) tile"
        r"|objectfifo cannot be in more than one ObjectFifoLinkOp|has more than one allocate operation"
        r"|currently cannot access objectFifo used in ObjectFifoLinkOp"
        r"|does not have enough depths specified for producer and for each consumer"
        r"|initial values should initialize all objects|can only be used in 1-to-1 object FIFOs",
        "an ObjectFIFO is used as it cannot be",
        "the message has the rule; its line is that of the fifo or of the access",
        _CHECK,
    ),
    says(
        "not-reachable",
        r"is accessed from (?:an )?unreachable tile|has no shared memory access to delegate tile"
        r"|tiles must be adjacent",
        "a core uses memory that it does not reach",
        "a core reaches its own memory and that of its neighbours to the south, west and north",
        "place the buffer on a neighbour, or move it through a fifo",
    ),
    says(
        "bad-sequence",
        r"no shim DMA allocation found for symbol|couldn't find shim_dma_allocation op\.?"
        r"|shim_dma_allocation op must reference a valid TileOp",
        "the runtime sequence names a fifo that does not end at a shim",
        "`metadata` of a transfer is the name of the fifo whose shim end it feeds",
        "name the fifo of the shim, not the one behind a link; " + _CHECK,
    ),
    says(
        "bad-sequence",
        r"awaits a task-completion token on a channel where no",
        "the runtime sequence waits for a token that nothing sends",
        "no task of that channel has issue_token",
        "set issue_token = true on the task that is waited for",
    ),
    says(
        "bad-sequence",
        r"no device found matching --device-name|more than one (?:aie\.)?device",
        "the file holds several devices, and none of the name that was asked for",
        "aiecc and aie-opt choose by --device-name",
        "name one of the aie.device symbols",
    ),
    says(
        "tool-not-found",
        r"Could not find Peano[^\r\n]{0,60}|tool '[^']{1,80}' not found in search paths or PATH"
        r"|requested xclbinutil '[^']{0,120}' not found or not executable|aietools directory does not exist"
        r"|(?:xclbinutil|bootgen|xchesscc(?:_wrapper)?|aie-opt|aiecc(?:\.py)?): (?:command )?not found"
        r"|No such file or directory: '[^']{0,120}?"
        r"(?:xclbinutil|bootgen|xchesscc(?:_wrapper)?|aie-opt|aiecc(?:\.py)?)'",
        "a tool of the build is not there",
        one_of(
            (
                "it is not installed",
                "xclbinutil comes with XRT, bootgen and aie-opt with mlir-aie, Peano with llvm-aie, "
                "xchesscc with Vitis",
            ),
            ("it is not in PATH", "the setup.sh of XRT, or mlir-aie's environment, was not sourced in this shell"),
            ("chess was asked for", "--xchesscc or --xbridge is on: --no-xchesscc --no-xbridge builds with Peano"),
        ),
        "`tileproof doctor` says which are found and where it looked",
    ),
    says(
        "not-mlir",
        r"op expects parent op '(?:AIE|aie)\.device'"
        r"|custom op '[\w.]{1,60}' is unknown|Dialect `[\w.]{1,40}' not found for custom op '[\w.]{1,60}'"
        r"|unregistered operation '[\w.]{1,60}' found",
        "the tool does not know an operation of the design",
        one_of(
            ("the design is of another age of mlir-aie", "the operation was renamed or moved to another dialect"),
            ("the wrong tool reads it", "mlir-opt has none of aie's dialects, aie-opt has"),
        ),
        "`tileproof inspect DESIGN.mlir --print --mlir-aie STATE` spells a design for another mlir-aie",
    ),
    says(
        "follows-from-earlier",
        r"aiecc: edge '[^']{1,80}'(?: \(key '[^']{0,80}'\))? failed|aiecc: pipeline failed"
        r"|clang(?:-\d{1,3}|\+\+)?: error: (?:ld\.lld|linker) command failed with exit code \d{1,3}[^\r\n]{0,40}"
        r"|Error encountered while running: |Error running pass pipeline|Failure while executing pass pipeline"
        r"|aiecc: PassPipeline could not obtain input module|Error encountered while assigning buffer addresses",
        "a step of the build failed",
        "it only repeats that; the reason is the first `error:` above, which may be glued to a line of progress",
        "explain that line: `tileproof explain < build.log`",
    ),
)
