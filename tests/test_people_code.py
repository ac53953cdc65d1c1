"""What tile code that people already have rests on beside the API's documented part: one page a case, each run."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from small_kernel import build_small

from tileproof.cli import main
from tileproof.library import data_dir
from tileproof.toolchain.cxx import TILE_CODE_FLAGS, find_cxx

INCLUDE = Path(__file__).resolve().parent.parent / "src/tileproof/emulator/include"
ARCHITECTURES = {"npu1": 20, "npu2": 21}


def answer(tmp_path: Path, code: str, target: str = "npu1", *flags: str) -> list[str]:
    """The words that a program prints; `code` is what stands above and in its main."""
    done = compiled(tmp_path, code, target, *flags)
    assert done.returncode == 0, done.stderr
    return subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True).stdout.split()


def compiled(tmp_path: Path, code: str, target: str = "npu1", *flags: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "code.cc").write_text(code)
    arch = f"-D__AIE_ARCH__={ARCHITECTURES[target]}"
    command = [*find_cxx().command, *TILE_CODE_FLAGS, arch, "-I", str(INCLUDE), *flags, "code.cc", "-o", "program"]
    return subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    )


DESIGN = (data_dir("examples") / "design.mlir").read_text()
BF16_DESIGN = DESIGN.replace("xi32>", "xbf16>")
PRINT = "#include <cstdio>\n#include <aie_api/aie.hpp>\n"


def test_a_file_with_no_include_has_the_integers_assert_events_registers_and_intrinsics(tmp_path: Path) -> None:
    code = """
        extern "C" int printf(const char *, ...);
        extern "C" void kernel(int32_t *p) {
            event0();
            assert(p != nullptr);
            v16int32 v = *(v16int32 *)p;
            v = upd_elem(v, 3, 40);
            *(v16int32 *)p = add(v, broadcast_to_v16int32(2));
            event1();
        }
        int main() {
            int32_t p[16] = {};
            kernel(p);
            printf("%d %d", p[0], p[3]);
        }"""
    assert answer(tmp_path, code) == ["2", "42"]


def test_the_api_without_its_include_is_refused_and_the_line_that_is_missing_named(tmp_path: Path) -> None:
    done = compiled(tmp_path, "int main() { return aie::zeros<int8, 16>().get(0); }")
    assert done.returncode == 1
    assert "aie_needs_the_line_include_aie_api_aie_hpp" in done.stderr
    assert (
        compiled(
            tmp_path, "#include <aie_api/aie.hpp>\nint main() { return aie::zeros<int8, 16>().get(0); }"
        ).returncode
        == 0
    )


@pytest.mark.parametrize("target", ARCHITECTURES)
def test_a_width_that_is_not_given_is_512_bits(tmp_path: Path, target: str) -> None:
    """With 256 bits, half of the results would stay unwritten, and nobody would say so."""
    code = (
        PRINT
        + """
        alignas(64) static bfloat16 from[64], to[64];
        int main() {
            for (int i = 0; i < 64; ++i) from[i] = float(i);
            aie::store_v(to, aie::load_v(from));
            aie::store_v(to + 32, aie::load_unaligned_v(from + 1));
            aie::vector<int8> bytes = aie::broadcast<int8>(3);
            printf("%g %g %g ", float(to[31]), float(to[32]), float(to[63]));
            printf("%u %u", bytes.size(), aie::broadcast(7).size());
        }"""
    )
    assert answer(tmp_path, code, target) == ["31", "1", "32", "64", "16"]


def test_a_floating_point_accumulator_becomes_a_vector_by_itself(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            const auto x = aie::broadcast<bfloat16, 32>(1.5f), y = aie::broadcast<bfloat16, 32>(3.0f);
            aie::vector<bfloat16, 32> v = aie::mul(x, y);
            aie::accum<accfloat, 16> acc;
            acc = aie::broadcast<float, 16>(0.1f);
            aie::vector<float, 16> f = acc;
            // A register of floats in an accumulator of integers stays as it is, and comes out so.
            aie::accum<acc32, 16> bits;
            bits = f;
            printf("%g %g %g", float(v.get(31)), double(f.get(15)), double(bits.to_vector<float>().get(7)));
        }"""
    )
    assert answer(tmp_path, code) == ["4.5", "0.1", "0.1"]


