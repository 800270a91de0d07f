"""Leases that all nodes count together, in Redis.

A limit is a sorted set of lease ids, each with the time at which it ends by Redis' own clock. What has ended
is removed before anything is counted. Taking and renewing are a script each, so that no other node sees half
of it. The keys share one hash tag: on a Redis cluster they lie together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.cluster.leases import SharedLeasesAway
from gateway.cluster.limits import Limit

PREFIX = "{trunkline}:leases:"
BATCH = 500  # leases in one script: a longer one would hold up the other nodes

_NOW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
"""

# KEYS: the limits' sets. ARGV: lease id, milliseconds that it lasts, then the most of each limit.
# The number of the limit that is reached, or 0.
_ACQUIRE = (
    _NOW
    + """
for i, key in ipairs(KEYS) do
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    if not redis.call('ZSCORE', key, ARGV[1]) and redis.call('ZCARD', key) >= tonumber(ARGV[2 + i]) then
        return i
    end
end
for _, key in ipairs(KEYS) do
    redis.call('ZADD', key, now + ARGV[2], ARGV[1])
    redis.call('PEXPIRE', key, ARGV[2] * 2)
end
return 0
"""
)

# KEYS: a limit's set for each of ARGV's lease ids, which follow the milliseconds that they last.
_RENEW = (
    _NOW
    + """
for i, key in ipairs(KEYS) do
    redis.call('ZADD', key, now + ARGV[1], ARGV[1 + i])
    redis.call('PEXPIRE', key, ARGV[1] * 2)
end
"""
)

_COUNT = _NOW + "return redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')"


class RedisLeases:
    """`lasts_s`: how long a lease that nobody renews counts. The client is the caller's to close."""

    def __init__(self, redis: Redis, *, lasts_s: float) -> None:
        self._redis = redis
        self._lasts_ms = str(int(lasts_s * 1000))
        self._acquire = redis.register_script(_ACQUIRE)
        self._renew = redis.register_script(_RENEW)
        self._count = redis.register_script(_COUNT)

    async def acquire(self, lease_id: str, limits: Sequence[Limit]) -> Limit | None:
        keys = [PREFIX + limit.name for limit in limits]
        reached = await _asked(
            self._acquire(keys, [lease_id, self._lasts_ms, *(str(limit.most) for limit in limits)])
        )
        return limits[int(reached) - 1] if reached else None

    async def release(self, held: Mapping[str, Sequence[str]]) -> None:
        for batch in _batches(held):
            pipeline = self._redis.pipeline(transaction=False)
            for lease_id, name in batch:
                pipeline.zrem(PREFIX + name, lease_id)
            await _asked(pipeline.execute())

    async def renew(self, held: Mapping[str, Sequence[str]]) -> None:
        if not held:
            await _asked(self._redis.ping())
        for batch in _batches(held):
            await _asked(
                self._renew(
                    [PREFIX + name for _, name in batch],
                    [self._lasts_ms, *(lease_id for lease_id, _ in batch)],
                )
            )

    async def count(self, name: str) -> int:
        return int(await _asked(self._count([PREFIX + name])))


async def _asked(question: Any) -> Any:
    try:
        return await question
    except (RedisError, OSError, TimeoutError) as error:
        raise SharedLeasesAway(str(error) or type(error).__name__) from error


def _batches(held: Mapping[str, Sequence[str]]) -> list[list[tuple[str, str]]]:
    pairs = [(lease_id, name) for lease_id, names in held.items() for name in names]
    return [pairs[start : start + BATCH] for start in range(0, len(pairs), BATCH)]
