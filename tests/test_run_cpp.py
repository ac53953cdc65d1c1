"""run HOST.cpp: an unmodified C++ host on the emulator, and what it did wrong, as of a Python host."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from small_kernel import build_small

from tileproof.code_options import NO_OPTIONS
from tileproof.device.host_messages import HostStart
from tileproof.device.host_program import play
from tileproof.errors import Problem
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.host_library import HostLibrary, compile_host

BOOK = Path(__file__).parent / "host_by_the_book.cpp"
ENDLESS = "while (reinterpret_cast<volatile element *>(x)[0] == 0) {}"
GOOD = "4\n1 3 127\na destructor ran\n"
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    built = build_small(tmp_path_factory.mktemp("pair"))
    return str(built.xclbin), str(built.insts)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> HostLibrary:
    """Compiled once; a test says what it is to do wrong."""
    return compile_host([BOOK], find_cxx(), NO_OPTIONS, tmp_path_factory.mktemp("host"))


def at(text: str) -> str:
    """Where the host has this text first."""
    lines = BOOK.read_text().splitlines()
    return f"{BOOK}:{next(number for number, one in enumerate(lines, 1) if text in one)}"


CALL = "auto run = kernel("


def run(book: HostLibrary, words: Sequence[str], *, strict: bool = False) -> tuple[int, str]:
    """The exit code, and the mistakes as they are told."""
    code, mistakes = play(HostStart(book.path, (BOOK,), tuple(words), book.dropped, strict), book)
    return code, "\n".join(mistake.paragraph for mistake in mistakes)


def test_a_host_by_the_book_runs_and_has_no_mistakes(
    book: HostLibrary, pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(book, pair) == (0, "")
    assert tuple(capfd.readouterr()) == (GOOD, "")


@pytest.mark.parametrize("looks", ["wait2", "a list"])
def test_a_host_that_waits_otherwise_has_no_mistakes(looks: str, book: HostLibrary, pair: Pair) -> None:
    assert run(book, (*pair, looks)) == (0, "")


# Mistakes

MISTAKES = {
    "no sync": (
        "argument 3 (bo0) was written and not synced before the run\n"
        f"  where: {at(CALL)}\n"
        "  why:   the device sees what was synced, not what was written\n"
        "  fix:   buffer.sync(XCL_BO_SYNC_BO_TO_DEVICE) after the last write\n"
        "  more:  tileproof explain written-not-synced"
    ),
    "never fetches": (
        "a buffer that a run has written was mapped, and never synced from the device after it\n"
        f"  where: {at('const int *out = y.map')}\n"
        "  why:   the host sees what it had before the run\n"
        "  fix:   buffer.sync(XCL_BO_SYNC_BO_FROM_DEVICE) after run.wait()\n"
        "  more:  tileproof explain mapped-not-synced"
    ),
    "never waits": (
        "a run was started and never waited for\n"
        f"  where: {at(CALL)}\n"
        "  why:   nobody knows how it ended\n"
        "  fix:   if (run.wait() != ERT_CMD_STATE_COMPLETED) return 1; or run.wait2(), which throws\n"
        "  more:  tileproof explain never-waited"
    ),
    "never looks": (
        "nobody looked at the state that run.wait() returned\n"
        f"  where: {at('        run.wait();')}\n"
        "  why:   it was ERT_CMD_STATE_COMPLETED; wait returns ERROR, ABORT and TIMEOUT in the same way, and throws "
        "nothing\n"
        "  fix:   if (run.wait() != ERT_CMD_STATE_COMPLETED) return 1; or run.wait2(), which throws\n"
        "  more:  tileproof explain state-unseen"
    ),
    "other opcode": (
        "argument 0 (opcode) is 0, and must be 3\n"
        f"  where: {at(CALL)}\n"
        "  why:   the firmware executes an instruction stream in transaction format for opcode 3 only\n"
        "  fix:   call kernel(3, bo_instr, ninstr, bo0, ...)\n"
        "  more:  tileproof explain opcode"
    ),
    "caught": (
        "the data is larger than the buffer\n"
        f"  where: {at('x.write(in, nbytes + 1, 0)')}\n"
        "  why:   a bo's size is in bytes\n"
        "  fix:   allocate the bytes of the whole array\n"
        "  more:  tileproof explain past-buffer-size"
    ),
}


@pytest.mark.parametrize("wrong", MISTAKES)
def test_a_mistake_is_told_with_its_line_and_in_the_words_of_cpp(wrong: str, book: HostLibrary, pair: Pair) -> None:
    assert run(book, (*pair, wrong)) == (0, MISTAKES[wrong])


FIRST = {
    "stale": "the instructions are not those that were built with the xclbin\n",
    "short": "S2MM channel 0 of shim (0, 0) (@y) runs past the end of a host buffer: 256 bytes of 16\n",
    "scalar": "MM2S channel 0 of shim (0, 0) (@x) moves kernel argument 3, and no buffer is bound there\n",
}


@pytest.mark.parametrize("wrong", FIRST)
def test_a_run_that_fails_is_told_with_its_cause_first(wrong: str, book: HostLibrary, pair: Pair) -> None:
    code, told = run(book, (*pair, wrong))

    assert code == 0
    assert told.startswith(FIRST[wrong] + f"  where: {BOOK}:")


def test_a_run_that_never_ends_is_no_endless_wait(
    book: HostLibrary, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    built = build_small(tmp_path, body=ENDLESS)
    code, told = run(book, (str(built.xclbin), str(built.insts), "impatient"))

    assert (code, capfd.readouterr().out) == (0, "8\na destructor ran\n")
    assert told.startswith(f"a run was started and never waited for\n  where: {at(CALL)}\n")


# Exceptions


def said(what: str, type_: str, place: str) -> str:
    return f"terminate called after throwing an instance of '{type_}'\n  what():  {what}\n  thrown at: {place}\n"


GROUP_WARNING = (
    "[XRT] WARNING: Kernel MLIR_AIE has no compute units with connectivity required for global argument at index 3. "
    "The argument is allocated in bank 1, the compute unit is connected to bank 65536. Allocating local copy of "
    "argument buffer in connected bank.\n"
    "[XRT] WARNING: Reverting to host copy of buffers (exec_buf: Operation not supported)\n"
)
THROWN = {
    "throws": said("not today", "std::logic_error", at("throw std::logic_error")),
    "other kernel": (
        said("No such kernel 'MLIR': Invalid argument", "std::system_error", at('is("other kernel")'))
        + "\nthe xclbin has no kernel of that name\n"
        "  where: No such kernel 'MLIR'\n"
        "  why:   mlir-aie's are called MLIR_AIE if nobody chose another name\n"
        "  fix:   take the name from xclbin.get_kernels(); `tileproof inspect FILE.xclbin` shows it\n"
    ),
    "wrong group": (
        GROUP_WARNING
        + said("No host side buffer in destination buffer: Invalid argument", "std::system_error", at(CALL))
        + "\nthe copy of a buffer that XRT announced has failed, as it always does on an NPU\n"
        "  where: No host side buffer in destination buffer: Invalid argument\n"
        "  why:   the buffer was allocated in another bank than its argument reaches, or the argument is a scalar\n"
        "  fix:   allocate each buffer with kernel.group_id of its own argument, and keep their order: "
        "run.set_arg(0, 3), (1, the instruction buffer), (2, its words), (3 and on, the buffers of the runtime "
        "sequence)\n"
    ),
    "no argument": (
        said(
            "vector::_M_range_check: __n (which is 9) >= this->size() (which is 8)",
            "std::out_of_range",
            at("kernel.group_id(9)"),
        )
        + "\nthere is no argument 9: the kernel has 8\n"
        "  where: vector::_M_range_check: __n (which is 9) >= this->size() (which is 8)\n"
        "  why:   XRT counts opcode, instr and ninstr as 0, 1 and 2. A buffer at such an index ends the process; a "
        "number raises this\n"
        "  fix:   count the arguments of the xclbin: `tileproof inspect FILE.xclbin`\n"
    ),
    "normal buffer": (
        said(
            "unsupported buffer type: none flag (err=95): Operation not supported",
            "std::system_error",
            at("xrt::bo(device, nbytes, kernel.group_id(3))"),
        )
        + "\nan NPU has no `normal` buffers\n"
        "  where: unsupported buffer type: none flag (err=95): Operation not supported\n"
        "  why:   its shim knows host_only and cacheable\n"
        "  fix:   allocate data as xrt::bo::flags::host_only and instructions as xrt::bo::flags::cacheable\n"
    ),
}


@pytest.mark.parametrize("wrong", THROWN)
def test_what_nobody_catches_is_told_as_the_library_does_and_explained(
    wrong: str, book: HostLibrary, pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(book, (*pair, wrong)) == (134, "")
    assert capfd.readouterr().err == THROWN[wrong]


def test_a_command_that_fails_is_a_command_error_with_its_state(
    book: HostLibrary, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    built = build_small(tmp_path, body="*static_cast<volatile element *>(nullptr) = 1;")
    code, told = run(book, (str(built.xclbin), str(built.insts), "wait2"))

    assert code == 0
    assert told
    out = capfd.readouterr().out
    assert out.splitlines()[0] == "6 Command failed to complete successfully (ERT_CMD_STATE_ABORT)"


# Ends


@pytest.mark.parametrize(("how", "code"), [("exits", 7), ("returns", 3)])
def test_a_program_ends_with_its_own_code_and_its_destructors(
    how: str, code: int, book: HostLibrary, pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(book, (*pair, how)) == (code, "")
    assert capfd.readouterr().out == "a destructor ran\n"


def crash(signal: str, where: str, why: str) -> str:
    return (
        f"the program died of {signal}\n  where: {where}\n  why:   {why}\n"
        "  fix:   look at that line; -fsanitize=address finds what a debugger does not\n"
        "  more:  tileproof explain host-crashed"
    )


TOUCHED = "it touched memory that it does not have: a null or old pointer, or an index beyond an array"
CRASHES = {
    "crashes": (139, "SIGSEGV (Segmentation fault)", "return *reinterpret_cast<volatile int *>(8)", TOUCHED),
    "recurses": (139, "SIGSEGV (Segmentation fault)", "int overflow(volatile", TOUCHED),
    "asserts": (
        134,
        "SIGABRT (Aborted)",
        'assert(is("anything else"))',
        "it gave up by itself: an assertion, abort(), or memory that was freed twice",
    ),
}


@pytest.mark.parametrize("wrong", CRASHES)
def test_a_crash_is_told_with_its_line(wrong: str, book: HostLibrary, pair: Pair) -> None:
    code, signal, line, why = CRASHES[wrong]

    assert run(book, (*pair, wrong)) == (code, crash(signal, at(line), why))


ENDED = {
    "empty": (
        "error: an empty bo was used\n"
        f"  where: {at('xrt::bo().sync')}\n"
        "  why:   without arguments it is a handle of nothing, and the real process dies of a segmentation fault\n"
        "  fix:   xrt::bo(device, size, flags, kernel.group_id(3))"
    ),
    "an elf": (
        "error: double_i32_64__npu1.emu.xclbin is no ELF\n"
        f"  where: {at('xrt::elf(')}\n"
        "  why:   Magic number does not match\n"
        "  fix:   name what --elf-name has written"
    ),
}


@pytest.mark.parametrize("wrong", ENDED)
def test_what_nobody_can_answer_ends_the_program(wrong: str, book: HostLibrary, pair: Pair) -> None:
    with pytest.raises(Problem) as caught:
        run(book, (*pair, wrong))

    assert str(caught.value) == ENDED[wrong]


def test_strict_stops_at_the_first_mistake(book: HostLibrary, pair: Pair) -> None:
    with pytest.raises(Problem) as caught:
        run(book, (*pair, "no sync"), strict=True)

    assert f"error: {MISTAKES['no sync']}" == f"{caught.value}\n  more:  tileproof explain written-not-synced"


# The command line


def typed(folder: Path, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "tileproof", "run", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    return done.returncode, done.stdout, done.stderr


SPLIT = '#include "given.h"\n#include <iostream>\nint main(int argc, char **argv) {{ {body} }}\n'


def split(folder: Path, body: str) -> None:
    """A host of two files, a header and a macro."""
    (folder / "include").mkdir()
    (folder / "include" / "given.h").write_text("int given();\n")
    (folder / "host.cpp").write_text(SPLIT.format(body=body))
    (folder / "more.cpp").write_text('#include "given.h"\nint given() { return GIVEN; }\n')


def test_files_folders_and_macros_come_before_the_dashes_and_the_programs_own_words_behind_them(tmp_path: Path) -> None:
    split(tmp_path, "std::cout << argc << argv[1] << argv[2]; return given();")
    words = ("host.cpp", "more.cpp", "-I", "include", "-D", "GIVEN=9", "--", "-x", "--strict")

    assert typed(tmp_path, *words) == (9, "3-x--strict", "")


def test_a_mistake_makes_the_exit_code_one(tmp_path: Path, pair: Pair) -> None:
    code, _, err = typed(tmp_path, str(BOOK), "--", *pair, "no sync")

    assert (code, err) == (1, f"\nmistake 1 of 1: {MISTAKES['no sync']}\n")


def test_a_header_that_is_nowhere_is_named_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "host.cpp").write_text('#include "cxxopts.hpp"\nint main() {}\n')
    code, _, err = typed(tmp_path, "host.cpp")

    assert code == 2
    assert err.startswith("error: host.cpp does not compile\n  why:   host.cpp:1:10: fatal error: cxxopts.hpp")
    assert "\n  fix:   name the folder that has cxxopts.hpp: -I DIR\n" in err


def test_a_function_that_nobody_wrote_is_named(tmp_path: Path) -> None:
    split(tmp_path, "return given();")
    code, _, err = typed(tmp_path, "host.cpp", "-I", "include")

    assert code == 2
    assert err.startswith("error: the program cannot be linked\n")
    assert "\n  fix:   name the file that has given, too\n" in err


REFUSED = [
    (
        ("host.cpp", "a.xclbin"),
        "error: a.xclbin is no C++ file\n"
        "  where: tileproof run host.cpp a.xclbin\n"
        "  why:   what stands before -- is compiled\n"
        "  fix:   put the program's own arguments behind --: tileproof run host.cpp -- a.xclbin\n"
        "  more:  tileproof explain wrong-usage\n",
    ),
    (
        ("missing.cpp",),
        "error: there is no program missing.cpp\n"
        "  where: missing.cpp\n"
        "  fix:   name a C++ file\n"
        "  more:  tileproof explain unreadable-file\n",
    ),
    (
        ("-D", "FAST", "host.py"),
        "error: -D and -I are for a C++ host\n"
        "  where: tileproof run host.py\n"
        "  why:   Python is not compiled\n"
        "  fix:   leave them out, or name a HOST.cpp\n"
        "  more:  tileproof explain option-of-others\n",
    ),
    (
        ("--untrusted", "host.cpp"),
        "error: --untrusted does not hold a C++ host\n"
        "  where: --untrusted\n"
        "  why:   it is a program of this machine, which may do whatever you may\n"
        "  fix:   run it without --untrusted\n"
        "  more:  tileproof explain option-conflict\n",
    ),
]


@pytest.mark.parametrize(("words", "told"), REFUSED, ids=[words[0] for words, _ in REFUSED])
def test_a_request_that_cannot_be_is_refused(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    (tmp_path / "host.cpp").write_text("int main() {}\n")

    assert typed(tmp_path, *words) == (2, "", told)


def test_a_host_for_the_npu_is_compiled_with_xrt(tmp_path: Path) -> None:
    (tmp_path / "host.cpp").write_text("int main() {}\n")

    assert typed(tmp_path, "--device", "npu", "host.cpp") == (
        3,
        "",
        "error: a C++ host for the NPU is compiled with XRT itself\n"
        "  where: --device npu\n"
        "  why:   tileproof's own XRT headers are the emulator's\n"
        "  fix:   g++ -std=c++20 host.cpp -I /opt/xilinx/xrt/include -L /opt/xilinx/xrt/lib -lxrt_coreutil -luuid\n"
        "  more:  tileproof explain option-conflict\n",
    )


# Full ELFs

FULL_ELF = """\
#include <iostream>
#include <string>
#include "xrt/experimental/xrt_elf.h"
#include "xrt/experimental/xrt_ext.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"
int main(int, char **argv) {
    auto device = xrt::device(0);
    xrt::elf file{"design.elf"};
    xrt::hw_context context(device, file);
    auto kernel = xrt::ext::kernel(context, std::string(argv[1]));
    xrt::bo all = xrt::ext::bo{device, 64 * sizeof(int)};
    for (int k = 0; k < 64; ++k) all.map<int *>()[k] = k;
    all.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    for (int turn = 0; turn < 2; ++turn) {
        auto run = xrt::run(kernel);
        run.set_arg(0, all);
        run.start();
        run.wait2();
    }
    all.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
    const int *out = all.map<const int *>();
    std::cout << out[0] << " " << out[16] << " " << out[32] << "\\n";
    if (argv[2] == std::string("group")) kernel.group_id(0);
}
"""
ANEW = Path(__file__).parent / "designs" / "set_up_anew.mlir"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a host, and a full ELF of a design whose sequence sets the array up twice."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "host.cpp").write_text(FULL_ELF)
    command = [
        sys.executable,
        "-m",
        "tileproof",
        "build",
        str(ANEW),
        "--full-elf-name",
        "design.elf",
        "-o",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(f"set_up_anew.mlir: built: {folder / 'design.elf'} ("), done
    return folder


def test_a_full_elf_runs_every_part_of_its_sequence_each_time(full: Path) -> None:
    assert typed(full, "host.cpp", "--", "main:run", "") == (0, "4 22 32\n", "")


def test_a_kernel_that_a_full_elf_does_not_have_is_thrown_as_xrt_does(full: Path) -> None:
    code, _, err = typed(full, "host.cpp", "--", "main:other", "")

    assert code == 134
    assert err.startswith(said("No such kernel 'main:other': Invalid argument", "std::system_error", "host.cpp:11"))


SCRATCHPAD = """\
#include <iostream>
#include <string>
#include "xrt/experimental/xrt_elf.h"
#include "xrt/experimental/xrt_ext.h"
#include "xrt/xrt_device.h"
#include "xrt/xrt_kernel.h"
int main(int, char **argv) {
    const std::string wrong = argv[2];
    auto device = xrt::device(0);
    xrt::elf file{"design.elf"};
    xrt::hw_context context(device, file);
    auto kernel = xrt::ext::kernel(context, std::string(argv[1]));
    xrt::bo out = xrt::ext::bo{device, 16};
    auto run = xrt::run(kernel);
    run.set_arg(0, out);
    auto scratchpad = run.get_ctrl_scratchpad_bo();
    auto *words = scratchpad.map<unsigned *>();
    for (unsigned turn = 1; turn < 3; ++turn) {
        words[0] = 8 * turn << 2;
        if (wrong != "no sync" || turn == 1)
            scratchpad.sync(XCL_BO_SYNC_BO_TO_DEVICE);
        run.start();
        run.wait2();
        out.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
        std::cout << out.map<int *>()[3] << "\\n";
    }
    std::cout << scratchpad.size() << "\\n";
}
"""
WITH_PARAMETER = """\
module {
  aiex.scratchpad_parameter @scale : i32
  aie.device(npu2) @main {
    %shim = aie.tile(0, 0)
    %tile = aie.tile(0, 2)
    aie.objectfifo @out(%tile, {%shim}, 1 : i32) : !aie.objectfifo<memref<4xi32>>
    %core = aie.core(%tile) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c4 = arith.constant 4 : index
      %scale = aiex.read_scratchpad_parameter @scale : i32
      %object = aie.objectfifo.acquire @out(Produce, 1) : memref<4xi32>
      scf.for %k = %c0 to %c4 step %c1 {
        memref.store %scale, %object[%k] : memref<4xi32>
      }
      aie.objectfifo.release @out(Produce, 1)
      aie.end
    }
    aie.runtime_sequence @run(%out: memref<4xi32>) {
      aiex.npu.load_pdi {device_ref = @main}
      aiex.sync_scratchpad_parameters_from_host
      aiex.npu.dma_memcpy_nd(%out[0, 0, 0, 0][1, 1, 1, 4][0, 0, 0, 1]) {id = 0 : i64, metadata = @out} : memref<4xi32>
      aiex.npu.dma_wait {symbol = @out}
    }
    aie.runtime_sequence @idle(%out: memref<4xi32>) attributes {emit_parameter_sync_preamble = false} {
    }
  }
}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a host that gives a parameter, and the full ELF of a design that takes it."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "host.cpp").write_text(SCRATCHPAD)
    (folder / "design.mlir").write_text(WITH_PARAMETER)
    command = [sys.executable, "-m", "tileproof", "build", "design.mlir", "--full-elf-name", "design.elf", "-o", "."]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return folder


