"""What the tile computes, to the bit, in int64: the formulas of README.md without blocks, lanes and loops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def integer(inputs: Mapping[str, NDArray[np.int16]], constants: Mapping[str, object]) -> dict[str, NDArray[np.int8]]:
    """`samples` (400,) or (frames, 400) to `bands` (bands,) or (frames, bands)."""
    k = {name: np.asarray(value, dtype=np.int64) for name, value in constants.items()}
    samples = np.atleast_2d(inputs["samples"]).astype(np.int64)
    re, im = spectrum(shift_right(samples * k["hann"], k["window_shift"]), k)
    peak = np.maximum(np.abs(re), np.abs(im)).max(axis=-1)
    exponent = np.maximum(bit_length(peak) - k["loud_bits"], k["least_exponent"])
    loud, quiet = band_sums(re * re + im * im, exponent, k)
    steps = log_steps(loud, quiet, exponent, k)
    steps = np.maximum(steps, -128)
    steps = np.maximum(steps, steps.max(axis=-1, keepdims=True) - k["floor_steps"])
    bands = np.minimum(steps, 127).astype(np.int8)
    return {"bands": bands.reshape(*inputs["samples"].shape[:-1], bands.shape[-1])}


def spectrum(windowed: Ints, k: dict[str, Ints]) -> tuple[Ints, Ints]:
    """Bins 0..200 as 25 x 16: sums over b, a turn by W400^(a d), sums over a, each rounded to an integer."""
    a, b, c, d = np.arange(16), np.arange(25), np.arange(9), np.arange(13)
    x = windowed.reshape(-1, 25, 16)
    cos25, sin25 = k["dft25"][:, np.outer(b, d) % 25]
    zr, zi = (shift_right(np.einsum("fba,bd->fad", x, w), 15) for w in (cos25, -sin25))
    cos400, sin400 = k["turn"][:, np.outer(a, d)]
    yr, yi = shift_right(zr * cos400 + zi * sin400, 30), shift_right(zi * cos400 - zr * sin400, 30)
    cos16, sin16 = k["dft16"][:, np.outer(a, c) % 16]
    cr, ci, sr, si = (shift_right(np.einsum("fad,ac->fcd", y, w), 15) for w in (cos16, sin16) for y in (yr, yi))
    return in_order(cr + si, cr - si), in_order(ci - sr, ci + sr)


def in_order(above: Ints, below: Ints) -> Ints:
    """From X[25c + d] and X[25c - d], each [c][d], to X[0..200]."""
    bins = np.zeros((above.shape[0], 213), dtype=np.int64)
    for c in range(9):
        for d in range(13):
            bins[:, 25 * c + d] = above[:, c, d]
            bins[:, abs(25 * c - d)] = below[:, c, d] if c else above[:, c, d]
    return bins[:, :201]


def band_sums(power: Ints, exponent: Ints, k: dict[str, Ints]) -> tuple[Ints, Ints]:
    """Weighted sums of two views of the bins: `loud` holds all, `quiet` has 12 bits more and saturates."""
    shift = k["loud_shift"] + 2 * exponent[:, None]
    loud = saturate(shift_right(power, shift))
    quiet = saturate(shift_right(power, shift - k["quiet_bits"]))
    weights = k["mel_weights"].T
    loud_sums, quiet_sums = (shift_right(view @ weights, k["mel_shift"]) for view in (loud, quiet))
    return saturate(loud_sums), saturate(quiet_sums)


def log_steps(loud: Ints, quiet: Ints, exponent: Ints, k: dict[str, Ints]) -> Ints:
    """Output steps, unbounded. Exponents and band factor are sums in Q15 octaves, and one product ends it."""
    from_quiet = loud < k["quiet_below"]
    octaves = log2_q15(np.where(from_quiet, quiet, loud), k)
    octaves += np.where(from_quiet, 0, k["quiet_bits"] << 15) + (exponent[:, None] << 16) + k["band_offset"]
    return shift_right(octaves * k["steps_an_octave"], k["step_shift"])


def log2_q15(value: Ints, k: dict[str, Ints]) -> Ints:
    """log2 of max(value, 1) < 2**31 in Q15: t + t (1 - t) (a + b t) between powers of two."""
    value = np.maximum(value, 1)
    exponent = bit_length(value) - 1
    t = np.minimum(shift_right((value << (30 - exponent)) - 2**30, 15), 32767)
    a, b = k["log2_curve"]
    bow = shift_right(shift_right(t * (32767 - t), 15) * (a + shift_right(t * b, 15)), 15)
    return np.asarray((exponent << 15) + t + bow)


def shift_right(value: Ints, shift: Ints | int) -> Ints:
    """The tile's shift-round (mode positive_inf): to nearest, a half upwards; a shift by 0 rounds nothing."""
    half = (np.int64(1) << shift) >> 1
    return np.asarray((value + half) >> shift)


def saturate(value: Ints) -> Ints:
    return np.clip(value, -(2**31), 2**31 - 1)


def bit_length(value: Ints) -> Ints:
    """Exact: a float64 holds every integer below 2**53, and frexp gives its bits."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)
