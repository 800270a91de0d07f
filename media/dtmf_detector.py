"""Keys in the audio itself: dual-tone multi-frequency signals (ITU-T Q.23), found as Q.24 asks.

Overlapping windows of 20 ms, one every 10 ms, each with Goertzel's sums for the eight frequencies (all at
once, as one matrix product). A window holds a key when one tone of each group stands out of its group, both
together are nearly all of the sound and their levels fit each other; speech hardly ever does so for four
hundredths of a second, which is what a key needs.
"""

from __future__ import annotations

import audioop

import numpy as np
from numpy.typing import NDArray

from media.dtmf import Digit

FRAME_MS = 20
HOP_MS = 10
LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
# Windows of the same key in a row that make it one, and windows without it that end it.
HITS = 3
MISSES = 3
# 0 dBm0 as a mean square of 16-bit samples: a sine of full scale has 3.14 dBm0 (ITU-T G.711).
DBM0 = 0.5 * 32768.0**2 / 10**0.314
WEAKEST_TONE = DBM0 * 10**-3.7
# A frame that is quieter than this as a whole is not looked at (about -36 dBm0).
QUIET_RMS = round((DBM0 * 10**-3.6) ** 0.5)
# Share of the sound that must be in the two tones. A tone 1.5 % off its frequency loses a tenth by it.
PURITY = 0.77
# The louder tone of a group over the others of it, as a ratio of powers.
MARGIN = 6.0
# The high tone over the low one, and the other way round (Q.24 leaves this to the country; 6 dB and 9 dB).
TWIST_HIGH = 10**0.6
TWIST_LOW = 10**0.9


class DtmfDetector:
    """Finds keys in 20 ms frames of s16le mono at `sample_rate`."""

    __slots__ = (
        "_buffer",
        "_energy_weights",
        "_half",
        "_hits",
        "_key",
        "_length",
        "_matrix",
        "_misses",
        "_windows",
        "tone",
    )

    def __init__(self, sample_rate: int) -> None:
        length = sample_rate * FRAME_MS // 1000
        self._length = length
        self._half = length // 2
        window = np.hanning(length + 1)[:-1]
        angles = 2 * np.pi * np.outer(np.arange(length), (*LOW_HZ, *HIGH_HZ)) / sample_rate
        scale = np.sqrt(2.0) / window.sum()  # squared sums are the mean squares of the tones
        self._matrix: NDArray[np.float32] = (
            np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * window[:, None] * scale
        ).astype(np.float32)
        self._energy_weights: NDArray[np.float32] = (window**2 / np.sum(window**2)).astype(np.float32)
        self._buffer: NDArray[np.float32] = np.zeros(length + self._half, dtype=np.float32)
        self._windows = np.lib.stride_tricks.sliding_window_view(self._buffer, length)[:: self._half]
        self._key = ""
        self._hits = 0
        self._misses = 0
        self.tone = False  # whether the last frame held a key's tones: it is not speech

    @property
    def frame_bytes(self) -> int:
        return 2 * self._length

    def take(self, frame: bytes | None) -> list[Digit]:
        """One frame, None for silence; the keys that ended with it."""
        if frame is None or audioop.rms(frame, 2) < QUIET_RMS:
            self.tone = False
            self._buffer[: self._half] = 0.0
            return self._step("") + self._step("") if self._key else []
        buffer, length = self._buffer, self._length
        buffer[self._half :] = np.frombuffer(frame, dtype="<i2")
        sums = self._windows @ self._matrix
        squares = sums * sums
        powers = (squares[:, :8] + squares[:, 8:]).tolist()
        totals = ((self._windows * self._windows) @ self._energy_weights).tolist()
        buffer[: self._half] = buffer[length:].copy()
        first = _key(powers[0], totals[0])
        second = _key(powers[1], totals[1])
        self.tone = bool(first or second)
        done = self._step(first)
        done += self._step(second)
        return done

    def _step(self, key: str) -> list[Digit]:
        """One window on: `key` as it was seen there, empty for none."""
        if key and key == self._key:
            self._hits += 1 + self._misses  # a short drop-out belongs to the key
            self._misses = 0
            return []
        if self._key:
            self._misses += 1
            if self._misses < MISSES and not (key and self._hits < HITS):
                return []
        done = self._finish()
        if key:
            self._key, self._hits = key, 1
        return done

    def _finish(self) -> list[Digit]:
        key, hits = self._key, self._hits
        self._key = ""
        self._hits = self._misses = 0
        return [Digit(key, (hits + 1) * HOP_MS)] if hits >= HITS else []


def _key(powers: list[float], total: float) -> str:
    """The key of one window by the powers of its eight tones, empty for none."""
    low, high = max(powers[:4]), max(powers[4:])
    if low < WEAKEST_TONE or high < WEAKEST_TONE or low + high < PURITY * total:
        return ""
    if high > low * TWIST_HIGH or low > high * TWIST_LOW:
        return ""
    row, column = powers.index(low, 0, 4), powers.index(high, 4)
    for at, power in enumerate(powers):
        if at not in (row, column) and power * MARGIN > (low if at < 4 else high):
            return ""
    return KEYS[row][column - 4]
