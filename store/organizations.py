"""Organisations in the database: whose everything else is."""

from __future__ import annotations

import sqlalchemy as sa

from store.columns import from_microseconds, to_microseconds
from store.connection import Database
from store.records import Organization
from store.tables import organizations


class OrganizationRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, organization: Organization) -> None:
        """Raises `ConstraintError` when the id is taken."""
        row = {
            "id": organization.id,
            "name": organization.name,
            "created_at": to_microseconds(organization.created_at),
        }
        async with self._database.transaction() as connection:
            await connection.execute(organizations.insert(), row)

    async def get(self, organization_id: str) -> Organization | None:
        query = sa.select(organizations).where(organizations.c.id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Organization(row.id, row.name, from_microseconds(row.created_at))

    async def list(self) -> list[Organization]:
        """All of them, oldest first."""
        query = sa.select(organizations).order_by(organizations.c.created_at, organizations.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [Organization(row.id, row.name, from_microseconds(row.created_at)) for row in rows]
