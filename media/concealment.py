"""Hides short losses and soft edges of audio: the last frame again, fading within 60 ms (ITU-T G.711 Appendix
I sets the same limit), then silence.

Frames are s16le mono. Used on lost packets and at the edges of an interrupted playout, so it may cost a
little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CONCEAL_MS = 60
EDGE_MS = 5


class Concealer:
    """Makes up for missing frames of one stream at `sample_rate`."""

    __slots__ = ("_limit", "_ramp_samples", "faded", "frames_concealed", "last")

    def __init__(self, sample_rate: int) -> None:
        self._limit = sample_rate * CONCEAL_MS // 1000
        self._ramp_samples = sample_rate * EDGE_MS // 1000
        self.last = b""  # the last real frame, which a loss repeats: whoever plays one sets it
        self.faded = 0  # samples made up since then; when not 0 the next real frame must pass `resume`
        self.frames_concealed = 0

    def conceal(self, length: int) -> bytes:
        """`length` bytes in place of what is missing."""
        samples = length // 2
        start = self.faded
        self.faded = start + samples
        if not self.last or start >= self._limit:
            return bytes(length)
        self.frames_concealed += 1
        last = np.frombuffer(self.last, dtype="<i2")
        source = np.resize(last, start + samples)[start:]
        gain = 1.0 - np.arange(start, start + samples, dtype=np.float32) / self._limit
        np.clip(gain, 0.0, 1.0, out=gain)
        return bytes((source * gain).astype("<i2").tobytes())

    def resume(self, frame: bytes) -> bytes:
        """The first real frame after made-up ones, eased in so that it does not click."""
        self.faded = 0
        return fade_in(frame, self._ramp_samples)


def fade_in(frame: bytes | bytearray, samples: int) -> bytes:
    """The frame with its first samples rising from silence."""
    audio: NDArray[np.int16] = np.frombuffer(bytes(frame), dtype="<i2").copy()
    samples = min(samples, len(audio))
    ramp = np.arange(1, samples + 1, dtype=np.float32) / (samples + 1)
    audio[:samples] = (audio[:samples] * ramp).astype(np.int16)
    return audio.astype("<i2").tobytes()


def fade_out_tail(last: bytes | bytearray, length: int, samples: int) -> bytes:
    """`length` bytes that lead from the end of `last` to silence: its last samples mirrored and falling."""
    audio = np.frombuffer(bytes(last), dtype="<i2")
    tail = audio[-samples:][::-1]
    ramp = np.arange(len(tail), 0, -1, dtype=np.float32) / (len(tail) + 1)
    faded = (tail * ramp).astype("<i2").tobytes()[:length]
    return faded + bytes(length - len(faded))


def cross_fade(earlier: bytes | bytearray, later: bytes | bytearray) -> bytes:
    """One frame that begins as `earlier` and ends as `later`, which are of the same length."""
    first = np.frombuffer(bytes(earlier), dtype="<i2").astype(np.float32)
    second = np.frombuffer(bytes(later), dtype="<i2").astype(np.float32)
    ramp = np.arange(1, len(first) + 1, dtype=np.float32) / (len(first) + 1)
    return bytes((first * (1 - ramp) + second * ramp).astype("<i2").tobytes())
