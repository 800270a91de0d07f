"""Reliable provisional answers of ours: numbered, repeated until their PRACK (RFC 3262 section 3).

One is under way at a time; the next waits for the PRACK of the one before, as the section demands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sip.capabilities import RELIABLE
from sip.errors import ParseError
from sip.extension_headers import RAck
from sip.message import Request, Response
from sip.timers import Timer, TimerQueue, Timing

MAXIMUM_WAITING = 8
"""Answers that wait for their turn; of more of them the newest is dropped, since a final one follows."""


class ReliableSender:
    """`transmit` sends an answer; `on_timeout` is called when a PRACK never came."""

    __slots__ = (
        "_cseq_number",
        "_expected",
        "_give_up",
        "_interval",
        "_on_timeout",
        "_outstanding",
        "_repeat",
        "_sequence",
        "_timers",
        "_timing",
        "_transmit",
        "_waiting",
    )

    def __init__(
        self,
        cseq_number: int,
        transmit: Callable[[Response, float], None],
        on_timeout: Callable[[float], None],
        timers: TimerQueue,
        timing: Timing,
    ) -> None:
        self._cseq_number = cseq_number
        self._transmit = transmit
        self._on_timeout = on_timeout
        self._timers = timers
        self._timing = timing
        # Any start up to 2**31-1 is allowed; as with CSeq a small one is easy to read.
        self._sequence = 0
        self._expected: set[int] = set()
        self._outstanding: Response | None = None
        self._waiting: deque[Response] = deque()
        self._interval = timing.t1
        self._repeat: Timer | None = None
        self._give_up: Timer | None = None

    @property
    def holds_description(self) -> bool:
        """Whether a session description is under way or waits: then no 2xx may be sent yet."""
        pending = (self._outstanding, *self._waiting)
        return any(response is not None and response.body for response in pending)

    def send(self, response: Response, now: float) -> None:
        """Send `response` reliably, or when its turn comes."""
        if self._outstanding is None:
            self._send(response, now)
        elif len(self._waiting) < MAXIMUM_WAITING:
            self._waiting.append(response)

    def acknowledge(self, request: Request, now: float) -> bool:
        """A PRACK; False when it matches nothing that was sent (481). Raises ParseError."""
        text = request.get("RAck")
        if text is None:
            raise ParseError("Missing RAck")
        rack = RAck.parse(text)
        number = rack.response_number
        if rack.method != "INVITE" or rack.cseq_number != self._cseq_number or number not in self._expected:
            return False
        self._expected.discard(number)
        if number == self._sequence and self._outstanding is not None:
            self._stop()
            if self._waiting:
                self._send(self._waiting.popleft(), now)
        return True

    def end(self) -> None:
        """A final answer goes out: nothing is repeated any more, but a PRACK still finds its answer."""
        self._waiting.clear()
        self._stop()

    def _send(self, response: Response, now: float) -> None:
        self._sequence += 1
        response.add("Require", RELIABLE)
        response.add("RSeq", str(self._sequence))
        self._expected.add(self._sequence)
        self._outstanding = response
        self._interval = self._timing.t1
        self._repeat = self._timers.schedule(now + self._interval, self._send_again)
        self._give_up = self._timers.schedule(now + self._timing.transaction_timeout, self._unacknowledged)
        self._transmit(response, now)

    def _send_again(self, now: float) -> None:
        if self._outstanding is not None:
            self._interval *= 2
            self._repeat = self._timers.schedule(now + self._interval, self._send_again)
            self._transmit(self._outstanding, now)

    def _unacknowledged(self, now: float) -> None:
        self._give_up = None
        self.end()
        self._on_timeout(now)

    def _stop(self) -> None:
        self._outstanding = None
        for timer in (self._repeat, self._give_up):
            if timer is not None:
                timer.cancel()
        self._repeat = self._give_up = None
