"""Faults: what the emulator meets while a design runs. All but the last group happen on the device without a word."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example

_EMULATE = "tileproof emulate design.mlir --tile-code tile.cc --arg 0=random --arg 1=zeros"
_VERIFY = "tileproof verify double --kernels kernels"
_RUN = "tileproof build double --kernels kernels && tileproof run host.py"


def _fault(id_: str, *, sentence: str, cause: str, fix: str, example: Example) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, cause=cause, fix=fix, example=example)


def _design(*, right: str, wrong: str, options: str = "") -> Example:
    """A change of design.mlir."""
    return Example(command=_EMULATE + options, changes=(Change("design.mlir", right, wrong),))


def _tile(*, right: str, wrong: str, options: str = "") -> Example:
    """A change of tile.cc."""
    return Example(command=_EMULATE + options, changes=(Change("tile.cc", right, wrong),))


def _vectors(wrong: str) -> Example:
    """tile.cc with the AIE API, and something more at the end of its function."""
    include, last = "#include <cstdint>", "    doubled(small, y);\n"
    changes = (
        Change("tile.cc", include, f"#include <aie_api/aie.hpp>\n{include}"),
        Change("tile.cc", last, last + wrong),
    )
    return Example(command=_EMULATE, changes=changes)


def _host(*, right: str, wrong: str) -> Example:
    """A change of host.py."""
    return Example(command=_RUN, changes=(Change("host.py", right, wrong),))


FAULTS = (
    _fault(
        "wrong-answer",
        sentence="An output differs from the golden model by more than its tolerance.",
        cause="The run went to its end: COMPLETED says that the instructions were executed, and nothing of the data. "
        "Every element is compared with golden.py, and bit for bit with integer.py where the kernel has one; a NaN is "
        "never right.",
        fix="look at the worst element, and at what the checks and the emulator find",
        example=Example(
            command=_VERIFY,
            changes=(
                Change(
                    "kernels/double/tile.cc",
                    right="        y[i] = 2 * x[i] + 1;",
                    wrong="        y[i] = 2 * x[i];",
                ),
            ),
        ),
    ),
    _fault(
        "deadlock",
        sentence="Everyone waits for someone else, and the run never ends.",
        cause="A core waits for an object that nobody sends, or for room that nobody makes, and the instruction stream "
        "for a token behind it. The device stands still without a word until the driver's watchdog resets the context "
        "after 2 s; `run.wait()` then returns TIMEOUT, and ABORT for the runs behind it.",
        fix="compare what the runtime sequence moves with what each core acquires and releases per object",
        example=_design(
            right="aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1])",
            wrong="aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 192][0, 0, 0, 1])",
        ),
    ),
    _fault(
        "unfinished",
        sentence="A transfer is still under way when the run ends.",
        cause="The sequence waits for no token of it, so the run completes without it, and on the other side nobody "
        "takes or gives the rest. It still occupies its channel when the next run of the context begins.",
        fix="make what the sequence moves equal to what the cores take and give",
        example=_design(
            right="aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1])",
            wrong="aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][4, 1, 1, 256][0, 0, 0, 1])",
        ),
    ),
    _fault(
        "no-sync",
        sentence="The run ends without waiting for an output.",
        cause="A run is over with its last instruction, also where a transfer that no wait covers is still under way. "
        "XRT says COMPLETED all the same, and the host may read the buffer before the data is there.",
        fix="end the runtime sequence with an aiex.npu.dma_wait for every transfer to the host",
        example=_design(
            right="""\
      aiex.npu.dma_wait {symbol = @y}
