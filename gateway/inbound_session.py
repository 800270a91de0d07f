"""One call that comes in: ringing, the question to the number's owner, engine, answer.

The order of events is what the caller hears: 180 as soon as the call is known to be ours, the engine's call
created while it rings, 200 when the engine's socket stands, audio after the ACK.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from gateway.call import Call, ChangeSink
from gateway.cluster.limits import Counted
from gateway.conversation import Conversation
from gateway.engine_request import conversation_options, engine_request, longest_call_s
from gateway.failure_reasons import FailureReason
from gateway.media_address import MediaAddress, family_of, media_peer
from gateway.negotiated_media import DEFAULT_CODECS, local_audio, new_session_id
from gateway.new_call import CallSettings
from gateway.precall import PrecallClient, PrecallError
from gateway.received_cause import note_cause
from gateway.received_identity import received_details
from gateway.refused_invites import Refused, RefusedInvites
from gateway.session import Session
from gateway.session_services import SessionServices
from gateway.stir.service import CallerIdentity, named_users
from gateway.trunk_caller import ANONYMOUS_FROM
from gateway.untrusted_variables import without_wire_names
from media.messages import LegCreated
from media.plane import MediaCapacityError
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError, EngineBusyError
from routing.inbound import InboundRoute
from routing.number_style import NumberStyle
from routing.table import RoutingTable
from sip.audio_codecs import best_sample_rate
from sip.audio_parameters import AudioParameters
from sip.errors import NotAcceptableError, SdpError
from sip.message import Request, Response
from sip.offer_answer import AudioSession
from sip.q850 import reason_of_status
from sip.user_agent import Call as SipCall
from sip.user_agent import IncomingCall
from store.identifiers import uuid7
from store.records import (
    Agent,
    AgentStatus,
    CallDirection,
    CallRecord,
    CallStatus,
    DtmfMode,
    PhoneNumber,
    StirCheck,
    Trunk,
)
from store.trunk_dialog_records import Ringback
from store.trunk_identity_records import TrunkHeaders

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InboundServices:
    """What the inbound flow needs beyond the sessions' own services."""

    session: SessionServices
    table: Callable[[], RoutingTable]
    agent: Callable[[str], Agent | None]
    trunk: Callable[[str], Trunk | None]
    draining: Callable[[], bool]
    media_address: MediaAddress
    save: ChangeSink
    price: Callable[[CallRecord], int | None]
    outcome: Callable[[CallRecord], str | None]
    recordings: Path
    retry_after_s: float
    number: Callable[[str], PhoneNumber | None]
    precall: PrecallClient
    identity: CallerIdentity
    refused: RefusedInvites


