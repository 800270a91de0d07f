"""Our own leg to the target of a transfer: an INVITE over a trunk, and its audio on the worker that has the
call's.

Owns what lies between the request for such a leg and the last of it: re-INVITEs, session timers, media
time-outs, its place under the limits. What it means for the call is its listener's business.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.call import Call
from gateway.cluster.leases import Leases
from gateway.failure_reasons import FailureReason
from gateway.media_address import family_of
from gateway.metrics import GatewayMetrics
from gateway.negotiated_media import encryption_of, local_audio, negotiate_leg, new_session_id
from gateway.signalling.trace_ring import CallLeg
from gateway.signalling.traces import TRANSFER, CallTraces
from gateway.sip_info import info_digit
from gateway.transfers.route import LegRoute
from gateway.trunk_dialling import LegOwner, PlacedLeg, TrunkDialling, Way
from gateway.trunk_pace import Pace, at_once
from media import messages as m
from media.plane import MediaCapacityError, MediaPlane, UnknownLegError
from sip.addresses import authority
from sip.audio_parameters import AudioParameters
from sip.body import session_description
from sip.errors import NotAcceptableError, SdpError, SipError
from sip.message import Request, Response
from sip.offer_answer import AudioSession
from sip.user_agent import Call as SipCall
from sip.user_agent import EndedBy, OfferedRequest, OutgoingCall

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S = 5.0
EARLY_DESCRIPTIONS = 16  # branches of a fork whose session descriptions are kept


class TargetListener(Protocol):
    """Whoever wants the target to be called."""

    def target_rings(self, status: int, reason: str) -> None:
        """A provisional answer."""
        ...

    def target_answered(self) -> None:
        """It has answered, and its audio flows."""
        ...

    def target_failed(self, status: int | None, reason: str) -> None:
        """It has not answered, and will not."""
        ...

    def target_gone(self) -> None:
        """It was there and has hung up."""
        ...

    def target_lost(self, failure: FailureReason, detail: str) -> None:
        """It was there, and a fault has taken it away."""
        ...

    def target_keyed(self) -> None:
        """The keys that it was to be sent were sent."""
        ...

    def target_pressed(self, digit: str) -> None:
        """It has pressed a key, and said so by SIP INFO."""
        ...


@dataclass(frozen=True, slots=True)
class TargetLegServices:
    """What such a leg needs."""

    plane: MediaPlane
    dialling: TrunkDialling
    metrics: GatewayMetrics
    leases: Leases
    traces: CallTraces
    first_packet_timeout_s: float
    silence_timeout_s: float
    pace: Pace = at_once


class TargetLeg(LegOwner):
    """One leg to one target. `lease` names the place it holds, which it gives back."""

    def __init__(
        self,
        call: Call,
        leg_id: str,
        route: LegRoute,
        lease: str,
        listener: TargetListener,
        services: TargetLegServices,
    ) -> None:
        self.leg_id = leg_id
        self.route = route
        self.sip: SipCall | None = None
        self.answered = False
        self._call = call
        self._lease = lease
        self._listener: TargetListener | None = listener
        self._services = services
        self._placed: PlacedLeg | None = None
        self._audio: AudioSession | None = None
        self._parameters: AudioParameters | None = None
        self._has_leg = False
        self._early: dict[str, bytes] = {}
        self._setup = asyncio.create_task(self._open())
        self._closing: asyncio.Task[None] | None = None

    # --- what the transfer asks for ---------------------------------------------------------------

    def press(self, digits: str) -> None:
        """Press keys for the target; `target_keyed` follows."""
        self._send(m.SendDigits(leg_id=self.leg_id, digits=digits))

    def close(self, reason: str | None = None) -> None:
        """End it, whatever its state; nothing is heard of it any more. `reason` is for a Reason header."""
        if self._closing is not None:
            return
        self._listener = None
        self._setup.cancel()
        if self.sip is not None and self.answered:
            self.sip.hang_up(reason)
        elif self._placed is not None:
            self._placed.give_up()
        self._closing = asyncio.create_task(self._close())

    @property
    def closed(self) -> bool:
        """Whether nothing of it is left."""
        return self._closing is not None and self._closing.done()

    async def wait_closed(self) -> None:
        """Return when nothing of it is left."""
        if self._closing is not None:
            await self._closing

    # --- its way to the target --------------------------------------------------------------------

    async def _open(self) -> None:
        try:
            await self._wait_for_turn()
            way = await self._services.dialling.find_way(self.route.trunk, self.route.outbound)
            self._has_leg = True  # from the request on: it may be closed while we wait for the leg
            created = await self._services.plane.create_leg(
                m.CreateLeg(
                    leg_id=self.leg_id,
                    call_id=self._call.id,
                    first_packet_timeout_ms=int(self._services.first_packet_timeout_s * 1000),
                    media_timeout_ms=int(self._services.silence_timeout_s * 1000),
                    symmetric=m.Symmetric(self.route.routed.symmetric),
                    ipv6=family_of(way.media_host),
                    beside=self._call.id,
                ),
                self._on_event,
            )
            self._invite(way, created)
        except MediaCapacityError as error:
            self._has_leg = False
            self._fail(None, str(error))
        except (OSError, SipError) as error:
            self._fail(None, f"{self.route.outbound.address}: {error}")
        except Exception:
            log.exception("transfer_leg_crashed", call_id=self._call.id)
            self._fail(None, "internal error")

    async def _wait_for_turn(self) -> None:
        """The trunk's pace counts these legs too; an address of somebody else's has none."""
        loop, trunk = asyncio.get_running_loop(), self.route.trunk
        if self.route.outbound is trunk.outbound:
            while True:
                seconds = self._services.pace(trunk.id, loop.time())
                if seconds <= 0:
                    return
                await asyncio.sleep(seconds)

    def _invite(self, way: Way, created: m.LegCreated) -> None:
        self._audio = AudioSession(
            local_audio(way.media_host, created, self.route.routed), session_id=new_session_id()
        )
        self._placed = self._services.dialling.place(way, self.route.parties, self._audio.offer(), self)

    def on_attempt(self, call: OutgoingCall, destination: str) -> None:
        self.sip = call
        record = self._call.record
        leg = CallLeg(record.id, record.organization_id, TRANSFER, call.local_tag)
        self._services.traces.leg(leg, call.call_id)
        self._call.step("transfer-invite-sent", target=destination, sip_call_id=call.call_id)

    def on_progress(self, call: SipCall, response: Response) -> None:
        description = session_description(response)
        if description is not None and len(self._early) < EARLY_DESCRIPTIONS:
            self._early[response.to_tag or ""] = description
        if self._listener is not None and response.status > 100:
            self._listener.target_rings(response.status, response.reason)

    def on_answer(self, call: SipCall, response: Response) -> None:
        if self._listener is None or self._audio is None:
            call.hang_up()  # given up meanwhile
            return
        self.sip = call
        self.answered = True
        try:
            # Without one in the 200 the reliable answer before it has given it (RFC 3262 section 5).
            description = session_description(response) or self._early.get(response.to_tag or "")
            self._apply(self._audio.accept_answer(description or b""))
        except (SdpError, NotAcceptableError) as error:
            call.hang_up()
            self._fail(488, str(error))
            return
        self._send(m.OpenGate(leg_id=self.leg_id))
        self._listener.target_answered()

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        self._fail(status, reason)

    def _fail(self, status: int | None, reason: str) -> None:
        if self._listener is not None:
            self._listener.target_failed(status, reason)

    # --- what it does in mid-call -----------------------------------------------------------------

    def on_offer(self, call: SipCall, request: OfferedRequest) -> None:
        """A re-INVITE or UPDATE: hold, resume, a moved address, another codec, or a mere refresh."""
        if self._audio is None:
            request.reject(491)
            return
        if request.offer is None:
            request.answer(self._audio.offer(), self._take_answer)
            return
        try:
            answer, parameters = self._audio.answer(request.offer)
        except (NotAcceptableError, SdpError) as error:
            self._call.step("transfer-reoffer-refused", error=str(error))
            request.reject(488 if isinstance(error, NotAcceptableError) else 400)
            return
        self._apply(parameters)
        request.answer(answer)

    def on_refresh_due(self, call: SipCall) -> None:
        audio = self._audio
        if audio is None or self._closing is not None:
            return

        def answered(status: int, response: Response | None) -> None:
            if response is not None and status < 300:
                self._take_answer(session_description(response))
            elif response is not None:
                audio.withdraw_offer()

        call.re_invite(audio.offer, answered)

    def _take_answer(self, sdp: bytes | None) -> None:
        """Without a usable answer all stays as it was."""
        if self._audio is None or sdp is None:
            return
        try:
            self._apply(self._audio.accept_answer(sdp))
        except (SdpError, NotAcceptableError) as error:
            self._call.step("transfer-reoffer-refused", error=str(error))

    def _apply(self, parameters: AudioParameters) -> None:
        if parameters == self._parameters:
            return
        self._parameters = parameters
        self._call.step(
            "transfer-media-negotiated",
            codec=parameters.codec,
            remote=authority(parameters.remote_host, parameters.remote_port),
            direction=str(parameters.direction),
            srtp=encryption_of(parameters),
        )
        self._send(negotiate_leg(self.leg_id, parameters))

    def on_info(self, call: SipCall, request: Request) -> None:
        key = info_digit(request.content_type, request.body)
        if key is not None and self._listener is not None:
            self._listener.target_pressed(key.digit)

    def on_terminated(self, call: SipCall, by: EndedBy, request: Request | None) -> None:
        if self._listener is None:
            return
        reason = request.get("Reason") if request is not None else None
        self._call.step("transfer-leg-terminated", by=by, reason=reason)
        if by == "remote":
            self._listener.target_gone()
        else:
            self._listener.target_lost(FailureReason.TRUNK_UNAVAILABLE, f"its call was lost ({by})")

    # --- its media --------------------------------------------------------------------------------

    def _on_event(self, event: m.Event) -> None:
        listener = self._listener
        if listener is None:
            return
        match event:
            case m.DigitsSent():
                self._call.step("transfer-digits-sent", count=len(event.digits))
                listener.target_keyed()
            case m.MediaTimedOut():
                detail = f"no packet for {event.silent_ms} ms ({event.kind})"
                listener.target_lost(FailureReason.MEDIA_TIMEOUT, detail)
            case m.MediaSecurityFailed():
                listener.target_lost(FailureReason.MEDIA_NEGOTIATION_FAILED, event.reason)
            case m.LegFailed():
                self._has_leg = False
                listener.target_lost(FailureReason.GATEWAY_ERROR, event.error)

    def _send(self, command: m.Command) -> None:
        if self._closing is None:
            self._services.plane.send(command)

    async def _close(self) -> None:
        try:
            await asyncio.gather(self._setup, return_exceptions=True)
            if self._has_leg:
                closed = await asyncio.wait_for(self._services.plane.close_leg(self.leg_id), CLOSE_TIMEOUT_S)
                self._services.metrics.observe_leg(closed.statistics)
        except (UnknownLegError, TimeoutError) as error:
            log.warning("transfer_leg_not_closed", call_id=self._call.id, error=repr(error))
        finally:
            self._services.leases.release(self._lease)
