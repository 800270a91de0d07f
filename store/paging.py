"""A page of a table's rows and how many there are in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from store.connection import Database
from store.records import Page

T = TypeVar("T")


async def newest_first(
    database: Database,
    table: sa.Table,
    conditions: Sequence[sa.ColumnElement[bool]],
    record: Callable[[sa.Row[Any]], T],
    limit: int,
    offset: int,
) -> Page[T]:
    """The rows that fulfil `conditions`, by `created_at`, then `id`, descending."""
    count = sa.select(sa.func.count()).select_from(table).where(*conditions)
    page = (
        sa.select(table)
        .where(*conditions)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    async with database.reading() as connection:
        total = (await connection.execute(count)).scalar_one()
        rows = (await connection.execute(page)).all()
    return Page(tuple(record(row) for row in rows), total, limit, offset)
