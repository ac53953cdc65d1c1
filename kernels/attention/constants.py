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

MAX_HEAD = 32_768  # 2 * 2^14 * head stays below 2^31 for every smaller one
MAX_KEYS = 511  # 2^7 * (2^15 - 1) * keys stays below 2^31

EXPONENT_BITS = 11  # exponents are octaves in steps of 2^-11: int16 reaches 16, where weights underflow
WEIGHT_ONE = 32_767  # the weight of the best key
LEAST_ZEROS = 8  # 32767 * MAX_KEYS stays below 2^24
HIGHEST_SHIFT = 59  # of the hardware's shift-round-saturate

# 2^-f on [0, 1) as 1 + a f + b f^2 + c f^3: of the cubics that are exactly 1 at 0 (the best key then weighs
# WEIGHT_ONE), the one with the least greatest error, 6.3e-5. That is two steps of the weights' grid.
POWER = (-0.69183448, 0.23192843, -0.04015693)


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

    wide_bytes = 8 * 4 * max(keys, head)
    weights_bytes = 8 * 2 * keys
    sums_bytes = 8 * 8 * 4
    return {
        "exponent_scale": exponent_scale,
        "exponent_shift": exponent_shift,
        "exponent_bits": EXPONENT_BITS,
        "weight_one": WEIGHT_ONE,
        "power": [round(coefficient * WEIGHT_ONE) for coefficient in POWER],
        "output_ratio": output_ratio,
        "output_shift": output_shift,
        "weights_at": wide_bytes,
        "sums_at": wide_bytes + weights_bytes,
        "blocks_at": wide_bytes + weights_bytes + sums_bytes,
        "scratch_bytes": wide_bytes + weights_bytes + sums_bytes + 8 * head,
    }


def _check_sizes(rows: int, keys: int, head: int) -> None:
    if rows % 8:
        raise ValueError(f"rows = {rows}, but 8 rows are done at a time: make rows a multiple of 8")
    if keys % 32:
        raise ValueError(f"keys = {keys}, but 32 keys are weighed at a time: make keys a multiple of 32")
    if head % 32:
        raise ValueError(f"head = {head}, but 32 columns are loaded at a time: make head a multiple of 32")
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
