"""Which sources are believed to be whose address they have, and which only ask."""

from __future__ import annotations

from gateway.defence.challenges import MOST_SOURCES, PROVED_S, UNANSWERED_A_STRIKE, Challenges


def test_every_so_many_unanswered_challenges_are_a_misdeed() -> None:
    challenges = Challenges()
    due = [challenges.given("192.0.2.1", 0.0) for _ in range(2 * UNANSWERED_A_STRIKE)]
    assert due == ([False] * (UNANSWERED_A_STRIKE - 1) + [True]) * 2


def test_a_right_answer_vouches_for_its_source_for_a_time() -> None:
    challenges = Challenges()
    challenges.answered("2001:db8::1", 0.0)
    assert challenges.proved("2001:db8::2", PROVED_S - 1), "the same /64"
    assert not challenges.proved("2001:db8:0:1::1", 1.0)
    assert not any(challenges.given("2001:db8::1", 1.0) for _ in range(2 * UNANSWERED_A_STRIKE))
    assert not challenges.proved("2001:db8::1", PROVED_S)


def test_what_is_kept_is_bounded() -> None:
    challenges = Challenges()
    for number in range(MOST_SOURCES + 10):
        challenges.given(f"host{number}", 0.0)
        challenges.answered(f"host{number}", 0.0)
    assert len(challenges._proved) == MOST_SOURCES
    assert len(challenges._unanswered) <= MOST_SOURCES
