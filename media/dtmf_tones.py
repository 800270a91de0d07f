"""Keys as sound (ITU-T Q.23), for a far party that takes no telephone events."""

from __future__ import annotations

import numpy as np

from media.dtmf_detector import HIGH_HZ, KEYS, LOW_HZ
from media.dtmf_sender import MAX_TONE_MS, MAX_WAITING, MIN_GAP_MS, MIN_TONE_MS, PAUSE, PAUSE_MS, DigitsError

# Amplitudes of -9 and -7 dBm0: the high tones are attenuated more on their way.
LOW_AMPLITUDE = 8100.0
HIGH_AMPLITUDE = 10200.0
RAMP_MS = 3
# Sound of one order: more is refused.
MAX_MS = 60_000

_TONES = {
    key: (LOW_HZ[row], HIGH_HZ[column]) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)
}


def tones(digits: str, tone_ms: int, gap_ms: int, sample_rate: int) -> bytes:
    """`digits` as s16le mono, each tone followed by its gap; `w` is half a second of silence.

    Raises `DigitsError`.
    """
    digits = digits.upper().replace("W", PAUSE)
    if not digits or len(digits) > MAX_WAITING or any(key != PAUSE and key not in _TONES for key in digits):
        raise DigitsError("not a string of 0-9 * # A-D w")
    tone_ms = min(max(tone_ms, MIN_TONE_MS), MAX_TONE_MS)
    gap_ms = max(gap_ms, MIN_GAP_MS)
    if sum(PAUSE_MS if key == PAUSE else tone_ms + gap_ms for key in digits) > MAX_MS:
        raise DigitsError("too long to be sent as sound")
    gap = bytes(2 * (sample_rate * gap_ms // 1000))
    pause = bytes(2 * (sample_rate * PAUSE_MS // 1000))
    return b"".join(pause if key == PAUSE else _tone(key, tone_ms, sample_rate) + gap for key in digits)


def _tone(key: str, tone_ms: int, sample_rate: int) -> bytes:
    low, high = _TONES[key]
    time = np.arange(sample_rate * tone_ms // 1000) / sample_rate
    sound = LOW_AMPLITUDE * np.sin(2 * np.pi * low * time) + HIGH_AMPLITUDE * np.sin(2 * np.pi * high * time)
    ramp = sample_rate * RAMP_MS // 1000
    edge = np.linspace(0.0, 1.0, ramp, endpoint=False)
    sound[:ramp] *= edge
    sound[-ramp:] *= edge[::-1]
    return np.rint(sound).astype("<i2").tobytes()
