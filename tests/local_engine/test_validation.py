from typing import Any

import pytest

from local_engine.call_settings import CallSettings
from local_engine.errors import InvalidRequest
from local_engine.inactivity import EndBehavior
from local_engine.requests import CallBody
from local_engine.tools import ToolCatalogue
from local_engine.validation import WEB_RATE, call_settings, convert, decode_body

SOCKET = {"serverWebSocket": {"inputSampleRate": 8000}}


def settings(*, prior_call: bool = False, **body: Any) -> CallSettings:
    return call_settings(
        convert({"medium": SOCKET, **body}, CallBody), ToolCatalogue(), prior_call=prior_call
    )


def socket(**fields: Any) -> dict[str, Any]:
    return {"medium": {"serverWebSocket": {"inputSampleRate": 8000, **fields}}}


def test_defaults_are_those_of_the_service() -> None:
    call = settings()
    assert call.socket.output_rate == 8000
    assert call.socket.buffer_ms == 60
    assert call.socket.idle_timeout_s is None
    assert (call.join_timeout_s, call.max_duration_s) == (30.0, 3600.0)
    assert call.first_speaker.agent_first
    assert call.vad.turn_endpoint_delay_ms == 384
    assert call.vad.minimum_interruption_ms == 90
    assert "playback_clear_buffer" in call.socket.data_messages
    assert "call_event" not in call.socket.data_messages


def test_given_values_are_taken() -> None:
    call = settings(
        **socket(
            outputSampleRate=24000,
            clientBufferSizeMs=30000,
            mediaIdleTimeout="40s",
            dataMessages={"state": False},
        ),
        vadSettings={"turnEndpointDelay": "0.5s", "frameActivationThreshold": 0.4},
        firstSpeakerSettings={"agent": {"text": "hi", "delay": "0.3s", "uninterruptible": True}},
        inactivityMessages=[{"duration": "9s", "message": "hm", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"}],
        maxDuration="8s",
        timeExceededMessage="over",
        metadata={"a": "b"},
    )
    assert (call.socket.output_rate, call.socket.buffer_ms, call.socket.idle_timeout_s) == (
        24000,
        30000,
        40.0,
    )
    assert "state" not in call.socket.data_messages
    assert (call.vad.turn_endpoint_delay_ms, call.vad.activation_threshold) == (500.0, 0.4)
    assert (call.first_speaker.text, call.first_speaker.delay_s) == ("hi", 0.3)
    assert call.first_speaker.uninterruptible
    assert call.inactivity[0].end_behavior is EndBehavior.HANG_UP_SOFT
    assert (call.max_duration_s, call.time_exceeded_message) == (8.0, "over")


def test_an_idle_time_out_below_ten_seconds_counts_as_ten() -> None:
    assert settings(**socket(mediaIdleTimeout="3s")).socket.idle_timeout_s == 10.0


def test_unknown_fields_are_ignored() -> None:
    assert settings(somethingNew=1).model == "ultravox-v0.7"


def test_a_user_first_call_may_have_a_fallback() -> None:
    first = settings(
        firstSpeakerSettings={"user": {"fallback": {"delay": "3s", "text": "hello?"}}}
    ).first_speaker
    assert (first.agent_first, first.fallback, first.delay_s, first.text) == (False, True, 3.0, "hello?")
    assert not settings(firstSpeaker="FIRST_SPEAKER_USER").first_speaker.agent_first


@pytest.mark.parametrize("body", [{}, {"medium": {}}, {"medium": {"webRtc": {}}}])
def test_a_call_without_a_medium_is_a_browsers(body: dict[str, Any]) -> None:
    socket = call_settings(convert(body, CallBody), ToolCatalogue(), prior_call=False).socket
    assert (socket.input_rate, socket.output_rate) == (WEB_RATE, WEB_RATE)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"medium": {"twilio": {}}}, "medium"),
        ({"medium": {"sip": {"incoming": {}}}}, "medium"),
        ({"medium": {"serverWebSocket": {"inputSampleRate": 8000}, "webRtc": {}}}, "medium"),
        ({"medium": {"carrierPigeon": {}}}, "medium"),
        ({"medium": {"serverWebSocket": {}}}, "inputSampleRate"),
        (socket(inputSampleRate=11025), "inputSampleRate"),
        (socket(inputSampleRate="8000"), "inputSampleRate"),
        (socket(outputSampleRate=1), "outputSampleRate"),
        (socket(clientBufferSizeMs=-1), "clientBufferSizeMs"),
        (socket(mediaIdleTimeout="1m"), "mediaIdleTimeout"),
        ({"maxDuration": "10m"}, "maxDuration"),
        ({"joinTimeout": "-1s"}, "joinTimeout"),
        ({"temperature": 1.5}, "temperature"),
        ({"model": "parrot-1"}, "model"),
        ({"languageHint": "x" * 17}, "languageHint"),
        ({"voice": "Mark", "externalVoice": {"cartesia": {}}}, "voice"),
        ({"externalVoice": {"cartesia": {}, "lmnt": {}}}, "externalVoice"),
        ({"externalVoice": {"parrot": {}}}, "externalVoice"),
        ({"voiceOverrides": {"cartesia": {}}}, "voiceOverrides"),
        ({"firstSpeakerSettings": {}}, "firstSpeakerSettings"),
        ({"firstSpeakerSettings": {"user": {}, "agent": {}}}, "firstSpeakerSettings"),
        ({"firstSpeaker": "FIRST_SPEAKER_USER", "firstSpeakerSettings": {"agent": {}}}, "firstSpeaker"),
        ({"firstSpeakerSettings": {"agent": {"delay": "1"}}}, "delay"),
        ({"vadSettings": {"frameActivationThreshold": 0.05}}, "frameActivationThreshold"),
        ({"vadSettings": {"turnEndpointDelay": 0.4}}, "turnEndpointDelay"),
        ({"inactivityMessages": [{"duration": "x", "message": "m"}]}, "inactivityMessages"),
        ({"inactivityMessages": [{"message": "m"}]}, "duration"),
        ({"metadata": {"ultravox.x": "1"}}, "metadata"),
        ({"metadata": {"count": 1}}, "metadata"),
        ({"sharedSecrets": ["short"]}, "sharedSecrets"),
        ({"callbacks": {"ended": {"url": "ftp://example.org"}}}, "callbacks"),
        ({"initialMessages": [{"role": "USER", "text": "x"}]}, "initialMessages"),
        ({"selectedTools": [{}]}, "selectedTools"),
    ],
)
def test_each_broken_rule_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        settings(**body)


def test_a_prior_call_excludes_initial_messages() -> None:
    messages = [{"role": "MESSAGE_ROLE_USER", "text": "hi"}]
    assert settings(initialMessages=messages)
    with pytest.raises(InvalidRequest, match="priorCallId"):
        settings(prior_call=True, initialMessages=messages)


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        decode_body(b"{", CallBody)
