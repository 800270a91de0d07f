from __future__ import annotations

import asyncio

import pytest
from redis.asyncio import Redis

from gateway.cluster.leases import Leases, LimitReached, SharedLeasesAway
from gateway.cluster.limits import Counted, Limit
from gateway.cluster.redis_leases import RedisLeases
from tests.support.redis_server import RedisServer

ORGANIZATION = Limit(Counted.ORGANIZATION, "o", 10)
TRUNK = Limit(Counted.TRUNK, "t", 1)


async def test_of_many_at_once_exactly_as_many_are_granted_as_the_limit_says(redis: Redis) -> None:
    nodes = [RedisLeases(redis, lasts_s=60), RedisLeases(redis, lasts_s=60)]
    answers = await asyncio.gather(*(nodes[i % 2].acquire(f"lease {i}", [ORGANIZATION]) for i in range(50)))
    assert answers.count(None) == 10
    assert answers.count(ORGANIZATION) == 40
    assert await nodes[0].count(ORGANIZATION.name) == 10


async def test_a_refused_lease_counts_nowhere(redis: Redis) -> None:
    leases = RedisLeases(redis, lasts_s=60)
    assert await leases.acquire("a", [TRUNK]) is None
    assert await leases.acquire("b", [ORGANIZATION, TRUNK]) == TRUNK
    assert await leases.count(ORGANIZATION.name) == 0


async def test_what_was_given_back_is_free_and_asking_twice_counts_once(redis: Redis) -> None:
    leases = RedisLeases(redis, lasts_s=60)
    assert await leases.acquire("a", [TRUNK]) is None
    assert await leases.acquire("a", [TRUNK]) is None
    assert await leases.count(TRUNK.name) == 1
    await leases.release({"a": [TRUNK.name], "never there": [TRUNK.name]})
    assert await leases.acquire("b", [TRUNK]) is None


async def test_the_places_of_a_node_that_renews_no_more_become_free(redis: Redis) -> None:
    dead, living = RedisLeases(redis, lasts_s=0.3), RedisLeases(redis, lasts_s=0.3)
    both = Limit(Counted.ORGANIZATION, "o", 2)
    assert await dead.acquire("of the dead", [both]) is None
    assert await living.acquire("of the living", [both]) is None
    assert await living.acquire("next", [both]) == both
    async with asyncio.timeout(5):
        while await living.acquire("next", [both]) is not None:
            await living.renew({"of the living": [both.name]})
            await asyncio.sleep(0.02)
    await living.renew({"of the living": [both.name], "next": [both.name]})
    assert await living.count(both.name) == 2, "the living node's own place was not taken from it"


async def test_thousands_of_leases_are_renewed_and_given_back(redis: Redis) -> None:
    leases = RedisLeases(redis, lasts_s=60)
    held = {f"lease {i}": [ORGANIZATION.name, TRUNK.name] for i in range(1_200)}
    await leases.renew(held)
    assert await leases.count(ORGANIZATION.name) == await leases.count(TRUNK.name) == 1_200
    await leases.release(held)
    assert await leases.count(ORGANIZATION.name) == 0


async def test_a_redis_that_is_away_is_told_and_found_again(redis: Redis, redis_server: RedisServer) -> None:
    shared = RedisLeases(redis, lasts_s=60)
    leases = Leases(shared, renew_every_s=0.02, nodes=lambda: 2)
    leases.start()
    assert await leases.acquire("before", [ORGANIZATION]) is None
    try:
        await asyncio.to_thread(redis_server.halt)
        with pytest.raises(SharedLeasesAway):
            await shared.count(ORGANIZATION.name)
        granted = [await leases.acquire(f"meanwhile {i}", [ORGANIZATION]) for i in range(5)]
        assert granted == [None] * 4 + [LimitReached(ORGANIZATION, 5)]
        assert leases.away
    finally:
        await asyncio.to_thread(redis_server.start)
    async with asyncio.timeout(10):
        while leases.away:
            await asyncio.sleep(0.01)
    assert await shared.count(ORGANIZATION.name) == 5, "an empty Redis learnt what is held"
    await leases.close()
    assert await shared.count(ORGANIZATION.name) == 0


async def test_a_redis_that_takes_connections_and_says_nothing_is_one_that_is_away() -> None:
    """A call waits for it a moment, and the next ones do not wait at all."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Redis.from_url(f"redis://127.0.0.1:{port}", socket_timeout=0.05, socket_connect_timeout=0.05)
    leases = Leases(RedisLeases(client, lasts_s=60), nodes=lambda: 2)
    async with asyncio.timeout(5):
        assert await leases.acquire("a", [ORGANIZATION]) is None
    assert leases.away
    await client.aclose()
    server.close()
    assert await leases.acquire("b", [ORGANIZATION]) is None, "nobody was asked"
    assert len(leases) == 2
