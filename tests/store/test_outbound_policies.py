from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from store import Store
from store.outbound_policy_records import OutboundPolicy
from store.records import CallDirection, Organization
from tests.store.samples import T0 as AT
from tests.store.samples import call


async def test_a_policy_is_put_in_place_of_the_one_before(store: Store, organization: Organization) -> None:
    assert await store.outbound_policies.of(organization.id) == OutboundPolicy(organization.id)
    first = OutboundPolicy(organization.id, ("DE",), ("+4420",), True, 10, 5000, AT)
    await store.outbound_policies.put(first)
    assert await store.outbound_policies.of(organization.id) == first
    second = OutboundPolicy(organization.id, updated_at=AT)
    await store.outbound_policies.put(second)
    assert await store.outbound_policies.of(organization.id) == second


async def test_outbound_calls_and_their_cost_are_counted_from_a_time_on(
    store: Store, organization: Organization
) -> None:
    made = call(organization.id, direction=CallDirection.OUTBOUND, created_at=AT, cost_cents=30)
    for record in (
        made,
        replace(made, id=call(organization.id).id, cost_cents=12),
        replace(made, id=call(organization.id).id, cost_cents=None),
        replace(made, id=call(organization.id).id, created_at=AT - timedelta(seconds=1)),
        replace(made, id=call(organization.id).id, direction=CallDirection.INBOUND),
    ):
        await store.calls.insert(record)
    assert await store.outbound_policies.calls_since(organization.id, AT) == 3
    assert await store.outbound_policies.cents_since(organization.id, AT) == 42
    assert await store.outbound_policies.cents_since(organization.id, AT + timedelta(days=1)) == 0
