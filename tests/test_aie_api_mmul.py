"""Every dense shape of aie::mmul that a target has: its product, its accumulator, and what an instruction costs."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from test_aie_api import ARCHITECTURES, COMPILER, address, compile_for

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++")

# The public API's tables. (n) is the native instructions of one mac; * accumulates in 64 bits.
SHAPES = {
    "npu1": {
        "int8 int8": "4x8x4(1) 4x16x4(2) 4x8x8(1) 8x8x8(2) 8x8x4(2) 2x8x8(1) 1x16x8 2x16x8(2) 4x16x8(2)",
        "int16 int8": "4x8x4* 4x4x8(1) 8x4x4(1) 8x4x8(2) 4x4x4 2x8x8(1)*",
        "int8 int16": "4x4x8(2)* 4x4x4(1)*",
        "int16 int16": "4x2x8 8x2x8(2) 2x4x8* 4x4x8(2)* 4x4x4* 8x1x8(2)",
        "int16 int32": "4x4x4* 2x4x8*",
        "int32 int16": "4x2x4* 4x4x4* 2x4x8* 4x4x8(2)* 4x1x8(2)*",
        "int32 int32": "4x2x4* 4x4x4(2)* 8x2x4(2)* 4x1x8(2)*",
        "float float": "4x8x4(2) 4x1x4 4x1x8",
        "bfloat16 bfloat16": "4x8x4(1) 4x8x8(2) 8x8x8(4) 8x8x4(2) 8x1x8(4)",
    },
    "npu2": {
        "int8 int8": "2x8x8(1) 4x8x8(1) 8x8x8(1)",
        "int16 int8": "4x4x8 8x4x8 4x8x8*",
        "int8 int16": "8x2x8 4x4x8*",
        "int16 int16": "4x2x8 8x2x8 2x4x8* 4x4x8* 8x1x8",
        "int16 int32": "4x4x8*",
        "int32 int16": "4x2x8* 2x4x8* 4x4x8* 4x1x8*",
        "int32 int32": "4x2x8* 4x4x8(2)* 4x4x4* 8x2x8(2)* 4x1x8*",
        "float float": "4x8x4 4x1x4 4x1x8",
        "bfloat16 bfloat16": "8x8x4 4x8x4 4x8x8 8x8x8 8x1x8",
    },
}
# Multiplications of a core in a cycle, dense. What the tables do not say (32x32, float) is not checked.
MACS = {
    "npu1": {"int8 int8": 256, "int16 int8": 128, "int8 int16": 128, "int16 int16": 64, "int32 int16": 32},
    "npu2": {"int8 int8": 512, "int16 int8": 256, "int8 int16": 256, "int16 int16": 128, "int32 int16": 64},
}
DTYPES: dict[str, Any] = {
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "float": np.float32,
    "bfloat16": ml_dtypes.bfloat16,
}
PATTERN = re.compile(r"(\d+)x(\d+)x(\d+)(?:\((\d+)\))?(\*?)")

PREFIX = r"""
#include <aie_api/aie.hpp>

template <unsigned M, unsigned K, unsigned N, typename A, typename B, typename Element>
int multiply(const A *a, const B *b, Element *c) {
    using Tile = aie::mmul<M, K, N, A, B>;
    static_assert(Tile::size_A == M * K && Tile::size_B == K * N && Tile::size_C == M * N);
    static_assert(std::is_same_v<typename Tile::accum_type::element, Element>);
    Tile tile;
    tile.mac(aie::load_unaligned_v<M * K>(a), aie::load_unaligned_v<K * N>(b));
    tile.mac(aie::load_unaligned_v<M * K>(a), aie::load_unaligned_v<K * N>(b));
    const typename Tile::accum_type out = tile;
    for (unsigned i = 0; i < M * N; ++i) c[i] = out.lane[i];
    return int(aie::detail::mmul_slots<M, K, N, A, B>());
}

extern "C" {
"""


def shapes_of(target: str) -> list[tuple[str, str, int, int, int, int | None, bool]]:
    found = []
    for types, shapes in SHAPES[target].items():
        type_a, type_b = types.split()
        for shape in shapes.split():
            match = PATTERN.fullmatch(shape)
            assert match is not None, shape
            m, k, n, named, wide = match.groups()
            found.append((type_a, type_b, int(m), int(k), int(n), int(named) if named else None, bool(wide)))
    return found


@pytest.fixture(scope="module", params=ARCHITECTURES)
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def library(target: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp(target)
    lines = []
    for a, b, m, k, n, _, wide in shapes_of(target):
        element = "float" if a in ("float", "bfloat16") else "int64_t" if wide else "int32"
        name = f"{a}_{b}_{m}_{k}_{n}"
        lines.append(
            f"int {name}(const {a} *a, const {b} *b, {element} *c) {{ return multiply<{m}, {k}, {n}>(a, b, c); }}"
        )
    (folder / "mmul.cc").write_text(PREFIX + "\n".join(lines) + "\n}\n")
    result = compile_for(target, folder / "mmul.cc", folder / "mmul.so")
    assert result.returncode == 0, result.stderr
    return ctypes.CDLL(str(folder / "mmul.so"))


def operand(rng: np.random.Generator, dtype: Any, shape: tuple[int, int]) -> np.ndarray:
    if dtype in (np.float32, ml_dtypes.bfloat16):
        return rng.integers(-8, 8, shape).astype(dtype)  # exact in every order of summation
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def test_every_shape_is_the_matrix_product_in_its_accumulator(library: ctypes.CDLL, target: str) -> None:
    rng = np.random.default_rng(0)
    for a, b, m, k, n, _, wide in shapes_of(target):
        left, right = operand(rng, DTYPES[a], (m, k)), operand(rng, DTYPES[b], (k, n))
        element: Any = np.float32 if a in ("float", "bfloat16") else np.int64 if wide else np.int32
        actual = np.empty((m, n), element)
        getattr(library, f"{a}_{b}_{m}_{k}_{n}")(address(left), address(right), address(actual))

        exact: Any = np.float64 if element == np.float32 else np.int64
        expected = (2 * left.astype(exact) @ right.astype(exact)).astype(element)
        assert np.array_equal(expected, actual), f"{a} {b} {m}x{k}x{n}"


def test_a_mac_counts_the_native_instructions_of_its_shape(library: ctypes.CDLL, target: str) -> None:
    for a, b, m, k, n, named, _ in shapes_of(target):
        left, right = np.zeros((m, k), DTYPES[a]), np.zeros((k, n), DTYPES[b])
        ignored = np.empty((m, n), np.int64)
        slots = getattr(library, f"{a}_{b}_{m}_{k}_{n}")(address(left), address(right), address(ignored))

        macs = MACS[target].get(f"{a} {b}")
        least = 1 if macs is None else -(-m * k * n // macs)
        if named is not None or macs is not None:
            assert max(named or 1, least) == slots, f"{a} {b} {m}x{k}x{n}"
        else:
            assert slots >= 1


def test_a_bfloat16_8x8x8_takes_eight_instructions_on_npu2_and_four_on_npu1(library: ctypes.CDLL, target: str) -> None:
    zero, ignored = np.zeros(64, ml_dtypes.bfloat16), np.empty(64, np.float32)
    slots = library.bfloat16_bfloat16_8_8_8(address(zero), address(zero), address(ignored))

    assert slots == {"npu1": 4, "npu2": 8}[target]
