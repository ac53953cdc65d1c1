"""What aie_api does not model does not compile, and the compiler's message names it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from test_aie_api import ARCHITECTURES, COMPILER, compile_for

from tileproof.toolchain.cxx import find_cxx

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

# A statement, and the words of its message.
REFUSED = {
    "a complex vector": ("aie::vector<cint16, 8> v;", "no complex elements: no cint16, cint32, cfloat, cbfloat16"),
    "a complex mmul": ("aie::mmul<2, 4, 8, cint32, int16> tile;", "no complex elements"),
    "a complex accumulator": ("aie::accum<cacc64, 8> acc;", "no complex accumulators: no cacc32 to cacc64, caccfloat"),
    "an accumulator of the first AIE": ("aie::accum<acc80, 8> acc;", "acc72 and acc80 are of the first AIE"),
    "a vector of blocks": ("aie::vector<bfp16ebs8, 64> v;", "bfp16ebs8 is of block vectors, on npu2 (AIE2P) only"),
    "an mmul of blocks of sixteen": ("aie::mmul<8, 8, 8, bfp16ebs16, bfp16ebs16> tile;", "aie_api has no bfp16ebs16"),
    "four bits": ("aie::vector<int4, 64> v;", "no elements of 4 bits: no int4, uint4"),
    "a sparse vector": ("aie::sparse_vector<int8, 128> v;", "no sparse vectors: aie::sparse_vector"),
    "a vector of doubles": ("aie::vector<double, 8> v;", "an aie::vector holds int8, int16, int32"),
    "a vector of an odd size": ("aie::vector<int8, 24> v;", "128, 256, 512, 1024 or 2048 bits"),
    "a mixed mmul": ("aie::mmul<4, 8, 4, bfloat16, int8> tile;", "aie::mmul<M, K, N, A, B> of this shape"),
    "a short accumulator": ("aie::mmul<4, 8, 8, int8, int8, acc64> tile;", "accumulates in 32 bits: use acc32"),
    "integer times bfloat16": (
        "(void)aie::mul(aie::zeros<int16, 16>(), aie::zeros<bfloat16, 16>());",
        "a product of an integer and a floating point lane",
    ),
    "bfloat16 times float": (
        "(void)aie::mul(aie::zeros<float, 16>(), aie::zeros<bfloat16, 16>());",
        "a product of a bfloat16 and a float lane",
    ),
    "bfloat16 into integers": (
        "(void)aie::mul<acc32>(aie::zeros<bfloat16, 16>(), aie::zeros<bfloat16, 16>());",
        "bfloat16 and float into accfloat",
    ),
    "accfloat to integers": (
        "(void)aie::zeros<accfloat, 16>().to_vector<int32>();",
        "accfloat gives float and bfloat16 only; use aie::to_fixed",
    ),
    "integers to float": ("(void)aie::zeros<acc64, 16>().to_vector<float>();", "use aie::to_float for float"),
    "an integer accumulator for a vector": (
        "aie::vector<int32, 16> v = aie::zeros<acc32, 16>();",
        "conversion from",
    ),
    "64 floats of an accumulator for a vector": (
        "aie::vector<float, 64> v = aie::zeros<accfloat, 64>();",
        "conversion from",
    ),
    "a scalar of another type": (
        "(void)aie::add(aie::zeros<int16, 32>(), 5);",
        "a scalar of another type, which the API does not convert: write int16(x)",
    ),
    "8 by 32 bits": (
        "(void)aie::mul(aie::zeros<int8, 16>(), aie::zeros<int32, 16>());",
        "a product of 8 and 32 bits, which AIE2 and AIE2P do not have",
    ),
    "more values than lanes": ("aie::vector<int32, 4> v(1, 2, 3, 4, 5);", "no matching function"),
    "vectors of two types to accumulate": (
        "(void)aie::accumulate<16>(aie::zeros<int16, 16>(), 0, aie::zeros<int16, 16>(), aie::zeros<int8, 16>());",
        "the data are vectors of one type",
    ),
    "integers into accfloat": (
        "aie::accum<accfloat, 16> acc(aie::zeros<int16, 16>());",
        "accfloat takes bfloat16 and float",
    ),
    "bits of bfloat16": (
        "(void)aie::bit_and(aie::zeros<bfloat16, 16>(), aie::zeros<bfloat16, 16>());",
        "aie::bit_and, bit_or, bit_xor, bit_not and the shifts are for integers",
    ),
    "a sliding product of bfloat16": (
        "(void)aie::sliding_mul<16, 8>(aie::zeros<bfloat16, 16>(), 0, aie::zeros<bfloat16, 32>(), 0);",
        "aie::sliding_mul is for integers: no bfloat16 and no float",
    ),
    "a sliding step of 3": (
        "(void)aie::sliding_mul<16, 8, 3>(aie::zeros<int8, 16>(), 0, aie::zeros<int8, 32>(), 0);",
        "aie::sliding_mul: CoeffStep is 1 or 2",
    ),
    "unequal sliding steps": (
        "(void)aie::sliding_mul<16, 8, 1, 1, 2>(aie::zeros<int8, 16>(), 0, aie::zeros<int8, 32>(), 0);",
        "DataStepX and DataStepY are both 1 or both 2",
    ),
    "a table of two accesses": (
        "aie::lut<2, int16> table(8, nullptr, nullptr);",
        "aie::lut has four parallel accesses",
    ),
    "a table of bytes": (
        "aie::lut<4, int8> t(8, nullptr, nullptr); aie::parallel_lookup<int8, aie::lut<4, int8>> l(t);",
        "how a table of 8-bit values lies in memory is not documented",
    ),
    "an approximation of int32": (
        "aie::lut<4, int8> t(8, nullptr, nullptr); aie::linear_approx<int32, aie::lut<4, int8>> l(t, 4);",
        "aie::linear_approx is for int8 with lut<4, int8>",
    ),
    "a circular iterator without end": (
        "int16 data[64]; (void)aie::begin_vector_circular<16>(data);",
        "a circular iterator needs the length of the buffer",
    ),
    **{
        f"aie::{name}": (f"aie::{name}(aie::zeros<int16, 32>(), aie::zeros<int16, 32>());", f"aie::{name}: {why}")
        for name, why in (
            ("max_cmp", "its mask is not documented"),
            ("min_cmp", "its mask is not documented"),
            ("sin", "AIE2 and AIE2P have none"),
            ("cos", "AIE2 and AIE2P have none"),
            ("sincos", "AIE2 and AIE2P have none"),
            ("div", "floating point division is not modelled"),
            ("conj", "complex numbers are not modelled"),
            ("abs_square", "complex numbers are not modelled"),
            ("interleave_butterfly", "it is not modelled"),
            ("op_add", "operation modifiers are not modelled"),
            ("op_none", "operation modifiers are not modelled"),
            ("op_sign", "operation modifiers are not modelled"),
            ("begin_pattern", "pattern iterators are not modelled"),
            ("make_tensor_descriptor", "tensor descriptors are not modelled"),
        )
    },
    "aie::sliding_mul_sym": (
        "aie::sliding_mul_sym<16, 8>(aie::zeros<int16, 16>(), 0, aie::zeros<int16, 32>(), 0);",
        "aie::sliding_mul_sym: symmetric filters are not modelled",
    ),
    "aie::fft_dit_r2_stage": (
        "aie::fft_dit_r2_stage<64>(aie::zeros<int16, 16>());",
        "aie::fft_dit_r2_stage: the FFT is not modelled",
    ),
    **{
        name: (f"[[maybe_unused]] bool last = false; {name}({arguments});", f"{name}: {why}")
        for name, arguments, why in (
            ("acquire", "48, 1", "it is of the first AIE; use acquire_equal or acquire_greater_equal"),
            ("done", "", "a core that is switched off inside a call is not modelled"),
            ("get_ss", "last", "the end of a packet is not modelled"),
            ("get_ss_nb", "last, last", "the end of a packet is not modelled"),
            ("put_ms_packet_header", "1, 2", "packet headers from a core are not modelled"),
            ("put_ms_ctrl_packet_header", "0, 1, 0, 0", "control packets are not modelled"),
            ("readincr", "&last", "a design in MLIR hands no stream of the ADF to a tile function"),
            ("writeincr", "&last, 1", "a design in MLIR hands no stream of the ADF to a tile function"),
            ("get_scd_v16acc64_lo", "", "a cascade that expands is not modelled"),
        )
    },
    "a narrow put_mcd": (
        "put_mcd(aie::zeros<int32, 8>());",
        "put_mcd takes vectors and accumulators of 512 or 1024 bits",
    ),
    "a wide put_mcd": (
        "put_mcd(aie::zeros<acc32, 64>());",
        "put_mcd takes vectors and accumulators of 512 or 1024 bits",
    ),
}

Compiled = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def messages(target: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One compilation per target: what the compiler said about each line."""
    folder: Path = tmp_path_factory.mktemp(target)
    unlimited = "-ferror-limit=0" if find_cxx().is_clang else "-fmax-errors=0"
    lines = [f"void f{i}() {{ {statement} }}" for i, (statement, _) in enumerate(REFUSED.values())]
    (folder / "refused.cc").write_text("#include <aie_api/aie.hpp>\n" + "\n".join(lines) + "\n")
    result = compile_for(target, folder / "refused.cc", folder / "refused.so", unlimited)
    assert result.returncode != 0
    return {what: messages_for_line(result.stderr, number) for number, what in enumerate(REFUSED, start=2)}


