"""The definition: `y[i] = 3 x[i] + i`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def golden(x: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    return {"y": 3 * x + np.arange(len(x))}
