"""Recordings: one signal in any PCM WAV is one signal, and what is not a whole PCM WAV is refused in a sentence."""

from __future__ import annotations

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tileproof.errors import Problem
from tileproof.kernel.sound import frames, read_sound

RATE = 16_000
SECONDS = 0.25

Samples = np.ndarray[tuple[int], np.dtype[np.float64]]


def tones(rate: int) -> Samples:
    """Three tones that every rate here can hold, 0.6 at most."""
    t = np.arange(round(SECONDS * rate)) / rate
    return sum(0.2 * np.sin(2 * np.pi * hertz * t + hertz) for hertz in (220.0, 1000.0, 2500.0))


def wav(samples: np.ndarray, rate: int = RATE, **options: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", **{"subtype": "PCM_16", **options})
    return file.getvalue()


def read(folder: Path, data: bytes, name: str = "a.wav") -> Samples:
    (folder / name).write_bytes(data)
    return read_sound(folder / name, RATE)


def refusal(folder: Path, data: bytes) -> str:
    """The whole error text, with `a.wav` for the path."""
    with pytest.raises(Problem) as refused:
        read(folder, data)
    assert refused.value.exit_code == 2
    return str(refused.value).replace(str(folder / "a.wav"), "a.wav")


def with_size(data: bytes) -> bytes:
    """With a RIFF header that declares what is there."""
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 32)])
def test_one_signal_is_the_same_whatever_holds_it(
    tmp_path: Path, subtype: str, bits: int, channels: int, rate: int
) -> None:
    loudness = [1.0] if channels == 1 else [1.5, 0.5]  # their mean is 1
    data = wav(np.outer(tones(rate), loudness), rate, subtype=subtype)
    actual, expected = read(tmp_path, data), tones(RATE)
    settled = slice(200, -200)  # a resampler does not know what was before and after
    two_steps = 2.0 ** (2 - bits)  # one may be lost in rounding, and between two rounded samples the curve overshoots

    assert actual.dtype == np.float64
    assert actual.shape == expected.shape
    assert np.abs(actual - expected)[settled].max() <= 1e-3 + two_steps


def test_the_rate_of_the_kernel_is_not_resampled(tmp_path: Path) -> None:
    steps = np.array([0, 1, -1, 32767, -32768], np.int16)

    assert (read(tmp_path, wav(steps)) * 32768).tolist() == steps.tolist()


def test_channels_are_mixed_by_their_mean(tmp_path: Path) -> None:
    left, right = np.array([1000, -8, 0], np.int16), np.array([3000, 8, 0], np.int16)

    assert (read(tmp_path, wav(np.stack([left, right], axis=1))) * 32768).tolist() == [2000.0, 0.0, 0.0]


def test_what_a_lower_rate_cannot_hold_is_filtered_not_folded(tmp_path: Path) -> None:
    """11 kHz in a 48 kHz recording would fold to 5 kHz at 16 kHz."""
    high = 0.5 * np.sin(2 * np.pi * 11_000 * np.arange(12_000) / 48_000)

    assert np.abs(read(tmp_path, wav(high, 48_000))[200:-200]).max() < 1e-3


def test_a_big_endian_wav_is_read(tmp_path: Path) -> None:
    data = wav(tones(RATE), endian="BIG")

    assert data[:4] == b"RIFX"
    assert read(tmp_path, data).tolist() == read(tmp_path, wav(tones(RATE))).tolist()


def test_an_extensible_wav_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    soundfile.write(file, tones(RATE), RATE, format="WAVEX", subtype="PCM_16")

    assert read(tmp_path, file.getvalue()).tolist() == read(tmp_path, wav(tones(RATE))).tolist()


def test_the_name_of_a_recording_does_not_decide_what_it_is(tmp_path: Path) -> None:
    assert len(read(tmp_path, wav(tones(RATE)), "speech.mp3")) == 4000


@pytest.mark.parametrize("kept", [None, -1], ids=["with its pad byte", "without"])
def test_an_odd_number_of_bytes_is_a_whole_recording(tmp_path: Path, kept: int | None) -> None:
    """RIFF pads a chunk to an even length, and not every tool does."""
    data = wav(tones(RATE)[:101], subtype="PCM_U8")

    assert len(data) == 44 + 101 + 1
    assert len(read(tmp_path, with_size(data[:kept]))) == 101


# Refused


@pytest.mark.parametrize(
    ("subtype", "why"),
    [
        ("ALAW", "WAV (Microsoft), A-Law"),
        ("ULAW", "WAV (Microsoft), U-Law"),
        ("FLOAT", "WAV (Microsoft), 32 bit float"),
        ("DOUBLE", "WAV (Microsoft), 64 bit float"),
        ("IMA_ADPCM", "WAV (Microsoft), IMA ADPCM"),
        ("MS_ADPCM", "WAV (Microsoft), Microsoft ADPCM"),
    ],
)
def test_a_wav_that_is_not_pcm_is_refused(tmp_path: Path, subtype: str, why: str) -> None:
    assert (
        refusal(tmp_path, wav(tones(RATE), subtype=subtype))
        == f"""\
error: a.wav is not PCM
  where: a.wav
  why:   it is {why}
  fix:   convert it first, for instance: ffmpeg -i IN -c:a pcm_s16le OUT.wav"""
    )


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, b"")
        == """\
error: a.wav is not a WAV
  where: a.wav
  why:   it is empty
  fix:   give a PCM WAV; ffmpeg converts anything else"""
    )


