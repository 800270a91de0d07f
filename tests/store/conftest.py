"""An open store on each kind of database, an organisation in it, and records to fill it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import Store
from store.identifiers import uuid7
from store.records import Organization
from tests.support.postgres_server import PostgresServer, postgres_store_on

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(params=DATABASES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """On SQLite in memory, and on PostgreSQL."""
    if request.param == "sqlite":
        opened = await Store.open("sqlite:///:memory:")
        yield opened
        await opened.close()
        return
    async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
        yield opened


@pytest.fixture
async def postgres_store(postgres: PostgresServer) -> AsyncIterator[Store]:
    async with postgres_store_on(postgres) as opened:
        yield opened


@pytest.fixture(params=DATABASES)
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database that several may open, with nothing in it, not even a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'x.db'}"
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    url = await postgres.new_database(migrated=False)
    yield url
    await postgres.give_back(url)


@pytest.fixture
async def organization(store: Store) -> Organization:
    made = Organization(uuid7(), "Acme", datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC))
    await store.organizations.create(made)
    return made
