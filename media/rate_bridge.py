"""Between a codec and a leg of different sample rates, 8 and 16 kHz: only after a re-INVITE that changed the
codec, or when the answer was narrower than what we offered.

A linear-phase filter (63 taps at 16 kHz) keeps out what the narrower side cannot carry. `audioop.ratecv` is
cheaper but has no filter: sibilants between 4 and 8 kHz would come back as noise in the middle of the band.
The delay is 2 ms, the cost about 20 us a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Audio = NDArray[np.float32]
_TAPS = 63


def _low_pass() -> _Audio:
    """A windowed sinc that passes the lower half of the band."""
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(at * 0.47) * np.hamming(_TAPS)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


# The filter's two phases; each meets every other sample of the faster side.
_EVEN: _Audio = np.ascontiguousarray(_low_pass()[0::2])
_ODD: _Audio = np.ascontiguousarray(_low_pass()[1::2])
_KEPT = len(_EVEN) - 1


class Doubler:
    """From 8 to 16 kHz."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: _Audio = np.zeros(_KEPT, dtype=np.float32)

    def convert(self, pcm: bytes | bytearray) -> bytes:
        """Twice as many samples."""
        samples = np.concatenate((self._before, np.frombuffer(pcm, dtype="<i2").astype(np.float32)))
        self._before = samples[-_KEPT:]
        doubled = np.empty(2 * (len(samples) - _KEPT), dtype=np.float32)
        doubled[0::2] = np.convolve(samples, 2 * _EVEN, "valid")
        doubled[1::2] = np.convolve(samples[1:], 2 * _ODD, "valid")
        return _to_pcm(doubled)


class Halver:
    """From 16 to 8 kHz."""

    __slots__ = ("_even_before", "_odd_before")

    def __init__(self) -> None:
        self._even_before: _Audio = np.zeros(_KEPT, dtype=np.float32)
        self._odd_before: _Audio = np.zeros(_KEPT, dtype=np.float32)

    def convert(self, pcm: bytes | bytearray) -> bytes:
        """Half as many samples; an even number goes in."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
        even = np.concatenate((self._even_before, samples[0::2]))
        odd = np.concatenate((self._odd_before, samples[1::2]))
        self._even_before, self._odd_before = even[-_KEPT:], odd[-_KEPT:]
        # An odd tap reaches one sample further back than the even one before it.
        halved = np.convolve(even, _EVEN, "valid") + np.convolve(odd[:-1], _ODD, "valid")
        return _to_pcm(halved)


class RateBridge:
    """Both directions of one leg, whose codec and whose own rate are 8000 and 16000 in either order."""

    __slots__ = ("_in", "_out", "_widens")

    def __init__(self, codec_rate: int, leg_rate: int) -> None:
        self._widens = codec_rate < leg_rate
        self._in: Doubler | Halver = Doubler() if self._widens else Halver()
        self._out: Doubler | Halver = Halver() if self._widens else Doubler()

    def inward(self, pcm: bytes | None) -> bytes | None:
        """From the codec to the leg; None is silence."""
        return None if pcm is None else self._in.convert(pcm)

    def outward(self, pcm: bytes | bytearray | None) -> bytes | None:
        """From the leg to the codec; None is silence."""
        return None if pcm is None else self._out.convert(pcm)


def _to_pcm(samples: _Audio) -> bytes:
    return bytes(np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes())
