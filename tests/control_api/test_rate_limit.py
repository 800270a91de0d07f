from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_api.rate_limit import RateLimiter


def test_a_burst_passes_and_what_follows_is_refused_with_the_time_to_wait() -> None:
    limiter = RateLimiter(per_minute=60, burst=3)
    assert [limiter.take("key", 0.0).allowed for _ in range(4)] == [True, True, True, False]
    refused = limiter.take("key", 0.0)
    assert (refused.retry_after, refused.remaining, refused.limit) == (1, 0, 60)
    assert limiter.take("key", float(refused.retry_after)).allowed


def test_remaining_counts_down_and_reset_tells_when_it_is_full() -> None:
    limiter = RateLimiter(per_minute=60, burst=10)
    first = limiter.take("key", 0.0)
    second = limiter.take("key", 0.0)
    assert (first.remaining, second.remaining) == (9, 8)
    assert (first.reset_after, second.reset_after) == (1, 2)


def test_one_key_does_not_use_up_anothers_tokens() -> None:
    limiter = RateLimiter(per_minute=1, burst=1)
    assert limiter.take("one", 0.0).allowed
    assert limiter.take("two", 0.0).allowed
    assert not limiter.take("one", 0.0).allowed


def test_the_number_of_buckets_is_bounded_and_the_idle_one_goes_first() -> None:
    limiter = RateLimiter(per_minute=1, burst=1, max_buckets=2)
    limiter.take("idle", 0.0)
    limiter.take("busy", 0.0)
    limiter.take("busy", 0.0)
    limiter.take("new", 0.0)
    assert not limiter.take("busy", 0.0).allowed
    assert limiter.take("idle", 0.0).allowed


def test_a_limit_below_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        RateLimiter(per_minute=0)


@given(
    per_minute=st.integers(1, 6000),
    burst=st.integers(1, 200),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
)
def test_never_more_than_the_burst_and_the_rate_allow(per_minute: int, burst: int, gaps: list[float]) -> None:
    limiter = RateLimiter(per_minute, burst)
    now, passed = 0.0, 0
    for gap in gaps:
        now += gap
        passed += limiter.take("key", now).allowed
    assert passed <= min(burst, per_minute) + now * per_minute / 60 + 1e-6


@given(st.integers(1, 600), st.integers(1, 20), st.floats(0, 100))
def test_retry_after_is_long_enough(per_minute: int, burst: int, start: float) -> None:
    limiter = RateLimiter(per_minute, burst)
    decision = limiter.take("key", start)
    while decision.allowed:
        decision = limiter.take("key", start)
    assert limiter.take("key", start + decision.retry_after + 1e-6).allowed
