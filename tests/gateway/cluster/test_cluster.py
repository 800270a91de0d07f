from __future__ import annotations

from redis.asyncio import Redis

from gateway.cluster.cluster import Cluster
from gateway.cluster.limits import Counted, Limit
from gateway.configuration.nodes import ClusterSection
from store import Store
from tests.support.redis_server import RedisServer

ONE = Limit(Counted.TRUNK, "t", 1)


async def nobody_cares(living: frozenset[str]) -> None:
    pass


async def nothing_new() -> bool:
    return False


def cluster(store: Store, **config: object) -> Cluster:
    section = ClusterSection.model_validate(config)
    return Cluster(section, store, on_living=nobody_cares, refresh=nothing_new)


async def test_a_gateway_alone_leads_and_counts_for_itself(store: Store) -> None:
    alone = cluster(store)
    await alone.enter()
    alone.start()
    assert alone.duties.leading
    assert (alone.state, alone.shared_state) == ("ok", None)
    assert await alone.leases.acquire("a", [ONE]) is None
    assert await alone.leases.acquire("b", [ONE]) is not None
    await alone.close()
    assert await store.nodes.list() == []


async def test_two_nodes_share_counters_and_one_leads(
    store: Store, redis: Redis, redis_server: RedisServer
) -> None:
    one = cluster(store, node_id="one", redis_url=redis_server.url)
    other = cluster(store, node_id="other", redis_url=redis_server.url)
    for each in (one, other):
        await each.enter()
        each.start()
    assert (one.duties.leading, other.duties.leading) == (True, False)
    assert await one.leases.acquire("a", [ONE]) is None
    assert await other.leases.acquire("b", [ONE]) is not None
    await one.close()
    assert await other.leases.acquire("b", [ONE]) is None
    assert await other.duties.campaign()
    await other.close()
