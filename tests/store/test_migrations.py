from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from store import Store
from store.identifiers import uuid7
from store.migrations import downgrade_to, downgrade_to_base, upgrade_to_head
from store.records import AgentStatus, MediaEncryption, Organization
from store.tables import metadata
from tests.store.samples import T0, agent, call, trunk


async def test_a_fresh_store_has_exactly_the_schema_of_the_tables(store: Store) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with store.database.transaction() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_migrations_write_the_same_statements_as_the_tables(store: Store) -> None:
    """What a comparison by reflection does not see: partial indexes, WITHOUT ROWID, cascades."""
    schema = sa.text(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name != 'alembic_version'"
    )
    async with store.database.transaction() as connection:
        migrated = {name: " ".join(sql.split()) for name, sql in (await connection.execute(schema)).all()}
        await connection.run_sync(downgrade_to_base)
        assert (await connection.execute(schema)).all() == []
        await connection.run_sync(metadata.create_all)
        created = {name: " ".join(sql.split()) for name, sql in (await connection.execute(schema)).all()}
    assert migrated.keys() == created.keys()
    assert {name: sorted(sql) for name, sql in migrated.items()} == {
        name: sorted(sql) for name, sql in created.items()
    }


async def test_several_may_open_a_fresh_store_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    stores = await asyncio.gather(*(Store.open(url) for _ in range(4)))
    await stores[0].organizations.create(Organization(uuid7(), "seen by all", T0))
    for store in stores:
        assert len(await store.organizations.list()) == 1
        await store.close()


async def test_opening_a_second_time_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    organization = Organization(uuid7(), "kept", T0)
    store = await Store.open(url)
    await store.organizations.create(organization)
    await store.close()
    store = await Store.open(url)
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
