from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batch.allowance import allowance, choose_number
from gateway.batch.schedule import Schedule
from gateway.batch.settings import CampaignSettings, Rotation
from store.batch_records import Usage

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NOTHING = Usage(0, 0, ())
ANY = CampaignSettings(max_concurrent_calls=10)


def calls(chosen: CampaignSettings, dialing: int = 0, free: int = 1000, usage: Usage = NOTHING) -> int:
    return allowance(chosen, dialing=dialing, free_places=free, usage=usage, now=NOW).calls


def test_calls_at_once_are_limited_by_the_campaign_and_by_the_gateway() -> None:
    assert calls(ANY) == 10
    assert calls(ANY, dialing=7) == 3
    assert calls(ANY, dialing=12) == 0
    assert calls(ANY, free=2) == 2


def test_outside_the_window_nothing_is_allowed_until_it_opens() -> None:
    closed = replace(ANY, schedule=Schedule(start=13 * 60, end=14 * 60))
    allowed = allowance(closed, dialing=0, free_places=9, usage=NOTHING, now=NOW)
    assert (allowed.calls, allowed.again) == (0, NOW + timedelta(hours=1))


def test_the_daily_cap_ends_the_day() -> None:
    capped = replace(ANY, schedule=Schedule(max_calls_per_day=100))
    assert calls(capped, usage=Usage(500, 97, ())) == 3
    allowed = allowance(capped, dialing=0, free_places=9, usage=Usage(500, 100, ()), now=NOW)
    assert (allowed.calls, allowed.again) == (0, NOW + timedelta(hours=12))


def test_calls_are_spaced_evenly() -> None:
    paced = replace(ANY, calls_per_minute=60)
    assert calls(paced) == 1
    assert calls(paced, usage=Usage(1, 1, (NOW - timedelta(seconds=0.9),))) == 0
    assert calls(paced, usage=Usage(1, 1, (NOW - timedelta(seconds=1),))) == 1
    assert calls(paced, usage=Usage(1, 1, (NOW - timedelta(seconds=30),))) == 1
    again = allowance(
        paced, dialing=0, free_places=9, usage=Usage(1, 1, (NOW - timedelta(seconds=0.25),)), now=NOW
    ).again
    assert again == NOW + timedelta(seconds=0.75)


@settings(max_examples=150, deadline=None)
@given(
    per_minute=st.integers(1, 3000),
    at_once=st.integers(1, 50),
    steps=st.lists(st.tuples(st.floats(0.01, 30), st.integers(0, 50)), min_size=1, max_size=60),
)
def test_no_minute_ever_holds_more_than_the_pace(
    per_minute: int, at_once: int, steps: list[tuple[float, int]]
) -> None:
    paced = CampaignSettings(max_concurrent_calls=at_once, calls_per_minute=per_minute)
    now = NOW
    made: list[datetime] = []
    for seconds, busy in steps:
        now += timedelta(seconds=seconds)
        recent = tuple(at for at in made if at > now - timedelta(minutes=1))
        allowed = allowance(
            paced, dialing=min(busy, at_once), free_places=1000, usage=Usage(0, 0, recent), now=now
        )
        made += [now] * allowed.calls
        assert sum(at > now - timedelta(minutes=1) for at in made) <= per_minute
        assert allowed.calls + min(busy, at_once) <= at_once


def choose(rotation: Rotation, turn: int = 0, chance: float = 0.0, **busy: int) -> str | None:
    return choose_number(["a", "b", "c"], busy, 2, rotation, turn=turn, chance=chance)


def test_numbers_take_turns_or_come_in_order_or_by_chance() -> None:
    assert [choose(Rotation.ROUND_ROBIN, turn) for turn in range(4)] == ["a", "b", "c", "a"]
    assert [choose(Rotation.SEQUENTIAL, turn) for turn in range(3)] == ["a", "a", "a"]
    assert [choose(Rotation.RANDOM, chance=chance) for chance in (0.0, 0.4, 0.99)] == ["a", "b", "c"]


def test_a_number_that_carries_all_it_may_is_passed_over() -> None:
    assert choose(Rotation.SEQUENTIAL, a=2) == "b"
    assert choose(Rotation.ROUND_ROBIN, 1, b=2) == "c"
    assert choose(Rotation.RANDOM, chance=0.0, a=2, b=1) == "b"
    assert choose(Rotation.RANDOM, a=2, b=2, c=2) is None
    assert choose_number(["a"], {"a": 99}, None, Rotation.SEQUENTIAL, turn=0, chance=0) == "a"
    assert choose_number([], {}, None, Rotation.ROUND_ROBIN, turn=3, chance=0) is None
