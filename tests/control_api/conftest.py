from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from store import Store
from tests.control_api.api import World


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path / 'trunkline.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def world(store: Store) -> World:
    return await World.make(store)
