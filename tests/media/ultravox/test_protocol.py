"""The engine's messages and durations, against the wire forms of its protocol."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.ultravox import protocol
from media.ultravox.protocol import (
    DURATION_PATTERN,
    AgentReaction,
    CallStarted,
    ClientMessage,
    ClientToolInvocation,
    ClientToolResult,
    DurationFormatError,
    EngineMessage,
    ForcedAgentMessage,
    HangUp,
    Medium,
    MessageFormatError,
    Ping,
    PlaybackClearBuffer,
    Pong,
    SetOutputMedium,
    State,
    ToolErrorType,
    ToolResponseType,
    Transcript,
    Urgency,
    UserTextMessage,
    format_duration,
    parse_duration_ms,
)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("30s", 30_000), ("0.384s", 384), ("0s", 0), ("1.5s", 1500), ("-2s", -2000), ("0.000000001s", 0)],
)
def test_durations_are_seconds_with_a_fraction(text: str, milliseconds: int) -> None:
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["10m", "30", "", "s", "1.s", ".5s", "01s", "1e3s", "30s\n", " 30s", "+1s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(DurationFormatError):
        parse_duration_ms(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(384, "0.384s"), (30_000, "30s"), (90, "0.09s"), (0, "0s"), (-1500, "-1.5s")]
)
def test_durations_are_written_without_needless_zeros(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


@given(st.integers(-(10**12), 10**12))
def test_a_written_duration_is_valid_and_reads_back(milliseconds: int) -> None:
    text = format_duration(milliseconds)
    assert DURATION_PATTERN.fullmatch(text)
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"type": "call_started", "callId": "7d1f"}, CallStarted(call_id="7d1f")),
        ({"type": "state", "state": "thinking"}, State(state="thinking")),
        (
            {
                "type": "transcript",
                "role": "agent",
                "medium": "voice",
                "delta": " day",
                "final": False,
                "ordinal": 3,
            },
            Transcript(role="agent", ordinal=3, delta=" day"),
        ),
        ({"type": "playback_clear_buffer"}, PlaybackClearBuffer()),
        (
            {
                "type": "client_tool_invocation",
                "toolName": "transferCall",
                "invocationId": "inv-1",
                "parameters": {"reason": "billing"},
            },
            ClientToolInvocation(
                tool_name="transferCall", invocation_id="inv-1", parameters={"reason": "billing"}
            ),
        ),
        ({"type": "pong", "timestamp": 1767607200}, Pong(timestamp=1767607200.0)),
        ({"type": "state", "state": "new-in-2027", "more": [1]}, State(state="new-in-2027")),
    ],
)
def test_messages_of_the_engine_are_understood(wire: dict[str, Any], expected: EngineMessage) -> None:
    assert protocol.decode(wire) == expected


@pytest.mark.parametrize("wire", [{"type": "call_event", "text": "x"}, {}, {"type": 5}, {"type": None}])
def test_unknown_messages_are_left_alone(wire: dict[str, Any]) -> None:
    assert protocol.decode(wire) is None


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "transcript", "role": "agent"},
        {"type": "client_tool_invocation", "toolName": "x"},
        {"type": "state", "state": 5},
    ],
)
def test_known_message_without_its_fields_is_refused(wire: dict[str, Any]) -> None:
    with pytest.raises(MessageFormatError, match=wire["type"]):
        protocol.decode(wire)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (UserTextMessage(text="5"), {"type": "user_text_message", "text": "5"}),
        (
            UserTextMessage(text="5", urgency=Urgency.IMMEDIATE),
            {"type": "user_text_message", "text": "5", "urgency": "immediate"},
        ),
        (
            ForcedAgentMessage(content="Please hold.", uninterruptible=True, urgency=Urgency.IMMEDIATE),
            {
                "type": "forced_agent_message",
                "content": "Please hold.",
                "uninterruptible": True,
                "urgency": "immediate",
            },
        ),
        (HangUp(), {"type": "hang_up"}),
        (HangUp(message="Goodbye."), {"type": "hang_up", "message": "Goodbye."}),
        (SetOutputMedium(medium=Medium.TEXT), {"type": "set_output_medium", "medium": "text"}),
        (
            ClientToolResult(
                invocation_id="inv-1",
                result="Transfer started.",
                response_type=ToolResponseType.TOOL_RESPONSE,
                agent_reaction=AgentReaction.LISTENS,
            ),
            {
                "type": "client_tool_result",
                "invocationId": "inv-1",
                "result": "Transfer started.",
                "responseType": "tool-response",
                "agentReaction": "listens",
            },
        ),
        (
            ClientToolResult(
                invocation_id="inv-3", error_type=ToolErrorType.IMPLEMENTATION_ERROR, error_message="503"
            ),
            {
                "type": "client_tool_result",
                "invocationId": "inv-3",
                "errorType": "implementation-error",
                "errorMessage": "503",
            },
        ),
        (Ping(timestamp=1.5), {"type": "ping", "timestamp": 1.5}),
    ],
)
def test_messages_to_the_engine_have_its_spelling(message: ClientMessage, wire: dict[str, Any]) -> None:
    assert protocol.encode(message) == wire
