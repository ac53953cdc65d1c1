"""What ends a run of the emulator: a design or a host does what no array does, or what only an NPU can."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example

_EMULATE = "tileproof emulate design.mlir --tile-code tile.cc --arg 0=ones --arg 1=zeros"
_RUN = "tileproof build double --kernels kernels && tileproof run host.py"
_CALL = "        func.call @step("
_FIRST_TRANSFER = "      aiex.npu.dma_memcpy_nd(%a"


def _ending(id_: str, sentence: str, fix: str, cause: str, example: Example | None = None) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause, example=example)


def _changed(file: str, *changes: tuple[str, str], command: str = _EMULATE) -> Example:
    return Example(command=command, changes=tuple(Change(file, right, wrong) for right, wrong in changes))


def _in_core(*lines: str) -> Example:
    """Lines more before the core calls its function."""
    return _changed("design.mlir", (_CALL, "".join(f"        {line}\n" for line in lines) + _CALL))


def _at_the_end(statement: str) -> Example:
    """A statement more at the end of the tile function, with the AIE API."""
    last = "    doubled(small, y);\n"
    include = "#include <cstdint>\n"
    return _changed("tile.cc", (include, f"#include <aie_api/aie.hpp>\n{include}"), (last, f"{last}    {statement}\n"))


def _in_sequence(line: str) -> Example:
    """A line more before the first transfer."""
    return _changed("design.mlir", (_FIRST_TRANSFER, f"      {line}\n{_FIRST_TRANSFER}"))


def _sync(row: int, columns: int) -> str:
    place = f"column = 0 : i32, row = {row} : i32, direction = 0 : i32, channel = 0 : i32"
    return f"aiex.npu.sync {{{place},\n        column_num = {columns} : i32, row_num = 1 : i32}}"


RUN_REFUSALS = (
    _ending(
        "no-tile-function",
        "A core calls a function that the tile code does not define.",
        'define it with extern "C" in the tile code, or correct the name',
        "The design declares it, and no file of the tile code has a function of that name. On the way to a device the "
        "linker would say so.",
        _changed("tile.cc", ("void step(", "void steps(")),
    ),
    _ending(
        "not-passed",
        "A tile function is to be passed what cannot be passed to it.",
        "pass one object, a buffer or a number; other values through a buffer",
        "Tile functions take memrefs, integers and f32. What an acquire returns is a list of objects, and "
        "not one of them.",
        _changed(
            "design.mlir",
            ("memref<32xi32>) attributes", "memref<32xi32>, f64) attributes"),
            (_CALL, f"        %half = arith.constant 0.5 : f64\n{_CALL}"),
            ("%scratch)", "%scratch, %half)"),
            ("memref<32xi32>) -> ()", "memref<32xi32>, f64) -> ()"),
        ),
    ),
    _ending(
        "not-executed",
        "The emulator does not execute an operation of the design.",
        "say it with operations that are executed, or move it into the tile code",
        "Cores compute on integers, f32 and bf16 here, and on vectors of them. An operation that were passed over "
        "would leave a proof of another design.",
        _in_core("%half = arith.constant 0.5 : f64", "%one = arith.addf %half, %half : f64"),
    ),
    _ending(
        "division-by-zero",
        "A core divides by zero.",
        "guard the division",
        "The result is undefined, and the device goes on with whatever is there.",
        _in_core("%zero = arith.constant 0 : i32", "%none = arith.divsi %zero, %zero : i32"),
    ),
    _ending(
        "outside-shape",
        "A core reads or writes a buffer outside its shape.",
        "correct the loop bounds",
        "The design's own loads and stores are checked against the shape of their memref. On the device they reach the "
        "buffer that lies next to it.",
        _in_core("%far = arith.constant 64 : index", "%none = memref.load %xo[%far] : memref<64xi32>"),
    ),
    _ending(
        "endless-loop",
        "A core runs on without ever waiting.",
        "give the loop an end and a positive step, or let it wait for an object or a lock",
        "Nothing outside can end such a loop: the core takes nothing and gives nothing, and all others wait for it.",
        _changed("design.mlir", ("step %c1", "step %c0")),
    ),
    _ending(
        "unheld-release",
        "A core releases objects that it does not hold.",
        "release what was acquired, once",
        "To mlir-aie it may pass without a word. The count of the fifo is wrong from then on, and the other end takes "
        "what is not there.",
    ),
    _ending(
        "lock-overflow",
        "A lock is released beyond 63.",
        "acquire as often as you release",
        "A lock has 6 bits. What the device does beyond them is not known.",
        _changed(
            "design.mlir",
            ("    %scratch =", "    %lock = aie.lock(%core, 9) {init = 63 : i32}\n    %scratch ="),
            (_CALL, f"        aie.use_lock(%lock, Release, 1)\n{_CALL}"),
        ),
    ),
    _ending(
        "no-cascade",
        "A core uses the cascade, and none leads to or from it.",
        "write an aie.cascade_flow between the two cores",
        "Each core hands its cascade to one neighbour. Without a flow nobody takes what it puts, and it waits for "
        "ever.",
        _in_core("%words = arith.constant dense<0> : vector<16xi32>", "aie.put_cascade(%words : vector<16xi32>)"),
    ),
    _ending(
        "cascade-width",
        "What is put onto the cascade, or taken from it, has not its width.",
        "use a vector of 512 bits, for instance vector<16xi32>",
        "The cascade carries 512 bits at a time, and no part of them.",
    ),
    _ending(
        "no-stream",
        "A tile function uses the core's stream, and no flow leads to or from it.",
        "write an aie.flow with the Core port of the tile",
        "A core has one stream port each way. Without a flow nobody takes what it puts, and it waits for ever.",
        _at_the_end("put_ms(1);"),
    ),
    _ending(
        "no-lock",
        "A tile function uses a lock that its core has not.",
        "count the id of the lock from where the locks of its tile begin: 48 for the core's own",
        "A core has 64 numbers for locks: 16 each of its south, west and north neighbour, and from 48 on its own. A "
        "lock that nobody else uses is waited for for ever.",
        _at_the_end("acquire_greater_equal(48 + 15, 1);"),
    ),
    _ending(
        "lock-amount",
        "A tile function releases less than nothing.",
        "release as many as were taken",
        "A release gives. What the device does with a negative amount is not known.",
    ),
    _ending(
        "empty-bd",
        "A buffer descriptor moves nothing.",
        "give it a length, or leave it out of the chain",
        "Its length is 0. A chain of such descriptors would go round for ever and move nothing.",
    ),
    _ending(
        "instruction-not-executed",
        "The emulator does not execute an instruction.",
        "use transfers, tasks, writes, and a wait for each channel by itself",
        "It executes what runtime sequences are lowered to. An instruction that were passed over would leave a proof "
        "of something else.",
        _in_sequence(_sync(row=0, columns=2)),
    ),
    _ending(
        "foreign-instructions",
        "The instructions use what the design of the xclbin does not have.",
        "use the insts.bin of the same build as the xclbin",
        "They name a channel that no fifo has, or a buffer descriptor that nobody has written. On the device nothing "
        "would come of it, or something else would move.",
        _in_sequence(
            "aiex.npu.push_queue (0, 0, MM2S:1) {issue_token = false, repeat_count = 0 : i32, bd_id = 3 : i32}"
        ),
    ),
    _ending(
        "no-such-register",
        "The instructions write where the emulator has no register, or no whole word.",
        "write whole words of tile memories and locks, and leave other registers to the device",
        "It has the memories, the locks and the DMAs of the tiles that the design uses, and switches cores off and on.",
        _in_sequence("aiex.npu.write32 {address = 204804 : ui32, column = 0 : i32, row = 2 : i32, value = 1 : ui32}"),
    ),
    _ending(
        "no-scratchpad",
        "The instructions use a control scratchpad, and the run has none.",
        "run the design as a full ELF (--full-elf-name), or give `tileproof emulate` a --parameter",
        "XRT allocates it, and puts its address into the instructions, for a kernel of an ELF. Beside an xclbin and "
        "insts.bin there is none, and the firmware would read at address 0.",
        _in_sequence("aiex.npu.create_scratchpad {size = 4 : ui32}"),
    ),
    _ending(
        "wait-without-end",
        "The instructions wait for a token that never comes.",
        "push a task with issue_token onto that channel first, or wait for another channel",
        "No task was pushed onto that channel of a core or mem tile before. On the device the run waits for ever.",
        _in_sequence(_sync(row=2, columns=1)),
    ),
    _ending(
        "set-up-fails",
        "The array cannot be set up, because loading the tile code fails or does not end.",
        "let the core call a function that sets global objects up",
        "Constructors of global objects run when the tile code is loaded, before anything else does.",
        _changed("tile.cc", ("namespace {", "namespace {\nstruct Once {\n    Once() { __builtin_trap(); }\n} once;")),
    ),
    _ending(
        "empty-handle",
        "An empty object of pyxrt was used.",
        "make it with its arguments",
        "Without arguments it is a handle of nothing, and the real process dies of a segmentation fault.",
        _changed("host.py", ("run = kernel(3, instr, len(words), x, y)", "run = pyxrt.run()"), command=_RUN),
    ),
    _ending(
        "beyond-arguments",
        "A buffer was passed beyond the arguments of the kernel.",
        "pass the opcode, the instructions, their count, and as many buffers as the runtime sequence has arguments",
        "XRT looks beyond the end of a table there, and the real process dies of a segmentation fault.",
        _changed("host.py", ("words), x, y)", "words), x, y, x, y, x, y)"), command=_RUN),
    ),
    _ending(
        "other-elf",
        "An ELF was opened as what it is not.",
        "of a full ELF: hw_context(device, elf) and ext.kernel(context, name); of instructions: module(elf) and "
        "ext.kernel(context, module, name)",
        "There are two kinds: instructions to go with an xclbin (`--elf-name`), and a full ELF, which brings its own "
        "design (`--full-elf-name`), and whose kernels have no groups and no opcode.",
    ),
    _ending(
        "host-crashed",
        "A C++ host died of a signal.",
        "look at the line that is named; `-fsanitize=address` finds what a debugger does not",
        "A null or old pointer, an index beyond an array, an assertion, a division by zero. It is the program's own "
        "doing: what it did wrong with XRT until then is told beside it.",
    ),
    _ending(
        "not-emulated",
        "The emulator has no answer to a call of XRT.",
        "make that call on an NPU only",
        "It has no clocks, no sensors and no bus, and runs neither ELF files nor what they hold.",
        _changed(
            "host.py",
            (
                "device.register_xclbin",
                "print(device.get_info(pyxrt.xrt_info_device.max_clock_frequency_mhz))\ndevice.register_xclbin",
            ),
            command=_RUN,
        ),
    ),
)
