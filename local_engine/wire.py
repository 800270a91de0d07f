"""What a conversation needs from outside, and the one way its data messages take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from local_engine.records import EndReason, HistoryMessage, Role
from local_engine.scenario import Scenario
from local_engine.speech import Speech
from local_engine.tools import CallTool


class State(StrEnum):
    """What the client is told about the agent."""

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

    def input_ms(self) -> float:
        """How much audio the caller has sent: the clock of timespans and recordings."""

    def heard(self, start_ms: float, end_ms: float) -> bytes:
        """The caller's audio between two places of the input, at the output rate."""

    def played(self, pcm: bytes, began_ms: float) -> None:
        """The client has played `pcm`, begun at this place of the input's clock."""

    def new_stage(self, body: dict[str, Any]) -> Scenario | None:
        """A tool began a new stage; the scenario it brings, if any."""

    def carry_out(self, tool: CallTool, arguments: Mapping[str, Any], invocation_id: str) -> None:
        """Have an HTTP tool or a look-up done; its result comes as a message would."""

    def update_call_state(self, changes: dict[str, Any]) -> None:
        """A tool changed the call's state."""

    def end(self, reason: EndReason) -> None:
        """Close the socket: the call is over."""


class Outlet:
    """Sends the data messages the client has switched on, keeps the state and the transcript's ordinals."""

    __slots__ = ("_enabled", "_ordinal", "state", "wire")

    def __init__(self, wire: Wire, enabled: frozenset[str]) -> None:
        self.wire = wire
        self._enabled = enabled
        self._ordinal = 0
        self.state: State | None = None

    def send(self, message: dict[str, Any]) -> None:
        """`message`, unless its type is switched off."""
        if message["type"] in self._enabled:
            self.wire.send_message(message)

    def set_state(self, state: State) -> None:
        """Tell the client, once."""
        if state is not self.state:
            self.state = state
            self.send({"type": "state", "state": state.value})

    def next_ordinal(self) -> int:
        """One sequence over both sides; tool calls and results take numbers too."""
        ordinal = self._ordinal
        self._ordinal += 1
        return ordinal

    @property
    def coming_ordinal(self) -> int:
        """What `next_ordinal` will return."""
        return self._ordinal

    def remember(
        self, role: Role, text: str, medium: str, start_ms: float | None = None, end_ms: float | None = None
    ) -> None:
        """Append something said to the history."""
        self.wire.remember(HistoryMessage(role, text, medium, start_ms=start_ms, end_ms=end_ms))
