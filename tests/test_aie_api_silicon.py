"""aie_api against what a real NPU answered (npu1), bit for bit, where ../shared/silicon is there.

The same rules on inputs of our own are in test_aie_api_fuzz.py. Here its Python definitions are held against the
device, too, so that neither side of that comparison is only ours.
"""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_aie_api import COMPILER, MODES, address, compile_for
from test_aie_api_fuzz import bf16_bits, mac_bits

SILICON = Path(__file__).parents[2] / "shared" / "silicon"

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: set CXX, or install g++ or clang++"),
    pytest.mark.skipif(not SILICON.is_dir(), reason="no ../shared/silicon: answers recorded on an NPU"),
]

OPERANDS = [("input_a", (4, 8)), ("input_b", (8, 4))]

SOURCE = r"""
#include <aie_api/aie.hpp>
extern "C" {
void narrow(unsigned mode, const float *from, int groups, bfloat16 *to) {
    aie::set_rounding(aie::rounding_mode(mode));
    for (int g = 0; g < groups; ++g) {
        const aie::accum<accfloat, 16> acc(aie::load_unaligned_v<16>(from + 16 * g));
        aie::store_unaligned_v(to + 16 * g, acc.to_vector<bfloat16>());
    }
}
void widen(const bfloat16 *from, int groups, float *to) {
    for (int g = 0; g < groups; ++g) {
        const aie::accum<accfloat, 16> acc(aie::load_unaligned_v<16>(from + 16 * g));
        aie::store_unaligned_v(to + 16 * g, acc.to_vector<float>());
    }
}
void floored(const bfloat16 *from, int groups, int32 *to) {
    for (int g = 0; g < groups; ++g)
        aie::store_unaligned_v(to + 16 * g, aie::to_fixed<int32>(aie::load_unaligned_v<16>(from + 16 * g)));
}
void multiply(const bfloat16 *a, const bfloat16 *b, int tiles, float *to) {
    for (int t = 0; t < tiles; ++t) {
        aie::mmul<4, 8, 4, bfloat16, bfloat16> tile;
        tile.mul(aie::load_unaligned_v<32>(a + 32 * t), aie::load_unaligned_v<32>(b + 32 * t));
        aie::store_unaligned_v(to + 16 * t, tile.to_vector<float>());
    }
}
}
"""


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SILICON / f"{name}.json").read_text())
    return found


def names(pattern: str) -> list[str]:
    return sorted(path.stem for path in SILICON.glob(pattern)) if SILICON.is_dir() else []


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("silicon")
    (folder / "silicon.cc").write_text(SOURCE)
    result = compile_for("npu1", folder / "silicon.cc", folder / "silicon.so")
    assert result.returncode == 0, result.stderr
    return ctypes.CDLL(str(folder / "silicon.so"))


def hexadecimal(values: Any) -> list[str]:
    return [f"{int(value):#x}" for value in values]


@pytest.mark.parametrize("name", names("vec_conv_bf16_edge_r*"))
def test_a_float_becomes_the_bfloat16_that_the_device_stored(library: ctypes.CDLL, name: str) -> None:
    found, mode = recorded(name), int(name.rpartition("_r")[2])
    bits = np.array(found["input"], np.uint32)
    actual = np.empty(bits.size, np.uint16)
    library.narrow(mode, address(bits), bits.size // 16, address(actual))

    assert hexadecimal(found["silicon"]) == hexadecimal(actual)
    word = next(word for word, code in MODES.items() if code == mode)
    assert hexadecimal(found["silicon"]) == hexadecimal(bf16_bits(value, word) for value in found["input"])


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (function, name)
        for function, pattern in (("widen", "vec_convexp_*"), ("floored", "vec_vfloor_*"))
        for name in names(pattern)
    ],
)
def test_a_denormal_bfloat16_is_widened_and_floored_as_the_device_did(
    library: ctypes.CDLL, function: str, name: str
) -> None:
    found = recorded(name)
    bits = np.array(found["input"], np.uint16)
    actual = np.empty(bits.size, np.uint32)
    getattr(library, function)(address(bits), bits.size // 16, address(actual))

    assert hexadecimal(np.array(found["silicon"], np.int64) & 0xFFFFFFFF) == hexadecimal(actual)


@pytest.mark.parametrize("name", names("vec_mac_bf16_*"))
def test_a_product_of_tiles_is_the_devices_with_its_infinities_and_nan_payloads(
    library: ctypes.CDLL, name: str
) -> None:
    found = recorded(name)
    a, b = (np.array(found[operand], np.uint16).reshape(-1, *shape) for operand, shape in OPERANDS)
    actual = np.empty((a.shape[0], 4, 4), np.uint32)
    library.multiply(address(a), address(b), a.shape[0], address(actual))

    assert hexadecimal(found["silicon"]) == hexadecimal(actual.ravel())
    defined = [mac_bits(0, a[t, m].tolist(), b[t, :, n].tolist()) for t, m, n in np.ndindex(actual.shape)]
    assert hexadecimal(found["silicon"]) == hexadecimal(defined)
