"""The queue of webhook deliveries: which are due, who attempts them, and what came of it.

A delivery is claimed for the length of a lease, so that of several nodes only one attempts it, and that the
claims of a node which died come back by themselves. Of the deliveries of one subject to one endpoint only the
first has a time at which it is due; when it is over, the next one gets its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import from_microseconds, to_microseconds, to_microseconds_or_none
from store.connection import Database
from store.tables import webhook_deliveries, webhook_endpoints, webhook_events
from store.webhook_endpoints import endpoint_of
from store.webhook_records import ClaimedDelivery, DeliveryState

_PENDING = webhook_deliveries.c.state == sa.literal_column(f"'{DeliveryState.PENDING}'")
PRUNE_BATCH = 500


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What came of an attempt. `next_attempt_at` belongs to a delivery that stays pending; an endpoint with
    `disable_endpoint` is switched off for that reason.
    """

    claim: ClaimedDelivery
    state: DeliveryState
    at: datetime
    status: int | None = None
    error: str | None = None
    next_attempt_at: datetime | None = None
    disable_endpoint: str | None = None


class WebhookQueue:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due_endpoints(self, now: datetime) -> list[str]:
        """The enabled endpoints for which a delivery is due, in a lasting order."""
        due = sa.exists().where(
            webhook_deliveries.c.endpoint_id == webhook_endpoints.c.id,
            webhook_deliveries.c.next_attempt_at <= to_microseconds(now),
        )
        query = (
            sa.select(webhook_endpoints.c.id)
            .where(webhook_endpoints.c.enabled.is_(True), due)
            .order_by(webhook_endpoints.c.id)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def claim(
        self, shares: Mapping[str, int], now: datetime, until: datetime, claimed_by: str
    ) -> list[ClaimedDelivery]:
        """Take up to so many due deliveries of each endpoint, the longest due first, until the lease ends."""
        claimed: list[ClaimedDelivery] = []
        async with self._database.transaction() as connection:
            for endpoint_id, count in shares.items():
                claimed += await _claim(connection, endpoint_id, count, now, claimed_by)
            if claimed:
                await connection.execute(
                    webhook_deliveries.update()
                    .where(webhook_deliveries.c.sequence.in_([claim.sequence for claim in claimed]))
                    .values(claimed_by=claimed_by, next_attempt_at=to_microseconds(until))
                )
        return claimed

    async def settle(self, results: Sequence[DeliveryResult]) -> None:
        """Write down what came of attempts. Whoever has lost his claim in the meantime changes nothing."""
        if not results:
            return
        ordered = sorted(results, key=lambda result: result.claim.sequence)
        over = [result for result in ordered if result.state is not DeliveryState.PENDING]
        async with self._database.transaction() as connection:
            await connection.execute(_SETTLE, [_settled(result) for result in ordered])
            if over:
                await connection.execute(_PROMOTE, [_lane(result) for result in over])
            for result in ordered:
                if result.disable_endpoint is not None:
                    await _disable(connection, result)

    async def release(self, claimed_by: str, now: datetime) -> None:
        """Give back what was claimed and not settled."""
        statement = (
            webhook_deliveries.update()
            .where(
                _PENDING,
                webhook_deliveries.c.next_attempt_at.is_not(None),
                webhook_deliveries.c.claimed_by == claimed_by,
            )
            .values(claimed_by=None, next_attempt_at=to_microseconds(now))
        )
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def waiting(self) -> int:
        """How many deliveries are not over."""
        query = sa.select(sa.func.count()).select_from(webhook_deliveries).where(_PENDING)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one()

    async def prune(self, state: DeliveryState, finished_before: datetime) -> int:
        """Remove some of the deliveries that ended so long ago in this state, with the events of which none
        is left; how many deliveries.
        """
        old = (
            sa.select(webhook_deliveries.c.sequence, webhook_deliveries.c.event_id)
            .where(
                webhook_deliveries.c.state == state.value,
                webhook_deliveries.c.finished_at < to_microseconds(finished_before),
                webhook_deliveries.c.finished_at.is_not(None),
            )
            .order_by(webhook_deliveries.c.finished_at)
            .limit(PRUNE_BATCH)
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(old)).all()
            if not rows:
                return 0
            await connection.execute(
                webhook_deliveries.delete().where(
                    webhook_deliveries.c.sequence.in_([row.sequence for row in rows])
                )
            )
            left = sa.exists().where(webhook_deliveries.c.event_id == webhook_events.c.id)
            await connection.execute(
                webhook_events.delete().where(
                    webhook_events.c.id.in_(sorted({row.event_id for row in rows})), ~left
                )
            )
        return len(rows)


_SETTLE = (
    webhook_deliveries.update()
    .where(
        webhook_deliveries.c.sequence == sa.bindparam("of_sequence"),
        webhook_deliveries.c.claimed_by == sa.bindparam("of_claim"),
        _PENDING,
    )
    .values(
        state=sa.bindparam("to_state"),
        attempts=sa.bindparam("to_attempts"),
        claimed_by=None,
        next_attempt_at=sa.bindparam("to_next_attempt_at"),
        last_attempt_at=sa.bindparam("to_last_attempt_at"),
        last_status=sa.bindparam("to_last_status"),
        last_error=sa.bindparam("to_last_error"),
        finished_at=sa.bindparam("to_finished_at"),
    )
)


def _promotion() -> sa.Update:
    """Make the first pending delivery of a lane due, unless one of the lane is already."""
    lane = webhook_deliveries.alias("lane")
    mine = (
        lane.c.state == sa.literal_column(f"'{DeliveryState.PENDING}'"),
        lane.c.subject_id == sa.bindparam("of_subject"),
        lane.c.endpoint_id == sa.bindparam("of_endpoint"),
    )
    first = sa.select(sa.func.min(lane.c.sequence)).where(*mine).scalar_subquery()
    due = sa.exists().where(*mine, lane.c.next_attempt_at.is_not(None))
    return (
        webhook_deliveries.update()
        .where(webhook_deliveries.c.sequence == first, ~due)
        .values(next_attempt_at=sa.bindparam("due_at"))
    )


def _promotion_of_all() -> sa.Update:
    """The same for every lane of an endpoint."""
    lane, head = webhook_deliveries.alias("lane"), webhook_deliveries.alias("head")
    pending: sa.ColumnElement[str] = sa.literal_column(f"'{DeliveryState.PENDING}'")
    firsts = (
        sa.select(sa.func.min(lane.c.sequence))
        .where(lane.c.state == pending, lane.c.endpoint_id == sa.bindparam("of_endpoint"))
        .group_by(lane.c.subject_id)
    )
    due = sa.exists().where(
        head.c.state == pending,
        head.c.subject_id == webhook_deliveries.c.subject_id,
        head.c.endpoint_id == sa.bindparam("of_endpoint"),
        head.c.next_attempt_at.is_not(None),
    )
    return (
        webhook_deliveries.update()
        .where(webhook_deliveries.c.sequence.in_(firsts), ~due)
        .values(next_attempt_at=sa.bindparam("due_at"))
    )


_PROMOTE = _promotion()
_PROMOTE_ALL = _promotion_of_all()


async def promote(connection: AsyncConnection, lanes: Sequence[tuple[str, str]], at: datetime) -> None:
    """Make the first pending delivery of each lane (subject, endpoint) due, where none is."""
    rows = [
        {"of_subject": subject, "of_endpoint": endpoint, "due_at": to_microseconds(at)}
        for subject, endpoint in lanes
    ]
    if rows:
        await connection.execute(_PROMOTE, rows)


async def promote_all(connection: AsyncConnection, endpoint_id: str, at: datetime) -> None:
    """The same for all lanes of an endpoint."""
    await connection.execute(_PROMOTE_ALL, {"of_endpoint": endpoint_id, "due_at": to_microseconds(at)})


def _lane(result: DeliveryResult) -> dict[str, Any]:
    return {
        "of_subject": result.claim.subject_id,
        "of_endpoint": result.claim.endpoint.id,
        "due_at": to_microseconds(result.at),
    }


def _settled(result: DeliveryResult) -> dict[str, Any]:
    over = result.state is not DeliveryState.PENDING
    return {
        "of_sequence": result.claim.sequence,
        "of_claim": result.claim.claimed_by,
        "to_state": result.state.value,
        "to_attempts": result.claim.attempts + 1,
        "to_next_attempt_at": None if over else to_microseconds_or_none(result.next_attempt_at),
        "to_last_attempt_at": to_microseconds(result.at),
        "to_last_status": result.status,
        "to_last_error": result.error,
        "to_finished_at": to_microseconds(result.at) if over else None,
    }


async def _claim(
    connection: AsyncConnection, endpoint_id: str, count: int, now: datetime, claimed_by: str
) -> list[ClaimedDelivery]:
    endpoint_query = sa.select(webhook_endpoints).where(
        webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.enabled.is_(True)
    )
    row = (await connection.execute(endpoint_query)).one_or_none()
    if row is None:
        return []
    endpoint = endpoint_of(row)
    deliveries = webhook_deliveries.c
    query = (
        sa.select(
            deliveries.sequence,
            deliveries.subject_id,
            deliveries.attempts,
            webhook_events.c.id.label("event_id"),
            webhook_events.c.name,
            webhook_events.c.payload,
            webhook_events.c.created_at,
        )
        .join(webhook_events, webhook_events.c.id == deliveries.event_id)
        .where(deliveries.endpoint_id == endpoint_id, deliveries.next_attempt_at <= to_microseconds(now))
        .order_by(deliveries.next_attempt_at, deliveries.sequence)
        .limit(count)
        .with_for_update(skip_locked=True, of=webhook_deliveries)  # PostgreSQL; SQLite has one writer
    )
    return [
        ClaimedDelivery(
            sequence=found.sequence,
            endpoint=endpoint,
            event_id=found.event_id,
            event=found.name,
            subject_id=found.subject_id,
            payload=found.payload,
            attempts=found.attempts,
            created_at=from_microseconds(found.created_at),
            claimed_by=claimed_by,
        )
        for found in (await connection.execute(query)).all()
    ]


async def _disable(connection: AsyncConnection, result: DeliveryResult) -> None:
    await connection.execute(
        webhook_endpoints.update()
        .where(webhook_endpoints.c.id == result.claim.endpoint.id, webhook_endpoints.c.enabled.is_(True))
        .values(enabled=False, disabled_reason=result.disable_endpoint, updated_at=to_microseconds(result.at))
    )
