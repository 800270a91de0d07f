"""What looks after a conversation beside the engine: answering machine detection with its voicemail, the two
watchdogs, and the figures of its turns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.call import Call
from gateway.configuration.media import AmdSection, WatchdogsSection
from gateway.conversation_control import ConversationControl
from gateway.metrics import GatewayMetrics
from gateway.silence_response import SilenceResponse, watch_command
from gateway.tool_use import CallTools
from gateway.voicemail import Voicemail
from media import messages as m

MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """How one conversation is to be looked after."""

    detect_answering_machine: bool = False
    leave_voicemail: bool = False
    voicemail_message: str | None = None  # None: the agent finds its own words
    agent_speaks_first: bool = False
    tools: CallTools = field(default_factory=CallTools)
    untrusted_variables: frozenset[str] = frozenset()  # names of those that a stranger has set


class ConversationCare:
    """Takes the media plane's observations of one call and acts on them through `control`."""

    def __init__(
        self,
        call: Call,
        control: ConversationControl,
        metrics: GatewayMetrics,
        amd: AmdSection,
        watchdogs: WatchdogsSection,
        options: ConversationOptions,
    ) -> None:
        self._call = call
        self._metrics = metrics
        self._amd = amd
        self._watchdogs = watchdogs
        self._options = options
        self.paused = False
        """The far party and the agent are apart: nobody owes anybody an answer."""
        self._silence = SilenceResponse(call, control, watchdogs)
        self._voicemail = (
            Voicemail(call, control, amd, options.voicemail_message) if options.leave_voicemail else None
        )

    def at_answer(self) -> list[m.Command]:
        """What the media plane is to look for from the answer on."""
        commands: list[m.Command] = []
        watch = watch_command(
            self._call.id, self._watchdogs, agent_speaks_first=self._options.agent_speaks_first
        )
        if watch is not None:
            commands.append(watch)
        if self._options.detect_answering_machine or self._options.leave_voicemail:
            self._call.step("amd-started")
            commands.append(m.StartAmd(leg_id=self._call.id, decide_ms=int(self._amd.decide_timeout * 1000)))
        return commands

    def take(self, event: m.Event) -> None:
        """Act on an event, if it is one of these."""
        match event:
            case m.TurnMeasured():
                self._metrics.observe_turn(event.what, event.took_ms)
            case m.EngineStateChanged() if self._voicemail is not None:
                self._voicemail.engine_state(event.state)
            case m.AmdResult():
                self._answered_by(event)
            case m.BeepDetected():
                self._call.step(
                    "beep-detected", frequency_hz=event.frequency_hz, duration_ms=event.duration_ms
                )
                if self._voicemail is not None:
                    self._voicemail.beep()
            case m.GreetingEnded():
                self._call.step("machine-greeting-ended", silent_ms=event.silent_ms)
                if self._voicemail is not None:
                    self._voicemail.greeting_ended()
            case m.SilenceNoticed():
                # While a machine is waited for nobody owes anybody an answer either.
                waits = self._voicemail is not None and self._voicemail.active
                if not self.paused and not waits:
                    self._silence.noticed(event)

    def _answered_by(self, event: m.AmdResult) -> None:
        self._call.step(
            "answered-by",
            answered_by=event.answered_by,
            reason=event.reason,
            decided_ms=event.decided_ms,
            speech_ms=event.speech_ms,
        )
        self._call.update(answered_by=event.answered_by)
        self._call.save()
        self._metrics.answered_by.labels(event.answered_by).inc()
        if event.answered_by == MACHINE and self._voicemail is not None:
            self._voicemail.machine_answered()

    def leave_voicemail(self, message: str | None) -> bool:
        """The agent has found out by itself that a machine answered. False when it may leave no message."""
        return self._voicemail is not None and self._voicemail.asked_by_agent(message)

    def close(self) -> None:
        """The call is over."""
        if self._voicemail is not None:
            self._voicemail.close()
