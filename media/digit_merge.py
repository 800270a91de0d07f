"""One press of a key may come several ways: as RFC 4733 events, as SIP INFO, as a tone in the audio. It
counts once.

The n-th press of a key that one way tells is the n-th that another tells, as long as they lie close enough
together; so that a key pressed twice is two digits whichever ways they come.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# How far apart the reports of one press may come, measured from the end of the earlier to the begin of the
# later: signalling goes another way than audio, and waits for retransmissions.
WINDOW_S = 0.75
# Presses remembered.
MEMORY = 32


@dataclass(slots=True)
class _Press:
    digit: str
    began: float
    ended: float
    told_by: set[str]


class DigitMerge:
    """The keys of one call. Time is monotonic seconds, given by the caller."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._presses: deque[_Press] = deque(maxlen=MEMORY)
        self.merged = 0

    def is_new(self, digit: str, by: str, now: float, duration_ms: int = 0) -> bool:
        """Whether this report, made by way `by` at the end of the press, tells a press not told before."""
        began = now - duration_ms / 1000
        for press in self._presses:
            if (
                press.digit == digit
                and by not in press.told_by
                and began - press.ended <= self._window_s
                and press.began - now <= self._window_s
            ):
                press.told_by.add(by)
                press.began = min(press.began, began)
                press.ended = max(press.ended, now)
                self.merged += 1
                return False
        self._presses.append(_Press(digit, began, now, {by}))
        return True
