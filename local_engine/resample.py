"""Band-limited change of sample rate for whole utterances, and a cheap one for streams.

Whole utterances go through the discrete Fourier transform: exact inside the pass band, with a raised-cosine
edge below the lower of the two Nyquist frequencies so that nothing rings. A stream (the echo scenario with
unequal rates) is interpolated linearly, which is enough to hear that audio returns.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

# The transition band's width as a share of the lower Nyquist frequency.
_EDGE = 0.06


def _smooth_at_least(count: int) -> int:
    """The smallest number >= `count` with no prime factor above 5: transforms of such lengths are fast."""
    best = 1 << max(count - 1, 0).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            product = three << max(math.ceil(count / three) - 1, 0).bit_length()
            best = min(best, product) if product >= count else best
            three *= 3
        five *= 5
    return best


def resample(samples: Samples, source_hz: int, target_hz: int) -> Samples:
    """`samples` (mono) at `target_hz`. The length is `ceil(len * target / source)`."""
    if source_hz == target_hz or not len(samples):
        return samples
    divisor = math.gcd(source_hz, target_hz)
    up, down = target_hz // divisor, source_hz // divisor
    wanted = -(-len(samples) * up // down)
    # A margin of silence keeps the transform's circular wrap away from the first and last sample.
    margin = 64
    units = _smooth_at_least(-(-len(samples) // down) + 2 * -(-margin // down) + 1)
    padded = np.zeros(units * down, dtype=np.float64)
    padded[: len(samples)] = samples
    spectrum = np.fft.rfft(padded)
    size = units * up
    bins = min(len(spectrum), size // 2 + 1)
    shaped = np.zeros(size // 2 + 1, dtype=np.complex128)
    shaped[:bins] = spectrum[:bins]
    edge = max(int(bins * _EDGE), 1)
    shaped[bins - edge : bins] *= 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, edge))
    result = np.fft.irfft(shaped, n=size)[:wanted] * (size / len(padded))
    return np.clip(np.rint(result), -32768, 32767).astype(np.int16)


class StreamResampler:
    """Linear interpolation over successive pieces of one stream, with no click at their borders."""

    __slots__ = ("_last", "_position", "_step")

    def __init__(self, source_hz: int, target_hz: int) -> None:
        self._step = source_hz / target_hz
        self._position = 1.0
        self._last = 0

    def feed(self, samples: Samples) -> Samples:
        """The output for the next piece of input; a sample more or less than the exact share."""
        if not len(samples):
            return samples
        extended = np.concatenate(([self._last], samples)).astype(np.float64)
        count = max(0, math.floor((len(extended) - 1 - self._position) / self._step) + 1)
        at = self._position + self._step * np.arange(count)
        self._position = self._position + self._step * count - len(samples)
        self._last = int(samples[-1])
        result: Samples = np.interp(at, np.arange(len(extended)), extended).astype(np.int16)
        return result
