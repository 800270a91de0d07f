"""Who leads: at most one node at a time for each name, by the database's clock."""

from __future__ import annotations

import sqlalchemy as sa

from store.connection import Database
from store.tables import leaderships


class LeadershipRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(
        self, name: str, node_id: str, run_id: str, seconds: float, *, succeed_own: bool = False
    ) -> int | None:
        """Lead from now on for so many seconds: the term, or None while somebody else leads.

        `succeed_own`: an earlier run of the same node is over, whatever time it has left.
        """
        now = self._database.now()
        until = now + int(seconds * 1_000_000)
        mine = leaderships.c.run_id == run_id
        free = [mine, leaderships.c.expires_at <= now]
        if succeed_own:
            free.append(leaderships.c.node_id == node_id)
        take = (
            leaderships.update()
            .where(leaderships.c.name == name, sa.or_(*free))
            .values(
                node_id=node_id,
                run_id=run_id,
                term=leaderships.c.term + sa.case((mine, 0), else_=1),
                expires_at=until,
            )
            .returning(leaderships.c.term)
        )
        first = (
            self._database.insert(leaderships)
            .values(name=name, node_id=node_id, run_id=run_id, term=1, expires_at=until)
            .on_conflict_do_nothing()
            .returning(leaderships.c.term)
        )
        async with self._database.transaction() as connection:
            for statement in (take, first):
                term = (await connection.execute(statement)).scalar_one_or_none()
                if term is not None:
                    return int(term)
        return None

    async def resign(self, name: str, run_id: str) -> None:
        """Let somebody else lead at once."""
        statement = leaderships.update().where(leaderships.c.name == name, leaderships.c.run_id == run_id)
        async with self._database.transaction() as connection:
            await connection.execute(statement.values(expires_at=0))

    async def leader(self, name: str) -> str | None:
        """The id of the node that leads now."""
        query = sa.select(leaderships.c.node_id).where(
            leaderships.c.name == name, leaderships.c.expires_at > self._database.now()
        )
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()
