"""Inputs as real numbers, a function per case; the caller rounds them to the kernel's types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Inputs = dict[str, npt.NDArray[np.float64]]


def _shapes(sizes: dict[str, int]) -> dict[str, tuple[int, int]]:
    queries, keys = (sizes["rows"], sizes["head"]), (sizes["keys"], sizes["head"])
    return {"q": queries, "k": keys, "v": keys}


def uniform(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    return {name: rng.uniform(-2, 2, shape) for name, shape in _shapes(sizes).items()}


def realistic_normal(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    return {name: rng.standard_normal(shape) for name, shape in _shapes(sizes).items()}


def realistic_outliers(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    inputs = realistic_normal(rng, sizes)
    gain = np.full(sizes["head"], 0.7)
    gain[rng.choice(sizes["head"], 2, replace=False)] *= 3
    inputs["q"] *= gain
    inputs["k"] *= gain
    return inputs


def all_rows_equal(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    # Within +-1.9, because the output's range is half that of V.
    return {
        name: np.tile(rng.uniform(-1.9, 1.9, columns), (rows, 1)) for name, (rows, columns) in _shapes(sizes).items()
    }


def one_key_wins(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    """Query `i` points where key `i` does, and every pair of keys is far apart."""
    inputs = {name: rng.uniform(-1.9, 1.9, shape) for name, shape in _shapes(sizes).items()}
    inputs["k"] = np.where(rng.random(inputs["k"].shape) < 0.5, -3.9, 3.9)
    winners = rng.integers(sizes["keys"], size=sizes["rows"])
    inputs["q"] = inputs["k"][winners]
    return inputs


def saturating(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    """Far outside int8, so that rounding to it clips everything to -128 or 127."""
    return {name: np.where(rng.random(shape) < 0.5, -100.0, 100.0) for name, shape in _shapes(sizes).items()}


def zeros(rng: np.random.Generator, sizes: dict[str, int]) -> Inputs:
    del rng
    return {name: np.zeros(shape) for name, shape in _shapes(sizes).items()}
