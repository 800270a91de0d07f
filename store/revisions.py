"""Numbers that rise with each change of something that every node keeps in memory."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.connection import Database
from store.tables import revisions


class Turn:
    """The right to make the next change."""

    def __init__(self, database: Database, name: str, revision: int, connection: AsyncConnection | None):
        self._database = database
        self._name = name
        self._connection = connection
        self.revision = revision  # of the newest change before ours

    async def changed(self) -> int:
        """The change was made: the new revision."""
        if self._connection is not None:
            return await self._raise(self._connection)
        async with self._database.transaction() as connection:
            return await self._raise(connection)

    async def _raise(self, connection: AsyncConnection) -> int:
        first = self._database.insert(revisions).values(name=self._name, value=1)
        statement = first.on_conflict_do_update(
            index_elements=["name"], set_={"value": revisions.c.value + 1}
        ).returning(revisions.c.value)
        return int((await connection.execute(statement)).scalar_one())


class RevisionRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self, name: str) -> int:
        """0 before the first change."""
        async with self._database.reading() as connection:
            return await _current(connection, name)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[Turn]:
        """Make changes one after the other, in all nodes. What they change is committed on its own.

        On SQLite, whose file several gateways cannot well share, a process is kept in order by itself alone.
        """
        if self._database.dialect.name == "sqlite":
            yield Turn(self._database, name, await self.current(name), None)
            return
        async with self._database.transaction() as connection:
            key = zlib.crc32(f"revision {name}".encode())
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
            yield Turn(self._database, name, await _current(connection, name), connection)


async def _current(connection: AsyncConnection, name: str) -> int:
    query = sa.select(revisions.c.value).where(revisions.c.name == name)
    return (await connection.execute(query)).scalar_one_or_none() or 0
