"""Frames that have each caught a mel kernel out, in real samples; the caller makes them int16."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RECORDING = Path(__file__).parent / "recorded" / "speech.wav"
Samples = dict[str, NDArray[np.float64]]


def silence(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    return {"samples": np.zeros(sizes["samples"])}


def impulse(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """A flat spectrum, from a place that no symmetry of the transform favours."""
    samples = np.zeros(sizes["samples"])
    samples[rng.integers(50, 350)] = 0.5
    return {"samples": samples}


def loud_sine(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """Full scale: the largest bin there is, and almost every other band on the floor 80 dB below."""
    return {"samples": sine(1000.0, rng, sizes) * 32767 / 32768}


def quiet_sine(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """60 dB lower: 33 steps of the samples. Kernels that shift by a constant return zeros here."""
    return {"samples": sine(1000.0, rng, sizes) * 1e-3}


def two_tones(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """70 dB between them: the range within one frame that Whisper keeps is 80."""
    return {"samples": 0.9 * sine(440.0, rng, sizes) + 0.9 * 10 ** (-70 / 20) * sine(5500.0, rng, sizes)}


def noise(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    return {"samples": 0.1 * rng.standard_normal(sizes["samples"])}


def faint_noise(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """Samples of -2 to 2 steps: every band is close to Whisper's floor of 1e-10."""
    return {"samples": rng.standard_normal(sizes["samples"]) / 32768}


def speech(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """The loudest frame of the recording: a vowel."""
    return {"samples": voiced_frame(sizes)}


def quiet_speech(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """The same vowel 40 dB lower."""
    return {"samples": voiced_frame(sizes) / 100}


def clipped_speech(rng: np.random.Generator, sizes: dict[str, int]) -> Samples:
    """The same vowel 20 dB higher: what the caller clips to int16 is mostly full scale."""
    return {"samples": voiced_frame(sizes) * 10}


def sine(hertz: float, rng: np.random.Generator, sizes: dict[str, int]) -> NDArray[np.float64]:
    turns = np.arange(sizes["samples"]) * hertz / sizes["sample_rate"]
    wave_form: NDArray[np.float64] = np.sin(2 * np.pi * (turns + rng.random()))
    return wave_form


def voiced_frame(sizes: dict[str, int]) -> NDArray[np.float64]:
    frames = recorded_frames(sizes)
    loudest: NDArray[np.float64] = frames[np.argmax((frames**2).sum(axis=1))]
    return loudest


def recorded_frames(sizes: dict[str, int]) -> NDArray[np.float64]:
    """The whole recording as (frames, samples), `hop` samples apart."""
    with wave.open(str(RECORDING)) as recording:
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2") / 32768
    starts = np.arange(0, len(pcm) - sizes["samples"] + 1, sizes["hop"])
    frames: NDArray[np.float64] = pcm[starts[:, None] + np.arange(sizes["samples"])]
    return frames
