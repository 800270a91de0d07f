"""Calls that come in: INVITE, trunk, number, agent, engine, ringing, answer.

The order of events is what the caller hears: 180 as soon as the call is known to be ours, the engine's call
created while it rings, 200 when the engine's socket stands, audio after the ACK. A refused INVITE never
becomes a call object; it is told to the log, the metrics and, where that is safe, to the peer.
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
from gateway.call_policy import call_policy, trunk_credentials
from gateway.conversation import Conversation
from gateway.engine_request import conversation_options, engine_request, longest_call_s
from gateway.failure_reasons import FailureReason
from gateway.media_address import MediaAddress
from gateway.negotiated_media import DEFAULT_CODECS, local_audio
from gateway.new_call import CallSettings
from gateway.precall import PrecallClient, PrecallError
from gateway.rejections import Rejection, Rejections, short
from gateway.session import Session, SessionServices, new_session_id
from media.messages import LegCreated
from media.plane import MediaCapacityError
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError, EngineBusyError
from routing.decisions import Refusal
from routing.explain import explain_text
from routing.inbound import InboundQuery, InboundRoute, decide_inbound
from routing.table import RoutingTable
from sip.addresses import authority
from sip.audio_codecs import best_sample_rate
from sip.audio_parameters import AudioParameters
from sip.errors import NotAcceptableError, SdpError, SipError
from sip.headers import NameAddr
from sip.message import Request, Response
from sip.offer_answer import AudioSession
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
    Trunk,
)

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
    rejections: Rejections


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why an INVITE did not become a call; `explanation` is for the log."""

    kind: str
    message: str
    status: int
    looked_up: str | None = None
    fix: str | None = None
    explanation: str | None = None


class InboundCalls:
    """Takes each new INVITE from the user agent and refuses it or makes a session of it."""

    def __init__(self, services: InboundServices) -> None:
        self._services = services

    def on_invite(self, invite: IncomingCall) -> None:
        """Called by the user agent for every INVITE outside a dialog."""
        services = self._services
        if services.draining():
            self._refuse_busy(
                invite, "draining", "the gateway is shutting down", "Send the call to another gateway."
            )
            return
        try:
            query = _query(invite)
        except SipError as error:
            fix = "Have the far side send a correct Request-URI, From and To."
            self._refused(_Refused("malformed", str(error), 400, fix=fix), invite)
            invite.reject(400, str(error))
            return
        decision = decide_inbound(services.table(), query)
        if isinstance(decision, Refusal):
            # Nothing but the status goes to the peer: more would tell a scanner which numbers exist.
            self._refused(
                _Refused(
                    decision.code,
                    decision.message,
                    decision.sip_status,
                    decision.looked_up,
                    decision.fix,
                    explain_text(decision),
                ),
                invite,
            )
            invite.reject(decision.sip_status, decision.sip_reason)
            return
        agent = services.agent(decision.agent.id)
        if agent is None:
            fix = "Assign the number to another agent."
            self._refused(
                _Refused("agent_not_active", "the agent was deleted a moment ago", 480, fix=fix), invite
            )
            invite.reject(480)
            return
        if services.session.live.full(CallDirection.INBOUND):
            self._refuse_busy(
                invite, "capacity", "all places for inbound calls are taken", "Raise calls.max_inbound."
            )
            return
        trunk = None if decision.trunk is None else services.trunk(decision.trunk.id)
        if not invite.take_policy(call_policy(trunk)):
            self._refused(_not_fitting(invite, trunk), invite)
            return
        invite.credentials = trunk_credentials(trunk)
        InboundSession(invite, decision, agent, services).start()

    def refused_by_stack(self, request: Request, source: tuple[str, int], status: int, reason: str) -> None:
        """Called by the user agent for an INVITE that it refused by itself."""
        refused = _Refused("sip", f"The INVITE breaks a rule of SIP: {reason}.", status)
        self._note(refused, request, source, request.get("Call-ID") or "")

    def _refuse_busy(self, invite: IncomingCall, kind: str, message: str, fix: str) -> None:
        self._refused(_Refused(kind, message, 503, fix=fix), invite)
        retry_after = str(max(1, round(self._services.retry_after_s)))
        invite.reject(503, headers=(("Retry-After", retry_after), ("Reason", _reason(503, message))))

    def _refused(self, refused: _Refused, invite: IncomingCall) -> None:
        self._note(refused, invite.request, (invite.source_host, invite.source_port), invite.call_id)

    def _note(self, refused: _Refused, request: Request, source: tuple[str, int], sip_call_id: str) -> None:
        """Tell metrics, log and the list of recent refusals."""
        self._services.session.metrics.rejections_total.labels(refused.kind).inc()
        address = authority(*source)
        log.warning(
            "invite_refused",
            kind=refused.kind,
            reason=refused.message,
            source=address,
            sip_call_id=sip_call_id,
            explanation=refused.explanation,
        )
        self._services.rejections.add(
            Rejection(
                at=datetime.now(UTC),
                rule=refused.kind,
                sip_status=refused.status,
                message=refused.message,
                looked_up=short(refused.looked_up),
                fix=refused.fix,
                source=address,
                called=short(_user_of(lambda: request.request_uri.user_decoded)),
                caller=short(_user_of(lambda: request.from_.uri.user_decoded)),
                sip_call_id=short(sip_call_id),
                user_agent=short(request.get("User-Agent")),
            ),
            source[0],
        )


