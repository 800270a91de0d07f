"""What a caller hears before the answer where we tell it that the other side rings: the tone of most of
Europe and of ITU-T E.180, 425 Hz for one second in five.
"""

from __future__ import annotations

import functools

import numpy as np

FREQUENCY_HZ = 425.0
SOUND_S = 1.0
PERIOD_S = 5.0
AMPLITUDE = 3600.0  # about -22 dBFS
EDGE_S = 0.01


@functools.lru_cache(maxsize=8)
def ringing_tone(sample_rate: int) -> bytes:
    """One period as s16le mono, to be repeated."""
    time = np.arange(round(SOUND_S * sample_rate)) / sample_rate
    edges = np.clip(np.minimum(time, SOUND_S - time) / EDGE_S, 0.0, 1.0)
    sound = AMPLITUDE * edges * np.sin(2 * np.pi * FREQUENCY_HZ * time)
    silence = np.zeros(round((PERIOD_S - SOUND_S) * sample_rate))
    return np.rint(np.concatenate((sound, silence))).astype("<i2").tobytes()
