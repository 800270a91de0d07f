"""Snapshots of calls that go on, and whose such a call is: exactly one node at a time takes it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from store.connection import Database
from store.tables import UNFINISHED_STATUSES, call_handovers, call_snapshots, calls, nodes

# A snapshot that nobody has removed for so long belongs to no call: the longest one is shorter.
FORGOTTEN_AFTER_S = 2 * 86_400
IDS_AT_ONCE = 500


class CallSnapshotRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, snapshots: Mapping[str, bytes]) -> None:
        """Keep the newest snapshot of each call."""
        now = self._database.now()
        async with self._database.transaction() as connection:
            for call_id, snapshot in snapshots.items():
                row = {"snapshot": snapshot, "saved_at": now}
                statement = self._database.insert(call_snapshots).values(call_id=call_id, **row)
                await connection.execute(
                    statement.on_conflict_do_update(index_elements=["call_id"], set_=row)
                )

    async def get(self, call_id: str) -> bytes | None:
        query = sa.select(call_snapshots.c.snapshot).where(call_snapshots.c.call_id == call_id)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalar_one_or_none()
        return None if found is None else bytes(found)

    async def remove(self, call_ids: Sequence[str]) -> None:
        """Forget calls that are over, and what was left of others long ago."""
        oldest = self._database.now() - FORGOTTEN_AFTER_S * 1_000_000
        over = sa.or_(call_snapshots.c.call_id.in_(call_ids), call_snapshots.c.saved_at < oldest)
        async with self._database.transaction() as connection:
            await connection.execute(call_snapshots.delete().where(over))

    async def claim(self, call_id: str, from_node: str, by_node: str, silent_s: float | None) -> bool:
        """Make a call that goes on `by_node`'s; true for one node alone, and only while it is `from_node`'s.

        With `silent_s` that node must not have been heard of for so many seconds: one that has just started
        again takes its calls up itself.
        """
        conditions = [
            calls.c.id == call_id,
            calls.c.node_id == from_node,
            calls.c.status.in_(UNFINISHED_STATUSES),
        ]
        if silent_s is not None:
            heard_since = self._database.now() - int(silent_s * 1_000_000)
            alive = sa.select(nodes.c.id).where(nodes.c.id == from_node, nodes.c.seen_at >= heard_since)
            conditions.append(~sa.exists(alive))
        statement = calls.update().where(*conditions).values(node_id=by_node)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def claimed_by_others(self, call_ids: Sequence[str], node_id: str) -> set[str]:
        """Which of these calls are another node's now."""
        query = sa.select(calls.c.id).where(calls.c.node_id != node_id)
        claimed: set[str] = set()
        async with self._database.reading() as connection:
            for first in range(0, len(call_ids), IDS_AT_ONCE):
                some = calls.c.id.in_(call_ids[first : first + IDS_AT_ONCE])
                claimed.update((await connection.execute(query.where(some))).scalars())
        return claimed


class CallHandoverRepository:
    """Calls that a node which stops offers to the others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offer(self, call_ids: Sequence[str], from_node: str) -> None:
        """Offer calls whose snapshots are kept."""
        rows = [
            {
                "call_id": call_id,
                "from_node": from_node,
                "by_node": None,
                "state": "offered",
                "offered_at": self._database.now(),
            }
            for call_id in call_ids
        ]
        changed = {name: value for name, value in rows[0].items() if name != "call_id"}
        async with self._database.transaction() as connection:
            for row in rows:
                statement = self._database.insert(call_handovers).values(row)
                await connection.execute(
                    statement.on_conflict_do_update(index_elements=["call_id"], set_=changed)
                )

    async def take(self, by_node: str, limit: int) -> list[tuple[str, str]]:
        """Take some of what others offer: pairs of call and the node that has it. Each is taken once."""
        open_ = sa.and_(call_handovers.c.state == "offered", call_handovers.c.from_node != by_node)
        query = sa.select(call_handovers.c.call_id).where(open_).limit(limit)
        taken = []
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).scalars().all()
        for call_id in found:
            statement = (
                call_handovers.update()
                .where(call_handovers.c.call_id == call_id, open_)
                .values(state="taken", by_node=by_node)
                .returning(call_handovers.c.from_node)
            )
            async with self._database.transaction() as connection:
                from_node = (await connection.execute(statement)).scalar_one_or_none()
            if from_node is not None:
                taken.append((call_id, from_node))
        return taken

    async def settle(self, call_id: str, by_node: str, *, done: bool) -> None:
        """Tell whoever offered the call what became of it."""
        statement = (
            call_handovers.update()
            .where(call_handovers.c.call_id == call_id, call_handovers.c.by_node == by_node)
            .values(state="done" if done else "refused")
        )
        async with self._database.transaction() as connection:
            await connection.execute(statement)

    async def states(self, from_node: str) -> dict[str, str]:
        """How the offers of a node stand."""
        query = sa.select(call_handovers.c.call_id, call_handovers.c.state).where(
            call_handovers.c.from_node == from_node
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {row.call_id: row.state for row in rows}

    async def withdraw(self, from_node: str) -> None:
        """Offer nothing any more."""
        statement = call_handovers.delete().where(call_handovers.c.from_node == from_node)
        async with self._database.transaction() as connection:
            await connection.execute(statement)
