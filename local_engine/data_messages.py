"""The data messages a client may send, as typed values."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class _Message(msgspec.Struct, rename="camel", tag_field="type", frozen=True):
    pass


class Ping(_Message, tag="ping", frozen=True):
    timestamp: float = 0.0


class UserTextMessage(_Message, tag="user_text_message", frozen=True):
    text: str
    urgency: Literal["immediate", "soon", "later"] | None = None
    defer_response: bool | None = None


class InputTextMessage(_Message, tag="input_text_message", frozen=True):
    """The legacy form of `user_text_message`."""

    text: str
    defer_response: bool | None = None


class RequestedToolCall(msgspec.Struct, rename="camel", frozen=True):
    name: str
    id: str = ""
    arguments: dict[str, Any] = {}


class KnownToolResult(msgspec.Struct, rename="camel", frozen=True):
    invocation_id: str
    result: str = ""
    response_type: str = "tool-response"
    agent_reaction: str = "speaks"


class ForcedAgentMessage(_Message, tag="forced_agent_message", frozen=True):
    content: str | None = None
    tool_calls: list[RequestedToolCall] | None = None
    known_tool_results: list[KnownToolResult] | None = None
    uninterruptible: bool | None = None
    urgency: Literal["immediate", "soon"] | None = None


class HangUpMessage(_Message, tag="hang_up", frozen=True):
    message: str | None = None


class SetOutputMedium(_Message, tag="set_output_medium", frozen=True):
    medium: Literal["voice", "text"]


class ClientToolResult(_Message, tag="client_tool_result", frozen=True):
    invocation_id: str
    result: str | None = None
    response_type: str | None = None
    agent_reaction: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    update_call_state: dict[str, Any] | None = None


ClientMessage = (
    Ping
    | UserTextMessage
    | InputTextMessage
    | ForcedAgentMessage
    | HangUpMessage
    | SetOutputMedium
    | ClientToolResult
)

_DECODER = msgspec.json.Decoder(ClientMessage)
_KNOWN = frozenset(
    (
        "ping",
        "user_text_message",
        "input_text_message",
        "forced_agent_message",
        "hang_up",
        "set_output_medium",
        "client_tool_result",
    )
)


class UnknownMessage(Exception):
    """A well-formed message of a type this engine does not act upon."""


class MalformedMessage(Exception):
    """Not JSON, not an object, or a field of the wrong type."""


def decode_message(data: bytes | str) -> ClientMessage:
    """Parse one text frame. Raises `UnknownMessage` or `MalformedMessage`."""
    try:
        message: ClientMessage = _DECODER.decode(data)
        return message
    except msgspec.DecodeError as error:
        try:
            plain = msgspec.json.decode(data)
        except msgspec.DecodeError:
            raise MalformedMessage("not JSON") from error
        if isinstance(plain, dict) and isinstance(plain.get("type"), str) and plain["type"] not in _KNOWN:
            raise UnknownMessage(plain["type"]) from error
        raise MalformedMessage(str(error)) from error
