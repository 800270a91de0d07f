from collections.abc import Iterable

from media.delay_variation import DelayVariation

RATE = 8000
FRAME = 160
MS = RATE // 1000


def feed(variation: DelayVariation, delays_ms: Iterable[float], *, first: int = 0) -> int:
    """Packets of 20 ms, each so late; returns the number of the next."""
    number = first
    for number, delay in enumerate(delays_ms, first):
        variation.observe(delay * MS, number * FRAME, FRAME)
    return number + 1


def test_ordinary_jitter_asks_for_no_delay() -> None:
    variation = DelayVariation(RATE, 200)
    feed(variation, [0, 4, 8, 2, 9, 5] * 100)
    assert variation.target == 0


def test_delay_that_many_packets_have_is_asked_for_within_a_second() -> None:
    variation = DelayVariation(RATE, 200)
    number = feed(variation, [0] * 100)
    feed(variation, [0, 60] * 25, first=number)
    assert 60 * MS <= variation.target <= 65 * MS


def test_a_single_late_packet_is_no_reason_to_delay_all() -> None:
    variation = DelayVariation(RATE, 200)
    feed(variation, [0] * 500 + [120] + [0] * 10)
    assert variation.target == 0


def test_what_happened_once_is_forgotten() -> None:
    variation = DelayVariation(RATE, 200)
    number = feed(variation, [0, 80] * 100)
    assert variation.target >= 80 * MS
    feed(variation, [0] * 50 * 90, first=number)
    assert variation.target == 0


def test_the_target_is_bounded_and_a_longer_delay_is_a_new_measure() -> None:
    variation = DelayVariation(RATE, 200)
    number = feed(variation, [0, 199] * 100)
    assert variation.target == 200 * MS
    assert variation.delay(150 * MS) == 150 * MS
    feed(variation, [900], first=number)
    assert variation.delay(910 * MS) == 10 * MS


def test_a_slower_route_becomes_the_measure_within_seconds() -> None:
    variation = DelayVariation(RATE, 200)
    number = feed(variation, [0] * 100)
    feed(variation, [90] * 150, first=number)
    assert variation.delay(95 * MS) == 5 * MS


def test_what_was_not_called_upon_is_told_once() -> None:
    variation = DelayVariation(RATE, 200)
    number = feed(variation, [0, 100] * 100)
    variation.take_reserve()
    feed(variation, [0, 40], first=number)
    assert variation.take_reserve() == variation.target - 40 * MS
    assert variation.take_reserve() == variation.target


def test_another_stream_is_measured_anew_with_what_was_learnt() -> None:
    variation = DelayVariation(RATE, 200)
    feed(variation, [0, 100] * 100)
    target = variation.target
    variation.restart()
    variation.observe(5_000_000.0, 77, FRAME)
    assert variation.delay(5_000_000.0) == 0
    assert variation.target == target
