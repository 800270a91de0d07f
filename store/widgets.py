"""Widgets in the database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import Page
from store.tables import widgets
from store.widget_records import Widget


class WidgetRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, widget: Widget) -> None:
        """Raises `ConstraintError` when an id is taken or the agent does not exist."""
        async with self._database.transaction() as connection:
            await connection.execute(widgets.insert(), _row(widget))

    async def update(self, widget: Widget) -> None:
        """Write every field. Raises `MissingRowError`, `ConstraintError`."""
        statement = widgets.update().where(
            widgets.c.id == widget.id, widgets.c.organization_id == widget.organization_id
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(statement.values(_row(widget)))).rowcount == 0:
                raise MissingRowError(f"widget {widget.id}")

    async def delete(self, organization_id: str, widget_id: str) -> bool:
        """Whether there was such a widget."""
        statement = widgets.delete().where(
            widgets.c.id == widget_id, widgets.c.organization_id == organization_id
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def get(self, organization_id: str, widget_id: str) -> Widget | None:
        return await self._find(widgets.c.id == widget_id, widgets.c.organization_id == organization_id)

    async def by_public_id(self, public_id: str) -> Widget | None:
        """Whosoever it is."""
        return await self._find(widgets.c.public_id == public_id)

    async def list(
        self,
        organization_id: str,
        *,
        agent_id: str | None = None,
        name: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Widget]:
        """The organisation's widgets, newest first; `name` is a part of the name, in any case."""
        conditions = [widgets.c.organization_id == organization_id]
        if agent_id is not None:
            conditions.append(widgets.c.agent_id == agent_id)
        if name is not None:
            conditions.append(widgets.c.name.icontains(name, autoescape=True))
        return await newest_first(self._database, widgets, conditions, _record, limit, offset)

    async def _find(self, *conditions: sa.ColumnElement[bool]) -> Widget | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(sa.select(widgets).where(*conditions))).one_or_none()
        return None if row is None else _record(row)


def _row(widget: Widget) -> dict[str, Any]:
    return {
        "id": widget.id,
        "organization_id": widget.organization_id,
        "public_id": widget.public_id,
        "name": widget.name,
        "agent_id": widget.agent_id,
        "enabled": widget.enabled,
        "allowed_origins": to_json(widget.allowed_origins),
        "max_concurrent_calls": widget.max_concurrent_calls,
        "calls_per_minute": widget.calls_per_minute,
        "variables": to_json(widget.variables),
        "visitor_variables": to_json(widget.visitor_variables),
        "created_at": to_microseconds(widget.created_at),
        "updated_at": to_microseconds(widget.updated_at),
    }


def _record(row: sa.Row[Any]) -> Widget:
    return Widget(
        id=row.id,
        organization_id=row.organization_id,
        public_id=row.public_id,
        name=row.name,
        agent_id=row.agent_id,
        enabled=bool(row.enabled),
        allowed_origins=tuple(from_json(row.allowed_origins)),
        max_concurrent_calls=row.max_concurrent_calls,
        calls_per_minute=row.calls_per_minute,
        variables=from_json(row.variables),
        visitor_variables=tuple(from_json(row.visitor_variables)),
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
    )
