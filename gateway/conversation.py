"""The audio side of one call: its media leg and the engine call bound to it.

Knows nothing of SIP. The session above tells it what was negotiated and when the call was answered; it
tells the session when the engine is there, when the agent has said its last word, and when the conversation
is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import structlog

from gateway.agent_transfer import AgentTransfer
from gateway.call import Call
from gateway.call_actions import CallActions
from gateway.conversation_care import ConversationCare, ConversationOptions
from gateway.conversation_services import ConversationListener, ConversationServices
from gateway.digit_input import DigitInput
from gateway.engine_absence import EngineAbsence
from gateway.engine_callback import engine_callback
from gateway.failure_reasons import EndReason, FailureReason, end_of_engine_reason
from gateway.negotiated_media import encryption_of, negotiate_leg
from gateway.tool_use import ToolUse
from gateway.transcript import SPEAKERS, USER
from gateway.untrusted_variables import trusted_prompt
from media import messages as m
from media.plane import MediaCapacityError, UnknownLegError
from media.ultravox.call_request import EngineCallRequest
from media.ultravox.errors import EngineApiError
from media.ultravox.rest import EngineCall
from sip.addresses import authority
from sip.audio_parameters import AudioParameters
from store.records import DtmfMode

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT_S = 5.0
END_REASON_TIMEOUT_S = 1.0
STEADY_S = 10.0  # an engine that stood so long has recovered; one lost sooner uses up the same attempts
# How long the engine may take to say goodbye after it was asked to end the call.
GOODBYE_TIMEOUT_S = 20.0


class Conversation:
    """Leg and engine of one call. All methods run on the gateway's event loop."""

    def __init__(
        self,
        call: Call,
        request: EngineCallRequest,
        listener: ConversationListener,
        services: ConversationServices,
        recording: Path | None = None,
        options: ConversationOptions = ConversationOptions(),  # noqa: B008 - frozen
        dtmf: DtmfMode = DtmfMode.AUTO,
    ) -> None:
        self._call = call
        callback = engine_callback(services.engine_config)
        self._request = msgspec.structs.replace(request, callback=callback)
        self._listener = listener
        self._services = services
        self._recording = recording
        self.dtmf = dtmf
        self._leg_id = call.id
        self._has_leg = False
        self._leg_failed = False
        self._engine_call: EngineCall | None = None
        self._reopened: asyncio.Future[bool] | None = None
        self._drained: asyncio.Future[bool] | None = None
        self._task: asyncio.Task[None] | None = None
        self._opened_at = 0.0
        self._attempts = 0  # at recovery, since the engine last stood for a while
        self._answered = False
        self._ending = False
        self._closed = False
        self._detects_tones = False
        self._digits = DigitInput(
            call, dtmf, self._send_digits_to_engine, show_digits=services.calls_config.show_digits
        )
        self.actions = CallActions(call, self._send, self.tell_engine)
        self._care = ConversationCare(
            call, self, services.metrics, services.amd_config, services.watchdogs_config, options
        )
        self._tools = ToolUse(
            call,
            self,
            options.tools,
            services.client_tools,
            services.metrics.observe_tool,
            self._care.leave_voicemail,
            AgentTransfer(
                listener.transfers,
                trusted_prompt(request.agent.system_prompt, request.variables, options.untrusted_variables),
            ),
        )
        listener.transfers.agent_has_tools = "warm" in options.tools.transfers
        self._absence = EngineAbsence()
        self._why: EndReason | None = None  # why the engine ends the call, when we know better than it
        self._goodbye: asyncio.TimerHandle | None = None

    # --- what the session asks for ----------------------------------------------------------------

    async def open_leg(
        self,
        symmetric: str = "auto",
        ipv6: bool | None = None,
        *,
        browser_timeout_s: float | None = None,
        moved: bool = False,
    ) -> m.LegCreated:
        """Reserve the leg's ports. `symmetric` as of the trunk; `ipv6`: which family the far side's audio is
        of, None: the one that is bound; with `browser_timeout_s` the far party is a browser, which is missed
        after so many seconds of silence; `moved`: the far party is in the call already, and sends elsewhere.
        Raises `MediaCapacityError`.
        """
        silence_s = self._services.silence_timeout_s if browser_timeout_s is None else browser_timeout_s
        self._has_leg = True  # from the request on: the call may end while we wait for the leg
        try:
            created = await self._services.plane.create_leg(
                m.CreateLeg(
                    leg_id=self._leg_id,
                    call_id=self._call.id,
                    first_packet_timeout_ms=int(self._services.first_packet_timeout_s * 1000),
                    media_timeout_ms=int(silence_s * 1000),
                    symmetric=m.Symmetric(symmetric),
                    ipv6=ipv6,
                    browser=browser_timeout_s is not None,
                    moved=moved,
                ),
                self._on_event,
            )
        except MediaCapacityError:
            self._has_leg = False
            raise
        self._call.step("leg-created", port=created.port)
        return created

    def negotiate(self, audio: AudioParameters) -> None:
        """Tell the leg what offer and answer settled."""
        self._call.step(
            "media-negotiated",
            codec=audio.codec,
            remote=authority(audio.remote_host, audio.remote_port),
            direction=str(audio.direction),
            ptime_ms=audio.ptime_ms,
            srtp=encryption_of(audio),
            telephone_event=audio.telephone_event_payload_type,
        )
        self._send(negotiate_leg(self._leg_id, audio))
        tones = self._digits.listens_for_tones(audio.telephone_event_payload_type)
        if tones != self._detects_tones:
            self._detects_tones = tones
            self._send(m.DetectTones(leg_id=self._leg_id, enabled=tones))

    def run_at(self, sample_rate: int) -> None:
        """Ask the engine for this rate (Hz) when its call is created; it stays for the whole call."""
        self._request = msgspec.structs.replace(self._request, sample_rate=sample_rate)

    @property
    def sample_rate(self) -> int:
        """The engine's, in Hz."""
        return self._request.sample_rate

    async def succeed_engine_call(self, prior_call_id: str) -> None:
        """Ask the engine for a call that goes on from the history of another. Raises a subclass of
        `EngineApiError`.
        """
        await self._succeed(prior_call_id, self._services.engine_config.create_timeout)

    async def _succeed(self, prior_call_id: str, deadline_s: float) -> None:
        self._engine_call = await self._services.engine.create_call(
            self._request, prior_call_id=prior_call_id, enable_greeting_prompt=False, deadline_s=deadline_s
        )
        self._call.update(engine_call_id=self._engine_call.call_id)
        self._call.step("engine-created", engine_call_id=self._engine_call.call_id)
        self._call.transcript.continue_after_new_engine_call()

    async def create_engine_call(self) -> None:
        """Ask the engine for its side of the call. Raises a subclass of `EngineApiError`."""
        timeout = self._services.engine_config.create_timeout
        with self._services.metrics.engine_create.time():
            self._engine_call = await self._services.engine.create_call(self._request, deadline_s=timeout)
        self._call.update(engine_call_id=self._engine_call.call_id)
        self._call.step("engine-created", engine_call_id=self._engine_call.call_id)

    def attach_engine(self) -> None:
        """Open the engine's socket; `on_engine_open` or `on_conversation_lost` follows."""
        assert self._engine_call is not None, "create_engine_call comes first"
        self._send(
            m.AttachEngine(
                leg_id=self._leg_id,
                join_url=self._engine_call.join_url,
                sample_rate=self._request.sample_rate,
                connect_timeout_ms=int(self._services.engine_config.connect_timeout * 1000),
            )
        )

    def ring_back(self) -> None:
        """The caller hears it ring until the call is answered; nothing of that is recorded."""
        self._send(m.PlayEarly(leg_id=self._leg_id))

    def answered(self) -> None:
        """Signalling says that the call stands: the agent may be heard, and is recorded if that is wanted."""
        self._answered = True
        self._send(m.OpenGate(leg_id=self._leg_id))
        for command in self._care.at_answer():
            self._send(command)
        if self._recording is not None:
            self._record(self._recording)

    def _record(self, file: Path) -> None:
        """A recording that cannot be made does not cost the call."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.error("recording_failed", call_id=self._call.id, error=str(error))
            self._call.step("recording-failed", error=error.strerror)
            return
        self.actions.start_recording(file)

    async def statistics(self) -> m.LegStatistics | None:
        """The leg's figures so far; None when there is no leg, or its worker does not answer."""
        try:
            return await self._services.plane.statistics(self._leg_id)
        except (UnknownLegError, TimeoutError):
            return None

    async def close(self) -> m.LegStatistics | None:
        """End leg and engine socket at once; the leg's last counters, if there was a leg."""
        if self._closed:
            return None
        self._closed = True
        self._digits.close()
        self.actions.close()
        self._care.close()
        self._tools.close()
        if self._goodbye is not None:
            self._goodbye.cancel()
        if self._task is not None:
            self._task.cancel()
        if not self._has_leg:
            return None
        try:
            closed = await asyncio.wait_for(self._services.plane.close_leg(self._leg_id), CLOSE_TIMEOUT_S)
        except (UnknownLegError, TimeoutError) as error:
            if self._leg_failed:
                return None  # it went with its worker; one that failed alone is closed here like any other
            log.error("leg_not_closed", call_id=self._call.id, error=repr(error))
            return None
        return closed.statistics

    # --- what the media plane tells ---------------------------------------------------------------

    def _on_event(self, event: m.Event) -> None:
        if self._closed and not isinstance(event, m.RecordingFinished | m.UtterancePlayed):
            return
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)
        else:
            self._care.take(event)
            self.actions.take(event)

    def _on_first_packet(self, event: m.FirstPacketReceived) -> None:
        self._call.step("first-rtp-received", source=event.source)
        self._listener.on_media()

    def _on_first_audio(self, event: m.FirstAudioSent) -> None:
        self._call.step("first-agent-audio")
        self._services.metrics.observe_first_audio(self._call.record)

    def _on_digit(self, event: m.DigitReceived) -> None:
        self.pressed(event.digit, event.by, event.duration_ms)

    def pressed(self, digit: str, by: str, duration_ms: int) -> None:
        """The far party pressed a key, as told by one way (`rfc4733`, `info`, `inband`)."""
        self._digits.pressed(digit, by, duration_ms)

    def _on_engine_opened(self, event: m.EngineOpened) -> None:
        self._call.step("engine-open", connect_ms=round(event.connect_ms, 1))
        self._services.metrics.engine_connect.observe(event.connect_ms / 1000)
        self._opened_at = monotonic()
        if self._reopened is None:
            self._listener.on_engine_open()
        else:
            _settle(self._reopened, True)

    def _on_engine_closed(self, event: m.EngineClosed) -> None:
        self._call.step("engine-closed", code=event.code, normal=event.normal, opened=event.opened)
        if self._ending:
            return
        if self._reopened is not None:
            _settle(self._reopened, False)
        elif self._absence.covers():
            return
        elif event.normal and event.opened:
            self._ending = True
            self._start(self._say_farewell)
        elif self._answered and event.opened:
            self._start(self._recover)
        else:
            self.lose(FailureReason.AGENT_ERROR, f"engine socket closed with {event.code}")

    def _on_transcript(self, event: m.TranscriptReceived) -> None:
        if not self._call.transcribed:
            return
        text = event.text
        if text is not None and event.role == USER:
            text = self._digits.veiled(text)
        self._call.transcript.add(
            event.role,
            event.ordinal,
            text=text,
            delta=event.delta,
            final=event.final,
            media_ms=event.media_ms,
        )
        self._call.announce(
            "transcript",
            speaker=SPEAKERS.get(event.role, event.role),
            ordinal=event.ordinal,
            text=text,
            delta=event.delta,
            final=event.final,
            timestamp=round(event.media_ms / 1000, 1),
        )

    def _on_played(self, event: m.UtterancePlayed) -> None:
        self._call.transcript.played(event.ordinal, event.played_ms, interrupted=event.interrupted)
        self._call.announce(
            "played", ordinal=event.ordinal, played_ms=event.played_ms, interrupted=event.interrupted
        )

    def _on_tool(self, event: m.ToolInvoked) -> None:
        self._tools.invoked(event)

    def _on_cleared(self, event: m.PlaybackCleared) -> None:
        self._call.step("barge-in", dropped_ms=event.dropped_ms)
        self._services.metrics.barge_ins.inc()

    def _on_drained(self, event: m.PlayoutDrained) -> None:
        self._call.step("playout-drained", complete=event.complete, remaining_ms=event.remaining_ms)
        if self._drained is not None:
            _settle(self._drained, event.complete)

    def _on_recording_finished(self, event: m.RecordingFinished) -> None:
        self._call.step("recording-finished", duration_ms=event.duration_ms, error=event.error)
        if self._call.gone:
            Path(event.path).unlink(missing_ok=True)  # the recording is made elsewhere
        elif self._services.on_recording_finished is not None:
            self._services.on_recording_finished(self._call, event)
        elif self._closed:
            self._call.save()

    def _on_media_timeout(self, event: m.MediaTimedOut) -> None:
        self._call.step("media-timeout", what=event.kind, silent_ms=event.silent_ms)
        self._listener.on_media_timeout(event.kind, event.silent_ms)

    def _on_media_returned(self, event: m.MediaReturned) -> None:
        self._call.step("media-returned")
        self._listener.on_media_returned()

    def _on_agent_speech(self, event: m.AgentSpeech) -> None:
        self._listener.on_agent_speech(speaking=event.speaking)

    def _on_media_secured(self, event: m.MediaSecured) -> None:
        self._call.step("media-secured", srtp=event.suite.value, took_ms=event.took_ms)
        self._listener.on_media_secured()

    def _on_media_security_failed(self, event: m.MediaSecurityFailed) -> None:
        self._call.step("media-security-failed", error=event.reason)
        self.lose(FailureReason.MEDIA_NEGOTIATION_FAILED, event.reason)

    def _on_patch_ended(self, event: m.PatchEnded) -> None:
        self._listener.transfers.patch_ended(event.other_leg_id, event.reason)

    def _on_leg_failed(self, event: m.LegFailed) -> None:
        self._call.step("leg-failed", error=event.error)
        self._leg_failed = True
        self.lose(FailureReason.GATEWAY_ERROR, event.error)

    # --- the ends ---------------------------------------------------------------------------------

    def end_after_playout(self, reason: EndReason) -> None:
        """Let what is queued be played, then end the call."""
        if self._ending:
            return
        self._ending = True
        if self._task is not None:
            self._task.cancel()
        self._why = reason
        self._start(self._say_farewell)

    def engine_ends(self, reason: EndReason) -> None:
        """When the engine ends the call from now on, this is why."""
        self._why = reason

    def ask_engine_to_end(self, reason: EndReason, farewell: str) -> None:
        """Let the engine say goodbye and end the call; it is ended without it when it does not."""
        self.engine_ends(reason)
        self.tell_engine(type="hang_up", message=farewell)
        self._goodbye = asyncio.get_running_loop().call_later(
            GOODBYE_TIMEOUT_S, self.end_after_playout, reason
        )

    # --- without the engine -----------------------------------------------------------------------

    def let_engine_leave(self, allowed: bool) -> None:
        """While the engine hears nobody it may end its call, for inactivity, without ending ours; it is
        fetched back when it is needed again.
        """
        if allowed:
            self._forget_goodbye()
        if self._absence.allow(allowed):
            self._start(self._recover)

    def go_on_without_engine(self) -> None:
        """The engine has ended its call, and ours goes on: it is fetched back as after `let_engine_leave`."""
        self._ending = False
        self._absence.gone()

    def pause_care(self, paused: bool) -> None:
        """Whether silence means anything."""
        self._care.paused = paused

    def leave_engine(self) -> None:
        """The far party speaks to somebody else from now on: the engine's call is over, ours is not."""
        self._forget_goodbye()
        if self._task is not None:
            self._task.cancel()
        self._ending = False
        self._absence.leave()
        self._send(m.DetachEngine(leg_id=self._leg_id))
        self._call.step("engine-left")

    def _forget_goodbye(self) -> None:
        if self._goodbye is not None:
            self._goodbye.cancel()
            self._goodbye = None
            self._why = None

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        self._task = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """A fault of ours ends the call, which would otherwise go on in silence."""
        try:
            await work()
        except Exception:
            log.exception("conversation_crashed", call_id=self._call.id)
            self._ending = True
            self._listener.on_conversation_lost(FailureReason.GATEWAY_ERROR, "internal error")

    async def _say_farewell(self) -> None:
        """Play what is queued, meanwhile ask the engine why it ended the call, then tell the session."""
        timeout = self._services.calls_config.farewell_timeout
        drained = self._drained = asyncio.get_running_loop().create_future()
        self._send(m.DrainPlayout(leg_id=self._leg_id, timeout_ms=int(timeout * 1000)))
        reason = self._why or await self._engine_end_reason()
        try:
            await asyncio.wait_for(drained, timeout + CLOSE_TIMEOUT_S)
        except TimeoutError:
            log.error("playout_not_drained", call_id=self._call.id)
        self._listener.on_conversation_over(reason)

    async def _engine_end_reason(self) -> EndReason:
        assert self._engine_call is not None
        try:
            engine_call = await asyncio.wait_for(
                self._services.engine.get_call(self._engine_call.call_id), END_REASON_TIMEOUT_S
            )
        except (EngineApiError, TimeoutError):
            return EndReason.AGENT_HANGUP
        return end_of_engine_reason(engine_call.end_reason)

    async def _recover(self) -> None:
        """The engine's socket was lost in mid-call: go on with a new engine call that knows the old one's
        history.
        """
        config = self._services.engine_config
        if monotonic() - self._opened_at >= STEADY_S:
            self._attempts = 0
        try:
            async with asyncio.timeout(config.recover_timeout):
                while self._attempts < config.recover_attempts:
                    self._attempts = attempt = self._attempts + 1
                    self._call.step("engine-recovering", attempt=attempt)
                    self._services.metrics.engine_recoveries.inc()
                    if await self._recover_once(config.recover_timeout):
                        self._call.step("engine-recovered", attempt=attempt)
                        for message in self._absence.back():
                            self.tell_engine(**message)
                        return
        except TimeoutError:
            pass
        finally:
            self._reopened = None
        self.lose(FailureReason.AGENT_ERROR, "the engine was lost in mid-call and did not come back")

    async def _recover_once(self, deadline_s: float) -> bool:
        assert self._engine_call is not None
        try:
            await self._succeed(self._engine_call.call_id, deadline_s)
        except EngineApiError as error:
            self._call.step("engine-refused", error=str(error))
            return False
        self._reopened = asyncio.get_running_loop().create_future()
        self.attach_engine()
        return await self._reopened

    def lose(self, reason: FailureReason, detail: str) -> None:
        """The conversation cannot go on."""
        if not self._ending:
            self._ending = True
            self._listener.on_conversation_lost(reason, detail)

    # --- towards plane and engine -----------------------------------------------------------------

    def _send(self, command: m.Command) -> None:
        if not self._closed:
            self._services.plane.send(command)

    def mute(self, *, caller: bool, agent: bool) -> None:
        """`caller`: the engine hears silence; `agent`: the far party hears silence."""
        self.actions.mute_for_gateway(caller=caller, agent=agent)

    def tell_engine(self, **message: Any) -> None:
        """Send one data message to the engine, when it is back if it is away."""
        if self._absence.keeps(message):
            return
        self._send(m.SendEngineMessage(leg_id=self._leg_id, message=message))

    def _send_digits_to_engine(self, digits: str) -> None:
        """As the engine's own telephony mediums do it: the bare digits as the user's text, answered at
        once.
        """
        self.tell_engine(type="user_text_message", text=digits, urgency="immediate")


