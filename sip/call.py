"""Call: what incoming and outgoing calls share once there is a dialog (RFC 3261 sections 12.2 and 15).

A call has one listener and one dialog. Whatever its listener does wrong stays inside the call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from sip.body import session_description
from sip.call_context import CallContext, contact_value
from sip.call_listener import CallListener, CallState, Credentials, EndedBy, IgnoringListener, Peer
from sip.call_policy import CallPolicy
from sip.dialog import Dialog
from sip.errors import ParseError
from sip.flow import Flow
from sip.in_dialog_request import InDialogRequest
from sip.message import Request, Response, response_to
from sip.received_referral import ReceivedReferral
from sip.refer_target import refer_target
from sip.referral import Referral, ReferralListener, is_of_referral
from sip.renegotiation import Offer, Renegotiation, ResultHandler
from sip.server_transaction import ServerTransaction
from sip.session_timer import SessionTimer
from sip.tls_settings import TlsClientSettings
from sip.transport_tcp import TcpConnection

if TYPE_CHECKING:
    from sip.renegotiation import OfferedRequest

log = structlog.get_logger(__name__)

_IGNORE = IgnoringListener()
_SESSION_EXPIRED = 'SIP;cause=408;text="Session Expired"'


def dialog_headers(flow: Flow, user: str, policy: CallPolicy) -> Sequence[tuple[str, str]]:
    """What every message that makes or refreshes a dialog says of us: Contact, Allow."""
    return (("Contact", contact_value(flow, user)), policy.allow)


def reason_headers(reason: str | None) -> Sequence[tuple[str, str]]:
    """A Reason header (RFC 3326), in one line whatever was asked for."""
    return () if reason is None else (("Reason", " ".join(reason.split())),)


class Call(ABC):
    """One call, of either direction. Set `listener` to hear of it."""

    owns_call_id = False
    """Whether we made the Call-ID, which decides how long to wait after glare (RFC 3261 section 14.1)."""

    def __init__(
        self,
        context: CallContext,
        call_id: str,
        flow: Flow,
        user: str,
        credentials: Credentials | None,
        policy: CallPolicy = CallPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self.context = context
        self.call_id = call_id
        self.user = user
        self.listener: CallListener = _IGNORE
        self.state = CallState.EARLY
        self.flow = flow
        self.credentials = credentials
        self.dialog: Dialog | None = None
        self.dialog_headers = dialog_headers(flow, user, policy)
        self.policy = policy
        self.session_timer = SessionTimer(self, policy)
        self.peer_updates = True
        """Whether the peer takes an UPDATE, as far as its Allow tells."""
        self.peer_refers = True
        """Whether the peer takes a REFER, as far as its Allow tells."""
        self._bye_reason: str | None = None
        self._renegotiation: Renegotiation | None = None
        self._referral: Referral | None = None
        self._received_referral: ReceivedReferral | None = None

    # For the owner

    @property
    def peer(self) -> Peer:
        """Where the call's messages go."""
        return Peer(self.flow.transport, self.flow.host, self.flow.port)

    @property
    def is_over(self) -> bool:
        """Whether it has ended for its owner."""
        return self.state is CallState.ENDED

    @property
    def local_host(self) -> str | None:
        """Our address as the peer knows it, without brackets; None behind a proxy of the HTTP port."""
        if self.flow.transport in ("ws", "wss"):
            return None
        return self.flow.local_authority.rpartition(":")[0].strip("[]") or None

    @property
    def contact(self) -> str:
        """Our Contact value in this call."""
        return self.dialog_headers[0][1]

    @abstractmethod
    def hang_up(self, reason: str | None = None) -> None:
        """End the call whatever its state is; `reason` is the value of a Reason header (RFC 3326).

        `on_terminated` or `on_failure` follow later, never from inside this call.
        """

    def re_invite(self, offer: Offer, on_result: ResultHandler | None = None) -> None:
        """Offer a change of the session; only in an established call. An offer that depends on what is agreed
        when it is sent is given as a function.

        Without `on_result` a 2xx goes to the listener's `on_answer` and a refusal leaves all as it was.
        """
        if self.state is CallState.ESTABLISHED:
            self._renegotiate().offer(offer, on_result)

    def refer(self, target: str, listener: ReferralListener, timeout: float) -> bool:
        """Ask the peer to call `target`, a URI, in our place (RFC 3515); `timeout` in seconds. False when it
        cannot be asked now: the call is not established, or an earlier one is still open.
        """
        busy = self._referral is not None and self._referral.running
        if self.state is not CallState.ESTABLISHED or busy:
            return False
        self._referral = Referral(self, listener, timeout)
        # Our own address of the dialog, without its tag (RFC 3892).
        address = self.established_dialog.local_address.partition(";tag=")[0]
        self._referral.send(target, address, self.context.clock())
        return True

    def release(self) -> None:
        """Let go of an established call without a word to the peer: somebody else goes on with it. The
        listener hears nothing any more.
        """
        self.listener = _IGNORE
        if self.state is CallState.ESTABLISHED:
            self._end("local", None, self.context.clock())
            self._forget_dialog()

    # For the endpoint

    def receive_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A request of this call's dialog, in CSeq order."""
        method = request.method
        if method == "BYE":
            self._receive_bye(request, transaction, now)
        elif self.state is CallState.ENDED:
            transaction.respond(response_to(request, 481), now)
        elif method == "INVITE":
            self._receive_offer(request, transaction, now)
        elif method == "UPDATE":
            if session_description(request) is not None:
                self._receive_offer(request, transaction, now)
            else:
                self._receive_refresh(request, transaction, now)
        elif method == "NOTIFY":
            self._receive_notify(request, transaction, now)
        elif method == "PRACK":
            # RFC 3262 section 3: there is nothing that it could acknowledge.
            transaction.respond(response_to(request, 481), now)
        elif method == "REFER":
            self._receive_refer(request, transaction, now)
        elif method == "MESSAGE":
            self._receive_message(request, transaction, now)
        else:
            transaction.respond(response_to(request, 200, headers=(self.policy.allow,)), now)
            self._notify(self.listener.on_info, self, request)

    def receive_ack(self, request: Request, now: float) -> None:
        """An ACK of this call's dialog."""
        if self._renegotiation is not None:
            self._renegotiation.receive_ack(request)

    # For the parts of a call

    @property
    @abstractmethod
    def local_tag_for_answers(self) -> str | None:
        """The To tag for an answer to a request that has none yet: to the INVITE of an incoming call."""

    def trust_onward(self, tls: TlsClientSettings | None) -> None:
        """How a connection to the peer is made when the one that it opened is gone: by what its trunk trusts,
        not by what the system does."""
        if isinstance(self.flow, TcpConnection) and self.flow.accepted and self.flow.transport == "tls":
            self.flow.onward = tls

    def session_expired(self, now: float) -> None:
        """Nobody refreshed the session (RFC 4028 section 10): end it with a BYE."""
        if self.state is CallState.ESTABLISHED:
            self._bye_reason = _SESSION_EXPIRED
            self._end("expired", None, now)
            self._send_bye(now)

    def notify_refresh_due(self) -> None:
        """A re-INVITE of the owner's has to refresh the session."""
        self._notify(self.listener.on_refresh_due, self)

    def learn_peer(self, message: Request | Response) -> None:
        """What a message of the peer's dialog tells of what it can do."""
        allowed = message.allow
        if allowed:
            self.peer_updates = "UPDATE" in allowed
            self.peer_refers = "REFER" in allowed

    @property
    def established_dialog(self) -> Dialog:
        """The dialog, which a call past its first answer always has."""
        if self.dialog is None:
            raise RuntimeError("the call has no dialog yet")
        return self.dialog

    def ack_missing(self, now: float) -> None:
        """A 2xx of ours was never acknowledged: end the call with a BYE (section 13.3.1.4)."""
        if self.state is CallState.ENDED:
            # Hung up before the ACK could come: its BYE has waited for this.
            self._send_bye(now)
            return
        self._end("timeout", None, now)
        self._send_bye(now)

    def lost(self, by: EndedBy, now: float) -> None:
        """The peer does not know the dialog any more, or answers nothing: say BYE and end."""
        if self.state is not CallState.ENDED:
            self._end(by, None, now)
            self._send_bye(now)

    def guard(self, callback: Callable[..., None], *arguments: Any) -> None:
        """Call the owner's code; an exception is logged and ends this call alone."""
        self._notify(callback, *arguments)

    def notify_answer(self, response: Response) -> None:
        """A 2xx to a re-INVITE of ours."""
        self._notify(self.listener.on_answer, self, response)

    def notify_offer(self, offered: OfferedRequest) -> None:
        """A re-INVITE or UPDATE of the peer's."""
        if isinstance(self.listener, IgnoringListener):
            offered.reject(488)
        else:
            self._notify(self.listener.on_offer, self, offered)

    def _notify(self, callback: Callable[..., None], *arguments: Any) -> None:
        try:
            callback(*arguments)
        except Exception:
            log.exception("sip.listener_failed", call_id=self.call_id, state=self.state.value)
            if self.state is not CallState.ENDED:
                self.context.defer(self._abandon)

    def _abandon(self, now: float) -> None:
        """End the call after its listener failed."""
        self.hang_up('SIP;cause=500;text="Internal Error"')

    def _receive_bye(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """Section 15.1.2: always 200, also when our own BYE is under way."""
        transaction.respond(response_to(request, 200), now)
        if self.state is not CallState.ENDED:
            self._end("remote", request, now)
            self._forget_dialog()

    def _receive_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        if self.state is CallState.EARLY:
            self._refuse_early_offer(request, transaction, now)
        else:
            self._renegotiate().receive(request, transaction, now)

    @abstractmethod
    def _refuse_early_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """An UPDATE that offers before the INVITE has its final answer (RFC 3311 section 5.2)."""

    def _receive_refresh(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """An UPDATE without a session description: of the target, and of the session."""
        refused = self.session_timer.refusal(request)
        if refused is not None:
            transaction.respond(refused, now)
            return
        if self.dialog is not None:
            self.dialog.refresh_target(request)
        headers: Sequence[tuple[str, str]] = ()
        if self.state is not CallState.EARLY:
            headers = self.session_timer.answer_headers(request, now)
        headers = (*self.dialog_headers, *self.policy.supported, *headers)
        transaction.respond(response_to(request, 200, headers=headers), now)

    def _receive_notify(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """What became of a REFER of ours; late ones are taken too. Without any 489 (RFC 6665 section 4.1.3):
        not 481, which some peers take for the end of the call.
        """
        if self._referral is None or not is_of_referral(request):
            transaction.respond(response_to(request, 489, headers=(self.policy.allow,)), now)
            return
        transaction.respond(response_to(request, 200), now)
        self._referral.receive_notify(request)

    def _receive_refer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """The peer wants us to call somebody: one such wish at a time, and only in an established call."""
        if not self.policy.accepts_refer:
            transaction.respond(response_to(request, 603, headers=(self.policy.allow,)), now)
            return
        try:
            target = refer_target(request)
        except ParseError as error:
            transaction.respond(response_to(request, error.status, error.reason), now)
            return
        busy = self._received_referral is not None and self._received_referral.running
        if self.state is not CallState.ESTABLISHED or busy:
            transaction.respond(response_to(request, 491), now)
            return
        self._received_referral = ReceivedReferral(self, request, transaction, target)
        self._notify(self.listener.on_refer, self, self._received_referral)

    def _receive_message(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        status = 405
        if self.policy.accepts_messages:
            try:
                status = self.listener.on_message(self, request)
            except Exception:
                log.exception("sip.listener_failed", call_id=self.call_id, state=self.state.value)
                status = 500
        headers = {405: (self.policy.allow,), 415: (("Accept", "text/plain"),)}.get(status, ())
        transaction.respond(response_to(request, status, headers=headers), now)

    def _renegotiate(self) -> Renegotiation:
        if self._renegotiation is None:
            self._renegotiation = Renegotiation(self)
        return self._renegotiation

    def _end(self, by: EndedBy, request: Request | None, now: float) -> None:
        """The call is over for its owner, who hears it once, from the event loop."""
        self.state = CallState.ENDED
        self.context.call_ended(self)
        self.session_timer.close()
        if self._referral is not None:
            self._referral.close()
        if self._received_referral is not None:
            self._received_referral.close()
        if self._renegotiation is not None:
            self._renegotiation.close(now)
            self._renegotiation = None
        self._released(now)
        if by == "remote" and request is not None:
            self._notify(self.listener.on_terminated, self, by, request)
        else:
            self.context.defer(lambda _now: self._notify(self.listener.on_terminated, self, by, request))

    def _released(self, now: float) -> None:
        """Stop whatever the direction of the call keeps running."""

    def _send_bye(self, now: float) -> None:
        """The dialog stays until the BYE is answered, so that a BYE that crosses it gets its 200."""
        dialog = self.established_dialog
        bye = InDialogRequest(self.context, dialog, self.flow, self.credentials, self._bye_done)
        bye.send("BYE", now, reason_headers(self._bye_reason))

    def _bye_done(self, _status: int, _response: Response | None, _now: float) -> None:
        """Whatever the answer, or none at all: the dialog is over."""
        self._forget_dialog()

    def _forget_dialog(self) -> None:
        if self.dialog is not None:
            self.context.dialog_ended(self.dialog)
