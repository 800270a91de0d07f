"""Webhook endpoints in the database: those of organisations, and those that agents' CRM webhooks make."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import (
    from_json,
    from_microseconds,
    from_microseconds_or_none,
    to_json_or_none,
    to_microseconds,
    to_microseconds_or_none,
)
from store.connection import Database
from store.errors import MissingRowError
from store.identifiers import uuid7
from store.paging import newest_first
from store.records import Agent, Page
from store.tables import webhook_deliveries, webhook_endpoints, webhook_events
from store.webhook_records import WebhookEndpoint

CRM_SECRET_OVERLAP = timedelta(days=1)  # for so long the secret before a change signs as well


class WebhookEndpointRepository:
    """Lists, reads, changes and deletes the endpoints of organisations, not those of their agents."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, endpoint: WebhookEndpoint) -> None:
        """Raises `ConstraintError` when the id is taken or the organisation does not exist."""
        async with self._database.transaction() as connection:
            await connection.execute(webhook_endpoints.insert(), _row(endpoint))

    async def update(self, endpoint: WebhookEndpoint, fields: Collection[str] | None = None) -> None:
        """Write every field, or those alone that are named. Raises `MissingRowError`."""
        row = _row(endpoint)
        values = row if fields is None else {name: row[name] for name in fields}
        statement = webhook_endpoints.update().where(*_own(endpoint.organization_id, endpoint.id))
        async with self._database.transaction() as connection:
            result = await connection.execute(statement.values(values))
            if result.rowcount == 0:
                raise MissingRowError(f"webhook endpoint {endpoint.id}")

    async def delete(self, organization_id: str, endpoint_id: str) -> bool:
        """Delete it with its deliveries; whether there was one."""
        async with self._database.transaction() as connection:
            return await remove_endpoint(connection, *_own(organization_id, endpoint_id))

    async def get(self, organization_id: str, endpoint_id: str) -> WebhookEndpoint | None:
        query = sa.select(webhook_endpoints).where(*_own(organization_id, endpoint_id))
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else endpoint_of(row)

    async def list(self, organization_id: str, limit: int = 50, offset: int = 0) -> Page[WebhookEndpoint]:
        """The organisation's endpoints, newest first."""
        conditions = (
            webhook_endpoints.c.organization_id == organization_id,
            webhook_endpoints.c.agent_id.is_(None),
        )
        return await newest_first(self._database, webhook_endpoints, conditions, endpoint_of, limit, offset)


async def keep_endpoint_of(connection: AsyncConnection, agent: Agent) -> None:
    """Make, change or remove the endpoint of an agent's CRM webhook, in the transaction that changes the
    agent.
    """
    mine = webhook_endpoints.c.agent_id == agent.id
    if agent.crm_webhook_url is None:
        await remove_endpoint(connection, mine)
        return
    query = sa.select(webhook_endpoints).where(mine)
    row = (await connection.execute(query)).one_or_none()
    secret = agent.crm_webhook_secret or ""
    if row is None:
        made = WebhookEndpoint(
            id=uuid7(),
            organization_id=agent.organization_id,
            url=agent.crm_webhook_url,
            secret=secret,
            created_at=agent.updated_at,
            updated_at=agent.updated_at,
            agent_id=agent.id,
        )
        await connection.execute(webhook_endpoints.insert(), _row(made))
    elif (row.url, row.secret) != (agent.crm_webhook_url, secret):
        changed: dict[str, Any] = {"url": agent.crm_webhook_url, "enabled": True, "disabled_reason": None}
        if row.secret != secret:
            until = to_microseconds(agent.updated_at + CRM_SECRET_OVERLAP)
            changed |= {
                "secret": secret,
                "previous_secret": row.secret or None,
                "previous_secret_until": until if row.secret else None,
            }
        await connection.execute(
            webhook_endpoints.update()
            .where(mine)
            .values(updated_at=to_microseconds(agent.updated_at), **changed)
        )


async def remove_endpoint(connection: AsyncConnection, *which: sa.ColumnElement[bool]) -> bool:
    """Delete the endpoint that fulfils the conditions, with its deliveries and with the events of which no
    other endpoint has one, since nobody would ever look for those again; whether there was one.
    """
    query = sa.select(webhook_endpoints.c.id).where(*which).with_for_update()
    endpoint_id = (await connection.execute(query)).scalar_one_or_none()
    if endpoint_id is None:
        return False
    its = webhook_deliveries.c.endpoint_id == endpoint_id
    theirs = sa.exists().where(
        webhook_deliveries.c.event_id == webhook_events.c.id, webhook_deliveries.c.endpoint_id != endpoint_id
    )
    heard = sa.select(webhook_deliveries.c.event_id).where(its)
    await connection.execute(webhook_events.delete().where(webhook_events.c.id.in_(heard), ~theirs))
    await connection.execute(webhook_endpoints.delete().where(webhook_endpoints.c.id == endpoint_id))
    return True


def endpoint_of(row: sa.Row[Any]) -> WebhookEndpoint:
    """The record of a row that holds all of the table's columns."""
    return WebhookEndpoint(
        id=row.id,
        organization_id=row.organization_id,
        url=row.url,
        secret=row.secret,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        events=None if row.events is None else tuple(from_json(row.events)),
        enabled=row.enabled,
        disabled_reason=row.disabled_reason,
        description=row.description,
        previous_secret=row.previous_secret,
        previous_secret_until=from_microseconds_or_none(row.previous_secret_until),
        agent_id=row.agent_id,
    )


def _own(organization_id: str, endpoint_id: str) -> builtins.list[sa.ColumnElement[bool]]:
    return [
        webhook_endpoints.c.id == endpoint_id,
        webhook_endpoints.c.organization_id == organization_id,
        webhook_endpoints.c.agent_id.is_(None),
    ]


def _row(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "organization_id": endpoint.organization_id,
        "agent_id": endpoint.agent_id,
        "url": endpoint.url,
        "events": to_json_or_none(endpoint.events),
        "secret": endpoint.secret,
        "previous_secret": endpoint.previous_secret,
        "previous_secret_until": to_microseconds_or_none(endpoint.previous_secret_until),
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "description": endpoint.description,
        "created_at": to_microseconds(endpoint.created_at),
        "updated_at": to_microseconds(endpoint.updated_at),
    }
