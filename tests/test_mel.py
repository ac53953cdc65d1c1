"""The mel kernel's numbers without its tile code: golden model, integer specification, refusals."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

KERNEL = Path(__file__).parents[1] / "kernels" / "mel"
SPEC: dict[str, Any] = tomllib.loads((KERNEL / "kernel.toml").read_text(encoding="utf-8"))
SIZES: dict[str, int] = SPEC["sizes"]
SCALES = {"samples": 2.0**-15, "bands": 0.05}
ALLOWED = SPEC["tolerance"]["bands"]["absolute"]


def kernel_module(stem: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"test_mel_{stem}", KERNEL / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases, constants, golden, integer = map(kernel_module, ("cases", "constants", "golden", "integer"))


def to_int16(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)


def both(samples: NDArray[np.float64], bands: int = SIZES["bands"]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What integer.py and golden.py say of the same int16 samples, in output steps clipped to int8."""
    pcm = to_int16(samples)
    table = constants.constants(SIZES | {"bands": bands}, SCALES)
    exact = integer.integer({"samples": pcm}, table)["bands"]
    textbook = golden.golden(pcm / 32768, bands=bands)["bands"] / SCALES["bands"] + 72
    return exact.astype(np.float64), np.clip(textbook, -128, 127)


def sines(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    turns = np.arange(400) / 16000 * rng.uniform(0, 8000, (count, 1)) + rng.random((count, 1))
    return np.asarray(np.sin(2 * np.pi * turns))


# --- the golden model


@pytest.mark.parametrize("bands", [48, 64, 80, 128])
def test_the_golden_filters_are_librosas(bands: int) -> None:
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=16000, n_fft=400, n_mels=bands, dtype=np.float64)

    np.testing.assert_allclose(golden.mel_filters(bands), expected, rtol=1e-9, atol=1e-15)


def test_the_golden_log_mel_is_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    frames = cases.recorded_frames(SIZES)
    power = np.abs([librosa.stft(f, n_fft=400, hop_length=400, center=False)[:, 0] for f in frames]) ** 2
    log = np.log10(np.maximum(power @ librosa.filters.mel(sr=16000, n_fft=400, n_mels=80).T, 1e-10))
    expected = np.maximum(log, log.max(axis=1, keepdims=True) - 8)

    np.testing.assert_allclose(golden.golden(frames)["bands"], expected, atol=1e-4)


def test_the_window_is_periodic() -> None:
    window = golden.hann(400)

    assert window[0] == 0
    assert window[200] == 1
    assert window[399] == pytest.approx(window[1])


def test_a_frame_keeps_80_decibels_under_its_loudest_band() -> None:
    bands = golden.golden(cases.loud_sine(np.random.default_rng(1), SIZES)["samples"])["bands"]

    assert bands.max() - bands.min() == pytest.approx(8)


def test_no_band_is_under_whispers_floor() -> None:
    assert (golden.golden(np.zeros(400))["bands"] == -10).all()


# --- the constants


def test_the_filters_without_numpy_are_the_golden_ones() -> None:
    np.testing.assert_allclose(constants.mel_filters(80), golden.mel_filters(80), rtol=1e-9, atol=1e-15)


def test_the_blocks_hold_every_bin_of_a_band_once() -> None:
    table = constants.constants(SIZES, SCALES)
    found = np.zeros((80, 201), dtype=int)
    blocks = iter(np.reshape(table["mel_blocks"], (-1, 4, 8)))
    for group, (first, count) in enumerate(zip(table["mel_first"], table["mel_count"], strict=True)):
        for number in range(first, first + count):
            for lane, weights in zip(constants.bins_of_block(number), next(blocks), strict=True):
                if lane is not None and lane <= 200:
                    found[8 * group : 8 * group + 8, lane] += weights

    assert next(blocks, None) is None
    np.testing.assert_array_equal(found, table["mel_weights"])


