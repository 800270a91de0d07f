from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from gateway.cluster.notices import Notices
from store.errors import StoreUnavailableError
from tests.support.redis_server import RedisServer


class Looks:
    """Counts how often somebody looked; can fail."""

    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        self.count += 1
        if self.error is not None:
            raise self.error

    async def more_than(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.count <= count:
                await asyncio.sleep(0.002)


async def test_without_redis_it_is_looked_again_and_again_whatever_goes_wrong() -> None:
    looks = Looks()
    notices = Notices(None, looks, look_every_s=0.001)
    notices.start()
    notices.tell()
    await looks.more_than(2)
    looks.error = StoreUnavailableError("away")
    await looks.more_than(looks.count + 2)
    looks.error = ValueError("a mistake")
    await looks.more_than(looks.count + 2)
    assert not notices.listening
    await notices.close()


async def test_a_notice_makes_the_others_look_at_once(redis: Redis) -> None:
    here, there = Looks(), Looks()
    one, other = Notices(redis, here), Notices(redis, there)
    for notices in (one, other):
        notices.start()
    async with asyncio.timeout(10):
        while not (one.listening and other.listening):
            await asyncio.sleep(0.002)
    await there.more_than(0)
    seen = there.count
    one.tell()
    await there.more_than(seen)
    await one.close()
    await other.close()


async def test_while_redis_is_away_it_is_looked_every_now_and_then_and_notices_come_again(
    redis: Redis, redis_server: RedisServer
) -> None:
    looks = Looks()
    notices = Notices(redis, looks, look_every_s=0.01)
    notices.start()
    await looks.more_than(0)
    try:
        await asyncio.to_thread(redis_server.halt)
        await looks.more_than(looks.count + 3)
        assert not notices.listening
        notices.tell()
    finally:
        await asyncio.to_thread(redis_server.start)
    async with asyncio.timeout(10):
        while not notices.listening:
            await asyncio.sleep(0.002)
    await notices.close()
