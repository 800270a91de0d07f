"""The contacts of campaigns in the database."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.batch_records import CampaignContact, ContactState
from store.bulk import BulkInsert, Row
from store.columns import (
    from_json,
    from_microseconds_or_none,
    to_json,
    to_microseconds,
    to_microseconds_or_none,
)
from store.connection import Database
from store.records import Page
from store.tables import batch_attempts, batch_contacts

_COLUMNS = tuple(column.name for column in batch_contacts.columns)


class CampaignContactRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._inserts = BulkInsert(
            lambda: database.insert(batch_contacts),
            _COLUMNS,
            database.dialect,
            lambda statement: statement.on_conflict_do_nothing(),
        )

    async def add(self, contacts: Sequence[CampaignContact]) -> None:
        """Add contacts; a number that the campaign has already is left out."""
        async with self._database.transaction() as connection:
            await self._inserts.execute(connection, [_row(contact) for contact in contacts])

    async def clear(self, campaign_id: str) -> None:
        """Remove all contacts of a campaign."""
        async with self._database.transaction() as connection:
            await connection.execute(
                batch_contacts.delete().where(batch_contacts.c.campaign_id == campaign_id)
            )

    async def list(
        self,
        campaign_id: str,
        state: ContactState | None = None,
        outcome: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[CampaignContact]:
        """A campaign's contacts in the order in which they came. The caller has checked whose it is."""
        conditions = [batch_contacts.c.campaign_id == campaign_id]
        if state is not None:
            conditions.append(batch_contacts.c.state == state.value)
        if outcome is not None:
            conditions.append(batch_contacts.c.outcome == outcome)
        count = sa.select(sa.func.count()).select_from(batch_contacts).where(*conditions)
        page = (
            sa.select(batch_contacts)
            .where(*conditions)
            .order_by(batch_contacts.c.position)
            .limit(limit)
            .offset(offset)
        )
        async with self._database.reading() as connection:
            total = (await connection.execute(count)).scalar_one()
            rows = (await connection.execute(page)).all()
        return Page(tuple(contact_record(row) for row in rows), total, limit, offset)

    async def untried(self, campaign_id: str, after: int, limit: int) -> builtins.list[tuple[str, int]]:
        """Id and position of contacts that wait for their first attempt, those behind a position."""
        query = (
            sa.select(batch_contacts.c.id, batch_contacts.c.position)
            .where(
                batch_contacts.c.campaign_id == campaign_id,
                batch_contacts.c.position > after,
                batch_contacts.c.state == ContactState.PENDING.value,
                batch_contacts.c.attempts == 0,
            )
            .order_by(batch_contacts.c.position)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [(row.id, row.position) for row in (await connection.execute(query)).all()]

    async def schedule(self, times: Sequence[tuple[str, datetime]]) -> None:
        """Set when contacts are due."""
        statement = (
            batch_contacts.update()
            .where(
                batch_contacts.c.id == sa.bindparam("contact"),
                batch_contacts.c.state == ContactState.PENDING.value,
            )
            .values(scheduled_at=sa.bindparam("due"))
        )
        async with self._database.transaction() as connection:
            await connection.execute(
                statement, [{"contact": contact, "due": to_microseconds(due)} for contact, due in times]
            )

    async def due(self, campaign_id: str, now: datetime, limit: int) -> builtins.list[CampaignContact]:
        """Contacts that may be called now, the longest due first."""
        query = (
            sa.select(batch_contacts)
            .where(
                batch_contacts.c.campaign_id == campaign_id,
                batch_contacts.c.state == ContactState.PENDING.value,
                batch_contacts.c.scheduled_at <= to_microseconds(now),
            )
            .order_by(batch_contacts.c.scheduled_at, batch_contacts.c.position)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [contact_record(row) for row in (await connection.execute(query)).all()]

    async def next_due(self, campaign_id: str) -> datetime | None:
        """When the next contact is due; `None` when none is pending."""
        query = sa.select(sa.func.min(batch_contacts.c.scheduled_at)).where(
            batch_contacts.c.campaign_id == campaign_id,
            batch_contacts.c.state == ContactState.PENDING.value,
        )
        async with self._database.reading() as connection:
            return from_microseconds_or_none((await connection.execute(query)).scalar_one())

    async def dialing(self, campaign_id: str) -> builtins.list[CampaignContact]:
        """Contacts with a call that is not settled yet."""
        query = sa.select(batch_contacts).where(
            batch_contacts.c.campaign_id == campaign_id,
            batch_contacts.c.state == ContactState.DIALING.value,
        )
        async with self._database.reading() as connection:
            return [contact_record(row) for row in (await connection.execute(query)).all()]

    async def count_by_state(self, campaign_ids: Sequence[str]) -> dict[str, dict[ContactState, int]]:
        """How many contacts each campaign has in each state."""
        query = (
            sa.select(batch_contacts.c.campaign_id, batch_contacts.c.state, sa.func.count())
            .where(batch_contacts.c.campaign_id.in_(campaign_ids))
            .group_by(batch_contacts.c.campaign_id, batch_contacts.c.state)
        )
        found: dict[str, dict[ContactState, int]] = {}
        async with self._database.reading() as connection:
            for campaign_id, state, count in (await connection.execute(query)).all():
                found.setdefault(campaign_id, {})[ContactState(state)] = count
        return found

    async def count_outcomes(self, campaign_id: str) -> dict[str, int]:
        """How many attempts came out in which way; those that are not over are missing."""
        query = (
            sa.select(batch_attempts.c.outcome, sa.func.count())
            .where(batch_attempts.c.campaign_id == campaign_id, batch_attempts.c.outcome.is_not(None))
            .group_by(batch_attempts.c.outcome)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {row[0]: row[1] for row in rows}


def _row(contact: CampaignContact) -> Row:
    """The record as the table's columns, in their order."""
    return (
        contact.id,
        contact.campaign_id,
        contact.position,
        contact.phone_number,
        contact.contact_id,
        to_json(contact.variables),
        contact.state.value,
        to_microseconds_or_none(contact.scheduled_at),
        contact.attempts,
        contact.call_id,
        contact.from_number,
        to_microseconds_or_none(contact.last_attempt_at),
        to_microseconds_or_none(contact.rang_at),
        contact.outcome,
    )


def contact_record(row: sa.Row[Any]) -> CampaignContact:
    return CampaignContact(
        id=row.id,
        campaign_id=row.campaign_id,
        position=row.position,
        phone_number=row.phone_number,
        contact_id=row.contact_id,
        variables=from_json(row.variables),
        state=ContactState(row.state),
        scheduled_at=from_microseconds_or_none(row.scheduled_at),
        attempts=row.attempts,
        call_id=row.call_id,
        from_number=row.from_number,
        last_attempt_at=from_microseconds_or_none(row.last_attempt_at),
        rang_at=from_microseconds_or_none(row.rang_at),
        outcome=row.outcome,
    )
