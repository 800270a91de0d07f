from __future__ import annotations

import asyncio
from dataclasses import replace

from store import Store
from store.cluster_records import NodeRecord

A = NodeRecord("a", "run 1", "http://a:8080")


async def test_a_node_is_listed_with_the_time_since_it_was_heard_of(store: Store) -> None:
    await store.nodes.enter(A)
    await store.nodes.enter(NodeRecord("b", "run"))
    first, second = await store.nodes.list()
    assert replace(first, silent_s=0) == A
    assert (second.id, second.url) == ("b", None)
    assert 0 <= first.silent_s < 30
    async with asyncio.timeout(5):
        while (await store.nodes.list())[0].silent_s <= first.silent_s:
            pass
    assert await store.nodes.beat(A)
    assert (await store.nodes.list())[0].silent_s < (await store.nodes.list())[1].silent_s


async def test_a_later_run_of_a_node_takes_the_earlier_ones_place(store: Store) -> None:
    later = replace(A, run_id="run 2")
    await store.nodes.enter(A)
    await store.nodes.enter(later)
    assert not await store.nodes.beat(A)
    assert await store.nodes.beat(later)
    await store.nodes.leave(A)
    assert [node.run_id for node in await store.nodes.list()] == ["run 2"]
    await store.nodes.leave(later)
    assert await store.nodes.list() == []


async def test_only_a_silent_node_is_forgotten(store: Store) -> None:
    await store.nodes.enter(A)
    assert not await store.nodes.remove_silent("a", 60)
    async with asyncio.timeout(5):
        while not await store.nodes.remove_silent("a", 0.001):
            pass
    assert await store.nodes.list() == []
    assert await store.nodes.beat(A), "it lives after all"
    assert [node.id for node in await store.nodes.list()] == ["a"]
