"""How many calls a campaign may make at this moment, and when it is worth asking again.

Exact, not on average: calls at once, calls in any sixty seconds, calls in a calendar day of the campaign's
zone. Calls are spaced evenly; what was not called in time is made up for by at most a second's worth at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.batch.settings import CampaignSettings, Rotation
from store.batch_records import Usage

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Allowance:
    """`again` is when more may be allowed if nothing else changes; `None`: only when a call ends."""

    calls: int
    again: datetime | None = None


def allowance(
    settings: CampaignSettings, *, dialing: int, free_places: int, usage: Usage, now: datetime
) -> Allowance:
    """`dialing` calls are not settled yet; `free_places` is what the gateway can take."""
    schedule = settings.schedule
    if not schedule.is_open(now):
        return Allowance(0, schedule.next_open(now))
    calls = max(0, min(settings.max_concurrent_calls - dialing, free_places))
    if schedule.max_calls_per_day is not None:
        left = schedule.max_calls_per_day - usage.today
        if left <= 0:
            return Allowance(0, schedule.next_open(schedule.next_day(now)))
        calls = min(calls, left)
    if settings.calls_per_minute is None:
        return Allowance(calls)
    paced, again = _paced(settings.calls_per_minute, usage.recent, now)
    return Allowance(min(calls, paced), again)


def _paced(per_minute: int, recent: Sequence[datetime], now: datetime) -> tuple[int, datetime]:
    """What the pace allows, and when it allows more."""
    spacing = MINUTE / per_minute
    within = [at for at in recent if at > now - MINUTE]
    if not within:
        return 1, now + spacing
    left = per_minute - len(within)
    if left <= 0:
        return 0, within[0] + MINUTE
    slots = (now - within[-1]) // spacing
    at_once = max(1, SECOND // spacing)
    allowed = max(0, min(left, slots, at_once))
    return allowed, (within[-1] if not allowed else now) + spacing


def choose_number(
    numbers: Sequence[str],
    busy: Mapping[str, int],
    limit: int | None,
    rotation: Rotation,
    *,
    turn: int,
    chance: float,
) -> str | None:
    """The number that the next call is made from; `None` when each carries as many calls as it may.

    `turn` counts the campaign's attempts so far, `chance` is a random number in [0, 1).
    """
    count = len(numbers)
    if rotation is Rotation.ROUND_ROBIN and count:
        numbers = [*numbers[turn % count :], *numbers[: turn % count]]
    free = [number for number in numbers if limit is None or busy.get(number, 0) < limit]
    if not free:
        return None
    if rotation is Rotation.RANDOM:
        return free[min(int(chance * len(free)), len(free) - 1)]
    return free[0]