class InboundSession(Session):
    """One inbound call."""

    direction = CallDirection.INBOUND

    def __init__(
        self, invite: IncomingCall, route: InboundRoute, agent: Agent, services: InboundServices
    ) -> None:
        trunk = route.trunk
        kept = None if trunk is None else services.trunk(trunk.id)
        told = received_details(
            invite.request,
            TrunkHeaders() if kept is None else kept.headers,
            NumberStyle() if trunk is None else trunk.style,
            anonymous=route.anonymous,
        )
        record = CallRecord(
            id=uuid7(),
            organization_id=route.organization_id,
            status=CallStatus.QUEUED,
            direction=CallDirection.INBOUND,
            agent_id=agent.id,
            created_at=datetime.now(UTC),
            phone_number=route.caller.e164,
            from_number=route.number.phone_number,
            trunk_id=trunk.id if trunk else None,
            sip_call_id=invite.call_id,
            sip_from=ANONYMOUS_FROM if route.anonymous else invite.request.get("From"),
            variables=told.variables,
            sip_details=told.details or None,
            node_id=services.session.node_id,
        )
        call = Call(record, services.save, price=services.price, outcome=services.outcome)
        super().__init__(
            call,
            services.session,
            longest_call_s(agent, CallSettings(), services.session.default_max_duration_s),
        )
        self._invite = invite
        self._route = route
        self._identity: dict[str, str] = dict(told.variables)
        self._agent = agent
        self._parts = services.session.parts(agent)
        self._trunk = trunk
        self._codecs = trunk.codecs if trunk else DEFAULT_CODECS
        self._dtmf = DtmfMode(trunk.dtmf) if trunk else DtmfMode.AUTO
        self._limits = services.session.limits.of(route.organization_id, trunk, route.number)
        self._inbound = services
        self._answer: bytes | None = None
        self._agreed: AudioParameters | None = None
        number = services.number(route.number.phone_number)
        self._precall_webhook = number.precall_webhook if number else None
        self._sip = invite
        invite.listener = self
        source = (invite.source_host, invite.source_port)
        self._trace(invite, invite.local_tag, invite.request.from_tag, source)
        call.step("invite-received", source=f"{invite.source_host}:{invite.source_port}")
        if told.details:
            call.step("told-by-sip", **told.details)
        call.step("routed", trunk_id=record.trunk_id, phone_number=record.from_number, agent_id=agent.id)
        self._occupy()

    def start(self) -> None:
        """Let it ring, and prepare everything that the answer needs."""
        self._invite.ring()
        self.call.ring()
        self._setup = asyncio.create_task(self._prepare())

    async def _prepare(self) -> None:
        try:
            if self._limits:
                reached = await self._services.leases.acquire(self.call.id, self._limits)
                if reached is not None:
                    detail = f"as many calls go on as may at once ({reached.limit.counted})"
                    self._note_full(detail, reached.limit.counted)
                    self._refuse(503, FailureReason.CAPACITY, detail, retry_after=True)
                    return
            if not await self._identify():
                return
            if self._precall_webhook is not None and not await self._consult(self._precall_webhook):
                return
            conversation = self._conversation = self._new_conversation()
            symmetric = self._trunk.symmetric if self._trunk else "auto"
            created = await conversation.open_leg(symmetric, family_of(self._media_host))
            self._negotiate_offer(created)
            self._ring_back()
            await conversation.create_engine_call()
            conversation.attach_engine()
        except MediaCapacityError as error:
            self._refuse(503, FailureReason.CAPACITY, str(error), retry_after=True)
        except NotAcceptableError as error:
            self._refuse(488, FailureReason.MEDIA_NEGOTIATION_FAILED, str(error))
        except SdpError as error:
            self._refuse(400, FailureReason.MEDIA_NEGOTIATION_FAILED, str(error))
        except EngineBusyError as error:
            self._refuse(503, FailureReason.AGENT_ERROR, str(error), retry_after=True)
        except (EngineApiError, AgentSettingsError, CallRequestError) as error:
            self._refuse(500, FailureReason.AGENT_ERROR, str(error))
        except Exception:
            log.exception("inbound_call_crashed", call_id=self.call.id)
            self._refuse(500, FailureReason.GATEWAY_ERROR, "internal error")

    def _note_full(self, detail: str, counted: Counted) -> None:
        """Among the rejections too: whoever looks there for a 503 is to find it."""
        invite = self._invite
        refused = Refused(
            f"{counted}_full",
            detail,
            503,
            fix=f"Raise the limit of calls at once of this {counted}, or wait for calls to end.",
            owner=self.call.record.organization_id,
        )
        self._inbound.refused.note(refused, invite.request, (invite.source_host, invite.source_port))

    async def _identify(self) -> bool:
        """Find out whether the caller is who the call says; false when the trunk insists and the call was
        refused. The caller hears it ring meanwhile.
        """
        invite, route = self._invite, self._route
        trunk = None if self._trunk is None else self._inbound.trunk(self._trunk.id)
        request = invite.request
        found = await self._inbound.identity.verify(
            trunk,
            request.get_all("Identity"),
            # The one number that is shown as the caller's: a signature of another that the INVITE names too
            # would have the agent believe what nobody has vouched for.
            callers=named_users(request, "P-Asserted-Identity", "From")
            if route.anonymous
            else {route.caller.e164 or route.caller.key},
            called={
                route.called.e164 or "",
                request.request_uri.user or "",
                *named_users(request, "To"),
            },
        )
        if found is None:
            return True
        self._identity |= found.variables()
        self.call.step(
            "caller-identity",
            verdict=str(found.verdict),
            attestation=found.attestation,
            reason=found.reason,
        )
        if trunk is not None and trunk.stir.verify is StirCheck.REQUIRE and found.status:
            self._refuse(found.status, FailureReason.REJECTED, f"caller identity: {found.reason}")
            return False
        self.call.update(variables={**self.call.record.variables, **self._identity})
        return True

    async def _consult(self, webhook: Mapping[str, Any]) -> bool:
        """Ask the number's owner what to do with the call; false when the call was rejected."""
        try:
            answer = await self._inbound.precall.ask(webhook, self.call.record)
        except PrecallError as error:
            log.warning("precall_failed", call_id=self.call.id, reason=str(error))
            self.call.step("precall-failed", reason=str(error))
            return True
        self.call.step("precall-answered", agent_id=answer.agent_id, reject=answer.reject_code)
        if answer.reject_code is not None:
            self._refuse(answer.reject_code, FailureReason.REJECTED, "rejected by the number's owner")
            return False
        if answer.agent_id is not None:
            self._take_agent(answer.agent_id)
        self.call.update(
            agent_id=self._agent.id,
            variables={**without_wire_names(answer.variables), **self._identity},
            metadata=dict(answer.metadata),
        )
        return True

    def _take_agent(self, agent_id: str) -> None:
        """Another agent than the number's takes the call, if there is such a one and it is active."""
        agent = self._inbound.agent(agent_id)
        if agent is None or agent.organization_id != self._agent.organization_id:
            self.call.step("precall-agent-refused", agent_id=agent_id, reason="there is no such agent")
        elif agent.status is not AgentStatus.ACTIVE:
            self.call.step("precall-agent-refused", agent_id=agent_id, reason=f"it is {agent.status}")
        else:
            self._agent = agent
            self._parts = self._services.parts(agent)
            self._max_duration_s = longest_call_s(
                agent, CallSettings(), self._services.default_max_duration_s
            )

    def _new_conversation(self) -> Conversation:
        """Raises `AgentSettingsError` for an agent that the engine would refuse."""
        call, agent = self.call, self._agent
        return Conversation(
            call,
            engine_request(
                agent,
                self._parts,
                CallSettings(),
                call_id=call.id,
                direction=str(CallDirection.INBOUND),
                variables=call.record.variables,
                metadata=call.record.metadata,
                max_duration_s=self._max_duration_s,
                ring_timeout_s=0.0,
            ),
            self,
            self._services.conversation,
            self._inbound.recordings / f"{call.id}.wav" if agent.recording_enabled else None,
            conversation_options(agent, self._parts, CallSettings(), CallDirection.INBOUND),
            self._dtmf,
        )

    @property
    def _media_host(self) -> str:
        """What our description will name."""
        invite = self._invite
        peer = media_peer(invite.source_host, invite.offer)
        return self._inbound.media_address.for_peer(peer, invite.local_host)

    def _negotiate_offer(self, leg: LegCreated) -> None:
        assert self._conversation is not None
        local = local_audio(self._media_host, leg, self._trunk)
        self._audio = AudioSession(local, session_id=new_session_id())
        if self._invite.offer is None:
            self._answer = self._audio.offer()  # the INVITE had no offer: ours goes into the 200
            self._conversation.run_at(best_sample_rate(self._codecs))
            return
        self._answer, self._agreed = self._audio.answer(self._invite.offer)
        self._conversation.run_at(self._agreed.sample_rate)

    def _ring_back(self) -> None:
        """On a trunk that wants it the caller hears a ringing tone of ours, where its INVITE has offered: an
        offer of ours may not be answered before the ACK.
        """
        trunk = None if self._trunk is None else self._inbound.trunk(self._trunk.id)
        wanted = trunk is not None and trunk.dialog.ringback is Ringback.TONE
        if not wanted or self._agreed is None or self._conversation is None or self.over:
            return
        self._apply(self._agreed)
        self._conversation.ring_back()
        self._invite.ring(183, self._answer)
        self.call.step("ringback")

    def on_engine_open(self) -> None:
        if not self.over and self._answer is not None:
            if self._agreed is not None:
                # Not earlier: before our answer the caller does not know where to send its audio to, and
                # the leg begins to miss packets when it is negotiated.
                self._apply(self._agreed)
            self.call.step("answered", sip_status=200)
            self.call.update(sip_status=200, sip_reason="OK")
            self._invite.answer(self._answer)

    def on_established(self, call: SipCall, sdp: bytes | None) -> None:
        self.call.step("ack-received")
        if self._invite.offer is None and not self.take_late_answer(sdp):
            return
        self._connected()

    def on_cancelled(self, call: SipCall, request: Request) -> None:
        self.call.step("cancel-received", reason=request.get("Reason"))
        note_cause(self.call, request)
        self.call.update(sip_status=487, sip_reason="Request Terminated")
        self.finish(lambda: self.call.fail(FailureReason.CALLER_HANGUP))

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        """The caller asked for reliable ringing and never acknowledged it."""
        self.call.step("refused", sip_status=status, detail=reason)
        self.call.update(sip_status=status, sip_reason=reason)
        self.finish(lambda: self.call.fail(FailureReason.TRUNK_UNAVAILABLE))

    def on_conversation_lost(self, reason: FailureReason, detail: str) -> None:
        if self._unanswered:
            self._refuse(500, reason, detail)
        else:
            super().on_conversation_lost(reason, detail)

    def shut_down(self) -> None:
        if self._unanswered and not self.over:
            self.call.step("shutdown")
            message = "the gateway is shutting down"
            self._refuse(503, FailureReason.GATEWAY_ERROR, message, retry_after=True)
        else:
            super().shut_down()

    @property
    def _unanswered(self) -> bool:
        """The INVITE has had no final answer."""
        return self.call.record.sip_status is None

    def _refuse(self, status: int, reason: FailureReason, detail: str, *, retry_after: bool = False) -> None:
        """Give up before the answer, with a status that tells the carrier what to do."""
        if self.over:
            return
        self.call.step("refused", sip_status=status, detail=detail)
        self.call.update(sip_status=status, sip_reason=detail)
        log.warning(
            "inbound_call_refused", call_id=self.call.id, sip_status=status, reason=str(reason), detail=detail
        )
        headers = [("Reason", reason_header(status, str(reason)))]
        if retry_after:
            headers.append(("Retry-After", str(max(1, round(self._inbound.retry_after_s)))))
        self._invite.reject(status, headers=tuple(headers))
        self.finish(lambda: self.call.fail(reason))


def reason_header(status: int, text: str) -> str:
    """A Reason header value (RFC 3326) with quotes made harmless."""
    safe = "".join(
        character if " " <= character <= "~" and character not in '"\\' else "'" for character in text
    )
    return reason_of_status(status, safe)
