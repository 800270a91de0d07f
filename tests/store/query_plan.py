"""How the database would answer a query, as text."""

from __future__ import annotations

import sqlalchemy as sa

from store import Store

# An empty table is cheapest read whole: without these the plan would say nothing of a full one.
_WITHOUT = ("enable_seqscan", "enable_bitmapscan", "enable_sort")


async def query_plan(store: Store, sql: str) -> str:
    """The plan's steps, one a line; PostgreSQL's is the one it makes when the table is large."""
    async with store.database.reading() as connection:
        if store.database.dialect.name == "sqlite":
            rows = (await connection.execute(sa.text("EXPLAIN QUERY PLAN " + sql))).all()
            return "\n".join(row[3] for row in rows)
        for name in _WITHOUT:
            await connection.execute(sa.text(f"SET LOCAL {name} = off"))
        return "\n".join((await connection.execute(sa.text("EXPLAIN (COSTS OFF) " + sql))).scalars())
