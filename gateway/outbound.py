"""Calls that go out: queue, leg, engine, INVITE, ringing, answer.

The engine's call is created before the INVITE leaves, so that an engine without capacity is noticed before
a person's phone rings; its socket is opened at the answer, so that the agent's greeting is said to
somebody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import structlog

from gateway.call import Call
from gateway.conversation import Conversation
from gateway.dial_queue import DialQueue
from gateway.engine_request import conversation_options, engine_request, longest_call_s, longest_ring_s
from gateway.failure_reasons import EndReason, FailureReason, failure_of_status
from gateway.media_address import family_of
from gateway.negotiated_media import local_audio, new_session_id
from gateway.new_call import CallSettings
from gateway.received_cause import note_cause
from gateway.session import Session
from gateway.session_services import SessionServices
from gateway.trunk_dialling import LegOwner, LegParties, PlacedLeg, TrunkDialling, Way
from media.messages import LegCreated
from media.plane import MediaCapacityError
from media.ultravox.agent_settings import AgentSettingsError
from media.ultravox.call_request import CallRequestError
from media.ultravox.errors import EngineApiError
from routing.outbound import OutboundRoute
from sip.audio_codecs import best_sample_rate
from sip.audio_parameters import AudioParameters
from sip.body import session_description
from sip.errors import NotAcceptableError, SdpError, SipError
from sip.message import Response
from sip.offer_answer import AudioSession
from sip.user_agent import Call as SipCall
from sip.user_agent import OutgoingCall
from store.records import Agent, CallDirection, CallStatus, DtmfMode, EarlyMedia, Trunk

log = structlog.get_logger(__name__)

EARLY_DESCRIPTIONS = 16  # branches of a fork whose session descriptions are kept
CANCEL_GRACE_S = 5.0  # how long we wait for the 487 to our CANCEL before the call is settled without it

MayRing = Callable[[], Awaitable[bool]]
"""Asked once, when everything is ready and the INVITE would leave."""


@dataclass(frozen=True, slots=True)
class OutboundServices:
    """What the outbound flow needs beyond the sessions' own services."""

    session: SessionServices
    dialling: TrunkDialling
    recordings: Path
    trunk: Callable[[str], Trunk | None]


