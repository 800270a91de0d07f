"""The body with which a call is created."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from media.ultravox.agent_settings import EndBehavior, FirstSpeaker, Greeting, InactivityMessage, VadSettings
from media.ultravox.call_request import (
    AgentSettings,
    CallRequestError,
    EngineCallRequest,
    build_agent_body,
    build_call_body,
    render_template,
)


def body_of(agent: AgentSettings, **call: Any) -> dict[str, Any]:
    return build_call_body(EngineCallRequest(agent=agent, sample_rate=8000, **call))


def test_full_agent_in_the_engines_words() -> None:
    agent = AgentSettings(
        system_prompt="You call {{first_name}}.",
        voice="Mark",
        model="ultravox-v0.7",
        temperature=0.5,
        language_hint="en-GB",
        greeting=Greeting(text="Good day, {{first_name}}!", delay_ms=300, uninterruptible=True),
        inactivity_messages=(
            InactivityMessage(10_000, "Still there?"),
            InactivityMessage(5_000, "Goodbye {{first_name}}.", EndBehavior.HANG_UP_SOFT),
        ),
        vad=VadSettings(turn_endpoint_delay_ms=384, frame_activation_threshold=0.2),
        max_duration_ms=900_000,
        time_exceeded_message="Time is up.",
        can_hang_up=True,
    )
    body = body_of(agent, variables={"first_name": "Ada"}, metadata={"call_id": "c-42"})
    assert body == {
        "systemPrompt": "You call Ada.",
        "model": "ultravox-v0.7",
        "temperature": 0.5,
        "voice": "Mark",
        "languageHint": "en-GB",
        "firstSpeakerSettings": {
            "agent": {"text": "Good day, Ada!", "delay": "0.3s", "uninterruptible": True}
        },
        "inactivityMessages": [
            {"duration": "10s", "message": "Still there?", "endBehavior": "END_BEHAVIOR_UNSPECIFIED"},
            {"duration": "5s", "message": "Goodbye Ada.", "endBehavior": "END_BEHAVIOR_HANG_UP_SOFT"},
        ],
        "vadSettings": {"turnEndpointDelay": "0.384s", "frameActivationThreshold": 0.2},
        "maxDuration": "900s",
        "timeExceededMessage": "Time is up.",
        "selectedTools": [{"toolName": "hangUp"}],
        "joinTimeout": "30s",
        "medium": {
            "serverWebSocket": {
                "inputSampleRate": 8000,
                "outputSampleRate": 8000,
                "clientBufferSizeMs": 30000,
                "mediaIdleTimeout": "30s",
                "dataMessages": {
                    "callStarted": True,
                    "state": True,
                    "transcript": True,
                    "clientToolInvocation": True,
                    "playbackClearBuffer": True,
                    "pong": False,
                },
            }
        },
        "metadata": {"call_id": "c-42"},
    }
    assert msgspec.json.decode(msgspec.json.encode(body)) == body


def test_unset_settings_are_left_to_the_engine_except_the_temperature() -> None:
    body = body_of(AgentSettings(system_prompt="Hi"))
    assert set(body) == {"systemPrompt", "model", "temperature", "joinTimeout", "medium"}
    assert body["temperature"] == 0.3


@pytest.mark.parametrize(
    ("greeting", "settings"),
    [
        (Greeting(), {"agent": {}}),
        (Greeting(FirstSpeaker.USER), {"user": {}}),
        (Greeting(FirstSpeaker.USER, uninterruptible=True), {"user": {}}),
        (
            Greeting(FirstSpeaker.USER, "Hello?", 4_000, True),
            {"user": {"fallback": {"text": "Hello?", "delay": "4s"}}},
        ),
        (Greeting(FirstSpeaker.USER, "Hello?"), {"user": {"fallback": {"text": "Hello?", "delay": "5s"}}}),
        (Greeting(FirstSpeaker.USER, delay_ms=4_000), {"user": {"fallback": {"delay": "4s"}}}),
    ],
)
def test_greeting_goes_with_either_first_speaker(greeting: Greeting, settings: dict[str, Any]) -> None:
    assert body_of(AgentSettings(system_prompt="Hi", greeting=greeting))["firstSpeakerSettings"] == settings


def test_resumed_call_does_not_greet_again() -> None:
    agent = AgentSettings(system_prompt="Hi", greeting=Greeting(text="Good day!"))
    body = build_call_body(EngineCallRequest(agent=agent, sample_rate=8000), resuming=True)
    assert body["firstSpeakerSettings"] == {"user": {}}
    assert body["systemPrompt"] == "Hi"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hello {{ name }}, {{name}}!", "Hello Ada, Ada!"),
        ("{{{name}}}", "Ada"),
        ("{{unknown}}.", "."),
        ("{{account.id}} {{count}} {{yes}}", "A-1 3 true"),
        ("{{braces}}", "{{name}}"),
        ("{name} {{}} {{1}} $name", "{name} {{}} {{1}} $name"),
    ],
)
def test_variables_are_filled_in_once(template: str, text: str) -> None:
    variables = {"name": "Ada", "account.id": "A-1", "count": 3, "yes": True, "braces": "{{name}}"}
    assert render_template(template, variables) == text


def test_many_open_braces_take_no_time() -> None:
    assert len(render_template("{{ " * 100_000, {})) == 300_000


@pytest.mark.parametrize("metadata", [{"ultravox.x": "1"}, {"count": 3}])
def test_metadata_the_engine_would_refuse_is_refused_here(metadata: Any) -> None:
    with pytest.raises(CallRequestError):
        body_of(AgentSettings(system_prompt="Hi"), metadata=metadata)


def test_language_hint_is_measured_after_filling_in() -> None:
    agent = AgentSettings(system_prompt="Hi", language_hint="{{language_of_contact}}")
    assert body_of(agent, variables={"language_of_contact": "es-MX"})["languageHint"] == "es-MX"
    assert "languageHint" not in body_of(agent)
    with pytest.raises(CallRequestError, match="16"):
        body_of(agent, variables={"language_of_contact": "x" * 17})


def test_agent_template_keeps_its_variables_and_cuts_its_name() -> None:
    body = build_agent_body("n" * 100, AgentSettings(system_prompt="Call {{name}}.", can_hang_up=True))
    assert body["name"] == "n" * 64
    assert body["callTemplate"]["systemPrompt"] == "Call {{name}}."
    assert body["callTemplate"]["selectedTools"] == [{"toolName": "hangUp"}]
    assert "medium" not in body["callTemplate"]
