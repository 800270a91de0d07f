"""The UAC side of one INVITE, first or re-INVITE (RFC 3261 sections 9.1, 13.2 and 14.1).

Owns what outlives the transaction's one answer: the ACK to each 2xx, repeated as often as the 2xx is, the
second dialog of a forked INVITE, which is acknowledged and ended, the retry with credentials, and the races
of CANCEL.
"""

from __future__ import annotations

from typing import Protocol

from sip.call_context import CallContext, via_value
from sip.call_listener import Credentials
from sip.challenge import Authenticator
from sip.client_transaction import ClientTransaction
from sip.dialog import MAX_FORWARDS, Dialog
from sip.errors import ParseError
from sip.flow import Flow, TransportError
from sip.identifiers import new_branch
from sip.in_dialog_request import InDialogRequest
from sip.message import Request, Response
from sip.timers import Timer

LARGE_REQUEST = 1300
"""Bytes beyond which a request does not go over UDP when TCP can be had (RFC 3261 section 18.1.1)."""

_VIA_SIZE = 100


class InviteClientUser(Protocol):
    """Who places the INVITE."""

    def build_invite(self) -> tuple[Request, Flow]:
        """A new INVITE with the next CSeq number and no Via, and its flow. Called per attempt."""
        ...

    def invite_dialog(self, request: Request, response: Response) -> Dialog:
        """The dialog that the first 2xx confirms or refreshes. Raises ParseError."""
        ...

    def wants_another_attempt(self, response: Response) -> bool:
        """Whether the INVITE is to be made again after this refusal, because `build_invite` has learnt from
        it."""
        ...

    def on_invite_progress(self, response: Response, now: float) -> None:
        """A provisional answer."""
        ...

    def on_invite_success(self, response: Response, now: float) -> None:
        """The first 2xx; it has been acknowledged."""
        ...

    def on_invite_failure(self, status: int, reason: str, response: Response | None, now: float) -> None:
        """The INVITE came to nothing; `response` is None for what was found out here."""
        ...