def test_a_vector_may_be_given_fewer_values_than_it_has_lanes(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            aie::vector<int16, 16> v(1, -2, 3);
            printf("%d %d %d %x", v.get(0), v.get(1), v.get(2), uint16_t(v.get(3)));
        }"""
    )
    assert answer(tmp_path, code) == ["1", "-2", "3", "a5a5"], "the others are undefined, and do not look right"


def test_accumulate_sums_vectors_each_times_its_coefficient(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            aie::vector<int16, 8> c(1, 10, 100, 1000);
            const auto v = [](int16 x) { return aie::broadcast<int16, 16>(x); };
            const auto three = aie::accumulate<16>(c, 1, v(1), v(2), v(3));
            const auto more = aie::accumulate<16>(three, c, 0, v(7));
            const auto array = aie::accumulate<16>(c, 0, std::array{v(5), v(6)});
            for (const auto &sum : {three, more, array}) printf("%d ", sum.to_vector<int32>().get(9));
        }"""
    )
    assert answer(tmp_path, code) == ["3210", "3217", "65"]


def test_select_takes_two_scalars(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            const auto m = aie::mask<16>::from_uint32(0b101);
            const auto v = aie::select(int32(5), int32(9), m);
            auto lanes = aie::broadcast<int32, 16>(4);
            const auto w = aie::select(lanes[0], v[0], m);
            printf("%d %d %d %d", v.get(0), v.get(1), w.get(2), w.get(3));
        }"""
    )
    assert answer(tmp_path, code) == ["9", "5", "9", "4"]


def test_registers_are_zero_with_braces_and_undefined_as_undef(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            v16int32 zero[2] = {}, undefined = undef_v16int32();
            aie::vector<int32, 16> v = zero[1];
            v16acc64 acc = lups(v16int32(aie::broadcast<int32, 16>(3)), 4);
            printf("%d %x %d", aie::reduce_add(v), unsigned(ext_elem(undefined, 5)), ext_elem(lsrs(acc, 2, 0), 15));
        }"""
    )
    assert answer(tmp_path, code) == ["0", "a5a5a5a5", "12"]


def test_shift_bytes_takes_two_registers_as_one(tmp_path: Path) -> None:
    code = (
        PRINT
        + """
        int main() {
            v16int32 a{}, b{};
            for (int i = 0; i < 16; ++i) a[i] = i, b[i] = 100 + i;
            const v16int32 by = shift_bytes(a, b, 12);
            printf("%d %d %d", extract_elem(by, 0), extract_elem(by, 12), extract_elem(by, 13));
        }"""
    )
    assert answer(tmp_path, code) == ["3", "15", "100"]


def test_two_products_of_bfloat16_a_lane_are_one_sum(tmp_path: Path) -> None:
    """3 * 2^30 + 2^6 - 3 * 2^30: what is below the grid of the largest is lost, in whatever order."""
    code = (
        PRINT
        + """
        int main() {
            v32bfloat16 a{}, b{};
            for (int i = 0; i < 32; ++i) a[i] = i < 16 ? 3.0f : -3.0f, b[i] = float(1 << 30);
            const v16accfloat start = aie::accum<accfloat, 16>(aie::broadcast<float, 16>(64.0f));
            const v16accfloat sum = mac_elem_16_2(a, b, start);
            a[0] = 2.0f, b[0] = 5.0f, a[16] = 4.0f, b[16] = 0.25f;
            printf("%g %g", double(ext_elem(v16float(sum), 3)), double(ext_elem(v16float(mul_elem_16_2(a, b)), 0)));
        }"""
    )
    assert answer(tmp_path, code) == ["0", "11"]


