"""Soft edges of audio: where it breaks off, comes back or is shortened, it fades within 5 ms instead of
clicking.

Frames are s16le mono. Used at the edges of an interrupted playout and where a frame is left out, so it may
cost a little. What hides lost packets is in `media.pitch_concealment` and `media.codec_concealment`.
"""

from __future__ import annotations

import audioop

import numpy as np
from numpy.typing import NDArray

# Made-up speech is gone after this (ITU-T G.711, Appendix I).
CONCEAL_MS = 60
EDGE_MS = 5


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


def mirrored(frame: bytes | bytearray) -> bytes:
    """A quiet frame once more: it begins as the first one ends, and ends as it ended."""
    return cross_fade(audioop.reverse(frame, 2), frame)