def messages_for_line(text: str, number: int) -> str:
    """The errors that came of one line of refused.cc: GCC says where from and then what, clang the other way round."""
    begins = ("In instantiation of", "In function") if "In function" in text else (": error:",)
    paragraphs: list[list[str]] = [[]]
    for line in text.splitlines():
        if any(begin in line for begin in begins) or (": error:" in line and "refused.cc" in line):
            paragraphs.append([])
        paragraphs[-1].append(line)
    mine = [p for p in paragraphs if any(f"refused.cc:{number}:" in line for line in p)]
    return "\n".join(line for p in mine for line in p)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_modelled_does_not_compile_and_is_named(messages: dict[str, str], what: str) -> None:
    assert REFUSED[what][1] in messages[what]


def attempt(target: str, folder: Path, code: str) -> Compiled:
    source = folder / "attempt.cc"
    source.write_text(f"#include <aie_api/aie.hpp>\n{code}\n")
    return compile_for(target, source, folder / "attempt.so")


@pytest.mark.parametrize("name", ["exp2", "tanh"])
def test_exp2_and_tanh_are_instructions_of_npu2_only(tmp_path: Path, name: str) -> None:
    code = f"auto f(const aie::vector<float, 16> &v) {{ return aie::{name}<bfloat16>(v); }}"
    refusal = attempt("npu1", tmp_path, code)

    assert attempt("npu2", tmp_path, code).returncode == 0
    assert refusal.returncode != 0
    assert f"aie::{name} is an instruction of npu2 (AIE2P), and npu1 (AIE2) has none" in refusal.stderr


