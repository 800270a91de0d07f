"""Who has registered with us, for each trunk and node in one row: only the node that a registration came to
has the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from store.columns import to_json, to_microseconds
from store.connection import Database
from store.registrar_records import RegisteredContact
from store.tables import registrations


class RegistrationRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, node_id: str, contacts: Mapping[str, Sequence[RegisteredContact]]) -> None:
        """Write the contacts of these trunks in place of what there was."""
        async with self._database.transaction() as connection:
            for trunk_id, held in contacts.items():
                mine = (registrations.c.trunk_id == trunk_id, registrations.c.node_id == node_id)
                if not held:
                    await connection.execute(registrations.delete().where(*mine))
                    continue
                row = {
                    "contacts": to_json(held),
                    "expires_at": to_microseconds(max(one.expires_at for one in held)),
                }
                statement = self._database.insert(registrations).values(
                    trunk_id=trunk_id, node_id=node_id, **row
                )
                await connection.execute(
                    statement.on_conflict_do_update(index_elements=["trunk_id", "node_id"], set_=row)
                )

    async def of_node(self, node_id: str) -> dict[str, tuple[RegisteredContact, ...]]:
        """All contacts of a node, by trunk."""
        query = sa.select(registrations.c.trunk_id, registrations.c.contacts).where(
            registrations.c.node_id == node_id
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {row.trunk_id: _contacts(row.contacts) for row in rows}

    async def nodes_of(self, trunk_id: str, now: datetime) -> list[str]:
        """The nodes that somebody has registered at for a trunk."""
        query = (
            sa.select(registrations.c.node_id)
            .where(registrations.c.trunk_id == trunk_id, registrations.c.expires_at > to_microseconds(now))
            .order_by(registrations.c.node_id)
        )
        async with self._database.reading() as connection:
            return [row.node_id for row in (await connection.execute(query)).all()]

    async def prune(self, before: datetime) -> int:
        """Delete what has run out, of nodes that are gone too; how many."""
        statement = registrations.delete().where(registrations.c.expires_at < to_microseconds(before))
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).rowcount


def _contacts(text: str) -> tuple[RegisteredContact, ...]:
    return msgspec.json.decode(text, type=tuple[RegisteredContact, ...])