def test_each_run_takes_what_the_host_has_written_into_its_scratchpad(shared: Path) -> None:
    assert typed(shared, "host.cpp", "--", "main:run", "") == (0, "8\n16\n4\n", "")


def test_a_parameter_that_is_not_synced_does_not_come_there_and_is_told(shared: Path) -> None:
    assert typed(shared, "host.cpp", "--", "main:run", "no sync") == (
        1,
        "8\n8\n4\n",
        "\nmistake 1 of 1: the control scratchpad was written and not synced before the run\n"
        "  where: host.cpp:22\n"
        "  why:   the firmware takes what was synced, not what was written\n"
        "  fix:   scratchpad.sync(XCL_BO_SYNC_BO_TO_DEVICE) after the last write; ParameterScratchpad has sync() for "
        "it\n"
        "  more:  tileproof explain written-not-synced\n",
    )


def test_a_sequence_without_parameters_has_no_scratchpad_as_xrt_says(shared: Path) -> None:
    code, _, err = typed(shared, "host.cpp", "--", "main:idle", "")

    assert code == 134
    assert err.startswith(said("Control scratchpad memory is not present\n", "std::runtime_error", "host.cpp:16"))


def test_a_kernel_of_a_full_elf_has_no_groups(full: Path) -> None:
    assert typed(full, "host.cpp", "--", "main:run", "group") == (
        2,
        "4 22 32\n",
        "error: a kernel of a full ELF has no groups\n"
        "  where: host.cpp:24\n"
        "  why:   XRT looks beyond the end of an empty table there, and the real process dies of a segmentation fault\n"
        "  fix:   allocate with xrt::ext::bo(device, size)\n"
        "  more:  tileproof explain other-elf\n",
    )
