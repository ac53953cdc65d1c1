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
    """Every bin, as 25 x 16: sums over b, a turn by W400^(a d), sums over a, each rounded to an integer."""
    rows, columns, table, turn = (int(k[name]) for name in ("rows", "columns", "table_bits", "turn_bits"))
    a, b, c, d = np.arange(columns), np.arange(rows), np.arange(columns // 2 + 1), np.arange(int(k["distinct"]))
    x = windowed.reshape(-1, rows, columns)
    cos25, sin25 = k["dft25"][:, np.outer(b, d) % rows]
    zr, zi = (shift_right(np.einsum("fba,bd->fad", x, w), table) for w in (cos25, -sin25))
    cos400, sin400 = k["turn"][:, np.outer(a, d)]
    yr, yi = shift_right(zr * cos400 + zi * sin400, turn), shift_right(zi * cos400 - zr * sin400, turn)
    cos16, sin16 = k["dft16"][:, np.outer(a, c) % columns]
    cr, ci, sr, si = (shift_right(np.einsum("fad,ac->fcd", y, w), table) for w in (cos16, sin16) for y in (yr, yi))
    return in_order(cr + si, cr - si, k), in_order(ci - sr, ci + sr, k)


def in_order(above: Ints, below: Ints, k: dict[str, Ints]) -> Ints:
    """From X[25c + d] and X[25c - d], each [c][d], to X[0], X[1] and so on."""
    frames, cs, ds = above.shape
    bins = np.zeros((frames, k["rows"] * cs), dtype=np.int64)
    for c in range(cs):
        for d in range(ds):
            bins[:, k["rows"] * c + d] = above[:, c, d]
            bins[:, abs(k["rows"] * c - d)] = below[:, c, d] if c else above[:, c, d]
    return bins[:, : k["bins"]]


def band_sums(power: Ints, exponent: Ints, k: dict[str, Ints]) -> tuple[Ints, Ints]:
    """Weighted sums of two views of the bins: `loud` holds all, `quiet` has 12 bits more and saturates."""
    shift = k["loud_shift"] + 2 * exponent[:, None]
    loud = saturate(shift_right(power, shift))
    quiet = saturate(shift_right(power, shift - k["quiet_bits"]))
    weights = k["mel_weights"].T
    loud_sums, quiet_sums = (shift_right(view @ weights, k["mel_shift"]) for view in (loud, quiet))
    return saturate(loud_sums), saturate(quiet_sums)


def log_steps(loud: Ints, quiet: Ints, exponent: Ints, k: dict[str, Ints]) -> Ints:
    """Output steps, unbounded. Exponents and band factor are sums in octaves, and one product ends it."""
    from_quiet = loud < k["quiet_below"]
    octaves = log2_of(np.where(from_quiet, quiet, loud), k) + k["band_offset"]
    octaves += (np.where(from_quiet, 0, k["quiet_bits"]) + 2 * exponent[:, None]) << k["octave_bits"]
    return shift_right(octaves * k["steps_an_octave"], k["step_shift"])


def log2_of(value: Ints, k: dict[str, Ints]) -> Ints:
    """log2 of max(value, 1) < 2**31, with octave_bits: t + t (1 - t) (a + b t) between powers of two."""
    bits = k["octave_bits"]
    value = np.maximum(value, 1)
    exponent = bit_length(value) - 1
    t = np.minimum(shift_right((value << (30 - exponent)) - 2**30, bits), 32767)
    a, b = k["log2_curve"]
    bow = shift_right(shift_right(t * (32767 - t), bits) * (a + shift_right(t * b, bits)), bits)
    return np.asarray((exponent << bits) + t + bow)


def shift_right(value: Ints, shift: Ints | int) -> Ints:
    """The tile's shift-round (mode positive_inf): to nearest, a half upwards; a shift by 0 rounds nothing."""
    half = (np.int64(1) << shift) >> 1
    return np.asarray((value + half) >> shift)


def saturate(value: Ints) -> Ints:
    return np.clip(value, -(2**31), 2**31 - 1)


def bit_length(value: Ints) -> Ints:
    """Exact: a float64 holds every integer below 2**53, and frexp gives its bits."""
    return np.frexp(value.astype(np.float64))[1].astype(np.int64)
