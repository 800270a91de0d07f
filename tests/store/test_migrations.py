from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection

from store import Store
from store.connection import Database
from store.errors import NewerSchemaError
from store.identifiers import uuid7
from store.migrations import (
    downgrade_to,
    downgrade_to_base,
    newest_revision,
    revision_of,
    revisions,
    upgrade_to,
    upgrade_to_head,
)
from store.records import AgentStatus, CallStatus, MediaEncryption, Organization, TranscriptEntry
from store.tables import metadata
from tests.store.released_rows import RELEASED_ROWS
from tests.store.samples import T0, agent, call, trunk

# Name and definition of everything in the schema but Alembic's own table. The order of words is not compared:
# a column added later stands at the end.
DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name != 'alembic_version'",
    "postgresql": """
        SELECT indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND tablename != 'alembic_version'
        UNION ALL
        SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text != 'alembic_version'
        UNION ALL
        SELECT table_name || '.' || column_name,
            concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name != 'alembic_version'
    """,
}


async def test_a_fresh_store_has_exactly_the_schema_of_the_tables(store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with store.database.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_migrations_write_the_same_statements_as_the_tables(store: Store) -> None:
    """What a comparison by reflection does not see: partial indexes, WITHOUT ROWID, cascades."""

    async def definitions(connection: AsyncConnection) -> dict[str, list[str]]:
        query = sa.text(DEFINITIONS[store.database.dialect.name])
        rows = (await connection.execute(query)).all()
        return {name: sorted(" ".join(definition.split())) for name, definition in rows}

    async with store.database.transaction() as connection:
        migrated = await definitions(connection)
        await connection.run_sync(downgrade_to_base)
        assert await definitions(connection) == {}
        await connection.run_sync(metadata.create_all)
        assert await definitions(connection) == migrated


async def test_several_may_open_a_fresh_store_at_once(database_url: str) -> None:
    stores = await asyncio.gather(*(Store.open(database_url) for _ in range(4)))
    await stores[0].organizations.create(Organization(uuid7(), "seen by all", T0))
    for store in stores:
        assert len(await store.organizations.list()) == 1
        await store.close()


async def test_opening_a_second_time_keeps_what_is_there(database_url: str) -> None:
    organization = Organization(uuid7(), "kept", T0)
    store = await Store.open(database_url)
    await store.organizations.create(organization)
    await store.close()
    store = await Store.open(database_url)
    assert await store.organizations.list() == [organization]
    await store.close()


async def test_the_schema_can_be_taken_down_and_built_again(store: Store, organization: Organization) -> None:
    async with store.database.transaction() as connection:
        await connection.run_sync(downgrade_to_base)
        await connection.run_sync(upgrade_to_head)
    assert await store.organizations.list() == []


async def test_trunks_from_before_encryption_go_on_in_the_clear(
    store: Store, organization: Organization
) -> None:
    old = trunk(organization.id)
    await store.trunks.create(old)
    async with store.database.transaction() as connection:
        await connection.run_sync(downgrade_to, "0004")
        await connection.run_sync(upgrade_to_head)
    (found,) = await store.trunks.all_trunks()
    assert found == replace(old, media_encryption=MediaEncryption.DISABLE)


async def test_calls_that_were_recorded_before_recordings_were_kept_are_taken_up(
    store: Store, organization: Organization
) -> None:
    recorded, plain = call(organization.id, recording_path="/data/a.wav"), call(organization.id)
    await store.calls.save_batch([recorded, plain], [])
    async with store.database.transaction() as connection:
        await connection.run_sync(downgrade_to, "0003")
        await connection.run_sync(upgrade_to_head)
    found = await store.calls.unfinished_recordings()
    assert [(call.id, call.recording_path) for call in found] == [(recorded.id, "/data/a.wav")]


async def test_agents_that_were_settled_before_the_engine_followed_changes_are_not_offered_again(
    store: Store, organization: Organization
) -> None:
    for status in AgentStatus:
        await store.agents.create(agent(organization.id, status=status))
    async with store.database.transaction() as connection:
        await connection.run_sync(downgrade_to, "0006")
        await connection.run_sync(upgrade_to_head)
    found = {each.status: each.sync_pending for each in await store.agents.all_agents()}
    assert found == {
        AgentStatus.DRAFT: True,
        AgentStatus.CREATING: True,
        AgentStatus.ACTIVE: False,
        AgentStatus.FAILED: False,
    }


@pytest.mark.parametrize("revision", revisions())
async def test_data_of_every_released_schema_survives_to_the_newest(database_url: str, revision: str) -> None:
    written = await _write_old(database_url, revision)
    store = await Store.open(database_url)
    try:
        async with store.database.reading() as connection:
            assert await connection.run_sync(revision_of) == newest_revision()
            for table, row in written.items():
                columns = ", ".join(f'"{name}"' for name in row)
                found = (await connection.execute(sa.text(f"SELECT {columns} FROM {table}"))).one()  # noqa: S608
                assert dict(found._mapping) == row, table
        owner = RELEASED_ROWS["organizations"]["id"]
        (agent,) = (await store.agents.list(owner)).items
        (number,) = (await store.numbers.list(owner)).items
        (ended,) = (await store.calls.list(owner)).items
        assert (agent.name, agent.status, agent.knowledge_bases) == ("Desk", AgentStatus.ACTIVE, ("kb",))
        assert (number.inbound_agent_id, number.trunk_id) == (agent.id, RELEASED_ROWS["trunks"]["id"])
        assert (ended.status, ended.duration_ms) == (CallStatus.ENDED, 61_000)
        assert ended.transcript == (TranscriptEntry("agent", "Good day.", 0.4),)
        assert [event.kind for event in await store.calls.timeline(ended.id)] == ["created"]
        assert await store.keys.find_by_secret_hash("5" * 64) is not None
        await store.calls.save_batch([call(owner)], [])
    finally:
        await store.close()


async def _write_old(url: str, revision: str) -> dict[str, dict[str, Any]]:
    """Make the schema of `revision`, put a row into each of its tables, and tell what was written."""

    def write(connection: sa.Connection) -> dict[str, dict[str, Any]]:
        upgrade_to(connection, revision)
        schema = sa.MetaData()
        schema.reflect(connection)
        written = {}
        for name, row in RELEASED_ROWS.items():
            columns = schema.tables[name].columns.keys()
            written[name] = {column: value for column, value in row.items() if column in columns}
            connection.execute(schema.tables[name].insert(), written[name])
        return written

    database = Database.prepare(url)
    try:
        async with database.transaction() as connection:
            return await connection.run_sync(write)
    finally:
        await database.close()


async def test_a_schema_of_a_later_version_is_refused(database_url: str) -> None:
    store = await Store.open(database_url)
    async with store.database.transaction() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = 'later'"))
    await store.close()
    with pytest.raises(NewerSchemaError, match="later"):
        await Store.open(database_url)