@pytest.mark.parametrize("bands", range(48, 129, 16))
def test_a_band_sum_fits_an_int32_and_no_band_is_read_from_a_saturated_bin(bands: int) -> None:
    table = constants.constants(SIZES | {"bands": bands}, SCALES)
    weights = np.array(table["mel_weights"])
    saturated = 2 ** (31 - table["quiet_bits"])  # of the loud view, when the quiet one is full

    assert (int(weights.sum(axis=1).max()) * 2**30) >> table["mel_shift"] < 2**31
    assert (int(weights[weights > 0].min()) * saturated) >> table["mel_shift"] >= table["quiet_below"] >= 4


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("samples", 512, "the transform is 25 x 16"),
        ("sample_rate", 8000, "the mel bands are those of 16000 Hz"),
        ("bands", 40, "a multiple of 16 from 48 to 128"),
        ("bands", 72, "16 bands at a time"),
        ("bands", 32, "cannot hold 80 dB down"),
        ("bands", 256, "narrower than a bin"),
    ],
)
def test_sizes_that_the_tile_cannot_do_are_refused(key: str, value: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"{key} = {value}: .*{sentence}"):
        constants.constants(SIZES | {key: value}, SCALES)


# --- the integer specification against golden


@pytest.mark.parametrize("bands", [64, 80, 128])
@pytest.mark.parametrize("case", SPEC["cases"], ids=lambda case: case["name"])
def test_every_case_is_within_its_tolerance(case: dict[str, Any], bands: int) -> None:
    draw = getattr(cases, case["draw"])
    exact, textbook = both(draw(np.random.default_rng(case["seed"]), SIZES)["samples"], bands)

    assert np.abs(exact - textbook).max() <= ALLOWED
    if "correlation" in case and bands == SIZES["bands"]:
        assert np.corrcoef(exact, textbook)[0, 1] >= case["correlation"]


@pytest.mark.parametrize("gain", [10.0, 1.0, 0.1, 0.01, 0.003])
def test_every_frame_of_the_recording_is_within_tolerance_at_any_level(gain: float) -> None:
    exact, textbook = both(cases.recorded_frames(SIZES) * gain)

    assert np.abs(exact - textbook).max() <= 0.75
    assert np.corrcoef(exact.ravel(), textbook.ravel())[0, 1] >= 0.9999


def test_speech_40_decibels_down_is_not_silence() -> None:
    exact, textbook = both(cases.quiet_speech(np.random.default_rng(1), SIZES)["samples"])

    assert (exact > -128).sum() == (np.rint(textbook) > -128).sum() > 70


def test_noise_from_less_than_a_step_to_full_scale_is_within_tolerance() -> None:
    levels = np.logspace(-5, 0, 500)[:, None]
    exact, textbook = both(np.random.default_rng(2).standard_normal((500, 400)) * levels)

    assert np.abs(exact - textbook).max() <= ALLOWED


def test_an_impulse_anywhere_is_within_tolerance() -> None:
    exact, textbook = both(np.eye(400) * 0.9)

    assert np.abs(exact - textbook).max() <= ALLOWED


def test_sines_of_any_frequency_and_level_are_within_tolerance() -> None:
    rng = np.random.default_rng(3)
    exact, textbook = both(sines(500, rng) * np.logspace(-4.5, 0, 500)[:, None])

    assert np.abs(exact - textbook).max() <= ALLOWED


def test_full_scale_square_waves_do_not_overflow() -> None:
    exact, textbook = both(np.sign(sines(500, np.random.default_rng(4))))

    assert np.abs(exact - textbook).max() <= ALLOWED


def test_an_offset_does_not_drown_the_bands() -> None:
    exact, textbook = both(0.9 + 0.01 * sines(100, np.random.default_rng(5)))

    assert np.abs(exact - textbook).max() <= ALLOWED


def test_one_frame_and_many_give_the_same() -> None:
    frames = to_int16(cases.recorded_frames(SIZES)[100:103])
    table = constants.constants(SIZES, SCALES)
    together = integer.integer({"samples": frames}, table)["bands"]

    for frame, expected in zip(frames, together, strict=True):
        np.testing.assert_array_equal(integer.integer({"samples": frame}, table)["bands"], expected)
