"""Keys pressed by the far party: telephone-event payloads, RFC 4733, sections 2.3 and 2.5.

A key is known by the RTP timestamp of its packets, so neither the marker nor the number of end packets
matters. A key whose end packets are all lost ends when nothing more is heard of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

EVENTS = "0123456789*#ABCD"
PAYLOAD = struct.Struct("!BBH")
END = 0x80
MAX_DURATION = 0xFFFF
# Updates come every 10-60 ms; after so long without one the key was let go.
SILENCE_S = 0.2


@dataclass(frozen=True, slots=True)
class Digit:
    """A key that was pressed and let go."""

    digit: str
    duration_ms: int


class DtmfReceiver:
    """Makes digits of the event packets of one stream. `clock_rate` is the one negotiated for
    telephone-event.
    """

    __slots__ = (
        "_duration",
        "_earlier",
        "_ended",
        "_event",
        "_heard_at",
        "_timestamp",
        "clock_rate",
        "ignored",
    )

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self.ignored = 0
        self.reset()

    def reset(self) -> None:
        """Another stream begins: its timestamps say nothing about the old ones."""
        self._timestamp = -1
        self._event = -1
        self._duration = 0
        self._earlier = 0  # duration of the segments before this one
        self._ended = True
        self._heard_at = float("-inf")

    @property
    def active(self) -> bool:
        """A key is held: the audio of this time is not speech."""
        return not self._ended

    def receive(self, payload: bytes, timestamp: int, now: float) -> list[Digit]:
        """Take one event payload; the digits that it ends, in order."""
        if len(payload) < PAYLOAD.size:
            self.ignored += 1
            return []
        event, flags, duration = PAYLOAD.unpack_from(payload)
        if event >= len(EVENTS):
            self.ignored += 1
            return []
        done: list[Digit] = []
        if timestamp != self._timestamp:
            ahead = (timestamp - self._timestamp) & 0xFFFFFFFF
            if self._timestamp >= 0 and ahead >= 0x80000000:
                return []  # of a key that is over, delayed on its way
            if self._continues(event, ahead):
                self._earlier += self._duration
            else:
                done += self._finish()
                self._earlier = 0
                self._ended = False
            self._timestamp = timestamp
            self._event = event
            self._duration = 0
        elif self._ended:
            return []  # end packets are sent three times
        self._heard_at = now
        self._duration = max(self._duration, duration)
        if flags & END:
            done += self._finish()
        return done

    def poll(self, now: float) -> list[Digit]:
        """The digit that ended without its end being heard, if any."""
        if not self._ended and now - self._heard_at >= SILENCE_S:
            return self._finish()
        return []

    def _continues(self, event: int, ahead: int) -> bool:
        """A key held longer than the duration field can tell goes on in a new segment (2.5.1.3)."""
        return not self._ended and event == self._event and self._duration + 0x400 > MAX_DURATION >= ahead

    def _finish(self) -> list[Digit]:
        if self._ended:
            return []
        self._ended = True
        ticks = self._earlier + self._duration
        return [Digit(EVENTS[self._event], ticks * 1000 // self.clock_rate)]
