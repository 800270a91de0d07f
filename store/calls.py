"""Calls and their timelines in the database."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.analysis_records import DueAnalysis
from store.bulk import BulkInsert, Insert, Row
from store.call_counts import UNFINISHED, CallCounts
from store.columns import (
    from_json,
    from_json_or_none,
    from_microseconds,
    from_microseconds_or_none,
    to_json,
    to_json_or_none,
    to_microseconds,
    to_microseconds_or_none,
)
from store.connection import Database
from store.due_analyses import put_due
from store.outbox import Outbox
from store.records import (
    CallDirection,
    CallFilter,
    CallRecord,
    CallStatus,
    Page,
    RecordingFile,
    RecordingStatus,
    TimelineEvent,
    TranscriptEntry,
)
from store.tables import call_timeline, calls
from store.webhook_records import OutboxEvent

_COLUMNS = tuple(column.name for column in calls.columns)
# Never written again after the first insert, so that an update leaves their indexes alone.
_FIXED = frozenset({"id", "organization_id", "direction", "agent_id", "phone_number", "created_at"})
# Whose a call is changes by `store.call_snapshots.claim` alone: who had it before must not take it back.
_CLAIMED = frozenset({"node_id"})
# Belong to the analysis, as the outcome does once there is one: whoever saves a call may not know of it yet.
_OF_ANALYSIS = frozenset({"analysis", "analyzed_at"})
# Told by the engine when the call is over, and written by nobody else.
_BILLED = frozenset({"engine_billed_ms"})
_NOT_UPDATED = _FIXED | _CLAIMED | _OF_ANALYSIS | _BILLED
# The law of calls, held once more where it lasts: a terminal status never changes. Later facts still get in,
# but for those of a node that has lost the call to another and does not know it yet.
_TERMINAL_STAYS = sa.text(
    "(calls.status NOT IN ('ended', 'failed', 'cancelled') OR calls.status = excluded.status)"
    " AND (calls.node_id IS NULL OR excluded.node_id IS NULL OR calls.node_id = excluded.node_id)",
)
_EMPTY_JSON = "{}"


@dataclass(frozen=True, slots=True)
class CallNews:
    """An event of a call, and the analysis that becomes due with it. One that tells of a terminal `status` is
    true only if the call has that status.
    """

    event: OutboxEvent
    status: CallStatus
    analysis: DueAnalysis | None = None


class CallRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = Outbox(database)
        self._counts = CallCounts()
        dialect = database.dialect
        self._inserts = BulkInsert(lambda: database.insert(calls), _COLUMNS, dialect)
        self._upserts = BulkInsert(lambda: database.insert(calls), _COLUMNS, dialect, _on_conflict_update)
        self._timeline = BulkInsert(
            lambda: database.insert(call_timeline),
            ("call_id", "sequence", "t_ms", "kind", "detail"),
            dialect,
            lambda statement: statement.on_conflict_do_nothing(),  # a batch may be tried again
        )

    async def insert(self, record: CallRecord) -> None:
        """Store a new call, committed when this returns. Raises `ConstraintError` when the id is taken."""
        async with self._database.transaction() as connection:
            await self._inserts.execute(connection, [_row(record)])

    async def save_batch(
        self,
        records: Sequence[CallRecord],
        events: Sequence[TimelineEvent],
        news: Sequence[CallNews] = (),
    ) -> None:
        """Insert or update calls, add timeline events and put news into the outbox, all in one transaction.

        Of several records of one call the last one counts. A terminal status in the database is never
        overwritten by another status, nor does a node that has lost a call to another write it, and nobody is
        told of an end that did not get in. Saving the same events twice is harmless. Raises
        `ConstraintError`.
        """
        newest = {record.id: record for record in records}
        async with self._database.transaction() as connection:
            await self._upserts.execute(connection, [_row(record) for record in newest.values()])
            await self._timeline.execute(connection, [_event_row(event) for event in events])
            if news:
                true = await _true_news(connection, news)
                await self._outbox.append(connection, [item.event for item in true])
                due = [item.analysis for item in true if item.analysis is not None]
                await put_due(self._database, connection, due)

    async def record_billed(self, call_id: str, engine_call_id: str, engine_billed_ms: int) -> bool:
        """Keep what the engine charges for. False when there is no such call with this engine's call."""
        own = sa.and_(calls.c.id == call_id, calls.c.engine_call_id == engine_call_id)
        statement = calls.update().where(own).values(engine_billed_ms=engine_billed_ms)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def get(self, organization_id: str, call_id: str) -> CallRecord | None:
        query = sa.select(calls).where(calls.c.id == call_id, calls.c.organization_id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else call_record(row)

    async def list(
        self, organization_id: str, filter: CallFilter | None = None, limit: int = 50, offset: int = 0
    ) -> Page[CallRecord]:
        """The organisation's calls, newest first."""
        wanted = filter or CallFilter()
        conditions = call_conditions(organization_id, wanted)
        page = (
            sa.select(calls)
            .where(*conditions)
            .order_by(calls.c.created_at.desc(), calls.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        async with self._database.reading() as connection:
            total = await self._counts.count(connection, organization_id, wanted, conditions)
            rows = (await connection.execute(page)).all()
        return Page(tuple(call_record(row) for row in rows), total, limit, offset)

    async def pages(
        self, organization_id: str, filter: CallFilter, size: int = 500
    ) -> AsyncIterator[builtins.list[CallRecord]]:
        """All the organisation's calls, newest first, some hundred at a time; no page costs more than another
        one. Calls that come meanwhile are left out.
        """
        conditions = call_conditions(organization_id, filter)
        query = (
            sa.select(calls)
            .where(*conditions)
            .order_by(calls.c.created_at.desc(), calls.c.id.desc())
            .limit(size)
        )
        while True:
            async with self._database.reading() as connection:
                rows = (await connection.execute(query)).all()
            if rows:
                yield [call_record(row) for row in rows]
            if len(rows) < size:
                return
            last = rows[-1]
            query = query.where(
                sa.tuple_(calls.c.created_at, calls.c.id) < sa.tuple_(last.created_at, last.id)
            )

    async def timeline(self, call_id: str) -> builtins.list[TimelineEvent]:
        """The steps of a call in order. The caller has checked whose call it is."""
        query = (
            sa.select(call_timeline)
            .where(call_timeline.c.call_id == call_id)
            .order_by(call_timeline.c.sequence)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            TimelineEvent(row.call_id, row.sequence, row.t_ms, row.kind, from_json(row.detail))
            for row in rows
        ]

    async def unfinished(self, *, node_id: str | None = None) -> builtins.list[CallRecord]:
        """Every call without a terminal status, oldest first. With `node_id` those of this node, and those
        from before calls had one: after its start, the orphans of a crash.
        """
        query = sa.select(calls).where(UNFINISHED).order_by(calls.c.created_at)
        if node_id is not None:
            query = query.where(_of_node(node_id))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [call_record(row) for row in rows]

    async def find(self, call_id: str) -> CallRecord | None:
        """A call of whatever organisation: for whoever has shown by other means that he may see it."""
        query = sa.select(calls).where(calls.c.id == call_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else call_record(row)

    async def unfinished_recordings(self, *, node_id: str | None = None) -> builtins.list[CallRecord]:
        """Every call whose recording is not kept yet, with `node_id` as in `unfinished`; after a start: what
        a crash has left.
        """
        unfinished = (RecordingStatus.RECORDING.value, RecordingStatus.PROCESSING.value)
        query = sa.select(calls).where(calls.c.recording_status.in_(unfinished)).order_by(calls.c.created_at)
        if node_id is not None:
            query = query.where(_of_node(node_id))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [call_record(row) for row in rows]

    async def recordings_older_than(self, moment: datetime, limit: int) -> builtins.list[CallRecord]:
        """Calls that ended before `moment` and left a recording, whole or failed, in groups oldest first."""
        kept = (RecordingStatus.FAILED.value, RecordingStatus.READY.value)
        query = (
            sa.select(calls)
            .where(
                calls.c.recording_status.in_(kept),
                calls.c.ended_at < to_microseconds(moment),
            )
            .order_by(calls.c.recording_status, calls.c.ended_at)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [call_record(row) for row in rows]


async def _true_news(connection: AsyncConnection, news: Sequence[CallNews]) -> builtins.list[CallNews]:
    """What tells of no other end than the calls have in the database."""
    ended = sorted({item.event.subject_id for item in news if item.status.terminal})
    statuses: dict[str, str] = {}
    if ended:
        query = sa.select(calls.c.id, calls.c.status).where(calls.c.id.in_(ended))
        statuses = {row.id: row.status for row in (await connection.execute(query)).all()}
    return [
        item
        for item in news
        if not item.status.terminal or statuses.get(item.event.subject_id) == item.status
    ]


def _of_node(node_id: str) -> sa.ColumnElement[bool]:
    return sa.or_(calls.c.node_id == node_id, calls.c.node_id.is_(None))


def _on_conflict_update(statement: Insert) -> Insert:
    changed: dict[str, Any] = {
        name: statement.excluded[name] for name in _COLUMNS if name not in _NOT_UPDATED
    }
    changed["outcome"] = sa.case(
        (calls.c.analyzed_at.is_not(None), calls.c.outcome), else_=statement.excluded["outcome"]
    )
    return statement.on_conflict_do_update(index_elements=["id"], set_=changed, where=_TERMINAL_STAYS)


def call_conditions(organization_id: str, wanted: CallFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [calls.c.organization_id == organization_id]
    if wanted.agent_id is not None:
        conditions.append(calls.c.agent_id == wanted.agent_id)
    if wanted.status is not None:
        conditions.append(calls.c.status == wanted.status.value)
    if wanted.direction is not None:
        conditions.append(calls.c.direction == wanted.direction.value)
    if wanted.phone_number is not None:
        conditions.append(calls.c.phone_number == wanted.phone_number)
    if wanted.from_number is not None:
        conditions.append(calls.c.from_number == wanted.from_number)
    if wanted.outcome is not None:
        conditions.append(calls.c.outcome == wanted.outcome)
    if wanted.created_after is not None:
        conditions.append(calls.c.created_at >= to_microseconds(wanted.created_after))
    if wanted.created_before is not None:
        conditions.append(calls.c.created_at < to_microseconds(wanted.created_before))
    return conditions


def _row(record: CallRecord) -> Row:
    """The record as the table's columns, in their order."""
    return (
        record.id,
        record.organization_id,
        record.status.value,
        record.direction.value,
        record.agent_id,
        to_microseconds(record.created_at),
        record.phone_number,
        record.from_number,
        record.trunk_id,
        to_microseconds_or_none(record.started_at),
        to_microseconds_or_none(record.ended_at),
        record.duration_ms,
        to_json_or_none(record.transcript),
        record.recording_path,
        record.cost_cents,
        record.outcome,
        to_json(record.variables) if record.variables else _EMPTY_JSON,
        to_json(record.metadata) if record.metadata else _EMPTY_JSON,
        to_json(record.call_settings) if record.call_settings else _EMPTY_JSON,
        record.failure_reason,
        record.end_reason,
        record.cancelled_from,
        record.sip_call_id,
        record.sip_status,
        record.sip_reason,
        record.sip_from,
        record.engine_call_id,
        to_json_or_none(record.statistics),
        record.answered_by,
        None if record.recording_status is RecordingStatus.NONE else record.recording_status.value,
        to_json_or_none(record.recording_file),
        record.engine_billed_ms,
        record.node_id,
        to_json_or_none(record.analysis),
        to_json_or_none(record.transfer),
        None,  # analyzed_at
        to_json_or_none(record.sip_details),
    )


def call_record(row: sa.Row[Any]) -> CallRecord:
    """A row of the calls table."""
    entries = from_json_or_none(row.transcript)
    return CallRecord(
        id=row.id,
        organization_id=row.organization_id,
        status=CallStatus(row.status),
        direction=CallDirection(row.direction),
        agent_id=row.agent_id,
        created_at=from_microseconds(row.created_at),
        phone_number=row.phone_number,
        from_number=row.from_number,
        trunk_id=row.trunk_id,
        started_at=from_microseconds_or_none(row.started_at),
        ended_at=from_microseconds_or_none(row.ended_at),
        duration_ms=row.duration_ms,
        transcript=None if entries is None else tuple(TranscriptEntry(**entry) for entry in entries),
        recording_path=row.recording_path,
        cost_cents=row.cost_cents,
        outcome=row.outcome,
        variables=from_json(row.variables),
        metadata=from_json(row.metadata),
        call_settings=from_json(row.call_settings),
        failure_reason=row.failure_reason,
        end_reason=row.end_reason,
        cancelled_from=row.cancelled_from,
        sip_call_id=row.sip_call_id,
        sip_status=row.sip_status,
        sip_reason=row.sip_reason,
        sip_from=row.sip_from,
        engine_call_id=row.engine_call_id,
        statistics=from_json_or_none(row.statistics),
        answered_by=row.answered_by,
        recording_status=RecordingStatus(row.recording_status or RecordingStatus.NONE),
        recording_file=None if row.recording_file is None else RecordingFile(**from_json(row.recording_file)),
        engine_billed_ms=row.engine_billed_ms,
        node_id=row.node_id,
        analysis=from_json_or_none(row.analysis),
        transfer=from_json_or_none(row.transfer),
        sip_details=from_json_or_none(row.sip_details),
    )


def _event_row(event: TimelineEvent) -> Row:
    detail = to_json(event.detail) if event.detail else _EMPTY_JSON
    return (event.call_id, event.sequence, event.t_ms, event.kind, detail)
