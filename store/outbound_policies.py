"""Outbound policies in the database, and what they are measured against."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.outbound_policy_records import OutboundPolicy
from store.records import CallDirection, CallRecord, CallStatus
from store.tables import calls, outbound_policies


class OutboundPolicyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, policy: OutboundPolicy) -> None:
        """Write it in place of what there was."""
        row = _row(policy)
        statement = self._database.insert(outbound_policies).values(row)
        statement = statement.on_conflict_do_update(index_elements=["organization_id"], set_=row)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def of(self, organization_id: str) -> OutboundPolicy:
        """The default one before one was set."""
        query = sa.select(outbound_policies).where(outbound_policies.c.organization_id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return OutboundPolicy(organization_id) if row is None else _record(row)

    async def calls_since(self, organization_id: str, since: datetime) -> int:
        """How many outbound calls were made."""
        query = sa.select(sa.func.count()).select_from(calls).where(*_outbound(organization_id, since))
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def cents_since(self, organization_id: str, since: datetime) -> int:
        """What the outbound calls that began since have cost, those that are over."""
        query = sa.select(sa.func.coalesce(sa.func.sum(calls.c.cost_cents), 0)).where(
            *_outbound(organization_id, since)
        )
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def in_progress(self, organization_id: str, since: datetime) -> list[CallRecord]:
        """The outbound calls that began since and are answered, with no more of each than a price needs."""
        query = sa.select(
            calls.c.id,
            calls.c.agent_id,
            calls.c.created_at,
            calls.c.started_at,
            calls.c.phone_number,
            calls.c.from_number,
            calls.c.trunk_id,
        ).where(*_outbound(organization_id, since), calls.c.status == CallStatus.IN_PROGRESS.value)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [
            CallRecord(
                id=row.id,
                organization_id=organization_id,
                status=CallStatus.IN_PROGRESS,
                direction=CallDirection.OUTBOUND,
                agent_id=row.agent_id,
                created_at=from_microseconds(row.created_at),
                started_at=from_microseconds(row.started_at),
                phone_number=row.phone_number,
                from_number=row.from_number,
                trunk_id=row.trunk_id,
            )
            for row in rows
        ]


def _outbound(organization_id: str, since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        calls.c.organization_id == organization_id,
        calls.c.created_at >= to_microseconds(since),
        calls.c.direction == CallDirection.OUTBOUND.value,
    )


def _row(policy: OutboundPolicy) -> dict[str, Any]:
    assert policy.updated_at is not None
    return {
        "organization_id": policy.organization_id,
        "allowed_countries": to_json(policy.allowed_countries),
        "allowed_prefixes": to_json(policy.allowed_prefixes),
        "allow_premium": policy.allow_premium,
        "calls_per_minute": policy.calls_per_minute,
        "cents_per_day": policy.cents_per_day,
        "updated_at": to_microseconds(policy.updated_at),
    }


def _record(row: sa.Row[Any]) -> OutboundPolicy:
    return OutboundPolicy(
        organization_id=row.organization_id,
        allowed_countries=tuple(from_json(row.allowed_countries)),
        allowed_prefixes=tuple(from_json(row.allowed_prefixes)),
        allow_premium=row.allow_premium,
        calls_per_minute=row.calls_per_minute,
        cents_per_day=row.cents_per_day,
        updated_at=from_microseconds(row.updated_at),
    )
