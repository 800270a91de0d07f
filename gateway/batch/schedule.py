"""When a campaign may call: working days and a window of wall-clock time in a zone, between two moments.

Whether a moment lies in the window is asked of the moment itself, by the wall clock of its zone. So nothing
is ever called outside the window, whatever daylight saving does: of an hour that comes twice both are inside,
of an hour that is left out nothing is. Only `next_open` has to know of such days, to find where a window
begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from gateway.errors import InvalidRequestError

MINUTES_OF_DAY = 24 * 60
ALL_DAYS = frozenset(range(1, 8))
# One working day a week, whose window daylight saving may leave out once, and a day more on either side for
# the zone.
SEARCH_DAYS = 16
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`start` and `end` are minutes of the day; `end` is exclusive and may be 1440. Days: 1 is Monday."""

    timezone: str = "UTC"
    working_days: frozenset[int] = ALL_DAYS
    start: int = 0
    end: int = MINUTES_OF_DAY
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_calls_per_day: int | None = None

    def is_open(self, moment: datetime) -> bool:
        """Whether a call may begin at `moment` (aware)."""
        if self.start_at is not None and moment < self.start_at:
            return False
        if self.over(moment):
            return False
        return self._in_window(moment)

    def over(self, moment: datetime) -> bool:
        """Whether nothing may be called any more."""
        return self.end_at is not None and moment >= self.end_at

    def next_open(self, moment: datetime) -> datetime | None:
        """The first moment from `moment` on at which a call may begin; `None` when there is none."""
        moment = moment.astimezone(UTC)
        if self.start_at is not None:
            moment = max(moment, self.start_at.astimezone(UTC))
        if self.is_open(moment):
            return moment
        day = _local_day(moment, self.timezone) - _DAY
        for _ in range(SEARCH_DAYS + 1):
            if day.isoweekday() in self.working_days:
                opens = [edge for edge in self._edges(day) if edge > moment and self._in_window(edge)]
                if opens:
                    found = min(opens)
                    return None if self.over(found) else found
            if day >= _LAST_DAY:
                break
            day += _DAY
        return None

    def day_begin(self, moment: datetime) -> datetime:
        """When the calendar day of `moment` began in the zone: what a daily cap counts from."""
        day = _local_day(moment, self.timezone)
        return first_moment(day, self.timezone)

    def next_day(self, moment: datetime) -> datetime:
        """When the calendar day after that of `moment` begins."""
        return first_moment(_local_day(moment, self.timezone) + _DAY, self.timezone)

    def _in_window(self, moment: datetime) -> bool:
        local = moment.astimezone(_zone(self.timezone))
        if local.isoweekday() not in self.working_days:
            return False
        return self.start <= local.hour * 60 + local.minute < self.end

    def _edges(self, day: date) -> Iterator[datetime]:
        """Moments of a day at which the window may begin: its first minute by the wall clock, the first
        moment of the day, and where the clock is put forward or back.
        """
        hour, minute = divmod(self.start, 60)
        if hour < 24:
            for fold in (0, 1):
                wall = datetime.combine(day, time(hour, minute, fold=fold), _zone(self.timezone))
                yield wall.astimezone(UTC)
        begin = first_moment(day, self.timezone)
        yield begin
        yield from clock_changes(begin, first_moment(day + _DAY, self.timezone), self.timezone)


_LAST_DAY = date(9990, 1, 1)


def known_timezone(name: str) -> str:
    """`name` if it is an IANA time zone. Raises `InvalidRequestError`."""
    try:
        if name in _zone_names():
            return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise InvalidRequestError(
        "is not a time zone of the IANA database, such as America/New_York", field="schedule.timezone"
    )


def first_moment(day: date, zone: str) -> datetime:
    """When a calendar day begins; not always at midnight, which daylight saving may leave out."""
    wall = datetime.combine(day, time(0), _zone(zone)).astimezone(UTC)
    if _local_day(wall, zone) == day and _local_day(wall - timedelta(microseconds=1), zone) < day:
        return wall
    changes = clock_changes(wall - timedelta(hours=26), wall + timedelta(hours=26), zone)
    begins = [at for at in changes if _local_day(at, zone) == day]
    return min(begins, default=wall)


@lru_cache(maxsize=4096)
def clock_changes(begin: datetime, end: datetime, zone: str) -> tuple[datetime, ...]:
    """The moments between two others at which the offset of a zone changes, to the second."""
    where = _zone(zone)
    found: list[datetime] = []
    step = timedelta(hours=1)
    low = begin
    while low < end:
        high = min(low + step, end)
        if low.astimezone(where).utcoffset() != high.astimezone(where).utcoffset():
            found.append(_change_between(low, high, where))
        low = high
    return tuple(found)


def _change_between(low: datetime, high: datetime, where: ZoneInfo) -> datetime:
    """The first second of (low, high] that has the offset of `high`."""
    seconds = int((high - low).total_seconds())
    after = high.astimezone(where).utcoffset()
    least, most = 0, seconds
    while most - least > 1:
        middle = (least + most) // 2
        if (low + timedelta(seconds=middle)).astimezone(where).utcoffset() == after:
            most = middle
        else:
            least = middle
    return (low + timedelta(seconds=most)).replace(microsecond=0)


def _local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(_zone(zone)).date()


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())
