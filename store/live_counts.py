"""What a live view counts: calls that are not over, and what has begun and failed lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from store.call_counts import UNFINISHED
from store.calls import call_record
from store.columns import to_microseconds
from store.connection import Database
from store.records import CallRecord, CallStatus
from store.tables import calls


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """Of one organisation: the newest calls that are not over and how many there are, how many calls have
    begun, and how many have failed by reason.
    """

    unfinished: tuple[CallRecord, ...]
    unfinished_count: int
    begun: int
    failures: dict[str, int]


class LiveCountRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(
        self, organization_id: str, limit: int, *, begun_since: datetime, failed_since: datetime
    ) -> LiveCounts:
        """`limit`: how many unfinished calls are given, newest first."""
        own = calls.c.organization_id == organization_id
        newest = (
            sa.select(calls)
            .where(own, UNFINISHED)
            .order_by(calls.c.created_at.desc(), calls.c.id.desc())
            .limit(limit)
        )
        how_many = sa.select(sa.func.count()).select_from(calls)
        reasons = (
            sa.select(calls.c.failure_reason, sa.func.count())
            .where(
                own,
                calls.c.status == CallStatus.FAILED.value,
                calls.c.created_at >= to_microseconds(failed_since),
            )
            .group_by(calls.c.failure_reason)
        )
        begun = how_many.where(own, calls.c.created_at >= to_microseconds(begun_since))
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest)).all()
            return LiveCounts(
                tuple(call_record(row) for row in rows),
                (await connection.execute(how_many.where(own, UNFINISHED))).scalar_one(),
                (await connection.execute(begun)).scalar_one(),
                {reason or "unknown": count for reason, count in (await connection.execute(reasons)).all()},
            )
