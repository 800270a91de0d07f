"""Snapshots are found wherever they could be written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gateway.adoption.places import PREFIX, SnapshotPlaces
from store import Store
from tests.support.redis_server import RedisServer


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await Store.open("sqlite:///:memory:")
    yield opened
    await opened.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    await redis_server.empty()
    client = Redis.from_url(redis_server.url)
    yield client
    await client.aclose()


def nowhere() -> Redis:
    """A Redis that is away."""
    return Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)


async def test_where_there_is_a_redis_the_database_is_not_written(store: Store, redis: Redis) -> None:
    places = SnapshotPlaces(store.call_snapshots, redis)
    await places.save({"c1": b"one", "c2": b"two"})
    assert await places.get("c1") == b"one"
    assert await store.call_snapshots.get("c1") is None
    assert await redis.ttl(PREFIX + "c1") > 86_400, "longer than any call, but not for ever"
    await places.remove(["c1"])
    assert await places.get("c1") is None
    assert await places.get("c2") == b"two"


async def test_while_redis_is_away_the_database_does(store: Store, redis: Redis) -> None:
    away = SnapshotPlaces(store.call_snapshots, nowhere())
    await away.save({"c1": b"one"})
    assert await away.get("c1") == b"one"
    back = SnapshotPlaces(store.call_snapshots, redis)
    assert await back.get("c1") == b"one", "whoever has a Redis looks in both"
    await away.remove(["c1"])
    assert await away.get("c1") is None


async def test_without_redis_there_is_the_database(store: Store) -> None:
    places = SnapshotPlaces(store.call_snapshots)
    await places.save({"c1": b"one"})
    assert await places.get("c1") == b"one"
    await places.remove(["c1"])
    assert await places.get("c1") is None


async def test_a_newer_snapshot_counts_though_the_older_one_is_elsewhere(store: Store, redis: Redis) -> None:
    both = SnapshotPlaces(store.call_snapshots, redis)
    await both.save({"c1": b"old"})
    both._redis = nowhere()
    await both.save({"c1": b"new"})
    both._redis = redis
    assert await both.get("c1") == b"new"
    await both.save({"c1": b"newest"})
    assert await both.get("c1") == b"newest"
    await both.remove(["c1"])
    assert await both.get("c1") is None, "nothing comes back from the other place"
