"""Inputs as real numbers, a function per case; the caller rounds them to the kernel's types."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def random(rng: np.random.Generator, sizes: dict[str, int]) -> dict[str, npt.NDArray[np.float64]]:
    return {"x": rng.integers(-(2**29), 2**29, sizes["count"]).astype(np.float64)}
