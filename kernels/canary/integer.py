"""The arithmetic, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def integer(
    inputs: Mapping[str, npt.NDArray[np.int32]], constants: Mapping[str, Any]
) -> dict[str, npt.NDArray[np.int32]]:
    x = inputs["x"]
    return {"y": (3 * x + np.arange(len(x))).astype(np.int32)}
