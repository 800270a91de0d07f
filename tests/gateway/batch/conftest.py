"""An open store on each kind of database, since both must hold to what makes a call unique."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store import Store
from tests.support.postgres_server import postgres_store_on


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        opened = await Store.open("sqlite:///:memory:")
        yield opened
        await opened.close()
        return
    async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
        yield opened
