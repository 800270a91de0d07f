"""Whose a call is that goes on: one node's at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from store import Store
from store.cluster_records import NodeRecord
from store.records import CallStatus, Organization
from tests.store.samples import call


async def _call(store: Store, organization: Organization, status: CallStatus = CallStatus.IN_PROGRESS) -> str:
    record = call(organization.id, status=status, node_id="a")
    await store.calls.insert(record)
    return record.id


async def test_the_newest_snapshot_is_kept_until_it_is_removed(store: Store) -> None:
    await store.call_snapshots.save({"c1": b"first", "c2": b"other"})
    await store.call_snapshots.save({"c1": b"second"})
    assert await store.call_snapshots.get("c1") == b"second"
    await store.call_snapshots.remove(["c1"])
    assert await store.call_snapshots.get("c1") is None
    assert await store.call_snapshots.get("c2") == b"other"


async def test_of_many_that_claim_a_call_one_gets_it(store: Store, organization: Organization) -> None:
    call_id = await _call(store, organization)
    claims = await asyncio.gather(
        *(store.call_snapshots.claim(call_id, "a", f"node {number}", 0.0) for number in range(5))
    )
    assert sorted(claims) == [False] * 4 + [True]
    record = await store.calls.find(call_id)
    assert record is not None
    assert record.node_id == f"node {claims.index(True)}"


async def test_who_had_the_call_before_does_not_take_it_back_by_writing_its_state(
    store: Store, organization: Organization
) -> None:
    call_id = await _call(store, organization)
    stale = await store.calls.find(call_id)
    assert stale is not None
    assert await store.call_snapshots.claim(call_id, "a", "b", None)
    await store.calls.save_batch([stale], [])
    record = await store.calls.find(call_id)
    assert record is not None
    assert record.node_id == "b"


async def test_a_call_that_is_over_is_nobody_s_to_claim(store: Store, organization: Organization) -> None:
    call_id = await _call(store, organization, status=CallStatus.ENDED)
    assert not await store.call_snapshots.claim(call_id, "a", "b", None)


async def test_calls_of_a_node_that_has_started_again_are_its_own(
    store: Store, organization: Organization
) -> None:
    call_id = await _call(store, organization)
    await store.nodes.enter(NodeRecord("a", "run 2"))
    assert not await store.call_snapshots.claim(call_id, "a", "b", 20.0)
    assert await store.call_snapshots.claim(call_id, "a", "a", None)


async def test_an_offer_is_taken_once_and_by_another_node(store: Store) -> None:
    offers = store.call_handovers
    await offers.offer(["c1", "c2", "c3"], "a")
    assert await offers.take("a", 10) == []
    first, second = await asyncio.gather(offers.take("b", 10), offers.take("c", 10))
    assert sorted([*first, *second]) == [("c1", "a"), ("c2", "a"), ("c3", "a")]
    assert await offers.take("d", 10) == []


async def test_who_offered_learns_what_became_of_it(store: Store) -> None:
    offers = store.call_handovers
    await offers.offer(["c1", "c2", "c3"], "a")
    await offers.take("b", 2)
    await offers.settle("c1", "b", done=True)
    await offers.settle("c2", "b", done=False)
    await offers.settle("c3", "b", done=True)  # which b has not taken
    assert await offers.states("a") == {"c1": "done", "c2": "refused", "c3": "offered"}
    await offers.withdraw("a")
    assert await offers.states("a") == {}


async def test_a_node_that_was_silent_learns_which_of_its_calls_others_have(
    store: Store, organization: Organization
) -> None:
    lost, kept = [await _call(store, organization) for _ in range(2)]
    assert await store.call_snapshots.claim(lost, "a", "b", None)
    assert await store.call_snapshots.claimed_by_others([lost, kept, "unknown"], "a") == {lost}


async def test_a_call_is_not_ended_by_the_node_that_has_lost_it(
    store: Store, organization: Organization
) -> None:
    call_id = await _call(store, organization)
    record = await store.calls.find(call_id)
    assert record is not None
    assert await store.call_snapshots.claim(call_id, "a", "b", None)
    await store.calls.save_batch(
        [replace(record, status=CallStatus.FAILED, failure_reason="media-timeout")], []
    )
    found = await store.calls.find(call_id)
    assert found is not None
    assert found.status is CallStatus.IN_PROGRESS
    await store.calls.save_batch([replace(record, status=CallStatus.ENDED, node_id="b")], [])
    found = await store.calls.find(call_id)
    assert found is not None
    assert found.status is CallStatus.ENDED
