from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from store import Store
from store.errors import ConstraintError, StoreUnavailableError, UnstorableValueError
from store.identifiers import uuid7
from store.records import Organization
from store.tables import organizations
from tests.store.samples import T0
from tests.support.postgres_server import PostgresServer


async def pragma(store: Store, name: str) -> object:
    async with store.database.reading() as connection:
        return (await connection.execute(sa.text(f"PRAGMA {name}"))).scalar_one()


async def test_a_file_database_is_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'new' / 'folder' / 'x.db'}")
    try:
        assert await pragma(store, "journal_mode") == "wal"
        assert await pragma(store, "foreign_keys") == 1
        assert await pragma(store, "synchronous") == 1  # NORMAL
        assert await pragma(store, "busy_timeout") == 5_000
    finally:
        await store.close()


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    async def fail() -> None:
        async with store.database.transaction() as connection:
            await connection.execute(organizations.insert(), {"id": "a", "name": "a", "created_at": 0})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await store.organizations.list() == []


async def test_a_refused_row_is_a_constraint_error(store: Store, organization: Organization) -> None:
    with pytest.raises(ConstraintError):
        await store.organizations.create(organization)


async def test_many_writers_and_readers_at_once_all_succeed(database_url: str) -> None:
    store = await Store.open(database_url)
    try:
        made = [Organization(uuid7(), f"o{i}", T0) for i in range(60)]
        await asyncio.gather(
            *(store.organizations.create(one) for one in made),
            *(store.organizations.list() for _ in range(60)),
        )
        assert len(await store.organizations.list()) == 60
    finally:
        await store.close()


async def test_two_processes_write_to_one_database_in_turn(database_url: str) -> None:
    first, second = await Store.open(database_url), await Store.open(database_url)
    try:
        made = [Organization(uuid7(), "o", T0) for _ in range(40)]
        await asyncio.gather(
            *(store.organizations.create(one) for store, one in zip([first, second] * 20, made, strict=True))
        )
        assert len(await first.organizations.list()) == 40
    finally:
        await first.close()
        await second.close()


async def test_stores_in_memory_are_strangers_to_each_other(store: Store, organization: Organization) -> None:
    other = await Store.open("sqlite+aiosqlite:///:memory:")
    try:
        assert await other.organizations.list() == []
        assert await store.organizations.list() == [organization]
    finally:
        await other.close()


async def test_a_cancelled_query_does_not_lose_a_store_in_memory(store: Store) -> None:
    organization = Organization(uuid7(), "kept", datetime.now(UTC))
    await store.organizations.create(organization)
    task = asyncio.create_task(store.organizations.list())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await store.organizations.list() == [organization]


async def test_a_value_that_no_column_holds_is_told_from_a_database_that_is_away(
    postgres_store: Store,
) -> None:
    with pytest.raises(UnstorableValueError):
        await postgres_store.organizations.create(Organization(uuid7(), "a\0b", T0))
    with pytest.raises(UnstorableValueError):
        await postgres_store.agents.list("o", limit=2**70)
    assert await postgres_store.organizations.list() == []


async def test_two_transactions_that_wait_for_each_other_are_not_the_fault_of_the_data(
    postgres_store: Store,
) -> None:
    """PostgreSQL ends one of them; whoever keeps states tries again."""
    one, other = Organization(uuid7(), "one", T0), Organization(uuid7(), "other", T0)
    await postgres_store.organizations.create(one)
    await postgres_store.organizations.create(other)
    both_hold = asyncio.Barrier(2)

    async def change(*order: Organization) -> None:
        async with postgres_store.database.transaction() as connection:
            for number, organization in enumerate(order):
                statement = organizations.update().where(organizations.c.id == organization.id)
                await connection.execute(statement.values(name=order[0].name))
                if number == 0:
                    await both_hold.wait()

    outcomes = await asyncio.gather(change(one, other), change(other, one), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailableError, type(None)}


async def test_a_server_that_was_restarted_is_found_again_by_itself(postgres: PostgresServer) -> None:
    store = await Store.open(await postgres.new_database())
    try:
        await store.organizations.create(Organization(uuid7(), "before", T0))
        await asyncio.to_thread(postgres.halt)
        try:
            with pytest.raises(StoreUnavailableError):
                await store.organizations.list()
        finally:
            await asyncio.to_thread(postgres.start)
        assert [found.name for found in await store.organizations.list()] == ["before"]
    finally:
        await store.close()


async def test_what_runs_while_the_server_is_shut_down_learns_that_it_is_away(
    postgres: PostgresServer,
) -> None:
    store = await Store.open(await postgres.new_database())

    async def wait() -> None:
        async with store.database.reading() as connection:
            await connection.execute(sa.text("SELECT pg_sleep(60)"))

    try:
        waiting = asyncio.create_task(wait())
        while await _sleepers(store) == 0:
            await asyncio.sleep(0)
        try:
            await asyncio.to_thread(postgres.halt)
            with pytest.raises(StoreUnavailableError):
                await waiting
        finally:
            await asyncio.to_thread(postgres.start)
    finally:
        await store.close()


async def _sleepers(store: Store) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    async with store.database.reading() as connection:
        return int((await connection.execute(sa.text(query))).scalar_one())
