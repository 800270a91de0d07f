"""A call's conversation: who speaks when, what is said, and how it ends. Sans-I/O: `now` (seconds, monotonic) comes in,
everything that leaves goes through a `Wire`.

The agent works through a queue of actions. What it does at a moment is one of: building an utterance (`thinking`),
speaking it, waiting for a tool, pausing, or nothing (`listening`). Whatever happens meanwhile and may not interrupt waits
in `_pending`.
"""

from __future__ import annotations

import json
import math
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from local_engine.actions import Action, HangUp, Pause, Say, SendMessage, UseTool
from local_engine.call_settings import CallSettings
from local_engine.data_messages import (
    ClientMessage,
    ClientToolResult,
    ForcedAgentMessage,
    HangUpMessage,
    InputTextMessage,
    KnownToolResult,
    Ping,
    SetOutputMedium,
    UserTextMessage,
)
from local_engine.faults import ODD_FRAME_SIZES, CallFaults
from local_engine.inactivity import EndBehavior, InactivityChain
from local_engine.playout import FRAME_MS, Playout
from local_engine.records import EndReason, HistoryMessage, Role
from local_engine.scenario import Scenario, ToolOutcome, UserTurn
from local_engine.speech import Speech
from local_engine.tool_calls import (
    PendingTool,
    Reaction,
    built_in_actions,
    default_reaction,
    hang_up_request,
    immediate_answer,
    reaction_of,
    reacts,
)
from local_engine.tools import CallTool, ToolKind
from local_engine.transcript import AGENT, TEXT, USER, VOICE, SpokenTranscript, heard_text, transcript_message
from local_engine.utterance import Utterance, UtteranceBuilder
from local_engine.vad import SpeechEnded, SpeechStarted, VoiceActivityDetector

# What may wait while the agent is busy; beyond it the newest is dropped with an event.
MAX_PENDING = 100
# How much audio before and after the detected speech belongs to what was heard.
_HEARD_MARGIN_MS = 120.0


class State(StrEnum):
    """What the client is told."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Wire(Protocol):
    """Where a conversation's effects go."""

    def send_message(self, message: dict[str, Any]) -> None:
        """One data message to the client."""

    def send_audio(self, frame: bytes | memoryview) -> None:
        """One binary frame to the client."""

    def writable(self) -> bool:
        """Whether the client keeps up reading: audio is held back while it does not."""

    def speak(self, text: str, callback: Callable[[Speech], None]) -> None:
        """Synthesise `text` in the call's voice, at once or later."""

    def remember(self, message: HistoryMessage) -> None:
        """Append to the call's history."""

    def note(self, severity: str, kind: str, text: str) -> None:
        """Record a call event."""

    def heard(self, start_ms: float, end_ms: float) -> bytes:
        """The caller's audio between two places of the input, at the output rate."""

    def played(self, pcm: bytes, began_ms: float) -> None:
        """The client has played `pcm`, begun at this place of the input's clock."""

    def new_stage(self, body: dict[str, Any]) -> Scenario | None:
        """A tool began a new stage; the scenario it brings, if any."""

    def update_call_state(self, changes: dict[str, Any]) -> None:
        """A tool changed the call's state."""

    def end(self, reason: EndReason) -> None:
        """Close the socket: the call is over."""


@dataclass(slots=True)
class _Speaking:
    utterance: Utterance
    playout: Playout
    transcript: SpokenTranscript
    began_ms: float
    speech_before_ms: float


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Heard:
    event: SpeechEnded


_Pending = _Text | _Heard | ForcedAgentMessage


