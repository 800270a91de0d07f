"""Reading an agent's settings in the spellings of the product's API."""

from __future__ import annotations

from typing import Any

import pytest

from media.ultravox.agent_settings import (
    AgentSettingsError,
    EndBehavior,
    FirstSpeaker,
    Greeting,
    InactivityMessage,
    VadSettings,
)


@pytest.mark.parametrize("delay", [0.3, "0.3s"])
def test_greeting_delay_is_a_number_of_seconds_or_a_duration(delay: Any) -> None:
    greeting = Greeting.from_plain(
        {"first_speaker": "FIRST_SPEAKER_AGENT", "text": "Hello", "delay": delay, "uninterruptible": True}
    )
    assert greeting == Greeting(FirstSpeaker.AGENT, "Hello", 300, True)


def test_empty_greeting_is_the_agent_speaking_first() -> None:
    assert Greeting.from_plain({}) == Greeting(FirstSpeaker.AGENT, None, None, False)


@pytest.mark.parametrize("key", ["endBehavior", "end_behavior"])
@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("END_BEHAVIOR_HANG_UP", EndBehavior.HANG_UP_SOFT),
        ("END_BEHAVIOR_HANG_UP_SOFT", EndBehavior.HANG_UP_SOFT),
        ("END_BEHAVIOR_HANG_UP_STRICT", EndBehavior.HANG_UP_STRICT),
        ("END_BEHAVIOR_UNSPECIFIED", EndBehavior.UNSPECIFIED),
    ],
)
def test_end_behaviour_has_two_keys_and_four_words(key: str, word: str, meaning: EndBehavior) -> None:
    entry = InactivityMessage.from_plain({"duration": "10s", "message": "Still there?", key: word})
    assert entry == InactivityMessage(10_000, "Still there?", meaning)


def test_inactivity_message_without_end_behaviour_keeps_listening() -> None:
    entry = InactivityMessage.from_plain({"duration": 10, "message": "Still there?"})
    assert entry == InactivityMessage(10_000, "Still there?", EndBehavior.UNSPECIFIED)


def test_vad_settings_are_durations_and_a_threshold() -> None:
    vad = VadSettings.from_plain(
        {
            "turn_endpoint_delay": "0.384s",
            "minimum_turn_duration": 0,
            "minimum_interruption_duration": 0.09,
            "frame_activation_threshold": 1,
        }
    )
    assert vad == VadSettings(384, 0, 90, 1.0)
    assert VadSettings.from_plain({}) == VadSettings()


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"first_speaker": "FIRST_SPEAKER_NOBODY"}, "greeting_settings.first_speaker"),
        ({"text": 5}, "greeting_settings.text"),
        ({"delay": "soon"}, "greeting_settings.delay"),
        ({"delay": -1}, "greeting_settings.delay"),
        ({"delay": True}, "greeting_settings.delay"),
        ({"delay": float("nan")}, "greeting_settings.delay"),
        ({"uninterruptible": "yes"}, "greeting_settings.uninterruptible"),
    ],
)
def test_wrong_greeting_names_its_field(value: dict[str, Any], field: str) -> None:
    with pytest.raises(AgentSettingsError) as caught:
        Greeting.from_plain(value)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"message": "x"}, "duration"),
        ({"duration": "10m", "message": "x"}, "duration"),
        ({"duration": "10s"}, "message"),
        ({"duration": "10s", "message": "x", "endBehavior": "END"}, "endBehavior"),
    ],
)
def test_wrong_inactivity_message_names_its_field(value: dict[str, Any], field: str) -> None:
    with pytest.raises(AgentSettingsError) as caught:
        InactivityMessage.from_plain(value, "inactivity_messages[1]")
    assert caught.value.field == f"inactivity_messages[1].{field}"


@pytest.mark.parametrize("threshold", [0.05, 1.1, "0.5", True])
def test_threshold_outside_the_engines_range_is_refused(threshold: Any) -> None:
    with pytest.raises(AgentSettingsError, match=r"0\.1 to 1"):
        VadSettings.from_plain({"frame_activation_threshold": threshold})