""",
            wrong="",
        ),
    ),
    _fault(
        "queue-overrun",
        sentence="A task is pushed onto the full queue of a shim channel, and dropped.",
        cause="A channel runs one task and queues four, and every aiex.npu.dma_memcpy_nd or aiex.dma_start_task pushes "
        "one. The device drops one too many without a word, and its data never moves: an output keeps its old bytes, "
        "or somebody waits for ever.",
        fix="wait for an earlier transfer of the channel before starting another",
        example=_design(
            right="""\
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 0 : i64, metadata = @x} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 1 : i64, metadata = @y} : memref<256xi32>
""",
            wrong="""\
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 32][0, 0, 0, 1]) {id = 1 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 32][1, 1, 1, 32][0, 0, 0, 1]) {id = 2 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 64][1, 1, 1, 32][0, 0, 0, 1]) {id = 3 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 96][1, 1, 1, 32][0, 0, 0, 1]) {id = 4 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 128][1, 1, 1, 32][0, 0, 0, 1]) {id = 5 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 160][1, 1, 1, 96][0, 0, 0, 1]) {id = 6 : i64, metadata = @y} : memref<256xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1]) {id = 0 : i64, metadata = @x} : memref<256xi32>
""",
        ),
    ),
    _fault(
        "bd-in-flight",
        sentence="A buffer descriptor is written while a transfer uses it.",
        cause="`id` names a BD of the shim tile, which is a set of registers, and the instruction writes them at once. "
        "A task that is queued or running with that id goes on with what stands there now, and moves other bytes.",
        fix="wait for the transfer before its id is used again, or use another id",
        example=_design(right="{id = 1 : i64, metadata = @y}", wrong="{id = 0 : i64, metadata = @y}"),
    ),
    _fault(
        "no-route",
        sentence="Data is sent with a packet header that leads nowhere.",
        cause="Switches lead a packet by the id in its header, and know only the ids of the packet flows that begin at "
        "its channel; a circuit takes data without a header. What has no way reaches nobody, and whoever waits for it "
        "waits for ever.",
        fix="give the BD the header of an aie.packet_flow that begins at this channel",
        example=_design(
            right="{id = 0 : i64, metadata = @x}",
            wrong="{id = 0 : i64, metadata = @x, packet = #aie.packet_info<pkt_type = 0, pkt_id = 3>}",
        ),
    ),
    _fault(
        "control-packet",
        sentence="What comes to a tile's control port is no control packet, or not a whole one.",
        cause="A control packet is the header that leads it to the tile, a control header, and as many words as that "
        "says; both headers have an odd number of bits set. The port counts what is broken in a register of the tile "
        "and goes on, so that a lock stays unset, or a word unwritten, and nobody is told.",
        fix="begin with a packet header, then the control header with its parity in bit 31, then as many words as it "
        "says",
        example=_design(
            right="    aie.runtime_sequence @run(",
            wrong="""    %told = aie.buffer(%mem) {sym_name = "told"} : memref<2xi32> = dense<[0x80000400, 5]>
    aie.memtile_dma(%mem) {
      %0 = aie.dma_start(MM2S, 0, ^words, ^end)
    ^words:
      aie.dma_bd(%told : memref<2xi32>, 0, 2) {packet = #aie.packet_info<pkt_type = 0, pkt_id = 1>}
      aie.next_bd ^end
    ^end:
      aie.end
    }
    aie.packet_flow(1) {
      aie.packet_source<%mem, DMA : 0>
      aie.packet_dest<%core, TileControl : 0>
    }
    aie.runtime_sequence @run(""",
        ),
    ),
    _fault(
        "unwritten",
        sentence="Memory is read, or handed on, that nobody has ever written.",
        cause="The memory of a tile is zero after a reset only, and nothing clears it between the runs of a context. "
        "So the first run after a reset may be right, and a later one reads what another program left. The emulator "
        "fills the memory with a pattern first.",
        fix="write it before it is read, or give the buffer an initial value",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    doubled(small, y);\n    y[0] += scratch[0];\n",
        ),
    ),
    _fault(
        "stale",
        sentence="What an earlier object left in a buffer is read, or handed on, as if it were this one's.",
        cause="The buffers of a fifo come round again: after `depth` objects a core is given the first one with what "
        "it held then. An accumulation that does not begin with zeros adds to an old result, and an object of which "
        "nothing was written is an old one once more.",
        fix="write the whole object between acquire and release; an accumulation begins with zeros",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    for (int i = 0; i < count; ++i) y[i] += small[i];\n",
        ),
    ),
    _fault(
        "half-written",
        sentence="An object is handed on of which a part was not written since it was acquired.",
        cause="The rest holds what an earlier object left there, or what the memory held before. A loop that ends too "
        "early, or a store under a condition, does that; where the rest seldom changes, many an answer is right.",
        fix="write the whole object between acquire and release, or send less of it",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    for (int i = 0; i < count - 4; ++i) y[i] = small[i];\n",
        ),
    ),
    _fault(
        "left-over",
        sentence="A run takes an object that an earlier run has left in the array.",
        cause="Fifos keep their objects from run to run. A sequence that sends more than the cores take, or takes less "
        "than they give, leaves some behind, and every later answer belongs to an earlier input: with inputs that are "
        "all alike, nobody sees it.",
        fix="make what the sequence moves equal to what the cores take and give",
        example=_design(
            right="aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 256][0, 0, 0, 1])",
            wrong="aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 192][0, 0, 0, 1])",
            options=" --runs 2",
        ),
    ),
    _fault(
        "not-held",
        sentence="A core uses an object of a fifo that it has released, or has not acquired.",
        cause="A release gives the buffer to the other end at once, whose DMA or core may write or read it from then "
        "on. The address is still valid and nothing stops the access: it is right for as long as the other end is "
        "slow.",
        fix="release an object after its last use",
        example=_design(
            right="""\
        func.call @step(%xo, %yo, %scratch) : (memref<64xi32>, memref<64xi32>, memref<32xi32>) -> ()
        aie.objectfifo.release @x(Consume, 1)
""",
            wrong="""\
        aie.objectfifo.release @x(Consume, 1)
        func.call @step(%xo, %yo, %scratch) : (memref<64xi32>, memref<64xi32>, memref<32xi32>) -> ()
""",
        ),
    ),
    _fault(
        "race",
        sentence="Two use the same bytes of a buffer, one of them writes them, and nothing decides who comes first.",
        cause="No lock, token or stream lies between the two, so the device may do them in either order, or both at "
        "once. The emulator finds that in what the design guarantees and not in the data, so also in a run whose "
        "output is right.",
        fix="let a fifo or a lock hand the buffer on, or write it before the transfers that the core waits for",
        example=Example(
            command=_EMULATE,
            changes=(
                Change(
                    "design.mlir",
                    right="""\
      aiex.npu.dma_wait {symbol = @y}
""",
                    wrong="""\
      aiex.npu.rtp_write(@scratch, 0, 7)
      aiex.npu.dma_wait {symbol = @y}
""",
                ),
                Change(
                    "tile.cc",
                    right="    doubled(small, y);\n",
                    wrong="    doubled(small, y);\n    scratch[0] = y[0];\n",
                ),
            ),
        ),
    ),
    _fault(
        "order",
        sentence="An argument has another value when events happen in another legal order.",
        cause="A run that ends well is tried in other legal orders, which seeds draw (`--schedules`); `--schedule "
        "adversarial --seed N` runs the design in that of one seed, and again in that of the cycle model. A lock may "
        "keep two apart, as here, without saying who comes first; the device takes them as their times happen to fall.",
        fix="let a lock or a fifo decide who comes first",
        example=Example(
            command="tileproof emulate order.mlir --arg 0=zeros --schedule adversarial --seed 2",
            changes=(
                Change(
                    "order.mlir",
                    right="""\
      aie.use_lock(%done, AcquireGreaterEqual, 1)
      memref.store %four, %word[%c0] : memref<1xi32>
      aie.use_lock(%done, Release, 2)
""",
                    wrong="""\
      aie.use_lock(%free, AcquireGreaterEqual, 1)
      memref.store %four, %word[%c0] : memref<1xi32>
      aie.use_lock(%free, Release, 1)
      aie.use_lock(%done, Release, 1)
""",
                ),
            ),
        ),
    ),
    _fault(
        "out-of-bounds",
        sentence="A tile function reads or writes outside the buffers that it was given.",
        cause="Nothing guards the memory of a tile. The access goes to what lies there: another buffer, the stack, or "
        "a neighbour's memory.",
        fix="check its loop bounds against the sizes of its memref parameters",
        example=_tile(right="    doubled(x, small);\n", wrong="    doubled(x + 1, small);\n"),
    ),
    _fault(
        "out-of-local",
        sentence="A tile function reads or writes past an end of one of its locals or statics.",
        cause="Arrays have no bounds on the device: the access goes to what the compiler put beside the array, which "
        "is another thing there than here. The emulator has red zones around what lies in memory; an access that "
        "jumps over them, into another local or static, is not seen.",
        fix="check the index against the size of the array",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    doubled(small, y);\n    y[0] += small[count + y[1] % 2];\n",
        ),
    ),
    _fault(
        "unset",
        sentence="A tile function reads a local, a vector or an accumulator that nothing was put into.",
        cause="It holds what an earlier call left in that register or in that place of the stack: zeros for a while, "
        "perhaps, and something else in another run. The emulator fills what is not set with a pattern, and names a "
        "read of it where it lies in memory or is a vector as a whole.",
        fix="give it a value first: `= {}`, aie::zeros, or the first product instead of a sum",
        example=_vectors(
            "    aie::accum<acc64, 8> sum;\n"
            "    sum = aie::mac(sum, aie::load_v<8>(x), aie::load_v<8>(x));\n"
            "    aie::store_v(y, sum.to_vector<int32_t>(0));\n"
        ),
    ),
    _fault(
        "wild-access",
        sentence="A tile function follows a pointer that leads neither into a buffer, nor to a local, nor to a static.",
        cause="The address was computed wrong, or the pointer never set. A core has 20 bits of address, and whatever "
        "they mean is touched.",
        fix="check how the pointer is made",
        example=Example(
            command=_EMULATE,
            changes=(
                Change("tile.cc", "#include <cstdint>\n", "#include <cstdint>\n#include <cstdlib>\n"),
                Change(
                    "tile.cc",
                    "    doubled(small, y);\n",
                    "    doubled(small, y);\n    y[0] = *reinterpret_cast<const int32_t *>(&std::abort);\n",
                ),
            ),
        ),
    ),
    _fault(
        "misaligned",
        sentence="A vector or a number lies at an address that is no multiple of its size; the device moves other "
        "bytes.",
        cause="An aligned access drops the low bits of its address, so the device moves what begins before it. Buffers "
        "begin at aligned addresses; an offset into one, or rows of an odd length, lead to others.",
        fix="align the data, or use load_unaligned_v and store_unaligned_v",
        example=_vectors("    aie::store_v(y + 1, aie::load_v<8>(x));\n"),
    ),
    _fault(
        "shift",
        sentence="An accumulator is shifted further than the hardware shifts.",
        cause="The shifts of the AIE API end at 59. The device checks none, and what it makes of a longer one is not "
        "known.",
        fix="keep the shift inside the range, or split it",
        example=_vectors(
            "    const aie::accum<acc64, 8> sum = aie::mul(aie::load_v<8>(x), 1);\n"
            "    aie::store_v(y, sum.to_vector<int32_t>(64));\n"
        ),
    ),
    _fault(
        "index",
        sentence="An index or step lies outside its vector; the result is undefined on the device.",
        cause="The device compares no index with the size of a vector, and what an element, a part or a step beyond it "
        "gives is nowhere said.",
        fix="correct the index: a vector of n elements has 0 to n - 1",
        example=_vectors("    y[0] = aie::load_v<8>(x)[8];\n"),
    ),
    _fault(
        "stack-overflow",
        sentence="The local arrays of a tile function are larger than its core's stack, and run over buffers.",
        cause="The stack lies at the bottom of the tile's memory, 1,024 bytes if the design says nothing, and grows "
        "towards the buffers with nothing in between. The first buffers lose what they held: often the first one of a "
        "fifo, so that every second object is wrong.",
        fix="raise stack_size, or keep the array in a buffer",
        example=_tile(right="    int32_t small[count];\n", wrong="    int32_t small[8 * count];\n"),
    ),
    _fault(
        "signature",
        sentence="A tile function takes other parameters than the design declares, or returns something else.",
        cause='A name with `extern "C"` says nothing of its parameters, so the linker takes it. The function then '
        "reads whatever stands where it looks for them.",
        fix="make the declaration and the tile code agree",
        example=_tile(
            right='extern "C" void step(int32_t *x, int32_t *y, int32_t *scratch) {\n',
            wrong='extern "C" void step(int32_t *x, int32_t *y, int32_t *scratch, int32_t n) {\n',
        ),
    ),
    _fault(
        "no-buffer",
        sentence="The instructions move an argument to which no buffer is bound.",
        cause="XRT starts a run whose arguments are not all set. The register then holds zero, or the address that an "
        "earlier run left there, and the device reads or writes what is there.",
        fix="bind a buffer to every argument that the runtime sequence moves",
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\n",
            wrong="run = kernel(3, instr, len(words), x)\n",
        ),
    ),
    _fault(
        "host-overrun",
        sentence="A transfer reaches past the end of a host buffer.",
        cause="The instructions move what they were built for, and nobody compares that with the buffer. On the device "
        "this is an IO page fault, or someone else's memory. A buffer's last page goes on behind it: within that the "
        "device moves without a word, and the run goes on here too.",
        fix="allocate the buffer as large as the runtime sequence's argument",
        example=_host(
            right="y = pyxrt.bo(device, 256, pyxrt.bo.host_only, kernel.group_id(4))\n",
            wrong="y = pyxrt.bo(device, 128, pyxrt.bo.host_only, kernel.group_id(4))\n",
        ),
    ),
    _fault(
        "opcode",
        sentence="The command has another opcode than 3, which is a transaction.",
        cause="Argument 0 tells the firmware what the instruction buffer holds, and what mlir-aie builds is a "
        "transaction. A run with 0 there has been seen to end in ERT_CMD_STATE_ERROR with zeros for outputs; "
        "`run.wait()` returns that, and raises nothing.",
        fix="call kernel(3, bo_instr, ninstr, bo0, ...)",
        example=_host(
            right="run = kernel(3, instr, len(words), x, y)\n",
            wrong="run = kernel(0, instr, len(words), x, y)\n",
        ),
    ),
    _fault(
        "instructions",
        sentence="The command has no instructions, or a buffer of zeros for them.",
        cause="The xclbin sets the array up, and what moves data is in insts.bin, which each host writes into a buffer "
        "of its own. The device sees of that buffer what was synced.",
        fix="write insts.bin into a buffer of kernel.group_id(1), and sync it to the device",
        example=_host(right="instr.write(words, 0)\n", wrong=""),
    ),
    _fault(
        "crash",
        sentence="A tile function ended the emulator's process.",
        cause="Tile code runs here as native code of this machine, in a process of its own, which a division by zero, "
        "a wild pointer or abort() ends. The run ends in ERT_CMD_STATE_ABORT, and nothing runs in its context again.",
        fix="check its indices, pointers and divisions",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    doubled(small, y + 100000000);\n",
        ),
    ),
    _fault(
        "never-returns",
        sentence="A tile function, or the run, does not come back.",
        cause="The emulator ends its process after `--timeout`, and the run has the state TIMEOUT. On the device the "
        "driver's watchdog resets the context after 2 s.",
        fix="look for a loop without end; `--timeout` gives a long run more time",
        example=_tile(
            right="    doubled(small, y);\n",
            wrong="    for (int i = 0; i < count;) y[i] = 2 * small[i];\n",
            options=" --timeout 2",
        ),
    ),
    _fault(
        "ended",
        sentence="An earlier run of the context has ended the array; nothing runs in it again.",
        cause="A core or a DMA went wrong when the host had all that it had asked for, so that run completed. The "
        "array stands still since then, and every later run of the context ends in ERT_CMD_STATE_ERROR with the reason "
        "of it.",
        fix="mend what ended it, and make a new context",
        example=_design(
            right="    aie.runtime_sequence @run(",
            wrong="""\
    %counts = aie.buffer(%next) {sym_name = "counts"} : memref<8192xi32>
    %other = aie.core(%next) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %zero = arith.constant 0 : i32
      %forever = arith.constant 4294967295 : index
      scf.for %i = %c0 to %forever step %c1 {
        memref.store %zero, %counts[%i] : memref<8192xi32>
      }
      aie.end
    }
    aie.runtime_sequence @run(""",
            options=" --runs 2",
        ),
    ),
)
