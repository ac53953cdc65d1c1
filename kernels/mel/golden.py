"""Whisper's log-mel of one frame, from the definition: nothing here knows how the tile does it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
SAMPLES = 400
FLOOR = 1e-10  # Whisper's: below it a mel power is silence
# Decades kept under the loudest band. Whisper counts from the clip's maximum, never under the frame's: what
# is clamped here Whisper clamps too, and 80 dB is the range that a frame must resolve.
RANGE = 8.0


def golden(samples: NDArray[np.float64], *, bands: int = 80) -> dict[str, NDArray[np.float64]]:
    """`log10(mel power)` of 400 samples in [-1, 1), or of (frames, 400), floored 80 dB under each maximum."""
    power = np.abs(np.fft.rfft(samples * hann(SAMPLES), axis=-1)) ** 2
    mel = power @ mel_filters(bands).T
    log = np.log10(np.maximum(mel, FLOOR))
    return {"bands": np.maximum(log, log.max(axis=-1, keepdims=True) - RANGE)}


def hann(length: int) -> NDArray[np.float64]:
    """The periodic window: its period is `length`, so it starts at zero and does not end there."""
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    return window


def mel_filters(bands: int) -> NDArray[np.float64]:
    """Slaney's triangles of unit area, (bands, 201): corners equally spaced in mel from 0 to 8 kHz."""
    bins = np.arange(SAMPLES // 2 + 1) * (SAMPLE_RATE / SAMPLES)
    corners = mel_to_hertz(np.linspace(0.0, float(hertz_to_mel(np.float64(SAMPLE_RATE / 2))), bands + 2))
    low, middle, high = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rise = (bins - low) / (middle - low)
    fall = (high - bins) / (high - middle)
    return np.asarray(np.maximum(0.0, np.minimum(rise, fall)) * 2.0 / (high - low))


# Slaney's scale (Auditory Toolbox): 200/3 Hz a mel up to 1 kHz, above it 27 mels for each factor of 6.4.
LINEAR_HERTZ = 200.0 / 3.0
CORNER_HERTZ = 1000.0
CORNER_MEL = CORNER_HERTZ / LINEAR_HERTZ
LOG_STEP = np.log(6.4) / 27.0


def hertz_to_mel(hertz: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    above = CORNER_MEL + np.log(np.maximum(hertz, CORNER_HERTZ) / CORNER_HERTZ) / LOG_STEP
    return np.asarray(np.where(hertz < CORNER_HERTZ, hertz / LINEAR_HERTZ, above))


def mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = CORNER_HERTZ * np.exp(LOG_STEP * (np.maximum(mel, CORNER_MEL) - CORNER_MEL))
    return np.asarray(np.where(mel < CORNER_MEL, mel * LINEAR_HERTZ, above))
