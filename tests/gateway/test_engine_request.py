"""Agents and overrides in the engine's terms."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.agent_parts import AgentParts
from gateway.engine_request import (
    JOIN_MARGIN_S,
    conversation_options,
    engine_request,
    engine_settings,
    longest_call_s,
    longest_ring_s,
)
from gateway.new_call import CallSettings
from media.ultravox.agent_settings import (
    EndBehavior,
    FirstSpeaker,
    Greeting,
    InactivityMessage,
    VadSettings,
)
from store.records import Agent, CallDirection

NOW = datetime(2026, 1, 5, tzinfo=UTC)
AGENT = Agent(
    id="a",
    organization_id="o",
    name="Desk",
    voice_id="v",
    system_prompt="You serve {{first_name}}.",
    created_at=NOW,
    updated_at=NOW,
    max_duration_ms=900_000,
    join_timeout_ms=25_000,
    greeting_settings={"text": "Hello!", "uninterruptible": True},
)


def test_the_call_overrides_the_agent_and_the_agent_the_configuration() -> None:
    plain = replace(AGENT, max_duration_ms=None, join_timeout_ms=None)
    assert longest_call_s(plain, CallSettings(), 3600) == 3600
    assert longest_call_s(AGENT, CallSettings(), 3600) == 900
    assert longest_call_s(AGENT, CallSettings(max_duration_ms=60_000), 3600) == 60
    assert longest_ring_s(plain, CallSettings(), 45) == 45
    assert longest_ring_s(AGENT, CallSettings(), 45) == 25
    assert longest_ring_s(AGENT, CallSettings(join_timeout_ms=5_000), 45) == 5


def test_a_greeting_of_the_call_replaces_the_agents_words_and_keeps_the_rest() -> None:
    settings = engine_settings(AGENT, AgentParts(), greeting_text="Good evening!")
    assert settings.greeting is not None
    assert settings.greeting.text == "Good evening!"
    assert settings.greeting.uninterruptible


def test_an_agent_may_hang_up_unless_it_is_told_not_to() -> None:
    assert engine_settings(AGENT, AgentParts()).can_hang_up
    assert not engine_settings(replace(AGENT, built_in_config={"hang_up": False}), AgentParts()).can_hang_up


def test_the_stored_settings_reach_the_engine_with_their_units() -> None:
    settings = engine_settings(
        replace(
            AGENT,
            greeting_settings={"first_speaker": "FIRST_SPEAKER_USER", "text": "Hello?", "delay_ms": 2500},
            inactivity_messages=(
                {"duration_ms": 10_000, "message": "Still there?", "end_behavior": "END_BEHAVIOR_HANG_UP"},
            ),
            vad_settings={"turn_endpoint_delay_ms": 512, "frame_activation_threshold": 0.2},
        ),
        AgentParts(),
    )
    assert settings.greeting == Greeting(FirstSpeaker.USER, "Hello?", 2500)
    assert settings.inactivity_messages == (
        InactivityMessage(10_000, "Still there?", EndBehavior.HANG_UP_SOFT),
    )
    assert settings.vad == VadSettings(turn_endpoint_delay_ms=512, frame_activation_threshold=0.2)


def test_the_engine_waits_longer_than_the_phone_rings() -> None:
    request = engine_request(
        AGENT,
        AgentParts(),
        CallSettings(),
        call_id="c",
        direction="outbound",
        variables={"first_name": "Ada"},
        metadata={"campaign_id": "k", "attempt": 3, "ultravox.reserved": "x"},
        max_duration_s=900,
        ring_timeout_s=25,
    )
    assert request.join_timeout_ms == (25 + JOIN_MARGIN_S) * 1000
    assert request.metadata == {"campaign_id": "k", "call_id": "c", "direction": "outbound"}
    assert request.agent.max_duration_ms == 900_000


def test_machines_are_looked_for_when_the_agent_leaves_voicemail_or_the_call_asks_for_it() -> None:
    leaving = replace(AGENT, built_in_config={"leave_voicemail": True})
    outbound = CallDirection.OUTBOUND
    plain = conversation_options(AGENT, AgentParts(), CallSettings(), outbound)
    assert (plain.detect_answering_machine, plain.leave_voicemail) == (False, False)
    asked = conversation_options(AGENT, AgentParts(), CallSettings(detect_answering_machine=True), outbound)
    assert (asked.detect_answering_machine, asked.leave_voicemail) == (True, False)
    left = conversation_options(leaving, AgentParts(), CallSettings(voicemail_message="Bye."), outbound)
    assert (left.detect_answering_machine, left.leave_voicemail) == (True, True)
    assert left.voicemail_message == "Bye."
    refused = conversation_options(
        leaving, AgentParts(), CallSettings(detect_answering_machine=False), outbound
    )
    assert (refused.detect_answering_machine, refused.leave_voicemail) == (False, False)
    inbound = conversation_options(leaving, AgentParts(), CallSettings(), CallDirection.INBOUND)
    assert (inbound.detect_answering_machine, inbound.leave_voicemail) == (False, False)


def test_only_an_agent_that_speaks_first_owes_a_greeting() -> None:
    def speaks_first(greeting: dict[str, str] | None) -> bool:
        agent = replace(AGENT, greeting_settings=greeting)
        return conversation_options(
            agent, AgentParts(), CallSettings(), CallDirection.INBOUND
        ).agent_speaks_first

    assert speaks_first(None)
    assert speaks_first({"text": "Hello!"})
    assert not speaks_first({"first_speaker": "FIRST_SPEAKER_USER"})
