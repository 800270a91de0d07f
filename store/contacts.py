"""Contacts in the database."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from store.bulk import BulkInsert, Insert, Row
from store.columns import from_json, from_microseconds, to_json, to_microseconds
from store.connection import Database
from store.contact_records import Contact, ContactFilter
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import Page
from store.tables import contacts

_COLUMNS = tuple(column.name for column in contacts.columns)

Merge = Callable[[dict[str, Contact]], Sequence[Contact]]


class ContactRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._upserts = BulkInsert(
            lambda: database.insert(contacts), _COLUMNS, database.dialect, _on_conflict_update
        )

    async def create(self, contact: Contact) -> None:
        """Raises `ConstraintError` when the number is in the folder already."""
        async with self._database.transaction() as connection:
            await connection.execute(contacts.insert(), _fields(contact))

    async def update(self, contact: Contact) -> None:
        """Write every field. Raises `MissingRowError`, `ConstraintError`."""
        statement = contacts.update().where(
            contacts.c.id == contact.id, contacts.c.organization_id == contact.organization_id
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(statement.values(_fields(contact)))).rowcount == 0:
                raise MissingRowError(f"contact {contact.id}")

    async def delete(self, organization_id: str, contact_id: str) -> bool:
        """Whether there was such a contact."""
        statement = contacts.delete().where(
            contacts.c.id == contact_id, contacts.c.organization_id == organization_id
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def get(self, organization_id: str, contact_id: str) -> Contact | None:
        found = await self.get_many(organization_id, [contact_id])
        return found[0] if found else None

    async def get_many(self, organization_id: str, contact_ids: Sequence[str]) -> builtins.list[Contact]:
        """Those of the contacts that exist, in no particular order. At most some thousand ids."""
        query = sa.select(contacts).where(
            contacts.c.id.in_(contact_ids), contacts.c.organization_id == organization_id
        )
        async with self._database.reading() as connection:
            return [_record(row) for row in (await connection.execute(query)).all()]

    async def list(
        self, organization_id: str, filter: ContactFilter | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Contact]:
        """The organisation's contacts, newest first."""
        conditions = _conditions(organization_id, filter or ContactFilter())
        return await newest_first(self._database, contacts, conditions, _record, limit, offset)

    async def in_folder(self, folder_id: str, after: Contact | None, limit: int) -> builtins.list[Contact]:
        """Contacts of a folder in the order in which they were made, those behind the contact `after`. The
        caller has checked whose folder it is.
        """
        async with self._database.reading() as connection:
            rows = (await connection.execute(in_folder_query(folder_id, after, limit))).all()
        return [_record(row) for row in rows]

    async def merge(
        self, organization_id: str, folder_id: str | None, phone_numbers: Sequence[str], merge: Merge
    ) -> None:
        """Read those of a folder's contacts that have one of the numbers, and write what `merge` makes of
        them (new ones and changed ones), in one transaction.
        """
        in_folder = contacts.c.folder_id.is_(None) if folder_id is None else contacts.c.folder_id == folder_id
        query = sa.select(contacts).where(
            contacts.c.organization_id == organization_id,
            in_folder,
            contacts.c.phone_number.in_(phone_numbers),
        )
        async with self._database.transaction() as connection:
            rows = (await connection.execute(query)).all()
            known = {row.phone_number: _record(row) for row in rows}
            changed = merge(known)
            await self._upserts.execute(connection, [_row(contact) for contact in changed])


def in_folder_query(folder_id: str, after: Contact | None, limit: int) -> sa.Select[Any]:
    """Along an index: no batch of a large folder costs more than another one."""
    order = (contacts.c.created_at, contacts.c.id)
    query = sa.select(contacts).where(contacts.c.folder_id == folder_id).order_by(*order).limit(limit)
    if after is None:
        return query
    return query.where(sa.tuple_(*order) > sa.tuple_(to_microseconds(after.created_at), after.id))


def _on_conflict_update(statement: Insert) -> Insert:
    fixed = ("id", "organization_id", "created_at", "folder_id", "phone_number")
    changed = {name: statement.excluded[name] for name in _COLUMNS if name not in fixed}
    return statement.on_conflict_do_update(index_elements=["id"], set_=changed)


def _conditions(organization_id: str, wanted: ContactFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [contacts.c.organization_id == organization_id]
    if wanted.folder_id is not None:
        conditions.append(contacts.c.folder_id == wanted.folder_id)
    if wanted.phone_number is not None:
        conditions.append(contacts.c.phone_number == wanted.phone_number)
    if wanted.search is not None:
        conditions.append(contacts.c.search_text.contains(wanted.search.lower(), autoescape=True))
    return conditions


def _row(contact: Contact) -> Row:
    """The record as the table's columns, in their order."""
    return (
        contact.id,
        contact.organization_id,
        contact.phone_number,
        to_microseconds(contact.created_at),
        to_microseconds(contact.updated_at),
        contact.folder_id,
        contact.first_name,
        contact.last_name,
        contact.email,
        contact.company_name,
        contact.industry,
        contact.location,
        contact.pin_code,
        to_json(contact.keywords),
        to_json(contact.metadata),
        _search_text(contact),
    )


def _fields(contact: Contact) -> dict[str, Any]:
    return dict(zip(_COLUMNS, _row(contact), strict=True))


def _search_text(contact: Contact) -> str:
    """What a search looks through: a line for each field, so that no match spans two of them, but one line
    for the whole name."""
    name = " ".join(part for part in (contact.first_name, contact.last_name) if part)
    return "\n".join((name, contact.phone_number, contact.email or "", contact.company_name or "")).lower()


def _record(row: sa.Row[Any]) -> Contact:
    return Contact(
        id=row.id,
        organization_id=row.organization_id,
        phone_number=row.phone_number,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        folder_id=row.folder_id,
        first_name=row.first_name,
        last_name=row.last_name,
        email=row.email,
        company_name=row.company_name,
        industry=row.industry,
        location=row.location,
        pin_code=row.pin_code,
        keywords=tuple(from_json(row.keywords)),
        metadata=from_json(row.metadata),
    )