class Conversation:
    """One call, from the join to the end."""

    def __init__(self, settings: CallSettings, faults: CallFaults, scenario: Scenario, wire: Wire) -> None:
        self.settings = settings
        self.scenario = scenario
        self._faults = faults
        self._wire = wire
        self._vad = VoiceActivityDetector(settings.socket.input_rate, settings.vad)
        self._inactivity = InactivityChain(settings.inactivity if not scenario.echo else ())
        self._queue: deque[Action] = deque()
        self._pending: deque[_Pending] = deque()
        self._known_results: dict[str, KnownToolResult] = {}
        self._builder: UtteranceBuilder | None = None
        self._built: Utterance | None = None
        self._begin_at = 0.0
        self._speaking: _Speaking | None = None
        self._tool: PendingTool | None = None
        self._pause_until: float | None = None
        self._opening: tuple[float, Sequence[Action]] | None = None
        self._opened = False
        self._text_output = settings.text_output
        self._spoke_last = False
        self._ordinal = 0
        self._ends_at = math.inf
        self._silence_at = math.inf
        self.state: State | None = None
        self.ended = False
        self.interruptions = 0
        self.wake_at = math.inf
        """When `on_tick` has something to do next; 0 while audio is under way."""

    # ---- events from outside ------------------------------------------------------------------------------------

    def on_joined(self, now: float) -> None:
        """The client's socket is open."""
        self._ends_at = now + self.settings.max_duration_s
        if self._faults.silence_frames:
            self._silence_at = now
        first = self.settings.first_speaker
        opening: Sequence[Action] = ()
        if first.text:
            opening = (Say(first.text, first.uninterruptible),)
        elif self.settings.greeting_prompt and (first.agent_first or first.fallback):
            opening = self.scenario.greeting()
        waits = not first.agent_first or first.delay_s > 0
        if self._faults.state_first:
            self._set_state(State.LISTENING if waits or not opening else State.THINKING)
        self._send({"type": "call_started"})
        if self._faults.idle_at_start:
            self._set_state(State.IDLE)
        if waits:
            self._set_state(State.LISTENING)
            if first.agent_first or first.fallback:
                self._opening = (now + first.delay_s, opening)
        else:
            self._queue.extend(opening)
        self._advance(now)
        self._rearm()

    def on_audio(self, pcm: bytes, now: float) -> None:
        """The caller's audio, s16le mono at the input rate."""
        if self.ended:
            return
        for event in self._vad.feed(pcm):
            if isinstance(event, SpeechStarted):
                self._speech_started()
            else:
                self._speech_ended(event, now)
        if self._vad.speaking:
            self._consider_interruption(now)
        self._rearm()

    def on_message(self, message: ClientMessage, now: float) -> None:
        """A data message from the client, or from REST."""
        if self.ended:
            return
        match message:
            case Ping(timestamp):
                self._send({"type": "pong", "timestamp": timestamp})
            case UserTextMessage(text, urgency, defer):
                self._user_text(
                    text, "later" if defer and urgency != "immediate" else urgency or "soon", bool(defer), now
                )
            case InputTextMessage(text, defer):
                self._user_text(text, "later" if defer else "immediate", bool(defer), now)
            case ForcedAgentMessage():
                self._forced(message, now)
            case HangUpMessage(text):
                self._abandon(now)
                said: tuple[Action, ...] = (Say(text, uninterruptible=True),) if text else ()
                self._queue.extend((*said, HangUp()))
            case SetOutputMedium(medium):
                self._text_output = medium == TEXT
            case ClientToolResult():
                self._tool_result(message, now)
        self._advance(now)
        self._rearm()

    def on_tick(self, now: float) -> None:
        """Time has passed: send what is due and act on deadlines. Call it when `wake_at` has come."""
        if self.ended:
            return
        if now >= self._ends_at:
            self._time_exceeded(now)
        if self._opening is not None and now >= self._opening[0]:
            self._queue.extend(self._opening[1])
            self._opening = None
        if self._pause_until is not None and now >= self._pause_until:
            self._pause_until = None
        if self._tool is not None and now >= self._tool.deadline:
            self._tool_failed("the tool did not answer in time", now)
        if self._built is not None and now >= self._begin_at:
            self._begin_utterance(self._built, now)
        elif self._speaking is not None:
            self._continue_utterance(self._speaking, now)
        reminder = self._inactivity.due(now)
        if reminder is not None:
            strict = reminder.end_behavior is EndBehavior.HANG_UP_STRICT
            self._queue.append(Say(reminder.text, uninterruptible=strict))
            if reminder.end_behavior is not EndBehavior.UNSPECIFIED:
                self._queue.append(HangUp(soft=not strict))
        self._advance(now)
        self._keep_silence_flowing(now)
        self._rearm()

    @property
    def echoing(self) -> bool:
        """Whether the caller's audio is to be returned as it comes."""
        return self.scenario.echo and self.state is State.LISTENING and not self.ended

    # ---- the queue ----------------------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        return (
            self._builder is not None
            or self._built is not None
            or self._speaking is not None
            or self._tool is not None
            or self._pause_until is not None
        )

    def _advance(self, now: float) -> None:
        """Go on with whatever is next, until something takes time or nothing is left."""
        while not self.ended and not self._busy:
            if self._queue:
                self._perform(self._queue.popleft(), now)
            elif self._opening is not None and self.settings.first_speaker.agent_first:
                return
            elif not self._opened and self._opening is None:
                self._opened = True
                self._queue.extend(self.scenario.joined())
            elif self._pending:
                self._handle_pending(self._pending.popleft(), now)
            else:
                self._set_state(State.LISTENING)
                if not self._vad.speaking:
                    self._inactivity.quiet(now)
                return

    def _perform(self, action: Action, now: float) -> None:
        match action:
            case HangUp(soft, reason):
                if soft and self._vad.speaking:
                    return
                self._finish(EndReason(reason))
            case UseTool():
                self._use_tool(action, now)
            case SendMessage(message):
                self._wire.send_message(dict(message))
            case Pause(duration_ms):
                self._set_state(State.LISTENING)
                self._pause_until = now + duration_ms / 1000
            case _:
                parts = [action]
                while self._queue and not isinstance(self._queue[0], HangUp | UseTool | SendMessage | Pause):
                    parts.append(self._queue.popleft())  # type: ignore[arg-type]
                self._inactivity.pause()
                self._set_state(State.THINKING)
                self._begin_at = now + self._faults.think_ms / 1000
                rate = self.settings.socket.output_rate
                self._builder = UtteranceBuilder(parts, rate, self._wire.speak, self._utterance_built)
                self._builder.start()
                if self._built is not None and now >= self._begin_at:
                    self._begin_utterance(self._built, now)

    def _handle_pending(self, item: _Pending, now: float) -> None:
        match item:
            case _Text(text):
                self._respond(self.scenario.user_text(text))
            case _Heard(event):
                self._answer_turn(event)
            case ForcedAgentMessage():
                self._queue_forced(item)

    def _put_off(self, item: _Pending) -> None:
        if len(self._pending) >= MAX_PENDING:
            self._wire.note(
                "warning", "pending.overflow", "too much is waiting for the agent; the newest was dropped"
            )
            return
        self._pending.append(item)

    def _respond(self, actions: Sequence[Action]) -> None:
        self._queue.extend(actions)

    # ---- speaking -----------------------------------------------------------------------------------------------

    def _utterance_built(self, utterance: Utterance) -> None:
        # May be called from inside `UtteranceBuilder.start`; the next tick takes it up otherwise.
        self._builder = None
        self._built = utterance
        self.wake_at = 0.0

    def _begin_utterance(self, utterance: Utterance, now: float) -> None:
        self._built = None
        self._builder = None
        self._spoke_last = True
        ordinal = self._next_ordinal()
        if self._text_output:
            if utterance.text:
                self._send(transcript_message(AGENT, TEXT, ordinal, text=utterance.text, final=True))
                self._remember(Role.AGENT, utterance.text, TEXT)
            return
        sizes: tuple[int, ...] = ()
        if self._faults.odd_frames:
            sizes = ODD_FRAME_SIZES
        elif self._faults.frame_bytes:
            sizes = (self._faults.frame_bytes,)
        socket = self.settings.socket
        buffer_ms = math.inf if self._faults.burst else float(socket.buffer_ms)
        playout = Playout(utterance.pcm, socket.output_rate, buffer_ms, now, sizes)
        self._set_state(State.SPEAKING)
        self._speaking = _Speaking(
            utterance,
            playout,
            SpokenTranscript(ordinal, utterance.words),
            self._vad.audio_ms,
            self._vad.speech_ms,
        )
        self._continue_utterance(self._speaking, now)

    def _continue_utterance(self, speaking: _Speaking, now: float) -> None:
        if self._wire.writable():
            for frame in speaking.playout.due(now):
                self._wire.send_audio(frame)
        # A word that begins at 0 ms is heard with the first sample.
        for message in speaking.transcript.advance(speaking.playout.played_ms(now) + 0.5):
            self._send(message)
        leaving = bool(self._queue) and isinstance(self._queue[0], HangUp)
        early = self._faults.close_before_played and leaving and speaking.playout.fully_sent()
        if speaking.playout.finished(now) or early:
            self._send(speaking.transcript.complete())
            self._spoken(speaking, speaking.utterance.pcm)
            self._speaking = None

    def _spoken(self, speaking: _Speaking, pcm: bytes) -> None:
        if speaking.transcript.spoken:
            self._remember(
                Role.AGENT, speaking.transcript.spoken, VOICE, speaking.began_ms, self._vad.audio_ms
            )
        self._wire.played(pcm, speaking.began_ms)

    def _interrupt(self, now: float) -> None:
        """Stop speaking now: what was played stays, the rest is gone."""
        speaking = self._speaking
        if speaking is None:
            return
        self._speaking = None
        self.interruptions += 1
        played_ms = speaking.playout.played_ms(now)
        for message in speaking.transcript.advance(played_ms):
            self._send(message)
        self._send({"type": "playback_clear_buffer"})
        self._set_state(State.LISTENING)
        self._send(speaking.transcript.cut())
        size = 2 * round(played_ms * self.settings.socket.output_rate / 1000)
        self._spoken(speaking, speaking.utterance.pcm[:size])

    def _abandon(self, now: float) -> None:
        """Drop everything the agent is doing or was going to do."""
        self._interrupt(now)
        if self._builder is not None:
            self._builder.cancel()
        self._builder = None
        self._built = None
        self._pause_until = None
        self._opening = None
        self._tool = None
        self._queue.clear()
        self.scenario.interrupted()

    @property
    def _interruptible(self) -> bool:
        """Whether the agent is at something the caller may cut short."""
        if self._tool is not None:
            return False
        if self._speaking is not None:
            return not self._speaking.utterance.uninterruptible
        if self._built is not None:
            return not self._built.uninterruptible
        return self._builder is not None and not self._builder.uninterruptible

    # ---- the caller ---------------------------------------------------------------------------------------------

    def _speech_started(self) -> None:
        self._inactivity.user_active()
        if self._speaking is not None:
            self._speaking.speech_before_ms = 0.0
        if self._opening is not None and not self.settings.first_speaker.agent_first:
            self._opening = None
        self._send({"type": "user_started_speaking"})
        if self._faults.partial_user_transcripts:
            self._send(transcript_message(USER, VOICE, self._ordinal, text="[speech]", final=False))

    def _consider_interruption(self, now: float) -> None:
        if not self._interruptible:
            return
        before_ms = self._speaking.speech_before_ms if self._speaking is not None else 0.0
        if self._vad.speech_ms - before_ms >= self.settings.vad.minimum_interruption_ms:
            self._abandon(now)
            self._set_state(State.LISTENING)

    def _speech_ended(self, event: SpeechEnded, now: float) -> None:
        self._send({"type": "user_stopped_speaking"})
        if event.speech_ms < self.settings.vad.minimum_turn_ms or (self._busy and self._interruptible):
            # Too short to be a turn, or to stop the agent.
            self._advance(now)
            return
        if self._busy or self._opening is not None:
            self._put_off(_Heard(event))
            return
        self._pending.append(_Heard(event))
        self._advance(now)

    def _answer_turn(self, event: SpeechEnded) -> None:
        self._set_state(State.THINKING)
        text = heard_text(event.speech_ms)
        self._send(transcript_message(USER, VOICE, self._next_ordinal(), text=text, final=True))
        self._remember(Role.USER, text, VOICE, event.start_ms, event.end_ms)
        self._spoke_last = False
        margin = _HEARD_MARGIN_MS
        heard = self._wire.heard(event.start_ms - margin, event.end_ms + margin)
        self._respond(self.scenario.user_turn(UserTurn(event.speech_ms, heard)))

    def _user_text(self, text: str, urgency: str, deferred: bool, now: float) -> None:
        self._inactivity.user_active()
        if self._opening is not None and not self.settings.first_speaker.agent_first:
            self._opening = None
        if text:
            self._send(transcript_message(USER, TEXT, self._next_ordinal(), text=text, final=True))
            self._remember(Role.USER, text, TEXT)
        if urgency == "immediate" and self._interruptible:
            self._abandon(now)
        if urgency == "later" or deferred or not text:
            return
        self._spoke_last = False
        self._put_off(_Text(text))

    def _forced(self, message: ForcedAgentMessage, now: float) -> None:
        if message.urgency == "immediate" and self._interruptible:
            self._abandon(now)
        self._put_off(message)

    def _queue_forced(self, message: ForcedAgentMessage) -> None:
        for known in message.known_tool_results or ():
            self._known_results[known.invocation_id] = known
        if message.content:
            self._queue.append(Say(message.content, bool(message.uninterruptible)))
        for call in message.tool_calls or ():
            self._queue.append(UseTool(call.name, call.arguments, call.id))

    # ---- tools --------------------------------------------------------------------------------------------------

    def _use_tool(self, action: UseTool, now: float) -> None:
        invocation_id = action.invocation_id or str(uuid.uuid4())
        self._next_ordinal()
        if self._faults.empty_final:
            self._send(transcript_message(AGENT, VOICE, self._next_ordinal(), text="", final=True))
        self._wire.remember(
            HistoryMessage(
                Role.TOOL_CALL, _json(action.arguments), tool_name=action.name, invocation_id=invocation_id
            )
        )
        tool = self.settings.tools.get(action.name)
        reaction = default_reaction(tool) if tool is not None else Reaction.SPEAKS
        self._tool = PendingTool(
            invocation_id,
            action.name,
            action.arguments,
            now + (tool.timeout_s if tool is not None else 0.0),
            reaction,
            self._spoke_last,
        )
        known = self._known_results.pop(invocation_id, None)
        if known is not None:
            result = ClientToolResult(invocation_id, known.result, known.response_type, known.agent_reaction)
            self._tool_result(result, now)
        elif tool is None:
            self._tool_failed(f"no tool is named {action.name!r}", now)
        else:
            self._invoke(tool, self._tool, now)

    def _invoke(self, tool: CallTool, pending: PendingTool, now: float) -> None:
        call = {
            "toolName": tool.name,
            "invocationId": pending.invocation_id,
            "parameters": dict(pending.arguments),
        }
        self._send({"type": "invoking_tool", **call})
        static = immediate_answer(tool)
        if static is not None:
            self._tool_result(ClientToolResult(pending.invocation_id, static), now)
        elif tool.kind is ToolKind.CLIENT:
            self._set_state(State.THINKING)
            self._inactivity.pause()
            self._send({"type": "client_tool_invocation", **call})
        elif tool.kind is ToolKind.BUILT_IN:
            actions = built_in_actions(tool, pending.arguments)
            if actions is None:
                self._tool_failed(f"{tool.base_name} does not work on this medium", now)
                return
            self._tool = None
            self._next_ordinal()
            self._remember_result(pending, "OK", None)
            self._queue.extendleft(reversed(actions))
        else:
            self._tool_failed("this engine does not carry out http and data connection tools", now)

    def _tool_result(self, result: ClientToolResult, now: float) -> None:
        pending = self._tool
        if pending is None or pending.invocation_id != result.invocation_id:
            self._wire.note("info", "tool.result_ignored", "a result for no pending invocation")
            return
        if result.error_type:
            self._tool_failed(f"{result.error_type}: {result.error_message or ''}", now)
            return
        self._tool = None
        self._next_ordinal()
        self._remember_result(pending, result.result or "", None)
        self._send({"type": "tool_used", "toolName": pending.name, "invocationId": pending.invocation_id})
        if result.update_call_state:
            self._wire.update_call_state(result.update_call_state)
        if result.response_type == "hang-up":
            request = hang_up_request(result.result)
            self._queue.clear()
            if request.message:
                self._queue.append(Say(request.message, uninterruptible=request.strict))
            self._queue.append(HangUp(soft=not request.strict))
            return
        if result.response_type == "new-stage":
            self._new_stage(result.result)
        reaction = reacts(reaction_of(result, pending), pending.spoke_before)
        outcome = ToolOutcome(pending.name, pending.arguments, result.result or "", None, reaction)
        self._respond(self.scenario.tool_outcome(outcome))

    def _tool_failed(self, why: str, now: float) -> None:
        pending = self._tool
        if pending is None:
            return
        self._tool = None
        self._next_ordinal()
        self._remember_result(pending, "", why)
        self._wire.note("warning", "tool.failed", f"{pending.name}: {why}")
        self._respond(self.scenario.tool_outcome(ToolOutcome(pending.name, pending.arguments, "", why)))

    def _remember_result(self, pending: PendingTool, result: str, failure: str | None) -> None:
        self._wire.remember(
            HistoryMessage(
                Role.TOOL_RESULT,
                result,
                tool_name=pending.name,
                invocation_id=pending.invocation_id,
                error_details=failure,
            )
        )

    def _new_stage(self, body: str | None) -> None:
        changes = _json_object(body)
        if changes is None:
            self._wire.note("error", "stage.invalid", "the new-stage result is not a JSON object")
            return
        scenario = self._wire.new_stage(changes)
        if scenario is not None:
            self.scenario = scenario
            self._opened = False

    # ---- the end ------------------------------------------------------------------------------------------------

    def _time_exceeded(self, now: float) -> None:
        self._ends_at = math.inf
        self._abandon(now)
        message = self.settings.time_exceeded_message
        if message:
            self._queue.append(Say(message, uninterruptible=True))
        self._queue.append(HangUp(end_reason=EndReason.TIMEOUT))

    def _finish(self, reason: EndReason) -> None:
        if self._faults.idle_at_end:
            self._set_state(State.IDLE)
        self.ended = True
        self._wire.end(reason)

    def on_closed(self, now: float) -> None:
        """The socket is gone: whatever was under way ends with what was played."""
        if self.ended:
            return
        self.ended = True
        if self._speaking is not None:
            speaking = self._speaking
            self._speaking = None
            played_ms = speaking.playout.played_ms(now)
            speaking.transcript.advance(played_ms)
            self._spoken(
                speaking,
                speaking.utterance.pcm[: 2 * int(played_ms * self.settings.socket.output_rate / 1000)],
            )
        if self._builder is not None:
            self._builder.cancel()

    # ---- small things -------------------------------------------------------------------------------------------

    def _keep_silence_flowing(self, now: float) -> None:
        if self.ended or self._silence_at > now:
            return
        rate = self.settings.socket.output_rate
        while self._silence_at <= now:
            self._silence_at += FRAME_MS / 1000
            if self._speaking is None:
                self._wire.send_audio(bytes(2 * round(rate * FRAME_MS / 1000)))

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._send({"type": "state", "state": state.value})

    def _send(self, message: dict[str, Any]) -> None:
        if message["type"] in self.settings.socket.data_messages:
            self._wire.send_message(message)

    def _next_ordinal(self) -> int:
        ordinal = self._ordinal
        self._ordinal += 1
        return ordinal

    def _remember(
        self, role: Role, text: str, medium: str, start_ms: float | None = None, end_ms: float | None = None
    ) -> None:
        self._wire.remember(HistoryMessage(role, text, medium, start_ms=start_ms, end_ms=end_ms))

    def _rearm(self) -> None:
        if self.ended:
            self.wake_at = math.inf
            return
        if self._speaking is not None:
            self.wake_at = 0.0
            return
        wake_at = min(self._ends_at, self._silence_at)
        if self._built is not None:
            wake_at = min(wake_at, self._begin_at)
        if self._opening is not None:
            wake_at = min(wake_at, self._opening[0])
        if self._pause_until is not None:
            wake_at = min(wake_at, self._pause_until)
        if self._tool is not None:
            wake_at = min(wake_at, self._tool.deadline)
        if self._inactivity.deadline is not None:
            wake_at = min(wake_at, self._inactivity.deadline)
        self.wake_at = wake_at


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _json_object(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text or "")
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
