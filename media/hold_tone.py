"""What a held party hears when no music is configured: a soft chord, now and then, so that the line is not
taken for dead.
"""

from __future__ import annotations

import functools

import numpy as np

PERIOD_S = 4.0
# Struck one after the other, each left to fade.
NOTES_HZ = (523.25, 659.25, 783.99)
STRIKE_S = 0.35
FADE_S = 0.9
ATTACK_S = 0.02
AMPLITUDE = 3000.0  # of one note: about -20 dBFS where all three sound


@functools.lru_cache(maxsize=8)
def hold_tone(sample_rate: int) -> bytes:
    """One period as s16le mono, to be repeated."""
    length = round(PERIOD_S * sample_rate)
    time = np.arange(length) / sample_rate
    sound = np.zeros(length)
    for number, frequency in enumerate(NOTES_HZ):
        since = time - number * STRIKE_S
        level = np.clip(since / ATTACK_S, 0.0, 1.0) * np.exp(-np.maximum(since, 0.0) / FADE_S)
        sound += AMPLITUDE * level * np.sin(2 * np.pi * frequency * np.maximum(since, 0.0))
    tail = round(0.05 * sample_rate)
    sound[-tail:] *= np.linspace(1.0, 0.0, tail)
    return np.rint(sound).astype("<i2").tobytes()
