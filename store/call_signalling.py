"""The SIP messages kept with calls that are over, one value for each call."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from store.columns import to_microseconds
from store.connection import Database
from store.tables import call_signalling

PRUNED_AT_ONCE = 1_000


class CallSignallingRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, saved_at: datetime, messages: Sequence[tuple[str, bytes]]) -> None:
        """Keep (call, messages); what a call has already stays."""
        rows = [
            {"call_id": call_id, "saved_at": to_microseconds(saved_at), "messages": value}
            for call_id, value in messages
        ]
        async with self._database.transaction() as connection:
            statement = self._database.insert(call_signalling).on_conflict_do_nothing()
            await connection.execute(statement, rows)

    async def get(self, call_id: str) -> bytes | None:
        query = sa.select(call_signalling.c.messages).where(call_signalling.c.call_id == call_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def prune(self, before: datetime) -> int:
        """Delete some of what was saved before; how many. 0: none is left."""
        old = (
            sa.select(call_signalling.c.call_id)
            .where(call_signalling.c.saved_at < to_microseconds(before))
            .limit(PRUNED_AT_ONCE)
        )
        statement = call_signalling.delete().where(call_signalling.c.call_id.in_(old))
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount
