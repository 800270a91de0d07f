"""Campaigns in the database: what they are, what state they are in, and which node dials them.

A campaign is shown once its contacts are all copied (`assembled`). The node that dials it holds a lease on
the row; whatever a dialer commits is refused when the lease is not its own (`store.campaign_attempts`).
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.batch_records import Campaign, CampaignFilter, CampaignStatus, ContactState
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
from store.outbox import Outbox
from store.paging import newest_first
from store.records import Page
from store.tables import batch_calls, batch_contacts
from store.webhook_records import OutboxEvent

_RUNNING = (CampaignStatus.SCHEDULED.value, CampaignStatus.ACTIVE.value)


class CampaignRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._outbox = Outbox(database)

    async def create(self, campaign: Campaign) -> None:
        """Nobody sees it before `assembled`."""
        async with self._database.transaction() as connection:
            await connection.execute(batch_calls.insert(), {**_row(campaign), "assembled": False})

    async def assembled(self, campaign: Campaign) -> Campaign:
        """Its contacts are all there: count them and show it."""
        count = sa.select(sa.func.count()).where(batch_contacts.c.campaign_id == campaign.id)
        async with self._database.transaction() as connection:
            total = (await connection.execute(count)).scalar_one()
            await connection.execute(
                batch_calls.update()
                .where(batch_calls.c.id == campaign.id)
                .values(contact_count=total, assembled=True)
            )
        return replace(campaign, contact_count=total)

    async def change(
        self, campaign: Campaign, was: CampaignStatus, events: Sequence[OutboxEvent] = ()
    ) -> bool:
        """Write every field if the status is still `was`, with the events that tell of it; whether it was."""
        async with self._database.transaction() as connection:
            result = await connection.execute(
                batch_calls.update()
                .where(batch_calls.c.id == campaign.id, batch_calls.c.status == was.value)
                .values(_row(campaign))
            )
            if result.rowcount == 0:
                return False
            if campaign.status.terminal:
                await connection.execute(
                    batch_contacts.update()
                    .where(
                        batch_contacts.c.campaign_id == campaign.id,
                        batch_contacts.c.state == ContactState.PENDING.value,
                    )
                    .values(state=ContactState.CANCELLED.value)
                )
            await self._outbox.append(connection, events)
            return True

    async def delete(self, organization_id: str, campaign_id: str, was: CampaignStatus) -> bool:
        """Remove a campaign with its contacts if its status is `was`; whether it was."""
        this = (
            batch_calls.c.id == campaign_id,
            batch_calls.c.organization_id == organization_id,
            batch_calls.c.status == was.value,
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(batch_calls.delete().where(*this))).rowcount > 0

    async def delete_unassembled(self, created_before: datetime) -> int:
        """Remove what was left half made by a crash."""
        statement = batch_calls.delete().where(
            batch_calls.c.assembled.is_(False),
            batch_calls.c.created_at < to_microseconds(created_before),
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount

    async def get(self, organization_id: str, campaign_id: str) -> Campaign | None:
        query = sa.select(batch_calls).where(
            batch_calls.c.id == campaign_id,
            batch_calls.c.organization_id == organization_id,
            batch_calls.c.assembled.is_(True),
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(
        self, organization_id: str, filter: CampaignFilter | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Campaign]:
        """The organisation's campaigns, newest first."""
        wanted = filter or CampaignFilter()
        conditions = [batch_calls.c.organization_id == organization_id, batch_calls.c.assembled.is_(True)]
        if wanted.status is not None:
            conditions.append(batch_calls.c.status == wanted.status.value)
        if wanted.agent_id is not None:
            conditions.append(batch_calls.c.agent_id == wanted.agent_id)
        if wanted.name is not None:
            conditions.append(batch_calls.c.name.icontains(wanted.name, autoescape=True))
        return await newest_first(self._database, batch_calls, conditions, _record, limit, offset)

    # --- dialling

    async def to_dial(self) -> builtins.list[Campaign]:
        """Every campaign that runs, or that has calls which are not settled yet; oldest first."""
        unsettled = (
            sa.select(batch_contacts.c.campaign_id)
            .where(
                batch_contacts.c.campaign_id == batch_calls.c.id,
                batch_contacts.c.state == ContactState.DIALING.value,
            )
            .exists()
        )
        stopped = (CampaignStatus.PAUSED.value, CampaignStatus.CANCELLED.value, CampaignStatus.FAILED.value)
        query = (
            sa.select(batch_calls)
            .where(
                batch_calls.c.assembled.is_(True),
                batch_calls.c.status.in_(_RUNNING) | (batch_calls.c.status.in_(stopped) & unsettled),
            )
            .order_by(batch_calls.c.created_at, batch_calls.c.id)
        )
        async with self._database.reading() as connection:
            return [_record(row) for row in (await connection.execute(query)).all()]

    async def lease(self, campaign_id: str, node: str, now: datetime, until: datetime) -> bool:
        """Take or renew the right to dial a campaign; false when another node has it."""
        free = (
            batch_calls.c.dialer.is_(None)
            | (batch_calls.c.dialer == node)
            | (batch_calls.c.dialer_until <= to_microseconds(now))
        )
        statement = (
            batch_calls.update()
            .where(batch_calls.c.id == campaign_id, free)
            .values(dialer=node, dialer_until=to_microseconds(until))
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def release(self, node: str) -> None:
        """Give all of a node's leases back."""
        async with self._database.transaction() as connection:
            await connection.execute(
                batch_calls.update()
                .where(batch_calls.c.dialer == node)
                .values(dialer=None, dialer_until=None)
            )


def _row(campaign: Campaign) -> dict[str, Any]:
    """What a `Campaign` holds; the lease is nobody's but the dialer's."""
    return {
        "id": campaign.id,
        "organization_id": campaign.organization_id,
        "name": campaign.name,
        "status": campaign.status.value,
        "agent_id": campaign.agent_id,
        "created_at": to_microseconds(campaign.created_at),
        "updated_at": to_microseconds(campaign.updated_at),
        "settings": to_json(campaign.settings),
        "contact_count": campaign.contact_count,
        "started_at": to_microseconds_or_none(campaign.started_at),
        "ended_at": to_microseconds_or_none(campaign.ended_at),
        "resumed_at": to_microseconds_or_none(campaign.resumed_at),
        "status_reason": campaign.status_reason,
        "statistics": to_json_or_none(campaign.statistics),
    }


def _record(row: sa.Row[Any]) -> Campaign:
    return Campaign(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        status=CampaignStatus(row.status),
        agent_id=row.agent_id,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        settings=from_json(row.settings),
        contact_count=row.contact_count,
        started_at=from_microseconds_or_none(row.started_at),
        ended_at=from_microseconds_or_none(row.ended_at),
        resumed_at=from_microseconds_or_none(row.resumed_at),
        status_reason=row.status_reason,
        statistics=from_json_or_none(row.statistics),
    )
