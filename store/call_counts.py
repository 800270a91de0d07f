"""How many calls a filter finds, without counting them all again each time.

What lies before the oldest unfinished call, and some minutes back, does not change any more: a call is never
removed, and of one that is over nothing that a filter looks at changes but its outcome, by which nothing is
remembered. Such a count is kept with the time up to which it counts, and only what came later is counted
anew, so that a list of a million calls answers as quickly as one of a hundred.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import to_microseconds
from store.records import CallFilter
from store.tables import UNFINISHED_STATUSES, calls

KEPT = 1_024  # counts remembered; the one not asked for longest goes first
SETTLED_AFTER = timedelta(minutes=5)  # how late a call may still be written by another process

# Written like the partial index, which a bound parameter would not match.
UNFINISHED = calls.c.status.in_([sa.literal_column(f"'{status}'") for status in UNFINISHED_STATUSES])


class CallCounts:
    """Counts of one database, by organisation and filter."""

    def __init__(self) -> None:
        self._settled: OrderedDict[tuple[str, CallFilter], tuple[int, int]] = OrderedDict()

    async def count(
        self,
        connection: AsyncConnection,
        organization_id: str,
        wanted: CallFilter,
        conditions: Sequence[sa.ColumnElement[bool]],
        now: datetime | None = None,
    ) -> int:
        """How many calls fulfil `conditions`, which are those of `organization_id` and `wanted`."""
        if wanted.outcome is not None:
            whole = sa.select(sa.func.count()).select_from(calls).where(*conditions)
            return int((await connection.execute(whole)).scalar_one())
        key = (organization_id, wanted)
        since, before = self._settled.get(key, (0, 0))
        first = sa.select(sa.func.min(calls.c.created_at)).where(UNFINISHED)
        oldest = (await connection.execute(first)).scalar()
        settled_at = to_microseconds((now or datetime.now(UTC)) - SETTLED_AFTER)
        until = max(since, settled_at if oldest is None else min(settled_at, oldest))
        query = (
            sa.select(sa.func.count(), sa.func.count().filter(calls.c.created_at < until))
            .select_from(calls)
            .where(*conditions, calls.c.created_at >= since)
        )
        row = (await connection.execute(query)).one()
        self._keep(key, until, before + row[1])
        return before + int(row[0])

    def _keep(self, key: tuple[str, CallFilter], until: int, count: int) -> None:
        self._settled[key] = (until, count)
        self._settled.move_to_end(key)
        if len(self._settled) > KEPT:
            self._settled.popitem(last=False)
