"""The engine's data messages in both directions, as typed structs, and its notation for durations.

A message is a JSON object with a `type` in snake_case and keys in camelCase. Unknown types and unknown keys
are ignored, as the protocol asks of a client: `decode` answers None for a type it has no struct for, and
raises `MessageFormatError` only when a known type lacks what it must have.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec


class MessageFormatError(ValueError):
    """A data message of a known type with a missing or wrongly typed field."""


class DurationFormatError(ValueError):
    """A duration that is not of the form `<seconds>[.<fraction>]s`."""


# --- durations (protobuf's JSON form) ---

DURATION_PATTERN = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,9})?s")


def parse_duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `30s` or `0.384s`, rounded. Raises `DurationFormatError`."""
    if DURATION_PATTERN.fullmatch(text) is None:
        raise DurationFormatError(f"not a duration of the form 30s or 0.384s: {text[:40]!r}")
    return round(float(text[:-1]) * 1000)


def format_duration(milliseconds: int) -> str:
    """A duration as the engine wants it: 384 -> `0.384s`, 30000 -> `30s`."""
    sign = "-" if milliseconds < 0 else ""
    seconds, rest = divmod(abs(milliseconds), 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{sign}{seconds}{fraction}s"


# --- closed sets ---


class EngineState(StrEnum):
    """`idle`: warming up or gone; `thinking`: the turn ended, still interruptible; `speaking`: audio under
    way.
    """

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Role(StrEnum):
    USER = "user"
    AGENT = "agent"


class Medium(StrEnum):
    VOICE = "voice"
    TEXT = "text"


class Urgency(StrEnum):
    """When the agent takes up a text: at once (interrupting), at the next opportunity, or not of its own
    accord.
    """

    IMMEDIATE = "immediate"
    SOON = "soon"
    LATER = "later"


class AgentReaction(StrEnum):
    """What the agent does after a tool result; `speaks-once`: unless it spoke just before the tool."""

    SPEAKS = "speaks"
    LISTENS = "listens"
    SPEAKS_ONCE = "speaks-once"


class ToolResponseType(StrEnum):
    TOOL_RESPONSE = "tool-response"
    HANG_UP = "hang-up"
    NEW_STAGE = "new-stage"


class ToolErrorType(StrEnum):
    UNDEFINED = "undefined"  # no such tool here
    IMPLEMENTATION_ERROR = "implementation-error"


class DataMessage(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"
):
    """Base of all data messages. Fields at their default are left out on the wire."""


# --- engine to client ---


class CallStarted(DataMessage, frozen=True, tag="call_started"):
    call_id: str


class State(DataMessage, frozen=True, tag="state"):
    state: str  # an EngineState; a plain string, since a new state must not break a call


class Transcript(DataMessage, frozen=True, tag="transcript"):
    """A piece of what was said. By `ordinal`, a non-empty `text` replaces and `delta` appends."""

    role: str
    ordinal: int
    final: bool = False
    medium: str = Medium.VOICE.value
    text: str | None = None
    delta: str | None = None


class PlaybackClearBuffer(DataMessage, frozen=True, tag="playback_clear_buffer"):
    """Barge-in: throw away every sample of the agent not yet played."""


class ClientToolInvocation(DataMessage, frozen=True, tag="client_tool_invocation"):
    tool_name: str
    invocation_id: str
    parameters: dict[str, Any] = {}


class Pong(DataMessage, frozen=True, tag="pong"):
    timestamp: float


class Debug(DataMessage, frozen=True, tag="debug"):
    message: str


EngineMessage: TypeAlias = (
    CallStarted | State | Transcript | PlaybackClearBuffer | ClientToolInvocation | Pong | Debug
)

# --- client to engine ---


class UserTextMessage(DataMessage, frozen=True, tag="user_text_message"):
    """Text in the caller's name: pressed keys, or the outcome of something long."""

    text: str
    urgency: Urgency | None = None


class ForcedAgentMessage(DataMessage, frozen=True, tag="forced_agent_message"):
    """Words the agent must say."""

    content: str
    uninterruptible: bool | None = None
    urgency: Urgency | None = None


class HangUp(DataMessage, frozen=True, tag="hang_up"):
    """End the call; `message` is spoken first."""

    message: str | None = None


class SetOutputMedium(DataMessage, frozen=True, tag="set_output_medium"):
    medium: Medium


class ClientToolResult(DataMessage, frozen=True, tag="client_tool_result"):
    """The answer to a `ClientToolInvocation`: either `result` (objects as JSON text) or `error_type`."""

    invocation_id: str
    result: str | None = None
    response_type: ToolResponseType | None = None
    agent_reaction: AgentReaction | None = None
    error_type: ToolErrorType | None = None
    error_message: str | None = None  # for logs; the model does not see it


class Ping(DataMessage, frozen=True, tag="ping"):
    timestamp: float  # Unix seconds


ClientMessage: TypeAlias = (
    UserTextMessage | ForcedAgentMessage | HangUp | SetOutputMedium | ClientToolResult | Ping
)

_ENGINE_TYPES: dict[str, type[EngineMessage]] = {
    "call_started": CallStarted,
    "state": State,
    "transcript": Transcript,
    "playback_clear_buffer": PlaybackClearBuffer,
    "client_tool_invocation": ClientToolInvocation,
    "pong": Pong,
    "debug": Debug,
}


def decode(message: dict[str, Any]) -> EngineMessage | None:
    """The struct for a message of the engine, None for an unknown type. Raises `MessageFormatError`."""
    kind = message.get("type")
    struct = _ENGINE_TYPES.get(kind) if isinstance(kind, str) else None
    if struct is None:
        return None
    try:
        return msgspec.convert(message, struct)
    except msgspec.ValidationError as error:
        raise MessageFormatError(f"{kind}: {error}") from error


def encode(message: ClientMessage) -> dict[str, Any]:
    """The JSON object for a message to the engine, as `EngineSocket.send_message` takes it."""
    encoded: dict[str, Any] = msgspec.to_builtins(message)
    return encoded