@pytest.mark.parametrize("target", ARCHITECTURES)
def test_words_on_loops_and_storage_of_chess_and_of_peano_are_taken_and_mean_nothing(
    tmp_path: Path, target: str
) -> None:
    code = (
        "#include <aie_kernel_utils.h>\n"
        + PRINT
        + """
        static int16_t chess_storage(DM_bankA) x[64] = {1, 2, 3};
        int main() {
            int16_t *restrict chess_storage(DM_bankB) p = x;
            for (int i = 0; i < 2; i += 1) chess_prepare_for_pipelining chess_loop_range(2, ) chess_unroll_loop(2) {
                chess_separator_scheduler();
                p[i] = chess_copy(p[i + 1]);
            }
            #pragma clang loop min_iteration_count(2)
            AIE_LOOP_UNROLL(2) AIE_LOOP_RANGE(2, 8) AIE_TRY_INITIATION_INTERVAL(3)
            for (int i = 0; i < 2; ++i) p[i] += chess_const(1);
            chess_memory_fence();
            printf("%d %d", x[0], x[1]);
        }"""
    )
    assert answer(tmp_path, code, target) == ["3", "4"]


def transposed(bits: int, rows: int, columns: int, high: bool) -> list[int]:
    """The bytes of two registers, by their numbers, after a shuffle, as far as a mode defines them."""
    unit = bits // 8
    matrix = np.arange(rows * columns * unit).reshape(rows, columns, unit)
    flat = matrix.transpose(1, 0, 2).reshape(-1)
    return [int(byte) for byte in flat[64:128] if high] or [int(byte) for byte in flat[:64]]


@pytest.mark.parametrize(
    ("mode", "bits", "rows", "columns"),
    [
        ("T8_2x64_lo", 8, 2, 64), ("T8_64x2_hi", 8, 64, 2), ("T8_4x16", 8, 4, 16), ("T8_8x8", 8, 8, 8),
        ("T16_32x2_lo", 16, 32, 2), ("T16_2x32_hi", 16, 2, 32), ("T16_4x8", 16, 4, 8), ("T16_16x4_lo", 16, 16, 4),
        ("T32_4x4", 32, 4, 4), ("T32_8x4_hi", 32, 8, 4), ("T64_8x2_lo", 64, 8, 2), ("T128_2x4_lo", 128, 2, 4),
        ("T256_2x2_hi", 256, 2, 2), ("T512_1x2_hi", 512, 1, 2), ("T16_4x4", 16, 4, 4),
    ],
)  # fmt: skip
def test_a_shuffle_transposes_as_its_name_says(tmp_path: Path, mode: str, bits: int, rows: int, columns: int) -> None:
    code = (
        PRINT
        + f"""
        int main() {{
            v64uint8 a{{}}, b{{}};
            for (int i = 0; i < 64; ++i) a[i] = i, b[i] = 64 + i;
            const v64uint8 c = shuffle(a, b, {mode});
            for (int i = 0; i < 64; ++i) printf("%d ", ext_elem(c, i));
        }}"""
    )
    expected = transposed(bits, rows, columns, mode.endswith("hi"))
    got = [int(word) for word in answer(tmp_path, code)]
    assert got[: len(expected)] == expected
    assert got[len(expected) :] == [0xA5] * (64 - len(expected)), "above a small matrix nothing is defined"


def test_utils_prints_nothing_and_counts_round(tmp_path: Path) -> None:
    code = (
        "#include <aie_api/utils.hpp>\n"
        + PRINT
        + """
        int main() {
            aie::print(aie::zeros<int16, 32>(), true, "v: ");
            aie::circular_index<3> fixed;
            aie::circular_index free(2);
            for (int i = 0; i < 4; ++i) printf("%u%u ", unsigned(fixed++), unsigned(free++));
        }"""
    )
    assert answer(tmp_path, code) == ["00", "11", "20", "01"]