NO_WAVS = {
    "mp3, ID3": b"ID3\x04\x00\x00\x00\x00\x00\x23TSSE" + bytes(100),
    "mp3, frame": b"\xff\xfb\x90\x64" + bytes(400),
    "flac": b"fLaC\x00\x00\x00\x22" + bytes(40),
    "ogg": b"OggS" + bytes(40),
    "text": b"Hello, this is no WAV.\n",
    "four bytes": b"RIFF",
    "avi": b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(40),
}


@pytest.mark.parametrize("data", NO_WAVS.values(), ids=NO_WAVS)
def test_what_is_no_wav_is_refused_with_its_first_bytes(tmp_path: Path, data: bytes) -> None:
    assert (
        refusal(tmp_path, data)
        == f"""\
error: a.wav is not a WAV
  where: a.wav
  why:   it begins with {data[:12]!r}, and a WAV begins with RIFF....WAVE
  fix:   give a PCM WAV; ffmpeg converts anything else"""
    )


@pytest.mark.parametrize("kept", [12, 20, 43, 44, 45, 1000, 8043])
def test_a_wav_that_is_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    whole = wav(tones(RATE))

    assert len(whole) == 8044
    assert (
        refusal(tmp_path, whole[:kept])
        == f"""\
error: a.wav is cut short
  where: a.wav
  why:   its header declares 8,044 bytes, and {kept:,} are there
  fix:   copy or export it again"""
    )


@pytest.mark.parametrize("kept", [100, 1000, 8043])
def test_a_wav_whose_samples_are_cut_short_is_refused_whatever_its_first_header_says(tmp_path: Path, kept: int) -> None:
    """The data chunk declares 8,000 bytes. Tools that mend the first length do not bring the samples back."""
    cut = with_size(wav(tones(RATE))[:kept])

    assert "cut short" in refusal(tmp_path, cut)


def test_a_wav_with_a_header_and_no_samples_is_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path, wav(np.zeros(0)))
        == """\
error: a.wav holds no samples
  where: a.wav
  fix:   record something"""
    )


def test_a_wav_too_short_to_be_one_sample_of_the_kernel_is_refused(tmp_path: Path) -> None:
    """Else its frame would be silence, which was never recorded."""
    assert "holds no samples" in refusal(tmp_path, wav(np.array([0.5]), 192_000))


NO_DATA = "Error in WAV file. No 'data' chunk marker."


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param(with_size(b"RIFF0000WAVE" + b"\x01" * 36), NO_DATA, id="noise"),
        pytest.param(with_size(b"RIFF0000WAVE"), NO_DATA, id="nothing more"),
        pytest.param(
            wav(tones(RATE))[:22] + b"\0\0" + wav(tones(RATE))[24:], "Channel count is zero.", id="no channels"
        ),
    ],
)
def test_a_wav_with_a_broken_header_is_refused_with_what_the_library_says(
    tmp_path: Path, data: bytes, why: str
) -> None:
    assert (
        refusal(tmp_path, data)
        == f"""\
error: a.wav cannot be read as a WAV
  where: a.wav
  why:   {why}
  fix:   export it again"""
    )


def test_a_wav_with_a_rate_of_zero_is_refused(tmp_path: Path) -> None:
    data = wav(tones(RATE))

    assert "a.wav cannot be read as a WAV" in refusal(tmp_path, data[:24] + bytes(4) + data[28:])


def test_a_recording_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        read_sound(tmp_path / "gone.wav", RATE)

    assert (
        str(refused.value)
        == f"""\
error: gone.wav cannot be read
  where: {tmp_path / "gone.wav"}
  why:   No such file or directory
  fix:   check the path"""
    )


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(Problem) as refused:
        read_sound(tmp_path, RATE)

    assert (
        str(refused.value)
        == f"""\
error: {tmp_path.name} cannot be read
  where: {tmp_path}
  why:   Is a directory
  fix:   check the path"""
    )


WHOLE = wav(tones(RATE)[:200])


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_mangled_wav_gives_finite_samples_or_a_problem_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The rate is left alone: a rate of 1 Hz is right, and sixteen thousand samples for each."""
    mangled = bytearray(WHOLE)
    places = st.integers(0, 60).filter(lambda at: not 24 <= at < 28)
    for at in data.draw(st.lists(places, min_size=1, max_size=4)):
        mangled[at] = data.draw(st.integers(0, 255))
    kept = data.draw(st.just(len(WHOLE)) | st.integers(0, len(WHOLE)))
    with contextlib.suppress(Problem):
        samples = read(tmp_path_factory.getbasetemp(), bytes(mangled[:kept]), "mangled.wav")

        assert samples.ndim == 1
        assert samples.size > 0
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1


# Frames


def test_frames_begin_a_hop_apart_and_overlap() -> None:
    assert frames(np.arange(10), 4, 3).tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]


@pytest.mark.parametrize(("samples", "count"), [(400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (16_000, 98)])
def test_only_whole_frames_are_cut(samples: int, count: int) -> None:
    cut = frames(np.arange(samples), 400, 160)

    assert cut.shape == (count, 400)
    assert cut[:, 0].tolist() == [160 * n for n in range(count)]


def test_a_recording_shorter_than_a_frame_is_padded_with_silence() -> None:
    assert frames(np.array([1, 2, 3]), 5, 2).tolist() == [[1, 2, 3, 0, 0]]


def test_frames_keep_their_type() -> None:
    assert frames(np.zeros(3, np.int16), 5, 2).dtype == np.int16
    assert frames(np.zeros(9, np.int16), 5, 2).dtype == np.int16


def test_frames_do_not_wait_for_a_hop_longer_than_a_frame() -> None:
    assert frames(np.arange(9), 2, 5).tolist() == [[0, 1], [5, 6]]
