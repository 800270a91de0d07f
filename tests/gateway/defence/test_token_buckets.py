from __future__ import annotations

from gateway.defence.token_buckets import TokenBuckets


def test_so_many_a_second_and_no_more() -> None:
    buckets = TokenBuckets(5)
    assert [buckets.take("a", 0.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert buckets.take("b", 0.0), "everybody has his own"
    assert not buckets.take("a", 0.1)
    assert buckets.take("a", 0.31)
    assert sum(buckets.take("a", 10.0) for _ in range(20)) == 5, "what is not used does not add up for ever"


def test_a_rate_below_one_lets_one_through_now_and_then() -> None:
    buckets = TokenBuckets(0.5)
    assert [buckets.take("a", at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, False, True, False]


def test_no_rate_is_no_limit() -> None:
    buckets = TokenBuckets(0)
    assert all(buckets.take("a", 0.0) for _ in range(1000))
    assert len(buckets) == 0


def test_the_number_of_buckets_is_bounded() -> None:
    buckets = TokenBuckets(1, most_keys=3)
    for key in "abcdef":
        buckets.take(key, 0.0)
    assert len(buckets) == 3
