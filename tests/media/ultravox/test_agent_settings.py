"""The words of the product's agents in those of the engine."""

import pytest

from media.ultravox.agent_settings import AgentSettingsError, EndBehavior


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        (None, EndBehavior.UNSPECIFIED),
        ("END_BEHAVIOR_HANG_UP", EndBehavior.HANG_UP_SOFT),
        ("END_BEHAVIOR_UNSPECIFIED", EndBehavior.UNSPECIFIED),
        ("END_BEHAVIOR_HANG_UP_SOFT", EndBehavior.HANG_UP_SOFT),
        ("END_BEHAVIOR_HANG_UP_STRICT", EndBehavior.HANG_UP_STRICT),
    ],
)
def test_the_products_word_for_hanging_up_means_the_engines_soft_one(
    word: str | None, meaning: EndBehavior
) -> None:
    assert EndBehavior.from_plain(word, "inactivity_messages") is meaning


@pytest.mark.parametrize("word", ["END_BEHAVIOR_SULK", "", 7])
def test_another_word_is_refused_with_the_field_and_the_choice(word: object) -> None:
    with pytest.raises(AgentSettingsError) as caught:
        EndBehavior.from_plain(word, "inactivity_messages")
    assert caught.value.field == "inactivity_messages"
    assert "END_BEHAVIOR_HANG_UP_STRICT" in caught.value.message
