from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from store import Store
from tests.support.postgres_server import postgres_store_on
from tests.support.redis_server import RedisServer


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "postgresql":
        async with postgres_store_on(request.getfixturevalue("postgres")) as opened:
            yield opened
        return
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty Redis."""
    await redis_server.empty()
    client = Redis.from_url(redis_server.url, socket_timeout=1, socket_connect_timeout=1)
    yield client
    await client.aclose()
