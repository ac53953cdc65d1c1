"""What the emulator sees of a tile function's own memory: its locals, its statics, its registers and its stack."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from small_kernel import write_kernel

from tileproof.check.run import check_design
from tileproof.cli import main
from tileproof.diagnostic import Diagnostic
from tileproof.emulator.design.described import described_library
from tileproof.emulator.design.emulate import emulate
from tileproof.emulator.library import Library
from tileproof.errors import EXIT_KERNEL_WRONG, EXIT_NOT_HERE, Problem
from tileproof.toolchain.cxx import find_cxx
from tileproof.toolchain.frames import read_frames
from tileproof.toolchain.noted import note
from tileproof.toolchain.tile_library import compile_tile_code

DESIGN = """\
module {
  aie.device(npu1) @main {
    %shim = aie.tile(0, 0)
    %core = aie.tile(0, 2)
    aie.objectfifo @x(%shim, {%core}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>
    func.func private @step(memref<64xi32>, memref<64xi32>) attributes {link_with = "tile.o"}
    %program = aie.core(%core) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 4294967295 : index
      scf.for %i = %c0 to %forever step %c1 {
        %xv = aie.objectfifo.acquire @x(Consume, 1) : !aie.objectfifosubview<memref<64xi32>>
        %xo = aie.objectfifo.subview.access %xv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        %yv = aie.objectfifo.acquire @y(Produce, 1) : !aie.objectfifosubview<memref<64xi32>>
        %yo = aie.objectfifo.subview.access %yv[0] : !aie.objectfifosubview<memref<64xi32>> -> memref<64xi32>
        func.call @step(%xo, %yo) : (memref<64xi32>, memref<64xi32>) -> ()
        aie.objectfifo.release @x(Consume, 1)
        aie.objectfifo.release @y(Produce, 1)
      }
      aie.end
    } {stack_size = 1024 : i32}
    aie.runtime_sequence @run(%a: memref<64xi32>, %b: memref<64xi32>) {
      aiex.npu.dma_memcpy_nd(%b[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 0 : i64, metadata = @y} : memref<64xi32>
      aiex.npu.dma_memcpy_nd(%a[0, 0, 0, 0][1, 1, 1, 64][0, 0, 0, 1]) {id = 1 : i64, metadata = @x} : memref<64xi32>
      aiex.npu.dma_wait {symbol = @y}
    }
  }
}
"""

# What each function does before it copies x to y. Every x is 1, and no compiler knows it.
BAD = {
    "past_a_table": "y[0] = table[7 + 3 * x[0]];",
    "past_a_table_by_memcpy": "std::memcpy(y, table + 9 * x[0], 8); y[2] = x[1];",
    "past_a_local": "int32_t sums[8] = {}; for (int i = 0; i <= 8; ++i) sums[i * x[0]] = i; y[0] = sums[x[1]];",
    "read_past_a_local": "int32_t sums[8] = {}; fill(sums, 8, x); y[0] = sums[8 * x[0]];",
    "unset_local": "int32_t sums[8]; fill(sums, 4, x); y[0] = sums[4 * x[0]];",
    "unset_member": "Pair pair; fill(pair.first, 4, x); y[0] = pair.second[2 * x[0]];",
    "odd_int16": "y[0] = *reinterpret_cast<const int16_t *>(reinterpret_cast<const char *>(x) + x[0]);",
    "odd_int32": "*reinterpret_cast<int32_t *>(reinterpret_cast<char *>(y) + 2 * x[0]) = 1;",
    "nowhere": "y[0] = *reinterpret_cast<const int32_t *>(&std::abort);",
    "unset_vector": "aie::vector<int32, 16> v; v = aie::add(v, aie::load_v<16>(x)); aie::store_v(y, v);",
    "unset_accumulator": "aie::accum<acc64, 16> a; a = aie::mac(a, aie::load_v<16>(x), 1); "
    "aie::store_v(y, a.to_vector<int32>(0));",
    "stored_unset": "aie::vector<int32, 16> v; aie::store_v(y, v);",
    "reduced_unset": "aie::vector<int32, 16> v; y[0] = aie::reduce_add(v);",
    "unset_tile": "aie::vector<int8, 32> a; aie::mmul<4, 8, 8, int8, int8> m; m.mul(a, aie::zeros<int8, 64>()); "
    "aie::store_v(y, m.to_vector<int32>().extract<16>(0));",
    "std_array": "std::array<int32_t, 300> big{}; fill(big.data(), 300, x); y[0] = big[x[0]];",
    "large_struct": "Large large{}; fill(large.numbers, 300, x); y[0] = large.numbers[x[0]];",
    "template_array": "y[0] = total<280>(x);",
    "array_of_many_vectors": "aie::vector<int32, 16> v[40]; "
    "for (int i = 0; i < 40; ++i) v[i * x[0]] = aie::load_v<16>(x); "
    "aie::store_v(y, v[x[0]]);",
    "struct_of_vectors": "Vectors all; for (int i = 0; i < 40; ++i) all.one[i * x[0]] = aie::load_v<16>(x); "
    "aie::store_v(y, all.one[x[0]]);",
    "recursion": "y[0] = deep(x, 80 * x[0]);",
    "of_a_size_that_is_computed": "int n = 400 * x[0]; int32_t big[n]; fill(big, n, x); y[0] = big[x[0]];",
}
GOOD = {
    "set_in_halves": "aie::vector<int32, 16> v; v.insert<8>(1, aie::load_v<8>(x)); v.insert<8>(0, aie::load_v<8>(x)); "
    "aie::store_v(y, v);",
    "product_first": "aie::mmul<4, 8, 8, int8, int8> m; const int8 *p = reinterpret_cast<const int8 *>(x); "
    "m.mac(aie::load_v<32>(p), aie::load_v<64>(p)); aie::store_v(y, m.to_vector<int32>().extract<16>(0));",
    "minus_two": "int8_t bytes[16]; for (int i = 0; i < 16; ++i) bytes[i * x[0]] = -2; y[0] = bytes[9 * x[0]];",
    "static_vector": "aie::store_v(y, aie::add(kept, aie::load_v<16>(x))); kept = aie::load_v<16>(y);",
    "last_of_a_table": "y[0] = table[9 * x[0]] + table[0];",
    "small_scopes": "{ int32_t one[180] = {}; fill(one, 180, x); y[0] = one[x[0]]; } "
    "{ int32_t two[180] = {}; fill(two, 180, x); y[1] = two[x[0]]; }",
    "array_of_vectors": "aie::vector<int32, 16> v[24]; for (auto &one : v) one = aie::load_v<16>(x); "
    "aie::store_v(y, v[x[0]]);",
    "bytes_of_minus_two": "alignas(32) int8_t r[64]; aie::store_v(r, aie::broadcast<int8, 64>(-2)); "
    "Bytes row = *reinterpret_cast<const Bytes *>(r); Bytes other = row; "
    "y[0] = r[(x[0] + 7) & 63] + other.w[x[1] & 31];",
    "array_of_tiles": "Tile t[4]; "
    "for (int i = 0; i < 4; ++i) t[i * x[0]].mac(aie::zeros<int8, 32>(), aie::zeros<int8, 64>()); "
    "aie::store_v(y, t[x[0]].to_vector<int32>().extract<16>(0));",
    "counted_bits": "y[0] = __builtin_popcount(x[0]) + __builtin_clz(x[1]);",
    "whole_copy": "Pair pair = {}; Pair other = pair; y[0] = other.second[2 * x[0]];",
}
TILE_CODE = (
    """\
#include <aie_api/aie.hpp>
#include <array>
#include <cstdlib>
#include <cstring>
namespace {
const int32_t table[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
struct Pair { int32_t first[4], second[4]; };
struct Vectors { aie::vector<int32, 16> one[40]; };
struct Bytes { int8_t w[32]; };
using Tile = aie::mmul<4, 8, 8, int8, int8>;
struct Large { int32_t numbers[300]; };
aie::vector<int32, 16> kept;
[[gnu::noinline]] void fill(int32_t *to, int n, const int32_t *x) { for (int i = 0; i < n; ++i) to[i * x[0]] = i; }
template <int N>
[[gnu::noinline]] int32_t total(const int32_t *x) {
    int32_t part[N] = {};
    fill(part, N, x);
    return part[x[0]];
}
[[gnu::noinline]] int deep(const int32_t *x, int n) { return n < 2 ? x[n] : 3 * deep(x, n - 1) + x[n & 1]; }
}
extern "C" {
"""
    + "".join(
        f"void {name}(const int32_t *x, int32_t *y) {{\n    for (int i = 0; i < 64; ++i) y[i] = x[i];\n    {body}\n}}\n"
        for name, body in {**BAD, **GOOD}.items()
    )
    + """\
void mixed(const int32_t *, int32_t *y, float a, int32_t n, float b, int8_t m, int64_t w) {
    for (int i = 0; i < 64; ++i) y[i] = int32_t(a * 10 + n * 100 + b * 1000) + m * 10000 + int32_t(w / 3000000000);
}
}
"""
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """One library with all functions: a compiler takes its time."""
    path = tmp_path_factory.mktemp("tile") / "tile.cc"
    path.write_text(TILE_CODE)
    return described_library(compile_tile_code([path], 20, find_cxx()), {"tile.cc": TILE_CODE})


# clang tells nobody who calls whom, and fills small arrays with its pattern as if they were set.
needs_gcc = pytest.mark.skipif(find_cxx().is_clang, reason="needs g++")
GCC_ONLY = {"recursion", "of_a_size_that_is_computed", "unset_local", "unset_member"}


def skip_what_clang_does_not_tell(function: str) -> None:
    if function in GCC_ONLY and find_cxx().is_clang:
        pytest.skip("needs g++")


def found_in(library: Library, function: str) -> tuple[Diagnostic, ...]:
    return emulate(DESIGN.replace("@step", f"@{function}"), "d.mlir", library, {0: "ones", 1: "zeros"}).faults


def line_of(function: str) -> int:
    return 2 + TILE_CODE[: TILE_CODE.index(f"void {function}(")].count("\n") + 1


FINDINGS = {
    "past_a_table": ("out-of-local", "reads outside the static table: byte 4 past the end (40 bytes)"),
    "past_a_table_by_memcpy": ("out-of-local", "reads outside the static table: byte 4 past the end (40 bytes)"),
    "past_a_local": ("out-of-local", "writes outside its local sums: byte 4 past the end (32 bytes)"),
    "read_past_a_local": ("out-of-local", "reads outside its local sums: byte 4 past the end (32 bytes)"),
    "unset_local": ("unset", "reads what it has not set: its local sums, byte 16"),
    "unset_member": ("unset", "reads what it has not set: its local pair, byte 24"),
    "odd_int16": ("misaligned", "makes a misaligned access of 2 bytes"),
    "odd_int32": ("misaligned", "makes a misaligned access of 4 bytes"),
    "nowhere": ("wild-access", "reads 4 bytes that are neither in a buffer, nor a local, nor a static"),
    "unset_vector": ("unset", "uses a vector or an accumulator of 64 bytes that nothing was put into"),
    "unset_accumulator": ("unset", "uses a vector or an accumulator of 128 bytes that nothing was put into"),
    "stored_unset": ("unset", "uses a vector or an accumulator of 64 bytes that nothing was put into"),
    "reduced_unset": ("unset", "uses a vector or an accumulator of 64 bytes that nothing was put into"),
    "unset_tile": ("unset", "uses a vector or an accumulator of 32 bytes that nothing was put into"),
}
OVERFLOWS = {
    "std_array": "its local arrays take 1,200 bytes, and stack_size is 1,024",
    "large_struct": "its local arrays take 1,200 bytes, and stack_size is 1,024",
    "template_array": "its local arrays take 1,120 bytes, and stack_size is 1,024",
    "array_of_many_vectors": "its local arrays take 2,560 bytes, and stack_size is 1,024",
    "struct_of_vectors": "its local arrays take 2,560 bytes, and stack_size is 1,024",
    "recursion": "of this machine's, and stack_size is 1,024",
    "of_a_size_that_is_computed": "of this machine's, and stack_size is 1,024",
}


def test_every_bad_function_has_its_finding() -> None:
    assert {*FINDINGS, *OVERFLOWS} == set(BAD)


@pytest.mark.parametrize("function", FINDINGS)
def test_what_a_tile_function_does_to_its_own_memory_is_named_with_its_line(library: Library, function: str) -> None:
    skip_what_clang_does_not_tell(function)
    id, what = FINDINGS[function]
    (found,) = found_in(library, function)

    assert found.id == id
    assert found.what.startswith(f"{function} ")
    assert what in found.what
    assert (found.place.file, found.place.line) == ("tile.cc", line_of(function))
    assert found.place.tile == (0, 2)


@pytest.mark.parametrize("function", OVERFLOWS)
def test_a_stack_that_is_too_small_for_what_no_text_shows_is_named(library: Library, function: str) -> None:
    skip_what_clang_does_not_tell(function)
    (found,) = found_in(library, function)

    assert found.id == "stack-overflow"
    assert found.what.startswith(f"{function} runs over the end of the stack of core (0, 2): ")
    assert found.what.endswith(OVERFLOWS[function])


@pytest.mark.parametrize("function", GOOD)
def test_a_function_that_is_right_is_not_accused(library: Library, function: str) -> None:
    assert found_in(library, function) == ()


def test_numbers_of_all_kinds_reach_a_function_that_runs_on_a_stack_of_ours(library: Library) -> None:
    call = "func.call @step(%xo, %yo) : (memref<64xi32>, memref<64xi32>) -> ()"
    numbers = "f32, i32, f32, i8, i64"
    text = DESIGN.replace(
        "memref<64xi32>, memref<64xi32>) attributes", f"memref<64xi32>, memref<64xi32>, {numbers}) attributes"
    )
    text = text.replace(
        call,
        "%a = arith.constant 2.5 : f32\n%n = arith.constant -3 : i32\n%b = arith.addf %a, %a : f32\n"
        "%m = arith.constant -7 : i8\n%w = arith.constant 6000000000 : i64\n"
        + call.replace("%yo)", "%yo, %a, %n, %b, %m, %w)").replace("memref<64xi32>)", f"memref<64xi32>, {numbers})"),
    )
    ran = emulate(text.replace("@step", "@mixed"), "d.mlir", library, {0: "ones", 1: "zeros"})

    assert ran.faults == ()
    assert set(ran.arguments[1].after.tolist()) == {25 - 300 + 5000 - 70000 + 2}


def test_what_is_silent_on_the_device_is_silent_as_hardware(library: Library) -> None:
    from tileproof.emulator.library import Manner

    design = DESIGN.replace("@step", "@unset_vector")
    assert emulate(design, "d", library, {0: "ones", 1: "zeros"}, manner=Manner(as_hardware=True)).faults == ()


def test_a_finding_says_what_where_why_and_how_to_mend_it(library: Library) -> None:
    (found,) = found_in(library, "past_a_table")
    line = line_of("past_a_table")

    assert found.paragraph == (
        "past_a_table reads outside the static table: byte 4 past the end (40 bytes)\n"
        f"  where: tile.cc:{line}, the core on core (0, 2), call 1 of past_a_table, d.mlir:17:9, "
        "in an access of 4 bytes\n"
        "  why:   on the device it would silently touch what the compiler put beside it, which is another thing than "
        "here\n"
        "  fix:   check the index against the size of the array\n"
        "  more:  tileproof explain out-of-local"
    )


REFUSED = {
    "y[0] = x[0] * 0.5;": ("double-arithmetic", "arithmetic in double"),
    "double d = x[0]; y[0] = d * d > 2.0;": ("double-arithmetic", "arithmetic in double"),
    "y[0] = std::sqrt(x[0]);": ("double-arithmetic", "arithmetic in double"),
    "float f = x[0]; y[0] = f * 3.0;": ("double-arithmetic", "arithmetic in double"),
    'asm volatile("nop");': ("inline-assembly", "inline assembly"),
}
PLAIN = '#include <cmath>\n#include <cstdint>\n{}extern "C" void step(const int32_t *x, int32_t *y) {{\n    {}\n}}\n'


def described(folder: Path, text: str) -> Library:
    (folder / "tile.cc").write_text(text)
    return described_library(compile_tile_code([folder / "tile.cc"], 20, find_cxx()), {"tile.cc": text})


@pytest.mark.parametrize("body", REFUSED)
def test_what_a_core_cannot_compute_is_refused_with_its_line(tmp_path: Path, body: str) -> None:
    id, what = REFUSED[body]
    with pytest.raises(Problem) as caught:
        described(tmp_path, PLAIN.format("", body))

    said = caught.value.diagnostic
    assert (said.id, said.what, str(said.place)) == (id, f"the tile code has {what}", "tile.cc:4")


MATHEMATICS = """\
#include <aie_api/aie.hpp>
extern "C" void step(const float *x, bfloat16 *y) {
    const aie::vector<float, 16> v = aie::load_v<16>(x);
    aie::store_v(y, aie::add(aie::exp2<bfloat16>(v), aie::tanh<bfloat16>(v)));
    y[16] = aie::invsqrt(x[0]);
}
"""


def test_the_apis_own_mathematics_is_no_double_of_the_tile_code(tmp_path: Path) -> None:
    (tmp_path / "tile.cc").write_text(MATHEMATICS)
    described_library(compile_tile_code([tmp_path / "tile.cc"], 21, find_cxx()), {"tile.cc": MATHEMATICS})


def test_single_precision_is_no_double(tmp_path: Path) -> None:
    text = "float f = x[0]; y[0] = f * 0.5f + std::sqrt(f) + std::floor(f) + float(1 / 3.0);"
    described(tmp_path, PLAIN.format("", text))


@pytest.mark.parametrize("word", ['no_sanitize("address")', "no_sanitize_address", '__no_sanitize__("kernel-address")'])
def test_tile_code_that_wants_no_checks_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(Problem) as caught:
        described(tmp_path, PLAIN.format(f"/* a\ncomment */ __attribute__(({word})) ", ""))

    assert (caught.value.diagnostic.id, str(caught.value.diagnostic.place)) == ("not-checked", "tile.cc:4")


def test_a_comment_about_checks_is_no_reason_to_refuse(tmp_path: Path) -> None:
    described(tmp_path, PLAIN.format("// no no_sanitize here\n", "y[0] = x[0];"))


def test_code_that_was_built_without_the_checks_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "t.cc").write_text('extern "C" void step(const int *x, int *y) { y[0] = x[0]; }')
    command = [*find_cxx().command, "-shared", "-fPIC", "t.cc", "-o", "t.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with pytest.raises(Problem) as caught:
        emulate(DESIGN, "d.mlir", Library(code=(tmp_path / "t.so").read_bytes()), {0: "ones", 1: "zeros"})

    assert caught.value.diagnostic.id == "other-emulator"
    assert "tileproof_stack" in caught.value.why


# What is warned of


FIVE_LINES = """\
#include <aie_api/aie.hpp>
extern "C" void step(const int32_t *x, int32_t *y) {
    aie::vector<int32, 16> v[16];
    for (int i = 0; i < 4; ++i) v[i] = aie::load_v<16>(x + 16 * i);
    for (int i = 0; i < 4; ++i) aie::store_v(y + 16 * i, aie::add(v[i], v[(i + x[0]) & 3]));
}
"""


@needs_gcc
def test_vectors_that_the_registers_have_room_for_are_not_counted_against_the_stack() -> None:
    frames = note({"tile.cc": FIVE_LINES}, 20).frames
    assert frames is not None
    assert sum(frame.nbytes for frame in frames.worst_path("step")) > 1024
    assert check_design(DESIGN, "d.mlir", {"tile.cc": FIVE_LINES}, compile_code=True) == ()


@needs_gcc
def test_frames_that_are_larger_than_stack_and_registers_say_what_they_rest_on_and_what_to_do() -> None:
    text = FIVE_LINES.replace("v[16]", "v[60]").replace("& 3", "& 59").replace("i < 4", "i < 60")
    (found,) = check_design(DESIGN, "d.mlir", {"tile.cc": text}, compile_code=True)

    assert found.id == "TP204"
    assert "bytes as this machine's g++ counts them, vectors and all, for which a core has 1,920 bytes" in found.why
    assert found.fix.startswith("raise stack_size by what is missing: that is never wrong where the memory has room; ")


MAY_BE_UNSET = """\
#include <cstdint>
extern "C" void step(const int32_t *x, int32_t *y) {
    int32_t sum;
    if (x[0] != 7) sum = x[0];
    for (long i = 0; i < 64; ++i) y[i] = x[i] + sum;
}
"""


def test_what_may_be_read_before_it_is_set_is_said_of_a_run_that_is_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.mlir").write_text(DESIGN)
    (tmp_path / "tile.cc").write_text(MAY_BE_UNSET)
    arguments = ["--tile-code", str(tmp_path / "tile.cc"), "--arg", "0=ones", "--arg", "1=zeros"]

    assert main(["emulate", str(tmp_path / "d.mlir"), *arguments]) == 0
    out = capsys.readouterr().out
    assert "warning TP506 (may-be-unset): sum may be read before anything is put into it\n" in out
    assert "warning TP507 (long-has-32-bits): `long` has 32 bits on a core, and 64 here\n  where: tile.cc:5:10\n" in out


def test_a_pass_shows_what_the_checks_warn_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = "for (long i = 0; i < count; ++i)\n        y[i] = static_cast<element>(2 * x[i] + 1);"
    kernels = write_kernel(tmp_path, body=body)
    command = ["verify", "double", "--kernels", str(kernels), "--build-dir", str(tmp_path / "build")]

    assert main(command) == 0
    assert "  warning: tile.cc:10:10: `long` has 32 bits on a core, and 64 here (TP507); say how many" in (
        capsys.readouterr().out
    )
    assert main([*command, "--json"]) == 0
    for verdict in json.loads(capsys.readouterr().out)["verdicts"]:
        (warning,) = verdict["warnings"]
        assert "(TP507)" in warning


# What runs leave behind


def runs(library: Library, text: str, number: int) -> tuple[Diagnostic, ...]:
    return emulate(text, "d.mlir", library, {0: "ones", 1: "zeros"}, runs=number).faults


FOUR = DESIGN.replace("@step", "@last_of_a_table").replace("memref<64xi32>, %b", "memref<256xi32>, %b")
FOUR = FOUR.replace("[1, 1, 1, 64]", "[1, 1, 1, 256]").replace("%b: memref<64xi32>", "%b: memref<256xi32>")
FOUR = FOUR.replace("metadata = @y} : memref<64xi32>", "metadata = @y} : memref<256xi32>")
FOUR = FOUR.replace("metadata = @x} : memref<64xi32>", "metadata = @x} : memref<256xi32>")


def test_runs_that_take_what_they_give_leave_nothing(library: Library) -> None:
    assert runs(library, FOUR, 3) == ()


def test_an_output_that_an_earlier_run_left_is_named(library: Library) -> None:
    """Three objects of four are fetched."""
    text = FOUR.replace("%b[0, 0, 0, 0][1, 1, 1, 256]", "%b[0, 0, 0, 0][1, 1, 1, 192]")

    assert runs(library, text, 1) == ()
    (found,) = runs(library, text, 2)
    assert found.id == "left-over"
    assert found.what == "MM2S channel 0 of core (0, 2) sends an object of @y that an earlier run has left in the array"


def test_an_input_that_an_earlier_run_left_is_named(library: Library) -> None:
    """Three objects are sent, and the core takes two at a time."""
    text = FOUR.replace("(Consume, 1)", "(Consume, 2)").replace("@x(%shim, {%core}, 2", "@x(%shim, {%core}, 4")
    text = text.replace("%b[0, 0, 0, 0][1, 1, 1, 256]", "%b[0, 0, 0, 0][1, 1, 1, 64]")
    text = text.replace("%a[0, 0, 0, 0][1, 1, 1, 256]", "%a[0, 0, 0, 0][1, 1, 1, 192]")

    assert runs(library, text, 1) == ()
    (found,) = runs(library, text, 2)
    assert found.id == "left-over"
    assert found.what == "the core on core (0, 2) takes an object of @x that an earlier run has left in the array"


def test_an_object_that_a_fifo_begins_with_is_a_delay_and_not_left_over(library: Library) -> None:
    initial = FOUR.replace(
        "aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>>",
        "aie.objectfifo @y(%core, {%shim}, 2 : i32) : !aie.objectfifo<memref<64xi32>> = "
        f"[dense<{list(range(64))}> : memref<64xi32>, dense<{list(range(64))}> : memref<64xi32>]",
    )
    assert initial != FOUR
    assert "left-over" not in {fault.id for fault in runs(library, initial, 2)}


# Whose fault it is


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("kill -9 $$", "step-killed"),
        ("echo 'as: Cannot allocate memory' >&2; exit 1", "machine-short"),
        ("echo 'tile.cc:1: error: no' >&2; exit 1", "compile-failed"),
    ],
)
def test_a_compiler_that_emulate_calls_is_blamed_for_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *--version*) echo g++ 12.2.0;; *) {does};; esac\n')
    compiler.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXX", "./c++")
    with pytest.raises(Problem) as caught:
        described(tmp_path, PLAIN.format("", ""))

    assert caught.value.diagnostic.id == said
    assert caught.value.exit_code == (EXIT_KERNEL_WRONG if said == "compile-failed" else EXIT_NOT_HERE)


def test_a_compiler_that_never_returns_is_ended_with_all_that_it_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "c++"
    inner = f"echo \\$\\$ > {tmp_path}/pid; sleep 1000"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *--version*) echo g++ 12.2.0;; *) sh -c "{inner}";; esac\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr("tileproof.toolchain.tile_library._TIMEOUT_S", 2.0)
    with pytest.raises(Problem) as caught:
        described(tmp_path, PLAIN.format("", ""))

    assert caught.value.diagnostic.id == "step-endless"
    process = Path("/proc", (tmp_path / "pid").read_text().strip())
    until = time.monotonic() + 10
    while process.exists() and time.monotonic() < until:  # it was killed, and has yet to be gone
        time.sleep(0.01)
    assert not process.exists()


def test_arguments_that_are_pushed_make_no_stack_that_nobody_knows() -> None:
    node = 'node: {{ title: "{0}" label: "void {0}()\\ntile.cc:1:6\\n96 bytes ({1})" }}\n'
    frames = read_frames([node.format("pushes", "dynamic,bounded") + node.format("allocates", "dynamic")])

    assert frames.unbounded("pushes") == ""
    assert frames.unbounded("allocates") == "void allocates() takes some of it while it runs"
