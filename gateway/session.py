"""A live call: the SIP side and the conversation bound together, and the one way in which a call ends.

`InboundSession` and `OutboundSession` bring a call to life; what happens once it lives is the same for both
and is here: re-INVITEs, hang-up by either side, the longest duration, and the tidy end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog

from gateway.adoption.snapshot import CallSnapshot
from gateway.adoption.snapshot_of_session import session_snapshot
from gateway.call import Call
from gateway.call_actions import CallActions
from gateway.conversation import Conversation
from gateway.digit_input import INFO
from gateway.failure_reasons import EndReason, FailureReason
from gateway.incoming_texts import IncomingTexts, RefusedText
from gateway.negotiated_media import new_session_id
from gateway.received_cause import note_cause
from gateway.referred_call import ReferredCall
from gateway.session_services import SessionServices
from gateway.signalling.trace_ring import CallLeg
from gateway.signalling.traces import CONTACT
from gateway.sip_info import info_digit
from gateway.transfers.call_transfer import CallTransfer
from media.messages import LegStatistics
from sip.addresses import authority
from sip.audio_parameters import AudioParameters
from sip.body import session_description
from sip.call_listener import CallState, IgnoringListener
from sip.errors import NotAcceptableError, SdpError
from sip.message import Request, Response
from sip.offer_answer import AudioSession
from sip.q850 import NORMAL_CLEARING, TEMPORARY_FAILURE
from sip.received_referral import ReceivedReferral
from sip.user_agent import Call as SipCall
from sip.user_agent import IncomingCall, OfferedRequest
from store.records import CallDirection, CallStatus

log = structlog.get_logger(__name__)

WATCHDOG_MARGIN_S = (
    5.0  # the engine ends the call first, with its words of farewell; this is for when it does not
)


class Session:
    """One live call. Also the listener of its SIP call and of its conversation."""

    direction: CallDirection

    def __init__(self, call: Call, services: SessionServices, max_duration_s: float) -> None:
        self.call = call
        self._services = services
        self._max_duration_s = max_duration_s
        self._sip: SipCall | None = None
        self._audio: AudioSession | None = None
        self._parameters: AudioParameters | None = None
        self._conversation: Conversation | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._setup: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._occupied = False
        self._attempted = False
        self._settled = asyncio.Event()
        self._transfer = CallTransfer(call, self, services.transfers)
        self._referred: ReferredCall | None = None
        self._texts = IncomingTexts()
        self._elsewhere = False  # somebody else has the call
        self._earlier_engine_calls: tuple[str, ...] = ()
        services.live.add(self)
        call.tell(services.events)

    # --- what others may ask ----------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """The end has begun: nothing new may be started on this call."""
        return self._closing is not None

    def hang_up(self) -> None:
        """End an answered call at somebody's request over the API."""
        self.call.step("hangup-requested")
        self.finish(lambda: self.call.end(EndReason.API_HANGUP), EndReason.API_HANGUP)

    def shut_down(self) -> None:
        """End the call because the gateway stops: `ended` when it was answered, `failed` otherwise."""
        if not self.over:
            self.call.step("shutdown")
            self.finish(
                lambda: self._end_or_fail(EndReason.SHUTDOWN, FailureReason.GATEWAY_ERROR), EndReason.SHUTDOWN
            )

    def let_go(self) -> None:
        """Another gateway goes on with the call: nothing is said to the far party, and nothing is written."""
        if self.over:
            return
        self._elsewhere = True
        self.call.let_go()
        if self._services.keeper is not None:
            self._services.keeper.left(self.call.id)
        if self._sip is not None:
            self._sip.release()
        self.finish(lambda: False)

    @property
    def cancellable(self) -> bool:
        """Whether `cancel` may be asked for while the call is not in progress."""
        return False

    def cancel(self) -> None:
        """Take the call back before it is answered. Overridden by calls that we place."""
        raise NotImplementedError

    @property
    def actions(self) -> CallActions:
        """What can be done to the call once it is in progress."""
        assert self._conversation is not None
        return self._conversation.actions

    def set_hold(self, held: bool, music: Path | None = None) -> None:
        """Put the far party on hold, or take it back. The music begins at once; what the far party says to
        it is a step of the timeline. A resume that it refuses leaves it on hold.
        """
        self._transfer.require_idle()
        if held != self.actions.held:
            self._set_hold(held, music)

    def end_hold(self) -> None:
        """Take the far party back for whom it has been put through to."""
        self._set_hold(False, None)

    def _set_hold(self, held: bool, music: Path | None) -> None:
        assert self._sip is not None
        assert self._audio is not None
        audio = self._audio
        self.call.step("held" if held else "unheld")
        self.actions.hold(held, music)
        audio.hold(held)

        def answered(status: int, response: Response | None) -> None:
            if response is not None and status < 300:
                self._on_reoffer_answered(response.body)
                return
            if response is None and status == 487:
                return  # never sent: a later one has taken its place, and speaks for both
            audio.withdraw_offer()
            self.call.step("hold-refused" if held else "unhold-refused", sip_status=status)
            if not held and response is not None and not self.over:
                audio.hold(True)
                self.actions.hold(True, music)

        # Made when it is sent: another offer may have to be answered before.
        self._sip.re_invite(audio.offer, answered)

    # --- transfer ---------------------------------------------------------------------------------

    @property
    def transfers(self) -> CallTransfer:
        """Has the far party speak to somebody else."""
        return self._transfer

    @property
    def sip(self) -> SipCall | None:
        """The far party's SIP; None for a browser."""
        return self._sip

    @property
    def conversation(self) -> Conversation:
        assert self._conversation is not None
        return self._conversation

    def transferred(self) -> None:
        self.finish(lambda: self.call.end(EndReason.TRANSFERRED), EndReason.TRANSFERRED)

    def target_lost(self, reason: FailureReason, detail: str) -> None:
        self.on_conversation_lost(reason, f"the target of the transfer: {detail}")

    def part(self) -> None:
        self._transfer.apart.part()

    def rejoin(self) -> None:
        self._transfer.apart.rejoin()

    def snapshot(self) -> CallSnapshot | None:
        """What another gateway needs to go on with the call; None while it could not."""
        if self.over or self.transfer_running or self._transfer.joined or self._conversation is None:
            return None  # a target that was joined would be left alone, and the agent come back
        return session_snapshot(
            self.call,
            self._sip,
            self._audio,
            self._conversation,
            earlier_engine_calls=self._earlier_engine_calls,
            max_duration_s=self._max_duration_s,
        )

    # --- another dialog ---------------------------------------------------------------------------

    @property
    def transfer_running(self) -> bool:
        """Whether the far party is being asked to call somebody else, or has us call somebody."""
        return self._transfer.running or (self._referred is not None and self._referred.running)

    def carries(self, sip: SipCall | None) -> bool:
        """Whether this is the dialog that the call is in now."""
        return sip is not None and sip is self._sip

    def is_with(self, host: str) -> bool:
        """Whether the far side of the call's dialog is there."""
        return self._sip is not None and self._sip.peer.host == host

    def audio_for_another_dialog(self) -> AudioSession:
        """Our end of the same media leg, for a dialog that takes the call over."""
        assert self._audio is not None
        return self._audio.for_another_dialog(new_session_id())

    def take_dialog(
        self,
        sip: SipCall,
        audio: AudioSession,
        parameters: AudioParameters | None,
        step: str,
        *,
        leave: float = 0.0,
    ) -> None:
        """The call goes on in another dialog; `parameters` is what was agreed there, if it is known yet. The
        dialog before gets its BYE, after `leave` seconds unless it is over by then.
        """
        if sip.state is not CallState.ANSWERED:
            sip.listener = self
        before, self._sip, self._audio = self._sip, sip, audio
        assert before is not None
        peer = sip.peer
        self.call.step(step, sip_call_id=sip.call_id, peer=authority(peer.host, peer.port))
        self._trace_dialog(sip)
        before.listener = IgnoringListener()
        bye = partial(before.hang_up, _q850(EndReason.TRANSFERRED))
        if leave:
            asyncio.get_running_loop().call_later(leave, bye)
        else:
            bye()
        if self._services.keeper is not None:
            self._services.keeper.changed(self)
        if parameters is not None:
            self._apply(parameters)

    def referrer_lost(self) -> None:
        """The far party had us call somebody, hung up, and that one was not to be had."""
        self.finish(lambda: self.call.end(EndReason.CONTACT_HANGUP), EndReason.CONTACT_HANGUP)

    def take_late_answer(self, sdp: bytes | None) -> bool:
        """The answer to an offer in a 200 of ours, from the ACK; without a usable one the call ends."""
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

    async def statistics(self) -> LegStatistics | None:
        """The leg's figures so far; None when there is no leg, or no longer."""
        return await self._conversation.statistics() if self._conversation is not None else None

    async def wait_settled(self, timeout: float) -> bool:  # noqa: ASYNC109
        """Wait for the terminal status, at most `timeout` seconds; false when it did not come."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), timeout)
        return self.call.terminal

    # --- SIP: what the far side does in mid-call --------------------------------------------------

    def on_progress(self, call: SipCall, response: Response) -> None:
        """Outgoing calls only."""

    def on_answer(self, call: SipCall, response: Response) -> None:
        """Outgoing calls only."""

    def on_failure(self, call: SipCall, status: int, reason: str, response: Response | None) -> None:
        """The call was not established."""

    def on_cancelled(self, call: SipCall, request: Request) -> None:
        """Incoming calls only."""

    def on_established(self, call: SipCall, sdp: bytes | None) -> None:
        """Incoming calls only."""

    def on_info(self, call: SipCall, request: Request) -> None:
        self.call.step("sip-info", content_type=request.content_type)
        key = info_digit(request.content_type, request.body)
        if key is not None and self._transfer.joined:
            self._transfer.pressed(key.digit)
        elif key is not None and self._conversation is not None:
            self._conversation.pressed(key.digit, INFO, key.duration_ms)

    def on_message(self, call: SipCall, request: Request) -> int:
        """Text of the far party's; the trunk allows that."""
        if self.over or self.call.status is not CallStatus.IN_PROGRESS:
            return 480
        try:
            text = self._texts.read(request)
        except RefusedText as refused:
            self.call.step("sip-message-refused", sip_status=refused.status)
            return refused.status
        self.actions.message(text, urgency="soon")
        return 200

    def on_refer(self, call: SipCall, referral: ReceivedReferral) -> None:
        """The far party wants us to call somebody else in its place; the trunk allows that."""
        trunk_id = self.call.record.trunk_id
        trunk = None if trunk_id is None else self._services.trunk(trunk_id)
        if trunk is None or self._services.referrals is None:
            referral.reject()
        elif self.over or self.transfer_running or self.call.status is not CallStatus.IN_PROGRESS:
            referral.reject(491)
        else:
            services = self._services.referrals()
            self._referred = ReferredCall(self.call, self, trunk, call.peer, referral, services)

    def on_refresh_due(self, call: SipCall) -> None:
        """The session timer wants a re-INVITE: the same again, which changes nothing."""
        if self._audio is None or self.over:
            return
        audio = self._audio

        def answered(status: int, response: Response | None) -> None:
            if response is not None and status < 300:
                self._on_reoffer_answered(session_description(response))
            elif response is not None:
                audio.withdraw_offer()
                self.call.step("refresh-refused", sip_status=status)

        call.re_invite(audio.offer, answered)

    def on_offer(self, call: SipCall, request: OfferedRequest) -> None:
        """A re-INVITE or UPDATE: hold, resume, a moved address, or a mere refresh."""
        if self._audio is None or self._conversation is None:
            request.reject(491)
            return
        if request.offer is None:
            request.answer(self._audio.offer(), self._on_reoffer_answered)
            return
        try:
            answer, parameters = self._audio.answer(request.offer)
        except NotAcceptableError as error:
            self.call.step("reoffer-refused", error=str(error))
            request.reject(488)
            return
        except SdpError as error:
            self.call.step("reoffer-refused", error=str(error))
            request.reject(400)
            return
        self._apply(parameters)
        request.answer(answer)

    def _on_reoffer_answered(self, sdp: bytes | None) -> None:
        """The ACK to a re-INVITE that asked us to offer; without a usable answer all stays as it was."""
        if self._audio is None or sdp is None:
            self.call.step("reoffer-unanswered")
            return
        try:
            self._apply(self._audio.accept_answer(sdp))
        except (SdpError, NotAcceptableError) as error:
            self.call.step("reoffer-refused", error=str(error))

    def on_terminated(self, call: SipCall, by: str, request: Request | None) -> None:
        """The dialog is over: BYE from the far side, or the stack gave up on it."""
        reason = _peer_reason(request)
        self.call.step("sip-terminated", by=by, reason=reason)
        note_cause(self.call, request)
        if by == "remote" and self._referred is not None and self._referred.running:
            self._referred.referrer_left()
            return
        if by == "remote":
            if self.direction is CallDirection.INBOUND and self.call.status is CallStatus.RINGING:
                self.call.answer()  # its BYE proves that the caller had our 200, though the ACK was lost
            end = self._transfer.end_reason(EndReason.CONTACT_HANGUP)
            self.finish(lambda: self._end_or_fail(end, FailureReason.CALLER_HANGUP))
        elif by == "local":
            # Our own BYE: the end has begun already, unless the stack gave the call up because we raised.
            self.finish(lambda: self.call.fail(FailureReason.GATEWAY_ERROR))
        else:
            self.finish(lambda: self.call.fail(FailureReason.TRUNK_UNAVAILABLE))

    # --- the conversation -------------------------------------------------------------------------

    def on_engine_open(self) -> None:
        """Overridden where something waits for it."""

    def on_media(self) -> None:
        """Overridden where something waits for it."""

    def on_media_secured(self) -> None:
        """Overridden where something waits for it."""

    def on_media_timeout(self, kind: str, silent_ms: int) -> None:
        assert self._conversation is not None
        self._conversation.lose(FailureReason.MEDIA_TIMEOUT, f"no packet for {silent_ms} ms ({kind})")

    def on_media_returned(self) -> None:
        """Overridden where the call outlives the silence."""

    def on_agent_speech(self, *, speaking: bool) -> None:
        """Overridden where somebody is told."""

    def on_conversation_over(self, reason: EndReason) -> None:
        if reason is EndReason.AGENT_HANGUP and self._transfer.agent_left():
            return
        self.finish(lambda: self._end_or_fail(reason, FailureReason.AGENT_ERROR), reason)

    def on_conversation_lost(self, reason: FailureReason, detail: str) -> None:
        log.warning("conversation_lost", call_id=self.call.id, reason=str(reason), detail=detail)
        self.finish(lambda: self.call.fail(reason), reason)

    # --- the common steps of both directions ------------------------------------------------------

    def _apply(self, parameters: AudioParameters) -> None:
        """Put a negotiation into effect; the same again changes nothing."""
        if self._services.keeper is not None and self.call.status is CallStatus.IN_PROGRESS:
            self._services.keeper.changed(self)  # the peer may have moved, too
        if parameters == self._parameters or self._conversation is None:
            return
        if self._parameters is not None and parameters.on_hold != self._parameters.on_hold:
            self.call.step("hold" if parameters.on_hold else "resume")
        self._parameters = parameters
        self._conversation.negotiate(parameters)

    def _connected(self) -> None:
        """The far party and we are connected: status, gate, recorder, watchdog."""
        assert self._conversation is not None
        if not self.call.answer():
            return
        self._services.trunk_statistics.answered(self.call.record.trunk_id, self.direction)
        self._conversation.answered()
        if self._services.keeper is not None:
            self._services.keeper.changed(self)
        self._after(self._max_duration_s + WATCHDOG_MARGIN_S, self._exceeded)

    def _exceeded(self) -> None:
        self.call.step("max-duration", seconds=self._max_duration_s)
        self.finish(lambda: self.call.end(EndReason.MAX_DURATION), EndReason.MAX_DURATION)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    def _trace(
        self,
        sip: SipCall,
        local_tag: str,
        remote_tag: str | None = None,
        source: tuple[str, int] | None = None,
    ) -> None:
        """Have the call's own dialog seen as its first leg, and count it for its trunk."""
        record = self.call.record
        self._attempted = True
        self._services.trunk_statistics.attempted(record.trunk_id, self.direction)
        leg = CallLeg(record.id, record.organization_id, CONTACT, local_tag, remote_tag, source)
        self._services.traces.leg(leg, sip.call_id)

    def _trace_dialog(self, sip: SipCall) -> None:
        """Have a dialog that took the call over seen as its leg too."""
        record, dialog = self.call.record, sip.established_dialog.id
        source = (sip.source_host, sip.source_port) if isinstance(sip, IncomingCall) else None
        leg = CallLeg(record.id, record.organization_id, CONTACT, dialog.local_tag, dialog.remote_tag, source)
        self._services.traces.leg(leg, sip.call_id)

    def _occupy(self) -> None:
        self._occupied = True
        self._services.live.occupy(self.direction)

    # --- the end ----------------------------------------------------------------------------------

    def finish(self, settle: Callable[[], bool], why: EndReason | FailureReason | None = None) -> None:
        """Begin the end; only the first caller has a say in how the call ends.

        `settle` sets the terminal status once leg and socket are closed; `why` goes into the Reason header of
        our BYE or CANCEL.
        """
        if self._closing is not None:
            return
        # First of all, so that whatever the rest does, the call gives back what it holds.
        self._closing = asyncio.create_task(self._close(settle))
        self._transfer.close()
        if self._referred is not None:
            self._referred.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._setup is not None and self._setup is not asyncio.current_task():
            self._setup.cancel()
        if self._sip is not None:
            self._sip.hang_up(_q850(why))

    def _end_or_fail(self, end: EndReason, failure: FailureReason) -> bool:
        """Answered calls end, others fail."""
        return self.call.end(end) if self.call.status is CallStatus.IN_PROGRESS else self.call.fail(failure)

    async def _close(self, settle: Callable[[], bool]) -> None:
        try:
            await self._transfer.wait_closed()
            if self._conversation is not None:
                statistics = await self._conversation.close()
                if statistics is not None:
                    self._services.metrics.observe_leg(statistics)
                    if statistics.diagnosis is not None:
                        self.call.step("diagnosis", what=statistics.diagnosis, text=statistics.diagnosis_text)
                    self.call.update(statistics=as_dict(statistics))
        finally:
            if not self.call.terminal:
                settle()
            if not self.call.terminal and not self._elsewhere:
                self.call.fail(FailureReason.GATEWAY_ERROR)
            self._settled.set()
            record = self.call.record
            if not self._elsewhere:
                self._services.metrics.observe_end(record)
            self._services.traces.ended(record)
            if self._attempted:
                self._services.trunk_statistics.over(
                    record.trunk_id,
                    self.direction,
                    record.sip_status,
                    answered=record.started_at is not None,
                )
            if self._occupied:
                self._services.live.release(self.direction)
            self._services.leases.release(self.call.id)
            if self._services.keeper is not None:
                self._services.keeper.over(self.call.id)
            log.info(
                "call_ended",
                call_id=record.id,
                direction=str(record.direction),
                status=str(record.status),
                reason=record.failure_reason or record.end_reason,
                duration_ms=record.duration_ms,
                sip_call_id=record.sip_call_id,
                sip_status=record.sip_status,
            )
            self.on_released()
            self._services.live.remove(self.call.id)

    def on_released(self) -> None:
        """The call holds no resource any more. Overridden where somebody waits for its place."""


def as_dict(statistics: LegStatistics) -> dict[str, object]:
    """Figures as they are stored and shown."""
    return {name: getattr(statistics, name) for name in statistics.__struct_fields__}


_CAUSES = {
    FailureReason.CAPACITY: 42,  # congestion of our equipment
    FailureReason.MEDIA_NEGOTIATION_FAILED: 88,  # incompatible destination
}


def _q850(why: EndReason | FailureReason | None) -> str | None:
    """A Reason header (RFC 3326): normal clearing, or what fits a failure. Not `SIP;cause=200`, which
    in a CANCEL means that somebody else has answered.
    """
    if why is None:
        return None
    cause = NORMAL_CLEARING if isinstance(why, EndReason) else _CAUSES.get(why, TEMPORARY_FAILURE)
    return f'Q.850;cause={cause};text="{why}"'


def _peer_reason(request: Request | None) -> str | None:
    """The Reason header (RFC 3326) of the request that ended the dialog, as text."""
    return request.get("Reason") if request is not None else None