@pytest.mark.parametrize(("mode", "of_0_1"), [("", 0x3DCC), ("ceil", 0x3DCD), ("conv_even", 0x3DCD), ("floor", 0x3DCC)])
def test_a_scalar_becomes_a_bfloat16_by_the_mode_of_the_core_and_a_constant_to_the_nearest(
    tmp_path: Path, mode: str, of_0_1: int
) -> None:
    """The compiler has the vector unit convert scalars; a constant it converts itself."""
    set_it = f"aie::set_rounding(aie::rounding_mode::{mode});" if mode else ""
    code = (
        PRINT
        + f"""
        static volatile float tenth = 0.1f;
        int main() {{
            {set_it}
            const bfloat16 scalar = tenth, constant = 0.1f, sum = constant + float(scalar) * tenth;
            constexpr bfloat16 always = 0.1f;
            bfloat16 array[] = {{0.1f, float(tenth)}};
            array[0] += tenth;
            printf("%d %d %d %d ", scalar.bits, constant.bits, always.bits, array[1].bits);
            printf("%d", array[0].bits - bfloat16(float(always) + tenth).bits);
            (void)sum;
        }}"""
    )
    assert [int(word) for word in answer(tmp_path, code)] == [of_0_1, 0x3DCD, 0x3DCD, of_0_1, 0]


# --- functions by tables


def bfloat16_of(bits: np.ndarray) -> np.ndarray:
    return (bits.astype(np.uint32) << 16).view(np.float32)