class InboundSession(Session):
    """One inbound call."""

    direction = CallDirection.INBOUND

    def __init__(
        self, invite: IncomingCall, route: InboundRoute, agent: Agent, services: InboundServices
    ) -> None:
        trunk = route.trunk
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
            sip_from=invite.request.get("From"),
            node_id=services.session.node_id,
        )
        call = Call(record, services.save, price=services.price, outcome=services.outcome)
        super().__init__(
            call,
            services.session,
            longest_call_s(agent, CallSettings(), services.session.default_max_duration_s),
        )
        self._invite = invite
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
        call.step("invite-received", source=f"{invite.source_host}:{invite.source_port}")
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
                    self._refuse(503, FailureReason.CAPACITY, detail, retry_after=True)
                    return
            if self._precall_webhook is not None and not await self._consult(self._precall_webhook):
                return
            conversation = self._conversation = self._new_conversation()
            created = await conversation.open_leg(self._trunk.symmetric if self._trunk else "auto")
            self._negotiate_offer(created)
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
            agent_id=self._agent.id, variables=dict(answer.variables), metadata=dict(answer.metadata)
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

    def _negotiate_offer(self, leg: LegCreated) -> None:
        assert self._conversation is not None
        host = self._inbound.media_address.for_peer(self._invite.source_host)
        self._audio = AudioSession(local_audio(host, leg, self._trunk), session_id=new_session_id())
        if self._invite.offer is None:
            self._answer = self._audio.offer()  # the INVITE had no offer: ours goes into the 200
            self._conversation.run_at(best_sample_rate(self._codecs))
            return
        self._answer, self._agreed = self._audio.answer(self._invite.offer)
        self._conversation.run_at(self._agreed.sample_rate)

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
        if self._invite.offer is None and not self._take_answer(sdp):
            return
        self._connected()

    def _take_answer(self, sdp: bytes | None) -> bool:
        """The answer to our offer, from the ACK."""
        assert self._audio is not None
        try:
            if sdp is None:
                raise SdpError("the ACK to an INVITE without offer carries no answer")
            self._apply(self._audio.accept_answer(sdp))
        except (SdpError, NotAcceptableError) as error:
            self.call.step("answer-refused", error=str(error))
            failure = FailureReason.MEDIA_NEGOTIATION_FAILED
            self.finish(lambda: self.call.fail(failure), failure)
            return False
        return True

    def on_cancelled(self, call: SipCall, request: Request) -> None:
        self.call.step("cancel-received", reason=request.get("Reason"))
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
        headers = [("Reason", _reason(status, str(reason)))]
        if retry_after:
            headers.append(("Retry-After", str(max(1, round(self._inbound.retry_after_s)))))
        self._invite.reject(status, headers=tuple(headers))
        self.finish(lambda: self.call.fail(reason))


def _query(invite: IncomingCall) -> InboundQuery:
    """What routing has to know of an INVITE. Raises `SipError` when the request cannot be read so far."""
    request = invite.request
    return InboundQuery(
        source_ip=invite.source_host,
        to_user=request.request_uri.user_decoded or "",
        from_user=request.from_.uri.user_decoded,
        asserted_user=_asserted_user(request),
    )


def _user_of(read: Callable[[], str | None]) -> str | None:
    """A user part, or None where the header that holds it cannot be read."""
    try:
        return read()
    except SipError:
        return None


def _not_fitting(invite: IncomingCall, trunk: Trunk | None) -> _Refused:
    """An INVITE that the trunk's signalling policy has refused."""
    request = invite.request
    offered = ", ".join(
        f"{name}: {value}"
        for name in ("Require", "Supported", "Session-Expires")
        if (value := request.get(name)) is not None
    )
    return _Refused(
        "signalling",
        "The INVITE does not fit the trunk's signalling policy.",
        invite.final_status or 0,
        f"{offered or 'no extensions'} against the signalling of trunk {trunk.name if trunk else 'none'!r}",
        "Change session_timer, min_session_expires or reliable_provisionals of the trunk, or the far side.",
    )


def _asserted_user(request: Request) -> str | None:
    """The number in P-Asserted-Identity (RFC 3325): a trunk trusted for calls is trusted for it."""
    asserted = request.get("P-Asserted-Identity")
    if asserted is None:
        return None
    try:
        return NameAddr.parse(asserted).uri.user_decoded
    except SipError:
        return None


def _reason(status: int, text: str) -> str:
    """A Reason header value (RFC 3326) with quotes made harmless."""
    safe = "".join(
        character if " " <= character <= "~" and character not in '"\\' else "'" for character in text
    )
    return f'SIP;cause={status};text="{safe}"'
