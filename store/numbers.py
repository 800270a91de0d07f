"""Phone numbers in the database."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from store.columns import from_json_or_none, from_microseconds, to_json_or_none, to_microseconds
from store.connection import Database
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import Page, PhoneNumber
from store.tables import phone_numbers


@dataclass(frozen=True, slots=True)
class NumberFilter:
    """Which numbers to list; `None` means "any". `agent_id`: in either slot; `assigned`: a slot is taken."""

    agent_id: str | None = None
    trunk_id: str | None = None
    type: str | None = None
    country: str | None = None
    provider_type: str | None = None
    phone_number: str | None = None
    assigned: bool | None = None


class NumberRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, number: PhoneNumber) -> None:
        """Raises `ConstraintError` when the number exists or refers to something that does not."""
        async with self._database.transaction() as connection:
            await connection.execute(phone_numbers.insert(), _row(number))

    async def update(self, number: PhoneNumber) -> None:
        """Write every field. Raises `MissingRowError`, `ConstraintError`."""
        statement = phone_numbers.update().where(
            phone_numbers.c.id == number.id, phone_numbers.c.organization_id == number.organization_id
        )
        async with self._database.transaction() as connection:
            result = await connection.execute(statement.values(_row(number)))
            if result.rowcount == 0:
                raise MissingRowError(f"phone number {number.id}")

    async def delete(self, organization_id: str, number_id: str) -> bool:
        """Whether there was such a number."""
        statement = phone_numbers.delete().where(
            phone_numbers.c.id == number_id, phone_numbers.c.organization_id == organization_id
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def get(self, organization_id: str, number_id: str) -> PhoneNumber | None:
        query = sa.select(phone_numbers).where(
            phone_numbers.c.id == number_id, phone_numbers.c.organization_id == organization_id
        )
        return await self._one(query)

    async def find_by_number(self, phone_number: str) -> PhoneNumber | None:
        """The number in E.164 form, whosoever it belongs to."""
        return await self._one(sa.select(phone_numbers).where(phone_numbers.c.phone_number == phone_number))

    async def list(
        self,
        organization_id: str,
        limit: int = 50,
        offset: int = 0,
        wanted: NumberFilter | None = None,
    ) -> Page[PhoneNumber]:
        """The organisation's numbers, newest first."""
        conditions = _conditions(organization_id, wanted or NumberFilter())
        return await newest_first(self._database, phone_numbers, conditions, _record, limit, offset)

    async def all_numbers(self) -> builtins.list[PhoneNumber]:
        """Every organisation's numbers, oldest first."""
        query = sa.select(phone_numbers).order_by(phone_numbers.c.created_at, phone_numbers.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [_record(row) for row in rows]

    async def _one(self, query: sa.Select[Any]) -> PhoneNumber | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)


def _conditions(organization_id: str, wanted: NumberFilter) -> builtins.list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [phone_numbers.c.organization_id == organization_id]
    for column, value in (
        (phone_numbers.c.trunk_id, wanted.trunk_id),
        (phone_numbers.c.type, wanted.type),
        (phone_numbers.c.country, wanted.country),
        (phone_numbers.c.provider_type, wanted.provider_type),
        (phone_numbers.c.phone_number, wanted.phone_number),
    ):
        if value is not None:
            conditions.append(column == value)
    slots = (phone_numbers.c.inbound_agent_id, phone_numbers.c.outbound_agent_id)
    if wanted.agent_id is not None:
        conditions.append(sa.or_(*(slot == wanted.agent_id for slot in slots)))
    if wanted.assigned is not None:
        held = sa.or_(*(slot.is_not(None) for slot in slots))
        conditions.append(held if wanted.assigned else sa.not_(held))
    return conditions


def _row(number: PhoneNumber) -> dict[str, Any]:
    return {
        "id": number.id,
        "organization_id": number.organization_id,
        "phone_number": number.phone_number,
        "created_at": to_microseconds(number.created_at),
        "updated_at": to_microseconds(number.updated_at),
        "friendly_name": number.friendly_name,
        "provider_type": number.provider_type,
        "type": number.type,
        "country": number.country,
        "trunk_id": number.trunk_id,
        "inbound_agent_id": number.inbound_agent_id,
        "outbound_agent_id": number.outbound_agent_id,
        "managed": number.managed,
        "precall_webhook": to_json_or_none(number.precall_webhook),
        "max_concurrent_calls": number.max_concurrent_calls,
    }


def _record(row: sa.Row[Any]) -> PhoneNumber:
    return PhoneNumber(
        id=row.id,
        organization_id=row.organization_id,
        phone_number=row.phone_number,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        friendly_name=row.friendly_name,
        provider_type=row.provider_type,
        type=row.type,
        country=row.country,
        trunk_id=row.trunk_id,
        inbound_agent_id=row.inbound_agent_id,
        outbound_agent_id=row.outbound_agent_id,
        managed=row.managed,
        precall_webhook=from_json_or_none(row.precall_webhook),
        max_concurrent_calls=row.max_concurrent_calls,
    )
