"""Voice activity detection by energy, on frames of 32 ms. Sans-I/O: audio in, events out, time is the audio's
own.

A frame's activation runs from 0 to 1: how far its level lies above the noise floor, which follows the
quietest recent frames within bounds. `frameActivationThreshold` is compared with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FRAME_MS = 32

# Levels in dB relative to full scale.
_FLOOR_LOW = -70.0
_FLOOR_HIGH = -50.0
_FLOOR_RISE_PER_FRAME = 0.05
_MARGIN = 8.0
_SPAN = 25.0
_DIGITAL_SILENCE = -100.0


@dataclass(frozen=True, slots=True)
class VadSettings:
    """`vadSettings` of a call, durations in ms."""

    turn_endpoint_delay_ms: float = 384.0
    minimum_turn_ms: float = 0.0
    minimum_interruption_ms: float = 90.0
    activation_threshold: float = 0.1


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first active frame after a pause; `at_ms` is its place in the input audio."""

    at_ms: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """`turnEndpointDelay` has passed without speech.

    Times are places in the input audio; `speech_ms` is active time.
    """

    start_ms: float
    end_ms: float
    speech_ms: float


VadEvent = SpeechStarted | SpeechEnded


def level_dbfs(samples: np.typing.NDArray[np.int16]) -> float:
    """Root mean square of `samples` in dB relative to full scale."""
    if not len(samples):
        return _DIGITAL_SILENCE
    wide = samples.astype(np.float32)
    power = float(np.dot(wide, wide)) / len(samples)
    return 10 * math.log10(power / 1073741824.0) if power > 0.1 else _DIGITAL_SILENCE


class VoiceActivityDetector:
    """Finds where the caller speaks. `rate` in Hz; feed s16le mono in pieces of any even size."""

    __slots__ = (
        "_buffer",
        "_floor",
        "_frame_bytes",
        "_last_active_ms",
        "_settings",
        "_start_ms",
        "audio_ms",
        "speech_ms",
    )

    def __init__(self, rate: int, settings: VadSettings) -> None:
        self._settings = settings
        self._frame_bytes = 2 * (rate * FRAME_MS // 1000)
        self._buffer = bytearray()
        self._floor = _FLOOR_HIGH
        self._start_ms: float | None = None
        self._last_active_ms = 0.0
        self.audio_ms = 0.0
        """How much audio has been judged."""
        self.speech_ms = 0.0
        """Active time since the present speech began; 0 while nobody speaks."""

    @property
    def speaking(self) -> bool:
        """Whether speech has begun and its end was not found yet."""
        return self._start_ms is not None

    def feed(self, pcm: bytes) -> list[VadEvent]:
        """Judge the whole frames in what was fed so far."""
        buffer = self._buffer
        buffer += pcm
        events: list[VadEvent] = []
        size = self._frame_bytes
        whole = len(buffer) // size
        for index in range(whole):
            samples = np.frombuffer(bytes(buffer[index * size : (index + 1) * size]), dtype="<i2")
            self._judge(samples, events)
        if whole:
            del buffer[: whole * size]
        return events

    def _judge(self, samples: np.typing.NDArray[np.int16], events: list[VadEvent]) -> None:
        level = level_dbfs(samples)
        begin = self.audio_ms
        self.audio_ms = begin + FRAME_MS
        activation = min(1.0, max(0.0, (level - self._floor - _MARGIN) / _SPAN))
        if level < self._floor:
            self._floor = max(_FLOOR_LOW, level)
        else:
            self._floor = min(_FLOOR_HIGH, self._floor + _FLOOR_RISE_PER_FRAME)
        if activation >= self._settings.activation_threshold:
            if self._start_ms is None:
                self._start_ms = begin
                events.append(SpeechStarted(begin))
            self.speech_ms += FRAME_MS
            self._last_active_ms = self.audio_ms
        elif (
            self._start_ms is not None
            and self.audio_ms - self._last_active_ms >= self._settings.turn_endpoint_delay_ms
        ):
            events.append(SpeechEnded(self._start_ms, self._last_active_ms, self.speech_ms))
            self._start_ms = None
            self.speech_ms = 0.0
