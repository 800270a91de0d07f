from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.cluster.node import Heartbeat
from store import Store
from store.cluster_records import NodeRecord
from store.errors import StoreUnavailableError

TIMEOUT_S = 0.2


class Nodes:
    """Heartbeats on one database, and what each was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.told: dict[str, list[frozenset[str]]] = {}
        self.hearts: list[Heartbeat] = []

    async def start(self, node_id: str, run_id: str = "run") -> Heartbeat:
        told = self.told.setdefault(f"{node_id} {run_id}", [])

        async def on_living(living: frozenset[str]) -> None:
            told.append(living)

        heart = Heartbeat(
            self.store.nodes, NodeRecord(node_id, run_id), timeout_s=TIMEOUT_S, on_living=on_living
        )
        self.hearts.append(heart)
        await heart.enter()
        heart.start()
        return heart


@pytest.fixture
async def nodes(store: Store) -> AsyncIterator[Nodes]:
    made = Nodes(store)
    yield made
    for heart in made.hearts:
        await heart.close()


async def until(condition: object) -> None:
    async with asyncio.timeout(10):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_nodes_see_one_another_and_one_that_leaves_is_gone(nodes: Nodes) -> None:
    one = await nodes.start("a")
    other = await nodes.start("b")
    await until(lambda: one.living == other.living == 2)
    found = one.find("b")
    assert found is not None
    assert found.run_id == other.node.run_id
    await other.close()
    await until(lambda: one.living == 1)
    assert one.find("b") is None
    assert one.find("a") == one.node


async def test_who_gives_no_sign_of_life_is_not_among_the_living_and_is_forgotten(nodes: Nodes) -> None:
    await nodes.store.nodes.enter(NodeRecord("dead", "run"))
    living = await nodes.start("a")
    assert living.living == 2, "it may be alive: nobody has watched it yet"
    told = nodes.told["a run"]
    await until(lambda: told)
    await until(lambda: told[-1] == {"a"})
    await until(lambda: living.living == 1)
    async with asyncio.timeout(10):
        while [node.id for node in await nodes.store.nodes.list()] != ["a"]:
            await asyncio.sleep(0.005)


async def test_nobody_is_dead_for_a_database_that_was_away(store: Store) -> None:
    now = 1_000.0
    told: list[frozenset[str]] = []

    async def on_living(living: frozenset[str]) -> None:
        told.append(living)

    heart = Heartbeat(
        store.nodes, NodeRecord("a", "run"), timeout_s=20, on_living=on_living, clock=lambda: now
    )
    await heart.enter()
    now += 21
    await heart.beat()  # the first one after so long: the others had no way to give one either
    assert heart._steady_since == now
    for _ in range(5):
        now += 5
        await heart.beat()
    assert now - heart._steady_since >= 20
    assert told == []


async def test_another_gateway_under_the_same_id_is_noticed_by_the_one_before(nodes: Nodes) -> None:
    first = await nodes.start("a", "run 1")
    second = await nodes.start("a", "run 2")
    await until(lambda: first.taken)
    assert not second.taken
    await second.close()
    await until(lambda: not first.taken)


async def test_who_was_silent_itself_is_told_so_once_it_is_known_to_live_again(store: Store) -> None:
    at = [0.0]
    told: list[float] = []

    async def on_living(living: frozenset[str]) -> None:
        pass

    async def on_return() -> None:
        told.append(at[0])
        if len(told) == 1:
            raise StoreUnavailableError("away")

    heart = Heartbeat(
        store.nodes,
        NodeRecord("a", "run"),
        timeout_s=20,
        on_living=on_living,
        on_return=on_return,
        clock=lambda: at[0],
    )
    await heart.enter()
    for at[0] in (5.0, 10.0):
        await heart.beat()
    assert told == []
    at[0] = 40.0
    with pytest.raises(StoreUnavailableError):
        await heart.beat()
    for at[0] in (45.0, 50.0):
        await heart.beat()
    assert told == [40.0, 45.0], "again, since the first time nothing could be found out"


async def test_after_a_death_the_others_clean_up_at_once(nodes: Nodes, store: Store) -> None:
    told: list[frozenset[str]] = []

    async def on_living(living: frozenset[str]) -> None:
        told.append(living)

    clock = [0.0]
    heart = Heartbeat(
        store.nodes, NodeRecord("a", "run"), timeout_s=TIMEOUT_S, on_living=on_living, clock=lambda: clock[0]
    )
    nodes.hearts.append(heart)
    await heart.enter()
    heart.start()
    for quarter in range(1, 7):
        clock[0] = quarter * TIMEOUT_S / 4
        await heart.beat()
    await until(lambda: told)
    at_rest = len(told)
    await store.nodes.enter(NodeRecord("dead", "run"))
    await until(lambda: len(told) > at_rest)
    assert told[-1] == frozenset({"a"}), "though by its clock the next round is not due"
