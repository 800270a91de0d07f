"""What a call runs with, after validation: durations in seconds or milliseconds, defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_engine.inactivity import InactivityMessage
from local_engine.requests import Callbacks
from local_engine.tools import CallTools
from local_engine.vad import VadSettings

# Switch in `dataMessages` -> the message type it governs. The spelling of the last five types is not
# documented.
_SWITCHES = {
    "pong": "pong",
    "state": "state",
    "transcript": "transcript",
    "clientToolInvocation": "client_tool_invocation",
    "playbackClearBuffer": "playback_clear_buffer",
    "callStarted": "call_started",
    "debug": "debug",
    "callEvent": "call_event",
    "toolUsed": "tool_used",
    "userStartedSpeaking": "user_started_speaking",
    "userStoppedSpeaking": "user_stopped_speaking",
    "invokingTool": "invoking_tool",
}
_ON_BY_DEFAULT = frozenset(
    ("pong", "state", "transcript", "clientToolInvocation", "playbackClearBuffer", "callStarted")
)


def enabled_data_messages(switches: Mapping[str, bool | None]) -> frozenset[str]:
    """The message types the client wants, given its `dataMessages`."""
    wanted: set[str] = set()
    for switch, message_type in _SWITCHES.items():
        given = switches.get(switch)
        if given or (given is None and switch in _ON_BY_DEFAULT):
            wanted.add(message_type)
    return frozenset(wanted)


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """`medium.serverWebSocket`: rates in Hz."""

    input_rate: int
    output_rate: int
    buffer_ms: int = 60
    idle_timeout_s: float | None = None
    data_messages: frozenset[str] = field(default_factory=lambda: enabled_data_messages({}))


@dataclass(frozen=True, slots=True)
class FirstSpeaker:
    """Who begins. With `agent_first` the text (or the scenario's greeting) comes after `delay_s`; otherwise
    `fallback` tells whether the agent begins after `delay_s` of silence.
    """

    agent_first: bool
    text: str | None = None
    delay_s: float = 0.0
    uninterruptible: bool = False
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Everything the conversation needs to know of the request."""

    socket: SocketSettings
    model: str = "ultravox-v0.7"
    voice: str | None = None
    language_hint: str | None = None
    system_prompt: str = ""
    join_timeout_s: float = 30.0
    max_duration_s: float = 3600.0
    time_exceeded_message: str | None = None
    inactivity: tuple[InactivityMessage, ...] = ()
    tools: CallTools = field(default_factory=CallTools)
    first_speaker: FirstSpeaker = FirstSpeaker(agent_first=True)
    text_output: bool = False
    vad: VadSettings = field(default_factory=VadSettings)
    metadata: Mapping[str, str] = field(default_factory=dict)
    initial_state: Mapping[str, Any] = field(default_factory=dict)
    recording_enabled: bool = False
    callbacks: Callbacks | None = None
    greeting_prompt: bool = True
