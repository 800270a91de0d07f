"""An INVITE with Replaces (RFC 3891): another dialog takes a call of ours over, such as that of the person to
whom a PBX's telephone has transferred us.

The call, its leg, its engine and its recording go on; only whom we talk to changes. Knowing the identifiers
of a dialog is not enough: the INVITE has to come the way the call came, over the same trunk.
"""

from __future__ import annotations

import structlog

from gateway.call_policy import call_policy, trunk_credentials
from gateway.inbound_session import InboundServices
from gateway.new_trunk_outbound import tls_towards
from gateway.refused_invites import Refused
from gateway.session import Session
from gateway.session_services import CallKeeper
from routing.inbound import comes_over
from sip.call_listener import CallListener
from sip.errors import NotAcceptableError, SdpError
from sip.message import Request
from sip.user_agent import Call as SipCall
from sip.user_agent import IncomingCall, OfferedRequest
from store.records import CallStatus

log = structlog.get_logger(__name__)


class CallReplacement:
    """Takes each INVITE that wants to take a call over, and refuses it or has the call go on with it."""

    def __init__(self, services: InboundServices) -> None:
        self._services = services

    def take(self, invite: IncomingCall) -> None:
        """Called for an INVITE whose `replaces` is a call of ours."""
        session = self._session_of(invite.replaces)
        if session is None or session.call.status is not CallStatus.IN_PROGRESS or session.over:
            self._refuse(invite, 603, "The call to replace does not take another party.")
            return
        trunk_id = session.call.record.trunk_id
        if not self._comes_the_same_way(invite, session, trunk_id):
            self._refuse(invite, 403, "The call to replace came over another trunk.", session)
            return
        if session.transfer_running:
            self._refuse(invite, 491, "The call to replace is being transferred.", session)
            return
        trunk = None if trunk_id is None else self._services.trunk(trunk_id)
        if not invite.take_policy(call_policy(trunk)):
            self._note(invite, invite.final_status or 0, "It does not fit the trunk's signalling.", session)
            return
        invite.credentials = trunk_credentials(trunk)
        if trunk is not None and trunk.outbound is not None:
            invite.trust_onward(tls_towards(trunk.outbound))
        self._answer(invite, session)

    def _answer(self, invite: IncomingCall, session: Session) -> None:
        audio = session.audio_for_another_dialog()
        invite.listener = _UntilAcknowledged(
            session, self._services.session.keeper, awaits_answer=invite.offer is None
        )
        if invite.offer is None:
            invite.answer(audio.offer())
            session.take_dialog(invite, audio, None, "replaced")
            return
        try:
            answer, parameters = audio.answer(invite.offer)
        except (NotAcceptableError, SdpError) as error:
            status = 488 if isinstance(error, NotAcceptableError) else 400
            self._refuse(invite, status, str(error), session)
            return
        invite.answer(answer)
        session.take_dialog(invite, audio, parameters, "replaced")

    def _session_of(self, replaced: SipCall | None) -> Session | None:
        return next((one for one in self._services.session.live if one.carries(replaced)), None)

    def _comes_the_same_way(self, invite: IncomingCall, session: Session, trunk_id: str | None) -> bool:
        table = self._services.table()
        trunk = None if trunk_id is None else table.trunk(trunk_id)
        if trunk is not None and comes_over(table, trunk, invite.source_host, invite.identity):
            return True
        # A trunk that only takes calls of ours: whoever is called there may hand over what it was given.
        takes_calls = trunk is not None and (trunk.open_to_networks or trunk.open_to_digest)
        return not takes_calls and session.is_with(invite.source_host)

    def _refuse(
        self, invite: IncomingCall, status: int, message: str, session: Session | None = None
    ) -> None:
        self._note(invite, status, message, session)
        invite.reject(status)

    def _note(self, invite: IncomingCall, status: int, message: str, session: Session | None) -> None:
        if session is not None:
            session.call.step("replacement-refused", sip_status=status, detail=message)
        owner = None if session is None else session.call.record.organization_id
        self._services.refused.note(
            Refused("replaces", message, status, f"Replaces: {invite.request.get('Replaces')}", owner=owner),
            invite.request,
            (invite.source_host, invite.source_port),
        )


class _UntilAcknowledged(CallListener):
    """Hears a dialog that has taken a call over until its ACK, with which comes the answer to our offer where
    the INVITE made none.
    """

    def __init__(self, session: Session, keeper: CallKeeper | None, *, awaits_answer: bool) -> None:
        self._session = session
        self._keeper = keeper
        self._awaits_answer = awaits_answer

    def on_established(self, call: SipCall, sdp: bytes | None) -> None:
        call.listener = self._session
        if self._awaits_answer:
            self._session.take_late_answer(sdp)
        if self._keeper is not None:
            self._keeper.changed(self._session)  # before the ACK there was nothing to go on with

    def on_offer(self, call: SipCall, request: OfferedRequest) -> None:
        if self._awaits_answer:
            request.reject(491)
        else:
            self._session.on_offer(call, request)

    def on_info(self, call: SipCall, request: Request) -> None:
        self._session.on_info(call, request)

    def on_terminated(self, call: SipCall, by: str, request: Request | None) -> None:
        self._session.on_terminated(call, by, request)
