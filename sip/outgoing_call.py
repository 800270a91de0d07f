"""OutgoingCall: an INVITE of ours, from its first attempt to its end (RFC 3261 sections 13.2 and 15)."""

from __future__ import annotations

from sip.body import SDP_CONTENT_TYPE
from sip.call import Call, dialog_headers
from sip.call_context import CallContext
from sip.call_listener import CallListener, CallState, OutboundTarget
from sip.call_policy import ReliableProvisionals
from sip.capabilities import RELIABLE
from sip.dialog import MAX_FORWARDS, Dialog
from sip.errors import ParseError
from sip.flow import Flow
from sip.grammar import quote
from sip.identifiers import new_call_id, new_tag
from sip.invite_client import InviteClient
from sip.message import Request, Response, response_to
from sip.provisional_acknowledgement import ProvisionalAcknowledger
from sip.server_transaction import ServerTransaction
from sip.uri import SipUri

MAXIMUM_EARLY_DIALOGS = 16
"""Branches of a fork that are kept track of; more of them still ring, but requests inside them get 481."""


class OutgoingCall(Call):
    """A call to a peer. `early_dialogs` counts the different To tags seen before the answer (forking)."""

    owns_call_id = True

    def __init__(
        self, context: CallContext, target: OutboundTarget, flow: Flow, listener: CallListener
    ) -> None:
        """Raises ParseError when a URI of `target` is malformed, HeaderInjectionError when a header is."""
        for uri in (target.request_uri, target.to_uri):
            SipUri.parse(uri)
        self._user = SipUri.parse(target.from_uri).user or ""
        super().__init__(context, new_call_id(), flow, self._user, target.credentials, target.policy)
        self.listener = listener
        self.target = target
        self.local_tag = new_tag()
        self._own_headers = self._headers_of_target()
        self._cseq = 0
        self._early: dict[str, Dialog] = {}
        self._described: set[str] = set()
        self._invite = InviteClient(context, self, target.credentials)
        self._acknowledger = ProvisionalAcknowledger(context, target.credentials)

    # For the owner

    def cancel(self, reason: str | None = None) -> None:
        """Give the call up while it is unanswered; `on_failure` with 487 follows. Else the same as
        `hang_up`."""
        self.hang_up(reason)

    def hang_up(self, reason: str | None = None) -> None:
        """CANCEL while unanswered, BYE once established."""
        now = self.context.clock()
        if self.state is CallState.EARLY:
            self._invite.cancel(reason, now)
        elif self.state is CallState.ESTABLISHED:
            self._bye_reason = reason
            self._end("local", None, now)
            self._send_bye(now)

    @property
    def early_dialogs(self) -> tuple[Dialog, ...]:
        """The early dialogs that provisional answers made, one per To tag."""
        return tuple(self._early.values())

    # For the endpoint

    def start(self, now: float) -> None:
        """Send the INVITE, unless the call was given up before its way was known."""
        if self._invite.pending:
            self._invite.start(now)

    def take_flow(self, flow: Flow) -> None:
        """The way to the target has been found."""
        self.flow = flow
        self.dialog_headers = dialog_headers(flow, self._user, self.policy)

    def unreachable(self, now: float) -> None:
        """No way to the target exists: 503."""
        self._invite.on_transport_error(now)

    def build_invite(self) -> tuple[Request, Flow]:
        """The INVITE, outside of any dialog (RFC 3261 section 8.1.1)."""
        target = self.target
        self._cseq += 1
        headers = (
            *self._own_headers,
            *self.session_timer.request_headers(),
            ("CSeq", f"{self._cseq} INVITE"),
            *self.dialog_headers,
        )
        return Request("INVITE", target.request_uri, headers, target.offer or b""), self.flow

    def invite_dialog(self, request: Request, response: Response) -> Dialog:
        """Confirm the early dialog of this To tag, or make the dialog anew."""
        dialog = self._early.get(response.to_tag or "")
        if dialog is None:
            dialog = Dialog.from_response(request, response)
        else:
            dialog.confirm(response)
        # Not before: an answer that cannot be read leaves the early dialogs to `on_invite_failure`.
        self._early.pop(response.to_tag or "", None)
        self._drop_early_dialogs()
        self.dialog = dialog
        self.context.dialog_created(dialog, self)
        return dialog

    @property
    def local_tag_for_answers(self) -> str | None:
        """None: every request of the peer's has our tag."""
        return None

    def wants_another_attempt(self, response: Response) -> bool:
        """After a 422, for a longer session interval."""
        return self.session_timer.raised(response)

    def on_invite_progress(self, response: Response, now: float) -> None:
        """1xx: an early dialog per To tag (section 13.2.2.1), so that a request in it finds the call.

        A reliable one is acknowledged by PRACK; repeated, or out of order, it is as if it had not come (RFC
        3262 section 4).
        """
        tag = response.to_tag
        due = self._acknowledger.is_due(response)
        if due is None:
            return
        if tag is not None and response.status > 100 and tag not in self._early:
            self._add_early_dialog(tag, response)
        dialog = self._early.get(tag or "")
        if due and response.body:
            self._described.add(tag or "")
        if due and dialog is not None:
            self._acknowledger.acknowledge(response, dialog, self.flow, now)
        self._notify(self.listener.on_progress, self, response)

    def on_invite_success(self, response: Response, now: float) -> None:
        """The call is up; the ACK has been sent."""
        self.state = CallState.ESTABLISHED
        self.learn_peer(response)
        self.session_timer.agreed(response, now)
        self._notify(self.listener.on_answer, self, response)

    def on_invite_failure(self, status: int, reason: str, response: Response | None, now: float) -> None:
        """The call came to nothing."""
        self.state = CallState.ENDED
        self.context.call_ended(self)
        self._drop_early_dialogs()
        if self.dialog is not None:
            # Answered, but with nowhere to send the ACK to.
            self.context.dialog_ended(self.dialog)
        self._notify(self.listener.on_failure, self, status, reason, response)

    def receive_request(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """A request of a dialog; the callee may not say BYE in an early one (section 15)."""
        if self.state is CallState.EARLY and request.method == "BYE":
            transaction.respond(response_to(request, 481), now)
        else:
            super().receive_request(request, transaction, now)

    def _refuse_early_offer(self, request: Request, transaction: ServerTransaction, now: float) -> None:
        """491: our own offer waits for its answer; 504: it has one, by a reliable 1xx, and the session is not
        changed before it begins."""
        status = 504 if request.from_tag in self._described else 491
        transaction.respond(response_to(request, status), now)

    def _headers_of_target(self) -> list[tuple[str, str]]:
        """What every attempt says alike, looked over once: a fault has to show before anything is sent."""
        target = self.target
        name = f"{quote(target.from_display)} " if target.from_display else ""
        headers = [
            ("Max-Forwards", MAX_FORWARDS),
            ("From", f"{name}<{target.from_uri}>;tag={self.local_tag}"),
            ("To", f"<{target.to_uri}>"),
            ("Call-ID", self.call_id),
            *self.context.user_agent_headers,
            *target.headers,
        ]
        headers.extend(target.policy.supported)
        if target.policy.reliable_provisionals is ReliableProvisionals.REQUIRE:
            headers.append(("Require", RELIABLE))
        if target.offer is not None:
            headers.append(("Content-Type", SDP_CONTENT_TYPE))
        return Request("INVITE", target.request_uri, headers).headers

    def _add_early_dialog(self, tag: str, response: Response) -> None:
        if len(self._early) >= MAXIMUM_EARLY_DIALOGS or self._invite.request is None:
            return
        try:
            dialog = Dialog.from_response(self._invite.request, response)
        except ParseError:
            # The answer is what counts; a request inside this dialog will get 481.
            return
        self._early[tag] = dialog
        self._invite.early_dialog(tag, dialog)
        self.context.dialog_created(dialog, self)

    def _drop_early_dialogs(self) -> None:
        for dialog in self._early.values():
            self.context.dialog_ended(dialog)
        self._early.clear()
