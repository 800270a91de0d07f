from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batch.schedule import Schedule, first_moment, known_timezone
from gateway.errors import InvalidRequestError

# Gaps and overlaps by night, by day and at midnight, by half an hour, and a day that does not exist.
ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Santiago",
    "Antarctica/Troll",
)

schedules = st.builds(
    lambda zone, days, edge: Schedule(zone, days, min(edge), max(edge) + 1),
    st.sampled_from(ZONES),
    st.frozensets(st.integers(1, 7), min_size=1),
    st.tuples(st.integers(0, 1439), st.integers(0, 1439)),
)
moments = st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
# Half of the moments lie where the clocks of some zone change.
changes = st.sampled_from(
    [
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 4, 4, 15, tzinfo=UTC),
        datetime(2018, 11, 4, 3, tzinfo=UTC),
        datetime(2018, 2, 18, 2, tzinfo=UTC),
        datetime(2011, 12, 30, 10, tzinfo=UTC),
        datetime(2026, 4, 23, 22, tzinfo=UTC),
    ]
)
near_changes = st.builds(
    lambda at, seconds: at + timedelta(seconds=seconds), changes, st.integers(-90_000, 90_000)
)


def berlin(text: str, fold: int = 0) -> datetime:
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"), fold=fold)
    return wall.astimezone(UTC)


def wall_clock_allows(schedule: Schedule, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(schedule.timezone))
    minute = local.hour * 60 + local.minute
    return local.isoweekday() in schedule.working_days and schedule.start <= minute < schedule.end


@settings(max_examples=400, deadline=None)
@given(schedules, moments | near_changes)
def test_the_next_opening_is_inside_the_window_and_nothing_before_it_is(
    schedule: Schedule, moment: datetime
) -> None:
    found = schedule.next_open(moment)
    if found is None:  # a window that lies in an hour which every such day leaves out
        assert not any(
            wall_clock_allows(schedule, moment + timedelta(minutes=minute)) for minute in range(8 * 1440)
        )
        return
    assert found >= moment
    assert wall_clock_allows(schedule, found)
    assert schedule.is_open(found)
    if found > moment:
        assert not wall_clock_allows(schedule, moment)
        assert not wall_clock_allows(schedule, found - timedelta(microseconds=1))
    steps = (found - moment) // timedelta(minutes=7)
    for step in range(steps):
        assert not wall_clock_allows(schedule, moment + step * timedelta(minutes=7))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), moments | near_changes)
def test_a_calendar_day_begins_with_its_first_moment(zone: str, moment: datetime) -> None:
    schedule = Schedule(zone)
    where = ZoneInfo(zone)
    begin = schedule.day_begin(moment)
    day = moment.astimezone(where).date()
    assert begin <= moment < schedule.next_day(moment)
    assert begin.astimezone(where).date() == day
    assert (begin - timedelta(microseconds=1)).astimezone(where).date() < day


def test_an_hour_that_is_left_out_is_not_called_in() -> None:
    schedule = Schedule("Europe/Berlin", start=2 * 60, end=3 * 60)
    night = berlin("2026-03-28T22:00")
    assert schedule.next_open(night) == berlin("2026-03-30T02:00")
    longer = Schedule("Europe/Berlin", start=2 * 60 + 30, end=5 * 60)
    assert longer.next_open(night) == berlin("2026-03-29T03:00")


def test_a_weekly_hour_that_is_left_out_once_comes_again_a_week_later() -> None:
    sundays = Schedule("America/New_York", frozenset({7}), 120, 180)
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert sundays.next_open(monday) == datetime(2026, 3, 15, 6, tzinfo=UTC)


def test_of_an_hour_that_comes_twice_both_are_inside() -> None:
    schedule = Schedule("Europe/Berlin", start=2 * 60, end=2 * 60 + 30)
    first, second = berlin("2026-10-25T02:00"), berlin("2026-10-25T02:00", fold=1)
    assert second - first == timedelta(hours=1)
    assert schedule.next_open(berlin("2026-10-24T12:00")) == first
    assert schedule.is_open(first + timedelta(minutes=29))
    assert not schedule.is_open(first + timedelta(minutes=30))
    assert schedule.next_open(first + timedelta(minutes=30)) == second
    assert schedule.next_open(second + timedelta(minutes=30)) == berlin("2026-10-26T02:00")


def test_the_window_ends_before_its_end() -> None:
    schedule = Schedule("Europe/Berlin", frozenset({1, 2, 3, 4, 5}), 9 * 60, 17 * 60)
    assert not schedule.is_open(berlin("2026-11-27T08:59:59"))
    assert schedule.is_open(berlin("2026-11-27T09:00"))
    assert schedule.is_open(berlin("2026-11-27T16:59:59"))
    assert not schedule.is_open(berlin("2026-11-27T17:00"))
    assert schedule.next_open(berlin("2026-11-27T17:00")) == berlin("2026-11-30T09:00")


def test_nothing_happens_before_the_start_or_after_the_end() -> None:
    start, end = berlin("2026-11-25T12:00"), berlin("2026-11-27T10:00")
    schedule = Schedule("Europe/Berlin", start=9 * 60, end=17 * 60, start_at=start, end_at=end)
    assert schedule.next_open(berlin("2026-11-01T10:00")) == start
    assert not schedule.is_open(start - timedelta(seconds=1))
    assert schedule.is_open(end - timedelta(seconds=1))
    assert not schedule.is_open(end)
    assert schedule.over(end)
    assert schedule.next_open(end) is None
    late = Schedule("Europe/Berlin", start=12 * 60, end=17 * 60, end_at=end)
    assert late.next_open(berlin("2026-11-26T17:00")) is None


def test_a_day_may_begin_an_hour_late() -> None:
    assert first_moment(date(2018, 11, 4), "America/Sao_Paulo") == datetime(2018, 11, 4, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "europe/berlin", "a\0"]
)
def test_only_zones_of_the_database_are_known(name: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        known_timezone(name)
    assert caught.value.details["field"] == "schedule.timezone"
    assert known_timezone("Europe/Berlin") == "Europe/Berlin"
