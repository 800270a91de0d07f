from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from store import Store
from store.identifiers import uuid7
from store.outbox import Outbox
from store.records import Organization
from store.tables import webhook_deliveries, webhook_events
from store.webhook_records import OutboxEvent
from tests.store.samples import T0, agent, endpoint, outbox_event


async def append(store: Store, *events: OutboxEvent) -> int:
    async with store.database.transaction() as connection:
        return await store.outbox.append(connection, events)


async def deliveries(store: Store) -> list[Any]:
    query = (
        sa.select(webhook_deliveries, webhook_events.c.name, webhook_events.c.payload)
        .join(webhook_events, webhook_events.c.id == webhook_deliveries.c.event_id)
        .order_by(webhook_deliveries.c.sequence)
    )
    async with store.database.reading() as connection:
        return list((await connection.execute(query)).all())


async def count(store: Store, table: sa.Table) -> int:
    async with store.database.reading() as connection:
        return (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()


async def test_an_event_is_kept_for_every_endpoint_that_chose_it(
    store: Store, organization: Organization
) -> None:
    everything = endpoint(organization.id)
    ends = endpoint(organization.id, events=("call.ended", "call.failed"))
    starts = endpoint(organization.id, events=("call.started",))
    for made in (everything, ends, starts):
        await store.webhook_endpoints.create(made)
    event = outbox_event(organization.id, "call.ended")
    assert await append(store, event) == 2
    kept = await deliveries(store)
    assert {row.endpoint_id for row in kept} == {everything.id, ends.id}
    assert {row.payload for row in kept} == {event.payload()}
    assert {row.event_id for row in kept} == {event.id}


async def test_where_nobody_listens_nothing_is_written_or_even_rendered(
    store: Store, organization: Organization
) -> None:
    def never() -> str:
        raise AssertionError("rendered for nobody")

    stranger = Organization(uuid7(), "Another", T0)
    await store.organizations.create(stranger)
    await store.webhook_endpoints.create(endpoint(stranger.id))
    await store.webhook_endpoints.create(endpoint(organization.id, enabled=False))
    await store.webhook_endpoints.create(endpoint(organization.id, events=("batch.completed",)))
    assert await append(store, outbox_event(organization.id, payload=never)) == 0
    assert await count(store, webhook_events) == 0


async def test_appending_again_changes_nothing(store: Store, organization: Organization) -> None:
    await store.webhook_endpoints.create(endpoint(organization.id))
    event = outbox_event(organization.id)
    assert await append(store, event) == 1
    assert await append(store, event) == 0
    assert len(await deliveries(store)) == 1


async def test_of_several_events_with_one_key_the_first_gets_in(
    store: Store, organization: Organization
) -> None:
    await store.webhook_endpoints.create(endpoint(organization.id))
    first = outbox_event(organization.id, "call.failed", once_key="c1 over")
    second = outbox_event(organization.id, "call.ended", once_key="c1 over")
    other = outbox_event(organization.id, "call.ended", once_key="c2 over")
    await append(store, first)
    assert await append(store, second, other) == 1
    assert [row.event_id for row in await deliveries(store)] == [first.id, other.id]


async def test_only_the_first_delivery_of_a_subject_may_be_attempted(
    store: Store, organization: Organization
) -> None:
    await store.webhook_endpoints.create(endpoint(organization.id))
    call_id = uuid7()
    events = [
        outbox_event(organization.id, name, subject_id=call_id)
        for name in ("call.ringing", "call.started", "call.ended")
    ]
    await append(store, *events[:2])
    await append(store, events[2], outbox_event(organization.id))
    kept = await deliveries(store)
    assert [row.name for row in kept] == ["call.ringing", "call.started", "call.ended", "call.ended"]
    assert [row.next_attempt_at is not None for row in kept] == [True, False, False, True]


async def test_an_event_goes_when_its_transaction_fails(store: Store, organization: Organization) -> None:
    await store.webhook_endpoints.create(endpoint(organization.id))

    async def change_my_mind() -> None:
        async with store.database.transaction() as connection:
            await store.outbox.append(connection, [outbox_event(organization.id)])
            raise ValueError("changed my mind")

    with pytest.raises(ValueError, match="changed my mind"):
        await change_my_mind()
    assert await deliveries(store) == []
    assert await count(store, webhook_events) == 0


async def test_what_is_meant_for_an_agents_crm_goes_there_and_nowhere_else(
    store: Store, organization: Organization
) -> None:
    mine = agent(organization.id, crm_webhook_url="https://crm.example/a", crm_webhook_secret="s3cret")
    await store.agents.create(mine)
    await store.agents.create(agent(organization.id, crm_webhook_url="https://crm.example/b"))
    public = endpoint(organization.id)
    await store.webhook_endpoints.create(public)
    assert await append(store, outbox_event(organization.id, "crm.call", only_agent_id=mine.id)) == 1
    assert await append(store, outbox_event(organization.id)) == 1
    to_crm, to_public = await deliveries(store)
    assert to_public.endpoint_id == public.id
    assert to_crm.endpoint_id != public.id
    await store.agents.update(replace(mine, crm_webhook_url=None))
    assert await append(store, outbox_event(organization.id, "crm.call", only_agent_id=mine.id)) == 0


async def test_an_endpoint_that_goes_meanwhile_does_not_take_the_change_with_it(
    store: Store, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving, staying = endpoint(organization.id), endpoint(organization.id)
    await store.webhook_endpoints.create(leaving)
    await store.webhook_endpoints.create(staying)
    insert_events = Outbox._insert_events
    deletions: list[asyncio.Task[bool]] = []

    async def while_one_is_deleted(self: Outbox, *arguments: Any) -> set[str]:
        deletion = asyncio.create_task(store.webhook_endpoints.delete(organization.id, leaving.id))
        deletions.append(deletion)
        await asyncio.wait([deletion], timeout=0.3)
        return await insert_events(self, *arguments)

    monkeypatch.setattr(Outbox, "_insert_events", while_one_is_deleted)
    await append(store, outbox_event(organization.id))
    assert await asyncio.gather(*deletions) == [True]
    assert [row.endpoint_id for row in await deliveries(store)] == [staying.id]


async def test_events_go_with_the_last_endpoint_that_was_to_hear_of_them(
    store: Store, organization: Organization
) -> None:
    first, second = endpoint(organization.id), endpoint(organization.id, events=("call.ended",))
    crm = agent(organization.id, crm_webhook_url="https://crm.example/a")
    await store.agents.create(crm)
    for made in (first, second):
        await store.webhook_endpoints.create(made)
    both = outbox_event(organization.id, "call.ended")
    await append(store, both, outbox_event(organization.id, "call.started"))
    await append(store, outbox_event(organization.id, "crm.call", only_agent_id=crm.id))
    assert await store.webhook_endpoints.delete(organization.id, first.id)
    await store.agents.delete(organization.id, crm.id)
    assert [row.event_id for row in await deliveries(store)] == [both.id]
    assert await count(store, webhook_events) == 1
    await store.webhook_endpoints.delete(organization.id, second.id)
    assert await count(store, webhook_events) == 0