def test_get_scd_without_a_type_is_of_npu2_only(tmp_path: Path) -> None:
    code = "v16acc32 f() { return get_scd(); }"
    refusal = attempt("npu1", tmp_path, code)

    assert attempt("npu2", tmp_path, code).returncode == 0
    assert "get_scd: npu1 (AIE2) has it by the name of what it gets: get_scd_v16acc32" in refusal.stderr


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        ("npu2", "4, 8, 4, int8, int8"),
        ("npu2", "4, 4, 4, int16, int16"),
        ("npu1", "4, 8, 8, int16, int8"),
        ("npu1", "8, 2, 8, int32, int32"),
    ],
)
def test_a_shape_of_the_other_target_only_is_refused(tmp_path: Path, target: str, shape: str) -> None:
    other = {"npu1": "npu2", "npu2": "npu1"}[target]
    code = f"aie::mmul<{shape}> tile;"
    refusal = attempt(target, tmp_path, code)

    named = {"npu1": "npu1 (AIE2)", "npu2": "npu2 (AIE2P)"}[target]
    assert attempt(other, tmp_path, code).returncode == 0
    assert refusal.returncode != 0
    assert f"{named} has no aie::mmul<M, K, N, A, B> of this shape" in refusal.stderr


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "old.cc"
    source.write_text("#undef __AIE_ARCH__\n#define __AIE_ARCH__ 10\n#include <aie_api/aie.hpp>\n")
    refusal = compile_for("npu1", source, tmp_path / "old.so")

    assert refusal.returncode != 0
    assert "knows __AIE_ARCH__ 20 (npu1, AIE2) and 21 (npu2, AIE2P) only" in refusal.stderr


def test_a_kernel_that_uses_namespace_aie_still_has_the_hosts_sine(tmp_path: Path) -> None:
    code = "#include <cmath>\nusing namespace aie;\ndouble f(double x, float y) { return sin(x) + exp2(x) + cos(y); }"

    assert attempt("npu1", tmp_path, code).returncode == 0
