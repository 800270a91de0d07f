"""Generated audio: sine tones, keypad tones (ITU-T Q.23) and silence, as s16le mono."""

from __future__ import annotations

import numpy as np

_ROWS = (697, 770, 852, 941)
_COLUMNS = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
# Ramps at both ends of a tone, so that it does not click.
_RAMP_MS = 5


def tone(frequencies: tuple[float, ...], duration_ms: float, rate: int, peak: int = 10000) -> bytes:
    """The sum of sines at `frequencies` Hz, together at most `peak` high."""
    count = round(duration_ms * rate / 1000)
    at = np.arange(count) / rate
    wave = np.zeros(count)
    for frequency in frequencies:
        wave += np.sin(2 * np.pi * frequency * at)
    wave *= peak / max(len(frequencies), 1)
    ramp = min(count // 2, rate * _RAMP_MS // 1000)
    if ramp:
        slope = np.linspace(0.0, 1.0, ramp)
        wave[:ramp] *= slope
        wave[count - ramp :] *= slope[::-1]
    return wave.astype("<i2").tobytes()


def chirp(low: float, high: float, duration_ms: float, rate: int, peak: int = 10000) -> bytes:
    """A sine that rises evenly from `low` to `high` Hz."""
    count = round(duration_ms * rate / 1000)
    at = np.arange(count) / rate
    sweep = (high - low) * 1000 / max(duration_ms, 1.0)
    wave = peak * np.sin(2 * np.pi * (low * at + sweep * at**2 / 2))
    return wave.astype("<i2").tobytes()


def silence(duration_ms: float, rate: int) -> bytes:
    """Zero samples."""
    return bytes(2 * round(duration_ms * rate / 1000))


def keypad(digits: str, rate: int, tone_ms: float = 200, space_ms: float = 100) -> bytes:
    """The keypad tones of `digits` (0-9 * # A-D), in order; other characters are skipped."""
    parts: list[bytes] = []
    for digit in digits.upper():
        for row, keys in zip(_ROWS, _KEYS, strict=True):
            if digit in keys:
                parts.append(tone((row, _COLUMNS[keys.index(digit)]), tone_ms, rate))
                parts.append(silence(space_ms, rate))
    return b"".join(parts)
