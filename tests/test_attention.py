"""kernels/attention: the textbook, the exact integer specification, and the distance between them."""

from __future__ import annotations

import importlib.util
import math
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

KERNEL = Path(__file__).parents[1] / "kernels/attention"
TOML = tomllib.loads((KERNEL / "kernel.toml").read_text())
SCALES = {part["name"]: part["scale"] for buffer in TOML["buffers"] for part in buffer["parts"]}
CASES = {case["name"]: case for case in TOML["cases"]}
TOLERANCE = TOML["tolerance"]["out"]["absolute"]
VARIANTS = [{}, {"head": 32}, {"rows": 32}, {"keys": 128}]


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tileproof_test_attention_{name}", KERNEL / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


CONSTANTS, INTEGER, GOLDEN, DRAWS = (module(name) for name in ("constants", "integer", "golden", "cases"))


def sizes_with(**overrides: int) -> dict[str, int]:
    return {**TOML["sizes"], **overrides}


def integers(real: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(np.rint(real / scale), -128, 127).astype(np.int8)


def drawn(case: dict[str, Any], sizes: dict[str, int], scales: dict[str, float] = SCALES) -> dict[str, np.ndarray]:
    real = getattr(DRAWS, case["draw"])(np.random.default_rng(case["seed"]), sizes)
    return {name: integers(values, scales[name]) for name, values in real.items()}


def in_steps(inputs: dict[str, np.ndarray], scales: dict[str, float] = SCALES) -> np.ndarray:
    """Golden's output in steps of the output, clipped to what int8 can say."""
    real = GOLDEN.golden(**{name: values * scales[name] for name, values in inputs.items()})["out"]
    return np.clip(real / scales["out"], -128, 127)


def attention_by_loops(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> list[list[float]]:
    """From the definition, number by number, with the logarithm of the sum of exponentials."""
    out = []
    columns = v.T.tolist()
    for query in q.tolist():
        products = [math.fsum(a * b for a, b in zip(query, key, strict=True)) for key in k.tolist()]
        scores = [product / math.sqrt(len(query)) for product in products]
        log_sum = max(scores) + math.log(math.fsum(math.exp(score - max(scores)) for score in scores))
        weights = [math.exp(score - log_sum) for score in scores]
        out.append([math.fsum(w * x for w, x in zip(weights, column, strict=True)) for column in columns])
    return out


def test_golden_is_attention_by_its_definition() -> None:
    rng = np.random.default_rng(1)
    q, k, v = (3 * rng.standard_normal(shape) for shape in ((5, 4), (7, 4), (7, 3)))

    np.testing.assert_allclose(GOLDEN.golden(q, k, v)["out"], attention_by_loops(q, k, v), rtol=1e-12)


def test_golden_does_not_overflow_on_large_scores() -> None:
    q, k, v = np.array([[1e4]]), np.array([[1e4], [-1e4]]), np.array([[1.0], [2.0]])

    assert GOLDEN.golden(q, k, v)["out"].tolist() == [[1.0]]


@pytest.mark.parametrize("overrides", VARIANTS, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_the_integer_specification_is_close_to_golden(name: str, overrides: dict[str, int]) -> None:
    sizes, case = sizes_with(**overrides), CASES[name]
    inputs = drawn(case, sizes)
    actual = INTEGER.integer(inputs, CONSTANTS.constants(sizes, SCALES))["out"]
    expected = in_steps(inputs)

    assert np.abs(actual - expected).max() <= TOLERANCE
    if "correlation" in case:
        assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] >= case["correlation"]


def test_scales_need_not_be_powers_of_two() -> None:
    scales, sizes = {"q": 0.03, "k": 0.021, "v": 0.04, "out": 0.017}, sizes_with(keys=96, head=96)
    inputs = drawn(CASES["realistic normal"], sizes, scales)
    actual = INTEGER.integer(inputs, CONSTANTS.constants(sizes, scales))["out"]

    assert np.abs(actual - in_steps(inputs, scales)).max() <= TOLERANCE


def test_a_five_percent_error_exceeds_the_tolerance() -> None:
    expected = in_steps(drawn(CASES["realistic normal"], sizes_with()))

    assert np.abs(1.05 * expected - expected).max() > TOLERANCE


def test_equal_keys_share_the_weight_exactly() -> None:
    """The case in which an error common to all weights would not cancel."""
    sizes = sizes_with()
    inputs = {name: np.full((64, 64), value, np.int8) for name, value in (("q", 5), ("k", -9), ("v", 63))}

    assert set(INTEGER.integer(inputs, CONSTANTS.constants(sizes, SCALES))["out"].ravel().tolist()) == {126}


def test_a_key_sixteen_octaves_below_the_best_weighs_nothing() -> None:
    sizes = sizes_with()
    inputs = {name: np.zeros((64, 64), np.int8) for name in "qkv"}
    inputs["q"][:] = 127
    inputs["k"][0] = 127
    inputs["v"][0], inputs["v"][1:] = 7, -128

    assert set(INTEGER.integer(inputs, CONSTANTS.constants(sizes, SCALES))["out"].ravel().tolist()) == {14}


def test_the_power_of_two_is_within_three_steps_of_its_grid() -> None:
    """Every exponent a score can have, against 2^-z."""
    numbers = dict(CONSTANTS.constants(sizes_with(), SCALES), exponent_scale=1, exponent_shift=0)
    z = np.arange(2**15)
    weights = INTEGER._weights(-z[None, :], numbers)[0]

    assert np.abs(weights - 32_767 * 2.0 ** (-z / 2048)).max() < 3.5
    assert weights[0] == 32_767
    assert (np.diff(weights) <= 1).all()


def test_the_reciprocal_is_good_to_thirteen_bits() -> None:
    m = np.arange(2**15, 2**16)
    reciprocal = INTEGER._reciprocal(m, CONSTANTS.constants(sizes_with(), SCALES))

    assert reciprocal.max() <= 2**15 - 1
    assert np.abs(reciprocal * m / 2**30 - 1).max() < 2**-13


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"rows": 60}, "rows = 60, but 8 rows are done at a time: make rows a multiple of 8"),
        ({"keys": 36}, "keys = 36, but 8 keys are scored at a time: make keys a multiple of 8"),
        ({"head": 48}, "head = 48, but 32 columns are loaded at a time: make head a multiple of 32"),
        ({"keys": 512}, "keys = 512 can overflow the 32-bit sums of weighted values: at most 511"),
        ({"head": 32_768}, "head = 32768 can overflow the 32-bit scores: less than 32768"),
    ],
    ids=str,
)
def test_sizes_the_tile_code_cannot_do_are_refused_in_a_sentence(overrides: dict[str, int], sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011  the whole text is compared below
        CONSTANTS.constants(sizes_with(**overrides), SCALES)

    assert str(refusal.value) == sentence


@pytest.mark.parametrize("scales", [{"q": 1e9}, {"v": 1e-9}, {"v": 1e9}], ids=str)
def test_scales_outside_the_hardwares_shifts_are_refused(scales: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="choose"):
        CONSTANTS.constants(sizes_with(), {**SCALES, **scales})


def test_the_constants_module_needs_no_numpy() -> None:
    """A build that has nothing to do must not wait for numpy."""
    text = (KERNEL / "constants.py").read_text()

    assert "numpy" not in text


def test_the_extremes_stay_within_the_widths_of_the_accumulators() -> None:
    """The proof in constants.py, tried with the largest sizes it allows."""
    keys, head = CONSTANTS.MAX_KEYS, CONSTANTS.MAX_HEAD - 1

    assert 2 * 128 * 128 * head < 2**31
    assert 128 * CONSTANTS.WEIGHT_ONE * keys < 2**31
    assert CONSTANTS.WEIGHT_ONE * keys < 2 ** (32 - CONSTANTS.LEAST_ZEROS)
