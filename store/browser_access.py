"""Which agents are open to visitors of a page, and from which origins, in the database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.tables import allowed_origins, browser_access
from store.widget_records import AllowedOrigins, BrowserAccess


class BrowserAccessRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, access: BrowserAccess) -> None:
        """Write it in place of what there was. Raises `ConstraintError` when the agent does not exist or
        another one has the public name.
        """
        row = _row(access)
        statement = self._database.insert(browser_access).values(row)
        statement = statement.on_conflict_do_update(index_elements=["agent_id"], set_=row)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def of_agent(self, agent_id: str) -> BrowserAccess | None:
        return await self._find(browser_access.c.agent_id == agent_id)

    async def by_public_name(self, public_name: str) -> BrowserAccess | None:
        return await self._find(browser_access.c.public_name == public_name)

    async def put_origins(self, allowed: AllowedOrigins) -> None:
        """Write them in place of what there was."""
        assert allowed.updated_at is not None
        row = {
            "organization_id": allowed.organization_id,
            "origins": to_json(allowed.origins),
            "updated_at": to_microseconds(allowed.updated_at),
        }
        statement = self._database.insert(allowed_origins).values(row)
        statement = statement.on_conflict_do_update(index_elements=["organization_id"], set_=row)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def origins(self, organization_id: str) -> AllowedOrigins:
        """None are allowed before some were set."""
        query = sa.select(allowed_origins).where(allowed_origins.c.organization_id == organization_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return AllowedOrigins(organization_id, ())
        return AllowedOrigins(
            organization_id, tuple(from_json(row.origins)), from_microseconds(row.updated_at)
        )

    async def _find(self, condition: sa.ColumnElement[bool]) -> BrowserAccess | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(sa.select(browser_access).where(condition))).one_or_none()
        return None if row is None else _record(row)


def _row(access: BrowserAccess) -> dict[str, Any]:
    return {
        "agent_id": access.agent_id,
        "organization_id": access.organization_id,
        "enabled": access.enabled,
        "public_name": access.public_name,
        "max_concurrent_calls": access.max_concurrent_calls,
        "calls_per_minute": access.calls_per_minute,
        "visitor_variables": to_json(access.visitor_variables),
        "updated_at": to_microseconds(access.updated_at),
    }


def _record(row: sa.Row[Any]) -> BrowserAccess:
    return BrowserAccess(
        agent_id=row.agent_id,
        organization_id=row.organization_id,
        enabled=bool(row.enabled),
        public_name=row.public_name,
        max_concurrent_calls=row.max_concurrent_calls,
        calls_per_minute=row.calls_per_minute,
        visitor_variables=tuple(from_json(row.visitor_variables)),
        updated_at=from_microseconds(row.updated_at),
    )
