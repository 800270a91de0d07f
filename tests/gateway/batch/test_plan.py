from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from gateway.batch.plan import due_times
from gateway.batch.schedule import Schedule
from gateway.batch.settings import CampaignSettings

FRIDAY_NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEEKDAYS = frozenset({1, 2, 3, 4, 5})


def test_without_limits_all_are_due_when_the_window_opens() -> None:
    times = due_times(CampaignSettings(schedule=Schedule(start=13 * 60, end=14 * 60)), FRIDAY_NOON)
    assert set(islice(times, 1000)) == {FRIDAY_NOON + timedelta(hours=1)}


def test_the_pace_spreads_them_and_the_window_interrupts() -> None:
    paced = CampaignSettings(
        schedule=Schedule(working_days=WEEKDAYS, start=9 * 60, end=12 * 60 + 2), calls_per_minute=2
    )
    monday = datetime(2026, 11, 30, 9, tzinfo=UTC)
    half = timedelta(seconds=30)
    assert list(islice(due_times(paced, FRIDAY_NOON), 6)) == [
        FRIDAY_NOON,
        FRIDAY_NOON + half,
        FRIDAY_NOON + 2 * half,
        FRIDAY_NOON + 3 * half,
        monday,
        monday + half,
    ]


def test_the_daily_cap_puts_the_rest_off_to_the_next_days() -> None:
    capped = CampaignSettings(
        schedule=Schedule(working_days=WEEKDAYS, start=9 * 60, end=17 * 60, max_calls_per_day=3)
    )
    days = [due.day for due in islice(due_times(capped, FRIDAY_NOON, called_today=1), 6)]
    assert days == [27, 27, 30, 30, 30, 1]


def test_a_cap_that_was_reached_on_another_day_does_not_count() -> None:
    capped = CampaignSettings(schedule=Schedule(start=9 * 60, end=11 * 60, max_calls_per_day=3))
    days = [due.day for due in islice(due_times(capped, FRIDAY_NOON, called_today=3), 4)]
    assert days == [28, 28, 28, 29]


def test_nobody_is_due_after_the_end() -> None:
    ending = CampaignSettings(
        schedule=Schedule(end_at=FRIDAY_NOON + timedelta(minutes=1)), calls_per_minute=6
    )
    assert len(list(due_times(ending, FRIDAY_NOON))) == 6
    assert list(due_times(ending, FRIDAY_NOON + timedelta(minutes=1))) == []
