"""The fixed-point numbers of the kernel, from its sizes and scales. tile.cc and integer.py use the same ones.

Widths, which the limits below protect (all signed):
    score            |s| <= 128 * 128 * head                  int32
    score distance   max - s <= 2 * 128 * 128 * head          int32   hence head <= MAX_HEAD
    sum of weights   <= 32767 * keys                          int32
    weighted values  |a| <= 128 * 32767 * keys                int32   hence keys <= MAX_KEYS
    normalised       |a * factor| < 2^31 * 2^15               acc64
"""

from __future__ import annotations

import math
from array import array

ROWS_AT_ONCE = 8  # a tile of scores is 8 keys x 8 rows
KEYS_AT_ONCE = 8
COLUMNS_AT_ONCE = 32  # bytes of the narrowest load
MAX_HEAD = 32_768  # 2 * 2^14 * head stays below 2^31 for every smaller one
MAX_KEYS = 511  # 2^7 * (2^15 - 1) * keys stays below 2^31

EXPONENT_BITS = 11  # exponents are octaves in steps of 2^-11: int16 reaches 16, where weights underflow
WEIGHT_ONE = 32_767  # the weight of the best key
OCTAVE_BITS = 14  # 2^-octaves is 2^14 >> octaves
LEAST_ZEROS = 8  # 32767 * MAX_KEYS stays below 2^24
HIGHEST_SHIFT = 59  # of the hardware's shift-round-saturate

# 2^-f on [0, 1) as 1 + a f + b f^2 + c f^3: of the cubics that are exactly 1 at 0 (the best key then weighs
# WEIGHT_ONE), the one with the least greatest error, 6.3e-5. That is two steps of the weights' grid.
POWER = (-0.69183448, 0.23192843, -0.04015693)
# 48/17 - 32/17 x, in 2^14: the line that is nearest to 1/x on [1/2, 1), at most 1/17 off.
RECIPROCAL_LINE = (46_261, 30_840)
NEWTON_STEPS = 2  # 1/17 squared twice is 1e-5: under the 15 bits of the reciprocal


def constants(sizes: dict[str, int], scales: dict[str, float]) -> dict[str, object]:
    rows, keys, head = sizes["rows"], sizes["keys"], sizes["head"]
    _check_sizes(rows, keys, head)

    # A weight is exp((s - max) q_scale k_scale / sqrt(head)) = 2^-(octaves * (max - s)).
    octaves = scales["q"] * scales["k"] / math.sqrt(head) * math.log2(math.e)
    steps = octaves * 2**EXPONENT_BITS
    exponent_scale, exponent_shift = _scaled_int(steps, "q_scale * k_scale / sqrt(head)")

    # out = acc / sum * (v_scale / out_scale), see README.md, Normalising.
    output_ratio, ratio_shift = _scaled_int(scales["v"] / scales["out"], "v_scale / out_scale")
    output_shift = 31 + ratio_shift  # less the leading zeros of the sum, which are at least LEAST_ZEROS
    if output_shift - LEAST_ZEROS > HIGHEST_SHIFT:
        raise ValueError(
            f"v_scale / out_scale = {scales['v'] / scales['out']:g} needs a longer shift than the core has:"
            " choose an output scale closer to the scale of v"
        )

    return {
        "exponent_scale": exponent_scale,
        "exponent_shift": exponent_shift,
        "exponent_bits": EXPONENT_BITS,
        "weight_one": WEIGHT_ONE,
        "octave_bits": OCTAVE_BITS,
        "power_terms": array("h", [round(coefficient * WEIGHT_ONE) for coefficient in POWER]),
        "reciprocal_line": array("i", RECIPROCAL_LINE),
        "newton_steps": NEWTON_STEPS,
        "output_ratio": output_ratio,
        "output_shift": output_shift,
        "rows_at_once": ROWS_AT_ONCE,
        "keys_or_head": max(keys, head),
    }


def _check_sizes(rows: int, keys: int, head: int) -> None:
    # Every buffer is then a multiple of 64 bytes, so that each begins where npu2 can load 64.
    for name, size, step, what in (
        ("rows", rows, ROWS_AT_ONCE, "rows are done"),
        ("keys", keys, KEYS_AT_ONCE, "keys are scored"),
        ("head", head, COLUMNS_AT_ONCE, "columns are loaded"),
    ):
        if size % step:
            raise ValueError(f"{name} = {size}, but {step} {what} at a time: make {name} a multiple of {step}")
    if keys > MAX_KEYS:
        raise ValueError(f"keys = {keys} can overflow the 32-bit sums of weighted values: at most {MAX_KEYS}")
    if head >= MAX_HEAD:
        raise ValueError(f"head = {head} can overflow the 32-bit scores: less than {MAX_HEAD}")


def _scaled_int(real: float, what: str) -> tuple[int, int]:
    """`mantissa / 2^shift` nearest to `real`, with 2^14 <= mantissa < 2^15 and a shift the core has."""
    fraction, exponent = math.frexp(real)
    mantissa, shift = round(fraction * 2**15), 15 - exponent
    if mantissa == 2**15:
        mantissa, shift = mantissa // 2, shift - 1
    if not 0 <= shift <= HIGHEST_SHIFT:
        raise ValueError(f"{what} = {real:g} is out of range for a 15-bit factor: choose other scales")
    return mantissa, shift