def _settle(future: asyncio.Future[bool], value: bool) -> None:
    if not future.done():
        future.set_result(value)


_HANDLERS: dict[type[msgspec.Struct], Callable[[Conversation, Any], None]] = {
    m.FirstPacketReceived: Conversation._on_first_packet,
    m.FirstAudioSent: Conversation._on_first_audio,
    m.DigitReceived: Conversation._on_digit,
    m.EngineOpened: Conversation._on_engine_opened,
    m.EngineClosed: Conversation._on_engine_closed,
    m.TranscriptReceived: Conversation._on_transcript,
    m.UtterancePlayed: Conversation._on_played,
    m.ToolInvoked: Conversation._on_tool,
    m.PlaybackCleared: Conversation._on_cleared,
    m.PlayoutDrained: Conversation._on_drained,
    m.RecordingFinished: Conversation._on_recording_finished,
    m.MediaSecured: Conversation._on_media_secured,
    m.MediaSecurityFailed: Conversation._on_media_security_failed,
    m.MediaTimedOut: Conversation._on_media_timeout,
    m.MediaReturned: Conversation._on_media_returned,
    m.AgentSpeech: Conversation._on_agent_speech,
    m.PatchEnded: Conversation._on_patch_ended,
    m.LegFailed: Conversation._on_leg_failed,
}
