"""Where snapshots are kept: in Redis where the cluster has one, which is quick and need not last, else in the
database. While Redis is away they go to the database; whoever looks for one looks in both, and what the
database has is newer: it is removed there with the next one that Redis takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.call_snapshots import CallSnapshotRepository

log = structlog.get_logger(__name__)

PREFIX = "{trunkline}:call:"
LASTS_S = 2 * 86_400  # a snapshot that nobody removed belongs to no call: the longest one is shorter


class SnapshotPlaces:
    """Every method raises `StoreError` when neither can be reached."""

    def __init__(self, database: CallSnapshotRepository, redis: Redis | None = None) -> None:
        self._database = database
        self._redis = redis
        self._astray: set[str] = set()  # calls whose snapshot is in the database though there is a Redis

    async def save(self, snapshots: Mapping[str, bytes]) -> None:
        if self._redis is not None:
            pipeline = self._redis.pipeline(transaction=False)
            for call_id, snapshot in snapshots.items():
                pipeline.set(PREFIX + call_id, snapshot, ex=LASTS_S)
            try:
                await pipeline.execute()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("snapshots_not_in_redis", count=len(snapshots), reason=str(error))
                self._astray.update(snapshots)
            else:
                await self._bring_home(self._astray.intersection(snapshots))
                return
        await self._database.save(snapshots)

    async def get(self, call_id: str) -> bytes | None:
        found = await self._database.get(call_id)
        if found is not None or self._redis is None:
            return found
        try:
            kept = await self._redis.get(PREFIX + call_id)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("snapshot_not_read_from_redis", call_id=call_id, reason=str(error))
            return None
        return kept.encode() if isinstance(kept, str) else kept

    async def remove(self, call_ids: Sequence[str]) -> None:
        if self._redis is not None:
            try:
                await self._redis.delete(*(PREFIX + call_id for call_id in call_ids))
            except (RedisError, OSError, TimeoutError):
                pass  # they end there by themselves, and a call that is over is taken up by nobody
            else:
                await self._bring_home(self._astray.intersection(call_ids))
                return
        await self._database.remove(call_ids)
        self._astray.difference_update(call_ids)

    async def _bring_home(self, call_ids: set[str]) -> None:
        """Redis has these now."""
        if call_ids:
            await self._database.remove(list(call_ids))
            self._astray -= call_ids
