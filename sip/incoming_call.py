"""IncomingCall: an INVITE from a peer, from its first ringing to its end (RFC 3261 sections 13.3 and 15)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sip.body import session_description
from sip.call import Call, dialog_headers, reason_headers
from sip.call_context import CallContext
from sip.call_listener import CallState, Credentials
from sip.call_policy import CallPolicy, ReliableProvisionals
from sip.capabilities import RELIABLE
from sip.dialog import Dialog
from sip.errors import ParseError
from sip.identifiers import new_tag
from sip.invite_server import InviteServer
from sip.message import Request, response_to
from sip.server_transaction import InviteServerTransaction, ServerTransaction
from sip.session_timer import SessionTimer


class IncomingCall(Call):
    """A call from a peer. `request` is its INVITE and `offer` the session description in it, if any."""

    def __init__(
        self,
        context: CallContext,
        request: Request,
        transaction: InviteServerTransaction,
        source: tuple[str, int],
        credentials: Credentials | None = None,
        *,
        identity: str | None = None,
        replaces: Call | None = None,
    ) -> None:
        """`identity` is who sent it, as far as that was proved, `replaces` the call that it wants to take the
        place of. Raises ParseError when the INVITE cannot make a dialog."""
        user = request.request_uri.user or ""
        super().__init__(context, request.call_id, transaction.flow, user, credentials)
        self.request = request
        self.offer = session_description(request)
        self.source_host, self.source_port = source
        self.identity = identity
        self.replaces = replaces
        self.local_tag = new_tag()
        self.dialog = Dialog.from_request(request, self.local_tag)
        self._reliable = RELIABLE in request.require
        self._postponed: bytes | None = None
        self.learn_peer(request)
        self._transaction = transaction
        self._server = InviteServer(
            transaction,
            request,
            local_tag=self.local_tag,
            headers=(*self.dialog_headers, *context.server_headers),
            timers=context.timers,
            timing=context.timing,
            on_ack_timeout=self.ack_missing,
        )
        if self._reliable:
            self._server.send_reliably(self._unacknowledged)
        transaction.user = self
        context.dialog_created(self.dialog, self)

    # For the owner

    def take_policy(self, policy: CallPolicy) -> bool:
        """Hold the call to `policy`; False when the INVITE does not fit it and has been refused: 420 for an
        extension that it must do without, 421 for one that it must have, 422 for too short a session. Before
        anything else was answered.
        """
        if self.state is not CallState.EARLY:
            return False
        request = self.request
        self.policy = policy
        self.dialog_headers = dialog_headers(self.flow, request.request_uri.user or "", policy)
        self._server.describe((*self.dialog_headers, *self.context.server_headers))
        self.session_timer = SessionTimer(self, policy)
        unusable = [tag for tag in request.require if tag not in policy.extensions]
        offered = RELIABLE in request.supported or self._reliable
        if unusable:
            self._refuse(420, None, (("Unsupported", ", ".join(unusable)),))
            return False
        if policy.reliable_provisionals is ReliableProvisionals.REQUIRE:
            if not offered:
                self._refuse(421, None, (("Require", RELIABLE),))
                return False
            self._use_reliable()
        refused = self.session_timer.refusal(request)
        if refused is not None:
            self._refuse(422, None, (("Min-SE", refused.get("Min-SE") or ""),))
            return False
        return True

    def ring(self, status: int = 180, sdp: bytes | None = None) -> None:
        """Send a provisional answer, 183 with `sdp` for early media; without effect after the final one.

        Reliably (RFC 3262) when one side insists on it, and with a session description whenever the peer can.
        """
        if self.state is not CallState.EARLY:
            return
        allowed = self.policy.reliable_provisionals is not ReliableProvisionals.OFF
        if sdp is not None and allowed and RELIABLE in self.request.supported:
            self._use_reliable()
        if self._reliable and self.offer is None and sdp is None:
            # The first reliable answer has to carry our offer (RFC 3262 section 5), and 100 will do.
            return
        self._server.provisional(status, sdp, self.context.clock())

    def answer(self, sdp: bytes) -> None:
        """200 with `sdp`: the answer, or the offer when the INVITE had none. Repeated until the ACK."""
        if self.state is not CallState.EARLY:
            return
        if self._server.must_wait:
            self._postponed = sdp
            return
        self._postponed = None
        now = self.context.clock()
        self.state = CallState.ANSWERED
        self.established_dialog.confirmed = True
        headers = (*self.policy.supported, *self.session_timer.answer_headers(self.request, now))
        self._server.accept(sdp, now, headers=headers)

    def reject(
        self, status: int, reason_phrase: str | None = None, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Refuse with 300-699; without effect after a final answer. The listener hears nothing of it."""
        if self.state is CallState.EARLY:
            self._refuse(status, reason_phrase, headers)

    def hang_up(self, reason: str | None = None) -> None:
        """480 while unanswered, else BYE - which must wait for the ACK (RFC 3261 section 15)."""
        now = self.context.clock()
        if self.state is CallState.EARLY:
            self._refuse(480, None, reason_headers(reason))
        elif self.state is CallState.ANSWERED:
            self._bye_reason = reason
            self._end("local", None, now)
        elif self.state is CallState.ESTABLISHED:
            self._bye_reason = reason
            self._end("local", None, now)
            self._send_bye(now)

    @property
    def final_status(self) -> int | None:
        """What the INVITE was answered with, if it was."""
        return self._server.final_status

    # For the endpoint

    @property
    def is_answering(self) -> bool:
        """Whether the INVITE has had no answer at all, so that a 100 is due."""
        return self._server.provisional_status is None and self._server.final_status is None

    def trying(self, now: float) -> None:
        """100: stops the peer's repetitions until the owner has something to say."""
        self._server.trying(now)

    def on_cancel(self, request: Request, now: float) -> None:
        """CANCEL came first: 487 (section 9.2)."""
        if self.state is CallState.EARLY:
            self._refuse(487, None, ())
            self._notify(self.listener.on_cancelled, self, request)

    def receive_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A request of the dialog; a BYE may come while the call still rings (section 15)."""
        if request.method == "PRACK":
            self._receive_prack(request, transaction, now)
        elif self.state is CallState.EARLY and request.method == "BYE":
            transaction.respond(response_to(request, 200), now)
            self.on_cancel(request, now)
        else:
            super().receive_request(request, transaction, now)

    def receive_ack(self, request: Request, now: float) -> None:
        """The ACK to our 200, or to the 200 of a re-INVITE."""
        if request.cseq.number != self._server.cseq_number:
            super().receive_ack(request, now)
        elif self._server.receive_ack():
            if self.state is CallState.ANSWERED:
                self.state = CallState.ESTABLISHED
                self._notify(self.listener.on_established, self, session_description(request))
            else:
                # Hung up meanwhile.
                self._send_bye(now)

    @property
    def local_tag_for_answers(self) -> str | None:
        """Ours, which the INVITE does not have yet."""
        return self.local_tag

    def _use_reliable(self) -> None:
        if not self._reliable:
            self._reliable = True
            self._server.send_reliably(self._unacknowledged)

    def _receive_prack(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """RFC 3262 section 3. We have answered the only offer that there can be, so another is refused."""
        try:
            known = self._server.receive_prack(request, now)
        except ParseError as error:
            transaction.respond(response_to(request, 400, error.reason), now)
            return
        if not known:
            transaction.respond(response_to(request, 481), now)
            return
        offers = self.offer is not None and session_description(request) is not None
        transaction.respond(response_to(request, 488 if offers else 200), now)
        if self._postponed is not None:
            self.answer(self._postponed)

    def _unacknowledged(self, now: float) -> None:
        """A reliable provisional answer was never acknowledged (RFC 3262 section 3: 5xx)."""
        if self.state is CallState.EARLY:
            self._refuse(504, None, ())
            self._notify(self.listener.on_failure, self, 504, "No PRACK", None)

    def _abandon(self, now: float) -> None:
        if self.state is CallState.EARLY:
            self._refuse(500, None, ())
        else:
            super()._abandon(now)

    def _released(self, now: float) -> None:
        """A 200 that waits for its ACK goes on being repeated when it was us who hung up: the BYE follows
        the ACK."""

    def _receive_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if self.state is CallState.ANSWERED and self.offer is None:
            # RFC 3311 section 5.2: the answer to the offer in our 200 comes in the ACK.
            transaction.respond(response_to(request, 491), now)
        else:
            super()._receive_offer(request, transaction, now)

    def _refuse_early_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """500: we owe an answer to its INVITE; 491: it owes one to the offer in our reliable 18x; 504: both
        are settled, and the session stays until it begins."""
        if self.offer is None and self._server.described:
            status = 491
        else:
            status = 504 if self._server.described else 500
        headers = (("Retry-After", str(random.randint(0, 10))),) if status == 500 else ()
        transaction.respond(response_to(request, status, headers=headers), now)

    def _receive_bye(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        self._server.close()
        super()._receive_bye(request, transaction, now)
        self._forget_dialog()

    def _refuse(self, status: int, reason: str | None, headers: Sequence[tuple[str, str]]) -> None:
        now = self.context.clock()
        self.state = CallState.ENDED
        self.session_timer.close()
        self._server.reject(status, now, reason=reason, headers=headers)
        self.context.call_ended(self)
        self._forget_dialog()
