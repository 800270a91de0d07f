"""Single tones in telephone audio: the beep of an answering machine, special information tones (ITU-T E.180),
the answer tone of a fax (ITU-T T.30).

Each loud frame's strongest frequency is looked up in its spectrum and then checked by projection (the
Goertzel filter at exactly that frequency): in a tone nearly all energy lies there, in speech it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

RATE = 8000
FRAME = 160
FRAME_MS = 20
# The spectrum is taken with zero padding: 15.6 Hz from bin to bin.
FFT_SIZE = 512
LOWEST_HZ = 350.0
HIGHEST_HZ = 2_200.0
# Share of a frame's energy that must lie in the tone. Noise as loud as the tone leaves it 0.5; a vowel
# reaches this for a few frames, so that a short tone must on average be purer.
PURE = 0.5
SHORT_FRAMES = 6
NEARLY_PURE = 0.9
# What is left of the frame without the tone is another tone.
SECOND_PURE = 0.7
SHORT_PURE = 0.85
# A frame below this level (-40 dBFS) is not looked at.
TONE_RMS = 300
# A tone may waver by so much from frame to frame, in frequency and in level.
WAVER_HZ = 15.0
WAVER_LEVEL = 1.6
# A beep lasts this long. Its first and last frame are partly filled and may not count.
BEEP_MIN_FRAMES = 4
BEEP_MAX_FRAMES = 60
# After its end the level falls to this share, or what goes on is a voice; again more strictly for short ones.
FALL = 0.75
SHORT_FALL = 0.5
# The answer tone of a fax: 2100 Hz for at least 2.6 s; a second of it is enough to know.
FAX_HZ = 2_100.0
FAX_TOLERANCE_HZ = 20.0
FAX_FRAMES = 60
# The first two of the three special information tones, by their bands.
SIT_BANDS = ((895.0, 1_005.0), (1_345.0, 1_455.0))
SIT_MIN_FRAMES = 8


class ToneKind(StrEnum):
    BEEP = "beep"
    SIT = "sit"
    FAX = "fax"


@dataclass(frozen=True, slots=True)
class Tone:
    kind: ToneKind
    frequency_hz: float
    duration_ms: int


@dataclass(slots=True)
class _Run:
    """Frames in a row with the same tone."""

    frequency: float
    frames: int
    lowest: int
    highest: int
    purity: float  # sum over the frames

    def beeps(self, level_after: int) -> bool:
        """Whether this was a beep, `level_after` being what follows it."""
        if not BEEP_MIN_FRAMES <= self.frames <= BEEP_MAX_FRAMES:
            return False
        short = self.frames <= SHORT_FRAMES
        if short and self.purity < SHORT_PURE * self.frames:
            return False
        if level_after > (SHORT_FALL if short else FALL) * self.highest:
            return False
        return self.highest <= WAVER_LEVEL * self.lowest


_WINDOW = np.hanning(FRAME)
_TIMES = np.arange(FRAME) / RATE
_LOW_BIN = int(LOWEST_HZ * FFT_SIZE / RATE)
_HIGH_BIN = int(HIGHEST_HZ * FFT_SIZE / RATE) + 1


def pure_tone(samples: NDArray[np.float64]) -> tuple[float, float]:
    """Frequency in Hz of the strongest component of 160 samples at 8 kHz, and its share of the energy."""
    spectrum = np.abs(np.fft.rfft(samples * _WINDOW, FFT_SIZE))
    band = spectrum[_LOW_BIN : _HIGH_BIN + 1]
    peak = int(band.argmax()) + _LOW_BIN
    left, middle, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-9)
    curve = left - 2 * middle + right
    offset = 0.5 * (left - right) / curve if curve else 0.0
    frequency = (peak + min(max(float(offset), -0.5), 0.5)) * RATE / FFT_SIZE
    turn = np.exp(-2j * np.pi * frequency * _TIMES)
    energy = float(np.dot(samples, samples))
    share = 2 * abs(np.dot(samples, turn)) ** 2 / (FRAME * energy) if energy else 0.0
    return frequency, min(float(share), 1.0)


def _single_tone(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The same, with a share of 0 when a second tone stands beside it (DTMF, ringing, busy)."""
    frequency, share = pure_tone(samples)
    if PURE <= share < NEARLY_PURE:
        turn = np.exp(-2j * np.pi * frequency * _TIMES)
        rest = samples - 2 / FRAME * np.real(np.dot(samples, turn) * np.conj(turn))
        if pure_tone(rest)[1] >= SECOND_PURE:
            return frequency, 0.0
    return frequency, share


