from __future__ import annotations

from dataclasses import replace

from store import Store
from store.batch_records import CampaignFilter, CampaignStatus, ContactState
from store.identifiers import uuid7
from store.records import Organization
from store.tables import webhook_events
from store.webhook_records import OutboxEvent, WebhookEndpoint
from tests.store.batch_samples import NODE, OTHER, campaign, committed, contact, running
from tests.store.samples import T0, later


async def test_a_campaign_is_seen_once_its_contacts_are_all_there(
    store: Store, organization: Organization
) -> None:
    made = campaign(organization.id, started_at=later(1), status_reason="r", statistics={"total": 1})
    await store.campaigns.create(made)
    assert await store.campaigns.get(organization.id, made.id) is None
    assert (await store.campaigns.list(organization.id)).total == 0
    assert await store.campaigns.to_dial() == []
    await store.campaign_contacts.add([contact(made.id, 0), contact(made.id, 1)])
    shown = await store.campaigns.assembled(made)
    assert shown == replace(made, contact_count=2)
    assert await store.campaigns.get(organization.id, made.id) == shown
    assert await store.campaigns.get(uuid7(), made.id) is None


async def test_what_a_crash_left_half_made_is_removed(store: Store, organization: Organization) -> None:
    half, whole = campaign(organization.id), campaign(organization.id)
    for made in (half, whole):
        await store.campaigns.create(made)
        await store.campaign_contacts.add([contact(made.id, 0)])
    await store.campaigns.assembled(whole)
    assert await store.campaigns.delete_unassembled(T0) == 0
    assert await store.campaigns.delete_unassembled(later(1)) == 1
    assert (await store.campaign_contacts.list(half.id)).total == 0
    assert (await store.campaign_contacts.list(whole.id)).total == 1


async def test_a_status_changes_once_with_the_events_that_tell_of_it(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id)
    receiver = WebhookEndpoint(uuid7(), organization.id, "https://example.com", "s", T0, T0)
    await store.webhook_endpoints.create(receiver)

    def event() -> OutboxEvent:
        return OutboxEvent(uuid7(), organization.id, "batch.status.changed", made.id, T0, lambda: "{}")

    told = event()
    paused = replace(made, status=CampaignStatus.PAUSED)
    assert await store.campaigns.change(paused, CampaignStatus.ACTIVE, [told])
    assert not await store.campaigns.change(paused, CampaignStatus.ACTIVE, [event()])
    assert await store.campaigns.get(organization.id, made.id) == paused
    async with store.database.reading() as connection:
        assert [row.id for row in (await connection.execute(webhook_events.select())).all()] == [told.id]


async def test_the_end_of_a_campaign_takes_back_who_waits_and_leaves_who_is_called(
    store: Store, organization: Organization
) -> None:
    made = await running(store, organization.id)
    await committed(store, made)
    over = replace(made, status=CampaignStatus.CANCELLED)
    assert await store.campaigns.change(over, CampaignStatus.ACTIVE)
    counts = await store.campaign_contacts.count_by_state([made.id])
    assert counts == {made.id: {ContactState.DIALING: 1, ContactState.CANCELLED: 2}}
    assert await store.campaigns.to_dial() == [over]  # a call is still up


async def test_campaigns_are_listed_newest_first_and_filtered(
    store: Store, organization: Organization
) -> None:
    made = [
        campaign(organization.id, name=f"Renewal {n}", created_at=later(n), status=status)
        for n, status in enumerate((CampaignStatus.DRAFT, CampaignStatus.ACTIVE, CampaignStatus.PAUSED))
    ]
    for one in made:
        await store.campaigns.create(one)
        await store.campaigns.assembled(one)

    async def found(**wanted: object) -> list[str]:
        page = await store.campaigns.list(organization.id, CampaignFilter(**wanted))  # type: ignore[arg-type]
        return [one.name for one in page.items]

    assert await found() == ["Renewal 2", "Renewal 1", "Renewal 0"]
    assert await found(status=CampaignStatus.ACTIVE) == ["Renewal 1"]
    assert await found(agent_id=made[2].agent_id) == ["Renewal 2"]
    assert await found(name="NEWAL 0") == ["Renewal 0"]
    assert await store.campaigns.to_dial() == [made[1]]


async def test_one_node_at_a_time_dials_a_campaign(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id)
    assert not await store.campaigns.lease(made.id, OTHER, later(9), later(19))
    assert await store.campaigns.lease(made.id, NODE, later(9), later(19))
    assert not await store.campaigns.lease(made.id, OTHER, later(11), later(21))
    assert await store.campaigns.lease(made.id, OTHER, later(19), later(29))
    assert not await store.campaigns.lease(made.id, NODE, later(20), later(30))
    await store.campaigns.release(OTHER)
    assert await store.campaigns.lease(made.id, NODE, later(20), later(30))


async def test_only_what_has_the_expected_status_is_deleted(store: Store, organization: Organization) -> None:
    made = await running(store, organization.id)
    assert not await store.campaigns.delete(organization.id, made.id, CampaignStatus.DRAFT)
    assert not await store.campaigns.delete(uuid7(), made.id, CampaignStatus.ACTIVE)
    assert await store.campaigns.delete(organization.id, made.id, CampaignStatus.ACTIVE)
    assert (await store.campaign_contacts.list(made.id)).total == 0
