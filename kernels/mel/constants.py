"""Every number of the tile code, finished: tables plain for integer.py, in mmul blocks for tile.cc.

Pure `math`, because a build that has nothing to do still computes them.

The 400 samples are n = 16 b + a (b < 25, a < 16) and the bins k = 25 c +- d (c <= 8, d <= 12):

    Z[a][d]    = W400^(a d) * sum over b of x[16 b + a] W25^(b d)    x is real: Z[a][-d] = conj(Z[a][d])
    X[25c + d] = sum over a of W16^(a c) Z[a][d]
    X[25c - d] = sum over a of W16^(a c) conj(Z[a][d])               the same four real sums, two signs turned
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

SAMPLES = 400
SAMPLE_RATE = 16000
ROWS, COLUMNS = 25, 16  # n = COLUMNS * b + a, b < ROWS
WHOLE_ROWS = 28  # whole tiles of 4
LANES = 16  # d = 0..12, padded to whole vectors
DISTINCT = 13
BINS = 201
BLOCKS = 64  # of 4 neighbouring bins, ascending: 25c + 4j is block 8c + j, 25c - 4j is block 8c - 1 - j
BANDS_AT_ONCE = 8

TURN_BITS = 30  # of window and turn, lane by lane
TABLE_BITS = 15  # of the tables that mmul takes
OCTAVE_BITS = 15
Q30 = 2**TURN_BITS
WEIGHT_ONE = 32767  # 1.0 in Q15 would need a seventeenth bit
# One, in the tables of the two transforms. They hold few different numbers (25 and 4), and of all scales
# under 2**15 these round them best: to -105 and -126 dB rms, where 32,767 rounds them to -100 and -102.
ONE_25 = 30302
ONE_16 = 32698
SAMPLE_BITS = 8  # binary places of a windowed sample: sum(hann) * 2**(15 + 8) = 2**30.6 fits an int32
LOUD_BITS = 30  # the larger part of the strongest bin has 30 bits in the scale of `loud`
LEAST_EXPONENT = -9  # but in a frame this quiet the shifts stop: one unit is then 45 dB under Whisper's floor
LOUD_SHIFT = 2 * LOUD_BITS + 1 - 30  # re^2 + im^2 < 2**61 becomes loud <= 2**30
QUIET_BITS = 12  # the quiet view keeps 12 bits more, and saturates on loud bins
QUIET_BELOW = 64  # a band whose loud sum is less is read from the quiet view; see `quiet_below`
STEP_BITS = 12  # of the factor from octaves to output steps
FLOOR_DECADES = 10  # Whisper's 1e-10
RANGE_DECADES = 8


def constants(sizes: dict[str, int], scales: dict[str, float]) -> dict[str, object]:
    """Tables and shifts; `scales` are the steps of samples and bands. A ValueError says what cannot be."""
    check_sizes(sizes)
    bands = sizes["bands"]
    filters = mel_filters(bands)
    weights, heights = mel_weights(filters)
    mel_shift = sum_shift(weights)
    first, count, blocks = mel_blocks(weights)
    octave = math.log10(2.0) / scales["bands"]
    zero = FLOOR_DECADES / scales["bands"] - 128  # the integer of log10 = 0, when -128 is Whisper's floor
    unit = mel_of_one(scales["samples"], mel_shift)
    return {
        "rows": ROWS,
        "columns": COLUMNS,
        "whole_rows": WHOLE_ROWS,
        "distinct": DISTINCT,
        "bins": BINS,
        "turn_bits": TURN_BITS,
        "table_bits": TABLE_BITS,
        "octave_bits": OCTAVE_BITS,
        "hann": array("i", (round(Q30 * (0.5 - 0.5 * math.cos(2 * math.pi * n / SAMPLES))) for n in range(SAMPLES))),
        "window_shift": TURN_BITS - SAMPLE_BITS,
        "dft25": [circle(ROWS, ONE_25), circle(ROWS, ONE_25, sine=True)],
        "turn": [circle(SAMPLES, Q30), circle(SAMPLES, Q30, sine=True)],
        "dft16": [circle(COLUMNS, ONE_16), circle(COLUMNS, ONE_16, sine=True)],
        "mel_weights": weights,
        "mel_shift": mel_shift,
        "band_offset": array(
            "i", (round(2**OCTAVE_BITS * (math.log2(unit * height) + zero / octave)) for height in heights)
        ),
        "steps_an_octave": round(octave * 2**STEP_BITS),
        "step_shift": OCTAVE_BITS + STEP_BITS,
        "floor_steps": round(RANGE_DECADES / scales["bands"]),
        "loud_bits": LOUD_BITS,
        "least_exponent": LEAST_EXPONENT,
        "loud_shift": LOUD_SHIFT,
        "quiet_bits": QUIET_BITS,
        "quiet_below": quiet_below(weights, mel_shift),
        "log2_curve": log2_curve(),
        "dft25_blocks": array("h", dft25_blocks()),
        "turn_blocks": array("i", turn_blocks()),
        "dft16_blocks": array("h", dft16_blocks()),
        "mel_first": array("i", first),
        "mel_count": array("i", count),
        "mel_blocks": array("h", blocks),
    }


def check_sizes(sizes: dict[str, int]) -> None:
    if sizes["samples"] != SAMPLES:
        raise ValueError(f"samples = {sizes['samples']}: the transform is 25 x 16, so a frame has {SAMPLES}")
    if sizes["sample_rate"] != SAMPLE_RATE:
        raise ValueError(f"sample_rate = {sizes['sample_rate']}: the mel bands are those of {SAMPLE_RATE} Hz")
    if sizes["bands"] % 16 or not 48 <= sizes["bands"] <= 128:
        raise ValueError(
            f"bands = {sizes['bands']}: the logarithm takes 16 bands at a time, more than 128 are narrower "
            "than a bin, and fewer than 48 have edges that int16 weights cannot hold 80 dB down; "
            "so bands is a multiple of 16 from 48 to 128"
        )


def circle(points: int, one: int, *, sine: bool = False) -> list[int]:
    """cos or sin once round the circle. Read it at i * j % points: then equal angles are equal integers."""
    wave = math.sin if sine else math.cos
    return [round(one * wave(2 * math.pi * i / points)) for i in range(points)]


def mel_filters(bands: int) -> list[list[float]]:
    """Slaney's triangles of unit area, as in golden.py but without numpy; a test holds the two together."""
    top = 15.0 + 27.0 * math.log(SAMPLE_RATE / 2 / 1000.0) / math.log(6.4)
    mels = [top * i / (bands + 1) for i in range(bands + 2)]
    corners = [m * 200.0 / 3.0 if m < 15.0 else 1000.0 * 6.4 ** ((m - 15.0) / 27.0) for m in mels]
    hertz = [k * SAMPLE_RATE / SAMPLES for k in range(BINS)]
    return [
        [triangle(f, low, middle, high) * 2.0 / (high - low) for f in hertz]
        for low, middle, high in zip(corners, corners[1:], corners[2:], strict=False)
    ]


