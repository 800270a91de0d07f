"""Audio by its content: signals to send, and what to look for in what comes back.

Samples are signed 16-bit mono arrays; levels are dBFS of the RMS, where a full-scale sine is -3.0.
"""

from __future__ import annotations

import itertools
import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE = 8000
SILENCE_DBFS = -120.0


# --- signals ---


def silence(duration_ms: float, rate: int = RATE) -> Samples:
    return np.zeros(_length(duration_ms, rate), dtype=np.int16)


def tone(frequency: float, duration_ms: float, *, rate: int = RATE, level_dbfs: float = -12.0) -> Samples:
    """A sine that begins at phase zero."""
    time = np.arange(_length(duration_ms, rate)) / rate
    return _scaled(np.sin(2 * np.pi * frequency * time), level_dbfs)


def chirp(
    duration_ms: float,
    *,
    low: float = 300.0,
    high: float = 3000.0,
    rate: int = RATE,
    level_dbfs: float = -12.0,
) -> Samples:
    """A sine that rises from `low` to `high`: its correlation with itself has one sharp peak."""
    time = np.arange(_length(duration_ms, rate)) / rate
    sweep = (high - low) / (duration_ms / 1000)
    return _scaled(np.sin(2 * np.pi * (low * time + sweep * time**2 / 2)), level_dbfs)


def noise(duration_ms: float, *, rate: int = RATE, level_dbfs: float = -30.0, seed: int = 1) -> Samples:
    """White noise, the same for the same seed."""
    generator = np.random.default_rng(seed)
    return _scaled(generator.standard_normal(_length(duration_ms, rate)), level_dbfs, peak=1 / np.sqrt(2))


def markers(
    duration_ms: float,
    *,
    interval_ms: float = 500.0,
    length_ms: float = 60.0,
    rate: int = RATE,
    level_dbfs: float = -9.0,
) -> Samples:
    """Short chirps in silence, one at the start of each interval."""
    signal = silence(duration_ms, rate)
    mark = chirp(length_ms, rate=rate, level_dbfs=level_dbfs)
    for start in range(0, len(signal) - len(mark) + 1, _length(interval_ms, rate)):
        signal[start : start + len(mark)] = mark
    return signal


def read_wav(path: Path) -> tuple[Samples, int]:
    """Samples and rate of a 16-bit file; of several channels the columns, one a channel."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
        if file.getnchannels() > 1:
            samples = samples.reshape(-1, file.getnchannels())
        return samples, file.getframerate()


def write_wav(path: Path, samples: Samples, rate: int = RATE) -> None:
    """A mono 16-bit file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


# --- findings ---


def level_dbfs(samples: Samples) -> float:
    """Level of the whole; `SILENCE_DBFS` for digital silence and for nothing at all."""
    if len(samples) == 0:
        return SILENCE_DBFS
    rms = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
    return max(SILENCE_DBFS, 20 * math.log10(max(rms, 1e-9) / 32768))


def tone_level_dbfs(samples: Samples, frequency: float, rate: int = RATE) -> float:
    """Level of one frequency alone (Goertzel's sum, Hann window)."""
    if len(samples) == 0:
        return SILENCE_DBFS
    window = np.hanning(len(samples))
    phase = np.exp(-2j * np.pi * frequency / rate * np.arange(len(samples)))
    amplitude = 2 * abs(np.dot(samples * window, phase)) / window.sum()
    return max(SILENCE_DBFS, 20 * math.log10(max(float(amplitude), 1e-9) / math.sqrt(2) / 32768))