class OutboundSession(Session, LegOwner):
    """One outbound call, from `queued` on."""

    direction = CallDirection.OUTBOUND

    def __init__(
        self,
        call: Call,
        route: OutboundRoute,
        agent: Agent,
        settings: CallSettings,
        services: OutboundServices,
        may_ring: MayRing | None = None,
    ) -> None:
        super().__init__(
            call, services.session, longest_call_s(agent, settings, services.session.default_max_duration_s)
        )
        self._route = route
        self._agent = agent
        self._parts = services.session.parts(agent)
        self._settings = settings
        self._outbound = services
        self._may_ring = may_ring
        self._queue: DialQueue | None = None
        self._cancelling = False
        self._ring_timed_out = False
        self._trunk = services.trunk(route.trunk.id)
        self._leg: PlacedLeg | None = None
        self._early_descriptions: dict[str, bytes] = {}  # by To tag: each branch of a fork has its own
        self._early: AudioParameters | None = None
        self._invited_at: float | None = None  # monotonic; None once the far party gave a sign
        self._ring_timeout_s = longest_ring_s(agent, settings, services.session.default_ring_timeout_s)

    def enqueue(self, queue: DialQueue) -> None:
        """Wait for a free place, then dial."""
        self._queue = queue
        queue.add(self)

    def dial(self) -> None:
        """A place is free: begin. Called by the queue, once."""
        self._occupy()
        self._services.metrics.observe_dialled(self.call.record)
        self._setup = asyncio.create_task(self._prepare())

    def expire(self) -> None:
        """The call waited too long for a place."""
        self.call.step("queue-expired")
        self.finish(lambda: self.call.fail(FailureReason.CAPACITY))

    @property
    def trunk_id(self) -> str | None:
        """Whose turn it has to wait for."""
        return self._route.trunk.id

    @property
    def cancellable(self) -> bool:
        return True

    def cancel(self) -> None:
        """Take the call back before it is answered; once is enough."""
        if not self._cancelling:
            self.call.step("cancel-requested")
            self._cancelling = True
            self._give_up(lambda: self.call.cancel())

    async def _prepare(self) -> None:
        recording = self._settings.recording_enabled
        if recording is None:
            recording = self._agent.recording_enabled
        record = self.call.record
        try:
            self._conversation = Conversation(
                self.call,
                engine_request(
                    self._agent,
                    self._parts,
                    self._settings,
                    call_id=self.call.id,
                    direction=str(CallDirection.OUTBOUND),
                    variables=record.variables,
                    metadata=record.metadata,
                    max_duration_s=self._max_duration_s,
                    ring_timeout_s=self._ring_timeout_s,
                    # The answer is not known yet; the leg converts if it is not the best that we offer.
                    sample_rate=best_sample_rate(self._route.trunk.codecs),
                ),
                self,
                self._services.conversation,
                self._outbound.recordings / f"{self.call.id}.wav" if recording else None,
                conversation_options(self._agent, self._parts, self._settings, CallDirection.OUTBOUND),
                DtmfMode(self._route.trunk.dtmf),
            )
            trunk = self._trunk
            if trunk is None or trunk.outbound is None:
                self._fail(FailureReason.TRUNK_UNAVAILABLE, "the trunk is gone")
                return
            way = await self._outbound.dialling.find_way(trunk, trunk.outbound)
            created = await self._conversation.open_leg(
                self._route.trunk.symmetric, family_of(way.media_host)
            )
            await self._conversation.create_engine_call()
            if self._may_ring is not None and not await self._may_ring():
                self.call.step("not-let-out")
                self.finish(lambda: self.call.cancel())
                return
            self._invite(way, created)
        except MediaCapacityError as error:
            self._fail(FailureReason.CAPACITY, str(error))
        except (EngineApiError, AgentSettingsError, CallRequestError) as error:
            self._fail(FailureReason.AGENT_ERROR, str(error))
        except (OSError, SipError) as error:
            self._fail(FailureReason.TRUNK_UNAVAILABLE, f"{self._route.target.shown}: {error}")
        except Exception:
            log.exception("outbound_call_crashed", call_id=self.call.id)
            self._fail(FailureReason.GATEWAY_ERROR, "internal error")

    def _invite(self, way: Way, leg: LegCreated) -> None:
        route = self._route
        local = local_audio(way.media_host, leg, route.trunk, offer_ice=way.wants_ice)
        self._audio = AudioSession(local, session_id=new_session_id())
        parties = LegParties(
            to_user=route.to_user,
            from_user=route.from_user,
            called=route.to,
            caller=route.number.phone_number,
            agent=self._agent.name,
            private=self._settings.private,
            sip_headers=self._settings.sip_headers,
        )
        self._leg = self._outbound.dialling.place(way, parties, self._audio.offer(), self)
        self.call.ring()
        self._after(self._ring_timeout_s, self._ring_out)

    # --- SIP --------------------------------------------------------------------------------------

    def on_attempt(self, call: OutgoingCall, destination: str) -> None:
        self._sip = call
        self._trace(call, call.local_tag)
        self._invited_at = monotonic()
        self.call.update(sip_call_id=call.call_id)
        self.call.step("invite-sent", target=destination)

    def on_target_failed(self, target: str, status: int, reason: str, *, answered: bool) -> None:
        self.call.step(
            "target-failed",
            target=target,
            sip_status=status,
            reason=reason,
            by="peer" if answered else "gateway",
        )
        self.call.update(sip_status=status, sip_reason=reason)

    def on_redirect(self, target: str, refused: str | None) -> None:
        if refused is None:
            self.call.step("redirect-followed", target=target)
        else:
            self.call.step("redirect-refused", target=target, reason=refused)

    def finish(self, settle: Callable[[], bool], why: EndReason | FailureReason | None = None) -> None:
        if self._leg is not None:
            self._leg.stop()
        super().finish(settle, why)

    def _first_sign(self, status: int) -> None:
        """Count the delay to the first ringing or answer."""
        if status > 100 and self._invited_at is not None:
            waited = monotonic() - self._invited_at
            self._invited_at = None
            self._services.trunk_statistics.rang(self.call.record.trunk_id, waited)

    def on_progress(self, call: SipCall, response: Response) -> None:
        self._first_sign(response.status)
        self.call.step(
            "progress", sip_status=response.status, reason=response.reason, sdp=bool(response.body)
        )
        description = session_description(response)
        if description is not None and len(self._early_descriptions) < EARLY_DESCRIPTIONS:
            self._early_descriptions[response.to_tag or ""] = description
            if self._trunk is not None and self._trunk.signalling.early_media is EarlyMedia.CONNECT:
                self._connect_early(description)

    def _connect_early(self, description: bytes) -> None:
        """Make the media path while it rings, so that no word is lost to it at the answer. We send nothing on
        it yet, nobody hears what comes, and nothing is missed when nothing comes.
        """
        assert self._audio is not None
        assert self._conversation is not None
        if self.over or self._early is not None:
            return
        try:
            parameters = self._audio.accept_answer(description)
        except (SdpError, NotAcceptableError) as error:
            self.call.step("early-media-refused", error=str(error))
            return
        self._early = replace(parameters, direction="recvonly")
        self.call.step("early-media")
        self._conversation.negotiate(self._early)

    def on_answer(self, call: SipCall, response: Response) -> None:
        assert self._audio is not None
        assert self._conversation is not None
        if self.over or self._cancelling or self._ring_timed_out:
            return  # the 200 crossed our CANCEL: the stack sends ACK and BYE
        self._first_sign(response.status)
        self.call.step("answered", sip_status=response.status)
        self.call.update(sip_status=response.status, sip_reason=response.reason)
        try:
            # Without one in the 200 the reliable answer before it has given it already (RFC 3262 section 5).
            description = session_description(response) or self._early_descriptions.get(response.to_tag or "")
            self._apply(self._audio.accept_answer(description or b""))
        except (SdpError, NotAcceptableError) as error:
            self._fail(FailureReason.MEDIA_NEGOTIATION_FAILED, str(error))
            return
        self._stop_timers()
        self._conversation.attach_engine()
        self._connected()

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        peer = response is not None
        self.call.step(
            "refused",
            sip_status=status,
            reason=reason,
            by="peer" if peer else "gateway",
            # RFC 3326: carriers tell the Q.850 cause here.
            reason_header=response.get("Reason") if response is not None else None,
        )
        self.call.update(sip_status=status, sip_reason=reason)
        cause = note_cause(self.call, response)
        if self._cancelling:
            self.finish(lambda: self.call.cancel())
        elif self._ring_timed_out:
            self.finish(lambda: self.call.fail(FailureReason.NO_ANSWER))
        else:
            failure = failure_of_status(status, from_peer=peer, q850=cause)
            self.finish(lambda: self.call.fail(failure))

    def _ring_out(self) -> None:
        self.call.step("ring-timeout", seconds=self._ring_timeout_s)
        self._ring_timed_out = True
        self._give_up(lambda: self.call.fail(FailureReason.NO_ANSWER))

    # --- the ends before the answer ---------------------------------------------------------------

    def _give_up(self, settle: Callable[[], bool]) -> None:
        """CANCEL and wait for the 487; without an INVITE on the wire the call is settled at once."""
        if self._leg is None or self.call.status is not CallStatus.RINGING:
            self.finish(settle)
            return
        self._leg.give_up()
        self._after(CANCEL_GRACE_S, lambda: self.finish(settle))

    def _fail(self, reason: FailureReason, detail: str) -> None:
        self.call.step("failed", reason=str(reason), detail=detail)
        self.finish(lambda: self.call.fail(reason), reason)

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def on_released(self) -> None:
        if self._queue is not None:
            self._queue.release(self)
