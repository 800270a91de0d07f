"""What follows an attempt: done, again at some time, or given up.

Eight attempts over about nine hours. An answer that says "not like this" (4xx) is believed after three,
because many receivers answer so while they are being deployed; 410 is believed at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SCHEDULE_S = (0.0, 5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21600.0)
JITTER = 0.2
REFUSED_ATTEMPTS = 3
LONGEST_RETRY_AFTER_S = 21600.0
GONE = 410
# Told to come later, which is no refusal.
LATER = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt: an HTTP status, or none and the reason why. A `hopeless` one would go wrong
    every time.
    """

    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    hopeless: bool = False

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more, ever."""
        return self.status == GONE


def pause_after(answer: Answer, attempts: int, random: Callable[[], float]) -> float | None:
    """Seconds to the next attempt after `attempts` that failed, this one included; None when there is none.
    `random` is from 0 to 1.
    """
    if answer.hopeless or answer.gone or attempts >= len(SCHEDULE_S):
        return None
    status = answer.status
    refused = status is not None and 300 <= status < 500 and status not in LATER
    if refused and attempts >= REFUSED_ATTEMPTS:
        return None
    pause = SCHEDULE_S[attempts] * (1 + JITTER * (2 * random() - 1))
    if status in LATER and answer.retry_after_s is not None:
        pause = max(pause, min(answer.retry_after_s, LONGEST_RETRY_AFTER_S))
    return pause


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for (RFC 9110 10.2.3); None when it cannot be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # no date at all, or figures that no date can have
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
