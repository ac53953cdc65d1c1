"""How a core makes bfloat16 of float: by its rounding mode, which tile code may set, and which it then keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tileproof.dtypes import DTYPES

FLOOR = 0  # the mode after a reset

_Bits = npt.NDArray[np.int32]
_Bools = npt.NDArray[np.bool_]
_HALF = 1 << 15

# By the number of an aie::rounding_mode (hardware.md 7): whether a signed number goes up from its floor. Of its 16 bits
# that are cut off, of its sign, and of whether its floor is odd.
_GOES_UP: dict[int, Callable[[_Bits, _Bools, _Bools], _Bools]] = {
    FLOOR: lambda cut, negative, odd: cut < 0,
    1: lambda cut, negative, odd: cut > 0,
    2: lambda cut, negative, odd: (cut > 0) & negative,
    3: lambda cut, negative, odd: (cut > 0) & ~negative,
    8: lambda cut, negative, odd: cut > _HALF,
    9: lambda cut, negative, odd: cut >= _HALF,
    10: lambda cut, negative, odd: (cut > _HALF) | ((cut == _HALF) & negative),
    11: lambda cut, negative, odd: (cut > _HALF) | ((cut == _HALF) & ~negative),
    12: lambda cut, negative, odd: (cut > _HALF) | ((cut == _HALF) & odd),
    13: lambda cut, negative, odd: (cut > _HALF) | ((cut == _HALF) & ~odd),
}


def narrowed(wide: npt.NDArray[np.float32], mode: int) -> npt.NDArray[Any]:
    """The bfloat16 for each float, as a vector is converted; a number that names no mode rounds to the floor."""
    bits = wide.view(np.int32)
    magnitude = bits & 0x7FFFFFFF
    signed = np.where(bits < 0, -magnitude, magnitude)
    floor = signed >> 16
    goes_up = _GOES_UP.get(mode, _GOES_UP[FLOOR])(signed & 0xFFFF, signed < 0, floor & 1 != 0)
    # A NaN keeps the upper bits of its payload, or has the smallest one.
    special = np.where((magnitude > 0x7F800000) & (magnitude < 0x7F810000), 0x7F81, magnitude >> 16)
    kept = np.where(magnitude >= 0x7F800000, special, np.abs(floor + goes_up))
    return (kept | np.where(bits < 0, 0x8000, 0)).astype(np.uint16).view(DTYPES["bf16"].numpy)