class ToneTracker:
    """Follows the tones of one stream, 8 kHz, frame by frame."""

    __slots__ = ("_after", "_chain", "_fax_told", "_run", "_sit_told", "tonal")

    def __init__(self) -> None:
        self._run: _Run | None = None
        self._after: tuple[_Run, int] | None = None  # a run that has ended, and frames since
        self._chain: list[_Run] = []  # tones that followed one another without a pause
        self._sit_told = False
        self._fax_told = False
        self.tonal = False  # whether the last frame was part of a tone, longer than a vowel may look like one

    def feed(self, pcm: bytes, level: int) -> Tone | None:
        """20 ms at 8 kHz with its level (root mean square); the tone that was recognised just now."""
        found: Tone | None = None
        if self._after is not None:
            found = self._ended(level)
        frequency, share = 0.0, 0.0
        if level >= TONE_RMS:
            frequency, share = _single_tone(np.frombuffer(pcm, dtype="<i2").astype(np.float64))
        run = self._run
        self.tonal = False
        if share < PURE or not LOWEST_HZ <= frequency <= HIGHEST_HZ:
            if run is not None:
                self._run, self._after = None, (run, 0)
                self._chain.append(run)
            return found
        if run is not None and abs(frequency - run.frequency) <= WAVER_HZ:
            run.frames += 1
            run.lowest = min(run.lowest, level)
            run.highest = max(run.highest, level)
            run.purity += share
            self.tonal = run.frames > SHORT_FRAMES
            return found or self._long_tone(run)
        if run is not None:
            self._chain.append(run)
        if self._after is not None:
            self._after = None  # another tone follows: no beep, but perhaps the second of three
        self._run = _Run(frequency, 1, level, level, share)
        return found or self._information_tone(frequency)

    def _ended(self, level: int) -> Tone | None:
        """One frame after a run, which must fall off at once to have been a beep."""
        assert self._after is not None
        run, frames = self._after
        self._after = (run, frames + 1)
        if frames == 0 and level > SHORT_FALL * run.highest:
            return None  # the frame in which the tone ends is still partly filled
        self._after = None
        alone = len(self._chain) == 1
        self._chain.clear()
        if alone and run.beeps(level):
            return Tone(ToneKind.BEEP, run.frequency, run.frames * FRAME_MS)
        return None

    def _long_tone(self, run: _Run) -> Tone | None:
        if run.frames < FAX_FRAMES or self._fax_told or abs(run.frequency - FAX_HZ) > FAX_TOLERANCE_HZ:
            return None
        self._fax_told = True
        return Tone(ToneKind.FAX, run.frequency, run.frames * FRAME_MS)

    def _information_tone(self, frequency: float) -> Tone | None:
        """A tone begins right after another: the first two special information tones, one after the other."""
        if self._sit_told or not self._chain:
            return None
        before = self._chain[-1]
        first, second = SIT_BANDS
        if (
            before.frames < SIT_MIN_FRAMES
            or not first[0] <= before.frequency <= first[1]
            or not second[0] <= frequency <= second[1]
        ):
            return None
        self._sit_told = True
        return Tone(ToneKind.SIT, before.frequency, before.frames * FRAME_MS)