def dominant_tone(samples: Samples, rate: int = RATE) -> tuple[float, float]:
    """The strongest frequency in Hz (interpolated between FFT bins) and its level in dBFS."""
    if len(samples) < 3:
        return 0.0, SILENCE_DBFS
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    spectrum[0] = 0
    peak = int(np.argmax(spectrum))
    offset = 0.0
    if 0 < peak < len(spectrum) - 1:
        left, middle, right = np.log(np.maximum(spectrum[peak - 1 : peak + 2], 1e-12))
        curvature = left - 2 * middle + right
        offset = 0.0 if curvature == 0 else 0.5 * float(left - right) / float(curvature)
    frequency = (peak + offset) * rate / len(samples)
    return frequency, tone_level_dbfs(samples, frequency, rate)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of audio, in milliseconds from its start."""

    start_ms: float
    end_ms: float

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms


def loud_spans(
    samples: Samples,
    *,
    rate: int = RATE,
    threshold_dbfs: float = -40.0,
    window_ms: float = 5.0,
    join_ms: float = 0.0,
) -> list[Span]:
    """Where the level of a short window is above the threshold; pauses up to `join_ms` do not part a span."""
    step = max(1, _length(window_ms, rate))
    windows = len(samples) // step
    if windows == 0:
        return []
    power = np.mean(samples[: windows * step].astype(np.float64).reshape(windows, step) ** 2, axis=1)
    loud = power >= (32768 * 10 ** (threshold_dbfs / 20)) ** 2
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    spans: list[Span] = []
    for start, end in zip(edges[::2] * step * 1000 / rate, edges[1::2] * step * 1000 / rate, strict=True):
        if spans and start - spans[-1].end_ms <= join_ms:
            spans[-1] = Span(spans[-1].start_ms, float(end))
        else:
            spans.append(Span(float(start), float(end)))
    return spans


def gaps(
    samples: Samples,
    *,
    rate: int = RATE,
    threshold_dbfs: float = -40.0,
    minimum_ms: float = 10.0,
    window_ms: float = 5.0,
) -> list[Span]:
    """Pauses of at least `minimum_ms` between the first and the last loud moment."""
    spans = loud_spans(samples, rate=rate, threshold_dbfs=threshold_dbfs, window_ms=window_ms)
    pauses = [Span(a.end_ms, b.start_ms) for a, b in itertools.pairwise(spans)]
    return [pause for pause in pauses if pause.duration_ms >= minimum_ms]


def find(needle: Samples, haystack: Samples, rate: int = RATE) -> tuple[float, float]:
    """Where `needle` begins in `haystack` (ms) and how alike they are there (correlation, 0 to 1).

    Cross-correlation by FFT, each place normalised by the haystack's own energy, so that a loud stranger does
    not win.
    """
    if len(haystack) < len(needle) or len(needle) == 0:
        return 0.0, 0.0
    size = 1 << (len(haystack) + len(needle) - 1).bit_length()
    pattern = needle.astype(np.float64) - needle.mean()
    field = haystack.astype(np.float64)
    correlation = np.fft.irfft(np.fft.rfft(field, size) * np.conj(np.fft.rfft(pattern, size)), size)
    correlation = correlation[: len(haystack) - len(needle) + 1]
    energy = np.concatenate(([0.0], np.cumsum(field**2)))
    local = energy[len(needle) :] - energy[: -len(needle)]
    # Near-silence would divide rounding errors by nothing.
    scale = np.sqrt(np.maximum(local, len(needle)) * np.sum(pattern**2))
    if not scale.any():
        return 0.0, 0.0
    likeness = correlation / np.maximum(scale, 1e-9)
    best = int(np.argmax(likeness))
    return best * 1000 / rate, float(np.clip(likeness[best], 0.0, 1.0))


def find_all(
    needle: Samples, haystack: Samples, *, rate: int = RATE, likeness: float = 0.7, spacing_ms: float = 100.0
) -> list[float]:
    """Every place (ms) where `needle` is found, at least `spacing_ms` apart, in order."""
    places: list[float] = []
    rest = haystack.copy()
    while True:
        place, alike = find(needle, rest, rate)
        if alike < likeness:
            return sorted(places)
        start = _length(place, rate)
        if all(abs(place - other) >= spacing_ms for other in places):
            places.append(place)
        rest[start : start + len(needle)] = 0


def _length(duration_ms: float, rate: int) -> int:
    return round(duration_ms * rate / 1000)


def _scaled(wave_form: npt.NDArray[np.float64], level: float, peak: float | None = None) -> Samples:
    """A unit signal at a level; `peak` is the amplitude at which its RMS would be -3 dB of full scale, 1 for
    a sine.
    """
    amplitude = 32768 * 10 ** (level / 20) * np.sqrt(2) * (1.0 if peak is None else peak)
    scaled: Samples = np.clip(np.round(wave_form * amplitude), -32768, 32767).astype(np.int16)
    return scaled
