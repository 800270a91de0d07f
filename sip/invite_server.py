"""The UAS side of one INVITE, first or re-INVITE: provisional answers, the 2xx and its ACK (RFC 3261
section 13.3).

The 2xx is repeated here, over every transport, from T1 doubling to T2 until the ACK arrives or 64*T1 have
passed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sip.body import SDP_CONTENT_TYPE
from sip.message import Request, Response, response_to
from sip.reliable_provisionals import ReliableSender
from sip.server_transaction import InviteServerTransaction
from sip.timers import Timer, TimerQueue, Timing

PROVISIONAL_INTERVAL = 60.0
"""Seconds after which a ringing is repeated, so that proxies on the way do not give up (section 13.3.1.1)."""


class InviteServer:
    """Answers one INVITE. `on_ack` gets the ACK once; `on_ack_timeout` is called when it never came."""

    __slots__ = (
        "_give_up",
        "_headers",
        "_interval",
        "_last_provisional",
        "_on_ack_timeout",
        "_reliable",
        "_repeat",
        "_request",
        "_timers",
        "_timing",
        "_transaction",
        "cseq_number",
        "described",
        "final_status",
        "local_tag",
        "provisional_status",
    )

    def __init__(
        self,
        transaction: InviteServerTransaction,
        request: Request,
        *,
        local_tag: str,
        headers: Sequence[tuple[str, str]],
        timers: TimerQueue,
        timing: Timing,
        on_ack_timeout: Callable[[float], None],
    ) -> None:
        """`headers` (Contact, Allow) go into every answer that makes or refreshes the dialog."""
        self._transaction: InviteServerTransaction | None = transaction
        self._request: Request | None = request
        self._headers = headers
        self._timers = timers
        self._timing = timing
        self._on_ack_timeout: Callable[[float], None] | None = on_ack_timeout
        self._repeat: Timer | None = None
        self._give_up: Timer | None = None
        self._interval = timing.t1
        self._last_provisional: Response | None = None
        self._reliable: ReliableSender | None = None
        self.cseq_number = request.cseq.number
        self.final_status: int | None = None
        self.provisional_status: int | None = None
        self.described = False  # whether a reliable answer had a session description
        self.local_tag = local_tag

    @property
    def waiting_for_ack(self) -> bool:
        """Whether a 2xx is being repeated."""
        return self._give_up is not None

    def trying(self, now: float) -> None:
        """100, without a To tag because it makes no dialog; nothing once anything was answered (section
        8.2.6.1)."""
        if self._request is not None and self._transaction is not None and self.provisional_status is None:
            self.provisional_status = 100
            self._transaction.respond(response_to(self._request, 100), now)

    def send_reliably(self, on_timeout: Callable[[float], None]) -> None:
        """From now on provisional answers are reliable (RFC 3262); `on_timeout` when a PRACK never came."""
        self._reliable = ReliableSender(
            self.cseq_number, self._transmit_provisional, on_timeout, self._timers, self._timing
        )

    def describe(self, headers: Sequence[tuple[str, str]]) -> None:
        """From now on these go into every answer that makes the dialog."""
        self._headers = headers

    @property
    def must_wait(self) -> bool:
        """Whether a 2xx has to wait for the PRACK to a session description of ours (RFC 3262 section 3)."""
        return self._reliable is not None and self._reliable.holds_description

    def receive_prack(self, request: Request, now: float) -> bool:
        """False when it acknowledges nothing of ours. Raises ParseError."""
        return self._reliable is not None and self._reliable.acknowledge(request, now)

    def provisional(self, status: int, sdp: bytes | None, now: float) -> None:
        """101-199 with our tag and Contact; repeated each minute until the final answer."""
        if self._request is None or self._transaction is None:
            return
        self.provisional_status = status
        response = self._dialog_response(self._request, status, sdp)
        if self._reliable is not None:
            self.described = self.described or sdp is not None
            self._reliable.send(response, now)
            return
        self._last_provisional = response
        self._transaction.respond(response, now)
        if self._repeat is not None:
            self._repeat.cancel()
        self._repeat = self._timers.schedule(now + PROVISIONAL_INTERVAL, self._repeat_provisional)

    def accept(self, sdp: bytes | None, now: float, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        """200; repeated until `receive_ack`."""
        request, transaction = self._request, self._transaction
        if request is None or transaction is None:
            return
        self.final_status = 200
        self._end_provisional()
        transaction.respond(self._dialog_response(request, 200, sdp, headers), now)
        self._interval = self._timing.t1
        self._repeat = self._timers.schedule(now + self._interval, self._repeat_success)
        self._give_up = self._timers.schedule(now + self._timing.transaction_timeout, self._ack_missing)

    def reject(
        self,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        """300-699; its repetition and its ACK are the transaction's."""
        request, transaction = self._request, self._transaction
        if request is None or transaction is None:
            return
        self.final_status = status
        self._end_provisional()
        transaction.respond(
            response_to(request, status, reason, to_tag=self.local_tag, headers=headers),
            now,
        )
        self.close()

    def receive_ack(self) -> bool:
        """The ACK to our 2xx arrived; False when it is a repetition or none is awaited."""
        if self._give_up is None:
            return False
        if self._transaction is not None:
            self._transaction.acknowledged()
        self.close()
        return True

    def close(self) -> None:
        """Stop every timer and let go of what they kept."""
        for timer in (self._repeat, self._give_up):
            if timer is not None:
                timer.cancel()
        self._repeat = None
        self._give_up = None
        self._transaction = None
        self._request = None
        self._last_provisional = None
        self._on_ack_timeout = None
        if self._reliable is not None:
            self._reliable.end()

    def _dialog_response(
        self,
        request: Request,
        status: int,
        sdp: bytes | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """An answer that makes or keeps a dialog: our tag and Contact (RFC 3261 section 12.1.1)."""
        return response_to(
            request,
            status,
            to_tag=self.local_tag,
            headers=(*self._headers, *headers),
            body=sdp or b"",
            content_type=SDP_CONTENT_TYPE if sdp else None,
        )

    def _transmit_provisional(self, response: Response, now: float) -> None:
        if self._transaction is not None:
            self._transaction.respond(response, now)

    def _end_provisional(self) -> None:
        if self._reliable is not None:
            self._reliable.end()
        self._last_provisional = None
        self._request = None
        if self._repeat is not None:
            self._repeat.cancel()
            self._repeat = None

    def _repeat_provisional(self, now: float) -> None:
        if self._last_provisional is not None and self._transaction is not None:
            self._transaction.respond(self._last_provisional, now)
            self._repeat = self._timers.schedule(now + PROVISIONAL_INTERVAL, self._repeat_provisional)

    def _repeat_success(self, now: float) -> None:
        if self._transaction is not None:
            self._interval = min(self._interval * 2, self._timing.t2)
            self._repeat = self._timers.schedule(now + self._interval, self._repeat_success)
            self._transaction.repeat_accepted()

    def _ack_missing(self, now: float) -> None:
        """64*T1 without an ACK: the dialog is there all the same and has to be ended with a BYE."""
        callback = self._on_ack_timeout
        self.close()
        if callback is not None:
            callback(now)
