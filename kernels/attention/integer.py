"""What the tile code computes, exactly: every formula on whole arrays of int64, no vectors, no tiles.

The tile code must agree with it bit for bit; how far both are from golden.py is the tolerance's business.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def integer(inputs: dict[str, npt.NDArray[Any]], constants: dict[str, Any]) -> dict[str, Ints]:
    q, k, v = (inputs[name].astype(np.int64) for name in "qkv")
    weights = _weights(q @ k.T, constants)
    return {"out": _normalised(weights @ v, weights.sum(axis=1), constants)}


def _weights(scores: Ints, constants: dict[str, Any]) -> Ints:
    """Integers proportional to exp(score): the best key of a row has `weight_one`."""
    distance = scores.max(axis=1, keepdims=True) - scores
    z = np.minimum(_shift_to_even(distance * constants["exponent_scale"], constants["exponent_shift"]), 2**15 - 1)
    octaves, fraction = z >> constants["exponent_bits"], z & (2 ** constants["exponent_bits"] - 1)

    # weight_one * 2^-fraction by Horner's rule, rounded to an integer after each multiplication.
    linear, square, cube = constants["power_terms"]
    power = _shift_to_even(cube * fraction, constants["exponent_bits"]) + square
    power = _shift_to_even(power * fraction, constants["exponent_bits"]) + linear
    power = _shift_to_even(power * fraction, constants["exponent_bits"]) + constants["weight_one"]
    return _shift_to_even(power * (2 ** constants["octave_bits"] >> octaves), constants["octave_bits"])


def _normalised(weighted: Ints, sums: Ints, constants: dict[str, Any]) -> Ints:
    """`weighted / sums`, in output steps, by a 15-bit reciprocal of each row's sum."""
    zeros = 32 - np.array([int(total).bit_length() for total in sums])
    leading = (sums << zeros) >> 16  # the 16 leading bits of the sum
    factor = (_reciprocal(leading, constants) * constants["output_ratio"] + 2**14) >> 15
    shift = constants["output_shift"] - zeros
    return _shift_to_even(weighted * factor[:, None], shift[:, None]).clip(-128, 127)


def _reciprocal(m: Ints, constants: dict[str, Any]) -> Ints:
    """2^30 / m for 2^15 <= m < 2^16, at most 32767, by a straight line and steps of Newton's method."""
    at_zero, slope = constants["reciprocal_line"]
    r: Ints = at_zero - ((m * slope) >> 16)
    for _ in range(constants["newton_steps"]):
        r = r + ((r * ((2**30 - m * r) >> 15)) >> 15)
    return np.where(r < 2**15, r, 2**15 - 1)


def _shift_to_even(value: Ints, shift: int | Ints) -> Ints:
    """`value / 2^shift` rounded to the nearest integer, ties to even: the hardware's conv_even."""
    floor = value >> shift
    twice_remainder = (value - (floor << shift)) * 2
    step = np.int64(1) << shift
    rounded: Ints = floor + ((twice_remainder > step) | ((twice_remainder == step) & (floor & 1 == 1)))
    return rounded
