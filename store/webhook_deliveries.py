"""Webhook deliveries as their owners see them: looked up, and taken up again."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.columns import from_microseconds, from_microseconds_or_none
from store.connection import Database
from store.records import Page
from store.tables import webhook_deliveries, webhook_events
from store.webhook_queue import promote, promote_all
from store.webhook_records import DeliveryFilter, DeliveryState, WebhookDelivery

_WITH_EVENT = sa.select(webhook_deliveries, webhook_events.c.name, webhook_events.c.payload).join(
    webhook_events, webhook_events.c.id == webhook_deliveries.c.event_id
)
_AGAIN: dict[str, Any] = {
    "state": DeliveryState.PENDING.value,
    "attempts": 0,
    "next_attempt_at": None,
    "claimed_by": None,
    "finished_at": None,
}


class WebhookDeliveryRepository:
    """The caller has checked whose endpoint it is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery | None:
        query = _WITH_EVENT.where(
            webhook_deliveries.c.id == delivery_id, webhook_deliveries.c.endpoint_id == endpoint_id
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(
        self, endpoint_id: str, wanted: DeliveryFilter, limit: int = 50, offset: int = 0
    ) -> Page[WebhookDelivery]:
        """The endpoint's deliveries, newest first."""
        conditions = _conditions(endpoint_id, wanted)
        count = sa.select(sa.func.count()).select_from(webhook_deliveries).where(*conditions)
        if wanted.event is not None:
            count = count.join(webhook_events, webhook_events.c.id == webhook_deliveries.c.event_id)
        page = (
            _WITH_EVENT.where(*conditions)
            .order_by(webhook_deliveries.c.created_at.desc(), webhook_deliveries.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        async with self._database.reading() as connection:
            total = (await connection.execute(count)).scalar_one()
            rows = (await connection.execute(page)).all()
        return Page(tuple(_record(row) for row in rows), total, limit, offset)

    async def replay(self, endpoint_id: str, delivery_id: str, now: datetime) -> bool:
        """Make a delivery that is over pending again, with all its attempts; false when it is not over."""
        statement = (
            webhook_deliveries.update()
            .where(
                webhook_deliveries.c.id == delivery_id,
                webhook_deliveries.c.endpoint_id == endpoint_id,
                webhook_deliveries.c.state != DeliveryState.PENDING.value,
            )
            .values(_AGAIN)
            .returning(webhook_deliveries.c.subject_id)
        )
        async with self._database.transaction() as connection:
            subject_id = (await connection.execute(statement)).scalar_one_or_none()
            if subject_id is None:
                return False
            await promote(connection, [(subject_id, endpoint_id)], now)
        return True

    async def replay_dead(self, endpoint_id: str, now: datetime) -> int:
        """Make every dead delivery of an endpoint pending again; how many there were."""
        statement = (
            webhook_deliveries.update()
            .where(
                webhook_deliveries.c.endpoint_id == endpoint_id,
                webhook_deliveries.c.state == DeliveryState.DEAD.value,
            )
            .values(_AGAIN)
        )
        async with self._database.transaction() as connection:
            count = (await connection.execute(statement)).rowcount
            if count:
                await promote_all(connection, endpoint_id, now)
        return count


def _conditions(endpoint_id: str, wanted: DeliveryFilter) -> builtins.list[sa.ColumnElement[bool]]:
    conditions: builtins.list[sa.ColumnElement[bool]] = [webhook_deliveries.c.endpoint_id == endpoint_id]
    if wanted.state is not None:
        conditions.append(webhook_deliveries.c.state == wanted.state.value)
    if wanted.subject_id is not None:
        conditions.append(webhook_deliveries.c.subject_id == wanted.subject_id)
    if wanted.event_id is not None:
        conditions.append(webhook_deliveries.c.event_id == wanted.event_id)
    if wanted.event is not None:
        conditions.append(webhook_events.c.name == wanted.event)
    return conditions


def _record(row: sa.Row[Any]) -> WebhookDelivery:
    return WebhookDelivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        event=row.name,
        subject_id=row.subject_id,
        payload=row.payload,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        created_at=from_microseconds(row.created_at),
        next_attempt_at=from_microseconds_or_none(row.next_attempt_at),
        last_attempt_at=from_microseconds_or_none(row.last_attempt_at),
        last_status=row.last_status,
        last_error=row.last_error,
        finished_at=from_microseconds_or_none(row.finished_at),
    )
