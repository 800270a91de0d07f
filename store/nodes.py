"""The gateways on one database, and the sign of life of each. All times are the database's: the nodes' clocks
need not agree.
"""

from __future__ import annotations

import sqlalchemy as sa

from store.cluster_records import NodeRecord
from store.connection import Database
from store.tables import nodes


class NodeRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def enter(self, node: NodeRecord) -> None:
        """A node starts; it takes the place of an earlier run of the same id."""
        now = self._database.now()
        row = {"run_id": node.run_id, "url": node.url, "started_at": now, "seen_at": now}
        statement = self._database.insert(nodes).values(id=node.id, **row)
        async with self._database.transaction() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))

    async def beat(self, node: NodeRecord) -> bool:
        """A sign of life, also of a node that was taken for dead. False when another run has its id."""
        now = self._database.now()
        statement = nodes.update().where(nodes.c.id == node.id, nodes.c.run_id == node.run_id)
        again = self._database.insert(nodes).values(
            id=node.id, run_id=node.run_id, url=node.url, started_at=now, seen_at=now
        )
        async with self._database.transaction() as connection:
            if (await connection.execute(statement.values(seen_at=now))).rowcount == 1:
                return True
            return (await connection.execute(again.on_conflict_do_nothing())).rowcount == 1

    async def leave(self, node: NodeRecord) -> None:
        """A node stops in good order."""
        statement = nodes.delete().where(nodes.c.id == node.id, nodes.c.run_id == node.run_id)
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def remove_silent(self, node_id: str, silent_s: float) -> bool:
        """Forget a dead node. False when it lives after all."""
        oldest = self._database.now() - int(silent_s * 1_000_000)
        statement = nodes.delete().where(nodes.c.id == node_id, nodes.c.seen_at < oldest)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def list(self) -> list[NodeRecord]:
        """All of them, dead ones too, by id."""
        silent = (self._database.now() - nodes.c.seen_at).label("silent")
        query = sa.select(nodes.c.id, nodes.c.run_id, nodes.c.url, silent).order_by(nodes.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [NodeRecord(row.id, row.run_id, row.url, max(0, row.silent) / 1_000_000) for row in rows]
