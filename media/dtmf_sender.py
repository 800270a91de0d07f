"""Keys sent to the far party as telephone-event packets: RFC 4733, section 2.5.1.

One packet each packet time while a key is held, all with the timestamp of its beginning, then the end packet
three times, then a gap. `w` is a pause of half a second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from media.dtmf import END, EVENTS, MAX_DURATION, PAYLOAD

PAUSE = "w"
PAUSE_MS = 500
END_PACKETS = 3
VOLUME = 10  # -10 dBm0
# RFC 4733 asks receivers to take 40 ms; less is not a key.
MIN_TONE_MS = 40
MIN_GAP_MS = 40
MAX_TONE_MS = 6_000
# Waiting keys of one leg; more is refused.
MAX_WAITING = 256


class DigitsError(ValueError):
    """The string holds something that is no key, or too many wait already."""


@dataclass(frozen=True, slots=True)
class EventPacket:
    payload: bytes
    timestamp: int
    marker: bool


@dataclass(slots=True)
class _Job:
    digits: str
    tone_ms: int
    gap_ms: int
    told: bool


class DtmfSender:
    """The keys one leg has to send. Call `packet` once each packet time while `busy`."""

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._jobs: deque[_Job] = deque()
        self._place = 0
        self._elapsed_ms = 0
        self._ends = 0
        self._started = 0

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def enqueue(self, digits: str, tone_ms: int, gap_ms: int, *, told: bool = True) -> None:
        """Add keys behind those waiting; `told`: somebody waits for their end. Raises `DigitsError`."""
        digits = digits.upper().replace("W", PAUSE)
        if not digits or any(digit != PAUSE and digit not in EVENTS for digit in digits):
            raise DigitsError("not a string of 0-9 * # A-D w")
        if sum(len(job.digits) for job in self._jobs) + len(digits) > MAX_WAITING:
            raise DigitsError("too many digits are waiting")
        tone_ms = min(max(tone_ms, MIN_TONE_MS), MAX_TONE_MS)
        self._jobs.append(_Job(digits, tone_ms, max(gap_ms, MIN_GAP_MS), told))

    def packet(self, timestamp: int, ptime_ms: int) -> tuple[EventPacket | None, str | None]:
        """What to send at media time `timestamp`: an event packet or nothing (a pause, a gap); and the digits
        of a job that is finished with this, empty when nobody waits for it.
        """
        if not self._jobs:
            return None, None
        job = self._jobs[0]
        digit = job.digits[self._place]
        if digit == PAUSE:
            self._elapsed_ms += ptime_ms
            return None, self._advance(job) if self._elapsed_ms >= PAUSE_MS else None
        if self._ends == 0 and self._elapsed_ms == 0:
            self._started = timestamp
        if self._ends < END_PACKETS:
            return self._event(job, EVENTS.index(digit), ptime_ms), None
        self._elapsed_ms += ptime_ms
        return None, self._advance(job) if self._elapsed_ms >= job.tone_ms + job.gap_ms else None

    def _event(self, job: _Job, event: int, ptime_ms: int) -> EventPacket:
        first = self._elapsed_ms == 0
        if self._ends == 0:
            self._elapsed_ms += ptime_ms
        ended = self._elapsed_ms >= job.tone_ms
        if ended:
            self._ends += 1
            if self._ends == END_PACKETS:
                # The two repeated end packets took their time out of the gap.
                self._elapsed_ms += ptime_ms * (END_PACKETS - 1)
                duration_ms = self._elapsed_ms - ptime_ms * (END_PACKETS - 1)
            else:
                duration_ms = self._elapsed_ms
        else:
            duration_ms = self._elapsed_ms
        duration = min(duration_ms * self.clock_rate // 1000, MAX_DURATION)
        payload = PAYLOAD.pack(event, (END if ended else 0) | VOLUME, duration)
        return EventPacket(payload, self._started, first)

    def _advance(self, job: _Job) -> str | None:
        """The next key. After the last one the job's digits, or nothing where nobody waits for them."""
        self._elapsed_ms = 0
        self._ends = 0
        self._place += 1
        if self._place < len(job.digits):
            return None
        self._place = 0
        self._jobs.popleft()
        return job.digits if job.told else ""
