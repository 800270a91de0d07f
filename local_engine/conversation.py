"""A call's conversation: whose turn it is, what the agent does next, and how the call ends.

Sans-I/O: `now` (seconds, monotonic) comes in, everything that leaves goes through a `Wire`. The agent works
through a queue of actions and at a moment is building or speaking an utterance, waiting for a tool, pausing,
or listening. Whatever comes meanwhile and may not interrupt waits in `_pending`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from local_engine.actions import Action, Audible, HangUp, Pause, Say, SendMessage, UseTool
from local_engine.call_settings import CallSettings
from local_engine.data_messages import (
    ClientMessage,
    ClientToolResult,
    ForcedAgentMessage,
    HangUpMessage,
    InputTextMessage,
    Ping,
    SetOutputMedium,
    UserTextMessage,
)
from local_engine.faults import CallFaults
from local_engine.inactivity import EndBehavior, InactivityChain, InactivityMessage
from local_engine.playout import FRAME_MS
from local_engine.records import EndReason, Role
from local_engine.scenario import Scenario, UserTurn
from local_engine.speaker import Speaker
from local_engine.tool_use import ToolStep, ToolUse
from local_engine.transcript import TEXT, USER, VOICE, heard_text, transcript_message
from local_engine.vad import SpeechEnded, SpeechStarted, VoiceActivityDetector
from local_engine.wire import Outlet, State, Wire

# What may wait while the agent is busy; beyond it the newest is dropped with an event.
MAX_PENDING = 100
# How much audio before and after the detected speech belongs to what was heard.
_HEARD_MARGIN_MS = 120.0


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    immediate: bool


_Pending = _Text | SpeechEnded | ForcedAgentMessage


class Conversation:
    """One call, from the join to the end."""

    def __init__(self, settings: CallSettings, faults: CallFaults, scenario: Scenario, wire: Wire) -> None:
        self.settings = settings
        self.scenario = scenario
        self._faults = faults
        self._wire = wire
        self._outlet = Outlet(wire, settings.socket.data_messages)
        self._speaker = Speaker(self._outlet, settings.socket, faults, text_output=settings.text_output)
        self._tools = ToolUse(settings.tools, self._outlet, empty_final=faults.empty_final)
        self._vad = VoiceActivityDetector(settings.socket.input_rate, settings.vad)
        self._inactivity = InactivityChain(() if scenario.echo else settings.inactivity)
        self._queue: deque[Action] = deque()
        self._pending: deque[_Pending] = deque()
        self._pause_until: float | None = None
        self._opening: tuple[float, Sequence[Action]] | None = None
        self._opened = False
        self._agent_spoke_last = False
        self._speech_before_ms = 0.0
        self._ends_at = math.inf
        self._silence_at = math.inf
        self.ended = False
        self.wake_at = math.inf
        """When `on_tick` has something to do next; 0 while audio is under way."""

    @property
    def state(self) -> State | None:
        """What the client was told last."""
        return self._outlet.state

    @property
    def interruptions(self) -> int:
        """How often the agent was cut short."""
        return self._speaker.interruptions

    @property
    def echoing(self) -> bool:
        """Whether the caller's audio is to be returned as it comes."""
        return self.scenario.echo and self._outlet.state is State.LISTENING and not self.ended

    # Events from outside.

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
            self._outlet.set_state(State.THINKING if opening and not waits else State.LISTENING)
        self._outlet.send({"type": "call_started"})
        if self._faults.idle_at_start:
            self._outlet.set_state(State.IDLE)
        if waits:
            self._outlet.set_state(State.LISTENING)
            if first.agent_first or first.fallback:
                self._opening = (now + first.delay_s, opening)
        else:
            self._queue.extend(opening)
        self._advance(now)
        self.rearm()

    def on_audio(self, pcm: bytes, now: float) -> None:
        """The caller's audio, s16le mono at the input rate."""
        if self.ended:
            return
        for event in self._vad.feed(pcm):
            if isinstance(event, SpeechStarted):
                self._speech_started()
            else:
                self._speech_ended(event, now)
        if self._vad.speaking and self._interruptible:
            new_speech_ms = self._vad.speech_ms - self._speech_before_ms
            if new_speech_ms >= self.settings.vad.minimum_interruption_ms:
                self._abandon(now)
                self._outlet.set_state(State.LISTENING)
        self.rearm()

    def on_message(self, message: ClientMessage, now: float) -> None:
        """A data message from the client, or from REST."""
        if self.ended:
            return
        match message:
            case Ping(timestamp):
                self._outlet.send({"type": "pong", "timestamp": timestamp})
            case UserTextMessage(text, urgency, defer):
                answered = not defer and urgency != "later"
                self._user_text(text, immediate=urgency == "immediate", answered=answered, now=now)
            case InputTextMessage(text, defer):
                self._user_text(text, immediate=not defer, answered=not defer, now=now)
            case ForcedAgentMessage(urgency=urgency):
                if urgency == "immediate" and self._interruptible:
                    self._abandon(now)
                self._put_off(message)
            case HangUpMessage(text):
                self._abandon(now)
                self._queue.extend((Say(text, uninterruptible=True), HangUp()) if text else (HangUp(),))
            case SetOutputMedium(medium):
                self._speaker.text_output = medium == TEXT
            case ClientToolResult():
                self._apply(self._tools.result(message))
        self._advance(now)
        self.rearm()

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
        tool = self._tools.pending
        if tool is not None and now >= tool.deadline:
            self._apply(self._tools.fail("the tool did not answer in time"))
        leaving = bool(self._queue) and isinstance(self._queue[0], HangUp)
        self._speaker.on_tick(now, leaving=leaving)
        reminder = self._inactivity.due(now)
        if reminder is not None:
            self._remind(reminder)
        self._advance(now)
        self._keep_silence_flowing(now)
        self.rearm()

    def on_closed(self, now: float) -> None:
        """The socket is gone: whatever was under way ends with what was played."""
        if not self.ended:
            self.ended = True
            self.wake_at = math.inf
            self._speaker.close(now)

    # The queue.

    @property
    def _busy(self) -> bool:
        return self._speaker.busy or self._tools.pending is not None or self._pause_until is not None

    @property
    def _interruptible(self) -> bool:
        """Whether the agent is at something the caller may cut short. Waiting for a tool is not."""
        return self._tools.pending is None and self._speaker.interruptible

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
            elif self._pending and (not self._vad.speaking or _is_urgent(self._pending[0])):
                self._handle(self._pending.popleft())
            else:
                self._outlet.set_state(State.LISTENING)
                if not self._vad.speaking:
                    self._inactivity.quiet(now)
                return

    def _perform(self, action: Action, now: float) -> None:
        match action:
            case HangUp(soft, reason):
                if not (soft and self._vad.speaking):
                    self._finish(EndReason(reason))
            case UseTool():
                self._inactivity.pause()
                self._apply(self._tools.use(action, now, spoke_before=self._agent_spoke_last))
            case SendMessage(message):
                self._wire.send_message(dict(message))
            case Pause(duration_ms):
                self._outlet.set_state(State.LISTENING)
                self._pause_until = now + duration_ms / 1000
            case _:
                parts: list[Audible] = [action]
                while self._queue and isinstance(self._queue[0], Audible):
                    parts.append(self._queue.popleft())  # type: ignore[arg-type]
                self._inactivity.pause()
                self._agent_spoke_last = True
                self._speech_before_ms = self._vad.speech_ms
                self._speaker.say(parts, now)

    def _handle(self, item: _Pending) -> None:
        self._agent_spoke_last = False
        match item:
            case _Text(text):
                self._queue.extend(self.scenario.user_text(text))
            case SpeechEnded():
                self._answer_turn(item)
            case ForcedAgentMessage():
                self._tools.know(item.known_tool_results or ())
                if item.content:
                    self._queue.append(Say(item.content, bool(item.uninterruptible)))
                for call in item.tool_calls or ():
                    self._queue.append(UseTool(call.name, call.arguments, call.id))

    def _put_off(self, item: _Pending) -> None:
        if len(self._pending) >= MAX_PENDING:
            self._wire.note(
                "warning", "pending.overflow", "too much waits for the agent; the newest is dropped"
            )
            return
        self._pending.append(item)

    def _apply(self, step: ToolStep) -> None:
        if step.drop_queue:
            self._queue.clear()
        if step.new_stage is not None:
            scenario = self._wire.new_stage(dict(step.new_stage))
            if scenario is not None:
                self.scenario = scenario
                self._opened = False
        self._queue.extendleft(reversed(step.actions))
        if step.outcome is not None:
            self._queue.extend(self.scenario.tool_outcome(step.outcome))

    def _abandon(self, now: float) -> None:
        """Drop everything the agent is doing or was going to do."""
        self._speaker.interrupt(now)
        self._tools.pending = None
        self._pause_until = None
        self._opening = None
        self._queue.clear()
        self.scenario.interrupted()

    # The caller.

    def _speech_started(self) -> None:
        self._inactivity.user_active()
        self._speech_before_ms = 0.0
        self._cancel_fallback()
        self._outlet.send({"type": "user_started_speaking"})
        if self._faults.partial_user_transcripts:
            ordinal = self._outlet.coming_ordinal
            self._outlet.send(transcript_message(USER, VOICE, ordinal, text="[speech]", final=False))

    def _speech_ended(self, event: SpeechEnded, now: float) -> None:
        self._outlet.send({"type": "user_stopped_speaking"})
        too_short = event.speech_ms < self.settings.vad.minimum_turn_ms
        # Speech that did not stop an agent who may be stopped was too short to count.
        if not too_short and not self._interruptible:
            self._put_off(event)
        self._advance(now)

    def _answer_turn(self, event: SpeechEnded) -> None:
        self._outlet.set_state(State.THINKING)
        text = heard_text(event.speech_ms)
        self._outlet.send(transcript_message(USER, VOICE, self._outlet.next_ordinal(), text=text, final=True))
        self._outlet.remember(Role.USER, text, VOICE, event.start_ms, event.end_ms)
        heard = self._wire.heard(event.start_ms - _HEARD_MARGIN_MS, event.end_ms + _HEARD_MARGIN_MS)
        self._queue.extend(self.scenario.user_turn(UserTurn(event.speech_ms, heard)))

    def _user_text(self, text: str, *, immediate: bool, answered: bool, now: float) -> None:
        self._inactivity.user_active()
        self._cancel_fallback()
        if text:
            ordinal = self._outlet.next_ordinal()
            self._outlet.send(transcript_message(USER, TEXT, ordinal, text=text, final=True))
            self._outlet.remember(Role.USER, text, TEXT)
        if immediate and self._interruptible:
            self._abandon(now)
        if answered and text:
            self._put_off(_Text(text, immediate))

    def _cancel_fallback(self) -> None:
        """The user was to speak first, and did."""
        if not self.settings.first_speaker.agent_first:
            self._opening = None

    def _remind(self, reminder: InactivityMessage) -> None:
        strict = reminder.end_behavior is EndBehavior.HANG_UP_STRICT
        self._queue.append(Say(reminder.text, uninterruptible=strict))
        if reminder.end_behavior is not EndBehavior.UNSPECIFIED:
            self._queue.append(HangUp(soft=not strict))

    # The end.

    def _time_exceeded(self, now: float) -> None:
        self._ends_at = math.inf
        self._abandon(now)
        message = self.settings.time_exceeded_message
        if message:
            self._queue.append(Say(message, uninterruptible=True))
        self._queue.append(HangUp(end_reason=EndReason.TIMEOUT))

    def _finish(self, reason: EndReason) -> None:
        if self._faults.idle_at_end:
            self._outlet.set_state(State.IDLE)
        self.ended = True
        self._wire.end(reason)

    # Time.

    def _keep_silence_flowing(self, now: float) -> None:
        frame = bytes(2 * round(self.settings.socket.output_rate * FRAME_MS / 1000))
        while not self.ended and self._silence_at <= now:
            self._silence_at += FRAME_MS / 1000
            if not self._speaker.speaking:
                self._wire.send_audio(frame)

    def rearm(self) -> None:
        """Find out anew when `on_tick` is wanted; call it when speech has arrived."""
        if self.ended:
            self.wake_at = math.inf
            return
        wake_at = min(self._ends_at, self._silence_at, self._speaker.wake_at)
        if self._opening is not None:
            wake_at = min(wake_at, self._opening[0])
        if self._pause_until is not None:
            wake_at = min(wake_at, self._pause_until)
        if self._tools.pending is not None:
            wake_at = min(wake_at, self._tools.pending.deadline)
        if self._inactivity.deadline is not None:
            wake_at = min(wake_at, self._inactivity.deadline)
        self.wake_at = wake_at


def _is_urgent(item: _Pending) -> bool:
    return (isinstance(item, _Text) and item.immediate) or (
        isinstance(item, ForcedAgentMessage) and item.urgency == "immediate"
    )
