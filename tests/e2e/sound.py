"""Sound as the tests judge it: G.711 from its definition, tones with their level and phase, one sound inside another.

Written apart from the product's own codecs on purpose: a fault shared by both would hide itself. All audio is signed 16-bit
mono at 8 kHz in numpy arrays.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

RATE = 8000
FRAME = 160

Samples = NDArray[np.int16]


def _decode_mulaw_byte(code: int) -> int:
    """G.711 mu-law: the code is stored inverted; sign, three bits of exponent, four of mantissa, bias 33."""
    value = ~code & 0xFF
    magnitude = ((((value & 0x0F) << 1) + 33) << ((value >> 4) & 7)) - 33
    return (-magnitude if value & 0x80 else magnitude) * 4


MULAW = np.array([_decode_mulaw_byte(code) for code in range(256)], dtype=np.int16)
_order = np.argsort(MULAW, kind="stable")
_sorted = MULAW[_order].astype(np.int32)
_middles = (_sorted[1:] + _sorted[:-1]) // 2


def from_mulaw(data: bytes) -> Samples:
    return MULAW[np.frombuffer(data, dtype=np.uint8)]


def to_mulaw(samples: Samples) -> bytes:
    """The nearest code of each sample."""
    nearest = np.searchsorted(_middles, samples.astype(np.int32), side="left")
    return bytes(_order[nearest].astype(np.uint8).tobytes())


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def tone(frequency: float, seconds: float, amplitude: int = 8000) -> Samples:
    """A sine, starting at phase zero, with edges of 5 ms so that it does not click."""
    time = np.arange(round(seconds * RATE)) / RATE
    edge = np.minimum(1.0, np.minimum(time, time[-1] - time) / 0.005)
    return np.asarray(np.round(amplitude * edge * np.sin(2 * np.pi * frequency * time)), dtype=np.int16)


def read_wav(source: Path | str | IO[bytes]) -> Samples:
    """A WAV file of 16 bit; it must be mono at 8 kHz."""
    with wave.open(str(source) if isinstance(source, Path) else source, "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE), (
            file.getparams()
        )
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)


def write_wav(target: Path, samples: Samples) -> Path:
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return target


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) if len(samples) else 0.0


def loud_part(samples: Samples, threshold: float = 200) -> slice:
    """From the first to the last 10 ms that are louder than `threshold` (RMS)."""
    step = RATE // 100
    levels = [rms(samples[at : at + step]) for at in range(0, len(samples) - step + 1, step)]
    loud = [index for index, level in enumerate(levels) if level > threshold]
    return slice(loud[0] * step, (loud[-1] + 1) * step) if loud else slice(0, 0)


@dataclass(frozen=True, slots=True)
class ToneReport:
    """How pure, how loud and how steady a tone is."""

    amplitude: float
    purity: float  # share of the energy that is at the frequency, 0..1
    phase_jumps: int  # 20 ms steps at which the phase leaves its course: each a lost, doubled or late frame
    dips: int  # 20 ms steps much quieter than the rest


def examine_tone(samples: Samples, frequency: float) -> ToneReport:
    """Examine `samples`, which should be nothing but that tone.

    A frequency whose period does not divide 20 ms (1013 Hz, not 1000) makes a missing frame visible as a jump of phase.
    """
    steps = len(samples) // FRAME
    time = np.arange(steps * FRAME) / RATE
    shifted = samples[: steps * FRAME].astype(np.float64) * np.exp(-2j * np.pi * frequency * time)
    vectors = 2 * shifted.reshape(steps, FRAME).mean(axis=1)
    amplitudes = np.abs(vectors)
    level = float(np.median(amplitudes))
    energy = float(np.mean(np.square(samples[: steps * FRAME].astype(np.float64))))
    turns = np.angle(vectors[1:] / np.where(vectors[:-1] == 0, 1, vectors[:-1]))
    course = np.median(turns)  # two clocks differ a little: a steady drift is no jump
    jumps = int(np.sum(np.abs(np.angle(np.exp(1j * (turns - course)))) > 0.35))
    return ToneReport(
        amplitude=level,
        purity=float(np.mean(np.square(amplitudes)) / 2 / energy) if energy else 0.0,
        phase_jumps=jumps,
        dips=int(np.sum(amplitudes < 0.7 * level)),
    )


def find(needle: Samples, haystack: Samples) -> tuple[int, float]:
    """Where `needle` lies in `haystack` (sample index) and how alike the two are there (correlation, -1..1)."""
    if len(haystack) < len(needle):
        return 0, 0.0
    small = needle.astype(np.float64) - needle.mean()
    large = haystack.astype(np.float64)
    size = 1 << int(np.ceil(np.log2(len(small) + len(large))))
    products = np.fft.irfft(np.fft.rfft(large, size) * np.conj(np.fft.rfft(small, size)), size)
    products = products[: len(large) - len(small) + 1]
    sums = np.concatenate(([0.0], np.cumsum(large)))
    squares = np.concatenate(([0.0], np.cumsum(large * large)))
    count = len(small)
    total = sums[count:] - sums[:-count]
    spread = np.sqrt(np.maximum(squares[count:] - squares[:-count] - total * total / count, 1.0))
    likeness = products / (spread * max(float(np.sqrt(np.sum(small * small))), 1.0))
    best = int(np.argmax(likeness))
    return best, float(likeness[best])