def through_tables(tmp_path: Path, call: str, inputs: np.ndarray, target: str) -> np.ndarray:
    """`call` of 16 lanes of bfloat16 at a time."""
    bits = (inputs.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    code = (
        "#include <lut_based_ops.h>\n"
        + PRINT
        + f"""
        static uint16_t in[] = {{{",".join(map(str, bits))}}};
        int main() {{
            for (int i = 0; i < {len(bits)}; i += 16) {{
                v16bfloat16 x = *(v16bfloat16 *)(in + i), y = {call};
                const v16uint16 bits(y);
                for (int j = 0; j < 16; ++j) printf("%d ", ext_elem(bits, j));
            }}
        }}"""
    )
    return bfloat16_of(np.array(answer(tmp_path, code, target), dtype=np.uint32))


@pytest.mark.parametrize("target", ARCHITECTURES)
def test_the_tables_of_exp_tanh_and_roots_are_as_exact_as_published(tmp_path: Path, target: str) -> None:
    x = bfloat16_of(np.arange(0x3C00, 0x4100, 4, dtype=np.uint32))
    both = np.concatenate([x, -x])
    exp = through_tables(tmp_path, "to_v16bfloat16(getExpBf16(x))", both, target)
    assert np.max(np.abs(exp / np.exp(both.astype(np.float64)) - 1)) < 0.016, "an entry each of two tables, and a floor"
    tanh = through_tables(tmp_path, "getTanhBf16(x)", both, target)
    assert np.max(np.abs(tanh - np.tanh(both))) < 0.0051 + 2**-8
    assert through_tables(tmp_path, "getTanhBf16(x)", np.zeros(16), target).tolist() == [0.0] * 16
    root = through_tables(tmp_path, "getRsqrtBf16(x)", x, target)
    assert np.max(np.abs(root * np.sqrt(x) - 1)) < 0.025


def test_the_table_of_inverses_is_within_four_tenths_of_a_percent(tmp_path: Path) -> None:
    """found_later.md 2, for what bfloat16 can say; exact powers of two stay exact."""
    x = np.concatenate([bfloat16_of(np.arange(0x3F80, 0x4080, dtype=np.uint32)), [0.25, 3.0e38]]).astype(np.float32)
    code = (
        "#include <lut_based_ops.h>\n"
        + PRINT
        + f"""
        static uint32_t in[] = {{{",".join(str(b) for b in x.view(np.uint32))}}};
        int main() {{
            for (uint32_t bits : in) printf("%.9g ", double(getInvBf16(__builtin_bit_cast(float, bits))));
        }}"""
    )
    inverse = np.array([float(word) for word in answer(tmp_path, code)])
    normal = x < 1e38
    assert np.max(np.abs(inverse[normal] * x[normal] - 1)) <= 0.004
    assert [inverse[0], inverse[128], inverse[256]] == [1.0, 0.5, 4.0]
    assert math.isclose(inverse[10], 1 / float(x[10]), rel_tol=0.004)


# --- a choice between a bfloat16 and another number


def emulated(tmp_path: Path, design: str, code: str, x: np.ndarray) -> int:
    (tmp_path / "design.mlir").write_text(design)
    (tmp_path / "tile.cc").write_text(code)
    np.save(tmp_path / "x.npy", x)
    command = ["emulate", str(tmp_path / "design.mlir"), "--tile-code", str(tmp_path / "tile.cc")]
    arguments = ["--arg", f"0={tmp_path / 'x.npy'}", "--arg", "1=zeros"]
    return main([*command, *arguments, "--save", f"1={tmp_path / 'y.npy'}"])


CHOICES = """
#include <aie_api/aie.hpp>
#define LARGER(a, b) \\
    ((a) > (b) ? (a) : (b))
template <typename T> T not_below(T x, float low) {
    return x > low ? x
                   : low;
}
template <typename T> struct pair { T first, second; };
extern "C" void step(bfloat16 *x, bfloat16 *y, bfloat16 *) {
    for (int i = 0; i < 64; i += 8) {
        y[i] = x[i] > 0 ? x[i] : 0;
        y[i + 1] = x[i + 1] > 0 ? 0.5f : x[i + 1];
        float wide = LARGER(x[i + 2], 0.1f);
        y[i + 2] = wide == 0.1f ? 1.0f : wide;
        y[i + 3] = not_below(x[i + 3], -1.0f) + not_below(float(x[i + 3]), 8.0f);
        y[i + 4] = (x[i + 4] > 1.0f) ? (x[i + 4] < 2 ? x[i + 4] : 2.0f) : x[i + 4];
        y[i + 5] = x[i + 5] < 0 ? pair<bfloat16>{x[i + 5], 1.0f}.first : LARGER("?:"[0] - '?', 3);
        const aie::vector<bfloat16, 16> v = aie::load_v<16>(x);
        y[i + 6] = i > 8 ? v[6] : 7.0f;
        y[i + 7] = i > 8 ? v.get(7) : bfloat16(2.0f);
    }
}
"""


def chosen(x: np.ndarray) -> np.ndarray:
    """What `step` of CHOICES answers, by plain arithmetic."""
    y = x.copy()
    for i in range(0, 64, 8):
        y[i] = max(x[i], 0)
        y[i + 1] = 0.5 if x[i + 1] > 0 else x[i + 1]
        y[i + 2] = x[i + 2] if x[i + 2] > 0.1 else 1
        y[i + 3] = max(x[i + 3], -1) + max(x[i + 3], 8)
        y[i + 4] = min(x[i + 4], 2)
        y[i + 5] = x[i + 5] if x[i + 5] < 0 else 3
        y[i + 6] = x[6] if i > 8 else 7
        y[i + 7] = x[7] if i > 8 else 2
    return y


def test_a_choice_between_a_bfloat16_and_another_number_is_as_of_a_builtin_type(tmp_path: Path) -> None:
    """In a function, a macro, a template, nested, over lines, with a lane, beside colons and marks of other things."""
    x = np.arange(-128, 128).astype(ml_dtypes.bfloat16) / 16
    assert emulated(tmp_path, BF16_DESIGN, CHOICES, x) == 0
    y = np.load(tmp_path / "y.npy").view(ml_dtypes.bfloat16)
    for part in range(0, 256, 64):
        assert y[part : part + 64].tolist() == chosen(x[part : part + 64].astype(np.float32)).tolist()


def test_what_else_is_wrong_beside_a_choice_is_told_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = CHOICES.replace("y[i + 7] =", "y[i + 7] += nobody +")
    assert emulated(tmp_path, BF16_DESIGN, wrong, np.zeros(256, ml_dtypes.bfloat16)) == 1
    said = capsys.readouterr().err
    line = 1 + [("nobody" in text) for text in wrong.splitlines()].index(True)
    assert f"tile.cc:{line}:21: error: 'nobody' was not declared" in said.replace("\u2018", "'").replace("\u2019", "'")
    assert "different types" not in said


def test_a_choice_between_a_bfloat16_and_no_number_is_refused_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "struct number { operator bfloat16(); number(bfloat16); };\n"
        'extern "C" void step(bfloat16 *x, bfloat16 *y, bfloat16 *) {\n'
        "    number n(*x);\n    y[0] = x[0] > 1 ? x[1] : 0;\n    y[1] = x[0] > 1 ? x[1] : n;\n}"
    )
    assert emulated(tmp_path, BF16_DESIGN, code, np.zeros(256, ml_dtypes.bfloat16)) == 1
    said = capsys.readouterr().err
    assert "tile.cc:5:21: error" in said
    assert "tile.cc:4:" not in said, "that one is settled"