class InviteClient:
    """Sends one INVITE and sees it through. Exactly one of success and failure is reported."""

    __slots__ = (
        "_acks",
        "_authenticator",
        "_cancel_reason",
        "_cancel_sent",
        "_cancel_timer",
        "_cancelled",
        "_context",
        "_credentials",
        "_done",
        "_early",
        "_flow",
        "_moved_to_tcp",
        "_proceeding",
        "_request",
        "_stay_on_udp",
        "_transaction",
        "_user",
    )

    def __init__(self, context: CallContext, user: InviteClientUser, credentials: Credentials | None) -> None:
        self._context = context
        self._user: InviteClientUser | None = user
        self._credentials = credentials
        self._request: Request | None = None
        self._flow: Flow | None = None
        self._transaction: ClientTransaction | None = None
        self._acks: dict[str, tuple[Flow, bytes]] = {}
        self._moved_to_tcp = False
        self._stay_on_udp = False
        self._authenticator = Authenticator(credentials)
        self._proceeding = False
        self._cancelled = False
        self._cancel_sent = False
        self._cancel_reason: str | None = None
        self._cancel_timer: Timer | None = None
        self._done = False
        self._early: dict[str, Dialog] = {}

    @property
    def pending(self) -> bool:
        """Whether the outcome is still open."""
        return not self._done

    @property
    def request(self) -> Request | None:
        """The INVITE last sent."""
        return self._request

    def early_dialog(self, tag: str, dialog: Dialog) -> None:
        """A provisional answer has made this dialog; requests in it go on counting (RFC 3261 section
        12.2.1.1).
        """
        self._early[tag] = dialog

    def start(self, now: float) -> None:
        """Send the INVITE."""
        self._send(now)

    def cancel(self, reason: str | None, now: float) -> None:
        """Give up; the user hears a failure with 487 (or the final answer that was under way).

        A CANCEL must wait for a provisional answer (section 9.1): before one it is only noted.
        """
        if self._done or self._cancelled:
            return
        self._cancelled = True
        self._cancel_reason = reason
        if self._proceeding:
            self._send_cancel(now)
        elif self._request is None:
            self._context.defer(self._never_sent)

    def on_response(self, response: Response, now: float) -> None:
        """An answer of the INVITE transaction."""
        status = response.status
        if status < 200:
            self._receive_provisional(response, now)
        elif status < 300:
            self._receive_success(response, now)
        elif not self._cancelled and (
            self._authenticator.take(response)
            or (self._user is not None and self._user.wants_another_attempt(response))
        ):
            # Section 22.2: again, with the same Call-ID and From tag.
            self._send(now)
        else:
            self._fail(status, response.reason, response, now)

    def on_timeout(self, now: float) -> None:
        """Timer B: nobody ever answered."""
        if self._cancelled:
            self._fail(487, "Request Terminated", None, now)
        else:
            self._fail(408, "Request Timeout", None, now)

    def on_transport_error(self, now: float) -> None:
        """Not sendable; a request that had only been moved for its size goes back to where it belongs."""
        if self._moved_to_tcp and not self._proceeding and not self._cancelled and self._user is not None:
            self._moved_to_tcp = False
            self._stay_on_udp = True
            self._send(now)
            return
        self._fail(503, "Service Unavailable", None, now)

    def _send(self, now: float) -> None:
        user = self._user
        if user is None:
            return
        request, flow = user.build_invite()
        for name, value in self._authenticator.headers("INVITE", request.uri, request.body):
            request.add(name, value)
        if flow.transport == "udp" and not self._stay_on_udp and _size(request) > LARGE_REQUEST:
            larger = self._context.flow_for_large(flow)
            self._moved_to_tcp = larger is not None
            flow = larger or flow
        branch = new_branch()
        request.insert_first("Via", via_value(flow, branch))
        self._request = request
        self._flow = flow
        self._proceeding = False
        self._transaction = self._context.transactions.send_request(request, branch, flow, self, now)

    def _receive_provisional(self, response: Response, now: float) -> None:
        if self._done:
            return
        self._proceeding = True
        if self._cancelled and not self._cancel_sent:
            self._send_cancel(now)
        if self._user is not None:
            self._user.on_invite_progress(response, now)

    def _receive_success(self, response: Response, now: float) -> None:
        """Section 13.2.2.4: each 2xx gets an ACK; a To tag seen before gets the same one again."""
        tag = response.to_tag or ""
        known = self._acks.get(tag)
        if known is not None:
            self._context.transactions.retransmissions += 1
            _transmit(*known, None)
        elif self._done:
            self._end_other_dialog(response, now)
        elif self._cancelled:
            # The answer crossed our CANCEL: the call exists and has to be ended properly.
            self._end_other_dialog(response, now)
            self._fail(487, "Request Terminated", None, now)
        else:
            self._succeed(response, now)

    def _succeed(self, response: Response, now: float) -> None:
        user, request = self._user, self._request
        if user is None or request is None:
            return
        try:
            dialog = user.invite_dialog(request, response)
            self._acknowledge(dialog, response)
        except ParseError as error:
            self._fail(502, error.reason, response, now)
            return
        self._finish()
        user.on_invite_success(response, now)

    def _end_other_dialog(self, response: Response, now: float) -> None:
        """ACK, then BYE, for a 2xx nobody wants any more: another branch of a fork, or the loser of a
        race."""
        if self._request is None or self._flow is None:
            return
        try:
            dialog = self._early.get(response.to_tag or "")
            if dialog is None:
                dialog = Dialog.from_response(self._request, response)
            else:
                dialog.confirm(response)
            self._acknowledge(dialog, response)
            bye = InDialogRequest(self._context, dialog, self._flow, self._credentials, _ignore_outcome)
            bye.send("BYE", now)
        except ParseError:
            # Without a usable Contact or route there is nowhere to send either; the peer's own timer ends it.
            return

    def _acknowledge(self, dialog: Dialog, response: Response) -> None:
        """ACK a 2xx: a transaction of its own with a new branch, through the route set to the Contact."""
        invite, current = self._request, self._flow
        if invite is None or current is None:
            return
        flow = self._context.flow_for(dialog, current)
        ack = dialog.new_ack(invite.cseq.number)
        ack.insert_first("Via", via_value(flow, new_branch()))
        for name in ("Authorization", "Proxy-Authorization"):
            for value in invite.get_all(name):
                ack.add(name, value)
        data = ack.serialise()
        self._acks[response.to_tag or ""] = (flow, data)
        _transmit(flow, data, ack)

    def _send_cancel(self, now: float) -> None:
        """Section 9.1: the INVITE's own path and branch; if no final answer follows within 64*T1, that is
        that."""
        invite, flow = self._request, self._flow
        if invite is None or flow is None:
            return
        self._cancel_sent = True
        cancel = Request("CANCEL", invite.uri)
        via = invite.top_via
        cancel.add("Via", via.text)
        for route in invite.get_all("Route"):
            cancel.add("Route", route)
        cancel.add("Max-Forwards", MAX_FORWARDS)
        for name in ("From", "To", "Call-ID"):
            cancel.add(name, invite.get(name) or "")
        cancel.add("CSeq", f"{invite.cseq.number} CANCEL")
        if self._cancel_reason is not None:
            cancel.add("Reason", " ".join(self._cancel_reason.split()))
        context = self._context
        context.transactions.send_request(cancel, via.branch or "", flow, _IGNORE_ANSWERS, now)
        deadline = now + context.timing.transaction_timeout
        self._cancel_timer = context.timers.schedule(deadline, self._cancel_unanswered)

    def _never_sent(self, now: float) -> None:
        """Given up before the INVITE went out."""
        self._fail(487, "Request Terminated", None, now)

    def _cancel_unanswered(self, now: float) -> None:
        self._cancel_timer = None
        if self._transaction is not None:
            self._transaction.terminate()
        self._fail(487, "Request Terminated", None, now)

    def _fail(self, status: int, reason: str, response: Response | None, now: float) -> None:
        if self._done:
            return
        user = self._user
        self._finish()
        if user is not None:
            user.on_invite_failure(status, reason, response, now)

    def _finish(self) -> None:
        """The outcome is known; what stays is what late answers need."""
        self._done = True
        self._user = None
        self._transaction = None
        if self._cancel_timer is not None:
            self._cancel_timer.cancel()
            self._cancel_timer = None


class _IgnoreAnswers:
    """The user of a CANCEL: what counts is the INVITE's own answer."""

    def on_response(self, response: Response, now: float) -> None:
        """Nothing to do."""

    def on_timeout(self, now: float) -> None:
        """The timer that was started with the CANCEL deals with it."""

    def on_transport_error(self, now: float) -> None:
        """As above."""


_IGNORE_ANSWERS = _IgnoreAnswers()


def _ignore_outcome(_status: int, _response: Response | None, _now: float) -> None:
    """The BYE of an unwanted dialog: nobody waits for its answer."""


def _size(request: Request) -> int:
    """About how many bytes the request will have once its Via is there."""
    return _VIA_SIZE + len(request.body) + sum(len(name) + len(value) + 4 for name, value in request.headers)


def _transmit(flow: Flow, data: bytes, message: Request | None) -> None:
    try:
        flow.send(data, message)
    except TransportError:
        # The peer repeats its 2xx, which asks for the ACK again.
        return
