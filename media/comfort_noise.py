"""Comfort noise: the payload that tells its level (RFC 3389), and noise of a given level.

Silence in the middle of a call sounds like a dead line; noise at the level of the far party's room does not.
"""

from __future__ import annotations

import audioop

import numpy as np

PAYLOAD_TYPE = 13  # RFC 3551, table 4
# A full-scale square wave has the level 0 dBov.
_FULL_SCALE = 32768.0
_TABLE_RMS = 1000.0
_TABLE_SAMPLES = 1 << 14
# Noise in rooms and lines falls with frequency: one pole.
_SMOOTHING = 0.5


def noise_rms(payload: bytes) -> float | None:
    """The RMS that a comfort noise payload asks for, in units of 16-bit samples; None when it says nothing.

    RFC 3389, section 3: the first byte is the level in -dBov; what follows shapes the spectrum and is not
    used.
    """
    if not payload:
        return None
    return float(_FULL_SCALE * 10.0 ** (-(payload[0] & 0x7F) / 20))


def _make_table() -> bytes:
    """One second or two of noise, with what is needed to read across its end."""
    white = np.random.default_rng(0x3389).standard_normal(_TABLE_SAMPLES)
    noise = np.empty_like(white)
    level = 0.0
    for place, value in enumerate(white):
        level = _SMOOTHING * level + value
        noise[place] = level
    noise *= _TABLE_RMS / np.sqrt(np.mean(noise**2))
    return bytes(np.clip(np.rint(noise), -32768, 32767).astype("<i2").tobytes())


_table = _make_table()


class ComfortNoise:
    """One leg's noise, s16le. It costs about a microsecond a frame."""

    __slots__ = ("_at",)

    def __init__(self) -> None:
        self._at = 0

    def take(self, samples: int, rms: float) -> bytes:
        """So many samples (fewer than 16384) at that level."""
        length = samples * 2
        start = self._at
        end = start + length
        if end > len(_table):
            start, end = 0, length
        self._at = end
        return audioop.mul(_table[start:end], 2, rms / _TABLE_RMS)
