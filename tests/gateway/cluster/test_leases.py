from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from gateway.cluster.leases import GIVEN_BACK_KEPT, Leases, LimitReached, SharedLeasesAway
from gateway.cluster.limits import Counted, Limit

ORGANIZATION = Limit(Counted.ORGANIZATION, "o", 2)
TRUNK = Limit(Counted.TRUNK, "t", 1)


class SharedInMemory:
    """Counters of a cluster, which can be away."""

    def __init__(self) -> None:
        self.leases: dict[str, set[str]] = {}
        self.away = False
        self.renewals = 0

    async def acquire(self, lease_id: str, limits: Sequence[Limit]) -> Limit | None:
        self._ask()
        for limit in limits:
            if len(self.leases.get(limit.name, ())) >= limit.most:
                return limit
        for limit in limits:
            self.leases.setdefault(limit.name, set()).add(lease_id)
        return None

    async def release(self, held: Mapping[str, Sequence[str]]) -> None:
        self._ask()
        for lease_id, names in held.items():
            for name in names:
                self.leases[name].discard(lease_id)

    async def renew(self, held: Mapping[str, Sequence[str]]) -> None:
        self._ask()
        for lease_id, names in held.items():
            for name in names:
                self.leases.setdefault(name, set()).add(lease_id)
        self.renewals += 1

    async def count(self, name: str) -> int:
        self._ask()
        return len(self.leases.get(name, ()))

    def _ask(self) -> None:
        if self.away:
            raise SharedLeasesAway("connection refused")


async def test_so_many_leases_as_the_limit_says_and_not_one_more() -> None:
    leases = Leases()
    assert await leases.acquire("a", [ORGANIZATION]) is None
    assert await leases.acquire("b", [ORGANIZATION]) is None
    assert await leases.acquire("c", [ORGANIZATION]) == LimitReached(ORGANIZATION)
    leases.release("a")
    assert await leases.acquire("c", [ORGANIZATION]) is None
    assert leases.held(ORGANIZATION) == await leases.count(ORGANIZATION) == 2


async def test_a_lease_is_taken_of_all_limits_or_of_none() -> None:
    leases = Leases()
    assert await leases.acquire("a", [TRUNK]) is None
    assert await leases.acquire("b", [ORGANIZATION, TRUNK]) == LimitReached(TRUNK)
    assert leases.held(ORGANIZATION) == 0
    assert len(leases) == 1


async def test_taking_the_same_lease_again_counts_once() -> None:
    leases = Leases()
    for _ in range(3):
        assert await leases.acquire("a", [TRUNK]) is None
    assert await leases.acquire("a", [TRUNK, ORGANIZATION]) is None
    assert (leases.held(TRUNK), leases.held(ORGANIZATION)) == (1, 1)
    leases.release("a")
    leases.release("a")
    assert (leases.held(TRUNK), leases.held(ORGANIZATION), len(leases)) == (0, 0, 0)


@pytest.fixture
async def cluster() -> AsyncIterator[tuple[SharedInMemory, Leases, Leases]]:
    shared = SharedInMemory()
    nodes = [Leases(shared, renew_every_s=0.01, nodes=lambda: 2) for _ in range(2)]
    for node in nodes:
        node.start()
    yield shared, nodes[0], nodes[1]
    for node in nodes:
        await node.close()


async def until(condition: object) -> None:
    async with asyncio.timeout(5):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.001)


async def test_two_nodes_count_together(cluster: tuple[SharedInMemory, Leases, Leases]) -> None:
    shared, one, other = cluster
    assert await one.acquire("a", [TRUNK]) is None
    assert await other.acquire("b", [TRUNK]) == LimitReached(TRUNK)
    assert await other.count(TRUNK) == 1
    one.release("a")
    await until(lambda: not shared.leases["trunk:t"])
    assert await other.acquire("b", [TRUNK]) is None


async def test_while_the_counters_are_away_each_node_grants_its_share(
    cluster: tuple[SharedInMemory, Leases, Leases],
) -> None:
    shared, one, other = cluster
    ten = Limit(Counted.ORGANIZATION, "o", 10)
    assert await one.acquire("before", [ten, TRUNK]) is None
    shared.away = True
    granted = [await one.acquire(f"one-{i}", [ten]) for i in range(6)]
    assert granted == [None] * 4 + [LimitReached(ten, 5)] * 2, "what it holds already counts"
    assert [await other.acquire(f"other-{i}", [ten]) for i in range(6)] == [None] * 5 + [LimitReached(ten, 5)]
    assert await other.acquire("other-0", [TRUNK]) is None, "the share is at least 1"
    assert one.away
    assert other.away
    assert len(one) == 5


async def test_when_the_counters_are_back_they_learn_what_is_held_and_what_is_not(
    cluster: tuple[SharedInMemory, Leases, Leases],
) -> None:
    shared, one, _ = cluster
    await one.acquire("kept", [ORGANIZATION])
    await one.acquire("given back", [TRUNK])
    shared.away = True
    await one.acquire("granted meanwhile", [Limit(Counted.NUMBER, "n", 4)])
    one.release("given back")
    shared.leases = {"trunk:t": {"given back"}}  # the rest was lost
    shared.away = False
    await until(lambda: not one.away)
    assert shared.leases == {
        "organization:o": {"kept"},
        "trunk:t": set(),
        "number:n": {"granted meanwhile"},
    }
    assert await one.acquire("b", [TRUNK]) is None
    assert shared.leases["trunk:t"] == {"b"}, "the shared counters are used again"


async def test_closing_gives_everything_back(cluster: tuple[SharedInMemory, Leases, Leases]) -> None:
    shared, one, other = cluster
    await one.acquire("a", [ORGANIZATION, TRUNK])
    await one.close()
    assert len(one) == 0
    assert await other.acquire("b", [TRUNK]) is None
    assert shared.leases["organization:o"] == set()


async def test_a_lease_that_nobody_waits_for_any_more_is_given_back() -> None:
    class Slow(SharedInMemory):
        async def acquire(self, lease_id: str, limits: Sequence[Limit]) -> Limit | None:
            await super().acquire(lease_id, limits)
            await asyncio.Event().wait()
            return None

    shared = Slow()
    leases = Leases(shared)
    leases.start()
    waiting = asyncio.create_task(leases.acquire("a", [TRUNK]))
    await until(lambda: shared.leases.get("trunk:t"))
    waiting.cancel()
    await until(lambda: not shared.leases["trunk:t"])
    assert len(leases) == 0
    await leases.close()


async def test_what_was_given_back_during_a_long_absence_is_remembered_up_to_a_bound() -> None:
    shared = SharedInMemory()
    leases = Leases(shared)
    await leases.acquire("first", [ORGANIZATION])
    shared.away = True
    for number in range(2 * GIVEN_BACK_KEPT):
        assert await leases.acquire(f"call-{number}", [ORGANIZATION]) is None
        leases.release(f"call-{number}")
    assert leases.untold == GIVEN_BACK_KEPT