def test_a_kernel_with_such_a_choice_is_built_and_its_stack_noted(tmp_path: Path) -> None:
    choice = "for (int i = 0; i < count; ++i) {\n    const bfloat16 v = float(x[i]);\n    y[i] = v > 0 ? v : 0.0f;\n  }"
    built = build_small(tmp_path, "choosing", body=choice)
    assert built.xclbin.is_file()
    again = build_small(tmp_path, "choosing", body=choice)
    assert not again.worked, "its steps leave what they promise"


# --- arguments and objects of people's designs


COPY = 'extern "C" void step(uint8_t *x, uint8_t *y, uint8_t *) {{ for (int i = 0; i < {to}; ++i) y[i] = x[i]; }}'


def test_an_integer_argument_may_be_signed_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """MLIR's i8 says nothing of a sign; another width is another type."""
    design = DESIGN.replace("xi32>", "xi8>")
    assert emulated(tmp_path, design, COPY.format(to=64), np.arange(256).astype(np.uint8)) == 0
    assert np.load(tmp_path / "y.npy").view(np.uint8).tolist() == list(range(256))
    assert emulated(tmp_path, design, COPY.format(to=64), np.arange(256).astype(np.uint16)) == 2
    assert "the file has uint16 of shape (256,), and the sequence wants memref<256xi8>" in capsys.readouterr().err


def test_what_fills_up_the_last_word_of_an_object_need_not_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer of one int8 takes an object of four, since a DMA moves words; a word less is told."""
    design = DESIGN.replace("xi32>", "xi8>")
    x = np.arange(256).astype(np.int8)
    assert emulated(tmp_path, design, COPY.format(to=61), x) == 0
    assert emulated(tmp_path, design, COPY.format(to=60), x) == 1
    assert "4 of the 64 elements that are sent, the first of them element 60" in capsys.readouterr().out
    assert emulated(tmp_path, design, COPY.format(to=64).replace("y[i] = x[i]", "if (i != 62) y[i] = x[i]"), x) == 0
    assert emulated(tmp_path, design, COPY.format(to=64).replace("y[i] = x[i]", "if (i != 59) y[i] = x[i]"), x) == 1


def test_a_function_of_tile_code_is_called_although_the_c_library_has_one_of_its_name(tmp_path: Path) -> None:
    code = """
        extern "C" int gets(int *x) { return x[0] + 1; }
        extern "C" __attribute__((noinline)) int puts(int *x) { return gets(x) * 2; }
        extern "C" void step(int *x, int *y, int *) { for (int i = 0; i < 64; ++i) y[i] = puts(x + i); }"""
    assert emulated(tmp_path, DESIGN, code, np.arange(256, dtype=np.int32)) == 0
    assert np.load(tmp_path / "y.npy").tolist() == [2 * (i + 1) for i in range(256)]
