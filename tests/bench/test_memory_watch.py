"""The course of memory: flat, growing, and settled after a start."""

import pytest

from bench.memory_watch import MIN_SAMPLES, memory_course


def samples(minutes: int, megabytes: float, per_hour: float) -> list[tuple[float, float]]:
    return [(1000 + second, megabytes + second * per_hour / 3600) for second in range(0, minutes * 60, 5)]


def test_what_stays_has_no_slope() -> None:
    course = memory_course(samples(60, 200.0, 0.0))
    assert course is not None
    assert course.slope_mb_per_hour == pytest.approx(0, abs=0.001)
    assert (course.first_mb, course.last_mb, course.minutes) == (200.0, 200.0, 59.9)


def test_what_grows_is_found() -> None:
    course = memory_course(samples(30, 200.0, 12.0))
    assert course is not None
    assert course.slope_mb_per_hour == pytest.approx(12.0, abs=0.01)


def test_what_is_filled_at_the_start_does_not_count() -> None:
    filling = [(float(second), min(200.0, 100.0 + second)) for second in range(0, 1200, 5)]
    course = memory_course(filling)
    assert course is not None
    assert course.slope_mb_per_hour == pytest.approx(0, abs=0.001)
    assert course.highest_mb == 200.0


def test_a_few_samples_say_nothing() -> None:
    assert memory_course(samples(1, 200.0, 12.0)[: MIN_SAMPLES - 1]) is None
