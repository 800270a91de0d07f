"""Changes to the session of an established call: re-INVITE both ways and UPDATE (RFC 3261 section 14, RFC
3311).

Only one offer may be open at a time. A peer that makes one while ours is open gets 491; when both collide
and we get the 491, ours is made again after a random wait.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sip.body import SDP_CONTENT_TYPE, session_description
from sip.dialog import Dialog
from sip.flow import Flow
from sip.invite_client import InviteClient
from sip.invite_server import InviteServer
from sip.message import Request, Response, response_to
from sip.server_transaction import InviteServerTransaction, ServerTransaction
from sip.timers import Timer

if TYPE_CHECKING:
    from sip.call import Call

ResultHandler = Callable[[int, Response | None], None]
"""Called with the final status of our re-INVITE and its response (None for a local 408, 487 or 503)."""

Offer = bytes | Callable[[], bytes]
"""A session description, or what makes it when it is sent."""

MAXIMUM_GLARE_RETRIES = 12
"""How often a re-INVITE is made again after 491 before the peer is taken at its word. Where its own re-INVITE
waits for an answer that was lost, several short waits of ours may pass before it is free.
"""


class OfferedRequest:
    """A re-INVITE, or an UPDATE with a session description, that waits for its answer.

    `offer` is None when the peer asks us to offer; `answer` then carries our offer and `on_ack` gets the
    peer's answer. It may be answered later, and only once; when the call ends first it is answered 487.
    """

    def __init__(self, renegotiation: Renegotiation, request: Request) -> None:
        self._renegotiation: Renegotiation | None = renegotiation
        self.request = request
        self.offer: bytes | None = session_description(request)
        self.on_ack: Callable[[bytes | None], None] | None = None

    def answer(self, sdp: bytes, on_ack: Callable[[bytes | None], None] | None = None) -> None:
        """200 with `sdp`; without effect when the request has been answered."""
        renegotiation, self._renegotiation = self._renegotiation, None
        self.on_ack = on_ack
        if renegotiation is not None:
            renegotiation.accept(self, sdp)

    def reject(self, status: int) -> None:
        """Refuse; the session stays as it was (usually 488)."""
        renegotiation, self._renegotiation = self._renegotiation, None
        if renegotiation is not None:
            renegotiation.refuse(self, status)


@dataclass(slots=True)
class _Offer:
    """An offer of ours, under way or waiting."""

    sdp: Offer
    on_result: ResultHandler | None
    retries: int = 0


class Renegotiation:
    """The offers of one call after the first, in either direction."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._context = call.context
        self._open: OfferedRequest | None = None
        self._server: InviteServer | None = None
        self._update: ServerTransaction | None = None
        self._unacknowledged: dict[int, tuple[InviteServer, OfferedRequest]] = {}
        self._client: InviteClient | None = None
        self._retry: Timer | None = None
        self._ours: _Offer | None = None
        self._next: _Offer | None = None
        self._closed = False

    # Ours

    def offer(self, sdp: Offer, on_result: ResultHandler | None) -> None:
        """Send a re-INVITE, or keep it until no other offer is open; of several kept ones the latest wins.

        One that is displaced so is reported as 487 without a response.
        """
        displaced, self._next = self._next, _Offer(sdp, on_result)
        if displaced is not None and displaced.on_result is not None:
            self._call.guard(displaced.on_result, 487, None)
        self._start_next(self._context.clock())

    def build_invite(self) -> tuple[Request, Flow]:
        """The re-INVITE (see `InviteClientUser`)."""
        call = self._call
        dialog = call.established_dialog
        flow = self._context.flow_for(dialog, call.flow)
        request = dialog.new_request("INVITE")
        for name, value in (
            *call.dialog_headers,
            *call.policy.supported,
            *call.session_timer.request_headers(),
            ("Content-Type", SDP_CONTENT_TYPE),
        ):
            request.add(name, value)
        sdp: Offer = self._ours.sdp if self._ours is not None else b""
        request.body = sdp if isinstance(sdp, bytes) else sdp()
        return request, flow

    def invite_dialog(self, request: Request, response: Response) -> Dialog:
        """The call's dialog, its target refreshed."""
        dialog = self._call.established_dialog
        dialog.refresh_target(response)
        return dialog

    def wants_another_attempt(self, response: Response) -> bool:
        """After a 422, for a longer session interval."""
        return self._call.session_timer.raised(response)

    def on_invite_progress(self, response: Response, now: float) -> None:
        """Nothing changes before the final answer."""

    def on_invite_success(self, response: Response, now: float) -> None:
        """The peer agreed."""
        self._call.session_timer.agreed(response, now)
        on_result = self._finish_ours()
        if on_result is not None:
            self._call.guard(on_result, response.status, response)
        else:
            self._call.notify_answer(response)
        self._start_next(now)

    def on_invite_failure(self, status: int, reason: str, response: Response | None, now: float) -> None:
        """Refused: the session stays as it was, but 481 and 408 mean that the dialog is gone (section
        14.1)."""
        ours = self._ours
        if (
            status == 491
            and response is not None
            and ours is not None
            and ours.retries < MAXIMUM_GLARE_RETRIES
        ):
            ours.retries += 1
            self._client = None
            self._retry = self._context.timers.schedule(now + self._glare_wait(), self._try_again)
            return
        on_result = self._finish_ours()
        if on_result is not None:
            self._call.guard(on_result, status, response)
        if status in (408, 481):
            self._call.lost("timeout" if response is None else "remote", now)
        else:
            self._start_next(now)

    # The peer's

    def receive(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A re-INVITE or UPDATE in order of CSeq."""
        if self._client is not None or self._offered_in_answer():
            # Section 14.2: an INVITE of ours is in progress; RFC 3311 section 5.2: an offer of ours is open.
            transaction.respond(response_to(request, 491), now)
        elif self._open is not None:
            headers = (("Retry-After", str(random.randint(0, 10))),)
            transaction.respond(response_to(request, 500, headers=headers), now)
        else:
            refused = self._call.session_timer.refusal(request)
            if refused is not None:
                transaction.respond(refused, now)
                return
            self._call.established_dialog.refresh_target(request)
            self._open_request(request, transaction, now)

    def receive_ack(self, request: Request) -> None:
        """The ACK to a 2xx of ours to a re-INVITE."""
        entry = self._unacknowledged.pop(request.cseq.number, None)
        if entry is not None and entry[0].receive_ack():
            if entry[1].on_ack is not None:
                self._call.guard(entry[1].on_ack, session_description(request))
            self._start_next(self._context.clock())

    def accept(self, offered: OfferedRequest, sdp: bytes) -> None:
        """Answer the open request with 200."""
        if offered is not self._open:
            return
        now = self._context.clock()
        server, update = self._server, self._update
        self._open = self._server = self._update = None
        timer_headers = self._call.session_timer.answer_headers(offered.request, now)
        if server is not None:
            self._unacknowledged[server.cseq_number] = (server, offered)
            server.accept(sdp, now, headers=timer_headers)
        elif update is not None:
            response = response_to(
                offered.request,
                200,
                headers=(*self._call.dialog_headers, *self._call.policy.supported, *timer_headers),
                body=sdp,
                content_type=SDP_CONTENT_TYPE,
            )
            update.respond(response, now)
            self._start_next(now)

    def refuse(self, offered: OfferedRequest, status: int) -> None:
        """Answer the open request with `status`."""
        if offered is not self._open:
            return
        now = self._context.clock()
        server, update = self._server, self._update
        self._open = self._server = self._update = None
        if server is not None:
            server.reject(status, now)
        elif update is not None:
            update.respond(response_to(offered.request, status), now)
        self._start_next(now)

    def on_cancel(self, request: Request, now: float) -> None:
        """The peer gave its re-INVITE up: 487, the session stays."""
        if self._open is not None and self._server is not None:
            self.refuse(self._open, 487)

    @property
    def local_tag(self) -> str:
        """The tag of the dialog (see `InviteServerUser`)."""
        return self._call.established_dialog.id.local_tag

    def close(self, now: float) -> None:
        """The call ended: nothing stays open."""
        self._closed = True
        if self._open is not None:
            self.refuse(self._open, 487)
        for server, _ in self._unacknowledged.values():
            server.close()
        self._unacknowledged.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        client, self._client = self._client, None
        if client is not None:
            client.cancel(None, now)

    def _offered_in_answer(self) -> bool:
        """Whether a 200 of ours made an offer whose answer, in the ACK, has not come."""
        return any(offered.offer is None for _, offered in self._unacknowledged.values())

    def _start_next(self, now: float) -> None:
        """Make the offer that waits, once no INVITE is in progress either way (section 14.1)."""
        busy = self._ours is not None or self._open is not None or self._unacknowledged or self._closed
        if self._next is None or busy:
            return
        self._ours, self._next = self._next, None
        self._try_again(now)

    def _finish_ours(self) -> ResultHandler | None:
        ours, self._ours, self._client = self._ours, None, None
        return None if ours is None else ours.on_result

    def _glare_wait(self) -> float:
        """Section 14.1: the owner of the Call-ID waits 2.1-4 s, the other side 0-2 s."""
        return random.uniform(2.1, 4.0) if self._call.owns_call_id else random.uniform(0.0, 2.0)

    def _try_again(self, now: float) -> None:
        self._retry = None
        if self._open is not None or self._unacknowledged:
            # The peer was faster; ours follows when its offer has been answered, and acknowledged.
            ours, self._ours = self._ours, None
            if self._next is None:
                self._next = ours
            elif ours is not None and ours.on_result is not None:
                self._call.guard(ours.on_result, 487, None)  # a later one has taken its place
            return
        self._client = InviteClient(self._context, self, self._call.credentials)
        self._client.start(now)

    def _open_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        call = self._call
        if isinstance(transaction, InviteServerTransaction):
            transaction.user = self
            self._server = InviteServer(
                transaction,
                request,
                local_tag=self.local_tag,
                headers=call.dialog_headers,
                timers=self._context.timers,
                timing=self._context.timing,
                on_ack_timeout=call.ack_missing,
            )
            self._server.trying(now)
        else:
            self._update = transaction
        self._open = OfferedRequest(self, request)
        call.notify_offer(self._open)
