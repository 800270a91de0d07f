"""SIP statuses and engine words in the product's terms."""

import pytest

from gateway.failure_reasons import EndReason, FailureReason, end_of_engine_reason, failure_of_status


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (486, "busy"),
        (600, "busy"),
        (480, "no-answer"),
        (408, "no-answer"),
        (404, "invalid-number"),
        (484, "invalid-number"),
        (604, "invalid-number"),
        (603, "rejected"),
        (407, "trunk-auth-failed"),
        (403, "trunk-forbidden"),
        (488, "media-negotiation-failed"),
        (500, "trunk-unavailable"),
        (503, "trunk-unavailable"),
        (302, "trunk-unavailable"),
        (499, "rejected"),
    ],
)
def test_a_received_status_means_what_the_documents_say(status: int, reason: str) -> None:
    assert str(failure_of_status(status, from_peer=True)) == reason


def test_a_408_of_our_own_is_a_trunk_that_does_not_answer() -> None:
    assert failure_of_status(408, from_peer=False) is FailureReason.TRUNK_UNAVAILABLE


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("agent_hangup", EndReason.AGENT_HANGUP),
        ("timeout", EndReason.MAX_DURATION),
        (None, EndReason.AGENT_HANGUP),
    ],
)
def test_the_engines_words_are_ours(word: str | None, reason: EndReason) -> None:
    assert end_of_engine_reason(word) is reason
