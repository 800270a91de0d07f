"""The outbox: events for webhooks, written in the transaction that makes the change they tell of.

Whoever changes something calls `Outbox.append` with the connection of its own transaction. With the event
come the deliveries to the endpoints that are subscribed at that moment; where nobody is, nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import from_json_or_none, to_microseconds
from store.connection import Database
from store.identifiers import uuid7
from store.tables import webhook_deliveries, webhook_endpoints, webhook_events
from store.webhook_records import DeliveryState, OutboxEvent


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, connection: AsyncConnection, events: Sequence[OutboxEvent]) -> int:
        """Write the events, in order, within the caller's transaction; how many deliveries they make.

        Appending the same events twice is harmless.
        """
        if not events:
            return 0
        endpoints = await self._endpoints(connection, {event.organization_id for event in events})
        wanted = [
            (event, receivers)
            for event in events
            if (receivers := [endpoint.id for endpoint in endpoints if _wants(endpoint, event)])
        ]
        if not wanted:
            return 0
        written = await self._insert_events(connection, [event for event, _ in wanted])
        pairs = [
            (event, receiver) for event, receivers in wanted if event.id in written for receiver in receivers
        ]
        if pairs:
            await self._insert_deliveries(connection, pairs)
        return len(pairs)

    async def _endpoints(self, connection: AsyncConnection, organizations: set[str]) -> Sequence[Any]:
        """Those that may hear of something. They are there until the transaction ends: one deleted meanwhile
        would have the change refused that the events tell of (PostgreSQL; SQLite has one writer).
        """
        query = (
            sa.select(
                webhook_endpoints.c.id,
                webhook_endpoints.c.organization_id,
                webhook_endpoints.c.agent_id,
                webhook_endpoints.c.events,
            )
            .where(
                webhook_endpoints.c.organization_id.in_(sorted(organizations)),
                webhook_endpoints.c.enabled.is_(True),
            )
            .order_by(webhook_endpoints.c.id)
            .with_for_update(read=True, key_share=True)
        )
        return (await connection.execute(query)).all()

    async def _insert_events(self, connection: AsyncConnection, events: Sequence[OutboxEvent]) -> set[str]:
        """The ids of those that were not there yet."""
        statement = (
            self._database.insert(webhook_events).on_conflict_do_nothing().returning(webhook_events.c.id)
        )
        rows = [
            {
                "id": event.id,
                "organization_id": event.organization_id,
                "name": event.name,
                "subject_id": event.subject_id,
                "created_at": to_microseconds(event.created_at),
                "payload": event.payload(),
                "once_key": event.once_key,
            }
            for event in events
        ]
        return set((await connection.execute(statement, rows)).scalars())

    async def _insert_deliveries(
        self, connection: AsyncConnection, pairs: Sequence[tuple[OutboxEvent, str]]
    ) -> None:
        waiting = await self._lanes_in_use(connection, pairs)
        rows: list[dict[str, Any]] = []
        for event, endpoint_id in pairs:
            lane = (endpoint_id, event.subject_id)
            created_at = to_microseconds(event.created_at)
            rows.append(
                {
                    "id": uuid7(),
                    "endpoint_id": endpoint_id,
                    "event_id": event.id,
                    "subject_id": event.subject_id,
                    "state": DeliveryState.PENDING.value,
                    "attempts": 0,
                    "created_at": created_at,
                    "next_attempt_at": None if lane in waiting else created_at,
                }
            )
            waiting.add(lane)
        await connection.execute(sa.insert(webhook_deliveries), rows)

    async def _lanes_in_use(
        self, connection: AsyncConnection, pairs: Sequence[tuple[OutboxEvent, str]]
    ) -> set[tuple[str, str]]:
        """The lanes among those of `pairs` in which a delivery is pending.

        Its rows are locked, so that the head of a lane cannot be finished, and the next one be looked for,
        while ours is written and not to be seen yet (PostgreSQL; SQLite has one writer).
        """
        deliveries = webhook_deliveries.c
        query = (
            sa.select(deliveries.endpoint_id, deliveries.subject_id)
            .where(
                deliveries.state == sa.literal_column(f"'{DeliveryState.PENDING}'"),
                deliveries.subject_id.in_(sorted({event.subject_id for event, _ in pairs})),
                deliveries.endpoint_id.in_(sorted({endpoint_id for _, endpoint_id in pairs})),
            )
            .order_by(deliveries.sequence)
            .with_for_update()
        )
        return {(row.endpoint_id, row.subject_id) for row in (await connection.execute(query)).all()}


def _wants(endpoint: sa.Row[Any], event: OutboxEvent) -> bool:
    if endpoint.organization_id != event.organization_id or endpoint.agent_id != event.only_agent_id:
        return False
    chosen: list[str] | None = from_json_or_none(endpoint.events)
    return chosen is None or event.only_agent_id is not None or event.name in chosen
