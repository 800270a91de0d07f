from __future__ import annotations

import asyncio

from gateway.cluster.leader import Leader
from store import Store
from store.identifiers import uuid7


def candidate(store: Store, node_id: str, *, lease_s: float = 60.0) -> Leader:
    return Leader(store.leaderships, "campaigns", node_id=node_id, run_id=uuid7(), lease_s=lease_s)


async def test_of_several_exactly_one_leads_and_goes_on_leading(store: Store) -> None:
    nodes = [candidate(store, f"node {i}") for i in range(4)]
    for _ in range(3):
        outcomes = [await node.campaign() for node in nodes]
        assert outcomes == [True, False, False, False]
    assert [node.leading for node in nodes] == outcomes
    assert nodes[0].term == 1
    assert await store.leaderships.leader("campaigns") == "node 0"


async def test_of_many_at_once_one_is_elected(store: Store) -> None:
    nodes = [candidate(store, f"node {i}") for i in range(8)]
    assert sorted(await asyncio.gather(*(node.campaign() for node in nodes))) == [False] * 7 + [True]


async def test_whoever_resigns_is_followed_at_once_with_a_higher_term(store: Store) -> None:
    first, second = candidate(store, "a"), candidate(store, "b")
    await first.campaign()
    await first.close()
    assert not first.leading
    assert await second.campaign()
    assert (first.term, second.term) == (1, 2)


async def test_a_dead_leader_is_followed_when_its_time_is_over_and_has_stopped_before(store: Store) -> None:
    dead, next_one = candidate(store, "a", lease_s=0.4), candidate(store, "b", lease_s=0.4)
    await dead.campaign()
    assert not await next_one.campaign()
    async with asyncio.timeout(5):
        while not await next_one.campaign():
            await asyncio.sleep(0.01)
    assert not dead.leading, "two would have led at once"
    assert not await dead.campaign()
    assert next_one.term == 2


async def test_a_node_that_starts_again_follows_itself_without_waiting(store: Store) -> None:
    killed, stranger, restarted = (candidate(store, node) for node in ("a", "b", "a"))
    await killed.campaign()
    assert not await stranger.campaign(succeed_own=True)
    assert await restarted.campaign(succeed_own=True)
    assert restarted.term == 2
    assert not await killed.campaign()


async def test_names_are_led_apart(store: Store) -> None:
    one = candidate(store, "a")
    other = Leader(store.leaderships, "sweeper", node_id="b", run_id=uuid7())
    assert await one.campaign()
    assert await other.campaign()


async def test_who_waits_for_leadership_is_told_and_closing_hands_it_on(store: Store) -> None:
    first, second = candidate(store, "a", lease_s=0.2), candidate(store, "b", lease_s=0.2)
    first.start()
    assert await asyncio.wait_for(first.wait_leading(), 5) == 1
    second.start()
    waiting = asyncio.create_task(second.wait_leading())
    await asyncio.sleep(0)
    assert not waiting.done()
    await first.close()
    assert await asyncio.wait_for(waiting, 5) == 2
    await second.close()


async def test_a_leader_whose_database_is_away_stops_in_time(store: Store) -> None:
    now = 100.0
    leader = Leader(
        store.leaderships, "campaigns", node_id="a", run_id=uuid7(), lease_s=20, clock=lambda: now
    )
    await leader.campaign()
    await store.close()
    now = 114.0
    assert leader.leading
    now = 115.5
    assert not leader.leading, "the database lets another lead after 20 s"
