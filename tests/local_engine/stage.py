"""A conversation on a stage: time is turned by hand, speech takes 200 ms a word, effects are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_engine.call_settings import CallSettings, SocketSettings, enabled_data_messages
from local_engine.conversation import Conversation
from local_engine.data_messages import ClientMessage, decode_message
from local_engine.engine import make_scenario
from local_engine.faults import CallFaults
from local_engine.records import EndReason, HistoryMessage
from local_engine.scenario import Scenario
from local_engine.speech import Speech, Word
from local_engine.tones import silence, tone
from local_engine.tools import CallTool

RATE = 8000
FRAME_MS = 20
WORD_MS = 200.0


def speech_of(text: str, rate: int = RATE) -> Speech:
    """`text` as the stage's synthesiser speaks it: a tone of 200 ms a word."""
    pieces = text.split()
    words = tuple(
        Word(word if index == 0 else f" {word}", index * WORD_MS) for index, word in enumerate(pieces)
    )
    return Speech(text, tone((300.0,), WORD_MS * len(pieces), rate), rate, words)


@dataclass
class StageWire:
    """Keeps everything a conversation does."""

    rate: int = RATE
    messages: list[dict[str, Any]] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    history: list[HistoryMessage] = field(default_factory=list)
    notes: list[tuple[str, str, str]] = field(default_factory=list)
    heard_spans: list[tuple[float, float]] = field(default_factory=list)
    played_pcm: list[bytes] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    call_state: dict[str, Any] = field(default_factory=dict)
    end_reason: EndReason | None = None
    received_ms: float = 0.0
    can_write: bool = True
    hold_speech: bool = False
    held: list[tuple[str, Callable[[Speech], None]]] = field(default_factory=list)
    next_scenario: Scenario | None = None
    carried_out: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)

    def send_message(self, message: dict[str, Any]) -> None:
        self.messages.append(message)

    def send_audio(self, frame: bytes | memoryview) -> None:
        self.frames.append(bytes(frame))

    def writable(self) -> bool:
        return self.can_write

    def speak(self, text: str, callback: Callable[[Speech], None]) -> None:
        if self.hold_speech:
            self.held.append((text, callback))
        else:
            callback(speech_of(text, self.rate))

    def remember(self, message: HistoryMessage) -> None:
        self.history.append(message)

    def note(self, severity: str, kind: str, text: str) -> None:
        self.notes.append((severity, kind, text))

    def input_ms(self) -> float:
        return self.received_ms

    def heard(self, start_ms: float, end_ms: float) -> bytes:
        self.heard_spans.append((start_ms, end_ms))
        return silence(end_ms - start_ms, self.rate)

    def played(self, pcm: bytes, began_ms: float) -> None:
        self.played_pcm.append(pcm)

    def new_stage(self, body: dict[str, Any]) -> Scenario | None:
        self.stages.append(body)
        return self.next_scenario

    def carry_out(self, tool: CallTool, arguments: Mapping[str, Any], invocation_id: str) -> None:
        self.carried_out.append((tool.name, dict(arguments), invocation_id))

    def update_call_state(self, changes: dict[str, Any]) -> None:
        self.call_state.update(changes)

    def end(self, reason: EndReason) -> None:
        self.end_reason = reason

    @property
    def sent_ms(self) -> float:
        return sum(map(len, self.frames)) * 500.0 / self.rate


def socket_settings(
    *, rate: int = RATE, buffer_ms: int = 30000, switches: dict[str, bool | None] | None = None
) -> SocketSettings:
    return SocketSettings(rate, rate, buffer_ms, None, enabled_data_messages(switches or {}))


class Stage:
    """One conversation and the clock it lives by."""

    def __init__(
        self, settings: CallSettings, *, faults: CallFaults | None = None, scenario: Scenario | None = None
    ) -> None:
        self.wire = StageWire(rate=settings.socket.output_rate)
        self.now = 100.0
        chosen = scenario or make_scenario(settings)
        self.conversation = Conversation(settings, faults or CallFaults(), chosen, self.wire)

    def join(self) -> None:
        self.conversation.on_joined(self.now)

    def send(self, text: str) -> None:
        """A text frame from the client."""
        self.message(decode_message(text))

    def message(self, message: ClientMessage) -> None:
        self.conversation.on_message(message, self.now)

    def hear(self, duration_ms: float, frequency: float | None = 440.0) -> None:
        """The caller makes a sound (or none) for so long, in frames of 20 ms."""
        pcm = silence(FRAME_MS, RATE) if frequency is None else tone((frequency,), FRAME_MS, RATE)
        for _ in range(round(duration_ms / FRAME_MS)):
            self.wire.received_ms += FRAME_MS
            self.conversation.on_audio(pcm, self.now)
            self.wait(FRAME_MS)

    def wait(self, duration_ms: float) -> None:
        """Time passes, in ticks of 20 ms, with no audio from the caller."""
        for _ in range(max(1, round(duration_ms / FRAME_MS))):
            self.now += FRAME_MS / 1000
            if self.conversation.wake_at <= self.now:
                self.conversation.on_tick(self.now)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.wire.messages if message["type"] == kind]

    @property
    def states(self) -> list[str]:
        return [message["state"] for message in self.of_type("state")]

    def finals(self, role: str = "agent") -> list[str]:
        """The final transcripts of one side."""
        return [each["text"] for each in self.of_type("transcript") if each["role"] == role and each["final"]]