def triangle(x: float, low: float, middle: float, high: float) -> float:
    if not low < x < high:
        return 0.0
    return min((x - low) / (middle - low), (high - x) / (high - middle))


def mel_weights(filters: list[list[float]]) -> tuple[list[list[int]], list[float]]:
    """Each filter in Q15 of its highest weight, and that weight: a narrow one misses its triangle's tip."""
    heights = [max(row) for row in filters]
    rows = zip(filters, heights, strict=True)
    return [[round(WEIGHT_ONE * w / height) for w in row] for row, height in rows], heights


def sum_shift(weights: list[list[int]]) -> int:
    """What brings the heaviest band's sum of weight * loud, loud <= 2**30, under 2**31."""
    return max(sum(row) for row in weights).bit_length() - 1


def quiet_below(weights: list[list[int]], mel_shift: int) -> int:
    """The loud sum that a bin saturated in the quiet view reaches alone: a band with less holds no such bin.

    At most 64, where the loud view's roundings are 2 % at worst; a filter that barely holds a bin lowers it.
    """
    least = min(w for row in weights for w in row if w)
    return min(QUIET_BELOW, (least << (31 - QUIET_BITS)) >> mel_shift)


def mel_of_one(scale: float, mel_shift: int) -> float:
    """The mel power of a band sum of 1 in the quiet view, at exponent 0 and with a filter of height 1."""
    amplitude = scale / 2**SAMPLE_BITS * (2**15 / ONE_25) * (2**15 / ONE_16)
    return float(amplitude**2 * 2.0 ** (LOUD_SHIFT - QUIET_BITS + mel_shift) / WEIGHT_ONE)


