"""What a caller hears in early media while we have not answered: the ringing tone of North America, 440 and
480 Hz, two seconds in six.
"""

from __future__ import annotations

import functools

import numpy as np

from media.playout import FRAME_MS

TONES_HZ = (440.0, 480.0)
ON_S = 2.0
PERIOD_S = 6.0
RAMP_S = 0.01
AMPLITUDE = 2900.0  # of one of the two: together about -19 dBFS


@functools.lru_cache(maxsize=8)
def ringing_tone(sample_rate: int) -> bytes:
    """One period as s16le mono, to be repeated."""
    time = np.arange(round(ON_S * sample_rate)) / sample_rate
    sound = sum(AMPLITUDE * np.sin(2 * np.pi * frequency * time) for frequency in TONES_HZ)
    ramp = np.clip(np.minimum(time, ON_S - time) / RAMP_S, 0.0, 1.0)
    silence = np.zeros(round((PERIOD_S - ON_S) * sample_rate))
    return np.rint(np.concatenate((sound * ramp, silence))).astype("<i2").tobytes()


def ringing_frame(sample_rate: int, number: int) -> bytes:
    """The frame of this number, at 20 ms each; a change of the rate goes on at the same moment."""
    tone = ringing_tone(sample_rate)
    size = sample_rate * FRAME_MS // 1000 * 2
    at = number * size % len(tone)
    return tone[at : at + size]
