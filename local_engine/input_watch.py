"""Compares the caller's audio with the clock: one second of audio is due per second, all call long.

Sans-I/O.
"""

from __future__ import annotations

from dataclasses import dataclass

# The input may run this far ahead of real time before audio is dropped; a gateway's ring buffer comes as a
# burst.
MAX_AHEAD_MS = 5000.0
# Beyond these a warning is due, once per excursion.
WARN_AHEAD_MS = 2500.0
WARN_BEHIND_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Stray:
    """The input left its track: `kind` is the event's type."""

    kind: str
    text: str


class InputWatch:
    """Watches one call. `received_ms` is all audio that came, in ms."""

    __slots__ = ("_joined_at", "_warned", "dropped_ms")

    def __init__(self, joined_at: float) -> None:
        self._joined_at = joined_at
        self._warned = False
        self.dropped_ms = 0.0

    def excessive(self, received_ms: float, frame_ms: float, now: float) -> bool:
        """Whether the frame that has just come is too much and must be dropped."""
        if self._ahead_ms(received_ms, now) <= MAX_AHEAD_MS:
            return False
        self.dropped_ms += frame_ms
        return True

    def check(self, received_ms: float, now: float) -> Stray | None:
        """A warning, when the input has just left its track."""
        ahead_ms = self._ahead_ms(received_ms, now)
        strays = not -WARN_BEHIND_MS <= ahead_ms <= WARN_AHEAD_MS
        news = strays and not self._warned
        self._warned = strays
        if not news:
            return None
        if ahead_ms > 0:
            return Stray("audio.overflow", f"the input is {ahead_ms:.0f} ms ahead")
        return Stray("audio.underflow", f"the input is {-ahead_ms:.0f} ms behind")

    def _ahead_ms(self, received_ms: float, now: float) -> float:
        return received_ms - self.dropped_ms - (now - self._joined_at) * 1000
