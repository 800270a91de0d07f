from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store import Store
from tests.control_api.api import World
from tests.support.postgres_server import postgres_store_on


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the newest schema: migrating anew for each test would take most of its time."""
    path = tmp_path_factory.mktemp("store") / "template.db"

    async def make() -> None:
        await (await Store.open(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def store(request: pytest.FixtureRequest, migrated: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """On SQLite, and on PostgreSQL too where a test is marked so."""
    if getattr(request, "param", None) == "postgresql":
        async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
            yield opened
        return
    path = tmp_path / "trunkline.db"
    shutil.copy(migrated, path)
    opened = await Store.open(f"sqlite:///{path}")
    yield opened
    await opened.close()


@pytest.fixture
async def world(store: Store) -> World:
    return await World.make(store)
