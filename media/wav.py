"""WAV files: the header of a growing file, and reading a file to be played."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES = _HEADER.size
_PCM = 1
_MAX_DATA = 0xFFFFFFFF - HEADER_BYTES
# Taps of the half-band filter in front of a 2:1 decimation.
_TAPS = 63


class WavError(ValueError):
    """The file cannot be played: the text says why."""


def header(channels: int, sample_rate: int, data_bytes: int) -> bytes:
    """The 44 bytes in front of 16-bit PCM."""
    data_bytes = min(data_bytes, _MAX_DATA)
    block = channels * 2
    return _HEADER.pack(
        b"RIFF",
        data_bytes + HEADER_BYTES - 8,
        b"WAVE",
        b"fmt ",
        16,
        _PCM,
        channels,
        sample_rate,
        sample_rate * block,
        block,
        16,
        b"data",
        data_bytes,
    )


def load(path: Path, sample_rate: int, max_s: float) -> bytes:
    """The file as s16le mono at `sample_rate`. Takes mono 16 bit of that rate, of half or of twice the rate.

    Raises `WavError`; `OSError` when the file cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            if channels != 1 or width != 2:
                raise WavError(f"{channels} channels of {8 * width} bits; mono of 16 bits is needed")
            if rate not in (sample_rate, 2 * sample_rate, sample_rate // 2):
                raise WavError(f"{rate} Hz cannot be played at {sample_rate} Hz")
            if frames > max_s * rate:
                raise WavError(f"longer than {max_s:.0f} s")
            audio = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise WavError(f"no WAV file of PCM: {error}") from error
    if rate == 2 * sample_rate:
        return _halve(audio)
    if rate * 2 == sample_rate:
        return _double(audio)
    return audio


def _half_band() -> NDArray[np.float64]:
    """A windowed sinc that passes the lower half of the band."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(at * 0.47) * np.hamming(_TAPS)
    return np.asarray(taps / taps.sum(), dtype=np.float64)


def _halve(audio: bytes) -> bytes:
    samples = np.frombuffer(audio, dtype="<i2").astype(np.float64)
    if not len(samples):
        return b""
    filtered = np.convolve(samples, _half_band(), mode="same")[: len(samples)][::2]
    return np.clip(np.rint(filtered), -32768, 32767).astype("<i2").tobytes()


def _double(audio: bytes) -> bytes:
    samples = np.frombuffer(audio, dtype="<i2").astype(np.float64)
    if not len(samples):
        return b""
    stuffed = np.zeros(2 * len(samples))
    stuffed[::2] = 2 * samples
    filtered = np.convolve(stuffed, _half_band(), mode="same")[: len(stuffed)]
    return np.clip(np.rint(filtered), -32768, 32767).astype("<i2").tobytes()
