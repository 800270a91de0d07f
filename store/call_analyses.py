"""Analyses that are due: who works on them, and what came of them.

A row is written in the transaction in which its call ends, and removed in the one that writes down the result
and the events that tell of it, so that a crash at any moment leaves either the work to be done or all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.analysis_records import DueAnalysis
from store.calls import call_record
from store.columns import from_json_or_none, from_microseconds, to_json_or_none, to_microseconds
from store.connection import Database
from store.outbox import Outbox
from store.records import CallRecord
from store.tables import call_analyses, calls
from store.webhook_records import OutboxEvent


class CallAnalysisRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = Outbox(database)

    async def claim(
        self,
        limit: int,
        now: datetime,
        until: datetime,
        claimed_by: str,
        *,
        late: bool,
        fresh_since: datetime | None,
    ) -> list[DueAnalysis]:
        """Take up to so many that are due, the oldest first, until the lease ends: those for which there is
        time left to try, or (`late`) those for which there is none. There is while the deadline has not come,
        and once for what is older than `fresh_since`; with None there never is.
        """
        overdue: sa.ColumnElement[bool] = sa.true()
        if fresh_since is not None:
            fresh = call_analyses.c.created_at >= to_microseconds(fresh_since)
            tried = call_analyses.c.attempts > 0
            passed = call_analyses.c.deadline_at <= to_microseconds(now)
            overdue = sa.and_(passed, sa.or_(fresh, tried))
        query = (
            sa.select(call_analyses)
            .where(
                call_analyses.c.next_attempt_at <= to_microseconds(now), overdue if late else sa.not_(overdue)
            )
            .order_by(call_analyses.c.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)  # PostgreSQL; SQLite has one writer
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
            if rows:
                await connection.execute(
                    call_analyses.update()
                    .where(call_analyses.c.call_id.in_([row.call_id for row in rows]))
                    .values(claimed_by=claimed_by, next_attempt_at=to_microseconds(until))
                )
        return [_due(row, claimed_by) for row in rows]

    async def any_due(self, now: datetime) -> bool:
        """Whether `claim` would find something."""
        query = (
            sa.select(call_analyses.c.call_id)
            .where(call_analyses.c.next_attempt_at <= to_microseconds(now))
            .limit(1)
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def retry(self, due: DueAnalysis, at: datetime) -> None:
        """Let it be tried again at that time."""
        statement = (
            call_analyses.update()
            .where(call_analyses.c.call_id == due.call_id, call_analyses.c.claimed_by == due.claimed_by)
            .values(claimed_by=None, next_attempt_at=to_microseconds(at), attempts=due.attempts + 1)
        )
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def release(self, claimed_by: str, now: datetime) -> None:
        """Give back what was claimed and not finished."""
        statement = (
            call_analyses.update()
            .where(call_analyses.c.claimed_by == claimed_by)
            .values(claimed_by=None, next_attempt_at=to_microseconds(now))
        )
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def finish(
        self,
        due: DueAnalysis,
        outcome: str,
        analysis: dict[str, Any] | None,
        now: datetime,
        events: Callable[[CallRecord], Sequence[OutboxEvent]],
    ) -> CallRecord | None:
        """Write down the result with the events that tell of the call as it then is; None when somebody else
        has done so.
        """
        done = call_analyses.delete().where(
            call_analyses.c.call_id == due.call_id, call_analyses.c.claimed_by == due.claimed_by
        )
        result = (
            calls.update()
            .where(calls.c.id == due.call_id)
            .values(outcome=outcome, analysis=to_json_or_none(analysis), analyzed_at=to_microseconds(now))
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(done)).rowcount == 0:
                return None
            await connection.execute(result)
            row = (await connection.execute(sa.select(calls).where(calls.c.id == due.call_id))).one()
            record = call_record(row)
            await self._outbox.append(connection, events(record))
        return record


def _due(row: sa.Row[Any], claimed_by: str) -> DueAnalysis:
    return DueAnalysis(
        call_id=row.call_id,
        success_criteria=row.success_criteria,
        extraction_schema=from_json_or_none(row.extraction_schema),
        created_at=from_microseconds(row.created_at),
        deadline_at=from_microseconds(row.deadline_at),
        attempts=row.attempts,
        claimed_by=claimed_by,
    )