def log2_curve() -> array[int]:
    """(a, b) in Q15 of log2(1 + t) = t + t (1 - t) (a + b t), met at two points: |error| < 1e-3 octaves."""
    left, right = 0.2, 0.8
    at_left, at_right = ((math.log2(1 + t) - t) / (t * (1 - t)) for t in (left, right))
    slope = (at_right - at_left) / (right - left)
    return array("h", (round(2**OCTAVE_BITS * (at_left - slope * left)), round(2**OCTAVE_BITS * slope)))


def dft25_blocks() -> list[int]:
    """B of the first product, 28 x 32 in 4 x 8 blocks, row by row: lane d is cos, lane 16 + d is -sin."""
    cosine, sine = circle(ROWS, ONE_25), circle(ROWS, ONE_25, sine=True)

    def value(b: int, lane: int) -> int:
        d = lane % LANES
        if b >= ROWS or d >= DISTINCT:
            return 0
        return cosine[b * d % ROWS] if lane < LANES else -sine[b * d % ROWS]

    return [x for k in range(WHOLE_ROWS // 4) for n in range(4) for x in block(value, 4 * k, 8 * n)]


def turn_blocks() -> list[int]:
    """W400^(a d) in the 4 x 8 blocks in which the first product leaves Z: 32 cosines, then 32 sines."""
    waves = circle(SAMPLES, Q30), circle(SAMPLES, Q30, sine=True)
    values = [lambda a, d, wave=wave: wave[a * d] if d < DISTINCT else 0 for wave in waves]
    return [x for i in range(4) for h in range(2) for value in values for x in block(value, 4 * i, 8 * h)]


def dft16_blocks() -> list[int]:
    """B of the second product: for each 4 rows a, cos for c = 0..7, then cos for c = 8 and sin for c = 1..7.

    sin is zero for c = 0, so its column is free for the one cosine that would have cost a third block.
    """
    cosine, sine = circle(COLUMNS, ONE_16), circle(COLUMNS, ONE_16, sine=True)

    def left(a: int, c: int) -> int:
        return cosine[a * c % COLUMNS]

    def right(a: int, c: int) -> int:
        return sine[a * c % COLUMNS] if c else cosine[a * 8 % COLUMNS]

    return [x for k in range(4) for value in (left, right) for x in block(value, 4 * k, 0)]


def mel_blocks(weights: list[list[int]]) -> tuple[list[int], list[int], list[int]]:
    """For each 8 bands the first block of bins, how many, and one 4 x 8 B (bin x band) for each."""
    first, count, blocks = [], [], []
    for lowest in range(0, len(weights), BANDS_AT_ONCE):
        group = weights[lowest : lowest + BANDS_AT_ONCE]
        tables = [[0 if k is None else row[k] for k in bins_of_block(i) for row in group] for i in range(BLOCKS)]
        used = [i for i, table in enumerate(tables) if any(table)]
        first.append(used[0])
        count.append(used[-1] + 1 - used[0])
        blocks += [w for table in tables[used[0] : used[-1] + 1] for w in table]
    return first, count, blocks


def bins_of_block(block: int) -> list[int | None]:
    """The bins of a block's four lanes; None for padding, and for the bin 25c - 0, which 25c + 0 holds."""
    c, j = divmod(block, 8)
    if j < 4:
        return [25 * c + d if d < DISTINCT else None for d in range(4 * j, 4 * j + 4)]
    c, j = c + 1, 7 - j
    held = 1 if c < 8 else 0  # nothing else holds bin 200
    return [25 * c - d if held <= d < DISTINCT else None for d in range(4 * j, 4 * j + 4)]


def block(value: Callable[[int, int], int], row: int, column: int) -> list[int]:
    """4 rows of 8, row by row: what one mmul takes as B."""
    return [value(row + i, column + j) for i in range(4) for j in range(8)]
