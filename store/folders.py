"""Folders of contacts in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from store.columns import from_microseconds, to_microseconds
from store.connection import Database
from store.contact_records import Folder
from store.errors import MissingRowError
from store.paging import newest_first
from store.records import Page
from store.tables import contacts, folders


class FolderRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, folder: Folder) -> None:
        """Raises `ConstraintError` when the id is taken."""
        async with self._database.transaction() as connection:
            await connection.execute(folders.insert(), _row(folder))

    async def update(self, folder: Folder) -> None:
        """Write every field. Raises `MissingRowError`."""
        statement = folders.update().where(
            folders.c.id == folder.id, folders.c.organization_id == folder.organization_id
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(statement.values(_row(folder)))).rowcount == 0:
                raise MissingRowError(f"folder {folder.id}")

    async def delete(self, organization_id: str, folder_id: str) -> bool:
        """Remove a folder and the contacts in it; whether there was such a folder."""
        this = (folders.c.id == folder_id, folders.c.organization_id == organization_id)
        async with self._database.transaction() as connection:
            if (await connection.execute(sa.select(folders.c.id).where(*this))).one_or_none() is None:
                return False
            await connection.execute(contacts.delete().where(contacts.c.folder_id == folder_id))
            await connection.execute(folders.delete().where(*this))
            return True

    async def get(self, organization_id: str, folder_id: str) -> Folder | None:
        query = sa.select(folders).where(
            folders.c.id == folder_id, folders.c.organization_id == organization_id
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _record(row)

    async def list(
        self, organization_id: str, name: str | None = None, limit: int = 50, offset: int = 0
    ) -> Page[Folder]:
        """The organisation's folders, newest first; `name` is a part of the name, in any case."""
        conditions = [folders.c.organization_id == organization_id]
        if name is not None:
            conditions.append(folders.c.name.icontains(name, autoescape=True))
        return await newest_first(self._database, folders, conditions, _record, limit, offset)

    async def contact_counts(self, folder_ids: Sequence[str]) -> dict[str, int]:
        """How many contacts lie in each folder; one that is empty is missing."""
        query = (
            sa.select(contacts.c.folder_id, sa.func.count())
            .where(contacts.c.folder_id.in_(folder_ids))
            .group_by(contacts.c.folder_id)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {row[0]: row[1] for row in rows}


def _row(folder: Folder) -> dict[str, Any]:
    return {
        "id": folder.id,
        "organization_id": folder.organization_id,
        "name": folder.name,
        "created_at": to_microseconds(folder.created_at),
        "updated_at": to_microseconds(folder.updated_at),
        "description": folder.description,
    }


def _record(row: sa.Row[Any]) -> Folder:
    return Folder(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        created_at=from_microseconds(row.created_at),
        updated_at=from_microseconds(row.updated_at),
        description=row.description,
    )
