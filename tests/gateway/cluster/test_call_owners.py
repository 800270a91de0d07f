from __future__ import annotations

import pytest

from gateway.cluster.call_owners import CallOwners
from gateway.cluster.node import Heartbeat
from gateway.errors import UnavailableError
from gateway.live_calls import LiveCalls
from store import Store
from store.cluster_records import NodeRecord
from store.identifiers import uuid7
from store.records import CallStatus, Organization
from tests.store.samples import T0, call

OTHER = NodeRecord("other", "run", "http://other:8080")


@pytest.fixture
async def owners(store: Store) -> CallOwners:
    async def on_living(living: frozenset[str]) -> None:
        pass

    heart = Heartbeat(store.nodes, NodeRecord("here", "run"), timeout_s=20, on_living=on_living)
    await heart.enter()
    return CallOwners(LiveCalls(max_inbound=1, max_outbound=1), store.calls, heart)


@pytest.fixture
async def organization(store: Store) -> str:
    made = Organization(uuid7(), "Acme", T0)
    await store.organizations.create(made)
    return made.id


async def test_a_call_on_another_node_is_found_there(
    store: Store, owners: CallOwners, organization: str
) -> None:
    await store.nodes.enter(OTHER)  # after we looked at who is there
    record = call(organization, status=CallStatus.IN_PROGRESS, node_id="other")
    await store.calls.insert(record)
    found = await owners.elsewhere(organization, record.id)
    assert found is not None
    assert found.url == OTHER.url


async def test_calls_that_are_over_unknown_or_of_this_node_are_answered_here(
    store: Store, owners: CallOwners, organization: str
) -> None:
    await store.nodes.enter(OTHER)
    over = call(organization, status=CallStatus.ENDED, node_id="other")
    ours = call(organization, status=CallStatus.IN_PROGRESS, node_id="here")
    old = call(organization, status=CallStatus.IN_PROGRESS)
    theirs = call(organization, status=CallStatus.IN_PROGRESS, node_id="other")
    await store.calls.save_batch([over, ours, old, theirs], [])
    for record in (over, ours, old):
        assert await owners.elsewhere(organization, record.id) is None
    assert await owners.elsewhere(organization, uuid7()) is None
    assert await owners.elsewhere(uuid7(), theirs.id) is None, "another organisation learns nothing"


@pytest.mark.parametrize(("node", "why"), [(None, "no sign of life"), (NodeRecord("other", "r"), "node_url")])
async def test_a_node_that_cannot_be_reached_is_named(
    store: Store, owners: CallOwners, organization: str, node: NodeRecord | None, why: str
) -> None:
    if node is not None:
        await store.nodes.enter(node)
    record = call(organization, status=CallStatus.RINGING, node_id="other")
    await store.calls.insert(record)
    with pytest.raises(UnavailableError, match=why) as caught:
        await owners.elsewhere(organization, record.id)
    assert (caught.value.code, caught.value.details["node_id"]) == ("node_away", "other")
