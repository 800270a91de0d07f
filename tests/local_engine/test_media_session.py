"""A session without a socket: the watch over its input, failures, events told to the client."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from local_engine.call_settings import CallSettings
from local_engine.engine import Engine
from local_engine.media_session import MediaSession
from local_engine.records import CallRecord, EndReason
from local_engine.requests import CallBody, FirstSpeakerSettings, UserFirst

NOW = 50.0
FRAME = bytes(320)


class Line:
    """A client's socket that keeps what it was given."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.audio: list[bytes] = []
        self.closed_with: int | None = None
        self.was_reset = False

    def send_text(self, data: bytes) -> None:
        self.texts.append(json.loads(data))

    def send_binary(self, data: bytes | memoryview) -> None:
        self.audio.append(bytes(data))

    def writable(self) -> bool:
        return True

    def close(self, code: int) -> None:
        self.closed_with = code

    def reset(self) -> None:
        self.was_reset = True


def joined(scenario: str = "echo", fault: str = "", **socket: Any) -> tuple[MediaSession, Line, CallRecord]:
    engine = Engine()
    body = CallBody(
        medium={"serverWebSocket": {"inputSampleRate": 8000, **socket}},
        system_prompt=f"[scenario:{scenario}]",
        first_speaker_settings=FirstSpeakerSettings(user=UserFirst()),
        metadata={"fault": fault} if fault else None,
    )
    record = engine.create_call(body, {}, "ws://x", "ws://slow")
    line = Line()
    session = engine.make_session(record, line)
    record.session = session
    session.start(NOW)
    return session, line, record


def receive(session: MediaSession, data: bytes, now: float) -> None:
    """As the socket does: count, then hand over."""
    session.record.counters.bytes_received += len(data)
    session.last_audio_at = now
    session.on_binary(data, now)


def test_no_audio_for_the_idle_time_out_is_a_connection_error() -> None:
    session, line, record = joined(mediaIdleTimeout="10s")
    receive(session, FRAME, NOW + 5)
    session.on_tick(NOW + 14)
    assert line.closed_with is None
    session.on_tick(NOW + 16)
    assert line.closed_with == 1000
    assert record.end_reason is EndReason.CONNECTION_ERROR


def test_a_call_without_an_idle_time_out_waits() -> None:
    session, line, record = joined()
    session.on_tick(NOW + 600)
    assert line.closed_with is None
    assert [event.type for event in record.events] == ["call.joined", "audio.underflow"]


def test_gross_excess_of_audio_is_dropped() -> None:
    session, line, record = joined()
    session.plain_echo = False
    for _ in range(400):
        receive(session, FRAME, NOW)
    assert len(line.audio) == 250
    assert record.counters.overflow_ms_dropped == 3000


def test_events_are_told_to_a_client_that_asked_for_them() -> None:
    session, line, _ = joined(dataMessages={"callEvent": True})
    session.on_text(b"nonsense", NOW)
    told = [text for text in line.texts if text["type"] == "call_event"]
    assert [each["eventType"] for each in told] == ["call.joined", "message.malformed"]


def test_a_bug_ends_the_call_as_a_fault_of_the_service() -> None:
    session, line, record = joined()
    session.on_failure(ValueError("broken"))
    assert line.closed_with == 1011
    assert record.end_reason is EndReason.SYSTEM_ERROR
    assert record.billed_s == 0


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1000, EndReason.HANGUP),
        (1001, EndReason.HANGUP),
        (1005, EndReason.HANGUP),
        (1011, EndReason.CONNECTION_ERROR),
        (None, EndReason.CONNECTION_ERROR),
    ],
)
def test_the_way_a_client_leaves_decides_the_reason(code: int | None, reason: EndReason) -> None:
    session, _, record = joined()
    session.on_disconnected(code, NOW + 1)
    assert record.end_reason is reason


def test_the_reason_after_a_clients_close_is_a_knob() -> None:
    session, _, record = joined(fault="client_close_reason=agent_hangup")
    session.on_disconnected(1000, NOW + 1)
    assert record.end_reason is EndReason.AGENT_HANGUP


def test_the_close_code_of_an_orderly_end_is_a_knob() -> None:
    session, line, _ = joined(fault="end_close_code=1001")
    session.on_text(b'{"type":"hang_up"}', NOW)
    assert line.closed_with == 1001


def test_nothing_is_sent_or_received_after_the_end() -> None:
    session, line, record = joined()
    session.on_text(b'{"type":"hang_up"}', NOW)
    sent = len(line.texts)
    session.on_text(b'{"type":"ping","timestamp":1}', NOW + 1)
    receive(session, FRAME, NOW + 1)
    session.on_tick(NOW + 700)
    assert (len(line.texts), line.audio) == (sent, [])
    assert record.end_reason is EndReason.AGENT_HANGUP


def test_the_socket_may_echo_by_itself_only_while_nothing_stands_in_between() -> None:
    plain, _, _ = joined()
    assert plain.plain_echo
    assert not joined("assistant")[0].plain_echo
    assert not joined(fault="frame_bytes=100")[0].plain_echo
    assert not joined(outputSampleRate=16000)[0].plain_echo
    plain.on_text(b'{"type":"hang_up"}', NOW)
    assert not plain.plain_echo


def test_settings_are_not_touched_by_a_call() -> None:
    session, _, record = joined()
    before = replace(record.settings)
    session.on_text(b'{"type":"set_output_medium","medium":"text"}', NOW)
    assert isinstance(record.settings, CallSettings)
    assert record.settings == before
