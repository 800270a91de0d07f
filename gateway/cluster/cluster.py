"""What makes this gateway one of several: identity, sign of life, shared counters, notices, leadership.

A gateway alone has one too: then nothing is shared, and the one node leads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateway.cluster.leader import Leader
from gateway.cluster.leases import Leases
from gateway.cluster.node import BEATS_IN_TIMEOUT, Heartbeat, nothing_lost
from gateway.cluster.node_client import NodeClient
from gateway.cluster.notices import Notices
from gateway.cluster.redis_leases import RedisLeases
from gateway.configuration.nodes import ClusterSection
from store.cluster_records import NodeRecord
from store.database import Store
from store.identifiers import uuid7

REDIS_TIMEOUT_S = 1.0  # a slow Redis is taken for one that is away: calls do not wait for it
DUTIES = "duties"  # the leadership for what one node does for all: agents, old recordings


class Cluster:
    """`on_living` is told from time to time which nodes live, `on_return` that others may have thought us
    dead; `refresh` takes over what others changed.
    """

    def __init__(
        self,
        config: ClusterSection,
        store: Store,
        *,
        on_living: Callable[[frozenset[str]], Awaitable[None]],
        refresh: Callable[[], Awaitable[object]],
        on_return: Callable[[], Awaitable[None]] = nothing_lost,
    ) -> None:
        self.node = NodeRecord(config.own_node_id(), uuid7(), config.node_url)
        self._store = store
        self._timeout_s = config.node_timeout
        self._redis = _redis(config.redis_url) if config.redis_url is not None else None
        self.heartbeat = Heartbeat(
            store.nodes, self.node, timeout_s=config.node_timeout, on_living=on_living, on_return=on_return
        )
        self.leases = Leases(
            RedisLeases(self._redis, lasts_s=config.node_timeout) if self._redis is not None else None,
            renew_every_s=config.node_timeout / BEATS_IN_TIMEOUT,
            nodes=lambda: self.heartbeat.living,
        )

        async def look() -> None:
            await refresh()

        self.client = NodeClient()
        self.notices = Notices(self._redis, look)
        self.duties = self.leader(DUTIES)

    def leader(self, name: str) -> Leader:
        """A candidate for a leadership; whoever asks starts and closes it."""
        return Leader(
            self._store.leaderships,
            name,
            node_id=self.node.id,
            run_id=self.node.run_id,
            lease_s=self._timeout_s,
        )

    @property
    def redis(self) -> Redis | None:
        """What the nodes share beside the database, if they do."""
        return self._redis

    @property
    def state(self) -> str:
        """`ok`, or what other nodes or Redis have to do with it that it is not."""
        if self.heartbeat.taken:
            return f"another gateway runs with the node_id {self.node.id}"
        return "ok"

    @property
    def shared_state(self) -> str | None:
        """How Redis is; None where there is none."""
        if self._redis is None:
            return None
        if self.leases.away:
            return "away: limits on calls are shared out among the nodes"
        return "ok" if self.notices.listening else "away: changes are noticed some seconds later"

    async def enter(self) -> None:
        """Be known to the others, and lead if nobody does. Raises `StoreError`."""
        await self.heartbeat.enter()
        await self.duties.campaign(succeed_own=True)

    def start(self) -> None:
        self.heartbeat.start()
        self.leases.start()
        self.notices.start()
        self.duties.start()

    async def close(self) -> None:
        for part in (self.duties, self.notices, self.leases, self.heartbeat, self.client):
            await part.close()
        if self._redis is not None:
            await self._redis.aclose()


def _redis(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),  # once: an idle connection may have been cut
        protocol=2,
    )
