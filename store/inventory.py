"""The operator's stock of numbers. A number in it is for sale while nobody has it."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.columns import from_microseconds, to_microseconds
from store.connection import Database
from store.records import Page
from store.tables import number_inventory, phone_numbers


@dataclass(frozen=True, slots=True)
class StockedNumber:
    """A number to be had: E.164, `trunk_id` the operator's trunk that carries it."""

    phone_number: str
    type: str
    country: str
    trunk_id: str | None
    monthly_cost_cents: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StockQuery:
    """Which numbers; `None` means any. `contains` is a run of digits anywhere in the number, `prefix` one at
    its beginning, the plus left out.
    """

    country: str | None = None
    type: str | None = None
    contains: str | None = None
    prefix: str | None = None


class InventoryRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, number: StockedNumber) -> None:
        """Raises `ConstraintError` when it is there already or its trunk does not exist."""
        row = {
            "phone_number": number.phone_number,
            "type": number.type,
            "country": number.country,
            "trunk_id": number.trunk_id,
            "monthly_cost_cents": number.monthly_cost_cents,
            "created_at": to_microseconds(number.created_at),
        }
        async with self._database.transaction() as connection:
            await connection.execute(number_inventory.insert(), row)

    async def remove(self, phone_number: str) -> bool:
        """Whether it was there. Whoever has bought it keeps it."""
        statement = number_inventory.delete().where(number_inventory.c.phone_number == phone_number)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def list(self) -> builtins.list[tuple[StockedNumber, bool]]:
        """The whole stock by number, each with whether somebody has it."""
        query = (
            sa.select(number_inventory, phone_numbers.c.id.is_not(None).label("taken"))
            .select_from(_WITH_OWNER)
            .order_by(number_inventory.c.phone_number)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [(_record(row), bool(row.taken)) for row in rows]

    async def available(self, query: StockQuery, limit: int, offset: int) -> Page[StockedNumber]:
        """What nobody has, by number."""
        conditions = _conditions(query)
        counting = sa.select(sa.func.count()).select_from(_WITH_OWNER).where(*conditions)
        page = (
            sa.select(number_inventory)
            .select_from(_WITH_OWNER)
            .where(*conditions)
            .order_by(number_inventory.c.phone_number)
            .limit(limit)
            .offset(offset)
        )
        async with self._database.reading() as connection:
            total = (await connection.execute(counting)).scalar_one()
            rows = (await connection.execute(page)).all()
        return Page(tuple(_record(row) for row in rows), total, limit, offset)

    async def find_available(self, phone_number: str) -> StockedNumber | None:
        query = (
            sa.select(number_inventory)
            .select_from(_WITH_OWNER)
            .where(number_inventory.c.phone_number == phone_number, phone_numbers.c.id.is_(None))
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)


_WITH_OWNER = number_inventory.outerjoin(
    phone_numbers, phone_numbers.c.phone_number == number_inventory.c.phone_number
)


def _conditions(query: StockQuery) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [phone_numbers.c.id.is_(None)]
    if query.country is not None:
        conditions.append(number_inventory.c.country == query.country)
    if query.type is not None:
        conditions.append(number_inventory.c.type == query.type)
    if query.contains is not None:
        conditions.append(number_inventory.c.phone_number.contains(query.contains, autoescape=True))
    if query.prefix is not None:
        conditions.append(number_inventory.c.phone_number.startswith("+" + query.prefix, autoescape=True))
    return conditions


def _record(row: sa.Row[Any]) -> StockedNumber:
    return StockedNumber(
        phone_number=row.phone_number,
        type=row.type,
        country=row.country,
        trunk_id=row.trunk_id,
        monthly_cost_cents=row.monthly_cost_cents,
        created_at=from_microseconds(row.created_at),
    )
