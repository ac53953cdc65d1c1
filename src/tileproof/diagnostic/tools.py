"""Builds, and the tools that they take."""

from __future__ import annotations

from tileproof.diagnostic.entry import Change, Entry, Example

_BUILD = "tileproof build double --kernels kernels"


def _tool(id_: str, sentence: str, fix: str, cause: str, example: Example | None = None) -> Entry:
    return Entry(id=id_, name=id_, severity="error", sentence=sentence, fix=fix, cause=cause, example=example)


def _tile_code(right: str, wrong: str) -> Example:
    return Example(command=_BUILD, changes=(Change("kernels/double/tile.cc", right, wrong),))


TOOLS = (
    _tool(
        "compile-failed",
        "A compiler refuses the tile code.",
        "correct what the compiler says",
        "Its own words stand under `why`, with the line that it names.",
        _tile_code("y[i] =", "z[i] ="),
    ),
    _tool(
        "link-failed",
        "The tile code cannot be linked.",
        'define the function that is named, with extern "C" if the design calls it; or correct link_with',
        "A function is called, or an object file named, that is not there. The linker is the first to see all of them "
        "together.",
        _tile_code(
            'extern "C" void double_tile(int32_t *x, int32_t *y) {',
            "int32_t doubled(int32_t x);\n"
            'extern "C" void double_tile(int32_t *x, int32_t *y) {\n    y[0] = doubled(x[0]);',
        ),
    ),
    _tool(
        "foreign-function",
        "The tile code calls a function that no core has.",
        "leave it out of tile code",
        "On this machine the C library would answer: with a heap, threads, files, exceptions, a clock, arithmetic in "
        "double or 128 bits. A core has none of these, and Peano's linker would be the first to say so. Memory "
        "functions, single-precision mathematics and assertions are allowed.",
        Example(
            command=_BUILD,
            changes=(
                Change("kernels/double/tile.cc", "#include <cstdint>\n", "#include <cstdint>\n#include <cstdio>\n"),
                Change("kernels/double/tile.cc", "2 * x[i] + 1;", '2 * x[i] + 1, std::printf("%d\\n", y[i]);'),
            ),
        ),
    ),
    _tool(
        "double-arithmetic",
        "The tile code computes in double.",
        "write float, and constants as 0.5f",
        "A core has no arithmetic in double: the device would call a library for every operation, where this "
        "machine has one instruction. A constant without an f is a double, and makes one of all that it meets.",
        _tile_code("2 * x[i] + 1;", "2.5 * x[i] + 1;"),
    ),
    _tool(
        "inline-assembly",
        "The tile code has inline assembly.",
        "write it in C++, or with the AIE API",
        "It is one machine's, and this machine is not a core; what it does to memory nobody would check.",
        _tile_code("    for (int i = 0", '    asm volatile("nop");\n    for (int i = 0'),
    ),
    _tool(
        "not-checked",
        "The tile code asks the compiler not to check a part of it.",
        "leave the attribute out",
        "`no_sanitize` and its kin take the checks of every load and store out of a function, and a pass would say "
        "nothing of it.",
        _tile_code('extern "C"', '__attribute__((no_sanitize("address"))) extern "C"'),
    ),
    _tool(
        "shared-between-cores",
        "Compiled tile code keeps a value once for all cores.",
        "build it again",
        "GCC makes statics of inline and template functions unique in a process, unless it is told not to. Here "
        "all cores live in one process, so that one core would see what another has written; on the device each has "
        "its own.",
    ),
    _tool(
        "program-too-large",
        "The program of a core does not fit its memory.",
        "make the tile functions smaller, with fewer unrolled or inlined loops; or spread them over several cores",
        "A core has 16 KiB of program memory, for the tile functions, start-up code and the design's own loop.",
    ),
    _tool(
        "no-routing",
        "The stream switches have no room for all flows of the design.",
        "use fewer fifos through one column: join them in a mem tile, or enter through the shim tiles of other columns",
        "Each switch has a few channels to each neighbour, and a flow takes one all the way.",
    ),
    _tool(
        "not-peano",
        "A compiler that is not Peano's was taken for the device.",
        "install llvm-aie whole, and let PEANO_INSTALL_DIR name its folder",
        "For opt, llc and clang aiecc looks in Peano's folder first, and takes what is on PATH for those that are not "
        "there. Another LLVM does not read what it is given.",
    ),
    _tool(
        "tool-failed",
        "A step of a build failed.",
        "look at what the tool says; the log that is named has all of it",
        "The tool's own words stand under `why`. tileproof knows no more of this failure than they say.",
    ),
    _tool(
        "no-sandbox",
        "Foreign code cannot be held in a sandbox on this machine.",
        "run it in a virtual machine, or on another machine; or without --untrusted, if you have read it",
        "The option --untrusted takes Landlock (Linux 6.2 or newer, not switched off), seccomp, and x86-64 or aarch64. "
        "Where a part is missing nothing runs, because what it promises would not be true.",
    ),
    _tool(
        "over-limit",
        "Foreign code took more of this machine than it may.",
        "look at what it does; if it may need that much, run it without --untrusted",
        "With --untrusted, all that a process starts may have 256 processes and threads and 8 GiB of memory together, "
        "and half an hour for one answer. What takes more is ended, all of it at once.",
    ),
    _tool(
        "step-killed",
        "A step of a build was killed by a signal.",
        "build with fewer jobs at once (-j 1), or on a machine with more memory",
        "The kernel ends a process with signal 9 when the machine has no memory left. With other signals the tool has "
        "crashed.",
    ),
    _tool(
        "step-endless",
        "A step of a build did not come to an end, and was ended.",
        "see what it waits for; a step that is only slow has longer with --step-timeout",
        "A compiler may wait for a licence server, a disk that has gone, a lock, or memory. It is ended with all that "
        "it has started, and says nothing of the kernel. So the kernel is not called wrong: the exit code is 3.",
    ),
    _tool(
        "machine-short",
        "A command, or a step of a build, failed for want of something that the machine should have.",
        "give it what is named, and run it again",
        "A compiler without memory, without its linker, without a folder to write to or files to open says nothing of "
        "the kernel. So the kernel is not called wrong: the exit code is 3.",
    ),
    _tool(
        "nothing-made",
        "A step of a build reported success and made no file.",
        "run the command that is named by hand",
        "A wrapper around a compiler may swallow its exit code. What an earlier build left there would have been taken "
        "for the new one.",
    ),
    _tool(
        "build-folder",
        "The build folder cannot be used.",
        "make room, check the path, or choose another with --build-dir",
        "It cannot be made or written to: it is no folder, the disk is full, or it belongs to somebody else.",
        Example(command=_BUILD, changes=(Change("build", "", "a file of that name\n"),)),
    ),
    _tool(
        "unlinkable-path",
        "Nothing can be linked for an NPU in a folder of such a name.",
        "choose a path of ASCII letters, digits, `_`, `-` and `.` with --build-dir",
        "In the linker script that aiecc writes, the path of each object file stands without quotes, and the linker "
        "takes a blank or a bracket there for something else.",
    ),
    _tool(
        "no-compiler",
        "There is no C++ compiler, or the one that $CXX names does not run.",
        "install g++ or clang++, or `pip install ziglang`; correct CXX, or unset it",
        "The emulator runs tile code as native code of this machine, and takes its compiler for that.",
    ),
    _tool(
        "not-profiled",
        "What does not run to its end, or fails its case, is not profiled.",
        "mend it first: `tileproof verify` or `tileproof emulate` says what is wrong",
        "The cycle model counts what has run. Of a run that was given up, or that computed something else, its figures "
        "would be those of another program.",
    ),
    _tool(
        "no-ninja",
        "There is no ninja.",
        "reinstall tileproof's dependencies: pip install ninja",
        "The steps of a build are run by ninja, which comes with tileproof as a package of its own.",
    ),
    _tool(
        "no-mlir-aie",
        "Tools of mlir-aie that this takes are not here.",
        "`tileproof doctor` says what is missing and how to get it",
        "An xclbin for an NPU is made by aiecc, aie-opt, Peano and xclbinutil. Without them everything else works: the "
        "emulator takes only a C++ compiler.",
    ),
    _tool(
        "lowered-otherwise",
        "A design is lowered otherwise by mlir-aie than by tileproof, or not at all.",
        "take aie-opt and aiecc of one installation; `tileproof check --against-mlir-aie` shows where they differ",
        "Each build holds what mlir-aie makes against tileproof's own lowering. Where they differ, what was proved on "
        "the emulator is not what would run.",
    ),
    _tool(
        "not-spelled",
        "A design cannot be spelled for an older mlir-aie.",
        "give the tile a place or the core one object file, or take a newer mlir-aie",
        "The mlir-aie of November 2025 has no words for tiles without a place, nor for two object files of one core.",
        Example(
            command="tileproof inspect design.mlir --print --mlir-aie 2025-11",
            changes=(Change("design.mlir", "aie.tile(0, 3)", "aie.logical_tile<CoreTile>(?, ?)"),),
        ),
    ),
)
