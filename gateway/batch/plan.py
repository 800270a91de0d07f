"""When each contact of a campaign is due, if all goes well: its pace and daily cap laid along its schedule.

The limits are held when calls are made (`gateway.batch.allowance`), not here; this is what makes the first
ones come first, and what people are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from gateway.batch.settings import CampaignSettings


def due_times(settings: CampaignSettings, now: datetime, called_today: int = 0) -> Iterator[datetime]:
    """One time after the other, for ever or until the schedule ends."""
    schedule = settings.schedule
    cap = schedule.max_calls_per_day
    spacing = timedelta(minutes=1) / settings.calls_per_minute if settings.calls_per_minute else timedelta()
    due = schedule.next_open(now)
    if due is None:
        return
    today = called_today if due < schedule.next_day(now) else 0
    day_end = schedule.next_day(due)
    while True:
        if cap is not None and today >= cap:
            due = schedule.next_open(day_end)
        elif not schedule.is_open(due):
            due = schedule.next_open(due)
        if due is None:
            return
        if due >= day_end:
            today, day_end = 0, schedule.next_day(due)
        yield due
        today += 1
        due += spacing
