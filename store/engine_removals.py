"""The list of what is to be deleted at the voice engine.

A row is written in the transaction that deletes the thing here, and goes when the engine has deleted its own:
whatever happens in between, neither is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from store.columns import to_microseconds
from store.connection import Database
from store.tables import engine_removals


class EngineObject(StrEnum):
    """Kinds of things that the engine keeps for us."""

    AGENT = "agent"
    CORPUS = "corpus"


@dataclass(frozen=True, slots=True)
class EngineRemoval:
    """`engine_id` is the engine's own identifier."""

    kind: EngineObject
    engine_id: str


class EngineRemovalRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, removal: EngineRemoval) -> None:
        """Put it on the list, if it is not there already."""
        async with self._database.transaction() as connection:
            await add_removal(self._database, connection, removal)

    async def list(self, limit: int = 100) -> list[EngineRemoval]:
        """The oldest entries."""
        query = (
            sa.select(engine_removals)
            .order_by(engine_removals.c.created_at, engine_removals.c.engine_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [EngineRemoval(EngineObject(row.kind), row.engine_id) for row in rows]

    async def done(self, removal: EngineRemoval) -> None:
        """The engine has deleted it."""
        statement = engine_removals.delete().where(
            engine_removals.c.kind == removal.kind.value, engine_removals.c.engine_id == removal.engine_id
        )
        async with self._database.transaction() as connection:
            await connection.execute(statement)


async def add_removal(database: Database, connection: AsyncConnection, removal: EngineRemoval) -> None:
    """Put an entry on the list as a part of somebody's transaction."""
    row = {
        "kind": removal.kind.value,
        "engine_id": removal.engine_id,
        "created_at": to_microseconds(datetime.now(UTC)),
    }
    await connection.execute(database.insert(engine_removals).values(row).on_conflict_do_nothing())
