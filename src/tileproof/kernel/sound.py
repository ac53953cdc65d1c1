"""Sounds to frames: any PCM WAV, mixed to one channel, resampled to the kernel's rate, cut into frames."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tileproof.errors import Problem, unreadable

ByteOrder = Literal["little", "big"]

_PCM = {"PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32"}
_RIFF_HEADER_BYTES = 12
_UNKNOWN = 0xFFFF_FFFF  # what a program writes that streams, and cannot come back to the header
_RATES = range(1_000, 768_001)  # Hz; anything else is no sound, and resampling it would take for ever


def read_sound(path: Path, sample_rate: int) -> npt.NDArray[np.float64]:
    """The samples of a PCM WAV in [-1, 1), one channel, at `sample_rate` Hz; a `Problem` for anything else."""
    import soundfile
    import soxr

    _refuse_what_is_no_wav(path)
    try:
        with soundfile.SoundFile(path) as file:
            if file.format not in ("WAV", "WAVEX") or file.subtype not in _PCM:
                raise Problem(
                    f"{path.name} is not PCM",
                    id="not-a-wav",
                    where=str(path),
                    why=f"it is {file.format_info}, {file.subtype_info}",
                    fix="convert it first, for instance: ffmpeg -i IN -c:a pcm_s16le OUT.wav",
                )
            samples = file.read(dtype="float64", always_2d=True)
            rate = file.samplerate
    except soundfile.LibsndfileError as error:
        raise Problem(
            f"{path.name} cannot be read as a WAV",
            id="damaged-file",
            where=str(path),
            why=str(error.error_string),
            fix="export it again",
        ) from None
    if rate not in _RATES:
        raise Problem(
            f"{path.name} has a sample rate of {rate:,} Hz",
            id="no-sound",
            where=str(path),
            why=f"sound has {_RATES[0]:,} to {_RATES[-1]:,}",
            fix="export it again",
        )
    if not samples.size:
        raise Problem(f"{path.name} holds no samples", id="no-sound", where=str(path), fix="record something")
    mono = samples.mean(axis=1)
    mono = mono if rate == sample_rate else np.asarray(soxr.resample(mono, rate, sample_rate), dtype=np.float64)
    if not mono.size:
        raise Problem(f"{path.name} holds no samples", id="no-sound", where=str(path), fix="record something longer")
    return mono


def frames(samples: npt.NDArray[np.generic], length: int, hop: int) -> npt.NDArray[np.generic]:
    """Frames of `length` samples, `hop` apart, as rows; a sound shorter than one frame is padded with silence."""
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]


def _refuse_what_is_no_wav(path: Path) -> None:
    """libsndfile reads what is there of a file that was cut short, without a word; its header says what should be."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_RIFF_HEADER_BYTES)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(head) < _RIFF_HEADER_BYTES or head[:4] not in (b"RIFF", b"RIFX") or head[8:] != b"WAVE":
        looks = "it is empty" if not head else f"it begins with {head[:12]!r}, and a WAV begins with RIFF....WAVE"
        raise Problem(
            f"{path.name} is not a WAV",
            id="not-a-wav",
            where=str(path),
            why=looks,
            fix="give a PCM WAV; ffmpeg converts anything else",
        )
    order: ByteOrder = "little" if head[:4] == b"RIFF" else "big"
    riff = int.from_bytes(head[4:8], order)
    declared = max(0 if riff == _UNKNOWN else 8 + riff, _data_end(path, order))
    if declared > size:
        raise Problem(
            f"{path.name} is cut short",
            id="damaged-file",
            where=str(path),
            why=f"its header declares {declared:,} bytes, and {size:,} are there",
            fix="copy or export it again",
        )


def _data_end(path: Path, order: ByteOrder) -> int:
    """Where the data chunk says that it ends; 0 if there is none, or if it does not know."""
    with path.open("rb") as file:
        at = _RIFF_HEADER_BYTES
        file.seek(at)
        while len(chunk := file.read(8)) == 8:
            length = int.from_bytes(chunk[4:], order)
            at += 8 + length
            if chunk[:4] == b"data":
                return 0 if length == _UNKNOWN else at
            at += at % 2
            file.seek(at)
    return 0
