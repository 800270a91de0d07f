from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from store import Store
from store.errors import ConstraintError
from store.identifiers import uuid7
from store.records import Organization
from store.tables import organizations
from tests.store.samples import T0


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


async def test_many_writers_and_readers_at_once_all_succeed(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'x.db'}")
    try:
        made = [Organization(uuid7(), f"o{i}", T0) for i in range(60)]
        await asyncio.gather(
            *(store.organizations.create(one) for one in made),
            *(store.organizations.list() for _ in range(60)),
        )
        assert len(await store.organizations.list()) == 60
    finally:
        await store.close()


async def test_two_processes_write_to_one_file_in_turn(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    first, second = await Store.open(url), await Store.open(url)
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
